//! How convolutions are cut: panels of output channels, parts of the depth, groups of dispatches.

use super::kernels::SOFT;
use super::kernels::Shape;
use super::kernels::Task;
use super::packing::Packing;
use super::params::NONE;
use super::plan::Bound;
use super::plan::Planner;
use super::plan::Source;
use super::plan::ranges;
use crate::diag::Problem;
use crate::network::Activation;
use crate::network::Conv;
use crate::network::Op;
use crate::network::Sampling;
use std::ops::Range;

/// Workgroups that a large card is kept busy with: below, small layers are split along their depth.
const BUSY: usize = 512;

/// Layers with more positions than this have enough workgroups.
const SMALL: usize = 34 * 34;

/// Input channels of a part, at least, and what they are a multiple of.
const LEAST: usize = 32;
const SLICE: usize = 16;

/// A convolution, cut.
struct Cut {
    shape: Shape,
    packing: Packing,
    /// Rows and columns that sums are computed at, by phase.
    grid: (usize, usize),
    phases: usize,
    /// Parts of the depth.
    splits: usize,
    /// Every part needs a dispatch: inputs are larger than a binding.
    alone: bool,
    /// Rows and columns of sums that wait for a second pass.
    raw: Option<(usize, usize)>,
    /// Output channels of a dispatch.
    step: usize,
}

