//! How much of each model is in an output, by resolution: the bar under a picture.

use crate::hir::Atom;
use crate::hir::CallInstance;
use crate::hir::Form;
use crate::hir::Made;
use crate::hir::Recipe;
use crate::methods::OptionValue;
use crate::tensor::Coord;
use crate::tensor::elems;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

/// Shares of the inputs in the tensors of one place of the pyramid.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// `4`, `8`, …; `map` for what has no place, above all the mapping network.
    pub label: String,
    /// Per input of the recipe, summing to 1 for a model: the mean over elements.
    pub shares: Vec<f64>,
    pub tensors: usize,
    pub elems: u64,
    /// Tensors that are moved bit by bit from one model.
    pub moved: usize,
}

/// What is added up of a place.
#[derive(Default)]
struct Sum {
    elems: u64,
    tensors: usize,
    moved: usize,
    shares: Vec<f64>,
}

/// The shares of an output: what has no place first, then by resolution, or by layer where there is none.
///
/// A method that computes counts as the weights that its `t` (slerp) or `w` (mix by rows) gives, and without one as its inputs in
/// equal parts: what it makes of them is not a sum.
pub fn by_place(recipe: &Recipe, output: usize) -> Vec<Place> {
    let tensors = recipe.outputs[output].tensors.iter().filter(|made| made.dtype.is_float());
    let coord = coordinate(recipe, output);
    let mut calls = Calls { calls: &recipe.calls, inputs: recipe.inputs.len(), known: HashMap::new() };
    let mut sums: BTreeMap<Option<u64>, Sum> = BTreeMap::new();
    for made in tensors {
        let sum = sums.entry(key(made, coord)).or_default();
        sum.shares.resize(recipe.inputs.len(), 0.0);
        let count = elems(&made.shape);
        sum.elems += count;
        sum.tensors += 1;
        sum.moved += usize::from(matches!(made.form.whole(), Some(Atom::Tensor { .. })));
        calls.add(&made.form, count as f64, &mut sum.shares);
    }
    let place = |(place, sum): (Option<u64>, Sum)| Place {
        label: label(place),
        shares: sum.shares.into_iter().map(|share| share / sum.elems.max(1) as f64).collect(),
        tensors: sum.tensors,
        elems: sum.elems,
        moved: sum.moved,
    };
    sums.into_iter().map(place).collect()
}

/// What places are told by: the resolution, or the layer where there is none.
fn coordinate(recipe: &Recipe, output: usize) -> Option<Coord> {
    let has = |coord: Coord| recipe.outputs[output].tensors.iter().any(|made| made.traits.coord(coord).is_some());
    [Coord::Resolution, Coord::Layer, Coord::Block].into_iter().find(|coord| has(*coord))
}

/// The bits of a number that is not negative: they sort as the numbers do.
fn key(made: &Made, coord: Option<Coord>) -> Option<u64> {
    coord.and_then(|coord| made.traits.coord(coord)).map(|value| value.max(0.0).to_bits())
}

fn label(place: Option<u64>) -> String {
    place.map_or("map".into(), |bits| f64::from_bits(bits).to_string())
}

/// The label of the place of every tensor of an output, by name.
pub fn labels(recipe: &Recipe, output: usize) -> HashMap<Arc<str>, String> {
    let coord = coordinate(recipe, output);
    recipe.outputs[output].tensors.iter().map(|made| (made.name.clone(), label(key(made, coord)))).collect()
}

/// The shares that calls come to, each computed once: nested calls share theirs.
struct Calls<'r> {
    calls: &'r [CallInstance],
    inputs: usize,
    known: HashMap<u32, Vec<f64>>,
}

impl Calls<'_> {
    fn add(&mut self, form: &Form, weight: f64, shares: &mut [f64]) {
        for (atom, share) in &form.terms {
            let share = share.mean();
            match atom {
                Atom::Tensor { input, .. } => shares[input.0 as usize] += weight * share,
                Atom::Call(call) => {
                    let of = self.of(*call);
                    shares.iter_mut().zip(of).for_each(|(sum, part)| *sum += weight * share * part);
                }
                Atom::Absent(_) => {}
            }
        }
    }

    fn of(&mut self, call: u32) -> Vec<f64> {
        if let Some(known) = self.known.get(&call) {
            return known.clone();
        }
        let instance = &self.calls[call as usize];
        let mut shares = vec![0.0; self.inputs];
        for (inner, part) in instance.inputs.iter().zip(parts(instance)) {
            self.add(inner, part, &mut shares);
        }
        self.known.insert(call, shares.clone());
        shares
    }
}

/// How the inputs of a computing method count.
fn parts(call: &CallInstance) -> Vec<f64> {
    let at = call.method.options.iter().position(|option| matches!(option.name, "t" | "w"));
    match (at.and_then(|at| call.on.options.get(at)), call.inputs.len()) {
        (Some(OptionValue::Number(t)), 2) => vec![1.0 - t, *t],
        (Some(OptionValue::ByChannel(t)), 2) => vec![1.0 - t.mean(), t.mean()],
        (_, count) => vec![1.0 / count.max(1) as f64; count],
    }
}
