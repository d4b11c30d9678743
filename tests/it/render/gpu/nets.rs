//! Whole networks against the CPU engine and the goldens.

use super::super::avatars;
use super::super::goldens::Case;
use super::super::made::number;
use super::CARDS;
use super::SOFT;
use super::agree;
use super::device;
use blend::network::Range;
use blend::picture::Image;
use blend::picture::metrics;
use blend::render::cpu::Cpu;
use blend::render::gpu::Gpu;
use blend::render::gpu::Options;
use blend::render::gpu::Precision;
use blend::render::host::Host;
use blend::render::host::Noises;
use std::sync::Arc;

/// Every operation of these: 1e-4 of its largest value from what the CPU makes of it.
#[track_caller]
fn check(names: &[&'static str], options: Options, tolerance: f32) {
    let Some(device) = device() else { return };
    for name in names {
        agree(&device, &Case::load(name), options, tolerance);
    }
}

#[test]
fn stylegan2() {
    check(&["skip", "skip-labels", "skip-no-label", "skip-odd-filter", "resnet", "orig"], SOFT, 1e-5);
}

#[test]
fn stylegan2_with_the_kernels_of_cards() {
    check(&["skip", "skip-labels", "skip-odd-filter", "resnet", "orig"], CARDS, 1e-5);
}

#[test]
fn stylegan3() {
    check(&["t", "r", "t-64"], SOFT, 2e-5);
    check(&["t", "r"], CARDS, 2e-5);
}

#[test]
fn upscalers() {
    check(&["rrdb-4", "rrdb-2", "rrdb-1"], SOFT, 1e-5);
    check(&["rrdb-4", "rrdb-2"], CARDS, 1e-5);
}

/// Bindings of a few KiB: layers in groups of channels, inputs in parts, panels that are cut.
#[test]
fn small_bindings_change_nothing_but_the_last_bits() {
    for binding in [24 << 10, 40 << 10] {
        check(&["skip", "skip-labels", "resnet", "rrdb-2"], Options { binding: Some(binding), ..SOFT }, 1e-5);
        check(&["skip-labels"], Options { binding: Some(binding), ..CARDS }, 1e-5);
    }
    check(&["t", "r"], Options { binding: Some(96 << 10), ..SOFT }, 2e-5);
}

/// Workgroups that spill into the second axis, dispatches and submissions of little work.
#[test]
fn small_dispatches_change_nothing() {
    let Some(device) = device() else { return };
    for (name, options) in [("skip-labels", SOFT), ("resnet", CARDS), ("rrdb-2", SOFT), ("t", CARDS)] {
        let case = Case::load(name);
        let host = Host::new(case.net(), &case.weights).expect("weights");
        let frame = case.frame(&host);
        let draw = |options: Options| {
            let mut gpu = Gpu::new(case.net(), &case.weights, &device, options).expect("a net");
            (gpu.draw(&frame).expect("a picture"), gpu.dispatches())
        };
        let (wanted, few) = draw(options);
        assert_eq!(draw(Options { groups: Some(40), ..options }).0, wanted, "{name}");
        let (found, many) = draw(Options { work: Some(1e4), ..options });
        assert_eq!(found, wanted, "{name}");
        assert!(many >= few, "{name}");
    }
}

/// Tier C: halves in memory, sums in f32, against the CPU engine in f32.  Returns the largest distance of a byte.
#[track_caller]
fn near(name: &str, wanted: &Image, found: &Image) -> u8 {
    let (psnr, ssim) = (metrics::psnr(wanted, found), metrics::ssim(wanted, found));
    assert!(psnr >= 40.0, "{name}: PSNR {psnr}");
    assert!(psnr.is_finite(), "{name}: halves are not seen");
    assert!(ssim >= 0.995, "{name}: SSIM {ssim}");
    let levels = wanted.bytes().iter().zip(found.bytes()).map(|(a, b)| a.abs_diff(b)).max().expect("pixels");
    assert!(levels <= 8, "{name}: {levels} levels");
    levels
}

#[test]
fn halves_are_near() {
    let Some(device) = device() else { return };
    for (name, options) in
        [("skip", SOFT), ("resnet", CARDS), ("t", SOFT), ("r", SOFT), ("rrdb-2", SOFT), ("rrdb-1", CARDS)]
    {
        let case = Case::load(name);
        let host = Host::new(case.net(), &case.weights).expect("weights");
        let frame = case.frame(&host);
        let wanted = Cpu::new(case.net(), &case.weights).expect("weights").draw(&frame).expect("a picture");
        let options = Options { precision: Precision::F16, ..options };
        let mut gpu = Gpu::new(case.net(), &case.weights, &device, options).expect("a net");
        let found = gpu.draw(&frame).expect("a picture");
        assert_eq!(gpu.about().precision, "f16");
        // These networks' pictures have any range: it becomes that of pictures.
        let largest = super::largest(&wanted.values);
        let fitted = |image: &Image| {
            let values = image.values.iter().map(|value| value / largest).collect();
            Image { range: Range::Signed, values, ..image.clone() }
        };
        near(name, &fitted(&wanted), &fitted(&found));
    }
}

/// Tier C of real pictures, which nothing was fitted to.
#[test]
fn halves_of_shipped_models_are_near() {
    let Some(device) = device() else { return };
    let mut most = 0;
    for (style, options) in [("toon", SOFT), ("ink", CARDS), ("pixel", SOFT)] {
        let (net, weights) = avatars::loaded(&avatars::model(style));
        let host = Host::new(net.clone(), &weights).expect("weights");
        let mut cpu = Cpu::new(net.clone(), &weights).expect("weights");
        let options = Options { precision: Precision::F16, ..options };
        let mut gpu = Gpu::new(net, &weights, &device, options).expect("a net");
        for seed in [0, 85] {
            let (latents, _) = host.seed(seed, None, 1.0, None).expect("latents");
            let frame = host.frame(&latents, Noises::Stored).expect("a frame");
            let (wanted, found) = (cpu.draw(&frame).expect("a picture"), gpu.draw(&frame).expect("a picture"));
            most = most.max(near(&format!("{style}, seed {seed}"), &wanted, &found));
        }
    }
    assert!(most > 0, "halves move some byte");
}

/// Tier A: the same device draws the same bits, in any order and with several pictures on their way.
#[test]
fn a_device_draws_the_same_bits_every_time() {
    let Some(device) = device() else { return };
    for (name, options) in [("skip-labels", SOFT), ("resnet", CARDS), ("t", SOFT)] {
        let case = Case::load(name);
        let host = Host::new(case.net(), &case.weights).expect("weights");
        let frame = case.frame(&host);
        let other = host.frame(&host.seed(7, None, 1.0, None).expect("latents").0, Noises::None).expect("a frame");
        let mut gpu = Gpu::new(case.net(), &case.weights, &device, options).expect("a net");
        let first = gpu.draw(&frame).expect("a picture");
        let second = gpu.draw(&other).expect("a picture");
        assert_ne!(first, second, "{name}");
        let pending = [&frame, &other, &frame, &frame].map(|frame| gpu.submit(frame).expect("it is drawn"));
        let drawn = pending.map(|pending| pending.wait().expect("a picture"));
        assert_eq!(drawn, [first.clone(), second, first.clone(), first.clone()], "{name}");
        let mut fresh = Gpu::new(case.net(), &case.weights, &device, options).expect("a net");
        assert_eq!(fresh.draw(&frame).expect("a picture"), first, "{name}");
    }
}

/// Changing some tensors of an engine is the same as a new engine.
#[test]
fn tensors_can_be_changed() {
    let Some(device) = device() else { return };
    for (name, tensors) in [
        ("skip", &["synthesis.b16.conv0.weight", "synthesis.b4.const", "synthesis.b8.conv1.bias"][..]),
        ("t", &["synthesis.L0.bias", "synthesis.L1.up_filter", "synthesis.L2.weight"]),
    ] {
        let mut case = Case::load(name);
        let net = case.net();
        let mut gpu = Gpu::new(net.clone(), &case.weights, &device, SOFT).expect("a net");
        for name in tensors {
            let name: Arc<str> = (*name).into();
            let shape = case.weights.get(&name).expect("a tensor").shape.clone();
            case.weights.insert(name.clone(), number("another", &shape, 1.0, 0.1));
            gpu.update(&case.weights, &[name.clone()].into()).expect("it fits");
            let host = Host::new(net.clone(), &case.weights).expect("weights");
            let frame = case.frame(&host);
            let mut fresh = Gpu::new(net.clone(), &case.weights, &device, SOFT).expect("a net");
            assert_eq!(gpu.draw(&frame).expect("a picture"), fresh.draw(&frame).expect("a picture"), "{name}");
        }
    }
}

/// Tier B, and the delivered float64 goldens themselves.
#[test]
fn shipped_models_draw_their_goldens() {
    let Some(device) = device() else { return };
    let goldens = avatars::goldens();
    for style in ["toon", "ink"] {
        let (net, weights) = avatars::loaded(&avatars::model(style));
        let host = Host::new(net.clone(), &weights).expect("weights");
        let (latents, _) = host.seed(0, None, 1.0, None).expect("latents");
        let frame = host.frame(&latents, Noises::Stored).expect("a frame");
        let image = Gpu::new(net, &weights, &device, SOFT).expect("a net").draw(&frame).expect("a picture");
        let wanted = &goldens[&format!("{style}.image.psi1")];
        assert_eq!(image.values.len(), wanted.len());
        let off = image.values.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(off <= 1e-4, "{style}: off by {off}");
    }
}
