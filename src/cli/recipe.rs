//! What every verb that works on a recipe has in common: where it comes from, and what a run changes in it.

use super::Exit;
use super::ui::Ui;
use crate::check::Settings;
use crate::compile;
use crate::compile::Compiled;
use crate::compile::Disk;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::draw::fingerprint::strange_masks;
use crate::hir::Format;
use crate::hir::Literal;
use crate::store;
use crate::syntax;
use crate::text::Sources;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// Recipe, or expression, and parameters.
#[derive(clap::Args)]
pub struct RecipeArgs {
    /// The recipe; `-` reads standard input
    #[arg(required_unless_present = "expression", conflicts_with = "expression", value_name = "RECIPE")]
    recipe: Option<PathBuf>,
    /// A recipe of one expression, without a file; its models come from `-m`
    #[arg(long = "expression", short = 'e', value_name = "EXPR")]
    expression: Option<String>,
    /// A model of the expression; may be repeated
    #[arg(long = "model", short = 'm', value_name = "NAME=PATH", requires = "expression")]
    models: Vec<String>,
    /// A value for a parameter of the recipe; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// Where the output goes, instead of where the recipe says
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Only the outputs whose path fits
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
}

impl RecipeArgs {
    /// A recipe file, some of its parameters set.
    pub fn of(path: &Path, sets: &[String]) -> RecipeArgs {
        RecipeArgs::only(path, sets, &[])
    }

    /// What it is called where it makes files: the stem of its path.
    pub fn name(&self) -> String {
        let path = self.recipe.as_deref().filter(|path| *path != Path::new("-"));
        path.and_then(Path::file_stem).map_or("blend".into(), |stem| stem.to_string_lossy().into_owned())
    }

    /// A recipe of one expression.
    pub fn one_shot(expression: Option<String>, models: &[String], sets: &[String]) -> RecipeArgs {
        let (models, sets) = (models.to_vec(), sets.to_vec());
        RecipeArgs { recipe: None, expression, models, sets, output: None, only: vec![] }
    }

    /// The same, of the outputs whose path fits.
    pub fn only(path: &Path, sets: &[String], only: &[String]) -> RecipeArgs {
        RecipeArgs {
            recipe: Some(path.to_path_buf()),
            expression: None,
            models: vec![],
            sets: sets.to_vec(),
            output: None,
            only: only.to_vec(),
        }
    }
}

/// What a recipe became.
pub struct Outcome {
    pub sources: Sources,
    pub compiled: Option<Compiled>,
    pub problems: Problems,
}

/// Reads and compiles; problems are shown already when there is an error.
pub fn compile(args: &RecipeArgs, ui: &Ui) -> Result<Outcome, Exit> {
    compile_set(args, &[], ui)
}

/// The same with further parameters set.
pub fn compile_set(args: &RecipeArgs, more: &[(String, Literal)], ui: &Ui) -> Result<Outcome, Exit> {
    compile_changed(args, &|settings| settings.sets.extend_from_slice(more), ui)
}

/// The same with settings that the command line does not have.
pub fn compile_changed(args: &RecipeArgs, change: &dyn Fn(&mut Settings), ui: &Ui) -> Result<Outcome, Exit> {
    let mut settings = settings(args).map_err(|problem| ui.problem(problem))?;
    change(&mut settings);
    let (name, text, base) = text(args).map_err(|problem| ui.problem(problem))?;
    compile_with(name, text, &base, &settings, ui)
}

/// Adds what weights say of masks: whether they were made from one of the models that they are used with.
pub fn look_at_masks(outcome: &mut Outcome, ui: &Ui) -> Result<(), Exit> {
    let Some(compiled) = &outcome.compiled else { return Ok(()) };
    let strange = strange_masks(&compiled.recipe, &compiled.graph);
    strange.map_err(|problem| ui.problem(problem))?.into_iter().for_each(|problem| outcome.problems.push(problem));
    Ok(())
}

/// Compiles a recipe that a verb has written; its paths start where the user is.
pub fn compile_text(name: &str, text: String, ui: &Ui) -> Result<Outcome, Exit> {
    compile_with(name.into(), text, Path::new(""), &Settings::default(), ui)
}

fn compile_with(name: String, text: String, base: &Path, settings: &Settings, ui: &Ui) -> Result<Outcome, Exit> {
    let mut sources = Sources::default();
    let root = sources.add(name, text).id;
    let (compiled, problems) = compile::compile(&mut sources, root, base, settings, &Disk);
    if compiled.is_none() {
        return Err(match ui.problems(&problems, &sources) {
            Exit::Good => Exit::Wrong,
            exit => exit,
        });
    }
    Ok(Outcome { sources, compiled, problems })
}

fn settings(args: &RecipeArgs) -> Result<Settings, Problem> {
    let mut sets = vec![];
    for text in &args.sets {
        let (name, value) = text.split_once('=').ok_or_else(|| not_a_pair("--set", text, "NAME=VALUE"))?;
        let value = literal(value.trim());
        if matches!(value, Literal::Number(number) if !number.is_finite()) {
            let problem = Problem::new(Code("E0219"), format!("`--set {text}` is beyond 1.8e308"));
            return Err(problem.help(format!("write a smaller number: `--set {}=1`", name.trim())));
        }
        sets.push((name.trim().to_string(), value));
    }
    Ok(Settings { sets, output: args.output.clone(), only: args.only.clone(), ..Settings::default() })
}

