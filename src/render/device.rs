//! Which device draws, and what it says of itself.

use super::cpu::Cpu;
use super::host::Frame;
use super::weights::Weights;
use crate::diag::Problem;
use crate::network::Name;
use crate::network::Net;
use crate::picture::Image;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

/// Where pictures are drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
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

/// What the user wants to draw with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    pub place: Place,
    /// Values between layers have half precision, on graphics cards alone: half the memory, for about 40 dB.
    pub half: bool,
}

impl Device {
    pub const CPU: Device = Device { place: Place::Cpu, half: false };
}

impl FromStr for Device {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Device, Self::Err> {
        let place = match text {
            "auto" => Place::Auto,
            "gpu" => Place::Gpu,
            "cpu" => Place::Cpu,
            "software" => Place::Software,
            name => Place::Name(name.into()),
        };
        Ok(Device { place, half: false })
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

/// The processor, and why no graphics card draws instead.
struct Fallback {
    cpu: Cpu,
    reason: String,
}

impl Engine for Fallback {
    fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem> {
        self.cpu.update(weights, changed)
    }

    fn draw(&mut self, frame: &Frame) -> Result<Image, Problem> {
        self.cpu.draw(frame)
    }

    fn about(&self) -> About {
        let mut about = Engine::about(&self.cpu);
        about.line.push_str(&format!(" (no graphics card: {})", self.reason));
        about.facts.push(("fallback", self.reason.clone()));
        about
    }
}

/// An engine for a network on a device.  `auto` takes the processor where no graphics card can be used, and says why.
/// Errors: E0710 to E0715 for a device that was asked for, and those of [`Engine::update`].
pub fn engine(device: &Device, net: &Arc<Net>, weights: &Weights) -> Result<Box<dyn Engine>, Problem> {
    if device.place == Place::Cpu {
        return Ok(Box::new(Cpu::new(net.clone(), weights)?));
    }
    match card(device, net, weights) {
        Ok(Ok(engine)) => Ok(engine),
        Ok(Err(reason)) => Ok(Box::new(Fallback { cpu: Cpu::new(net.clone(), weights)?, reason })),
        // Weights that are wrong are wrong everywhere.
        Err(problem) if device.place != Place::Auto || problem.code.0 < "E0710" => Err(problem),
        Err(problem) => Ok(Box::new(Fallback { cpu: Cpu::new(net.clone(), weights)?, reason: problem.message })),
    }
}

/// A graphics card's engine; the inner error says why there is none, where none was demanded.
#[cfg(feature = "gpu")]
fn card(device: &Device, net: &Arc<Net>, weights: &Weights) -> Result<Result<Box<dyn Engine>, String>, Problem> {
    use super::gpu;
    use super::gpu::device::Choice;
    use super::gpu::device::Wanted;
    let wanted = match &device.place {
        Place::Auto | Place::Cpu => Wanted::Auto,
        Place::Gpu => Wanted::Gpu,
        Place::Software => Wanted::Software,
        Place::Name(name) => Wanted::Name(name.clone()),
    };
    let adapter = match gpu::device::choose(&wanted)? {
        Choice::Adapter(adapter) => adapter,
        Choice::Nothing(reason) => return Ok(Err(reason)),
    };
    let precision = if device.half { gpu::Precision::F16 } else { gpu::Precision::F32 };
    let options = gpu::Options { precision, ..gpu::Options::default() };
    Ok(Ok(Box::new(gpu::Gpu::new(net.clone(), weights, &adapter.open()?, options)?)))
}

#[cfg(not(feature = "gpu"))]
fn card(device: &Device, _: &Arc<Net>, _: &Weights) -> Result<Result<Box<dyn Engine>, String>, Problem> {
    match &device.place {
        Place::Auto | Place::Cpu => Ok(Err("this build of blend draws on processors alone".into())),
        Place::Gpu => Err(super::error::no_device("a graphics card")),
        Place::Software => Err(super::error::no_device("a software adapter")),
        Place::Name(name) => Err(super::error::no_device(&format!("`{}`", name.escape_debug()))),
    }
}

#[cfg(feature = "gpu")]
impl Engine for super::gpu::Gpu {
    fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem> {
        super::gpu::Gpu::update(self, weights, changed)
    }

    fn draw(&mut self, frame: &Frame) -> Result<Image, Problem> {
        super::gpu::Gpu::draw(self, frame)
    }

    fn about(&self) -> About {
        let about = super::gpu::Gpu::about(self);
        let device = &about.device;
        let facts = vec![
            ("device", device.name.clone()),
            ("kind", device.kind.to_string()),
            ("backend", device.backend.to_string()),
            ("driver", device.driver.clone()),
            ("driver info", device.driver_info.clone()),
            ("ids", format!("{:04x}:{:04x}", device.vendor, device.device)),
            ("precision", about.precision.to_string()),
            ("kernels", about.kernels.clone()),
        ];
        About { line: about.line(), facts }
    }
}
