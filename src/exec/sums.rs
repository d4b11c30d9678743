//! Measuring programs over files that nobody writes: what comparisons are made of.

use super::Progress;
use super::Stop;
use super::jobs;
use crate::store::Inputs;
use crate::tensor::FileInfo;
use crate::tile::Program;
use std::sync::Mutex;

/// The results of measuring programs, in their order; programs load from `files` by index.  Streams: memory does not
/// grow with the files, and the numbers do not depend on the number of threads.  Errors: those of reading, E0604 when a
/// file changed meanwhile, E0610.
pub fn of(
    programs: &[Program],
    files: &[FileInfo],
    threads: usize,
    progress: &Progress,
) -> Result<Vec<Vec<f64>>, Stop> {
    let inputs = Inputs::open(files)?;
    let pool = super::pool(threads)?;
    let results: Mutex<Vec<Vec<f64>>> = Mutex::new(vec![vec![]; programs.len()]);
    pool.install(|| {
        jobs::in_order(programs.len(), progress, |at| {
            let state = jobs::reduce(&programs[at], &inputs)?;
            results.lock().expect("no worker panicked")[at] = programs[at].results(&state);
            progress.add(programs[at].read_bytes());
            Ok(())
        })
    })?;
    inputs.verify()?;
    Ok(results.into_inner().expect("no worker panicked"))
}
