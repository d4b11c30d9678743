//! `blend graph`: the dependency graph of a recipe.

use super::Exit;
use super::recipe;
use super::recipe::RecipeArgs;
use super::ui::Ui;
use crate::graph;

/// Print the dependency graph, for Graphviz or for programs
#[derive(clap::Args)]
#[command(after_help = "Example: blend graph recipes/stylegan2/ramp.blend | dot -Tsvg > ramp.svg")]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// For Graphviz or for programs
    #[arg(long, value_name = "FORMAT", default_value = "dot")]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// One tree per group of tensors with the same structure
    Dot,
    /// Every operation on every tensor
    Json,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let outcome = match recipe::compile(&args.recipe, ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    ui.problems(&outcome.problems, &outcome.sources);
    let Some(compiled) = &outcome.compiled else { return Exit::Wrong };
    match args.format {
        Format::Dot => ui.print(&graph::dot(&compiled.graph, &compiled.recipe)),
        Format::Json => {
            let value = graph::json(&compiled.graph, &compiled.recipe);
            ui.print(&(serde_json::to_string_pretty(&value).expect("numbers and names are JSON") + "\n"))
        }
    }
}
