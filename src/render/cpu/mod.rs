//! The engine of processors: the reference of all others, and what draws where there is no graphics card.
//!
//! It runs the operations one after the other; each spreads over the workers of the rayon pool that it is called in.  How
//! a layer is cut into jobs cannot change a bit of it.  Memory is the slots of the net's plan, the weights, and a few megabytes
//! per worker ([`Cpu::bytes`]).

mod activate;
mod conv;
mod filter;
mod finish;
mod kernel;
mod memory;
mod outlet;
mod pieces;
mod planes;
mod rows;
mod smooth;
mod stream;
mod thin;
mod upconv;

pub use kernel::Kernel;

use super::error;
use super::host::Frame;
use super::host::sample_waves;
use super::weights::Weights;
use crate::diag::Problem;
use crate::network;
use crate::network::Activation;
use crate::network::Kind;
use crate::network::Name;
use crate::network::Net;
use crate::network::Op;
use crate::network::Part;
use crate::network::Sampling;
use crate::network::Shape;
use crate::picture::Image;
use filter::Filter;
use finish::Finish;
use memory::Values;
use pieces::Input;
use pieces::Pool;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A net with the weights of one model, and the memory to draw with it.
pub struct Cpu {
    net: Arc<Net>,
    kernel: Kernel,
    ops: Vec<Ready>,
    slots: Vec<Values>,
    pool: Pool,
}

/// What an operation needs of the weights.
enum Ready {
    Nothing,
    Constant(Arc<[f32]>),
    Same(conv::Same, End),
    Thin(thin::Thin, End),
    Up(Box<upconv::Up>, End),
    Upsample(Filter),
    Activate { bias: Arc<[f32]>, up: Filter, down: Filter },
}

/// Biases and slopes of a convolution.
struct End {
    bias: Option<Arc<[f32]>>,
    slopes: Arc<[f32]>,
}

impl Cpu {
    /// With the fastest kernel of this processor.  Errors: E0702, E0703 for weights that are not the described ones.
    pub fn new(net: Arc<Net>, weights: &Weights) -> Result<Cpu, Problem> {
        Cpu::with_kernel(net, weights, Kernel::best())
    }

    /// With one of [`Kernel::all`]; the pictures are the same.
    pub fn with_kernel(net: Arc<Net>, weights: &Weights, kernel: Kernel) -> Result<Cpu, Problem> {
        let slots = net.slots.sizes.iter().map(|size| Values::new(*size)).collect();
        let ops = net.ops.iter().map(|op| ready(op, weights, &net, kernel)).collect::<Result<_, _>>()?;
        Ok(Cpu { net, kernel, ops, slots, pool: Pool::default() })
    }

    /// Takes the tensors that `changed` anew; the others stay as they are.  Errors: as of [`Cpu::new`].
    pub fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem> {
        for (op, own) in self.net.ops.iter().zip(&mut self.ops) {
            if op.tensors().iter().any(|name| changed.contains(*name)) {
                *own = ready(op, weights, &self.net, self.kernel)?;
            }
        }
        Ok(())
    }

    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Bytes of slots, weights and what workers have needed so far.
    pub fn bytes(&self) -> usize {
        let weights = self.ops.iter().map(|op| match op {
            Ready::Same(conv, _) => conv.bytes(),
            Ready::Thin(conv, _) => conv.bytes(),
            Ready::Up(conv, _) => conv.bytes(),
            Ready::Constant(values) => size_of_val(&values[..]),
            _ => 0,
        });
        self.net.slots.bytes() + weights.sum::<usize>() + self.pool.bytes()
    }

    /// Draws one picture.  Errors: E0705, E0706 for a frame of another net.
    pub fn draw(&mut self, frame: &Frame) -> Result<Image, Problem> {
        self.draw_with(frame, &mut |_, _, _| {})
    }

    /// Draws one picture and shows what every operation made: its number, itself, its values.  Errors: as of
    /// [`Cpu::draw`].
    pub fn draw_with(&mut self, frame: &Frame, see: &mut dyn FnMut(usize, &Op, &[f32])) -> Result<Image, Problem> {
        let net = self.net.clone();
        fits(&net, frame)?;
        if let (Some(part), Some(values)) = (net.picture, &frame.picture) {
            let start = part.first * part.shape.pixels();
            self.slots[net.slots.of[part.buffer]][start..start + values.len()].copy_from_slice(values);
        }
        for (at, op) in net.ops.iter().enumerate() {
            let slot = net.slots.of[op.out.buffer];
            let mut memory = std::mem::take(&mut self.slots[slot]);
            let start = op.out.first * op.out.shape.pixels();
            let (before, rest) = memory.split_at_mut(start);
            let (out, after) = rest.split_at_mut(op.out.shape.elems());
            let view = View { net: &net, slots: &self.slots, own: op.out, before, after };
            run(op, &self.ops[at], frame, &net, &view, out, &self.pool);
            see(at, op, out);
            self.slots[slot] = memory;
        }
        let (part, slot) = (net.output, net.slots.of[net.output.buffer]);
        let start = part.first * part.shape.pixels();
        let values = self.slots[slot][start..start + part.shape.elems()].to_vec();
        Ok(Image { shape: part.shape, range: net.range, values })
    }
}

