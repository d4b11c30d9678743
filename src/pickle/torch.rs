//! Storages and tensors of PyTorch, and its legacy streams.

use super::Blob;
use super::Fault;
use super::Id;
use super::Limits;
use super::Pickle;
use super::Source;
use super::Storage;
use super::StorageBytes;
use super::Tensor;
use super::Value;
use super::call::arity;
use super::call::is_word;
use super::fault::Bad;
use super::fault::fault_at;
use super::fault::shown;
use super::machine::Machine;
use super::names;
use super::names::Known;
use crate::tensor::Dtype;
use crate::tensor::Shape;
use crate::tensor::elems;
use smallvec::SmallVec;
use std::sync::Arc;

/// More axes than PyTorch's tensors have in files.
const AXES: usize = 32;

impl Machine<'_> {
    /// BINPERSID: `('storage', torch.FloatStorage, key, device, elements)`; legacy streams add a view, which is None.
    pub fn persistent(&mut self, id: Id) -> Result<Id, Bad> {
        let name = "persistent id";
        let parts: SmallVec<[Id; 6]> = match self.values.get(id) {
            Value::Tuple(parts) if (5..=6).contains(&parts.len()) => parts[..].into(),
            Value::Tuple(parts) => {
                return Err(Bad::malformed(format!("a persistent id of {} parts", parts.len()), "5 or 6"));
            }
            other => return Err(Bad::malformed(format!("{} as a persistent id", other.noun()), "a tuple")),
        };
        if self.values.str(parts[0]) != Some("storage") {
            return Err(self.wrong(name, "kind", parts[0], "`storage`"));
        }
        let class = match self.values.get(parts[1]) {
            Value::Global(class) => class.clone(),
            _ => return Err(self.wrong(name, "class", parts[1], "the name of a class such as `torch.FloatStorage`")),
        };
        let Some(dtype) = names::storage(&class) else {
            return Err(self.wrong(name, "class", parts[1], "the name of a class such as `torch.FloatStorage`"));
        };
        let key = match self.values.get(parts[2]) {
            Value::Str(key) if is_word(key) => key.clone(),
            _ => return Err(self.wrong(name, "key", parts[2], "a word such as `0`")),
        };
        let device = match self.values.get(parts[3]) {
            Value::Str(device) if is_device(device) => device.clone(),
            _ => return Err(self.wrong(name, "device", parts[3], "a device such as `cpu` or `cuda:0`")),
        };
        let Some(elements) = self.values.int(parts[4]).and_then(|count| u64::try_from(count).ok()) else {
            return Err(self.wrong(name, "number of elements", parts[4], "an integer that is not negative"));
        };
        if let Some(view) = parts.get(5)
            && *self.values.get(*view) != Value::None
        {
            return Err(Bad::unsupported("a view of another storage, as PyTorch 0.1 wrote", "storages of their own"));
        }
        let Some(dtype) = dtype else { return self.add(Value::Opaque(class)) };
        check_bytes(elements, dtype)?;
        match self.values.storages.get(&key) {
            Some(known) if *known == (dtype, elements) => {}
            Some((other, count)) => {
                return Err(Bad::malformed(
                    format!("the storage `{key}` as {elements} elements of {dtype}"),
                    format!("{count} of {other}, as before"),
                ));
            }
            None => {
                // An entry of a map, and the text of the key.
                self.charge(96 + key.len() as u64)?;
                self.values.storages.insert(key.clone(), (dtype, elements));
            }
        }
        self.add_storage(Storage { dtype, bytes: StorageBytes::Key { key, device }, elements })
    }

    fn add_storage(&mut self, storage: Storage) -> Result<Id, Bad> {
        self.charge(size_of::<Storage>() as u64)?;
        self.add(Value::Storage(Box::new(storage)))
    }

    /// The storage in a legacy stream that stands in a byte string.
    pub fn load_from_bytes(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 1..=1)?;
        if self.is_nested {
            return Err(Bad::malformed(format!("`{name}` within the bytes of `{name}`"), "a storage"));
        }
        let Some(blob) = self.values.blob(args[0]) else {
            return Err(self.wrong(name, "argument", args[0], "bytes"));
        };
        let limits = Limits { opcodes: self.limits.opcodes.saturating_sub(self.opcodes), ..NESTED };
        let (legacy, opcodes) = match &blob {
            Blob::File { offset, len } => {
                if let Some(storage) = self.nested.get(offset) {
                    return Ok(*storage);
                }
                let window = Window { source: self.reader.source(), offset: *offset, len: *len };
                let read = read_legacy(&window, 0, &limits, true);
                read.map_err(|fault| Bad::inside(fault, *offset))?
            }
            Blob::Memory(bytes) => {
                // Its offsets say nothing about the file.
                let read = read_legacy(&&bytes[..], 0, &limits, true);
                read.map_err(|fault| Bad::apart(fault))?
            }
        };
        self.opcodes += opcodes;
        let values = &legacy.pickle.values;
        let storage = match values.get(legacy.pickle.root) {
            Value::Storage(storage) => (**storage).clone(),
            Value::Opaque(class) => return self.add(Value::Opaque(class.clone())),
            other => {
                return Err(Bad::malformed(format!("{} in the bytes of `{name}`", other.noun()), "a storage"));
            }
        };
        let source: &dyn Source = match &blob {
            Blob::File { offset, len } => &Window { source: self.reader.source(), offset: *offset, len: *len },
            Blob::Memory(bytes) => &&bytes[..],
        };
        let (parts, end) = legacy.blobs(source).map_err(|fault| Bad::apart(fault))?;
        if parts.len() != 1 || end != blob.len() {
            let found = format!("{} storages and {} bytes after them", parts.len(), blob.len() - end);
            return Err(Bad::malformed(format!("{found} in the bytes of `{name}`"), "one storage and nothing else"));
        }
        let Some(Blob::File { offset, len }) = parts.into_iter().next().map(|(_, part)| part) else {
            return Err(Bad::malformed(format!("no bytes in `{name}`"), "one storage"));
        };
        let Some(part) = blob.part(offset, len) else {
            return Err(Bad::malformed(format!("a storage beyond the bytes of `{name}`"), "one within"));
        };
        // A part of decoded bytes is a copy of its own.
        if matches!(part, Blob::Memory(_)) {
            self.charge_blob(len)?;
        }
        let made = self.add_storage(Storage { bytes: StorageBytes::Blob(part), ..storage })?;
        if let Blob::File { offset, .. } = blob {
            self.charge(32)?;
            self.nested.insert(offset, made);
        }
        Ok(made)
    }

    /// `_rebuild_tensor(storage, offset, size, stride)`, v2 adds `requires_grad, hooks[, metadata]`, v3 `…, dtype[, metadata]`.
    pub fn rebuild_tensor(&mut self, known: Known, name: &str, args: &[Id]) -> Result<Id, Bad> {
        let (counts, metadata) = match known {
            Known::RebuildTensor => (4..=4, 4),
            Known::RebuildTensorV2 => (6..=7, 6),
            _ => (7..=8, 7),
        };
        arity(name, args, counts)?;
        let mut storage = match self.values.get(args[0]) {
            Value::Storage(storage) => (**storage).clone(),
            Value::Opaque(class) if names::storage(class).is_some() => {
                let class = class.clone();
                return self.add(Value::Opaque(class));
            }
            _ => return Err(self.wrong(name, "storage", args[0], "a storage")),
        };
        if let [_, _, _, _, gradient, hooks, ..] = args {
            self.check_gradient(name, *gradient, *hooks)?;
        }
        if let Some(metadata) = args.get(metadata) {
            self.check_metadata(name, *metadata)?;
        }
        if known == Known::RebuildTensorV3 {
            let Value::Global(dtype) = self.values.get(args[6]) else {
                return Err(self.wrong(name, "type", args[6], "a name such as `torch.uint16`"));
            };
            let Some(dtype) = names::torch_dtype(dtype) else {
                // A type that blend has not: such a tensor is inert.
                let dtype = dtype.clone();
                return self.add(Value::Opaque(dtype));
            };
            // The bytes of the storage, read as this type.
            storage.elements = storage.elements * storage.dtype.bytes() / dtype.bytes();
            storage.dtype = dtype;
        }
        let Some(offset) = self.values.int(args[1]).and_then(|offset| u64::try_from(offset).ok()) else {
            return Err(self.wrong(name, "offset", args[1], "an integer that is not negative"));
        };
        let shape: Shape = self.sizes(name, "shape", args[2])?.into_iter().map(|size| size as u64).collect();
        let strides = self.sizes(name, "strides", args[3])?;
        if shape.len() != strides.len() {
            let found = format!("{} sizes and {} strides", shape.len(), strides.len());
            return Err(Bad::malformed(format!("{found} for `{name}`"), "as many strides as sizes"));
        }
        let beyond = check_window(&storage, offset, &shape, &strides)?;
        self.expanded = self.expanded.saturating_add(beyond);
        if self.expanded > self.limits.expanded {
            let most = self.limits.expanded;
            return Err(Bad::limit(
                format!("tensors with {} elements more than their storages", self.expanded),
                format!("at most {most} that strides repeat"),
            ));
        }
        self.charge(size_of::<Tensor>() as u64)?;
        self.add(Value::Tensor(Box::new(Tensor { storage, offset, shape, strides, at: self.at })))
    }

    /// A tuple of sizes or strides.
    fn sizes(&self, name: &str, what: &str, id: Id) -> Result<SmallVec<[i64; 4]>, Bad> {
        let Value::Tuple(items) = self.values.get(id) else {
            return Err(self.wrong(name, what, id, "a tuple of integers"));
        };
        if items.len() > AXES {
            return Err(Bad::malformed(
                format!("{} axes in the {what} of `{name}`", items.len()),
                format!("at most {AXES}"),
            ));
        }
        items
            .iter()
            .map(|item| match self.values.int(*item) {
                Some(size) if size >= 0 => Ok(size),
                _ => Err(self.wrong(name, what, *item, "integers that are not negative")),
            })
            .collect()
    }

    fn check_gradient(&self, name: &str, gradient: Id, hooks: Id) -> Result<(), Bad> {
        if self.values.bool(gradient).is_none() {
            return Err(self.wrong(name, "`requires_grad`", gradient, "True or False"));
        }
        match self.values.get(hooks) {
            Value::None => Ok(()),
            Value::Dict(hooks) if hooks.is_empty() => Ok(()),
            _ => Err(self.wrong(name, "hooks", hooks, "an empty dict")),
        }
    }

    /// The metadata that PyTorch adds says that values are to be negated or conjugated: not what lies in the storage.
    fn check_metadata(&self, name: &str, metadata: Id) -> Result<(), Bad> {
        match self.values.get(metadata) {
            Value::None => Ok(()),
            Value::Dict(flags) if flags.iter().all(|(_, flag)| self.values.bool(*flag) == Some(false)) => Ok(()),
            Value::Dict(_) => {
                Err(Bad::unsupported("a tensor that is negated or conjugated when it is read", "its values"))
            }
            _ => Err(self.wrong(name, "metadata", metadata, "a dict")),
        }
    }

    /// `_rebuild_parameter(data, requires_grad, hooks)`, `_with_state` adds attributes: the tensor itself.
    pub fn rebuild_parameter(&mut self, known: Known, name: &str, args: &[Id]) -> Result<Id, Bad> {
        let count = if known == Known::RebuildParameter { 3 } else { 4 };
        arity(name, args, count..=count)?;
        self.check_gradient(name, args[1], args[2])?;
        if let Some(state) = args.get(3)
            && !matches!(self.values.get(*state), Value::None | Value::Dict(_))
        {
            return Err(self.wrong(name, "state", *state, "a dict"));
        }
        match self.values.get(args[0]) {
            // What could not be rebuilt stays inert.
            Value::Tensor(_) | Value::Opaque(_) => Ok(args[0]),
            _ => Err(self.wrong(name, "data", args[0], "a tensor")),
        }
    }

    /// `_rebuild_from_type_v2(function, class, args, state)`: the tensor itself if it is a plain one.
    pub fn rebuild_from_type(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 4..=4)?;
        let function = match self.values.get(args[0]) {
            Value::Global(function) => names::known(function),
            _ => return Err(self.wrong(name, "function", args[0], "a name such as `torch._utils._rebuild_tensor_v2`")),
        };
        let class = match self.values.get(args[1]) {
            Value::Global(class) => class.clone(),
            _ => return Err(self.wrong(name, "class", args[1], "the name of a class")),
        };
        let is_plain = matches!(
            &*class,
            "torch.Tensor" | "torch._tensor.Tensor" | "torch.nn.parameter.Parameter" | "torch.nn.parameter.Buffer"
        );
        if !is_plain {
            return self.add(Value::Opaque(class));
        }
        if !matches!(self.values.get(args[3]), Value::None | Value::Dict(_)) {
            return Err(self.wrong(name, "state", args[3], "a dict"));
        }
        match function {
            Some(
                Known::RebuildParameter
                | Known::RebuildParameterWithState
                | Known::RebuildTensor
                | Known::RebuildTensorV2
                | Known::RebuildTensorV3,
            ) => self.reduce(args[0], args[2]),
            _ => Err(self.wrong(name, "function", args[0], "a name such as `torch._utils._rebuild_tensor_v2`")),
        }
    }
}

