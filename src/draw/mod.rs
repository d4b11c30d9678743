//! Pictures of the models of a recipe, without writing any: what a drawing needs is computed into memory, and the next
//! model takes over every tensor that it has in common with the one before.

pub mod fingerprint;
pub mod shares;
pub mod show;
pub mod subject;
pub mod wish;

pub use crate::exec::easel::Easel;
pub use crate::exec::easel::Put;

use crate::diag::Problem;
use crate::store::Inputs;
use crate::tensor::FileInfo;

/// Opens the files that drawings load from, for the time that they are drawn.  Errors: those of reading.
pub fn open(files: &[FileInfo]) -> Result<Inputs, Problem> {
    Inputs::open(files)
}
