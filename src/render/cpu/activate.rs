//! Widening of pictures, and the filtered activation of StyleGAN3.  Jobs are bands of one channel; a job keeps the
//! widened rows of its band, never a widened channel.

use super::filter::Filter;
use super::filter::thin;
use super::filter::widen;
use super::pieces::Input;
use super::pieces::Pool;
use super::pieces::Scratch;
use super::pieces::room;
use super::rows;
use crate::network;
use crate::network::Shape;
use rayon::prelude::*;

/// Output rows of a job.
const BAND: usize = 32;

/// A band of one channel: the channel, the first row, the rows.
fn bands(out: &mut [f32], to: Shape, work: impl Fn(usize, usize, &mut [f32]) + Sync) {
    out.par_chunks_mut(to.pixels()).enumerate().for_each(|(channel, plane)| {
        plane.par_chunks_mut(BAND * to.width).enumerate().for_each(|(band, rows)| work(channel, band * BAND, rows));
    });
}

/// Where [`upsample`] adds to.
pub enum Add<'a> {
    Nothing,
    /// What stands at the output.
    Output,
    Part(&'a [f32]),
}

/// Does [`network::Upsample`] into `out`, of the shape `to`.
pub fn upsample(x: Input, how: &network::Upsample, filter: &Filter, add: Add, out: &mut [f32], to: Shape, pool: &Pool) {
    let (x, from) = (x.values, x.shape);
    let (up, low) = (how.up as i64, how.pad.0);
    bands(out, to, |channel, top, band| {
        let plane = &x[channel * from.pixels()..(channel + 1) * from.pixels()];
        pool.with(|scratch| {
            let Scratch { patch, rows: buffer, .. } = scratch;
            let (line, wide) = room(patch, from.width + to.width).split_at_mut(from.width);
            for (out, row) in band.chunks_exact_mut(to.width).zip(top as i64..) {
                let before = channel * to.pixels() + row as usize * to.width;
                match &add {
                    Add::Nothing => out.fill(0.0),
                    Add::Output => {}
                    Add::Part(part) => out.copy_from_slice(&part[before..before + to.width]),
                }
                // Rows of the input that taps see, every `up`-th tap one.
                let first = (low - row).rem_euclid(up);
                let taps = (first as usize..filter.length).step_by(how.up);
                let start = (row + first - low).div_euclid(up);
                let seen = taps.zip(start..).filter(|(_, at)| (0..from.height as i64).contains(at));
                let source = |at: i64| &plane[at as usize * from.width..(at as usize + 1) * from.width];
                if filter.whole.is_none() {
                    line.fill(0.0);
                    seen.for_each(|(tap, at)| rows::add_scaled(source(at), filter.rows[tap], line));
                    widen(line, &filter.columns, how.up, low, wide, buffer);
                    rows::add_scaled(wide, 1.0, out);
                } else {
                    for (tap, at) in seen {
                        widen(source(at), filter.across(tap), how.up, low, wide, buffer);
                        rows::add_scaled(wide, 1.0, out);
                    }
                }
            }
        });
    });
}

/// The filters and biases of [`network::Activate`].
pub struct Ready<'a> {
    pub bias: &'a [f32],
    pub up: &'a Filter,
    pub down: &'a Filter,
}

/// Does [`network::Activate`] into `out`, of the shape `to`.
pub fn activate(x: Input, how: &network::Activate, ready: &Ready, out: &mut [f32], to: Shape, pool: &Pool) {
    let (x, from) = (x.values, x.shape);
    let low = how.pad.0;
    // Columns of the widened picture: those that the outputs see.
    let wide = (to.width - 1) * how.down + ready.down.length;
    bands(out, to, |channel, top, band| {
        let plane = &x[channel * from.pixels()..(channel + 1) * from.pixels()];
        pool.with(|scratch| {
            let Scratch { patch, panel, sums, rows: buffer, .. } = scratch;
            let count = band.len() / to.width;
            let (first, high) = (top * how.down, (count - 1) * how.down + ready.down.length);
            let (up, taps) = (how.up as i64, ready.up.length as i64);
            // Rows of the input that the band sees.
            let begin = (first as i64 - low).div_euclid(up).clamp(0, from.height as i64);
            let end =
                ((first + high) as i64 + taps - low).div_euclid(up).saturating_add(1).clamp(begin, from.height as i64);
            let seen = (end - begin) as usize;
            // A filter that is no product is applied along rows for each of its own rows.
            let sets = if ready.up.whole.is_some() { ready.up.length } else { 1 };
            let line = room(panel, from.width);
            let widened = room(patch, sets * seen * wide);
            for (set, rows) in widened.chunks_exact_mut((seen * wide).max(1)).enumerate() {
                for (row, at) in rows.chunks_exact_mut(wide).zip(begin as usize..) {
                    let source = &plane[at * from.width..(at + 1) * from.width];
                    rows::shift(source, ready.bias[channel], line);
                    widen(line, ready.up.across(set), how.up, low, row, buffer);
                }
            }
            // Widened rows, activated; where the second filter is a product they are thinned out along the row at once.
            let flat = ready.down.whole.is_none();
            let kept = if flat { to.width } else { wide };
            let (lines, row) = room(sums, high * kept + wide).split_at_mut(high * kept);
            for (line, at) in lines.chunks_exact_mut(kept).zip(first as i64..) {
                row.fill(0.0);
                let start = (low - at).rem_euclid(up);
                let sources =
                    (start as usize..ready.up.length).step_by(how.up).zip((at + start - low).div_euclid(up)..);
                for (tap, source) in sources.filter(|(_, source)| (begin..end).contains(source)) {
                    let from = (source - begin) as usize * wide;
                    if sets == 1 {
                        rows::add_scaled(&widened[from..from + wide], ready.up.rows[tap], row);
                    } else {
                        let from = from + tap * seen * wide;
                        rows::add_scaled(&widened[from..from + wide], 1.0, row);
                    }
                }
                rows::activate(how.slope, how.gain, how.clamp, row);
                if flat {
                    thin(row, &ready.down.columns, how.down, false, line, buffer);
                } else {
                    line.copy_from_slice(row);
                }
            }
            for (out, at) in band.chunks_exact_mut(to.width).zip((0..).step_by(how.down)) {
                out.fill(0.0);
                for tap in 0..ready.down.length {
                    let line = &lines[(at + tap) * kept..(at + tap + 1) * kept];
                    if flat {
                        rows::add_scaled(line, ready.down.rows[tap], out);
                    } else {
                        thin(line, ready.down.across(tap), how.down, true, out, buffer);
                    }
                }
            }
        });
    });
}
