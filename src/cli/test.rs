//! `blend test`: the claims of recipes, judged on what a build would write; nothing is left behind.

use super::Exit;
use super::build;
use super::build::PictureArgs;
use super::build::RunArgs;
use super::locked;
use super::locked::LockArgs;
use super::recipe::RecipeArgs;
use super::sweep::Matrix;
use super::sweep::SweepArgs;
use super::ui::Ui;
use crate::check::Settings;
use crate::exec;
use crate::exec::Report;
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
    #[command(flatten)]
    sweep: SweepArgs,
    /// Write the pictures that claims name anew, and tell by how much each moved
    #[arg(long, conflicts_with = "sweeps")]
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
    let mut matrix = match Matrix::new(&recipe, &args.sweep, &renew, ui) {
        Ok(matrix) => matrix,
        Err(exit) => return exit,
    };
    let device = args.pictures.device();
    let options = exec::Options { dry: true, device, renew: args.update, ..args.run.options() };
    let mut worst = Exit::Good;
    for round in matrix.rounds() {
        let mut outcomes = matrix.round(&round);
        if let Err(exit) = locked::demand(&args.lock, &recipe, &mut outcomes, args.run.threads(), ui) {
            return exit;
        }
        let (reports, exit) = match build::execute_all(&mut outcomes, &options, ui) {
            Ok(done) => done,
            Err(exit) => return exit,
        };
        let texts = outcomes.iter().zip(&reports).map(|(outcome, report)| told(path, &outcome.label, report));
        worst = worst.max(exit).max(ui.print(&texts.collect::<String>()));
    }
    worst
}

/// What became of the claims of one variant.
fn told(path: &Path, label: &str, report: &Report) -> String {
    let label = if label.is_empty() { String::new() } else { format!("  ({label})") };
    let mut out = format!("{}{label}\n", path.display());
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
    out
}
