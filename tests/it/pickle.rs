//! The pickle machine: real pickles against listings made by Python, hostile ones against the code that refuses them.

pub mod asm;
mod fuzz;
mod hostile;
mod pages;

use blend::pickle;
use blend::pickle::Array;
use blend::pickle::Blob;
use blend::pickle::Id;
use blend::pickle::Limits;
use blend::pickle::Next;
use blend::pickle::Pickle;
use blend::pickle::Source;
use blend::pickle::StorageBytes;
use blend::pickle::Tensor;
use blend::pickle::Value;
use blend::tensor::Entry;
use serde_json::Value as Json;
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;

pub fn data(name: &str) -> PathBuf {
    super::run::root().join("tests/data/pickle").join(name)
}

/// The elements of a strided window, in row-major order; `offset` is that of the first, all are counted in elements of
/// `size` bytes.
fn gather(bytes: &[u8], size: u64, offset: u64, shape: &[u64], strides: &[i64]) -> Vec<u8> {
    let count = blend::tensor::elems(shape);
    let mut out = vec![];
    for mut index in 0..count {
        let mut at = offset;
        for (size, stride) in shape.iter().zip(strides).rev() {
            at += index % size * *stride as u64;
            index /= size;
        }
        out.extend_from_slice(&bytes[(at * size) as usize..((at + 1) * size) as usize]);
    }
    out
}

/// The elements of an entry of a header, in row-major order; `bytes` are those from its first to its last.
pub fn elements(entry: &Entry, bytes: &[u8]) -> Vec<u8> {
    let view = entry.view();
    let strides: Vec<i64> = view.steps.iter().map(|step| step.stride).collect();
    gather(bytes, entry.dtype.bytes(), view.base, &entry.shape, &strides)
}

fn tensor_bytes(tensor: &Tensor, source: &[u8], keys: &HashMap<String, Vec<u8>>) -> Vec<u8> {
    let bytes = match &tensor.storage.bytes {
        StorageBytes::Blob(blob) => blob.read(&source, 1 << 20).unwrap(),
        StorageBytes::Key(key) => keys[&**key].clone(),
    };
    let size = tensor.storage.dtype.bytes();
    assert!(bytes.len() as u64 >= tensor.storage.elements * size);
    gather(&bytes, size, tensor.offset, &tensor.shape, &tensor.strides)
}

fn array_bytes(array: &Array, source: &[u8]) -> Vec<u8> {
    let bytes = array.data.read(&source, 1 << 20).unwrap();
    gather(&bytes, array.dtype.bytes(), 0, &array.shape, &array.strides)
}

/// What a value is, as the listings say it; `None`: it holds others.
fn described(pickle: &Pickle, id: Id, source: &[u8], keys: &HashMap<String, Vec<u8>>) -> Option<Json> {
    let values = &pickle.values;
    let numbers = |kind: &str, dtype: blend::tensor::Dtype, shape: &[u64], bytes: &[u8]| json!({"kind": kind, "dtype": dtype.name(), "shape": shape, "crc": crc32fast::hash(bytes)});
    Some(match values.get(id) {
        Value::None => json!({"kind": "None"}),
        Value::Bool(true) => json!({"kind": "True"}),
        Value::Bool(false) => json!({"kind": "False"}),
        Value::Int(int) => json!({"kind": "int", "value": int.to_string()}),
        Value::Long(bytes) => {
            let mut wide = [0; 16];
            wide[..bytes.len()].copy_from_slice(bytes);
            json!({"kind": "int", "value": i128::from_le_bytes(wide).to_string()})
        }
        Value::Float(float) => {
            let hex: String = float.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"kind": "float", "value": hex})
        }
        Value::Str(text) => json!({"kind": "text", "crc": crc32fast::hash(text.as_bytes())}),
        Value::LongStr(blob) => json!({"kind": "text", "crc": crc32fast::hash(&blob.read(&source, 1 << 20).unwrap())}),
        // A byte string of Python 2 that is long is bytes.
        Value::Bytes(blob) => json!({"kind": "text", "crc": crc32fast::hash(&blob.read(&source, 1 << 20).unwrap())}),
        Value::Tensor(tensor) => {
            numbers("tensor", tensor.storage.dtype, &tensor.shape, &tensor_bytes(tensor, source, keys))
        }
        Value::Array(array) => numbers("array", array.dtype, &array.shape, &array_bytes(array, source)),
        Value::Global(_) | Value::Opaque(_) | Value::Strange(_) => json!({"kind": "opaque"}),
        Value::Tuple(_)
        | Value::List(_)
        | Value::Set(_)
        | Value::Dict(_)
        | Value::Module { .. }
        | Value::Object { .. } => {
            return None;
        }
        Value::Storage(_) => json!({"kind": "storage"}),
    })
}

