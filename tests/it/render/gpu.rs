//! The engine of graphics cards.

use blend::render::gpu::kernels;

/// Every kernel, parsed, validated, and written for all three kinds of drivers: what does not run here is not broken
/// unseen.
#[test]
fn every_kernel_is_written_for_every_kind_of_driver() {
    let mut validator =
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32);
    for kernel in kernels::all() {
        let (name, text) = (kernel.name(), kernel.text());
        let module = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|error| panic!("{name}: {}\n{text}", error.emit_to_string(&text)));
        let info = validator
            .validate(&module)
            .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&text)));
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
