//! What a pickle holds: values in an arena, named by ids.  No value owns another, so that dropping never recurses and a
//! value that stands in many places exists once.

use super::Source;
use crate::tensor::Dtype;
use crate::tensor::Shape;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

/// Names a value of a [`Values`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Id(pub(super) u32);

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond i64: little-endian two's complement.
    Long(Box<[u8]>),
    Float(f64),
    /// Text; a byte string of Python 2 too, read as Latin-1 ([`Values::blob`] has its bytes).
    Str(Arc<str>),
    /// A text of more than 16 KiB (such as the `module_src` of NVIDIA's files): where its UTF-8 lies; it was not read.
    LongStr(Blob),
    Bytes(Blob),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// In order of insertion; a later equal key replaces the value, as in Python.  Also `OrderedDict`, `defaultdict`,
    /// `EasyDict`.  Keys are no containers except tuples (which are never told to be equal).
    Dict(Vec<(Id, Id)>),
    Set(Vec<Id>),
    /// `module.name`, never imported.
    Global(Arc<str>),
    /// A persistent id (what the container must resolve) or the storage of `_load_from_bytes`.
    Storage(Box<Storage>),
    Tensor(Box<Tensor>),
    /// A NumPy array or scalar.
    Array(Box<Array>),
    /// A module of NVIDIA's persistence: its attributes are the dict `state`.
    Module {
        class: Arc<str>,
        state: Id,
    },
    /// An object of one of the few inert classes that we look into (`dnnlib.tflib.network.Network`).
    Object {
        class: Arc<str>,
        state: Option<Id>,
    },
    /// Anything else that a global outside the table made: its name, without contents.
    Opaque(Arc<str>),
    /// A tensor, an array or a storage that is not rebuilt (sparse, quantised, of a type or class of its own): the name of
    /// what makes it.  Whoever reads tensors here must not step over it.
    Strange(Arc<str>),
}

impl Value {
    /// What it is, for messages: `a list`, `a tensor`.
    pub fn noun(&self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "a truth value",
            Value::Int(_) | Value::Long(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Str(_) | Value::LongStr(_) => "a text",
            Value::Bytes(_) => "bytes",
            Value::Tuple(_) => "a tuple",
            Value::List(_) => "a list",
            Value::Dict(_) => "a dict",
            Value::Set(_) => "a set",
            Value::Global(_) => "a name",
            Value::Storage(_) => "a storage",
            Value::Tensor(_) => "a tensor",
            Value::Array(_) => "an array",
            Value::Module { .. } => "a module",
            Value::Object { .. } | Value::Opaque(_) => "an object",
            Value::Strange(_) => "a tensor of another kind",
        }
    }
}

/// Bytes: where they lie, or themselves.
#[derive(Clone, Debug, PartialEq)]
pub enum Blob {
    /// In the source, counted from its beginning; within it, that is checked.
    File { offset: u64, len: u64 },
    /// Only what had to be decoded: the bytes of protocol 2 (`_codecs.encode(text, 'latin1')`).
    Memory(Arc<[u8]>),
}

impl Blob {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Blob::File { len, .. } => *len,
            Blob::Memory(bytes) => bytes.len() as u64,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part of it, in bytes; `None`: it does not lie within.
    pub fn part(&self, start: u64, len: u64) -> Option<Blob> {
        let end = start.checked_add(len).filter(|end| *end <= self.len())?;
        Some(match self {
            Blob::File { offset, .. } => Blob::File { offset: offset + start, len },
            // Within a slice: both fit usize.
            Blob::Memory(bytes) => Blob::Memory(bytes[start as usize..end as usize].into()),
        })
    }

