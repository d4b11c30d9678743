//! Transposed convolutions of stride 2 with their filter.
//!
//! The widened values `u` fall into four planes, by the parity of row and column.  A plane sees the input at some of four
//! shifts (by 0 or 1 row and column), and a kernel of 3 has one tap per plane and shift: nine in all, so that nothing is
//! multiplied by an inserted zero.  (One convolution per parity with the filter folded in would be 36.)
//!
//! A job takes a band of rows and some channels, keeps the planes of its band in its own memory, and filters them on
//! the way to the output; neighbouring bands compute one row of planes both.

use super::conv::DEPTH;
use super::conv::Packed;
use super::conv::Seen;
use super::conv::blocks;
use super::filter::Filter;
use super::finish::Finish;
use super::kernel::Kernel;
use super::pieces;
use super::pieces::Input;
use super::pieces::Pool;
use super::pieces::Scratch;
use super::pieces::room;
use super::rows;
use super::smooth::Smooth;
use crate::network::Shape;
use rayon::prelude::*;
use std::ops::Range;

/// The shifts (rows, columns) in an order in which every plane sees adjacent ones.
const SHIFTS: [(usize, usize); 4] = [(0, 1), (0, 0), (1, 0), (1, 1)];

/// Row parity, column parity, and the shifts that are seen.
const PLANES: [(usize, usize, Range<usize>); 4] = [(0, 0, 0..4), (0, 1, 1..3), (1, 0, 0..2), (1, 1, 1..2)];

/// Values of planes that a job keeps.
const BAND: usize = 5 << 18;

/// Values of the input that are copied at a time: they fit the second cache.
const PATCH: usize = 3 << 16;

/// What gathering a panel costs, in rows of weights that the kernel could work on meanwhile.
const GATHER: f64 = 4.0;

/// What is gathered into one panel: some shifts of all input channels, or some channels of one shift.
struct Step {
    shifts: Range<usize>,
    channels: Range<usize>,
    /// Per plane that sees some of it: which block of the plane's weights, and where in the panel that begins.
    blocks: [Option<(usize, usize)>; 4],
}

/// A transposed convolution ready to run.
pub struct Up {
    /// Per plane; the depth is (shift, input channel) over the shifts that it sees, a block for every step.
    planes: [Packed; 4],
    steps: Vec<Step>,
    inputs: usize,
    outputs: usize,
    filter: Filter,
    /// Zeros before `u`.
    low: isize,
}

/// How a layer is cut.
struct Cut {
    /// Input rows of a band.
    band: usize,
    /// Rows of planes that are computed from one copy of the input.
    rows: usize,
    /// Panels of rows of weights of a job.
    panels: usize,
}

/// What a job computes.
struct Tile<'a> {
    /// Input rows.
    band: Range<usize>,
    /// Panels of rows of weights.
    panels: Range<usize>,
    /// Rows of planes per copy of the input.
    rows: usize,
    finish: &'a Finish<'a>,
}

impl Up {
    /// `weight` is `[outputs, inputs, 3, 3]`, multiplied by `scale`.
    pub fn new(set: Kernel, weight: &[f32], [outputs, inputs]: [usize; 2], scale: f32, filter: Filter) -> Up {
        let mut steps = steps(inputs);
        let planes = [0, 1, 2, 3].map(|plane| {
            let (row, column, sees) = PLANES[plane].clone();
            let mut depth: Vec<Range<usize>> = vec![];
            for step in &mut steps {
                let seen = step.shifts.start.max(sees.start)..step.shifts.end.min(sees.end);
                if seen.is_empty() {
                    continue;
                }
                let start = depth.last().map_or(0, |last| last.end);
                step.blocks[plane] = Some((depth.len(), (seen.start - step.shifts.start) * inputs));
                depth.push(start..start + seen.len() * step.channels.len());
            }
            Packed::new(set, outputs, depth, |output, k| {
                let (down, right) = SHIFTS[sees.start + k / inputs];
                // Shifted by one, a plane of even parity sees the last tap; unshifted, the tap of its own parity.
                let tap = (row + 2 * down) * 3 + column + 2 * right;
                weight[(output * inputs + k % inputs) * 9 + tap] * scale
            })
        });
        // (taps + up - 1) / 2 + pad - (kernel - 1), as the reference pads.
        let low = 1 + filter.length.div_ceil(2) as isize - 2;
        Up { planes, steps, inputs, outputs, filter, low }
    }

