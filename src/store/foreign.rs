//! Whether an existing directory is an output of ours, so that it may be replaced as a whole.

use super::error;
use super::header;
use super::index;
use crate::diag::Problem;
use crate::diag::shown;
use std::io;
use std::path::Path;

/// The file that lists what a build wrote into a directory.
pub const MARKER: &str = "blend.json";

/// Longest marker that is read.
const MARKER_LIMIT: u64 = 16 << 20;

/// The text of the marker for a directory of these files.
pub fn marker(files: &[String]) -> String {
    let mut files = files.to_vec();
    files.sort();
    let value = serde_json::json!({ "blend": env!("CARGO_PKG_VERSION"), "files": files });
    format!("{value:#}\n")
}

/// Refuses a directory that holds something blend did not write.  An empty or absent one holds nothing.
/// Errors: E0516, E0602.
pub fn refuse(target: &Path, directory: &Path) -> Result<(), Problem> {
    // A listing that fails half way must not pass for an empty directory.
    let failed = |error: io::Error| error::write(target, "listed", &error);
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    let mut names: Vec<String> = vec![];
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type().map_err(failed)?.is_file() {
            return Err(foreign(target, &name));
        }
        names.push(name);
    }
    names.sort();
    let listed = listed(directory);
    let ours = |name: &String| match &listed {
        Some(files) => name == MARKER || files.contains(name),
        None => is_own_kind(name),
    };
    if let Some(name) = names.iter().find(|name| !ours(name)) {
        return Err(foreign(target, name));
    }
    if names.is_empty() || listed.is_some() || names.iter().any(|name| is_signed(directory, name)) {
        return Ok(());
    }
    Err(foreign(target, &names[0]))
}

fn foreign(target: &Path, name: &str) -> Problem {
    let message = format!(
        "`{}` holds `{}`, which blend did not write; only an output of blend is replaced",
        shown::path(target),
        shown::name(name)
    );
    Problem::new(error::FOREIGN, message)
        .help("write to a new directory, or replace this one with all it holds: `--force`")
}

/// The files that the marker lists, where there is one.
fn listed(directory: &Path) -> Option<Vec<String>> {
    let text = super::text::read_text(&directory.join(MARKER), MARKER_LIMIT).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let files = value.as_object()?.get("files")?.as_array()?;
    files.iter().map(|name| name.as_str().map(str::to_string)).collect()
}

/// The names that a directory written without a marker may hold.
fn is_own_kind(name: &str) -> bool {
    name.ends_with(".safetensors") || name.ends_with(".json")
}

/// Whether the metadata of a shard or an index says that blend wrote it.
fn is_signed(directory: &Path, name: &str) -> bool {
    let path = directory.join(name);
    let by_blend = |key: &str| key == "blend" || key.starts_with("blend.") || key.starts_with("blend_");
    if name.ends_with(".safetensors.index.json") {
        index::read(&path, &mut header::Budget::new())
            .is_ok_and(|index| index.metadata_keys.iter().any(|k| by_blend(k)))
    } else if name.ends_with(".safetensors") {
        super::open(&path, None).is_ok_and(|header| header.metadata.keys().any(|key| by_blend(key)))
    } else {
        name == MARKER
    }
}