fn listing(pickle: &Pickle, source: &[u8], keys: &HashMap<String, Vec<u8>>) -> Vec<Json> {
    let mut out = vec![];
    pickle.values.walk(pickle.root, &mut |path, id| {
        if let Value::Set(members) = pickle.values.get(id) {
            let path = pickle.values.path_text(path);
            out.extend(members.iter().map(|_| json!({"path": path, "kind": "member"})));
            return Next::Over;
        }
        let Some(mut row) = described(pickle, id, source, keys) else { return Next::Into };
        row["path"] = pickle.values.path_text(path).into();
        out.push(row);
        Next::Over
    });
    out
}

/// A pickle holds what Python's listing beside it says, and costs little.
#[track_caller]
fn check(name: &str) {
    let bytes = std::fs::read(data(&format!("{name}.pkl"))).unwrap();
    let text = std::fs::read_to_string(data(&format!("{name}.json"))).unwrap();
    let expected: Json = serde_json::from_str(&text).unwrap();
    let mut keys = HashMap::new();
    let source = &bytes[..];
    let pickle = if name == "torch-legacy" {
        let legacy = pickle::legacy(&source, 0, &Limits::default()).unwrap();
        let (parts, end) = legacy.blobs(&source).unwrap();
        assert_eq!(end, bytes.len() as u64);
        for (key, blob) in parts {
            keys.insert(key.to_string(), blob.read(&source, 1 << 20).unwrap());
        }
        legacy.pickle
    } else {
        let pickle = pickle::run(&source, 0, &Limits::default()).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert_eq!(pickle.end, bytes.len() as u64, "{name}");
        pickle
    };
    if let Some(places) = expected["places"].as_object() {
        let storages = std::fs::read(data(&format!("{name}.storages"))).unwrap();
        for (key, place) in places {
            let (at, len) = (place[0].as_u64().unwrap() as usize, place[1].as_u64().unwrap() as usize);
            keys.insert(key.clone(), storages[at..at + len].to_vec());
        }
        for (key, dtype, elements) in pickle.values.storages() {
            assert_eq!(keys[&**key].len() as u64, elements * dtype.bytes(), "storage {key}");
        }
        assert_eq!(pickle.values.storages().count(), places.len());
    }
    let found = listing(&pickle, source, &keys);
    let expected = expected["leaves"].as_array().unwrap();
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(found.len(), expected.len(), "{name}");
}

#[test]
fn torch_archives_and_streams() {
    check("torch-zip");
    check("torch-legacy");
}

#[test]
fn tensors_in_plain_pickles() {
    for protocol in 2..=5 {
        check(&format!("torch-plain-{protocol}"));
    }
}

#[test]
fn networks_of_nvidia_for_pytorch() {
    for protocol in 2..=5 {
        check(&format!("nvidia-{protocol}"));
    }
}

#[test]
fn networks_of_nvidia_for_tensorflow() {
    for protocol in 2..=5 {
        check(&format!("tf-{protocol}"));
    }
    for protocol in 2..=4 {
        check(&format!("tf-numpy1-{protocol}"));
    }
    check("tf-python2");
    check("tf-optimized");
}

/// Bytes that count what is read of them.
struct Counted<'a>(&'a [u8], std::cell::Cell<u64>);

