//! A model whose channels stand where those of another do that are most like them.
//!
//! # Formula
//! out = P(model), with P the permutation of channels that makes Σ ⟨to, P(model)⟩ over all weights large: a channel
//! space after the other gets the best assignment while the others stay, until nothing changes
//! # Reference
//! Ainsworth, Hayase and Srinivasa 2022, "Git Re-Basin: merging models modulo permutation symmetries", arXiv
//! 2209.04836, section 3.2 (weight matching); assignments by shortest augmenting paths (Jonker and Volgenant 1987).
//! # Kinds
//! point, point -> point
//! # Numerics
//! Bits are moved, so the network computes what it did. Which channels may change places stands in the architecture's
//! file. Tables of products are f64 sums in the order of elements; spaces are visited in an order drawn from `seed`
//! (Philox4x32-10), at most 100 times each; a change must gain more than 1e-12 of the whole, and of equal assignments
//! the one that moves less is taken. A result does not depend on threads. Memory: the table of the largest space, n × n
//! f64.
//! # Example
//! ```blend
//! let toon = mix(faces, align(ink, to = faces), 0.5)
//! ```

use super::Inputs;
use super::Lower;
use super::Method;
use super::OptionKind;
use super::OptionSpec;
use super::Role;

pub static METHOD: Method = Method {
    name: "align",
    version: 1,
    inputs: Inputs::Named(&["model", "to"]),
    wants: Role::Point,
    gives: Role::Point,
    input_options: &[],
    options: &[OptionSpec {
        name: "seed",
        kind: OptionKind::Whole { default: 0 },
        help: "the order in which channel spaces are visited",
    }],
    lower: Lower::Keys,
    alone: |_| None,
    source: include_str!("align.rs"),
};
