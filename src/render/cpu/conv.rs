//! Convolutions at the input's resolution.
//!
//! A job takes some positions and some output channels.  It copies the input that they see, scaled by the style and with
//! zeros around, then for every block of the depth (kernel position and input channel) and every panel of positions
//! gathers the panel, small enough for the first cache, and runs the kernel over all rows of weights with it; the sums
//! stay in the second cache until the end is applied.  Nothing as large as a layer is made on the way.  How jobs
//! are cut depends on the number of workers.
//!
//! The sum of an output is taken in blocks of at most [`DEPTH`] products, in the order (kernel row, kernel column, input
//! channel), each block from 0; it depends on the shape of the layer alone.

use super::finish::Finish;
use super::kernel::Kernel;
use super::pieces;
use super::pieces::Input;
use super::pieces::Pool;
use super::pieces::Scratch;
use super::pieces::room;
use super::rows;
use crate::network::Shape;
use rayon::prelude::*;
use std::ops::Range;

/// Products that are summed before the sum is added to what was there: panels of that depth fit the first cache.
pub const DEPTH: usize = 288;

/// Positions that are gathered together.
pub const RUN: usize = 8;

/// Sums that a job keeps, and inputs that it copies: both fit the second cache.
const SUMS: usize = 1 << 16;
const PATCH: usize = 1 << 18;

/// Jobs per worker at least, as long as they have this many channels.
const JOBS: usize = 2;
const FEW: usize = 32;

/// `0..total` in equal blocks of at most `most`.
pub fn blocks(total: usize, most: usize) -> Vec<Range<usize>> {
    let count = total.div_ceil(most).max(1);
    let size = total.div_ceil(count).max(1);
    (0..count).map(|at| (at * size).min(total)..((at + 1) * size).min(total)).collect()
}

/// Weights in the order in which the kernel reads them: blocks of the depth, panels of rows, depth, row.  Rows beyond
/// the outputs are 0.
pub struct Packed {
    pub kernel: Kernel,
    pub panels: usize,
    pub blocks: Vec<Range<usize>>,
    weights: Vec<f32>,
}

impl Packed {
    pub fn new(
        kernel: Kernel,
        outputs: usize,
        blocks: Vec<Range<usize>>,
        value: impl Fn(usize, usize) -> f32 + Sync,
    ) -> Packed {
        let rows = kernel.rows();
        let panels = outputs.div_ceil(rows);
        let depth = blocks.last().map_or(0, |last| last.end);
        let mut weights = vec![0.0; panels * rows * depth];
        let mut rest = &mut weights[..];
        for block in &blocks {
            let (part, behind) = rest.split_at_mut(panels * rows * block.len());
            rest = behind;
            if block.is_empty() {
                continue;
            }
            part.par_chunks_mut(rows * block.len()).enumerate().for_each(|(panel, part)| {
                for (k, row) in block.clone().zip(part.chunks_exact_mut(rows)) {
                    for (output, weight) in (panel * rows..outputs).zip(row) {
                        *weight = value(output, k);
                    }
                }
            });
        }
        Packed { kernel, panels, blocks, weights }
    }

    /// The weights of one block and some panels.
    pub fn of(&self, block: usize, panels: Range<usize>) -> &[f32] {
        let rows = self.kernel.rows();
        let (range, all) = (&self.blocks[block], self.panels * rows);
        let start = all * range.start + panels.start * rows * range.len();
        &self.weights[start..start + panels.len() * rows * range.len()]
    }

    /// Runs some panels of a block over one panel of positions, of which the first `wanted` are looked at, into rows of
    /// sums that lie `stride` apart.
    pub fn run(
        &self,
        block: usize,
        panels: Range<usize>,
        columns: &[f32],
        wanted: usize,
        sums: &mut [f32],
        stride: usize,
    ) {
        let rows = self.kernel.rows();
        let depth = self.blocks[block].len();
        if depth == 0 {
            return;
        }
        let half = 2 * wanted <= self.kernel.columns();
        let weights = self.of(block, panels).chunks_exact(rows * depth);
        for (weights, sums) in weights.zip(sums.chunks_mut(rows * stride)) {
            self.kernel.run(weights, columns, sums, stride, block == 0, half);
        }
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..])
    }
}

