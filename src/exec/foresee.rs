//! What a run would make anew, and why: told by what decides it, and nothing is written.

use super::Options;
use super::Reuse;
use super::Stop;
use super::earlier;
use super::pool;
use super::progress::Progress;
use super::reader::Files;
use super::settled;
use crate::hir::Recipe;
use crate::plan::Plan;
use crate::store::Inputs;

/// Per output, what [`super::Report::reasons`] of a run with these options would say.  Alignments are solved for it, since
/// the orders that they find are part of what tensors are made from.
pub fn reasons(
    recipe: &Recipe,
    plan: &Plan,
    reuse: Reuse,
    options: &Options,
    progress: &Progress,
) -> Result<Vec<Vec<String>>, Stop> {
    let inputs = Inputs::open(&plan.files)?;
    let reasons = pool(options.threads)?.install(|| -> Result<_, Stop> {
        let settled = settled(&[(recipe, plan)], &Files { inputs: &inputs, parts: &[] }, progress)?;
        let mut reasons = vec![];
        for (plan, _) in &settled {
            let recipes = vec![recipe; plan.outputs.len()];
            reasons.extend(earlier::look(&recipes, plan, &inputs, reuse, progress)?.reasons);
        }
        Ok(reasons)
    })?;
    inputs.verify()?;
    Ok(reasons)
}
