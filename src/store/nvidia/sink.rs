//! Where the tensors of a pickle go: entries of a header.

use super::Scene;
use super::error;
use crate::diag::Problem;
use crate::diag::shown;
use crate::pickle::Array;
use crate::pickle::Blob;
use crate::pickle::StorageBytes;
use crate::pickle::Tensor;
use crate::store::header::Budget;
use crate::store::header::Refusal;
use crate::store::json::quoted;
use crate::store::sheet;
use crate::tensor::Dtype;
use crate::tensor::Entry;
use crate::tensor::FileInfo;
use crate::tensor::Header;
use crate::tensor::Lies;
use crate::tensor::Shape;
use crate::tensor::View;
use smallvec::SmallVec;
use std::path::Path;

/// Collects the tensors of one file.
pub struct Sink<'h> {
    path: &'h Path,
    header: &'h mut Header,
    budget: &'h mut Budget,
    /// Number of the file; what lies in memory is the next one.
    file: usize,
    /// Its first entry.
    start: usize,
    memory: Vec<u8>,
}

impl<'h> Sink<'h> {
    pub fn new(path: &'h Path, size: u64, header: &'h mut Header, budget: &'h mut Budget) -> Sink<'h> {
        let (file, start) = (header.files.len(), header.entries.len());
        header.files.push(FileInfo { path: path.to_path_buf(), size, memory: None });
        Sink { path, header, budget, file, start, memory: vec![] }
    }

    /// Adds a tensor of torch.
    pub fn tensor(&mut self, scene: &Scene, name: String, tensor: &Tensor) -> Result<(), Problem> {
        let StorageBytes::Blob(blob) = &tensor.storage.bytes else {
            let what = "a tensor whose numbers are in another file";
            return Err(scene
                .unreadable(&name, what)
                .help("write the path of the whole checkpoint, the `.pt` file that this pickle was taken from"));
        };
        let dtype = tensor.storage.dtype;
        let start = tensor.offset.saturating_mul(dtype.bytes());
        self.add(name, dtype, tensor.shape.clone(), tensor.strides.clone(), blob, start, tensor.at)
    }

    /// Adds an array of NumPy.
    pub fn array(&mut self, name: String, array: &Array) -> Result<(), Problem> {
        let mut strides = View::row_strides(&array.shape);
        if array.fortran {
            // The first axis is the fast one: strides of the turned shape, turned.
            let turned: Shape = array.shape.iter().rev().copied().collect();
            strides = View::row_strides(&turned).into_iter().rev().collect();
        }
        self.add(name, array.dtype, array.shape.clone(), strides, &array.data, 0, array.at)
    }

    /// Adds a tensor that begins at byte `start` of `blob`; `at` is where the pickle makes it.
    #[allow(clippy::too_many_arguments, reason = "each says one thing of a tensor")]
    fn add(
        &mut self,
        name: String,
        dtype: Dtype,
        shape: Shape,
        strides: SmallVec<[i64; 4]>,
        blob: &Blob,
        start: u64,
        at: u64,
    ) -> Result<(), Problem> {
        let refused = |refusal: Refusal| refusal.of_file(self.path);
        sheet::check_name(&name, at).map_err(refused)?;
        let whole = sheet::byte_length(&name, dtype, &shape, at).map_err(refused)?;
        if !self.budget.remember(&name)
            && let Some(other) = self.header.entries.iter().find(|entry| entry.name == name)
        {
            let refusal = match other.file >= self.file {
                true => sheet::twice(at, &name),
                false => sheet::in_two_files(at, &name, &self.header.files[other.file].path),
            };
            return Err(refused(refusal));
        }
        let spilled = if shape.spilled() { shape.capacity() * 32 } else { 0 };
        if !self.budget.charge(std::mem::size_of::<Entry>() + name.len() + spilled + 34) {
            return Err(refused(sheet::too_large(at)));
        }
        let view = View::strided(&shape, 0, &strides);
        let (len, lies) = match whole == 0 || view.is_contiguous() {
            true => (whole, Lies::Rows),
            false => {
                let last: i64 = shape.iter().zip(&strides).map(|(size, stride)| (*size as i64 - 1) * stride).sum();
                ((last as u64 + 1) * dtype.bytes(), Lies::Strides(strides))
            }
        };
        // The machine has checked the window; nothing is trusted twice here, and a part that is not there is told.
        let part = blob.part(start, len).ok_or_else(|| outside(self.path, &name, at))?;
        let (file, offset) = match part {
            Blob::File { offset, .. } => (self.file, offset),
            Blob::Memory(bytes) => {
                let offset = self.memory.len() as u64;
                self.memory.extend_from_slice(&bytes);
                (self.file + 1, offset)
            }
        };
        self.header.entries.push(Entry { name, dtype, shape, file, offset, len, lies });
        Ok(())
    }

    /// Puts entries in order and adds metadata.  Errors: E0510.
    pub fn finish(self, facts: Vec<(String, String)>) -> Result<(), Problem> {
        for (key, value) in facts {
            if !self.budget.charge(2 * key.len() + value.len() + 320) {
                return Err(sheet::too_large(0).of_file(self.path));
            }
            self.header.metadata.entry(key).or_insert(value);
        }
        if !self.memory.is_empty() {
            let (path, size) = (self.path.to_path_buf(), self.memory.len() as u64);
            self.header.files.push(FileInfo { path, size, memory: Some(self.memory.into()) });
        }
        self.header.entries[self.start..].sort_by_key(|entry| (entry.file, entry.offset));
        Ok(())
    }
}

/// A window that does not lie in its bytes.
fn outside(path: &Path, name: &str, at: u64) -> Problem {
    let what = format!("`{}` has a tensor beyond its bytes, {}", shown::path(path), quoted(name));
    Problem::new(error::TENSOR, what).note(format!("at byte {at}")).help(error::AGAIN)
}
