//! `blend test`: the claims of recipes, judged on what a build would write; nothing is left behind.

use super::Exit;
use super::build;
use super::build::PictureArgs;
use super::build::RunArgs;
use super::locked;
use super::locked::LockArgs;
use super::recipe;
use super::recipe::RecipeArgs;
use super::ui::Ui;
use crate::check::Settings;
use crate::exec;
use std::path::Path;
use std::path::PathBuf;

/// Judge the claims of recipes without keeping the results
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend test recipes/stylegan2/*.blend
  blend test merge.blend --update

Of a claim about pictures that does not hold, what was expected and what was drawn is kept in
NAME.claims beside the output NAME.")]
pub struct Args {
    /// Recipes; `-` reads standard input
    #[arg(required = true, value_name = "RECIPE")]
    recipes: Vec<PathBuf>,
    /// A value for a parameter of the recipes
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// Write the pictures that claims name anew, and tell by how much each moved
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    pictures: PictureArgs,
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
    let renew = |settings: &mut Settings| settings.renews_pictures = args.update;
    let recipe = RecipeArgs::of(path, &args.sets);
    let mut outcome = match recipe::compile_changed(&recipe, &renew, ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    if args.lock.locked
        && let Err(exit) = locked::agree(&args.lock, &recipe, &mut outcome, args.run.threads(), ui)
    {
        return exit;
    }
    let device = args.pictures.device();
    let options = exec::Options { dry: true, device, renew: args.update, ..args.run.options() };
    let (report, exit) = match build::execute(&outcome, &options, ui) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    let mut out = format!("{}\n", path.display());
    for line in &report.renewed {
        out.push_str(&format!("  wrote {line}\n"));
    }
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
