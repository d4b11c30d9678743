//! How pictures compare, in numbers: for claims that hold on every machine.
//!
//! Metrics look at pictures as they are seen: values from 0 to 1, cut off beyond.  All sums are f64 in the order of the
//! pixels, and functions come from `libm`.

use super::Image;
use super::planes::Planes;
use super::planes::blurred;

/// The constants of SSIM for values from 0 to 1.
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;
/// Taps of SSIM's window, and the deviation of its Gaussian.
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;

/// Weights of the scales, from the finest.
const SCALES: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// Peak signal-to-noise ratio in dB, over all channels; infinite for equal pictures.
pub fn psnr(a: &Image, b: &Image) -> f64 {
    let (mut a, mut b) = (Planes::seen(a), Planes::seen(b));
    if a.channels != b.channels {
        (a, b) = (a.coloured(), b.coloured());
    }
    let error = mean(a.values.iter().zip(&b.values).map(|(a, b)| (a - b) * (a - b)), a.values.len());
    if error == 0.0 { f64::INFINITY } else { -10.0 * libm::log10(error) }
}

/// Structural similarity of the brightness, 1 for equal pictures.
///
/// Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity": a Gaussian window of 11
/// taps with σ 1.5, K = (0.01, 0.03), over the places where the window lies inside the picture.  In pictures with a side
/// under 11 pixels the window is as wide as that side, the next smaller odd number of pixels.
pub fn ssim(a: &Image, b: &Image) -> f64 {
    let (a, b) = (Planes::seen(a).luma(), Planes::seen(b).luma());
    terms(&a, &b).0
}

/// SSIM over scales, each half as large as the one before.
///
/// Wang et al. 2003, "Multi-scale structural similarity for image quality assessment": weights of five scales; of pictures
/// too small for a scale (under 11 pixels) the weights of the others are scaled up to sum 1.  A negative contrast term
/// counts as 0.
pub fn ms_ssim(a: &Image, b: &Image) -> f64 {
    let (mut a, mut b) = (Planes::seen(a).luma(), Planes::seen(b).luma());
    let mut side = a.width.min(a.height);
    let mut count = 1;
    while count < SCALES.len() && side / 2 >= WINDOW {
        side /= 2;
        count += 1;
    }
    let whole: f64 = SCALES[..count].iter().sum();
    let mut out = 1.0;
    for (scale, weight) in SCALES[..count].iter().enumerate() {
        let (full, contrast) = terms(&a, &b);
        let term = if scale + 1 == count { full } else { contrast };
        out *= libm::pow(term.max(0.0), weight / whole);
        (a, b) = (a.halved(), b.halved());
    }
    out
}

/// The means of SSIM and of its contrast and structure term alone.
fn terms(a: &Planes, b: &Planes) -> (f64, f64) {
    let side = WINDOW.min(a.width).min(a.height);
    let taps = gaussian(SIGMA, if side % 2 == 1 { side / 2 } else { (side / 2).saturating_sub(1) });
    let inside = |planes: &Planes| planes.filtered_inside(&taps);
    let product = |x: &Planes, y: &Planes| Planes {
        values: x.values.iter().zip(&y.values).map(|(x, y)| x * y).collect(),
        ..x.clone()
    };
    let (ma, mb) = (inside(a), inside(b));
    let (aa, bb, ab) = (inside(&product(a, a)), inside(&product(b, b)), inside(&product(a, b)));
    let (mut full, mut contrast) = (0.0, 0.0);
    for at in 0..ma.values.len() {
        let (x, y) = (ma.values[at], mb.values[at]);
        let (va, vb, cov) = (aa.values[at] - x * x, bb.values[at] - y * y, ab.values[at] - x * y);
        let structure = (2.0 * cov + C2) / (va + vb + C2);
        contrast += structure;
        full += structure * (2.0 * x * y + C1) / (x * x + y * y + C1);
    }
    let count = ma.values.len().max(1) as f64;
    (full / count, contrast / count)
}

/// The mean distance in CIELAB (ΔE*ab of 1976): 0 for equal pictures, about 2.3 where an eye begins to see it.  Grey
/// pictures are seen as colours with equal channels.
pub fn lab_distance(a: &Image, b: &Image) -> f64 {
    let (a, b) = (Planes::seen(a), Planes::seen(b));
    mean((0..a.pixels()).map(|at| delta(a.colour(at), b.colour(at))), a.pixels())
}

