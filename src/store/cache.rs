//! What is remembered between runs, in the user's folder of caches.  Nothing in it is trusted: a record that is torn, or
//! of another key, counts as missing, and whoever writes one may fail without harm.

use super::sys;
use super::sys::Stamp;
use crate::tensor::FileInfo;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

/// Where records are kept: `BLEND_CACHE_DIR`, else `blend` in the user's folder of caches; `None` where there is no such
/// folder.  It need not exist.
pub fn cache_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(own) = set("BLEND_CACHE_DIR") {
        return Some(own);
    }
    // The rules of freedesktop.org ignore a relative path.
    let caches = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let windows = || if cfg!(windows) { set("LOCALAPPDATA") } else { None };
    let caches = caches.or_else(windows).or_else(|| set("HOME").map(|home| home.join(".cache")));
    caches.map(|caches| caches.join("blend"))
}

/// Records of one kind under keys of 32 bytes: one file each, so that several processes need no lock.  When they become
/// too many, those go that were written or read longest ago.
pub struct Shelf {
    folder: PathBuf,
    /// Bytes of all records together.
    most: u64,
}

/// What a record begins with.
const MAGIC: &[u8] = b"blend record 1\n";

/// Records are counted when one is written, and the oldest removed until a quarter of the room is free.
const ENTRIES: usize = 16_384;

impl Shelf {
    /// The shelf `name` of the user's cache; `None` where there is no place for one.
    pub fn open(name: &str, most: u64) -> Option<Shelf> {
        cache_dir().map(|cache| Shelf::at(&cache.join(name), most))
    }

    /// A shelf in a folder.
    pub fn at(folder: &Path, most: u64) -> Shelf {
        Shelf { folder: folder.to_path_buf(), most }
    }

    fn path(&self, key: &[u8; 32]) -> PathBuf {
        self.folder.join(blake3::Hash::from(*key).to_hex().as_str())
    }

    /// The record under a key, if it is there and whole.
    pub fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let path = self.path(key);
        let file = sys::open_at_once(&path).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = vec![];
        file.take(self.most.saturating_add(1024)).read_to_end(&mut bytes).ok()?;
        let body = bytes.strip_prefix(MAGIC)?.strip_prefix(key.as_slice())?;
        let (body, sum) = body.split_at_checked(body.len().checked_sub(32)?)?;
        if blake3::Hash::from_slice(sum).ok()? != seal(key, body) {
            return None;
        }
        // Read records are young again.  A failure makes this one older than it is.
        let _ = std::fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(body.to_vec())
    }

    /// Whether something stands under a key that is no record of it.
    pub fn is_broken(&self, key: &[u8; 32]) -> bool {
        self.path(key).symlink_metadata().is_ok() && self.get(key).is_none()
    }

    /// Writes a record, whole or not at all.  A record that cannot be written is missing.
    pub fn put(&self, key: &[u8; 32], body: &[u8]) {
        if body.len() as u64 <= self.most / 2 {
            let _ = self.written(key, body);
        }
    }

    fn written(&self, key: &[u8; 32], body: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        self.tidy(body.len() as u64);
        let mut file = tempfile::Builder::new().prefix(".").suffix(".tmp").tempfile_in(&self.folder)?;
        for piece in [MAGIC, key, body, seal(key, body).as_bytes()] {
            file.write_all(piece)?;
        }
        file.persist(self.path(key)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Makes room for `more` bytes; what processes left that died while they wrote goes, too.
    fn tidy(&self, more: u64) {
        let mut there: Vec<(SystemTime, u64, PathBuf)> = vec![];
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                there.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), entry.path()));
            }
        }
        let dead = SystemTime::now().checked_sub(Duration::from_secs(86_400));
        there.retain(|(changed, _, path)| {
            let is_temporary = path.extension().is_some_and(|ending| ending == "tmp");
            let is_dead = is_temporary && dead.is_some_and(|dead| *changed < dead);
            if is_dead {
                let _ = std::fs::remove_file(path);
            }
            !is_temporary
        });
        let mut bytes: u64 = there.iter().map(|row| row.1).sum();
        if bytes.saturating_add(more) <= self.most && there.len() < ENTRIES {
            return;
        }
        there.sort();
        let mut left = there.len();
        for (_, size, path) in there {
            if bytes.saturating_add(more) <= self.most / 4 * 3 && left < ENTRIES / 4 * 3 {
                break;
            }
            let _ = std::fs::remove_file(path);
            (bytes, left) = (bytes - size, left - 1);
        }
    }
}

fn seal(key: &[u8; 32], body: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(key).update(body).finalize()
}