impl Source for Counted<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, dst: &mut [u8]) -> std::io::Result<()> {
        self.1.set(self.1.get() + dst.len() as u64);
        Source::read_at(self.0, offset, dst)
    }
}

/// A file of many large tensors costs what its structure costs, whatever the tensors weigh.
#[test]
fn payloads_are_stepped_over() {
    use asm::Asm;
    let mut asm = Asm::new(4).op(b'}').op(b'(');
    for index in 0..100 {
        asm = asm.text(&format!("layer{index}")).bytes(&vec![index; 1 << 20]);
    }
    let bytes = asm.op(b'u').stop();
    let source = Counted(&bytes, Default::default());
    let pickle = pickle::run(&source, 0, &Limits::default()).unwrap();
    let last = pickle.values.dict_get(pickle.root, "layer99").unwrap();
    let Some(Blob::File { offset, len }) = pickle.values.blob(last) else { panic!("it lies in the file") };
    assert_eq!((len, bytes[offset as usize], bytes[(offset + len) as usize - 1]), (1 << 20, 99, 99));
    assert!(source.1.get() < 100 * (8 << 10), "{} bytes were read", source.1.get());
}

/// A thousand tensors, and a million opcodes, within moments.
#[test]
fn many_tensors_are_quick() {
    use asm::Asm;
    let mut asm = Asm::new(2).op(b'}').op(b'(');
    for index in 0..2000 {
        asm = asm.text(&format!("layers.{index}.weight")).tensor(&index.to_string(), 4096, 0, &[64, 64], &[64, 1]);
    }
    let bytes = asm.op(b'u').stop();
    let start = std::time::Instant::now();
    let pickle = pickle::run(&&bytes[..], 0, &Limits::default()).unwrap();
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(pickle.values.entries(pickle.root).unwrap().len(), 2000);
    assert_eq!(pickle.values.storages().count(), 2000);
}

/// Results in small: what the accessors say of keys that are set twice, of numbers and of byte strings.
#[test]
fn dicts_and_numbers_are_as_in_python() {
    use asm::Asm;
    let run = |asm: Asm| {
        let bytes = asm.stop();
        let pickle = pickle::run(&&bytes[..], 0, &Limits::default()).unwrap();
        (pickle, bytes)
    };
    // {"a": 1, 2: 3, "a": 4, 2.0: 5, True: 6, 1: 7} is {"a": 4, 2: 5, True: 7}.
    let asm = Asm::new(2).op(b'}').op(b'(').text("a").int(1).int(2).int(3).text("a").int(4);
    let asm = asm.raw(b"G@\0\0\0\0\0\0\0").int(5).op(0x88).int(6).int(1).int(7).op(b'u');
    let (pickle, _) = run(asm);
    let values = &pickle.values;
    let entries: Vec<Option<i64>> =
        values.entries(pickle.root).unwrap().iter().map(|(_, value)| values.int(*value)).collect();
    assert_eq!(entries, [Some(4), Some(5), Some(7)]);
    // Integers of every length.
    for (bytes, expected) in [
        (&b""[..], 0),
        (b"\xff", -1),
        (b"\xff\0", 255),
        (b"\0\0\0\0\0\0\0\x80", i64::MIN),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f\0", i64::MAX),
        (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff", -2),
    ] {
        let (pickle, _) = run(Asm::new(2).raw(&[0x8a, bytes.len() as u8]).raw(bytes));
        assert_eq!(pickle.values.int(pickle.root), Some(expected), "{bytes:?}");
    }
    let (pickle, _) = run(Asm::new(2).raw(b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\0"));
    assert_eq!(*pickle.values.get(pickle.root), Value::Long(b"\xff\xff\xff\xff\xff\xff\xff\xff\0"[..].into()));
    let (pickle, bytes) = run(Asm::new(2).raw(b"U\x02\xe9a"));
    assert_eq!(pickle.values.str(pickle.root), Some("éa"));
    assert_eq!(pickle.values.blob(pickle.root).unwrap().read(&&bytes[..], 2).unwrap(), b"\xe9a");
}
