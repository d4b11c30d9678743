//! Films: pictures one after the other, as animated PNG or as raw frames that encoders of video read.

use super::canvas::Canvas;
use super::error;
use super::image::add_texts;
use crate::diag::Problem;
use png::BitDepth;
use png::ColorType;
use png::Compression;
use png::Encoder;

/// An animated PNG that plays for ever, frames of one size.  Errors: E0707.
pub fn apng(frames: &[Canvas], fps: u16, texts: &[(&str, &str)]) -> Result<Vec<u8>, Problem> {
    let wrong = |reason: String| error::not_png(3, &reason);
    let Some(first) = frames.first() else { return Err(wrong("it has no frames".into())) };
    let size = |size: usize| u32::try_from(size).map_err(|_| wrong("it is too large".into()));
    let count = u32::try_from(frames.len()).map_err(|_| wrong("it has too many frames".into()))?;
    let mut out = vec![];
    let mut encoder = Encoder::new(&mut out, size(first.width)?, size(first.height)?);
    let told = |reason: png::EncodingError| wrong(reason.to_string());
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_animated(count, 0).map_err(told)?;
    encoder.set_frame_delay(1, fps.max(1)).map_err(told)?;
    add_texts(&mut encoder, texts).map_err(told)?;
    let mut writer = encoder.write_header().map_err(told)?;
    for frame in frames {
        if (frame.width, frame.height) != (first.width, first.height) {
            return Err(wrong("its frames have several sizes".into()));
        }
        writer.write_image_data(&frame.pixels).map_err(told)?;
    }
    writer.finish().map_err(told)?;
    Ok(out)
}

/// The first bytes of a Y4M stream: progressive frames in 4:4:4, so that no colour is lost before an encoder decides.
pub fn y4m_head(width: usize, height: usize, fps: u16) -> Vec<u8> {
    format!("YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C444 XCOLORRANGE=LIMITED\n").into_bytes()
}

/// What stands before every frame.
const FRAME: &[u8] = b"FRAME\n";

/// Bytes of a frame in a Y4M stream.
pub fn y4m_size(width: usize, height: usize) -> usize {
    FRAME.len() + 3 * width * height
}

/// A frame of a Y4M stream, ITU-R BT.709 in its limited range.
pub fn y4m_frame(canvas: &Canvas) -> Vec<u8> {
    let pixels = canvas.width * canvas.height;
    let mut out = Vec::with_capacity(y4m_size(canvas.width, canvas.height));
    out.extend_from_slice(FRAME);
    let mut planes = vec![0u8; 3 * pixels];
    for (at, pixel) in canvas.pixels.as_chunks::<3>().0.iter().enumerate() {
        let [r, g, b] = pixel.map(|value| f64::from(value) / 255.0);
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        planes[at] = (16.0 + 219.0 * y).round() as u8;
        planes[pixels + at] = (128.0 + 224.0 * (b - y) / 1.8556).round() as u8;
        planes[2 * pixels + at] = (128.0 + 224.0 * (r - y) / 1.5748).round() as u8;
    }
    out.append(&mut planes);
    out
}

