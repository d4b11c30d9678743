//! The functions on weights, in f64; transcendental ones from `libm`, so that a weight is the same on every machine.

use super::eval::FaultKind;
use super::eval::Value;
use crate::hir::Function;
use crate::tensor::Coord;

/// The coordinate that a function asks by itself.
pub fn coordinate_of(function: Function) -> Option<Coord> {
    match function {
        Function::Gradient => Some(Coord::Depth),
        Function::Octaves => Some(Coord::Octave),
        Function::Positions => Some(Coord::Position),
        _ => None,
    }
}

/// A function of numbers; `at` is the coordinate of [`coordinate_of`].
pub fn apply(
    function: Function,
    x: &[f64],
    list: Option<&[(Option<Value>, Value)]>,
    at: Option<f64>,
) -> Result<f64, FaultKind> {
    let at = at.unwrap_or(0.0);
    let list = list.unwrap_or(&[]);
    Ok(match function {
        Function::Step => f64::from(u8::from(x[0] >= x[1])),
        Function::Ramp => share_between(x[0], x[1], x[2])?,
        Function::Smoothstep => {
            let t = share_between(x[0], x[1], x[2])?;
            t * t * (3.0 - 2.0 * t)
        }
        Function::Logistic if x[2] == 0.0 => return Err(FaultKind::Number("a width of 0")),
        Function::Logistic => 1.0 / (1.0 + libm::exp(-(x[0] - x[1]) / x[2])),
        Function::Curve => curve(x[0], list)?,
        Function::Gradient => {
            let values = numbers(list);
            let scaled = at * (values.len() - 1) as f64;
            let low = (scaled.floor() as usize).min(values.len() - 1);
            let high = (low + 1).min(values.len() - 1);
            between(values[low], values[high], scaled - low as f64)
        }
        Function::Octaves => item(list, Coord::Octave, at, at - 2.0)?,
        Function::Positions => item(list, Coord::Position, at, at)?,
        Function::Min => x.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Max => x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Function::Clamp if x[1] > x[2] => return Err(FaultKind::Number("bounds of `clamp` in the wrong order")),
        Function::Clamp => x[0].clamp(x[1], x[2]),
        Function::Abs => x[0].abs(),
        Function::Exp => libm::exp(x[0]),
        Function::Log2 if x[0] <= 0.0 => return Err(FaultKind::Number("a logarithm of 0 or less")),
        Function::Log2 => libm::log2(x[0]),
        Function::Sqrt if x[0] < 0.0 => return Err(FaultKind::Number("a square root of a negative number")),
        Function::Sqrt => libm::sqrt(x[0]),
    })
}

/// Where x lies between two numbers: 0 at `lo`, 1 at `hi`, clamped.
fn share_between(x: f64, lo: f64, hi: f64) -> Result<f64, FaultKind> {
    if lo == hi {
        return Err(FaultKind::Number("equal bounds of a ramp"));
    }
    Ok(((x - lo) / (hi - lo)).clamp(0.0, 1.0))
}

/// Exact at both ends.
fn between(a: f64, b: f64, t: f64) -> f64 {
    if t == 0.0 { a } else { (1.0 - t) * a + t * b }
}

fn numbers(list: &[(Option<Value>, Value)]) -> Vec<f64> {
    list.iter().map(|(_, value)| if let Value::Number(number) = value { *number } else { f64::NAN }).collect()
}

/// Piecewise linear through the points, clamped outside.
fn curve(x: f64, list: &[(Option<Value>, Value)]) -> Result<f64, FaultKind> {
    let point = |item: &(Option<Value>, Value)| match item {
        (Some(Value::Number(key)), Value::Number(value)) => (*key, *value),
        _ => (f64::NAN, f64::NAN),
    };
    let mut points: Vec<(f64, f64)> = list.iter().map(point).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(FaultKind::Number("two points of a curve at one place"));
    }
    let after = points.partition_point(|point| point.0 < x);
    Ok(match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (_, Some(&(at, value))) if at == x => value,
        (Some((x0, y0)), Some(&(x1, y1))) => between(y0, y1, (x - x0) / (x1 - x0)),
        (None, Some(&(_, value))) | (Some((_, value)), None) => value,
        (None, None) => f64::NAN,
    })
}

fn item(list: &[(Option<Value>, Value)], coord: Coord, at: f64, index: f64) -> Result<f64, FaultKind> {
    let fits = index >= 0.0 && index.fract() == 0.0 && (index as usize) < list.len();
    match list.get(if fits { index as usize } else { usize::MAX }) {
        Some((_, Value::Number(number))) => Ok(*number),
        _ => Err(FaultKind::ListTooShort(coord, at, list.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::apply;
    use crate::check::eval::Value;
    use crate::hir::Function;

    #[track_caller]
    fn check(function: Function, x: &[f64], list: &[(f64, f64)], at: f64, expected: f64) {
        let list: Vec<_> = list.iter().map(|&(key, value)| (Some(Value::Number(key)), Value::Number(value))).collect();
        assert_eq!(apply(function, x, Some(&list), Some(at)), Ok(expected));
    }

    #[test]
    fn functions() {
        check(Function::Step, &[16.0, 16.0], &[], 0.0, 1.0);
        check(Function::Step, &[15.0, 16.0], &[], 0.0, 0.0);
        check(Function::Ramp, &[3.0, 2.0, 6.0], &[], 0.0, 0.25);
        check(Function::Ramp, &[3.0, 6.0, 2.0], &[], 0.0, 0.75);
        check(Function::Smoothstep, &[4.0, 3.0, 5.0], &[], 0.0, 0.5);
        check(Function::Logistic, &[6.0, 6.0, 2.0], &[], 0.0, 0.5);
        check(Function::Curve, &[18.0], &[(32.0, 0.5), (4.0, 1.0)], 0.0, 0.75);
        check(Function::Curve, &[2.0], &[(4.0, 1.0), (32.0, 0.5)], 0.0, 1.0);
        check(Function::Curve, &[64.0], &[(4.0, 1.0), (32.0, 0.5)], 0.0, 0.5);
        check(Function::Gradient, &[], &[(0.0, 0.0), (0.0, 0.3), (0.0, 1.0)], 0.75, 0.65);
        check(Function::Octaves, &[], &[(0.0, 0.1), (0.0, 0.2)], 3.0, 0.2);
        check(Function::Max, &[1.0, 5.0, 3.0], &[], 0.0, 5.0);
        check(Function::Log2, &[32.0], &[], 0.0, 5.0);
    }

    #[test]
    fn outside_their_domain() {
        for (function, x) in [
            (Function::Log2, vec![0.0]),
            (Function::Sqrt, vec![-1.0]),
            (Function::Ramp, vec![1.0, 2.0, 2.0]),
            (Function::Clamp, vec![1.0, 3.0, 2.0]),
            (Function::Logistic, vec![1.0, 3.0, 0.0]),
        ] {
            assert!(apply(function, &x, None, None).is_err(), "{function:?} of {x:?}");
        }
    }
}
