//! `blend test`: the claims of recipes, judged on what a build would write; nothing is left behind.

use super::Exit;
use super::build;
use super::build::RunArgs;
use super::recipe;
use super::recipe::RecipeArgs;
use super::ui::Ui;

/// Judge the claims of a recipe without keeping the result
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let outcome = match recipe::compile(&args.recipe, ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    let report = match build::execute(&outcome, &args.run, false, true, ui) {
        Ok(report) => report,
        Err(exit) => return exit,
    };
    let mut out = String::new();
    for claim in &report.claims {
        out.push_str(&format!("holds: {}", claim.text));
        if !claim.lines.is_empty() {
            out.push_str(&format!(" ({})", claim.lines.join(", ")));
        }
        out.push('\n');
    }
    if report.claims.is_empty() {
        ui.status("the recipe claims nothing; write for example `assert finite(…)`");
    }
    ui.print(&out)
}
