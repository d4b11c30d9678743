//! The buffers of a net on a device: the slots of its plan, one scratch buffer, weights, and what a frame brings.

use super::device::Device;
use super::layout::Precision;
use super::params::STRIDE;
use super::plan::Dispatch;
use super::plan::Plan;
use super::plan::Source;
use super::plan::Step;
use crate::network::Kind;
use crate::network::Name;
use crate::network::Net;
use crate::network::Op;
use crate::render::weights::Weights;
use std::collections::BTreeSet;
use std::num::NonZeroU64;
use wgpu::BufferUsages;

/// The buffers, and how much is in them.
pub struct Memory {
    pub slots: Vec<wgpu::Buffer>,
    scratch: wgpu::Buffer,
    spare: wgpu::Buffer,
    pub styles: wgpu::Buffer,
    constants: wgpu::Buffer,
    pub noises: Vec<wgpu::Buffer>,
    /// By operation: packed weights of convolutions, values of stored tensors.
    weights: Vec<Option<wgpu::Buffer>>,
    pub waves: Option<wgpu::Buffer>,
    params: wgpu::Buffer,
    pub bytes: usize,
}

/// Makes buffers and counts them.
struct Maker<'d> {
    device: &'d Device,
    bytes: usize,
}

impl Maker<'_> {
    fn buffer(&mut self, label: &str, bytes: usize, usage: BufferUsages) -> wgpu::Buffer {
        let size = bytes.max(4).next_multiple_of(4);
        self.bytes += size;
        self.device.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: size as u64,
            usage: usage | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }
}

impl Memory {
    /// Makes all buffers and fills those of the weights.
    pub fn new(device: &Device, net: &Net, plan: &Plan, weights: &Weights, precision: Precision) -> Memory {
        let mut maker = Maker { device, bytes: 0 };
        let (storage, copied) = (BufferUsages::STORAGE, BufferUsages::COPY_SRC);
        let slots = plan.slots.iter().enumerate();
        let slots =
            slots.map(|(at, size)| maker.buffer(&format!("slot {at}"), *size, storage | copied)).collect::<Vec<_>>();
        let scratch = maker.buffer("scratch", plan.scratch, storage);
        let spare = maker.buffer("spare", 256, storage);
        let styles = maker.buffer("styles", 4 * plan.styles.len, storage);
        let constants = maker.buffer("constants", 4 * plan.constants.len(), storage);
        let noises = net.noises.iter();
        let noises =
            noises.map(|noise| maker.buffer(&noise.image, 4 * noise.height * noise.width, storage)).collect::<Vec<_>>();
        let mut held = vec![];
        let mut waves = None;
        for (op, packing) in net.ops.iter().zip(&plan.packings) {
            let size = precision.size(op.out.shape, op.out.shape.channels);
            held.push(match (&op.kind, packing) {
                (_, Some(packing)) => Some(maker.buffer(&packing.weight, packing.bytes(), storage)),
                (Kind::Constant(name), _) => Some(maker.buffer(name, size, copied)),
                _ => None,
            });
            if matches!(op.kind, Kind::Waves) {
                waves = Some(maker.buffer("waves", size, copied));
            }
        }
        let words: Vec<Vec<u32>> = dispatches(plan).map(|dispatch| dispatch.params.words()).collect();
        let params = maker.buffer("numbers of dispatches", STRIDE * words.len(), BufferUsages::UNIFORM);
        let mut all = vec![0u32; STRIDE / 4 * words.len()];
        for (place, words) in all.chunks_exact_mut(STRIDE / 4).zip(&words) {
            place[..words.len()].copy_from_slice(words);
        }
        if !all.is_empty() {
            device.queue.write_buffer(&params, 0, bytemuck::cast_slice(&all));
        }
        let bytes = maker.bytes;
        let memory = Memory { slots, scratch, spare, styles, constants, noises, weights: held, waves, params, bytes };
        memory.fill(device, net, plan, weights, precision, &|_| true);
        memory
    }

    /// Writes what depends on tensors that changed.
    pub fn update(
        &self,
        device: &Device,
        net: &Net,
        plan: &Plan,
        weights: &Weights,
        precision: Precision,
        changed: &BTreeSet<Name>,
    ) {
        self.fill(device, net, plan, weights, precision, &|op| op.tensors().iter().any(|name| changed.contains(*name)));
    }

    fn fill(
        &self,
        device: &Device,
        net: &Net,
        plan: &Plan,
        weights: &Weights,
        precision: Precision,
        is_new: &dyn Fn(&Op) -> bool,
    ) {
        let list = net.ops.iter().zip(&plan.packings).zip(&self.weights);
        for ((op, packing), buffer) in list.filter(|((op, _), _)| is_new(op)) {
            let Some(buffer) = buffer else { continue };
            let tensor = |name: &Name| weights.get(name).map(|array| array.data.clone()).unwrap_or_default();
            match (&op.kind, packing) {
                (_, Some(packing)) => {
                    let packed = packing.pack(&tensor(&packing.weight));
                    device.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&packed));
                }
                (Kind::Constant(name), _) => {
                    let words = precision.pack(op.out.shape, &tensor(name));
                    device.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&words));
                }
                _ => {}
            }
            // What was written waits in memory of the queue, which a submission gives back.
            device.queue.submit([]);
        }
        if net.ops.iter().any(is_new) {
            device.queue.write_buffer(&self.constants, 0, bytemuck::cast_slice(&plan.constants.values(weights)));
        }
    }

    pub fn constant(&self, op: usize) -> Option<&wgpu::Buffer> {
        self.weights[op].as_ref()
    }

    fn source(&self, source: Source) -> &wgpu::Buffer {
        match source {
            Source::Slot(at) => &self.slots[at],
            Source::Scratch => &self.scratch,
            Source::Weights(op) => self.weights[op].as_ref().unwrap_or(&self.spare),
            Source::Styles => &self.styles,
            Source::Constants => &self.constants,
            Source::Noise(at) => &self.noises[at],
            Source::Spare => &self.spare,
        }
    }

    /// What the dispatch with this number is bound to.
    pub fn bind(&self, device: &Device, number: usize, name: &str, dispatch: &Dispatch) -> wgpu::BindGroup {
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: &self.params,
                offset: (number * STRIDE) as u64,
                size: NonZeroU64::new(STRIDE as u64),
            }),
        }];
        entries.extend(dispatch.bound.iter().map(|bound| wgpu::BindGroupEntry {
            binding: bound.number,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: self.source(bound.source),
                offset: bound.offset as u64,
                // 0: the whole buffer.
                size: NonZeroU64::new(bound.size as u64),
            }),
        }));
        let layout = &device.kernel(dispatch.kernel).layout;
        device.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(name), layout, entries: &entries })
    }
}

/// All runs of kernels, in order.
pub fn dispatches(plan: &Plan) -> impl Iterator<Item = &Dispatch> {
    plan.steps.iter().flatten().filter_map(|step| match step {
        Step::Run(dispatch) => Some(&**dispatch),
        _ => None,
    })
}
