//! The input files of a build.
//!
//! Two engines stand behind the same door: the map, whose bytes are computed with where they lie, and reading by position
//! (`BLEND_READ=pread`, and wherever a file cannot be mapped).  What must be copied anyway is read by position with both,
//! because the kernel copies faster than it maps; only small pieces are copied out of the map.
//!
//! Nothing keeps another process from changing a file.  A page that is gone reads as zeros and raises a flag (`sigbus`);
//! whoever read in place must ask for it ([`Inputs::release`]) before the results count, and [`Inputs::verify`] has the
//! last word.

use super::error;
use super::fingerprint::Fingerprint;
use super::sigbus::Guard;
use super::sys;
use super::sys::Stamp;
use crate::diag::Problem;
use crate::tensor::FileInfo;
use crate::tile::Fetch;
use memmap2::MmapOptions;
use memmap2::MmapRaw;
use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Bytes that are read through all maps together before their pages are given back.  With what lies between them and is
/// mapped along, twice as many may be resident.
const RESIDENT: u64 = 8 << 20;

/// What a fault maps around its page: small windows count as that much.
const AROUND: u64 = 64 << 10;

/// What a fault maps at most.  Since Linux 6.18 it may map the whole run of pages that the file was cached in.
const MOST_AROUND: u64 = 2 << 20;

/// From this size on a copy is read by position: a system call costs less than the faults.
const BY_POSITION: usize = 16 << 10;

/// The input files of a build, open for its whole length; the i-th is `files[i]` of the plan.
#[derive(Default)]
pub struct Inputs {
    pub(super) files: Vec<Input>,
    /// Bytes read through maps since pages were last given back.
    touched: AtomicU64,
}

pub(super) struct Input {
    pub path: PathBuf,
    pub file: File,
    pub stamp: Stamp,
    /// It holds what lay in memory and stands under no path.
    nameless: bool,
    map: Option<Map>,
}

struct Map {
    // Before `pages`: the range must leave the table before its addresses can become somebody else's.
    guard: Guard,
    pages: MmapRaw,
    /// Where pages may be resident, in units of [`MOST_AROUND`]: the first unit in the upper half, the end in the lower.
    touched: AtomicU64,
}

/// No unit was touched.
const UNTOUCHED: u64 = 0xffff_ffff << 32;

impl Inputs {
    /// Opens and maps the files and remembers what they are.  Errors: E0501, E0502, and E0604 when a file has not the
    /// size that its header was checked against.
    pub fn open(files: &[FileInfo]) -> Result<Inputs, Problem> {
        let mapped = std::env::var_os("BLEND_READ").is_none_or(|engine| engine != "pread");
        Inputs::open_with(files, mapped)
    }

    pub(super) fn open_with(files: &[FileInfo], mapped: bool) -> Result<Inputs, Problem> {
        let open = |info: &FileInfo| {
            if let Some(bytes) = &info.memory {
                return nameless(info, bytes, mapped);
            }
            let file = sys::open_at_once(&info.path).map_err(|error| error::not_opened(&info.path, &error))?;
            let metadata = file.metadata().map_err(|error| error::read(&info.path, &error))?;
            if !metadata.is_file() {
                return Err(error::changed(&info.path, "is no longer a regular file"));
            }
            let stamp = Stamp::of(&metadata);
            if stamp.size != info.size {
                let how = format!("had {} bytes when its header was read and has {} now", info.size, stamp.size);
                return Err(error::changed(&info.path, &how));
            }
            let map = if mapped { Map::new(&file, stamp.size) } else { None };
            Ok(Input { path: info.path.clone(), file, stamp, nameless: false, map })
        };
        Ok(Inputs { files: files.iter().map(open).collect::<Result<_, _>>()?, touched: AtomicU64::new(0) })
    }

    /// How many files there are.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Size, time of change and identity of every file are as they were at the start, under its path too, and no page
    /// was missing.  Errors: E0604.
    pub fn verify(&self) -> Result<(), Problem> {
        for input in self.files.iter().filter(|input| !input.nameless) {
            let now = input.file.metadata().map_err(|error| error::read(&input.path, &error))?;
            if input.map.as_ref().is_some_and(|map| map.guard.lost()) || now.len() < input.stamp.size {
                return Err(error::changed(&input.path, "shrank while it was read"));
            }
            if Stamp::of(&now) != input.stamp {
                return Err(error::changed(&input.path, "was written to while it was read"));
            }
            match std::fs::metadata(&input.path) {
                Ok(there) if sys::identity(&there) == sys::identity(&now) => {}
                Ok(_) => return Err(error::changed(&input.path, "was replaced by another file while it was read")),
                Err(_) => return Err(error::changed(&input.path, "was moved or removed while it was read")),
            }
        }
        Ok(())
    }

