//! The end of a convolution, applied to rows of sums while they are in the cache.

use super::rows;
use super::rows::Finish1;
use crate::network;

/// [`network::Finish`] with the numbers of one model and one picture.
pub struct Finish<'a> {
    /// Per output channel.
    pub scale: Option<&'a [f32]>,
    /// An image for all channels, and its strength.
    pub noise: Option<(&'a [f32], f32)>,
    pub bias: Option<&'a [f32]>,
    pub activation: &'a network::Activation,
    /// Slopes per channel of [`network::Activation::Prelu`].
    pub slopes: &'a [f32],
    pub gain: f32,
    pub clamp: Option<f32>,
    /// Share of what stands at the output already.
    pub keep: Option<f32>,
    /// Other parts, `[channels, pixels]`, and their shares.
    pub add: Vec<(&'a [f32], f32)>,
    pub pixels: usize,
}

impl Finish<'_> {
    /// From the sums of some pixels of one channel, from pixel `at`, to the output.
    pub fn row(&self, channel: usize, at: usize, sums: &[f32], out: &mut [f32]) {
        let slope = match self.activation {
            network::Activation::Linear => 1.0,
            network::Activation::Leaky(slope) => *slope,
            network::Activation::Prelu(_) => self.slopes[channel],
            network::Activation::Tanh => return self.curved(channel, at, sums, out),
        };
        let how = Finish1 { slope, ..self.of(channel) };
        match (self.noise, self.keep.is_some()) {
            (None, false) => rows::finish::<false, false>(sums, &[], how, out),
            (None, true) => rows::finish::<false, true>(sums, &[], how, out),
            (Some((noise, _)), false) => rows::finish::<true, false>(sums, &noise[at..], how, out),
            (Some((noise, _)), true) => rows::finish::<true, true>(sums, &noise[at..], how, out),
        }
        self.added(channel, at, out);
    }

    fn of(&self, channel: usize) -> Finish1 {
        Finish1 {
            scale: self.scale.map_or(1.0, |scale| scale[channel]),
            strength: self.noise.map_or(0.0, |noise| noise.1),
            bias: self.bias.map_or(0.0, |bias| bias[channel]),
            slope: 1.0,
            gain: self.gain,
            clamp: self.clamp.unwrap_or(f32::INFINITY),
            keep: self.keep.unwrap_or(0.0),
        }
    }

    fn added(&self, channel: usize, at: usize, out: &mut [f32]) {
        for (part, share) in &self.add {
            let from = channel * self.pixels + at;
            rows::add_scaled(&part[from..from + out.len()], *share, out);
        }
    }

    /// Hyperbolic tangents, one at a time.
    fn curved(&self, channel: usize, at: usize, sums: &[f32], out: &mut [f32]) {
        let how = self.of(channel);
        for (pixel, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
            let noise = self.noise.map_or(0.0, |noise| noise.0[at + pixel] * noise.1);
            let x = libm::tanhf(sum * how.scale + noise + how.bias) * how.gain;
            let x = if x > how.clamp { how.clamp } else { x };
            let x = if x < -how.clamp { -how.clamp } else { x };
            *out = if self.keep.is_some() { x + *out * how.keep } else { x };
        }
        self.added(channel, at, out);
    }
}
