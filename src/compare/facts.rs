//! What headers say differently, and how models can be mixed all the same.

use super::Model;
use crate::arch;
use crate::arch::Traits;
use crate::tensor::Shape;
use std::collections::HashSet;
use std::sync::Arc;

/// A fact that is not the same in all models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub fact: String,
    /// Per model; `None` where it has no such fact.
    pub values: Vec<Option<String>>,
}

/// Facts of the headers that differ; of lists such as `4: 512, 8: 512` only the items that differ.
pub fn differences(models: &[Model]) -> Vec<Difference> {
    let mut out = vec![];
    let mut add = |fact: &str, values: Vec<Option<String>>| {
        if values.iter().all(|value| *value == values[0]) {
            return;
        }
        let values = arch::apart(&values);
        // Items that some models simply lack follow from another fact: who has no block of 512 has no channels there.
        let said = values.iter().flatten().filter(|value| !value.is_empty()).count();
        if said > 1 || said == values.iter().flatten().count() {
            out.push(Difference { fact: fact.into(), values });
        }
    };
    add("architecture", models.iter().map(|model| Some(model.canon.family.to_string())).collect());
    add("layout", models.iter().map(|model| Some(model.canon.layout.to_string())).collect());
    let mut names: Vec<&str> = vec![];
    for (name, _) in models.iter().flat_map(|model| &model.canon.facts) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    for name in names {
        let value = |model: &Model| {
            let fact = model.canon.facts.iter().find(|fact| fact.0 == name);
            fact.map(|fact| fact.1.clone())
        };
        add(name, models.iter().map(value).collect());
    }
    add("types", models.iter().map(|model| Some(types(model))).collect());
    out
}

fn types(model: &Model) -> String {
    let mut types: Vec<&str> = model.header.entries.iter().map(|entry| entry.dtype.name()).collect();
    types.sort_unstable();
    types.dedup();
    types.join(", ")
}

/// `match { … }` that takes what only one model has, or has in another shape, from that one, and mixes the rest; `None`
/// when no short pattern says it, or when the result would be no network.
pub fn advice(a: &Model, b: &Model, missing: &[Vec<Arc<str>>; 2], shapes: &[(Arc<str>, [Shape; 2])]) -> Option<String> {
    if a.canon.family != b.canon.family {
        return None;
    }
    // The one that has more gives what the other lacks.
    let (full, lean) = if missing[1].len() > missing[0].len() { (b, a) } else { (a, b) };
    let traits: Vec<&Traits> = full.canon.tensors.iter().map(|tensor| &*tensor.traits).collect();
    let odd: HashSet<&Arc<str>> = missing.iter().flatten().chain(shapes.iter().map(|shape| &shape.0)).collect();
    let wanted: Vec<usize> = (0..traits.len()).filter(|&at| odd.contains(&full.canon.tensors[at].name)).collect();
    let (pattern, fits) = arch::pattern_of(&traits, &wanted)?;
    // What the full one lacks itself has no place in a result of its shapes; and something must be left to mix.
    let lost = lean.canon.tensors.iter().any(|tensor| !full.canon.index.contains_key(&tensor.name));
    if lost || fits.iter().all(|fits| *fits) {
        return None;
    }
    Some(format!("match {{ {pattern} => {}  else => mix({}, {}, 0.5) }}", full.name, a.name, b.name))
}
