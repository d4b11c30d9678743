//! The engine of graphics cards: the same descriptions as the CPU engine runs, over wgpu, with kernels of our own.
//!
//! [`device`] finds and opens adapters; `plan` cuts a net for one (pure: sizes, offsets, numbers), `cut` its convolutions;
//! `kernels` and `wgsl/` hold the programs; `memory` the buffers; `pending` waits for pictures.
//!
//! Sums of convolutions run in a fixed order (parts of the depth, kernel position, input channel), no two
//! invocations add to the same place, and small numbers come from [`super::host`]: a device draws the same bits every
//! time.  Other devices, and the CPU engine, differ in the last bits.

mod cut;
pub mod device;
pub mod engine;
mod error;
pub mod kernels;
mod layers;
mod layout;
mod memory;
mod packing;
mod params;
mod pending;
mod plan;
mod tables;
mod template;

pub use layout::Precision;
pub use pending::Pending;

use super::cpu;
use super::error as problems;
use super::host::Frame;
use super::host::sample_waves;
use super::weights::Weights;
use crate::diag::Problem;
use crate::network::Name;
use crate::network::Net;
use crate::network::Op;
use crate::network::Part;
use crate::picture::Image;
use device::Compiled;
use device::Device;
use device::Kind;
use kernels::CARDS;
use kernels::SOFT;
use memory::Memory;
use pending::Pool;
use pending::Readback;
use plan::Allowed;
use plan::Plan;
use plan::Step;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Multiplications and additions of one dispatch, and of one submission: large cards do them in less than a tenth of a
/// second, and systems reset others that are busy for two.
const WORK_LARGE: f64 = 4e11;
const WORK: f64 = 2e10;

/// How an adapter is used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    pub precision: Precision,
    /// Kernels that are not those for this kind of adapter.
    pub kernels: Option<Kernels>,
    /// Bytes of a binding, if fewer than the device allows.
    pub binding: Option<usize>,
    /// Workgroups along an axis, if fewer than the device allows.
    pub groups: Option<usize>,
    /// Multiplications and additions of a dispatch and of a submission, if not those for this kind of adapter.
    pub work: Option<f64>,
}

/// Families of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// With shared memory.
    Cards,
    /// For processors that play cards.
    Software,
}

/// What drew a picture, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub device: device::Found,
    pub precision: &'static str,
    /// Which kernels: the beginning of a hash of their texts.
    pub kernels: String,
}

impl About {
    /// `NAME, Vulkan, driver …, f32, kernels HASH`.
    pub fn line(&self) -> String {
        format!("{}, {}, kernels {}", self.device, self.precision, self.kernels)
    }
}

/// A net with the weights of one model on a device.
pub struct Gpu {
    net: Arc<Net>,
    device: Arc<Device>,
    precision: Precision,
    plan: Plan,
    memory: Memory,
    /// By operation: kernels and what they are bound to.
    runs: Vec<Vec<Ready>>,
    /// Noise images on the device.
    sent: Vec<Option<Arc<[f32]>>>,
    work: f64,
    pool: Pool,
}

/// A step that can be recorded.
enum Ready {
    Run { kernel: Arc<Compiled>, bound: wgpu::BindGroup, groups: [u32; 3], work: f64 },
    Copy { from: wgpu::Buffer, slot: usize, offset: u64, size: u64 },
}

impl Gpu {
    /// Cuts the net for the device and brings the weights there.  Errors: E0702, E0703 for weights that are not the
    /// described ones; E0711 for a precision that the device lacks; E0712 to E0715.
    pub fn new(net: Arc<Net>, weights: &Weights, device: &Arc<Device>, options: Options) -> Result<Gpu, Problem> {
        fits(&net, weights, &|_| true)?;
        let name = &device.found.name;
        if options.precision == Precision::F16 && !device.halves {
            return Err(error::not_opened(name, "its programs cannot unpack halves, as `--precision f16` asks"));
        }
        let work = if device.found.kind == Kind::Discrete { WORK_LARGE } else { WORK };
        let work = options.work.unwrap_or(work);
        let soft = match options.kernels {
            Some(kernels) => kernels == Kernels::Software,
            None => device.found.kind == Kind::Software,
        };
        let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        let binding = size(device.limits.max_storage_buffer_binding_size);
        let allowed = Allowed {
            name: name.clone(),
            // Kernels count places with 32 bits.
            binding: options.binding.unwrap_or(binding).min(binding).min(1 << 31),
            groups: options
                .groups
                .unwrap_or(usize::MAX)
                .min(device.limits.max_compute_workgroups_per_dimension as usize),
            precision: options.precision,
            shapes: if soft { SOFT } else { CARDS },
            work,
        };
        let plan = plan::plan(&net, &allowed)?;
        let most = size(device.limits.max_buffer_size);
        let sizes = plan.slots.iter().copied().chain(plan.packings.iter().flatten().map(|packing| packing.bytes()));
        if let Some(large) = sizes.filter(|bytes| *bytes > most).max() {
            return Err(error::too_large(name, "the largest layer", large, most));
        }
        let memory = Memory::new(device, &net, &plan, weights, options.precision);
        device.check(memory.bytes)?;
        let runs = ready(&net, device, &plan, &memory);
        device.check(memory.bytes)?;
        let sent = vec![None; net.noises.len()];
        let (device, precision, pool) = (device.clone(), options.precision, Pool::default());
        Ok(Gpu { net, device, precision, plan, memory, runs, sent, work, pool })
    }

