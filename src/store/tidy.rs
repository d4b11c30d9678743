//! How large the user's cache is, and how it becomes smaller.  Only what blend wrote there is ever counted or removed:
//! whoever names a folder of their own as the cache loses nothing.

use super::cache::cache_dir;
use super::error;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

const NO_CACHE: Code = Code("E0840");

/// Records that are written take milliseconds; one of this age belongs to a process that died.
const DEAD: Duration = Duration::from_secs(3_600);

/// A kind of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    pub name: String,
    pub records: usize,
    /// Of all of them together.
    pub bytes: u64,
}

/// A file of the cache.
struct Record {
    path: PathBuf,
    shelf: String,
    bytes: u64,
    used: SystemTime,
    /// It has not got its name yet.
    is_temporary: bool,
}

/// The folder of the cache.  Errors: E0840 where there is no place for one.
pub fn folder() -> Result<PathBuf, Problem> {
    cache_dir().ok_or_else(|| {
        Problem::new(NO_CACHE, "there is no cache: neither BLEND_CACHE_DIR, XDG_CACHE_HOME nor HOME is set")
            .help("set BLEND_CACHE_DIR to a folder; builds work without one, and make everything anew")
    })
}

fn records(folder: &Path) -> Result<Vec<Record>, Problem> {
    let mut out = vec![];
    for shelf in entries(folder)? {
        // Links are not followed.
        if !shelf.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        for entry in entries(&shelf.path())? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_record = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_temporary = name.starts_with('.') && name.ends_with(".tmp");
            // One that is gone meanwhile needs no removal.
            let Ok(metadata) = entry.metadata() else { continue };
            if (is_record || is_temporary) && metadata.is_file() {
                out.push(Record {
                    path: entry.path(),
                    shelf: shelf.file_name().to_string_lossy().into_owned(),
                    bytes: metadata.len(),
                    used: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                    is_temporary,
                });
            }
        }
    }
    Ok(out)
}

fn entries(folder: &Path) -> Result<Vec<std::fs::DirEntry>, Problem> {
    match std::fs::read_dir(folder).and_then(Iterator::collect) {
        Ok(entries) => Ok(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(error::read(folder, &error)),
    }
}

/// What the cache holds, by kinds, in the order of their names.  Errors: E0601, E0840.
pub fn sizes() -> Result<Vec<Shelved>, Problem> {
    let mut out: Vec<Shelved> = vec![];
    let mut all = records(&folder()?)?;
    all.sort_by(|a, b| a.shelf.cmp(&b.shelf));
    for record in all {
        match out.last_mut() {
            Some(last) if last.name == record.shelf => {
                last.records += 1;
                last.bytes += record.bytes;
            }
            _ => out.push(Shelved { name: record.shelf, records: 1, bytes: record.bytes }),
        }
    }
    Ok(out)
}

/// Removes what dead processes left, and the records that were used longest ago until at most so many bytes are left;
/// tells records and bytes that went.  Builds that run meanwhile find a record or find none.  Errors: E0601, E0602, E0840.
pub fn shrink(most: u64) -> Result<(usize, u64), Problem> {
    let mut all = records(&folder()?)?;
    let mut left: u64 = all.iter().map(|record| record.bytes).sum();
    // What is being written is left alone, unless all of the cache shall go.
    let is_old = |record: &Record| SystemTime::now().duration_since(record.used).is_ok_and(|age| age >= DEAD);
    all.retain(|record| !record.is_temporary || is_old(record));
    all.sort_by_key(|record| (!record.is_temporary, record.used));
    let (mut count, mut bytes) = (0, 0);
    for record in all {
        if !record.is_temporary && left <= most {
            break;
        }
        match std::fs::remove_file(&record.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let message = format!("`{}` cannot be removed from the cache: {error}", shown::path(&record.path));
                return Err(Problem::new(error::WRITE, message).help("look who owns the cache, or set BLEND_CACHE_DIR"));
            }
            _ => {
                (count, bytes) = (count + 1, bytes + record.bytes);
                left -= record.bytes;
            }
        }
    }
    Ok((count, bytes))
}
