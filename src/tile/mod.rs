//! The tile IR: what is computed for one tensor, as a program of few operations, each with one meaning.
//!
//! `plan` builds programs with [`Builder`]; `exec` runs them.  A program is cut at its reductions into stages: each
//! stage streams the loads once, in blocks of 65,536 elements; then [`Program::evaluate`] streams them again for the
//! result.  Nothing is materialised.
//!
//! Invariant: the bytes of a result do not depend on how its elements are cut into ranges or who evaluates them.

mod blocks;
mod builder;
mod cast;
mod channels;
mod gather;
mod kernels;
mod load;
mod moved;
mod ops;
mod program;
mod real;
mod rows;
mod run;
mod scalar;
mod stored;

pub use builder::Builder;
pub use channels::Ground;
pub use channels::Placed;
pub use load::Fetch;
pub use load::Load;
pub use program::Binary;
pub use program::Node;
pub use program::NodeId;
pub use program::Program;
pub use program::Share;
pub use program::Unary;
pub use rows::ByRow;
pub use rows::Meet;
pub use rows::Rows;
pub use run::Scratch;
pub use run::State;
pub use scalar::Scalar;
pub use scalar::ScalarId;

/// Elements of one reduction block (law 1).
pub const BLOCK: u64 = 65_536;

/// Elements that one operation works on at a time: small enough that all operands stay in the first cache levels.
pub const TILE: usize = 4_096;

/// What went wrong with values while evaluating: summed over ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Finite values that the output type cannot hold.
    pub overflows: u64,
    /// The largest magnitude among them.
    pub largest: f64,
}

impl Tally {
    pub fn merge(self, other: Tally) -> Tally {
        Tally { overflows: self.overflows + other.overflows, largest: self.largest.max(other.largest) }
    }
}

#[cfg(test)]
pub(crate) mod tests;
