//! `blend git`: git shows and merges recipes by meaning.

mod drivers;

use super::Exit;
use super::ui::Ui;
use crate::git;
use crate::git::Scope;
use std::path::Path;
use std::path::PathBuf;

/// Let git show and merge recipes by meaning: install drivers, print a hook
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend git install
  blend git install --global --dry-run
  blend git hook > .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Set up drivers for `*.blend`: `git diff` and `git log -p` show meaning, `git merge` merges statement by statement
    Install(Install),
    /// Print a hook for `.git/hooks/pre-commit`: recipes are committed checked and formatted
    Hook,
    /// Print the normal form of a recipe: without comments, in one order (git's `textconv`)
    Textconv {
        #[arg(value_name = "RECIPE")]
        recipe: PathBuf,
    },
    /// Show two versions of a recipe, as git calls an external diff
    #[command(name = "diff-driver")]
    DiffDriver {
        /// PATH OLD-FILE OLD-HEX OLD-MODE NEW-FILE NEW-HEX NEW-MODE, or PATH alone for one with conflicts
        #[arg(value_name = "ARG", required = true)]
        args: Vec<String>,
    },
    /// Merge two versions of a recipe into OURS, as git calls a merge driver; exits with 1 where conflicts are left
    #[command(name = "merge-driver")]
    MergeDriver(Merge),
}

#[derive(clap::Args)]
struct Install {
    /// For this repository; the line in `.gitattributes` is for everybody, once committed [default]
    #[arg(long, conflicts_with = "global")]
    local: bool,
    /// For all repositories of yours
    #[arg(long)]
    global: bool,
    /// Take away what was installed
    #[arg(long)]
    uninstall: bool,
    /// Print the commands, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
pub struct Merge {
    /// What both sides come from (`%O`)
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// Our version, which the result replaces (`%A`)
    #[arg(value_name = "OURS")]
    ours: PathBuf,
    /// Their version (`%B`)
    #[arg(value_name = "THEIRS")]
    theirs: PathBuf,
    /// Length of the signs that mark conflicts (`%L`)
    #[arg(value_name = "SIGNS", default_value = "7", value_parser = clap::value_parser!(u16).range(1..=1000))]
    signs: u16,
    /// What the recipe is called (`%P`)
    #[arg(value_name = "PATH")]
    path: Option<String>,
    /// What the versions are called: base, ours, theirs (`%S %X %Y`)
    #[arg(value_name = "LABEL", num_args = 0..=3)]
    labels: Vec<String>,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    match &args.what {
        What::Install(args) => install(args, ui),
        What::Hook => ui.print(git::HOOK),
        What::Textconv { recipe } => drivers::textconv(recipe, ui),
        What::DiffDriver { args } => drivers::diff(args, ui),
        What::MergeDriver(args) => drivers::merge(args, ui),
    }
}

fn install(args: &Install, ui: &Ui) -> Exit {
    let scope = if args.global { Scope::Global } else { Scope::Local };
    let steps = if args.uninstall { git::uninstall(scope) } else { git::install(scope, &program()) };
    let steps = match steps {
        Ok(steps) => steps,
        Err(problem) => return ui.problem(problem),
    };
    for step in &steps {
        if args.dry_run {
            match ui.print(&format!("{}\n", step.text())) {
                Exit::Good => continue,
                exit => return exit,
            }
        }
        if let Err(problem) = git::perform(step) {
            return ui.problem(problem);
        }
        ui.status(&step.text());
    }
    if steps.is_empty() {
        ui.status(if args.uninstall { "nothing is installed" } else { "everything is installed" });
    }
    Exit::Good
}

/// What git runs: `blend` where that is this program, else where it lies.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else { return "blend".into() };
    let real = |path: &Path| path.canonicalize().ok();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join("blend")).find(|path| path.is_file());
    match found.filter(|found| real(found) == real(&own)) {
        Some(_) => "blend".into(),
        None => own.display().to_string(),
    }
}
