//! The plan for programs.

use super::Plan;
use super::Work;
use super::peak_bytes;
use super::print::form_text;
use super::print::read_bytes;
use crate::hir::Atom;
use crate::hir::Drawn;
use crate::hir::ExprKind;
use crate::hir::Made;
use crate::hir::Recipe;
use serde_json::Value;
use serde_json::json;
use std::collections::HashMap;

/// One object: `outputs` (with `parts` and `tensors`), `inputs`, `masks`, `alignments`, `checks`, `claims`, `draws`,
/// `peak_bytes`.
pub fn json(recipe: &Recipe, plan: &Plan, threads: usize) -> Value {
    let outputs: Vec<Value> = plan
        .outputs
        .iter()
        .map(|output| {
            let own = recipe.outputs.iter().find(|own| own.site == output.site);
            let made: HashMap<&str, &Made> =
                own.iter().flat_map(|own| &own.tensors).map(|made| (&*made.name, made)).collect();
            let tensors: Vec<Value> = output
                .tensors
                .iter()
                .map(|tensor| {
                    let made = made.get(&*tensor.canonical);
                    json!({
                        "name": tensor.name,
                        "canonical": &*tensor.canonical,
                        "dtype": tensor.dtype.name(),
                        "shape": tensor.shape.as_slice(),
                        "part": tensor.part,
                        "offset": tensor.offset,
                        "bytes": tensor.len,
                        "work": match tensor.work {
                            Work::Copy { .. } => "copy",
                            Work::Gather(_) => "gather",
                            Work::Compute { .. } => "compute",
                        },
                        "weights": made.map(|made| weights(recipe, &made.form)),
                        "value": made.map(|made| form_text(recipe, &made.form)),
                    })
                })
                .collect();
            let parts: Vec<Value> =
                output.parts.iter().map(|part| json!({ "name": part.name, "bytes": part.size })).collect();
            json!({
                "path": output.written,
                "family": &*output.family,
                "layout": &*output.layout,
                "format": output.format.name(),
                "bytes": output.bytes(),
                "parts": parts,
                "tensors": tensors,
            })
        })
        .collect();
    let inputs: Vec<Value> = recipe
        .inputs
        .iter()
        .zip(read_bytes(recipe, plan))
        .map(|(input, (moved, computed))| {
            json!({
                "name": &*input.name,
                "path": input.written,
                "family": &*input.canon.family,
                "layout": &*input.canon.layout,
                "bytes": input.header.size(),
                "copied_bytes": moved,
                "computed_bytes": computed,
            })
        })
        .collect();
    json!({
        "outputs": outputs,
        "inputs": inputs,
        "masks": super::masks::json(recipe),
        "alignments": plan.alignments.iter().map(super::align::json).collect::<Vec<_>>(),
        "checks": plan.checks.iter().map(|check| &*check.canonical).collect::<Vec<_>>(),
        "claims": recipe.claims.iter().map(|claim| &claim.text).collect::<Vec<_>>(),
        "draws": recipe.drawn.iter().filter_map(|drawn| draw(recipe, drawn)).collect::<Vec<_>>(),
        "threads": threads,
        "peak_bytes": peak_bytes(plan, threads),
    })
}

/// What a claim draws.
fn draw(recipe: &Recipe, drawn: &Drawn) -> Option<Value> {
    let ExprKind::Render { look, .. } = &recipe.expr(drawn.expr).kind else { return None };
    let [width, height] = look.size_of(&drawn.net);
    Some(json!({
        "family": drawn.net.family,
        "tensors": drawn.tensors.len(),
        "seeds": look.seeds,
        "psi": look.psi,
        "width": width,
        "height": height,
    }))
}

/// Shares by model, those by channel as their mean; the result of a method stands under the method's name.
fn weights(recipe: &Recipe, form: &crate::hir::Form) -> Value {
    let mut out = serde_json::Map::new();
    for (atom, share) in &form.terms {
        let name = match atom {
            Atom::Tensor { input, .. } => recipe.input(*input).name.to_string(),
            Atom::Call(call) => recipe.calls[*call as usize].method.name.to_string(),
            Atom::Absent(_) => continue,
        };
        let before = out.get(&name).and_then(Value::as_f64).unwrap_or(0.0);
        out.insert(name, json!(before + share.mean()));
    }
    Value::Object(out)
}
