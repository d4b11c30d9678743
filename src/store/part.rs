//! One file of an output: positioned writes from any thread.

use super::error;
use super::sys;
use crate::diag::Problem;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

/// A file of an output under construction; it has its full size from the start.
pub struct Part {
    pub(super) file: File,
    /// Where it stands until it is committed.
    pub(super) temporary: PathBuf,
    /// Where it will stand.
    pub(super) target: PathBuf,
}

impl Part {
    /// Writes all of `bytes` at `offset` (bytes from the start).  Errors: E0602, E0603.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Problem> {
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
