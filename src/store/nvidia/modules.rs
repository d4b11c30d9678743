//! Modules of PyTorch as data: what `state_dict()` would list.

use super::SAVE;
use super::Scene;
use super::find::Found;
use super::sink::Sink;
use crate::diag::Problem;
use crate::diag::shown;
use crate::pickle::Id;
use crate::pickle::Value;
use crate::store::sheet;
use crate::store::sheet::NAME;
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
    module(scene, &found.label, found.id, "", sink)
}

/// `place` is where the module is in the pickle, `prefix` the beginning of its tensors' names.  The machine has bounded
/// how deep values nest and how often they stand in others.
fn module(scene: &Scene, place: &str, id: Id, prefix: &str, sink: &mut Sink) -> Result<(), Problem> {
    let values = scene.values;
    let state = match values.get(id) {
        Value::Module { state, .. } => *state,
        Value::None => return Ok(()),
        Value::Opaque(class) if is_empty(class) => return Ok(()),
        _ => {
            let what = format!("{}, whose tensors blend cannot see", scene.noun(id));
            let note = "of PyTorch's modules only those that NVIDIA's persistence saves are read";
            return Err(scene.unreadable(place, &what).note(note).help(SAVE));
        }
    };
    if prefix.len() > NAME {
        // No module has such a name, and those below would only have longer ones.
        return Err(sheet::too_long(0).of_file(scene.path));
    }
    if values.entries(state).is_none() {
        let what = format!("a module whose state is {}, and a dict was expected", scene.noun(state));
        return Err(scene.unreadable(place, &what).help(SAVE));
    }
    let part = |name: &str| values.dict_get(state, name);
    let left_out: HashSet<&str> = match part("_non_persistent_buffers_set").map(|set| values.get(set)) {
        Some(Value::Set(names)) => names.iter().filter_map(|name| values.str(*name)).collect(),
        _ => HashSet::new(),
    };
    for (group, is_buffers) in [("_parameters", false), ("_buffers", true)] {
        for (name, value) in named(scene, place, group, part(group))? {
            if is_buffers && left_out.contains(name) {
                continue;
            }
            match values.get(value) {
                Value::Tensor(tensor) => sink.tensor(scene, format!("{prefix}{name}"), tensor)?,
                Value::Array(array) => sink.array(format!("{prefix}{name}"), array)?,
                Value::None => {}
                _ => {
                    let what = format!("{}, and a tensor was expected", scene.noun(value));
                    return Err(scene.unreadable(&joined(place, name), &what).help(SAVE));
                }
            }
        }
    }
    for (name, value) in named(scene, place, "_modules", part("_modules"))? {
        module(scene, &joined(place, name), value, &format!("{prefix}{name}."), sink)?;
    }
    Ok(())
}

/// The entries of one of a module's dictionaries.
fn named<'s>(scene: &'s Scene, place: &str, group: &str, id: Option<Id>) -> Result<Vec<(&'s str, Id)>, Problem> {
    let Some(id) = id else { return Ok(vec![]) };
    let wrong = |what: String| Err(scene.unreadable(&joined(place, group), &what).help(SAVE));
    let Some(entries) = scene.values.entries(id) else {
        return wrong(format!("{}, and a dict was expected", scene.noun(id)));
    };
    let mut out = vec![];
    for (key, value) in entries {
        match scene.values.str(*key) {
            Some(name) => out.push((name, *value)),
            None => return wrong(format!("{} as a name", scene.noun(*key))),
        }
    }
    Ok(out)
}

fn joined(place: &str, name: &str) -> String {
    if place.is_empty() { shown::name(name) } else { format!("{place}.{}", shown::name(name)) }
}

fn is_empty(class: &str) -> bool {
    EMPTY.iter().any(|known| class.starts_with(known)) && !FULL.contains(&class)
}
