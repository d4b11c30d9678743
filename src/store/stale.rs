//! Temporaries beside a target.  Each is locked while its build lives, so what can be locked is left over and goes.

use super::place::Place;
use super::sys;
use std::fs::File;
use std::fs::OpenOptions;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// What a temporary's name ends in.
const UNFINISHED: &str = ".tmp";

/// A directory that was moved away for a new one, on file systems that cannot swap.
const REPLACED: &str = ".old";

/// Bytes of the target's name that temporaries repeat: with the rest they fit into the 255 of most file systems.
const NAME: usize = 180;

/// A new file or directory beside the target, locked.
pub struct Temporary {
    pub path: PathBuf,
    /// Its lock; for a file also the handle to write with.
    pub handle: File,
}

/// Makes an empty file beside the target.
pub fn file(place: &Place) -> io::Result<Temporary> {
    make(place, &|path| OpenOptions::new().read(true).write(true).create_new(true).open(path))
}

/// Makes an empty directory beside the target.
pub fn directory(place: &Place) -> io::Result<Temporary> {
    make(place, &|path| {
        std::fs::create_dir(path)?;
        File::open(path)
    })
}

fn make(place: &Place, create: &dyn Fn(&Path) -> io::Result<File>) -> io::Result<Temporary> {
    for _ in 0..100 {
        let path = fresh(place, UNFINISHED);
        let handle = match create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => {
                // A directory that was made but not opened.
                let _ = std::fs::remove_dir(&path);
                return Err(error);
            }
            Ok(handle) => handle,
        };
        // A build that cleans up may have been quicker between making and locking: then the name is no longer ours.
        let locked = sys::lock(&handle).unwrap_or(true);
        let there = std::fs::symlink_metadata(&path).ok();
        let ours = there
            .is_some_and(|there| handle.metadata().is_ok_and(|handle| sys::identity(&handle) == sys::identity(&there)));
        if locked && ours {
            return Ok(Temporary { path, handle });
        }
        remove(&path);
    }
    Err(io::Error::other("no temporary file could be made beside it in 100 attempts"))
}

/// A name beside the target for the directory that stands there.
pub fn replaced(place: &Place) -> PathBuf {
    fresh(place, REPLACED)
}

fn prefix(place: &Place) -> String {
    let name = place.name.to_string_lossy();
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}.blend-", &name[..end])
}

/// A name that nobody else has: chance from the hasher's keys, which differ per instance.
fn fresh(place: &Place, suffix: &str) -> PathBuf {
    let chance = std::hash::RandomState::new().hash_one(std::process::id());
    place.parent.join(format!("{}{chance:016x}{suffix}", prefix(place)))
}

/// Removes what dead builds of this target left, and puts back a directory that one had moved away.
/// What cannot be removed stays: it does no harm.
pub fn clean(place: &Place) {
    let prefix = prefix(place);
    for entry in std::fs::read_dir(&place.parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with(&prefix)) else { continue };
        let chance = name[prefix.len()..].split('.').next().unwrap_or_default();
        let is_ours = chance.len() == 16 && chance.bytes().all(|b| b.is_ascii_hexdigit());
        let is_plain = entry.file_type().is_ok_and(|kind| kind.is_file() || kind.is_dir());
        if !is_ours || !is_plain {
            continue;
        }
        let suffix = &name[prefix.len() + chance.len()..];
        let path = entry.path();
        let Ok(handle) = sys::open_at_once(&path) else { continue };
        if !sys::lock(&handle).unwrap_or(false) {
            continue;
        }
        match suffix {
            UNFINISHED => remove(&path),
            REPLACED if place.path().symlink_metadata().is_err() => {
                let _ = std::fs::rename(&path, place.path());
            }
            REPLACED => remove(&path),
            _ => {}
        }
    }
}

/// Removes a file or a directory with all that is in it, as far as that is possible.
pub fn remove(path: &Path) {
    let is_directory = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let _ = if is_directory { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
}
