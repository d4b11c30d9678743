//! A surface of coloured pixels that pictures, text and bars are put on.

use super::Image;
use super::error;
use crate::diag::Problem;
use png::BitDepth;
use png::ColorType;
use png::Compression;
use png::Encoder;

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Pixels that a canvas may have: a sheet of a gigabyte helps nobody.
const MOST: usize = 1 << 28;

/// RGB pixels, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

impl Canvas {
    /// Of one colour.  Errors: E0707 for a canvas that is too large.
    pub fn new(width: usize, height: usize, colour: Colour) -> Result<Canvas, Problem> {
        if width.saturating_mul(height) > MOST {
            return Err(error::too_large(width, height, MOST));
        }
        let pixels = colour.iter().copied().cycle().take(width * height * 3).collect();
        Ok(Canvas { width, height, pixels })
    }

    /// One picture as it is: grey ones get three equal channels, further channels than three are not shown.
    pub fn of(image: &Image) -> Canvas {
        let (channels, bytes) = (image.shape.channels, image.bytes());
        let colour = |pixel: &[u8]| if channels < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
        let pixels = bytes.chunks_exact(channels.max(1)).flat_map(colour).collect();
        Canvas { width: image.shape.width, height: image.shape.height, pixels }
    }

    pub fn set(&mut self, x: usize, y: usize, colour: Colour) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            self.pixels[at..at + 3].copy_from_slice(&colour);
        }
    }

    /// Mixes a colour in, `cover` from 0 to 1.
    pub fn mix(&mut self, x: usize, y: usize, colour: Colour, cover: f32) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            for (own, new) in self.pixels[at..at + 3].iter_mut().zip(colour) {
                let mixed = f32::from(*own) + (f32::from(new) - f32::from(*own)) * cover.clamp(0.0, 1.0);
                *own = mixed.round() as u8;
            }
        }
    }

    /// A rectangle; what lies outside is cut off.
    pub fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Colour) {
        for y in y..y.saturating_add(height).min(self.height) {
            for x in x..x.saturating_add(width).min(self.width) {
                self.set(x, y, colour);
            }
        }
    }

    /// Copies another canvas to a place; what lies outside is cut off.
    pub fn put(&mut self, other: &Canvas, x: usize, y: usize) {
        let width = other.width.min(self.width.saturating_sub(x));
        for row in 0..other.height.min(self.height.saturating_sub(y)) {
            let (to, from) = (((y + row) * self.width + x) * 3, row * other.width * 3);
            self.pixels[to..to + width * 3].copy_from_slice(&other.pixels[from..from + width * 3]);
        }
    }

    /// Every pixel as `factor × factor` equal ones: small pictures stay what they are.
    pub fn enlarged(&self, factor: usize) -> Canvas {
        let (width, height) = (self.width * factor, self.height * factor);
        let mut pixels = Vec::with_capacity(width * height * 3);
        for row in self.pixels.chunks_exact((self.width * 3).max(1)) {
            let wide: Vec<u8> =
                row.as_chunks::<3>().0.iter().flat_map(|pixel| std::iter::repeat_n(*pixel, factor)).flatten().collect();
            (0..factor).for_each(|_| pixels.extend_from_slice(&wide));
        }
        Canvas { width, height, pixels }
    }

    /// The mean of every `factor × factor` pixels; a rest at the right and lower edge is cut off.
    pub fn reduced(&self, factor: usize) -> Canvas {
        let factor = factor.max(1);
        let (width, height) = (self.width / factor, self.height / factor);
        let mut pixels = vec![0; width * height * 3];
        for (at, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (left, top) = (at % width * factor, at / width * factor);
            for (channel, value) in pixel.iter_mut().enumerate() {
                let rows = (top..top + factor).map(|y| y * self.width);
                let sum: usize = rows
                    .flat_map(|row| (left..left + factor).map(move |x| (row + x) * 3 + channel))
                    .map(|at| usize::from(self.pixels[at]))
                    .sum();
                *value = ((sum + factor * factor / 2) / (factor * factor)) as u8;
            }
        }
        Canvas { width, height, pixels }
    }

    /// A PNG file with texts (keyword, text) inside.  Errors: E0707.
    pub fn png(&self, texts: &[(&str, &str)]) -> Result<Vec<u8>, Problem> {
        let wrong = |reason: String| error::not_png(3, &reason);
        let size = |size: usize| u32::try_from(size).map_err(|_| wrong("it is too large".into()));
        let mut out = vec![];
        let mut encoder = Encoder::new(&mut out, size(self.width)?, size(self.height)?);
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::Fast);
        super::image::add_texts(&mut encoder, texts).map_err(|reason| wrong(reason.to_string()))?;
        let mut writer = encoder.write_header().map_err(|reason| wrong(reason.to_string()))?;
        writer.write_image_data(&self.pixels).map_err(|reason| wrong(reason.to_string()))?;
        writer.finish().map_err(|reason| wrong(reason.to_string()))?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(width: usize, pixels: &[u8]) -> Canvas {
        let pixels: Vec<u8> = pixels.iter().flat_map(|value| [*value; 3]).collect();
        Canvas { width, height: pixels.len() / 3 / width, pixels }
    }

    #[test]
    fn sizes_change_by_whole_factors() {
        assert_eq!(canvas(2, &[1, 2]).enlarged(2), canvas(4, &[1, 1, 2, 2, 1, 1, 2, 2]));
        assert_eq!(canvas(5, &[0, 2, 10, 20, 9, 2, 4, 30, 40, 9]).reduced(2), canvas(2, &[2, 25]));
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut all = canvas(3, &[0; 6]);
        all.put(&canvas(2, &[1, 2, 3, 4]), 2, 1);
        assert_eq!(all, canvas(3, &[0, 0, 0, 0, 0, 1]));
        all.fill(1, 0, 9, 1, [7; 3]);
        all.put(&canvas(1, &[9]), 5, 5);
        assert_eq!(all, canvas(3, &[0, 7, 7, 0, 0, 1]));
    }

    #[test]
    fn nobody_gets_a_gigabyte() {
        assert_eq!(Canvas::new(1 << 20, 1 << 20, [0; 3]).expect_err("too large").code.0, "E0707");
    }
}
