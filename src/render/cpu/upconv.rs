//! Transposed convolutions of stride 2 with their filter.
//!
//! The widened values `u` fall into four planes, by the parity of row and column.  A plane sees the input at some of four
//! shifts (by 0 or 1 row and column), and a kernel of 3 has one tap per plane and shift: nine in all, so that nothing is
//! multiplied by an inserted zero.  (One convolution per parity with the filter folded in would be 36.)
//!
//! A job takes a band of rows and some channels.  It goes down the band in slices of a few rows, keeps their planes in its own
//! memory, and filters them on the way to the output while it computes more; neighbouring bands compute one row of planes
//! both.

use super::conv::DEPTH;
use super::conv::Packed;
use super::conv::Seen;
use super::conv::blocks;
use super::filter::Filter;
use super::finish::Finish;
use super::kernel::Kernel;
use super::outlet::Area;
use super::outlet::Outlet;
use super::outlet::Output;
use super::pieces;
use super::pieces::Input;
use super::pieces::Pool;
use super::pieces::Scratch;
use super::pieces::room;
use super::planes::Planes;
use super::rows;
use super::smooth::Smooth;
use crate::network::Shape;
use rayon::prelude::*;
use std::mem::take;
use std::ops::Range;

/// The shifts (rows, columns) in an order in which every plane sees adjacent ones.
const SHIFTS: [(usize, usize); 4] = [(0, 1), (0, 0), (1, 0), (1, 1)];

/// Row parity, column parity, and the shifts that are seen.
const PLANES: [(usize, usize, Range<usize>); 4] = [(0, 0, 0..4), (0, 1, 1..3), (1, 0, 0..2), (1, 1, 1..2)];

/// Values of planes that a job keeps.
const SUMS: usize = 5 << 18;

/// Rows of a band at most: all workers have some, and neighbours compute little both.
const TALL: usize = 128;

/// Values of an output that no cache holds until it is read again.
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
#[derive(Debug)]
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
        let streamed = out.len() >= LARGE && finish.keep.is_none();
        self.run_cut(&self.cut(input.shape), streamed, input, out, finish, pool);
    }

    fn run_cut(&self, cut: &Cut, streamed: bool, input: Input, out: &mut [f32], finish: &Finish, pool: &Pool) {
        let from = input.shape;
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
            let area = Area { channel: panels.start * rows, row: 2 * band.start, width: 2 * from.width, streamed };
            let tile = Tile { band, slice: cut.slice, panels };
            pool.with(|scratch| self.job(input, &tile, Output { piece, area, finish }, scratch));
        });
    }

    fn job(&self, input: Input, tile: &Tile, output: Output, scratch: &mut Scratch) {
        let Tile { band, slice, panels } = tile;
        let set = self.planes[0].kernel;
        // A row of planes has one position more than the input, and the zero at its end is the zero before the next row:
        // positions that follow each other see values that follow each other, across rows too.
        let pitch = input.shape.width + 1;
        let [before, behind] = self.around();
        let kept = before + behind;
        // The last run of a copy may reach over the end of the planes, or into rows that come after it.
        let stride = ((*slice).min(band.len()) + kept) * pitch + set.columns();
        let channels = panels.len() * set.rows();
        let mut sums = take(&mut scratch.sums);
        let mut held = Planes { sums: room(&mut sums, 4 * channels * stride), channels, stride, pitch, top: 0 };
        let smooth = Smooth::new(&self.filter, self.low, pitch);
        let mut outlet = Outlet::new(output, smooth, [take(&mut scratch.rows), take(&mut scratch.line)]);
        for start in band.clone().step_by(*slice) {
            let rows = start..(start + slice).min(band.end);
            held.top = start as isize - before as isize;
            let mut wanted = held.top..(rows.end + behind) as isize;
            if start > band.start {
                // The last rows that the outputs above have seen are the first of these.
                held.move_up(*slice, kept);
                wanted.start += kept as isize;
            }
            outlet.open(held.top, rows);
            self.slice(input, tile, wanted, &mut held, &mut outlet, scratch);
        }
        [scratch.rows, scratch.line] = outlet.close();
        scratch.sums = sums;
    }

    /// Computes the wanted rows of the planes, and meanwhile makes the outputs of what is there.
    fn slice(
        &self,
        input: Input,
        tile: &Tile,
        wanted: Range<isize>,
        held: &mut Planes,
        outlet: &mut Outlet,
        scratch: &mut Scratch,
    ) {
        let (from, pitch, stride) = (input.shape, held.pitch, held.stride);
        let columns = self.planes[0].kernel.columns();
        let Scratch { patch, panel, offsets, .. } = scratch;
        let panel = room(panel, DEPTH * columns);
        // Outside of the picture the values are 0.
        let high = from.height as isize;
        held.clear(0..4, wanted.start..wanted.end.min(0));
        let inside = wanted.start.max(0) as usize..wanted.end.min(high + 1) as usize;
        // A first row that the outputs see from its odd half on.
        let half = tile.band.start > 0 && self.low % 2 == 1 && wanted.start == held.top;
        let often = outlet.all().div_ceil((inside.len() * pitch / columns).max(1));
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
                held.clear(0..2, high..high + 1);
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
                    let place = held.place(start as isize) + at;
                    for (plane, packed) in self.planes.iter().enumerate() {
                        let (row, column, _) = PLANES[plane];
                        // Behind the last value of a plane of odd parity, and before the first row that is looked at.
                        let last = ((from.height + 1 - row).saturating_sub(start) * pitch).saturating_sub(column);
                        let wanted = positions.min(last).saturating_sub(at).min(columns);
                        let unseen = half && row == 0 && place + columns <= pitch;
                        if let Some((block, begin)) = step.blocks[plane].filter(|_| wanted > 0 && !unseen) {
                            let (panel, sums) = (&panel[begin * columns..], held.from(plane, place));
                            packed.run(block, tile.panels.clone(), panel, wanted, sums, stride);
                        }
                    }
                    if number + 1 == self.steps.len() {
                        let there = (place + columns).min(held.place(end.min(from.height) as isize));
                        outlet.some(held, there, often);
                    }
                }
            }
        }
        // Planes of odd rows have one row less.
        held.clear(0..2, wanted.start.max(high + 1)..wanted.end);
        held.clear(2..4, wanted.start.max(high)..wanted.end);
        outlet.rest(held);
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

