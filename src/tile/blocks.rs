//! Quantised blocks of GGUF files as the values that they stand for.
//!
//! A tensor in blocks is a virtual one of f32: [`Decoded`] fetches any run of its elements, so that everything else sees
//! plain bytes.  Formulas are those of ggml (`dequantize_row_*` in `ggml-quants.c`), every product and difference rounded
//! to f32 in that order, without FMA.  Only a scale that is infinite or a NaN makes a NaN, and that is the canonical one:
//! which one a processor gives differs.

use super::Fetch;
use super::Load;
use super::stored::F16;
use super::stored::Stored;
use crate::tensor::Blocks;
use multiversion::multiversion;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Bytes of blocks that are fetched at a time: with what they decode to, they stay in the second cache level.
const AT_ONCE: u64 = 24 << 10;

/// Bytes of a decoded element.
const WIDTH: u64 = 4;

/// A decoded value as it would be stored.
type Unit = [u8; WIDTH as usize];

/// The values of a load in blocks: offset `load.offset + 4·i` is that of decoded element i.
pub struct Decoded<'d, F> {
    inner: &'d F,
    load: &'d Load,
    kind: Blocks,
    raw: Mutex<&'d mut Vec<u8>>,
}

impl<'d, F: Fetch> Decoded<'d, F> {
    pub fn new(inner: &'d F, load: &'d Load, kind: Blocks, raw: &'d mut Vec<u8>) -> Self {
        Decoded { inner, load, kind, raw: Mutex::new(raw) }
    }
}

impl<F: Fetch> Fetch for Decoded<'_, F> {
    type Error = F::Error;

    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), F::Error> {
        let (elems, bytes) = self.kind.size();
        let mut element = (offset - self.load.offset) / WIDTH;
        let mut rest = dst.as_chunks_mut().0;
        // A buffer has no state that a panic could spoil.
        let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
        while !rest.is_empty() {
            let first = element / elems;
            let inside = element % elems;
            let end = (inside + rest.len() as u64).div_ceil(elems).min(AT_ONCE / bytes);
            let count = (end * elems - inside).min(rest.len() as u64);
            let (now, later) = rest.split_at_mut(count as usize);
            let (from, len) = (self.load.offset + first * bytes, (end * bytes) as usize);
            match self.inner.slice(file, from, len) {
                Some(stored) => decode(self.kind, stored, inside as usize, now),
                None => {
                    if raw.len() < len {
                        raw.resize(len, 0);
                    }
                    self.inner.fetch(file, from, &mut raw[..len])?;
                    decode(self.kind, &raw[..len], inside as usize, now);
                }
            }
            element += count;
            rest = later;
        }
        Ok(())
    }
}

/// Decodes the elements from the one at `skip` on.
fn decode(kind: Blocks, stored: &[u8], skip: usize, out: &mut [Unit]) {
    match kind {
        Blocks::Q4_0 => run(stored, skip, out, q4_0),
        Blocks::Q8_0 => run(stored, skip, out, q8_0),
        Blocks::Q4K => run(stored, skip, out, q4_k),
        Blocks::Q6K => run(stored, skip, out, q6_k),
    }
}

/// Whole blocks where they go, the ends by way of a block of their own.
fn run<const N: usize, const M: usize>(
    stored: &[u8],
    skip: usize,
    out: &mut [Unit],
    blocks: impl Fn(&[[u8; N]], &mut [[Unit; M]]),
) {
    let mut stored = stored.as_chunks::<N>().0;
    let mut out = out;
    if skip > 0 {
        let mut whole = [[Unit::default(); M]];
        blocks(&stored[..1], &mut whole);
        let (now, later) = out.split_at_mut((M - skip).min(out.len()));
        now.copy_from_slice(&whole[0][skip..skip + now.len()]);
        (stored, out) = (&stored[1..], later);
    }
    let (whole, tail) = out.as_chunks_mut::<M>();
    blocks(&stored[..whole.len()], whole);
    if !tail.is_empty() {
        let mut last = [[Unit::default(); M]];
        blocks(&stored[whole.len()..whole.len() + 1], &mut last);
        tail.copy_from_slice(&last[0][..tail.len()]);
    }
}

#[inline(always)]
fn half(bytes: &[u8], at: usize) -> f32 {
    F16::wide([bytes[at], bytes[at + 1]])
}

