//! Files of `torch.save` with something changed: never a panic, never without end, and what is accepted lies in the file.

use super::data;
use super::said;
use blend::store;
use blend::tensor::Header;
use std::time::Duration;
use std::time::Instant;

/// Opens bytes; what is accepted can be read.
#[track_caller]
fn check(path: &std::path::Path, bytes: &[u8], what: &str) -> bool {
    std::fs::write(path, bytes).expect("a file");
    let start = Instant::now();
    let result = store::open(path, None);
    assert!(start.elapsed() < Duration::from_secs(10), "{what} took {:?}", start.elapsed());
    match result {
        Ok(header) => {
            assert!(lies_within(&header), "{what}: a tensor past the end");
            true
        }
        Err(problem) => {
            assert!(problem.help.is_some(), "{what}: {}", said(&problem));
            false
        }
    }
}

fn lies_within(header: &Header) -> bool {
    header.entries.iter().all(|entry| {
        let end = entry.offset.checked_add(entry.len);
        let view = entry.view();
        let last: i64 =
            entry.shape.iter().zip(&view.strides).map(|(&size, &stride)| (size.max(1) as i64 - 1) * stride).sum();
        let own = entry.shape.contains(&0) || (last as u64 + 1) * entry.dtype.bytes() <= entry.len;
        own && end.is_some_and(|end| end <= header.files[entry.file].size)
    })
}

const FILES: [&str; 5] = ["protocol2.pt", "protocol4.pt", "protocol2-stream.pt", "arrays2.pt", "rosinality.pt"];

#[test]
fn truncations_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.pt");
    for file in FILES {
        let bytes = std::fs::read(data().join(file)).expect("a file of the folder");
        let step = if bytes.len() > 4000 { 13 } else { 3 };
        for len in (0..bytes.len()).step_by(step) {
            assert!(!check(&path, &bytes[..len], &format!("{file} cut at {len}")), "{file} cut at {len} was accepted");
        }
    }
}

#[test]
fn flipped_bytes_do_no_harm() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.pt");
    for file in FILES {
        let bytes = std::fs::read(data().join(file)).expect("a file of the folder");
        let step = if bytes.len() > 4000 { 11 } else { 2 };
        let mut refused = 0;
        for (count, at) in (0..bytes.len()).step_by(step).enumerate() {
            let mut changed = bytes.clone();
            changed[at] ^= [0x01, 0x80, 0xff, 0x20][count % 4];
            refused += usize::from(!check(&path, &changed, &format!("{file} with byte {at} changed")));
        }
        assert!(refused > 40, "{file}: only {refused} were refused");
    }
}
