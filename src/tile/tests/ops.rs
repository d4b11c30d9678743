//! Every operation, in every type.

use super::Binary;
use super::Builder;
use super::Expr;
use super::FLOATS;
use super::Memory;
use super::Unary;
use super::check;
use super::numbers;
use super::plain;
use super::run;
use crate::tensor::Affine;
use crate::tensor::Dtype;

/// More than one tile, and no whole number of vectors.
const COUNT: usize = 4_096 + 133;

fn input(at: usize) -> Box<Expr> {
    Box::new(Expr::Input(at))
}

#[test]
fn unary_operations() {
    for op in [Unary::Neg, Unary::Abs, Unary::Sqrt, Unary::NonFinite] {
        for dtype in FLOATS {
            check(&Expr::Unary(op, input(0)), &[dtype], &[], dtype, false, COUNT, true);
        }
    }
}

#[test]
fn binary_operations() {
    for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Min, Binary::Max] {
        for (dtype, other) in [(0, 0), (1, 1), (2, 2), (3, 3), (0, 1), (1, 2), (2, 3), (3, 0)] {
            let types = [FLOATS[dtype], FLOATS[other]];
            check(&Expr::Binary(op, input(0), input(1)), &types, &[], types[0], false, COUNT, true);
        }
    }
}

/// One, two and three terms of one type have direct kernels; more, and mixed types, are interpreted.
#[test]
fn linear_combinations() {
    let shares = [0.6, 0.4, -1.25, 1e-3, 3.0];
    for count in 0..=5 {
        for dtype in FLOATS {
            for to in FLOATS {
                let terms = (0..count).map(|at| (shares[at], Expr::Input(at))).collect();
                check(&Expr::Linear(terms), &vec![dtype; count], &[], to, false, COUNT, true);
            }
        }
    }
    for types in [[Dtype::BF16, Dtype::F32], [Dtype::F16, Dtype::BF16], [Dtype::F64, Dtype::F16]] {
        for to in FLOATS {
            let terms = vec![(0.1, Expr::Input(0)), (0.9, Expr::Input(1))];
            check(&Expr::Linear(terms), &types, &[], to, false, COUNT, true);
        }
    }
}

/// The same bytes with a detour that keeps the direct kernels away.
#[test]
fn direct_kernels_are_the_interpreter() {
    let twice = |at| Expr::Unary(Unary::Neg, Box::new(Expr::Unary(Unary::Neg, input(at))));
    for dtype in [Dtype::BF16, Dtype::F16, Dtype::F32] {
        for (count, wild) in [(1, true), (2, true), (3, true), (1, false), (2, false), (3, false)] {
            let build = |detour: bool| {
                let mut b = Builder::new([COUNT as u64].into_iter().collect());
                let loads: Vec<_> = (0..count).map(|at| plain(at, dtype, COUNT)).collect();
                let term = |at: usize| (0.3 + at as f64, if detour { twice(at) } else { Expr::Input(at) });
                let root = Expr::Linear((0..count).map(term).collect()).build(&mut b, &loads);
                b.finish(root, dtype, false)
            };
            let memory = Memory::new((0..count as u64).map(|at| numbers(dtype, COUNT, at, wild)).collect());
            let (plain, detour) = (build(false), build(true));
            assert_eq!(run(&plain, &memory, 1000), run(&detour, &memory, 4096), "{count} of {dtype}");
        }
    }
}

#[test]
fn nested_expressions_and_rounding() {
    let sum = Expr::Linear(vec![(0.7, Expr::Input(0)), (0.3, Expr::Input(1))]);
    for dtype in FLOATS {
        for inner in FLOATS {
            let rounded = Expr::Round(inner, Box::new(sum.clone()));
            let outer = Expr::Binary(Binary::Sub, Box::new(rounded), Box::new(sum.clone()));
            check(&outer, &[dtype, Dtype::F32], &[], Dtype::F32, false, COUNT, true);
            check(&outer, &[dtype, Dtype::F64], &[], Dtype::F64, false, COUNT, true);
        }
    }
    let constant = Expr::Binary(Binary::Add, Box::new(Expr::Const(0.1)), input(0));
    check(&constant, &[Dtype::F32], &[], Dtype::F32, false, COUNT, true);
    check(&constant, &[Dtype::F64], &[], Dtype::F64, false, COUNT, true);
}

