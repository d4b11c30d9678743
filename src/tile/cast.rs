//! Stored bytes to working values and back.  Widening is exact; narrowing rounds to nearest even, once; a NaN that was
//! computed becomes the canonical quiet one.

use super::Tally;
use super::real::Real;
use crate::tensor::Dtype;
use half::f16;
use half::slice::HalfFloatSliceExt;
use multiversion::multiversion;

/// Largest finite magnitudes.
const F16_MAX: f64 = 65504.0;
const BF16_MAX: f64 = 3.3895313892515355e38;

/// Decodes stored elements.
pub fn decode<T: Real>(dtype: Dtype, bytes: &[u8], out: &mut [T], halves: &mut Halves) {
    match dtype {
        Dtype::BF16 => {
            let wide = halves.wide(out.len());
            bf16_to_f32(bytes, wide);
            widen(wide, out);
        }
        Dtype::F16 => {
            let (short, wide) = halves.both(out.len());
            for (value, pair) in short.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *value = f16::from_le_bytes(*pair);
            }
            short.convert_to_f32_slice(wide);
            widen(wide, out);
        }
        Dtype::F32 => {
            for (value, four) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value = T::from_f32(f32::from_le_bytes(*four));
            }
        }
        Dtype::F64 => {
            for (value, eight) in out.iter_mut().zip(bytes.as_chunks::<8>().0) {
                *value = T::from_f64(f64::from_le_bytes(*eight));
            }
        }
        // Raw bytes, for comparing what is no float.
        _ => {
            for (value, byte) in out.iter_mut().zip(bytes) {
                *value = T::from_f32(f32::from(*byte));
            }
        }
    }
}

/// Buffers for the two steps of half precision.
#[derive(Default)]
pub struct Halves {
    short: Vec<f16>,
    wide: Vec<f32>,
}

impl Halves {
    fn wide(&mut self, count: usize) -> &mut [f32] {
        self.wide.resize(count.max(self.wide.len()), 0.0);
        &mut self.wide[..count]
    }

