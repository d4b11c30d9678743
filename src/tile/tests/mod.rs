//! Programs against a naive reading: one element at a time, numbers as f64, rounding by division.

mod blocks;
mod casts;
mod channels;
pub mod goldens;
mod ops;
pub mod reductions;
mod views;

use super::Binary;
use super::Builder;
use super::Fetch;
use super::Load;
use super::NodeId;
use super::Program;
use super::Scratch;
use super::Share;
use super::State;
use super::Tally;
use super::Unary;
use crate::tensor::Affine;
use crate::tensor::Dtype;
use crate::tensor::View;
use std::convert::Infallible;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

pub const FLOATS: [Dtype; 4] = [Dtype::BF16, Dtype::F16, Dtype::F32, Dtype::F64];

/// Files in memory; counts what is fetched.
#[derive(Default)]
pub struct Memory {
    pub files: Vec<Vec<u8>>,
    /// In place, as from a map.
    pub mapped: bool,
    pub calls: AtomicU64,
    pub bytes: AtomicU64,
}

impl Memory {
    pub fn new(files: Vec<Vec<u8>>) -> Memory {
        Memory { files, ..Memory::default() }
    }
}

impl Fetch for Memory {
    type Error = Infallible;

    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), Infallible> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(dst.len() as u64, Ordering::Relaxed);
        dst.copy_from_slice(&self.files[file][offset as usize..offset as usize + dst.len()]);
        Ok(())
    }

    fn slice(&self, file: usize, offset: u64, len: usize) -> Option<&[u8]> {
        self.mapped.then(|| &self.files[file][offset as usize..offset as usize + len])
    }
}

/// The same numbers on every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Bits of exponent and of mantissa.
fn layout(dtype: Dtype) -> (i32, i32) {
    match dtype {
        Dtype::F16 => (5, 10),
        Dtype::BF16 => (8, 7),
        Dtype::F32 => (8, 23),
        Dtype::F64 => (11, 52),
        other => panic!("{other} is no float"),
    }
}

/// 2 to a power; 0 below what f64 has.
fn power(exponent: i32) -> f64 {
    match exponent {
        -1022..=1023 => f64::from_bits(((exponent + 1023) as u64) << 52),
        -1074..=-1023 => f64::from_bits(1 << (exponent + 1074)),
        _ => 0.0,
    }
}

