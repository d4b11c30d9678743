//! A network with its weights on a device: draws pictures of latents.

use super::device;
use super::device::About;
use super::device::Begun;
use super::device::Device;
use super::device::Engine;
use super::host::Frame;
use super::host::Host;
use super::host::Latents;
use super::host::Noises;
use super::seeds::RandomState;
use super::weights::Array;
use super::weights::Weights;
use crate::diag::Problem;
use crate::network::Name;
use crate::network::Net;
use crate::network::NoiseChoice;
use crate::network::Op;
use crate::picture::Image;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Latents whose mean stands in for a `w_avg` that a model does not keep, as the public scripts of such models do.
const MEAN_OF: usize = 4096;

/// How pictures are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Truncation: 1 draws what the seed says, 0 the mean.
    pub psi: f64,
    /// Only the first so many w are truncated.
    pub cutoff: Option<usize>,
    /// Of networks with classes.
    pub class: Option<usize>,
    pub noise: NoiseChoice,
}

impl Default for Look {
    fn default() -> Look {
        Look { psi: 1.0, cutoff: None, class: None, noise: NoiseChoice::default() }
    }
}

/// What a picture begins with.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// z as NumPy's generator draws it from a seed.
    Seed(u32),
    Z(Vec<f64>),
    /// One w for all layers.
    W(Vec<f64>),
    /// A w for every layer.
    WPlus(Vec<Vec<f64>>),
    /// Values of a picture, for networks that widen one.
    Picture(Arc<[f32]>),
}

/// A network with its weights on a device.
pub struct Drawer {
    net: Arc<Net>,
    host: Host,
    weights: Weights,
    engine: Box<dyn Engine>,
}

impl Drawer {
    /// Errors: E0702, E0703 for weights that are not the described ones, E0710 for a device that is not there.
    pub fn new(net: Arc<Net>, weights: Weights, device: &Device) -> Result<Drawer, Problem> {
        let host = Host::new(net.clone(), &weights)?;
        let engine = device::engine(device, &net, &weights)?;
        Ok(Drawer { net, host, weights, engine })
    }

    pub fn net(&self) -> &Arc<Net> {
        &self.net
    }

    pub fn about(&self) -> About {
        self.engine.about()
    }

    /// Replaces tensors; the rest of the model stays on the device.  Errors: as of [`Drawer::new`].
    pub fn update(&mut self, arrays: Vec<(Name, Array)>) -> Result<(), Problem> {
        let changed: BTreeSet<Name> = arrays.iter().map(|(name, _)| name.clone()).collect();
        arrays.into_iter().for_each(|(name, array)| self.weights.insert(name, array));
        self.host.update(&self.weights, &changed)?;
        self.engine.update(&self.weights, &changed)
    }

    /// Draws one picture.  Errors: E0705, E0706 for latents that do not fit, and those of the device.
    pub fn draw(&mut self, start: &Start, look: &Look) -> Result<Image, Problem> {
        self.begin(start, look)?.wait()
    }

    /// Begins to draw a picture; the next may be begun before it is waited for.  Errors: as of [`Drawer::draw`].
    pub fn begin(&mut self, start: &Start, look: &Look) -> Result<Begun, Problem> {
        let frame = self.frame(start, look)?;
        self.engine.begin(&frame)
    }

    /// Draws one picture and shows what every operation of the network made: its number, itself, its values
    /// `[channels, height, width]`.  Errors: as of [`Drawer::draw`].
    pub fn draw_with(
        &mut self,
        start: &Start,
        look: &Look,
        see: &mut dyn FnMut(usize, &Op, &[f32]),
    ) -> Result<Image, Problem> {
        let frame = self.frame(start, look)?;
        self.engine.draw_with(&frame, see)
    }

    fn frame(&mut self, start: &Start, look: &Look) -> Result<Frame, Problem> {
        if let Start::Picture(values) = start {
            return self.host.picture(values.to_vec());
        }
        let (latents, state) = self.latents(start, look)?;
        let noises = match look.noise {
            NoiseChoice::Const => Noises::Stored,
            NoiseChoice::None => Noises::None,
            NoiseChoice::Random => Noises::Drawn(Box::new(state)),
        };
        self.host.frame(&latents, noises)
    }

    /// The w of all layers, truncated, and the generator that goes on with the noise (that of seed 0 where no seed began).
    /// Errors: E0705.
    pub fn latents(&mut self, start: &Start, look: &Look) -> Result<(Latents, RandomState), Problem> {
        if look.psi != 1.0 && self.host.average().is_none() && self.net.mapping.is_some() {
            self.host.draw_average(MEAN_OF)?;
        }
        let host = &self.host;
        let state = RandomState::new(0);
        match start {
            Start::Seed(seed) => host.seed(*seed, look.class, look.psi, look.cutoff),
            Start::Z(z) => Ok((host.latents(&host.map(z, look.class)?, look.psi, look.cutoff)?, state)),
            Start::W(w) => Ok((host.latents(w, look.psi, look.cutoff)?, state)),
            Start::WPlus(all) => Ok((host.truncated(all.clone(), look.psi, look.cutoff)?, state)),
            Start::Picture(_) => Ok((Latents { vectors: vec![] }, state)),
        }
    }

    /// The w of a seed, before truncation.  Errors: E0705.
    pub fn w(&self, seed: u32, class: Option<usize>) -> Result<Vec<f64>, Problem> {
        self.host.map(&RandomState::new(seed).normals(self.host.z_size()), class)
    }

    /// How many w a picture takes, and their size; `None` for networks without latents.
    pub fn latent_sizes(&self) -> Option<(usize, usize)> {
        self.net.mapping.as_ref().map(|mapping| (mapping.count, mapping.w))
    }
}
