//! Where two pictures differ, as a picture.

use super::canvas::Canvas;
use super::canvas::Colour;
use super::metrics::delta;

/// A difference of a quarter of the range is as bright as it gets: what the eye sees at once.
const GAIN: f64 = 4.0;

/// From nothing to all: brighter all along, so that it can be read in grey too.
const HEAT: [Colour; 5] = [[8, 6, 20], [72, 22, 110], [182, 48, 100], [246, 132, 50], [255, 244, 190]];

/// The mean absolute difference of the channels, pixel by pixel, on a scale of heat.  Of pictures of two sizes the common
/// upper left part is shown.
pub fn difference(a: &Canvas, b: &Canvas) -> Canvas {
    let (width, height) = (a.width.min(b.width), a.height.min(b.height));
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let at = |canvas: &Canvas, channel: usize| canvas.pixels[(y * canvas.width + x) * 3 + channel];
            let sum: u32 = (0..3).map(|channel| u32::from(at(a, channel).abs_diff(at(b, channel)))).sum();
            pixels.extend(heat(f64::from(sum) / (3.0 * 255.0) * GAIN));
        }
    }
    Canvas { width, height, pixels }
}

/// The distance in CIELAB, pixel by pixel, on a scale of heat: what an eye sees of a change.  Half of the distance between
/// black and white is as bright as it gets.
pub fn error_map(a: &Canvas, b: &Canvas) -> Canvas {
    let (width, height) = (a.width.min(b.width), a.height.min(b.height));
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let at = |canvas: &Canvas| {
                let start = (y * canvas.width + x) * 3;
                std::array::from_fn(|channel| f64::from(canvas.pixels[start + channel]) / 255.0)
            };
            pixels.extend(heat(delta(at(a), at(b)) / 50.0));
        }
    }
    Canvas { width, height, pixels }
}

/// The squared distance in CIELAB of every pixel, row by row.  Of pictures of two sizes: nothing.
pub fn squared_errors(a: &Canvas, b: &Canvas) -> Vec<f64> {
    if (a.width, a.height) != (b.width, b.height) {
        return vec![];
    }
    let colour = |pixel: &[u8; 3]| pixel.map(|value| f64::from(value) / 255.0);
    let of = |(a, b): (&[u8; 3], &[u8; 3])| if a == b { 0.0 } else { delta(colour(a), colour(b)).powi(2) };
    a.pixels.as_chunks().0.iter().zip(b.pixels.as_chunks().0).map(of).collect()
}

/// The colour of a value from 0 to 1.
pub fn heat(value: f64) -> Colour {
    let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
    let place = value * (HEAT.len() - 1) as f64;
    let low = (place as usize).min(HEAT.len() - 2);
    let part = place - low as f64;
    std::array::from_fn(|channel| {
        let (from, to) = (f64::from(HEAT[low][channel]), f64::from(HEAT[low + 1][channel]));
        (from + (to - from) * part).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_seen() {
        let canvas = |values: [u8; 3]| Canvas { width: 1, height: 1, pixels: values.to_vec() };
        let check = |a, b, wanted: Colour| assert_eq!(difference(&canvas(a), &canvas(b)).pixels, wanted);
        check([9, 9, 9], [9, 9, 9], HEAT[0]);
        check([0, 0, 0], [255, 255, 255], HEAT[4]);
        check([0, 0, 0], [64, 64, 64], HEAT[4]);
        check([0, 60, 0], [0, 0, 36], heat(96.0 / 765.0 * 4.0));
        let map = |a, b| error_map(&canvas(a), &canvas(b)).pixels;
        assert_eq!(map([7, 8, 9], [7, 8, 9]), HEAT[0]);
        // Black and white are 100 apart, black and a grey of L* = 25 are half of what is shown.
        assert_eq!(map([0, 0, 0], [255, 255, 255]), HEAT[4]);
        let grey = map([0, 0, 0], [59, 59, 59]);
        assert!(grey.iter().zip(HEAT[2]).all(|(found, wanted)| found.abs_diff(wanted) < 4), "{grey:?}");
        assert_eq!(heat(0.5), HEAT[2]);
        assert_eq!(heat(f64::NAN), HEAT[0]);
    }
}
