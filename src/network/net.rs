//! The description of a network that draws: a list of operations over numbered buffers.
//!
//! One description serves every engine.  It names tensors canonically, knows every size before anything runs, and holds
//! no code of an engine; an engine holds no knowledge of a network.  Shapes are `[channels, height, width]`, elements
//! are f32, row-major.  What depends on one picture but is small (latents, styles, demodulation, the frequencies of
//! StyleGAN3's input) is not an operation: `render::host` computes it, alike for all engines, and hands it over as a frame.
//!
//! Descriptions are made by [`super::build::Builder`], which alone checks names and shapes.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The canonical name of a tensor.
pub type Name = Arc<str>;

/// Channels, height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    pub fn new(channels: usize, height: usize, width: usize) -> Shape {
        Shape { channels, height, width }
    }

    /// Pixels of one channel.
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    /// Elements of all channels.
    pub fn elems(self) -> usize {
        self.channels * self.pixels()
    }
}

/// Adjacent channels of a buffer.  Dense blocks read a growing front of one buffer and write behind it, so that nothing
/// is ever concatenated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    pub buffer: usize,
    /// The first channel.
    pub first: usize,
    pub shape: Shape,
}

/// A network that draws one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Net {
    /// `stylegan2`, `stylegan3`, `rrdb`.
    pub family: &'static str,
    /// How latents become styles; `None` for networks that start from a picture.
    pub mapping: Option<Mapping>,
    /// Modulations of convolutions, by number.
    pub modulations: Vec<Modulation>,
    /// Noise images, in the order of the layers.
    pub noises: Vec<Noise>,
    /// The input of StyleGAN3.
    pub waves: Option<Waves>,
    /// Where a given picture is put before the first operation.
    pub picture: Option<Part>,
    /// Shapes by buffer.
    pub buffers: Vec<Shape>,
    /// In this order.
    pub ops: Vec<Op>,
    /// What has been drawn after the last operation.
    pub output: Part,
    pub range: Range,
    /// Every tensor that is read, with the shape that was checked.
    pub tensors: BTreeMap<Name, Vec<usize>>,
    /// Where buffers lie.
    pub slots: Slots,
}

/// The values of a drawn picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// About -1 to 1: byte = trunc(clip(127.5·v + 128, 0, 255)), as NVIDIA's scripts do.
    Signed,
    /// 0 to 1: byte = round(clip(v, 0, 1)·255), as upscalers do.
    Unit,
}

/// Memory of the buffers: buffers that are never alive at the same time share a slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slots {
    /// Elements per slot.
    pub sizes: Vec<usize>,
    /// Slot by buffer.
    pub of: Vec<usize>,
}

impl Slots {
    /// Bytes of all slots: what drawing needs beside weights and what the engine itself takes per worker.
    pub fn bytes(&self) -> usize {
        self.sizes.iter().sum::<usize>() * size_of::<f32>()
    }
}

/// z (and a label) to w: `dense` layers with leaky ReLU over normalised inputs (reference §3.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Numbers of z; 0 when a label alone decides.
    pub z: usize,
    /// Numbers of w.
    pub w: usize,
    /// Classes; 0: unconditional.
    pub labels: usize,
    /// How many w a picture takes (`num_ws`).
    pub count: usize,
    /// Label to a vector, linear.
    pub embed: Option<Dense>,
    pub layers: Vec<Dense>,
    /// The mean w, for truncation.
    pub average: Option<Name>,
}

/// `y = (weight·rate/√inputs)·x + bias·rate`; the stored weight is `[outputs, inputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    pub weight: Name,
    pub bias: Name,
    pub inputs: usize,
    pub outputs: usize,
    /// The multiplier of the learning rate that the stored values are divided by.
    pub rate: f32,
}

/// One style: it scales the input channels of a convolution, and perhaps the output channels back (reference §3.2).
#[derive(Clone, Debug, PartialEq)]
pub struct Modulation {
    /// From w to one number per input channel.
    pub affine: Dense,
    /// Which w.
    pub w: usize,
    /// The style is multiplied by this: the equalised-rate gain of ToRGB.
    pub gain: f32,
    /// The weight `[out, in, k, k]` that is modulated.
    pub weight: Name,
    pub outputs: usize,
    pub demodulate: Demodulate,
    /// A scalar m: the output is multiplied by 1/√m (`magnitude_ema` of StyleGAN3).
    pub magnitude: Option<Name>,
}

