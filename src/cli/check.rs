//! `blend check`: everything that headers can show, without reading a weight.

use super::Exit;
use super::recipe;
use super::recipe::RecipeArgs;
use super::ui::Ui;

/// Check a recipe: names, kinds, tensors, shapes; no weight is read
#[derive(clap::Args)]
#[command(after_help = "Example: blend check recipes/stylegan2/ramp.blend --message-format short")]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let outcome = match recipe::compile(&args.recipe, ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    let exit = ui.problems(&outcome.problems, &outcome.sources);
    if let Some(compiled) = &outcome.compiled {
        let count = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let tensors: usize = compiled.plan.outputs.iter().map(|output| output.tensors.len()).sum();
        ui.status(&format!(
            "good: {}, {} with {}, {}",
            count(compiled.recipe.inputs.len(), "model"),
            count(compiled.plan.outputs.len(), "output"),
            count(tensors, "tensor"),
            count(compiled.recipe.claims.len(), "claim"),
        ));
    }
    exit
}
