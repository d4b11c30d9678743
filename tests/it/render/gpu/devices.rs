//! Which adapter draws, and what is told when none does or a net does not fit.

use super::super::goldens::Case;
use super::super::made::number;
use super::SOFT;
use super::device;
use blend::diag::Problem;
use blend::picture::Image;
use blend::render::device::Begun;
use blend::render::device::Engine;
use blend::render::device::engine;
use blend::render::gpu::Gpu;
use blend::render::gpu::Options;
use blend::render::gpu::device as devices;
use blend::render::gpu::device::Choice;
use blend::render::gpu::device::Device;
use blend::render::gpu::device::Fault;
use blend::render::gpu::device::Found;
use blend::render::gpu::device::Kind;
use blend::render::gpu::device::Wanted;
use blend::render::gpu::kernels;
use blend::render::host::Frame;
use blend::render::host::Host;
use std::sync::Arc;

fn found(name: &str, kind: Kind) -> Found {
    let (driver, driver_info) = ("NVIDIA".to_string(), "580.65.06".to_string());
    Found { name: name.into(), kind, backend: "Vulkan", driver, driver_info, vendor: 0x10de, device: 1 }
}

#[track_caller]
fn pick(wanted: &str, only: Option<&str>, expected: Option<usize>) {
    let all = [
        found("llvmpipe (LLVM 15.0.6, 256 bits)", Kind::Software),
        found("Intel(R) UHD Graphics", Kind::Integrated),
        found("NVIDIA H100 80GB HBM3", Kind::Discrete),
        found("NVIDIA H100 80GB HBM3", Kind::Discrete),
    ];
    assert_eq!(devices::pick(&all, &Wanted::parse(wanted), only), expected, "{wanted} {only:?}");
    assert_eq!(devices::pick(&all[..1], &Wanted::parse("auto"), None), None, "software is never chosen by itself");
}

#[test]
fn adapters_are_chosen() {
    pick("auto", None, Some(2));
    pick("gpu", None, Some(2));
    pick("auto", Some("intel"), Some(1));
    pick("gpu", Some("llvmpipe"), None);
    pick("gpu", Some("radeon"), None);
    pick("software", None, Some(0));
    pick("software", Some("nvidia"), None);
    pick("h100", None, Some(2));
    pick("UHD", Some("nvidia"), Some(1));
    pick("llvm", None, Some(0));
    pick("radeon", None, None);
}

#[track_caller]
fn check<T>(result: Result<T, Problem>, code: &str, message: &str) {
    let Err(problem) = result else { panic!("{code} was expected") };
    assert_eq!((problem.code.0, problem.message.as_str()), (code, message));
    let help = problem.help.expect("a problem comes with help");
    assert!(help.contains('`') && help.contains("--device"), "help contains what can be typed: {help}");
}

/// Whatever this machine has.
#[test]
fn a_device_that_is_not_there() {
    let all = devices::adapters();
    let name = Wanted::Name("no such card".into());
    check(devices::choose(&name), "E0710", "found no adapter named `no such card` to draw with");
    if all.iter().all(|found| found.kind == Kind::Software) {
        check(devices::choose(&Wanted::Gpu), "E0710", "found no GPU to draw with");
        match devices::choose(&Wanted::Auto) {
            Ok(Choice::Nothing(reason)) => assert!(!reason.is_empty()),
            _ => panic!("software is never chosen by itself"),
        }
    }
}

fn drawn(engine: &mut dyn Engine, frame: &Frame) -> Image {
    engine.begin(frame).and_then(Begun::wait).expect("a picture")
}

/// As `--device` asks.
#[test]
fn engines_are_chosen() {
    let Some(_) = device() else { return };
    let case = Case::load("skip");
    let host = Host::new(case.net(), &case.weights).expect("weights");
    let frame = case.frame(&host);
    let engine = |text: &str| engine(&text.parse().expect("any text is a device"), &case.net(), &case.weights);
    let mut cpu = engine("cpu").expect("a processor");
    let wanted = drawn(cpu.as_mut(), &frame);
    for name in ["software", "llvmpipe"] {
        let mut gpu = engine(name).expect("it was there");
        let found = drawn(gpu.as_mut(), &frame);
        let off = found.values.iter().zip(&wanted.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-3 && found != wanted, "{name}: off by {off}");
        let about = gpu.about();
        assert!(about.line.contains("llvmpipe") && about.line.contains(", f32, kernels "), "{}", about.line);
        assert!(
            about.facts.contains(&("kernels", kernels::hash())) && about.facts.contains(&("backend", "Vulkan".into()))
        );
    }
    check(engine("no such card"), "E0710", "found no adapter named `no such card` to draw with");
    let mut auto = engine("auto").expect("something that draws");
    let about = auto.about();
    if about.line.starts_with("CPU") {
        assert_eq!(drawn(auto.as_mut(), &frame), wanted);
        assert!(about.line.contains(" (no graphics card: "), "{}", about.line);
        assert!(about.facts.iter().any(|fact| fact.0 == "fallback"));
    }
}

#[test]
fn what_draws_is_described() {
    let Some(device) = device() else { return };
    let case = Case::load("skip");
    let gpu = Gpu::new(case.net(), &case.weights, &device, SOFT).expect("a net");
    let about = gpu.about();
    assert_eq!((about.device.kind, about.precision), (Kind::Software, "f32"));
    let line = about.line();
    let end = format!(", f32, kernels {}", kernels::hash());
    assert!(line.contains(", Vulkan, driver ") && line.ends_with(&end), "{line}");
    assert!(line.starts_with(&about.device.name), "{line}");
    // Slots, weights and little more.
    let weights: usize =
        case.net().tensors.keys().filter_map(|name| case.weights.get(name)).map(|a| 4 * a.data.len()).sum();
    assert!(
        gpu.bytes() >= case.net().slots.bytes() && gpu.bytes() < 3 * (weights + case.net().slots.bytes()) + (1 << 20)
    );
    assert_eq!(found("A", Kind::Discrete).to_string(), "A, Vulkan, driver NVIDIA 580.65.06");
}

