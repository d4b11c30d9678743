//! One network in a file of each kind, written by the real packages (`tests/data/kinds/make.py`): what is made of it is
//! what is made of the safetensors file that it came from.

use super::run::build;
use super::run::root;
use safetensors::SafeTensors;
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Elements and shape of a tensor of the shipped model.
fn tensor(model: &SafeTensors, name: &str) -> (Vec<[u8; 4]>, Vec<usize>) {
    let view = model.tensor(name).expect("a tensor of the model");
    let elements = view.data().chunks_exact(4).map(|bytes| [bytes[0], bytes[1], bytes[2], bytes[3]]);
    (elements.collect(), view.shape().to_vec())
}

fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().expect("a list").iter().map(|item| item.as_u64().expect("a number") as usize).collect()
}

/// The bytes that a reference means: axes permuted, some reversed, then one operation in f32.
fn referred(model: &SafeTensors, reference: &Value) -> Vec<u8> {
    let (elements, shape) = tensor(model, reference[0].as_str().expect("a name"));
    let (axes, flipped) = (numbers(&reference[1]), numbers(&reference[2]));
    let sizes: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    let mut out = Vec::with_capacity(elements.len() * 4);
    for index in 0..elements.len() {
        let mut rest = index;
        let mut place = vec![0; shape.len()];
        for (at, &size) in sizes.iter().enumerate().rev() {
            let digit = rest % size;
            rest /= size;
            place[axes[at]] = if flipped.contains(&at) { size - 1 - digit } else { digit };
        }
        let from = place.iter().zip(&shape).fold(0, |sum, (digit, size)| sum * size + digit);
        let number = f32::from_le_bytes(elements[from]);
        out.extend(match reference[3].as_str().expect("an operation") {
            "-1" => (number - 1.0).to_le_bytes(),
            "*4" => (number * 4.0).to_le_bytes(),
            _ => elements[from],
        });
    }
    out
}

/// Writes the file that a skeleton describes, byte for byte as its package wrote it.
#[track_caller]
fn rebuild(name: &str, model: &SafeTensors, folder: &Path) {
    let packed = std::fs::read(root().join(format!("tests/data/kinds/{name}.skeleton"))).expect("a skeleton");
    let mut bytes = vec![];
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("zlib");
    let end = bytes.iter().position(|&byte| byte == b'\n').expect("a line");
    let head: Value = serde_json::from_slice(&bytes[..end]).expect("JSON");
    let mut literal = &bytes[end + 1..];
    let mut out = vec![];
    for part in head["parts"].as_array().expect("parts") {
        match part.as_u64() {
            Some(len) => {
                let (own, rest) = literal.split_at(len as usize);
                out.extend_from_slice(own);
                literal = rest;
            }
            None => out.extend(referred(model, part)),
        }
    }
    assert_eq!(Some(out.len() as u64), head["size"].as_u64(), "{name}");
    assert_eq!(Some(u64::from(crc32fast::hash(&out))), head["crc32"].as_u64(), "{name}");
    std::fs::write(folder.join(name), out).expect("a file");
}

const NVIDIA: &str = "{ layout = \"nvidia-pytorch\" }";

/// A ramp between `first` and the ink model, in the canonical layout.
#[track_caller]
fn merged(folder: &Path, first: &str, options: &str, out: &str) -> Vec<u8> {
    let ink = root().join("recipes/models/avatars-ink.safetensors");
    let text = format!(
        "blend 1\n\nmodel a = \"{first}\"{options}\nmodel b = \"{}\"\n\noutput \"{out}\" = mix(a, b, match {{\n  \
         \"synthesis.b4.**\" or \"synthesis.b8.**\" => 0\n  \"synthesis.b16.**\" => 0.3\n  else => 0.75\n}}) {NVIDIA}\n",
        ink.display()
    );
    build(&text, folder, 2);
    std::fs::read(folder.join(out)).expect("what was built")
}

/// These skeletons, the last of which is the model: the merge is that of the safetensors file, but for TensorFlow's
/// affine biases, whose stored `b - 1` may have rounded.
#[track_caller]
fn check(names: &[&str], options: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let shipped = root().join("recipes/models/avatars-toon.safetensors");
    let bytes = std::fs::read(&shipped).expect("a shipped model");
    let model = SafeTensors::deserialize(&bytes).expect("it is one");
    names.iter().for_each(|name| rebuild(name, &model, dir.path()));
    let name = names.last().expect("a name");
    let expected = merged(dir.path(), &shipped.display().to_string(), "", "expected.safetensors");
    let built = merged(dir.path(), name, options, "built.safetensors");
    let expected = SafeTensors::deserialize(&expected).expect("what blend writes");
    let built = SafeTensors::deserialize(&built).expect("what blend writes");
    let listing = |file: &SafeTensors| {
        let mut rows: Vec<String> = file.iter().map(|(n, t)| format!("{n} {} {:?}", t.dtype(), t.shape())).collect();
        rows.sort();
        rows
    };
    assert_eq!(listing(&expected), listing(&built), "{name}");
    assert_eq!(built.len(), 98, "{name}");
    for (tensor, wanted) in expected.iter() {
        let found = built.tensor(tensor).expect("it is listed").data();
        let rounds = name.starts_with("tf-") && tensor.ends_with(".affine.bias");
        if !rounds {
            assert!(found == wanted.data(), "{name}: other bytes of {tensor}");
            continue;
        }
        for (found, wanted) in found.chunks_exact(4).zip(wanted.data().chunks_exact(4)) {
            let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
            let (found, wanted) = (number(found), number(wanted));
            // b - 1 rounds by half a unit of at most |b| + 1, adding 1 again and the mix by as much.
            let bound = 2.0 * f32::EPSILON * (wanted.abs() + 1.0);
            assert!((found - wanted).abs() <= bound, "{name}: {tensor}: {found} is not {wanted}");
        }
    }
}

#[test]
fn pytorch_files() {
    check(&["plain.pt"], "");
    check(&["nested.pt"], "");
    check(&["legacy.pt"], "");
}

#[test]
fn rosinality_files() {
    check(&["rosinality.pt"], "");
    check(&["rosinality.pt"], " { key = \"g_ema\" }");
}

#[test]
fn sharded_pytorch_files() {
    let shards = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
    check(&[shards[0], shards[1], "pytorch_model.bin.index.json"], "");
}

#[test]
fn nvidia_pickles() {
    check(&["nvidia-3.pkl"], "");
    check(&["nvidia-4.pkl"], "");
}

#[test]
fn tensorflow_pickles() {
    check(&["tf-3.pkl"], "");
    check(&["tf-4.pkl"], "");
}

#[test]
fn numpy_archives() {
    check(&["stored.npz"], "");
}

#[test]
fn gguf_models() {
    check(&["f32.gguf"], "");
}
