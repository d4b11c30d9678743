//! Stored tensors that a program reads.

use super::blocks::Decoded;
use super::gather::Strip;
use super::moved::Lookup;
use crate::tensor::Affine;
use crate::tensor::Blocks;
use crate::tensor::Dtype;
use crate::tensor::View;

/// A stored tensor, seen in the order of the program's elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Index into the plan's table of input files.
    pub file: usize,
    /// Absolute byte offset of stored element 0.
    pub offset: u64,
    /// Stored type; that of the decoded values where they are in blocks.
    pub dtype: Dtype,
    /// Quantised blocks that the values are decoded from: the view counts decoded elements.
    pub blocks: Option<Blocks>,
    pub view: View,
    pub affine: Affine,
}

impl Load {
    /// Where the first byte lies when the elements follow each other in canonical order, so that ranges are read and
    /// bits are moved without a look at single elements.
    pub fn contiguous_offset(&self) -> Option<u64> {
        let is_plain = self.blocks.is_none();
        self.view.run().filter(|_| is_plain).map(|base| self.offset + base * self.dtype.bytes())
    }

    /// Bytes that so many of its elements take in the file.
    pub fn stored_bytes(&self, elems: u64) -> u64 {
        match self.blocks {
            Some(blocks) => elems.div_ceil(blocks.size().0) * blocks.size().1,
            None => elems * self.dtype.bytes(),
        }
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
    lookup: Lookup,
    /// Blocks on their way to values.
    blocks: Vec<u8>,
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
        let Window { bytes, strip, lookup, blocks } = self;
        match load.blocks {
            _ if !load.view.moved.is_empty() => {
                bytes.resize(count * size, 0);
                match load.blocks {
                    None => lookup.fill(load, start, fetch, bytes)?,
                    Some(kind) => lookup.fill(load, start, &Decoded::new(fetch, load, kind, blocks), bytes)?,
                }
            }
            None => gathered(strip, load, start, count, fetch, bytes)?,
            Some(kind) => {
                let decoded = Decoded::new(fetch, load, kind, blocks);
                match load.view.run() {
                    Some(base) => {
                        bytes.resize(count * size, 0);
                        decoded.fetch(load.file, load.offset + (base + start) * size as u64, bytes)?;
                    }
                    None => gathered(strip, load, start, count, &decoded, bytes)?,
                }
            }
        }
        Ok(bytes)
    }
}

/// Brings elements of a strided load into `bytes`.
fn gathered<F: Fetch>(
    strip: &mut Strip,
    load: &Load,
    start: u64,
    count: usize,
    fetch: &F,
    bytes: &mut Vec<u8>,
) -> Result<(), F::Error> {
    let size = load.dtype.bytes() as usize;
    bytes.clear();
    while bytes.len() < count * size {
        let done = bytes.len() / size;
        bytes.extend_from_slice(strip.get(load, start + done as u64, count - done, fetch)?);
    }
    Ok(())
}
