//! The larger of two vectors along two axes, and what is made of it: one value per rank, never a matrix.
//!
//! Numbers of both vectors have ranks, and where they meet the higher rank counts.  A function of such a weight and of
//! numbers is a function of ranks: it keeps the ranks and has other values.  So a mask of n out and m in channels with as
//! many different shares takes n + m values, whatever is made of it.

use super::Along;
use super::Field;
use super::Pick;
use super::Weight;
use super::simple;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

/// Combinations of classes from which on ranks are kept; fewer are listed.
const MANY: usize = 4096;

/// Per index of one axis its rank.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranks {
    /// Canonical axis of the tensor.
    pub axis: usize,
    pub by_index: Arc<[u32]>,
    /// That of an index of each class.
    by_class: Vec<u32>,
}

impl Weight {
    /// The larger of two weights, channel by channel.
    pub fn larger(a: &Weight, b: &Weight) -> Weight {
        let all = || Weight::map(&[a, b], |x| x[0].max(x[1]));
        let ([one], [other]) = (a.axes(), b.axes()) else { return all() };
        // Zeros have signs, and NaN has no order.
        let is_plain = |weight: &Weight| weight.values().iter().all(|value| *value >= 0.0 && value.is_sign_positive());
        if one.axis == other.axis || one.count * other.count <= MANY || !is_plain(a) || !is_plain(b) {
            return all();
        }
        // Numbers that are not negative are ordered as their bits are.
        let distinct = |weight: &Weight| weight.values().iter().map(|value| value.to_bits()).collect::<Vec<u64>>();
        let (of_a, of_b) = (distinct(a), distinct(b));
        // What is below the smallest of the other vector is nowhere the larger one.
        let floor = of_a.iter().min().max(of_b.iter().min()).copied().unwrap_or(0);
        let known: BTreeMap<u64, u32> = {
            let mut sorted: Vec<u64> = of_a.iter().chain(&of_b).copied().filter(|bits| *bits >= floor).collect();
            sorted.sort_unstable();
            sorted.dedup();
            sorted.into_iter().zip(0..).collect()
        };
        let rank = |along: &Along, values: &[u64]| {
            let rank = |class: &u32| known[&values[*class as usize].max(floor)];
            (along.axis, along.classes.iter().map(rank).collect::<Arc<[u32]>>())
        };
        let mut axes = [rank(one, &of_a), rank(other, &of_b)];
        axes.sort_by_key(|axis| axis.0);
        ranked(axes, known.keys().map(|bits| f64::from_bits(*bits)).collect())
    }
}

