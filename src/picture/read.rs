//! Pictures from PNG files.

use super::Image;
use super::error;
use crate::diag::Problem;
use crate::network::Range;
use crate::network::Shape;
use png::ColorType;
use png::Decoder;
use png::Limits;
use png::Transformations;
use std::io::Cursor;

/// The bytes of a file that [`size`] needs.
pub const HEAD: u64 = 33;

/// The most bytes that a file of a picture may have.
pub const FILE_LIMIT: u64 = 1 << 30;

/// Pixels that a picture may have.
const MOST: u64 = 1 << 28;

/// Width and height, from the first bytes of a file.  Errors: E0742.
pub fn size(name: &str, head: &[u8]) -> Result<[usize; 2], Problem> {
    const START: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    let Some(rest) = head.strip_prefix(START) else {
        return Err(error::unreadable(name, "it does not begin as PNG files do"));
    };
    let Some((width, rest)) = rest.split_first_chunk::<4>() else {
        return Err(error::unreadable(name, "it is cut short"));
    };
    let Some((height, _)) = rest.split_first_chunk::<4>() else {
        return Err(error::unreadable(name, "it is cut short"));
    };
    let [width, height] = [u32::from_be_bytes(*width), u32::from_be_bytes(*height)].map(u64::from);
    if width == 0 || height == 0 || width.saturating_mul(height) > MOST {
        return Err(error::unreadable(name, &format!("its size is {width} × {height} pixels")));
    }
    Ok([width as usize, height as usize])
}

/// The picture in a PNG file, as values from 0 to 1 of 8 bits: grey or red, green and blue; what is transparent lies on
/// white.  Of an animation the first frame counts.  Errors: E0742.
pub fn png(name: &str, bytes: &[u8]) -> Result<Image, Problem> {
    let [width, height] = size(name, bytes)?;
    let wrong = |reason: png::DecodingError| error::unreadable(name, &reason.to_string());
    // Decoded bytes are at most eight a pixel, before they are made eight bits.
    let limits = Limits { bytes: width.saturating_mul(height).saturating_mul(16).max(1 << 20) };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(wrong)?;
    let Some(length) = reader.output_buffer_size() else { return Err(error::unreadable(name, "it is too large")) };
    let mut pixels = vec![0; length];
    let info = reader.next_frame(&mut pixels).map_err(wrong)?;
    let pixels = &pixels[..info.buffer_size()];
    let (samples, colours) = match info.color_type {
        ColorType::Grayscale => (1, 1),
        ColorType::GrayscaleAlpha => (2, 1),
        ColorType::Rgba => (4, 3),
        _ => (3, 3),
    };
    let shape = Shape::new(colours, info.height as usize, info.width as usize);
    let mut values = vec![0f32; shape.elems()];
    for (at, pixel) in pixels.chunks_exact(samples).enumerate().take(shape.pixels()) {
        let cover = if samples > colours { f32::from(pixel[colours]) / 255.0 } else { 1.0 };
        for channel in 0..colours {
            values[channel * shape.pixels() + at] = f32::from(pixel[channel]) / 255.0 * cover + (1.0 - cover);
        }
    }
    Ok(Image { shape, range: Range::Unit, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(channels: usize) -> Image {
        let shape = Shape::new(channels, 3, 5);
        let values = (0..shape.elems()).map(|at| (at * 5 % 256) as f32 / 255.0).collect();
        Image { shape, range: Range::Unit, values }
    }

    #[test]
    fn what_was_written_is_read() {
        for channels in [1, 3] {
            let file = image(channels).png(&[]).expect("a file");
            assert_eq!(size("a", &file[..HEAD as usize]).expect("a size"), [5, 3]);
            assert_eq!(png("a", &file).expect("a picture"), image(channels));
        }
        // Half of it lies on white.
        let mut four = image(4);
        four.values[45..].fill(128.0 / 255.0);
        let seen = png("a", &four.png(&[]).expect("a file")).expect("a picture");
        let wanted = four.values[1] * 128.0 / 255.0 + 127.0 / 255.0;
        assert_eq!((seen.shape.channels, seen.values[1]), (3, wanted));
    }

    #[track_caller]
    fn check(bytes: &[u8], wanted: &str) {
        let problem = png("a.png", bytes).expect_err("a problem");
        assert_eq!(problem.code.0, "E0742");
        assert!(problem.message.contains(wanted), "{}", problem.message);
    }

    #[test]
    fn what_is_no_picture_is_told() {
        let file = image(3).png(&[]).expect("a file");
        check(b"", "does not begin as PNG files do");
        check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "cut short");
        check(&file[..60], "");
        let mut bomb = file.clone();
        bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        check(&bomb, "65536 × 65536");
        for at in 33..file.len() {
            // A damaged file is told or read; it never panics.
            let mut odd = file.clone();
            odd[at] ^= 0x55;
            let _ = png("a", &odd);
        }
    }
}
