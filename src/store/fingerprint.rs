//! What a file was when it was looked at: whoever wrote to it since, or put another in its place, shows.

use super::sys;
use serde::Deserialize;
use serde::Serialize;
use std::fs::File;
use std::fs::Metadata;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Ticks of the clocks by which Linux stamps files are 1 to 10 ms: two writes within one have one time.
pub const TICK: Duration = Duration::from_millis(20);

/// File systems that count whole seconds count in twos, some of them.
const COARSE: Duration = Duration::from_secs(2);

/// Identity, size and times of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub size: u64,
    pub device: u64,
    pub inode: u64,
    /// Nanoseconds since 1970: when its content was last written.
    pub written: i64,
    /// When anything of it was last changed: unlike the other time, nobody can set it back.
    pub touched: i64,
}

impl Fingerprint {
    /// `None` where the system does not tell files apart.
    #[cfg(unix)]
    pub fn of(metadata: &Metadata) -> Option<Fingerprint> {
        use std::os::unix::fs::MetadataExt;
        let time = |seconds: i64, rest: i64| seconds.checked_mul(1_000_000_000)?.checked_add(rest);
        Some(Fingerprint {
            size: metadata.len(),
            device: metadata.dev(),
            inode: metadata.ino(),
            written: time(metadata.mtime(), metadata.mtime_nsec())?,
            touched: time(metadata.ctime(), metadata.ctime_nsec())?,
        })
    }

    #[cfg(not(unix))]
    pub fn of(_: &Metadata) -> Option<Fingerprint> {
        None
    }

    /// How long one must wait, after the file was looked at, until no later write can bear the same time; nothing where
    /// that is so already.
    pub fn unsettled(&self, now: SystemTime) -> Option<Duration> {
        let need = if self.written % 1_000_000_000 == 0 { COARSE } else { TICK };
        let written = u64::try_from(self.written).ok().map(|written| UNIX_EPOCH + Duration::from_nanos(written))?;
        match now.duration_since(written) {
            Ok(age) => need.checked_sub(age).filter(|left| !left.is_zero()),
            // Of the future: it may be written to again at just that time.
            Err(ahead) => Some(ahead.duration() + need),
        }
    }
}

/// The files of an output that stands as it should.
#[derive(Clone, Debug)]
pub struct Standing {
    pub files: Vec<PathBuf>,
    /// What holds them, if the output is a directory.
    pub directory: Option<PathBuf>,
    /// Per file, what it was when its content was known.
    pub before: Vec<Fingerprint>,
}

/// Gives a file the present time to the nanosecond; what it is then.  A later write bears another time, however soon it
/// comes: the system stamps writes with the time of a tick or, since Linux 6.13, with a later one.  `None`: the file system
/// counts in larger steps, or does not let us.  Not seen is what no file system tells: a store through a map of pages that
/// are dirty already (on tmpfs through any map), and a write in the microseconds between a look and this.
pub fn stamp(file: &File) -> Option<Fingerprint> {
    let now = SystemTime::now();
    file.set_modified(now).ok()?;
    let set = i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()?;
    // A round number might be that of a tick.
    let is_fine = set % 1_000_000 != 0;
    Fingerprint::of(&file.metadata().ok()?).filter(|print| is_fine && print.written == set)
}

impl Standing {
    /// Gives the files the present time, and the directory that holds them: build systems that go by times see that they
    /// are younger than what they depend on.  What the files are now, where nobody wrote to one meanwhile.
    pub fn renew(&self) -> Option<Vec<Fingerprint>> {
        let mut now = vec![];
        for (path, before) in self.files.iter().zip(&self.before) {
            let file = sys::open_at_once(path).ok()?;
            (Fingerprint::of(&file.metadata().ok()?)? == *before).then_some(())?;
            // Clean pages: who has them mapped shows when he writes again.
            let _ = file.sync_data();
            now.push(stamp(&file)?);
        }
        let _ = self.directory.as_ref().map(|path| File::open(path)?.set_modified(SystemTime::now()));
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A write right behind a stamp shows.
    #[test]
    #[cfg(unix)]
    fn stamps_are_those_of_no_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("x")).unwrap();
        for _ in 0..200 {
            // None: the file system is too coarse, and nothing is claimed.
            let Some(print) = stamp(&file) else { continue };
            std::os::unix::fs::FileExt::write_all_at(&file, b"x", 0).unwrap();
            assert_ne!(Fingerprint::of(&file.metadata().unwrap()).unwrap().written, print.written);
        }
    }

    #[test]
    fn writes_within_a_tick_cannot_be_told_apart() {
        let at = |written| Fingerprint { size: 1, device: 1, inode: 1, written, touched: written };
        let now = UNIX_EPOCH + Duration::from_millis(1_000_000);
        let check = |written: i64, expected: Option<u64>| {
            assert_eq!(at(written * 1_000_000).unsettled(now), expected.map(Duration::from_millis), "{written}");
        };
        check(999_985, Some(5));
        check(999_979, None);
        check(1_000_003, Some(23));
        // Whole seconds.
        check(999_000, Some(1_000));
        check(998_000, None);
    }
}
