//! Shares of two tensors that depend on how long the rows of both are.
//!
//! A row is what stands at one index of canonical axis 0.  With a and b the rows, w the weight, m its mean over the row
//! and n = |a|^(1 − m) · |b|^m, the shares are f(1 − w) · n / |a| and f(w) · n / |b|, where
//!
//! - `Equal`: f(t) = t;
//! - `Slerp`: f(t) = sin(t ω) / sin ω, ω the angle between the rows, and t beyond |cos ω| > 0.9995.
//!
//! A row no longer than 1e-8, or not finite, leaves both as they are: shares 1 − w and w.  Where w is 0 or 1 in a whole
//! row, its share is exactly 1.
//!
//! Sums of rows are cut at the blocks of the tensor (law 1); inside of a block element j of a row goes to lane j mod 16.

use super::BLOCK;
use super::NodeId;
use super::Placed;
use super::channels::Ground;
use super::channels::Spots;
use super::kernels;
use super::kernels::LANES;
use super::kernels::Lanes;
use super::real::Real;
use crate::field::Weight;
use std::ops::Range;

/// Shorter rows have no direction.
const SHORT: f64 = 1e-8;
/// From this cosine on the line is straight.
const STRAIGHT: f64 = 0.9995;

/// How rows of different length are brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meet {
    /// Both get one length.
    Equal,
    /// Their directions turn into each other.
    Slerp,
}

/// A pair of tensors whose rows are measured: a·a, a·b and b·b of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    pub a: NodeId,
    pub b: NodeId,
    /// Canonical elements of one row.
    pub len: u64,
    pub count: u64,
}

/// One of the two shares of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct ByRow {
    /// Index into the program's pairs.
    pub rows: u32,
    pub meet: Meet,
    /// That of b.
    pub second: bool,
    /// The weight of b.
    weight: Given,
    /// Its mean per row; one value where all rows have the same.
    means: Vec<f64>,
    spots: Spots,
}

#[derive(Clone, Debug, PartialEq)]
enum Given {
    Number(f64),
    Field(Box<Placed>),
}

/// What is known of a row.
pub type Sums = [f64; 3];

impl ByRow {
    pub fn new(rows: u32, meet: Meet, second: bool, weight: &Weight, ground: &Ground) -> ByRow {
        let (given, means) = match weight {
            Weight::Number(number) => (Given::Number(*number), vec![*number]),
            Weight::Field(field) => {
                (Given::Field(Box::new(Placed::new(field, ground))), weight.means_along(0, ground.shape[0] as usize))
            }
        };
        ByRow { rows, meet, second, weight: given, means, spots: Spots::new(ground) }
    }

    /// Bytes of its tables.
    pub fn bytes(&self) -> u64 {
        let given = if let Given::Field(field) = &self.weight { field.bytes() } else { 0 };
        given + (self.means.len() * size_of::<f64>()) as u64
    }

    /// The shares of the elements from `start` on.
    pub(super) fn fill<T: Real>(&self, len: u64, sums: &[Sums], start: u64, out: &mut [T]) {
        let still = match &self.weight {
            Given::Number(_) => len,
            Given::Field(field) => len.min(field.still()),
        };
        let mut known: Option<(u64, u64, T)> = None;
        self.spots.runs(still.max(1), start, out.len(), |element, at, count| {
            let row = element / len.max(1);
            let w = match &self.weight {
                Given::Number(number) => *number,
                Given::Field(field) => field.at(element),
            };
            let share = match known {
                Some((of, bits, share)) if (of, bits) == (row, w.to_bits()) => share,
                _ => T::from_f64(self.share(w, self.means[row as usize % self.means.len()], &sums[row as usize])),
            };
            known = Some((row, w.to_bits(), share));
            out[at..at + count].fill(share);
        });
    }

    fn share(&self, w: f64, mean: f64, [aa, ab, bb]: &Sums) -> f64 {
        let part = if self.second { w } else { 1.0 - w };
        let (a, b) = (libm::sqrt(*aa), libm::sqrt(*bb));
        let is_row = |length: f64| length > SHORT && length.is_finite();
        if !is_row(a) || !is_row(b) {
            return part;
        }
        let cosine = (ab / a / b).clamp(-1.0, 1.0);
        let line = match self.meet {
            Meet::Slerp if cosine.abs() <= STRAIGHT => {
                let angle = libm::acos(cosine);
                libm::sin(part * angle) / libm::sin(angle)
            }
            _ => part,
        };
        let length = match mean {
            0.0 => a,
            1.0 => b,
            mean => libm::pow(a, 1.0 - mean) * libm::pow(b, mean),
        };
        line * (length / if self.second { b } else { a })
    }
}

/// Adds up the rows of one block.
pub struct Adder {
    len: u64,
    /// First element of the block.
    first: u64,
    lanes: [Lanes; 3],
    /// Elements of the row that stand in the lanes.
    inside: usize,
    /// Sums of the rows that are done, in order.
    pub done: Vec<f64>,
}

impl Adder {
    pub fn new(rows: &Rows, first: u64) -> Adder {
        Adder { len: rows.len.max(1), first, lanes: [[0.0; LANES]; 3], inside: 0, done: vec![] }
    }

    /// Takes the next elements of the block: those from `at` on.
    pub fn take<T: Real>(&mut self, at: u64, a: &[T], b: &[T]) {
        debug_assert!(at >= self.first);
        let mut done = 0;
        while done < a.len() {
            let element = at + done as u64;
            let count = ((self.len - element % self.len) as usize).min(a.len() - done);
            self.add(&a[done..done + count], &b[done..done + count]);
            done += count;
            if (element + count as u64).is_multiple_of(self.len) {
                self.end();
            }
        }
    }

    fn add<T: Real>(&mut self, a: &[T], b: &[T]) {
        // Up to a whole number of lanes one by one.
        let head = ((LANES - self.inside % LANES) % LANES).min(a.len());
        for (at, (x, y)) in a[..head].iter().zip(b).enumerate() {
            let (lane, x, y) = ((self.inside + at) % LANES, x.to_f64(), y.to_f64());
            self.lanes[0][lane] += x * x;
            self.lanes[1][lane] += x * y;
            self.lanes[2][lane] += y * y;
        }
        kernels::dots(&a[head..], &b[head..], &mut self.lanes);
        self.inside += a.len();
    }

    fn end(&mut self) {
        self.done.extend(self.lanes.iter().map(kernels::tree));
        self.lanes = [[0.0; LANES]; 3];
        self.inside = 0;
    }

    /// The sums of all rows that the block has a part of.
    pub fn finish(mut self) -> Vec<f64> {
        if self.inside > 0 {
            self.end();
        }
        self.done
    }
}

impl Rows {
    /// The rows that a block has a part of.
    pub fn of_block(&self, block: u64) -> Range<u64> {
        let len = self.len.max(1);
        let end = ((block + 1) * BLOCK).min(self.len * self.count);
        block * BLOCK / len..end.div_ceil(len)
    }
}
