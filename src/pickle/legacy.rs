//! Legacy streams of PyTorch: several pickles one after another, then the bytes of all storages.  They are files, and stand
//! in byte strings of plain pickles, one for each storage.

use super::Blob;
use super::Fault;
use super::Id;
use super::Limits;
use super::Pickle;
use super::Source;
use super::Storage;
use super::StorageBytes;
use super::Value;
use super::call::arity;
use super::fault::Bad;
use super::fault::fault_at;
use super::machine::Machine;
use super::opcode;
use super::value::Told;
use crate::diag::shown;
use std::sync::Arc;

impl Machine<'_> {
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
                read.map_err(Bad::apart)?
            }
        };
        self.opcodes += opcodes;
        let values = &legacy.pickle.values;
        let storage = match values.get(legacy.pickle.root) {
            Value::Storage(storage) => (**storage).clone(),
            Value::Strange(class) => return self.add(Value::Strange(class.clone())),
            other => {
                return Err(Bad::malformed(format!("{} in the bytes of `{name}`", other.noun()), "a storage"));
            }
        };
        let source: &dyn Source = match &blob {
            Blob::File { offset, len } => &Window { source: self.reader.source(), offset: *offset, len: *len },
            Blob::Memory(bytes) => &&bytes[..],
        };
        let (parts, end) = legacy.blobs(source).map_err(Bad::apart)?;
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

/// Whether bytes begin with the magic number, pickled as a number: then they are a legacy stream or nothing.
pub fn is_legacy(head: &[u8]) -> bool {
    let Some(rest) = head.strip_prefix(&[opcode::PROTO]).and_then(|rest| rest.get(1..)) else { return false };
    let rest = if rest.first() == Some(&opcode::FRAME) { rest.get(9..).unwrap_or(&[]) } else { rest };
    rest.strip_prefix(&[opcode::LONG1, MAGIC.len() as u8]).is_some_and(|rest| rest.starts_with(&MAGIC))
}

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
        return Err(bad(at_list, format!("the key `{}` twice", shown::name(twice[0])), "every key once"));
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
            let shown = shown::name(key);
            let Some(&Told { dtype, elements, unit }) = self.pickle.values.storages.get(key) else {
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
            if u64::try_from(count) != Ok(elements / unit) {
                let expected = (elements / unit).to_string();
                return Err(bad(at, format!("{count} elements in the storage `{shown}`"), expected));
            }
            out.push((key.clone(), Blob::File { offset: at + 8, len }));
            at = end;
        }
        // Every key is there once and is of the object: equal numbers are equal sets.
        match self.keys.len() == self.pickle.values.storages.len() {
            true => Ok((out, at)),
            false => {
                let found = format!("{} of the {} storages", self.keys.len(), self.pickle.values.storages.len());
                Err(bad(at, found, "all that the object uses".into()))
            }
        }
    }
}
