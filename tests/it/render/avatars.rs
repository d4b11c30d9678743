//! The shipped models and blends that blend itself builds, against the float64 reference that was delivered with them:
//! 1e-4 of the image range, with room to spare.

use super::super::run;
use blend::arch;
use blend::network;
use blend::network::Net;
use blend::network::stylegan2::Facts;
use blend::render::cpu::Cpu;
use blend::render::host::Host;
use blend::render::host::Latents;
use blend::render::host::Noises;
use blend::render::weights;
use blend::render::weights::Weights;
use blend::store;
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Of pictures from -1 to 1.
const RANGE: f64 = 2.0;

/// Part of `golden.safetensors` (`tests/golden/render.py` says which), as f64.
pub fn goldens() -> BTreeMap<String, Vec<f64>> {
    let file = SafeTensors::deserialize(include_bytes!("../../data/render/avatars.safetensors")).expect("safetensors");
    let values = |view: safetensors::tensor::TensorView| -> Vec<f64> {
        match view.dtype() {
            safetensors::Dtype::F64 => view.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            _ => view.data().as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        }
    };
    file.iter().map(|(name, view)| (name.to_string(), values(view))).collect()
}

pub struct Drawer {
    host: Host,
    engine: Cpu,
}

/// A model's description, and its weights.
pub fn loaded(path: &Path) -> (Arc<Net>, Weights) {
    let header = store::open(path, None).expect("a model");
    let canon = arch::detect(&header, None, None).expect("a layout");
    let shapes = weights::shapes_of(&canon);
    let net = Arc::new(network::describe(&shapes, Facts::default()).expect("a generator"));
    let wanted = |name: &str| net.tensors.contains_key(name);
    let weights: Weights = weights::of_checkpoint(&header, &canon, &wanted).expect("weights");
    (net, weights)
}

pub fn drawer(path: &Path) -> Drawer {
    let (net, weights) = loaded(path);
    let host = Host::new(net.clone(), &weights).expect("weights");
    Drawer { host, engine: Cpu::new(net, &weights).expect("weights") }
}

impl Drawer {
    pub fn latents(&self, seed: u32, psi: f64) -> Latents {
        self.host.seed(seed, None, psi, None).expect("latents").0
    }

    /// These w draw the picture of the seed, up to the rounding of w.
    #[track_caller]
    pub fn check_same(&mut self, vectors: &[Vec<f64>], seed: u32) {
        let given = Latents { vectors: vectors.to_vec() };
        let pictures = [given, self.latents(seed, 1.0)].map(|latents| {
            let frame = self.host.frame(&latents, Noises::Stored).expect("a frame");
            self.engine.draw(&frame).expect("a picture").values
        });
        let off = pictures[0].iter().zip(&pictures[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-4, "off by {off}");
    }

    #[track_caller]
    fn check(&mut self, name: &str, seed: u32, psi: f64, wanted: &[f64]) {
        let frame = self.host.frame(&self.latents(seed, psi), Noises::Stored).expect("a frame");
        let image = self.engine.draw(&frame).expect("a picture");
        assert_eq!(image.values.len(), wanted.len(), "{name}");
        let off = image.values.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(off <= 1e-5 * RANGE, "{name}: off by {off}");
    }
}

pub fn model(style: &str) -> std::path::PathBuf {
    run::root().join(format!("recipes/models/avatars-{style}.safetensors"))
}

#[test]
fn shipped_models_draw_their_goldens() {
    let goldens = goldens();
    for style in ["toon", "pixel", "ink"] {
        let mut drawer = drawer(&model(style));
        for seed in 0..4 {
            let w = &goldens[&format!("{style}.w")][96 * seed..96 * (seed + 1)];
            let found = &drawer.latents(seed as u32, 1.0).vectors[9];
            let off = found.iter().zip(w).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            // The reference does not round z to f32.
            assert!(off < 1e-6, "{style}.w of seed {seed}: off by {off}");
        }
        drawer.check(style, 0, 1.0, &goldens[&format!("{style}.image.psi1")]);
        drawer.check(style, 3, 0.7, &goldens[&format!("{style}.image.psi0.7")]);
    }
}

#[test]
fn every_layer_of_a_shipped_model_is_right() {
    let goldens = goldens();
    let mut drawer = drawer(&model("toon"));
    let frame = drawer.host.frame(&drawer.latents(0, 1.0), Noises::Stored).expect("a frame");
    let mut met = 0;
    let mut see = |_: usize, op: &network::Op, values: &[f32]| {
        // Of a block's picture the sum with those before is kept, which is what `torgb` writes.
        let Some(wanted) = goldens.get(&format!("toon.seed0.{}", op.name.replace("torgb", "img"))) else { return };
        met += 1;
        for (at, wanted) in wanted[3..].iter().enumerate() {
            let found = f64::from(values[at * (values.len() - 1) / 15]);
            assert!(
                (found - wanted).abs() <= 1e-5 * wanted.abs().max(1.0),
                "{} {at}: {found} is not {wanted}",
                op.name
            );
        }
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64;
        assert!((mean - wanted[0]).abs() <= 1e-5, "{}", op.name);
    };
    drawer.engine.draw_with(&frame, &mut see).expect("a picture");
    assert_eq!(met, 14, "nine convolutions and five pictures");
}

/// The same weights under other names and axes.
#[test]
fn layouts_draw_the_same_bits() {
    let place = run::Place::new();
    let text = "blend 1\nmodel m = \"../models/avatars-toon.safetensors\"\noutput \"o.safetensors\" = m { layout = \"rosinality\" }\n";
    let path = run::build(text, &place.here(), 1).remove(0);
    let draw = |path: &Path| {
        let mut drawer = drawer(path);
        let frame = drawer.host.frame(&drawer.latents(1, 0.7), Noises::Stored).expect("a frame");
        drawer.engine.draw(&frame).expect("a picture")
    };
    assert_eq!(draw(&path), draw(&model("toon")));
}

const MODELS: &str =
    "blend 1\nmodel toon = \"../models/avatars-toon.safetensors\"\nmodel ink = \"../models/avatars-ink.safetensors\"\n";

#[test]
fn blends_that_are_built_here_draw_their_goldens() {
    let goldens = goldens();
    for (name, text) in [
        ("swap16.toon-ink", "std.layer_swap(toon, ink, at = 16, mapping = toon)"),
        ("swap16.ink-toon", "std.layer_swap(ink, toon, at = 16, mapping = ink)"),
        ("linear0.5.toon-ink", "mix(toon, ink, 0.5)"),
        ("ramp.toon-ink", "mix(toon, ink, match {\n  mapping => 0\n  else => ramp(octave, 2, 6)\n})"),
    ] {
        let place = run::Place::new();
        let path = run::build(&format!("{MODELS}output \"o.safetensors\" = {text}\n"), &place.here(), 2).remove(0);
        drawer(&path).check(name, 2, 1.0, &goldens[name]);
    }
}