/// What `ffmpeg` is told to make a film of a Y4M stream on its standard input; the path of the film comes last.  `None`
/// for an ending that it is not asked for.
pub fn ffmpeg(ending: &str) -> Option<Vec<&'static str>> {
    // Many players show nothing but 4:2:0.
    let own: &[&str] = match ending {
        "mp4" | "mov" => {
            &["-c:v", "libx264", "-crf", "16", "-preset", "slow", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
        }
        "webm" => &["-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-pix_fmt", "yuv420p"],
        "gif" => &["-vf", "split[a][b];[a]palettegen[p];[b][p]paletteuse", "-loop", "0"],
        _ => return None,
    };
    let mut all = vec!["-hide_banner", "-loglevel", "error", "-y", "-f", "yuv4mpegpipe", "-i", "-"];
    all.extend_from_slice(own);
    all.extend_from_slice(&["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]);
    Some(all)
}

/// Where frame `at` of `count` stands between 0 and 1: there and back, slow at both ends, so that a film of them loops.
pub fn there_and_back(at: usize, count: usize) -> f64 {
    let turn = at as f64 / count.max(1) as f64;
    (1.0 - libm::cos(2.0 * std::f64::consts::PI * turn)) / 2.0
}

/// Vectors on a smooth closed way through all keys (Catmull and Rom 1974, uniform): frame 0 is the first key, and what
/// would follow the last frame is the first.
pub fn walk(keys: &[Vec<f64>], frames: usize) -> Vec<Vec<f64>> {
    let count = keys.len();
    let of = |frame: usize| {
        let place = frame as f64 * count as f64 / frames as f64;
        let (at, t) = (place as usize % count, place - place.floor());
        let key = |step: usize| &keys[(at + count + step - 1) % count];
        let (p0, p1, p2, p3) = (key(0), key(1), key(2), key(3));
        let one = |((p0, p1), (p2, p3)): ((&f64, &f64), (&f64, &f64))| {
            let (a, b) = (2.0 * p1, p2 - p0);
            let (c, d) = (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3, 3.0 * p1 - p0 - 3.0 * p2 + p3);
            0.5 * (a + t * (b + t * (c + t * d)))
        };
        p0.iter().zip(p1).zip(p2.iter().zip(p3)).map(one).collect()
    };
    if count == 0 { vec![] } else { (0..frames).map(of).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(colour: [u8; 3]) -> Canvas {
        Canvas::new(3, 2, colour).expect("a canvas")
    }

    #[test]
    fn animations_are_read_back() {
        let frames = [canvas([200, 10, 10]), canvas([10, 200, 10]), canvas([10, 10, 200])];
        let file = apng(&frames, 25, &[("Software", "blend")]).expect("a file");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().expect("a header");
        let control = *reader.info().animation_control().expect("an animation");
        assert_eq!((control.num_frames, control.num_plays), (3, 0));
        for frame in &frames {
            let mut pixels = vec![0; 18];
            reader.next_frame(&mut pixels).expect("a frame");
            assert_eq!(pixels, frame.pixels);
            let delay = reader.info().frame_control().expect("a frame");
            assert_eq!((delay.delay_num, delay.delay_den), (1, 25));
        }
        assert_eq!(apng(&[], 25, &[]).expect_err("nothing").code.0, "E0707");
        let other = Canvas::new(4, 2, [0; 3]).expect("a canvas");
        assert_eq!(apng(&[canvas([0; 3]), other], 25, &[]).expect_err("two sizes").code.0, "E0707");
    }

    #[test]
    fn raw_frames_have_the_levels_of_the_standard() {
        // Black, white and the primaries of BT.709 in 8 bits.
        let check = |colour: [u8; 3], wanted: [u8; 3]| {
            let frame = y4m_frame(&canvas(colour));
            assert_eq!(frame.len(), y4m_size(3, 2));
            assert_eq!(&frame[..6], FRAME);
            assert_eq!([frame[6], frame[12], frame[18]], wanted, "{colour:?}");
        };
        check([0, 0, 0], [16, 128, 128]);
        check([255, 255, 255], [235, 128, 128]);
        check([255, 0, 0], [63, 102, 240]);
        check([0, 255, 0], [173, 42, 26]);
        check([0, 0, 255], [32, 240, 118]);
    }

    #[test]
    fn walks_pass_their_keys_and_close() {
        let keys = vec![vec![0.0, 1.0], vec![2.0, -1.0], vec![4.0, 0.5], vec![-3.0, 0.0]];
        let way = walk(&keys, 400);
        for (key, at) in keys.iter().zip([0, 100, 200, 300]) {
            assert_eq!(&way[at], key);
        }
        let step = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let steps: Vec<f64> = (0..400).map(|at| step(&way[at], &way[(at + 1) % 400])).collect();
        assert!(steps.iter().all(|step| *step < 0.15), "no jump, not at the end either");
        let turns: Vec<f64> = (0..400).map(|at| (steps[at] - steps[(at + 1) % 400]).abs()).collect();
        assert!(turns.iter().all(|turn| *turn < 0.02), "no corner");
        assert_eq!(walk(&keys[..1], 3), vec![keys[0].clone(); 3]);
        assert_eq!(walk(&[], 3), Vec::<Vec<f64>>::new());
    }

    #[test]
    fn films_loop() {
        assert_eq!(there_and_back(0, 8), 0.0);
        assert!((there_and_back(4, 8) - 1.0).abs() < 1e-15);
        assert!((there_and_back(3, 8) - there_and_back(5, 8)).abs() < 1e-15);
    }
}