/// What tells that files are still those that were seen, as bytes of a key: per file its size, times of change and
/// identity.  Values that lie in memory count by their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    key: Vec<u8>,
    /// The youngest content.
    changed: Option<SystemTime>,
}

/// A file whose content is younger than this may change again without a new time of change: some file systems count
/// whole seconds, or two.
const SETTLED: Duration = Duration::from_secs(2);

impl Seen {
    /// Looks at the files; `None` where something is missing, or the system does not tell files apart.
    pub fn of(files: &[FileInfo]) -> Option<Seen> {
        let mut seen = Seen { key: vec![], changed: Some(SystemTime::UNIX_EPOCH) };
        for info in files {
            if let Some(bytes) = &info.memory {
                seen.key.extend_from_slice(blake3::hash(bytes).as_bytes());
                continue;
            }
            let metadata = std::fs::metadata(&info.path).ok().filter(|metadata| metadata.is_file())?;
            seen.key.extend_from_slice(&Stamp::of(&metadata).bytes(&metadata)?);
            seen.changed = seen.changed.zip(metadata.modified().ok()).map(|(a, b)| a.max(b));
        }
        Some(seen)
    }

    /// For a key.
    pub fn bytes(&self) -> &[u8] {
        &self.key
    }

    /// Whether a change after `now` would have shown.
    pub fn settled(&self, now: SystemTime) -> bool {
        self.changed.and_then(|changed| now.duration_since(changed).ok()).is_some_and(|age| age >= SETTLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn shelf(most: u64) -> (tempfile::TempDir, Shelf) {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::at(&folder.path().join("deep/shelf"), most);
        (folder, shelf)
    }

    #[test]
    fn records_come_back_whole_or_not_at_all() {
        let (_folder, shelf) = shelf(1 << 20);
        let (a, b) = ([1; 32], [2; 32]);
        assert_eq!(shelf.get(&a), None);
        shelf.put(&a, b"first");
        shelf.put(&b, b"");
        assert_eq!((shelf.get(&a), shelf.get(&b)), (Some(b"first".to_vec()), Some(vec![])));
        shelf.put(&a, b"second");
        assert_eq!(shelf.get(&a), Some(b"second".to_vec()));
        // Every changed byte, every lost end, and a record of another key count as missing.
        let path = shelf.path(&a);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            std::fs::write(&path, torn).unwrap();
            assert_eq!(shelf.get(&a), None, "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(shelf.get(&a), None, "cut at {at}");
        }
        std::fs::copy(shelf.path(&b), &path).unwrap();
        assert_eq!(shelf.get(&a), None);
    }

    #[test]
    fn the_longest_unused_records_go() {
        let (_folder, shelf) = shelf(4_000);
        let key = |number: u8| [number; 32];
        for number in 0..20 {
            shelf.put(&key(number), &[0; 500]);
            let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + u64::from(number));
            File::options().append(true).open(shelf.path(&key(number))).unwrap().set_modified(old).unwrap();
            // The first is used all the time.
            assert!(shelf.get(&key(0)).is_some());
            let sizes = std::fs::read_dir(&shelf.folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
            assert!(sizes.sum::<u64>() <= 4_000 + 100);
        }
        assert!(shelf.get(&key(19)).is_some() && shelf.get(&key(1)).is_none());
        // Larger than is sensible: not kept.
        shelf.put(&key(99), &[0; 3_000]);
        assert_eq!(shelf.get(&key(99)), None);
    }

    #[test]
    fn changes_of_files_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"abc").unwrap();
        let info = |memory: Option<&[u8]>| FileInfo { path: path.clone(), size: 3, memory: memory.map(Into::into) };
        let seen = || Seen::of(&[info(None)]).unwrap();
        let first = seen();
        assert_eq!(first, seen());
        assert!(!first.settled(SystemTime::now()), "it has just been written");
        let old = SystemTime::now() - Duration::from_secs(60);
        File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
        let aged = seen();
        assert!(aged != first && aged.settled(SystemTime::now()));
        // A file from the future may change at any time.
        File::options().append(true).open(&path).unwrap().set_modified(SystemTime::now() + SETTLED * 9).unwrap();
        assert!(!seen().settled(SystemTime::now()));
        // Another file under the same name, of the same size and time.
        std::fs::rename(&path, folder.path().join("y")).unwrap();
        std::fs::write(&path, b"abd").unwrap();
        File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
        assert_ne!(seen(), aged);
        assert_ne!(Seen::of(&[info(Some(b"abc"))]), Seen::of(&[info(Some(b"abd"))]));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Seen::of(&[info(None)]), None);
    }
}
