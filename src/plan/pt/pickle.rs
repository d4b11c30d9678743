//! A dictionary of tensors as a pickle of protocol 2, as Python's own pickler writes it: the same opcodes, the same memo.

use crate::arch::Nest;
use crate::plan::place::Item;
use crate::tensor::Dtype;
use std::collections::HashMap;

/// What the opcodes are called in Python's `pickletools`.
mod op {
    pub const PROTO: u8 = 0x80;
    pub const EMPTY_DICT: u8 = b'}';
    pub const EMPTY_TUPLE: u8 = b')';
    pub const MARK: u8 = b'(';
    pub const SETITEM: u8 = b's';
    pub const SETITEMS: u8 = b'u';
    pub const TUPLE: u8 = b't';
    pub const TUPLE1: u8 = 0x85;
    pub const TUPLE2: u8 = 0x86;
    pub const TUPLE3: u8 = 0x87;
    pub const GLOBAL: u8 = b'c';
    pub const REDUCE: u8 = b'R';
    pub const BINPERSID: u8 = b'Q';
    pub const NEWFALSE: u8 = 0x89;
    pub const BINUNICODE: u8 = b'X';
    pub const BININT: u8 = b'J';
    pub const BININT1: u8 = b'K';
    pub const BININT2: u8 = b'M';
    pub const LONG1: u8 = 0x8a;
    pub const BINPUT: u8 = b'q';
    pub const LONG_BINPUT: u8 = b'r';
    pub const BINGET: u8 = b'h';
    pub const LONG_BINGET: u8 = b'j';
    pub const STOP: u8 = b'.';
}

/// Pairs that Python sets at a time.
const BATCH: usize = 1000;

/// The items in the order of the pickle: those of the inner dictionary first.  The k-th has the storage key k.
pub fn order(items: &[Item], nest: Option<&Nest>) -> Vec<usize> {
    let is_beside = |at: &usize| nest.is_some_and(|nest| nest.is_beside(items[*at].name));
    let (beside, inside): (Vec<usize>, Vec<usize>) = (0..items.len()).partition(is_beside);
    [inside, beside].concat()
}

/// The pickle of a dictionary from names to tensors, one storage each; with `nest`, of a dictionary around it.
pub fn dictionary(items: &[Item], order: &[usize], nest: Option<&Nest>) -> Vec<u8> {
    let mut pickler = Pickler::default();
    pickler.out.extend([op::PROTO, 2]);
    let tensors: Vec<Entry> = order.iter().enumerate().map(|(key, &at)| Entry::Tensor(key, &items[at])).collect();
    match nest {
        None => pickler.dict(&tensors),
        Some(nest) => {
            let inside = order.iter().take_while(|at| !nest.is_beside(items[**at].name)).count();
            let (inner, beside) = tensors.split_at(inside);
            let outer: Vec<Entry> =
                std::iter::once(Entry::Dict(&nest.key, inner)).chain(beside.iter().cloned()).collect();
            pickler.dict(&outer);
        }
    }
    pickler.out.push(op::STOP);
    pickler.out
}

