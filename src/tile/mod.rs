//! The tile IR: what is computed for one tensor, as a program of few operations, each with one meaning.
//!
//! Invariant: the bytes of a result do not depend on how its elements are cut into tiles or who evaluates them.
//! INTERFACE (settled; `plan` builds programs with `Builder`, `exec` runs them with the functions of `Program`):

use crate::tensor::Affine;
use crate::tensor::Dtype;
use crate::tensor::Shape;
use crate::tensor::View;

/// Index of a node in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Index of a scalar in a program: f64 arithmetic on results of reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScalarId(pub u32);

/// A stored tensor that a program reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Index into the plan's table of input files.
    pub file: usize,
    /// Absolute byte offset of stored element 0.
    pub offset: u64,
    /// Stored type.
    pub dtype: Dtype,
    pub view: View,
    pub affine: Affine,
}

/// Reads bytes of input files into a buffer.
pub trait Fetch: Sync {
    type Error: Send;
    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), Self::Error>;
}

/// What went wrong with values while evaluating: summed over tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Finite values that the output type cannot hold.
    pub overflows: u64,
    /// The largest magnitude among them.
    pub largest: f64,
}

/// Makes a program.
pub struct Builder {}

/// A program for one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// Canonical shape of the result.
    pub shape: Shape,
}
