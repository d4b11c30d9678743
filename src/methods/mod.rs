//! Merge methods: one file each, data plus one function that lowers a call on one tensor.

pub mod align;
pub mod complete;
pub mod linear;
pub mod mix;
pub mod rename;
pub mod slerp;

use crate::field::Weight;
use crate::tile::Builder;
use crate::tile::Ground;
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
    /// A whole number of 0 or more, the same for every tensor.
    Whole { default: u64 },
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
    /// A weight that differs from channel to channel; only of methods that are computed by row.
    ByChannel(Weight),
    Bool(bool),
    Word(&'static str),
}

impl OptionValue {
    /// As a recipe writes it.
    pub fn text(&self) -> String {
        match self {
            OptionValue::Number(number) => ((number * 1e6).round() / 1e6).to_string(),
            OptionValue::ByChannel(weight) => weight.to_string(),
            OptionValue::Bool(truth) => truth.to_string(),
            OptionValue::Word(word) => word.to_string(),
        }
    }
}

/// A call of a method on one tensor, options resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct CallOn {
    /// Per input, the values of `Method::input_options`, in that order.
    pub inputs: Vec<Vec<OptionValue>>,
    /// The values of `Method::options`, in that order.
    pub options: Vec<OptionValue>,
}

impl CallOn {
    /// The same call with other numbers, in order: those of the inputs' options, then those of the call.
    pub fn with_numbers(&self, numbers: &[f64]) -> CallOn {
        let mut on = self.clone();
        let all = on.inputs.iter_mut().flatten().chain(&mut on.options);
        let places =
            all.filter_map(|option| if let OptionValue::Number(number) = option { Some(number) } else { None });
        places.zip(numbers).for_each(|(place, number)| *place = *number);
        on
    }
}

/// How a call becomes work.
pub enum Lower {
    /// The result is Σ shareᵢ·inputᵢ; returns the shares in f64 (so the call flattens into the expression around it).
    /// An `Err` is the reason in the words of a diagnostic.
    Shares(fn(&CallOn) -> Result<Vec<f64>, String>),
    /// The result is computed: builds the tile program from the inputs' nodes.
    Tiles(fn(&mut Builder, &[NodeId], &CallOn) -> NodeId),
    /// As `Shares`; where `asks` holds and what follows a tensor divides its rows by their length, computed row by row.
    Rows {
        shares: fn(&CallOn) -> Result<Vec<f64>, String>,
        asks: fn(&CallOn) -> bool,
        tiles: fn(&mut Builder, &[NodeId], &CallOn, &Ground) -> NodeId,
    },
    /// Works on key sets and orders, not values (`complete`, `rename`, `align`): `check` knows it by name.
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
    /// The input whose bits are the result under these options, if there is one: the others are not asked (law 2).
    pub alone: fn(&CallOn) -> Option<usize>,
    /// The file's own module text (`include_str!` of itself): fixed headings, shown by `blend methods NAME`.
    pub source: &'static str,
}

impl std::fmt::Debug for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}

impl PartialEq for Method {
    fn eq(&self, other: &Method) -> bool {
        self.name == other.name
    }
}

/// Every method, in the order of their names.
pub static ALL: &[&Method] =
    &[&align::METHOD, &complete::METHOD, &linear::METHOD, &mix::METHOD, &rename::METHOD, &slerp::METHOD];

/// The method of a name.
pub fn find(name: &str) -> Option<&'static Method> {
    ALL.iter().find(|method| method.name == name).copied()
}

impl Method {
    /// The documentation: the module text of its file, without the comment signs.
    pub fn documentation(&self) -> String {
        let lines = self.source.lines().take_while(|line| line.starts_with("//!"));
        lines.map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or("")).collect::<Vec<_>>().join("\n")
    }

    /// The first line of the documentation.
    pub fn summary(&self) -> String {
        self.documentation().lines().next().unwrap_or("").trim_end_matches('.').to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::ALL;

    /// A file that is not registered, or lacks a heading, is told in words.
    #[test]
    fn every_method_file_is_registered_and_documented() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/methods");
        for entry in std::fs::read_dir(folder).expect("the folder of this file") {
            let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
            let Some(stem) = name.strip_suffix(".rs").filter(|stem| *stem != "mod") else { continue };
            let method = ALL.iter().find(|method| method.name == stem);
            let method = method.unwrap_or_else(|| panic!("methods/{name}: add `&{stem}::METHOD` to ALL"));
            for heading in ["# Formula", "# Reference", "# Kinds", "# Numerics", "# Example"] {
                assert!(method.documentation().contains(heading), "methods/{name} lacks the heading `{heading}`");
            }
        }
        assert!(ALL.is_sorted_by_key(|method| method.name), "ALL is in the order of names");
    }
}
