//! A comparison for programs; the schema stands in the long help of `blend compare`.

use super::Comparison;
use super::Group;
use super::Pair;
use super::Row;
use super::Summary;
use crate::tensor::Coord;
use crate::tensor::Shape;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;

/// The comparison as one object; numbers that are not there are `null`.
pub fn json(comparison: &Comparison) -> Value {
    let models = comparison.models.iter().map(|model| {
        let facts: Map<String, Value> =
            model.canon.facts.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({
            "name": model.name,
            "path": model.path,
            "bytes": model.header.files.iter().map(|file| file.size).sum::<u64>(),
            "family": &*model.canon.family,
            "layout": &*model.canon.layout,
            "tensors": model.canon.tensors.len(),
            "facts": facts,
        })
    });
    let differences =
        comparison.differences.iter().map(|row| json!({ "fact": row.fact, "values": row.values })).collect::<Vec<_>>();
    json!({
        "models": models.collect::<Vec<_>>(),
        "differences": differences,
        "pairs": comparison.pairs.iter().map(pair).collect::<Vec<_>>(),
        "median_cosines": comparison.cosines,
        "distances": comparison.distances,
    })
}

fn pair(pair: &Pair) -> Value {
    let shapes = pair.shapes.iter().map(|(name, [a, b]): &(Arc<str>, [Shape; 2])| {
        json!({ "name": &**name, "base": a.as_slice(), "other": b.as_slice() })
    });
    let names = |names: &[Arc<str>]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    json!({
        "base": pair.models[0],
        "other": pair.models[1],
        "relation": pair.relation.word(),
        "over_trained": pair.is_over_trained(),
        "gone": pair.is_over_trained().then(|| pair.models[pair.gone()]),
        "far": pair.far.iter().map(|&at| &pair.places[at].name).collect::<Vec<_>>(),
        "kinship": summary(&pair.kin, json!({ "parts": pair.judged })),
        "origin": { "parts": pair.origin.parts, "tensors": pair.origin.tensors, "equal": pair.origin.equal },
        "only_in_base": names(&pair.missing[0]),
        "only_in_other": names(&pair.missing[1]),
        "shapes": shapes.collect::<Vec<_>>(),
        "advice": pair.advice,
        "parts": groups(&pair.parts),
        "place": pair.coord.map(Coord::text),
        "places": groups(&pair.places),
        "tensors": pair.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn groups(groups: &[Group]) -> Vec<Value> {
    groups.iter().map(|group| summary(&group.summary, json!({ "name": group.name }))).collect()
}

fn summary(summary: &Summary, mut with: Value) -> Value {
    let own = json!({
        "tensors": summary.tensors,
        "elements": summary.elems,
        "equal": summary.equal,
        "not_finite": summary.not_finite,
        "directions": summary.directions,
        "median_cosine": summary.median,
        "weighted_cosine": summary.cosine,
        "distance": summary.distance,
        "farthest": summary.farthest.as_ref().map(|(name, distance)| json!({ "name": &**name, "distance": distance })),
        "largest": summary.largest,
    });
    if let (Value::Object(with), Value::Object(own)) = (&mut with, own) {
        with.extend(own);
    }
    with
}

fn row(row: &Row) -> Value {
    json!({
        "name": &*row.name,
        "part": row.part,
        "elements": row.elems,
        "differ": row.differs,
        "cosine": row.cosine(),
        "distance": row.distance(),
        "largest": row.largest(),
    })
}