    /// Opens files that outputs of earlier builds consist of, to be copied from by position.  `None`: one is not there, or
    /// is no file, or cannot be read.
    pub fn standing(paths: &[PathBuf]) -> Option<Inputs> {
        let open = |path: &PathBuf| {
            let file = sys::open_at_once(path).ok()?;
            let metadata = file.metadata().ok().filter(|metadata| metadata.is_file())?;
            Some(Input { path: path.clone(), file, stamp: Stamp::of(&metadata), nameless: false, map: None })
        };
        Some(Inputs { files: paths.iter().map(open).collect::<Option<_>>()?, touched: AtomicU64::new(0) })
    }

    /// The files of both, in order.
    pub fn joined(mut self, other: Inputs) -> Inputs {
        self.files.extend(other.files);
        self
    }

    /// The problem of a file that was written to while it was read: E0604.
    pub fn changed(&self, file: usize) -> Problem {
        error::changed(&self.files[file].path, "was written to while it was read")
    }

    /// What a file is now; `None` for values from memory, and where the system does not tell files apart.
    pub fn fingerprint(&self, file: usize) -> Option<Fingerprint> {
        let input = self.files.get(file).filter(|input| !input.nameless)?;
        Fingerprint::of(&input.file.metadata().ok()?)
    }

    /// Bytes of a file, when it was opened.
    pub fn size(&self, file: usize) -> Option<u64> {
        self.files.get(file).map(|input| input.stamp.size)
    }

    /// Another handle of an open file.
    pub(super) fn handle(&self, file: usize) -> Option<File> {
        self.files.get(file)?.file.try_clone().ok()
    }

    /// Gives an empty file the content of this one, in shared blocks.  False: the file system cannot.
    pub(super) fn clone_into(&self, file: usize, to: &File) -> bool {
        self.files.get(file).is_some_and(|input| sys::clone_whole(&input.file, to))
    }

    /// Reads by position, past the map.  Errors: E0601, E0604.
    pub fn read(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), Problem> {
        self.within(file, offset, dst.len() as u64)?.read(offset, dst)
    }

    /// The file and a range of it that is known to lie within.
    pub(super) fn within(&self, file: usize, offset: u64, len: u64) -> Result<&Input, Problem> {
        let Some(input) = self.files.get(file) else {
            let error = std::io::Error::new(std::io::ErrorKind::InvalidInput, "no input has this number");
            return Err(error::read(std::path::Path::new(&format!("input {file}")), &error));
        };
        match offset.checked_add(len) {
            Some(end) if end <= input.stamp.size => Ok(input),
            _ => Err(error::changed(&input.path, &format!("has no bytes {offset} to {}", offset.saturating_add(len)))),
        }
    }

    /// Bytes of an input where they lie in memory; `None`: they must be fetched, and errors are told there.
    ///
    /// They may be zeros because a page was missing: nothing that was made of them counts before [`Inputs::release`].
    pub fn in_place(&self, file: usize, offset: u64, len: usize) -> Option<&[u8]> {
        let map = self.within(file, offset, len as u64).ok()?.map.as_ref()?;
        if map.guard.lost() { None } else { Some(map.slice(offset as usize, len)) }
    }

    /// Ends reading a range in place: its pages are given back before long, so that memory stays small however long the
    /// file is.  Errors: E0604 when a page of the file was missing.
    pub fn release(&self, file: usize, range: Range<u64>) -> Result<(), Problem> {
        let input = self.within(file, range.start, range.end - range.start)?;
        let Some(map) = &input.map else { return Ok(()) };
        if map.guard.lost() {
            return Err(error::changed(&input.path, "shrank while it was read"));
        }
        self.give_back(map, range.start, range.end - range.start);
        Ok(())
    }

    /// Counts what was read through a map, and gives pages back when it becomes much.
    fn give_back(&self, map: &Map, offset: u64, len: u64) {
        let pages = (offset + len).next_multiple_of(AROUND) - offset / AROUND * AROUND;
        map.touch(offset, len);
        if self.touched.fetch_add(pages, Ordering::Relaxed) + pages < RESIDENT {
            return;
        }
        self.touched.store(0, Ordering::Relaxed);
        self.files.iter().filter_map(|input| input.map.as_ref()).for_each(Map::drop_pages);
    }
}

/// A file that holds values from memory, so that they are mapped, copied and read as all others.  Errors: E0602.
fn nameless(info: &FileInfo, bytes: &[u8], mapped: bool) -> Result<Input, Problem> {
    let write = || {
        let file = tempfile::tempfile()?;
        sys::write_full(&file, 0, bytes)?;
        let stamp = Stamp::of(&file.metadata()?);
        Ok((file, stamp))
    };
    let (file, stamp) = write().map_err(|error| error::write(&std::env::temp_dir(), "written to", &error))?;
    let map = if mapped { Map::new(&file, stamp.size) } else { None };
    Ok(Input { path: info.path.clone(), file, stamp, nameless: true, map })
}