/// A frame has all that the net asks for.
pub(super) fn fits(net: &Net, frame: &Frame) -> Result<(), Problem> {
    let given = frame.picture.as_ref().map(Vec::len);
    if given != net.picture.map(|part| part.shape.elems()) {
        return Err(error::picture(given, net.picture.map(|part| part.shape)));
    }
    let waves =
        net.ops.iter().filter(|op| matches!(op.kind, Kind::Waves)).map(|op| op.out.shape.channels).sum::<usize>();
    let noises =
        net.noises.iter().zip(&frame.noises).all(|(noise, given)| given.image.len() == noise.height * noise.width);
    let styles = net.modulations.iter().zip(&frame.modulations).all(|(modulation, given)| {
        (given.input.len(), given.output.len()) == (modulation.affine.outputs, modulation.outputs)
    });
    let whole = frame.modulations.len() == net.modulations.len() && frame.waves.len() == waves;
    if whole && styles && noises && (frame.noises.is_empty() || frame.noises.len() == net.noises.len()) {
        return Ok(());
    }
    let expected = format!("{} styles of its own", net.modulations.len());
    Err(error::latent("the frame", frame.modulations.len(), &expected))
}

/// What an operation may read.
struct View<'v> {
    net: &'v Net,
    slots: &'v [Values],
    /// What it writes, and the channels around that of the same slot.
    own: Part,
    before: &'v [f32],
    after: &'v [f32],
}

impl View<'_> {
    fn input(&self, part: Part) -> Input<'_> {
        Input { values: self.part(part), shape: part.shape, style: None }
    }

    fn part(&self, part: Part) -> &[f32] {
        let (start, len) = (part.first * part.shape.pixels(), part.shape.elems());
        if part.buffer != self.own.buffer {
            return &self.slots[self.net.slots.of[part.buffer]][start..start + len];
        }
        // The description has checked that it lies on one side.
        match start.checked_sub(self.before.len() + self.own.shape.elems()) {
            Some(start) => &self.after[start..start + len],
            None => &self.before[start..start + len],
        }
    }
}

fn run(op: &Op, ready: &Ready, frame: &Frame, net: &Net, view: &View, out: &mut [f32], pool: &Pool) {
    let to = op.out.shape;
    match (&op.kind, ready) {
        (Kind::Constant(_), Ready::Constant(values)) => out.copy_from_slice(values),
        (Kind::Waves, _) => {
            let rate = net.waves.as_ref().map_or(1.0, |waves| waves.rate);
            sample_waves(&frame.waves, rate, to.height, to.width, out);
        }
        (Kind::Conv(conv), Ready::Same(own, end)) => {
            let (style, finish) = ends(conv, end, frame, view, to);
            own.run(Input { style, ..view.input(conv.x) }, out, to, &finish, pool);
        }
        (Kind::Conv(conv), Ready::Thin(own, end)) => {
            let (style, finish) = ends(conv, end, frame, view, to);
            own.run(Input { style, ..view.input(conv.x) }, out, to, &finish, pool);
        }
        (Kind::Conv(conv), Ready::Up(own, end)) => {
            let (style, finish) = ends(conv, end, frame, view, to);
            own.run(Input { style, ..view.input(conv.x) }, out, &finish, pool);
        }
        (Kind::Upsample(how), Ready::Upsample(filter)) => {
            let add = match how.add {
                None => activate::Add::Nothing,
                Some(part) if part == view.own => activate::Add::Output,
                Some(part) => activate::Add::Part(view.part(part)),
            };
            activate::upsample(view.input(how.x), how, filter, add, out, to, pool);
        }
        (Kind::Activate(how), Ready::Activate { bias, up, down }) => {
            let ready = activate::Ready { bias, up, down };
            activate::activate(view.input(how.x), how, &ready, out, to, pool);
        }
        (Kind::Nearest { x, factor }, _) => {
            moved(view.part(*x), x.shape, out, to, |c, y, x| (c, y / factor, x / factor))
        }
        (Kind::Shuffle { x, factor: f }, _) => {
            moved(view.part(*x), x.shape, out, to, |c, y, x| (c * f * f + y % f * f + x % f, y / f, x / f));
        }
        (Kind::Unshuffle { x, factor: f }, _) => {
            moved(view.part(*x), x.shape, out, to, |c, y, x| (c / (f * f), y * f + c / f % f, x * f + c % f))
        }
        _ => unreachable!("`ready` makes what its operation needs"),
    }
}

