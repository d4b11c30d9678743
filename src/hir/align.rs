//! What `align` has to find: an order of channels per channel space, so that a model is like another.

use super::ExprId;
use super::Form;
use crate::tensor::Shape;
use crate::text::Site;
use std::sync::Arc;

/// Axes of a tensor that change places with the channel spaces that they index.
#[derive(Clone, Debug, PartialEq)]
pub struct Turned {
    /// The call of `align`.
    pub align: ExprId,
    /// Canonical axis and channel space.
    pub axes: Vec<(usize, Arc<str>)>,
}

/// A call of `align`, on all tensors that tell something about its channel spaces; calls that ask the same are one.
#[derive(Clone, Debug)]
pub struct Alignment {
    pub exprs: Vec<ExprId>,
    /// As the recipe writes it.
    pub text: String,
    pub site: Site,
    pub seed: u64,
    pub spaces: Vec<FreeSpace>,
    pub tensors: Vec<Matched>,
}

/// A channel space whose channels may change places.
#[derive(Clone, Debug, PartialEq)]
pub struct FreeSpace {
    pub name: Arc<str>,
    pub channels: u64,
    /// So many keep together; divides `channels`.
    pub block: u64,
    /// The space whose blocks these go with: as many to each.
    pub under: Option<usize>,
}

/// A tensor of both models.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// Canonical name.
    pub name: Arc<str>,
    /// Canonical shape.
    pub shape: Shape,
    /// What is aligned: tensors of inputs with numbers as shares.
    pub model: Form,
    /// What it is aligned to.
    pub to: Form,
    /// Canonical axis and index of its space.
    pub axes: Vec<(usize, usize)>,
}

impl Alignment {
    pub fn space(&self, name: &str) -> Option<usize> {
        self.spaces.iter().position(|space| *space.name == *name)
    }
}