    pub fn bytes(&self) -> usize {
        self.planes.iter().map(Packed::bytes).sum()
    }

    /// The cut with the least work on the worker that has the most: rows that neighbouring bands compute both, panels that
    /// jobs of the same band gather both, workers that wait.
    fn cut(&self, from: Shape) -> Cut {
        let kernel_rows = self.planes[0].kernel.rows();
        let pitch = from.width + 1;
        let all = self.planes[0].panels;
        let threads = rayon::current_num_threads();
        let rows = (PATCH / (self.inputs * pitch)).saturating_sub(1).max(1);
        let mut best = (f64::INFINITY, Cut { band: 1, rows, panels: all.min(4) });
        for tiles in 1..=all {
            let panels = all.div_ceil(tiles);
            let most = (BAND / (4 * pitch * panels * kernel_rows)).saturating_sub(2);
            let fewest = from.height.div_ceil(most.max(1));
            for bands in fewest..=(fewest + 4 * threads).min(from.height) {
                let band = from.height.div_ceil(bands);
                let jobs = all.div_ceil(panels) * from.height.div_ceil(band);
                let work = (band as f64 + 4.0 / 3.0) * (panels as f64 * kernel_rows as f64 + GATHER);
                let cost = work * jobs.div_ceil(threads) as f64;
                if most > 0 && cost < best.0 {
                    best = (cost, Cut { band, rows, panels });
                }
            }
        }
        best.1
    }

    /// Writes `out`, twice as high and wide as the input.
    pub fn run(&self, input: Input, out: &mut [f32], finish: &Finish, pool: &Pool) {
        let from = input.shape;
        let cut = self.cut(from);
        let rows = self.planes[0].kernel.rows();
        let bands = from.height.div_ceil(cut.band);
        let bounds: Vec<usize> = (0..=bands).map(|at| (at * cut.band).min(from.height) * 4 * from.width).collect();
        let block = cut.panels * rows;
        let tiles = self.outputs.div_ceil(block);
        let jobs = pieces::cut(out, 4 * from.pixels(), &bounds, block);
        jobs.into_par_iter().enumerate().for_each(|(job, piece)| {
            let (band, tile) = (job / tiles, job % tiles);
            let band = band * cut.band..((band + 1) * cut.band).min(from.height);
            let panels = tile * cut.panels..((tile + 1) * cut.panels).min(self.planes[0].panels);
            let tile = Tile { band, panels, rows: cut.rows, finish };
            pool.with(|scratch| self.job(input, tile, piece, scratch));
        });
    }

