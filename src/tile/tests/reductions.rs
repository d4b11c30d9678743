//! Sums over tensors: lanes, blocks, order.

use super::FLOATS;
use super::Memory;
use super::bits;
use super::numbers;
use super::plain;
use super::state;
use super::value;
use crate::tensor::Dtype;
use crate::tile::Binary;
use crate::tile::Builder;
use crate::tile::Scalar;
use crate::tile::Share;

/// Law 1, read naively: element i goes to lane i mod 16 of block ⌊i/65536⌋, lanes meet as in a tournament, blocks follow
/// each other.
pub fn sum(values: &[f64]) -> f64 {
    let block = |block: &[f64]| {
        let lanes: Vec<f64> = (0..16).map(|lane| block.iter().skip(lane).step_by(16).fold(0.0, |a, b| a + b)).collect();
        fn meet(lanes: &[f64]) -> f64 {
            if let [one] = lanes { *one } else { meet(&lanes[..lanes.len() / 2]) + meet(&lanes[lanes.len() / 2..]) }
        }
        meet(&lanes)
    };
    values.chunks(65_536).map(block).fold(0.0, |a, b| a + b)
}

pub fn values(dtype: Dtype, stored: &[u8]) -> Vec<f64> {
    (0..stored.len() / dtype.bytes() as usize).map(|at| value(dtype, bits(dtype, stored, at))).collect()
}

#[track_caller]
fn check(types: [Dtype; 2], count: usize) {
    let files = vec![numbers(types[0], count, 5, false), numbers(types[1], count, 6, false)];
    let (x, y) = (values(types[0], &files[0]), values(types[1], &files[1]));
    let product = |x: &[f64], y: &[f64]| sum(&x.iter().zip(y).map(|(x, y)| x * y).collect::<Vec<_>>());
    let expected = [product(&x, &y), product(&x, &x), product(&y, &y), sum(&x), sum(&y)];
    let expected: Vec<u64> = expected.into_iter().map(f64::to_bits).collect();
    // With all five sums, and with the three of an angle, which have a loop of their own.
    for wanted in [5, 3] {
        let mut b = Builder::new([count as u64].into_iter().collect());
        let (a, c) = (b.load(plain(0, types[0], count)), b.load(plain(1, types[1], count)));
        let mut sums = vec![b.dot(a, c), b.dot(a, a), b.dot(c, c)];
        if wanted == 5 {
            sums.extend([b.sum(a), b.sum(c)]);
        }
        let program = b.measure(sums);
        assert_eq!(program.stages, 1);
        for mapped in [false, true] {
            let memory = Memory { files: files.clone(), mapped, ..Memory::default() };
            let orders: [fn(u64) -> Vec<u64>; 3] = [
                |blocks| (0..blocks).collect(),
                |blocks| (0..blocks).rev().collect(),
                |blocks| (0..blocks).step_by(2).chain((1..blocks).step_by(2)).collect(),
            ];
            for order in orders {
                let found = program.results(&state(&program, &memory, order));
                let found: Vec<u64> = found.into_iter().map(f64::to_bits).collect();
                assert_eq!(found, expected[..wanted], "{types:?}, {count}");
            }
        }
    }
}

#[test]
fn sums_are_those_of_law_1() {
    for dtype in FLOATS {
        for count in [0, 1, 15, 16, 17, 4_095, 4_097, 65_536, 65_537, 200_003] {
            check([dtype, dtype], count);
        }
    }
    check([Dtype::BF16, Dtype::F32], 70_000);
    check([Dtype::F64, Dtype::F16], 70_000);
}

/// A share that hangs on a sum, in the operand of another sum, in a share: three passes.
#[test]
fn stages_follow_each_other() {
    let count = 70_001;
    let file = numbers(Dtype::F32, count, 8, false);
    let x = values(Dtype::F32, &file);
    let memory = Memory::new(vec![file]);
    let mut b = Builder::new([count as u64].into_iter().collect());
    let load = b.load(plain(0, Dtype::F32, count));
    let total = b.sum(load);
    let number = b.number(count as f64);
    let mean = b.calc(Scalar::Div(total, number));
    let one = b.constant(1.0);
    let centred = b.linear(&[(Share::Const(1.0), load), (Share::Scalar(mean), one)]);
    let square = b.dot(centred, centred);
    let length = b.calc(Scalar::Sqrt(square));
    let product = b.binary(Binary::Mul, centred, load);
    let scaled = b.linear(&[(Share::Scalar(length), product)]);
    let program = b.finish(scaled, Dtype::F32, false);
    assert_eq!((program.stages, program.read_bytes()), (2, 4 * count as u64));
    let mean = sum(&x) / count as f64;
    let centred: Vec<f32> = x.iter().map(|x| *x as f32 + mean as f32).collect();
    let squares: Vec<f64> = centred.iter().map(|x| f64::from(*x) * f64::from(*x)).collect();
    let length = sum(&squares).sqrt() as f32;
    let expected: Vec<u8> =
        centred.iter().zip(&x).flat_map(|(c, x)| (length * (c * *x as f32)).to_le_bytes()).collect();
    for range in [1000, 65_536, 1 << 40] {
        assert!(super::run(&program, &memory, range).0 == expected, "ranges of {range}");
    }
}

/// NaN and infinity reach the sum; nothing else happens.
#[test]
fn sums_of_odd_values() {
    for (odd, expected) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let file: Vec<u8> = [1.0, odd, 2.0].into_iter().flat_map(f32::to_le_bytes).collect();
        let memory = Memory::new(vec![file]);
        let mut b = Builder::new([3].into_iter().collect());
        let load = b.load(plain(0, Dtype::F32, 3));
        let sums = vec![b.sum(load)];
        let program = b.measure(sums);
        let found = program.results(&state(&program, &memory, |blocks| (0..blocks).collect()));
        assert_eq!(found[0].to_string(), expected);
    }
}

/// What the result does not need is not counted as read.
#[test]
fn only_what_counts_is_read() {
    let mut b = Builder::new([10].into_iter().collect());
    let (x, y) = (b.load(plain(0, Dtype::F16, 10)), b.load(plain(1, Dtype::F32, 10)));
    b.dot(x, y);
    assert_eq!(b.finish(x, Dtype::F16, false).read_bytes(), 20);
}
