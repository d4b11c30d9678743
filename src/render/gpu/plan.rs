//! From a net to dispatches: which kernel, with which numbers, bound to what.  No device is needed to plan.
//!
//! A layer is cut into groups of output channels, so that no binding is larger than what the device's programs see, no
//! dispatch works longer than a bound, and sums that wait for a second pass fit one scratch buffer.

use super::error;
use super::kernels;
use super::kernels::GROUP;
use super::kernels::Kernel;
use super::kernels::Task;
use super::layout;
use super::layout::Precision;
use super::layout::Span;
use super::packing::Packing;
use super::params::NONE;
use super::params::Params;
use super::tables::Constants;
use super::tables::Styles;
use crate::diag::Problem;
use crate::network::Activation;
use crate::network::Finish;
use crate::network::Kind;
use crate::network::Net;
use crate::network::Op;
use crate::network::Part;
use std::ops::Range;

/// Bindings begin at multiples of this many bytes: no adapter asks for more.
pub const ALIGN: usize = 256;

/// The largest scratch buffer: the widest transposed layer of 1024 px networks fits.
const SCRATCH: usize = 136 << 20;

/// Channels of a dispatch that are too few to be worth it, however long they take.
const FEWEST: usize = 16;

/// What a device allows, and how it is used.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// For messages.
    pub name: String,
    /// Bytes of a binding.
    pub binding: usize,
    /// Workgroups along an axis.
    pub groups: usize,
    pub precision: Precision,
    /// Kernels for convolutions, by output channels.
    pub shapes: &'static [kernels::Shape],
    /// Multiplications and additions of a dispatch.
    pub work: f64,
}

impl Allowed {
    /// Bytes of a binding, whatever its beginning is rounded to.
    pub fn room(&self) -> usize {
        self.binding.saturating_sub(ALIGN)
    }

    pub fn scratch(&self) -> usize {
        self.room().min(SCRATCH)
    }
}

/// A buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    Slot(usize),
    Scratch,
    /// Of an operation.
    Weights(usize),
    Styles,
    Constants,
    Noise(usize),
    /// Bound where a kernel reads nothing.
    Spare,
}

/// What is bound under a number: a buffer, bytes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub number: u32,
    pub source: Source,
    pub offset: usize,
    pub size: usize,
}

/// One run of a kernel.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub kernel: Kernel,
    pub params: Params,
    pub bound: Vec<Bound>,
    pub groups: [usize; 3],
    /// Multiplications and additions, about.
    pub work: f64,
}

/// What an operation is made of.
#[derive(Clone, Debug)]
pub enum Step {
    Run(Box<Dispatch>),
    /// A stored tensor, or the sampled waves, are copied to a slot.
    Constant {
        slot: usize,
        offset: usize,
        size: usize,
    },
    Waves {
        slot: usize,
        offset: usize,
        size: usize,
    },
}

/// A net, cut for a device.
pub struct Plan {
    /// By operation.
    pub steps: Vec<Vec<Step>>,
    pub slots: Vec<usize>,
    /// Bytes of the scratch buffer.
    pub scratch: usize,
    /// By operation.
    pub packings: Vec<Option<Packing>>,
    pub constants: Constants,
    pub styles: Styles,
}

/// A plan in the making.
pub struct Planner<'n> {
    pub net: &'n Net,
    pub allowed: &'n Allowed,
    pub constants: Constants,
    pub styles: Styles,
    pub scratch: usize,
    /// Of the operation at hand.
    pub steps: Vec<Step>,
}

/// Cuts a net.  Errors: E0715.
pub fn plan(net: &Net, allowed: &Allowed) -> Result<Plan, Problem> {
    let mut planner =
        Planner { net, allowed, constants: Constants::default(), styles: Styles::new(net), scratch: 4, steps: vec![] };
    let (mut steps, mut packings) = (vec![], vec![]);
    for (at, op) in net.ops.iter().enumerate() {
        packings.push(planner.op(at, op)?);
        steps.push(std::mem::take(&mut planner.steps));
    }
    let Planner { constants, styles, scratch, .. } = planner;
    let small = 4 * constants.len().max(styles.len);
    if small > allowed.binding {
        return Err(error::too_large(&allowed.name, "biases and styles", small, allowed.binding));
    }
    Ok(Plan { steps, slots: layout::slots(net, allowed.precision), scratch, packings, constants, styles })
}

