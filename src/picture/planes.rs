//! Pictures as f64 planes from 0 to 1, and filters over them.

use super::Image;
use crate::network::Range;
use crate::network::Shape;

/// Brightness of red, green and blue (ITU-R BT.601).
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// `[channels, height, width]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub values: Vec<f64>,
}

impl Planes {
    /// A picture as it is, in its own range.
    pub fn plain(image: &Image) -> Planes {
        let Shape { channels, height, width } = image.shape;
        Planes { channels, height, width, values: image.values.iter().map(|value| f64::from(*value)).collect() }
    }

    /// Grey as three equal colours; colours as they are.
    pub fn coloured(self) -> Planes {
        if self.channels >= 3 {
            return self;
        }
        let plane = &self.values[..self.pixels()];
        Planes { channels: 3, values: [plane, plane, plane].concat(), ..self }
    }

    /// A picture as it is seen: from 0 to 1, cut off beyond; NaN is black.
    pub fn seen(image: &Image) -> Planes {
        let scale = |value: f32| match image.range {
            Range::Signed => (f64::from(value) + 1.0) / 2.0,
            Range::Unit => f64::from(value),
        };
        let seen = |value: f64| if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        let values = image.values.iter().map(|value| seen(scale(*value))).collect();
        let Shape { channels, height, width } = image.shape;
        Planes { channels, height, width, values }
    }

    /// As a picture of values from 0 to 1.
    pub fn image(&self) -> Image {
        let shape = Shape::new(self.channels, self.height, self.width);
        Image { shape, range: Range::Unit, values: self.values.iter().map(|value| *value as f32).collect() }
    }

    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Red, green and blue of a pixel.
    pub fn colour(&self, at: usize) -> [f64; 3] {
        let plane = |channel: usize| self.values[channel * self.pixels() + at];
        if self.channels < 3 { [plane(0); 3] } else { [plane(0), plane(1), plane(2)] }
    }

    /// The brightness alone.
    pub fn luma(&self) -> Planes {
        let of = |at: usize| self.colour(at).iter().zip(LUMA).map(|(value, weight)| value * weight).sum();
        let values = if self.channels < 3 {
            self.values[..self.pixels()].to_vec()
        } else {
            (0..self.pixels()).map(of).collect()
        };
        Planes { channels: 1, values, ..*self }
    }

    /// Half as wide and high: means of four; an odd last row or column is left away.
    pub fn halved(&self) -> Planes {
        let (height, width) = (self.height / 2, self.width / 2);
        let mut values = Vec::with_capacity(self.channels * height * width);
        for plane in self.values.chunks_exact(self.pixels().max(1)) {
            for y in 0..height {
                let (upper, lower) = (&plane[2 * y * self.width..], &plane[(2 * y + 1) * self.width..]);
                values.extend(
                    (0..width).map(|x| (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]) / 4.0),
                );
            }
        }
        Planes { height, width, values, ..*self }
    }

    /// Filtered along rows and columns, where the taps (an odd number) lie inside.
    pub fn filtered_inside(&self, taps: &[f64]) -> Planes {
        let (height, width) =
            ((self.height + 1).saturating_sub(taps.len()), (self.width + 1).saturating_sub(taps.len()));
        let mut rows = vec![0.0; self.channels * self.height * width];
        let lines = self.values.chunks_exact(self.width.max(1));
        for (out, line) in rows.chunks_exact_mut(width.max(1)).zip(lines) {
            for (tap, weight) in taps.iter().enumerate() {
                out.iter_mut().zip(&line[tap..]).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        let mut values = vec![0.0; self.channels * height * width];
        let planes = rows.chunks_exact((self.height * width).max(1));
        for (out, plane) in values.chunks_exact_mut((height * width).max(1)).zip(planes) {
            for (tap, weight) in taps.iter().enumerate() {
                out.iter_mut().zip(&plane[tap * width..]).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        Planes { height, width, values, ..*self }
    }
}

/// Filtered along rows and columns, over planes that are mirrored at their edges (the edge itself is doubled).
pub fn blurred(planes: &Planes, taps: &[f64]) -> Planes {
    let radius = taps.len() / 2;
    let (height, width) = (planes.height + 2 * radius, planes.width + 2 * radius);
    let mut values = Vec::with_capacity(planes.channels * height * width);
    for plane in planes.values.chunks_exact(planes.pixels().max(1)) {
        for y in 0..height {
            let row = &plane[mirrored(y, radius, planes.height) * planes.width..];
            values.extend((0..width).map(|x| row[mirrored(x, radius, planes.width)]));
        }
    }
    Planes { height, width, values, ..*planes }.filtered_inside(taps)
}

/// The place that a place of the widened axis shows.
fn mirrored(at: usize, radius: usize, size: usize) -> usize {
    let period = 2 * size as i64;
    let place = (at as i64 - radius as i64).rem_euclid(period) as usize;
    if place < size { place } else { 2 * size - 1 - place }
}
