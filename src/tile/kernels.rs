//! The vectorised loops: one per operation, compiled for several instruction sets and chosen when the program runs.
//! None of them fuses a product with a sum, so all sets give the same bits.

use super::Binary;
use super::Unary;
use super::real::Real;
use super::stored::Stored;
use multiversion::multiversion;

/// Lanes of a reduction: element i of a block goes to lane i mod 16 (law 1).
pub const LANES: usize = 16;

/// The partial sums of one reduction.
pub type Lanes = [f64; LANES];

/// Stored elements to working values.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn decode<S: Stored, T: Real>(bytes: &[u8], out: &mut [T]) {
    for (value, unit) in out.iter_mut().zip(S::units(bytes)) {
        *value = S::wide(*unit);
    }
}

/// Working values to stored elements.  True when one is infinite or a NaN: then the bytes are not final.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn encode<S: Stored, T: Real>(values: &[T], out: &mut [u8]) -> bool {
    let mut greatest = 0;
    for (unit, value) in S::units_mut(out).iter_mut().zip(values) {
        let (bytes, key) = S::narrow(*value);
        greatest = key.max(greatest);
        *unit = bytes;
    }
    greatest >= S::ODD
}

/// Working values as they would be written in a type.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn round<S: Stored, T: Real>(a: &[T], out: &mut [T]) {
    for (o, x) in out.iter_mut().zip(a) {
        *o = if x.is_nan() { T::NAN } else { S::wide(S::narrow(*x).0) };
    }
}

