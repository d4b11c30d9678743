//! Shares that differ from channel to channel, in the order of a program's elements.

use super::real::Real;
use crate::field::Field;
use crate::tensor::View;
use std::sync::Arc;

/// A field on the elements of a program, which may stand in another order than the canonical ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// One value per combination of classes.
    values: Arc<[f64]>,
    axes: Vec<Axis>,
}

/// One axis of a field.
#[derive(Clone, Debug, PartialEq)]
struct Axis {
    /// Per index its part of the place of the value.
    offsets: Arc<[u32]>,
    /// From elements of the program to indices of the axis.
    view: View,
}

impl Placed {
    /// `place` turns the canonical order into that of the program, as it does for loads.
    pub fn new(field: &Field, shape: &[u64], place: impl Fn(View) -> View) -> Placed {
        let mut radix = 1;
        let mut axes = vec![];
        for along in field.axes().iter().rev() {
            let strides: Vec<i64> = (0..shape.len()).map(|axis| i64::from(axis == along.axis)).collect();
            let offsets = along.classes.iter().map(|class| class * radix).collect();
            axes.push(Axis { offsets, view: place(View::strided(shape, 0, &strides)) });
            radix *= along.count as u32;
        }
        Placed { values: field.values().clone(), axes }
    }

    /// The shares of the elements from `start` on, in the working type.
    pub(super) fn fill<T: Real>(&self, start: u64, out: &mut [T]) {
        let steps: Vec<u64> = self.axes[0].view.steps.iter().map(|step| step.size).collect();
        let stride = |axis: &Axis, step: usize| axis.view.steps[step].stride;
        // Elements of a kernel have one share: the steps along which nothing moves are one run.
        let still = |step: &usize| self.axes.iter().all(|axis| stride(axis, *step) == 0 || steps[*step] == 1);
        let moving = steps.len() - (0..steps.len()).rev().take_while(still).count();
        let run: u64 = steps[moving..].iter().product::<u64>().max(1);
        let mut digits = vec![0u64; moving];
        let mut rest = start / run;
        for (digit, size) in digits.iter_mut().zip(&steps[..moving]).rev() {
            *digit = rest % (*size).max(1);
            rest /= (*size).max(1);
        }
        let base = |axis: &Axis| -> i64 {
            let walked = digits.iter().enumerate().map(|(step, digit)| *digit as i64 * stride(axis, step));
            axis.view.base as i64 + walked.sum::<i64>()
        };
        let mut at: Vec<i64> = self.axes.iter().map(base).collect();
        let mut left = (run - start % run) as usize;
        let mut out = out;
        while !out.is_empty() {
            let place: usize = self.axes.iter().zip(&at).map(|(axis, at)| axis.offsets[*at as usize] as usize).sum();
            let (now, later) = out.split_at_mut(left.min(out.len()));
            now.fill(T::from_f64(self.values[place]));
            out = later;
            left = run as usize;
            for step in (0..moving).rev() {
                digits[step] += 1;
                self.axes.iter().zip(&mut at).for_each(|(axis, at)| *at += stride(axis, step));
                if digits[step] < steps[step] {
                    break;
                }
                let back = digits[step] as i64;
                self.axes.iter().zip(&mut at).for_each(|(axis, at)| *at -= back * stride(axis, step));
                digits[step] = 0;
            }
        }
    }
}
