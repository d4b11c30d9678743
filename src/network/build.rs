//! Makes descriptions: the one place that checks names and shapes, so that neither descriptions nor engines do.
//!
//! A description asks for tensors as it goes; what is missing or odd is collected, and [`Builder::finish`] tells all of
//! it at once.

use super::error;
use super::net::Activate;
use super::net::Conv;
use super::net::Demodulate;
use super::net::Dense;
use super::net::Filter;
use super::net::Kind;
use super::net::Mapping;
use super::net::Modulation;
use super::net::Name;
use super::net::Net;
use super::net::Noise;
use super::net::Op;
use super::net::Part;
use super::net::Range;
use super::net::Sampling;
use super::net::Shape;
use super::net::Taps;
use super::net::Upsample;
use super::net::Waves;
use super::slots;
use crate::diag::Problem;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Shapes by canonical name: all that a description may know of a checkpoint.
pub type Shapes = BTreeMap<Name, Vec<usize>>;

/// The most elements that a buffer may have: sizes stay exact in every type that engines count with.
const MOST: usize = 1 << 31;

/// The largest size of one axis, so that products of a few sizes do not overflow while they are looked at.
pub const LONGEST: usize = 1 << 20;

/// A description in the making.
pub struct Builder<'s> {
    family: &'static str,
    shapes: &'s Shapes,
    tensors: BTreeMap<Name, Vec<usize>>,
    missing: Vec<Name>,
    /// Name, found, expected.
    odd: Vec<(Name, Vec<usize>, String)>,
    modulations: Vec<Modulation>,
    noises: Vec<Noise>,
    waves: Option<Waves>,
    buffers: Vec<Shape>,
    ops: Vec<Op>,
}

impl<'s> Builder<'s> {
    pub fn new(family: &'static str, shapes: &'s Shapes) -> Builder<'s> {
        Builder {
            family,
            shapes,
            tensors: BTreeMap::new(),
            missing: vec![],
            odd: vec![],
            modulations: vec![],
            noises: vec![],
            waves: None,
            buffers: vec![],
            ops: vec![],
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.shapes.contains_key(name)
    }

    /// One size of a tensor; a missing tensor or axis is noted and gives 1, so that the rest can still be looked at.
    pub fn size(&mut self, name: &str, axis: usize) -> usize {
        match self.shapes.get(name) {
            None => {
                self.missing.push(name.into());
                1
            }
            Some(shape) => match shape.get(axis) {
                Some(&size) if (1..=LONGEST).contains(&size) => size,
                _ => {
                    self.odd.push((name.into(), shape.clone(), format!("a size of 1 to {LONGEST} on axis {axis}")));
                    1
                }
            },
        }
    }

    /// A tensor that must have this shape.
    pub fn tensor(&mut self, name: impl Into<Name>, shape: &[usize]) -> Name {
        let name = name.into();
        match self.shapes.get(&name) {
            None => self.missing.push(name.clone()),
            // A kernel of one pixel may be stored as a matrix, a scalar as a vector of one.
            Some(found) if *found == shape || trimmed(found) == trimmed(shape) => {
                self.tensors.insert(name.clone(), found.clone());
            }
            Some(found) => self.odd.push((name.clone(), found.clone(), error::shape_text(shape))),
        }
        name
    }

    /// The named filter where it is stored, `otherwise` where it is not.
    pub fn filter(&mut self, name: &str, otherwise: &[f32], gain: f32) -> Filter {
        let Some(shape) = self.shapes.get(name) else {
            return Filter { taps: Taps::Fixed(otherwise.to_vec()), length: otherwise.len(), gain };
        };
        let length = shape.first().copied().unwrap_or(0);
        let square = matches!(&shape[..], [_]) || matches!(&shape[..], [a, b] if a == b);
        if !square || !(1..=128).contains(&length) {
            self.odd.push((name.into(), shape.clone(), "`[n]` or `[n, n]` with 1 to 128 taps".into()));
        }
        let name: Name = name.into();
        self.tensors.insert(name.clone(), shape.clone());
        Filter { taps: Taps::Stored(name), length, gain }
    }

