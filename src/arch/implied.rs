//! Filters that a code base computes when it builds a network, where others store them: made here, so that all layouts
//! of a family have the same canonical tensors.

use super::Canon;
use super::data::Family;
use super::data::ImpliedRule;
use super::data::Layout;
use super::detect::Found;
use super::detect::Sight;
use super::shipped;
use super::template::Binding;
use super::template::skeleton;
use crate::tensor::Coord;
use crate::tensor::Dtype;
use crate::tensor::Entry;
use crate::tensor::FileInfo;
use crate::tensor::Header;
use crate::tensor::Lies;
use crate::tensor::Shape;
use crate::tensor::elems;
use std::sync::Arc;

/// Most taps of a filter.
const TAPS: usize = 64;

/// From this many taps on NVIDIA's code keeps a filter as its one axis and applies it twice.
const SEPARABLE: usize = 8;

/// Adds the tensors that the layout of a header implies: a file in memory with their values, entries under their
/// canonical names, and the canonical tensors.  Tensors that the file stores stay as they are.
pub fn complete(header: &mut Header, canon: &mut Canon) {
    let own = canon.own.clone();
    let (layout, family): (&Layout, &Family) = match &own {
        Some(own) => (own.layout(), own.family()),
        None => match shipped::layout(&canon.layout) {
            Some(layout) => (layout, shipped::family_of(layout)),
            None => return,
        },
    };
    let layers = canon.tensors.iter().filter_map(|tensor| tensor.traits.coord(Coord::Layer));
    let layers = layers.fold(0.0, |most: f64, layer| most.max(layer + 1.0)) as i64;
    let mut values: Vec<u8> = vec![];
    let mut made: Vec<(String, Shape, u64)> = vec![];
    for rule in &layout.implied {
        let names = absent(canon, rule);
        if names.is_empty() {
            continue;
        }
        let said = rule.fact.as_ref().and_then(|fact| header.metadata.get(fact));
        let (shape, filter) = filter_of(&rule.taps, said.map(String::as_str));
        let offset = values.len() as u64;
        values.extend(filter.iter().flat_map(|value| value.to_le_bytes()));
        made.extend(names.into_iter().map(|name| (name, shape.clone(), offset)));
    }
    if made.is_empty() {
        return;
    }
    let path = header.files.first().map(|file| file.path.clone()).unwrap_or_default();
    let file = header.files.len();
    header.files.push(FileInfo { path, size: values.len() as u64, memory: Some(values.into()) });
    let numbers = canon.numbers.clone();
    let sight = Sight { layout, family, layers, numbers: &numbers };
    for (name, shape, offset) in made {
        if canon.index.contains_key(name.as_str()) {
            continue;
        }
        let len = elems(&shape) * Dtype::F32.bytes();
        let rule = family.rule_of(&name);
        let found = Found {
            name: Arc::from(name.as_str()),
            entry: header.entries.len(),
            fixes: &[],
            rule,
            stored: Binding::new(),
            primary: true,
        };
        let entry = Entry { name, dtype: Dtype::F32, shape, file, offset, len, lies: Lies::Rows };
        // Without fixes there is nothing that could fail but the number of axes, which the rule's taps decide.
        let Ok(tensor) = found.canonical(&entry, &sight, true) else { continue };
        canon.index.insert(tensor.name.clone(), canon.tensors.len());
        canon.tensors.push(tensor);
        header.entries.push(entry);
    }
}

/// The names that a rule implies and the file does not have.
fn absent(canon: &Canon, rule: &ImpliedRule) -> Vec<String> {
    let name = |tensor: &super::CanonTensor| {
        let (bones, numbers) = skeleton(&tensor.name);
        let binding = (bones == rule.beside.skeleton).then(|| rule.beside.solve(&numbers)).flatten()?;
        rule.canonical.fill(&binding).filter(|name| !canon.index.contains_key(name.as_str()))
    };
    canon.tensors.iter().filter_map(name).collect()
}

/// The filter of the taps that metadata say, or else of these, as [`filter`] makes it.
pub fn filter_of(taps: &[f32], said: Option<&str>) -> (Shape, Vec<f32>) {
    let read = |text: &str| {
        let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
        inner.split(',').map(|tap| tap.trim().parse().ok()).collect::<Option<Vec<f32>>>()
    };
    filter(&said.and_then(read).filter(|taps| are_taps(taps)).unwrap_or_else(|| taps.to_vec()))
}

/// Whether numbers make a filter.
pub fn are_taps(taps: &[f32]) -> bool {
    let sum: f32 = taps.iter().sum();
    !taps.is_empty() && taps.len() <= TAPS && (sum * sum).is_normal() && taps.iter().all(|tap| tap.is_finite())
}

/// The filter of some taps as the buffers of NVIDIA's PyTorch code hold it, in f32 throughout: the outer product over
/// its sum; of many taps, the taps over their sum.
fn filter(taps: &[f32]) -> (Shape, Vec<f32>) {
    let size = taps.len() as u64;
    let (shape, values): (Shape, Vec<f32>) = match taps.len() < SEPARABLE {
        true => {
            let products = taps.iter().flat_map(|a| taps.iter().map(move |b| a * b)).collect();
            (Shape::from_slice(&[size, size]), products)
        }
        false => (Shape::from_slice(&[size]), taps.to_vec()),
    };
    let sum: f32 = values.iter().sum();
    (shape, values.iter().map(|value| value / sum).collect())
}

#[cfg(test)]
mod tests {
    /// Sizes, and some values by index: those of `upfirdn2d.setup_filter` in PyTorch.
    #[track_caller]
    fn check(taps: &[f32], shape: &[u64], values: &[(usize, f32)]) {
        let (found, filter) = super::filter(taps);
        assert_eq!(found.as_slice(), shape);
        for (at, value) in values {
            assert_eq!(filter[*at].to_bits(), value.to_bits(), "{at} of {taps:?}");
        }
    }

    #[test]
    fn filters() {
        check(&[1.0, 3.0, 3.0, 1.0], &[4, 4], &[(0, 0.015625), (1, 0.046875), (5, 0.140625), (15, 0.015625)]);
        check(&[1.0, 2.0, 1.0], &[3, 3], &[(0, 0.0625), (4, 0.25)]);
        check(&[1.0, 1.0, 1.0], &[3, 3], &[(0, 0.11111111)]);
        check(&[1.0; 8], &[8], &[(0, 0.125)]);
        check(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &[9], &[(0, 0.022222223), (8, 0.2)]);
    }

    #[test]
    fn no_filters() {
        for taps in [&[][..], &[0.0], &[1.0, -1.0], &[f32::NAN], &[f32::INFINITY, 1.0], &[1e-30], &[1.0; 65]] {
            assert!(!super::are_taps(taps), "{taps:?}");
        }
    }
}