    /// Takes the tensors that `changed` anew; the others stay as they are.  Errors: as of [`Gpu::new`].
    pub fn update(&mut self, weights: &Weights, changed: &BTreeSet<Name>) -> Result<(), Problem> {
        fits(&self.net, weights, &|op| op.tensors().iter().any(|name| changed.contains(*name)))?;
        self.memory.update(&self.device, &self.net, &self.plan, weights, self.precision, changed);
        self.device.check(self.memory.bytes)
    }

    /// What draws.
    pub fn about(&self) -> About {
        About { device: self.device.found.clone(), precision: self.precision.name(), kernels: kernels::hash() }
    }

    /// Bytes on the device.
    pub fn bytes(&self) -> usize {
        self.memory.bytes
    }

    /// Runs of kernels for one picture.
    pub fn dispatches(&self) -> usize {
        memory::dispatches(&self.plan).count()
    }

    /// Draws one picture.  Errors: E0705, E0706 for a frame of another net; E0712, E0713, E0714.
    pub fn draw(&mut self, frame: &Frame) -> Result<Image, Problem> {
        self.submit(frame)?.wait()
    }

    /// Begins to draw a picture; others may follow before it is waited for.  Errors: as of [`Gpu::draw`].
    pub fn submit(&mut self, frame: &Frame) -> Result<Pending, Problem> {
        self.bring(frame)?;
        let mut work = 0.0;
        let mut encoder = self.encoder();
        for at in 0..self.net.ops.len() {
            let mut from = 0;
            // Cut before the work of a submission becomes too much for devices that are watched.
            for (number, step) in self.runs[at].iter().enumerate() {
                let Ready::Run { work: more, .. } = step else { continue };
                if work > 0.0 && work + more > self.work {
                    self.record(at, from..number, &mut encoder);
                    self.device.queue.submit([std::mem::replace(&mut encoder, self.encoder()).finish()]);
                    (work, from) = (0.0, number);
                }
                work += more;
            }
            self.record(at, from..self.runs[at].len(), &mut encoder);
        }
        let readback = self.read(self.net.output, encoder)?;
        Ok(Pending { readback, range: self.net.range, pool: self.pool.clone() })
    }