    /// `BASE.weight` `[outputs, inputs]` and `BASE.bias` `[outputs]`.
    pub fn dense(&mut self, base: &str, inputs: usize, outputs: usize, rate: f32) -> Dense {
        let weight = self.tensor(format!("{base}.weight"), &[outputs, inputs]);
        let bias = self.tensor(format!("{base}.bias"), &[outputs]);
        Dense { weight, bias, inputs, outputs, rate }
    }

    /// The mapping network under `mapping.`, as both StyleGANs have it; `count` is the number of w of a picture.
    pub fn mapping(&mut self, w: usize, count: usize) -> Mapping {
        let labels = if self.has("mapping.embed.weight") { self.size("mapping.embed.weight", 1) } else { 0 };
        let embedded = if labels > 0 { self.size("mapping.embed.weight", 0) } else { 0 };
        let embed = (labels > 0).then(|| self.dense("mapping.embed", labels, embedded, 1.0));
        let number = (0..).take_while(|at| self.has(&format!("mapping.fc{at}.weight"))).count();
        let first = if number > 0 { self.size("mapping.fc0.weight", 1) } else { embedded };
        if first < embedded {
            let name: Name = "mapping.fc0.weight".into();
            let found = self.shapes.get(&name).cloned().unwrap_or_default();
            self.odd.push((name, found, format!("at least {embedded} inputs, for the label's vector")));
        }
        let mut layers = vec![];
        let mut inputs = first;
        for at in 0..number.max(1) {
            let base = format!("mapping.fc{at}");
            let outputs = if at + 1 >= number { w } else { self.size(&format!("{base}.weight"), 0) };
            layers.push(self.dense(&base, inputs, outputs, 0.01));
            inputs = outputs;
        }
        let average = self.has("mapping.w_avg").then(|| self.tensor("mapping.w_avg", &[w]));
        Mapping { z: first.saturating_sub(embedded), w, labels, count, embed, layers, average }
    }

    /// A style from `BASE.affine` for the convolution `BASE.weight`.
    pub fn modulation(&mut self, base: &str, channels: [usize; 2], w: (usize, usize), like: Like) -> usize {
        let [inputs, outputs] = channels;
        let affine = self.dense(&format!("{base}.affine"), w.1, inputs, 1.0);
        let magnitude = like.magnitude.then(|| self.tensor(format!("{base}.magnitude_ema"), &[]));
        self.modulations.push(Modulation {
            affine,
            w: w.0,
            gain: like.gain,
            weight: format!("{base}.weight").into(),
            outputs,
            demodulate: like.demodulate,
            magnitude,
        });
        self.modulations.len() - 1
    }

    /// `BASE.noise_const` and `BASE.noise_strength`, where the layer has noise.
    pub fn noise(&mut self, base: &str, height: usize, width: usize) -> Option<usize> {
        let strength = format!("{base}.noise_strength");
        if !self.has(&strength) {
            return None;
        }
        let image = self.tensor(format!("{base}.noise_const"), &[height, width]);
        let strength = self.tensor(strength, &[]);
        self.noises.push(Noise { image, strength, height, width });
        Some(self.noises.len() - 1)
    }

    pub fn waves(&mut self, waves: Waves) {
        self.waves = Some(waves);
    }

    /// A new buffer, whole.
    pub fn buffer(&mut self, shape: Shape) -> Part {
        self.buffers.push(shape);
        Part { buffer: self.buffers.len() - 1, first: 0, shape }
    }

    /// Some channels of a part.
    pub fn part(&self, of: Part, first: usize, channels: usize) -> Part {
        assert!(first + channels <= of.shape.channels, "a part lies within its buffer");
        Part { buffer: of.buffer, first: of.first + first, shape: Shape { channels, ..of.shape } }
    }

    /// Adds an operation that writes `out`.
    pub fn op(&mut self, name: impl Into<String>, out: Part, kind: Kind) -> Part {
        let op = Op { name: name.into(), out, kind };
        let reads = Net::reads(&op);
        let adds: Vec<Part> = match &op.kind {
            Kind::Conv(conv) => conv.finish.add.iter().map(|entry| entry.0).collect(),
            Kind::Upsample(up) => up.add.into_iter().collect(),
            _ => vec![],
        };
        // Engines write while they read: only elements that lie exactly where the result goes may be read there.
        for part in &reads {
            let apart = part.buffer != out.buffer
                || part.first + part.shape.channels <= out.first
                || out.first + out.shape.channels <= part.first;
            assert!(apart || (*part == out && adds.contains(part)), "`{}` reads what it writes", op.name);
        }
        assert!(adds.iter().all(|part| part.shape == out.shape), "`{}` adds something of another shape", op.name);
        self.ops.push(op);
        out
    }

