//! What is about to be replaced leaves the page cache while the disk is busy with what replaces it.
//!
//! The kernel frees the pages of a file when its last name goes: some 0.1 s a gigabyte where they are 4 KiB each, as
//! on Btrfs, on one core and before the rename or the last `close` returns.  Here it happens beside the sync, on several.

use super::sys;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Files that are worth a thread, and bytes that one takes at a time.
const LARGE: u64 = 64 << 20;

/// Threads at most.
const THREADS: usize = 4;

/// Pieces of a file at most, whatever size it claims.
const PIECES: u64 = 64;

/// A part of a file.
#[derive(Debug, PartialEq)]
struct Piece {
    path: Arc<Path>,
    offset: u64,
    len: u64,
}

/// Runs `work` while the pages of what stands at `path`, a file or a directory of files, go.  They would go soon; if
/// the work fails, what stands there has to be read from the disk again.
pub fn beside<T>(path: &Path, work: impl FnOnce() -> T) -> T {
    let pieces = pieces(path);
    if pieces.is_empty() {
        return work();
    }
    let next = AtomicUsize::new(0);
    let forget = || {
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            // Opened for each piece, so that few files are open at once.
            if let Ok(file) = sys::open_at_once(&piece.path) {
                sys::forget(&file, piece.offset, piece.len);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get()).min(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(pieces.len()) {
            // Where the system gives no thread, the kernel does it later.
            let _ = std::thread::Builder::new().spawn_scoped(scope, forget);
        }
        work()
    })
}

/// The parts of the large files that stand there, and have no other name.
fn pieces(path: &Path) -> Vec<Piece> {
    let mut paths = vec![path.to_path_buf()];
    if path.is_dir() {
        paths = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    }
    let mut out = vec![];
    for path in paths {
        let Ok(metadata) = path.symlink_metadata() else { continue };
        let size = metadata.len();
        if !metadata.is_file() || size < LARGE || sys::names(&metadata) != 1 {
            continue;
        }
        let (path, len): (Arc<Path>, u64) = (path.into(), size.div_ceil(PIECES).max(LARGE));
        out.extend((0..size.div_ceil(len)).map(|number| Piece { path: path.clone(), offset: number * len, len }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_without_another_name_are_cut_into_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, size: u64, expected: usize| {
            let path = folder.path().join(name);
            std::fs::File::create(&path).unwrap().set_len(size).unwrap();
            assert_eq!(pieces(&path).len(), expected, "{name}");
            assert_eq!(beside(&path, || std::fs::metadata(&path).unwrap().len()), size);
        };
        check("small", LARGE - 1, 0);
        check("large", LARGE, 1);
        check("larger", 2 * LARGE + 1, 3);
        assert_eq!(pieces(folder.path()).len(), 4);
        std::fs::hard_link(folder.path().join("larger"), folder.path().join("other")).unwrap();
        assert_eq!(pieces(folder.path()).len(), 1);
        assert_eq!(pieces(&folder.path().join("none")).len(), 0);
        check("vast", 1 << 42, PIECES as usize);
    }
}
