//! At most 256 colours for a picture: its own where they are few, else those of a cut of its histogram, and the picture in
//! them.

use super::super::canvas::Canvas;
use super::super::canvas::Colour;
use std::collections::BTreeMap;
use std::ops::Range;

/// Colours of a palette, at most.
pub const MOST: usize = 256;

/// Bits per channel of the histogram: 32768 bins, whatever the picture's size.
const BITS: u32 = 5;
const BINS: usize = 1 << (3 * BITS);

/// What one pixel may pass on to its neighbours, per channel.  Colours beyond those of the palette would pass on more
/// and more, and draw streaks.
const CARRY: i32 = 32;

/// Colours in percent, as sixels say them.
pub type Percent = [u8; 3];

/// A picture in few colours.
pub struct Indexed {
    pub palette: Vec<Percent>,
    /// Per pixel the number of its colour.
    pub pixels: Vec<u8>,
}

/// The picture in at most [`MOST`] colours.  Few colours are kept (but for what percents round); of many, the palette is
/// cut and the rest is diffused.
pub fn indexed(canvas: &Canvas) -> Indexed {
    own(canvas).unwrap_or_else(|| {
        let palette = cut(histogram(canvas));
        let pixels = diffused(canvas, &palette);
        Indexed { palette, pixels }
    })
}

fn percent(value: u64) -> u8 {
    ((value * 100 + 127) / 255).min(100) as u8
}

/// What a terminal makes of percents.
fn bytes(colour: Percent) -> Colour {
    colour.map(|value| ((u32::from(value) * 255 + 50) / 100) as u8)
}

fn own(canvas: &Canvas) -> Option<Indexed> {
    let mut palette = vec![];
    let mut known = BTreeMap::new();
    let mut pixels = Vec::with_capacity(canvas.pixels.len() / 3);
    for pixel in canvas.pixels.as_chunks::<3>().0 {
        let colour = pixel.map(|value| percent(u64::from(value)));
        let index = *known.entry(colour).or_insert(palette.len());
        if index == palette.len() {
            if index == MOST {
                return None;
            }
            palette.push(colour);
        }
        pixels.push(index as u8);
    }
    Some(Indexed { palette, pixels })
}

/// Pixels whose upper bits are the same.
#[derive(Clone, Copy)]
struct Bin {
    key: Colour,
    count: u64,
    sum: [u64; 3],
}

fn histogram(canvas: &Canvas) -> Vec<Bin> {
    let mut bins = vec![Bin { key: [0; 3], count: 0, sum: [0; 3] }; BINS];
    for pixel in canvas.pixels.as_chunks::<3>().0 {
        let bin = &mut bins[number(*pixel)];
        bin.key = pixel.map(|value| value >> (8 - BITS));
        bin.count += 1;
        for (sum, value) in bin.sum.iter_mut().zip(pixel) {
            *sum += u64::from(*value);
        }
    }
    bins.retain(|bin| bin.count > 0);
    bins
}

fn number(colour: Colour) -> usize {
    colour.iter().fold(0, |number, value| number << BITS | usize::from(value >> (8 - BITS)))
}

/// Bins that will have one colour, and how much they differ along the axis on which they differ most.
struct Group {
    bins: Range<usize>,
    axis: usize,
    spread: f64,
}

impl Group {
    fn new(all: &[Bin], bins: Range<usize>) -> Group {
        let inside = &all[bins.clone()];
        let spread = |axis: usize| {
            // Sums of whole numbers below 2⁵³: exact.
            let term = |power: i32| -> f64 {
                inside.iter().map(|bin| bin.count as f64 * f64::from(bin.key[axis]).powi(power)).sum()
            };
            let (count, sum, squares) = (term(0), term(1), term(2));
            squares - sum * sum / count.max(1.0)
        };
        let spreads = [0, 1, 2].map(spread);
        let axis = (0..3).fold(0, |best, axis| if spreads[axis] > spreads[best] { axis } else { best });
        Group { bins, axis, spread: spreads[axis] }
    }

    /// Sorts the bins along the axis, and cuts where the mean lies.
    fn halves(&self, all: &mut [Bin]) -> [Range<usize>; 2] {
        let (from, to) = (self.bins.start, self.bins.end);
        let inside = &mut all[from..to];
        inside.sort_unstable_by_key(|bin| (bin.key[self.axis], bin.key));
        let count: u64 = inside.iter().map(|bin| bin.count).sum();
        let sum: u64 = inside.iter().map(|bin| bin.count * u64::from(bin.key[self.axis])).sum();
        let below = inside.partition_point(|bin| u64::from(bin.key[self.axis]) * count <= sum);
        let middle = from + below.clamp(1, inside.len() - 1);
        [from..middle, middle..to]
    }
}

