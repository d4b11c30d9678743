//! From tensors of a pickle to entries of a header: where their elements are in the file.

use super::Window;
use super::choose;
use crate::diag::Problem;
use crate::diag::shown;
use crate::pickle::Array;
use crate::pickle::Blob;
use crate::pickle::Pickle;
use crate::pickle::StorageBytes;
use crate::pickle::Tensor;
use crate::pickle::Value;
use crate::store::error;
use crate::store::error::Flaw;
use crate::store::error::flawed;
use crate::store::format::Opened;
use crate::store::header::Budget;
use crate::store::header::Refusal;
use crate::store::header::SPLIT;
use crate::store::json::quoted;
use crate::store::sheet::check_name;
use crate::tensor::Dtype;
use crate::tensor::Entry;
use crate::tensor::FileInfo;
use crate::tensor::Header;
use crate::tensor::Lies;
use crate::tensor::Shape;
use crate::tensor::View;
use crate::tensor::elems;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// Where the things are that a pickle speaks of.
pub struct Places<'a> {
    pub opened: &'a Opened<'a>,
    /// The pickle.
    pub window: &'a Window<'a>,
    /// Offset and bytes of the storage with a key.
    pub storages: &'a dyn Fn(&str) -> Option<(u64, u64)>,
}

/// Values of a pickle that had to be decoded: together they are one file in memory.
#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
    /// Where the bytes of a pointer are.
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

/// A tensor's place: offset within the file or the memory.
struct Place {
    offset: u64,
    in_memory: bool,
}