impl Planner<'_> {
    pub fn conv(&mut self, at: usize, op: &Op, conv: &Conv) -> Result<Packing, Problem> {
        let cut = self.cut(op, conv)?;
        let bias = conv.finish.bias.as_ref().map_or(NONE, |name| self.constants.tensor(name, op.out.shape.channels));
        let slopes = match &conv.finish.activation {
            Activation::Prelu(name) => self.constants.tensor(name, op.out.shape.channels),
            _ => NONE,
        };
        let taps = match &conv.sampling {
            Sampling::Up(filter) => self.constants.filter(filter),
            Sampling::Same => NONE,
        };
        for range in ranges(op.out.shape.channels, cut.step) {
            let mut params = self.params(op, &range);
            params.bias = bias;
            params.slopes = slopes;
            params.taps = taps;
            (params.style, params.scale) = self.styles.factors(conv.modulation);
            (params.rows, params.columns) = (cut.grid.0 as u32, cut.grid.1 as u32);
            params.inputs = conv.x.shape.channels as u32;
            params.chunk = cut.packing.chunk as u32;
            params.kernel = conv.kernel as u32;
            params.pad = conv.pad as u32;
            params.splits = cut.splits as u32;
            let weights = self.weights(at, &cut, &range, &mut params);
            let mut end = self.finish(&mut params, op, &conv.finish, &range);
            if let Some((height, width)) = cut.raw {
                params.raw_height = height as u32;
                params.raw_width = width as u32;
                params.raw_pitch = (height * width) as u32;
                params.raw_channels = range.len() as u32;
                end = vec![self.scratch(4, 4 * cut.splits * range.len() * height * width)];
            }
            let parts = if cut.alone { 1 } else { cut.splits };
            for first in (0..cut.splits).step_by(parts) {
                let chunk = cut.packing.chunk;
                let seen = first * chunk..((first + parts) * chunk).min(conv.x.shape.channels);
                let mut params = params;
                params.chunk_first = first as u32;
                let x = self.read(&mut params, conv.x, &seen);
                let styles = Bound { number: 3, source: Source::Styles, offset: 0, size: 0 };
                let bound = [vec![x, weights.clone(), styles], end.clone()].concat();
                let places = cut.grid.0 * cut.grid.1;
                let tiles = places.div_ceil(cut.shape.places());
                let groups = self.spread(op, tiles, params.panels as usize, parts * cut.phases)?;
                let work = op.flops() * range.len() as f64 / op.out.shape.channels as f64 / cut.splits as f64;
                let task = Task::Conv { shape: cut.shape, up: cut.packing.up, raw: cut.raw.is_some() };
                self.run(task, params, bound, groups, work * parts as f64);
            }
            if cut.raw.is_some() {
                self.second(op, conv, params, &range)?;
            }
            self.add_more(op, &conv.finish, &range)?;
        }
        Ok(cut.packing)
    }

    /// Sums to values: in order where the depth was split, through the filter where the convolution was transposed.
    fn second(
        &mut self,
        op: &Op,
        conv: &Conv,
        mut params: super::params::Params,
        range: &Range<usize>,
    ) -> Result<(), Problem> {
        let end = self.finish(&mut params, op, &conv.finish, range);
        let size = 4 * (params.splits * params.raw_channels) as usize * params.raw_pitch as usize;
        let bound = [vec![self.scratch(1, size)], end].concat();
        let pairs = op.out.shape.pixels().div_ceil(2);
        let Sampling::Up(filter) = &conv.sampling else {
            return self.each(op, Task::Sum, params, bound, pairs, f64::from(params.splits));
        };
        params.length = filter.length as i32;
        // (taps + up - 1) / 2 + pad - (kernel - 1), as the reference pads.
        params.low = filter.length.div_ceil(2) as i32 - 1;
        let work = 4.0 * filter.length.pow(2) as f64 * f64::from(params.splits);
        self.each(op, Task::Fir, params, bound, pairs, work)
    }

    /// Panels that hold these output channels.
    fn weights(&self, at: usize, cut: &Cut, range: &Range<usize>, params: &mut super::params::Params) -> Bound {
        let (panel, stride) = (cut.packing.panel, 4 * cut.packing.stride());
        let (first, last) = (range.start / panel, range.end.div_ceil(panel));
        let span = super::layout::span(first * stride, last * stride, super::plan::ALIGN, 16);
        params.weights = span.start as u32;
        params.panel_stride = (stride / 16) as u32;
        params.panels = (last - first) as u32;
        params.panel_first = (first * panel) as u32;
        Bound { number: 2, source: Source::Weights(at), offset: span.offset, size: span.size }
    }

    fn cut(&self, op: &Op, conv: &Conv) -> Result<Cut, Problem> {
        let precision = self.allowed.precision;
        let (x, to) = (conv.x.shape, op.out.shape);
        let (inputs, outputs) = (x.channels, to.channels);
        let up = matches!(conv.sampling, Sampling::Up(_));
        let (grid, phases) = if up { ((x.height + 1, x.width + 1), 4) } else { ((to.height, to.width), 1) };
        let sums = if up { (2 * x.height + 1, 2 * x.width + 1) } else { grid };
        let taps = conv.kernel * conv.kernel;
        // Inputs that a binding holds.
        let seen = self.allowed.room() / precision.size(x, 1).max(1);
        if seen == 0 {
            return Err(self.too_large(op, precision.size(x, 1)));
        }
        // As few output channels as one dispatch can have decide the panel.
        let least = precision.size(to, 1).max(4 * inputs * taps);
        let work = op.flops() / outputs as f64;
        let scratch = |splits: usize| if up || splits > 1 { 4 * splits * sums.0 * sums.1 } else { 0 };
        let alone = seen < inputs;
        let held = inputs.div_ceil(seen.min(inputs));
        let most = self.at_once(op, least, scratch(held), work)?;
        let shapes = self.allowed.shapes;
        let wanted = most.min(outputs);
        let enough = shapes.iter().find(|shape| shape.outputs() >= wanted);
        let below = shapes.iter().rev().find(|shape| shape.outputs() <= wanted);
        let shape = if most < outputs { below.or(shapes.first()) } else { enough.or(shapes.last()) };
        let shape = *shape.unwrap_or(&SOFT[0]);
        let mut splits = held;
        let places = grid.0 * grid.1;
        if places <= SMALL && matches!(shape, Shape::Tiled { .. }) {
            let busy = places.div_ceil(shape.places()) * outputs.div_ceil(shape.outputs()) * phases;
            splits = splits.max(BUSY.div_ceil(busy).min(inputs / LEAST));
        }
        let mut chunk = inputs.div_ceil(splits);
        if !alone && splits > 1 {
            chunk = chunk.next_multiple_of(SLICE);
        }
        let splits = inputs.div_ceil(chunk);
        // A panel's weights are bound whole, even where some of its channels belong to another dispatch.
        let panel = 4 * inputs * taps * shape.outputs();
        if panel > self.allowed.room() {
            return Err(self.too_large(op, panel));
        }
        let step = self.at_once(op, least, scratch(splits), work)?;
        let step = step.min(self.allowed.room() / panel * shape.outputs());
        // No dispatch begins or ends within a panel, unless it is smaller than one: then whole ones fill it.
        let step = match step {
            step if step >= outputs => outputs,
            step if step >= shape.outputs() => step - step % shape.outputs(),
            step => 1 << step.max(1).ilog2(),
        };
        let packing = Packing {
            weight: conv.weight.clone(),
            outputs,
            inputs,
            kernel: conv.kernel,
            scale: conv.scale,
            up,
            panel: shape.outputs(),
            chunk,
        };
        let raw = (up || splits > 1).then_some(sums);
        Ok(Cut { shape, packing, grid, phases, splits, alone, raw, step })
    }
}
