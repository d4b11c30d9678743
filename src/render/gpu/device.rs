//! Graphics adapters: which there are, which one draws, and what it says when it cannot.
//!
//! All calls of wgpu outside the engine itself are here.  Nothing of wgpu panics through: what it reports without a
//! `Result` goes to one place ([`Faults`]), where the first of it waits to be told; follow-up errors are dropped.

use super::error;
use super::kernels::Access;
use super::kernels::Kernel;
use crate::diag::Problem;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The best card, if there is one; never an adapter that is a processor.
    Auto,
    /// The best card.
    Gpu,
    /// An adapter that is a processor, for tests of the engine.
    Software,
    /// An adapter whose name contains this, in letters of any case.
    Name(String),
}

impl Wanted {
    /// `auto`, `gpu`, `software`, or a part of a name.  (`cpu` is no adapter, and the caller's.)
    pub fn parse(text: &str) -> Wanted {
        match text {
            "auto" => Wanted::Auto,
            "gpu" => Wanted::Gpu,
            "software" => Wanted::Software,
            name => Wanted::Name(name.to_string()),
        }
    }
}

/// In the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Discrete,
    Integrated,
    Virtual,
    Other,
    /// A processor that plays a card.
    Software,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Discrete => "discrete card",
            Kind::Integrated => "integrated card",
            Kind::Virtual => "virtual card",
            Kind::Other => "adapter",
            Kind::Software => "software",
        })
    }
}

/// An adapter, as its driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    pub kind: Kind,
    /// `Vulkan`, `Metal`, `DX12`.
    pub backend: &'static str,
    pub driver: String,
    pub driver_info: String,
    pub vendor: u32,
    pub device: u32,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let driver = format!("{} {}", self.driver, self.driver_info);
        write!(f, "{}, {}, driver {}", self.name, self.backend, driver.trim())
    }
}

/// An adapter that can be opened.
pub struct Adapter {
    found: Found,
    adapter: wgpu::Adapter,
}

/// What [`choose`] found.
pub enum Choice {
    Adapter(Adapter),
    /// Nothing, which is right for [`Wanted::Auto`]: why, as the end of `CPU, 2 threads (no GPU adapter: …)`.
    Nothing(String),
}

fn instance() -> wgpu::Instance {
    // Debug builds of wgpu ask for validation layers, and every test would say that they are missing.
    let flags = wgpu::InstanceFlags::empty().with_env();
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    wgpu::Instance::new(wgpu::InstanceDescriptor { flags, ..descriptor })
}

fn found(info: wgpu::AdapterInfo) -> Found {
    Found {
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => Kind::Discrete,
            wgpu::DeviceType::IntegratedGpu => Kind::Integrated,
            wgpu::DeviceType::VirtualGpu => Kind::Virtual,
            wgpu::DeviceType::Cpu => Kind::Software,
            wgpu::DeviceType::Other => Kind::Other,
        },
        backend: match info.backend {
            wgpu::Backend::Vulkan => "Vulkan",
            wgpu::Backend::Metal => "Metal",
            wgpu::Backend::Dx12 => "DX12",
            wgpu::Backend::Gl => "GL",
            wgpu::Backend::BrowserWebGpu => "WebGPU",
            wgpu::Backend::Noop => "nothing",
        },
        name: info.name,
        driver: info.driver,
        driver_info: info.driver_info,
        vendor: info.vendor,
        device: info.device,
    }
}

fn list(instance: &wgpu::Instance) -> Vec<Adapter> {
    let all = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    all.into_iter().map(|adapter| Adapter { found: found(adapter.get_info()), adapter }).collect()
}

/// Every adapter of this machine that `WGPU_BACKEND` does not exclude.
pub fn adapters() -> Vec<Found> {
    list(&instance()).into_iter().map(|adapter| adapter.found).collect()
}

/// Why no card draws where none was demanded.
pub fn why_none() -> String {
    match choose(&Wanted::Auto) {
        Ok(Choice::Nothing(reason)) => reason,
        Ok(Choice::Adapter(adapter)) => format!("{} is not used", adapter.found),
        Err(problem) => problem.message,
    }
}

/// Which adapter of a list draws; `only` is what `WGPU_ADAPTER_NAME` says, and yields to a name that was asked for.
pub fn pick(all: &[Found], wanted: &Wanted, only: Option<&str>) -> Option<usize> {
    let has = |found: &Found, part: &str| found.name.to_lowercase().contains(&part.to_lowercase());
    let fits = |found: &Found| match wanted {
        Wanted::Name(name) => has(found, name),
        Wanted::Software => found.kind == Kind::Software && only.is_none_or(|only| has(found, only)),
        Wanted::Auto | Wanted::Gpu => found.kind != Kind::Software && only.is_none_or(|only| has(found, only)),
    };
    // The first of equals: drivers list in the order of their preference.
    (0..all.len()).filter(|&at| fits(&all[at])).min_by_key(|&at| all[at].kind)
}

/// Files of which one is there where the system has a graphics card.
const CARDS: &[&str] = &["/dev/dri", "/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/mali0", "/dev/kgsl-3d0"];

/// There can be no card, as far as can be told without a driver: starting one takes time, and some complain on machines
/// without a desktop.
fn is_bare() -> bool {
    let asked = ["WGPU_ADAPTER_NAME", "WGPU_BACKEND"].iter().any(|name| std::env::var_os(name).is_some());
    cfg!(target_os = "linux") && !asked && !CARDS.iter().any(|path| Path::new(path).exists())
}

