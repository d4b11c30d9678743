//! Shares that differ from channel to channel, in the order of a program's elements.

use super::real::Real;
use crate::field::Field;
use crate::field::Pick;
use crate::tensor::Shape;
use crate::tensor::View;
use std::sync::Arc;

/// Where the canonical tensor of a program lies in it: the program may have its elements in another order.
pub struct Ground<'g> {
    /// Canonical shape.
    pub shape: &'g [u64],
    /// Turns the canonical order into that of the program, as it does for loads.
    pub place: &'g dyn Fn(View) -> View,
}

/// From elements of a program to canonical ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Spots {
    /// Canonical shape.
    shape: Shape,
    view: View,
}

/// A field on the elements of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    values: Arc<[f64]>,
    axes: Vec<Axis>,
    /// Of the parts of the axes the largest is the place of the value, not their sum.
    by_rank: bool,
    spots: Spots,
}

/// One axis of a field.
#[derive(Clone, Debug, PartialEq)]
struct Axis {
    /// Canonical axis.
    axis: usize,
    /// Per index its part of the place of the value: an offset, or a rank.
    offsets: Arc<[u32]>,
}

impl Spots {
    pub fn new(ground: &Ground) -> Spots {
        Spots { shape: ground.shape.into(), view: (ground.place)(View::contiguous(ground.shape)) }
    }

    /// Canonical elements from one index of an axis to the next.
    pub fn inner(&self, axis: usize) -> u64 {
        self.shape[axis + 1..].iter().product::<u64>().max(1)
    }

    /// The index along an axis of a canonical element.
    pub fn index(&self, axis: usize, element: u64) -> usize {
        (element / self.inner(axis) % self.shape[axis].max(1)) as usize
    }

    /// Hands on the elements from `start` on in runs of at most `still`, which follow each other in the canonical order
    /// and are in one run of `still` there: first canonical element, first element, and how many.
    pub fn runs(&self, still: u64, start: u64, count: usize, mut see: impl FnMut(u64, usize, usize)) {
        // Rows of the program whose elements follow each other.
        let steps = &self.view.steps;
        let mut row = 1;
        for step in steps.iter().rev().filter(|step| step.size > 1) {
            if step.stride != row {
                break;
            }
            row *= step.size as i64;
        }
        let row = (row as u64).max(1);
        let mut done = 0;
        let mut first = [0i64];
        while done < count {
            let at = start + done as u64;
            self.view.places(at / row * row, &mut first);
            let end = ((row - at % row) as usize).min(count - done);
            let mut element = first[0] as u64 + at % row;
            let mut inside = 0;
            while inside < end {
                let len = ((still - element % still) as usize).min(end - inside);
                see(element, done + inside, len);
                element += len as u64;
                inside += len;
            }
            done += end;
        }
    }
}

impl Placed {
    pub fn new(field: &Field, ground: &Ground) -> Placed {
        let mut radix = 1;
        let mut axes = vec![];
        match field.pick() {
            Pick::Each => {
                for along in field.axes().iter().rev() {
                    let offsets = along.classes.iter().map(|class| class * radix).collect();
                    axes.push(Axis { axis: along.axis, offsets });
                    radix *= along.count as u32;
                }
            }
            Pick::Highest(ranks) => {
                axes.extend(ranks.iter().map(|own| Axis { axis: own.axis, offsets: own.by_index.clone() }));
            }
        }
        let by_rank = matches!(field.pick(), Pick::Highest(_));
        Placed { values: field.values().clone(), axes, by_rank, spots: Spots::new(ground) }
    }

    /// Bytes of its tables.
    pub fn bytes(&self) -> u64 {
        let offsets: usize = self.axes.iter().map(|axis| axis.offsets.len()).sum();
        (self.values.len() * size_of::<f64>() + offsets * size_of::<u32>()) as u64
    }

    /// Canonical elements that follow each other and have one share, at least.
    pub(super) fn still(&self) -> u64 {
        self.axes.iter().map(|axis| self.spots.inner(axis.axis)).min().unwrap_or(1)
    }

    /// The share of a canonical element.
    pub(super) fn at(&self, element: u64) -> f64 {
        let parts = self.axes.iter().map(|axis| axis.offsets[self.spots.index(axis.axis, element)] as usize);
        self.values[if self.by_rank { parts.max().unwrap_or(0) } else { parts.sum() }]
    }

    /// The shares of the elements from `start` on, in the working type.
    pub(super) fn fill<T: Real>(&self, start: u64, out: &mut [T]) {
        self.spots.runs(self.still(), start, out.len(), |element, at, len| {
            out[at..at + len].fill(T::from_f64(self.at(element)));
        });
    }
}
