//! Every kernel on odd sizes against the naive oracle in f64.

use super::super::ops::conv;
use super::super::ops::made;
use super::super::oracle;
use super::CARDS;
use super::SOFT;
use super::device;
use blend::network::Activate;
use blend::network::Activation;
use blend::network::Conv;
use blend::network::Finish;
use blend::network::Kind;
use blend::network::Net;
use blend::network::Part;
use blend::network::Sampling;
use blend::network::Shape;
use blend::network::build::Builder;
use blend::render::gpu::Gpu;
use blend::render::gpu::Options;
use blend::render::gpu::Precision;
use blend::render::gpu::device::Device;
use blend::render::host::Frame;
use blend::render::weights::Weights;
use std::sync::Arc;

/// Bindings of 30 KiB, kernels of cards, halves: all that changes how a layer is cut and read.
fn variants() -> [Options; 5] {
    let half = |options: Options| Options { precision: Precision::F16, ..options };
    [SOFT, CARDS, Options { binding: Some(30 << 10), ..SOFT }, half(SOFT), half(CARDS)]
}

/// Every operation of a net: 1e-5 of the largest value, or what halves lose.
#[track_caller]
fn agree(device: &Arc<Device>, name: &str, (net, weights, frame): (Arc<Net>, Weights, Frame), options: Options) {
    let exact = oracle::run(&net, &weights, &frame);
    let mut engine = Gpu::new(net, &weights, device, options).expect("a net");
    let tolerance = if options.precision == Precision::F16 { 4e-3 } else { 1e-5 };
    let draw = engine.draw_with(&frame, &mut |at, op, values| {
        let largest = exact[at].iter().fold(1e-3f64, |most, value| most.max(value.abs()));
        assert_eq!(values.len(), exact[at].len());
        for (place, (found, wanted)) in values.iter().zip(&exact[at]).enumerate() {
            let near = (f64::from(*found) - wanted).abs() <= tolerance * largest;
            assert!(near, "{name} {options:?} {} at {place} of {largest}: {found} is not {wanted}", op.name);
        }
    });
    draw.expect("a picture");
}

#[track_caller]
fn check(name: &str, tensors: &[(&str, &[usize])], from: Shape, describe: impl Fn(&mut Builder, Part) -> Part) {
    let Some(device) = device() else { return };
    for options in variants() {
        agree(&device, name, made(tensors, from, &describe), options);
    }
}

#[test]
fn convolutions() {
    for (inputs, outputs, height, width) in
        [(1, 1, 1, 1), (3, 8, 5, 5), (8, 24, 17, 17), (24, 3, 33, 33), (5, 40, 9, 30), (100, 70, 3, 7)]
    {
        for (kernel, pad) in [(1, 0), (3, 1), (3, 2), (4, 1)] {
            if height + 2 * pad < kernel || width + 2 * pad < kernel {
                continue;
            }
            let name = format!("{inputs} to {outputs}, {height}x{width}, kernel {kernel}, pad {pad}");
            let weight: &[usize] = &[outputs, inputs, kernel, kernel];
            check(&name, &[("c.weight", weight)], Shape::new(inputs, height, width), |b, x| {
                b.conv("c", "conv", conv(x, kernel, pad), outputs, None)
            });
        }
    }
}

#[test]
fn transposed_convolutions() {
    for (inputs, outputs, height, width, filter) in [
        (1, 1, 1, 1, &[4usize][..]),
        (3, 8, 5, 5, &[4]),
        (8, 24, 17, 4, &[1]),
        (24, 3, 4, 33, &[4, 4]),
        (80, 70, 3, 3, &[5]),
        (4, 20, 33, 5, &[6, 6]),
    ] {
        let name = format!("{inputs} to {outputs}, {height}x{width}, filter {filter:?}");
        let tensors: &[(&str, &[usize])] = &[("c.weight", &[outputs, inputs, 3, 3]), ("filter", filter)];
        check(&name, tensors, Shape::new(inputs, height, width), |b, x| {
            let sampling = Sampling::Up(b.filter("filter", &[], 4.0));
            b.conv("c", "up", Conv { sampling, ..conv(x, 3, 1) }, outputs, None)
        });
    }
}

