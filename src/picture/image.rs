//! Bytes and PNG files of what was drawn.

use super::error;
use crate::diag::Problem;
use crate::network::Range;
use crate::network::Shape;
use png::BitDepth;
use png::ColorType;
use png::Compression;
use png::Encoder;
use png::EncodingError;
use std::io::Write;

/// A drawn picture, `[channels, height, width]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pub shape: Shape,
    pub range: Range,
    pub values: Vec<f32>,
}

impl Image {
    /// One byte per channel and pixel, channels together ([`Range`] says how they are rounded).  NaN becomes 0.
    pub fn bytes(&self) -> Vec<u8> {
        let byte: fn(f32) -> u8 = match self.range {
            // `as` truncates, and cuts at 0 and 255.
            Range::Signed => |v| (127.5 * v + 128.0) as u8,
            Range::Unit => |v| (v.clamp(0.0, 1.0) * 255.0).round_ties_even() as u8,
        };
        let (channels, pixels) = (self.shape.channels, self.shape.pixels());
        let mut out = vec![0; channels * pixels];
        for (channel, plane) in self.values.chunks_exact(pixels.max(1)).enumerate() {
            for (pixel, value) in out.chunks_exact_mut(channels).zip(plane) {
                pixel[channel] = byte(*value);
            }
        }
        out
    }

    /// A PNG file with texts (keyword, text) inside: of the device, the seed, the weights.  Errors: E0707.
    ///
    /// Written fast: pictures of networks are noisy, and the best compression saves 5 % for 20 times the work.
    pub fn png(&self, texts: &[(&str, &str)]) -> Result<Vec<u8>, Problem> {
        let channels = self.shape.channels;
        let wrong = |reason: String| error::not_png(channels, &reason);
        let colour = match channels {
            1 => ColorType::Grayscale,
            2 => ColorType::GrayscaleAlpha,
            3 => ColorType::Rgb,
            4 => ColorType::Rgba,
            _ => return Err(wrong("it has 1 to 4 channels".into())),
        };
        let size = |size: usize| u32::try_from(size).map_err(|_| wrong("it is too large".into()));
        let mut out = vec![];
        let mut encoder = Encoder::new(&mut out, size(self.shape.width)?, size(self.shape.height)?);
        encoder.set_color(colour);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::Fast);
        add_texts(&mut encoder, texts).map_err(|reason| wrong(reason.to_string()))?;
        let mut writer = encoder.write_header().map_err(|reason| wrong(reason.to_string()))?;
        writer.write_image_data(&self.bytes()).map_err(|reason| wrong(reason.to_string()))?;
        writer.finish().map_err(|reason| wrong(reason.to_string()))?;
        Ok(out)
    }
}

/// Texts of a PNG file, each after its keyword.
pub fn add_texts<W: Write>(encoder: &mut Encoder<'_, W>, texts: &[(&str, &str)]) -> Result<(), EncodingError> {
    for (keyword, text) in texts {
        // Old readers know the short form alone, which holds Latin letters.
        if text.is_ascii() {
            encoder.add_text_chunk(keyword.to_string(), text.to_string())?;
        } else {
            encoder.add_itxt_chunk(keyword.to_string(), text.to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: Range, values: &[f32], wanted: &[u8]) {
        let image = Image { shape: Shape::new(1, 1, values.len()), range, values: values.to_vec() };
        assert_eq!(image.bytes(), wanted);
    }

    #[test]
    fn bytes_are_rounded_as_the_scripts_do() {
        check(
            Range::Signed,
            &[-2.0, -1.0, -0.0001, 0.0, 0.999, 1.0, 9.0, f32::NAN],
            &[0, 0, 127, 128, 255, 255, 255, 0],
        );
        check(Range::Unit, &[-1.0, 0.0, 0.5, 0.999, 1.0, 2.0, f32::NAN], &[0, 0, 128, 255, 255, 255, 0]);
    }

    #[test]
    fn channels_of_a_pixel_lie_together() {
        let values = vec![0.0, 1.0, -1.0, 0.0, 1.0, -1.0];
        let image = Image { shape: Shape::new(3, 1, 2), range: Range::Signed, values };
        assert_eq!(image.bytes(), [128, 0, 255, 255, 128, 0]);
    }

    #[test]
    fn png_files_are_read_back_with_their_texts() {
        let values: Vec<f32> = (0..3 * 5 * 7).map(|at| (at as f32 * 0.7).sin()).collect();
        let image = Image { shape: Shape::new(3, 5, 7), range: Range::Signed, values };
        let file = image.png(&[("Software", "blend"), ("Title", "Gemälde")]).expect("a file");
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a header");
        let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut bytes).expect("a frame");
        assert_eq!(bytes, image.bytes());
        let info = reader.info();
        assert_eq!((info.width, info.height), (7, 5));
        assert_eq!(info.uncompressed_latin1_text[0].text, "blend");
        assert_eq!(info.utf8_text[0].get_text().expect("a text"), "Gemälde");
    }

    #[test]
    fn five_channels_are_no_png() {
        let image = Image { shape: Shape::new(5, 1, 1), range: Range::Signed, values: vec![0.0; 5] };
        assert_eq!(image.png(&[]).expect_err("a problem").code.0, "E0707");
    }
}
