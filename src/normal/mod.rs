//! The normal form of a recipe: what it means, without how it is written.  It needs no input file.
//!
//! Functions and imports are expanded, names are gone (a model is its path and options), constants are folded, linear
//! parts are sums of shares in order of first appearance, arms stay in order, outputs and claims are sorted; methods stand
//! with their versions.  So renaming, reordering, reformatting, comments, `0.50` for `0.5`, a `let` or function that is
//! inlined all keep it.  The other way holds strictly: recipes of one normal form give the same tensors, to the bit, and
//! the same verdicts; folding therefore never regroups arithmetic that rounds.
//!
//! It is kept as terms: a head, perhaps a text, and parts; equal terms are one.  What takes terms in is a [`Manifest`].
//! There are two: [`Digest`], which makes the *semantic hash*, and [`story`], which prints the form.  Both see the same terms,
//! so that what is printed is what is hashed.

mod build;
mod linear;
mod pattern;
pub mod story;
mod terms;

pub use build::of;
pub use terms::Digest;
pub use terms::Manifest;
pub use terms::Normal;
pub use terms::Term;
pub use terms::TermId;

/// The edition of the language that recipes are read in.
pub const EDITION: u32 = 1;