    fn job(&self, input: Input, tile: Tile, piece: pieces::Piece, scratch: &mut Scratch) {
        let Tile { band, panels, finish, .. } = tile;
        let from = input.shape;
        let set = self.planes[0].kernel;
        let (rows, columns) = (set.rows(), set.columns());
        // A row of planes has one position more than the input, and the zero at its end is the zero before the next row:
        // positions that follow each other see values that follow each other, across rows too.
        let pitch = from.width + 1;
        // Rows of `u` that the band's outputs see, and the rows of planes that hold them; outside of the picture they are 0.
        let first = 2 * band.start as isize - self.low;
        let last = 2 * band.end as isize - 2 - self.low + self.filter.length as isize;
        let (top, bottom) = (first.div_euclid(2), last.div_euclid(2));
        let inside = top.max(0) as usize..bottom.min(from.height as isize) as usize + 1;
        // A first row that the outputs see from its odd half on.
        let half = first > 0 && first % 2 == 1;
        let Scratch { patch, panel, sums, rows: buffer, offsets, .. } = scratch;
        // The last run of a copy may reach over the end of the planes, or into rows that come after it.
        let held = (bottom - top + 1) as usize;
        let stride = held * pitch + columns;
        let plane = panels.len() * rows * stride;
        let sums = room(sums, 4 * plane);
        let panel = room(panel, DEPTH * columns);
        for start in inside.clone().step_by(tile.rows) {
            let end = (start + tile.rows).min(inside.end);
            let seen = Seen { top: start as isize - 1, left: -1, high: end - start + 1, wide: pitch };
            let size = seen.high * pitch;
            // Behind the last channel there is the zero at its end, and what the last run reads for nobody.
            let patch = room(patch, self.inputs * size + pitch + columns);
            seen.copy(input, patch);
            patch[self.inputs * size..].fill(0.0);
            offsets.clear();
            offsets.extend((0..self.inputs).map(|channel| channel * size));
            if end > from.height {
                // Of the row behind the input only what is shifted down is computed.
                for sums in sums[..2 * plane].chunks_exact_mut(stride) {
                    let behind = (from.height as isize - top) as usize * pitch;
                    sums[behind..behind + pitch].fill(0.0);
                }
            }
            for step in &self.steps {
                let depth = step.channels.len() * columns;
                // Shifted down, the first row of planes sees nothing; unshifted, the one behind the input.
                let downs = step.shifts.clone().map(|shift| SHIFTS[shift].0);
                let (least, most) = (downs.clone().min().unwrap_or(0), downs.max().unwrap_or(0));
                let early = if start < least { pitch } else { 0 };
                let positions = (end.min(from.height + most) - start) * pitch;
                for at in (early..positions).step_by(columns) {
                    for (panel, shift) in panel.chunks_exact_mut(depth).zip(step.shifts.clone()) {
                        let (down, right) = SHIFTS[shift];
                        let base = at + (1 - down) * pitch + 1 - right;
                        rows::gather(patch, &offsets[step.channels.clone()], &[base], columns, panel);
                    }
                    let place = (start as isize - top) as usize * pitch + at;
                    for (plane, (packed, sums)) in self.planes.iter().zip(sums.chunks_exact_mut(plane)).enumerate() {
                        let (row, column, _) = PLANES[plane];
                        // Behind the last value of a plane of odd parity, and before the first row that is looked at.
                        let last = ((from.height + 1 - row).saturating_sub(start) * pitch).saturating_sub(column);
                        let wanted = positions.min(last).saturating_sub(at).min(columns);
                        let unseen = half && row == 0 && place + columns <= pitch;
                        if let Some((block, begin)) = step.blocks[plane].filter(|_| wanted > 0 && !unseen) {
                            let (panel, sums) = (&panel[begin * columns..], &mut sums[place..]);
                            packed.run(block, panels.clone(), panel, wanted, sums, stride);
                        }
                    }
                }
            }
        }
        for (number, sums) in sums.chunks_exact_mut(stride).enumerate() {
            // Planes of odd rows have one row less.
            let end = inside.end.min(from.height + 1 - PLANES[number / (panels.len() * rows)].0);
            sums[..(inside.start as isize - top) as usize * pitch].fill(0.0);
            sums[(end as isize - top) as usize * pitch..held * pitch].fill(0.0);
        }
        let planes: [&[f32]; 4] = std::array::from_fn(|at| &sums[at * plane..(at + 1) * plane]);
        let smooth = Smooth { filter: &self.filter, low: self.low, pitch, top };
        for (at, out) in piece.into_iter().enumerate() {
            let planes = planes.map(|plane| &plane[at * stride..at * stride + held * pitch]);
            smooth.rows(planes, band.clone(), buffer, |row, sums| {
                let start = (row - 2 * band.start) * sums.len();
                finish.row(panels.start * rows + at, row * sums.len(), sums, &mut out[start..start + sums.len()]);
            });
        }
    }
}

/// The steps of a layer, each of at most [`DEPTH`] values per position; which planes see them is not told yet.
fn steps(inputs: usize) -> Vec<Step> {
    let step = |shifts: Range<usize>, channels: Range<usize>| Step { shifts, channels, blocks: [None; 4] };
    let together = (DEPTH / inputs).min(SHIFTS.len());
    if together > 1 {
        let starts = (0..SHIFTS.len()).step_by(together);
        return starts.map(|at| step(at..(at + together).min(SHIFTS.len()), 0..inputs)).collect();
    }
    let channels = blocks(inputs, DEPTH);
    (0..SHIFTS.len()).flat_map(|at| channels.iter().map(move |range| step(at..at + 1, range.clone()))).collect()
}
