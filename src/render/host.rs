//! The small arithmetic of one picture: latents, mapping, truncation, styles, demodulation, StyleGAN3's waves.
//!
//! It runs on the CPU for every engine, in f64 over the f32 weights, and is rounded to f32 once, at the end: 10 million
//! multiplications a picture, so that the width costs milliseconds and devices differ in the large kernels alone.
//! Sums run in eight fixed lanes, transcendental functions are `libm`'s, and no product is fused with a sum: the numbers
//! are the same on every machine and for every number of threads.

use super::error;
use super::seeds::RandomState;
use super::weights::Array;
use super::weights::Weights;
use crate::diag::Problem;
use crate::network::Demodulate;
use crate::network::Dense;
use crate::network::Modulation;
use crate::network::Name;
use crate::network::Net;
use crate::network::Waves;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::f64::consts::PI;
use std::f64::consts::SQRT_2;
use std::sync::Arc;

/// Against division by zero, in normalisation and demodulation.
const EPSILON: f64 = 1e-8;

/// All w of one picture: `count` vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Latents {
    pub vectors: Vec<Vec<f64>>,
}

/// Which noise images are added.
#[derive(Clone, Debug)]
pub enum Noises {
    /// The stored ones: the picture of a latent is always the same.
    Stored,
    None,
    /// Drawn, in the order of the layers, from a generator: after z was drawn from it, these are the images that NVIDIA's
    /// TensorFlow script draws.  (PyTorch's `random` comes from the device's generator and cannot be had again anywhere.)
    Drawn(Box<RandomState>),
}

/// What one picture needs beside weights.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Per modulation of the net.
    pub modulations: Vec<Modulated>,
    /// Per noise image of the net; empty: no noise.
    pub noises: Vec<NoiseImage>,
    /// Per channel: cycles per unit along x and y, phase in turns, amplitude.
    pub waves: Vec<[f64; 4]>,
    /// The picture to start from.
    pub picture: Option<Vec<f32>>,
}

/// Factors of a convolution's channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Modulated {
    pub input: Vec<f32>,
    pub output: Vec<f32>,
}

#[derive(Clone, Debug)]
pub struct NoiseImage {
    pub image: Arc<[f32]>,
    pub strength: f32,
}

/// A net's small weights, and sums over the large ones.
pub struct Host {
    net: Arc<Net>,
    weights: Weights,
    /// Per modulation that is demodulated: `Σ W[o, i, a, b]²` over the kernel, `[out, in]`.
    squares: Vec<Vec<f32>>,
    /// The w that truncation draws towards.
    average: Option<Arc<[f32]>>,
}

impl Host {
    /// Takes what it needs from the weights.  Errors: E0702, E0703 for weights that are not the described ones.
    pub fn new(net: Arc<Net>, weights: &Weights) -> Result<Host, Problem> {
        for (name, shape) in &net.tensors {
            let array = weights.get(name).ok_or_else(|| error::no_weight(name))?;
            if array.shape != *shape {
                return Err(error::other_weight(name, &array.shape, shape));
            }
        }
        let large: Vec<&str> = net.modulations.iter().map(|modulation| &*modulation.weight).collect();
        let is_small = |name: &str| net.tensors.contains_key(name) && !large.contains(&name);
        let small = weights.iter().filter(|entry| is_small(entry.0));
        let small: Weights = small.map(|(name, array)| (name.clone(), array.clone())).collect();
        let squares = net.modulations.par_iter().map(|modulation| squares(modulation, weights)).collect();
        let name = net.mapping.as_ref().and_then(|mapping| mapping.average.as_ref());
        let average = name.and_then(|name| small.get(name)).map(|array| array.data.clone());
        Ok(Host { net, weights: small, squares, average })
    }

    /// Takes the tensors that `changed` anew.  A mean that was drawn is forgotten when the mapping changes.  Errors: as of
    /// [`Host::new`].
    pub fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem> {
        let net = self.net.clone();
        for name in changed {
            let Some(shape) = net.tensors.get(name) else { continue };
            let array = weights.get(name).ok_or_else(|| error::no_weight(name))?;
            if array.shape != *shape {
                return Err(error::other_weight(name, &array.shape, shape));
            }
            if self.weights.get(name).is_some() {
                self.weights.insert(name.clone(), array.clone());
            }
        }
        for (modulation, squares_of) in net.modulations.iter().zip(&mut self.squares) {
            if changed.contains(&modulation.weight) {
                *squares_of = squares(modulation, weights);
            }
        }
        let stored = net.mapping.as_ref().and_then(|mapping| mapping.average.as_ref());
        match stored {
            Some(name) => self.average = self.weights.get(name).map(|array| array.data.clone()),
            None if changed.iter().any(|name| name.starts_with("mapping.")) => self.average = None,
            None => {}
        }
        Ok(())
    }

