//! What is told about networks, latents and pictures that do not fit, and that nothing panics.

use super::goldens::Case;
use super::made::number;
use blend::diag::Problem;
use blend::network;
use blend::network::build::Shapes;
use blend::network::rrdb;
use blend::network::stylegan2::Facts;
use blend::render::cpu::Cpu;
use blend::render::host::Frame;
use blend::render::host::Host;
use blend::render::host::Latents;
use blend::render::host::Noises;
use blend::render::seeds::RandomState;

#[track_caller]
fn check<T>(result: Result<T, Problem>, code: &str, message: &str) {
    let Err(problem) = result else { panic!("{code} was expected") };
    assert_eq!((problem.code.0, problem.message.as_str()), (code, message));
    let help = problem.help.expect("a problem comes with help");
    assert!(help.contains('`'), "help contains what can be typed: {help}");
    assert!(help.chars().next().is_some_and(char::is_lowercase), "help begins with a verb: {help}");
}

fn described(shapes: &Shapes) -> Result<network::Net, Problem> {
    network::describe(shapes, Facts::default())
}

#[test]
fn models_that_are_no_generators() {
    let shapes = network::build::shapes([("lm_head.weight", vec![8, 8])]);
    let message = "found no generator in this model, expected StyleGAN2, StyleGAN3 or an RRDB upscaler";
    check(described(&shapes), "E0701", message);
    check(described(&Shapes::new()), "E0701", message);
    check(rrdb::describe(&shapes, 8, 8), "E0701", message);
}

#[test]
fn missing_tensors_are_named() {
    let mut shapes = Case::load("skip").weights.shapes();
    shapes.remove("synthesis.b8.conv1.bias");
    check(
        described(&shapes),
        "E0702",
        "the model lacks `synthesis.b8.conv1.bias`, which drawing a stylegan2 network needs",
    );
    shapes.remove("synthesis.b16.conv0.affine.weight");
    let problem = described(&shapes).expect_err("two are missing");
    assert!(problem.message.contains("and 1 more tensor,"), "{}", problem.message);
    assert_eq!(problem.notes, ["`synthesis.b16.conv0.affine.weight` is missing too"]);
}

#[test]
fn odd_tensors_are_named() {
    let mut shapes = Case::load("skip").weights.shapes();
    shapes.insert("synthesis.b8.conv1.noise_const".into(), vec![16, 16]);
    check(
        described(&shapes),
        "E0703",
        "`synthesis.b8.conv1.noise_const` has the shape [16, 16], but a stylegan2 network with the other tensors needs [8, 8]",
    );
    let shapes = Case::load("rrdb-2").weights.shapes();
    check(
        rrdb::describe(&shapes, 7, 8),
        "E0703",
        "`conv_first.weight` has the shape [8, 12, 3, 3], but a rrdb network with the other tensors needs a picture of 7 × 8 pixels whose blocks are 12 channels",
    );
}

#[test]
fn pictures_beyond_all_bounds() {
    let shapes = Case::load("rrdb-4").weights.shapes();
    check(
        rrdb::describe(&shapes, 1 << 16, 1 << 16),
        "E0704",
        "drawing needs a buffer of shape [3, 65536, 65536], more than 2147483648 numbers",
    );
    check(
        rrdb::describe(&shapes, 1 << 60, 1 << 3),
        "E0704",
        "drawing needs a buffer of shape [1, 1152921504606846976, 8], more than 2147483648 numbers",
    );
}

#[test]
fn latents_that_do_not_fit() {
    let case = Case::load("skip-labels");
    let host = Host::new(case.net(), &case.weights).expect("weights");
    check(host.map(&[0.0; 9], None), "E0705", "z has 9 numbers, but the network takes 10");
    check(host.map(&[0.0; 10], Some(5)), "E0705", "class 5 was asked for, but the network has the classes 0 to 4");
    check(host.latents(&[0.0; 3], 1.0, None), "E0705", "w has 3 numbers, but the network takes 11");
    check(
        host.truncated(vec![vec![0.0; 11]; 2], 1.0, None),
        "E0705",
        "w has 22 numbers, but the network takes 1 or 8 vectors of 11",
    );
    let few = Latents { vectors: vec![vec![0.0; 11]; 3] };
    check(host.frame(&few, Noises::None), "E0705", "w has 33 numbers, but the network takes 8 vectors of 11");
    check(
        host.picture(vec![0.0; 4]),
        "E0706",
        "found a picture of 4 numbers to start from, but the network takes none",
    );
    let plain = Case::load("skip");
    let host = Host::new(plain.net(), &plain.weights).expect("weights");
    check(host.map(&[0.0; 10], Some(0)), "E0705", "class 0 was asked for, but the network has no classes");
}

