//! Types to types.

use super::super::cast;
use super::FLOATS;
use super::bits;
use super::bytes;
use super::nearest;
use super::value;
use crate::tensor::Dtype;
use half::bf16;
use half::f16;

fn encode<T: super::super::real::Real>(dtype: Dtype, values: &[T]) -> Vec<u8> {
    let mut out = vec![0; values.len() * dtype.bytes() as usize];
    cast::encode(dtype, values, &mut out, false, |_| false);
    out
}

/// All numbers of the half types are read as what they mean and written as they were.
#[test]
fn halves_come_back() {
    for (dtype, infinite, nan) in [(Dtype::F16, 0x7c00u16, 0x7e00u16), (Dtype::BF16, 0x7f80, 0x7fc0)] {
        let stored: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let mut short = vec![0f32; 1 << 16];
        let mut long = vec![0f64; 1 << 16];
        cast::decode(dtype, &stored, &mut short);
        cast::decode(dtype, &stored, &mut long);
        let mut rounded = vec![0f32; 1 << 16];
        cast::round(dtype, &short, &mut rounded);
        let (back, back_long) = (encode(dtype, &short), encode(dtype, &long));
        for half in 0..=u16::MAX {
            let at = usize::from(half);
            let expected = value(dtype, u64::from(half));
            if half & 0x7fff > infinite {
                assert!(short[at].is_nan() && long[at].is_nan() && rounded[at].is_nan());
                assert_eq!([bits(dtype, &back, at), bits(dtype, &back_long, at)], [u64::from(nan); 2]);
                assert_eq!(rounded[at].to_bits(), 0x7fc0_0000);
            } else {
                assert_eq!([f64::from(short[at]).to_bits(), long[at].to_bits()], [expected.to_bits(); 2]);
                assert_eq!([bits(dtype, &back, at), bits(dtype, &back_long, at)], [u64::from(half); 2]);
                assert_eq!(rounded[at].to_bits(), short[at].to_bits());
            }
        }
    }
}

/// Millions of f32 patterns round as the `half` crate's portable code does.
#[test]
fn singles_to_halves() {
    let values: Vec<f32> = (0..=u32::MAX).step_by(2039).map(f32::from_bits).filter(|x| !x.is_nan()).collect();
    let (f16s, bf16s) = (encode(Dtype::F16, &values), encode(Dtype::BF16, &values));
    for (at, value) in values.iter().enumerate() {
        assert_eq!(bits(Dtype::F16, &f16s, at), u64::from(f16::from_f32_const(*value).to_bits()), "{value:e}");
        assert_eq!(bits(Dtype::BF16, &bf16s, at), u64::from(bf16::from_f32_const(*value).to_bits()), "{value:e}");
    }
}

/// Half way between two neighbours, and a little to each side: where rounding twice, or a part of the digits, is wrong.
#[test]
fn ties_of_halves() {
    for (dtype, infinite) in [(Dtype::F16, 0x7c00u64), (Dtype::BF16, 0x7f80)] {
        let mut long = vec![];
        for half in 0..infinite {
            let low = value(dtype, half);
            let high = if half + 1 == infinite { 2.0 * low - value(dtype, half - 1) } else { value(dtype, half + 1) };
            let middle = f64::midpoint(low, high);
            for x in [middle, middle.next_up(), middle.next_down(), low.next_up()] {
                long.extend([x, -x]);
            }
        }
        let short: Vec<f32> = long.iter().map(|x| *x as f32).collect();
        let (from_long, from_short) = (encode(dtype, &long), encode(dtype, &short));
        let size = dtype.bytes() as usize;
        for at in 0..long.len() {
            assert_eq!(from_long[at * size..][..size], bytes(dtype, nearest(dtype, long[at])), "{:e}", long[at]);
            let expected = bytes(dtype, nearest(dtype, f64::from(short[at])));
            assert_eq!(from_short[at * size..][..size], expected, "{:e}", short[at]);
        }
        let mut rounded = vec![0f64; long.len()];
        cast::round(dtype, &long, &mut rounded);
        for (rounded, x) in rounded.iter().zip(&long) {
            assert_eq!(rounded.to_bits(), nearest(dtype, *x).to_bits(), "{x:e}");
        }
    }
}

/// An infinity or a NaN in a tile changes nothing for its neighbours.
#[test]
fn odd_values_are_alone() {
    let mut random = super::Random(3);
    let values: Vec<f32> = (0..5000).map(|_| f32::from_bits(random.next() as u32 & 0xbfff_ffff)).collect();
    let mut odd = values.clone();
    (odd[100], odd[4999]) = (f32::INFINITY, f32::NAN);
    for dtype in FLOATS {
        let (even, odd) = (encode(dtype, &values), encode(dtype, &odd));
        let wrong = (0..5000).filter(|at| bits(dtype, &even, *at) != bits(dtype, &odd, *at));
        assert_eq!(wrong.collect::<Vec<_>>(), [100, 4999], "{dtype}");
    }
}

