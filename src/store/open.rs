//! A checkpoint, whatever it is made of: a file, a directory with an index, shards without one.

use super::beside;
use super::error;
use super::format;
use super::header;
use super::header::Budget;
use super::index;
use super::json::quoted;
use crate::diag::Problem;
use crate::diag::shown;
use crate::tensor::Header;
use std::path::Path;
use std::path::PathBuf;

/// Entries of a directory that are looked at.
const ENTRIES: usize = 65_536;

/// What the name of an index ends in.
const INDEX: &str = ".safetensors.index.json";

/// Reads the headers of a checkpoint, never its weights: a file of any format; an index of shards; a directory with an
/// index, with one safetensors file, or with shards whose tensors have different names; without safetensors in it, one
/// with the files that PyTorch's users know: `pytorch_model.bin.index.json`, `pytorch_model.bin`, `consolidated.00.pth`.
/// `key` names the dictionary of a pickle that is meant.  Files beside it that describe the
/// model are asked for its facts.  Takes less than 100 ms and 64 MiB for whatever input, but
/// for packed arrays of NumPy: those are unpacked, at most 256 MiB of them.
///
/// Problems have no labels.  Errors: E0501 to E0513, E0517 to E0526, E0601.
pub fn open(path: &Path, key: Option<&str>) -> Result<Header, Problem> {
    let metadata = std::fs::metadata(path).map_err(|error| error::not_opened(path, &error))?;
    let mut budget = Budget::new();
    let directory = if metadata.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let mut header = Header::default();
    if metadata.is_dir() {
        header = open_directory(path, key, &mut budget)?;
    } else if path.extension().is_some_and(|ending| ending == "json") {
        header = open_index(directory, path, key, &mut budget)?;
    } else {
        format::read(path, key, &mut header, &mut budget)?;
    }
    header.facts = beside::facts(directory);
    Ok(header)
}

fn open_directory(path: &Path, key: Option<&str>, budget: &mut Budget) -> Result<Header, Problem> {
    let listing = std::fs::read_dir(path).map_err(|error| error::not_opened(path, &error))?;
    let mut names: Vec<String> = vec![];
    for (count, entry) in listing.enumerate() {
        let entry = entry.map_err(|error| error::read(path, &error))?;
        if count == ENTRIES {
            let message = format!("`{}` holds more than {ENTRIES} files, a checkpoint was expected", shown::path(path));
            return Err(Problem::new(error::TOO_LARGE, message).help("write the path of the checkpoint in it"));
        }
        names.extend(entry.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
    }
    names.sort();
    if let Some(index) = index_in(path, &names, INDEX)? {
        return open_index(path, &contained(path, index)?, key, budget);
    }
    let mut shards: Vec<&String> = names.iter().filter(|name| name.ends_with(".safetensors")).collect();
    if shards.is_empty() {
        if let Some(index) = index_in(path, &names, index::TORCH)? {
            return open_index(path, &contained(path, index)?, key, budget);
        }
        shards = torch_files(path, &names)?;
    }
    if shards.is_empty() {
        return Err(no_checkpoint(path, &names));
    }
    if shards.len() > header::SHARDS {
        let message =
            format!("`{}` holds more than {} shards, one model was expected", shown::path(path), header::SHARDS);
        return Err(Problem::new(error::TOO_LARGE, message).help("write the path of the checkpoint in it"));
    }
    let mut header = Header::default();
    for name in shards {
        format::read(&contained(path, name)?, key, &mut header, budget)?;
    }
    Ok(header)
}

/// The index in a directory that [`open`] takes, if it does.
pub fn index_of(path: &Path) -> Option<PathBuf> {
    let listing = std::fs::read_dir(path).ok()?;
    let names = listing.take(ENTRIES).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    let has_safetensors = names.iter().any(|name| name.ends_with(".safetensors"));
    let torch = |names| if has_safetensors { None } else { index_in(path, names, index::TORCH).ok().flatten() };
    let index = index_in(path, &names, INDEX).ok().flatten().or_else(|| torch(&names));
    index.map(|name| path.join(name))
}

/// The index of a directory: the usual one, or the only one that ends so.
fn index_in<'n>(path: &Path, names: &'n [String], ending: &str) -> Result<Option<&'n String>, Problem> {
    let indexes: Vec<&String> = names.iter().filter(|name| name.ends_with(ending)).collect();
    let usual = [format!("model{ending}"), format!("pytorch_model{ending}")];
    let usual = indexes.iter().find(|name| usual.contains(name));
    match (usual, &indexes[..]) {
        (Some(name), _) | (None, [name]) => Ok(Some(*name)),
        (None, []) => Ok(None),
        (None, [first, ..]) => {
            let listed: Vec<String> = indexes.iter().take(4).map(|name| quoted(name)).collect();
            let message =
                format!("`{}` has several indexes, {}, one was expected", shown::path(path), listed.join(", "));
            Err(Problem::new(error::NO_CHECKPOINT, message)
                .help(format!("write the path of one of them: `{}`", shown::path(&path.join(first)))))
        }
    }
}