#[cfg(test)]
mod tests {
    use super::super::kernel::tests::numbers;
    use super::*;
    use crate::network::Activation;

    /// The bits are the same in one piece and in bands, slices, and blocks of channels of any size, also where they are
    /// written past the caches.
    #[track_caller]
    fn check(set: Kernel, [inputs, outputs]: [usize; 2], [height, width]: [usize; 2], taps: &[f32], whole: bool) {
        let filter = Filter {
            length: taps.len(),
            rows: taps.to_vec(),
            columns: taps.to_vec(),
            whole: whole.then(|| numbers(taps.len() * taps.len(), 7)),
        };
        let up = Up::new(set, &numbers(inputs * outputs * 9, 1), [outputs, inputs], 0.5, filter);
        let values = numbers(inputs * height * width, 2);
        let input = Input { values: &values, shape: Shape::new(inputs, height, width), style: None };
        let (noise, bias) = (numbers(4 * height * width, 3), numbers(outputs, 4));
        let finish = Finish {
            scale: None,
            noise: Some((&noise, 0.5)),
            bias: Some(&bias),
            activation: &Activation::Leaky(0.2),
            slopes: &[],
            gain: 1.5,
            clamp: Some(0.75),
            keep: None,
            add: vec![],
            pixels: 4 * height * width,
        };
        let run = |cut: &Cut, streamed: bool| {
            let mut out = vec![f32::NAN; outputs * 4 * height * width];
            up.run_cut(cut, streamed, input, &mut out, &finish, &Pool::default());
            out.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        };
        let all = up.planes[0].panels;
        let wanted = run(&Cut { band: height, slice: height, panels: all }, false);
        for (band, slice, panels) in [(height, 1, all), (height, 2, 1), (1, 1, 1), (2, 3, all), (3, 2, 1), (5, 3, all)]
        {
            let cut = Cut { band: band.min(height), slice, panels };
            for streamed in [false, true] {
                let same = run(&cut, streamed) == wanted;
                assert!(same, "{set:?} {inputs} to {outputs}, {height}x{width}: {cut:?}, streamed: {streamed}");
            }
        }
    }

    #[test]
    fn how_a_layer_is_cut_cannot_change_a_bit() {
        for set in Kernel::all() {
            // Steps of all shifts, of two, of one, of some channels of one.
            for channels in [[3, 9], [100, 5], [160, 3], [300, 2]] {
                check(set, channels, [7, 5], &[0.25, 0.75, 0.5, 0.125], false);
            }
            for size in [[1, 1], [2, 40], [13, 33], [4, 517], [3, 1030]] {
                check(set, [2, 9], size, &[0.25, 0.75, 0.5, 0.125], false);
            }
            for taps in [2, 3, 4, 6, 7, 12] {
                check(set, [2, 3], [9, 10], &numbers(taps, 8), taps % 2 == 0);
                check(set, [2, 3], [4, 3], &numbers(taps, 9), false);
            }
        }
    }
}
