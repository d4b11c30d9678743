//! Linear forms: what one tensor of a value is made of.

use super::ExprId;
use super::InputId;
use super::Turned;
use crate::field::Weight;
use crate::methods::CallOn;
use crate::methods::Method;
use crate::text::Site;
use smallvec::SmallVec;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
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
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    pub terms: SmallVec<[(Atom, Weight); 3]>,
    /// Σ shares of points: 1 for a model, 0 for a difference.
    pub total: Weight,
    /// Σ |share| before cancelling, where it is largest: the scale for "is this total 1".
    pub scale: f64,
}

impl Default for Form {
    fn default() -> Form {
        Form { terms: SmallVec::new(), total: Weight::ZERO, scale: 0.0 }
    }
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

/// The same, channel by channel.
pub fn snapped(share: &Weight) -> Weight {
    Weight::map(&[share], |x| snap(x[0]))
}

impl Form {
    /// One atom with share 1; `total` is 1 for a point and 0 for a direction.
    pub fn atom(atom: Atom, total: f64) -> Form {
        Form { terms: SmallVec::from_iter([(atom, Weight::ONE)]), total: total.into(), scale: total }
    }

    /// The atom, where the form is one atom with share 1: then its bits are moved.
    pub fn whole(&self) -> Option<&Atom> {
        match self.terms.as_slice() {
            [(atom, share)] if share.is(1.0) => Some(atom),
            _ => None,
        }
    }

    /// Whether some share differs from channel to channel.
    pub fn has_channels(&self) -> bool {
        self.terms.iter().any(|term| term.1.number().is_none())
    }

    pub fn plus(mut self, other: &Form) -> Form {
        let sum = |a: &Weight, b: &Weight| Weight::map(&[a, b], |x| x[0] + x[1]);
        for (atom, share) in &other.terms {
            match self.terms.iter_mut().find(|term| term.0 == *atom) {
                Some(term) => term.1 = sum(&term.1, share),
                None => self.terms.push((atom.clone(), share.clone())),
            }
        }
        self.total = sum(&self.total, &other.total);
        self.scale += other.scale;
        self
    }

    pub fn scaled(self, factor: &Weight) -> Form {
        let scale = factor.magnitude();
        self.each(scale, |share| Weight::map(&[share, factor], |x| x[0] * x[1]))
    }

    /// Divided, not multiplied by the inverse: (a + b + c) / 3 has shares that sum to 1.
    pub fn divided(self, by: &Weight) -> Form {
        let scale = 1.0 / by.values().iter().fold(f64::INFINITY, |so_far, value| value.abs().min(so_far));
        self.each(scale, |share| Weight::map(&[share, by], |x| x[0] / x[1]))
    }

    fn each(mut self, scale: f64, change: impl Fn(&Weight) -> Weight) -> Form {
        self.terms.iter_mut().for_each(|term| term.1 = change(&term.1));
        self.total = change(&self.total);
        self.scale *= scale;
        self
    }

    /// The terms that count, shares snapped.
    pub fn finished(&self) -> Form {
        let terms = self.terms.iter().map(|(atom, share)| (atom.clone(), snapped(share)));
        let terms = terms.filter(|term| !term.1.is(0.0)).collect();
        Form { terms, total: self.total.clone(), scale: self.scale }
    }

    /// Whether the total is `target` in every channel, up to the rounding of the decimals.
    pub fn has_total(&self, target: f64) -> bool {
        self.total.values().iter().all(|total| self.is_total(*total, target))
    }

    /// A total that is not the target: the farthest from it.
    pub fn wrong_total(&self, target: f64) -> f64 {
        let far = |a: &&f64, b: &&f64| (*a - target).abs().total_cmp(&(*b - target).abs());
        self.total.values().iter().max_by(far).copied().unwrap_or(target)
    }

    fn is_total(&self, total: f64, target: f64) -> bool {
        (total - target).abs() <= 1e-9 * self.scale.max(1.0)
    }
}

impl CallInstance {
    /// Equal for calls that do the same.
    pub fn likeness(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.method.name.hash(&mut hasher);
        self.turned.as_ref().map(|turned| turned.align).hash(&mut hasher);
        for form in &self.inputs {
            for (atom, share) in &form.terms {
                atom.hash(&mut hasher);
                share.number().map(f64::to_bits).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// Whether both do the same, wherever they stand.
    pub fn does_what(&self, other: &CallInstance) -> bool {
        self.method == other.method && self.on == other.on && self.turned == other.turned && self.inputs == other.inputs
    }
}

/// A method called on one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct CallInstance {
    pub method: &'static Method,
    /// Finished forms of the inputs at this tensor.
    pub inputs: Vec<Form>,
    pub on: CallOn,
    /// Of `align`: which axes change places.
    pub turned: Option<Turned>,
    pub site: Site,
}