/// `x * scale`, then `+ add` unless that is 0 (which would turn −0 into 0).
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn affine<T: Real>(scale: T, add: T, out: &mut [T]) {
    if add == T::default() {
        out.iter_mut().for_each(|x| *x = x.mul(scale));
    } else {
        out.iter_mut().for_each(|x| *x = x.mul(scale).add(add));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn unary<T: Real>(op: Unary, a: &[T], out: &mut [T]) {
    let one = T::from_f32(1.0);
    match op {
        Unary::Neg => map(a, out, |x| x.neg()),
        Unary::Abs => map(a, out, |x| x.abs()),
        Unary::Sqrt => map(a, out, |x| x.sqrt()),
        Unary::NonFinite => map(a, out, |x| if x.is_finite() { T::default() } else { one }),
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn binary<T: Real>(op: Binary, a: &[T], b: &[T], out: &mut [T]) {
    match op {
        Binary::Add => zip(a, b, out, |x, y| x.add(y)),
        Binary::Sub => zip(a, b, out, |x, y| x.sub(y)),
        Binary::Mul => zip(a, b, out, |x, y| x.mul(y)),
        Binary::Div => zip(a, b, out, |x, y| x.div(y)),
        Binary::Min => zip(a, b, out, |x, y| if y < x { y } else { x }),
        Binary::Max => zip(a, b, out, |x, y| if y > x { y } else { x }),
        Binary::Differs => differs([false, false], a, b, out),
    }
}

/// 1 where the bits differ.  A NaN of an operand that is not `kept` was computed: it is the canonical one.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn differs<T: Real>([keep_a, keep_b]: [bool; 2], a: &[T], b: &[T], out: &mut [T]) {
    let one = T::from_f32(1.0);
    let clean = |x: T, keep: bool| if !keep && x.is_nan() { T::NAN.bits() } else { x.bits() };
    zip(a, b, out, |x, y| if clean(x, keep_a) == clean(y, keep_b) { T::default() } else { one });
}

#[inline(always)]
fn map<T: Real>(a: &[T], out: &mut [T], f: impl Fn(T) -> T) {
    out.iter_mut().zip(a).for_each(|(o, x)| *o = f(*x));
}

#[inline(always)]
fn zip<T: Real>(a: &[T], b: &[T], out: &mut [T], f: impl Fn(T, T) -> T) {
    out.iter_mut().zip(a).zip(b).for_each(|((o, x), y)| *o = f(*x, *y));
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn linear1<T: Real>(s: T, a: &[T], out: &mut [T]) {
    map(a, out, |x| s.mul(x));
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn linear2<T: Real>([s, t]: [T; 2], a: &[T], b: &[T], out: &mut [T]) {
    zip(a, b, out, |x, y| s.mul(x).add(t.mul(y)));
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn linear3<T: Real>([s, t, u]: [T; 3], a: &[T], b: &[T], c: &[T], out: &mut [T]) {
    for (((o, x), y), z) in out.iter_mut().zip(a).zip(b).zip(c) {
        *o = s.mul(*x).add(t.mul(*y)).add(u.mul(*z));
    }
}

/// `out += s·a`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn linear_more<T: Real>(s: T, a: &[T], out: &mut [T]) {
    out.iter_mut().zip(a).for_each(|(o, x)| *o = o.add(s.mul(*x)));
}

/// `out += s·a` where s is not 0; `touched` becomes 1 there.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn linear_where<T: Real>(s: &[T], a: &[T], out: &mut [T], touched: &mut [T]) {
    let (zero, one) = (T::default(), T::from_f32(1.0));
    for (((o, x), s), t) in out.iter_mut().zip(a).zip(s).zip(touched) {
        let sum = o.add(s.mul(*x));
        let hit = *s != zero;
        *o = if hit { sum } else { *o };
        *t = if hit { one } else { *t };
    }
}

/// 0 where nothing was added.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn zero_where_not<T: Real>(touched: &[T], out: &mut [T]) {
    let zero = T::default();
    out.iter_mut().zip(touched).for_each(|(o, t)| *o = if *t == zero { zero } else { *o });
}

/// Stored elements times a share, stored: [`decode`], [`linear1`] and [`encode`] in one loop.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn fused1<S: Stored>(s: f32, a: &[u8], out: &mut [u8]) -> bool {
    let mut greatest = 0;
    for (o, x) in S::units_mut(out).iter_mut().zip(S::units(a)) {
        let (bytes, key) = S::narrow(s * S::wide::<f32>(*x));
        greatest = key.max(greatest);
        *o = bytes;
    }
    greatest >= S::ODD
}

/// Two stored tensors to their linear combination, stored, in one loop.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn fused2<S: Stored>([s, t]: [f32; 2], a: &[u8], b: &[u8], out: &mut [u8]) -> bool {
    let mut greatest = 0;
    for ((o, x), y) in S::units_mut(out).iter_mut().zip(S::units(a)).zip(S::units(b)) {
        let (bytes, key) = S::narrow(s * S::wide::<f32>(*x) + t * S::wide::<f32>(*y));
        greatest = key.max(greatest);
        *o = bytes;
    }
    greatest >= S::ODD
}

/// Three stored tensors to their linear combination, stored, in one loop.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn fused3<S: Stored>([s, t, u]: [f32; 3], a: &[u8], b: &[u8], c: &[u8], out: &mut [u8]) -> bool {
    let mut greatest = 0;
    let inputs = S::units(a).iter().zip(S::units(b)).zip(S::units(c));
    for (o, ((x, y), z)) in S::units_mut(out).iter_mut().zip(inputs) {
        let sum = s * S::wide::<f32>(*x) + t * S::wide::<f32>(*y) + u * S::wide::<f32>(*z);
        let (bytes, key) = S::narrow(sum);
        greatest = key.max(greatest);
        *o = bytes;
    }
    greatest >= S::ODD
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn sum<T: Real>(a: &[T], lanes: &mut Lanes) {
    let mut sums = *lanes;
    let (whole, rest) = a.as_chunks::<LANES>();
    for x in whole {
        for lane in 0..LANES {
            sums[lane] += x[lane].to_f64();
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += x.to_f64();
    }
    *lanes = sums;
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn dot<T: Real>(a: &[T], b: &[T], lanes: &mut Lanes) {
    let mut sums = *lanes;
    let ((whole, rest), (whole_b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (x, y) in whole.iter().zip(whole_b) {
        for lane in 0..LANES {
            sums[lane] += x[lane].to_f64() * y[lane].to_f64();
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(rest).zip(rest_b) {
        *sum += x.to_f64() * y.to_f64();
    }
    *lanes = sums;
}

/// a·a, a·b and b·b in one loop: what an angle needs.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn dots<T: Real>(a: &[T], b: &[T], lanes: &mut [Lanes; 3]) {
    let [mut aa, mut ab, mut bb] = *lanes;
    let ((whole, rest), (whole_b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (x, y) in whole.iter().zip(whole_b) {
        for lane in 0..LANES {
            let (x, y) = (x[lane].to_f64(), y[lane].to_f64());
            aa[lane] += x * x;
            ab[lane] += x * y;
            bb[lane] += y * y;
        }
    }
    for (lane, (x, y)) in rest.iter().zip(rest_b).enumerate() {
        let (x, y) = (x.to_f64(), y.to_f64());
        aa[lane] += x * x;
        ab[lane] += x * y;
        bb[lane] += y * y;
    }
    *lanes = [aa, ab, bb];
}

/// Lanes added in a fixed binary tree.
pub fn tree(lanes: &Lanes) -> f64 {
    let mut level = *lanes;
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for at in 0..width {
            level[at] = level[2 * at] + level[2 * at + 1];
        }
    }
    level[0]
}