#[test]
fn affine_maps() {
    for dtype in FLOATS {
        for (scale, add) in [(2.0, 0.0), (-0.1, 0.0), (1.0, 1.0), (0.1, 0.7)] {
            let affine = [Affine { scale, add }];
            check(&Expr::Input(0), &[dtype], &affine, dtype, false, COUNT, true);
            check(&Expr::Linear(vec![(0.5, Expr::Input(0))]), &[dtype], &affine, Dtype::F32, false, COUNT, true);
        }
    }
}

#[test]
fn overflows_are_counted_or_saturated() {
    let large = Expr::Linear(vec![(7e4, Expr::Input(0)), (1e3, Expr::Input(1))]);
    let huge = Expr::Linear(vec![(3e38, Expr::Input(0)), (3e38, Expr::Input(1))]);
    for dtype in FLOATS {
        for to in FLOATS {
            for wild in [false, true] {
                for saturate in [false, true] {
                    check(&large, &[dtype; 2], &[], to, saturate, COUNT, wild);
                    check(&huge, &[dtype; 2], &[], to, saturate, COUNT, wild);
                }
            }
        }
    }
}

#[test]
fn few_elements() {
    let sum = Expr::Linear(vec![(0.5, Expr::Input(0)), (0.5, Expr::Input(1))]);
    for count in [0, 1, 2, 15, 16, 17] {
        check(&sum, &[Dtype::BF16; 2], &[], Dtype::BF16, false, count, true);
    }
}

/// −0 and 0 are two constants.
#[test]
fn constants_keep_their_sign() {
    let mut b = Builder::new([1].into_iter().collect());
    let (plus, minus) = (b.constant(0.0), b.constant(-0.0));
    assert_ne!(plus, minus);
    assert_eq!(minus, b.constant(-0.0));
    assert_eq!(run(&b.finish(minus, Dtype::F32, false), &Memory::default(), 1).0, (-0.0f32).to_le_bytes());
}

#[track_caller]
fn check_differs(dtype: Dtype, a: &[u8], b: &[u8], expected: f64) {
    let count = a.len() / dtype.bytes() as usize;
    let memory = Memory::new(vec![a.to_vec(), b.to_vec()]);
    let mut builder = Builder::new([count as u64].into_iter().collect());
    let (x, y) = (builder.load(plain(0, dtype, count)), builder.load(plain(1, dtype, count)));
    let differs = builder.binary(Binary::Differs, x, y);
    let sum = builder.sum(differs);
    let program = builder.measure(vec![sum]);
    let state = super::state(&program, &memory, |blocks| (0..blocks).collect());
    assert_eq!(program.results(&state), [expected], "{dtype}");
}

/// Bits are compared, of every type, every byte of them.
#[test]
fn differences_of_bits() {
    let all = "bool u8 i8 f8_e4m3 f8_e5m2 f8_e8m0 u16 i16 f16 bf16 u32 i32 f32 u64 i64 f64 c64";
    for name in all.split(' ') {
        let dtype = Dtype::from_name(name).expect("a type");
        let mut random = super::Random(9);
        let a: Vec<u8> = (0..5000 * dtype.bytes()).map(|_| random.next() as u8).collect();
        check_differs(dtype, &a, &a, 0.0);
        for byte in 0..dtype.bytes() as usize {
            let mut b = a.clone();
            b[4998 * dtype.bytes() as usize + byte] ^= 1;
            check_differs(dtype, &a, &b, 1.0);
        }
    }
    check_differs(Dtype::F32, &0.0f32.to_le_bytes(), &(-0.0f32).to_le_bytes(), 1.0);
}

/// A computed NaN is the canonical one, whatever the machine made of it; a stored one is what it is.
#[test]
fn differences_of_nans() {
    let nans = [0x7fc0_0000u32, 0xffc0_0000, 0x7fc0_0005, 0x3f80_0000].map(u32::to_le_bytes).concat();
    let memory = Memory::new(vec![nans]);
    let mut b = Builder::new([4].into_iter().collect());
    let stored = b.load(plain(0, Dtype::F32, 4));
    let computed = b.linear(&[(super::Share::Const(1.0), stored)]);
    let differs = b.binary(Binary::Differs, stored, computed);
    let out = run(&b.finish(differs, Dtype::F32, false), &memory, 4).0;
    assert_eq!(out, [0.0f32, 1.0, 1.0, 0.0].map(f32::to_le_bytes).concat());
}
