//! Networks that no family describes: dotted names kept, segments as words, the first number as layer.

use super::Canon;
use super::CanonTensor;
use super::Policy;
use super::Traits;
use super::template::Binding;
use crate::tensor::Affine;
use crate::tensor::Coord;
use crate::tensor::Dtype;
use crate::tensor::Header;
use std::sync::Arc;

/// Id of the layout (and family) that fits everything.
pub const LAYOUT: &str = "generic";

/// The word of a tensor that its layout does not know.
pub const EXTRA: &str = "extra";

/// Most words of one tensor: a name of a million segments is an attack, not a network.
const MOST_WORDS: usize = 64;

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
            view: entry.view(),
            ops: Arc::default(),
            affine: Affine::IDENTITY,
            traits: Arc::new(traits(&entry.name, entry.dtype, layers)),
            numbers: Binding::new(),
            implied: false,
        })
        .collect();
    let index = tensors.iter().enumerate().map(|(at, tensor)| (tensor.name.clone(), at)).collect();
    let facts = layers.map(|layers| ("layers".to_string(), layers.to_string())).into_iter().collect();
    Canon {
        family: LAYOUT.into(),
        layout: LAYOUT.into(),
        tensors,
        index,
        numbers: Binding::new(),
        facts,
        unknown: vec![],
        remarks: vec![],
        own: None,
    }
}

/// The first number that is a segment of its own: digits without leading zeros, at most nine of them.
fn layer(name: &str) -> Option<u32> {
    let is_number = |segment: &&str| {
        (1..=9).contains(&segment.len())
            && segment.bytes().all(|byte| byte.is_ascii_digit())
            && (*segment == "0" || !segment.starts_with('0'))
    };
    name.split('.').find(is_number)?.parse().ok()
}

/// Traits read off a name: its segments are words, its first number is the layer.
pub fn traits(name: &str, dtype: Dtype, layers: Option<u32>) -> Traits {
    let is_word = |segment: &&str| {
        segment.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && segment.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let lowered = name.to_ascii_lowercase();
    let mut words: Vec<Arc<str>> = vec![];
    for segment in lowered.split('.').filter(is_word).take(MOST_WORDS) {
        if !words.iter().any(|word| **word == *segment) {
            words.push(segment.into());
        }
    }
    let mut coords = vec![];
    if let (Some(layer), Some(layers)) = (layer(name), layers) {
        coords.push((Coord::Layer, f64::from(layer)));
        coords.push((Coord::Depth, if layers > 1 { f64::from(layer) / f64::from(layers - 1) } else { 0.0 }));
    }
    let policy = match () {
        () if name.ends_with("num_batches_tracked") => Policy::First,
        () if !dtype.is_float() => Policy::Equal,
        () => Policy::Mix,
    };
    Traits { words, coords, axes: vec![], acts: vec![], groups: vec![], free: vec![], demodulated: false, policy }
}
