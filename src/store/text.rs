//! Small text files: recipes, architecture files, what `fmt` and `new` write.

use super::Kind;
use super::Staged;
use super::error;
use super::sniff;
use super::sys;
use crate::diag::Problem;
use crate::diag::shown;
use crate::tensor::FileInfo;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// Opens a file to be read as a whole: a plain one, or what the shell hands over.  Errors: E0501 (with the nearest name),
/// E0502, E0503, E0601.
fn opened(path: &Path) -> Result<File, Problem> {
    // `blend check <(…)` gives a pipe that somebody writes to; any other pipe might keep us waiting for ever.
    let is_handed = ["/dev/fd", "/proc/self/fd", "/dev/stdin"].iter().any(|start| path.starts_with(start));
    let opened = if is_handed { File::open(path) } else { sys::open_at_once(path) };
    let file = opened.map_err(|error| error::not_opened(path, &error))?;
    let metadata = file.metadata().map_err(|error| error::read(path, &error))?;
    if metadata.is_dir() {
        return Err(is_directory(path));
    }
    if !metadata.is_file() && !is_handed {
        return Err(error::not_regular(path, sys::special_kind(&metadata)));
    }
    Ok(file)
}

/// A file that is there, to be read by [`super::Inputs`].  Errors: those of opening.
pub fn file_info(path: &Path) -> Result<FileInfo, Problem> {
    let metadata = opened(path)?.metadata().map_err(|error| error::read(path, &error))?;
    Ok(FileInfo { path: path.to_path_buf(), size: metadata.len(), memory: None })
}

/// Reads at most so many bytes of a file, from its beginning.  Errors: those of opening, E0601.
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = vec![];
    opened(path)?.take(limit).read_to_end(&mut bytes).map_err(|error| error::read(path, &error))?;
    Ok(bytes)
}

/// Reads a text of at most `limit` bytes.  A byte order mark stays.  Errors: E0501 (with the nearest name), E0502,
/// E0503, E0514 (too long, or not UTF-8: with the byte), E0601.
pub fn read_text(path: &Path, limit: u64) -> Result<String, Problem> {
    let file = opened(path)?;
    let mut bytes = vec![];
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error::read(path, &error))?;
    if let Some(kind) = sniff::kind(&bytes[..bytes.len().min(sniff::HEAD)]).filter(|kind| kind.is_binary) {
        let message = format!("`{}` is {}, a text was expected", shown::path(path), kind.name);
        return Err(Problem::new(error::OTHER_KIND, message).help("write the path of a recipe, such as `merge.blend`"));
    }
    if bytes.len() as u64 > limit {
        let message = format!("`{}` is longer than a text may be: {} are read", shown::path(path), shown::bytes(limit));
        return Err(
            Problem::new(error::TEXT, message).help("split it, and join the pieces with `use \"part.blend\" as part`")
        );
    }
    String::from_utf8(bytes).map_err(|wrong| {
        let at = wrong.utf8_error().valid_up_to();
        let line = wrong.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        let message = format!("`{}` is not UTF-8 text", shown::path(path));
        Problem::new(error::TEXT, message)
            .note(format!("at byte {at}, line {line}: found 0x{:02x}, expected UTF-8", wrong.as_bytes()[at]))
            .help(format!("save it as UTF-8: `iconv -f latin1 -t utf-8 {} > utf8.blend`", shown::path(path)))
    })
}

fn is_directory(path: &Path) -> Problem {
    let name = shown::path(path);
    let mut recipes: Vec<String> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .take(10_000)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".blend") && !shown::has_hidden(name))
        .collect();
    recipes.sort();
    let example = recipes.first().map_or("merge.blend", String::as_str);
    Problem::new(error::CLOSED, format!("`{name}` is a directory, a text file was expected"))
        .help(format!("write the path of a file in it, such as `{}`", shown::path(&path.join(example))))
}

/// Replaces a text file as a whole, or not at all; its mode stays, and a link to it stays a link.
/// Errors: E0516, E0602, E0603.
pub fn write_text(path: &Path, text: &str) -> Result<(), Problem> {
    write_bytes(path, text.as_bytes(), &[])
}

/// The same of any bytes, unless the file is one of `forbidden`: those are inputs.  Errors: E0516, E0602, E0603.
pub fn write_bytes(path: &Path, bytes: &[u8], forbidden: &[PathBuf]) -> Result<(), Problem> {
    write_pieces(path, bytes.len() as u64, &mut std::iter::once(bytes), forbidden)
}

/// The same of pieces that follow each other, `size` bytes in all.
pub fn write_pieces<B: AsRef<[u8]>>(
    path: &Path,
    size: u64,
    pieces: &mut dyn Iterator<Item = B>,
    forbidden: &[PathBuf],
) -> Result<(), Problem> {
    let staged = Staged::new(path, Kind::File, size, forbidden, false)?;
    let part = staged.part("", size)?;
    let mut at = 0;
    for piece in pieces {
        part.write_at(at, piece.as_ref())?;
        at += piece.as_ref().len() as u64;
    }
    staged.commit(vec![part]).map(|_| ())
}

/// Removes a text file.  Errors: E0602.
pub fn remove_text(path: &Path) -> Result<(), Problem> {
    std::fs::remove_file(path).map_err(|reason| error::write(path, "removed", &reason))
}
