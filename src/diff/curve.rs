//! How much of each input is in an output, place by place, before and after.

use super::Curve;
use super::Row;
use super::forms::Same;
use crate::draw::shares::Place;
use crate::draw::shares::by_place;

/// The curves of the inputs whose shares differ somewhere; `None` where there are none.
pub fn of(same: &Same, a: usize, b: usize) -> Option<Curve> {
    let (old, new) = (by_place(same.before, a), by_place(same.after, b));
    let mut places: Vec<String> = new.iter().map(|place| place.label.clone()).collect();
    places
        .extend(old.iter().map(|place| place.label.clone()).filter(|label| !new.iter().any(|new| new.label == *label)));
    let along = |list: &[Place], input: Option<usize>| -> Vec<Option<f64>> {
        let share = |label: &String| {
            let place = list.iter().find(|place| place.label == *label)?;
            Some(input.map_or(0.0, |input| place.shares[input]))
        };
        places.iter().map(share).collect()
    };
    let mut rows = vec![];
    let mut add = |name: &str, before: Option<usize>, after: Option<usize>| {
        let (before, after) = (along(&old, before), along(&new, after));
        if before != after {
            rows.push(Row { input: name.into(), before, after });
        }
    };
    for (at, input) in same.after.inputs.iter().enumerate() {
        add(&input.name, same.partner[at], Some(at));
    }
    for (at, input) in same.before.inputs.iter().enumerate() {
        if !same.partner.contains(&Some(at)) {
            add(&input.name, Some(at), None);
        }
    }
    (!rows.is_empty()).then_some(Curve { places, rows })
}