fn not_a_pair(flag: &str, text: &str, wanted: &str) -> Problem {
    Problem::new(Code("E0219"), format!("`{flag} {text}` has no `=`")).help(format!("write `{flag} {wanted}`"))
}

/// A value as the command line writes it: a number, a truth value, else a string (quotes may be left away).
pub fn literal(text: &str) -> Literal {
    match text {
        "true" => return Literal::Bool(true),
        "false" => return Literal::Bool(false),
        _ => {}
    }
    let looks_like_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    if looks_like_number && let Ok(number) = text.parse::<f64>() {
        // A path would show the sign of a zero.
        return Literal::Number(number + 0.0);
    }
    let bare = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    Literal::Text(bare.unwrap_or(text).into())
}

/// Name, text and base directory of the recipe.
fn text(args: &RecipeArgs) -> Result<(String, String, PathBuf), Problem> {
    let here = PathBuf::new();
    if let Some(expression) = &args.expression {
        return Ok(("<command line>".into(), one_shot(expression, args)?, here));
    }
    let path = args.recipe.as_deref().unwrap_or(Path::new("-"));
    if path == Path::new("-") {
        return Ok(("<stdin>".into(), stdin()?, here));
    }
    let text = store::read_text(path, compile::TEXT_LIMIT).map_err(|problem| no_recipe(path, problem))?;
    let base = path.parent().map_or(here, Path::to_path_buf);
    Ok((path.display().to_string(), text, base))
}

/// A checkpoint in the place of a recipe deserves a better word than "not UTF-8".
fn no_recipe(path: &Path, problem: Problem) -> Problem {
    if problem.code != Code("E0514") || store::open(path, None).is_err() {
        return problem;
    }
    let path = path.display();
    Problem::new(Code("E0219"), format!("`{path}` is a checkpoint, a recipe was expected"))
        .help(format!("look at it with `blend inspect {path}`, or start a recipe with `blend new {path}`"))
}

/// All of standard input.
pub fn stdin() -> Result<String, Problem> {
    let mut bytes = vec![];
    let cannot = |reason: String| Problem::new(Code("E0601"), format!("standard input cannot be read: {reason}"));
    std::io::stdin()
        .lock()
        .take(compile::TEXT_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        Problem::new(
            Code("E0501"),
            format!("standard input is no text: byte {} is not UTF-8", error.utf8_error().valid_up_to()),
        )
        .help("give a recipe, which is UTF-8 text")
    })
}

/// The recipe of `-e`: written out, so that it is checked, kept and explained like any other.
fn one_shot(expression: &str, args: &RecipeArgs) -> Result<String, Problem> {
    let mut text = String::from("blend 1\n\n");
    for model in &args.models {
        let (name, path) = model.split_once('=').ok_or_else(|| not_a_pair("-m", model, "NAME=PATH"))?;
        if path.is_empty() {
            let problem = Problem::new(Code("E0219"), format!("`-m {model}` names no file"));
            return Err(problem.help(format!("write the path of a checkpoint: `-m {model}model.safetensors`")));
        }
        text.push_str(&format!("model {} = {}\n", model_name(name.trim(), path)?, quoted(path)));
    }
    let output = args.output.as_ref().map_or("out.safetensors".to_string(), |path| path.display().to_string());
    // A recipe says its format; the only thing that says one here is the path.
    let format = if Format::of_path(Path::new(&output)) == Some(Format::Pt) { " { format = pt }" } else { "" };
    text.push_str(&format!("\noutput {} = {expression}{format}\n", quoted(&output)));
    Ok(text)
}

/// A problem with the dictionary of a pickle, where the dictionary is named by `--key`.
pub fn with_key_option(problem: Problem) -> Problem {
    if problem.code == Code("E0521") { problem.note("on a command line it is `--key NAME`") } else { problem }
}

/// The name of `-m`, which must be one of the language.
fn model_name<'n>(name: &'n str, path: &str) -> Result<&'n str, Problem> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let why = if syntax::is_reserved(name) {
        "is a word of the language"
    } else if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(legal) {
        "is no name of small letters, digits and `_`"
    } else {
        return Ok(name);
    };
    let lower: String = name.to_lowercase().chars().map(|c| if legal(c) { c } else { '_' }).collect();
    let better = match lower.trim_start_matches(|c: char| c.is_ascii_digit()) {
        "" => "a".to_string(),
        lower if syntax::is_reserved(lower) => format!("{lower}_"),
        lower => lower.to_string(),
    };
    let problem = Problem::new(Code("E0219"), format!("the model's name `{name}` {why}"));
    Err(problem.help(format!("write `-m {better}={path}`, and `{better}` in the expression")))
}

/// A path as a string of the language, braces meaning themselves.
pub fn quoted(path: &str) -> String {
    let escaped = path.replace('\\', "\\\\").replace('"', "\\\"").replace('{', "{{").replace('}', "}}");
    format!("\"{escaped}\"")
}
