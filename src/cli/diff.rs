//! `blend diff`: what two recipes mean differently, or two checkpoints.

pub mod pair;
mod revisions;
mod side;

use super::Exit;
use super::recipe;
use super::ui::Ui;
use crate::arch;
use crate::compare;
use crate::compare::Model;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diff::Look;
use crate::diff::weights;
use crate::exec;
use crate::exec::Progress;
use crate::hir::Literal;
use crate::store;
use pair::Found;
use serde_json::Value;
use side::Side;
use std::path::Path;
use std::sync::Arc;

/// Tell what two recipes mean differently, or two checkpoints
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// Before and after: two recipes, each a file or REV:path, or two checkpoints.  With `--git` any number of recipes
    #[arg(value_name = "BEFORE AFTER", required_unless_present = "git")]
    files: Vec<String>,
    /// Compare recipes of the working tree with a revision: those that are named, or all
    #[arg(long, value_name = "REV")]
    git: Option<String>,
    /// A value for a parameter of both recipes; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// Exit with 1 if the meaning differs
    #[arg(long)]
    exit_code: bool,
    /// Print one object for programs; `--help` describes it
    #[arg(long)]
    json: bool,
    /// One line per output
    #[arg(long, conflicts_with = "json")]
    stat: bool,
    /// Compare the texts of recipes, statement by statement, without looking at models
    #[arg(long)]
    text: bool,
    /// Columns of the terminal
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(20..=1000))]
    width: Option<u16>,
    /// Worker threads for checkpoints [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

const AFTER_HELP: &str = "\
Examples:
  blend diff before.blend after.blend
  blend diff HEAD~1:recipes/merge.blend recipes/merge.blend
  blend diff --git main --exit-code
  blend diff before.safetensors after.safetensors";

const AFTER_LONG_HELP: &str = "\
Recipes are compiled from the headers of their models, and compared tensor by tensor: names, comments, layout and
order of statements make no difference.  Where they cannot be compiled, because models are elsewhere or a recipe
has mistakes, their texts are compared statement by statement, and a line on standard error says why.

REV:path is a recipe of a commit, from the top of the repository or, as REV:./path, from here; :path is the
index.  What it uses comes from the same revision, models and pictures from the working tree.

`--json` prints one object:
  compared        meaning, text or weights: what the rest is
  same            whether the meaning is the same
 of meaning:
  facts           of (input, param, output, assert), name, field (empty: all of it), before, after (null: none)
  outputs         path, same, facts, unchanged, changed (tensors), added, removed (names), groups, curve
    groups        place, coordinate, at (its values), what (weights, type, shape), before, after,
                  shares (input, before, after), tensors
    curve         places, inputs (input, before, after: mean shares by place), or null
 of text:
  because         why the texts are compared
  entries         path (statement, arm, option), before, after
 of weights:
  equal, distance; parts, changed (tensors), added, removed, shapes, types
With `--git` it is an object with same and recipes: path, state (changed, same, added, removed), diff.";

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let done = match &args.git {
        Some(revision) => revisions::all(args, revision, ui),
        None => two(args, ui),
    };
    match done {
        Ok(is_same) if args.exit_code && !is_same => Exit::ClaimFailed,
        Ok(_) => Exit::Good,
        Err(exit) => exit,
    }
}

/// How the terminal is.
fn look(args: &Args, ui: &Ui) -> Look {
    let width = args.width.map_or(super::ui::width(), usize::from);
    Look { blocks: super::ui::has_blocks(), color: ui.color_out, width }
}

/// Parameters that are set.
fn sets(args: &Args) -> Result<Vec<(String, Literal)>, Problem> {
    recipe::sets(&args.sets)
}

/// Prints, and fails where printing does.
fn print(text: &str, ui: &Ui) -> Result<(), Exit> {
    match ui.print(text) {
        Exit::Good => Ok(()),
        exit => Err(exit),
    }
}

