//! NumPy's files and GGUF models: what their own packages wrote is read as they read it, what lies is refused.
//! `tests/data/arrays/make.py` made the data.

pub mod gguf;
mod merges;
mod mutants;
pub mod npy;
mod npz;

use super::run::root;
use blend::exec::stats;
use blend::store;
use blend::tensor::Header;
use safetensors::SafeTensors;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use tempfile::TempDir;

fn data() -> PathBuf {
    root().join("tests/data/arrays")
}

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(data().join(name)).expect("a file of the test data")
}

/// Opens bytes as a checkpoint, under a name that says nothing.
fn open(bytes: &[u8]) -> (TempDir, Result<Header, blend::diag::Problem>) {
    let directory = TempDir::new().expect("a temporary folder");
    let path = directory.path().join("a.safetensors");
    std::fs::write(&path, bytes).expect("a file");
    let header = store::open(&path, None);
    (directory, header)
}

/// What is said of bytes that must be refused, without the folder's name; every problem is complete and quick to come to.
#[track_caller]
fn refused(bytes: &[u8], code: &str) -> String {
    let start = Instant::now();
    let (directory, header) = open(bytes);
    let problem = header.expect_err("these bytes are accepted");
    assert!(start.elapsed() < Duration::from_secs(20), "took {:?}", start.elapsed());
    let mut lines = vec![problem.message.clone()];
    lines.extend(problem.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(problem.help.iter().map(|help| format!("help: {help}")));
    let text = lines.join("\n").replace(&format!("{}/", directory.path().display()), "");
    assert_eq!(problem.code.0, code, "{text}");
    assert!(problem.help.is_some() && problem.message.starts_with('`'), "{text}");
    assert!(!problem.message.ends_with('.') && text.len() < 2_000, "{text}");
    assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
    text
}

/// These bytes are refused with this code, and the text says this.
#[track_caller]
fn check(bytes: &[u8], code: &str, part: &str) {
    let text = refused(bytes, code);
    assert!(text.contains(part), "{text}\nlacks: {part}");
}

/// Whatever stands in the bytes: they are refused, or all that they describe can be read.
#[track_caller]
fn harmless(bytes: &[u8]) {
    let (_directory, header) = open(bytes);
    if let Ok(header) = header {
        let count: u64 = header.entries.iter().map(|entry| blend::tensor::elems(&entry.shape)).sum();
        assert!(count <= 16 * bytes.len() as u64 + (1 << 20), "{count} elements in {} bytes", bytes.len());
        stats::of(&header).expect("what was accepted can be read");
    }
}

/// Every file that is shorter than this one, and every one with a byte changed.
#[track_caller]
fn sweep(bytes: &[u8]) {
    for len in 0..bytes.len() {
        harmless(&bytes[..len]);
    }
    for at in 0..bytes.len() {
        let mut bytes = bytes.to_vec();
        for flip in [0x01, 0x80, 0xff] {
            bytes[at] ^= flip;
            harmless(&bytes);
            bytes[at] ^= flip;
        }
    }
}

/// The tensors of a safetensors file: name, type, shape and bytes, sorted.
fn tensors(bytes: &[u8]) -> Vec<(String, String, Vec<usize>, Vec<u8>)> {
    let file = SafeTensors::deserialize(bytes).expect("a safetensors file");
    let mut out: Vec<_> = file
        .iter()
        .map(|(name, view)| (name.to_string(), view.dtype().to_string(), view.shape().to_vec(), view.data().to_vec()))
        .collect();
    out.sort();
    out
}

/// The two files hold the same tensors, bit for bit.
#[track_caller]
fn same(written: &Path, expected: &Path) {
    let read = |path: &Path| tensors(&std::fs::read(path).expect("a file"));
    let (written, expected) = (read(written), read(expected));
    let names = |of: &[(String, String, Vec<usize>, Vec<u8>)]| {
        of.iter().map(|(name, dtype, shape, _)| format!("{name} {dtype} {shape:?}")).collect::<Vec<_>>()
    };
    assert_eq!(names(&written), names(&expected));
    for (a, b) in written.iter().zip(&expected) {
        assert!(a.3 == b.3, "{}: other bytes", a.0);
    }
}
