//! Pictures reduced to any size, each pixel the mean of the area that it covers.

use super::super::canvas::Canvas;
use std::borrow::Cow;

/// Pixels a side, at most: kitty takes no more.
const SIDE: usize = 10_000;
/// Pixels in all, at most.
const AREA: usize = 1 << 25;

/// What a picture may take.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub width: usize,
    pub height: usize,
    pub area: usize,
}

impl Room {
    /// As high as terminals take, and no wider than `width`.
    pub fn of_width(width: usize) -> Room {
        Room { width: width.min(SIDE), height: SIDE, area: AREA }
    }

    /// The size of a picture in this room: its shape is kept but for rounding, and but for sides that would be less than
    /// one pixel.
    pub fn size(self, width: usize, height: usize) -> (usize, usize) {
        let [wide, high] = [width as u128, height as u128];
        // The width at which the height, or the area, is what there is room for.
        let by_height = wide * self.height as u128 / high.max(1);
        let by_area = (wide * self.area as u128 / high.max(1)).isqrt();
        let new = wide.min(self.width as u128).min(by_height).min(by_area).max(1);
        let most = self.height.min(self.area / new as usize) as u128;
        ((new as usize), ((high * new + wide / 2) / wide.max(1)).clamp(1, most.max(1)) as usize)
    }
}

/// The picture, reduced if it does not fit.
pub fn fitted(canvas: &Canvas, room: Room) -> Cow<'_, Canvas> {
    let (width, height) = room.size(canvas.width, canvas.height);
    if (width, height) == (canvas.width, canvas.height) {
        return Cow::Borrowed(canvas);
    }
    Cow::Owned(reduced(canvas, width, height))
}

/// Pixels of a side that one pixel of the reduced side covers, each with its weight; the weights sum to `long`.
///
/// In units of 1 / `short` of a pixel, the covered stretch is `long` long and pixels are `short` long.
fn covered(at: usize, short: usize, long: usize) -> impl Iterator<Item = (usize, u64)> {
    let (from, to) = (at * long, (at + 1) * long);
    (from / short..to.div_ceil(short)).map(move |pixel| {
        let part = to.min((pixel + 1) * short) - from.max(pixel * short);
        (pixel, part as u64)
    })
}

/// Area means, in whole numbers: the same bytes on every machine.
fn reduced(canvas: &Canvas, width: usize, height: usize) -> Canvas {
    let whole = (canvas.width * canvas.height) as u64;
    let row_bytes = canvas.width * 3;
    let mut pixels = Vec::with_capacity(width * height * 3);
    let mut sums = vec![0u64; width * 3];
    for y in 0..height {
        sums.fill(0);
        for (row, high) in covered(y, height, canvas.height) {
            let row = canvas.pixels[row * row_bytes..(row + 1) * row_bytes].as_chunks::<3>().0;
            for (x, sum) in sums.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                for (column, wide) in covered(x, width, canvas.width) {
                    for (sum, value) in sum.iter_mut().zip(row[column]) {
                        // The sum is at most 255 times the number of pixels of the canvas.
                        *sum += u64::from(value) * wide * high;
                    }
                }
            }
        }
        pixels.extend(sums.iter().map(|sum| ((sum + whole / 2) / whole) as u8));
    }
    Canvas { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(width: usize, height: usize) -> Canvas {
        let pixels = (0..width * height * 3).map(|at| (at * at % 251) as u8).collect();
        Canvas { width, height, pixels }
    }

    /// Each pixel as many equal ones, then the mean of whole blocks: the same by another way.
    #[track_caller]
    fn check(parts: (usize, usize), shape: (usize, usize)) {
        let (from, to) = parts;
        let large = canvas(from * shape.0, from * shape.1);
        let wanted = large.enlarged(to).reduced(from);
        assert_eq!(reduced(&large, to * shape.0, to * shape.1), wanted, "{from} to {to}");
    }

    #[test]
    fn pixels_are_means_of_areas() {
        for (from, to) in [(2, 1), (3, 2), (7, 3), (7, 6), (5, 5), (13, 1)] {
            for shape in [(1, 1), (2, 1), (1, 3)] {
                check((from, to), shape);
            }
        }
        let line = Canvas { width: 3, height: 1, pixels: vec![0, 0, 0, 90, 90, 90, 30, 30, 30] };
        assert_eq!(reduced(&line, 2, 1).pixels, [30, 30, 30, 50, 50, 50]);
    }

    #[test]
    fn sizes_keep_their_shape_and_fit() {
        let room = Room::of_width(80);
        for (size, wanted) in [
            ((80, 40), (80, 40)),
            ((1, 1), (1, 1)),
            ((160, 81), (80, 41)),
            ((5000, 1), (80, 1)),
            ((5000, 40), (80, 1)),
            ((1, 1 << 28), (1, SIDE)),
            ((40, 20_000), (20, SIDE)),
            ((1 << 14, 1 << 14), (80, 80)),
            ((usize::MAX, 1), (80, 1)),
            ((1, usize::MAX), (1, SIDE)),
        ] {
            assert_eq!(room.size(size.0, size.1), wanted, "{size:?}");
        }
        let (width, height) = Room::of_width(usize::MAX).size(1 << 14, 1 << 14);
        assert!(width == height && width * height <= AREA && width > 5700, "{width} × {height}");
        let narrow = Room { width: 3, height: 2, area: 1 };
        assert_eq!(narrow.size(100, 100), (1, 1));
    }
}
