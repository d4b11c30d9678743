//! Tensors computed into memory: for networks that draw.

use super::Stop;
use super::jobs;
use super::progress::Progress;
use crate::diag::Problem;
use crate::network::Name;
use crate::render::weights;
use crate::render::weights::Array;
use crate::tile::Fetch;
use crate::tile::Program;

/// The arrays that programs of f32 give, in their order.  The values do not depend on the number of workers; they are
/// those of the pool that this is called in.  Errors: those of reading.
pub fn arrays<F: Fetch<Error = Problem>>(
    programs: &[(&Name, &Program)],
    fetch: &F,
    progress: &Progress,
) -> Result<Vec<(Name, Array)>, Stop> {
    let mut out = vec![];
    for (name, program) in programs {
        if progress.cancelled() {
            return Err(Stop::Cancelled);
        }
        let state = jobs::reduce(program, fetch)?;
        let shape: Vec<usize> = program.shape.iter().map(|&size| size as usize).collect();
        out.push(((*name).clone(), Array::new(&shape, weights::evaluate(program, &state, fetch)?)));
    }
    Ok(out)
}