fn object(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("numbers and names are JSON") + "\n"
}

/// Two files; tells whether they are the same.
fn two(args: &Args, ui: &Ui) -> Result<bool, Exit> {
    let shown = |problem: Problem| ui.problem(problem);
    let [before, after] = args.files.as_slice() else {
        let given = match args.files.len() {
            1 => "1 file was given".to_string(),
            count => format!("{count} files were given"),
        };
        let problem = Problem::new(Code("E0219"), format!("`blend diff` compares two files, {given}"));
        let help = "write what was before and what is now: `blend diff before.blend after.blend`";
        return Err(shown(problem.help(help)));
    };
    let kinds = [before, after].map(|file| is_checkpoint(file));
    if kinds[0] != kinds[1] {
        let (one, other) = if kinds[0] { (after, before) } else { (before, after) };
        let message = format!("`{one}` is a recipe and `{other}` is a checkpoint, two of one kind were expected");
        let help = format!("compare the checkpoint with another: `blend diff before.safetensors {other}`");
        return Err(shown(Problem::new(Code("E0824"), message).help(help)));
    }
    if kinds[0] {
        return checkpoints(args, Path::new(before), Path::new(after), ui);
    }
    let sides = [before, after].map(|file| Side::of(file));
    let [before, after] = sides;
    let (before, after) = (before.map_err(shown)?, after.map_err(shown)?);
    let found = pair::compare(&before, &after, &sets(args).map_err(shown)?, args.text, ui)?;
    if args.json {
        print(&object(&found.json()), ui)?;
    } else {
        if let Found::Text { because, .. } = &found {
            ui.status(&format!("compared by text: {because}"));
        }
        print(&if args.stat { found.stat() } else { found.show(look(args, ui)) }, ui)?;
    }
    Ok(found.is_same())
}

/// Whether a file is a checkpoint; anything that cannot be opened as one is taken for a recipe.
fn is_checkpoint(file: &str) -> bool {
    let path = Path::new(file);
    if path.extension().is_some_and(|ending| ending == "blend") {
        return false;
    }
    let known = ["safetensors", "pt", "pth", "ckpt", "bin", "pkl", "npz", "npy", "gguf"];
    let has_ending = path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| known.contains(&ending));
    path.is_dir() || (has_ending && !is_revision(file)) || (path.is_file() && store::open(path, None).is_ok())
}

fn is_revision(file: &str) -> bool {
    !Path::new(file).exists() && crate::git::halves(file).is_some()
}

fn checkpoints(args: &Args, before: &Path, after: &Path, ui: &Ui) -> Result<bool, Exit> {
    if !args.sets.is_empty() {
        let problem = Problem::new(Code("E0219"), "`--set` is for recipes, checkpoints were given");
        return Err(ui.problem(problem.help("leave `--set` away")));
    }
    let open = |path: &Path, name: &str| -> Result<Model, Problem> {
        let header = store::open(path, None).map_err(recipe::with_key_option)?;
        let canon = arch::detect(&header, None, None)?;
        let (header, canon) = (Arc::new(header), Arc::new(canon));
        Ok(Model { name: name.into(), path: path.display().to_string(), header, canon })
    };
    let models = open(before, "before").and_then(|one| Ok(vec![one, open(after, "after")?]));
    let models = models.map_err(|problem| ui.problem(problem))?;
    let threads = args.threads.map_or(exec::Options::default().threads, usize::from);
    let comparison = compare::compare(models, threads, &Progress::default())
        .map_err(|stop| ui.stopped(stop, "nothing was changed"))?;
    let Some(weights) = weights::of(&comparison) else { return Ok(true) };
    let text = if args.json {
        object(&weights.json())
    } else if args.stat {
        weights.stat(&after.display().to_string())
    } else {
        weights.show(look(args, ui))
    };
    print(&text, ui)?;
    Ok(weights.is_same())
}