#[test]
fn layers_beyond_a_device() {
    let Some(device) = device() else { return };
    let case = Case::load("skip");
    let options = Options { binding: Some(1 << 10), ..SOFT };
    let Err(problem) = Gpu::new(case.net(), &case.weights, &device, options) else { panic!("1 KiB is too little") };
    assert_eq!(problem.code.0, "E0715");
    assert!(problem.message.contains("at once, but programs on llvmpipe"), "{}", problem.message);
    // Whatever the limit: a net, or this problem.
    for name in ["skip-labels", "resnet", "t", "rrdb-2"] {
        let case = Case::load(name);
        for binding in [0, 1, 255, 256, 300, 600, 4 << 10, 12 << 10] {
            let options = Options { binding: Some(binding), ..SOFT };
            match Gpu::new(case.net(), &case.weights, &device, options) {
                Ok(gpu) => assert!(gpu.dispatches() > 0),
                Err(problem) => assert_eq!(problem.code.0, "E0715", "{name} {binding}: {}", problem.message),
            }
        }
    }
}

#[test]
fn weights_and_frames_of_another_net() {
    let Some(device) = device() else { return };
    let mut case = Case::load("skip");
    let mut gpu = Gpu::new(case.net(), &case.weights, &device, SOFT).expect("a net");
    let Err(problem) = gpu.draw(&Frame::default()) else { panic!("an empty frame") };
    assert_eq!(problem.code.0, "E0705");
    let net = case.net();
    case.weights.insert("synthesis.b8.conv1.bias", number("x", &[3], 1.0, 0.0));
    let Err(problem) = gpu.update(&case.weights, &["synthesis.b8.conv1.bias".into()].into()) else {
        panic!("3 biases")
    };
    assert_eq!(problem.code.0, "E0703");
    let Err(problem) = Gpu::new(net.clone(), &case.weights, &device, SOFT) else { panic!("3 biases") };
    assert_eq!(problem.code.0, "E0703");
    let Err(problem) = Gpu::new(net, &Default::default(), &device, SOFT) else { panic!("no weights") };
    assert_eq!(problem.code.0, "E0702");
}

/// A device of its own, where other tests do not hear of what goes wrong.
fn alone() -> Option<Arc<Device>> {
    device()?;
    match devices::choose(&Wanted::Software) {
        Ok(Choice::Adapter(adapter)) => Some(adapter.open().expect("a device")),
        _ => panic!("it was there"),
    }
}

/// Whatever goes wrong on a device is told once, by the next call that could notice; nothing panics.
#[test]
fn faults_of_drivers_are_told() {
    let Some(device) = alone() else { return };
    let case = Case::load("skip");
    let host = Host::new(case.net(), &case.weights).expect("weights");
    let frame = case.frame(&host);
    let mut gpu = Gpu::new(case.net(), &case.weights, &device, SOFT).expect("a net");
    let picture = gpu.draw(&frame).expect("a picture");
    let name = &device.found.name;
    for (fault, code, message) in [
        (Fault::Memory, "E0713", format!("{name} has not enough free memory: drawing takes ")),
        (Fault::Refused("a\n\n  b\nc.".into()), "E0712", format!("{name} refuses to draw: a … c")),
        (Fault::Lost(String::new()), "E0714", format!("{name} stopped in the middle of drawing: it gives no reason")),
    ] {
        device.faults().tell(fault);
        device.faults().tell(Fault::Refused("what follows from it".into()));
        let Err(problem) = gpu.draw(&frame) else { panic!("{code} was expected") };
        assert!(problem.code.0 == code && problem.message.starts_with(&message), "{}", problem.message);
        assert!(problem.help.is_some_and(|help| help.contains("`--device cpu`")));
        assert_eq!(gpu.draw(&frame).expect("a picture"), picture);
    }
    // A real one.
    let limits = &device.limits;
    let size = limits.max_buffer_size.saturating_add(4);
    let usage = wgpu::BufferUsages::COPY_DST;
    drop(device.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false }));
    let Err(problem) = gpu.draw(&frame) else { panic!("a buffer beyond the limits") };
    assert_eq!(problem.code.0, "E0712", "{}", problem.message);
}

/// A device that goes away, before and during a picture.
#[test]
fn lost_devices_are_told() {
    let Some(device) = alone() else { return };
    let case = Case::load("skip");
    let host = Host::new(case.net(), &case.weights).expect("weights");
    let frame = case.frame(&host);
    let mut gpu = Gpu::new(case.net(), &case.weights, &device, SOFT).expect("a net");
    let pending = gpu.submit(&frame).expect("it is drawn");
    device.device.destroy();
    // What was submitted may still arrive.
    if let Err(problem) = pending.wait() {
        assert!(problem.code.0.starts_with("E071"), "{}", problem.message);
    }
    for _ in 0..2 {
        let Err(problem) = gpu.draw(&frame) else { panic!("the device is gone") };
        assert!(["E0712", "E0714"].contains(&problem.code.0), "{}", problem.message);
    }
    let Err(problem) = Gpu::new(case.net(), &case.weights, &device, SOFT) else { panic!("the device is gone") };
    assert!(["E0712", "E0714"].contains(&problem.code.0), "{}", problem.message);
}
