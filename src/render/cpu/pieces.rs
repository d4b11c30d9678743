//! Cutting an output into pieces that workers write at the same time, and the memory that they work in.

use crate::network::Shape;
use std::sync::Mutex;

/// One job's rows: its channels in order, of each the same range of pixels.
pub type Piece<'o> = Vec<&'o mut [f32]>;

/// Cuts `[channels, pixels]` at the pixels `bounds` (the first is 0, the last the number of pixels) and into blocks of
/// channels.  Jobs are in the order of the ranges, blocks innermost.
pub fn cut<'o>(out: &'o mut [f32], pixels: usize, bounds: &[usize], block: usize) -> Vec<Piece<'o>> {
    let channels = out.len() / pixels.max(1);
    let blocks = channels.div_ceil(block);
    let ranges = bounds.len() - 1;
    let mut jobs: Vec<Piece> = (0..ranges * blocks).map(|_| Vec::with_capacity(block.min(channels))).collect();
    for (channel, mut plane) in out.chunks_exact_mut(pixels).enumerate() {
        for (range, pair) in bounds.windows(2).enumerate() {
            let (piece, rest) = plane.split_at_mut(pair[1] - pair[0]);
            jobs[range * blocks + channel / block].push(piece);
            plane = rest;
        }
    }
    jobs
}

/// What a layer reads: `[channels, height, width]`, and a factor per channel.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub values: &'a [f32],
    pub shape: Shape,
    pub style: Option<&'a [f32]>,
}

/// What a job works in; its contents are whatever the last job left.
#[derive(Default)]
pub struct Scratch {
    pub patch: Vec<f32>,
    pub panel: Vec<f32>,
    pub sums: Vec<f32>,
    pub rows: Vec<f32>,
    pub line: Vec<f32>,
    pub offsets: Vec<usize>,
    pub bases: Vec<usize>,
}

/// Values of a cache line.
const LINE: usize = 16;

/// At least `len` values of a buffer that only grows, from the beginning of a cache line on: vectors that lie in two lines are
/// read and written at half the speed.
pub fn room(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len + LINE {
        buffer.resize(len + LINE, 0.0);
    }
    // A buffer that does not tell its place is used from its start.
    let start = buffer.as_ptr().align_offset(4 * LINE).min(LINE);
    &mut buffer[start..start + len]
}

/// The buffers of all workers, handed from job to job: as many as ever worked at once.
#[derive(Default)]
pub struct Pool {
    free: Mutex<Vec<Scratch>>,
}

impl Pool {
    pub fn with<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = self.free.lock().map_or(None, |mut free| free.pop()).unwrap_or_default();
        let result = work(&mut scratch);
        if let Ok(mut free) = self.free.lock() {
            free.push(scratch);
        }
        result
    }

    /// Bytes of the buffers.
    pub fn bytes(&self) -> usize {
        let floats = |Scratch { patch, panel, sums, rows, line, .. }: &Scratch| {
            [patch, panel, sums, rows, line].iter().map(|buffer| buffer.len()).sum::<usize>()
        };
        self.free.lock().map_or(0, |free| free.iter().map(|scratch| 4 * floats(scratch)).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_piece() {
        let mut out: Vec<f32> = (0..3 * 10).map(|at| at as f32).collect();
        let jobs = cut(&mut out, 10, &[0, 4, 10], 2);
        let shown: Vec<Vec<Vec<f32>>> =
            jobs.iter().map(|piece| piece.iter().map(|row| row.to_vec()).collect()).collect();
        let row = |from: i32, to: i32| (from..to).map(|at| at as f32).collect::<Vec<f32>>();
        assert_eq!(shown[0], [row(0, 4), row(10, 14)]);
        assert_eq!(shown[1], [row(20, 24)]);
        assert_eq!(shown[2], [row(4, 10), row(14, 20)]);
        assert_eq!(shown[3], [row(24, 30)]);
    }
}