/// `cpu`, `cuda:0`.
fn is_device(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
}

/// So many elements have a number of bytes that fits i64.
fn check_bytes(elements: u64, dtype: Dtype) -> Result<(), Bad> {
    match elements.checked_mul(dtype.bytes()).and_then(|bytes| i64::try_from(bytes).ok()) {
        Some(_) => Ok(()),
        None => Err(Bad::malformed(format!("a storage of {elements} elements"), "a number whose bytes can be counted")),
    }
}

/// Every element lies in the storage.  How many more elements there are than the storage has.
fn check_window(storage: &Storage, offset: u64, shape: &[u64], strides: &[i64]) -> Result<u64, Bad> {
    let text = || format!("a tensor of {} at element {offset}", crate::tensor::shape_text(shape));
    let beyond = || {
        let expected = format!("elements of its storage, which has {}", storage.elements);
        Bad::malformed(format!("{} with strides {strides:?}", text()), expected)
    };
    let mut count: u64 = 1;
    for size in shape.iter().filter(|size| **size != 0) {
        count = count
            .checked_mul(*size)
            .filter(|count| *count <= i64::MAX as u64 / 8)
            .ok_or_else(|| Bad::malformed(text(), "a number of elements that can be counted"))?;
    }
    if elems(shape) == 0 {
        return if offset <= storage.elements { Ok(0) } else { Err(beyond()) };
    }
    let mut last = offset;
    for (size, stride) in shape.iter().zip(strides) {
        let step = (size - 1).checked_mul(*stride as u64).and_then(|step| last.checked_add(step));
        last = step.ok_or_else(beyond)?;
    }
    if last >= storage.elements {
        return Err(beyond());
    }
    Ok(count.saturating_sub(storage.elements))
}

