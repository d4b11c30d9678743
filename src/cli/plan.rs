//! `blend plan`: what a build would read, compute and write.

use super::Exit;
use super::recipe;
use super::recipe::Outcome;
use super::recipe::RecipeArgs;
use super::ui::Ui;
use crate::check::trace;
use crate::check::trace::Trace;
use crate::exec;
use crate::plan;

/// Show what a build reads and writes, with the weights of every group of tensors
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Where the weights of these tensors come from, by line of the recipe
    #[arg(long, value_name = "GLOB")]
    tensor: Option<String>,
    /// For programs
    #[arg(long)]
    json: bool,
    /// Worker threads that the memory is counted for
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let outcome = match recipe::compile(&args.recipe, ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    ui.problems(&outcome.problems, &outcome.sources);
    let Some(compiled) = &outcome.compiled else { return Exit::Wrong };
    let outcome = &outcome;
    let threads = args.threads.unwrap_or(exec::Options::default().threads);
    if let Some(glob) = &args.tensor {
        return match trace::tensors(&compiled.recipe, glob) {
            Ok(traces) => ui.print(&traces.iter().map(|trace| history(trace, outcome)).collect::<String>()),
            Err(problem) => ui.problem(problem),
        };
    }
    if args.json {
        let value = plan::json(&compiled.recipe, &compiled.plan, threads);
        let text = serde_json::to_string_pretty(&value).expect("numbers and names are JSON");
        return ui.print(&(text + "\n"));
    }
    ui.print(&plan::print(&compiled.recipe, &compiled.plan, &outcome.sources, threads))
}

/// The history of a group of tensors.
fn history(trace: &Trace, outcome: &Outcome) -> String {
    let Some(compiled) = &outcome.compiled else { return String::new() };
    let mut out: String = plan::shortened(&trace.names).iter().map(|name| format!("{name}\n")).collect();
    out.push_str(&format!("  = {}\n", plan::form_text(&compiled.recipe, &trace.form)));
    for step in std::iter::once(&trace.output.site).chain(&trace.steps) {
        out.push_str(&format!("  {}\n", trace::line(&outcome.sources, *step)));
    }
    out
}
