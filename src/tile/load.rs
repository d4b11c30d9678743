//! Stored tensors that a program reads.

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

/// Reads bytes of input files into a buffer.
pub trait Fetch: Sync {
    type Error: Send;
    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), Self::Error>;
}

/// Largest stored tensor that is read whole when its elements are not in order: then each gather is a memory access,
/// not a call.
const WHOLE_LIMIT: u64 = 8 << 20;

/// Bytes of a load that lie in order of the program's elements.
#[derive(Default)]
pub struct Window {
    pub bytes: Vec<u8>,
    /// A stored tensor that was read whole: file and offset.
    whole: Option<(usize, u64)>,
    store: Vec<u8>,
}

impl Window {
    /// Brings the elements `start..start + count` into `bytes`, in order.
    pub fn fill<F: Fetch>(&mut self, load: &Load, start: u64, count: usize, fetch: &F) -> Result<(), F::Error> {
        let size = load.dtype.bytes() as usize;
        self.bytes.resize(count * size, 0);
        if load.view.is_contiguous() {
            return fetch.fetch(load.file, load.offset + start * size as u64, &mut self.bytes);
        }
        let stored = crate::tensor::elems(&load.view.shape) * size as u64;
        if stored <= WHOLE_LIMIT && self.whole != Some((load.file, load.offset)) {
            self.whole = None;
            self.store.resize(stored as usize, 0);
            fetch.fetch(load.file, load.offset, &mut self.store)?;
            self.whole = Some((load.file, load.offset));
        }
        let mut steps = Steps::new(&load.view, start);
        for element in self.bytes.chunks_exact_mut(size) {
            let at = steps.next_offset() as usize * size;
            if stored <= WHOLE_LIMIT {
                element.copy_from_slice(&self.store[at..at + size]);
            } else {
                fetch.fetch(load.file, load.offset + at as u64, element)?;
            }
        }
        Ok(())
    }
}

/// Walks a strided view in canonical order.
struct Steps<'v> {
    view: &'v View,
    index: Vec<u64>,
    offset: i64,
}

impl<'v> Steps<'v> {
    fn new(view: &'v View, start: u64) -> Self {
        let mut index = vec![0; view.shape.len()];
        let mut rest = start;
        let mut offset = view.base as i64;
        for axis in (0..view.shape.len()).rev() {
            index[axis] = rest % view.shape[axis].max(1);
            rest /= view.shape[axis].max(1);
            offset += index[axis] as i64 * view.strides[axis];
        }
        Steps { view, index, offset }
    }

    /// The stored element of the current one; moves on.
    fn next_offset(&mut self) -> u64 {
        let offset = self.offset;
        for axis in (0..self.index.len()).rev() {
            self.index[axis] += 1;
            self.offset += self.view.strides[axis];
            if self.index[axis] < self.view.shape[axis] {
                break;
            }
            self.offset -= self.view.strides[axis] * self.index[axis] as i64;
            self.index[axis] = 0;
        }
        offset as u64
    }
}
