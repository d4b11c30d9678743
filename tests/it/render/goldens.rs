//! Small networks as independent code draws them (`tests/golden/render.py`).

use super::made::number;
use blend::network;
use blend::network::Net;
use blend::network::rrdb;
use blend::network::stylegan2::Facts;
use blend::render::cpu::Cpu;
use blend::render::host::Frame;
use blend::render::host::Host;
use blend::render::host::Noises;
use blend::render::weights::Array;
use blend::render::weights::Weights;
use safetensors::SafeTensors;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

const ARRAYS: &[u8] = include_bytes!("../../golden/render.safetensors");

fn arrays() -> BTreeMap<String, Array> {
    let file = SafeTensors::deserialize(ARRAYS).expect("the script writes safetensors");
    let array = |(name, view): (&str, safetensors::tensor::TensorView)| {
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        (name.to_string(), Array::new(view.shape(), values))
    };
    file.iter().map(array).collect()
}

/// A network of the script: its tensors, and what it is drawn from.
pub struct Case {
    pub name: &'static str,
    pub weights: Weights,
    text: Value,
    image: Array,
}

impl Case {
    pub fn load(name: &'static str) -> Case {
        let all: Value =
            serde_json::from_str(include_str!("../../golden/render.json")).expect("the script writes JSON");
        let text = all[name].clone();
        let mut weights = Weights::default();
        for (tensor, made) in text["made"].as_object().expect("a case of that name") {
            let shape: Vec<usize> = made[0]
                .as_array()
                .expect("a shape")
                .iter()
                .map(|size| size.as_u64().expect("a size") as usize)
                .collect();
            let (scale, shift) = (made[1].as_f64().expect("a scale"), made[2].as_f64().expect("a shift"));
            weights.insert(tensor.as_str(), number(&format!("{name}/{tensor}"), &shape, scale, shift));
        }
        let mut arrays = arrays();
        for (key, array) in &arrays {
            if let Some(tensor) = key.strip_prefix(&format!("{name}/")).filter(|tensor| !tensor.starts_with('/')) {
                weights.insert(tensor, array.clone());
            }
        }
        let image = arrays.remove(&format!("{name}//image")).expect("a picture");
        Case { name, weights, text, image }
    }

    pub fn net(&self) -> Arc<Net> {
        let shapes = self.weights.shapes();
        let clamp = self.text["clamp"].as_f64().map(|clamp| clamp as f32);
        let net = match self.input() {
            Some([height, width]) => rrdb::describe(&shapes, height, width),
            None => network::describe(&shapes, Facts { clamp }),
        };
        Arc::new(net.expect("a whole network"))
    }

    fn input(&self) -> Option<[usize; 2]> {
        let size = |at: usize| self.text["input"][at].as_u64().map(|size| size as usize);
        Some([size(0)?, size(1)?])
    }

    pub fn frame(&self, host: &Host) -> Frame {
        if let Some([height, width]) = self.input() {
            let picture = number(&format!("{}/input", self.name), &[3, height, width], 0.25, 0.5);
            return host.picture(picture.data.to_vec()).expect("a picture of that size");
        }
        let class = self.text["class"].as_u64().map(|class| class as usize);
        let cutoff = self.text["cutoff"].as_u64().map(|cutoff| cutoff as usize);
        let psi = self.text["psi"].as_f64().expect("a psi");
        let seed = self.text["seed"].as_u64().expect("a seed") as u32;
        let (latents, state) = host.seed(seed, class, psi, cutoff).expect("latents");
        let noises = match self.text["noise"].as_str() {
            None => Noises::None,
            Some("drawn") => Noises::Drawn(Box::new(state)),
            Some(_) => Noises::Stored,
        };
        host.frame(&latents, noises).expect("a frame")
    }
}

/// Mean, deviation, largest magnitude and samples of a layer.
fn seen(values: &[f32]) -> Vec<f64> {
    let wide: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
    let mean = wide.iter().sum::<f64>() / wide.len() as f64;
    let spread = wide.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / wide.len() as f64;
    let largest = wide.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let samples = (0..16).map(|at| wide[at * (wide.len() - 1) / 15]);
    [mean, spread.sqrt(), largest].into_iter().chain(samples).collect()
}

/// Draws a case and compares every layer that the script kept, then the picture; the first that is off is named.
#[track_caller]
fn check(name: &'static str) {
    let case = Case::load(name);
    let net = case.net();
    let host = Host::new(net.clone(), &case.weights).expect("the weights are described");
    let mut engine = Cpu::new(net.clone(), &case.weights).expect("the weights are described");
    let layers = case.text["layers"].as_object().expect("layers");
    let mut met = 0;
    let image = engine
        .draw_with(&case.frame(&host), &mut |_, op, values| {
            let Some(wanted) = layers.get(&op.name) else { return };
            met += 1;
            let largest = wanted[2].as_f64().expect("a number");
            let head = (0..3).map(|at| wanted[at].as_f64().expect("a number"));
            let samples = wanted[3].as_array().expect("samples").iter().map(|value| value.as_f64().expect("a number"));
            for (at, (wanted, found)) in head.chain(samples).zip(seen(values)).enumerate() {
                let off = (wanted - found).abs();
                assert!(off <= 3e-5 * largest, "{name} {} number {at}: {found} is not {wanted}", op.name);
            }
        })
        .expect("a picture");
    assert_eq!(met, layers.len(), "{name}: layers of the script are operations of the description");
    let shape = [image.shape.channels, image.shape.height, image.shape.width];
    assert_eq!(shape[..], case.image.shape[..], "{name}");
    let largest = case.image.data.iter().fold(0f32, |most, value| most.max(value.abs()));
    let off = image.values.iter().zip(&*case.image.data).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(off <= 2e-5 * largest, "{name}: off by {off} of {largest}");
}

#[test]
fn stylegan2_skip() {
    check("skip");
    check("skip-labels");
    check("skip-no-label");
    check("skip-odd-filter");
}

#[test]
fn stylegan2_resnet_and_orig() {
    check("resnet");
    check("orig");
}

#[test]
fn stylegan3_t() {
    check("t");
}

#[test]
fn stylegan3_r() {
    check("r");
}

#[test]
fn stylegan3_t_64() {
    check("t-64");
}

#[test]
fn rrdb_upscalers() {
    check("rrdb-4");
    check("rrdb-2");
    check("rrdb-1");
}