/// Limits of the small pickles in a byte string.
const NESTED: Limits = Limits {
    opcodes: 0,
    values: 512,
    memory: 256 << 10,
    blobs: 4096,
    stack: 512,
    marks: 16,
    memo: 512,
    integer: 64,
    depth: 16,
    places: 512,
    expanded: 0,
};

/// A part of a source.
struct Window<'a> {
    source: &'a dyn Source,
    offset: u64,
    len: u64,
}

impl Source for Window<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, dst: &mut [u8]) -> std::io::Result<()> {
        match offset.checked_add(dst.len() as u64) {
            Some(end) if end <= self.len => self.source.read_at(self.offset + offset, dst),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The magic number of legacy streams: 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// A legacy stream of `torch.save`: magic number, version, facts about the machine, the object, keys of storages, storages.
#[derive(Debug)]
pub struct Legacy {
    /// The object.
    pub pickle: Pickle,
    /// Keys of the storages in the order in which they follow.
    pub keys: Vec<Arc<str>>,
    /// Where the first storage begins: an i64 with its number of elements, then its bytes.
    pub data: u64,
}

/// Reads the five pickles of a legacy stream that starts at `start`.
pub fn legacy(source: &dyn Source, start: u64, limits: &Limits) -> Result<Legacy, Fault> {
    read_legacy(source, start, limits, false).map(|(legacy, _)| legacy)
}

/// Also how many opcodes it took.
fn read_legacy(source: &dyn Source, start: u64, limits: &Limits, is_nested: bool) -> Result<(Legacy, u64), Fault> {
    let mut at = start;
    let mut opcodes = 0;
    let mut next = |limits: &Limits| {
        let begin = at;
        let mut machine = Machine::new(source, begin, limits);
        machine.is_nested = is_nested;
        let (pickle, used) = machine.run()?;
        at = pickle.end;
        opcodes += used;
        Ok::<_, Fault>((pickle, begin))
    };
    let bad = |at: u64, found: String, expected: &str| fault_at(at, Bad::malformed(found, expected));
    let small = Limits { opcodes: limits.opcodes, ..NESTED };
    let (magic, at_magic) = next(&small)?;
    if !matches!(magic.values.get(magic.root), Value::Long(bytes) if **bytes == MAGIC) {
        let found = magic.values.get(magic.root).noun().to_string();
        return Err(bad(at_magic, found, "the magic number of `torch.save`, written as a number"));
    }
    let (version, at_version) = next(&small)?;
    if version.values.int(version.root) != Some(1001) {
        let found = version.values.get(version.root).noun().to_string();
        return Err(bad(at_version, found, "the version 1001"));
    }
    let (facts, at_facts) = next(&small)?;
    let order = facts.values.dict_get(facts.root, "little_endian").and_then(|value| facts.values.bool(value));
    match order {
        Some(true) => {}
        Some(false) => {
            let big = Bad::unsupported("a file of a big-endian machine", "little-endian numbers");
            return Err(fault_at(at_facts, big));
        }
        None => return Err(bad(at_facts, "facts without `little_endian`".into(), "a dict that has it")),
    }
    let (pickle, _) = next(limits)?;
    let (list, at_list) = next(limits)?;
    let keys: Option<Vec<Arc<str>>> = match list.values.get(list.root) {
        Value::List(keys) => keys
            .iter()
            .map(|key| match list.values.get(*key) {
                Value::Str(key) => Some(key.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    };
    let Some(keys) = keys else {
        return Err(bad(at_list, list.values.get(list.root).noun().into(), "the list of the keys of storages"));
    };
    let mut sorted: Vec<&Arc<str>> = keys.iter().collect();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(bad(at_list, format!("the key `{}` twice", shown(twice[0])), "every key once"));
    }
    Ok((Legacy { data: list.end, pickle, keys }, opcodes))
}

impl Legacy {
    /// Where the bytes of every storage lie, in the order of the keys, and the offset after the last: all storages that the
    /// object uses are there, each with as many elements as the object says.
    pub fn blobs(&self, source: &dyn Source) -> Result<(Vec<(Arc<str>, Blob)>, u64), Fault> {
        let bad = |at: u64, found: String, expected: String| fault_at(at, Bad::malformed(found, expected));
        let mut out = Vec::with_capacity(self.keys.len());
        let mut at = self.data;
        for key in &self.keys {
            let shown = shown(key);
            let Some(&(dtype, elements)) = self.pickle.values.storages.get(key) else {
                return Err(bad(at, format!("the storage `{shown}`"), "storages that the object uses".into()));
            };
            let mut count = [0; 8];
            let len = elements * dtype.bytes();
            let end = at.checked_add(8).and_then(|begin| begin.checked_add(len)).filter(|end| *end <= source.len());
            let Some(end) = end else {
                let left = source.len().saturating_sub(at);
                return Err(bad(at, format!("{left} bytes for the storage `{shown}`"), format!("8 + {len}")));
            };
            source.read_at(at, &mut count).map_err(|error| fault_at(at, Bad::read(&error)))?;
            let count = i64::from_le_bytes(count);
            if u64::try_from(count) != Ok(elements) {
                return Err(bad(at, format!("{count} elements in the storage `{shown}`"), elements.to_string()));
            }
            out.push((key.clone(), Blob::File { offset: at + 8, len }));
            at = end;
        }
        let missing = self.pickle.values.storages.keys().find(|key| !self.keys.contains(key));
        match missing {
            None => Ok((out, at)),
            Some(key) => Err(bad(at, format!("no storage `{}`", shown(key)), "all that the object uses".into())),
        }
    }
}
