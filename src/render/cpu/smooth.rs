//! The filter behind a transposed convolution, over the four planes of its values.
//!
//! Rows of planes lie behind each other, so that the usual filter (four taps, of rows and columns) runs over many rows as
//! over one: small layers have rows of eight values.

use super::filter::Filter;
use super::pieces::room;
use super::rows;
use std::ops::Range;

/// Values of a plane that are filtered together: what is made of them fits the first cache.
const BLOCK: usize = 1 << 10;

/// The filter over the planes of one channel, by parity of row and column (even-even, even-odd, …).
pub struct Smooth<'f> {
    pub filter: &'f Filter,
    /// Zeros before the values.
    pub low: isize,
    /// Values of a row of a plane; of planes of odd columns the last is not looked at.
    pub pitch: usize,
    /// The first row that the planes hold.
    pub top: isize,
}

impl Smooth<'_> {
    /// Shows the filtered rows `2·rows.start..2·rows.end`, with their numbers.
    pub fn rows(
        &self,
        planes: [&[f32]; 4],
        rows: Range<usize>,
        buffer: &mut Vec<f32>,
        mut see: impl FnMut(usize, &[f32]),
    ) {
        match (&self.filter.rows[..], &self.filter.columns[..], &self.filter.whole) {
            ([a, b, c, d], [e, f, g, h], None) => {
                let at_once = (BLOCK / self.pitch).max(1);
                for start in rows.clone().step_by(at_once) {
                    let rows = start..(start + at_once).min(rows.end);
                    self.four(planes, rows, [[*a, *b, *c, *d], [*e, *f, *g, *h]], buffer, &mut see);
                }
            }
            _ => (2 * rows.start..2 * rows.end).for_each(|row| see(row, self.row(planes, row, buffer))),
        }
    }

    /// Four taps of rows and four of columns.
    fn four(
        &self,
        planes: [&[f32]; 4],
        rows: Range<usize>,
        [down, across]: [[f32; 4]; 2],
        buffer: &mut Vec<f32>,
        see: &mut dyn FnMut(usize, &[f32]),
    ) {
        let (pitch, size) = (self.pitch, rows.len() * self.pitch);
        // A zero before the first row and behind the last, as there is one between rows.
        let (even, rest) = room(buffer, 2 * (size + 2) + 2 * size).split_at_mut(size + 2);
        let (odd, out) = rest.split_at_mut(size + 2);
        for half in 0..2 {
            for (column, line) in [&mut *even, &mut *odd].into_iter().enumerate() {
                let seen = [0, 1, 2, 3].map(|tap| &self.source(planes, 2 * rows.start + half, tap, column)[..size]);
                rows::sum4(seen, down, &mut line[1..size + 1]);
                (line[0], line[size + 1]) = (0.0, 0.0);
            }
            // Odd columns are one less than even ones.
            odd[pitch..].iter_mut().step_by(pitch).for_each(|last| *last = 0.0);
            let seen = |parity: isize| {
                [0, 1, 2, 3].map(|tap| {
                    let at = parity - self.low + tap;
                    let line = if at.rem_euclid(2) == 0 { &*even } else { &*odd };
                    // What a value behind the last row sees is not looked at.
                    let from = (1 + at.div_euclid(2)) as usize;
                    &line[from..from + size - 1]
                })
            };
            rows::turns4(seen(0), seen(1), across, &mut out[..2 * size - 2]);
            for (row, sums) in rows.clone().zip(out.chunks_exact(2 * pitch)) {
                see(2 * row + half, &sums[..2 * pitch - 2]);
            }
        }
    }

    /// One row, of any filter.
    fn row<'b>(&self, planes: [&[f32]; 4], row: usize, buffer: &'b mut Vec<f32>) -> &'b [f32] {
        let (taps, wide) = (self.filter.length, 2 * self.pitch - 2);
        // Zeros on both sides: as many as taps may reach out.
        let line = self.pitch + 2 * taps;
        let (lines, rest) = room(buffer, 2 * line + 2 * wide).split_at_mut(2 * line);
        let (out, turns) = rest.split_at_mut(wide);
        lines.fill(0.0);
        out.fill(0.0);
        // Odd columns are one less than even ones.
        let count = |column: usize| self.pitch - column;
        let part = |column: usize| column * line + taps..column * line + taps + count(column);
        if self.filter.whole.is_none() {
            for (tap, by) in self.filter.rows.iter().enumerate() {
                for column in 0..2 {
                    rows::add_scaled(self.source(planes, row, tap, column), *by, &mut lines[part(column)]);
                }
            }
            self.across(&self.filter.columns, lines, out);
            return out;
        }
        for tap in 0..taps {
            for column in 0..2 {
                let seen = &self.source(planes, row, tap, column)[..count(column)];
                lines[part(column)].copy_from_slice(seen);
            }
            turns.fill(0.0);
            self.across(self.filter.across(tap), lines, turns);
            rows::add_scaled(turns, 1.0, out);
        }
        out
    }

    /// The values of a plane from the row on that a tap sees from an output row.
    fn source<'p>(&self, planes: [&'p [f32]; 4], row: usize, tap: usize, column: usize) -> &'p [f32] {
        let at = row as isize - self.low + tap as isize;
        let from = (at.div_euclid(2) - self.top) as usize * self.pitch;
        &planes[at.rem_euclid(2) as usize * 2 + column][from..]
    }

    /// Adds taps along two padded lines, of even and odd columns, to columns that take turns.
    fn across(&self, taps: &[f32], lines: &[f32], out: &mut [f32]) {
        let (even, odd) = lines.split_at(lines.len() / 2);
        for (tap, by) in taps.iter().enumerate() {
            for parity in 0..2 {
                let at = parity as isize - self.low + tap as isize;
                let line = if at.rem_euclid(2) == 0 { even } else { odd };
                let seen = &line[(self.filter.length as isize + at.div_euclid(2)) as usize..];
                out.iter_mut().skip(parity).step_by(2).zip(seen).for_each(|(value, x)| *value += x * by);
            }
        }
    }
}
