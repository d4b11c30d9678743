//! How a canonical tensor lies in the bytes of a stored one.

use super::Shape;
use super::elems;

/// A strided view: canonical element `i` (row-major over `shape`) stands at stored element
/// `base + Σ indexₖ·strideₖ`.  Dropped and added axes, reshapes, transposes and flips are all views.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Canonical shape.
    pub shape: Shape,
    /// Stored element that canonical element 0 is; non-zero after a flip.
    pub base: u64,
    /// Per canonical axis, in elements.
    pub strides: smallvec::SmallVec<[i64; 4]>,
}

impl View {
    /// The view of a row-major tensor of this shape.
    pub fn contiguous(shape: &[u64]) -> View {
        let mut strides: smallvec::SmallVec<[i64; 4]> = smallvec::SmallVec::from_elem(1, shape.len());
        for axis in (1..shape.len()).rev() {
            // Sizes of an empty tensor may be anything: its strides are never used.
            strides[axis - 1] = strides[axis].wrapping_mul(shape[axis].max(1) as i64);
        }
        View { shape: shape.into(), base: 0, strides }
    }

    /// True when canonical order is stored order, so that bytes may be moved.
    pub fn is_contiguous(&self) -> bool {
        let plain = View::contiguous(&self.shape);
        let same = |axis: usize| self.shape[axis] <= 1 || self.strides[axis] == plain.strides[axis];
        elems(&self.shape) == 0 || (self.base == 0 && (0..self.shape.len()).all(same))
    }
}

/// What is done to a stored value to get the canonical one: `value * scale + add`, in this order, in f32 (f64 for f64).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    pub scale: f64,
    pub add: f64,
}

impl Affine {
    pub const IDENTITY: Affine = Affine { scale: 1.0, add: 0.0 };

    pub fn is_identity(self) -> bool {
        self == Affine::IDENTITY
    }
}
