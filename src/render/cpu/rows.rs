//! Loops over rows of pixels, compiled for several instruction sets and chosen when the program runs.  None of them fuses
//! a product with a sum, so all sets give the same bits.

use multiversion::multiversion;

/// `out = x·by`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn scale(x: &[f32], by: f32, out: &mut [f32]) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out = x * by);
}

/// `out += x·by`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn add_scaled(x: &[f32], by: f32, out: &mut [f32]) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out += x * by);
}

/// `out = x + by`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn shift(x: &[f32], by: f32, out: &mut [f32]) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out = x + by);
}

/// Two rows of sums: `((x₀·g₀ + x₁·g₁) + x₂·g₂) + x₃·g₃`, and the same of `x₁` to `x₄`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn down4(x: [&[f32]; 5], g: [f32; 4], [first, second]: [&mut [f32]; 2]) {
    let len = first.len();
    let ([a, b, c, d, e], second) = (x.map(|x| &x[..len]), &mut second[..len]);
    for at in 0..len {
        first[at] = ((a[at] * g[0] + b[at] * g[1]) + c[at] * g[2]) + d[at] * g[3];
        second[at] = ((b[at] * g[0] + c[at] * g[1]) + d[at] * g[2]) + e[at] * g[3];
    }
}

/// The same along a row of values that take turns: `odd₀, even₁, odd₁, even₂, …`, of which there are two more than pairs of sums
/// (`even₀` is not looked at).
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn across4(even: &[f32], odd: &[f32], g: [f32; 4], out: &mut [f32]) {
    let pairs = out.as_chunks_mut::<2>().0;
    let len = pairs.len();
    let (b, d) = (&even[1..][..len], &even[2..][..len]);
    let (a, c, e) = (&odd[..len], &odd[1..][..len], &odd[2..][..len]);
    for at in 0..len {
        let even = ((a[at] * g[0] + b[at] * g[1]) + c[at] * g[2]) + d[at] * g[3];
        let odd = ((b[at] * g[0] + c[at] * g[1]) + d[at] * g[2]) + e[at] * g[3];
        pairs[at] = [even, odd];
    }
}

/// `out[j] = Σ taps[k]·x[j + k]`, or added to what stands there; `x` has `taps.len() - 1` values more than `out`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn fir(x: &[f32], taps: &[f32], add: bool, out: &mut [f32]) {
    const LANES: usize = 16;
    let x = &x[..out.len() + taps.len().saturating_sub(1)];
    let (wide, rest) = out.as_chunks_mut::<LANES>();
    let done = wide.len() * LANES;
    for (out, start) in wide.iter_mut().zip((0..).step_by(LANES)) {
        let mut sums = if add { *out } else { [0.0; LANES] };
        for (tap, x) in taps.iter().zip(x[start..].windows(LANES)) {
            for lane in 0..LANES {
                sums[lane] += tap * x[lane];
            }
        }
        *out = sums;
    }
    for (out, x) in rest.iter_mut().zip(x[done..].windows(taps.len().max(1))) {
        let start = if add { *out } else { 0.0 };
        *out = taps.iter().zip(x).fold(start, |sum, (tap, x)| sum + tap * x);
    }
}

/// Leaky ReLU, gain, clamp, in place.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn activate(slope: f32, gain: f32, clamp: f32, out: &mut [f32]) {
    out.iter_mut().for_each(|x| *x = bounded(leaky(*x, slope) * gain, clamp));
}

/// What is done to one channel's sums.
#[derive(Clone, Copy)]
pub struct Finish1 {
    pub scale: f32,
    pub strength: f32,
    pub bias: f32,
    pub slope: f32,
    pub gain: f32,
    /// Infinite: no clamp.
    pub clamp: f32,
    /// Share of what stood at the output.
    pub keep: f32,
}

/// `out = clamp(leaky(sums·scale + noise·strength + bias)·gain) + out·keep`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn finish<const NOISE: bool, const KEEP: bool>(sums: &[f32], noise: &[f32], how: Finish1, out: &mut [f32]) {
    let len = out.len();
    let sums = &sums[..len];
    let noise = if NOISE { &noise[..len] } else { sums };
    for at in 0..len {
        let mut x = sums[at] * how.scale;
        if NOISE {
            x += noise[at] * how.strength;
        }
        x = bounded(leaky(x + how.bias, how.slope) * how.gain, how.clamp);
        out[at] = if KEEP { x + out[at] * how.keep } else { x };
    }
}

#[inline(always)]
fn leaky(x: f32, slope: f32) -> f32 {
    if x < 0.0 { x * slope } else { x }
}

/// NaN stays NaN.
#[inline(always)]
fn bounded(x: f32, clamp: f32) -> f32 {
    let x = if x > clamp { clamp } else { x };
    if x < -clamp { -clamp } else { x }
}

/// Copies `COLUMNS` values from each offset of `patch` into the rows of a panel.
#[inline(always)]
fn whole<const COLUMNS: usize>(patch: &[f32], offsets: &[usize], base: usize, panel: &mut [f32]) {
    for (row, offset) in panel.as_chunks_mut::<COLUMNS>().0.iter_mut().zip(offsets) {
        row.copy_from_slice(&patch[offset + base..offset + base + COLUMNS]);
    }
}

/// The rows of a panel: for each offset `columns` values of `patch` behind it, from one base on or in equal parts from
/// several, which are then of eight values.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
pub fn gather(patch: &[f32], offsets: &[usize], bases: &[usize], columns: usize, panel: &mut [f32]) {
    let adjacent = bases.windows(2).all(|pair| pair[1] == pair[0] + 8);
    match (adjacent, columns) {
        (true, 32) => whole::<32>(patch, offsets, bases[0], panel),
        (true, 16) => whole::<16>(patch, offsets, bases[0], panel),
        (true, 8) => whole::<8>(patch, offsets, bases[0], panel),
        _ => {
            for (row, offset) in panel.chunks_exact_mut(columns).zip(offsets) {
                for (eight, base) in row.as_chunks_mut::<8>().0.iter_mut().zip(bases) {
                    eight.copy_from_slice(&patch[offset + base..offset + base + 8]);
                }
            }
        }
    }
}
