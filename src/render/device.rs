//! Which device draws, and what it says of itself.

use super::cpu::Cpu;
use super::host::Frame;
use super::weights::Weights;
use crate::diag::Problem;
use crate::network::Name;
use crate::network::Net;
use crate::network::Op;
use crate::picture::Image;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

/// Called once by `main`, before it has a second thread.  The layer by which Mesa picks the card of a desktop complains on
/// stderr where there is no desktop.  It is not needed: adapters are looked at and picked here.
#[allow(unsafe_code)]
pub fn prepare_process() {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if cfg!(target_os = "linux") && !is_set("XDG_RUNTIME_DIR") && !is_set("NODEVICE_SELECT") {
        // SAFETY: nobody else reads the environment yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

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

    /// Begins to draw a picture; others may be begun before it is waited for.  Errors: E0705, E0706 for a frame of another
    /// net, and those of the device.
    fn begin(&mut self, frame: &Frame) -> Result<Begun, Problem>;

    /// Draws one picture and shows what every operation made: its number, itself, its values.  Errors: as of
    /// [`Engine::draw`].
    fn draw_with(&mut self, frame: &Frame, see: &mut dyn FnMut(usize, &Op, &[f32])) -> Result<Image, Problem>;

    fn about(&self) -> About;
}

/// A picture that has been begun.
pub enum Begun {
    /// By an engine that works where it is called.
    Drawn(Image),
    /// By a device of its own: the rest of it is waiting.
    Elsewhere(Box<dyn FnOnce() -> Result<Image, Problem> + Send>),
}

impl Begun {
    /// The picture, once it is there.  Errors: those of the device.
    pub fn wait(self) -> Result<Image, Problem> {
        match self {
            Begun::Drawn(image) => Ok(image),
            Begun::Elsewhere(wait) => wait(),
        }
    }
}

impl Engine for Cpu {
    fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem> {
        Cpu::update(self, weights, changed)
    }

    fn begin(&mut self, frame: &Frame) -> Result<Begun, Problem> {
        Ok(Begun::Drawn(Cpu::draw(self, frame)?))
    }

    fn draw_with(&mut self, frame: &Frame, see: &mut dyn FnMut(usize, &Op, &[f32])) -> Result<Image, Problem> {
        Cpu::draw_with(self, frame, see)
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

/// An engine for a network on a device.  `auto` takes the processor where no graphics card can be used, and says why.
/// Errors: E0710 to E0715 for a device that was asked for, and those of [`Engine::update`].
pub fn engine(device: &Device, net: &Arc<Net>, weights: &Weights) -> Result<Box<dyn Engine>, Problem> {
    match device.place {
        Place::Cpu => Ok(Box::new(Cpu::new(net.clone(), weights)?)),
        _ => of_cards(device, net, weights),
    }
}

#[cfg(feature = "gpu")]
fn of_cards(device: &Device, net: &Arc<Net>, weights: &Weights) -> Result<Box<dyn Engine>, Problem> {
    use super::gpu;
    use super::gpu::device::Wanted;
    let wanted = match &device.place {
        Place::Auto | Place::Cpu => Wanted::Auto,
        Place::Gpu => Wanted::Gpu,
        Place::Software => Wanted::Software,
        Place::Name(name) => Wanted::Name(name.clone()),
    };
    let precision = if device.half { gpu::Precision::F16 } else { gpu::Precision::F32 };
    gpu::engine::engine(&wanted, precision, net, weights)
}

#[cfg(not(feature = "gpu"))]
fn of_cards(device: &Device, net: &Arc<Net>, weights: &Weights) -> Result<Box<dyn Engine>, Problem> {
    match &device.place {
        Place::Auto | Place::Cpu => Ok(Box::new(Cpu::new(net.clone(), weights)?)),
        Place::Gpu => Err(super::error::no_device("a graphics card")),
        Place::Software => Err(super::error::no_device("a software adapter")),
        Place::Name(name) => Err(super::error::no_device(&format!("`{}`", name.escape_debug()))),
    }
}
