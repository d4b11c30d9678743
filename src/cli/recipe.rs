//! What every verb that works on a recipe has in common: where it comes from, and what a run changes in it.

use super::Exit;
use super::ui::Ui;
use crate::check::Settings;
use crate::check::World;
use crate::compile;
use crate::compile::Compiled;
use crate::compile::Disk;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::draw::fingerprint::strange_masks;
use crate::hir::Format;
use crate::hir::Literal;
use crate::normal::Normal;
use crate::plan;
use crate::plan::Plan;
use crate::store;
use crate::syntax;
use crate::text::Sources;
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Recipe, or expression, and parameters.
#[derive(Clone, clap::Args)]
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
    /// Where relative paths of models start, instead of where the recipe stands
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

impl RecipeArgs {
    /// The words of a command line that name the same recipe for another verb.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = self.recipe.iter().map(|path| path.into()).collect();
        let options = [("--expression", self.expression.as_slice()), ("--model", &self.models), ("--set", &self.sets)];
        let only = [("--only", self.only.as_slice())];
        for (name, values) in options.into_iter().chain(only) {
            // In one word: a value may begin with a dash.
            words.extend(values.iter().map(|value| format!("{name}={value}").into()));
        }
        words
    }

    /// A recipe file, some of its parameters set.
    pub fn of(path: &Path, sets: &[String]) -> RecipeArgs {
        RecipeArgs::only(path, sets, &[])
    }

    /// What it is called where it makes files: the stem of its path.
    pub fn name(&self) -> String {
        let path = self.recipe.as_deref().filter(|path| *path != Path::new("-"));
        path.and_then(Path::file_stem).map_or("blend".into(), |stem| stem.to_string_lossy().into_owned())
    }

    /// The file of the recipe, if it is one.
    pub fn file(&self) -> Option<&Path> {
        self.recipe.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Whether the output goes where the recipe says.
    pub fn is_in_place(&self) -> bool {
        self.output.is_none()
    }

    /// The same with parameters at their defaults.
    pub fn unset(&self) -> RecipeArgs {
        RecipeArgs { sets: vec![], output: None, only: vec![], ..self.clone() }
    }

    /// Another recipe file with the same parameters set.
    pub fn like(&self, path: &Path) -> RecipeArgs {
        RecipeArgs::of(path, &self.sets)
    }

    /// A recipe of one expression.
    pub fn one_shot(expression: Option<String>, models: &[String], sets: &[String]) -> RecipeArgs {
        let (models, sets) = (models.to_vec(), sets.to_vec());
        RecipeArgs { recipe: None, expression, models, sets, output: None, only: vec![], root: None }
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
            root: None,
        }
    }
}

/// What a recipe became.
pub struct Outcome {
    pub sources: Sources,
    pub compiled: Option<Compiled>,
    pub problems: Problems,
    /// What sets it apart from the other variants of a sweep: `edge = 8, strength = 0.5`.
    pub label: String,
}

/// Makes the plans of variants one run, as `exec` takes them.
pub fn join(outcomes: &mut [Outcome]) {
    let mut plans: Vec<&mut Plan> =
        outcomes.iter_mut().filter_map(|outcome| Some(&mut outcome.compiled.as_mut()?.plan)).collect();
    // A plan of its own stays as it is.
    if plans.len() > 1 {
        plan::join(&mut plans);
    }
}

/// A recipe that was read, to be compiled once or with many values of its parameters.
pub struct Text {
    /// As diagnostics call it.
    pub name: String,
    pub text: String,
    /// Where its relative paths start.
    pub base: PathBuf,
    pub settings: Settings,
    /// Its file, where it has one.
    pub file: Option<PathBuf>,
}

impl Text {
    /// Reads the recipe that the command line names.
    pub fn read(args: &RecipeArgs, change: &dyn Fn(&mut Settings)) -> Result<Text, Problem> {
        let mut settings = settings(args)?;
        change(&mut settings);
        let (name, text, base) = text(args)?;
        let file = args.recipe.clone().filter(|path| path != Path::new("-"));
        Ok(Text { name, text, base, settings, file })
    }

