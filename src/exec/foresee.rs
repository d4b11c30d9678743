//! What a run would make anew, and why: told by what decides it, and nothing is written.

use super::Options;
use super::Reuse;
use super::Stop;
use super::earlier;
use super::pool;
use super::progress::Progress;
use super::reader::Files;
use super::recipes;
use super::settled;
use super::whole;
use crate::hir::Recipe;
use crate::plan::Plan;
use crate::store::Inputs;

/// Per output, what [`super::Report::reasons`] of a run of these plans, which `plan::join` has joined, would say.  Alignments
/// are solved for it, since the orders that they find are part of what tensors are made from.
pub fn reasons(
    variants: &[(&Recipe, &Plan)],
    reuse: Reuse,
    options: &Options,
    progress: &Progress,
) -> Result<Vec<Vec<String>>, Stop> {
    let Some((_, first)) = variants.first() else { return Ok(vec![]) };
    let inputs = Inputs::open(&first.files)?;
    let reasons = pool(options.threads)?.install(|| -> Result<_, Stop> {
        let settled = settled(variants, &Files { inputs: &inputs, parts: &[] }, progress)?;
        let before = earlier::look(&recipes(variants), &whole(&settled), &inputs, reuse, progress)?;
        Ok(before.reasons)
    })?;
    inputs.verify()?;
    Ok(reasons)
}
