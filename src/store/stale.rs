//! Temporaries beside a target.  Each is locked while its build lives, so what can be locked is left over and goes, unless
//! a build of the same plan takes it over.

use super::journal;
use super::journal::Note;
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

/// What the name of its journal ends in.
const DONE: &str = ".done";

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

/// What a dead build of the same plan left, locked, and the tensors that it had finished, as it said.  An empty journal
/// is as good as none.
pub struct Taken {
    pub temporary: Temporary,
    pub notes: Vec<Note>,
}

/// Something that a build left beside its target, which is now locked.
struct LeftOver {
    path: PathBuf,
    /// [`UNFINISHED`], [`DONE`] or [`REPLACED`].
    suffix: &'static str,
    handle: File,
    is_directory: bool,
    /// It can be written, a file by the handle.
    writes: bool,
}

fn left_overs(place: &Place) -> Vec<LeftOver> {
    let prefix = prefix(place);
    let mut out = vec![];
    for entry in std::fs::read_dir(&place.parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with(&prefix)) else { continue };
        let chance = name[prefix.len()..].split('.').next().unwrap_or_default();
        let is_ours = chance.len() == 16 && chance.bytes().all(|b| b.is_ascii_hexdigit());
        let Ok(kind) = entry.file_type() else { continue };
        let suffix = &name[prefix.len() + chance.len()..];
        let suffix = [UNFINISHED, DONE, REPLACED].into_iter().find(|one| *one == suffix);
        let (true, Some(suffix)) = (is_ours && (kind.is_file() || kind.is_dir()), suffix) else { continue };
        let path = entry.path();
        let to_write = || OpenOptions::new().read(true).write(true).open(&path).ok();
        let written = if suffix == UNFINISHED && kind.is_file() { to_write() } else { None };
        let writes = written.is_some() || kind.is_dir();
        let Some(handle) = written.or_else(|| sys::open_at_once(&path).ok()) else { continue };
        if sys::lock(&handle).unwrap_or(false) {
            out.push(LeftOver { path, suffix, handle, is_directory: kind.is_dir(), writes });
        }
    }
    out
}

/// Removes what dead builds of this target left, and puts back a directory that one had moved away.
/// What cannot be removed stays: it does no harm.
///
/// `plan`: what a build of that plan left is taken over, the one with the most tensors if there are several.  Who has
/// no plan leaves what has a journal to those who have one.
pub fn clean(place: &Place, is_directory: bool, plan: Option<&[u8; 32]>) -> Option<Taken> {
    let mut best: Option<Taken> = None;
    for left in left_overs(place) {
        match left.suffix {
            UNFINISHED if plan.is_none() && journal::beside(&left.path).exists() => {}
            UNFINISHED => {
                let notes = plan.filter(|_| left.is_directory == is_directory);
                let notes = notes.and_then(|plan| journal::read(&left.path, plan)).unwrap_or_default();
                let most = best.as_ref().map_or(0, |best| best.notes.len());
                match if notes.len() > most { taken(&left) } else { None } {
                    Some(temporary) => {
                        // Its journal is begun anew: this one may end in half a note.
                        let _ = std::fs::remove_file(journal::beside(&left.path));
                        if let Some(old) = best.replace(Taken { temporary, notes }) {
                            remove(&old.temporary.path);
                        }
                    }
                    None => {
                        remove(&left.path);
                        let _ = std::fs::remove_file(journal::beside(&left.path));
                    }
                }
            }
            // That of a temporary that lives, or that goes with it.
            DONE if left.path.with_extension("tmp").symlink_metadata().is_ok() => {}
            REPLACED if place.path().symlink_metadata().is_err() => {
                let _ = std::fs::rename(&left.path, place.path());
            }
            _ => remove(&left.path),
        }
    }
    best
}

/// A left-over that can be gone on with.  `None`: it has its final name by now, or it may not be written.
fn taken(left: &LeftOver) -> Option<Temporary> {
    let there = std::fs::symlink_metadata(&left.path).ok()?;
    let same = sys::identity(&there) == left.handle.metadata().ok().as_ref().and_then(sys::identity);
    let handle = left.handle.try_clone().ok()?;
    (same && left.writes).then(|| Temporary { path: left.path.clone(), handle })
}

/// Removes a file or a directory with all that is in it, as far as that is possible.
pub fn remove(path: &Path) {
    let is_directory = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let _ = if is_directory { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
}
