//! The two working types: f32, and f64 when an input is f64.

/// What tile operations need of a number.
pub trait Real: Copy + Default + Send + Sync + PartialOrd + 'static {
    const MAX: f64;
    /// The canonical quiet NaN.
    const NAN: Self;
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn from_f32(value: f32) -> Self;
    fn to_f32(self) -> f32;
    /// As f32, an inexact value towards the neighbour whose last bit is 1: rounding that to a type of at least two
    /// digits less is rounding the value itself, once.  A NaN stays one.
    fn to_f32_odd(self) -> f32;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn is_finite(self) -> bool;
    fn is_nan(self) -> bool;
    fn bits(self) -> u64;
}

macro_rules! real {
    ($type:ident, $odd:path) => {
        impl Real for $type {
            const MAX: f64 = $type::MAX as f64;
            const NAN: Self = $type::NAN;
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn from_f32(value: f32) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f32(self) -> f32 {
                self as f32
            }
            #[inline(always)]
            fn to_f32_odd(self) -> f32 {
                $odd(self)
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self - other
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self * other
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                self / other
            }
            #[inline(always)]
            fn neg(self) -> Self {
                -self
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$type>::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // Correctly rounded by IEEE 754, so the same everywhere.
                <$type>::sqrt(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                <$type>::is_finite(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                <$type>::is_nan(self)
            }
            #[inline(always)]
            fn bits(self) -> u64 {
                self.to_bits() as u64
            }
        }
    };
}

real!(f32, std::convert::identity);
real!(f64, odd);

#[inline(always)]
fn odd(value: f64) -> f32 {
    let near = value as f32;
    let bits = near.to_bits();
    let away = u32::from(f64::from(near).abs() > value.abs());
    let inexact = f64::from(near) != value && !value.is_nan();
    f32::from_bits(if inexact { (bits.wrapping_sub(away)) | 1 } else { bits })
}
