//! In which order the items of two versions stand.
//!
//! Statements and options say the same in any order.  Arms are read from the top: two that may take the same tensor have
//! an order, and where both sides put one in the same place, nobody but the writers can say which.

use super::pieces::Item;
use super::pieces::Kind;
use crate::syntax::ast::Expr;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::Pattern;
use crate::syntax::ast::PatternKind;
use crate::syntax::ast::UnaryOp;
use crate::tensor::Coord;
use std::collections::BTreeMap;
use std::collections::HashSet;

/// A place of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    One(usize),
    /// New items of both sides whose order would matter.
    Clash(Vec<usize>, Vec<usize>),
}

/// What is known of the items.
pub struct Rules<'r> {
    /// The order says something.
    pub is_ordered: bool,
    /// Decides between orders that say the same, so that it does not matter which side is ours.
    pub text: &'r dyn Fn(usize) -> &'r str,
    /// Whether the order of two items says nothing.
    pub are_apart: &'r dyn Fn(usize, usize) -> bool,
}

/// The order of the items that stay, from those of base, ours and theirs; `None` where there is none that holds what both
/// have done.
pub fn order([base, ours, theirs]: [&[usize]; 3], stays: &[bool], rules: &Rules) -> Option<Vec<Slot>> {
    let set = |ids: &[usize]| -> HashSet<usize> { ids.iter().copied().filter(|&id| stays[id]).collect() };
    let (in_base, in_ours, in_theirs) = (set(base), set(ours), set(theirs));
    let only = |ids: &[usize], wanted: &dyn Fn(usize) -> bool| -> Vec<usize> {
        ids.iter().copied().filter(|&id| wanted(id)).collect()
    };
    let is_old = |id: usize| in_base.contains(&id) && in_ours.contains(&id) && in_theirs.contains(&id);
    let [old, our_old, their_old] = [base, ours, theirs].map(|ids| only(ids, &is_old));
    let (we_move, they_move) = (our_old != old, their_old != old);
    let is_both = |id: usize| in_ours.contains(&id) && in_theirs.contains(&id);
    let [our_both, their_both] = [ours, theirs].map(|ids| only(ids, &is_both));
    let adds = |ids: &[usize]| ids.iter().any(|&id| stays[id] && !is_old(id));
    if rules.is_ordered && ((we_move && adds(theirs)) || (they_move && adds(ours))) {
        return None;
    }
    let frame = if our_both == their_both || (we_move && !they_move) {
        our_both
    } else if they_move && !we_move {
        their_both
    } else if rules.is_ordered {
        return None;
    } else {
        let texts = |ids: &[usize]| ids.iter().map(|&id| (rules.text)(id)).collect::<Vec<_>>();
        if texts(&our_both) <= texts(&their_both) { our_both } else { their_both }
    };
    // New items stand behind the last one that both sides have.
    let mut runs: BTreeMap<usize, [Vec<usize>; 2]> = BTreeMap::new();
    for (side, ids) in [ours, theirs].into_iter().enumerate() {
        let mut place = 0;
        for &id in ids.iter().filter(|&&id| stays[id]) {
            match frame.iter().position(|&framed| framed == id) {
                Some(at) => place = at + 1,
                None => runs.entry(place).or_default()[side].push(id),
            }
        }
    }
    let mut out = vec![];
    for place in 0..=frame.len() {
        if place > 0 {
            out.push(Slot::One(frame[place - 1]));
        }
        let Some([ours, theirs]) = runs.remove(&place) else { continue };
        let apart = ours.iter().all(|&a| theirs.iter().all(|&b| (rules.are_apart)(a, b)));
        if rules.is_ordered && !apart {
            out.push(Slot::Clash(ours, theirs));
            continue;
        }
        let texts = |ids: &[usize]| ids.iter().map(|&id| (rules.text)(id)).collect::<Vec<_>>();
        let ours_first = texts(&ours) <= texts(&theirs);
        let (first, second) = if ours_first { (ours, theirs) } else { (theirs, ours) };
        out.extend(first.into_iter().chain(second).map(Slot::One));
    }
    Some(out)
}

/// Whether no tensor can be taken by both arms: some coordinate would have to be in two places.
pub fn are_apart(a: &Item, b: &Item) -> bool {
    if a.kind != Kind::Arm || b.kind != Kind::Arm {
        return true;
    }
    let disjoint =
        |one: &[(f64, f64)], other: &[(f64, f64)]| one.iter().all(|x| other.iter().all(|y| x.1 < y.0 || y.1 < x.0));
    a.reach.iter().any(|(coord, one)| b.reach.iter().any(|(other, two)| coord == other && disjoint(one, two)))
}

/// Where the coordinates of a tensor must lie that a pattern takes, as far as its text tells.
pub fn reach(pattern: &Pattern) -> Vec<(Coord, Vec<(f64, f64)>)> {
    match &pattern.kind {
        PatternKind::And(left, right) => [reach(left), reach(right)].concat(),
        PatternKind::Or(left, right) => {
            let (left, right) = (reach(left), reach(right));
            let both = left.iter().filter_map(|(coord, one)| {
                let other = right.iter().find(|entry| entry.0 == *coord)?;
                Some((*coord, [one.as_slice(), &other.1].concat()))
            });
            both.collect()
        }
        PatternKind::Paren(inner) => reach(inner),
        PatternKind::Coord { coord, value, .. } => ranges(value).map_or_else(Vec::new, |ranges| vec![(*coord, ranges)]),
        PatternKind::Name(_)
        | PatternKind::Glob(_)
        | PatternKind::Regex(_)
        | PatternKind::Not(_)
        | PatternKind::Error => vec![],
    }
}

/// The ranges of numbers that an expression of literals names.
fn ranges(value: &Expr) -> Option<Vec<(f64, f64)>> {
    match &value.kind {
        ExprKind::List(items) => {
            let all: Option<Vec<_>> = items.iter().map(|item| ranges(&item.value)).collect();
            all.map(|all| all.concat())
        }
        ExprKind::Range(low, high) => {
            let bound = |side: &Option<Box<Expr>>, open: f64| side.as_ref().map_or(Some(open), |side| number(side));
            Some(vec![(bound(low, f64::NEG_INFINITY)?, bound(high, f64::INFINITY)?)])
        }
        _ => number(value).map(|number| vec![(number, number)]),
    }
}

fn number(value: &Expr) -> Option<f64> {
    match &value.kind {
        ExprKind::Number(number) => Some(*number),
        ExprKind::Paren(inner) => number(inner),
        ExprKind::Unary(UnaryOp::Neg, inner) => number(inner).map(|number| -number),
        _ => None,
    }
}