/// The files of a checkpoint of PyTorch in a directory: the whole model, or shards without an index.  Others of its
/// pickles, such as the state of an optimizer, are not the model.
fn torch_files<'n>(path: &Path, names: &'n [String]) -> Result<Vec<&'n String>, Problem> {
    let whole = ["pytorch_model.bin", "diffusion_pytorch_model.bin"];
    if let Some(name) = names.iter().find(|name| whole.contains(&name.as_str())) {
        return Ok(vec![name]);
    }
    let shards: Vec<&String> =
        names.iter().filter(|name| name.starts_with("pytorch_model-") && name.ends_with(".bin")).collect();
    if !shards.is_empty() {
        return Ok(shards);
    }
    let parts: Vec<&String> =
        names.iter().filter(|name| name.starts_with("consolidated.") && name.ends_with(".pth")).collect();
    if parts.len() > 1 {
        let message = format!(
            "`{}` has the model in {} parts for as many devices, each with slices of all tensors; whole tensors were expected",
            shown::path(path),
            parts.len()
        );
        let listed: Vec<String> = parts.iter().take(4).map(|name| quoted(name)).collect();
        return Err(Problem::new(error::NO_CHECKPOINT, message)
            .note(format!("the parts are {}", listed.join(", ")))
            .help("take the model in the form of Hugging Face, or join the parts: `python -m transformers.models.llama.convert_llama_weights_to_hf`"));
    }
    Ok(parts)
}

/// A directory without a safetensors file: what to name instead.
fn no_checkpoint(path: &Path, names: &[String]) -> Problem {
    let message = format!("`{}` has no `.safetensors` file and none of PyTorch's names", shown::path(path));
    let problem = Problem::new(error::NO_CHECKPOINT, message);
    let below = names.iter().take(100).find(|name| {
        let files = std::fs::read_dir(path.join(name)).into_iter().flatten().flatten().take(1000);
        let mut names = files.filter_map(|file| file.file_name().into_string().ok());
        names.any(|name| name.ends_with(".safetensors"))
    });
    if let Some(name) = below {
        return problem.help(format!("write the directory that has them: `{}`", shown::path(&path.join(name))));
    }
    let other = [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".gguf", ".npz", ".npy"];
    match names.iter().find(|name| other.iter().any(|ending| name.ends_with(ending))) {
        Some(name) => problem
            .note(format!("it has {}, which may be the model or something of its training", quoted(name)))
            .help(format!("write the path of the file: `{}`", shown::path(&path.join(name)))),
        None => problem.help("write the path of a checkpoint, or of a directory that has `.safetensors` files"),
    }
}

fn open_index(directory: &Path, path: &Path, key: Option<&str>, budget: &mut Budget) -> Result<Header, Problem> {
    let index = index::read(path, budget)?;
    let mut header = Header::default();
    for shard in &index.shards {
        let file = contained(directory, shard)?;
        if file.symlink_metadata().is_err() {
            let message = format!("`{}` is missing, the index asks for it", shown::path(&file));
            return Err(Problem::new(error::DISAGREE, message)
                .note(format!("the index is `{}`", shown::path(path)))
                .help(error::AGAIN));
        }
        format::read(&file, key, &mut header, budget)?;
    }
    index::check(path, &header, budget)?;
    for (key, value) in index.metadata {
        header.metadata.entry(key).or_insert(value);
    }
    Ok(header)
}

/// A file of a directory that a recipe names: links may not lead out of it, except to where the download cache of the
/// Hugging Face hub keeps the files of a snapshot.
pub fn contained(directory: &Path, name: &str) -> Result<PathBuf, Problem> {
    let path = directory.join(name);
    if !path.is_symlink() {
        return Ok(path);
    }
    let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let home = here.canonicalize().map_err(|error| error::not_opened(here, &error))?;
    let real = path.canonicalize().map_err(|error| error::not_opened(&path, &error))?;
    // …/models--x--y/snapshots/REVISION/model.safetensors -> ../../blobs/DIGEST
    let snapshots = home.parent().filter(|above| above.file_name().is_some_and(|name| name == "snapshots"));
    let blobs = snapshots.and_then(Path::parent).map(|repository| repository.join("blobs"));
    if real.starts_with(&home) || blobs.is_some_and(|blobs| real.parent() == Some(&blobs)) {
        return Ok(path);
    }
    let message = format!("`{}` is a link out of its directory, a file was expected", shown::path(&path));
    Err(Problem::new(error::INDEX, message).note(format!("it leads to `{}`", shown::path(&real))).help(format!(
        "put the file itself there: `cp --remove-destination {} {}`",
        shown::path(&real),
        shown::path(&path)
    )))
}

/// Hexadecimal blake3 of what a header says: per tensor, sorted by name, its name, type and shape.  Order, padding,
/// shards and metadata do not count.
pub fn header_digest(header: &Header) -> String {
    let mut entries: Vec<_> = header.entries.iter().collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = blake3::Hasher::new();
    hash.update(b"blend header 1");
    for entry in entries {
        hash.update(&(entry.name.len() as u64).to_le_bytes());
        hash.update(entry.name.as_bytes());
        let dtype = entry.dtype.safetensors_name();
        hash.update(&(dtype.len() as u64).to_le_bytes());
        hash.update(dtype.as_bytes());
        hash.update(&(entry.shape.len() as u64).to_le_bytes());
        for size in &entry.shape {
            hash.update(&size.to_le_bytes());
        }
    }
    hash.finalize().to_hex().to_string()
}
