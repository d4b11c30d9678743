//! Which device draws, and what it says of itself.

use super::cpu::Cpu;
use super::error;
use super::host::Frame;
use super::weights::Weights;
use crate::diag::Problem;
use crate::network::Name;
use crate::network::Net;
use crate::picture::Image;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

/// What the user wants to draw with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// A graphics card where there is one, else the processor.
    #[default]
    Auto,
    /// A graphics card.
    Gpu,
    /// The processor: the reference, the same on every machine.
    Cpu,
    /// A graphics driver that runs on the processor: to test the code of graphics cards.
    Software,
    /// The adapter whose name holds this text.
    Name(String),
}

impl FromStr for Device {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Device, Self::Err> {
        Ok(match text {
            "auto" => Device::Auto,
            "gpu" => Device::Gpu,
            "cpu" => Device::Cpu,
            "software" => Device::Software,
            name => Device::Name(name.into()),
        })
    }
}

/// What an engine says of itself, for reports and PNG files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// One line for people.
    pub line: String,
    /// Key and value.
    pub facts: Vec<(&'static str, String)>,
}

/// What runs a description over frames.
pub trait Engine: Send {
    /// Takes the tensors that `changed` anew; the others stay as they are.  Errors: E0702, E0703 for weights that are not
    /// the described ones, and those of the device.
    fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem>;

    /// Draws one picture.  Errors: E0705, E0706 for a frame of another net, and those of the device.
    fn draw(&mut self, frame: &Frame) -> Result<Image, Problem>;

    fn about(&self) -> About;
}

impl Engine for Cpu {
    fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem> {
        Cpu::update(self, weights, changed)
    }

    fn draw(&mut self, frame: &Frame) -> Result<Image, Problem> {
        Cpu::draw(self, frame)
    }

    fn about(&self) -> About {
        let (threads, kernel) = (rayon::current_num_threads(), self.kernel().name());
        let workers = if threads == 1 { "1 thread".to_string() } else { format!("{threads} threads") };
        About {
            line: format!("CPU, {workers}, {kernel}, f32"),
            facts: vec![("device", "cpu".into()), ("threads", threads.to_string()), ("kernel", kernel.into())],
        }
    }
}

/// An engine for a network on a device.  Errors: E0710 for a device that is not there, and those of [`Engine::update`].
pub fn engine(device: &Device, net: &Arc<Net>, weights: &Weights) -> Result<Box<dyn Engine>, Problem> {
    match device {
        Device::Auto | Device::Cpu => Ok(Box::new(Cpu::new(net.clone(), weights)?)),
        Device::Gpu => Err(error::no_device("a graphics card")),
        Device::Software => Err(error::no_device("a software adapter")),
        Device::Name(name) => Err(error::no_device(&format!("`{}`", name.escape_debug()))),
    }
}