/// A convolution ready to run.
pub struct Same {
    packed: Packed,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    pad: usize,
}

/// How a layer is cut.
struct Cut {
    /// Runs of a row, and of a job.
    per_row: usize,
    runs: usize,
    /// Panels of rows of a job.
    panels: usize,
}

/// What a job computes.
struct Tile<'a> {
    runs: Range<usize>,
    /// Panels of rows of weights.
    panels: Range<usize>,
    /// Of the output.
    width: usize,
    finish: &'a Finish<'a>,
}

impl Same {
    /// `weight` is `[outputs, inputs, kernel, kernel]`, multiplied by `scale`.
    pub fn new(set: Kernel, weight: &[f32], [outputs, inputs, kernel]: [usize; 3], pad: usize, scale: f32) -> Same {
        let taps = kernel * kernel;
        let value = |output: usize, k: usize| weight[(output * inputs + k % inputs) * taps + k / inputs] * scale;
        let packed = Packed::new(set, outputs, blocks(taps * inputs, DEPTH), value);
        Same { packed, inputs, outputs, kernel, pad }
    }

    pub fn bytes(&self) -> usize {
        self.packed.bytes()
    }

    fn cut(&self, out: Shape) -> Cut {
        let (rows, columns) = (self.packed.kernel.rows(), self.packed.kernel.columns());
        let per_row = out.width.div_ceil(RUN);
        let all = per_row * out.height;
        let at_once = columns / RUN;
        let mut panels = self.packed.panels.min(512usize.div_ceil(rows));
        let mut runs = (SUMS / (panels * rows) / RUN).max(at_once);
        let patch = |runs: usize| {
            let (high, wide) = (runs.div_ceil(per_row) + self.kernel, runs.min(per_row) * RUN + self.kernel);
            self.inputs * high * wide
        };
        while runs > 2 * at_once && patch(runs) > PATCH {
            runs /= 2;
        }
        runs = runs.next_multiple_of(at_once).min(all.next_multiple_of(at_once));
        let jobs = JOBS * rayon::current_num_threads();
        while all.div_ceil(runs) * self.packed.panels.div_ceil(panels) < jobs && panels * rows > FEW {
            panels = panels.div_ceil(2);
        }
        Cut { per_row, runs, panels }
    }

    /// Writes `out`, of the shape `to`.
    pub fn run(&self, input: Input, out: &mut [f32], to: Shape, finish: &Finish, pool: &Pool) {
        let cut = self.cut(to);
        let all = cut.per_row * to.height;
        let pixel = |run: usize| run / cut.per_row * to.width + run % cut.per_row * RUN;
        let starts: Vec<usize> = (0..all).step_by(cut.runs).chain([all]).collect();
        let bounds: Vec<usize> = starts.iter().map(|&run| if run == all { to.pixels() } else { pixel(run) }).collect();
        let channels = cut.panels * self.packed.kernel.rows();
        let tiles = self.outputs.div_ceil(channels);
        let jobs = pieces::cut(out, to.pixels(), &bounds, channels);
        jobs.into_par_iter().enumerate().for_each(|(job, piece)| {
            let (range, tile) = (job / tiles, job % tiles);
            let panels = tile * cut.panels..((tile + 1) * cut.panels).min(self.packed.panels);
            let runs = starts[range]..starts[range + 1];
            let tile = Tile { runs, panels, width: to.width, finish };
            pool.with(|scratch| self.job(input, &cut, tile, piece, scratch));
        });
    }

