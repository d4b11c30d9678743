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
use super::outlet::Outlet;
use super::pieces;
use super::pieces::Input;
use super::pieces::Piece;
use super::pieces::Pool;
use super::pieces::Scratch;
use super::pieces::room;
use super::rows;
use super::smooth::Smooth;
use super::smooth::Window;
use super::stream;
use crate::network::Shape;
use rayon::prelude::*;
use std::ops::Range;

/// The shifts (rows, columns) in an order in which every plane sees adjacent ones.
const SHIFTS: [(usize, usize); 4] = [(0, 1), (0, 0), (1, 0), (1, 1)];

/// Row parity, column parity, and the shifts that are seen.
const PLANES: [(usize, usize, Range<usize>); 4] = [(0, 0, 0..4), (0, 1, 1..3), (1, 0, 0..2), (1, 1, 1..2)];

/// Values of planes that a job keeps.
const SUMS: usize = 5 << 18;

/// Rows of a band at most: all workers have some, and neighbours compute little both.
const TALL: usize = 128;

/// Values of an output that none of the caches holds until it is read again.
const LARGE: usize = 1 << 24;

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
    /// Input rows of a slice.
    slice: usize,
    /// Panels of rows of weights of a job.
    panels: usize,
}

/// What a job computes.
struct Tile {
    /// Input rows.
    band: Range<usize>,
    /// Input rows of a slice.
    slice: usize,
    /// Panels of rows of weights.
    panels: Range<usize>,
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

    /// Rows of planes that the outputs at a row of the input see before and behind it.
    fn around(&self) -> [usize; 2] {
        let low = self.low as usize;
        [low.div_ceil(2), (self.filter.length - low) / 2]
    }