/// A value of a dictionary with its name.
#[derive(Clone)]
enum Entry<'i> {
    Dict(&'i str, &'i [Entry<'i>]),
    /// With its storage's key.
    Tensor(usize, &'i Item<'i>),
}

#[derive(Default)]
struct Pickler {
    out: Vec<u8>,
    /// Objects that are mentioned again: globals, and two texts of every tensor.
    known: HashMap<&'static str, u32>,
    /// Objects in the memo so far.
    memo: u32,
}

impl Pickler {
    fn dict(&mut self, entries: &[Entry]) {
        self.out.push(op::EMPTY_DICT);
        self.put();
        // As the pickler in C: a single pair is set alone; others in batches, the last of which is never full.
        if let [entry] = entries {
            self.pair(entry);
            self.out.push(op::SETITEM);
            return;
        }
        let full = (!entries.is_empty() && entries.len().is_multiple_of(BATCH)).then_some(&entries[..0]);
        for batch in entries.chunks(BATCH).chain(full) {
            self.out.push(op::MARK);
            batch.iter().for_each(|entry| self.pair(entry));
            self.out.push(op::SETITEMS);
        }
    }

    fn pair(&mut self, entry: &Entry) {
        match entry {
            Entry::Dict(name, entries) => {
                self.text(name);
                self.dict(entries);
            }
            Entry::Tensor(key, item) => {
                self.text(item.name);
                self.tensor(*key, item);
            }
        }
    }

    /// `torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`; types that have no storage of
    /// their own name are made by `_rebuild_tensor_v3`, which is told the type.
    fn tensor(&mut self, key: usize, item: &Item) {
        let (class, dtype) = torch_type(item.dtype);
        self.global(if dtype.is_some() {
            "torch._utils _rebuild_tensor_v3"
        } else {
            "torch._utils _rebuild_tensor_v2"
        });
        self.out.push(op::MARK);
        self.out.push(op::MARK);
        self.known_text("storage");
        self.global(class);
        self.text(&key.to_string());
        self.known_text("cpu");
        // A storage without a type counts bytes.
        self.int(if dtype.is_some() { item.len() } else { item.len() / item.dtype.bytes() });
        self.out.push(op::TUPLE);
        self.put();
        self.out.push(op::BINPERSID);
        self.int(0);
        self.tuple(item.shape);
        self.tuple(&strides(item.shape));
        self.out.push(op::NEWFALSE);
        self.global("collections OrderedDict");
        self.out.extend([op::EMPTY_TUPLE, op::REDUCE]);
        self.put();
        if let Some(dtype) = dtype {
            self.global(dtype);
        }
        self.out.push(op::TUPLE);
        self.put();
        self.out.push(op::REDUCE);
        self.put();
    }

    /// Puts the object on the stack into the memo.
    fn put(&mut self) {
        let at = self.memo;
        self.memo += 1;
        self.memo_op(op::BINPUT, op::LONG_BINPUT, at);
    }

    fn memo_op(&mut self, short: u8, long: u8, at: u32) {
        match u8::try_from(at) {
            Ok(at) => self.out.extend([short, at]),
            Err(_) => {
                self.out.push(long);
                self.out.extend(at.to_le_bytes());
            }
        }
    }

    /// Takes an object from the memo, or makes it and puts it there.
    fn once(&mut self, object: &'static str, make: impl FnOnce(&mut Vec<u8>)) {
        if let Some(&at) = self.known.get(object) {
            return self.memo_op(op::BINGET, op::LONG_BINGET, at);
        }
        self.known.insert(object, self.memo);
        make(&mut self.out);
        self.put();
    }

    /// `module name`
    fn global(&mut self, path: &'static str) {
        self.once(path, |out| {
            out.push(op::GLOBAL);
            out.extend(path.bytes().map(|byte| if byte == b' ' { b'\n' } else { byte }));
            out.push(b'\n');
        });
    }

    fn known_text(&mut self, text: &'static str) {
        self.once(text, |out| write_text(out, text));
    }

    fn text(&mut self, text: &str) {
        write_text(&mut self.out, text);
        self.put();
    }

    fn int(&mut self, value: u64) {
        let bytes = value.to_le_bytes();
        match value {
            0..=0xff => self.out.extend([op::BININT1, bytes[0]]),
            0x100..=0xffff => self.out.extend([op::BININT2, bytes[0], bytes[1]]),
            0x1_0000..=0x7fff_ffff => {
                self.out.push(op::BININT);
                self.out.extend(&bytes[..4]);
            }
            _ => {
                // The shortest form whose highest bit, the sign, is 0.
                let count = (64 - value.leading_zeros() as usize) / 8 + 1;
                self.out.extend([op::LONG1, count as u8]);
                self.out.extend((0..count).map(|at| bytes.get(at).copied().unwrap_or(0)));
            }
        }
    }

    /// The empty tuple is one object of Python, which needs no memo.
    fn tuple(&mut self, values: &[u64]) {
        if values.is_empty() {
            return self.out.push(op::EMPTY_TUPLE);
        }
        if values.len() > 3 {
            self.out.push(op::MARK);
        }
        values.iter().for_each(|&value| self.int(value));
        self.out.push(match values.len() {
            1 => op::TUPLE1,
            2 => op::TUPLE2,
            3 => op::TUPLE3,
            _ => op::TUPLE,
        });
        self.put();
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(op::BINUNICODE);
    let len = u32::try_from(text.len()).expect("names come from headers, which are below 4 GiB");
    out.extend(len.to_le_bytes());
    out.extend(text.bytes());
}

/// Strides of a tensor whose elements lie row by row, in elements, as PyTorch counts them: an axis of size 0 as 1.
fn strides(shape: &[u64]) -> Vec<u64> {
    let mut out = vec![1_u64; shape.len()];
    for axis in (1..shape.len()).rev() {
        // Saturates only where another axis is 0: then nobody walks.
        out[axis - 1] = out[axis].saturating_mul(shape[axis].max(1));
    }
    out
}

/// The class of the storage, and the type for those that have none.
fn torch_type(dtype: Dtype) -> (&'static str, Option<&'static str>) {
    const UNTYPED: &str = "torch.storage UntypedStorage";
    match dtype {
        Dtype::Bool => ("torch BoolStorage", None),
        Dtype::U8 => ("torch ByteStorage", None),
        Dtype::I8 => ("torch CharStorage", None),
        Dtype::I16 => ("torch ShortStorage", None),
        Dtype::I32 => ("torch IntStorage", None),
        Dtype::I64 => ("torch LongStorage", None),
        Dtype::F16 => ("torch HalfStorage", None),
        Dtype::BF16 => ("torch BFloat16Storage", None),
        Dtype::F32 => ("torch FloatStorage", None),
        Dtype::F64 => ("torch DoubleStorage", None),
        Dtype::C64 => ("torch ComplexFloatStorage", None),
        Dtype::F8E4M3 => (UNTYPED, Some("torch float8_e4m3fn")),
        Dtype::F8E5M2 => (UNTYPED, Some("torch float8_e5m2")),
        Dtype::F8E8M0 => (UNTYPED, Some("torch float8_e8m0fnu")),
        Dtype::U16 => (UNTYPED, Some("torch uint16")),
        Dtype::U32 => (UNTYPED, Some("torch uint32")),
        Dtype::U64 => (UNTYPED, Some("torch uint64")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pickle.dumps(value, protocol=2)` of Python between `80 02` and `2e`.
    #[test]
    fn numbers_are_those_of_python() {
        let rows: &[(u64, &[u8])] = &[
            (0, b"K\x00"),
            (255, b"K\xff"),
            (256, b"M\x00\x01"),
            (65_535, b"M\xff\xff"),
            (65_536, b"J\x00\x00\x01\x00"),
            (0x7fff_ffff, b"J\xff\xff\xff\x7f"),
            (0x8000_0000, b"\x8a\x05\x00\x00\x00\x80\x00"),
            (0xffff_ffff, b"\x8a\x05\xff\xff\xff\xff\x00"),
            (1 << 39, b"\x8a\x06\x00\x00\x00\x00\x80\x00"),
            ((1 << 39) - 1, b"\x8a\x05\xff\xff\xff\xff\x7f"),
            (u64::MAX, b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00"),
        ];
        for (value, expected) in rows {
            let mut pickler = Pickler::default();
            pickler.int(*value);
            assert_eq!(pickler.out, *expected, "{value}");
        }
    }
}
