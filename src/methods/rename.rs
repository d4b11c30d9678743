//! A model with other tensor names: `*` is a part of a name, `**` any text, `$1`, `$2` … what they stood for.
//!
//! # Formula
//! out[new] = a[old]
//! # Reference
//! The renaming that merge scripts do by hand.
//! # Kinds
//! combination -> combination
//! # Numerics
//! None: bits are moved.
//! # Example
//! ```blend
//! let moved = rename(vae, "decoder.$1", "first_stage.decoder.$1")
//! ```

use super::Inputs;
use super::Lower;
use super::Method;
use super::Role;

pub static METHOD: Method = Method {
    name: "rename",
    version: 1,
    inputs: Inputs::Named(&["a", "old", "new"]),
    wants: Role::Point,
    gives: Role::Point,
    input_options: &[],
    options: &[],
    lower: Lower::Keys,
    alone: |_| None,
    source: include_str!("rename.rs"),
};
