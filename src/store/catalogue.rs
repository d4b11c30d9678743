//! Files of channels: safetensors with the names of their parts in a text beside them.

use super::Inputs;
use super::error;
use super::text;
use crate::channels::Catalogue;
use crate::channels::Part;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use crate::tensor::Dtype;
use crate::tile::Fetch;
use serde_json::json;
use std::path::Path;
use std::path::PathBuf;

/// The largest file that is read: 256 clusters of a large network are a tenth of it.
const LIMIT: u64 = 256 << 20;

/// The largest text of names.
const NAMES_LIMIT: u64 = 1 << 20;

/// The text with names that belongs to a file of channels.
pub fn names_path(path: &Path) -> PathBuf {
    path.with_extension("toml")
}

/// A catalogue, and the text of names beside it where there is one.  Errors: those of a safetensors file, and E0760.
pub fn read(path: &Path) -> Result<(Catalogue, Option<String>), Problem> {
    let header = super::open(path, None)?;
    let strange = |reason: &str| {
        Problem::new(Code("E0760"), format!("`{}` holds no channels: {reason}", shown::path(path))).help(
            "make one with `blend channels find MODEL`, or name channels by number: `{ \"b32.conv1\" = [0..15] }`",
        )
    };
    if header.size() > LIMIT {
        return Err(strange("it is too large"));
    }
    if let Some(other) = header.entries.iter().find(|entry| entry.dtype != Dtype::F32 || entry.blocks().is_some()) {
        return Err(strange(&format!("`{}` is not of f32", shown::name(&other.name))));
    }
    let inputs = Inputs::open(&header.files)?;
    let mut parts = vec![];
    for entry in &header.entries {
        let mut bytes = vec![0; entry.len as usize];
        inputs.fetch(entry.file, entry.offset, &mut bytes)?;
        let values = bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
        let shape = entry.shape.iter().map(|&size| size as usize).collect();
        parts.push(Part { name: entry.name.clone(), shape, values });
    }
    let catalogue = Catalogue::new(&header.metadata, parts).map_err(|reason| strange(&reason))?;
    Ok((catalogue, names(path)?))
}

/// The text of names beside a catalogue, where there is one.  Errors: those of reading a text.
pub fn names(path: &Path) -> Result<Option<String>, Problem> {
    match text::read_text(&names_path(path), NAMES_LIMIT) {
        Ok(names) => Ok(Some(names)),
        Err(problem) if problem.code == error::MISSING => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// The bytes of a catalogue's file: a header whose length is a multiple of 8, then f32 values.  They depend on the catalogue
/// alone.
fn bytes(catalogue: &Catalogue) -> Vec<u8> {
    let (metadata, parts) = catalogue.parts();
    let mut map = serde_json::Map::new();
    map.insert("__metadata__".into(), json!(metadata));
    let mut at = 0;
    for part in &parts {
        let end = at + size_of_val(&part.values[..]);
        map.insert(part.name.clone(), json!({ "dtype": "F32", "shape": part.shape, "data_offsets": [at, end] }));
        at = end;
    }
    let mut header = serde_json::to_vec(&map).expect("names and numbers are JSON");
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header);
    out.extend(parts.iter().flat_map(|part| &part.values).flat_map(|value| value.to_le_bytes()));
    out
}

/// Writes a catalogue, as a whole or not at all, unless an input lies there.  Errors: E0515, E0516, E0602, E0603.
pub fn write(path: &Path, catalogue: &Catalogue, inputs: &[PathBuf]) -> Result<(), Problem> {
    text::write_bytes(path, &bytes(catalogue), inputs)
}
