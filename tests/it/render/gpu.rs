//! The engine of graphics cards, on a software adapter: kernels, networks, devices, limits, and what is told of them.

mod devices;
mod nets;
mod ops;

use super::goldens::Case;
use blend::network::Net;
use blend::network::Op;
use blend::render::cpu::Cpu;
use blend::render::gpu::Gpu;
use blend::render::gpu::Kernels;
use blend::render::gpu::Options;
use blend::render::gpu::Precision;
use blend::render::gpu::device;
use blend::render::gpu::device::Choice;
use blend::render::gpu::device::Device;
use blend::render::gpu::device::Wanted;
use blend::render::gpu::kernels;
use blend::render::host::Frame;
use blend::render::host::Host;
use blend::render::weights::Weights;
use std::sync::Arc;
use std::sync::OnceLock;

/// The software adapter, or `None` after saying that there is none (an error where everything must be there).
fn device() -> Option<Arc<Device>> {
    // Kernels that one case compiled serve the next.
    static DEVICE: OnceLock<Option<Arc<Device>>> = OnceLock::new();
    let open = || match device::choose(&Wanted::Software) {
        Ok(Choice::Adapter(adapter)) => Some(adapter.open().expect("a device")),
        Ok(Choice::Nothing(_)) => unreachable!("it was asked for"),
        Err(problem) => {
            assert!(std::env::var_os("BLEND_CI").is_none(), "{}: install mesa-vulkan-drivers", problem.message);
            eprintln!("skipped: {}: install mesa-vulkan-drivers", problem.message);
            None
        }
    };
    DEVICE.get_or_init(open).clone()
}

const SOFT: Options = Options { precision: Precision::F32, kernels: None, binding: None, groups: None, work: None };
const CARDS: Options = Options { kernels: Some(Kernels::Cards), ..SOFT };

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(1e-3, |most, value| most.max(value.abs()))
}

/// Draws a golden network with both engines; the first operation that is off is named.
#[track_caller]
fn agree(device: &Arc<Device>, case: &Case, options: Options, tolerance: f32) {
    let net = case.net();
    let host = Host::new(net.clone(), &case.weights).expect("weights");
    compare(case.name, device, &net, &case.weights, &case.frame(&host), options, tolerance);
}

#[track_caller]
fn compare(
    name: &str,
    device: &Arc<Device>,
    net: &Arc<Net>,
    weights: &Weights,
    frame: &Frame,
    options: Options,
    tolerance: f32,
) {
    let mut wanted: Vec<Vec<f32>> = vec![];
    let mut cpu = Cpu::new(net.clone(), weights).expect("weights");
    let image = cpu.draw_with(frame, &mut |_, _, values| wanted.push(values.to_vec())).expect("a picture");
    let mut gpu = Gpu::new(net.clone(), weights, device, options).expect("a net for the device");
    let mut see = |at: usize, op: &Op, values: &[f32]| {
        assert_eq!(values.len(), wanted[at].len(), "{name} {}", op.name);
        let most = largest(&wanted[at]);
        for (place, (found, wanted)) in values.iter().zip(&wanted[at]).enumerate() {
            let near = (found - wanted).abs() <= tolerance * most;
            assert!(near, "{name} {options:?} {} at {place} of {most}: {found} is not {wanted}", op.name);
        }
    };
    let seen = gpu.draw_with(frame, &mut see).expect("a picture");
    let drawn = gpu.draw(frame).expect("a picture");
    assert_eq!(seen, drawn, "{name}: looking changes nothing");
    assert_eq!((drawn.shape, drawn.range), (image.shape, image.range));
}

#[test]
fn the_hash_of_the_kernels_is_that_of_their_texts() {
    let hash = kernels::hash();
    assert_eq!((hash.len(), &hash), (12, &kernels::hash()));
    let texts: Vec<String> = kernels::all().into_iter().map(|kernel| kernel.text()).collect();
    assert_eq!(blake3::hash(texts.concat().as_bytes()).to_hex()[..12], hash);
    assert!(texts.iter().all(|text| !text.contains("unknown") && !text.contains("//%")));
}

/// Every kernel, parsed, validated, and written for all three kinds of drivers: what does not run here is not broken
/// unseen.
#[test]
fn every_kernel_is_written_for_every_kind_of_driver() {
    let mut validator = naga::valid::Validator::new(
        naga::valid::ValidationFlags::all(),
        naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32,
    );
    for kernel in kernels::all() {
        let (name, text) = (kernel.name(), kernel.text());
        let module = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|error| panic!("{name}: {}\n{text}", error.emit_to_string(&text)));
        let info =
            validator.validate(&module).unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&text)));
        naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None)
            .unwrap_or_else(|error| panic!("{name} as SPIR-V: {error}"));
        naga::back::msl::write_string(
            &module,
            &info,
            &naga::back::msl::Options { fake_missing_bindings: true, ..Default::default() },
            &naga::back::msl::PipelineOptions::default(),
        )
        .unwrap_or_else(|error| panic!("{name} as MSL: {error}"));
        let mut hlsl = String::new();
        let (options, pipeline) = (naga::back::hlsl::Options::default(), Default::default());
        naga::back::hlsl::Writer::new(&mut hlsl, &options, &pipeline)
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{name} as HLSL: {error}"));
    }
}
