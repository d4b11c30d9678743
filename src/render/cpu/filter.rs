//! Low-pass filters with the numbers of one model, and rows that are widened or thinned out.

use super::pieces::room;
use super::rows;
use crate::network;
use crate::network::Taps;
use crate::render::weights::Weights;

/// A filter as taps of rows and columns where it is their product, in the order of correlation, gain included.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub length: usize,
    /// From the top down.
    pub rows: Vec<f32>,
    /// From the left to the right.
    pub columns: Vec<f32>,
    /// `[length, length]`, of a filter that is no such product.
    pub whole: Option<Vec<f32>>,
}

impl Filter {
    /// The numbers of a described filter.
    pub fn new(filter: &network::Filter, weights: &Weights) -> Filter {
        let stored: &[f32] = match &filter.taps {
            Taps::Fixed(taps) => taps,
            Taps::Stored(name) => weights.get(name).map_or(&[], |array| &array.data),
        };
        let length = filter.length;
        let mut taps: Vec<f32> = stored.to_vec();
        // A true convolution reads its taps backwards.
        taps.reverse();
        let root = filter.gain.sqrt();
        if taps.len() == length {
            let line: Vec<f32> = taps.iter().map(|tap| tap * root).collect();
            return Filter { length, rows: line.clone(), columns: line, whole: None };
        }
        let sums = |of: &dyn Fn(usize, usize) -> f32| -> Vec<f64> {
            (0..length).map(|a| (0..length).map(|b| f64::from(of(a, b))).sum()).collect()
        };
        let (down, across) = (sums(&|a, b| taps[a * length + b]), sums(&|a, b| taps[b * length + a]));
        let total: f64 = down.iter().sum();
        let most = taps.iter().fold(0f32, |most, tap| most.max(tap.abs()));
        let product = |at: usize| down[at / length] * across[at % length] / total;
        let is_product =
            taps.iter().enumerate().all(|(at, tap)| (f64::from(*tap) - product(at)).abs() <= 1e-6 * f64::from(most));
        let line = |values: &[f64], by: f64| values.iter().map(|value| (value * by) as f32 * root).collect();
        Filter {
            length,
            rows: line(&down, 1.0),
            columns: line(&across, 1.0 / total),
            whole: (!is_product).then(|| taps.iter().map(|tap| tap * filter.gain).collect()),
        }
    }

    /// Taps that act along one row of the input: of a product its columns, of another filter one row of it.
    pub fn across(&self, row: usize) -> &[f32] {
        match &self.whole {
            None => &self.columns,
            Some(whole) => &whole[row * self.length..(row + 1) * self.length],
        }
    }
}

/// `out[n] = Σ taps[t]·z[n + t - low]`, where `z` is `x` with `up - 1` zeros behind every value.
pub fn widen(x: &[f32], taps: &[f32], up: usize, low: i64, out: &mut [f32], buffer: &mut Vec<f32>) {
    let (step, length) = (up as i64, taps.len());
    // Of one phase of `out`: its first tap, and where in `x` that stands for the first value.
    let phase = |e: usize| {
        let first = (low - e as i64).rem_euclid(step);
        (first as usize, (e as i64 + first - low) / step)
    };
    let count = out.len().div_ceil(up);
    let before = (0..up).map(|e| -phase(e).1).max().unwrap_or(0).max(0) as usize;
    let most = (0..up).map(|e| phase(e).1).max().unwrap_or(0).max(0) as usize;
    let padded = before + (x.len()).max(most + count + length);
    let buffer = room(buffer, padded + up * count + length);
    let (line, rest) = buffer.split_at_mut(padded);
    line[..before].fill(0.0);
    line[before..before + x.len()].copy_from_slice(x);
    line[before + x.len()..].fill(0.0);
    let (phases, own) = rest.split_at_mut(up * count);
    for (e, out) in phases.chunks_exact_mut(count).enumerate() {
        let (first, start) = phase(e);
        let mut number = 0;
        for (own, tap) in own.iter_mut().zip(taps.iter().skip(first).step_by(up)) {
            *own = *tap;
            number += 1;
        }
        rows::fir(&line[(before as i64 + start) as usize..], &own[..number], false, out);
    }
    match up {
        2 => {
            let (even, odd) = phases.split_at(count);
            for ((pair, even), odd) in out.chunks_mut(2).zip(even).zip(odd) {
                pair[0] = *even;
                if let Some(last) = pair.get_mut(1) {
                    *last = *odd;
                }
            }
        }
        _ => {
            for (n, out) in out.iter_mut().enumerate() {
                *out = phases[n % up * count + n / up];
            }
        }
    }
}

/// `out[n] = Σ taps[t]·x[n·down + t]`, or added to what stands there.
pub fn thin(x: &[f32], taps: &[f32], down: usize, add: bool, out: &mut [f32], buffer: &mut Vec<f32>) {
    let count = x.len().div_ceil(down);
    let buffer = room(buffer, count + taps.len());
    let (plane, own) = buffer.split_at_mut(count);
    for phase in 0..down {
        for (value, x) in plane.iter_mut().zip(x.iter().skip(phase).step_by(down)) {
            *value = *x;
        }
        let mut number = 0;
        for (own, tap) in own.iter_mut().zip(taps.iter().skip(phase).step_by(down)) {
            *own = *tap;
            number += 1;
        }
        if number > 0 {
            rows::fir(plane, &own[..number], add || phase > 0, out);
        }
    }
}
