//! Three versions of a list, an item and a part, made into one.

use super::order;
use super::order::Slot;
use super::pairing::pairs;
use super::pairing::says;
use super::pieces::Item;
use super::pieces::Kind;
use super::pieces::Leaf;
use super::pieces::Part;
use std::collections::HashMap;

/// What has become of an item.
#[derive(Clone, Debug)]
pub enum Merged {
    /// As one side has it.
    Item(Item),
    /// Made of both.
    Woven { kind: Kind, lead: Vec<String>, tail: Option<String>, blank: bool, parts: Vec<Joined> },
    /// Both have changed it: ours, the base, theirs.
    Conflict { blank: bool, sides: [Vec<Item>; 3] },
}

/// A part of a woven item.
#[derive(Clone, Debug)]
pub enum Joined {
    Text(String),
    List { items: Vec<Merged>, is_match: bool },
}

/// One item in three versions, as far as each has it.
#[derive(Clone, Copy, Default)]
struct Versions<'i> {
    base: Option<&'i Item>,
    ours: Option<&'i Item>,
    theirs: Option<&'i Item>,
}

/// Three lists; `None` where both have put items that are read in order into another one.
pub fn list(base: &[Item], ours: &[Item], theirs: &[Item]) -> Option<Vec<Merged>> {
    let ids = |pairs: Vec<Option<usize>>, known: &mut dyn FnMut(usize) -> usize| -> Vec<usize> {
        let ids = pairs.into_iter().enumerate();
        ids.map(|(at, partner)| partner.unwrap_or_else(|| known(at))).collect()
    };
    let mut next = base.len();
    let mut added: HashMap<(&str, Kind), usize> = HashMap::new();
    let our_ids = ids(pairs(base, ours), &mut |at| {
        next += 1;
        added.insert((ours[at].key.as_str(), ours[at].kind), next - 1);
        next - 1
    });
    let their_ids = ids(pairs(base, theirs), &mut |at| {
        added.get(&(theirs[at].key.as_str(), theirs[at].kind)).copied().unwrap_or_else(|| {
            next += 1;
            next - 1
        })
    });
    let base_ids: Vec<usize> = (0..base.len()).collect();
    let mut all = vec![Versions::default(); next];
    base_ids.iter().for_each(|&id| all[id].base = Some(&base[id]));
    our_ids.iter().zip(ours).for_each(|(&id, item)| all[id].ours = Some(item));
    their_ids.iter().zip(theirs).for_each(|(&id, item)| all[id].theirs = Some(item));
    let mut merged: Vec<Option<Merged>> = all.iter().map(item).collect();
    let is_ordered = [base, ours, theirs].iter().any(|list| list.iter().any(|item| item.kind == Kind::Arm));
    let stays: Vec<bool> = merged.iter().map(Option::is_some).collect();
    let slots = order::order(
        [&base_ids, &our_ids, &their_ids],
        &stays,
        &order::Rules {
            is_ordered,
            text: &|id| all[id].ours.or(all[id].theirs).or(all[id].base).map_or("", |item| &item.same),
            are_apart: &|a, b| {
                let marked = |id: usize| matches!(merged[id], Some(Merged::Conflict { .. }));
                let (one, other) = (all[a].ours.or(all[a].theirs), all[b].ours.or(all[b].theirs));
                marked(a) || marked(b) || one.zip(other).is_none_or(|(one, other)| order::are_apart(one, other))
            },
        },
    )?;
    let mut out = vec![];
    for slot in slots {
        match slot {
            Slot::One(id) => out.extend(merged[id].take()),
            Slot::Clash(ours, theirs) => {
                let of = |ids: &[usize], side: fn(&Versions<'_>) -> Option<Item>| -> Vec<Item> {
                    ids.iter().filter_map(|&id| side(&all[id])).collect()
                };
                let ours = of(&ours, |versions| versions.ours.cloned());
                let theirs = of(&theirs, |versions| versions.theirs.cloned());
                let blank = ours.first().is_some_and(|item| item.blank);
                out.push(Merged::Conflict { blank, sides: [ours, vec![], theirs] });
            }
        }
    }
    Some(out)
}