/// Every output element is one of the input.
fn moved(
    x: &[f32],
    from: Shape,
    out: &mut [f32],
    to: Shape,
    source: impl Fn(usize, usize, usize) -> (usize, usize, usize) + Sync,
) {
    use rayon::prelude::*;
    out.par_chunks_mut(to.pixels()).enumerate().for_each(|(channel, plane)| {
        for (at, value) in plane.iter_mut().enumerate() {
            let (c, y, column) = source(channel, at / to.width, at % to.width);
            *value = x[c * from.pixels() + y * from.width + column];
        }
    });
}

/// Style and end of a convolution for one picture.
fn ends<'a>(
    conv: &'a network::Conv,
    end: &'a End,
    frame: &'a Frame,
    view: &'a View,
    to: Shape,
) -> (Option<&'a [f32]>, Finish<'a>) {
    let modulated = conv.modulation.map(|at| &frame.modulations[at]);
    let noise = conv.finish.noise.and_then(|at| frame.noises.get(at));
    let (own, others): (Vec<_>, Vec<_>) = conv.finish.add.iter().partition(|(part, _)| *part == view.own);
    let finish = Finish {
        scale: modulated.map(|modulated| &modulated.output[..]),
        noise: noise.map(|noise| (&noise.image[..], noise.strength)),
        bias: end.bias.as_deref(),
        activation: &conv.finish.activation,
        slopes: &end.slopes,
        gain: conv.finish.gain,
        clamp: conv.finish.clamp,
        keep: (!own.is_empty()).then(|| own.iter().map(|(_, share)| share).sum()),
        add: others.iter().map(|(part, share)| (view.part(*part), *share)).collect(),
        pixels: to.pixels(),
    };
    (modulated.map(|modulated| &modulated.input[..]), finish)
}

fn ready(op: &Op, weights: &Weights, net: &Net, kernel: Kernel) -> Result<Ready, Problem> {
    let get = |name: &Name| {
        let array = weights.get(name).ok_or_else(|| error::no_weight(name))?;
        match net.tensors.get(name) {
            Some(shape) if *shape != array.shape => Err(error::other_weight(name, &array.shape, shape)),
            _ => Ok(array.data.clone()),
        }
    };
    op.tensors().into_iter().try_for_each(|name| get(name).map(|_| ()))?;
    Ok(match &op.kind {
        Kind::Waves | Kind::Nearest { .. } | Kind::Shuffle { .. } | Kind::Unshuffle { .. } => Ready::Nothing,
        Kind::Constant(name) => Ready::Constant(get(name)?),
        Kind::Conv(conv) => {
            let slopes = match &conv.finish.activation {
                Activation::Prelu(name) => get(name)?,
                _ => Arc::default(),
            };
            let end = End { bias: conv.finish.bias.as_ref().map(get).transpose()?, slopes };
            let (inputs, outputs) = (conv.x.shape.channels, op.out.shape.channels);
            let weight = get(&conv.weight)?;
            match &conv.sampling {
                Sampling::Same if (conv.kernel, conv.pad) == (1, 0) && outputs <= thin::OUTPUTS => {
                    Ready::Thin(thin::Thin::new(&weight, [outputs, inputs], conv.scale), end)
                }
                Sampling::Same => {
                    let shape = [outputs, inputs, conv.kernel];
                    Ready::Same(conv::Same::new(kernel, &weight, shape, conv.pad, conv.scale), end)
                }
                Sampling::Up(filter) => {
                    let filter = Filter::new(filter, weights);
                    Ready::Up(Box::new(upconv::Up::new(kernel, &weight, [outputs, inputs], conv.scale, filter)), end)
                }
            }
        }
        Kind::Upsample(up) => Ready::Upsample(Filter::new(&up.filter, weights)),
        Kind::Activate(activate) => Ready::Activate {
            bias: get(&activate.bias)?,
            up: Filter::new(&activate.up_filter, weights),
            down: Filter::new(&activate.down_filter, weights),
        },
    })
}