    fn job(&self, input: Input, cut: &Cut, tile: Tile, piece: pieces::Piece, scratch: &mut Scratch) {
        let Tile { runs, panels, width, finish } = tile;
        let set = self.packed.kernel;
        let (rows, columns) = (set.rows(), set.columns());
        let at_once = columns / RUN;
        let Scratch { patch, panel, sums, offsets, bases, .. } = scratch;
        // What the positions see: whole rows, or a part of one.
        let (top, bottom) = (runs.start / cut.per_row, (runs.end - 1) / cut.per_row);
        let (left, wide) =
            if top == bottom { (runs.start % cut.per_row * RUN, runs.len() * RUN) } else { (0, cut.per_row * RUN) };
        let seen = Seen {
            top: top as isize - self.pad as isize,
            left: left as isize - self.pad as isize,
            high: bottom - top + self.kernel,
            wide: wide + self.kernel - 1,
        };
        let patch = room(patch, self.inputs * seen.high * seen.wide);
        seen.copy(input, patch);
        offsets.clear();
        for tap in 0..self.kernel * self.kernel {
            let inside = tap / self.kernel * seen.wide + tap % self.kernel;
            offsets.extend((0..self.inputs).map(|channel| channel * seen.high * seen.wide + inside));
        }
        let stride = (runs.len() * RUN).next_multiple_of(columns);
        let sums = room(sums, panels.len() * rows * stride);
        let panel = room(panel, DEPTH * columns);
        for (block, depth) in self.packed.blocks.iter().enumerate() {
            let panel = &mut panel[..depth.len() * columns];
            for (number, start) in runs.clone().step_by(at_once).enumerate() {
                bases.clear();
                // Positions beyond the last are computed from any input and never looked at.
                bases.extend((start..start + at_once).map(|run| {
                    let run = run.min(runs.end - 1);
                    (run / cut.per_row - top) * seen.wide + run % cut.per_row * RUN - left
                }));
                rows::gather(patch, &offsets[depth.clone()], bases, columns, panel);
                let wanted = (runs.end - start) * RUN;
                self.packed.run(block, panels.clone(), panel, wanted, &mut sums[number * columns..], stride);
            }
        }
        let first = panels.start * rows;
        let begin = runs.start / cut.per_row * width + runs.start % cut.per_row * RUN;
        for (at, out) in piece.into_iter().enumerate() {
            let sums = &sums[at * stride..(at + 1) * stride];
            if width.is_multiple_of(RUN) {
                finish.row(first + at, begin, &sums[..out.len()], out);
                continue;
            }
            // Runs at the end of a row have positions that are none.
            let (mut run, mut pixel) = (runs.start, 0);
            while pixel < out.len() {
                let within = run % cut.per_row;
                let last = (cut.per_row - within).min(runs.end - run);
                let len = (width - within * RUN).min(last * RUN).min(out.len() - pixel);
                let from = (run - runs.start) * RUN;
                finish.row(first + at, begin + pixel, &sums[from..from + len], &mut out[pixel..pixel + len]);
                (run, pixel) = (run + last, pixel + len);
            }
        }
    }
}

/// A window on the input, which may reach beyond it.
pub struct Seen {
    pub top: isize,
    pub left: isize,
    pub high: usize,
    pub wide: usize,
}

impl Seen {
    /// The window of every channel, scaled, with zeros outside the input.
    pub fn copy(&self, input: Input, patch: &mut [f32]) {
        let from = input.shape;
        let start = self.left.clamp(0, from.width as isize);
        let end = (self.left + self.wide as isize).clamp(0, from.width as isize);
        let (before, inside) = ((start - self.left) as usize, (end - start) as usize);
        let planes = input.values.chunks_exact(from.pixels()).zip(patch.chunks_exact_mut(self.high * self.wide));
        for (channel, (plane, window)) in planes.enumerate() {
            let by = input.style.map_or(1.0, |style| style[channel]);
            for (row, at) in window.chunks_exact_mut(self.wide).zip(self.top..) {
                if at < 0 || at >= from.height as isize || inside == 0 {
                    row.fill(0.0);
                    continue;
                }
                let line = at as usize * from.width + start as usize;
                row[..before].fill(0.0);
                rows::scale(&plane[line..line + inside], by, &mut row[before..before + inside]);
                row[before + inside..].fill(0.0);
            }
        }
    }
}