    /// Draws one picture and shows what every operation made, as [`cpu::Cpu::draw_with`] does.  Errors: as of
    /// [`Gpu::draw`].
    pub fn draw_with(&mut self, frame: &Frame, see: &mut dyn FnMut(usize, &Op, &[f32])) -> Result<Image, Problem> {
        self.bring(frame)?;
        let net = self.net.clone();
        let mut last = vec![];
        for (at, op) in net.ops.iter().enumerate() {
            let mut encoder = self.encoder();
            self.record(at, 0..self.runs[at].len(), &mut encoder);
            last = self.read(op.out, encoder)?.wait()?.0;
            see(at, op, &last);
        }
        if net.ops.last().is_none_or(|op| op.out != net.output) {
            last = self.read(net.output, self.encoder())?.wait()?.0;
        }
        Ok(Image { shape: net.output.shape, range: net.range, values: last })
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("picture") })
    }

    /// Brings a frame's numbers to the device.
    fn bring(&mut self, frame: &Frame) -> Result<(), Problem> {
        cpu::fits(&self.net, frame)?;
        let write = |buffer: &wgpu::Buffer, offset: usize, words: &[u32]| {
            self.device.queue.write_buffer(buffer, offset as u64, bytemuck::cast_slice(words));
        };
        self.device.queue.write_buffer(&self.memory.styles, 0, bytemuck::cast_slice(&self.plan.styles.values(frame)));
        for ((buffer, sent), noise) in self.memory.noises.iter().zip(&mut self.sent).zip(&frame.noises) {
            // Stored images are the same for every picture.
            if !sent.as_ref().is_some_and(|sent| Arc::ptr_eq(sent, &noise.image)) {
                self.device.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&noise.image));
                *sent = Some(noise.image.clone());
            }
        }
        for op in self.net.ops.iter().filter(|op| matches!(op.kind, crate::network::Kind::Waves)) {
            let Some(buffer) = &self.memory.waves else { continue };
            let (shape, rate) = (op.out.shape, self.net.waves.as_ref().map_or(1.0, |waves| waves.rate));
            let mut values = vec![0.0; shape.elems()];
            sample_waves(&frame.waves, rate, shape.height, shape.width, &mut values);
            write(buffer, 0, &self.precision.pack(shape, &values));
        }
        if let (Some(part), Some(values)) = (self.net.picture, &frame.picture) {
            let offset = self.precision.size(part.shape, part.first);
            let words = self.precision.pack(part.shape, values);
            write(&self.memory.slots[self.net.slots.of[part.buffer]], offset, &words);
        }
        self.device.check(self.memory.bytes)
    }

    /// Records some steps of an operation.
    fn record(&self, op: usize, steps: Range<usize>, encoder: &mut wgpu::CommandEncoder) {
        let mut steps = self.runs[op][steps].iter().peekable();
        while let Some(step) = steps.peek() {
            if let Ready::Copy { from, slot, offset, size } = step {
                encoder.copy_buffer_to_buffer(from, 0, &self.memory.slots[*slot], *offset, *size);
                steps.next();
                continue;
            }
            let name = &self.net.ops[op].name;
            let descriptor = wgpu::ComputePassDescriptor { label: Some(name), timestamp_writes: None };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            while let Some(Ready::Run { kernel, bound, groups: [x, y, z], .. }) =
                steps.next_if(|step| matches!(step, Ready::Run { .. }))
            {
                pass.set_pipeline(&kernel.pipeline);
                pass.set_bind_group(0, bound, &[]);
                pass.dispatch_workgroups(*x, *y, *z);
            }
        }
    }

    /// Submits what was recorded, and asks for a part.
    fn read(&self, part: Part, mut encoder: wgpu::CommandEncoder) -> Result<Readback, Problem> {
        let (shape, needed) = (part.shape, self.memory.bytes);
        let size = self.precision.size(shape, shape.channels) as u64;
        let offset = self.precision.size(shape, part.first) as u64;
        let free = self.pool.lock().ok().and_then(|mut free| free.pop()).filter(|free| free.size() == size);
        let buffer = free.unwrap_or_else(|| {
            self.device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("read back"),
                size,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        encoder.copy_buffer_to_buffer(&self.memory.slots[self.net.slots.of[part.buffer]], offset, &buffer, 0, size);
        let index = self.device.queue.submit([encoder.finish()]);
        self.device.check(needed)?;
        Ok(Readback::new(&self.device, buffer, index, self.precision, shape, needed))
    }
}

/// Compiles kernels and binds buffers.
fn ready(net: &Net, device: &Device, plan: &Plan, memory: &Memory) -> Vec<Vec<Ready>> {
    let mut number = 0;
    let mut all = vec![];
    for (at, (op, steps)) in net.ops.iter().zip(&plan.steps).enumerate() {
        let mut own = vec![];
        for step in steps {
            let copy = |from: Option<&wgpu::Buffer>, slot: usize, offset: usize, size: usize| {
                from.map(|from| Ready::Copy { from: from.clone(), slot, offset: offset as u64, size: size as u64 })
            };
            match step {
                Step::Constant { slot, offset, size } => own.extend(copy(memory.constant(at), *slot, *offset, *size)),
                Step::Waves { slot, offset, size } => own.extend(copy(memory.waves.as_ref(), *slot, *offset, *size)),
                Step::Run(dispatch) => {
                    let bound = memory.bind(device, number, &op.name, dispatch);
                    number += 1;
                    // `spread` keeps them below what the device takes, a number of 32 bits.
                    let groups = dispatch.groups.map(|count| count as u32);
                    own.push(Ready::Run { kernel: device.kernel(dispatch.kernel), bound, groups, work: dispatch.work });
                }
            }
        }
        all.push(own);
    }
    all
}

/// The weights are the described ones, those of some operations at least.
fn fits(net: &Net, weights: &Weights, matters: &dyn Fn(&Op) -> bool) -> Result<(), Problem> {
    for name in net.ops.iter().filter(|op| matters(op)).flat_map(|op| op.tensors()) {
        let array = weights.get(name).ok_or_else(|| problems::no_weight(name))?;
        match net.tensors.get(name) {
            Some(shape) if *shape != array.shape => return Err(problems::other_weight(name, &array.shape, shape)),
            _ => {}
        }
    }
    Ok(())
}
