//! The four float types as they lie in files, little endian.  Conversions are written out in integer and f32 arithmetic
//! (no hardware conversion, no table), so that every machine gives the same bits and loops over them vectorise.

use super::real::Real;

/// A stored float type.
pub trait Stored: 'static {
    /// The bytes of one element.
    type Bytes: Copy;
    /// The quiet NaN that stands for every computed one.
    const NAN: Self::Bytes;
    /// The largest finite number.
    const LARGEST: f64;
    /// From this key of [`Stored::narrow`] on, the result is infinite or the value a NaN.
    const ODD: u32;
    /// The whole elements of a slice.
    fn units(bytes: &[u8]) -> &[Self::Bytes];
    fn units_mut(bytes: &mut [u8]) -> &mut [Self::Bytes];
    /// The value, exact.
    fn wide<T: Real>(bytes: Self::Bytes) -> T;
    /// Rounds to nearest even, once; a NaN gives any bytes.  The key grows with the magnitude: a loop looks at the
    /// greatest one only.
    fn narrow<T: Real>(value: T) -> (Self::Bytes, u32);
}

pub enum F16 {}
pub enum BF16 {}
pub enum F32 {}
pub enum F64 {}

macro_rules! units {
    ($bytes:literal) => {
        type Bytes = [u8; $bytes];
        #[inline(always)]
        fn units(bytes: &[u8]) -> &[Self::Bytes] {
            bytes.as_chunks::<$bytes>().0
        }
        #[inline(always)]
        fn units_mut(bytes: &mut [u8]) -> &mut [Self::Bytes] {
            bytes.as_chunks_mut::<$bytes>().0
        }
    };
}

/// Infinite in f16.
const F16_INFINITE: u32 = 0x7c00;
/// 2^-14, the least normal number of f16, as f32 bits.
const F16_NORMAL: u32 = 0x3880_0000;
/// 2^16: rounds to infinity in f16, as does all above.
const F16_BEYOND: u32 = 0x4780_0000;
/// Difference of the exponents' biases, in place.
const F16_BIAS: u32 = 112 << 23;
/// Infinite in f32.
const F32_INFINITE: u32 = 0x7f80_0000;
/// All of an f32 but its sign.
const F32_SIZE: u32 = 0x7fff_ffff;

impl Stored for F16 {
    units!(2);
    const NAN: [u8; 2] = 0x7e00u16.to_le_bytes();
    const LARGEST: f64 = 65504.0;
    // 65520, half way to 2^16.
    const ODD: u32 = 0x477f_f000;

    #[inline(always)]
    fn wide<T: Real>(bytes: [u8; 2]) -> T {
        let half = u32::from(u16::from_le_bytes(bytes));
        let (sign, size) = ((half & 0x8000) << 16, half & 0x7fff);
        let normal = (size << 13) + F16_BIAS;
        // 2^-14 + size·2^-24, less 2^-14: exact, and no operand is a subnormal f32.
        let subnormal = (f32::from_bits(F16_NORMAL | (size << 13)) - f32::from_bits(F16_NORMAL)).to_bits();
        let special = F32_INFINITE | (size << 13);
        let finite = if size < 0x400 { subnormal } else { normal };
        T::from_f32(f32::from_bits(sign | if size >= F16_INFINITE { special } else { finite }))
    }

    #[inline(always)]
    fn narrow<T: Real>(value: T) -> ([u8; 2], u32) {
        let bits = value.to_f32_odd().to_bits();
        let (sign, size) = ((bits >> 16) & 0x8000, bits & F32_SIZE);
        let capped = size.min(F16_BEYOND);
        let normal = capped.wrapping_sub(F16_BIAS).wrapping_add(0xfff + ((capped >> 13) & 1)) >> 13;
        // The last place of 0.5 is 2^-24, that of f16's subnormals: the sum rounds as is wanted.
        let subnormal = (f32::from_bits(size) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
        let half = if size < F16_NORMAL { subnormal } else { normal };
        (((sign | half) as u16).to_le_bytes(), size)
    }
}

impl Stored for BF16 {
    units!(2);
    const NAN: [u8; 2] = 0x7fc0u16.to_le_bytes();
    const LARGEST: f64 = 3.3895313892515355e38;
    // Half way from the largest number to 2^128.
    const ODD: u32 = 0x7f7f_8000;

    #[inline(always)]
    fn wide<T: Real>(bytes: [u8; 2]) -> T {
        T::from_f32(f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16))
    }

    #[inline(always)]
    fn narrow<T: Real>(value: T) -> ([u8; 2], u32) {
        let bits = value.to_f32_odd().to_bits();
        let half = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
        ((half as u16).to_le_bytes(), bits & F32_SIZE)
    }
}

impl Stored for F32 {
    units!(4);
    const NAN: [u8; 4] = 0x7fc0_0000u32.to_le_bytes();
    const LARGEST: f64 = f32::MAX as f64;
    const ODD: u32 = F32_INFINITE;

    #[inline(always)]
    fn wide<T: Real>(bytes: [u8; 4]) -> T {
        T::from_f32(f32::from_le_bytes(bytes))
    }

    #[inline(always)]
    fn narrow<T: Real>(value: T) -> ([u8; 4], u32) {
        let bits = value.to_f32().to_bits();
        (bits.to_le_bytes(), bits & F32_SIZE)
    }
}

impl Stored for F64 {
    units!(8);
    const NAN: [u8; 8] = 0x7ff8_0000_0000_0000u64.to_le_bytes();
    const LARGEST: f64 = f64::MAX;
    // The upper half of infinity.
    const ODD: u32 = 0x7ff0_0000;

    #[inline(always)]
    fn wide<T: Real>(bytes: [u8; 8]) -> T {
        T::from_f64(f64::from_le_bytes(bytes))
    }

    #[inline(always)]
    fn narrow<T: Real>(value: T) -> ([u8; 8], u32) {
        let bits = value.to_f64().to_bits();
        (bits.to_le_bytes(), (bits >> 32) as u32 & F32_SIZE)
    }
}
