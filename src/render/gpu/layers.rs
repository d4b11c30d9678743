//! Layers without weights of their own: widened pictures, filtered activations, pixels that move.

use super::kernels::Task;
use super::params::Params;
use super::plan::Bound;
use super::plan::Planner;
use super::plan::Source;
use super::plan::ranges;
use crate::diag::Problem;
use crate::network::Activate;
use crate::network::Finish;
use crate::network::Op;
use crate::network::Part;
use crate::network::Upsample;
use std::ops::Range;

impl Planner<'_> {
    pub fn upsample(&mut self, op: &Op, up: &Upsample) -> Result<(), Problem> {
        let precision = self.allowed.precision;
        let taps = self.constants.filter(&up.filter);
        let binding = precision.size(op.out.shape, 1).max(precision.size(up.x.shape, 1));
        let step = self.at_once(op, binding, 0, 0.0)?;
        let finish = Finish { add: up.add.iter().map(|part| (*part, 1.0)).collect(), ..Finish::linear(None) };
        for range in ranges(op.out.shape.channels, step) {
            let mut params = self.params(op, &range);
            params.taps = taps;
            params.length = up.filter.length as i32;
            params.low = up.pad.0 as i32;
            params.up = up.up as i32;
            let x = self.read(&mut params, up.x, &range);
            let bound = self.finish(&mut params, op, &finish, &range);
            let work = 2.0 * (up.filter.length / up.up).pow(2) as f64;
            self.each(op, Task::Upsample, params, [vec![x], bound].concat(), op.out.shape.pixels().div_ceil(2), work)?;
        }
        Ok(())
    }

    pub fn activate(&mut self, op: &Op, how: &Activate) -> Result<(), Problem> {
        let precision = self.allowed.precision;
        let bias = self.constants.tensor(&how.bias, how.x.shape.channels);
        let (up, down) = (self.constants.filter(&how.up_filter), self.constants.filter(&how.down_filter));
        let wide = |size: usize| (size - 1) * how.down + how.down_filter.length;
        let (height, width) = (wide(op.out.shape.height), wide(op.out.shape.width));
        let binding = precision.size(op.out.shape, 1).max(precision.size(how.x.shape, 1));
        let step = self.at_once(op, binding, 4 * height * width, 0.0)?;
        for range in ranges(op.out.shape.channels, step) {
            let mut params = self.params(op, &range);
            params.raw_height = height as u32;
            params.raw_width = width as u32;
            params.raw_pitch = (height * width) as u32;
            params.raw_channels = range.len() as u32;
            let mut first = Params {
                bias,
                taps: up,
                length: how.up_filter.length as i32,
                low: how.pad.0 as i32,
                up: how.up as i32,
                slope: how.slope,
                gain: how.gain,
                clamp: how.clamp,
                ..params
            };
            let x = self.read(&mut first, how.x, &range);
            let scratch = self.scratch(4, 4 * range.len() * height * width);
            let constants = Bound { number: 5, source: Source::Constants, offset: 0, size: 0 };
            let work = 2.0 * (how.up_filter.length / how.up).pow(2) as f64;
            self.each(op, Task::Widen, first, vec![x, scratch.clone(), constants], height * width, work)?;
            params.taps = down;
            params.length = how.down_filter.length as i32;
            params.down = how.down as u32;
            let bound = self.finish(&mut params, op, &Finish::linear(None), &range);
            let bound = [vec![Bound { number: 1, ..scratch }], bound].concat();
            let work = 4.0 * how.down_filter.length.pow(2) as f64;
            self.each(op, Task::Thin, params, bound, op.out.shape.pixels().div_ceil(2), work)?;
        }
        Ok(())
    }

    /// Pixels that move; `reads` are the input channels of some output channels.
    pub fn moved(
        &mut self,
        op: &Op,
        x: Part,
        factor: usize,
        mode: u32,
        reads: impl Fn(Range<usize>) -> Range<usize>,
    ) -> Result<(), Problem> {
        let precision = self.allowed.precision;
        let read = reads(0..1).len() * precision.size(x.shape, 1);
        let step = self.at_once(op, read.max(precision.size(op.out.shape, 1)), 0, 0.0)?;
        for range in ranges(op.out.shape.channels, step) {
            let mut params = Params { factor: factor as u32, mode, ..self.params(op, &range) };
            let x = self.read(&mut params, x, &reads(range.clone()));
            let bound = self.finish(&mut params, op, &Finish::linear(None), &range);
            self.each(op, Task::Move, params, [vec![x], bound].concat(), op.out.shape.pixels().div_ceil(2), 1.0)?;
        }
        Ok(())
    }
}
