//! Modules of PyTorch as data: what `state_dict()` would list.

use super::SAVE;
use super::Scene;
use super::find::Found;
use crate::diag::Problem;
use crate::diag::shown;
use crate::pickle::Id;
use crate::pickle::Value;
use crate::store::sheet;
use crate::store::sheet::NAME;
use crate::store::sink::Sink;
use std::collections::HashSet;

/// Classes of PyTorch without tensors: their contents, which nobody looks into, are not missed.
const EMPTY: &[&str] = &[
    "torch.nn.modules.activation.",
    "torch.nn.modules.dropout.",
    "torch.nn.modules.flatten.",
    "torch.nn.modules.fold.",
    "torch.nn.modules.linear.Identity",
    "torch.nn.modules.padding.",
    "torch.nn.modules.pixelshuffle.",
    "torch.nn.modules.pooling.",
    "torch.nn.modules.upsampling.",
];

/// Those among them that have some.
const FULL: &[&str] = &["torch.nn.modules.activation.MultiheadAttention", "torch.nn.modules.activation.PReLU"];

/// Adds the tensors of a module and its parts.
pub fn read(scene: &Scene, found: &Found, sink: &mut Sink) -> Result<(), Problem> {
    module(scene, &found.label, found.id, &mut String::new(), sink)
}

/// `label` is what the network is called, `prefix` the beginning of the names of the module's tensors: one text for all
/// modules.  The machine has bounded how deep values nest and how often they stand in others.
fn module(scene: &Scene, label: &str, id: Id, prefix: &mut String, sink: &mut Sink) -> Result<(), Problem> {
    let values = scene.values;
    let length = prefix.len();
    let place = |prefix: &str, name: &str| joined(label, &format!("{prefix}{name}"));
    let wrong = |prefix: &str, name: &str, what: &str| scene.unreadable(&place(prefix, name), what).help(SAVE);
    let state = match values.get(id) {
        Value::Module { state, .. } => *state,
        Value::None => return Ok(()),
        Value::Opaque(class) if is_empty(class) => return Ok(()),
        _ => {
            let what = format!("{}, whose tensors blend cannot see", scene.noun(id));
            let note = "of PyTorch's modules only those that NVIDIA's persistence saves are read";
            return Err(wrong(prefix, "", &what).note(note));
        }
    };
    if prefix.len() > NAME {
        // No module has such a name, and those below would only have longer ones.
        return Err(sheet::too_long(0).of_file(scene.path));
    }
    if values.entries(state).is_none() {
        let what = format!("a module whose state is {}, and a dict was expected", scene.noun(state));
        return Err(wrong(prefix, "", &what));
    }
    let part = |name: &str| values.dict_get(state, name);
    let left_out: HashSet<&str> = match part("_non_persistent_buffers_set").map(|set| values.get(set)) {
        Some(Value::Set(names)) => names.iter().filter_map(|name| values.str(*name)).collect(),
        _ => HashSet::new(),
    };
    for (group, is_buffers) in [("_parameters", false), ("_buffers", true)] {
        for (name, value) in named(scene, part(group)).map_err(|what| wrong(prefix, group, &what))? {
            if is_buffers && left_out.contains(name) {
                continue;
            }
            if *values.get(value) == Value::None {
                continue;
            }
            prefix.push_str(name);
            if !sink.add(prefix, values.get(value))? {
                return Err(wrong(prefix, "", &format!("{}, and a tensor was expected", scene.noun(value))));
            }
            prefix.truncate(length);
        }
    }
    for (name, value) in named(scene, part("_modules")).map_err(|what| wrong(prefix, "_modules", &what))? {
        prefix.extend([name, "."]);
        module(scene, label, value, prefix, sink)?;
        prefix.truncate(length);
    }
    Ok(())
}

/// The entries of one of a module's dictionaries; or what is wrong with it.
fn named<'s>(scene: &'s Scene, id: Option<Id>) -> Result<Vec<(&'s str, Id)>, String> {
    let Some(id) = id else { return Ok(vec![]) };
    let Some(entries) = scene.values.entries(id) else {
        return Err(format!("{}, and a dict was expected", scene.noun(id)));
    };
    let mut out = vec![];
    for (key, value) in entries {
        match scene.values.str(*key) {
            Some(name) => out.push((name, *value)),
            None => return Err(format!("{} as a name", scene.noun(*key))),
        }
    }
    Ok(out)
}

/// Where something is in the pickle, for people: the beginning of a name ends with a dot.
fn joined(label: &str, name: &str) -> String {
    let name = shown::name(name.trim_end_matches('.'));
    match (label.is_empty(), name.is_empty()) {
        (true, _) => name,
        (_, true) => label.to_string(),
        _ => format!("{label}.{name}"),
    }
}

fn is_empty(class: &str) -> bool {
    EMPTY.iter().any(|known| class.starts_with(known)) && !FULL.contains(&class)
}