    fn values(&self, name: &str) -> &[f32] {
        // `new` has seen every tensor of the net.
        self.weights.get(name).map_or(&[], |array| &array.data)
    }

    /// z, and a class where the network has some, to w.  Without a class a conditional network gets a label of zeros.
    ///
    /// z is rounded to f32 first, as the public tools do.  Errors: E0705.
    pub fn map(&self, z: &[f64], class: Option<usize>) -> Result<Vec<f64>, Problem> {
        let Some(mapping) = &self.net.mapping else { return Err(error::latent("z", z.len(), "none")) };
        if z.len() != mapping.z {
            return Err(error::latent("z", z.len(), &mapping.z.to_string()));
        }
        if let Some(class) = class.filter(|class| *class >= mapping.labels) {
            return Err(error::label(class, mapping.labels));
        }
        let rounded: Vec<f64> = z.iter().map(|value| f64::from(*value as f32)).collect();
        let mut x = normalised(&rounded);
        if let Some(embed) = &mapping.embed {
            let mut label = vec![0.0; mapping.labels];
            class.into_iter().for_each(|class| label[class] = 1.0);
            x.extend(normalised(&self.dense(embed, &label)));
        }
        for layer in &mapping.layers {
            x = self.dense(layer, &x);
            x.iter_mut().for_each(|value| *value *= if *value < 0.0 { 0.2 * SQRT_2 } else { SQRT_2 });
        }
        Ok(x)
    }

    /// The numbers of z that the network takes.
    pub fn z_size(&self) -> usize {
        self.net.mapping.as_ref().map_or(0, |mapping| mapping.z)
    }

    /// One w for all layers, drawn towards the mean: `mean + psi·(w - mean)` for the first `cutoff` vectors (all, where
    /// there is no cutoff).  Errors: E0705 for a w of another size, and for a psi other than 1 without a mean.
    pub fn latents(&self, w: &[f64], psi: f64, cutoff: Option<usize>) -> Result<Latents, Problem> {
        let count = self.net.mapping.as_ref().map_or(0, |mapping| mapping.count);
        self.truncated(vec![w.to_vec(); count], psi, cutoff)
    }

    /// A w of its own for every layer (w+), drawn towards the mean likewise.  Errors: E0705.
    pub fn truncated(&self, mut vectors: Vec<Vec<f64>>, psi: f64, cutoff: Option<usize>) -> Result<Latents, Problem> {
        let Some(mapping) = &self.net.mapping else { return Err(error::latent("w", vectors.len(), "none")) };
        if vectors.len() != mapping.count {
            let expected = format!("1 or {} vectors of {}", mapping.count, mapping.w);
            return Err(error::latent("w", vectors.iter().map(Vec::len).sum(), &expected));
        }
        if let Some(odd) = vectors.iter().find(|vector| vector.len() != mapping.w) {
            return Err(error::latent("w", odd.len(), &mapping.w.to_string()));
        }
        if psi != 1.0 {
            let mean = self.average.as_ref().ok_or_else(error::no_average)?;
            for vector in vectors.iter_mut().take(cutoff.unwrap_or(mapping.count)) {
                for (value, mean) in vector.iter_mut().zip(&**mean) {
                    let mean = f64::from(*mean);
                    *value = mean + (*value - mean) * psi;
                }
            }
        }
        Ok(Latents { vectors })
    }

    /// The w that truncation draws towards; `None` where the model does not keep one.
    pub fn average(&self) -> Option<&[f32]> {
        self.average.as_deref()
    }

    /// Sets the w that truncation draws towards, for models that do not keep one: the mean of what `draws` latents, from
    /// the generator with seed 0, are mapped to (without a class).  Training scripts take 4096 or more.  Errors: E0705.
    pub fn draw_average(&mut self, draws: usize) -> Result<(), Problem> {
        let mut state = RandomState::new(0);
        let latents: Vec<Vec<f64>> = (0..draws.max(1)).map(|_| state.normals(self.z_size())).collect();
        let mapped: Vec<Vec<f64>> = latents.par_iter().map(|z| self.map(z, None)).collect::<Result<_, _>>()?;
        let mut sums = vec![0.0; mapped[0].len()];
        for w in &mapped {
            sums.iter_mut().zip(w).for_each(|(sum, value)| *sum += value);
        }
        self.average = Some(sums.iter().map(|sum| (sum / mapped.len() as f64) as f32).collect());
        Ok(())
    }

