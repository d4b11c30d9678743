//! The filter behind a transposed convolution, over the four planes of its values.
//!
//! It runs in parts, so that each can be made as soon as the values are there that it sees.  Of the usual filter (four taps, of
//! rows and columns) a part is a piece of a row, or many rows where they are short: rows of planes lie behind each other, and the
//! filter runs over many as over one.

use super::filter::Filter;
use super::pieces::room;
use super::rows;
use std::ops::Range;

/// Values of a plane that are filtered together.
const PART: usize = 1 << 9;

/// The filter over the planes of one channel, by parity of row and column (even-even, even-odd, …).
pub struct Smooth<'f> {
    filter: &'f Filter,
    /// Rows and columns, and their product.
    four: Option<[[f32; 4]; 2]>,
    /// Zeros before the values.
    low: isize,
    /// Values of a row of a plane; of planes of odd columns the last is not looked at.
    pitch: usize,
    /// Rows and columns of a part, and parts of a row.
    part: [usize; 2],
    per_row: usize,
}

/// Rows of which some plane is held, and those that are made of them.
#[derive(Clone)]
pub struct Window {
    /// The first row that the planes hold.
    pub top: isize,
    /// Rows `2·rows.start..2·rows.end` are made.
    pub rows: Range<usize>,
}

impl Smooth<'_> {
    /// Over rows that lie `pitch` apart, with `low` zeros before the values.
    pub fn new(filter: &Filter, low: isize, pitch: usize) -> Smooth<'_> {
        let four = match (&filter.rows[..], &filter.columns[..], &filter.whole) {
            ([a, b, c, d], [e, f, g, h], None) => Some([[*a, *b, *c, *d], [*e, *f, *g, *h]]),
            _ => None,
        };
        let width = pitch - 1;
        let (rows, columns) = match four {
            // Pieces of a row begin at whole cache lines of the output.
            Some(_) => ((PART / pitch).max(1), width.div_ceil(width.div_ceil(PART).max(1)).next_multiple_of(8)),
            None => (1, width),
        };
        let columns = columns.clamp(1, width.max(1));
        Smooth { filter, four, low, pitch, part: [rows, columns], per_row: width.div_ceil(columns) }
    }

    /// In how many parts a window is made.
    pub fn parts(&self, window: &Window) -> usize {
        window.rows.len().div_ceil(self.part[0]) * self.per_row
    }

    /// Rows and columns of a part.
    fn part(&self, window: &Window, part: usize) -> [Range<usize>; 2] {
        let [rows, columns] = self.part;
        let (row, column) = (window.rows.start + part / self.per_row * rows, part % self.per_row * columns);
        [row..(row + rows).min(window.rows.end), column..(column + columns).min(self.pitch - 1)]
    }

    /// Values of every plane that must be there before a part is made.
    pub fn needs(&self, window: &Window, part: usize) -> usize {
        let [rows, columns] = self.part(window, part);
        let place = |row: isize| (row - window.top) as usize * self.pitch;
        match self.four {
            Some(_) => place(rows.end as isize) + columns.end + 1,
            None => place(rows.end as isize + (self.filter.length as isize - self.low) / 2),
        }
    }

    /// Shows the pieces of rows of one part: the row, the first column, the values.
    pub fn make(
        &self,
        planes: [&[f32]; 4],
        window: &Window,
        part: usize,
        buffer: &mut Vec<f32>,
        mut see: impl FnMut(usize, usize, &[f32]),
    ) {
        let [rows, columns] = self.part(window, part);
        let Some([down, across]) = self.four else {
            return (2 * rows.start..2 * rows.end)
                .for_each(|row| see(row, 0, self.row(planes, window.top, row, buffer)));
        };
        let pitch = self.pitch;
        let start = (rows.start as isize - window.top) as usize * pitch + columns.start;
        // One value more on both sides; before the first of a row that is a zero, as there is one between rows.
        let size = (rows.len() - 1) * pitch + columns.len() + 2;
        let (lines, out) = room(buffer, 6 * size).split_at_mut(4 * size);
        let skipped = usize::from(columns.start == 0);
        let from = start + skipped - 1;
        for (column, lines) in lines.chunks_exact_mut(2 * size).enumerate() {
            // An odd row, an even one, …: before the values of four taps there is one zero.
            let at = |row: usize| &planes[(row + 1) % 2 * 2 + column][from + row.div_ceil(2) * pitch - pitch..];
            let (first, second) = lines.split_at_mut(size);
            (first[0], second[0]) = (0.0, 0.0);
            rows::down4([at(0), at(1), at(2), at(3), at(4)], down, [&mut first[skipped..], &mut second[skipped..]]);
        }
        for half in 0..2 {
            let (even, odd) = lines.split_at_mut(2 * size);
            let (even, odd) = (&even[half * size..][..size], &mut odd[half * size..][..size]);
            // Odd columns are one less than even ones.
            odd.iter_mut().skip((pitch - columns.start) % pitch).step_by(pitch).for_each(|last| *last = 0.0);
            rows::across4(even, odd, across, &mut out[..2 * size - 4]);
            for (row, sums) in rows.clone().zip(out.chunks(2 * pitch)) {
                see(2 * row + half, 2 * columns.start, &sums[..2 * columns.len()]);
            }
        }
    }

    /// One row, of any filter.
    fn row<'b>(&self, planes: [&[f32]; 4], top: isize, row: usize, buffer: &'b mut Vec<f32>) -> &'b [f32] {
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
                    rows::add_scaled(self.source(planes, top, row, tap, column), *by, &mut lines[part(column)]);
                }
            }
            self.across(&self.filter.columns, lines, out);
            return out;
        }
        for tap in 0..taps {
            for column in 0..2 {
                let seen = &self.source(planes, top, row, tap, column)[..count(column)];
                lines[part(column)].copy_from_slice(seen);
            }
            turns.fill(0.0);
            self.across(self.filter.across(tap), lines, turns);
            rows::add_scaled(turns, 1.0, out);
        }
        out
    }

    /// The values of a plane from the row on that a tap sees from an output row.
    fn source<'p>(&self, planes: [&'p [f32]; 4], top: isize, row: usize, tap: usize, column: usize) -> &'p [f32] {
        let at = row as isize - self.low + tap as isize;
        let from = (at.div_euclid(2) - top) as usize * self.pitch;
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
