//! Which of the things in a pickle is meant.

use super::SAVE;
use super::Scene;
use super::error;
use crate::diag::Problem;
use crate::diag::shown;
use crate::diag::suggest::nearest;
use crate::pickle::Id;
use crate::pickle::Next;
use crate::pickle::Value;

/// Names of averaged generators, which are taken when no key says otherwise.
const AVERAGED: &[&str] = &["G_ema", "Gs"];

/// What NVIDIA's TensorFlow code saves, in order.
const TRIPLE: [&str; 3] = ["G", "D", "Gs"];

/// Containers in containers that are followed.
const LEVELS: usize = 4;

/// Something with tensors.
pub struct Found {
    pub id: Id,
    /// What it is called in the pickle: `G_ema`; empty for the pickle itself.
    pub label: String,
}

/// Follows the key, then takes the network that is there, or a container of arrays.
pub fn find(scene: &Scene, root: Id, key: Option<&str>) -> Result<Found, Problem> {
    let mut found = Found { id: root, label: String::new() };
    if let Some(key) = key {
        found = follow(scene, root, key)?;
    }
    for _ in 0..=LEVELS {
        match scene.values.get(found.id) {
            Value::Module { .. } | Value::Object { .. } => return Ok(found),
            Value::Dict(_) | Value::Tuple(_) | Value::List(_) => {}
            _ => return Err(nothing(scene, &found, scene.noun(found.id))),
        }
        let children = children(scene, found.id);
        let networks: Vec<&Found> = children.iter().filter(|child| is_network(scene, child.id)).collect();
        let averaged = AVERAGED.iter().find_map(|name| networks.iter().find(|child| child.label == *name));
        if let Some(child) = averaged {
            // Its class may be none that blend looks into: the next round tells.
            found = below(&found, child);
            continue;
        }
        let readable: Vec<&Found> = networks.iter().copied().filter(|child| !is_opaque(scene, child.id)).collect();
        if readable.is_empty() && children.iter().any(|child| is_numbers(scene, child.id)) {
            return Ok(found);
        }
        // Only where nothing else tells it everything is looked through.
        let inner = || children.iter().filter(|child| holds_numbers(scene, child.id)).collect();
        let readable = if readable.is_empty() { inner() } else { readable };
        match readable.as_slice() {
            [only] => found = below(&found, only),
            [] => {
                let what = match networks.first() {
                    Some(network) => scene.noun(network.id),
                    None => format!("{} without tensors", scene.noun(found.id)),
                };
                return Err(nothing(scene, &found, what));
            }
            several => return Err(several_of(scene, &found, several.iter().map(|child| child.label.as_str()))),
        }
    }
    Err(nothing(scene, &found, "networks deep in others".into()))
}

/// Whether networks whose tensors are seen stand in a pickle, not too deep.
pub fn has_networks(scene: &Scene, root: Id) -> bool {
    let mut any = false;
    scene.values.walk(root, &mut |path, id| match scene.values.get(id) {
        Value::Module { .. } | Value::Object { .. } => {
            any = true;
            Next::End
        }
        Value::Dict(_) | Value::Tuple(_) | Value::List(_) if path.len() < LEVELS => Next::Into,
        _ => Next::Over,
    });
    any
}

fn below(found: &Found, child: &Found) -> Found {
    let label = if found.label.is_empty() { child.label.clone() } else { format!("{}.{}", found.label, child.label) };
    Found { id: child.id, label }
}

/// What a key leads to: names with dots between them, which may have dots themselves.
fn follow(scene: &Scene, root: Id, key: &str) -> Result<Found, Problem> {
    let (mut id, mut rest) = (root, key);
    loop {
        let children = children(scene, id);
        let fits = |child: &&Found| {
            rest.strip_prefix(child.label.as_str()).is_some_and(|tail| tail.is_empty() || tail.starts_with('.'))
        };
        let Some(child) = children.iter().filter(fits).max_by_key(|child| child.label.len()) else {
            let there = key[..key.len() - rest.len()].trim_end_matches('.');
            return Err(no_key(scene, there, rest, &children));
        };
        id = child.id;
        match rest[child.label.len()..].strip_prefix('.') {
            Some(tail) => rest = tail,
            None => return Ok(Found { id, label: key.to_string() }),
        }
    }
}

