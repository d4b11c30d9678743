//! Stored tensors that a program reads.

use super::gather::Strip;
use crate::tensor::Affine;
use crate::tensor::Dtype;
use crate::tensor::View;

/// A stored tensor, seen in the order of the program's elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Index into the plan's table of input files.
    pub file: usize,
    /// Absolute byte offset of stored element 0.
    pub offset: u64,
    /// Stored type.
    pub dtype: Dtype,
    pub view: View,
    pub affine: Affine,
}

impl Load {
    /// Where the first byte lies when the elements follow each other in canonical order, so that ranges are read and
    /// bits are moved without a look at single elements.
    pub fn contiguous_offset(&self) -> Option<u64> {
        self.view.run().map(|base| self.offset + base * self.dtype.bytes())
    }
}

/// Reads bytes of input files.
pub trait Fetch: Sync {
    type Error: Send;

    /// Copies bytes into a buffer.
    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), Self::Error>;

    /// The bytes in place, without a copy, where they are in memory (a map): kernels then read them directly.  `None`
    /// is always right; errors are told by [`Fetch::fetch`].
    fn slice(&self, file: usize, offset: u64, len: usize) -> Option<&[u8]> {
        let _ = (file, offset, len);
        None
    }
}

/// Buffers for the bytes of one load.
#[derive(Default)]
pub struct Window {
    bytes: Vec<u8>,
    strip: Strip,
}

impl Window {
    /// The stored bytes of the elements `start..start + count`, in canonical order; `in_place`: not copied where they
    /// are in memory.
    pub fn fill<'w, F: Fetch>(
        &'w mut self,
        load: &Load,
        start: u64,
        count: usize,
        in_place: bool,
        fetch: &'w F,
    ) -> Result<&'w [u8], F::Error> {
        let size = load.dtype.bytes() as usize;
        if let Some(first) = load.contiguous_offset() {
            let offset = first + start * size as u64;
            if in_place && let Some(bytes) = fetch.slice(load.file, offset, count * size) {
                return Ok(bytes);
            }
            self.bytes.resize(count * size, 0);
            fetch.fetch(load.file, offset, &mut self.bytes)?;
            return Ok(&self.bytes);
        }
        self.bytes.clear();
        while self.bytes.len() < count * size {
            let done = self.bytes.len() / size;
            let some = self.strip.get(load, start + done as u64, count - done, fetch)?;
            self.bytes.extend_from_slice(some);
        }
        Ok(&self.bytes)
    }
}
