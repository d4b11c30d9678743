//! Where inputs came from that were merged themselves: their metadata says it, and outputs pass it on.
//!
//! `blend.lineage` is a list of such inputs: the `name` in this recipe, the `semantic` hash and `version` that made it, its own
//! `inputs` (rows of its `blend.inputs`), and its own `lineage`.  What is too long is cut from the far end: `cut` is a digest
//! of what was left out.  The metadata of an input is foreign text: only what has the form of ours is taken over.

use crate::hir::Recipe;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// Bytes of the whole text.
const MOST: usize = 64 << 10;

/// Generations that are passed on.
const DEPTH: usize = 16;

/// What a row of `blend.inputs` may say.
const FIELDS: [&str; 6] = ["name", "path", "size", "header", "identity", "license"];

/// The lineage of what a recipe makes, its models named as `called` has it; `None` where no input was merged.
pub fn of(recipe: &Recipe, called: &dyn Fn(&str) -> String) -> Option<String> {
    let rows = recipe.inputs.iter().filter_map(|input| row(&called(&input.name), &input.header.metadata));
    let rows: Vec<Value> = rows.collect();
    if rows.is_empty() {
        return None;
    }
    (0..=DEPTH).rev().map(|depth| cut(&rows, depth)).find(|text| text.len() <= MOST).or_else(|| {
        // One generation with very many models: their names would say little.
        let all = Value::Array(rows.clone()).to_string();
        Some(json!([{ "cut": digest(&all) }]).to_string())
    })
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// What an input says of itself.
fn row(name: &str, metadata: &BTreeMap<String, String>) -> Option<Value> {
    let inputs: Value = serde_json::from_str(metadata.get("blend.inputs")?).ok()?;
    let inputs: Vec<Value> = inputs.as_array()?.iter().filter_map(plain).collect();
    let mut row = json!({ "name": name });
    for (field, key) in [("semantic", "blend.semantic"), ("version", "blend.version")] {
        if let Some(text) = metadata.get(key).filter(|text| text.len() <= 128) {
            row[field] = json!(text);
        }
    }
    row["inputs"] = Value::Array(inputs);
    let before = metadata.get("blend.lineage").and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(before) = before.as_ref().and_then(Value::as_array).filter(|rows| !rows.is_empty()) {
        row["lineage"] = Value::Array(before.iter().filter_map(|row| earlier(row, DEPTH)).collect());
    }
    Some(row)
}

/// The fields of an input that are known.
fn plain(value: &Value) -> Option<Value> {
    let of = value.as_object()?;
    let fields = FIELDS.iter().filter_map(|field| {
        let value = of.get(*field).filter(|value| value.is_string() || value.is_u64())?;
        Some((field.to_string(), value.clone()))
    });
    Some(Value::Object(fields.collect::<Map<_, _>>()))
}

/// A row of a lineage as an earlier build wrote it.
fn earlier(value: &Value, depth: usize) -> Option<Value> {
    let of = value.as_object()?;
    let mut out = Map::new();
    for field in ["name", "semantic", "version", "cut"] {
        if let Some(text) = of.get(field).filter(|value| value.is_string()) {
            out.insert(field.into(), text.clone());
        }
    }
    if let Some(inputs) = of.get("inputs").and_then(Value::as_array) {
        out.insert("inputs".into(), Value::Array(inputs.iter().filter_map(plain).collect()));
    }
    if let Some(before) = of.get("lineage").and_then(Value::as_array).filter(|_| depth > 0) {
        out.insert("lineage".into(), Value::Array(before.iter().filter_map(|row| earlier(row, depth - 1)).collect()));
    }
    Some(Value::Object(out))
}

/// The rows with so many generations below them.
fn cut(rows: &[Value], depth: usize) -> String {
    fn shorter(row: &Value, depth: usize) -> Value {
        let mut row = row.clone();
        let Some(of) = row.as_object_mut() else { return row };
        let Some(before) = of.remove("lineage") else { return row };
        if depth == 0 {
            of.insert("cut".into(), json!(digest(&before.to_string())));
        } else {
            let rows = before.as_array().map(Vec::as_slice).unwrap_or_default();
            of.insert("lineage".into(), rows.iter().map(|row| shorter(row, depth - 1)).collect());
        }
        row
    }
    Value::Array(rows.iter().map(|row| shorter(row, depth)).collect()).to_string()
}