    fn both(&mut self, count: usize) -> (&mut [f16], &mut [f32]) {
        self.short.resize(count.max(self.short.len()), f16::ZERO);
        self.wide.resize(count.max(self.wide.len()), 0.0);
        (&mut self.short[..count], &mut self.wide[..count])
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn bf16_to_f32(bytes: &[u8], out: &mut [f32]) {
    for (value, pair) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *value = f32::from_bits((u16::from_le_bytes(*pair) as u32) << 16);
    }
}

fn widen<T: Real>(wide: &[f32], out: &mut [T]) {
    for (value, wide) in out.iter_mut().zip(wide) {
        *value = T::from_f32(*wide);
    }
}

/// Rounds to bf16 and tells whether any value needs a second look (NaN, infinity, overflow).
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn f32_to_bf16(values: &[f32], out: &mut [u8]) -> bool {
    let mut odd = 0u32;
    for (pair, value) in out.as_chunks_mut::<2>().0.iter_mut().zip(values) {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
        odd |= u32::from(bits & 0x7f80_0000 == 0x7f80_0000) | u32::from(rounded & 0x7f80 == 0x7f80);
        *pair = (rounded as u16).to_le_bytes();
    }
    odd != 0
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn f32_to_f32(values: &[f32], out: &mut [u8]) -> bool {
    let mut odd = 0u32;
    for (four, value) in out.as_chunks_mut::<4>().0.iter_mut().zip(values) {
        let bits = value.to_bits();
        odd |= u32::from(bits & 0x7f80_0000 == 0x7f80_0000);
        *four = bits.to_le_bytes();
    }
    odd != 0
}

/// Encodes working values.  `finite_inputs(i)` tells whether all that element i was computed from is finite: then an
/// infinite result is an overflow.
pub fn encode<T: Real>(
    dtype: Dtype,
    values: &[T],
    out: &mut [u8],
    saturate: bool,
    finite_inputs: impl Fn(usize) -> bool,
    halves: &mut Halves,
) -> Tally {
    let odd = match dtype {
        Dtype::BF16 | Dtype::F32 if size_of::<T>() == 4 => {
            let wide = halves.wide(values.len());
            wide.iter_mut().zip(values).for_each(|(wide, value)| *wide = value.to_f32());
            if dtype == Dtype::BF16 { f32_to_bf16(wide, out) } else { f32_to_f32(wide, out) }
        }
        Dtype::F16 if size_of::<T>() == 4 => {
            let (short, wide) = halves.both(values.len());
            wide.iter_mut().zip(values).for_each(|(wide, value)| *wide = value.to_f32());
            short.convert_from_f32_slice(wide);
            let mut odd = false;
            for (pair, value) in out.as_chunks_mut::<2>().0.iter_mut().zip(short.iter()) {
                odd |= value.to_bits() & 0x7c00 == 0x7c00;
                *pair = value.to_le_bytes();
            }
            odd
        }
        _ => true,
    };
    if odd { encode_carefully(dtype, values, out, saturate, finite_inputs) } else { Tally::default() }
}

/// One element at a time: NaN canonical, overflows counted or saturated.
fn encode_carefully<T: Real>(
    dtype: Dtype,
    values: &[T],
    out: &mut [u8],
    saturate: bool,
    finite_inputs: impl Fn(usize) -> bool,
) -> Tally {
    let mut tally = Tally::default();
    let size = dtype.bytes() as usize;
    let largest = match dtype {
        Dtype::F16 => F16_MAX,
        Dtype::BF16 => BF16_MAX,
        Dtype::F32 => f64::from(f32::MAX),
        _ => f64::MAX,
    };
    for (at, (value, bytes)) in values.iter().zip(out.chunks_exact_mut(size)).enumerate() {
        let mut wide = value.to_f64();
        if value.is_nan() {
            canonical_nan(dtype, bytes);
            continue;
        }
        let overflows = !narrow(dtype, wide, bytes) && (value.is_finite() || finite_inputs(at));
        if overflows {
            if saturate {
                wide = largest.copysign(wide);
                narrow(dtype, wide, bytes);
            } else {
                let magnitude = if value.is_finite() { wide.abs() } else { T::MAX };
                tally = tally.merge(Tally { overflows: 1, largest: magnitude });
            }
        }
    }
    tally
}

/// Writes one number; false when it is infinite in the type.
fn narrow(dtype: Dtype, value: f64, bytes: &mut [u8]) -> bool {
    match dtype {
        Dtype::F16 => {
            let short = f16::from_f64(value);
            bytes.copy_from_slice(&short.to_le_bytes());
            short.is_finite()
        }
        Dtype::BF16 => {
            let short = half::bf16::from_f64(value);
            bytes.copy_from_slice(&short.to_le_bytes());
            short.is_finite()
        }
        Dtype::F32 => {
            bytes.copy_from_slice(&(value as f32).to_le_bytes());
            (value as f32).is_finite()
        }
        _ => {
            bytes.copy_from_slice(&value.to_le_bytes());
            value.is_finite()
        }
    }
}

fn canonical_nan(dtype: Dtype, bytes: &mut [u8]) {
    match dtype {
        Dtype::F16 => bytes.copy_from_slice(&0x7e00u16.to_le_bytes()),
        Dtype::BF16 => bytes.copy_from_slice(&0x7fc0u16.to_le_bytes()),
        Dtype::F32 => bytes.copy_from_slice(&0x7fc0_0000u32.to_le_bytes()),
        _ => bytes.copy_from_slice(&0x7ff8_0000_0000_0000u64.to_le_bytes()),
    }
}

/// A value as it would be written in a type.
pub fn round<T: Real>(dtype: Dtype, value: T) -> T {
    if value.is_nan() {
        return T::from_f64(f64::NAN);
    }
    match dtype {
        Dtype::F16 => T::from_f64(f16::from_f64(value.to_f64()).to_f64()),
        Dtype::BF16 => T::from_f64(half::bf16::from_f64(value.to_f64()).to_f64()),
        Dtype::F32 => T::from_f64(f64::from(value.to_f64() as f32)),
        _ => value,
    }
}