/// Activations, clamps, biases, and three added parts, the output among them.
#[test]
fn ends_of_convolutions() {
    let slopes = Activation::Prelu("slopes".into());
    for (activation, clamp, up) in [
        (Activation::Linear, Some(0.4), false),
        (Activation::Leaky(0.2), None, true),
        (Activation::Leaky(0.0), Some(0.4), true),
        (slopes, None, false),
        (Activation::Tanh, None, true),
    ] {
        let name = format!("{activation:?}, clamp {clamp:?}, up {up}");
        let tensors: &[(&str, &[usize])] =
            &[("c.weight", &[9, 4, 3, 3]), ("c.bias", &[9]), ("slopes", &[9]), ("first.weight", &[9, 4, 1, 1])];
        check(&name, tensors, Shape::new(4, 5, 11), |b, x| {
            let factor = 1 + usize::from(up);
            b.tensor("slopes", &[9]);
            let low = b.conv("first", "first", Conv { weight: "first.weight".into(), ..conv(x, 1, 0) }, 9, None);
            let wide = |b: &mut Builder, name: &str| {
                let part = b.buffer(Shape::new(9, 5 * factor, 11 * factor));
                b.op(name, part, Kind::Nearest { x: low, factor })
            };
            let (out, one, two, three) = (wide(b, "out"), wide(b, "one"), wide(b, "two"), wide(b, "three"));
            let finish = Finish {
                activation: activation.clone(),
                clamp,
                gain: 1.3,
                add: vec![(one, -0.25), (out, 0.5), (two, 2.0), (three, 0.75)],
                ..Finish::linear(Some("c.bias".into()))
            };
            let filter = b.filter("none", &[0.125, 0.375, 0.375, 0.125], 4.0);
            let sampling = if up { Sampling::Up(filter) } else { Sampling::Same };
            b.conv("c", "conv", Conv { finish, sampling, ..conv(x, 3, 1) }, 9, Some(out))
        });
    }
}

/// Channels are written behind and in front of what is read, of one buffer.
#[test]
fn dense_blocks() {
    let tensors: &[(&str, &[usize])] = &[("c.weight", &[3, 4, 3, 3]), ("d.weight", &[4, 3, 3, 3])];
    check("dense", tensors, Shape::new(4, 7, 5), |b, x| {
        let room = b.buffer(Shape::new(11, 7, 5));
        let (front, behind, last) = (b.part(room, 0, 4), b.part(room, 4, 3), b.part(room, 7, 4));
        b.op("copy", front, Kind::Nearest { x, factor: 1 });
        b.conv("c", "behind", conv(front, 3, 1), 3, Some(behind));
        b.conv("d", "last", Conv { weight: "d.weight".into(), ..conv(behind, 3, 1) }, 4, Some(last));
        b.conv("d", "front", Conv { weight: "d.weight".into(), ..conv(behind, 3, 1) }, 4, Some(front));
        room
    });
}

#[test]
fn widened_pictures() {
    for (filter, height, width, in_place) in [
        (&[2usize][..], 1, 1, false),
        (&[4], 17, 5, true),
        (&[3], 5, 7, false),
        (&[4, 4], 33, 3, true),
        (&[5, 5], 3, 17, false),
    ] {
        let name = format!("{height}x{width}, filter {filter:?}, in place {in_place}");
        check(&name, &[("filter", filter)], Shape::new(3, height, width), |b, x| {
            let add = b.buffer(Shape::new(3, 2 * height, 2 * width));
            b.op("add", add, Kind::Nearest { x, factor: 2 });
            let filter = b.filter("filter", &[], 4.0);
            if !in_place {
                return b.upsample2("up", x, filter, Some(add));
            }
            let taps = filter.length as i64;
            let pad = ((taps + 1) / 2, (taps - 2).div_euclid(2));
            b.op("up", add, Kind::Upsample(blend::network::Upsample { x, filter, up: 2, pad, add: Some(add) }))
        });
    }
}

#[test]
fn filtered_activations() {
    let filters: [(&[usize], &[usize]); 4] = [(&[12], &[12]), (&[24], &[12]), (&[12], &[12, 12]), (&[5, 5], &[4])];
    for (up_filter, down_filter) in filters {
        for (up, low, size) in [(2, 9, 17), (4, -6, 5), (2, -11, 20)] {
            let name = format!("{up_filter:?} {down_filter:?} up {up} low {low} size {size}");
            let tensors: &[(&str, &[usize])] = &[("bias", &[3]), ("up", up_filter), ("down", down_filter)];
            check(&name, tensors, Shape::new(3, 18, 18), |b, x| {
                let (up_filter, down_filter) = (b.filter("up", &[], (up * up) as f32), b.filter("down", &[], 1.0));
                let total = (size - 1) * 2 + 1 - 18 * up as i64 + (up_filter.length + down_filter.length) as i64 - 2;
                let how = Activate {
                    x,
                    bias: "bias".into(),
                    up,
                    up_filter,
                    pad: (low, total - low),
                    slope: 0.2,
                    gain: 1.4,
                    clamp: 3.0,
                    down: 2,
                    down_filter,
                };
                b.activate("activate", how, size as usize, size as usize)
            });
        }
    }
}

#[test]
fn pixels_that_move() {
    check("nearest", &[], Shape::new(8, 5, 17), |b, x| {
        let out = b.buffer(Shape::new(8, 15, 51));
        b.op("nearest", out, Kind::Nearest { x, factor: 3 })
    });
    check("shuffle", &[], Shape::new(18, 5, 17), |b, x| {
        let out = b.buffer(Shape::new(2, 15, 51));
        b.op("shuffle", out, Kind::Shuffle { x, factor: 3 })
    });
    check("unshuffle", &[], Shape::new(3, 34, 66), |b, x| {
        let out = b.buffer(Shape::new(12, 17, 33));
        b.op("unshuffle", out, Kind::Unshuffle { x, factor: 2 })
    });
}
