//! Graphics cards among the engines: one device for all networks of a program, and the processor where there is none.

use super::Gpu;
use super::Options;
use super::Precision;
use super::device;
use super::device::Choice;
use super::device::Device;
use super::device::Wanted;
use crate::diag::Problem;
use crate::network::Name;
use crate::network::Net;
use crate::network::Op;
use crate::picture::Image;
use crate::render::cpu::Cpu;
use crate::render::device::About;
use crate::render::device::Begun;
use crate::render::device::Engine;
use crate::render::host::Frame;
use crate::render::weights::Weights;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;

impl Engine for Gpu {
    fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem> {
        Gpu::update(self, weights, changed)
    }

    fn begin(&mut self, frame: &Frame) -> Result<Begun, Problem> {
        let pending = self.submit(frame)?;
        Ok(Begun::Elsewhere(Box::new(move || pending.wait())))
    }

    fn draw_with(&mut self, frame: &Frame, see: &mut dyn FnMut(usize, &Op, &[f32])) -> Result<Image, Problem> {
        Gpu::draw_with(self, frame, see)
    }

    fn about(&self) -> About {
        let about = Gpu::about(self);
        let device = &about.device;
        About {
            line: about.line(),
            facts: vec![
                ("device", device.name.clone()),
                ("device type", device.kind.to_string()),
                ("device ids", format!("{:04x}:{:04x}", device.vendor, device.device)),
                ("backend", device.backend.into()),
                ("driver", device.driver.clone()),
                ("driver info", device.driver_info.clone()),
                ("precision", about.precision.into()),
                ("kernels", about.kernels),
            ],
        }
    }
}

/// The processor, in place of a card that nobody asked for by name.
struct Instead {
    cpu: Cpu,
    reason: String,
}

impl Engine for Instead {
    fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem> {
        Cpu::update(&mut self.cpu, weights, changed)
    }

    fn begin(&mut self, frame: &Frame) -> Result<Begun, Problem> {
        Engine::begin(&mut self.cpu, frame)
    }

    fn draw_with(&mut self, frame: &Frame, see: &mut dyn FnMut(usize, &Op, &[f32])) -> Result<Image, Problem> {
        Cpu::draw_with(&mut self.cpu, frame, see)
    }

    fn about(&self) -> About {
        let mut about = Engine::about(&self.cpu);
        about.line.push_str(&format!(" (no graphics card: {})", self.reason));
        about.facts.push(("fallback", self.reason.clone()));
        about
    }
}

/// A device, or why there is none.
#[derive(Clone)]
enum Opened {
    Device(Arc<Device>),
    Nothing(String),
}

/// What was asked for before: looking for adapters takes a quarter of a second, and kernels are compiled per device.
static OPENED: Mutex<Vec<(Wanted, Opened)>> = Mutex::new(Vec::new());

fn open(wanted: &Wanted) -> Result<Opened, Problem> {
    // A panic while it was held left a whole list behind.
    let mut list = OPENED.lock().unwrap_or_else(|poison| poison.into_inner());
    list.retain(|(_, opened)| !matches!(opened, Opened::Device(device) if device.faults().is_gone()));
    if let Some((_, opened)) = list.iter().find(|(own, _)| own == wanted) {
        return Ok(opened.clone());
    }
    let opened = match device::choose(wanted)? {
        Choice::Adapter(adapter) => Opened::Device(adapter.open()?),
        Choice::Nothing(reason) => Opened::Nothing(reason),
    };
    list.push((wanted.clone(), opened.clone()));
    Ok(opened)
}

/// An engine on the adapter that was asked for; for [`Wanted::Auto`] on the processor where there is none, or where it
/// cannot draw this network.  Errors: E0710 for an adapter that is not there, E0711 for one that does not start, and those
/// of [`Gpu::new`].
pub fn engine(
    wanted: &Wanted,
    precision: Precision,
    net: &Arc<Net>,
    weights: &Weights,
) -> Result<Box<dyn Engine>, Problem> {
    let options = Options { precision, ..Options::default() };
    let gpu = |device: &Arc<Device>| Gpu::new(net.clone(), weights, device, options);
    let reason = match open(wanted) {
        Ok(Opened::Device(device)) => match gpu(&device) {
            Ok(gpu) => return Ok(Box::new(gpu)),
            Err(problem) if *wanted != Wanted::Auto => return Err(problem),
            Err(problem) => problem.message,
        },
        Ok(Opened::Nothing(reason)) => reason,
        Err(problem) if *wanted != Wanted::Auto => return Err(problem),
        Err(problem) => problem.message,
    };
    // Weights that are not the described ones are the processor's problem too.
    Ok(Box::new(Instead { cpu: Cpu::new(net.clone(), weights)?, reason }))
}
