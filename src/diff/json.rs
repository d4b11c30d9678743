//! Changes for programs; the schema stands in the long help of `blend diff`.

use super::Changes;
use super::Curve;
use super::Fact;
use super::Group;
use super::Output;
use super::What;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;

/// The changes as one object.
pub fn json(changes: &Changes) -> Value {
    json!({
        "compared": "meaning",
        "same": changes.is_same(),
        "facts": changes.facts.iter().map(fact).collect::<Vec<_>>(),
        "outputs": changes.outputs.iter().map(output).collect::<Vec<_>>(),
    })
}

fn fact(fact: &Fact) -> Value {
    json!({
        "of": fact.of.word(),
        "name": fact.name,
        "field": fact.field,
        "before": fact.before,
        "after": fact.after,
    })
}

fn names(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

fn output(output: &Output) -> Value {
    json!({
        "path": output.path,
        "same": output.is_same(),
        "facts": output.facts.iter().map(fact).collect::<Vec<_>>(),
        "unchanged": output.unchanged,
        "changed": output.changed(),
        "added": names(&output.added),
        "removed": names(&output.removed),
        "groups": output.groups.iter().map(|one| group(one, output.coord)).collect::<Vec<_>>(),
        "curve": output.curve.as_ref().map(curve),
    })
}

fn group(group: &Group, coord: &str) -> Value {
    let shares = group
        .change
        .shares
        .iter()
        .map(|share| json!({ "input": share.input, "before": share.before, "after": share.after }));
    json!({
        "place": group.place,
        "coordinate": (!group.at.is_empty()).then_some(coord),
        "at": group.at,
        "what": match group.change.what {
            What::Weights => "weights",
            What::Type => "type",
            What::Shape => "shape",
        },
        "before": group.change.before,
        "after": group.change.after,
        "shares": shares.collect::<Vec<_>>(),
        "tensors": names(&group.tensors),
    })
}

fn curve(curve: &Curve) -> Value {
    let rows = curve.rows.iter().map(|row| json!({ "input": row.input, "before": row.before, "after": row.after }));
    json!({ "places": curve.places, "inputs": rows.collect::<Vec<_>>() })
}
