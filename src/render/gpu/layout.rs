//! Where activations lie in the buffers of a device, and how numbers are packed there.
//!
//! A slot of the net's plan is a buffer.  Channels follow each other without gaps; stored as halves, two to a word, a
//! channel has an even number of places, so that no word belongs to two channels.

use crate::network::Net;
use crate::network::Part;
use crate::network::Shape;

/// What activations are stored as; sums are f32 always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    #[default]
    F32,
    /// Half the memory and half the traffic, 11 bits of precision, values up to 65504.
    F16,
}

impl Precision {
    /// For reports.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
        }
    }

    /// Bytes of a stored number.
    pub fn bytes(self) -> usize {
        match self {
            Precision::F32 => 4,
            Precision::F16 => 2,
        }
    }

    /// Places of a channel.
    pub fn pitch(self, shape: Shape) -> usize {
        match self {
            Precision::F32 => shape.pixels(),
            Precision::F16 => shape.pixels().next_multiple_of(2),
        }
    }

    /// Bytes of some channels of this shape.
    pub fn size(self, shape: Shape, channels: usize) -> usize {
        channels * self.pitch(shape) * self.bytes()
    }

    /// `[channels, pixels]` as they are stored.
    pub fn pack(self, shape: Shape, values: &[f32]) -> Vec<u32> {
        match self {
            Precision::F32 => values.iter().map(|value| value.to_bits()).collect(),
            Precision::F16 => {
                let word = |pair: &[f32]| half(pair[0]) | pair.get(1).map_or(0, |value| half(*value)) << 16;
                values.chunks(shape.pixels().max(1)).flat_map(|plane| plane.chunks(2).map(word)).collect()
            }
        }
    }

    /// The inverse of [`Precision::pack`], from bytes.
    pub fn unpack(self, shape: Shape, bytes: &[u8]) -> Vec<f32> {
        match self {
            Precision::F32 => bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Precision::F16 => {
                let rows = bytes.chunks(self.size(shape, 1).max(1));
                let values = |row: &[u8]| -> Vec<f32> {
                    let halves = row.as_chunks::<2>().0.iter().take(shape.pixels());
                    halves.map(|bytes| single(u16::from_le_bytes(*bytes))).collect()
                };
                rows.flat_map(values).collect()
            }
        }
    }
}

/// To the nearest half, ties to even; beyond the largest one it is taken.
fn half(value: f32) -> u32 {
    let (bits, value) = (value.to_bits(), value.clamp(-65504.0, 65504.0));
    let sign = (bits >> 16) & 0x8000;
    if value.is_nan() {
        return sign | 0x7e00;
    }
    let size = value.abs();
    if size < 6.103_515_6e-5 {
        // Steps of 2⁻²⁴ up to the first half with an exponent.
        return sign | (size * 16_777_216.0).round_ties_even() as u32;
    }
    let bits = size.to_bits();
    let rounded = bits + 0xfff + ((bits >> 13) & 1);
    sign | ((rounded >> 13) - (112 << 10))
}

/// From a half.
fn single(half: u16) -> f32 {
    let (sign, exponent, fraction) = (u32::from(half >> 15) << 31, u32::from(half >> 10) & 31, u32::from(half & 1023));
    let size = match exponent {
        0 => fraction as f32 / 16_777_216.0,
        31 => f32::from_bits(0x7f80_0000 | fraction << 13),
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    f32::from_bits(size.to_bits() | sign)
}

/// Some bytes of a buffer, as they are bound, and where in them what was asked for begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub offset: usize,
    pub size: usize,
    /// In elements.
    pub start: usize,
}

/// Bindings begin at multiples of a number of bytes.
pub fn span(start: usize, end: usize, align: usize, element: usize) -> Span {
    let offset = start / align * align;
    Span { offset, size: (end - offset).next_multiple_of(4), start: (start - offset) / element }
}

/// Channels of a part, within its slot.
pub fn channels(precision: Precision, part: Part, first: usize, last: usize, align: usize) -> Span {
    let at = |channel: usize| precision.size(part.shape, part.first + channel);
    span(at(first), at(last), align, precision.bytes())
}

/// Bytes of every slot.
pub fn slots(net: &Net, precision: Precision) -> Vec<usize> {
    let mut sizes = vec![4; net.slots.sizes.len()];
    let reads = net.ops.iter().flat_map(|op| Net::reads(op).into_iter().chain([op.out]));
    for part in reads.chain(net.picture).chain([net.output]) {
        let size = precision.size(part.shape, net.buffers[part.buffer].channels).next_multiple_of(4);
        let slot = &mut sizes[net.slots.of[part.buffer]];
        *slot = size.max(*slot);
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_as_everywhere() {
        for bits in 0..=u16::MAX {
            let value = half::f16::from_bits(bits);
            assert_eq!(
                single(bits).to_bits(),
                if value.is_nan() { single(bits).to_bits() } else { value.to_f32().to_bits() }
            );
            assert!(!value.is_nan() || single(bits).is_nan());
        }
        let mut state = 7u32;
        for _ in 0..200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Of all sizes around the halves'.
            let value = f32::from_bits((state & 0x8fff_ffff) | 0x3000_0000) * 2f32.powi((state >> 3) as i32 % 30 - 25);
            let wanted = half::f16::from_f32(value.clamp(-65504.0, 65504.0)).to_bits();
            assert_eq!(half(value), u32::from(wanted), "{value}");
        }
        assert_eq!((half(f32::INFINITY), half(-1e9), half(0.0), half(-0.0)), (0x7bff, 0xfbff, 0, 0x8000));
        assert!(single(half(f32::NAN) as u16).is_nan());
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let shape = Shape::new(3, 1, 5);
        let values: Vec<f32> = (0..15).map(|at| at as f32 / 8.0 - 1.0).collect();
        for precision in [Precision::F32, Precision::F16] {
            let words = precision.pack(shape, &values);
            assert_eq!(4 * words.len(), precision.size(shape, 3));
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            assert_eq!(precision.unpack(shape, &bytes), values);
        }
    }

    #[test]
    fn bindings_begin_at_multiples() {
        assert_eq!(span(520, 700, 256, 4), Span { offset: 512, size: 188, start: 2 });
        assert_eq!(span(520, 702, 256, 2), Span { offset: 512, size: 192, start: 4 });
    }
}
