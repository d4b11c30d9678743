//! Which outputs are the same one, and what has become of each.

use super::Fact;
use super::Of;
use super::Output;
use super::curve;
use super::forms::Same;
use super::forms::plain;
use super::groups;
use super::places;
use crate::hir;
use crate::hir::Made;
use std::collections::HashMap;
use std::sync::Arc;

/// The outputs that both have, as pairs of indices before and after; new and gone ones go to `facts`.
pub fn all(same: &mut Same, facts: &mut Vec<Fact>) -> (Vec<Output>, Vec<[usize; 2]>) {
    let (old, new) = (same.before, same.after);
    let mut partner: Vec<Option<usize>> = vec![None; new.outputs.len()];
    for (b, output) in new.outputs.iter().enumerate() {
        let path = plain(&output.path);
        partner[b] = old.outputs.iter().position(|other| plain(&other.path) == path);
    }
    // One that has moved holds what it held.
    for b in 0..partner.len() {
        let free = |a: &usize| !partner.contains(&Some(*a));
        if partner[b].is_none() {
            let left: Vec<usize> = (0..old.outputs.len()).filter(free).collect();
            partner[b] = left.into_iter().find(|&a| holds_the_same(same, &old.outputs[a], &new.outputs[b]));
        }
    }
    let left_old: Vec<usize> = (0..old.outputs.len()).filter(|a| !partner.contains(&Some(*a))).collect();
    let left_new: Vec<usize> = (0..new.outputs.len()).filter(|&b| partner[b].is_none()).collect();
    if let ([a], [b]) = (&left_old[..], &left_new[..]) {
        partner[*b] = Some(*a);
    }
    let whole = |name: &str, before: Option<String>, after: Option<String>| Fact {
        of: Of::Output,
        name: name.into(),
        field: "",
        before,
        after,
    };
    let told = |output: &hir::Output| format!("{} tensors", output.tensors.len());
    for (a, output) in old.outputs.iter().enumerate() {
        if !partner.contains(&Some(a)) {
            facts.push(whole(&output.written, Some(told(output)), None));
        }
    }
    let (mut outputs, mut pairs) = (vec![], vec![]);
    for (b, output) in new.outputs.iter().enumerate() {
        match partner[b] {
            None => facts.push(whole(&output.written, None, Some(told(output)))),
            Some(a) => {
                outputs.push(one(same, a, b));
                pairs.push([a, b]);
            }
        }
    }
    (outputs, pairs)
}

fn by_name(output: &hir::Output) -> HashMap<&str, &Made> {
    output.tensors.iter().map(|made| (&*made.name, made)).collect()
}

fn holds_the_same(same: &mut Same, old: &hir::Output, new: &hir::Output) -> bool {
    let known = by_name(old);
    old.tensors.len() == new.tensors.len()
        && new.tensors.iter().all(|made| known.get(&*made.name).is_some_and(|old| same.made(old, made)))
}

fn one(same: &mut Same, a: usize, b: usize) -> Output {
    let (old, new) = (&same.before.outputs[a], &same.after.outputs[b]);
    let (before, after) = (by_name(old), by_name(new));
    let missing = |output: &hir::Output, other: &HashMap<&str, &Made>| -> Vec<Arc<str>> {
        let names = output.tensors.iter().map(|made| &made.name);
        names.filter(|name| !other.contains_key(&***name)).cloned().collect()
    };
    let (groups, unchanged) = groups::of(same, new, &before);
    let has_moved = groups.iter().any(|group| !group.change.shares.is_empty());
    Output {
        path: new.written.clone(),
        facts: options(old, new),
        added: missing(new, &before),
        removed: missing(old, &after),
        tensors: new.tensors.iter().map(|made| made.name.clone()).collect(),
        tensors_before: old.tensors.iter().map(|made| made.name.clone()).collect(),
        unchanged,
        coord: places::coordinate(new).map_or("place", |coord| coord.text()),
        curve: has_moved.then(|| curve::of(same, a, b)).flatten(),
        groups,
    }
}

/// Path and options.
fn options(old: &hir::Output, new: &hir::Output) -> Vec<Fact> {
    let mut out = vec![];
    let mut add = |field: &'static str, before: String, after: String| {
        if before != after {
            let (before, after) = (Some(before), Some(after));
            out.push(Fact { of: Of::Output, name: new.written.clone(), field, before, after });
        }
    };
    if plain(&old.path) != plain(&new.path) {
        add("path", old.written.clone(), new.written.clone());
    }
    add("layout", old.layout.to_string(), new.layout.to_string());
    add("format", old.format.name().into(), new.format.name().into());
    let size = |output: &hir::Output| output.shard_size.map_or("none".to_string(), crate::plan::bytes_text);
    add("shard_size", size(old), size(new));
    add("overflow", overflow(old).into(), overflow(new).into());
    let value = |output: &hir::Output, key: &str| {
        let found = output.metadata.iter().find(|entry| entry.0 == key);
        found.map_or("none".to_string(), |entry| format!("{:?}", entry.1))
    };
    let mut keys: Vec<&String> = old.metadata.iter().chain(&new.metadata).map(|entry| &entry.0).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let tell = |text: String| format!("{key} = {text}");
        add("metadata", tell(value(old, key)), tell(value(new, key)));
    }
    out
}

fn overflow(output: &hir::Output) -> &'static str {
    match output.overflow {
        hir::Overflow::Error => "error",
        hir::Overflow::Inf => "inf",
        hir::Overflow::Saturate => "saturate",
    }
}
