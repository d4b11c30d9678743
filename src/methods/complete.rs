//! A model with what it lacks taken from another.
//!
//! # Formula
//! out = a where a has the tensor, else from
//! # Reference
//! The `passthrough` of single tensors that merge scripts do by hand.
//! # Kinds
//! combination, combination -> combination
//! # Numerics
//! None: bits are moved.
//! # Example
//! ```blend
//! let whole = complete(faces, from = base)
//! ```

use super::Inputs;
use super::Lower;
use super::Method;
use super::Role;

pub static METHOD: Method = Method {
    name: "complete",
    version: 1,
    inputs: Inputs::Named(&["a", "from"]),
    wants: Role::Point,
    gives: Role::Point,
    input_options: &[],
    options: &[],
    lower: Lower::Keys,
    alone: |_| None,
    source: include_str!("complete.rs"),
};
