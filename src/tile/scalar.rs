//! Arithmetic on the results of reductions, in f64; transcendental functions from `libm`.

use super::NodeId;

/// Index of a scalar in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScalarId(pub u32);

/// A scalar of a program.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Const(f64),
    /// Σ x over the whole tensor.
    Sum(NodeId),
    /// Σ x·y over the whole tensor.
    Dot(NodeId, NodeId),
    /// The largest x of the whole tensor, at least 0; NaN is passed over.
    Max(NodeId),
    Add(ScalarId, ScalarId),
    Sub(ScalarId, ScalarId),
    Mul(ScalarId, ScalarId),
    Div(ScalarId, ScalarId),
    Sqrt(ScalarId),
    Sin(ScalarId),
    Acos(ScalarId),
    Abs(ScalarId),
    /// At least the first, at most the last.
    Clamp(ScalarId, f64, f64),
    /// 1 where the first is greater, else 0.
    Greater(ScalarId, ScalarId),
    /// The second where the first is not 0, else the third.
    Select(ScalarId, ScalarId, ScalarId),
}

impl Scalar {
    pub fn is_reduction(&self) -> bool {
        matches!(self, Scalar::Sum(_) | Scalar::Dot(..) | Scalar::Max(_))
    }

    /// The value from those before it; reductions have theirs already.
    pub fn value(&self, of: &[f64], reduced: f64) -> f64 {
        let get = |id: &ScalarId| of[id.0 as usize];
        match self {
            Scalar::Const(value) => *value,
            Scalar::Sum(_) | Scalar::Dot(..) | Scalar::Max(_) => reduced,
            Scalar::Add(a, b) => get(a) + get(b),
            Scalar::Sub(a, b) => get(a) - get(b),
            Scalar::Mul(a, b) => get(a) * get(b),
            Scalar::Div(a, b) => get(a) / get(b),
            Scalar::Sqrt(a) => libm::sqrt(get(a)),
            Scalar::Sin(a) => libm::sin(get(a)),
            Scalar::Acos(a) => libm::acos(get(a)),
            Scalar::Abs(a) => get(a).abs(),
            Scalar::Clamp(a, low, high) => get(a).clamp(*low, *high),
            Scalar::Greater(a, b) => f64::from(u8::from(get(a) > get(b))),
            Scalar::Select(condition, yes, no) => get(if get(condition) != 0.0 { yes } else { no }),
        }
    }

    /// The scalars that it is made of.
    pub fn inputs(&self) -> Vec<ScalarId> {
        match self {
            Scalar::Const(_) | Scalar::Sum(_) | Scalar::Dot(..) | Scalar::Max(_) => vec![],
            Scalar::Add(a, b) | Scalar::Sub(a, b) | Scalar::Mul(a, b) | Scalar::Div(a, b) | Scalar::Greater(a, b) => {
                vec![*a, *b]
            }
            Scalar::Sqrt(a) | Scalar::Sin(a) | Scalar::Acos(a) | Scalar::Abs(a) | Scalar::Clamp(a, _, _) => vec![*a],
            Scalar::Select(a, b, c) => vec![*a, *b, *c],
        }
    }
}
