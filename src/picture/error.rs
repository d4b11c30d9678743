//! What can be wrong with pictures (E0707 and on).

use crate::diag::Code;
use crate::diag::Problem;

/// A picture that PNG cannot hold.
pub fn not_png(channels: usize, reason: &str) -> Problem {
    Problem::new(Code("E0707"), format!("a picture of {channels} channels cannot be written as PNG: {reason}"))
        .help("draw a network with 1 to 4 channels: `blend inspect MODEL` tells how many it has")
}

/// A sheet beyond what is drawn.
pub fn too_large(width: usize, height: usize, most: usize) -> Problem {
    Problem::new(Code("E0707"), format!("a sheet of {width} × {height} pixels has more than {most}"))
        .help("draw fewer pictures, `--seeds 0..3`, or smaller ones, `--size 256`")
}

/// A file that is no picture.
pub fn unreadable(name: &str, reason: &str) -> Problem {
    Problem::new(Code("E0742"), format!("`{name}` cannot be read as a PNG picture: {reason}"))
        .help("give a PNG file, for example one that `blend test --update RECIPE` writes")
}