#[track_caller]
fn check_decode(dtype: Dtype, stored: &[u8], expected: &[f64]) {
    let mut values = vec![0f64; expected.len()];
    cast::decode(dtype, stored, &mut values);
    assert_eq!(values, expected, "{dtype}");
}

#[test]
fn other_types_have_their_values() {
    check_decode(Dtype::Bool, &[0, 1], &[0.0, 1.0]);
    check_decode(Dtype::U8, &[0, 255], &[0.0, 255.0]);
    check_decode(Dtype::I8, &[0x80, 0xff], &[-128.0, -1.0]);
    check_decode(Dtype::U16, &[0xff, 0xff], &[65535.0]);
    check_decode(Dtype::I16, &[0, 0x80], &[-32768.0]);
    check_decode(Dtype::U32, &u32::MAX.to_le_bytes(), &[4294967295.0]);
    check_decode(Dtype::I32, &i32::MIN.to_le_bytes(), &[-2147483648.0]);
    check_decode(Dtype::U64, &(1u64 << 63).to_le_bytes(), &[9223372036854775808.0]);
    check_decode(Dtype::I64, &(-5i64).to_le_bytes(), &[-5.0]);
    // 1, −2, the least, the largest.
    check_decode(Dtype::F8E4M3, &[0x38, 0xc0, 0x01, 0x7e], &[1.0, -2.0, 0.001953125, 448.0]);
    check_decode(Dtype::F8E5M2, &[0x3c, 0xc0, 0x01, 0x7b], &[1.0, -2.0, 1.52587890625e-5, 57344.0]);
    check_decode(Dtype::F8E8M0, &[0x7f, 0x80, 0x7e], &[1.0, 2.0, 0.5]);
    let mut nans = [0f64; 3];
    cast::decode(Dtype::F8E4M3, &[0x7f, 0xff], &mut nans[..2]);
    cast::decode(Dtype::C64, &[0; 8], &mut nans[2..]);
    assert!(nans.iter().all(|x| x.is_nan()));
}

/// What has no arithmetic cannot be written by mistake.
#[test]
fn numbers_are_not_written_as_integers() {
    let mut out = [7; 16];
    let tally = cast::encode(Dtype::I64, &[1f32, 2.0], &mut out, false, |_| true);
    assert_eq!((tally.overflows, out), (2, [0; 16]));
}

/// The least number that the type cannot hold, and the one before it.
#[track_caller]
fn check_edge(dtype: Dtype, least: f64, largest: f64) {
    for sign in [1.0, -1.0] {
        let values = [least.next_down() * sign, least * sign];
        let mut out = vec![0; 2 * dtype.bytes() as usize];
        let tally = cast::encode(dtype, &values, &mut out, false, |_| true);
        assert_eq!((tally.overflows, tally.largest), (1, least), "{dtype}");
        assert_eq!(value(dtype, bits(dtype, &out, 0)), largest * sign);
        assert_eq!(value(dtype, bits(dtype, &out, 1)), f64::INFINITY * sign);
        let tally = cast::encode(dtype, &values, &mut out, true, |_| true);
        assert_eq!(tally.overflows, 0);
        assert_eq!(value(dtype, bits(dtype, &out, 1)), largest * sign);
    }
    let short = [least as f32];
    if f64::from(short[0]) == least {
        let mut out = vec![0; dtype.bytes() as usize];
        assert_eq!(cast::encode(dtype, &short, &mut out, false, |_| true).overflows, 1);
        assert_eq!(cast::encode(dtype, &[short[0].next_down()], &mut out, false, |_| true).overflows, 0);
    }
}

#[test]
fn overflow_begins_half_way_to_the_next_power() {
    check_edge(Dtype::F16, 65520.0, 65504.0);
    check_edge(Dtype::BF16, 2f64.powi(128) - 2f64.powi(119), 2f64.powi(128) - 2f64.powi(120));
    check_edge(Dtype::F32, 2f64.powi(128) - 2f64.powi(103), f64::from(f32::MAX));
}

/// An infinite input is no overflow.
#[test]
fn infinities_pass() {
    for dtype in FLOATS {
        let mut out = vec![0; 2 * dtype.bytes() as usize];
        let tally = cast::encode(dtype, &[f32::INFINITY, 1.0], &mut out, false, |at| at != 0);
        assert_eq!((tally.overflows, value(dtype, bits(dtype, &out, 0))), (0, f64::INFINITY), "{dtype}");
    }
}