/// The adapter that draws.  Errors: E0710 when one was asked for and is not there.
pub fn choose(wanted: &Wanted) -> Result<Choice, Problem> {
    if *wanted == Wanted::Auto && is_bare() {
        return Ok(Choice::Nothing("this system has none".into()));
    }
    let instance = instance();
    let mut all = list(&instance);
    let names: Vec<Found> = all.iter().map(|adapter| adapter.found.clone()).collect();
    let only = std::env::var("WGPU_ADAPTER_NAME").ok().filter(|name| !name.is_empty());
    if let Some(at) = pick(&names, wanted, only.as_deref()) {
        return Ok(Choice::Adapter(all.swap_remove(at)));
    }
    let shown: Vec<String> = names.iter().map(|found| format!("{found} ({})", found.kind)).collect();
    let reason = match &only {
        Some(only) if !shown.is_empty() => format!("WGPU_ADAPTER_NAME is `{}`", only.escape_debug()),
        _ if !shown.is_empty() => "software adapters alone".into(),
        _ => nothing(&instance),
    };
    let wanted = match wanted {
        Wanted::Auto => return Ok(Choice::Nothing(reason)),
        Wanted::Gpu => "GPU".to_string(),
        Wanted::Software => "software adapter".to_string(),
        Wanted::Name(name) => format!("adapter named `{}`", name.escape_debug()),
    };
    Err(error::no_device(&wanted, &shown, &reason))
}

/// Why there is no adapter at all.
fn nothing(instance: &wgpu::Instance) -> String {
    match pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())) {
        Ok(_) => "no adapter".into(),
        Err(reason) if reason.to_string().contains("could not be loaded") => "no Vulkan loader or driver found".into(),
        Err(reason) => reason.to_string(),
    }
}

impl Adapter {
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// Starts a device with all that the adapter can.  Errors: E0711.
    pub fn open(&self) -> Result<Arc<Device>, Problem> {
        let limits = self.adapter.limits();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("blend"),
            required_features: wgpu::Features::empty(),
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(self.adapter.request_device(&descriptor))
            .map_err(|reason| error::not_opened(&self.found.name, &reason.to_string()))?;
        let faults = Arc::new(Faults::default());
        let uncaptured = faults.clone();
        device.on_uncaptured_error(Arc::new(move |reason| uncaptured.tell(reason.into())));
        let lost = faults.clone();
        device.set_device_lost_callback(move |reason, text| {
            if !matches!(reason, wgpu::DeviceLostReason::Destroyed) {
                lost.tell(Fault::Lost(text));
            }
        });
        let flags = self.adapter.get_downlevel_capabilities().flags;
        let can =
            flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) && limits.max_storage_buffers_per_shader_stage >= 8;
        if !can {
            return Err(error::not_opened(&self.found.name, "its driver runs no compute programs with 8 buffers"));
        }
        let halves = flags.contains(wgpu::DownlevelFlags::SHADER_F16_IN_F32);
        let found = self.found.clone();
        Ok(Arc::new(Device { found, device, queue, limits, halves, faults, kernels: Mutex::default() }))
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    Memory,
    Refused(String),
    Lost(String),
}

impl From<wgpu::Error> for Fault {
    fn from(error: wgpu::Error) -> Fault {
        match error {
            wgpu::Error::OutOfMemory { .. } => Fault::Memory,
            other => Fault::Refused(other.to_string()),
        }
    }
}

/// The first error that nobody has been told of.
#[derive(Default)]
pub struct Faults {
    first: Mutex<Option<Fault>>,
    gone: AtomicBool,
}

impl Faults {
    pub fn tell(&self, fault: Fault) {
        if matches!(fault, Fault::Lost(_)) {
            self.gone.store(true, Ordering::Relaxed);
        }
        if let Ok(mut first) = self.first.lock() {
            first.get_or_insert(fault);
        }
    }

    /// The device was lost: another one must be opened.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    fn take(&self) -> Option<Fault> {
        self.first.lock().ok()?.take()
    }
}

/// A compiled kernel.
pub struct Compiled {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// An opened adapter; nets and threads share it, and the kernels that are compiled for it.  What goes wrong on it is told
/// to whoever looks first.
pub struct Device {
    pub found: Found,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub limits: wgpu::Limits,
    /// Programs can unpack halves.
    pub halves: bool,
    faults: Arc<Faults>,
    kernels: Mutex<BTreeMap<Kernel, Arc<Compiled>>>,
}

impl Device {
    /// Tells of the first error since the last time; `needed` is what drawing takes, in bytes.  Errors: E0712, E0713,
    /// E0714.
    pub fn check(&self, needed: usize) -> Result<(), Problem> {
        let name = &self.found.name;
        match self.faults.take() {
            None => Ok(()),
            Some(Fault::Memory) => Err(error::no_memory(name, needed)),
            Some(Fault::Refused(reason)) => Err(error::refused(name, &reason)),
            Some(Fault::Lost(reason)) => Err(error::lost(name, &reason)),
        }
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The kernel, compiled when it is first asked for.
    pub fn kernel(&self, kernel: Kernel) -> Arc<Compiled> {
        // A panic while it was held left a whole map behind.
        let mut kernels = self.kernels.lock().unwrap_or_else(|poison| poison.into_inner());
        kernels.entry(kernel).or_insert_with(|| Arc::new(self.compile(kernel))).clone()
    }

    fn compile(&self, kernel: Kernel) -> Compiled {
        let name = kernel.name();
        let label = Some(name.as_str());
        let entries: Vec<wgpu::BindGroupLayoutEntry> = kernel
            .bindings()
            .into_iter()
            .map(|(binding, access)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match access {
                        Access::Uniform => wgpu::BufferBindingType::Uniform,
                        access => wgpu::BufferBindingType::Storage { read_only: access == Access::Read },
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let layout =
            self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let whole = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(kernel.text().into()),
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&whole),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Kernels write their shared memory before they read it.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Compiled { pipeline, layout }
    }
}
