//! A few rows of the four planes of a transposed convolution.

use std::ops::Range;

/// Rows of planes of some channels, by parity of row and column (even-even, even-odd, …).
pub struct Planes<'s> {
    /// Planes, channels, positions.
    pub sums: &'s mut [f32],
    /// Of a plane.
    pub channels: usize,
    /// From a channel to the next one.
    pub stride: usize,
    /// From a row to the next one.
    pub pitch: usize,
    /// The first row that is held.
    pub top: isize,
}

impl Planes<'_> {
    /// Where a row begins within a channel.
    pub fn place(&self, row: isize) -> usize {
        (row - self.top) as usize * self.pitch
    }

    /// From a place of the first channel of a plane to the end of the plane.
    pub fn from(&mut self, plane: usize, place: usize) -> &mut [f32] {
        let size = self.channels * self.stride;
        &mut self.sums[plane * size..(plane + 1) * size][place..]
    }

    /// The planes of one channel.
    pub fn of(&self, channel: usize) -> [&[f32]; 4] {
        std::array::from_fn(|plane| &self.sums[(plane * self.channels + channel) * self.stride..][..self.stride])
    }

    /// Sets rows of some planes to 0; of a range that ends before it begins, none.
    pub fn clear(&mut self, planes: Range<usize>, rows: Range<isize>) {
        if rows.is_empty() {
            return;
        }
        let (places, size) = (self.place(rows.start)..self.place(rows.end), self.channels * self.stride);
        let sums = self.sums[planes.start * size..planes.end * size].chunks_exact_mut(self.stride);
        sums.for_each(|sums| sums[places.clone()].fill(0.0));
    }

    /// Forgets the first rows, and moves some that follow to their place.
    pub fn move_up(&mut self, forgotten: usize, kept: usize) {
        let moved = forgotten * self.pitch..(forgotten + kept) * self.pitch;
        self.sums.chunks_exact_mut(self.stride).for_each(|sums| sums.copy_within(moved.clone(), 0));
    }
}
