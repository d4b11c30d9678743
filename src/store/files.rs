//! Which files a checkpoint is made of: what a build system has to watch.

use super::beside;
use super::catalogue;
use super::open;
use crate::tensor::Header;
use std::path::Path;
use std::path::PathBuf;

/// The files that a checkpoint's header was made of, each once: its index, its shards, and the texts beside it that told a
/// fact.  `path` is what was opened.
pub fn files(path: &Path, header: &Header) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = vec![];
    let is_directory = path.is_dir();
    if is_directory {
        out.extend(open::index_of(path));
    } else {
        out.push(path.to_path_buf());
    }
    for file in &header.files {
        if !out.contains(&file.path) {
            out.push(file.path.clone());
        }
    }
    let directory = if is_directory { path } else { path.parent().unwrap_or(Path::new("")) };
    for name in beside::FILES {
        let told = header.facts.keys().any(|fact| fact.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')));
        if told {
            out.push(directory.join(name));
        }
    }
    out
}

/// The files of a catalogue of channels: itself, and the text with names beside it where there is one.
pub fn channel_files(path: &Path) -> Vec<PathBuf> {
    let names = catalogue::names_path(path);
    let has_names = names.is_file();
    std::iter::once(path.to_path_buf()).chain(has_names.then_some(names)).collect()
}
