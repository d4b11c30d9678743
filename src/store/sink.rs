//! Where the tensors of pickles go: entries of a header, whatever container the pickle stands in.

use super::error;
use super::error::Flaw;
use super::error::flawed;
use super::header::Budget;
use super::header::Refusal;
use super::json::quoted;
use super::sheet;
use crate::diag::Problem;
use crate::diag::shown;
use crate::pickle::Blob;
use crate::pickle::StorageBytes;
use crate::pickle::Tensor;
use crate::pickle::Value;
use crate::tensor::Dtype;
use crate::tensor::Entry;
use crate::tensor::FileInfo;
use crate::tensor::Header;
use crate::tensor::Lies;
use crate::tensor::Shape;
use crate::tensor::View;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Offset and bytes of the storage with a key.
pub type Storages<'a> = dyn Fn(&str) -> Option<(u64, u64)> + 'a;

/// The file of a pickle.
pub struct Origin<'a> {
    pub path: &'a Path,
    /// Bytes of the file.
    pub size: u64,
    /// Where the pickle begins in it.
    pub base: u64,
    /// `None`: the pickle is all of the file.
    pub storages: Option<&'a Storages<'a>>,
}

/// Values of a pickle that had to be decoded: together they are one file in memory.
#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
    /// Where the bytes of a pointer are: tied tensors share them.
    known: HashMap<usize, u64>,
}

impl Memory {
    fn add(&mut self, bytes: &Arc<[u8]>) -> u64 {
        let pointer = Arc::as_ptr(bytes) as *const u8 as usize;
        *self.known.entry(pointer).or_insert_with(|| {
            self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
            self.bytes.extend_from_slice(bytes);
            (self.bytes.len() - bytes.len()) as u64
        })
    }
}

/// Numbers of a pickle: a window on bytes.
struct Numbers<'v> {
    dtype: Dtype,
    shape: &'v Shape,
    /// In elements.
    strides: &'v [i64],
    /// Of the first element, in elements.
    first: u64,
    /// Where the pickle makes them.
    at: u64,
}

/// Bytes with a place: offset within the file or the memory, and their number.
struct Place {
    offset: u64,
    len: u64,
    in_memory: bool,
}

/// Collects the tensors of one pickle.
pub struct Sink<'h> {
    origin: &'h Origin<'h>,
    header: &'h mut Header,
    budget: &'h mut Budget,
    /// Number of the file; what lies in memory is the next one.
    file: usize,
    /// Its first entry.
    start: usize,
    memory: Memory,
}

