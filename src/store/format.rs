//! One file of a checkpoint, read by what it is: told from its content, never from its name.

use super::error;
use super::gguf;
use super::header;
use super::header::Budget;
use super::npy;
use super::npz;
use super::nvidia;
use super::sniff;
use super::sys;
use super::torch;
use super::zip;
use crate::diag::Problem;
use crate::diag::shown;
use crate::tensor::Header;
use std::fs::File;
use std::path::Path;

/// A regular file, open, with its first bytes.
pub struct Opened<'p> {
    pub path: &'p Path,
    pub file: File,
    /// Bytes.
    pub size: u64,
    /// The first [`sniff::HEAD`] bytes, or all of a shorter file.
    pub head: Vec<u8>,
}

/// Opens a file that may be of any format.  Errors: E0501, E0502, E0601.
pub fn open(path: &Path) -> Result<Opened<'_>, Problem> {
    let file = sys::open_at_once(path).map_err(|error| error::not_opened(path, &error))?;
    let metadata = file.metadata().map_err(|error| error::read(path, &error))?;
    if metadata.is_dir() {
        let message = format!("`{}` is a directory, a file was expected", shown::path(path));
        return Err(Problem::new(error::CLOSED, message).help("write the path of a file in it"));
    }
    if !metadata.is_file() {
        return Err(error::not_regular(path, sys::special_kind(&metadata)));
    }
    let mut head = vec![0; sniff::HEAD];
    let count = sys::read_full(&file, 0, &mut head).map_err(|error| error::read(path, &error))?;
    head.truncate(count);
    Ok(Opened { path, file, size: metadata.len(), head })
}

/// Reads what a file says of its tensors and adds file, tensors and metadata to `header`; `key` names the dictionary of
/// a pickle that is meant.
pub fn read(path: &Path, key: Option<&str>, header: &mut Header, budget: &mut Budget) -> Result<(), Problem> {
    let opened = open(path)?;
    if zip::is_zip(&opened.head) {
        let directory = zip::read(&opened)?;
        return match () {
            () if torch::owns(&directory) => torch::read_archive(&opened, &directory, key, header, budget),
            () if npz::is_npz(&directory) => plain(path, key, npz::read(&opened, &directory, header, budget)),
            () => Err(torch::refuse_other(&opened, &directory).unwrap_or_else(|| not_weights(path))),
        };
    }
    if torch::is_stream(&opened.head) {
        return torch::read_stream(&opened, key, header, budget);
    }
    if matches!(opened.head[..], [0x80, 2..=5, ..]) && !header::begins(&opened.head) {
        return nvidia::read(opened, key, header, budget);
    }
    if opened.head.starts_with(gguf::MAGIC) {
        return plain(path, key, gguf::read(&opened, header, budget));
    }
    if opened.head.starts_with(npy::MAGIC) {
        return plain(path, key, npy::read(&opened, header, budget));
    }
    plain(path, key, header::read(opened, header, budget))
}

/// What a reader of a format without dictionaries said, unless one was asked for.
fn plain(path: &Path, key: Option<&str>, read: Result<(), Problem>) -> Result<(), Problem> {
    match key {
        Some(key) => read.and_then(|()| Err(error::no_dictionaries(path, key))),
        None => read,
    }
}

/// A zip archive of other things.
fn not_weights(path: &Path) -> Problem {
    let message = format!("`{}` is a zip archive without weights, a checkpoint was expected", shown::path(path));
    Problem::new(error::OTHER_KIND, message).help("unpack it, and write the path of the checkpoint in it")
}
