//! Every operation on odd sizes against the naive oracle, and the same bits whoever draws.

use super::goldens::Case;
use super::made::number;
use super::oracle;
use blend::network::Activate;
use blend::network::Activation;
use blend::network::Conv;
use blend::network::Finish;
use blend::network::Kind;
use blend::network::Net;
use blend::network::Part;
use blend::network::Range;
use blend::network::Sampling;
use blend::network::Shape;
use blend::network::build::Builder;
use blend::network::build::Shapes;
use blend::network::build::shapes;
use blend::render::cpu::Cpu;
use blend::render::cpu::Kernel;
use blend::render::host::Frame;
use blend::render::host::Host;
use blend::render::weights::Array;
use blend::render::weights::Weights;
use std::sync::Arc;

/// Every operation of a net against the oracle: 1e-5 of the largest value of the layer.
#[track_caller]
fn agree(name: &str, net: &Arc<Net>, weights: &Weights, frame: &Frame) {
    let exact = oracle::run(net, weights, frame);
    for kernel in Kernel::all() {
        let mut engine = Cpu::with_kernel(net.clone(), weights, kernel).expect("the weights are described");
        let draw = engine.draw_with(frame, &mut |at, op, values| {
            let largest = exact[at].iter().fold(1e-3f64, |most, value| most.max(value.abs()));
            assert_eq!(values.len(), exact[at].len());
            for (place, (found, wanted)) in values.iter().zip(&exact[at]).enumerate() {
                let off = (f64::from(*found) - wanted).abs();
                // A layer is computed from rounded ones: the error grows along the net.
                assert!(off <= 1e-5 * largest, "{name} {} {kernel:?} at {place}: {found} is not {wanted}", op.name);
            }
        });
        draw.expect("a picture");
    }
}

/// A net of one operation (and those that feed it), from a picture.
#[track_caller]
fn check(name: &str, tensors: &[(&str, &[usize])], from: Shape, describe: impl Fn(&mut Builder, Part) -> Part) {
    let (net, weights, frame) = made(tensors, from, describe);
    agree(name, &net, &weights, &frame);
}

/// Such a net, weights for it, and a picture.
pub fn made(
    tensors: &[(&str, &[usize])],
    from: Shape,
    describe: impl Fn(&mut Builder, Part) -> Part,
) -> (Arc<Net>, Weights, Frame) {
    let shapes: Shapes = shapes(tensors.iter().map(|(name, shape)| (*name, shape.to_vec())));
    let mut builder = Builder::new("test", &shapes);
    let picture = builder.buffer(from);
    let out = describe(&mut builder, picture);
    let net = Arc::new(builder.finish(None, Some(picture), out, Range::Signed).expect("a net"));
    let weights: Weights = shapes.iter().map(|(name, shape)| (name.clone(), number(name, shape, 0.5, 0.1))).collect();
    let host = Host::new(net.clone(), &weights).expect("weights");
    let values = number("picture", &[from.channels, from.height, from.width], 1.0, 0.0).data.to_vec();
    let frame = host.picture(values).expect("a frame");
    (net, weights, frame)
}

pub fn conv(x: Part, kernel: usize, pad: usize) -> Conv {
    Conv {
        x,
        weight: "c.weight".into(),
        kernel,
        pad,
        scale: 0.7,
        modulation: None,
        sampling: Sampling::Same,
        finish: Finish::linear(None),
    }
}

#[test]
fn convolutions_of_odd_sizes() {
    for (inputs, outputs, height, width) in
        [(1, 1, 1, 1), (3, 5, 5, 5), (8, 24, 17, 17), (24, 8, 33, 33), (5, 7, 9, 70), (40, 13, 6, 4), (100, 3, 3, 16)]
    {
        for (kernel, pad) in [(1, 0), (3, 1), (3, 2), (3, 0), (4, 1), (5, 2)] {
            if height + 2 * pad < kernel || width + 2 * pad < kernel {
                continue;
            }
            let name = format!("{inputs} to {outputs}, {height}x{width}, kernel {kernel}, pad {pad}");
            let weight: &[usize] = &[outputs, inputs, kernel, kernel];
            let from = Shape::new(inputs, height, width);
            check(&name, &[("c.weight", weight)], from, |b, x| {
                b.conv("c", "conv", conv(x, kernel, pad), outputs, None)
            });
        }
    }
}

/// Few outputs have a kernel of their own, more outputs panels: the order of a sum is the same.
#[test]
fn few_outputs_have_the_bits_of_many() {
    for (inputs, height, width) in [(1, 1, 1), (8, 5, 7), (13, 33, 3), (300, 9, 70), (580, 1, 40), (24, 64, 80)] {
        let many = 9;
        let weights = number("c.weight", &[many, inputs], 0.5, 0.1);
        let drawn = |outputs: usize| {
            let from = Shape::new(inputs, height, width);
            let tensors: &[(&str, &[usize])] = &[("c.weight", &[outputs, inputs, 1, 1])];
            let (net, mut own, frame) = made(tensors, from, |b, x| b.conv("c", "conv", conv(x, 1, 0), outputs, None));
            let few = weights.data[..outputs * inputs].to_vec();
            own.insert("c.weight", Array::new(&[outputs, inputs, 1, 1], few));
            let image = Cpu::new(net, &own).expect("weights").draw(&frame).expect("a picture");
            image.values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>()
        };
        let wanted = drawn(many);
        for outputs in 1..=5 {
            let found = drawn(outputs);
            assert!(found == wanted[..found.len()], "{inputs} to {outputs}, {height}x{width}");
        }
    }
}

