//! What programs read: inputs, in place where they are mapped, and for claims the outputs as written.

use crate::diag::Problem;
use crate::plan::Plan;
use crate::store::Inputs;
use crate::store::Part;
use crate::tile::Fetch;
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::Mutex;

/// Input files and the parts that are being written, as one list.
pub struct Files<'f> {
    pub inputs: &'f Inputs,
    pub parts: &'f [Part],
}

impl Files<'_> {
    pub fn input_count(&self, plan: &Plan) -> usize {
        plan.files.len()
    }
}

/// Programs read inputs; those of claims also read what has been written.
pub struct Reader<'f> {
    pub files: &'f Files<'f>,
    pub inputs: usize,
}

impl Fetch for Reader<'_> {
    type Error = Problem;

    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), Problem> {
        match file.checked_sub(self.inputs) {
            None => self.files.inputs.fetch(file, offset, dst),
            Some(part) => self.files.parts[part].read_at(offset, dst),
        }
    }
}

/// A reader for one job, which may read inputs in place and remembers where.
pub struct InPlace<'f> {
    reader: &'f Reader<'f>,
    /// Runs of bytes that were handed out, by file.
    runs: Mutex<SmallVec<[(usize, Range<u64>); 4]>>,
}

impl<'f> InPlace<'f> {
    pub fn new(reader: &'f Reader<'f>) -> InPlace<'f> {
        InPlace { reader, runs: Mutex::default() }
    }

    /// Ends the job: what was read in place was there, and its pages are given back.  Errors: E0604.
    pub fn finish(self) -> Result<(), Problem> {
        let runs = self.runs.into_inner().expect("no worker panicked");
        runs.into_iter().try_for_each(|(file, range)| self.reader.files.inputs.release(file, range))
    }
}

impl Fetch for InPlace<'_> {
    type Error = Problem;

    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), Problem> {
        self.reader.fetch(file, offset, dst)
    }

    fn slice(&self, file: usize, offset: u64, len: usize) -> Option<&[u8]> {
        if file >= self.reader.inputs {
            return None;
        }
        let bytes = self.reader.files.inputs.in_place(file, offset, len)?;
        let end = offset + len as u64;
        let mut runs = self.runs.lock().expect("no worker panicked");
        match runs.iter_mut().find(|(of, run)| *of == file && run.end == offset) {
            Some((_, run)) => run.end = end,
            None => runs.push((file, offset..end)),
        }
        Some(bytes)
    }
}
