//! Networks that no family describes: dotted names kept, segments as words, the first number as layer.

use super::Canon;
use super::CanonTensor;
use super::Policy;
use super::Traits;
use crate::tensor::Affine;
use crate::tensor::Coord;
use crate::tensor::Dtype;
use crate::tensor::Header;
use crate::tensor::View;
use std::sync::Arc;

/// Id of the layout (and family) that fits everything.
pub const LAYOUT: &str = "generic";

/// A header under its own names.
pub fn canon(header: &Header) -> Canon {
    let layers = header.entries.iter().filter_map(|entry| layer(&entry.name)).max().map(|last| last + 1);
    let tensors: Vec<CanonTensor> = header
        .entries
        .iter()
        .enumerate()
        .map(|(at, entry)| CanonTensor {
            name: entry.name.as_str().into(),
            dtype: entry.dtype,
            shape: entry.shape.clone(),
            entry: at,
            view: View::contiguous(&entry.shape),
            affine: Affine::IDENTITY,
            traits: Arc::new(traits(&entry.name, entry.dtype, layers)),
        })
        .collect();
    let index = tensors.iter().enumerate().map(|(at, tensor)| (tensor.name.clone(), at)).collect();
    let facts = layers.map(|layers| ("layers".to_string(), layers.to_string())).into_iter().collect();
    Canon { family: LAYOUT.into(), layout: LAYOUT.into(), tensors, index, facts, unknown: vec![] }
}

/// The first number that is a segment of its own.
fn layer(name: &str) -> Option<u32> {
    name.split('.').find_map(|segment| segment.parse().ok())
}

/// Traits read off a name: its segments are words, its first number is the layer.
pub fn traits(name: &str, dtype: Dtype, layers: Option<u32>) -> Traits {
    let is_word = |segment: &&str| {
        segment.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && segment.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let lowered = name.to_ascii_lowercase();
    let words: Vec<Arc<str>> = lowered.split('.').filter(is_word).map(Arc::from).collect();
    let mut coords = vec![];
    if let (Some(layer), Some(layers)) = (layer(name), layers) {
        coords.push((Coord::Layer, layer as f64));
        coords.push((Coord::Depth, if layers > 1 { layer as f64 / (layers - 1) as f64 } else { 0.0 }));
    }
    let policy = match () {
        () if name.ends_with("num_batches_tracked") => Policy::First,
        () if !dtype.is_float() => Policy::Equal,
        () => Policy::Mix,
    };
    Traits { words, coords, axes: vec![], policy }
}