#[test]
fn transposed_convolutions_and_their_filters() {
    let sizes =
        [(1, 1, 1, 1), (3, 9, 5, 5), (8, 24, 17, 4), (24, 8, 4, 33), (300, 5, 3, 3), (130, 3, 8, 8), (80, 9, 9, 7)];
    for (inputs, outputs, height, width) in sizes {
        for filter in [&[1usize][..], &[2], &[3], &[4], &[5], &[4, 4], &[6, 6]] {
            let name = format!("{inputs} to {outputs}, {height}x{width}, filter {filter:?}");
            let tensors: &[(&str, &[usize])] = &[("c.weight", &[outputs, inputs, 3, 3]), ("filter", filter)];
            check(&name, tensors, Shape::new(inputs, height, width), |b, x| {
                let sampling = Sampling::Up(b.filter("filter", &[], 4.0));
                b.conv("c", "up", Conv { sampling, ..conv(x, 3, 1) }, outputs, None)
            });
        }
    }
}

#[test]
fn all_of_a_transposed_convolutions_bands() {
    // More rows and channels than one job takes.
    let tensors: &[(&str, &[usize])] = &[("c.weight", &[33, 1, 3, 3]), ("filter", &[4])];
    check("many rows", tensors, Shape::new(1, 70, 150), |b, x| {
        let sampling = Sampling::Up(b.filter("filter", &[], 4.0));
        b.conv("c", "up", Conv { sampling, ..conv(x, 3, 1) }, 33, None)
    });
}

#[test]
fn ends_of_convolutions() {
    let slopes = Activation::Prelu("slopes".into());
    for activation in [Activation::Linear, Activation::Leaky(0.2), Activation::Leaky(0.0), slopes, Activation::Tanh] {
        for clamp in [None, Some(0.4)] {
            for sampling_up in [false, true] {
                let name = format!("{activation:?}, clamp {clamp:?}, up {sampling_up}");
                let tensors: &[(&str, &[usize])] =
                    &[("c.weight", &[9, 4, 3, 3]), ("c.bias", &[9]), ("slopes", &[9]), ("first.weight", &[9, 4, 1, 1])];
                check(&name, tensors, Shape::new(4, 6, 11), |b, x| {
                    let factor = 1 + usize::from(sampling_up);
                    b.tensor("slopes", &[9]);
                    let low = Conv { weight: "first.weight".into(), ..conv(x, 1, 0) };
                    let low = b.conv("first", "first", low, 9, None);
                    let other = b.buffer(Shape::new(9, 6 * factor, 11 * factor));
                    b.op("other", other, Kind::Nearest { x: low, factor });
                    let out = b.buffer(other.shape);
                    b.op("out", out, Kind::Nearest { x: low, factor });
                    let finish = Finish {
                        activation: activation.clone(),
                        clamp,
                        gain: 1.3,
                        add: vec![(out, 0.5), (other, -0.25)],
                        ..Finish::linear(Some("c.bias".into()))
                    };
                    let sampling = if sampling_up {
                        Sampling::Up(b.filter("none", &[0.125, 0.375, 0.375, 0.125], 4.0))
                    } else {
                        Sampling::Same
                    };
                    b.conv("c", "conv", Conv { finish, sampling, ..conv(x, 3, 1) }, 9, Some(out))
                });
            }
        }
    }
}

#[test]
fn dense_blocks_write_behind_what_they_read() {
    let tensors: &[(&str, &[usize])] = &[("c.weight", &[3, 4, 3, 3]), ("d.weight", &[4, 3, 3, 3])];
    check("dense", tensors, Shape::new(4, 7, 5), |b, x| {
        let room = b.buffer(Shape::new(11, 7, 5));
        let (front, behind, last) = (b.part(room, 0, 4), b.part(room, 4, 3), b.part(room, 7, 4));
        b.op("copy", front, Kind::Nearest { x, factor: 1 });
        b.conv("c", "behind", conv(front, 3, 1), 3, Some(behind));
        b.conv("d", "last", Conv { weight: "d.weight".into(), ..conv(behind, 3, 1) }, 4, Some(last));
        // And in front of what is read.
        b.conv("d", "front", Conv { weight: "d.weight".into(), ..conv(behind, 3, 1) }, 4, Some(front));
        room
    });
}

