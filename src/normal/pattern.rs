//! Patterns are sets of tensors: `and` and `or` have no order, and say nothing twice.

use super::terms::TermId;
use super::terms::Terms;
use crate::hir::Pattern;

/// The terms of patterns, in their order; inner ones come first.
pub fn all(patterns: &[Pattern], terms: &mut Terms) -> Vec<TermId> {
    let mut made: Vec<TermId> = vec![];
    for pattern in patterns {
        let term = match pattern {
            Pattern::Word(word) => terms.leaf("word", word),
            Pattern::Glob { text, .. } => terms.leaf("glob", text),
            Pattern::Regex(text) => terms.leaf("regex", text),
            Pattern::Coord(coord, ranges) => terms.leaf(coord.text(), &joined(ranges)),
            Pattern::Not(inner) => {
                let inner = made[inner.0 as usize];
                match (&*terms.get(inner).head, terms.get(inner).parts.as_slice()) {
                    ("not", [positive]) => *positive,
                    _ => terms.make("not", None, &[inner]),
                }
            }
            Pattern::And(a, b) => several("and", made[a.0 as usize], made[b.0 as usize], terms),
            Pattern::Or(a, b) => several("or", made[a.0 as usize], made[b.0 as usize], terms),
            Pattern::Error => terms.make("error", None, &[]),
        };
        made.push(term);
    }
    made
}

fn several(head: &str, a: TermId, b: TermId, terms: &mut Terms) -> TermId {
    let flat = |side: TermId| {
        let term = terms.get(side);
        if &*term.head == head && term.text.is_none() { term.parts.clone() } else { vec![side] }
    };
    let mut parts = [flat(a), flat(b)].concat();
    terms.sort(&mut parts);
    parts.dedup();
    match parts.as_slice() {
        [one] => *one,
        parts => terms.make(head, None, parts),
    }
}

/// Ranges as a set of values, in ascending order; a range that is turned round holds nothing.
fn joined(ranges: &[(f64, f64)]) -> String {
    let mut sorted: Vec<(f64, f64)> = ranges.iter().copied().filter(|(low, high)| low <= high).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut out: Vec<(f64, f64)> = vec![];
    for (low, high) in sorted {
        match out.last_mut() {
            Some(last) if low <= last.1 => last.1 = last.1.max(high),
            _ => out.push((low, high)),
        }
    }
    let end = |end: f64| if end.is_infinite() { String::new() } else { (end + 0.0).to_string() };
    let text = |(low, high): &(f64, f64)| {
        if low == high { end(*low) } else { format!("{}..{}", end(*low), end(*high)) }
    };
    let all: Vec<String> = out.iter().map(text).collect();
    match all.as_slice() {
        [one] => one.clone(),
        _ => format!("[{}]", all.join(", ")),
    }
}
