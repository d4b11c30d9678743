//! `blend check`: everything that headers can show, without reading a weight; with `--weights`, what they say as well.

use super::Exit;
use super::locked;
use super::locked::LockArgs;
use super::recipe;
use super::recipe::RecipeArgs;
use super::sweep::Matrix;
use super::sweep::SweepArgs;
use super::ui::Ui;
use crate::compare;
use crate::exec;
use crate::exec::Progress;
use std::path::PathBuf;

/// Check recipes: names, kinds, tensors, shapes; no weight is read without `--weights`
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend check recipes/stylegan2/*.blend --message-format github
  blend check recipes/stylegan2/ramp.blend --weights")]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    lock: LockArgs,
    /// Further recipes: every one is checked, the worst decides
    #[arg(value_name = "RECIPES", requires = "recipe", conflicts_with_all = ["output", "only", "weights"])]
    more: Vec<PathBuf>,
    #[command(flatten)]
    sweep: SweepArgs,
    /// Read the weights of models that meet, and warn of those that have no common ancestor
    #[arg(long, conflicts_with = "sweeps")]
    weights: bool,
    /// Worker threads of `--weights` [default: one per core]
    #[arg(long, value_name = "N", requires = "weights", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let others = args.more.iter().map(|path| args.recipe.like(path));
    let first = one(&args.recipe, args, ui);
    others.map(|recipe| one(&recipe, args, ui)).fold(first, Exit::max)
}

fn one(recipe: &RecipeArgs, args: &Args, ui: &Ui) -> Exit {
    let all = exec::Options::default().threads;
    if !args.sweep.sweeps.is_empty() {
        return match Matrix::new(recipe, &args.sweep, &|_| {}, ui) {
            Ok(mut matrix) => {
                for round in if args.lock.locked { matrix.rounds() } else { vec![] } {
                    let mut outcomes = matrix.round(&round);
                    if let Err(exit) = locked::demand(&args.lock, recipe, &mut outcomes, all, ui) {
                        return exit;
                    }
                }
                let (variants, outputs) = (matrix.variants.len(), matrix.targets.len());
                ui.status(&format!("good: {variants} variants, {outputs} outputs"));
                Exit::Good
            }
            Err(exit) => exit,
        };
    }
    let mut outcome = match recipe::compile(recipe, ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    if let Err(exit) = locked::demand(&args.lock, recipe, std::slice::from_mut(&mut outcome), all, ui) {
        return exit;
    }
    if args.weights
        && let Err(exit) = recipe::look_at_masks(&mut outcome, ui)
    {
        return exit;
    }
    let mut compared = String::new();
    if let (true, Some(compiled)) = (args.weights, &outcome.compiled) {
        let threads = args.threads.map_or(all, usize::from);
        match compare::lints(&compiled.recipe, threads, &Progress::default()) {
            Ok(lints) => {
                let noun = if lints.pairs == 1 { "pair" } else { "pairs" };
                compared = format!(", {} {noun} of models compared", lints.pairs);
                lints.problems.into_iter().for_each(|problem| outcome.problems.push(problem));
            }
            Err(stop) => return ui.stopped(stop, "nothing was changed"),
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
