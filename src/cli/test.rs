//! `blend test`: the claims of recipes, judged on what a build would write; nothing is left behind.

use super::Exit;
use super::build;
use super::build::RunArgs;
use super::recipe;
use super::recipe::RecipeArgs;
use super::ui::Ui;
use std::path::Path;
use std::path::PathBuf;

/// Judge the claims of recipes without keeping the results
#[derive(clap::Args)]
#[command(after_help = "Example: blend test recipes/stylegan2/*.blend")]
pub struct Args {
    /// Recipes; `-` reads standard input
    #[arg(required = true, value_name = "RECIPE")]
    recipes: Vec<PathBuf>,
    /// A value for a parameter of the recipes
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    // Every recipe is judged, and the worst outcome tells.
    let mut worst = Exit::Good;
    for path in &args.recipes {
        worst = worst.max(one(path, args, ui));
        if worst == Exit::Interrupted {
            break;
        }
    }
    worst
}

fn one(path: &Path, args: &Args, ui: &Ui) -> Exit {
    let outcome = match recipe::compile(&RecipeArgs::of(path, &args.sets), ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    let (report, exit) = match build::execute(&outcome, &args.run, false, true, ui) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    let mut out = format!("{}\n", path.display());
    for claim in &report.claims {
        let verdict = if claim.holds { "holds" } else { "fails" };
        out.push_str(&format!("  {verdict}: {}", claim.text));
        if !claim.lines.is_empty() {
            out.push_str(&format!(" ({})", claim.lines.join(", ")));
        }
        out.push('\n');
    }
    if report.claims.is_empty() {
        out.push_str("  claims nothing: write for example `assert finite(…)`\n");
    }
    exit.max(ui.print(&out))
}