/// What is done against the growth that a style causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demodulate {
    No,
    /// `d_o = (Σ (W_oi·s_i)² + 1e-8)^(-1/2)`.
    Plain,
    /// The same after W is divided by its RMS per output and s by its own: only the 1e-8 weighs differently.
    Normalised,
}

/// A noise image of a layer, one for all channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    /// The stored image `[height, width]`.
    pub image: Name,
    /// A scalar.
    pub strength: Name,
    pub height: usize,
    pub width: usize,
}

/// Which noise images the layers get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NoiseChoice {
    /// Those that the model stores.
    #[default]
    Const,
    None,
    /// Drawn after z from the same generator.
    Random,
}

impl NoiseChoice {
    /// `const`, `none`, `random`.
    pub fn named(name: &str) -> Option<NoiseChoice> {
        let all = [NoiseChoice::Const, NoiseChoice::None, NoiseChoice::Random];
        all.into_iter().find(|choice| choice.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            NoiseChoice::Const => "const",
            NoiseChoice::None => "none",
            NoiseChoice::Random => "random",
        }
    }
}

/// StyleGAN3's input: sine waves turned and shifted by w (reference §3.4).
#[derive(Clone, Debug, PartialEq)]
pub struct Waves {
    /// Four numbers from w: a rotation and a shift.
    pub affine: Dense,
    /// `[channels, 2]`, cycles per unit.
    pub frequencies: Name,
    /// `[channels]`, in turns.
    pub phases: Name,
    /// `[3, 3]`, a fixed transform after the learnt one.
    pub transform: Name,
    /// Samples per unit.
    pub rate: f32,
    /// Waves up to this frequency are drawn in full; at half the rate they have vanished.
    pub bandwidth: f32,
}

/// An operation: reads parts, writes one part.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// For people: `b16.conv0`.
    pub name: String,
    pub out: Part,
    pub kind: Kind,
}

/// The closed list of operations.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A stored tensor of the shape of the output.
    Constant(Name),
    /// [`Net::waves`] sampled on the grid of the output: `sin(2π(x·fx + y·fy + phase))·amplitude`, one channel per wave,
    /// `x = ((2j + 1)/width - 1)·width/(2·rate)`, `y` alike.
    Waves,
    Conv(Conv),
    Upsample(Upsample),
    Activate(Box<Activate>),
    /// Every pixel becomes `factor × factor` equal ones.
    Nearest {
        x: Part,
        factor: usize,
    },
    /// `[c·f², h, w]` to `[c, h·f, w·f]`: channel `c·f² + f·a + b` goes to rows `≡ a`, columns `≡ b`.
    Shuffle {
        x: Part,
        factor: usize,
    },
    /// The inverse of `Shuffle`.
    Unshuffle {
        x: Part,
        factor: usize,
    },
}

/// A convolution with a square kernel, `out[o, y, x] = Σ W[o, c, a, b]·scale·in[c, y + a - pad, x + b - pad]`, zero outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    pub x: Part,
    /// `[out, in, kernel, kernel]`; `[out, in]` for a kernel of 1 is allowed.
    pub weight: Name,
    pub kernel: usize,
    pub pad: usize,
    /// Multiplied into the weight.
    pub scale: f32,
    /// Number of the modulation.
    pub modulation: Option<usize>,
    pub sampling: Sampling,
    pub finish: Finish,
}

/// At which distances a convolution reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Sampling {
    Same,
    /// Transposed with stride 2, `u[o, 2i + a, 2j + b] += W[o, c, a, b]·in[c, i, j]`, kernel 3, then `filter` over the
    /// `(2h + 1) × (2w + 1)` values, padded so that `2h × 2w` remain.
    Up(Filter),
}

/// `up` zeros-in-between samples, low-passed: `out = add + Σ filter·x`, for pictures and skip paths.
#[derive(Clone, Debug, PartialEq)]
pub struct Upsample {
    pub x: Part,
    pub filter: Filter,
    pub up: usize,
    /// Zeros before and after every row and column of the widened picture.
    pub pad: (i64, i64),
    /// Added to the result; may be the output itself.
    pub add: Option<Part>,
}