/// The side that has changed something, or either where both have done the same; `None` where they differ.
fn changed<'t, T: PartialEq + ?Sized>(base: &'t T, ours: &'t T, theirs: &'t T) -> Option<&'t T> {
    if ours == theirs || theirs == base {
        Some(ours)
    } else if ours == base {
        Some(theirs)
    } else {
        None
    }
}

/// `None` where it is gone.
fn item(versions: &Versions) -> Option<Merged> {
    let Versions { base, ours, theirs } = *versions;
    let same = |a: Option<&Item>, b: Option<&Item>| match (a, b) {
        (Some(a), Some(b)) => a.same == b.same && a.key == b.key,
        (None, None) => true,
        _ => false,
    };
    let blank = |item: Option<&Item>| item.is_some_and(|item| item.blank);
    let blank = match (base, ours, theirs) {
        (Some(_), Some(_), Some(_)) => *changed(&blank(base), &blank(ours), &blank(theirs)).unwrap_or(&blank(ours)),
        (_, Some(_), Some(_)) => blank(ours) || blank(theirs),
        (_, Some(_), None) => blank(ours),
        (_, None, _) => blank(theirs),
    };
    let taken = |item: Option<&Item>| item.map(|item| Merged::Item(Item { blank, ..item.clone() }));
    if same(ours, theirs) || same(theirs, base) {
        return taken(ours);
    }
    if same(ours, base) {
        return taken(theirs);
    }
    if let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs)
        && let Some(woven) = woven(base, ours, theirs, blank)
    {
        return Some(woven);
    }
    // Something else in the place of what the other has taken away.
    let replaces = |new: Option<&Item>, other: Option<&Item>| match (base, new, other) {
        (Some(base), Some(new), None) => {
            let is_new = matches!(new.kind, Kind::Comment | Kind::Statement("assert")) || says(base) != says(new);
            base.key != new.key && is_new
        }
        _ => false,
    };
    if replaces(ours, theirs) {
        return taken(ours);
    }
    if replaces(theirs, ours) {
        return taken(theirs);
    }
    Some(Merged::Conflict { blank, sides: [ours, base, theirs].map(|item| item.cloned().into_iter().collect()) })
}

fn woven(base: &Item, ours: &Item, theirs: &Item, blank: bool) -> Option<Merged> {
    if base.kind == Kind::Comment {
        return None;
    }
    let lead = changed(&base.lead, &ours.lead, &theirs.lead)?.clone();
    let tail = changed(&base.tail, &ours.tail, &theirs.tail)?.clone();
    let parts = parts(&base.parts, &ours.parts, &theirs.parts)?;
    Some(Merged::Woven { kind: base.kind, lead, tail, blank, parts })
}

/// Parts one by one, where all three have the same.
fn parts(base: &[Part], ours: &[Part], theirs: &[Part]) -> Option<Vec<Joined>> {
    if base.len() != ours.len() || base.len() != theirs.len() {
        return None;
    }
    let mut out = vec![];
    for ((base, ours), theirs) in base.iter().zip(ours).zip(theirs) {
        match (base, ours, theirs) {
            (Part::Text(base), Part::Text(ours), Part::Text(theirs)) => out.push(leaf(base, ours, theirs)?),
            (
                Part::Value { parts: in_base, leaf: base },
                Part::Value { parts: in_ours, leaf: ours },
                Part::Value { parts: in_theirs, leaf: theirs },
            ) => match leaf(base, ours, theirs) {
                Some(whole) => out.push(whole),
                None => out.extend(parts(in_base, in_ours, in_theirs)?),
            },
            (
                Part::List { items: base, is_match },
                Part::List { items: ours, is_match: is_ours },
                Part::List { items: theirs, is_match: is_theirs },
            ) if is_match == is_ours && is_match == is_theirs => {
                out.push(Joined::List { items: list(base, ours, theirs)?, is_match: *is_match });
            }
            _ => return None,
        }
    }
    Some(out)
}

fn leaf(base: &Leaf, ours: &Leaf, theirs: &Leaf) -> Option<Joined> {
    let same = changed(&base.same, &ours.same, &theirs.same)?;
    let raw = if *same == ours.same { &ours.raw } else { &theirs.raw };
    Some(Joined::Text(raw.clone()))
}