    /// The cut with the least work on the worker that has the most: rows that neighbouring bands compute both, panels that
    /// jobs of the same band gather both, workers that wait.
    fn cut(&self, from: Shape) -> Cut {
        let rows = self.planes[0].kernel.rows();
        let pitch = from.width + 1;
        let all = self.planes[0].panels;
        let threads = rayon::current_num_threads();
        let kept: usize = self.around().iter().sum();
        let copied = (PATCH / (self.inputs * pitch)).saturating_sub(1).max(1);
        let mut best = (f64::INFINITY, Cut { band: 1, slice: 1, panels: all.min(4) });
        for tiles in 1..=all {
            let panels = all.div_ceil(tiles);
            let slice = (SUMS / (4 * pitch * panels * rows)).saturating_sub(kept).min(copied);
            let fewest = from.height.div_ceil(TALL);
            for bands in fewest..=(fewest + 4 * threads).min(from.height) {
                let band = from.height.div_ceil(bands);
                let jobs = all.div_ceil(panels) * from.height.div_ceil(band);
                let work = (band as f64 + 4.0 / 3.0) * (panels as f64 * rows as f64 + GATHER);
                let cost = work * jobs.div_ceil(threads) as f64;
                if slice > 0 && cost < best.0 {
                    best = (cost, Cut { band, slice, panels });
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
        let streamed = out.len() >= LARGE && finish.keep.is_none();
        let jobs = pieces::cut(out, 4 * from.pixels(), &bounds, block);
        jobs.into_par_iter().enumerate().for_each(|(job, piece)| {
            let (band, tile) = (job / tiles, job % tiles);
            let band = band * cut.band..((band + 1) * cut.band).min(from.height);
            let panels = tile * cut.panels..((tile + 1) * cut.panels).min(self.planes[0].panels);
            let tile = Tile { band, slice: cut.slice, panels };
            pool.with(|scratch| {
                self.job(input, tile, piece, finish, streamed, scratch);
                stream::settle();
            });
        });
    }

    fn job(&self, input: Input, tile: Tile, piece: Piece, finish: &Finish, streamed: bool, scratch: &mut Scratch) {
        let Tile { band, slice, panels } = &tile;
        let from = input.shape;
        let set = self.planes[0].kernel;
        // A row of planes has one position more than the input, and the zero at its end is the zero before the next row:
        // positions that follow each other see values that follow each other, across rows too.
        let pitch = from.width + 1;
        let [before, behind] = self.around();
        let kept = before + behind;
        // The last run of a copy may reach over the end of the planes, or into rows that come after it.
        let stride = (slice.min(&band.len()) + kept) * pitch + set.columns();
        let Scratch { patch, panel, sums, rows: buffer, line, offsets, .. } = scratch;
        let sums = room(sums, 4 * panels.len() * set.rows() * stride);
        let mut outlet = Outlet {
            smooth: Smooth::new(&self.filter, self.low, pitch),
            finish,
            piece,
            channel: panels.start * set.rows(),
            first: 2 * band.start,
            width: 2 * from.width,
            streamed,
            buffer,
            line,
            done: 0,
            all: 0,
        };
        for start in band.clone().step_by(*slice) {
            let rows = start..(start + slice).min(band.end);
            let top = start as isize - before as isize;
            let mut wanted = top..(rows.end + behind) as isize;
            if start > band.start {
                // The last rows that the outputs above have seen are the first of these.
                let moved = slice * pitch..(slice + kept) * pitch;
                sums.chunks_exact_mut(stride).for_each(|sums| sums.copy_within(moved.clone(), 0));
                wanted.start += kept as isize;
            }
            outlet.open(&Window { top, rows: rows.clone() });
            self.planes(input, &tile, wanted, Window { top, rows }, &mut outlet, [patch, panel], offsets, sums, stride);
        }
    }

    /// Computes the wanted rows of the planes, and makes the outputs of the window.
    #[allow(clippy::too_many_arguments)]
    fn planes(
        &self,
        input: Input,
        tile: &Tile,
        wanted: Range<isize>,
        window: Window,
        outlet: &mut Outlet,
        [patch, panel]: [&mut Vec<f32>; 2],
        offsets: &mut Vec<usize>,
        sums: &mut [f32],
        stride: usize,
    ) {
        let from = input.shape;
        let pitch = from.width + 1;
        let set = self.planes[0].kernel;
        let (rows, columns) = (set.rows(), set.columns());
        let panels = tile.panels.clone();
        let plane = panels.len() * rows * stride;
        let place = |row: isize| (row - window.top) as usize * pitch;
        let panel = room(panel, DEPTH * columns);
        // Outside of the picture the values are 0; planes of odd rows have one row less.
        let inside = wanted.start.max(0) as usize..wanted.end.min(from.height as isize + 1) as usize;
        let outside = place(wanted.start)..place(wanted.start.max(0).min(wanted.end));
        sums.chunks_exact_mut(stride).for_each(|sums| sums[outside.clone()].fill(0.0));
        // A first row that the outputs see from its odd half on.
        let half = tile.band.start > 0 && self.low % 2 == 1 && wanted.start == window.top;
        let often = outlet.all.div_ceil((inside.len() * pitch / columns).max(1));
        for start in inside.clone().step_by(tile.slice) {
            let end = (start + tile.slice).min(inside.end);
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
                let behind = place(from.height as isize)..place(from.height as isize + 1);
                sums[..2 * plane].chunks_exact_mut(stride).for_each(|sums| sums[behind.clone()].fill(0.0));
            }
            for (number, step) in self.steps.iter().enumerate() {
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
                    let first = place(start as isize) + at;
                    for (plane, (packed, sums)) in self.planes.iter().zip(sums.chunks_exact_mut(plane)).enumerate() {
                        let (row, column, _) = PLANES[plane];
                        // Behind the last value of a plane of odd parity, and before the first row that is looked at.
                        let last = ((from.height + 1 - row).saturating_sub(start) * pitch).saturating_sub(column);
                        let wanted = positions.min(last).saturating_sub(at).min(columns);
                        let unseen = half && row == 0 && first + columns <= pitch;
                        if let Some((block, begin)) = step.blocks[plane].filter(|_| wanted > 0 && !unseen) {
                            let (panel, sums) = (&panel[begin * columns..], &mut sums[first..]);
                            packed.run(block, panels.clone(), panel, wanted, sums, stride);
                        }
                    }
                    if number + 1 == self.steps.len() {
                        let there = (first + columns).min(place(end.min(from.height) as isize));
                        outlet.some(&window, sums, stride, there, often);
                    }
                }
            }
        }
        for (number, sums) in sums.chunks_exact_mut(stride).enumerate() {
            let odd = PLANES[number / (panels.len() * rows)].0;
            let end = wanted.end.min((from.height + 1 - odd) as isize).max(wanted.start);
            sums[place(end)..place(wanted.end)].fill(0.0);
        }
        outlet.some(&window, sums, stride, usize::MAX, usize::MAX);
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
