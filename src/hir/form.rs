//! Linear forms: what one tensor of a value is made of.

use super::ExprId;
use super::InputId;
use crate::methods::CallOn;
use crate::methods::Method;
use crate::text::Site;
use smallvec::SmallVec;
use std::sync::Arc;

/// Something that is multiplied by a share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Atom {
    /// A tensor of an input, by canonical name.
    Tensor { input: InputId, name: Arc<str> },
    /// The result of a method: index into `Recipe::calls`.
    Call(u32),
    /// A value that has nothing at this tensor (outside its `where`): an error unless its share is 0.
    Absent(ExprId),
}

/// Σ shareᵢ·atomᵢ, atoms in order of first appearance; shares in f64, those within 1e-12 of 0 or 1 *are* 0 or 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form {
    pub terms: SmallVec<[(Atom, f64); 3]>,
    /// Σ shares of points: 1 for a model, 0 for a difference.
    pub total: f64,
    /// Σ |share| before cancelling: the scale for "is this total 1".
    pub scale: f64,
}

/// A share near 0 or 1 is 0 or 1.
pub fn snap(share: f64) -> f64 {
    if share.abs() <= 1e-12 {
        0.0
    } else if (share - 1.0).abs() <= 1e-12 {
        1.0
    } else {
        share
    }
}

impl Form {
    /// One atom with share 1; `total` is 1 for a point and 0 for a direction.
    pub fn atom(atom: Atom, total: f64) -> Form {
        Form { terms: SmallVec::from_iter([(atom, 1.0)]), total, scale: total }
    }

    pub fn plus(mut self, other: &Form) -> Form {
        for (atom, share) in &other.terms {
            match self.terms.iter_mut().find(|term| term.0 == *atom) {
                Some(term) => term.1 += share,
                None => self.terms.push((atom.clone(), *share)),
            }
        }
        self.total += other.total;
        self.scale += other.scale;
        self
    }

    pub fn scaled(mut self, factor: f64) -> Form {
        self.terms.iter_mut().for_each(|term| term.1 *= factor);
        self.total *= factor;
        self.scale *= factor.abs();
        self
    }

    /// The terms that count, shares snapped.
    pub fn finished(&self) -> Form {
        let terms = self.terms.iter().map(|(atom, share)| (atom.clone(), snap(*share))).filter(|term| term.1 != 0.0);
        Form { terms: terms.collect(), total: self.total, scale: self.scale }
    }

    /// Whether the total is `target`, up to the rounding of the decimals.
    pub fn has_total(&self, target: f64) -> bool {
        (self.total - target).abs() <= 1e-9 * self.scale.max(1.0)
    }
}

/// A method called on one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct CallInstance {
    pub method: &'static Method,
    /// Finished forms of the inputs at this tensor.
    pub inputs: Vec<Form>,
    pub on: CallOn,
    pub site: Site,
}
