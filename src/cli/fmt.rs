//! `blend fmt`: the one layout of recipes.

use super::Exit;
use super::recipe::stdin;
use super::ui::Ui;
use crate::compile::TEXT_LIMIT;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::fmt;
use crate::store;
use crate::syntax;
use crate::text::Sources;
use std::path::Path;
use std::path::PathBuf;

/// Put recipes into the one layout; comments and meaning stay
#[derive(clap::Args)]
#[command(after_help = "Example: blend fmt --check recipes/stylegan2/*.blend")]
pub struct Args {
    /// Recipes, changed in place; `-`, or none, reads standard input and prints the result
    #[arg(value_name = "RECIPE")]
    recipes: Vec<PathBuf>,
    /// Change nothing; exit with 1 if a recipe is laid out otherwise
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let from_stdin = [PathBuf::from("-")];
    let recipes = if args.recipes.is_empty() { from_stdin.as_slice() } else { args.recipes.as_slice() };
    // Every file is done, and the worst outcome tells.
    let mut worst = Exit::Good;
    for path in recipes {
        let exit = if path == Path::new("-") { one_stdin(args.check, ui) } else { one_file(path, args.check, ui) };
        worst = worst.max(exit);
    }
    worst
}

fn one_stdin(check: bool, ui: &Ui) -> Exit {
    let text = match stdin() {
        Ok(text) => text,
        Err(problem) => return ui.problem(problem),
    };
    match formatted("<stdin>", &text, ui) {
        Ok(new) if check => told("<stdin>", new == text, ui),
        Ok(new) => ui.print(&new),
        Err(exit) => exit,
    }
}

fn one_file(path: &Path, check: bool, ui: &Ui) -> Exit {
    let read = || -> Result<String, Problem> { store::read_text(path, TEXT_LIMIT) };
    let text = match read() {
        Ok(text) => text,
        Err(problem) => return ui.problem(problem),
    };
    let name = path.display().to_string();
    match formatted(&name, &text, ui) {
        Ok(new) if check => told(&name, new == text, ui),
        Ok(new) if new == text => Exit::Good,
        Ok(new) => match store::write_text(path, &new) {
            Ok(()) => {
                ui.status(&format!("formatted {name}"));
                Exit::Good
            }
            Err(problem) => ui.problem(problem),
        },
        Err(exit) => exit,
    }
}

fn told(name: &str, same: bool, ui: &Ui) -> Exit {
    if same {
        return Exit::Good;
    }
    let command = if name == "<stdin>" { "blend fmt -".to_string() } else { format!("blend fmt {name}") };
    ui.status(&format!("{name} is not formatted; run `{command}`"));
    Exit::ClaimFailed
}

/// A recipe text in its layout; problems are shown.
pub fn formatted(name: &str, text: &str, ui: &Ui) -> Result<String, Exit> {
    let mut sources = Sources::default();
    let source = sources.add(name, text);
    let parsed = syntax::parse(&source);
    let shown = |problems: &Problems| match ui.problems(problems, &sources) {
        Exit::Good => Exit::Wrong,
        exit => exit,
    };
    fmt::format(&source, &parsed).map_err(|problems| shown(&problems))
}
