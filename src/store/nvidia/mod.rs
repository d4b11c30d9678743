//! Bare pickles: the networks of NVIDIA's codes, and dictionaries of arrays.
//!
//! *PyTorch* (StyleGAN2-ADA, StyleGAN3): a dictionary of networks, `G`, `D` and `G_ema`, each a module of NVIDIA's
//! persistence.  Modules are walked as data: `_parameters`, `_buffers` (those of a state dict) and `_modules` give dotted
//! names in the order of `state_dict()`.  The source text that such files carry is never read.
//! *TensorFlow* (StyleGAN, StyleGAN2, StyleGAN2-ADA): a tuple of networks, `G`, `D` and `Gs`, with variables by name; those
//! of components stand under `mapping/` and `synthesis/`.
//! Whatever else is a dictionary of arrays or tensors is read as those of `torch.save` are.
//!
//! The averaged generator is taken, `G_ema` or `Gs`, another one by `key = "D"`; keys go on with dots into what is there.
//! Numbers are read where they lie, as strided as they are.  Facts of the constructor become metadata (`facts`).

mod facts;
mod find;
mod modules;
mod tensorflow;

use super::error;
use super::format::Opened;
use super::header::Budget;
use super::sink::Origin;
use super::sink::Sink;
use super::torch;
use super::torch::Window;
use crate::diag::Problem;
use crate::diag::shown;
use crate::pickle;
use crate::pickle::Id;
use crate::pickle::Limits;
use crate::pickle::Source;
use crate::pickle::Value;
use crate::pickle::Values;
use crate::tensor::Header;
use std::path::Path;

/// A pickle with what is around it.
struct Scene<'s> {
    path: &'s Path,
    source: &'s dyn Source,
    values: &'s Values,
}

/// Reads a file that is one pickle and adds file, tensors and metadata to `header`; `key` names what is meant in it.
/// Errors: E0517 to E0520 (the pickle), E0519, E0521 and E0526 (what it holds), E0507, E0508,
/// E0510, E0512, E0601.
pub fn read(opened: Opened, key: Option<&str>, header: &mut Header, budget: &mut Budget) -> Result<(), Problem> {
    let Opened { path, file, size, .. } = opened;
    let source = Window { file: &file, start: 0, len: size };
    let told = |fault| pickle::problem(&fault, &shown::path(path), 0);
    let run = pickle::run(&source, 0, &Limits::default()).map_err(told)?;
    if run.end != size {
        return Err(told(pickle::Fault {
            offset: run.end,
            opcode: None,
            found: format!("{} after the end of the pickle", shown::bytes(size - run.end)),
            expected: "the end of the file".into(),
            code: pickle::Kind::Malformed,
            path: String::new(),
        }));
    }
    let scene = Scene { path, source: &source, values: &run.values };
    let origin = Origin { path, size, base: 0, storages: None };
    let of_arrays = |origin, root| torch::Pickled { origin, window: &source, values: &run.values, root };
    if !find::has_networks(&scene, run.root) {
        return of_arrays(origin, run.root).add(key, header, budget);
    }
    let found = find::find(&scene, run.root, key)?;
    let facts = match scene.values.get(found.id) {
        Value::Module { class, state } => facts::of_module(&scene, class, *state, &found.label),
        Value::Object { state: Some(state), .. } => facts::of_network(&scene, *state, &found.label),
        Value::Object { .. } => vec![],
        _ => return of_arrays(origin, found.id).add(None, header, budget),
    };
    let mut sink = Sink::new(&origin, header, budget);
    match scene.values.get(found.id) {
        Value::Module { .. } => modules::read(&scene, &found, &mut sink)?,
        _ => tensorflow::read(&scene, &found, &mut sink)?,
    }
    sink.finish(facts)
}

impl Scene<'_> {
    /// A problem with what the pickle holds at a place of it (`""`: as a whole).
    fn unreadable(&self, place: &str, what: &str) -> Problem {
        let at = if place.is_empty() { String::new() } else { format!(" at `{}`", shown::name(place)) };
        Problem::new(error::NETWORK, format!("`{}` has{at} {what}", shown::path(self.path)))
    }

    /// What a value is, for messages: its class, where it has one.
    fn noun(&self, id: Id) -> String {
        match self.values.get(id) {
            Value::Opaque(class) | Value::Module { class, .. } | Value::Object { class, .. } => {
                format!("an object of `{}`", shown::name(class))
            }
            other => other.noun().to_string(),
        }
    }
}

/// What helps where a network is made of classes that nobody looks into.
const SAVE: &str =
    "save its weights where it can be loaded: `torch.save(G_ema.state_dict(), \"weights.pt\")`, and read that file";
