//! Tables of products between the channels of two tensors.

use multiversion::multiversion;
use std::ops::Range;

/// A square table, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    size: usize,
    values: Vec<f64>,
}

/// Rows that are worked on together: what they are multiplied by is read once for all of them.
pub const BAND: usize = 8;

impl Table {
    pub fn zeros(size: usize) -> Table {
        Table { size, values: vec![0.0; size * size] }
    }

    /// `values` are size² numbers.
    pub fn of(size: usize, values: Vec<f64>) -> Table {
        Table { size, values }
    }

    /// Rows and columns.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.size + column]
    }

    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Bands of rows, for workers: band k begins at row k · [`BAND`].
    pub fn bands(&mut self) -> std::slice::ChunksMut<'_, f64> {
        let width = (self.size * BAND).max(1);
        self.values.chunks_mut(width)
    }

    /// What an assignment is worth.
    pub fn worth(&self, columns: &[u32]) -> f64 {
        columns.iter().enumerate().map(|(row, column)| self.at(row, *column as usize)).sum()
    }

    /// A part of the table as one of its own.
    pub fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Table {
        let size = rows.len();
        let values = rows.flat_map(|row| columns.clone().map(move |column| self.at(row, column))).collect();
        Table { size, values }
    }

    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.size + column] += value;
    }
}

/// Adds the products of channels to a band of a table whose rows begin at `first`: `a` and `b` have `channels` values per
/// line, `block` of them belong to one row or column.  Every entry is a sum in the order of lines and channels.
pub fn products(band: &mut [f64], first: usize, size: usize, block: usize, a: &[f64], b: &[f64]) {
    let channels = size * block;
    let rows = band.len() / size.max(1);
    for (a, b) in a.chunks_exact(channels).zip(b.chunks_exact(channels)) {
        for (at, row) in band.chunks_exact_mut(size).enumerate().take(rows) {
            let own = &a[(first + at) * block..(first + at + 1) * block];
            if block == 1 {
                add_scaled(own[0], b, row);
                continue;
            }
            for (entry, other) in row.iter_mut().zip(b.chunks_exact(block)) {
                *entry = own.iter().zip(other).fold(*entry, |sum, (x, y)| sum + x * y);
            }
        }
    }
}

/// `out += a · b`
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn add_scaled(a: f64, b: &[f64], out: &mut [f64]) {
    out.iter_mut().zip(b).for_each(|(out, b)| *out += a * b);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_channels_and_of_blocks() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let b = [1.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 3.0];
        let mut table = Table::zeros(4);
        table.bands().enumerate().for_each(|(at, band)| products(band, at * BAND, 4, 1, &a, &b));
        let by_hand = |i: usize, j: usize| a[i] * b[j] + a[4 + i] * b[4 + j];
        (0..16).for_each(|at| assert_eq!(table.at(at / 4, at % 4), by_hand(at / 4, at % 4)));
        let mut heads = Table::zeros(2);
        heads.bands().enumerate().for_each(|(at, band)| products(band, at * BAND, 2, 2, &a, &b));
        let of_heads = |g: usize, h: usize| by_hand(2 * g, 2 * h) + by_hand(2 * g + 1, 2 * h + 1);
        (0..4).for_each(|at| assert_eq!(heads.at(at / 2, at % 2), of_heads(at / 2, at % 2)));
    }
}
