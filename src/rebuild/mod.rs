//! What a build may take from an earlier one.
//!
//! Every tensor of an output has keys over all that its bytes depend on: program, types, shares, methods and their
//! versions, and the bytes of inputs that it is made from.  One function tells these facts; whoever listens makes
//! keys of them or sentences, so that what explains a rebuild is what decides it.
//!
//! A first build must not read inputs only to know them, so the bytes of inputs are named in two ways: by the identity,
//! size and times of their file (on one machine, at no cost), and by digests of content where something has taken them
//! already.  Tensors with one equal key are the same.
//!
//! What was built is remembered in a [`Record`] outside of the output.  A record is a claim, not a proof: bytes are taken
//! from an output whose file is as it was left, or whose bytes have the sum that was taken when they were written.

mod decide;
mod describe;
mod explain;
mod manifest;
mod record;
mod sources;
pub mod sum;

pub use decide::Again;
pub use decide::Fate;
pub use decide::Old;
pub use decide::decide;
pub use describe::described;
pub use describe::plan_digest;
pub use explain::explain;
pub use manifest::Described;
pub use manifest::Lines;
pub use record::File;
pub use record::Record;
pub use record::Row;
pub use sources::Digests;
pub use sources::Sources;