    /// What a seed draws: z from NumPy's generator, mapped and truncated; the generator goes on with the noise.
    /// Errors: E0705.
    pub fn seed(
        &self,
        seed: u32,
        class: Option<usize>,
        psi: f64,
        cutoff: Option<usize>,
    ) -> Result<(Latents, RandomState), Problem> {
        let mut state = RandomState::new(seed);
        let z = state.normals(self.z_size());
        Ok((self.latents(&self.map(&z, class)?, psi, cutoff)?, state))
    }

    /// All that an engine needs to draw these latents.  Errors: E0705 for latents of another network.
    pub fn frame(&self, latents: &Latents, noises: Noises) -> Result<Frame, Problem> {
        let Some(mapping) = &self.net.mapping else { return Err(error::latent("w", latents.vectors.len(), "none")) };
        if latents.vectors.len() != mapping.count || latents.vectors.iter().any(|vector| vector.len() != mapping.w) {
            let expected = format!("{} vectors of {}", mapping.count, mapping.w);
            return Err(error::latent("w", latents.vectors.iter().map(Vec::len).sum(), &expected));
        }
        let list: Vec<(&Modulation, &Vec<f32>)> = self.net.modulations.iter().zip(&self.squares).collect();
        let modulations =
            list.into_par_iter().map(|(modulation, squares)| self.modulated(modulation, squares, latents));
        Ok(Frame {
            modulations: modulations.collect(),
            noises: self.noise_images(noises),
            waves: self.net.waves.as_ref().map_or(vec![], |waves| self.waves(waves, &latents.vectors[0])),
            picture: None,
        })
    }

    /// A frame that starts from a picture, of the shape of [`Net::picture`].  Errors: E0706.
    pub fn picture(&self, values: Vec<f32>) -> Result<Frame, Problem> {
        match self.net.picture {
            Some(part) if part.shape.elems() == values.len() => Ok(Frame { picture: Some(values), ..Frame::default() }),
            part => Err(error::picture(Some(values.len()), part.map(|part| part.shape))),
        }
    }

    fn noise_images(&self, noises: Noises) -> Vec<NoiseImage> {
        let strength = |name: &str| self.values(name).first().copied().unwrap_or(0.0);
        let all = self.net.noises.iter();
        match noises {
            Noises::None => vec![],
            Noises::Stored => all
                .filter_map(|noise| {
                    let image = self.weights.get(&noise.image)?.data.clone();
                    Some(NoiseImage { image, strength: strength(&noise.strength) })
                })
                .collect(),
            Noises::Drawn(mut state) => all
                .map(|noise| {
                    let drawn = state.normals(noise.height * noise.width);
                    let image = drawn.into_iter().map(|value| value as f32).collect();
                    NoiseImage { image, strength: strength(&noise.strength) }
                })
                .collect(),
        }
    }

    fn dense(&self, dense: &Dense, x: &[f64]) -> Vec<f64> {
        let (weight, bias) = (self.values(&dense.weight), self.values(&dense.bias));
        let rate = f64::from(dense.rate);
        let gain = rate / (dense.inputs as f64).sqrt();
        weight
            .chunks_exact(dense.inputs)
            .zip(bias)
            .map(|(row, bias)| dot(row, x) * gain + f64::from(*bias) * rate)
            .collect()
    }

    fn modulated(&self, modulation: &Modulation, squares: &[f32], latents: &Latents) -> Modulated {
        let gain = f64::from(modulation.gain);
        let style: Vec<f64> =
            self.dense(&modulation.affine, &latents.vectors[modulation.w]).iter().map(|value| value * gain).collect();
        let magnitude = modulation.magnitude.as_ref().and_then(|name| self.values(name).first());
        let whole = magnitude.map_or(1.0, |magnitude| 1.0 / f64::from(*magnitude).sqrt());
        let output = match modulation.demodulate {
            Demodulate::No => vec![whole as f32; modulation.outputs],
            how => {
                let energy: Vec<f64> = style.iter().map(|value| value * value).collect();
                let mean = energy.iter().sum::<f64>() / energy.len() as f64;
                let taps = self.taps(modulation);
                let rows = squares.chunks_exact(energy.len());
                let scale = |row: &[f32]| {
                    // Both normalisations are factors of the energy, and come out again as their roots.
                    let by = match how {
                        Demodulate::Normalised => {
                            let total: f64 = row.iter().map(|square| f64::from(*square)).sum();
                            let count = (energy.len() * taps) as f64;
                            count / total / mean
                        }
                        _ => 1.0,
                    };
                    by.sqrt() / (dot(row, &energy) * by + EPSILON).sqrt()
                };
                rows.map(|row| (scale(row) * whole) as f32).collect()
            }
        };
        Modulated { input: style.iter().map(|value| *value as f32).collect(), output }
    }

