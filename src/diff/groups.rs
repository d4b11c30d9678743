//! Tensors that differ, by what has become of them and where they are.

use super::Change;
use super::Group;
use super::Share;
use super::What;
use super::forms::Same;
use super::places;
use crate::hir;
use crate::hir::Atom;
use crate::hir::Form;
use crate::hir::Made;
use crate::hir::Recipe;
use crate::plan::form_text;
use crate::tensor::shape_text;
use indexmap::IndexMap;
use std::collections::HashMap;

/// The groups of an output, and how many tensors are the same.
pub fn of(same: &mut Same, new: &hir::Output, before: &HashMap<&str, &Made>) -> (Vec<Group>, usize) {
    let mut unchanged = 0;
    let mut by_change: IndexMap<(What, String, String), (Change, Vec<usize>)> = IndexMap::new();
    for (at, made) in new.tensors.iter().enumerate() {
        let Some(old) = before.get(&*made.name) else { continue };
        let mut changes = vec![];
        if old.shape != made.shape {
            let (before, after) = (shape_text(&old.shape), shape_text(&made.shape));
            changes.push(Change { what: What::Shape, before, after, shares: vec![] });
        } else if !same.made(old, made) {
            changes.push(weights(same, old, made));
        }
        if old.dtype != made.dtype {
            let (before, after) = (old.dtype.name().to_string(), made.dtype.name().to_string());
            changes.push(Change { what: What::Type, before, after, shares: vec![] });
        }
        unchanged += usize::from(changes.is_empty());
        for change in changes {
            let key = (change.what, change.before.clone(), change.after.clone());
            by_change.entry(key).or_insert_with(|| (change, vec![])).1.push(at);
        }
    }
    let mut groups: Vec<Group> = vec![];
    for (change, wanted) in by_change.into_values() {
        for place in places::describe(new, &wanted, change.what == What::Weights) {
            let tensors = place.tensors.iter().map(|&at| new.tensors[at].name.clone()).collect();
            groups.push(Group { place: place.text, at: place.at, words: place.words, change: change.clone(), tensors });
        }
    }
    let order = |group: &Group| group.at.first().copied().unwrap_or(f64::NEG_INFINITY);
    groups.sort_by(|a, b| {
        let kinds = a.change.what.cmp(&b.change.what);
        kinds.then(order(a).total_cmp(&order(b))).then_with(|| a.place.cmp(&b.place))
    });
    (groups, unchanged)
}

fn weights(same: &Same, old: &Made, made: &Made) -> Change {
    let (mut before, mut after) = (form_text(same.before, &old.form), form_text(same.after, &made.form));
    if before == after {
        (before, after) = (exact(same.before, &old.form), exact(same.after, &made.form));
    }
    Change { what: What::Weights, before, after, shares: shares(same, &old.form, &made.form).unwrap_or_default() }
}

/// Every digit, for what rounds to the same text.
fn exact(recipe: &Recipe, form: &Form) -> String {
    let term = |(atom, share): &(Atom, crate::field::Weight)| {
        let name = match atom {
            Atom::Tensor { input, .. } => recipe.input(*input).name.to_string(),
            _ => form_text(recipe, &Form::atom(atom.clone(), 1.0)),
        };
        format!("{share} {name}")
    };
    form.terms.iter().map(term).collect::<Vec<_>>().join(" + ")
}

/// The shares that differ, where both are sums of inputs with one number each.
fn shares(same: &Same, old: &Form, new: &Form) -> Option<Vec<Share>> {
    let numbers = |form: &Form| -> Option<Vec<(usize, f64)>> {
        let term = |(atom, share): &(Atom, crate::field::Weight)| match atom {
            Atom::Tensor { input, .. } => Some((input.0 as usize, share.number()?)),
            _ => None,
        };
        form.terms.iter().map(term).collect()
    };
    let (old, new) = (numbers(old)?, numbers(new)?);
    let share = |list: &[(usize, f64)], at: usize| list.iter().find(|entry| entry.0 == at).map(|entry| entry.1);
    let mut out = vec![];
    // In the order of the form after, so that the first is what the others are mixed into; then what is gone.
    for &(at, after) in &new {
        let before = same.partner[at].and_then(|at| share(&old, at)).unwrap_or(0.0);
        if before != after {
            out.push(Share { input: same.after.inputs[at].name.to_string(), before, after });
        }
    }
    for &(at, before) in &old {
        let partner = same.partner.iter().position(|partner| *partner == Some(at));
        if partner.is_none_or(|partner| share(&new, partner).is_none()) {
            let input = partner.map_or(&same.before.inputs[at].name, |partner| &same.after.inputs[partner].name);
            out.push(Share { input: input.to_string(), before, after: 0.0 });
        }
    }
    Some(out)
}