#[test]
fn truncation_needs_a_mean() {
    let mut case = Case::load("skip");
    let shapes: Shapes = case.weights.shapes().into_iter().filter(|entry| &*entry.0 != "mapping.w_avg").collect();
    case.weights =
        shapes.keys().map(|name| (name.clone(), case.weights.get(name).expect("a tensor").clone())).collect();
    let mut host = Host::new(case.net(), &case.weights).expect("weights");
    check(host.seed(0, None, 0.5, None), "E0705", "the model has no `mapping.w_avg`, which truncation draws towards");
    assert!(host.seed(0, None, 1.0, None).is_ok());
    host.draw_average(40).expect("a network without classes");
    let mut state = RandomState::new(0);
    let mapped: Vec<Vec<f64>> = (0..40).map(|_| host.map(&state.normals(10), None).expect("w")).collect();
    for (at, found) in host.average().expect("it was drawn").iter().enumerate() {
        let mean = mapped.iter().map(|w| w[at]).sum::<f64>() / 40.0;
        assert!((f64::from(*found) - mean).abs() < 1e-6, "{found} is not {mean}");
    }
    assert!(host.seed(0, None, 0.5, None).is_ok());
}

#[test]
fn weights_of_another_model() {
    let mut case = Case::load("skip");
    let net = case.net();
    case.weights.insert("synthesis.b8.conv1.bias", number("x", &[3], 1.0, 0.0));
    let message = "`synthesis.b8.conv1.bias` has the shape [3], but it was described as [9]";
    check(Host::new(net.clone(), &case.weights), "E0703", message);
    check(Cpu::new(net.clone(), &case.weights), "E0703", message);
    let message = "the weights lack `mapping.fc0.bias`, which the network was described with";
    check(Host::new(net, &Default::default()), "E0702", message);
}

#[test]
fn frames_of_another_net() {
    let case = Case::load("skip");
    let mut engine = Cpu::new(case.net(), &case.weights).expect("weights");
    check(
        engine.draw(&Frame::default()),
        "E0705",
        "the frame has 0 numbers, but the network takes 11 styles of its own",
    );
    let case = Case::load("rrdb-1");
    let mut engine = Cpu::new(case.net(), &case.weights).expect("weights");
    check(
        engine.draw(&Frame::default()),
        "E0706",
        "found no picture to start from, but the network takes one of shape [3, 8, 12]",
    );
}

/// Whatever is missing, and whatever size a tensor claims to have: a description or a problem.
#[test]
fn no_shape_makes_a_description_panic() {
    for name in ["skip-labels", "resnet", "r", "rrdb-2"] {
        let case = Case::load(name);
        let whole = case.weights.shapes();
        let describe = |shapes: &Shapes| match name {
            "rrdb-2" => rrdb::describe(shapes, 6, 8).map(|_| ()),
            _ => described(shapes).map(|_| ()),
        };
        for tensor in whole.keys() {
            let mut shapes = whole.clone();
            shapes.remove(tensor);
            let _ = describe(&shapes);
            for odd in [vec![], vec![0], vec![1], vec![usize::MAX; 4], vec![7, 7, 7, 7], vec![3, 0, 2], vec![1, 1]] {
                shapes.insert(tensor.clone(), odd);
                let _ = describe(&shapes);
            }
            let mut grown = whole.clone();
            for axis in 0..whole[tensor].len() {
                grown.get_mut(tensor).expect("it is there")[axis] += 1;
                let _ = describe(&grown);
            }
        }
    }
}
