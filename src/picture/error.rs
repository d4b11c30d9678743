//! What can be wrong with pictures (E0707 and on).

use crate::diag::Code;
use crate::diag::Problem;

/// A picture that PNG cannot hold.
pub fn not_png(channels: usize, reason: &str) -> Problem {
    Problem::new(Code("E0707"), format!("a picture of {channels} channels cannot be written as PNG: {reason}"))
        .help("draw a network with 1 to 4 channels: `blend inspect MODEL` tells how many it has")
}
