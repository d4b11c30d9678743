//! Small numbers in two buffers: constants of the weights (biases, slopes, filters), and what a frame brings (styles,
//! demodulation, strengths).  Kernels get offsets.

use super::params::NONE;
use crate::network;
use crate::network::Name;
use crate::network::Net;
use crate::network::Taps;
use crate::render::host::Frame;
use crate::render::weights::Weights;

/// What is kept of the weights.
#[derive(Clone, Debug)]
enum Entry {
    Tensor(Name),
    Filter(network::Filter),
}

/// The constants: which, and where.
#[derive(Default)]
pub struct Constants {
    entries: Vec<(usize, Entry)>,
    len: usize,
}

impl Constants {
    /// The place of a tensor.
    pub fn tensor(&mut self, name: &Name, len: usize) -> u32 {
        self.add(Entry::Tensor(name.clone()), len)
    }

    /// The place of a filter's `length × length` taps, in the order of correlation, gain included.
    pub fn filter(&mut self, filter: &network::Filter) -> u32 {
        self.add(Entry::Filter(filter.clone()), filter.length * filter.length)
    }

    fn add(&mut self, entry: Entry, len: usize) -> u32 {
        let at = self.len;
        self.entries.push((at, entry));
        self.len += len;
        u32::try_from(at).unwrap_or(NONE)
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// All numbers.
    pub fn values(&self, weights: &Weights) -> Vec<f32> {
        let mut out = vec![0.0; self.len.max(1)];
        for (at, entry) in &self.entries {
            let values = match entry {
                Entry::Tensor(name) => weights.get(name).map(|array| array.data.to_vec()).unwrap_or_default(),
                Entry::Filter(filter) => taps(filter, weights),
            };
            out.iter_mut().skip(*at).zip(values).for_each(|(out, value)| *out = value);
        }
        out
    }
}

/// The two-dimensional filter; a true convolution reads its taps backwards.
fn taps(filter: &network::Filter, weights: &Weights) -> Vec<f32> {
    let stored: &[f32] = match &filter.taps {
        Taps::Fixed(taps) => taps,
        Taps::Stored(name) => weights.get(name).map_or(&[], |array| &array.data),
    };
    let backwards: Vec<f64> = stored.iter().rev().map(|tap| f64::from(*tap)).collect();
    let gain = f64::from(filter.gain);
    if backwards.len() == filter.length {
        return backwards.iter().flat_map(|a| backwards.iter().map(move |b| (a * b * gain) as f32)).collect();
    }
    backwards.iter().map(|tap| (tap * gain) as f32).collect()
}

/// Where a frame's numbers lie.
pub struct Styles {
    /// Ones, for layers without a style, begin at 0.
    ones: usize,
    /// Input and output factors per modulation.
    modulations: Vec<(usize, usize)>,
    strengths: usize,
    pub len: usize,
}

impl Styles {
    pub fn new(net: &Net) -> Styles {
        let parts = net.ops.iter().flat_map(|op| Net::reads(op).into_iter().chain([op.out]));
        let ones = parts.map(|part| part.shape.channels).max().unwrap_or(1);
        let mut len = ones;
        let mut modulations = vec![];
        for modulation in &net.modulations {
            modulations.push((len, len + modulation.affine.outputs));
            len += modulation.affine.outputs + modulation.outputs;
        }
        let strengths = len;
        Styles { ones, modulations, strengths, len: len + net.noises.len() }
    }

    /// Offsets of the factors of inputs and outputs.
    pub fn factors(&self, modulation: Option<usize>) -> (u32, u32) {
        let (input, output) = modulation.map_or((0, 0), |at| self.modulations[at]);
        (input as u32, output as u32)
    }

    pub fn strength(&self, noise: Option<usize>) -> u32 {
        noise.map_or(NONE, |at| (self.strengths + at) as u32)
    }

    /// The numbers of a frame that fits the net; without noise all strengths are 0.
    pub fn values(&self, frame: &Frame) -> Vec<f32> {
        let mut out = vec![0.0; self.len];
        out[..self.ones].fill(1.0);
        for ((input, output), given) in self.modulations.iter().zip(&frame.modulations) {
            out[*input..*input + given.input.len()].copy_from_slice(&given.input);
            out[*output..*output + given.output.len()].copy_from_slice(&given.output);
        }
        for (out, noise) in out[self.strengths..].iter_mut().zip(&frame.noises) {
            *out = noise.strength;
        }
        out
    }
}
