//! Where tensors are, in the words of their architecture: `resolution 8..16, conv0/conv1`.

use crate::arch::Policy;
use crate::hir::Output;
use crate::plan::globs;
use crate::tensor::Coord;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Some tensors of an output, told in a few words.
pub struct Place {
    pub text: String,
    /// Values of the coordinate.
    pub at: Vec<f64>,
    /// The words without the coordinate.
    pub words: String,
    /// Indices of the tensors.
    pub tensors: Vec<usize>,
}

/// What tells where a tensor is.
pub fn coordinate(output: &Output) -> Option<Coord> {
    let has = |coord: Coord| output.tensors.iter().any(|made| made.traits.coord(coord).is_some());
    [Coord::Resolution, Coord::Layer, Coord::Block].into_iter().find(|coord| has(*coord))
}

/// The tensors in `wanted` as few places, each told alike over its coordinates.  `mixed`: what can never be mixed
/// (filters, counters) does not have to be among them for a place to be whole.
pub fn describe(output: &Output, wanted: &[usize], mixed: bool) -> Vec<Place> {
    let coord = coordinate(output);
    let place = |at: usize| coord.and_then(|coord| output.tensors[at].traits.coord(coord)).map(f64::to_bits);
    let is_wanted = |at: &usize| wanted.binary_search(at).is_ok();
    let counts = |at: &usize| !mixed || output.tensors[*at].traits.policy == Policy::Mix || is_wanted(at);
    let all: Vec<usize> = (0..output.tensors.len()).filter(counts).collect();
    if wanted.len() == all.len() {
        let text = "everywhere".to_string();
        return vec![Place { text, at: vec![], words: String::new(), tensors: wanted.to_vec() }];
    }
    let mut by_place: BTreeMap<Option<u64>, [Vec<usize>; 2]> = BTreeMap::new();
    for &at in &all {
        by_place.entry(place(at)).or_default()[usize::from(!is_wanted(&at))].push(at);
    }
    let known: Vec<f64> = by_place.keys().flatten().map(|bits| f64::from_bits(*bits)).collect();
    // Places that are told by the same words are told together.
    let mut told: Vec<(bool, String, Vec<f64>, Vec<usize>)> = vec![];
    for (place, [own, others]) in &by_place {
        if own.is_empty() {
            continue;
        }
        let words = match place {
            Some(_) if others.is_empty() => String::new(),
            Some(_) => words(output, own, others),
            None => {
                let others: Vec<usize> = all.iter().copied().filter(|at| !is_wanted(at)).collect();
                words(output, own, &others)
            }
        };
        let value = place.map(f64::from_bits);
        match told.iter_mut().find(|entry| entry.0 == value.is_some() && entry.1 == words) {
            Some(entry) => {
                entry.2.extend(value);
                entry.3.extend(own);
            }
            None => told.push((value.is_some(), words, value.into_iter().collect(), own.clone())),
        }
    }
    let whole = |(has_place, words, at, tensors): (bool, String, Vec<f64>, Vec<usize>)| {
        let text = match coord.filter(|_| has_place) {
            Some(coord) if words.is_empty() => format!("{} {}", coord.text(), range(&at, &known)),
            Some(coord) => format!("{} {}, {words}", coord.text(), range(&at, &known)),
            None => words.clone(),
        };
        Place { text, at, words, tensors }
    };
    told.into_iter().map(whole).collect()
}

/// The fewest words that all of `own` have and none of `others`; the names where words do not do.
fn words(output: &Output, own: &[usize], others: &[usize]) -> String {
    let has = |at: usize, word: &str| output.tensors[at].traits.has_word(word);
    let mut candidates: Vec<&Arc<str>> = vec![];
    for word in own.iter().flat_map(|&at| &output.tensors[at].traits.words) {
        if !candidates.contains(&word) && !others.iter().any(|&at| has(at, word)) {
            candidates.push(word);
        }
    }
    let mut left: Vec<usize> = own.to_vec();
    let mut out: Vec<&str> = vec![];
    while !left.is_empty() {
        let covered = |word: &&&Arc<str>| left.iter().filter(|&&at| has(at, word)).count();
        // The first of those that cover most: words go from the general to the special.
        let best = candidates.iter().rev().max_by_key(covered).filter(|word| covered(word) > 0);
        let Some(best) = best else { return names(output, own) };
        out.push(best);
        left.retain(|&at| !has(at, best));
        if out.len() > 4 {
            return names(output, own);
        }
    }
    out.join("/")
}

fn names(output: &Output, own: &[usize]) -> String {
    let all: Vec<&str> = output.tensors.iter().map(|made| &*made.name).collect();
    let own: Vec<&str> = own.iter().map(|&at| all[at]).collect();
    globs(&all, &own).join("  ")
}

/// `16`, `8..32`, `4..8, 64`: values among those that there are.
fn range(values: &[f64], known: &[f64]) -> String {
    let at = |value: f64| known.iter().position(|other| *other == value);
    let runs = values.chunk_by(|one, next| at(*one).zip(at(*next)).is_some_and(|(one, next)| one + 1 == next));
    let text = |run: &[f64]| match run {
        [first, .., last] => format!("{first}..{last}"),
        one => one.iter().map(f64::to_string).collect(),
    };
    runs.map(text).collect::<Vec<String>>().join(", ")
}