#[test]
fn widened_pictures() {
    for filter in [&[2usize][..], &[3], &[4], &[6], &[4, 4], &[5, 5]] {
        for (height, width) in [(1, 1), (5, 7), (40, 3)] {
            for in_place in [false, true] {
                let name = format!("{height}x{width}, filter {filter:?}, in place {in_place}");
                check(&name, &[("filter", filter)], Shape::new(2, height, width), |b, x| {
                    let add = b.buffer(Shape::new(2, 2 * height, 2 * width));
                    b.op("add", add, Kind::Nearest { x, factor: 2 });
                    let filter = b.filter("filter", &[], 4.0);
                    if !in_place {
                        return b.upsample2("up", x, filter, Some(add));
                    }
                    let taps = filter.length as i64;
                    let pad = ((taps + 1) / 2, (taps - 2).div_euclid(2));
                    let how = blend::network::Upsample { x, filter, up: 2, pad, add: Some(add) };
                    b.op("up", add, Kind::Upsample(how))
                });
            }
        }
    }
}

#[test]
fn filtered_activations() {
    let filters: [(&[usize], &[usize]); 5] =
        [(&[12], &[12]), (&[24], &[12]), (&[12], &[12, 12]), (&[5, 5], &[4]), (&[3, 3], &[5, 5])];
    for (up_filter, down_filter) in filters {
        for (up, low, size) in [(2, 9, 36), (4, -6, 5), (2, -11, 40), (2, 1, 3)] {
            let name = format!("{up_filter:?} {down_filter:?} up {up} low {low} size {size}");
            let tensors: &[(&str, &[usize])] = &[("bias", &[2]), ("up", up_filter), ("down", down_filter)];
            check(&name, tensors, Shape::new(2, 38, 38), |b, x| {
                let (up_filter, down_filter) = (b.filter("up", &[], (up * up) as f32), b.filter("down", &[], 1.0));
                let total = (size - 1) * 2 + 1 - 38 * up as i64 + (up_filter.length + down_filter.length) as i64 - 2;
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
    check("nearest", &[], Shape::new(2, 3, 5), |b, x| {
        let out = b.buffer(Shape::new(2, 9, 15));
        b.op("nearest", out, Kind::Nearest { x, factor: 3 })
    });
    check("shuffle", &[], Shape::new(18, 3, 5), |b, x| {
        let out = b.buffer(Shape::new(2, 9, 15));
        b.op("shuffle", out, Kind::Shuffle { x, factor: 3 })
    });
    check("unshuffle", &[], Shape::new(2, 6, 4), |b, x| {
        let out = b.buffer(Shape::new(8, 3, 2));
        b.op("unshuffle", out, Kind::Unshuffle { x, factor: 2 })
    });
}

/// Whole nets: every layer against the oracle.
#[test]
fn whole_networks_agree_with_the_oracle() {
    for name in ["skip-labels", "resnet", "skip-odd-filter", "rrdb-2"] {
        let case = Case::load(name);
        let net = case.net();
        let host = Host::new(net.clone(), &case.weights).expect("weights");
        agree(name, &net, &case.weights, &case.frame(&host));
    }
}

/// Threads and instruction sets cannot be seen in a picture.
#[test]
fn pictures_are_the_same_for_every_kernel_and_number_of_threads() {
    for name in ["skip-labels", "resnet", "r", "rrdb-4"] {
        let case = Case::load(name);
        let net = case.net();
        let mut pictures: Vec<Vec<u32>> = vec![];
        for (kernel, threads) in Kernel::all().into_iter().zip([1, 2, 7]).chain([(Kernel::best(), 5)]) {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pictures.push(pool.install(|| {
                let host = Host::new(net.clone(), &case.weights).expect("weights");
                let mut engine = Cpu::with_kernel(net.clone(), &case.weights, kernel).expect("weights");
                let frame = case.frame(&host);
                let first = engine.draw(&frame).expect("a picture");
                // Nothing is left over from the picture before.
                assert_eq!(engine.draw(&frame).expect("a picture"), first);
                first.values.iter().map(|value| value.to_bits()).collect()
            }));
        }
        assert!(pictures.windows(2).all(|pair| pair[0] == pair[1]), "{name}");
    }
}

/// Changing one tensor of an engine is the same as a new engine.
#[test]
fn tensors_can_be_changed() {
    let mut case = Case::load("skip");
    let net = case.net();
    let mut engine = Cpu::new(net.clone(), &case.weights).expect("weights");
    let name: Arc<str> = "synthesis.b16.conv0.weight".into();
    let shape = case.weights.get(&name).expect("a tensor").shape.clone();
    case.weights.insert(name.clone(), number("another", &shape, 1.0, 0.0));
    engine.update(&case.weights, &[name].into()).expect("it fits");
    let host = Host::new(net.clone(), &case.weights).expect("weights");
    let frame = case.frame(&host);
    let fresh = Cpu::new(net.clone(), &case.weights).expect("weights").draw(&frame).expect("a picture");
    assert_eq!(engine.draw(&frame).expect("a picture"), fresh);
}