    /// Kernel positions of a modulated weight.
    fn taps(&self, modulation: &Modulation) -> usize {
        self.net.tensors.get(&modulation.weight).map_or(1, |shape| shape.iter().skip(2).product())
    }

    /// Reference §3.4: turn, shift, then fade what the grid cannot hold.
    fn waves(&self, waves: &Waves, w: &[f64]) -> Vec<[f64; 4]> {
        let t = self.dense(&waves.affine, w);
        let length = (t[0] * t[0] + t[1] * t[1]).sqrt();
        let t: Vec<f64> = t.iter().map(|value| value / length).collect();
        let turn = [[t[0], -t[1], 0.0], [t[1], t[0], 0.0], [0.0, 0.0, 1.0]];
        let shift = [[1.0, 0.0, -t[2]], [0.0, 1.0, -t[3]], [0.0, 0.0, 1.0]];
        let fixed = self.values(&waves.transform);
        let fixed: [[f64; 3]; 3] = std::array::from_fn(|row| std::array::from_fn(|at| f64::from(fixed[row * 3 + at])));
        let m = product(&product(&turn, &shift), &fixed);
        let (rate, bandwidth) = (f64::from(waves.rate), f64::from(waves.bandwidth));
        let frequencies = self.values(&waves.frequencies).as_chunks::<2>().0;
        let one = |([x, y], phase): (&[f32; 2], &f32)| {
            let (x, y) = (f64::from(*x), f64::from(*y));
            let phase = f64::from(*phase) + x * m[0][2] + y * m[1][2];
            let (fx, fy) = (x * m[0][0] + y * m[1][0], x * m[0][1] + y * m[1][1]);
            let beyond = ((fx * fx + fy * fy).sqrt() - bandwidth) / (rate / 2.0 - bandwidth);
            [fx, fy, phase, (1.0 - beyond).clamp(0.0, 1.0)]
        };
        frequencies.iter().zip(self.values(&waves.phases)).map(one).collect()
    }
}

/// The waves on a grid ([`super::net::Kind::Waves`]), `[channels, height, width]`, with
/// `sin(a + b) = sin a·cos b + cos a·sin b` over columns and rows.
pub fn sample_waves(waves: &[[f64; 4]], rate: f32, height: usize, width: usize, out: &mut [f32]) {
    let grid = |at: usize, size: usize| ((2 * at + 1) as f64 / size as f64 - 1.0) * 0.5 * size as f64 / f64::from(rate);
    out.par_chunks_mut(height * width).zip(waves).for_each(|(plane, [fx, fy, phase, amplitude])| {
        let turns = |x: f64| (libm::sin(2.0 * PI * x), libm::cos(2.0 * PI * x));
        let columns: Vec<(f64, f64)> = (0..width).map(|at| turns(grid(at, width) * fx)).collect();
        for (row, at) in plane.chunks_exact_mut(width).zip(0..) {
            let (sin, cos) = turns(grid(at, height) * fy + phase);
            for (value, column) in row.iter_mut().zip(&columns) {
                *value = ((column.0 * cos + column.1 * sin) * amplitude) as f32;
            }
        }
    });
}

fn squares(modulation: &Modulation, weights: &Weights) -> Vec<f32> {
    let Some(Array { data, .. }) = weights.get(&modulation.weight) else { return vec![] };
    if modulation.demodulate == Demodulate::No {
        return vec![];
    }
    let taps = data.len() / (modulation.outputs * modulation.affine.outputs);
    let sum = |kernel: &[f32]| kernel.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>() as f32;
    data.chunks_exact(taps).map(sum).collect()
}

/// `v / √(mean v² + ε)`.
fn normalised(v: &[f64]) -> Vec<f64> {
    let mean = v.iter().map(|value| value * value).sum::<f64>() / v.len().max(1) as f64;
    let by = 1.0 / (mean + EPSILON).sqrt();
    v.iter().map(|value| value * by).collect()
}

/// Σ a·x in eight lanes.
fn dot(a: &[f32], x: &[f64]) -> f64 {
    let mut lanes = [0f64; 8];
    let ((a8, a1), (x8, x1)) = (a.as_chunks::<8>(), x.as_chunks::<8>());
    for (a, x) in a8.iter().zip(x8) {
        for lane in 0..8 {
            lanes[lane] += f64::from(a[lane]) * x[lane];
        }
    }
    for (lane, (a, x)) in a1.iter().zip(x1).enumerate() {
        lanes[lane] += f64::from(*a) * x;
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

fn product(a: &[[f64; 3]; 3], b: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    std::array::from_fn(|row| std::array::from_fn(|at| (0..3).map(|k| a[row][k] * b[k][at]).sum()))
}