impl Planner<'_> {
    fn op(&mut self, at: usize, op: &Op) -> Result<Option<Packing>, Problem> {
        match &op.kind {
            Kind::Constant(_) => {
                let Span { offset, size, .. } = self.copied(op.out);
                self.steps.push(Step::Constant { slot: self.slot(op.out), offset, size });
            }
            Kind::Waves => {
                let Span { offset, size, .. } = self.copied(op.out);
                self.steps.push(Step::Waves { slot: self.slot(op.out), offset, size });
            }
            Kind::Conv(conv) => return self.conv(at, op, conv).map(Some),
            Kind::Upsample(up) => self.upsample(op, up)?,
            Kind::Activate(activate) => self.activate(op, activate)?,
            Kind::Nearest { x, factor } => self.moved(op, *x, *factor, 0, |range| range)?,
            Kind::Shuffle { x, factor } => {
                let square = factor * factor;
                self.moved(op, *x, *factor, 1, |range| range.start * square..range.end * square)?;
            }
            Kind::Unshuffle { x, factor } => {
                let square = factor * factor;
                self.moved(op, *x, *factor, 2, |range| range.start / square..range.end.div_ceil(square))?;
            }
        }
        Ok(None)
    }

    pub fn slot(&self, part: Part) -> usize {
        self.net.slots.of[part.buffer]
    }

    /// A part as copies see it: without alignment.
    fn copied(&self, part: Part) -> Span {
        layout::channels(self.allowed.precision, part, 0, part.shape.channels, 4)
    }

    /// Channels of a part, to be bound.
    pub fn channels(&self, part: Part, range: &Range<usize>) -> Span {
        layout::channels(self.allowed.precision, part, range.start, range.end, ALIGN)
    }

    pub fn bound(&self, number: u32, part: Part, span: Span) -> Bound {
        Bound { number, source: Source::Slot(self.slot(part)), offset: span.offset, size: span.size }
    }

    pub fn too_large(&self, op: &Op, needed: usize) -> Problem {
        error::too_large(&self.allowed.name, &op.name, needed + ALIGN, self.allowed.binding)
    }

    /// How many channels a dispatch may write, when a channel takes these bytes of bindings and scratch, and this work.
    pub fn at_once(&self, op: &Op, binding: usize, scratch: usize, work: f64) -> Result<usize, Problem> {
        if binding > self.allowed.room() || scratch > self.allowed.scratch() {
            return Err(self.too_large(op, binding.max(scratch)));
        }
        let fit = |room: usize, size: usize| room.checked_div(size).unwrap_or(usize::MAX);
        let channels = fit(self.allowed.room(), binding).min(fit(self.allowed.scratch(), scratch));
        let worked = ((self.allowed.work / work.max(1.0)) as usize).max(FEWEST);
        Ok(channels.min(worked).clamp(1, op.out.shape.channels))
    }

    /// Sizes of what is written, from channel `first` on.
    pub fn params(&self, op: &Op, range: &Range<usize>) -> Params {
        let to = op.out.shape;
        Params {
            first: range.start as u32,
            last: range.end as u32,
            out: self.channels(op.out, range).start as u32,
            out_pitch: self.allowed.precision.pitch(to) as u32,
            out_height: to.height as u32,
            out_width: to.width as u32,
            gain: 1.0,
            slope: 1.0,
            clamp: f32::MAX,
            strength: NONE,
            bias: NONE,
            slopes: NONE,
            ..Params::default()
        }
    }

    /// Sizes of what is read, of which the channels of `range` are bound.
    pub fn read(&self, params: &mut Params, x: Part, range: &Range<usize>) -> Bound {
        let span = self.channels(x, range);
        params.x = span.start as u32;
        params.x_first = range.start as u32;
        params.x_pitch = self.allowed.precision.pitch(x.shape) as u32;
        params.x_height = x.shape.height as u32;
        params.x_width = x.shape.width as u32;
        self.bound(1, x, span)
    }

    /// The end of a layer: its numbers, and what is bound for it.  Parts beyond the second are added by
    /// [`Planner::add_more`].
    pub fn finish(&self, params: &mut Params, op: &Op, finish: &Finish, range: &Range<usize>) -> Vec<Bound> {
        params.strength = self.styles.strength(finish.noise);
        match &finish.activation {
            Activation::Linear => params.slope = 1.0,
            Activation::Leaky(slope) => params.slope = *slope,
            Activation::Prelu(_) => params.activation = 1,
            Activation::Tanh => params.activation = 2,
        }
        params.gain = finish.gain;
        params.clamp = finish.clamp.unwrap_or(f32::MAX);
        let (own, others): (Vec<_>, Vec<_>) = finish.add.iter().partition(|(part, _)| *part == op.out);
        params.keep = own.iter().map(|(_, share)| share).sum();
        let mut bound = vec![self.bound(4, op.out, self.channels(op.out, range))];
        let whole = |number: u32, source: Source, size: usize| Bound { number, source, offset: 0, size };
        bound.push(whole(5, Source::Constants, 0));
        bound.push(match finish.noise {
            Some(at) => whole(6, Source::Noise(at), 0),
            None => whole(6, Source::Constants, 0),
        });
        params.adds = others.len().min(2) as u32;
        for number in [7, 8] {
            let Some((part, share)) = others.get(number as usize - 7) else {
                bound.push(whole(number, Source::Spare, 0));
                continue;
            };
            let span = self.channels(*part, range);
            let (start, to) =
                if number == 7 { (&mut params.a0, &mut params.share0) } else { (&mut params.a1, &mut params.share1) };
            (*start, *to) = (span.start as u32, *share);
            bound.push(self.bound(number, *part, span));
        }
        bound
    }

    /// Parts that are added after those that the kernel of a layer adds itself.
    pub fn add_more(&mut self, op: &Op, finish: &Finish, range: &Range<usize>) -> Result<(), Problem> {
        let others: Vec<(Part, f32)> = finish.add.iter().filter(|(part, _)| *part != op.out).copied().collect();
        for (part, share) in others.into_iter().skip(2) {
            let mut params = Params { factor: 1, ..self.params(op, range) };
            let x = self.read(&mut params, part, range);
            let sum = Finish { gain: share, add: vec![(op.out, 1.0)], ..Finish::linear(None) };
            let bound = self.finish(&mut params, op, &sum, range);
            self.each(op, Task::Move, params, [vec![x], bound].concat(), op.out.shape.pixels().div_ceil(2), 1.0)?;
        }
        Ok(())
    }

    /// A kernel with an invocation per `items` of every channel.
    pub fn each(
        &mut self,
        op: &Op,
        task: Task,
        params: Params,
        mut bound: Vec<Bound>,
        items: usize,
        work: f64,
    ) -> Result<(), Problem> {
        let count = (params.last - params.first) as usize;
        let groups = self.spread(op, items.div_ceil(GROUP), count, 1)?;
        if task != Task::Widen {
            bound.push(Bound { number: 3, source: Source::Styles, offset: 0, size: 0 });
        }
        self.run(task, params, bound, groups, work * (count * items) as f64);
        Ok(())
    }

    pub fn run(&mut self, task: Task, params: Params, bound: Vec<Bound>, groups: [usize; 3], work: f64) {
        let written = bound.iter().find(|bound| bound.number == 4).map(|bound| bound.source);
        let shared = bound.iter().any(|bound| bound.number != 4 && Some(bound.source) == written);
        let kernel = Kernel { task, half: self.allowed.precision == Precision::F16, shared };
        self.steps.push(Step::Run(Box::new(Dispatch { kernel, params, bound, groups, work })));
    }

    /// Workgroups: `along` of them spill from the first axis into the second where there are more than it has.
    pub fn spread(&self, op: &Op, along: usize, y: usize, z: usize) -> Result<[usize; 3], Problem> {
        let most = self.allowed.groups;
        let folds = along.div_ceil(most);
        let groups = [along.div_ceil(folds.max(1)), y * folds, z];
        if groups.iter().any(|&count| count > most) {
            return Err(self.too_large(op, self.allowed.precision.size(op.out.shape, op.out.shape.channels)));
        }
        Ok(groups)
    }

    /// The scratch buffer, bound under a number.
    pub fn scratch(&mut self, number: u32, bytes: usize) -> Bound {
        self.scratch = self.scratch.max(bytes);
        Bound { number, source: Source::Scratch, offset: 0, size: bytes }
    }
}

/// `0..total` in steps.
pub fn ranges(total: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    (0..total).step_by(step.max(1)).map(move |start| start..(start + step).min(total))
}