impl<'h> Sink<'h> {
    pub fn new(origin: &'h Origin, header: &'h mut Header, budget: &'h mut Budget) -> Sink<'h> {
        let (file, start) = (header.files.len(), header.entries.len());
        header.files.push(FileInfo { path: origin.path.to_path_buf(), size: origin.size, memory: None });
        Sink { origin, header, budget, file, start, memory: Memory::default() }
    }

    /// Adds a tensor or an array; false: the value is neither.
    ///
    /// Errors: E0507, E0508, E0510, E0512, E0519 for a kind that blend does not read, E0526 for numbers in another file.
    pub fn add(&mut self, name: &str, value: &Value) -> Result<bool, Problem> {
        let (numbers, place) = match value {
            Value::Tensor(tensor) => {
                let Tensor { storage, offset: first, shape, strides, at } = &**tensor;
                let numbers = Numbers { dtype: storage.dtype, shape, strides, first: *first, at: *at };
                (numbers, self.storage(name, tensor)?)
            }
            Value::Array(array) => {
                let (shape, strides) = (&array.shape, &array.strides[..]);
                let numbers = Numbers { dtype: array.dtype, shape, strides, first: 0, at: array.at };
                (numbers, self.place(&array.data))
            }
            Value::Strange(class) => return Err(self.strange(name, &quoted(class))),
            Value::Storage(_) => return Err(self.strange(name, "a storage without a shape")),
            _ => return Ok(false),
        };
        self.entry(name, &numbers, place)?;
        Ok(true)
    }

    fn entry(&mut self, name: &str, numbers: &Numbers, place: Place) -> Result<(), Problem> {
        let (path, at) = (self.origin.path, self.origin.base + numbers.at);
        let Numbers { dtype, shape, strides, first, .. } = *numbers;
        self.book(name, shape.len(), at).map_err(|refusal| refusal.of_file(path))?;
        let whole = sheet::byte_length(name, dtype, shape, at).map_err(|refusal| refusal.of_file(path))?;
        let (len, lies) = match whole == 0 || View::strided(shape, 0, strides).is_contiguous() {
            true => (whole, Lies::Rows),
            false => {
                // No overflow: the machine has checked that the last element lies in the storage.
                let last: u64 = shape.iter().zip(strides).map(|(size, stride)| (size - 1) * *stride as u64).sum();
                ((last + 1) * dtype.bytes(), Lies::Strides(strides.into()))
            }
        };
        let start = first * dtype.bytes();
        if start.checked_add(len).is_none_or(|end| end > place.len) {
            let what = format!("has not all of the tensor {}", quoted(name));
            let flaw = Flaw { offset: at, found: format!("{} bytes", place.len), expected: "more".into() };
            return Err(flawed(error::TENSOR, path, &what, flaw, error::AGAIN));
        }
        let (file, offset) = (self.file + usize::from(place.in_memory), place.offset + start);
        self.header.entries.push(Entry { name: name.into(), dtype, shape: shape.clone(), file, offset, len, lies });
        Ok(())
    }

    /// The name is usable and stands nowhere else, here or in another file; and there is memory for the entry.
    fn book(&mut self, name: &str, axes: usize, at: u64) -> Result<(), Refusal> {
        sheet::check_name(name, at)?;
        match sheet::file_of(self.header, self.budget, name) {
            Some(other) if other < self.file => {
                return Err(sheet::in_two_files(at, name, &self.header.files[other].path));
            }
            Some(_) => {
                let what = format!("has two tensors that are {} when names are joined by dots", quoted(name));
                let flaw = Flaw { offset: at, found: quoted(name), expected: "each name once".into() };
                let help = "name one dictionary of the file, such as `{ key = \"state_dict\" }`";
                return Err(Refusal::Flaw(error::NAME, what, flaw, help));
            }
            None => {}
        }
        // Shape and strides, where they do not fit in place.
        let spilled = if axes > 4 { 2 * 8 * axes.next_power_of_two() } else { 0 };
        let bytes = size_of::<Entry>() + name.len() + spilled + 34;
        if self.budget.charge(bytes) { Ok(()) } else { Err(sheet::too_large(at)) }
    }

    fn storage(&mut self, name: &str, tensor: &Tensor) -> Result<Place, Problem> {
        let needed = tensor.storage.elements.saturating_mul(tensor.storage.dtype.bytes());
        let key = match &tensor.storage.bytes {
            StorageBytes::Blob(blob) => return Ok(self.place(blob)),
            StorageBytes::Key(key) => key,
        };
        let Some(storages) = self.origin.storages else {
            let path = shown::path(self.origin.path);
            let message = format!("`{path}` has at {} a tensor whose numbers are in another file", quoted(name));
            return Err(Problem::new(error::NETWORK, message)
                .help("write the path of the whole checkpoint, the `.pt` file that this pickle was taken from"));
        };
        match storages(key) {
            Some((offset, len)) if len >= needed => Ok(Place { offset, len: needed, in_memory: false }),
            Some((offset, len)) => Err(self.lacks(name, key, offset, format!("{len} bytes"), needed)),
            // Where the pickle says it.
            None => Err(self.lacks(name, key, self.origin.base + tensor.at, "no such storage".into(), needed)),
        }
    }

    fn lacks(&self, name: &str, key: &str, offset: u64, found: String, needed: u64) -> Problem {
        let what = format!("has not all of the tensor {}", quoted(name));
        let expected = format!("{needed} bytes for its storage {}", quoted(key));
        flawed(error::TENSOR, self.origin.path, &what, Flaw { offset, found, expected }, error::AGAIN)
    }

    fn strange(&self, name: &str, found: &str) -> Problem {
        let path = shown::path(self.origin.path);
        let message = format!("`{path}` has the tensor {} in a form that blend does not read", quoted(name));
        Problem::new(error::UNREADABLE, message)
            .note(format!("found {found}, expected a dense tensor such as `torch.FloatTensor`"))
            .help("save it dense: `torch.save({k: t.to_dense().float() for k, t in sd.items()}, \"weights.pt\")` in Python")
    }

    fn place(&mut self, blob: &Blob) -> Place {
        let len = blob.len();
        match blob {
            Blob::File { offset, .. } => Place { offset: self.origin.base + offset, len, in_memory: false },
            Blob::Memory(bytes) => Place { offset: self.memory.add(bytes), len, in_memory: true },
        }
    }

    /// Puts entries in order and adds metadata.  Errors: E0510.
    pub fn finish(self, facts: impl IntoIterator<Item = (String, String)>) -> Result<(), Problem> {
        for (key, text) in facts {
            if !self.budget.charge(2 * key.len() + text.len() + 320) {
                return Err(sheet::too_large(self.origin.base).of_file(self.origin.path));
            }
            self.header.metadata.entry(key).or_insert(text);
        }
        if !self.memory.bytes.is_empty() {
            let (path, size) = (self.origin.path.to_path_buf(), self.memory.bytes.len() as u64);
            self.header.files.push(FileInfo { path, size, memory: Some(self.memory.bytes.into()) });
        }
        self.header.entries[self.start..]
            .sort_unstable_by(|a, b| (a.file, a.offset, a.len, &a.name).cmp(&(b.file, b.offset, b.len, &b.name)));
        Ok(())
    }
}
