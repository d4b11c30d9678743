//! `blend check`: everything that headers can show, without reading a weight; with `--weights`, what they say as well.

use super::Exit;
use super::compare::stopped;
use super::recipe;
use super::recipe::RecipeArgs;
use super::ui::Ui;
use crate::compare;
use crate::exec;
use crate::exec::Progress;

/// Check a recipe: names, kinds, tensors, shapes; no weight is read without `--weights`
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend check recipes/stylegan2/ramp.blend --message-format short
  blend check recipes/stylegan2/ramp.blend --weights")]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Read the weights of models that meet, and warn of those that have no common ancestor
    #[arg(long)]
    weights: bool,
    /// Worker threads of `--weights` [default: one per core]
    #[arg(long, value_name = "N", requires = "weights", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let mut outcome = match recipe::compile(&args.recipe, ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    if args.weights
        && let Err(exit) = recipe::look_at_masks(&mut outcome, ui)
    {
        return exit;
    }
    let mut compared = String::new();
    if let (true, Some(compiled)) = (args.weights, &outcome.compiled) {
        let threads = args.threads.map_or(exec::Options::default().threads, usize::from);
        match compare::lints(&compiled.recipe, threads, &Progress::default()) {
            Ok(lints) => {
                let noun = if lints.pairs == 1 { "pair" } else { "pairs" };
                compared = format!(", {} {noun} of models compared", lints.pairs);
                lints.problems.into_iter().for_each(|problem| outcome.problems.push(problem));
            }
            Err(stop) => return stopped(stop, ui),
        }
    }
    let exit = ui.problems(&outcome.problems, &outcome.sources);
    if let Some(compiled) = &outcome.compiled {
        let count = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let tensors: usize = compiled.plan.outputs.iter().map(|output| output.tensors.len()).sum();
        ui.status(&format!(
            "good: {}, {} with {}, {}{compared}",
            count(compiled.recipe.inputs.len(), "model"),
            count(compiled.plan.outputs.len(), "output"),
            count(tensors, "tensor"),
            count(compiled.recipe.claims.len(), "claim"),
        ));
    }
    exit
}
