//! Which items of two versions of a list are the same one.

use super::pieces::Item;
use super::pieces::Kind;
use super::pieces::Part;
use std::collections::HashMap;

/// Per item of `after` the item of `before` that it was: the one with its key, else one that stood in the same gap and
/// says the same under another name.
pub fn pairs(before: &[Item], after: &[Item]) -> Vec<Option<usize>> {
    let known: HashMap<&str, usize> = before.iter().enumerate().map(|(at, item)| (item.key.as_str(), at)).collect();
    let same_kind = |at: usize, item: &Item| before[at].kind == item.kind;
    let by_key = |item: &Item| known.get(item.key.as_str()).copied().filter(|&at| same_kind(at, item));
    let mut out: Vec<Option<usize>> = after.iter().map(by_key).collect();
    // What has no partner, by its kind and by the last item before it that has one.
    let mut gaps: HashMap<(Option<usize>, Kind), [Vec<usize>; 2]> = HashMap::new();
    let mut last = None;
    for (at, item) in before.iter().enumerate() {
        if out.contains(&Some(at)) {
            last = Some(at);
        } else {
            gaps.entry((last, item.kind)).or_default()[0].push(at);
        }
    }
    last = None;
    for (at, item) in after.iter().enumerate() {
        match out[at] {
            Some(partner) => last = Some(partner),
            None => gaps.entry((last, item.kind)).or_default()[1].push(at),
        }
    }
    for ((_, kind), [old, new]) in gaps {
        let only = old.len() == 1 && new.len() == 1;
        // A claim, an arm and a comment have no name of their own: in the place of the old one stands the new one.
        let nameless = only && matches!(kind, Kind::Arm | Kind::Comment | Kind::Statement("assert"));
        if old.len() != new.len() {
            continue;
        }
        for (old, new) in old.into_iter().zip(new) {
            if nameless || says(&before[old]) == says(&after[new]) {
                out[new] = Some(old);
            }
        }
    }
    out
}

/// What an item says, without its name.
pub fn says(item: &Item) -> Vec<&str> {
    fn add<'i>(parts: &'i [Part], out: &mut Vec<&'i str>) {
        for part in parts {
            match part {
                Part::Text(leaf) | Part::Value { leaf, .. } => out.push(&leaf.same),
                Part::List { items, .. } => out.extend(items.iter().map(|item| item.same.as_str())),
            }
        }
    }
    let mut out = vec![];
    add(item.parts.get(1..).unwrap_or(&[]), &mut out);
    out
}
