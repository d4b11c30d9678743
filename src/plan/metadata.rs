//! What an output's `__metadata__` says: a pure function of recipe, parameters, version, input headers, and the lock where
//! there is one that holds (law 1).

use super::Facts;
use super::lineage;
use crate::arch;
use crate::hir;
use crate::hir::Literal;
use crate::hir::Output;
use crate::hir::Recipe;
use serde_json::json;
use std::collections::BTreeMap;

/// Pairs in their order: `format` first (loaders ask for it), facts that all inputs share and those that tell the
/// output's layout, the inputs' terms, what blend knows, what the recipe adds.
pub fn of(recipe: &Recipe, output: &Output, facts: &Facts) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = vec![("format".into(), "pt".into())];
    // What files say of their layout is true of an output in the same one.
    let same_layout = recipe.inputs.iter().all(|input| input.canon.layout == output.layout);
    let own = hir::own_of(&recipe.inputs, &output.layout);
    let is_of_another =
        |name: &str| (name == "layout" && !same_layout) || arch::tells_layout(own, &output.family, name);
    let mut known = shared(recipe);
    known.retain(|name, _| {
        !matches!(name.as_str(), "format" | "license") && !name.starts_with("blend.") && !is_of_another(name)
    });
    let inputs: Vec<_> = recipe.leading(output).iter().map(|input| (&*input.header, &*input.canon)).collect();
    known.extend(arch::metadata_of(own, &output.layout, &inputs));
    out.extend(known);
    let called = |name: &str| facts.names.get(name).map_or_else(|| name.to_string(), String::clone);
    if let Some(terms) = licenses(recipe, &called) {
        out.push(("license".into(), terms));
    }
    out.push(("blend.version".into(), facts.version.clone()));
    if let Some(text) = &facts.recipe {
        out.push(("blend.recipe".into(), text.clone()));
    } else {
        for (at, (name, text)) in recipe.sources.iter().enumerate() {
            let key = if at == 0 { "blend.recipe".to_string() } else { format!("blend.recipe.{name}") };
            out.push((key, text.to_string()));
        }
    }
    // By name: the order of imports is not that of one text.
    let params: BTreeMap<String, serde_json::Value> = recipe
        .params
        .iter()
        .map(|param| {
            let value = match &param.value {
                Literal::Number(number) => json!(number),
                Literal::Bool(truth) => json!(truth),
                Literal::Text(text) => json!(&**text),
            };
            (called(&param.name), value)
        })
        .collect();
    out.push(("blend.params".into(), json!(params).to_string()));
    let inputs: Vec<serde_json::Value> = recipe
        .inputs
        .iter()
        .zip(&facts.digests)
        .enumerate()
        .map(|(at, (input, digest))| {
            let size = input.header.size();
            // Paths of imports stand in one text as the root recipe would write them.
            let is_imported = facts.names.contains_key(&*input.name);
            let path = if is_imported { &recipe.names[at].path } else { &input.written };
            let mut row = json!({ "name": called(&input.name), "path": path, "size": size, "header": digest });
            if let Some(identity) = facts.identities.get(at) {
                row["identity"] = json!(identity);
            }
            // Terms go with the weights that they are about.
            if let Some(license) = input.header.metadata.get("license") {
                row["license"] = json!(license);
            }
            row
        })
        .collect();
    out.push(("blend.inputs".into(), json!(inputs).to_string()));
    if !facts.semantic.is_empty() {
        out.push(("blend.semantic".into(), facts.semantic.clone()));
    }
    if let Some(lineage) = lineage::of(recipe, &called) {
        out.push(("blend.lineage".into(), lineage));
    }
    for (name, text) in &output.metadata {
        match out.iter_mut().find(|pair| pair.0 == *name) {
            Some(pair) => pair.1 = text.clone(),
            None => out.push((name.clone(), text.clone())),
        }
    }
    out
}

/// Entries that every input has with the same text: facts of the network, such as its resolution.
fn shared(recipe: &Recipe) -> BTreeMap<String, String> {
    let mut inputs = recipe.inputs.iter().map(|input| &input.header.metadata);
    let mut out = inputs.next().cloned().unwrap_or_default();
    for other in inputs {
        out.retain(|name, text| other.get(name) == Some(text));
    }
    out
}

/// The terms of all inputs, which go with what is made of them; each once, with the model's name where they differ.
fn licenses(recipe: &Recipe, called: &dyn Fn(&str) -> String) -> Option<String> {
    let name = |at: usize| called(&recipe.inputs[at].name);
    let of = |at: usize| recipe.inputs[at].header.metadata.get("license").map(|text| (name(at), text));
    let terms: Vec<_> = (0..recipe.inputs.len()).filter_map(of).collect();
    let (_, first) = terms.first()?;
    if terms.len() == recipe.inputs.len() && terms.iter().all(|(_, text)| text == first) {
        return Some(first.to_string());
    }
    Some(terms.iter().map(|(name, text)| format!("{name}: {text}")).collect::<Vec<_>>().join("\n"))
}
