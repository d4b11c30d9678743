//! One file of an output: positioned writes from any thread.

use super::Inputs;
use super::error;
use super::sums::Sums;
use super::sys;
use crate::diag::Problem;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Bytes that go to the disk together once they are complete: many enough that the disk is busy, few enough that little
/// is left for the end.
const WINDOW: u64 = 16 << 20;

/// Windows of a part at most; those of giants are longer.
const WINDOWS: u64 = 1 << 16;

/// A file of an output under construction; it has its full size from the start.
pub struct Part {
    pub(super) file: File,
    /// Where it stands until it is committed.
    pub(super) temporary: PathBuf,
    /// Where it will stand.
    pub(super) target: PathBuf,
    size: u64,
    /// Bytes of a window.
    window: u64,
    /// Bytes written so far of each window.
    written: Vec<AtomicU64>,
    /// CRC-32 of what is written, where the format asks for it.
    sums: Option<Sums>,
}

impl Part {
    /// A part of `size` bytes.
    pub(super) fn new(file: File, temporary: PathBuf, target: PathBuf, size: u64) -> Part {
        let window = WINDOW.max(size.div_ceil(WINDOWS).saturating_mul(2) / WINDOW * WINDOW);
        let written = (0..size.div_ceil(window)).map(|_| AtomicU64::new(0)).collect();
        Part { file, temporary, target, size, window, written, sums: None }
    }

    /// A file of an output that stands at its place already and is only read.
    pub fn standing(files: &Inputs, file: usize, target: &Path) -> Option<Part> {
        let (handle, path) = (files.handle(file)?, target.to_path_buf());
        let size = handle.metadata().ok()?.len();
        Some(Part::new(handle, path.clone(), path, size))
    }

    /// Notes bytes that are there already, as if they had been written.
    pub fn found(&self, offset: u64, bytes: &[u8]) {
        if let Some(sums) = &self.sums {
            sums.add(offset, bytes);
        }
        self.arrived(offset, bytes.len() as u64);
    }

    /// Forgets bytes that were found and are not what they should be: they will be written.
    pub fn lost(&self, offset: u64, len: u64) {
        if let Some(sums) = &self.sums {
            sums.forget(offset, len);
        }
    }

    /// From now on, which is before the first byte that counts, keeps the CRC-32 of what is written, for [`Part::seal`].
    pub fn keep_sums(&mut self) {
        self.sums = Some(Sums::default());
    }

    /// Whether bytes must pass through our hands.
    pub(super) fn keeps_sums(&self) -> bool {
        self.sums.is_some()
    }

    /// Writes the CRC-32 of the `len` bytes at `offset`, which must all be written, at each of `places`, lowest byte
    /// first.  Errors: E0601, E0602, E0603.
    pub fn seal(&self, offset: u64, len: u64, places: &[u64]) -> Result<(), Problem> {
        let Some(sum) = self.sums.as_ref().and_then(|sums| sums.take(offset, len)) else {
            return Err(error::write(&self.target, "written", &std::io::ErrorKind::UnexpectedEof.into()));
        };
        places.iter().try_for_each(|&place| self.put(place, &sum.to_le_bytes()))
    }

    /// Bytes that are in the file now.  A window that is complete starts on its way to the disk, so that the disk works
    /// while we compute, and the last sync finds little to do.
    pub(super) fn arrived(&self, offset: u64, len: u64) {
        let (mut at, end) = (offset, offset.saturating_add(len).min(self.size));
        while at < end {
            let start = at / self.window * self.window;
            let whole = self.window.min(self.size - start);
            let count = (start + whole).min(end) - at;
            let before = self.written[(at / self.window) as usize].fetch_add(count, Ordering::Relaxed);
            if before < whole && before + count >= whole {
                sys::start_writing(&self.file, start, whole);
            }
            at += count;
        }
    }

    /// Writes all of `bytes` at `offset` (bytes from the start).  Errors: E0602, E0603.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Problem> {
        self.put(offset, bytes)?;
        if let Some(sums) = &self.sums {
            sums.add(offset, bytes);
        }
        self.arrived(offset, bytes.len() as u64);
        Ok(())
    }

    fn put(&self, offset: u64, bytes: &[u8]) -> Result<(), Problem> {
        sys::write_full(&self.file, offset, bytes).map_err(|error| error::write(&self.target, "written", &error))
    }

    /// Reads back what was written at `offset`; what was not written yet reads as zeros.  Errors: E0601, also when
    /// the range passes the end of the file.
    pub fn read_at(&self, offset: u64, dst: &mut [u8]) -> Result<(), Problem> {
        match sys::read_full(&self.file, offset, dst) {
            Ok(count) if count == dst.len() => Ok(()),
            Ok(_) => Err(error::read(&self.target, &std::io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(error::read(&self.target, &error)),
        }
    }

    /// Where the file will stand once it is committed: the name to use in messages.
    pub fn path(&self) -> &Path {
        &self.target
    }
}