/// The standard deviation of the brightness: 0 for a picture of one tone, about 0.25 for an ordinary one.
pub fn contrast(a: &Image) -> f64 {
    let luma = Planes::seen(a).luma();
    let middle = mean(luma.values.iter().copied(), luma.values.len());
    libm::sqrt(mean(luma.values.iter().map(|value| (value - middle) * (value - middle)), luma.values.len()))
}

/// The mean saturation of the pixels, `(max − min) / max` of their channels: 0 for grey pictures, 1 for pure colours.
pub fn saturation(a: &Image) -> f64 {
    let planes = Planes::seen(a);
    let of = |at: usize| {
        let colour = planes.colour(at);
        let (low, high) =
            (colour.iter().fold(f64::MAX, |a, b| a.min(*b)), colour.iter().fold(0.0, |a: f64, b| a.max(*b)));
        if high > 0.0 { (high - low) / high } else { 0.0 }
    };
    mean((0..planes.pixels()).map(of), planes.pixels())
}

/// How different pictures are from each other: the mean, over all pairs, of the root mean square difference.  0 where all
/// are the same, which is how a generator that has collapsed shows.
pub fn diversity(batch: &[Image]) -> f64 {
    let all: Vec<Planes> = batch.iter().map(Planes::seen).collect();
    let pairs = (0..all.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let distance = |(a, b): (usize, usize)| {
        let (a, b) = (&all[a].values, &all[b].values);
        libm::sqrt(mean(a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)), a.len()))
    };
    mean(pairs.map(distance), all.len() * all.len().saturating_sub(1) / 2)
}

/// Values that are no numbers.
pub fn not_finite(a: &Image) -> usize {
    a.values.iter().filter(|value| !value.is_finite()).count()
}

/// Without what is smaller than about `px` pixels: a Gaussian as wide as that at half its height (σ = px / 2.355), over a
/// picture that is mirrored at its edges.  As a picture of values from 0 to 1.
pub fn lowpass(a: &Image, px: f64) -> Image {
    blurred(&Planes::seen(a), &wide(px)).image()
}

/// What [`lowpass`] takes away, around middle grey.
pub fn highpass(a: &Image, px: f64) -> Image {
    let planes = Planes::seen(a);
    let low = blurred(&planes, &wide(px));
    let values = planes.values.iter().zip(&low.values).map(|(value, low)| value - low + 0.5).collect();
    Planes { values, ..planes }.image()
}

/// The taps of a Gaussian of this full width at half maximum, cut off at four deviations.
fn wide(px: f64) -> Vec<f64> {
    let sigma = px / (2.0 * libm::sqrt(2.0 * libm::log(2.0)));
    gaussian(sigma, libm::floor(4.0 * sigma + 0.5) as usize)
}

/// Normalised taps from `-radius` to `radius`.
fn gaussian(sigma: f64, radius: usize) -> Vec<f64> {
    let at = |x: f64| libm::exp(-0.5 * x * x / (sigma * sigma));
    let taps: Vec<f64> = (0..2 * radius + 1).map(|tap| at(tap as f64 - radius as f64)).collect();
    let whole: f64 = taps.iter().sum();
    taps.iter().map(|tap| tap / whole).collect()
}

fn mean(values: impl Iterator<Item = f64>, count: usize) -> f64 {
    if count == 0 { 0.0 } else { values.sum::<f64>() / count as f64 }
}

/// The distance of two sRGB colours in CIELAB (CIE 1976): 100 between black and white.
pub fn delta(a: [f64; 3], b: [f64; 3]) -> f64 {
    let sum: f64 = lab(a).iter().zip(lab(b)).map(|(a, b)| (a - b) * (a - b)).sum();
    libm::sqrt(sum)
}

/// sRGB to CIELAB, D65 (IEC 61966-2-1, CIE 15).
fn lab(colour: [f64; 3]) -> [f64; 3] {
    let linear =
        colour.map(|value| if value <= 0.04045 { value / 12.92 } else { libm::pow((value + 0.055) / 1.055, 2.4) });
    let [r, g, b] = linear;
    let x = (0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.95047;
    let y = 0.212671 * r + 0.715160 * g + 0.072169 * b;
    let z = (0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883;
    let f = |t: f64| if t > 0.008856 { libm::cbrt(t) } else { 7.787 * t + 16.0 / 116.0 };
    let [x, y, z] = [x, y, z].map(f);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}
