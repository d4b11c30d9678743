//! Inputs and parameters.

use super::Fact;
use super::Of;
use super::forms::Same;
use super::forms::plain;
use crate::hir::Allowed;
use crate::hir::Input;
use crate::hir::Literal;
use crate::hir::Param;
use crate::hir::Recipe;

/// Inputs that are new, gone, of another file, or read otherwise.  Another name of the same file is no change.
pub fn inputs(same: &Same) -> Vec<Fact> {
    let fact = |name: &str, field: &'static str, before: Option<String>, after: Option<String>| Fact {
        of: Of::Input,
        name: name.into(),
        field,
        before,
        after,
    };
    let mut out = vec![];
    for (at, old) in same.before.inputs.iter().enumerate() {
        if !same.partner.contains(&Some(at)) {
            out.push(fact(&old.name, "", Some(old.written.clone()), None));
        }
    }
    for (new, partner) in same.after.inputs.iter().zip(&same.partner) {
        let Some(old) = partner.map(|at| &same.before.inputs[at]) else {
            out.push(fact(&new.name, "", None, Some(new.written.clone())));
            continue;
        };
        if plain(&old.path) != plain(&new.path) {
            out.push(fact(&new.name, "file", Some(old.written.clone()), Some(new.written.clone())));
        } else if is_read_otherwise(old, new) {
            let told = |input: &Input| format!("{} tensors, layout {}", input.canon.tensors.len(), input.canon.layout);
            out.push(fact(&new.name, "read as", Some(told(old)), Some(told(new))));
        }
    }
    out
}

/// The same file by other options: another dictionary, prefix or layout.
fn is_read_otherwise(old: &Input, new: &Input) -> bool {
    let tensors = |input: &Input| {
        let tensors = input.canon.tensors.iter().map(|tensor| {
            let entry = &input.header.entries[tensor.entry];
            (tensor.name.clone(), tensor.dtype, tensor.shape.clone(), entry.file, entry.offset)
        });
        tensors.collect::<Vec<_>>()
    };
    old.canon.layout != new.canon.layout || tensors(old) != tensors(new)
}

/// Parameters are what the command line sees of a recipe: their names count.
pub fn params(before: &Recipe, after: &Recipe) -> Vec<Fact> {
    let fact = |name: &str, field: &'static str, before: Option<String>, after: Option<String>| Fact {
        of: Of::Param,
        name: name.into(),
        field,
        before,
        after,
    };
    let mut out = vec![];
    for old in &before.params {
        if !after.params.iter().any(|new| new.name == old.name) {
            out.push(fact(&old.name, "", Some(whole(old)), None));
        }
    }
    for new in &after.params {
        let Some(old) = before.params.iter().find(|old| old.name == new.name) else {
            out.push(fact(&new.name, "", None, Some(whole(new))));
            continue;
        };
        if old.default != new.default {
            out.push(fact(&new.name, "default", Some(literal(&old.default)), Some(literal(&new.default))));
        }
        if old.allowed != new.allowed {
            out.push(fact(&new.name, "in", Some(allowed(&old.allowed)), Some(allowed(&new.allowed))));
        }
    }
    out
}

fn whole(param: &Param) -> String {
    match param.allowed {
        Allowed::All => literal(&param.default),
        _ => format!("{} in {}", literal(&param.default), allowed(&param.allowed)),
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

fn allowed(allowed: &Allowed) -> String {
    let bound = |number: f64| if number.is_finite() { number.to_string() } else { String::new() };
    match allowed {
        Allowed::All => "anything".into(),
        Allowed::List(list) => format!("[{}]", list.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Allowed::Range(low, high) => format!("{}..{}", bound(*low), bound(*high)),
    }
}