/// The filtered activation of StyleGAN3: bias, widen and low-pass, leaky ReLU, clamp, low-pass and thin out.
#[derive(Clone, Debug, PartialEq)]
pub struct Activate {
    pub x: Part,
    pub bias: Name,
    pub up: usize,
    /// Gain up² is in it.
    pub up_filter: Filter,
    /// Zeros before and after every row and column of the widened picture; negative: cut away.
    pub pad: (i64, i64),
    pub slope: f32,
    pub gain: f32,
    pub clamp: f32,
    pub down: usize,
    pub down_filter: Filter,
}

/// A low-pass filter: true convolution, so its taps are read backwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub taps: Taps,
    /// Rows and columns, `n × n`; of a separable one the length of its only row.
    pub length: usize,
    /// Multiplied into the whole (two-dimensional) filter.
    pub gain: f32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Taps {
    /// A tensor `[n]`, for rows and columns one after the other, or `[n, n]`.
    Stored(Name),
    /// Taps of rows and columns, normalised to sum 1: of networks that do not store their filter.
    Fixed(Vec<f32>),
}

/// What is done to the sums of a convolution, in this order: times the modulation's output scale, plus noise times its
/// strength, plus bias, activation, times gain, clamp, plus the added parts times their shares.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Number of the noise image.
    pub noise: Option<usize>,
    pub bias: Option<Name>,
    pub activation: Activation,
    pub gain: f32,
    pub clamp: Option<f32>,
    /// Parts of the shape of the output; one may be the output itself.
    pub add: Vec<(Part, f32)>,
}

impl Finish {
    /// A bias alone.
    pub fn linear(bias: Option<Name>) -> Finish {
        Finish { noise: None, bias, activation: Activation::Linear, gain: 1.0, clamp: None, add: vec![] }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Activation {
    Linear,
    /// `x < 0 → slope·x`; a slope of 0 is the ReLU.
    Leaky(f32),
    /// A slope per channel.
    Prelu(Name),
    Tanh,
}

impl Net {
    /// Multiplications and additions of the convolutions of one picture, as they are usually counted: 2 per weight and
    /// position, transposed convolutions at their input's size.
    pub fn flops(&self) -> f64 {
        self.ops.iter().map(Op::flops).sum()
    }

    /// The parts that an operation reads.
    pub fn reads(op: &Op) -> Vec<Part> {
        match &op.kind {
            Kind::Constant(_) | Kind::Waves => vec![],
            Kind::Conv(conv) => std::iter::once(conv.x).chain(conv.finish.add.iter().map(|entry| entry.0)).collect(),
            Kind::Upsample(up) => std::iter::once(up.x).chain(up.add).collect(),
            Kind::Activate(activate) => vec![activate.x],
            Kind::Nearest { x, .. } | Kind::Shuffle { x, .. } | Kind::Unshuffle { x, .. } => vec![*x],
        }
    }
}

impl Op {
    /// The tensors that the operation itself reads (those of its style are the host's).
    pub fn tensors(&self) -> Vec<&Name> {
        let mut names: Vec<&Name> = vec![];
        let mut filters: Vec<&Filter> = vec![];
        match &self.kind {
            Kind::Constant(name) => names.push(name),
            Kind::Conv(conv) => {
                names.push(&conv.weight);
                names.extend(&conv.finish.bias);
                if let Activation::Prelu(name) = &conv.finish.activation {
                    names.push(name);
                }
                if let Sampling::Up(filter) = &conv.sampling {
                    filters.push(filter);
                }
            }
            Kind::Upsample(up) => filters.push(&up.filter),
            Kind::Activate(activate) => {
                names.push(&activate.bias);
                filters.extend([&activate.up_filter, &activate.down_filter]);
            }
            Kind::Waves | Kind::Nearest { .. } | Kind::Shuffle { .. } | Kind::Unshuffle { .. } => {}
        }
        for filter in filters {
            if let Taps::Stored(name) = &filter.taps {
                names.push(name);
            }
        }
        names
    }

    /// See [`Net::flops`].
    pub fn flops(&self) -> f64 {
        let Kind::Conv(conv) = &self.kind else { return 0.0 };
        let positions = match conv.sampling {
            Sampling::Same => self.out.shape.pixels(),
            Sampling::Up(_) => conv.x.shape.pixels(),
        };
        2.0 * (conv.kernel * conv.kernel * conv.x.shape.channels * self.out.shape.channels) as f64 * positions as f64
    }
}
