//! Networks of NVIDIA's TensorFlow code: lists of variables, and components that have their own.

use super::Scene;
use super::find::Found;
use crate::diag::Problem;
use crate::pickle::Id;
use crate::pickle::Value;
use crate::store::sheet;
use crate::store::sheet::NAME;
use crate::store::sink::Sink;

/// What helps where a network has not the form that all versions of the code have.
const SAVE: &str = "load it where TensorFlow is and save it again: `pickle.dump((G, D, Gs), file)`";

/// Versions of the state that are known: 2 to 4 are those of StyleGAN and StyleGAN2, 5 is that of StyleGAN2-ADA.
const VERSIONS: std::ops::RangeInclusive<i64> = 2..=5;

/// Adds the variables of a network and its components.
pub fn read(scene: &Scene, found: &Found, sink: &mut Sink) -> Result<(), Problem> {
    network(scene, &found.label, found.id, &mut String::new(), sink)
}

/// `label` is what the whole network is called, `prefix` the beginning of the names of this one's variables: one text for
/// all components.
fn network(scene: &Scene, label: &str, id: Id, prefix: &mut String, sink: &mut Sink) -> Result<(), Problem> {
    let values = scene.values;
    let length = prefix.len();
    if prefix.len() > NAME {
        return Err(sheet::too_long(0).of_file(scene.path));
    }
    let wrong =
        |prefix: &str, what: String| scene.unreadable(&joined(label, &prefix.replace('/', ".")), &what).help(SAVE);
    let Value::Object { state: Some(state), .. } = values.get(id) else {
        return Err(wrong(prefix, format!("{}, and a network with a state was expected", scene.noun(id))));
    };
    let part = |name: &str| values.dict_get(*state, name);
    let version = part("version").and_then(|version| values.int(version));
    if !version.is_some_and(|version| VERSIONS.contains(&version)) {
        let found = version.map_or("no version".to_string(), |version| format!("the version {version}"));
        return Err(wrong(prefix, format!("a network with {found}, and 2 to 5 are known")));
    }
    let Some(variables) = part("variables").and_then(|list| values.items(list)) else {
        return Err(wrong(prefix, "a network without a list of variables".into()));
    };
    for variable in variables {
        let pair = values.items(*variable);
        let (name, value) = match pair {
            Some([name, value]) => (values.str(*name), *value),
            _ => (None, *variable),
        };
        let Some(name) = name else {
            return Err(wrong(
                prefix,
                format!("{} among its variables, and a name and an array were expected", scene.noun(value)),
            ));
        };
        prefix.push_str(name);
        if !sink.add(prefix, values.get(value))? {
            let what = format!("{}, and an array was expected", scene.noun(value));
            return Err(scene.unreadable(&joined(label, prefix), &what).help(SAVE));
        }
        prefix.truncate(length);
    }
    let Some(components) = part("components") else { return Ok(()) };
    let Some(components) = values.entries(components) else {
        return Err(wrong(prefix, format!("{} as components, and a dict was expected", scene.noun(components))));
    };
    for (name, component) in components {
        let Some(name) = values.str(*name) else {
            return Err(wrong(prefix, format!("{} as the name of a component", scene.noun(*name))));
        };
        prefix.extend([name, "/"]);
        network(scene, label, *component, prefix, sink)?;
        prefix.truncate(length);
    }
    Ok(())
}

/// Where something is in the pickle, for people.
fn joined(label: &str, name: &str) -> String {
    let name = name.trim_end_matches('.');
    match (label.is_empty(), name.is_empty()) {
        (true, _) => name.to_string(),
        (_, true) => label.to_string(),
        _ => format!("{label}.{name}"),
    }
}