/// A function of weights, where those that differ have the same ranks; `None` where they have not.
///
/// # Errors
/// The first of the function.
pub fn of<E>(args: &[&Weight], f: &mut impl FnMut(&[f64]) -> Result<f64, E>) -> Option<Result<Weight, E>> {
    let mut first: Option<&[Ranks; 2]> = None;
    for arg in args {
        let Weight::Field(field) = arg else { continue };
        let Pick::Highest(ranks) = &field.pick else { return None };
        let same = |a: &Ranks, b: &Ranks| {
            a.axis == b.axis && (Arc::ptr_eq(&a.by_index, &b.by_index) || a.by_index == b.by_index)
        };
        match first {
            Some(known) if !known.iter().zip(&**ranks).all(|(a, b)| same(a, b)) => return None,
            _ => first = Some(ranks),
        }
    }
    let ranks = first?;
    let count = args.iter().map(|arg| if arg.number().is_some() { 0 } else { arg.values().len() }).max()?;
    let mut values = Vec::with_capacity(count);
    let mut x = vec![0.0; args.len()];
    for rank in 0..count {
        for (x, arg) in x.iter_mut().zip(args) {
            *x = arg.number().unwrap_or_else(|| arg.values()[rank]);
        }
        match f(&x) {
            Ok(value) => values.push(value),
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(ranked(ranks.clone().map(|ranks| (ranks.axis, ranks.by_index)), values)))
}

/// The weight of these ranks, all of which are somewhere the higher one; `values` by rank.
fn ranked(axes: [(usize, Arc<[u32]>); 2], values: Vec<f64>) -> Weight {
    let sorted = |ranks: &Arc<[u32]>| {
        let mut own = ranks.to_vec();
        own.sort_unstable();
        own.dedup();
        own
    };
    let others = [sorted(&axes[1].1), sorted(&axes[0].1)];
    let mut alongs: SmallVec<[Along; 2]> = SmallVec::new();
    let mut ranks: Vec<Ranks> = vec![];
    for ((axis, by_index), others) in axes.into_iter().zip(&others) {
        let (classes, by_class) = classes(&by_index, others, &values);
        alongs.push(Along { axis, classes, count: by_class.len() });
        ranks.push(Ranks { axis, by_index, by_class });
    }
    let [a, b] = [&ranks[0].by_class, &ranks[1].by_class];
    if a.len() * b.len() <= MANY || a.len() == 1 || b.len() == 1 {
        let at = |a: &u32, b: &u32| values[*a.max(b) as usize];
        let table = a.iter().flat_map(|a| b.iter().map(move |b| at(a, b))).collect();
        return simple(alongs, table);
    }
    let ranks = ranks.try_into().expect("two axes");
    Weight::Field(Arc::new(Field { axes: alongs, values: values.into(), pick: Pick::Highest(Box::new(ranks)) }))
}

/// The indices of an axis that no rank of the other axis tells apart, numbered as they appear; per class the rank of its
/// first index.
///
/// Along the ascending ranks of the other axis the values at an index are its own, as long as its rank is the higher one,
/// then those of the other ranks.  So two indices are alike when the first run of equal values is: its value and length.
fn classes(by_index: &[u32], others: &[u32], values: &[f64]) -> (Arc<[u32]>, Vec<u32>) {
    let bits = |rank: u32| values[rank as usize].to_bits();
    // Where the run of equal values ends that begins at an other rank.
    let mut ends = vec![others.len(); others.len()];
    for at in (1..others.len()).rev() {
        ends[at - 1] = if bits(others[at - 1]) == bits(others[at]) { ends[at] } else { at };
    }
    let run = |rank: u32| {
        let below = others.partition_point(|other| *other <= rank);
        let value = if below == 0 { bits(others[0]) } else { bits(rank) };
        let goes_on = others.get(below).is_some_and(|other| bits(*other) == value);
        (value, if goes_on { ends[below] } else { below })
    };
    let mut known: HashMap<(u64, usize), u32> = HashMap::new();
    let mut by_rank: HashMap<u32, u32> = HashMap::new();
    let mut by_class = vec![];
    let class = |rank: &u32| {
        *by_rank.entry(*rank).or_insert_with(|| {
            *known.entry(run(*rank)).or_insert_with(|| {
                by_class.push(*rank);
                by_class.len() as u32 - 1
            })
        })
    };
    let classes = by_index.iter().map(class).collect();
    (classes, by_class)
}

/// The place of the value at a combination of classes, the last axis fastest.
pub fn place(ranks: &[Ranks; 2], at: usize) -> usize {
    let [a, b] = ranks;
    let count = b.by_class.len();
    a.by_class[at / count].max(b.by_class[at % count]) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector of so many numbers between 0 and 1, some of which are equal.
    fn vector(count: usize, seed: u64, levels: u64) -> Vec<f64> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % levels) as f64 / (levels - 1) as f64
        };
        (0..count).map(|_| next()).collect()
    }

    /// What is made of the larger of two vectors is the same, to the bit, as what is made of a list of all pairs.
    #[track_caller]
    fn check(out: &[f64], inn: &[f64], f: impl Fn(f64) -> f64, is_ranked: bool) {
        let (a, b) = (Weight::along(0, out), Weight::along(1, inn));
        let listed = Weight::map(&[&a, &b], |x| f(x[0].max(x[1])));
        let found = Weight::map(&[&Weight::larger(&a, &b), &0.5.into()], |x| f(x[0] * (x[1] + 0.5)));
        let pick = |weight: &Weight| matches!(weight, Weight::Field(field) if field.pick != Pick::Each);
        assert!(pick(&found) == is_ranked && !pick(&listed), "{found:?}");
        assert_eq!(found.axes(), listed.axes());
        if let (Weight::Field(found), Weight::Field(listed)) = (&found, &listed) {
            assert!(found.each().map(|one| one.1.to_bits()).eq(listed.each().map(|one| one.1.to_bits())));
            assert!(!is_ranked || found.values().len() <= out.len() + inn.len());
        }
        let numbers = |weight: &Weight| [weight.mean(), weight.smallest(), weight.largest(), weight.magnitude()];
        assert_eq!(numbers(&found).map(f64::to_bits), numbers(&listed).map(f64::to_bits));
        for (axis, size) in [(0, out.len()), (1, inn.len())] {
            assert_eq!(found.means_along(axis, size), listed.means_along(axis, size), "along {axis}");
        }
        // With a weight that has other ranks, and with itself.
        let other = Weight::along(1, &vector(inn.len(), 77, 5));
        let mixed = |weight: &Weight| Weight::map(&[weight, &other, weight], |x| x[0] - x[1] * x[2]);
        assert_eq!(mixed(&found), mixed(&listed));
        assert!(Weight::map(&[&found, &found], |x| x[0] - x[1]).is(0.0));
    }

    #[test]
    fn the_larger_of_two_vectors() {
        let (out, inn) = (vector(90, 1, 1 << 20), vector(110, 2, 1 << 20));
        check(&out, &inn, |w| w, true);
        check(&out, &inn, |w| 1.0 - 0.8 * w, true);
        check(&out, &inn, |w| (w * 300.0).floor(), true);
        // Values that come back, in runs and apart.
        let (many, more) = (vector(300, 5, 1 << 20), vector(400, 6, 1 << 20));
        check(&many, &more, |w| ((w * 300.0).floor() as u64 % 3) as f64, true);
        check(&out, &inn, |w| if w > 0.9 { w } else { 0.25 }, false);
        check(&out, &inn, |w| if w > 0.5 { 1.0 } else { 0.0 }, false);
        check(&out, &inn, |_| 0.25, false);
        check(&vector(90, 3, 9), &vector(110, 4, 9), |w| w, false);
        check(&vector(500, 3, 90), &vector(700, 4, 80), |w| w * w, true);
        // One that is never the larger one, and one that is it nowhere but at its largest.
        let low: Vec<f64> = inn.iter().map(|w| w * 1e-3).collect();
        let high: Vec<f64> = out.iter().map(|w| 0.5 + w).collect();
        check(&high, &low, |w| w, false);
        let rare: Vec<f64> = low.iter().map(|w| if *w > 9.8e-4 { 0.7 } else { *w }).collect();
        check(&high, &rare, |w| w, false);
        check(&low, &out, |w| w.sqrt(), false);
        let wide: Vec<f64> = out.iter().map(|w| w * w).collect();
        check(&inn, &wide, |w| w.sqrt(), true);
    }

    #[test]
    fn values_that_are_nowhere_have_no_say() {
        let (out, inn) = (vector(90, 1, 1 << 20), vector(110, 2, 1 << 20));
        let high: Vec<f64> = inn.iter().map(|w| 0.25 + w).collect();
        let larger = Weight::larger(&Weight::along(0, &out), &Weight::along(1, &high));
        let never = Weight::of(&[&larger], |x| if x[0] < 0.25 { Err(x[0]) } else { Ok(1.0 / x[0]) });
        assert!(never.is_ok_and(|weight| weight.number().is_none()));
        let somewhere = Weight::of(&[&larger], |x| if x[0] > 1.0 { Err(()) } else { Ok(x[0]) });
        assert_eq!(somewhere, Err(()));
    }
}
