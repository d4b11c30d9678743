//! How much memory a build needs at most, from the plan alone.

use super::Plan;
use super::Work;
use crate::tile::Program;
use crate::tile::TILE;

/// Elements that are fetched per load at a time (`tile` streams in windows of this many).
const WINDOW: u64 = 32_768;
/// Bytes of one piece of a result that a worker fills before it is written.
pub const CHUNK_BYTES: u64 = 256 << 10;
/// What is known of a tensor of an output before it is made, from the recipe to the record of an earlier build; measured
/// on 64 variants of 1,680 tensors.
const TENSOR_BYTES: u64 = 9 << 10;
/// What the process needs whatever the recipe: code, stacks, tables.
const BASE_BYTES: u64 = 16 << 20;

/// Bytes of anonymous memory that a build on `threads` threads needs at most.
pub fn peak_bytes(plan: &Plan, threads: usize) -> u64 {
    let programs = plan.outputs.iter().flat_map(|output| &output.tensors).filter_map(|tensor| match &tensor.work {
        Work::Compute { program, .. } => Some(worker(program)),
        _ => None,
    });
    let checks = plan.checks.iter().map(|check| worker(&check.program));
    let measures = plan.measures.iter().map(|measure| worker(&measure.program));
    let largest = programs.chain(checks).chain(measures).max().unwrap_or(0);
    // Values that lie in memory as a file does: unpacked arrays, filters.
    let held: u64 = plan.files.iter().filter_map(|file| file.memory.as_ref()).map(|bytes| bytes.len() as u64).sum();
    // One network at a time: its buffers, its weights as they are computed and as the engine packs them.
    let drawn = plan.drawings.iter().map(|drawing| {
        let weights: u64 = drawing.tensors.values().map(|program| program.elems() * 4).sum();
        drawing.net.slots.bytes() as u64 + 2 * weights
    });
    let of_outputs = plan.outputs.iter().flat_map(|output| &output.tensors).flat_map(|tensor| match &tensor.work {
        Work::Compute { program, canonical, .. } => [Some(&**program), canonical.as_deref()],
        Work::Copy { .. } | Work::Gather(_) => [None, None],
    });
    let others = plan.measures.iter().map(|measure| &measure.program);
    let drawings = plan.drawings.iter().flat_map(|drawing| drawing.tensors.values());
    let shares: u64 = of_outputs.flatten().chain(others).chain(drawings).map(Program::share_bytes).sum();
    let aligned = plan.alignments.iter().map(super::Alignment::peak_bytes).max().unwrap_or(0);
    BASE_BYTES
        + known_bytes(plan)
        + held
        + shares
        + plan.picture_bytes
        + drawn.max().unwrap_or(0).max(aligned)
        + threads as u64 * (largest + CHUNK_BYTES)
}

/// The part of [`peak_bytes`] that is held of every plan of a run: its headers, and what is known of its tensors.
pub fn known_bytes(plan: &Plan) -> u64 {
    let parts = plan.outputs.iter().flat_map(|output| &output.parts);
    let headers: u64 = parts.flat_map(|part| &part.fixed).map(|fixed| fixed.bytes.len() as u64).sum();
    let tensors: usize = plan.outputs.iter().map(|output| output.tensors.len()).sum();
    headers + tensors as u64 * TENSOR_BYTES
}

/// Buffers of one worker: a window per load, a tile per value.
fn worker(program: &Program) -> u64 {
    let width = if program.wide { 8 } else { 4 };
    let windows: u64 = program.loads.iter().map(|load| WINDOW * load.dtype.bytes()).sum();
    windows + program.nodes.len() as u64 * TILE as u64 * width
}
