//! One file of a checkpoint, read by what it is: told from its content, never from its name.

use super::error;
use super::gguf;
use super::header;
use super::header::Budget;
use super::npy;
use super::npz;
use super::shown;
use super::sniff;
use super::sys;
use super::zip;
use crate::diag::Problem;
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
    let _ = key;
    if opened.head.starts_with(gguf::MAGIC) {
        return gguf::read(&opened, header, budget);
    }
    if opened.head.starts_with(npy::MAGIC) {
        return npy::read(&opened, header, budget);
    }
    if zip::is_zip(&opened.head) {
        let directory = zip::read(&opened)?;
        if npz::is_npz(&directory) {
            return npz::read(&opened, &directory, header, budget);
        }
    }
    header::read(opened, header, budget)
}
