//! Spherical linear interpolation of two models, tensor by tensor.
//!
//! # Formula
//! out = sin((1 − t) ω) / sin ω · a + sin(t ω) / sin ω · b, where ω is the angle between a and b, each seen as one
//! long vector
//! # Reference
//! Shoemake 1985, "Animating rotation with quaternion curves"; thresholds as mergekit 0.1.5.
//! # Kinds
//! point, point, weight -> point
//! # Numerics
//! Norms and product are sums in f64 over fixed blocks; a vector no longer than 1e-8 is not normalised; the cosine is
//! clamped to [−1, 1]; beyond |cos ω| > 0.9995 the straight line (1 − t) a + t b is taken. The two factors are f64,
//! rounded once. A t within 1e-12 of 0 or 1 gives the bits of a or b, and the other is not read.
//! # Example
//! ```blend
//! let out = slerp(a, b, 0.5)
//! ```

use super::CallOn;
use super::Inputs;
use super::Lower;
use super::Method;
use super::OptionKind;
use super::OptionSpec;
use super::OptionValue;
use super::Role;
use crate::tile::Builder;
use crate::tile::NodeId;
use crate::tile::Scalar;
use crate::tile::ScalarId;
use crate::tile::Share;

/// Shorter vectors are not normalised.
const SHORT: f64 = 1e-8;
/// From this cosine on the line is straight.
const STRAIGHT: f64 = 0.9995;

/// This near to 0 or 1 a t is 0 or 1.
const SNAP: f64 = 1e-12;

pub static METHOD: Method = Method {
    name: "slerp",
    version: 1,
    inputs: Inputs::Named(&["a", "b"]),
    wants: Role::Point,
    gives: Role::Point,
    input_options: &[],
    options: &[OptionSpec {
        name: "t",
        kind: OptionKind::Weight { default: None },
        help: "0 gives the first model, 1 the second",
    }],
    lower: Lower::Tiles(lower),
    source: include_str!("slerp.rs"),
};

fn lower(b: &mut Builder, inputs: &[NodeId], on: &CallOn) -> NodeId {
    let t = if let Some(OptionValue::Number(t)) = on.options.first() { *t } else { 0.0 };
    let (x, y) = (inputs[0], inputs[1]);
    // As for shares: what is 0 or 1 up to the rounding of decimals moves bits.
    if t.abs() <= SNAP || (t - 1.0).abs() <= SNAP {
        return if t < 0.5 { x } else { y };
    }
    let product = b.dot(x, y);
    let (norm_x, norm_y) = (norm(b, x), norm(b, y));
    let scaled = b.calc(Scalar::Div(product, norm_x));
    let scaled = b.calc(Scalar::Div(scaled, norm_y));
    let cosine = b.calc(Scalar::Clamp(scaled, -1.0, 1.0));
    let size = b.calc(Scalar::Abs(cosine));
    let limit = b.number(STRAIGHT);
    let straight = b.calc(Scalar::Greater(size, limit));
    let angle = b.calc(Scalar::Acos(cosine));
    let sine = b.calc(Scalar::Sin(angle));
    let factor = |b: &mut Builder, part: f64| {
        let line = b.number(part);
        let share = b.calc(Scalar::Mul(line, angle));
        let share = b.calc(Scalar::Sin(share));
        let curved = b.calc(Scalar::Div(share, sine));
        b.calc(Scalar::Select(straight, line, curved))
    };
    let (first, second) = (factor(b, 1.0 - t), factor(b, t));
    b.linear(&[(Share::Scalar(first), x), (Share::Scalar(second), y)])
}

/// The length of a vector, or 1 when it is too short to be normalised.
fn norm(b: &mut Builder, x: NodeId) -> ScalarId {
    let square = b.dot(x, x);
    let length = b.calc(Scalar::Sqrt(square));
    let (short, one) = (b.number(SHORT), b.number(1.0));
    let long_enough = b.calc(Scalar::Greater(length, short));
    b.calc(Scalar::Select(long_enough, length, one))
}