/// Cuts the group that differs most, again and again, where its mean lies; each group is the mean of its pixels.
///
/// After Heckbert 1982, "Color image quantization for frame buffer display", with the spread instead of the number of pixels.
fn cut(mut bins: Vec<Bin>) -> Vec<Percent> {
    let mut groups = vec![Group::new(&bins, 0..bins.len())];
    while groups.len() < MOST {
        let widest = (0..groups.len()).filter(|at| groups[*at].bins.len() > 1);
        let Some(widest) = widest.max_by(|a, b| groups[*a].spread.total_cmp(&groups[*b].spread)) else { break };
        let [low, high] = groups[widest].halves(&mut bins);
        groups[widest] = Group::new(&bins, low);
        groups.push(Group::new(&bins, high));
    }
    let mean = |one: &Group| {
        let inside = &bins[one.bins.clone()];
        let count: u64 = inside.iter().map(|bin| bin.count).sum();
        [0, 1, 2].map(|axis| percent(inside.iter().map(|bin| bin.sum[axis]).sum::<u64>() / count.max(1)))
    };
    let mut palette: Vec<Percent> = groups.iter().map(mean).collect();
    palette.sort_unstable();
    palette.dedup();
    palette
}

/// What is missing in a pixel is added to those after it.
///
/// Floyd and Steinberg 1976, "An adaptive algorithm for spatial grey scale": 7, 3, 5 and 1 sixteenths.
fn diffused(canvas: &Canvas, palette: &[Percent]) -> Vec<u8> {
    let colours: Vec<Colour> = palette.iter().copied().map(bytes).collect();
    // Colours of a bin share the one nearest to its middle; the rest is diffused.
    let mut nearest: Vec<Option<u8>> = vec![None; BINS];
    let mut find = |colour: Colour| -> u8 {
        *nearest[number(colour)].get_or_insert_with(|| {
            let middle = colour.map(|value| value >> (8 - BITS) << (8 - BITS) | 1 << (7 - BITS));
            let distance = |other: &Colour| -> u32 {
                other.iter().zip(middle).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
            };
            // A palette has at most 256 colours.
            (0..colours.len()).min_by_key(|at| distance(&colours[*at])).unwrap_or(0) as u8
        })
    };
    let mut out = Vec::with_capacity(canvas.pixels.len() / 3);
    // Sixteenths for this row and the next, with a place more on both sides.
    let mut here = vec![[0i32; 3]; canvas.width + 2];
    let mut below = here.clone();
    for row in canvas.pixels.chunks_exact((canvas.width * 3).max(1)) {
        for (x, pixel) in row.as_chunks::<3>().0.iter().enumerate() {
            let wanted: [i32; 3] =
                std::array::from_fn(|axis| (i32::from(pixel[axis]) + ((here[x + 1][axis] + 8) >> 4)).clamp(0, 255));
            let index = find(wanted.map(|value| value as u8));
            for axis in 0..3 {
                let taken = i32::from(colours[usize::from(index)][axis]);
                let rest = (wanted[axis] - taken).clamp(-CARRY, CARRY);
                here[x + 2][axis] += rest * 7;
                below[x][axis] += rest * 3;
                below[x + 1][axis] += rest * 5;
                below[x + 2][axis] += rest;
            }
            out.push(index);
        }
        std::mem::swap(&mut here, &mut below);
        below.fill([0; 3]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(width: usize, pixel: impl Fn(usize) -> Colour, count: usize) -> Canvas {
        Canvas { width, height: count / width, pixels: (0..count).flat_map(pixel).collect() }
    }

    #[test]
    fn few_colours_are_kept() {
        let few = indexed(&canvas(16, |at| [at as u8, 0, 255], 256));
        // 256 bytes are 101 percents.
        assert_eq!(few.palette.len(), 101);
        assert!((0..256).all(|at| bytes(few.palette[usize::from(few.pixels[at])])[0].abs_diff(at as u8) <= 2));
    }

    #[test]
    fn clusters_get_their_own_colours() {
        // 600 colours round four centres: each group lies in one.
        let centre = |at: usize| [[20, 20, 20], [200, 30, 40], [40, 180, 220], [235, 235, 230]][at % 4];
        let picture = canvas(30, |at| centre(at).map(|value: u8| value + (at * 7 % 19) as u8), 2400);
        let palette = cut(histogram(&picture));
        for colour in palette.iter().copied().map(bytes) {
            let near = (0..4).any(|at| centre(at).iter().zip(colour).all(|(a, b)| b + 2 >= *a && b - *a.min(&b) <= 20));
            assert!(near, "{colour:?}");
        }
    }

    #[test]
    fn a_palette_is_never_too_large() {
        let noise = canvas(256, |at| [at * 77 % 256, at * 131 % 251, at / 64].map(|value| value as u8), 1 << 14);
        let all = indexed(&noise);
        assert!((200..=MOST).contains(&all.palette.len()));
        assert_eq!(all.pixels.len(), 1 << 14);
        assert!(all.pixels.iter().all(|index| usize::from(*index) < all.palette.len()));
    }
}
