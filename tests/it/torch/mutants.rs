//! Files of `torch.save` with something changed: never a panic, never without end, and what is accepted lies in the file.

use super::data;
use super::said;
use super::writer::Archive;
use super::writer::Tensor;
use super::writer::archive;
use super::writer::dict;
use super::writer::pickle;
use super::writer::stream;
use super::writer::tensor;
use super::writer::text;
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
            entry.shape.iter().zip(&view.steps).map(|(&size, step)| (size.max(1) as i64 - 1) * step.stride).sum();
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
        let step = if bytes.len() > 4000 { 37 } else { 7 };
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
        let step = if bytes.len() > 4000 { 31 } else { 7 };
        let mut refused = 0;
        for (count, at) in (0..bytes.len()).step_by(step).enumerate() {
            let mut changed = bytes.clone();
            changed[at] ^= [0x01, 0x80, 0xff, 0x20][count % 4];
            refused += usize::from(!check(&path, &changed, &format!("{file} with byte {at} changed")));
        }
        assert!(refused > 20, "{file}: only {refused} were refused");
    }
}

/// Twenty files of each of ten classes, half of them archives and half streams where both can be.
fn classes() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let right = dict(&[tensor("w", "0", 2, &[2], &[1])]);
    let good = || archive(&right, &[("0", 8)]);
    let both = |pickle: &[u8], index: usize| match index % 2 {
        0 => archive(pickle, &[("0", 8)]).bytes(),
        _ => stream(pickle, &[("0", 2, 8)]),
    };
    // A dictionary with one value made by these opcodes.
    let value = |opcodes: &[u8], index: usize| {
        let value = [&b"}"[..], &text("w"), opcodes, b"s"].concat();
        both(&pickle(&value), index)
    };
    let of = |make: &dyn Fn(usize) -> Vec<u8>| (0..20).map(make).collect::<Vec<_>>();
    let cut = |index: usize| {
        let bytes = both(&right, index);
        bytes[..bytes.len() * (index + 1) / 22].to_vec()
    };
    let flipped = |index: usize| {
        let mut archive = good().bytes();
        // In the pickle, behind the local header.
        archive[40 + index * right.len() / 20] ^= 1 << (index % 8);
        archive
    };
    let oversized = |index: usize| {
        let size = [1u64 << 62, 1 << 40, u64::MAX, (1 << 31) + 7, 1 << 26][index / 4];
        match index % 4 {
            0 => value(&[&b"\x8d"[..], &size.to_le_bytes(), b"abc"].concat(), index / 4),
            1 => both(&dict(&[tensor("w", "0", size as i64 & i64::MAX, &[2], &[1])]), index / 4),
            2 => value(&[&b"\x8b"[..], &(size as u32).to_le_bytes(), b"abc"].concat(), index / 4),
            _ => {
                let mut archive = good();
                archive.parts[2].len = Some((size >> 8) as u32 | 1 << 20);
                archive.parts[2].stored_len = archive.parts[2].len;
                archive.bytes()
            }
        }
    };
    let overlapping = |index: usize| match index % 4 {
        0 => both(&dict(&[Tensor { offset: 1 + index as i64, ..tensor("w", "0", 2, &[2], &[1]) }]), index / 4),
        1 => both(&dict(&[tensor("w", "0", 2, &[2], &[2 + index as i64])]), index / 4),
        2 => both(&dict(&[tensor("w", "0", 3 + index as i64, &[2], &[1])]), index / 4),
        _ => {
            let mut archive = good();
            archive.parts[3].offset = Some(index as u32);
            archive.bytes()
        }
    };
    let deep = |index: usize| {
        let depth = 300 << (index / 4);
        let opcodes = match index % 4 {
            0 => [&b")"[..], &b"\x85".repeat(depth)].concat(),
            1 => [&b"]".repeat(depth)[..], &b"a".repeat(depth - 1)].concat(),
            2 => b"(".repeat(depth * 8),
            _ => [b"}".to_vec(), [&text("k")[..], b"}"].concat().repeat(depth), b"s".repeat(depth)].concat(),
        };
        value(&opcodes, index / 4)
    };
    let bombs = |index: usize| {
        let depth = 30 + index * 2;
        match index % 4 {
            // Every list holds the one before twice, by DUP or by the memo.
            0 => value(&[&b"]"[..], &b"2\x86".repeat(depth)].concat(), index / 4),
            1 => {
                let twice: Vec<u8> = (0..depth as u8).flat_map(|at| [b'q', at, b'h', at, 0x86]).collect();
                value(&[&b")"[..], &twice].concat(), index / 4)
            }
            2 => value(&[&b")r"[..], &(u32::MAX - index as u32).to_le_bytes()].concat(), index / 4),
            _ => value(&[b'h', index as u8], index / 4),
        }
    };
    let tricks = |index: usize| {
        let mut archive = good();
        let part = &mut archive.parts[index % 4];
        match index / 4 {
            0 => part.flags |= 1,
            1 => part.local.name = Some(b"a/else".to_vec()),
            2 => part.method = 8,
            3 => part.descriptor = Some(vec![0; 16]),
            _ => part.mode = 0o120777,
        }
        archive.bytes()
    };
    let dtypes = |index: usize| {
        let classes = ["QInt8Storage", "QUInt8Storage", "ComplexDoubleStorage", "QInt32Storage", "Storage"];
        let others = ["Float128Storage", "float32", "DoubleStorage", "LongStorage", "floatstorage"];
        let class = if index % 4 < 2 { classes[index / 4] } else { others[index / 4] };
        both(&dict(&[Tensor { class, ..tensor("w", "0", 2, &[2], &[1]) }]), index)
    };
    let evil = |index: usize| {
        let names = [
            "os\nsystem",
            "posix\nsystem",
            "nt\nsystem",
            "builtins\neval",
            "builtins\nexec",
            "builtins\ndelattr",
            "subprocess\nPopen",
            "runpy\nrun_path",
            "importlib\nimport_module",
            "pickle\nloads",
            "torch.hub\nload",
            "torch\nload",
            "shutil\nrmtree",
            "socket\nsocket",
            "pty\nspawn",
            "pathlib\nos.system",
            "pkgutil\nresolve_name",
            "webbrowser\nopen",
            "operator\nattrgetter",
            "ctypes\nCDLL",
        ];
        value(&[format!("c{}\n", names[index]).as_bytes(), &text("id"), b"\x85R"].concat(), index)
    };
    let headers = |index: usize| {
        let by = index as u32 / 4 + 1;
        let archive = good();
        match index % 4 {
            0 => Archive { count: Some(4 + by as u16), ..archive }.bytes(),
            1 => Archive { size: Some(by * 40), ..archive }.bytes(),
            2 => Archive { start: Some(by * 40), ..archive }.bytes(),
            _ => {
                let mut bytes = stream(&right, &[("0", 2, 8)]);
                // The magic number, the version, the facts.
                bytes[10 + by as usize * 3] ^= 0x55;
                bytes
            }
        }
    };
    vec![
        ("truncation", of(&cut)),
        ("flipped bytes", of(&flipped)),
        ("oversized lengths", of(&oversized)),
        ("overlapping windows", of(&overlapping)),
        ("deep nesting", of(&deep)),
        ("memo bombs", of(&bombs)),
        ("zip tricks", of(&tricks)),
        ("wrong types", of(&dtypes)),
        ("evil names", of(&evil)),
        ("lying headers", of(&headers)),
    ]
}

#[test]
fn twenty_of_each_class_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.pt");
    let mut late = 0;
    for (class, files) in classes() {
        assert_eq!(files.len(), 20);
        for (index, bytes) in files.iter().enumerate() {
            let what = format!("{class} {index}");
            assert!(!check(&path, bytes, &what), "{what} was accepted");
            let problem = store::open(&path, None).expect_err("it was refused");
            // The directory of the archive, or the frame of the stream, was right.
            late += usize::from(!["E0503", "E0504", "E0505", "E0522"].contains(&problem.code.0));
        }
    }
    assert!(late >= 50, "only {late} of 200 go wrong after the header");
}
