//! Convolutions of kernel 1 with few outputs: pictures made of many channels.
//!
//! There is so little to compute per input that moving the input decides.  A job takes some positions, reads their inputs once,
//! straight from where they lie, a few channels at a time, and keeps the sums in the first cache.
//!
//! The sum of an output is that of [`super::conv`]: the same blocks of channels in the same order, to the bit.

use super::conv::DEPTH;
use super::conv::blocks;
use super::finish::Finish;
use super::pieces;
use super::pieces::Input;
use super::pieces::Pool;
use super::pieces::room;
use crate::network::Shape;
use multiversion::multiversion;
use rayon::prelude::*;
use std::ops::Range;

/// Outputs at most: with more of them, weights in registers and gathered inputs are faster.
pub const OUTPUTS: usize = 4;

/// Channels that are read together.
const GROUP: usize = 8;

/// Positions that are worked on in registers.
const LANES: usize = 32;

/// Positions of a job: their sums fit the first cache, and runs of a channel are long enough for the processor to
/// see them coming.
const RUN: usize = 2048;

/// Jobs per worker at least, as long as they have [`LANES`] positions.
const JOBS: usize = 2;

/// A convolution ready to run.
pub struct Thin {
    /// `[inputs, outputs]`.
    weights: Vec<f32>,
    outputs: usize,
    blocks: Vec<Range<usize>>,
}

impl Thin {
    /// `weight` is `[outputs, inputs]`, multiplied by `scale`; at most [`OUTPUTS`].
    pub fn new(weight: &[f32], [outputs, inputs]: [usize; 2], scale: f32) -> Thin {
        assert!(outputs <= OUTPUTS, "outputs are few");
        let at = (0..inputs).flat_map(|input| (0..outputs).map(move |output| output * inputs + input));
        let weights = at.map(|at| weight[at] * scale).collect();
        Thin { weights, outputs, blocks: blocks(inputs, DEPTH) }
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..])
    }

    /// Writes `out`, of the shape `to`.
    pub fn run(&self, input: Input, out: &mut [f32], to: Shape, finish: &Finish, pool: &Pool) {
        let pixels = to.pixels();
        let share = pixels.div_ceil(JOBS * rayon::current_num_threads());
        let run = share.next_multiple_of(LANES).min(RUN);
        let bounds: Vec<usize> = (0..pixels).step_by(run).chain([pixels]).collect();
        let jobs = pieces::cut(out, pixels, &bounds, self.outputs);
        jobs.into_par_iter().zip(&bounds).for_each(|(piece, &start)| {
            pool.with(|scratch| {
                let count = piece[0].len();
                let (sums, block) =
                    room(&mut scratch.sums, 2 * self.outputs * count).split_at_mut(self.outputs * count);
                for (number, channels) in self.blocks.iter().enumerate() {
                    let to = if number == 0 { &mut *sums } else { &mut *block };
                    to.fill(0.0);
                    match self.outputs {
                        1 => self.block::<1>(input, start, channels, to),
                        2 => self.block::<2>(input, start, channels, to),
                        3 => self.block::<3>(input, start, channels, to),
                        _ => self.block::<4>(input, start, channels, to),
                    }
                    if number > 0 {
                        sums.iter_mut().zip(&*block).for_each(|(sum, block)| *sum += block);
                    }
                }
                for (channel, (out, sums)) in piece.into_iter().zip(sums.chunks_exact(count)).enumerate() {
                    finish.row(channel, start, sums, out);
                }
            });
        });
    }

    /// Adds the products of some channels to `[N, positions]`.
    fn block<const N: usize>(&self, input: Input, start: usize, channels: &Range<usize>, sums: &mut [f32]) {
        let (pixels, count) = (input.shape.pixels(), sums.len() / N);
        let line = |channel: usize| &input.values[channel * pixels + start..channel * pixels + start + count];
        let style = |channel: usize| input.style.map_or(1.0, |style| style[channel]);
        let weights = self.weights.as_chunks::<N>().0;
        let mut at = channels.start;
        while at + GROUP <= channels.end {
            let group: [usize; GROUP] = std::array::from_fn(|own| at + own);
            add::<GROUP, N>(&group.map(line), &group.map(style), &weights[at..at + GROUP], sums);
            at += GROUP;
        }
        for at in at..channels.end {
            add::<1, N>(&[line(at)], &[style(at)], &weights[at..at + 1], sums);
        }
    }
}

/// `sums[n, j] += Σ weights[c][n]·(x[c][j]·style[c])`, channel after channel, every product fused with its sum.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2+fma"))]
fn add<const C: usize, const N: usize>(x: &[&[f32]; C], style: &[f32; C], weights: &[[f32; N]], sums: &mut [f32]) {
    let count = sums.len() / N;
    let x = x.map(|x| &x[..count]);
    let mut start = 0;
    while start + LANES <= count {
        let mut own: [[f32; LANES]; N] = [[0.0; LANES]; N];
        for (n, own) in own.iter_mut().enumerate() {
            own.copy_from_slice(&sums[n * count + start..][..LANES]);
        }
        for c in 0..C {
            let x = &x[c][start..start + LANES];
            for lane in 0..LANES {
                let x = x[lane] * style[c];
                for n in 0..N {
                    own[n][lane] = weights[c][n].mul_add(x, own[n][lane]);
                }
            }
        }
        for (n, own) in own.iter().enumerate() {
            sums[n * count + start..][..LANES].copy_from_slice(own);
        }
        start += LANES;
    }
    for at in start..count {
        for c in 0..C {
            let x = x[c][at] * style[c];
            for n in 0..N {
                sums[n * count + at] = weights[c][n].mul_add(x, sums[n * count + at]);
            }
        }
    }
}
