//! The graph for people (dot) and programs (JSON).  Tensors with the same structure are one group: a network has
//! thousands of tensors and a handful of structures.

use super::Graph;
use super::OpId;
use super::OpKind;
use crate::field::Weight;
use crate::hir::Recipe;
use indexmap::IndexMap;
use serde_json::json;
use std::collections::HashSet;

/// Tensors of one structure.
struct Group {
    names: Vec<String>,
    root: OpId,
}

/// The structure below a node as text, without tensor names.
fn structure(graph: &Graph, recipe: &Recipe, id: OpId) -> String {
    let op = graph.op(id);
    let inner: Vec<String> = op.inputs.iter().map(|&input| structure(graph, recipe, input)).collect();
    format!("{}({})", label(graph, recipe, id), inner.join(", "))
}

/// What a node does, in words of the language.
fn label(graph: &Graph, recipe: &Recipe, id: OpId) -> String {
    match &graph.op(id).kind {
        OpKind::Load { input, .. } => recipe.input(*input).name.to_string(),
        OpKind::Linear { shares } => {
            let shares: Vec<String> =
                shares.iter().map(|share| share.number().map_or_else(|| share.to_string(), short)).collect();
            format!("sum of shares {}", shares.join(", "))
        }
        OpKind::Call { method, on } => {
            let options = method.options.iter().zip(&on.options);
            let options: Vec<String> =
                options.map(|(spec, value)| format!("{} = {}", spec.name, value.text())).collect();
            format!("{}({})", method.name, options.join(", "))
        }
        OpKind::Write { output, dtype, .. } => format!("write {dtype} to {}", recipe.outputs[*output].written),
        OpKind::Align { .. } => "align".into(),
        OpKind::Agree => "must be equal".into(),
        OpKind::Measure { metric, .. } => metric.name().into(),
        OpKind::Draw { .. } => "render".into(),
    }
}

/// A share in at most six decimals, unless it is smaller.
fn short(share: f64) -> String {
    let rounded = (share * 1e6).round() / 1e6;
    if rounded == 0.0 && share != 0.0 { format!("{share:e}") } else { rounded.to_string() }
}

fn groups(graph: &Graph, recipe: &Recipe) -> IndexMap<String, Group> {
    let mut groups: IndexMap<String, Group> = IndexMap::new();
    for &root in graph.writes.iter().chain(&graph.measures) {
        let group = groups.entry(structure(graph, recipe, root)).or_insert(Group { names: vec![], root });
        group.names.push(graph.op(root).name.to_string());
    }
    groups
}

/// Graphviz text: one tree per group of tensors with the same structure.
pub fn dot(graph: &Graph, recipe: &Recipe) -> String {
    let mut out = String::from("digraph recipe {\n  rankdir = LR\n  node [shape = box, fontname = \"sans-serif\"]\n");
    for (index, group) in groups(graph, recipe).values().enumerate() {
        let count = group.names.len();
        let noun = if count == 1 { "tensor" } else { "tensors" };
        let last = group.names.last().filter(|_| count > 1).map(|last| format!(" … {last}")).unwrap_or_default();
        let title = format!("{count} {noun}: {}{last}", group.names[0]);
        out.push_str(&format!("  subgraph cluster_{index} {{\n    label = {}\n", quoted(&title)));
        draw(graph, recipe, group.root, index, &mut HashSet::new(), &mut out);
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

/// Draws what is below a node, each once.
fn draw(graph: &Graph, recipe: &Recipe, id: OpId, group: usize, drawn: &mut HashSet<OpId>, out: &mut String) {
    if !drawn.insert(id) {
        return;
    }
    let node = |id: OpId| format!("g{group}_{}", id.index());
    out.push_str(&format!("    {} [label = {}]\n", node(id), quoted(&label(graph, recipe, id))));
    for &input in &graph.op(id).inputs {
        draw(graph, recipe, input, group, drawn, out);
        out.push_str(&format!("    {} -> {}\n", node(input), node(id)));
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// Every operation: kind, tensor, shape, arguments.
pub fn json(graph: &Graph, recipe: &Recipe) -> serde_json::Value {
    let ops: Vec<_> = graph
        .ops
        .node_indices()
        .map(|id| {
            let op = graph.op(id);
            let mut value = json!({
                "id": id.index(),
                "tensor": &*op.name,
                "shape": op.shape.as_slice(),
                "inputs": op.inputs.iter().map(|input| input.index()).collect::<Vec<_>>(),
            });
            let fields = value.as_object_mut().expect("it was made as an object");
            match &op.kind {
                OpKind::Load { input, name } => {
                    fields.insert("op".into(), json!("load"));
                    fields.insert("model".into(), json!(&*recipe.input(*input).name));
                    fields.insert("stored".into(), json!(&**name));
                }
                OpKind::Linear { shares } => {
                    fields.insert("op".into(), json!("linear"));
                    fields.insert("shares".into(), json!(shares.iter().map(Weight::mean).collect::<Vec<_>>()));
                    if shares.iter().any(|share| share.number().is_none()) {
                        fields.insert("by_channel".into(), json!(true));
                    }
                }
                OpKind::Call { method, .. } => {
                    fields.insert("op".into(), json!(method.name));
                    fields.insert("version".into(), json!(method.version));
                }
                OpKind::Write { output, dtype, .. } => {
                    fields.insert("op".into(), json!("write"));
                    fields.insert("output".into(), json!(recipe.outputs[*output].written));
                    fields.insert("dtype".into(), json!(dtype.name()));
                }
                OpKind::Align { alignment, axes } => {
                    let spaces = &recipe.alignments[*alignment as usize].spaces;
                    let names: Vec<&str> = axes.iter().map(|(_, space)| &*spaces[*space as usize].name).collect();
                    fields.insert("op".into(), json!("align"));
                    fields.insert("alignment".into(), json!(alignment));
                    fields.insert("spaces".into(), json!(names));
                }
                OpKind::Agree => {
                    fields.insert("op".into(), json!("agree"));
                }
                OpKind::Measure { metric, .. } => {
                    fields.insert("op".into(), json!(metric.name()));
                }
                OpKind::Draw { dtype, .. } => {
                    fields.insert("op".into(), json!("render"));
                    fields.insert("dtype".into(), json!(dtype.name()));
                }
            }
            value
        })
        .collect();
    json!({ "ops": ops })
}
