//! What two recipes mean differently: tensors whose forms differ, grouped by where they are and by what has become of
//! them, and everything else that a recipe says.  Texts are compared only where recipes cannot be compiled
//! ([`text`]).  Checkpoints have [`weights`].
//!
//! It reads nothing: recipes come compiled, from headers alone.
//!
//! Invariant: what leaves the bytes of every output, the claims and the parameters as they are is no change: names of
//! values, layout, order of statements, a `let` put in its place.

mod claims;
mod curve;
mod facts;
mod forms;
mod groups;
mod json;
mod outputs;
mod places;
mod show;
pub mod text;
pub mod weights;

pub use json::json;
pub use show::Look;
pub use show::show;
pub use show::stat;

use crate::hir::Recipe;
use std::sync::Arc;

/// Something that is not about single tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub of: Of,
    /// Name of the input or parameter, path of the output, text of the claim.
    pub name: String,
    /// What of it has changed; empty for all of it.
    pub field: &'static str,
    /// `None` where it is new.
    pub before: Option<String>,
    /// `None` where it is gone.
    pub after: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Input,
    Param,
    Output,
    Assert,
}

impl Of {
    pub fn word(self) -> &'static str {
        match self {
            Of::Input => "input",
            Of::Param => "param",
            Of::Output => "output",
            Of::Assert => "assert",
        }
    }
}

/// What has become of some tensors of an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Where they are, in the words of the architecture: `resolution 16, conv0/conv1`.
    pub place: String,
    /// Values of the coordinate that places are told by; empty for what has none.
    pub at: Vec<f64>,
    /// The words in the place, without the coordinate.
    pub words: String,
    pub change: Change,
    pub tensors: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub what: What,
    /// The whole form, type or shape.
    pub before: String,
    pub after: String,
    /// Shares that differ, where both forms are sums of inputs with one number each.
    pub shares: Vec<Share>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    Weights,
    Type,
    Shape,
}

/// The share of an input before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub input: String,
    pub before: f64,
    pub after: f64,
}

/// An output that both recipes have.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Path as the recipe after writes it.
    pub path: String,
    /// Its options, and its path.
    pub facts: Vec<Fact>,
    pub groups: Vec<Group>,
    /// Tensors that only one has.
    pub added: Vec<Arc<str>>,
    pub removed: Vec<Arc<str>>,
    /// All tensors after, for globs.
    pub tensors: Vec<Arc<str>>,
    /// All tensors before.
    pub tensors_before: Vec<Arc<str>>,
    /// Tensors that both have and that are the same.
    pub unchanged: usize,
    /// What places are told by.
    pub coord: &'static str,
    pub curve: Option<Curve>,
}

impl Output {
    pub fn is_same(&self) -> bool {
        self.facts.is_empty() && self.groups.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }

    /// Tensors that both have and that differ.
    pub fn changed(&self) -> usize {
        self.tensors.len() - self.added.len() - self.unchanged
    }
}

/// Shares over the pyramid, of the inputs whose shares differ somewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// `map`, `4`, `8`, …
    pub places: Vec<String>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub input: String,
    /// Per place; `None` where the output has none.
    pub before: Vec<Option<f64>>,
    pub after: Vec<Option<f64>>,
}

/// All that has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    pub facts: Vec<Fact>,
    /// Outputs that both have, changed or not, in the order of the recipe after.
    pub outputs: Vec<Output>,
}

impl Changes {
    pub fn is_same(&self) -> bool {
        self.facts.is_empty() && self.outputs.iter().all(Output::is_same)
    }
}

/// Compares two recipes, compiled with the same settings.
pub fn recipes(before: &Recipe, after: &Recipe) -> Changes {
    let mut same = forms::Same::new(before, after);
    let mut facts = facts::inputs(&same);
    facts.extend(facts::params(before, after));
    let (outputs, pairs) = outputs::all(&mut same, &mut facts);
    facts.extend(claims::all(&mut same, &pairs));
    Changes { facts, outputs }
}
