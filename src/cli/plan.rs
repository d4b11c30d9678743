//! `blend plan`: what a build would read, compute and write.

use super::Exit;
use super::build;
use super::locked;
use super::locked::LockArgs;
use super::recipe;
use super::recipe::Outcome;
use super::recipe::RecipeArgs;
use super::sweep::Matrix;
use super::sweep::SweepArgs;
use super::ui::Ui;
use crate::check::trace;
use crate::check::trace::Trace;
use crate::exec;
use crate::exec::foresee;
use crate::plan;

mod matrix;

/// Show what a build reads and writes, with the weights of every group of tensors
#[derive(clap::Args)]
#[command(
    after_help = "Example: blend plan recipes/stylegan2/ramp.blend --tensor '**.torgb.*'",
    after_long_help = AFTER_LONG_HELP
)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    sweep: SweepArgs,
    /// Where the weights of these tensors come from, by line of the recipe
    #[arg(long, value_name = "GLOB", conflicts_with = "sweeps")]
    tensor: Option<String>,
    /// Say what a build would make anew and why, as `build --explain` says it after the work
    #[arg(long, conflicts_with_all = ["tensor", "json"])]
    explain: bool,
    #[command(flatten)]
    lock: LockArgs,
    /// For programs
    #[arg(long)]
    json: bool,
    /// Worker threads that the memory is counted for [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

const AFTER_LONG_HELP: &str = "\
Example: blend plan recipes/stylegan2/ramp.blend --tensor '**.torgb.*'

`--json` prints one object; sizes and offsets are in bytes:
  outputs     path, family, layout, bytes; parts: name, bytes; tensors: name (in the file),
              canonical (in recipes), dtype, shape, part, offset, bytes,
              work (copy, gather or compute), weights (share by model), value (as text)
  inputs      name, path, family, layout, bytes, copied_bytes, computed_bytes
  checks      names of tensors that must be equal in their models
  claims      the asserts, as written
  draws       pictures that claims draw: family, tensors, seeds, psi, width, height
  threads     what peak_bytes is counted for
  peak_bytes  the most memory that the build takes

With `--sweep` it is one object of
  variants    set (value by parameter), and the fields above for each variant alone
  common      of the sweep built as one: tensors and bytes that programs make, of them given by another
              variant's; inputs: path, bytes, read_bytes (each byte once)
  peak_bytes  the most memory that the build of the whole sweep takes";

pub fn run(args: &Args, ui: &Ui) -> Exit {
    match done(args, ui) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn done(args: &Args, ui: &Ui) -> Result<Exit, Exit> {
    let threads = args.threads.map_or(exec::Options::default().threads, usize::from);
    let demand = |outcomes: &mut [Outcome]| locked::demand(&args.lock, &args.recipe, outcomes, threads, ui);
    if args.explain {
        return explained(args, threads, ui);
    }
    if !args.sweep.sweeps.is_empty() {
        let matrix = Matrix::new(&args.recipe, &args.sweep, &|_| {}, ui)?;
        return Ok(ui.print(&matrix::shown(matrix, &demand, threads, args.json)?));
    }
    let mut outcome = recipe::compile(&args.recipe, ui)?;
    demand(std::slice::from_mut(&mut outcome))?;
    ui.problems(&outcome.problems, &outcome.sources);
    let Some(compiled) = &outcome.compiled else { return Err(Exit::Wrong) };
    let outcome = &outcome;
    if let Some(glob) = &args.tensor {
        return match trace::tensors(&compiled.recipe, glob) {
            Ok(mut traces) => {
                let first = |trace: &Trace| trace.names.iter().min_by(|a, b| plan::compare(a, b)).cloned();
                // Outputs stay apart, in the recipe's order.
                traces.sort_by(|a, b| {
                    let names = plan::compare(&first(a).unwrap_or_default(), &first(b).unwrap_or_default());
                    a.output.site.cmp(&b.output.site).then(names)
                });
                Ok(ui.print(&traces.iter().map(|trace| history(trace, outcome)).collect::<String>()))
            }
            Err(problem) => Err(ui.problem(problem)),
        };
    }
    if args.json {
        let value = plan::json(&compiled.recipe, &compiled.plan, threads);
        let text = serde_json::to_string_pretty(&value).expect("numbers and names are JSON");
        return Ok(ui.print(&(text + "\n")));
    }
    Ok(ui.print(&plan::print(&compiled.recipe, &compiled.plan, &outcome.sources, threads)))
}

/// What a build would make anew.
fn explained(args: &Args, threads: usize, ui: &Ui) -> Result<Exit, Exit> {
    let mut matrix = Matrix::new(&args.recipe, &args.sweep, &|_| {}, ui)?;
    let reuse = exec::Reuse { verify: args.lock.verify, ..build::reuse() };
    let options = exec::Options { threads, ..exec::Options::default() };
    let (mut held, mut text) = (None, String::new());
    for round in matrix.rounds() {
        let mut outcomes = matrix.round(&round);
        // As a build does: a lock that holds has a say in what outputs carry.
        locked::agree_all(&args.lock, &args.recipe, &mut outcomes, &mut held, threads, ui)?;
        recipe::join(&mut outcomes);
        let all = outcomes.iter().filter_map(|outcome| outcome.compiled.as_ref());
        let variants: Vec<_> = all.map(|compiled| (&compiled.recipe, &compiled.plan)).collect();
        let reasons = build::watched(0, ui, |progress| foresee::reasons(&variants, reuse, &options, progress));
        let sources = outcomes.first().map(|outcome| &outcome.sources).expect("a round has a variant");
        let reasons = reasons.map_err(|stop| ui.stopped_in(stop, "nothing was changed", sources))?;
        text += &build::explanation(&reasons);
    }
    Ok(ui.print(&text))
}

/// The history of a group of tensors.
fn history(trace: &Trace, outcome: &Outcome) -> String {
    let Some(compiled) = &outcome.compiled else { return String::new() };
    let all: Vec<&str> = trace.output.tensors.iter().map(|made| &*made.name).collect();
    let names: Vec<&str> = trace.names.iter().map(String::as_str).collect();
    let mut out: String = plan::globs(&all, &names).iter().map(|name| format!("{name}\n")).collect();
    out.push_str(&format!("  = {}\n", plan::form_text(&compiled.recipe, &trace.form)));
    // The site of an output is its path alone.
    let mut last = trace::line(&outcome.sources, trace.output.site).replacen(": \"", ": output \"", 1);
    out.push_str(&format!("  {last}\n"));
    for step in &trace.steps {
        let line = trace::line(&outcome.sources, *step);
        let text = line.splitn(3, ':').nth(2).unwrap_or("").trim();
        // A call that is all of an arm has been shown with the arm.
        if !last.ends_with(text) {
            out.push_str(&format!("  {line}\n"));
            last = line;
        }
    }
    out
}