    /// A convolution of `x` with `BASE.weight`, into `out` or a new buffer.
    pub fn conv(&mut self, base: &str, name: &str, conv: Conv, outputs: usize, out: Option<Part>) -> Part {
        let x = conv.x.shape;
        let full = |size: usize| (size + 2 * conv.pad + 1).saturating_sub(conv.kernel).max(1);
        let shape = match conv.sampling {
            Sampling::Same => Shape::new(outputs, full(x.height), full(x.width)),
            Sampling::Up(_) => Shape::new(outputs, 2 * x.height, 2 * x.width),
        };
        self.tensor(format!("{base}.weight"), &[outputs, x.channels, conv.kernel, conv.kernel]);
        if let Some(bias) = conv.finish.bias.clone() {
            self.tensor(bias, &[outputs]);
        }
        let out = out.unwrap_or_else(|| self.buffer(shape));
        assert_eq!(out.shape, shape, "`{name}` writes {shape:?}");
        self.op(name, out, Kind::Conv(conv))
    }

    /// Widens a picture by 2 with the usual padding (reference §3.2), into a new buffer.
    pub fn upsample2(&mut self, name: &str, x: Part, filter: Filter, add: Option<Part>) -> Part {
        let taps = filter.length as i64;
        let shape = Shape::new(x.shape.channels, 2 * x.shape.height, 2 * x.shape.width);
        let out = self.buffer(shape);
        let pad = ((taps + 1) / 2, (taps - 2).div_euclid(2));
        self.op(name, out, Kind::Upsample(Upsample { x, filter, up: 2, pad, add }))
    }

    /// A filtered activation, into a new buffer of `height × width`.
    pub fn activate(&mut self, name: &str, activate: Activate, height: usize, width: usize) -> Part {
        self.tensor(activate.bias.clone(), &[activate.x.shape.channels]);
        let out = self.buffer(Shape::new(activate.x.shape.channels, height, width));
        self.op(name, out, Kind::Activate(Box::new(activate)))
    }

    /// Something about a tensor that is not as it should be.
    pub fn odd(&mut self, name: &str, expected: impl Into<String>) {
        let found = self.shapes.get(name).cloned().unwrap_or_default();
        self.odd.push((name.into(), found, expected.into()));
    }

    /// The description, if nothing is missing or odd.  Errors: E0702, E0703, E0704.
    pub fn finish(
        self,
        mapping: Option<Mapping>,
        picture: Option<Part>,
        output: Part,
        range: Range,
    ) -> Result<Net, Problem> {
        if !self.missing.is_empty() {
            return Err(error::missing(self.family, &self.missing));
        }
        if !self.odd.is_empty() {
            return Err(error::odd(self.family, &self.odd));
        }
        let elems = |shape: &Shape| {
            shape.channels.checked_mul(shape.height).and_then(|product| product.checked_mul(shape.width))
        };
        if let Some(large) = self.buffers.iter().find(|shape| elems(shape).is_none_or(|elems| elems > MOST)) {
            return Err(error::too_large(*large));
        }
        let slots = slots::assign(&self.buffers, &self.ops, picture, output);
        Ok(Net {
            family: self.family,
            mapping,
            modulations: self.modulations,
            noises: self.noises,
            waves: self.waves,
            picture,
            buffers: self.buffers,
            ops: self.ops,
            output,
            range,
            tensors: self.tensors,
            slots,
        })
    }
}

/// What kind of modulation.
pub struct Like {
    pub gain: f32,
    pub demodulate: Demodulate,
    /// There is a `magnitude_ema` beside the weight.
    pub magnitude: bool,
}

/// A shape without the ones at its end.
fn trimmed(shape: &[usize]) -> &[usize] {
    let used = shape.iter().rposition(|&size| size != 1).map_or(0, |last| last + 1);
    &shape[..used]
}

/// Shapes from pairs, for descriptions without a checkpoint.
pub fn shapes<'n>(pairs: impl IntoIterator<Item = (&'n str, Vec<usize>)>) -> Shapes {
    pairs.into_iter().map(|(name, shape)| (Arc::from(name), shape)).collect()
}
