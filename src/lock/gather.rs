//! Locks from what is there now.

use super::Aside;
use super::Input;
use super::Lock;
use super::Output;
use super::VERSION;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::hir::Recipe;
use crate::identity::File;
use crate::identity::Identity;
use crate::identity::of_files;
use crate::normal::EDITION;
use crate::normal::Normal;
use crate::store;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// What a lock would say of a checked recipe now.  `meaning` is its normal form with parameters at their defaults; `identities`
/// are those of its inputs; an input without one is left out.  It has no outputs.  Errors: those of reading what else it names.
pub fn now(
    recipe: &Recipe,
    meaning: &Normal,
    identities: &[Option<Identity>],
    threads: usize,
    progress: &Progress,
) -> Result<Lock, Stop> {
    let input = |(at, identity): (usize, &Identity)| {
        let (input, name) = (&recipe.inputs[at], &recipe.names[at]);
        Input {
            name: input.name.to_string(),
            path: name.path.clone(),
            options: name.options_text(),
            size: input.header.size(),
            layout: input.canon.layout.to_string(),
            identity: identity.root.to_hex().to_string(),
            files: named(&input.path, &identity.files),
        }
    };
    let found = identities.iter().enumerate().filter_map(|(at, identity)| Some((at, identity.as_ref()?)));
    let mut inputs: Vec<Input> = found.map(input).collect();
    // Two models of one file are locked once.
    inputs.sort_by(|a, b| a.key().cmp(&b.key()));
    inputs.dedup_by(|a, b| a.key() == b.key());
    let mut asides = vec![];
    for aside in &recipe.aside {
        // What a catalogue calls its clusters stands beside it.
        let names = (aside.what == "channels").then(|| aside.path.with_extension("toml"));
        let names = names.filter(|path| store::file_info(path).is_ok());
        let paths: Vec<PathBuf> = [Some(aside.path.clone()), names].into_iter().flatten().collect();
        // A picture that a claim names may be yet to be written.
        if store::file_info(&aside.path).is_err() {
            continue;
        }
        for (at, file) in of_files(&paths, threads, progress)?.into_iter().enumerate() {
            let path = Path::new(&aside.written);
            let path = if at == 0 { path.to_path_buf() } else { path.with_extension("toml") };
            asides.push(Aside {
                kind: aside.what.into(),
                path: path.display().to_string(),
                digest: file.digest.to_hex().to_string(),
            });
        }
    }
    let methods = meaning.methods.iter().map(|(name, version)| (name.to_string(), *version)).collect();
    let recipe = meaning.digest().to_hex().to_string();
    Ok(Lock { version: VERSION, language: EDITION, recipe, methods, inputs, asides, outputs: vec![] })
}

/// Digests by names: those of a directory's files in it, else the file's own.
fn named(of: &Path, files: &[File]) -> BTreeMap<String, String> {
    let name = |file: &File| {
        let inside = file.path.strip_prefix(of).ok().filter(|path| !path.as_os_str().is_empty());
        let own = || file.path.file_name().map(Path::new);
        inside.or_else(own).unwrap_or(&file.path).display().to_string()
    };
    files.iter().map(|file| (name(file), file.digest.to_hex().to_string())).collect()
}

/// An output as it lies on the disk; `written` is its path as the lock has it, `semantic` the hash of the recipe that made it.
pub fn output(written: &str, path: &Path, semantic: &str, identity: &Identity) -> Output {
    let files = named(path, &identity.files);
    Output { path: written.into(), recipe: semantic.into(), identity: identity.root.to_hex().to_string(), files }
}

/// The outputs of an old lock that a new one may keep: nothing that they were made of has changed.
pub fn held(old: &Lock, new: &Lock) -> Vec<Output> {
    let same = old.recipe == new.recipe
        && old.methods == new.methods
        && old.language == new.language
        && old.inputs.len() == new.inputs.len()
        && old
            .inputs
            .iter()
            .all(|input| new.inputs.iter().any(|other| other.key() == input.key() && other.identity == input.identity));
    if same { old.outputs.clone() } else { vec![] }
}