impl Fetch for Inputs {
    type Error = Problem;

    /// Copies bytes of an input.  Errors: E0601, E0604.
    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), Problem> {
        let len = dst.len() as u64;
        let input = self.within(file, offset, len)?;
        if dst.is_empty() {
            return Ok(());
        }
        let Some(map) = input.map.as_ref().filter(|_| dst.len() < BY_POSITION) else { return input.read(offset, dst) };
        map.copy_out(offset as usize, dst);
        if map.guard.lost() {
            return Err(error::changed(&input.path, "shrank while it was read"));
        }
        self.give_back(map, offset, len);
        Ok(())
    }
}

impl Input {
    /// Reads by position.
    pub(super) fn read(&self, offset: u64, dst: &mut [u8]) -> Result<(), Problem> {
        match sys::read_full(&self.file, offset, dst) {
            Ok(count) if count == dst.len() => Ok(()),
            Ok(_) => Err(error::changed(&self.path, "shrank while it was read")),
            Err(error) => Err(error::read(&self.path, &error)),
        }
    }
}

impl Map {
    /// Maps a file; `None` where that is not possible, for then it is read by position.
    fn new(file: &File, size: u64) -> Option<Map> {
        let len = usize::try_from(size).ok().filter(|&len| len > 0)?;
        let pages = MmapOptions::new().len(len).map_raw_read_only(file).ok()?;
        let guard = Guard::new(pages.as_ptr(), len)?;
        Some(Map { guard, pages, touched: AtomicU64::new(UNTOUCHED) })
    }

    #[allow(unsafe_code)]
    fn copy_out(&self, offset: usize, dst: &mut [u8]) {
        assert!(
            offset.checked_add(dst.len()).is_some_and(|end| end <= self.pages.len()),
            "the caller checked the range"
        );
        // SAFETY: the range lies within the map (checked above), `dst` is ours alone and not in the map, and no
        // reference to mapped memory is made.  A page that is gone is replaced by zeros under the copy (`sigbus`).
        unsafe { std::ptr::copy_nonoverlapping(self.pages.as_ptr().add(offset), dst.as_mut_ptr(), dst.len()) }
    }

    #[allow(unsafe_code)]
    fn slice(&self, offset: usize, len: usize) -> &[u8] {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.pages.len()), "the caller checked the range");
        // SAFETY: the range lies within the map (checked above), which is read-only and lives as long as `self`; a page
        // that is gone is replaced by zeros (`sigbus`).  The kernels that read it take every byte as it is and never
        // decide on it where memory is touched, so that a writer from outside can spoil values but nothing else;
        // `Inputs::verify` refuses such a build.
        unsafe { std::slice::from_raw_parts(self.pages.as_ptr().add(offset), len) }
    }

    /// Remembers where pages may be resident: a range around everything that was read.
    fn touch(&self, offset: u64, len: u64) {
        // Up to 8 EiB.
        let (first, end) = (offset / MOST_AROUND, (offset + len).div_ceil(MOST_AROUND));
        let wider = |old: u64| {
            let new = (old >> 32).min(first) << 32 | (old & 0xffff_ffff).max(end);
            (new != old).then_some(new)
        };
        // An error says that nothing had to change.
        let _ = self.touched.fetch_update(Ordering::Relaxed, Ordering::Relaxed, wider);
    }

    /// Gives back the pages of all that was touched, and of what faults may have mapped around it.  Only that range is
    /// walked: the time for a file does not grow with the square of its size.  Pages in use have to be mapped again,
    /// which are few: the rest of one fault's for each reader.
    #[cfg(unix)]
    #[allow(unsafe_code)]
    fn drop_pages(&self) {
        let touched = self.touched.swap(UNTOUCHED, Ordering::Relaxed);
        let around = MOST_AROUND as usize;
        let (from, until) = ((touched >> 32) as usize, (touched & 0xffff_ffff) as usize);
        if from >= until {
            return;
        }
        let first = self.pages.as_ptr() as usize;
        let last = first + self.pages.len();
        // What a fault maps is aligned in memory, not in the file.
        let from = ((first + from * around) / around * around).max(first);
        let until = (first + until * around).next_multiple_of(around).min(last);
        if from < until {
            // SAFETY: the range lies within the map, which starts at a page.  The map is shared and read-only, so its
            // pages come back from the file at the next access.  A failure only means that pages stay.
            let _ = unsafe { libc::madvise(from as *mut libc::c_void, until - from, libc::MADV_DONTNEED) };
        }
    }

    #[cfg(not(unix))]
    fn drop_pages(&self) {
        self.touched.store(UNTOUCHED, Ordering::Relaxed);
    }
}
