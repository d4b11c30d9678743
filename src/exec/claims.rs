//! What must hold of inputs and results: equal tensors, and the claims of the recipe.

use super::Options;
use super::Stop;
use super::error;
use super::jobs;
use super::pictures::Gallery;
use super::progress::Progress;
use super::reader::Files;
use super::reader::Reader;
use crate::hir::ExprId;
use crate::hir::InputId;
use crate::hir::Recipe;
use crate::plan::Between;
use crate::plan::Plan;
use crate::plan::Quantity;
use crate::plan::verdict;
use crate::text::Site;
use crate::tile::Program;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;

/// How a claim came out.
#[derive(Debug)]
pub struct ClaimReport {
    /// As the recipe writes it.
    pub text: String,
    pub site: Site,
    pub holds: bool,
    /// Measured values and margins, one a line.
    pub lines: Vec<String>,
    /// It holds, and a little less would not do.
    pub is_narrow: bool,
    /// Pictures of a claim that does not hold: what was expected, what was drawn, where they differ.
    pub pictures: Vec<PathBuf>,
}

/// Results of measuring programs, in their order.
fn measure_all(programs: &[&Program], plan: &Plan, files: &Files, progress: &Progress) -> Result<Vec<Vec<f64>>, Stop> {
    let reader = Reader { files, inputs: files.input_count(plan) };
    let results: Mutex<Vec<Vec<f64>>> = Mutex::new(vec![vec![]; programs.len()]);
    jobs::in_order(programs.len(), progress, |at| {
        let state = jobs::reduce(programs[at], &reader)?;
        results.lock().expect("no worker panicked")[at] = programs[at].results(&state);
        Ok(())
    })?;
    Ok(results.into_inner().expect("no worker panicked"))
}

/// Inputs that must agree do.
pub fn equal(recipe: &Recipe, plan: &Plan, files: &Files, progress: &Progress) -> Result<(), Stop> {
    let programs: Vec<&Program> = plan.checks.iter().map(|check| &check.program).collect();
    let results = measure_all(&programs, plan, files, progress)?;
    let mut wrong: IndexMap<(&Between, Site), Vec<(String, u64, u64)>> = IndexMap::new();
    for (check, result) in plan.checks.iter().zip(results) {
        if result[0] != 0.0 {
            let row = (check.canonical.to_string(), result[0] as u64, check.program.elems());
            wrong.entry((&check.between, check.site)).or_default().push(row);
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let name = |id: InputId| recipe.input(id).name.to_string();
    let problems = wrong.into_iter().map(|((between, site), rows)| match between {
        Between::Inputs(first, other) => error::not_equal(&name(*first), &name(*other), &rows, site),
        Between::Dropped { output, with } => error::not_dropped(&plan.outputs[*output].layout, with, &rows, site),
    });
    Err(Stop::Problems(problems.collect()))
}

/// Measures what the claims ask, and judges them.  The second list tells which pictures were written anew.
pub fn judge(
    recipe: &Recipe,
    plan: &Plan,
    files: &Files,
    options: &Options,
    progress: &Progress,
) -> Result<(Vec<ClaimReport>, Vec<String>), Stop> {
    let programs: Vec<&Program> = plan.measures.iter().map(|measure| &measure.program).collect();
    let results = measure_all(&programs, plan, files, progress)?;
    let mut sums: HashMap<usize, Vec<f64>> = HashMap::new();
    for (measure, result) in plan.measures.iter().zip(results) {
        let sum = sums.entry(measure.measured).or_default();
        sum.resize(result.len(), 0.0);
        sum.iter_mut().zip(result).for_each(|(sum, part)| *sum += part);
    }
    let of_tensors = recipe.measured.iter().enumerate().map(|(at, measured)| {
        let sums = sums.get(&at).cloned().unwrap_or_default();
        (measured.expr, Quantity::of(measured.metric, &sums))
    });
    let mut quantities: HashMap<ExprId, Quantity> = of_tensors.collect();
    let reader = Reader { files, inputs: files.input_count(plan) };
    let mut gallery = Gallery::draw(recipe, plan, &reader, &options.device, progress)?;
    gallery.measure(options.renew, &mut quantities)?;
    let mut reports = vec![];
    for (number, claim) in recipe.claims.iter().enumerate() {
        let judged = verdict(recipe, claim.expr, &|id| quantities.get(&id));
        let pictures = if judged.holds { vec![] } else { gallery.keep(claim.expr, number + 1)? };
        reports.push(ClaimReport {
            text: claim.text.clone(),
            site: claim.site,
            holds: judged.holds,
            lines: judged.lines,
            is_narrow: judged.is_narrow,
            pictures,
        });
    }
    Ok((reports, gallery.renewed))
}
