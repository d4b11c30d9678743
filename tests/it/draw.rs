//! Models of a recipe drawn without writing them.

use super::run;
use blend::check::Settings;
use blend::compile::Compiled;
use blend::draw;
use blend::draw::Easel;
use blend::draw::Put;
use blend::exec;
use blend::exec::Progress;
use blend::hir::InputId;
use blend::hir::Literal;
use blend::plan::Subject;
use blend::plan::drawing;
use blend::plan::input_files;
use blend::render::device::Device;
use blend::render::drawer::Look;
use blend::render::drawer::Start;

const RECIPE: &str = r#"blend 1
model toon = "avatars-toon.safetensors"
model ink = "avatars-ink.safetensors"
param strength = 0.25
let mixed = match {
  resolution 16 => mix(toon, ink, strength)
  else => toon
}
output "out.safetensors" = mixed { dtype = f16 }
"#;

fn compiled(strength: f64) -> Compiled {
    let settings = Settings { sets: vec![("strength".into(), Literal::Number(strength))], ..Settings::default() };
    run::compile(RECIPE, &run::root().join("recipes/models"), &settings).unwrap_or_else(|text| panic!("{text}")).0
}

fn put(easel: &mut Easel, compiled: &Compiled, subject: Subject) -> (Put, Vec<f32>) {
    let drawing = drawing(&compiled.recipe, &compiled.graph, subject, None).expect("a drawing");
    let inputs = draw::open(&input_files(&compiled.recipe)).expect("files");
    let put = easel.put(&drawing, &inputs, &Progress::default()).expect("weights");
    let images = easel.draw(&[Start::Seed(3)], &Look::default(), &Progress::default()).expect("a picture");
    (put, images[0].values.clone())
}

/// What a file of the output draws.
fn built(compiled: &mut Compiled) -> Vec<f32> {
    let folder = tempfile::tempdir().expect("a folder");
    compiled.plan.outputs[0].path = folder.path().join("out.safetensors");
    exec::run(&compiled.recipe, &compiled.plan, &exec::Options::default(), &Progress::default()).expect("a build");
    let text = "blend 1\nmodel a = \"out.safetensors\"\noutput \"b.safetensors\" = a\n";
    let (again, _) = run::compile(text, folder.path(), &Settings::default()).expect("a recipe");
    put(&mut Easel::new(Device::Cpu), &again, Subject::Input(InputId(0))).1
}

#[test]
fn only_what_differs_is_computed() {
    let mut easel = Easel::new(Device::Cpu);
    let mut quarter = compiled(0.25);
    let (first, picture) = put(&mut easel, &quarter, Subject::Output(0));
    assert_eq!(first.computed, first.tensors);
    let (again, same) = put(&mut easel, &quarter, Subject::Output(0));
    assert_eq!((again.computed, &same), (0, &picture));
    // Resolution 16: two convolutions, their affines and biases and noise, ToRGB.
    let mut more = compiled(0.5);
    let (half, other) = put(&mut easel, &more, Subject::Output(0));
    assert_eq!((half.computed, half.tensors), (16, 92));
    assert_ne!(other, picture);
    // Pictures are those of the file that a build writes, whose numbers have half precision.
    assert_eq!(other, built(&mut more));
    assert_eq!(picture, built(&mut quarter));
    let (_, toon) = put(&mut easel, &more, Subject::Input(InputId(0)));
    let (_, fresh) = put(&mut Easel::new(Device::Cpu), &more, Subject::Input(InputId(0)));
    assert_eq!(toon, fresh, "nothing of the model before is left");
    let (_, back) = put(&mut easel, &quarter, Subject::Output(0));
    assert_eq!(back, picture);
}
