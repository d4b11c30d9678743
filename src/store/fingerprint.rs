//! What a file was when it was looked at: whoever wrote to it since, or put another in its place, shows.

use super::sys;
use serde::Deserialize;
use serde::Serialize;
use std::fs::Metadata;
use std::path::Path;
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

/// Gives files that stand as they should, and perhaps the directory that holds them, the present time: build systems
/// that go by times see that they are younger than what they depend on.  `before` is what the files were when their
/// content was known; what they are now, all settled, where nobody wrote to one meanwhile.
pub fn renew(paths: &[PathBuf], directory: Option<&Path>, before: &[Fingerprint]) -> Option<Vec<Fingerprint>> {
    let mut files = vec![];
    for (path, before) in paths.iter().zip(before) {
        let file = sys::open_at_once(path).ok()?;
        (Fingerprint::of(&file.metadata().ok()?)? == *before).then_some(())?;
        let now = SystemTime::now();
        file.set_modified(now).ok()?;
        files.push((file, i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()?));
    }
    let _ = directory.map(|path| std::fs::File::open(path)?.set_modified(SystemTime::now()));
    std::thread::sleep(TICK);
    let print = |(file, set): (std::fs::File, i64)| {
        Fingerprint::of(&file.metadata().ok()?).filter(|print| print.written == set)
    };
    files.into_iter().map(print).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