/// The exponent of a number, at least that of the type's subnormals.
fn exponent(dtype: Dtype, x: f64) -> i32 {
    let bias = (1 << (layout(dtype).0 - 1)) - 1;
    ((x.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(1 - bias)
}

/// The number that bits mean.
pub fn value(dtype: Dtype, bits: u64) -> f64 {
    let (exponent_bits, mantissa_bits) = layout(dtype);
    let mantissa = bits & ((1 << mantissa_bits) - 1);
    let exponent = (bits >> mantissa_bits) as i32 & ((1 << exponent_bits) - 1);
    let bias = (1 << (exponent_bits - 1)) - 1;
    let size = match exponent {
        e if e == (1 << exponent_bits) - 1 && mantissa == 0 => f64::INFINITY,
        e if e == (1 << exponent_bits) - 1 => f64::NAN,
        0 => mantissa as f64 * power(1 - bias - mantissa_bits),
        _ => (1.0 + mantissa as f64 * power(-mantissa_bits)) * power(exponent - bias),
    };
    if bits >> (exponent_bits + mantissa_bits) & 1 == 1 { -size } else { size }
}

/// The nearest number of a type, the even one of two.
pub fn nearest(dtype: Dtype, x: f64) -> f64 {
    if dtype == Dtype::F64 || x == 0.0 || !x.is_finite() {
        return x;
    }
    let (exponent_bits, mantissa_bits) = layout(dtype);
    let bias = (1 << (exponent_bits - 1)) - 1;
    let step = power(exponent(dtype, x) - mantissa_bits);
    let near = (x / step).round_ties_even() * step;
    if near.abs() >= power(bias) * 2.0 { f64::INFINITY.copysign(x) } else { near }
}

/// The bytes of a number that the type has; of a NaN the canonical ones.
pub fn bytes(dtype: Dtype, x: f64) -> Vec<u8> {
    let (exponent_bits, mantissa_bits) = layout(dtype);
    let bias = (1 << (exponent_bits - 1)) - 1;
    let special = ((1u64 << exponent_bits) - 1) << mantissa_bits;
    let sign = u64::from(x.is_sign_negative()) << (exponent_bits + mantissa_bits);
    let bits = if x.is_nan() {
        special | 1 << (mantissa_bits - 1)
    } else if x.is_infinite() {
        sign | special
    } else if dtype == Dtype::F64 {
        x.to_bits()
    } else {
        let exponent = exponent(dtype, x);
        let steps = (x.abs() / power(exponent - mantissa_bits)) as u64;
        let normal = steps >> mantissa_bits;
        let exponent = if normal == 0 { 0 } else { (exponent + bias) as u64 };
        sign | exponent << mantissa_bits | (steps - (normal << mantissa_bits))
    };
    bits.to_le_bytes()[..dtype.bytes() as usize].to_vec()
}

/// The bits of element `at` of stored ones.
pub fn bits(dtype: Dtype, stored: &[u8], at: usize) -> u64 {
    let size = dtype.bytes() as usize;
    let mut eight = [0; 8];
    eight[..size].copy_from_slice(&stored[at * size..(at + 1) * size]);
    u64::from_le_bytes(eight)
}

/// Stored numbers of a type: a few special ones (no infinities and NaNs unless `wild`), then others of both signs.
pub fn numbers(dtype: Dtype, count: usize, seed: u64, wild: bool) -> Vec<u8> {
    let (exponent_bits, mantissa_bits) = layout(dtype);
    let special = ((1u64 << exponent_bits) - 1) << mantissa_bits;
    let sign = 1 << (exponent_bits + mantissa_bits);
    let one = ((1u64 << (exponent_bits - 1)) - 1) << mantissa_bits;
    let mut all = vec![0, sign, 1, sign | 1, (1 << mantissa_bits) - 1, 1 << mantissa_bits, one, sign | one, one + 1];
    if wild {
        let payload = special | 1 << (mantissa_bits - 1) | 5;
        all.extend([special, sign | special, special - 1, sign | (special - 1), payload, sign | payload, special | 1]);
    }
    let mut random = Random(seed);
    let size = dtype.bytes() as usize;
    let mut out = Vec::with_capacity(count * size);
    for at in 0..count {
        let word = random.next();
        // The special ones at places that differ from seed to seed, so that they meet others.
        let bits = if word.is_multiple_of(11) {
            all[(at + word as usize / 11) % all.len()]
        } else {
            let exponent = (one >> mantissa_bits) - 8 + (word >> 56) % 11;
            (word & (sign | ((1 << mantissa_bits) - 1))) | exponent << mantissa_bits
        };
        out.extend(&bits.to_le_bytes()[..size]);
    }
    out
}

/// An expression, for the program and for the naive reading.
#[derive(Clone, Debug)]
pub enum Expr {
    /// An input with its affine map.
    Input(usize),
    Const(f64),
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Linear(Vec<(f64, Expr)>),
    Round(Dtype, Box<Expr>),
}

impl Expr {
    pub fn build(&self, b: &mut Builder, loads: &[Load]) -> NodeId {
        match self {
            Expr::Input(at) => b.load(loads[*at].clone()),
            Expr::Const(value) => b.constant(*value),
            Expr::Unary(op, a) => {
                let a = a.build(b, loads);
                b.unary(*op, a)
            }
            Expr::Binary(op, x, y) => {
                let (x, y) = (x.build(b, loads), y.build(b, loads));
                b.binary(*op, x, y)
            }
            Expr::Linear(terms) => {
                let terms: Vec<_> = terms.iter().map(|(share, x)| (Share::Const(*share), x.build(b, loads))).collect();
                b.linear(&terms)
            }
            Expr::Round(dtype, a) => {
                let a = a.build(b, loads);
                b.round(*dtype, a)
            }
        }
    }

    /// The value of one element; `inputs` are the values of the loads there.  f32 arithmetic is f64 arithmetic rounded
    /// to f32 (for these operations the same, since 53 ≥ 2·24 + 2).
    pub fn value(&self, inputs: &[f64], wide: bool) -> f64 {
        let short = |x: f64| if wide { x } else { f64::from(x as f32) };
        match self {
            Expr::Input(at) => inputs[*at],
            Expr::Const(value) => short(*value),
            Expr::Unary(op, a) => {
                let a = a.value(inputs, wide);
                match op {
                    Unary::Neg => -a,
                    Unary::Abs => a.abs(),
                    Unary::Sqrt => short(a.sqrt()),
                    Unary::NonFinite => f64::from(u8::from(!a.is_finite())),
                }
            }
            Expr::Binary(op, x, y) => {
                let (x, y) = (x.value(inputs, wide), y.value(inputs, wide));
                match op {
                    Binary::Add => short(x + y),
                    Binary::Sub => short(x - y),
                    Binary::Mul => short(x * y),
                    Binary::Div => short(x / y),
                    Binary::Min => {
                        if y < x {
                            y
                        } else {
                            x
                        }
                    }
                    Binary::Max => {
                        if y > x {
                            y
                        } else {
                            x
                        }
                    }
                    // NaNs: see the tests of `Differs`.
                    Binary::Differs => f64::from(u8::from(x.to_bits() != y.to_bits())),
                }
            }
            Expr::Linear(terms) => {
                let product = |(share, x): &(f64, Expr)| short(short(*share) * x.value(inputs, wide));
                terms.iter().map(product).reduce(|sum, product| short(sum + product)).unwrap_or(0.0)
            }
            Expr::Round(dtype, a) => nearest(*dtype, a.value(inputs, wide)),
        }
    }
}

pub fn plain(file: usize, dtype: Dtype, count: usize) -> Load {
    let view = View::contiguous(&[count as u64]);
    Load { file, offset: 0, dtype, blocks: None, view, affine: Affine::IDENTITY }
}

pub fn state(program: &Program, memory: &Memory, order: impl Fn(u64) -> Vec<u64>) -> State {
    let mut state = program.start();
    let mut scratch = Scratch::default();
    for stage in 0..program.stages {
        let mut partials = vec![vec![]; program.blocks() as usize];
        for block in order(program.blocks()) {
            let Ok(sums) = program.reduce(stage, block, &state, memory, &mut scratch);
            partials[block as usize] = sums;
        }
        program.finish(stage, &partials, &mut state);
    }
    state
}

/// The result, evaluated in ranges of a size.
pub fn run(program: &Program, memory: &Memory, range: u64) -> (Vec<u8>, Tally) {
    let state = state(program, memory, |blocks| (0..blocks).collect());
    let dtype = program.result.expect("a result").dtype;
    let mut out = vec![0xaa; (program.elems() * dtype.bytes()) as usize];
    let mut tally = Tally::default();
    let mut scratch = Scratch::default();
    let mut at = 0;
    for part in out.chunks_mut((range * dtype.bytes()) as usize) {
        let count = part.len() as u64 / dtype.bytes();
        let Ok(found) = program.evaluate(at..at + count, &state, memory, &mut scratch, part);
        tally = tally.merge(found);
        at += count;
    }
    (out, tally)
}

/// Runs an expression over contiguous inputs in several ways; all must give the bytes and the tally of the naive reading.
#[track_caller]
pub fn check(expr: &Expr, types: &[Dtype], affine: &[Affine], to: Dtype, saturate: bool, count: usize, wild: bool) {
    let files = types.iter().enumerate().map(|(at, dtype)| numbers(*dtype, count, at as u64 + 1, wild)).collect();
    let mut memory = Memory::new(files);
    let loads: Vec<Load> = types
        .iter()
        .enumerate()
        .map(|(at, dtype)| Load {
            affine: affine.get(at).copied().unwrap_or(Affine::IDENTITY),
            ..plain(at, *dtype, count)
        })
        .collect();
    let mut b = Builder::new([count as u64].into_iter().collect());
    let root = expr.build(&mut b, &loads);
    let program = b.finish(root, to, saturate);
    let wide = types.contains(&Dtype::F64) && program.wide;
    let mut expected = vec![];
    let mut tally = Tally::default();
    for at in 0..count {
        let inputs: Vec<f64> = loads
            .iter()
            .map(|load| {
                let short = |x: f64| if wide { x } else { f64::from(x as f32) };
                let stored = value(load.dtype, bits(load.dtype, &memory.files[load.file], at));
                let scaled = if load.affine.scale == 1.0 { stored } else { short(stored * short(load.affine.scale)) };
                if load.affine.add == 0.0 { scaled } else { short(scaled + short(load.affine.add)) }
            })
            .collect();
        let value = expr.value(&inputs, wide);
        let mut near = nearest(to, value);
        let finite = inputs.iter().all(|x| x.is_finite());
        if near.is_infinite() && (value.is_finite() || finite) {
            let (exponent_bits, mantissa_bits) = layout(to);
            let largest = (2.0 - power(-mantissa_bits)) * power((1 << (exponent_bits - 1)) - 1);
            if saturate {
                near = largest.copysign(value);
            } else {
                let most = if wide { f64::MAX } else { f64::from(f32::MAX) };
                tally = tally.merge(Tally { overflows: 1, largest: value.abs().min(most) });
            }
        }
        expected.extend(bytes(to, near));
    }
    for (range, mapped) in [(1, false), (7, true), (4096, false), (4097, true), (u64::MAX >> 8, false)] {
        memory.mapped = mapped;
        let (out, found) = run(&program, &memory, range);
        let size = to.bytes() as usize;
        let wrong = out.chunks(size).zip(expected.chunks(size)).position(|(a, b)| a != b);
        if let Some(at) = wrong {
            let inputs: Vec<u64> =
                types.iter().enumerate().map(|(file, dtype)| bits(*dtype, &memory.files[file], at)).collect();
            panic!(
                "{expr:?} of {types:?} to {to}, ranges of {range}: element {at} of {inputs:x?} is {:x}, not {:x}",
                bits(to, &out, at),
                bits(to, &expected, at)
            );
        }
        assert_eq!(out.len(), expected.len());
        assert_eq!(found, tally, "{expr:?} of {types:?} to {to}, ranges of {range}");
    }
}
