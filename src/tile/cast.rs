//! Stored bytes to working values and back.  Widening is exact; narrowing rounds to nearest even, once; a NaN that was
//! computed becomes the canonical quiet one.

use super::Tally;
use super::kernels;
use super::real::Real;
use super::stored::BF16;
use super::stored::F16;
use super::stored::F32;
use super::stored::F64;
use super::stored::Stored;
use crate::tensor::Dtype;

/// Decodes stored elements.  What is no float has its numeric value (booleans 0 and 1); complex numbers have none and
/// give NaN.
pub fn decode<T: Real>(dtype: Dtype, bytes: &[u8], out: &mut [T]) {
    match dtype {
        Dtype::BF16 => kernels::decode::<BF16, T>(bytes, out),
        Dtype::F16 => kernels::decode::<F16, T>(bytes, out),
        Dtype::F32 => kernels::decode::<F32, T>(bytes, out),
        Dtype::F64 => kernels::decode::<F64, T>(bytes, out),
        Dtype::Bool | Dtype::U8 => decode_by(bytes, out, |b| f64::from(u8::from_le_bytes(b))),
        Dtype::I8 => decode_by(bytes, out, |b| f64::from(i8::from_le_bytes(b))),
        Dtype::U16 => decode_by(bytes, out, |b| f64::from(u16::from_le_bytes(b))),
        Dtype::I16 => decode_by(bytes, out, |b| f64::from(i16::from_le_bytes(b))),
        Dtype::U32 => decode_by(bytes, out, |b| f64::from(u32::from_le_bytes(b))),
        Dtype::I32 => decode_by(bytes, out, |b| f64::from(i32::from_le_bytes(b))),
        Dtype::U64 => decode_by(bytes, out, |b| u64::from_le_bytes(b) as f64),
        Dtype::I64 => decode_by(bytes, out, |b| i64::from_le_bytes(b) as f64),
        // The upper half of an f16.
        Dtype::F8E5M2 => decode_by(bytes, out, |[b]| F16::wide::<f64>([0, b])),
        Dtype::F8E4M3 => decode_by(bytes, out, |[b]| e4m3(b)),
        Dtype::F8E8M0 => {
            decode_by(bytes, out, |[b]| if b == 0xff { f64::NAN } else { libm::ldexp(1.0, i32::from(b) - 127) })
        }
        Dtype::C64 => out.fill(T::NAN),
    }
}

fn decode_by<const N: usize, T: Real>(bytes: &[u8], out: &mut [T], value: impl Fn([u8; N]) -> f64) {
    for (out, unit) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *out = T::from_f64(value(*unit));
    }
}

/// Four bits of exponent (bias 7), three of mantissa, no infinity (the "fn" variant of the type, which files use).
fn e4m3(byte: u8) -> f64 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f64::from(byte & 7));
    let size = match (exponent, byte & 7) {
        (15, 7) => f64::NAN,
        (0, _) => mantissa / 512.0,
        _ => libm::ldexp(1.0 + mantissa / 8.0, exponent - 7),
    };
    if byte & 0x80 == 0 { size } else { -size }
}

/// Encodes working values.  `finite_inputs(i)` tells whether all that element i was computed from is finite: then an
/// infinite result is an overflow.
///
/// Types that no arithmetic is defined on cannot be written: zeros, and every element counts as an overflow.
pub fn encode<T: Real>(
    dtype: Dtype,
    values: &[T],
    out: &mut [u8],
    saturate: bool,
    finite_inputs: impl Fn(usize) -> bool,
) -> Tally {
    match dtype {
        Dtype::BF16 => encode_as::<BF16, T>(values, out, saturate, finite_inputs),
        Dtype::F16 => encode_as::<F16, T>(values, out, saturate, finite_inputs),
        Dtype::F32 => encode_as::<F32, T>(values, out, saturate, finite_inputs),
        Dtype::F64 => encode_as::<F64, T>(values, out, saturate, finite_inputs),
        _ => {
            out.fill(0);
            Tally { overflows: values.len() as u64, largest: T::MAX }
        }
    }
}

fn encode_as<S: Stored, T: Real>(
    values: &[T],
    out: &mut [u8],
    saturate: bool,
    finite_inputs: impl Fn(usize) -> bool,
) -> Tally {
    let mut tally = Tally::default();
    if !kernels::encode::<S, T>(values, out) {
        return tally;
    }
    // Something is infinite or a NaN: look at every element.
    for (at, (value, unit)) in values.iter().zip(S::units_mut(out)).enumerate() {
        if value.is_nan() {
            *unit = S::NAN;
        } else if S::narrow(*value).1 >= S::ODD && (value.is_finite() || finite_inputs(at)) {
            if saturate {
                *unit = S::narrow(S::LARGEST.copysign(value.to_f64())).0;
            } else {
                let largest = if value.is_finite() { value.to_f64().abs() } else { T::MAX };
                tally = tally.merge(Tally { overflows: 1, largest });
            }
        }
    }
    tally
}

/// Values as they would be written in a type; the same where no arithmetic is defined on it.
pub fn round<T: Real>(dtype: Dtype, a: &[T], out: &mut [T]) {
    match dtype {
        Dtype::F16 => kernels::round::<F16, T>(a, out),
        Dtype::BF16 => kernels::round::<BF16, T>(a, out),
        Dtype::F32 => kernels::round::<F32, T>(a, out),
        Dtype::F64 => kernels::round::<F64, T>(a, out),
        _ => out.copy_from_slice(a),
    }
}