impl Places<'_> {
    /// Chooses a dictionary of a pickle, and adds file, tensors and metadata to `header`.
    /// Errors: E0507, E0508, E0510, E0512, E0519, E0521.
    pub fn add(
        &self,
        pickle: &Pickle,
        key: Option<&str>,
        header: &mut Header,
        budget: &mut Budget,
    ) -> Result<(), Problem> {
        let path = self.opened.path;
        let chosen = choose::choose(path, self.window.start, pickle, key)?;
        let number = header.files.len();
        header.files.push(FileInfo { path: path.to_path_buf(), size: self.opened.size, memory: None });
        let start = header.entries.len();
        let mut memory = Memory::default();
        for leaf in &chosen.leaves {
            let entry = match pickle.values.get(leaf.id) {
                Value::Tensor(tensor) => self.tensor(&leaf.name, tensor, number, &mut memory)?,
                Value::Array(array) => self.array(&leaf.name, array, number, &mut memory),
                _ => continue,
            };
            self.check(&entry, number, header, budget).map_err(|refusal| refusal.of_file(path))?;
            header.entries.push(entry);
        }
        if !memory.bytes.is_empty() {
            let size = memory.bytes.len() as u64;
            header.files.push(FileInfo { path: path.to_path_buf(), size, memory: Some(memory.bytes.into()) });
        }
        header.entries[start..]
            .sort_unstable_by(|a, b| (a.file, a.offset, a.len, &a.name).cmp(&(b.file, b.offset, b.len, &b.name)));
        for (key, text) in chosen.facts {
            if !budget.charge(2 * key.len() + text.len() + 320) {
                return Err(too_large(self.window.start).of_file(path));
            }
            header.metadata.entry(key).or_insert(text);
        }
        Ok(())
    }

    /// Names are usable and no name stands twice, here or in another file; and all fits into memory.
    fn check(&self, entry: &Entry, number: usize, header: &Header, budget: &mut Budget) -> Result<(), Refusal> {
        let at = self.window.start;
        check_name(&entry.name, at)?;
        if !budget.remember(&entry.name)
            && let Some(other) = header.entries.iter().find(|other| other.name == entry.name)
        {
            let own = quoted(&entry.name);
            let path = &header.files[other.file].path;
            let (code, what, help) = match other.file >= number {
                true => {
                    (error::NAME, format!("has two tensors that are {own} when names are joined by dots"), SPLIT_KEY)
                }
                false => (
                    error::DISAGREE,
                    format!("has the tensor {own}, which `{}` has too", shown::path(path)),
                    "keep the shards of one model in a directory of their own",
                ),
            };
            let flaw = Flaw { offset: at, found: own, expected: "each name once".into() };
            return Err(Refusal::Flaw(code, what, flaw, help));
        }
        let spilled = |len: usize| if len > 4 { len * 8 } else { 0 };
        let strides = if let Lies::Strides(strides) = &entry.lies { spilled(strides.len()) } else { 0 };
        let bytes = std::mem::size_of::<Entry>() + entry.name.len() + spilled(entry.shape.len()) + strides + 34;
        if budget.charge(bytes) { Ok(()) } else { Err(too_large(at)) }
    }

    fn tensor(&self, name: &str, tensor: &Tensor, number: usize, memory: &mut Memory) -> Result<Entry, Problem> {
        let dtype = tensor.storage.dtype;
        let needed = tensor.storage.elements.saturating_mul(dtype.bytes());
        let place = match &tensor.storage.bytes {
            StorageBytes::Blob(blob) => self.blob(blob, memory),
            StorageBytes::Key { key, .. } => {
                let Some((offset, len)) = (self.storages)(key) else {
                    return Err(self.lacks(name, key, tensor.at, "no such storage".into(), needed));
                };
                if len < needed {
                    return Err(self.lacks(name, key, offset, format!("{len} bytes"), needed));
                }
                Place { offset, in_memory: false }
            }
        };
        let lies = lies(&tensor.shape, tensor.strides.clone());
        let steps = tensor.shape.iter().zip(&tensor.strides).map(|(&size, &stride)| (size.max(1) - 1) * stride as u64);
        // No overflow: the machine has checked that the last element lies in the storage.
        let span = if elems(&tensor.shape) == 0 { 0 } else { steps.sum::<u64>() + 1 };
        let offset = place.offset + tensor.offset * dtype.bytes();
        Ok(entry(name, dtype, &tensor.shape, Place { offset, ..place }, span, lies, number))
    }

    fn lacks(&self, name: &str, key: &str, offset: u64, found: String, needed: u64) -> Problem {
        let what = format!("has not all of the tensor {}", quoted(name));
        let expected = format!("{needed} bytes for its storage {}", quoted(key));
        // Where the pickle says it, or where the storage is.
        flawed(error::TENSOR, self.opened.path, &what, Flaw { offset, found, expected }, error::AGAIN)
    }

    fn array(&self, name: &str, array: &Array, number: usize, memory: &mut Memory) -> Entry {
        let place = self.blob(&array.data, memory);
        let lies = match array.fortran {
            true => {
                let mut next: i64 = 1;
                // The bytes that are there bound the product, but those of an empty array may not.
                let step = |&size: &u64| {
                    let wider = next.wrapping_mul(size.max(1) as i64);
                    std::mem::replace(&mut next, wider)
                };
                lies(&array.shape, array.shape.iter().map(step).collect())
            }
            false => Lies::Rows,
        };
        entry(name, array.dtype, &array.shape, place, elems(&array.shape), lies, number)
    }

    fn blob(&self, blob: &Blob, memory: &mut Memory) -> Place {
        match blob {
            Blob::File { offset, .. } => Place { offset: self.window.start + offset, in_memory: false },
            Blob::Memory(bytes) => Place { offset: memory.add(bytes), in_memory: true },
        }
    }
}

/// Strides only where they say more than the shape.
fn lies(shape: &Shape, strides: SmallVec<[i64; 4]>) -> Lies {
    if View::strided(shape, 0, &strides).is_contiguous() { Lies::Rows } else { Lies::Strides(strides) }
}

/// An entry of `span` elements from its first to its last; what is in memory follows the file itself.
fn entry(name: &str, dtype: Dtype, shape: &Shape, place: Place, span: u64, lies: Lies, number: usize) -> Entry {
    Entry {
        name: name.into(),
        dtype,
        shape: shape.clone(),
        file: number + usize::from(place.in_memory),
        offset: place.offset,
        len: span * dtype.bytes(),
        lies,
    }
}

const SPLIT_KEY: &str = "name one dictionary of the file, such as `{ key = \"state_dict\" }`";

pub fn too_large(offset: u64) -> Refusal {
    let what = "describes more than blend holds in memory".to_string();
    let flaw = Flaw { offset, found: "more names and texts".into(), expected: "no more than fits".into() };
    Refusal::Flaw(error::TOO_LARGE, what, flaw, SPLIT)
}