    /// A recipe that a verb has written; its paths start where the user is.
    pub fn written(name: &str, text: String) -> Text {
        Text { name: name.into(), text, base: PathBuf::new(), settings: Settings::default(), file: None }
    }

    /// Compiles it with other settings, in a world of one's own; problems are shown already when there is an error.
    pub fn compile_in(&self, change: &dyn Fn(&mut Settings), world: &dyn World, ui: &Ui) -> Result<Outcome, Exit> {
        let mut settings = self.settings.clone();
        change(&mut settings);
        shown(self.compiled(&settings, world), ui)
    }

    /// Compiles it with further parameters set.
    pub fn compile(&self, more: &[(String, Literal)], world: &dyn World) -> Outcome {
        let mut settings = self.settings.clone();
        settings.sets.extend_from_slice(more);
        self.compiled(&settings, world)
    }

    fn compiled(&self, settings: &Settings, world: &dyn World) -> Outcome {
        let mut sources = Sources::default();
        let root = sources.add(self.name.clone(), self.text.clone()).id;
        let (compiled, problems) = compile::compile(&mut sources, root, &self.base, settings, world);
        Outcome { sources, compiled, problems, label: String::new() }
    }
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
    let text = Text::read(args, change).map_err(|problem| ui.problem(problem))?;
    compile_with(&text, ui)
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
    compile_with(&Text::written(name, text), ui)
}

/// The normal form of a recipe; problems are shown already when there is an error.
pub fn normal(args: &RecipeArgs, ui: &Ui) -> Result<Normal, Exit> {
    let text = Text::read(args, &|_| {}).map_err(|problem| ui.problem(problem))?;
    let mut sources = Sources::default();
    let root = sources.add(text.name, text.text).id;
    let (normal, problems) = compile::normal(&mut sources, root, &text.base, &text.settings, &Disk);
    normal.ok_or_else(|| ui.problems(&problems, &sources).max(Exit::Wrong))
}

fn compile_with(text: &Text, ui: &Ui) -> Result<Outcome, Exit> {
    shown(text.compile(&[], &Disk), ui)
}

/// Shows what is wrong with a recipe that could not be compiled.
fn shown(outcome: Outcome, ui: &Ui) -> Result<Outcome, Exit> {
    if outcome.compiled.is_none() {
        return Err(match ui.problems(&outcome.problems, &outcome.sources) {
            Exit::Good => Exit::Wrong,
            exit => exit,
        });
    }
    Ok(outcome)
}

fn settings(args: &RecipeArgs) -> Result<Settings, Problem> {
    let sets = sets(&args.sets)?;
    let (output, only, root) = (args.output.clone(), args.only.clone(), args.root.clone());
    Ok(Settings { sets, output, only, root, ..Settings::default() })
}

/// The values of `--set NAME=VALUE`.
pub fn sets(texts: &[String]) -> Result<Vec<(String, Literal)>, Problem> {
    let mut sets = vec![];
    for text in texts {
        let (name, value) = text.split_once('=').ok_or_else(|| not_a_pair("--set", text, "NAME=VALUE"))?;
        let value = literal(value.trim());
        if matches!(value, Literal::Number(number) if !number.is_finite()) {
            let problem = Problem::new(Code("E0219"), format!("`--set {text}` is beyond 1.8e308"));
            return Err(problem.help(format!("write a smaller number: `--set {}=1`", name.trim())));
        }
        sets.push((name.trim().to_string(), value));
    }
    Ok(sets)
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

/// All of standard input.  It can be read once, so it is kept: a sweep and its pictures ask again.
pub fn stdin() -> Result<String, Problem> {
    static READ: OnceLock<Result<String, Problem>> = OnceLock::new();
    READ.get_or_init(read_stdin).clone()
}

fn read_stdin() -> Result<String, Problem> {
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
