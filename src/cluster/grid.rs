//! Where the positions of a layer lie in the picture.

use crate::network::Shape;

/// The positions of a layer.  The middles of all grids lie on each other; a grid may reach beyond the picture, as those of
/// StyleGAN3 do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    pub height: usize,
    pub width: usize,
    /// How many of its rows and columns the picture takes.
    pub span: [f64; 2],
}

impl Grid {
    /// That of a picture, or of any layer without a margin.
    pub fn plain(height: usize, width: usize) -> Grid {
        Grid { height, width, span: [height as f64, width as f64] }
    }

    pub fn new(shape: Shape, span: [f64; 2]) -> Grid {
        Grid { height: shape.height, width: shape.width, span }
    }

    pub fn positions(&self) -> usize {
        self.height * self.width
    }

    /// The positions whose middles lie in the picture, row by row.
    pub fn inside(&self) -> Vec<usize> {
        let rows: Vec<usize> = (0..self.height).filter(|at| is_inside(*at, self.height, self.span[0])).collect();
        let columns: Vec<usize> = (0..self.width).filter(|at| is_inside(*at, self.width, self.span[1])).collect();
        rows.iter().flat_map(|y| columns.iter().map(move |x| y * self.width + x)).collect()
    }

    /// Per position of this grid the one of another that covers its middle, or is the nearest: without margins
    /// `⌊(i + ½) · other / own⌋` along either axis.
    pub fn nearest(&self, other: &Grid) -> Vec<usize> {
        let along = |axis: usize, own: usize, others: usize| -> Vec<usize> {
            (0..own).map(|at| nearest(at, (own, self.span[axis]), (others, other.span[axis]))).collect()
        };
        let (rows, columns) = (along(0, self.height, other.height), along(1, self.width, other.width));
        rows.iter().flat_map(|y| columns.iter().map(move |x| y * other.width + x)).collect()
    }

    /// Where the middle of a position lies in the picture: down and across, from 0 to 1.
    pub fn middle(&self, position: usize) -> [f64; 2] {
        let place = |at: usize, size: usize, span: f64| ((at as f64 + 0.5) - size as f64 / 2.0) / span + 0.5;
        [
            place(position / self.width, self.height, self.span[0]),
            place(position % self.width, self.width, self.span[1]),
        ]
    }
}

/// Sizes and spans are small dyadic numbers for all known networks: these formulas are exact.
fn is_inside(at: usize, size: usize, span: f64) -> bool {
    let from_middle = (at as f64 + 0.5) - size as f64 / 2.0;
    (-span / 2.0..span / 2.0).contains(&from_middle)
}

fn nearest(at: usize, (size, span): (usize, f64), (others, other_span): (usize, f64)) -> usize {
    let from_middle = ((at as f64 + 0.5) - size as f64 / 2.0) * other_span / span;
    let place = (from_middle + others as f64 / 2.0).floor();
    place.clamp(0.0, others.saturating_sub(1) as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[track_caller]
    fn check(from: Grid, to: Grid, expected: &[usize]) {
        assert_eq!(from.nearest(&to), expected);
    }

    #[test]
    fn nearest_positions() {
        check(Grid::plain(1, 4), Grid::plain(1, 2), &[0, 0, 1, 1]);
        check(Grid::plain(1, 2), Grid::plain(1, 8), &[2, 6]);
        check(Grid::plain(2, 1), Grid::plain(4, 1), &[1, 3]);
        // A margin of two on both sides of four.
        let wide = Grid { height: 1, width: 8, span: [1.0, 4.0] };
        check(wide, Grid::plain(1, 4), &[0, 0, 0, 1, 2, 3, 3, 3]);
        check(Grid::plain(1, 4), wide, &[2, 3, 4, 5]);
        assert_eq!(wide.inside(), [2, 3, 4, 5]);
        assert_eq!(Grid::plain(2, 2).inside(), [0, 1, 2, 3]);
        assert_eq!(wide.middle(2), [0.5, 0.125]);
    }
}
