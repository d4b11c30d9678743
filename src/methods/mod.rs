//! Merge methods: one file each, data plus one function that lowers a call on one tensor.

use crate::tile::Builder;
use crate::tile::NodeId;

/// What a method wants or gives: a point is a combination of total 1 (a model), a direction one of total 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Point,
    Direction,
}

/// Type and default of one option of a method.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionKind {
    /// A number that may differ per tensor; `None`: required.
    Weight { default: Option<f64> },
    /// The same for every tensor.
    Bool { default: bool },
    /// One word of a closed set; the first is the default.
    Word { words: &'static [&'static str] },
}

/// A named option.  Options of the call stand after its inputs (by name, or by position for the first ones listed);
/// options of an input stand in its braces.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionSpec {
    pub name: &'static str,
    pub kind: OptionKind,
    /// One line for `blend methods NAME`.
    pub help: &'static str,
}

/// How many inputs a method takes and what it calls them.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Exactly these, by position or by name.
    Named(&'static [&'static str]),
    /// At least this many, by position.
    Many { least: usize },
}

/// The value of an option on one tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    Number(f64),
    Bool(bool),
    Word(&'static str),
}

/// A call of a method on one tensor, options resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct CallOn {
    /// Per input, the values of `Method::input_options`, in that order.
    pub inputs: Vec<Vec<OptionValue>>,
    /// The values of `Method::options`, in that order.
    pub options: Vec<OptionValue>,
}

/// How a call becomes work.
pub enum Lower {
    /// The result is Σ shareᵢ·inputᵢ; returns the shares in f64 (so the call flattens into the expression around it).
    /// An `Err` is the reason in the words of a diagnostic.
    Shares(fn(&CallOn) -> Result<Vec<f64>, String>),
    /// The result is computed: builds the tile program from the inputs' nodes.
    Tiles(fn(&mut Builder, &[NodeId], &CallOn) -> NodeId),
    /// Works on key sets, not values (`complete`, `rename`): `check` knows it by name.
    Keys,
}

/// A merge method: data, documentation and one function.
pub struct Method {
    pub name: &'static str,
    /// Raised when output bytes change; part of the semantic hash.
    pub version: u32,
    pub inputs: Inputs,
    /// What every input must be.
    pub wants: Role,
    pub gives: Role,
    /// Options in the braces of each input.
    pub input_options: &'static [OptionSpec],
    /// Options of the call.
    pub options: &'static [OptionSpec],
    pub lower: Lower,
    /// The file's own module text (`include_str!` of itself): fixed headings, shown by `blend methods NAME`.
    pub source: &'static str,
}