/// What a value holds, by name.
fn children(scene: &Scene, id: Id) -> Vec<Found> {
    let values = scene.values;
    match values.get(id) {
        Value::Dict(entries) => {
            let entries = entries.iter();
            entries.filter_map(|(key, id)| Some(Found { id: *id, label: key_text(scene, *key)? })).collect()
        }
        Value::Tuple(items) | Value::List(items) => {
            let is_triple = items.len() == TRIPLE.len() && items.iter().all(|item| is_network(scene, *item));
            let label = |(at, item): (usize, &Id)| {
                let label = if is_triple { TRIPLE[at].to_string() } else { own_name(scene, *item, at) };
                Found { id: *item, label }
            };
            items.iter().enumerate().map(label).collect()
        }
        Value::Module { state, .. } => {
            values.dict_get(*state, "_modules").map(|modules| children(scene, modules)).unwrap_or_default()
        }
        Value::Object { state: Some(state), .. } => {
            values.dict_get(*state, "components").map(|parts| children(scene, parts)).unwrap_or_default()
        }
        _ => vec![],
    }
}

fn key_text(scene: &Scene, key: Id) -> Option<String> {
    let values = scene.values;
    values.str(key).map(str::to_string).or_else(|| values.int(key).map(|int| int.to_string()))
}

/// The name that a network of TensorFlow has, or its place.
fn own_name(scene: &Scene, id: Id, at: usize) -> String {
    let name = match scene.values.get(id) {
        Value::Object { state: Some(state), .. } => {
            scene.values.dict_get(*state, "name").and_then(|name| scene.values.str(name))
        }
        _ => None,
    };
    name.filter(|name| !name.is_empty()).map_or_else(|| at.to_string(), str::to_string)
}

fn is_network(scene: &Scene, id: Id) -> bool {
    matches!(scene.values.get(id), Value::Module { .. } | Value::Object { .. } | Value::Opaque(_))
}

fn is_opaque(scene: &Scene, id: Id) -> bool {
    matches!(scene.values.get(id), Value::Opaque(_))
}

fn is_numbers(scene: &Scene, id: Id) -> bool {
    matches!(scene.values.get(id), Value::Tensor(_) | Value::Array(_))
}

/// Whether a container has tensors or networks somewhere below.
fn holds_numbers(scene: &Scene, id: Id) -> bool {
    if !matches!(scene.values.get(id), Value::Dict(_) | Value::Tuple(_) | Value::List(_)) {
        return false;
    }
    let mut any = false;
    scene.values.walk(id, &mut |_, at| {
        any |= is_numbers(scene, at) || matches!(scene.values.get(at), Value::Module { .. } | Value::Object { .. });
        if any { Next::End } else { Next::Into }
    });
    any
}

fn nothing(scene: &Scene, found: &Found, what: String) -> Problem {
    scene.unreadable(&found.label, &format!("{what}, and a network or a dictionary of tensors was expected")).help(SAVE)
}

fn several_of<'n>(scene: &Scene, found: &Found, names: impl Iterator<Item = &'n str>) -> Problem {
    let names: Vec<String> = names.map(shown::name).collect();
    let prefix = if found.label.is_empty() { String::new() } else { format!("{}.", found.label) };
    let first = names.first().map(|name| format!("{prefix}{name}")).unwrap_or_default();
    scene
        .unreadable(
            &found.label,
            &format!("several networks, {}, and no averaged generator among them", listed(&names)),
        )
        .note("the averaged generator is `G_ema` in PyTorch's files and `Gs` in TensorFlow's")
        .help(format!("say which one is meant: `{{ key = \"{first}\" }}`"))
}

fn no_key(scene: &Scene, there: &str, rest: &str, children: &[Found]) -> Problem {
    let names: Vec<String> = children.iter().map(|child| shown::name(&child.label)).collect();
    let place = if there.is_empty() { String::new() } else { format!(" in `{}`", shown::name(there)) };
    let message = format!("`{}` has no `{}`{place}", shown::path(scene.path), shown::name(rest));
    let problem = Problem::new(error::NETWORK, message);
    let problem = match names.is_empty() {
        true => problem.note("nothing in it has a name"),
        false => problem.note(format!("it has {}", listed(&names))),
    };
    // The averaged generator has two names.
    let other = AVERAGED.iter().find(|name| **name != rest && names.iter().any(|own| own == *name));
    let other = other.filter(|_| AVERAGED.contains(&rest)).copied();
    let whole = |name: &str| if there.is_empty() { name.to_string() } else { format!("{there}.{name}") };
    let near = other.or(nearest(rest, names.iter().map(String::as_str)));
    match near.or(names.first().map(String::as_str)) {
        Some(near) => problem.help(format!("write `{{ key = \"{}\" }}`", whole(near))),
        None => problem.help("leave `key` out: the file holds one network"),
    }
}

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > 8 { format!(" and {} more", names.len() - 8) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
