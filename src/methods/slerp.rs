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
    alone,
    source: include_str!("slerp.rs"),
};

/// As for shares: a t that is 0 or 1 up to the rounding of decimals moves bits.
fn alone(on: &CallOn) -> Option<usize> {
    match on.options.first() {
        Some(OptionValue::Number(t)) if t.abs() <= SNAP => Some(0),
        Some(OptionValue::Number(t)) if (t - 1.0).abs() <= SNAP => Some(1),
        _ => None,
    }
}

fn lower(b: &mut Builder, inputs: &[NodeId], on: &CallOn) -> NodeId {
    let t = if let Some(OptionValue::Number(t)) = on.options.first() { *t } else { 0.0 };
    let (x, y) = (inputs[0], inputs[1]);
    if let Some(input) = alone(on) {
        return inputs[input];
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

#[cfg(test)]
mod tests {
    use super::CallOn;
    use super::Lower;
    use super::METHOD;
    use super::OptionValue;
    use crate::tensor::Dtype;
    use crate::tile::Builder;
    use crate::tile::Program;
    use crate::tile::tests::FLOATS;
    use crate::tile::tests::Memory;
    use crate::tile::tests::bytes;
    use crate::tile::tests::goldens;
    use crate::tile::tests::nearest;
    use crate::tile::tests::numbers;
    use crate::tile::tests::plain;
    use crate::tile::tests::reductions::sum;
    use crate::tile::tests::reductions::values;
    use crate::tile::tests::run;

    fn program(dtype: Dtype, count: usize, t: f64) -> Program {
        let mut b = Builder::new([count as u64].into_iter().collect());
        let inputs = [b.load(plain(0, dtype, count)), b.load(plain(1, dtype, count))];
        let on = CallOn { inputs: vec![vec![], vec![]], options: vec![OptionValue::Number(t)] };
        let Lower::Tiles(lower) = METHOD.lower else { panic!("slerp is computed") };
        let out = lower(&mut b, &inputs, &on);
        b.finish(out, dtype, false)
    }

    /// The factors of mergekit's formula.
    fn factors(x: &[f64], y: &[f64], t: f64) -> (f64, f64) {
        let dot = |x: &[f64], y: &[f64]| sum(&x.iter().zip(y).map(|(x, y)| x * y).collect::<Vec<_>>());
        let norm = |x: &[f64]| Some(dot(x, x).sqrt()).filter(|norm| *norm > 1e-8).unwrap_or(1.0);
        let cosine = (dot(x, y) / norm(x) / norm(y)).clamp(-1.0, 1.0);
        if cosine.abs() > 0.9995 {
            return (1.0 - t, t);
        }
        let angle = libm::acos(cosine);
        (libm::sin((1.0 - t) * angle) / libm::sin(angle), libm::sin(t * angle) / libm::sin(angle))
    }

    #[track_caller]
    fn check(dtype: Dtype, files: Vec<Vec<u8>>, t: f64) {
        let (x, y) = (values(dtype, &files[0]), values(dtype, &files[1]));
        let (first, second) = factors(&x, &y, t);
        let wide = dtype == Dtype::F64;
        let short = |x: f64| if wide { x } else { f64::from(x as f32) };
        let one = |(x, y): (&f64, &f64)| short(short(short(first) * x) + short(short(second) * y));
        let expected: Vec<u8> = x.iter().zip(&y).flat_map(|pair| bytes(dtype, nearest(dtype, one(pair)))).collect();
        let program = program(dtype, x.len(), t);
        let memory = Memory::new(files);
        for range in [999, 65_536, 1 << 40] {
            assert!(run(&program, &memory, range).0 == expected, "slerp of {dtype} at {t}, ranges of {range}");
        }
    }

    #[test]
    fn slerp_is_its_formula() {
        let count = 70_003;
        for dtype in FLOATS {
            let far = vec![numbers(dtype, count, 1, false), numbers(dtype, count, 2, false)];
            for t in [0.25, 0.5, 1.5, -0.3] {
                check(dtype, far.clone(), t);
            }
            // Equal, antiparallel, one of them zero, both.
            let opposite = values(dtype, &far[0]).iter().flat_map(|x| bytes(dtype, -x)).collect();
            let zero = vec![0; far[0].len()];
            check(dtype, vec![far[0].clone(), far[0].clone()], 0.3);
            check(dtype, vec![far[0].clone(), opposite], 0.3);
            check(dtype, vec![far[0].clone(), zero.clone()], 0.3);
            check(dtype, vec![zero.clone(), zero], 0.3);
        }
    }

    /// At the ends the bits of one input come out, NaNs and −0 too, and the other is not read.
    #[test]
    fn slerp_at_its_ends_moves_bits() {
        for dtype in FLOATS {
            let memory = Memory::new(vec![numbers(dtype, 5000, 1, true), numbers(dtype, 5000, 2, true)]);
            for (t, from) in [(0.0, 0), (1.0, 1), (1e-13, 0), (1.0 - 1e-13, 1)] {
                let program = program(dtype, 5000, t);
                assert!(run(&program, &memory, 1000).0 == memory.files[from], "{dtype} at {t}");
                assert_eq!(program.read_bytes(), 5000 * dtype.bytes());
                assert_eq!(program.stages, 0);
            }
        }
    }

    /// The norm stays between those of the inputs on the arc, as it does not on the line.
    #[test]
    fn slerp_keeps_lengths() {
        let files: Vec<Vec<u8>> = (1..3).map(|seed| numbers(Dtype::F32, 9000, seed, false)).collect();
        let length = |stored: &[u8]| sum(&values(Dtype::F32, stored).iter().map(|x| x * x).collect::<Vec<_>>()).sqrt();
        let ends = [length(&files[0]), length(&files[1])];
        let middle = length(&run(&program(Dtype::F32, 9000, 0.5), &Memory::new(files), 9000).0);
        assert!(middle > 0.99 * ends[0].min(ends[1]) && middle < 1.01 * ends[0].max(ends[1]), "{middle} of {ends:?}");
    }

    /// NumPy's reading.  Its angle may differ in the last digits of f64: so may f64 results.
    #[test]
    fn slerp_is_that_of_numpy() {
        for case in goldens::cases("slerps") {
            let dtype = goldens::dtype(&case["type"]);
            let files = goldens::files(&case["values"]);
            let t = case["t"].as_f64().expect("a number");
            let out = run(&program(dtype, 24, t), &Memory::new(files), 24).0;
            let expected = goldens::unhex(&case["expected"]);
            if dtype == Dtype::F64 {
                for (out, expected) in values(dtype, &out).iter().zip(values(dtype, &expected)) {
                    assert!((out - expected).abs() <= 1e-14 * expected.abs().max(1.0), "{out} {expected}");
                }
            } else {
                assert_eq!(out, expected, "slerp of {dtype} at {t}");
            }
        }
    }
}