    /// Reads all of it, if it is no longer than `most` bytes; the source is the one the pickle was run on.
    pub fn read(&self, source: &dyn Source, most: u64) -> std::io::Result<Vec<u8>> {
        if self.len() > most {
            return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
        }
        match self {
            Blob::Memory(bytes) => Ok(bytes.to_vec()),
            Blob::File { offset, len } => {
                let mut bytes = vec![0; *len as usize];
                source.read_at(*offset, &mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// A storage of torch.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// U8 for an untyped storage.
    pub dtype: Dtype,
    pub bytes: StorageBytes,
    /// Elements of `dtype`; their bytes fit i64.
    pub elements: u64,
}

/// Where the elements of a storage are.
#[derive(Clone, Debug, PartialEq)]
pub enum StorageBytes {
    /// A persistent id: the container knows where.  One key always comes with one dtype and number of elements; a key is a
    /// plain word (ASCII letters, digits, `_`), never a path.
    Key(Arc<str>),
    /// Raw little-endian elements, exactly as many as the storage has.
    Blob(Blob),
}

/// A tensor of torch: a window on a storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub storage: Storage,
    /// Elements of the storage before the first.
    pub offset: u64,
    pub shape: Shape,
    /// In elements, one per axis, not negative; every element lies in the storage, that is checked.
    pub strides: SmallVec<[i64; 4]>,
    /// Offset of the opcode that made it.
    pub at: u64,
}

/// An array of NumPy; a scalar has the shape `[]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Little-endian.
    pub dtype: Dtype,
    pub shape: Shape,
    /// In elements, one per axis, not negative; every element lies in the data.
    pub strides: SmallVec<[i64; 4]>,
    /// Exactly as many bytes as shape and dtype say.
    pub data: Blob,
    /// Offset of the opcode that made it.
    pub at: u64,
}

impl Array {
    /// The value of a scalar (or of an array of one element) as a float; `None`: it has more elements, or another type.
    pub fn scalar(&self, source: &dyn Source) -> Option<f64> {
        let bytes = self.data.read(source, 8).ok()?;
        if bytes.len() as u64 != self.dtype.bytes() {
            return None;
        }
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(&bytes);
        let raw = u64::from_le_bytes(wide);
        Some(match self.dtype {
            Dtype::Bool | Dtype::U8 | Dtype::U16 | Dtype::U32 | Dtype::U64 => raw as f64,
            Dtype::I8 => raw as i8 as f64,
            Dtype::I16 => raw as i16 as f64,
            Dtype::I32 => raw as i32 as f64,
            Dtype::I64 => raw as i64 as f64,
            Dtype::F32 => f32::from_bits(raw as u32) as f64,
            Dtype::F64 => f64::from_bits(raw),
            _ => return None,
        })
    }
}

/// What persistent ids tell of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub dtype: Dtype,
    pub elements: u64,
    /// How many of these elements are one to PyTorch.
    pub unit: u64,
}

/// The values of a pickle.
#[derive(Debug, Default)]
pub struct Values {
    pub(super) list: Vec<Value>,
    /// Byte strings of Python 2 that were read as text: offset, length.
    pub(super) latin: HashMap<Id, (u64, u64)>,
    /// Storages by key, as persistent ids tell them.
    pub(super) storages: BTreeMap<Arc<str>, Told>,
}

impl Values {
    pub fn get(&self, id: Id) -> &Value {
        &self.list[id.0 as usize]
    }

    /// The text of a text.
    pub fn str(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of bytes, and of byte strings of Python 2.
    pub fn blob(&self, id: Id) -> Option<Blob> {
        match self.get(id) {
            Value::Bytes(blob) => Some(blob.clone()),
            _ => self.latin.get(&id).map(|&(offset, len)| Blob::File { offset, len }),
        }
    }

    /// The value of an integer; a truth value is none.
    pub fn int(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Value::Int(int) => Some(*int),
            _ => None,
        }
    }

    pub fn bool(&self, id: Id) -> Option<bool> {
        match self.get(id) {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The value of a float or an integer.
    pub fn float(&self, id: Id) -> Option<f64> {
        match self.get(id) {
            Value::Float(float) => Some(*float),
            Value::Int(int) => Some(*int as f64),
            _ => None,
        }
    }

    /// The items of a tuple or list.
    pub fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a dict.
    pub fn entries(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a dict at a key that is this text; looks at every entry.
    pub fn dict_get(&self, id: Id, key: &str) -> Option<Id> {
        self.entries(id)?.iter().find(|(name, _)| self.str(*name) == Some(key)).map(|(_, value)| *value)
    }

    /// The storages that persistent ids name, sorted by key: type and number of elements.  Storages
    /// of types that blend has not are told as bytes.  The container must have all of them.
    pub fn storages(&self) -> impl Iterator<Item = (&Arc<str>, Dtype, u64)> {
        self.storages.iter().map(|(key, told)| (key, told.dtype, told.elements))
    }

    /// Number of values, reachable or not.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
