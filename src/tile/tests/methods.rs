//! Methods that are computed, against their formulas in f64.

use super::FLOATS;
use super::Memory;
use super::bytes;
use super::nearest;
use super::numbers;
use super::plain;
use super::reductions::sum;
use super::reductions::values;
use super::run;
use crate::methods::CallOn;
use crate::methods::Lower;
use crate::methods::OptionValue;
use crate::methods::slerp;
use crate::tensor::Dtype;
use crate::tile::Builder;
use crate::tile::Program;

fn program(dtype: Dtype, count: usize, t: f64) -> Program {
    let mut b = Builder::new([count as u64].into_iter().collect());
    let inputs = [b.load(plain(0, dtype, count)), b.load(plain(1, dtype, count))];
    let on = CallOn { inputs: vec![vec![], vec![]], options: vec![OptionValue::Number(t)] };
    let Lower::Tiles(lower) = slerp::METHOD.lower else { panic!("slerp is computed") };
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