/// Makes NaNs the canonical one, where a scale can have made some.
#[inline(always)]
fn settle(scales: &[f32], out: &mut [Unit]) {
    if scales.iter().any(|scale| !scale.is_finite()) {
        for unit in out.iter_mut().filter(|unit| f32::from_le_bytes(**unit).is_nan()) {
            *unit = f32::NAN.to_le_bytes();
        }
    }
}

/// 32 values: d (f16), then 16 bytes with the first half of the values in their low halves and the second in their high
/// ones.  value = (q − 8)·d
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn q4_0(blocks: &[[u8; 18]], out: &mut [[Unit; 32]]) {
    for (block, out) in blocks.iter().zip(out) {
        let d = half(block, 0);
        let (low, high) = out.split_at_mut(16);
        for ((low, high), q) in low.iter_mut().zip(high).zip(&block[2..]) {
            *low = ((i32::from(q & 15) - 8) as f32 * d).to_le_bytes();
            *high = ((i32::from(q >> 4) - 8) as f32 * d).to_le_bytes();
        }
        settle(&[d], out);
    }
}

/// 32 values: d (f16), then a signed byte each.  value = q·d
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn q8_0(blocks: &[[u8; 34]], out: &mut [[Unit; 32]]) {
    for (block, out) in blocks.iter().zip(out) {
        let d = half(block, 0);
        for (out, q) in out.iter_mut().zip(&block[2..]) {
            *out = (f32::from(*q as i8) * d).to_le_bytes();
        }
        settle(&[d], out);
    }
}

/// 256 values in eight groups of 32: d and dmin (f16), 12 bytes with a scale s and a least m of six bits per group, then
/// per two groups 32 bytes with the first in their low halves and the second in their high ones.
/// value = (d·s)·q − dmin·m
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn q4_k(blocks: &[[u8; 144]], out: &mut [[Unit; 256]]) {
    for (block, out) in blocks.iter().zip(out) {
        let (d, least) = (half(block, 0), half(block, 2));
        let packed = &block[4..16];
        let factors = |group: usize| {
            let (s, m) = match group {
                0..4 => (packed[group] & 63, packed[group + 4] & 63),
                _ => (
                    packed[group + 4] & 15 | packed[group - 4] >> 6 << 4,
                    packed[group + 4] >> 4 | packed[group] >> 6 << 4,
                ),
            };
            (d * f32::from(s), least * f32::from(m))
        };
        let pairs = out.as_chunks_mut::<64>().0;
        for (pair, (out, q)) in pairs.iter_mut().zip(block[16..].as_chunks::<32>().0).enumerate() {
            let ((d1, m1), (d2, m2)) = (factors(2 * pair), factors(2 * pair + 1));
            let (low, high) = out.split_at_mut(32);
            for ((low, high), q) in low.iter_mut().zip(high).zip(q) {
                *low = (d1 * f32::from(q & 15) - m1).to_le_bytes();
                *high = (d2 * f32::from(q >> 4) - m2).to_le_bytes();
            }
        }
        settle(&[d, least], out);
    }
}

/// 256 values in sixteen groups of 16: per half of them 64 bytes with four low bits of each value, then 32 bytes per half
/// with two high ones, then sixteen signed scales s, then d (f16).  value = (d·s)·(q − 32)
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn q6_k(blocks: &[[u8; 210]], out: &mut [[Unit; 256]]) {
    for (block, out) in blocks.iter().zip(out) {
        let d = half(block, 208);
        let halves = out.as_chunks_mut::<128>().0;
        for (number, out) in halves.iter_mut().enumerate() {
            let low = &block[64 * number..64 * number + 64];
            let high = &block[128 + 32 * number..160 + 32 * number];
            let scales = &block[192 + 8 * number..200 + 8 * number];
            // The four quarters of a half take their high bits from the same 32 bytes.
            for (quarter, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
                let from = 32 * (quarter % 2);
                let (shift, top) = (4 * (quarter / 2), 2 * quarter);
                for (group, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
                    let scale = d * f32::from(scales[2 * quarter + group] as i8);
                    let low = &low[from + 16 * group..from + 16 * group + 16];
                    let high = &high[16 * group..16 * group + 16];
                    for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
                        let q = i32::from(low >> shift & 15 | (high >> top & 3) << 4) - 32;
                        *out = (scale * q as f32).to_le_bytes();
                    }
                }
            }
        }
        settle(&[d], out);
    }
}
