//! Archives and streams that lie: families 15 to 24, 29, 30 and 35 to 38 of hostile inputs, each made here, each refused.

use super::said;
use super::writer::Archive;
use super::writer::Local;
use super::writer::Part;
use super::writer::Tensor;
use super::writer::archive;
use super::writer::dict;
use super::writer::int;
use super::writer::part;
use super::writer::pickle;
use super::writer::rebuild;
use super::writer::storage;
use super::writer::stream;
use super::writer::tensor;
use super::writer::text;
use blend::diag::Problem;
use blend::store;
use blend::tensor::Header;
use std::time::Duration;
use std::time::Instant;

fn open(bytes: &[u8]) -> Result<Header, Problem> {
    let dir = tempfile::tempdir().expect("a folder");
    store::open(&super::write(&dir, bytes), None)
}

/// Bytes are refused with this code and these words, soon (the bound is for a slow machine without optimisation).
#[track_caller]
fn check(bytes: &[u8], code: &str, part: &str) {
    let start = Instant::now();
    let problem = match open(bytes) {
        Ok(header) => panic!("accepted, with {} tensors", header.entries.len()),
        Err(problem) => problem,
    };
    assert!(start.elapsed() < Duration::from_secs(20), "took {:?}", start.elapsed());
    let said = said(&problem);
    assert_eq!(problem.code.0, code, "{said}");
    assert!(said.contains(part), "{said}\nlacks: {part}");
    assert!(problem.help.is_some() && problem.labels.is_empty() && problem.message.len() < 600, "{said}");
    assert!(!said.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{said:?}");
}

/// A right archive with one tensor of two floats.
fn good() -> Archive {
    archive(&dict(&[tensor("w", "0", 2, &[2], &[1])]), &[("0", 8)])
}

/// The right archive with one member changed.
fn with(member: usize, change: impl FnOnce(&mut Part)) -> Vec<u8> {
    let mut archive = good();
    change(&mut archive.parts[member]);
    archive.bytes()
}

const PICKLE: usize = 0;
const ORDER: usize = 1;
const STORAGE: usize = 2;
const VERSION: usize = 3;

#[track_caller]
fn accepted(bytes: &[u8]) {
    let header = open(bytes).unwrap_or_else(|problem| panic!("{}", said(&problem)));
    assert_eq!(header.entries.len(), 1);
    assert_eq!((header.entries[0].name.as_str(), header.entries[0].len), ("w", 8));
    let entry = &header.entries[0];
    let at = entry.offset as usize;
    assert_eq!(bytes[at..at + 8], [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn lawful_archives_are_read() {
    accepted(&good().bytes());
    accepted(&Archive { zip64: Some([0; 4]), ..good() }.bytes());
    accepted(&Archive { zip64: Some([0; 4]), count: Some(u16::MAX), start: Some(u32::MAX), ..good() }.bytes());
    // Other writers: no descriptors; sizes in Zip64 fields of local headers; no byte order; folders.
    let mut plain = good();
    plain.parts.iter_mut().for_each(|part| part.flags = 0);
    accepted(&plain.bytes());
    plain.parts.remove(ORDER);
    accepted(&plain.bytes());
    plain.parts.insert(0, Part { mode: 0o040755, ..part("a/", b"") });
    accepted(&plain.bytes());
    let wide = [&1u16.to_le_bytes()[..], &16u16.to_le_bytes(), &8u64.to_le_bytes(), &8u64.to_le_bytes()].concat();
    let full = Some(u32::MAX);
    accepted(&with(STORAGE, |part| {
        part.flags = 0;
        part.local = Local { extra: Some(wide), len: full, stored_len: full, ..Local::default() };
    }));
    // Descriptors without signature, and of Zip64.
    let crc = crc32fast::hash(&[0, 1, 2, 3, 4, 5, 6, 7]);
    let short = [crc.to_le_bytes(), 8u32.to_le_bytes(), 8u32.to_le_bytes()].concat();
    accepted(&with(STORAGE, |part| part.descriptor = Some(short)));
    let long = [&b"PK\x07\x08"[..], &crc.to_le_bytes(), &8u64.to_le_bytes(), &8u64.to_le_bytes()].concat();
    accepted(&with(STORAGE, |part| part.descriptor = Some(long)));
    // A storage is not read when the file is opened.
    let mut spoiled = good().bytes();
    let at = spoiled.windows(8).position(|window| window == [0, 1, 2, 3, 4, 5, 6, 7]).expect("the storage");
    spoiled[at] = 9;
    let header = open(&spoiled).unwrap_or_else(|problem| panic!("{}", said(&problem)));
    assert_eq!(header.entries.len(), 1);
}

#[test]
fn family_15_other_kinds() {
    check(b"7z\xbc\xaf\x27\x1c\0\x04more", "E0503", "is a 7z archive");
    check(b"\x1f\x8b\x08\0\0\0\0\0\0\x03more", "E0503", "is gzip-compressed data");
    let mut tar = b"model.txt".to_vec();
    tar.resize(257, 0);
    tar.extend(b"ustar\x0000");
    tar.resize(1024, 0);
    check(&tar, "E0503", "is a tar archive");
    let other = Archive { parts: vec![part("readme.txt", b"hello")], ..Archive::default() };
    check(&other.bytes(), "E0503", "a zip archive without weights");
    let program = Archive { parts: vec![part("a/archive_format", b"pt2"), part("a/x", b"")], ..Archive::default() };
    check(&program.bytes(), "E0503", "a program of `torch.export`");
}

#[test]
fn family_16_local_headers_that_differ() {
    let local = |local: Local| with(PICKLE, |part| part.local = local);
    check(&local(Local { name: Some(b"a/other.pkl".to_vec()), ..Local::default() }), "E0522", "another name");
    check(&local(Local { name: Some(b"a/data.pkk".to_vec()), ..Local::default() }), "E0522", "another name");
    check(&local(Local { method: Some(8), ..Local::default() }), "E0522", "another method");
    check(&local(Local { flags: Some(0), ..Local::default() }), "E0522", "other flags");
    check(&local(Local { len: Some(7), ..Local::default() }), "E0522", "another size or checksum");
    check(&local(Local { stored_len: Some(7), ..Local::default() }), "E0522", "another size or checksum");
    check(&local(Local { crc: Some(7), ..Local::default() }), "E0522", "another size or checksum");
    // Without a descriptor zeros are lies too.
    let zero = |local: Local| {
        with(PICKLE, |part| {
            part.flags = 0;
            part.local = local;
        })
    };
    check(&zero(Local { len: Some(0), ..Local::default() }), "E0522", "another size or checksum");
    check(&zero(Local { crc: Some(0), ..Local::default() }), "E0522", "another size or checksum");
    let descriptor = |bytes: &[u8]| with(STORAGE, |part| part.descriptor = Some(bytes.to_vec()));
    check(&descriptor(b""), "E0522", "no descriptor after its bytes");
    check(&descriptor(b"PK\x07\x08"), "E0522", "no descriptor after its bytes");
    check(&descriptor(&[0; 12]), "E0522", "another size or checksum behind its bytes");
    check(&descriptor(b"PK\x07\x08\0\0\0\0\x08\0\0\0\x08\0\0\0"), "E0522", "behind its bytes");
    check(&descriptor(&[0; 4096]), "E0522", "no descriptor");
}

#[test]
fn family_17_flags() {
    for flag in [0, 1, 2, 4, 5, 6, 7, 12, 13, 15] {
        let bytes = with(PICKLE, |part| part.flags |= 1 << flag);
        check(&bytes, "E0522", "encrypted, patched, or for another use");
    }
}

#[test]
fn family_18_checksums() {
    for member in [PICKLE, ORDER, VERSION] {
        check(&with(member, |part| part.crc = Some(7)), "E0522", "the checksum");
    }
    // All zero: the writer was told to compute none; one zero is a lie.
    check(&with(PICKLE, |part| part.crc = Some(0)), "E0522", "the checksum");
    let mut none = good();
    none.parts.iter_mut().for_each(|part| part.crc = Some(0));
    accepted(&none.bytes());
}

#[test]
fn family_19_names_twice() {
    let twice = |name: &str| {
        let mut archive = good();
        archive.parts.push(part(name, b"x"));
        archive.bytes()
    };
    for name in ["a/data.pkl", "a/DATA.pkl", "A/data.pkl", "a/data/0", "a/data.pkl/"] {
        check(&twice(name), "E0522", "");
    }
    check(&twice("a/DATA.pkl"), "E0522", "a name that stands twice");
    check(&twice("a//data.pkl"), "E0522", "a path that is not plain");
    check(&twice("a/x/data.pkl"), "E0522", "has several pickles");
}

#[test]
fn family_20_overlaps() {
    // The same bytes under two names; a member within another.
    let mut archive = good();
    let ghost = Part { offset: Some(0), is_ghost: true, ..part("a/data/1", &[]) };
    archive.parts.push(ghost);
    check(&archive.bytes(), "E0522", "expected no more than up to 0, where something else begins");
    let mut inner = Archive { parts: vec![part("a/data/1", b"inside")], ..Archive::default() };
    inner.parts[0].flags = 0x0800;
    let mut bytes = inner.bytes();
    bytes.truncate(bytes.len() - 22 - 46 - 8);
    let mut archive = good();
    archive.parts[PICKLE].data = bytes;
    archive.parts.push(Part { offset: Some(30 + 10), is_ghost: true, ..part("a/data/1", b"inside") });
    check(&archive.bytes(), "E0522", "44 bytes from byte 40 on, expected no more than up to 40");
}

#[test]
fn family_21_packed() {
    for member in [PICKLE, STORAGE, VERSION] {
        check(&with(member, |part| part.method = 8), "E0522", "packed (method 8)");
    }
    // A thousand to one never starts.
    let bomb = with(STORAGE, |part| {
        part.method = 8;
        part.flags = 0;
        part.len = Some(1 << 30);
        part.local.len = Some(1 << 30);
    });
    check(&bomb, "E0522", "packed (method 8)");
    check(&with(STORAGE, |part| part.len = Some(16)), "E0522", "8 bytes stored for 16");
}

#[test]
fn family_22_end_records() {
    let end = good().bytes()[good().bytes().len() - 22..].to_vec();
    let change = |change: &dyn Fn(&mut Archive)| {
        let mut archive = good();
        change(&mut archive);
        archive.bytes()
    };
    check(&change(&|archive| archive.after = end.clone()), "E0522", "");
    check(&change(&|archive| archive.after = vec![0]), "E0522", "1 bytes after the end record");
    check(&change(&|archive| archive.after = good().bytes()), "E0522", "");
    check(&change(&|archive| archive.comment = b"hello".to_vec()), "E0522", "5 bytes after the end record");
    check(&change(&|archive| archive.comment = good().bytes()), "E0522", "");
    check(&change(&|archive| archive.before = b"PK\x03\x04 a polyglot".to_vec()), "E0522", "its header at byte 15");
    check(&change(&|archive| archive.gap = vec![0; 9]), "E0522", "no descriptor");
    check(&change(&|archive| archive.zip64 = Some([1, 0, 0, 0])), "E0522", "a Zip64 locator that leads to");
    check(&change(&|archive| archive.zip64 = Some([-1, 0, 0, 0])), "E0522", "a Zip64 locator that leads to");
    check(&change(&|archive| archive.zip64 = Some([0, 1, 0, 0])), "E0522", "contradict each other");
    check(&change(&|archive| archive.zip64 = Some([0, 0, 1, 0])), "E0522", "contradict each other");
    check(&change(&|archive| archive.zip64 = Some([0, 0, 0, 1])), "E0522", "contradict each other");
    check(&change(&|archive| archive.start = Some(u32::MAX)), "E0522", "numbers that Zip64 has");
    // Before the first byte, anything else makes it another kind of file.
    assert!(open(&change(&|archive| archive.before = b"#!/bin/sh\n".to_vec())).is_err());
}

#[test]
fn family_23_places_past_the_end() {
    check(&with(STORAGE, |part| part.offset = Some(1 << 30)), "E0522", "its header at byte 1073741824");
    check(&with(STORAGE, |part| part.offset = Some(0xffff_fffe)), "E0522", "its header at byte");
    let long = |len: u32| {
        with(STORAGE, |part| {
            part.len = Some(len);
            part.stored_len = Some(len);
        })
    };
    check(&long(1 << 20), "E0522", "1048576 bytes from byte");
    check(&long(0xffff_fffe), "E0522", "4294967294 bytes from byte");
    check(&long(u32::MAX), "E0522", "sizes that Zip64 has");
    check(&long(7), "E0522", "");
    let change =
        |count: Option<u16>, size: Option<u32>, start: Option<u32>| Archive { count, size, start, ..good() }.bytes();
    check(&change(Some(3), None, None), "E0522", "3 members in");
    check(&change(Some(5), None, None), "E0522", "other bytes");
    check(&change(None, Some(1), None), "E0522", "a directory of 1 bytes");
    check(&change(None, Some(0xffff_fffe), None), "E0522", "a directory of 4294967294 bytes");
    check(&change(None, None, Some(1)), "E0522", "from byte 1 on");
    let many = |count: i64| Archive { count: Some(u16::MAX), zip64: Some([0, count, 0, 0]), ..good() }.bytes();
    check(&many(1 << 32), "E0510", "more members than blend reads");
    check(&many(i64::MAX - 4), "E0510", "more members than blend reads");
    for cut in [1, 21, 22, 30, 200] {
        let bytes = good().bytes();
        check(&bytes[..bytes.len() - cut], "E0504", "is cut off");
    }
}

#[test]
fn family_24_names_and_kinds() {
    let named = |name: &str| {
        let mut archive = good();
        archive.parts.push(part(name, b"x"));
        archive.bytes()
    };
    check(&named("/a/x"), "E0522", "an absolute path");
    check(&named("../x"), "E0522", "a path that is not plain");
    check(&named("a/../../x"), "E0522", "a path that is not plain");
    check(&named("a/./x"), "E0522", "a path that is not plain");
    check(&named("a\\x"), "E0522", "a backslash");
    check(&named("C:/x"), "E0522", "an absolute path");
    check(&named("a/\u{202e}x"), "E0522", "hidden characters");
    check(&named("a/\x1b[31m"), "E0522", "hidden characters");
    check(&named("b/x"), "E0522", "members of several archives");
    check(&named("x"), "E0522", "members of several archives");
    check(&with(STORAGE, |part| part.mode = 0o120777), "E0522", "a link or a device");
    check(&with(STORAGE, |part| part.mode = 0o060666), "E0522", "a link or a device");
    check(&with(STORAGE, |part| part.name = b"a/data/\xff".to_vec()), "E0522", "not UTF-8");
    check(&with(STORAGE, |part| part.extra = vec![0x75, 0x70, 0, 0]), "E0522", "changes what it means");
    check(&with(STORAGE, |part| part.extra = vec![1, 2, 9, 0]), "E0522", "cut off");
    check(&with(ORDER, |part| part.data = b"big".to_vec()), "E0519", "is of a big-endian machine");
    check(&with(ORDER, |part| part.data = b"middle".to_vec()), "E0522", "a byte order that is none");
    check(&with(ORDER, |part| part.data = vec![b'x'; 4096]), "E0510", "larger than blend reads");
    for version in ["0\n", "11\n", "99\n", "x", ""] {
        check(&with(VERSION, |part| part.data = version.into()), "E0522", "a version that blend does not know");
    }
    check(&with(VERSION, |part| part.name = b"a/other".to_vec()), "E0522", "no member `version`");
}

/// An archive with one tensor that is described so, and a storage of eight bytes.
fn one(tensor: Tensor) -> Vec<u8> {
    archive(&dict(&[tensor]), &[("0", 8)]).bytes()
}

#[test]
fn family_29_storages() {
    check(&one(tensor("w", "0", 3, &[2], &[1])), "E0508", "8 bytes, expected 12 bytes for its storage `0`");
    check(&one(tensor("w", "1", 2, &[2], &[1])), "E0508", "no such storage");
    check(&one(Tensor { class: "DoubleStorage", ..tensor("w", "0", 2, &[2], &[1]) }), "E0508", "expected 16 bytes");
    let two = [tensor("a", "0", 2, &[2], &[1]), Tensor { class: "HalfStorage", ..tensor("b", "0", 4, &[4], &[1]) }];
    check(&archive(&dict(&two), &[("0", 8)]).bytes(), "E0518", "the storage `0`");
    for key in ["../0", "a/0", "", "0\\", "/0"] {
        check(&one(tensor("w", key, 2, &[2], &[1])), "E0518", "a word such as `0`");
    }
    // The same in a stream.
    let one = dict(&[tensor("w", "0", 2, &[2], &[1])]);
    assert_eq!(open(&stream(&one, &[("0", 2, 8)])).expect("a right one").entries.len(), 1);
    check(&stream(&one, &[("0", 3, 12)]), "E0518", "3 elements in the storage `0`");
    check(&stream(&one, &[("0", -1, 8)]), "E0518", "-1 elements");
    check(&stream(&one, &[("0", 2, 7)]), "E0518", "15 bytes for the storage");
    check(&stream(&one, &[]), "E0518", "found 0 of the 1 storages");
    check(&stream(&one, &[("0", 2, 8), ("1", 2, 8)]), "E0518", "the storage `1`");
    check(&stream(&one, &[("0", 2, 8), ("0", 2, 8)]), "E0518", "the key `0` twice");
}

#[test]
fn family_30_windows() {
    let window = |offset: i64, shape: &[i64], strides: &[i64]| {
        let tensor = Tensor { offset, ..tensor("w", "0", 2, shape, strides) };
        let pickle = dict(&[tensor]);
        (archive(&pickle, &[("0", 8)]).bytes(), stream(&pickle, &[("0", 2, 8)]))
    };
    let cases: &[(i64, &[i64], &[i64])] = &[
        (1, &[2], &[1]),
        (0, &[3], &[1]),
        (0, &[2], &[2]),
        (-1, &[2], &[1]),
        (0, &[2], &[-1]),
        (0, &[-2], &[1]),
        (i64::MAX, &[2], &[1]),
        (0, &[2], &[i64::MAX]),
        (0, &[1 << 40, 1 << 40], &[0, 0]),
        (0, &[1 << 60], &[0]),
        (0, &[4_194_305, 4_194_305, 211_106_198_978_564], &[0, 0, 0]),
        (0, &[2, 2], &[1]),
        (3, &[0], &[1]),
    ];
    for (offset, shape, strides) in cases {
        let (archive, stream) = window(*offset, shape, strides);
        for bytes in [archive, stream] {
            let problem = open(&bytes).expect_err("a window past its storage");
            assert!(["E0518", "E0520"].contains(&problem.code.0), "{shape:?} {strides:?}: {}", said(&problem));
        }
    }
}

#[test]
fn family_35_ends() {
    let right = dict(&[tensor("w", "0", 2, &[2], &[1])]);
    let with = |pickle: Vec<u8>| archive(&pickle, &[("0", 8)]).bytes();
    check(&with([&right[..], b"x"].concat()), "E0518", "something after what PyTorch saved");
    check(&with([&right[..], &right].concat()), "E0518", "something after what PyTorch saved");
    check(&with(right[..right.len() - 1].to_vec()), "E0518", "");
    check(&with(vec![]), "E0518", "");
    // A payload, then a broken stream: nothing is acted on.
    check(&with([&right[..right.len() - 1], b"\xff"].concat()), "E0518", "");
    let legacy = stream(&right, &[("0", 2, 8)]);
    check(&[&legacy[..], b"x"].concat(), "E0518", "something after what PyTorch saved");
    for cut in [1, 8, 9, 16, 40] {
        assert!(open(&legacy[..legacy.len() - cut]).is_err(), "cut by {cut}");
    }
}

#[test]
fn family_36_nesting() {
    let list = pickle(b"]q\0h\0a");
    assert!(open(&archive(&list, &[]).bytes()).is_err());
    let deep = pickle(&[&b")"[..], &b"\x85".repeat(1_000_000)].concat());
    assert!(open(&archive(&deep, &[]).bytes()).is_err());
    // Dictionaries in dictionaries, as deep as the machine lets them be.
    let nested = |depth: usize| {
        let mut value = rebuild(&tensor("w", "0", 2, &[2], &[1]));
        for _ in 0..depth {
            value = [&b"}"[..], &text("k"), &value, b"s"].concat();
        }
        archive(&pickle(&value), &[("0", 8)]).bytes()
    };
    assert_eq!(open(&nested(200)).expect("200 deep").entries[0].name.len(), 2 * 199 - 1);
    assert!(open(&nested(1000)).is_err());
}

#[test]
fn family_37_other_streams() {
    let right = dict(&[tensor("w", "0", 2, &[2], &[1])]);
    // The magic number as the result of a call.
    let computed = [&b"\x80\x02cbuiltins\nint\n"[..], &int(7), b"\x85R.", &right].concat();
    assert!(open(&computed).is_err());
    let big = {
        let mut bytes = stream(&right, &[("0", 2, 8)]);
        let at = bytes.windows(13).position(|window| window == b"little_endian").expect("the fact") + 13;
        bytes[at] = 0x89;
        bytes
    };
    check(&big, "E0519", "a big-endian machine");
    let mut tar = b"pickle".to_vec();
    tar.resize(257, 0);
    tar.extend(b"ustar  \0");
    tar.resize(2048, 0);
    check(&tar, "E0503", "of before version 0.1.10");
    let script = |name: &str| {
        let mut archive = good();
        archive.parts.push(part(name, b"x"));
        archive.bytes()
    };
    check(&script("a/code/__torch__.py"), "E0503", "a TorchScript program");
    check(&script("a/constants.pkl"), "E0503", "a TorchScript program");
    let value = |storage: Vec<u8>| {
        let rest = b"\x89ccollections\nOrderedDict\n)RtR".to_vec();
        let tensor = [b"ctorch._utils\n_rebuild_tensor_v2\n(".to_vec(), storage, int(0), b"))".to_vec(), rest].concat();
        archive(&pickle(&[&b"}"[..], &text("w"), &tensor, b"s"].concat()), &[("0", 8)]).bytes()
    };
    check(&value(storage("FloatStorage", "0", &"x".repeat(1 << 20), 2)), "E0518", "a device such as");
    check(&value([b"(".to_vec(), text("storage"), b"tQ".to_vec()].concat()), "E0518", "a persistent id of 1 parts");
    check(&value([text("storage"), b"Q".to_vec()].concat()), "E0518", "as a persistent id");
    check(&value(storage("Storage", "0", "cpu", 2)), "E0518", "the name of a class");
}

#[test]
fn names_that_lie() {
    let named = |name: &str| one(tensor(name, "0", 2, &[2], &[1]));
    check(&named(""), "E0507", "an empty name");
    check(&named("a\u{202e}b"), "E0507", "hidden characters");
    check(&named("../../x"), "E0507", "a name that is a path");
    check(&named(&"x".repeat(5000)), "E0507", "a name of more than 4096 bytes");
    // Two ways to one name.
    let w = rebuild(&tensor("w", "0", 2, &[2], &[1]));
    let both = [&b"}("[..], &text("a.b"), &w, &text("a"), b"}", &text("b"), &w, b"su"].concat();
    check(&archive(&pickle(&both), &[("0", 8)]).bytes(), "E0507", "two tensors that are `a.b`");
}

#[test]
fn evil_names_are_told() {
    for (module, name) in [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("subprocess", "Popen")] {
        let call = [format!("c{module}\n{name}\n").as_bytes(), &text("id"), b"\x85R"].concat();
        let value = [&b"}"[..], &text("w"), &call, b"s"].concat();
        check(&archive(&pickle(&value), &[]).bytes(), "E0517", &format!("`{module}.{name}`"));
        check(&stream(&pickle(&value), &[]), "E0517", &format!("`{module}.{name}`"));
    }
}

/// A Zip64 archive of more than 4 GiB, most of it a hole.
#[test]
fn large_archives_are_read() {
    use std::os::unix::fs::FileExt;
    let len: u64 = (4 << 30) + 8;
    let elements = (len / 4) as i64;
    let mut small = archive(&dict(&[tensor("w", "0", elements, &[2], &[1])]), &[]);
    small.parts.iter_mut().for_each(|part| part.flags = 0x0800);
    let small = small.bytes();
    // Split the small archive: members, directory.
    let start = u32::from_le_bytes(small[small.len() - 6..small.len() - 2].try_into().expect("four bytes")) as usize;
    let (members, directory) = (&small[..start], &small[start..small.len() - 22]);
    let wide = |numbers: &[u64]| {
        let body: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        [&1u16.to_le_bytes()[..], &(body.len() as u16).to_le_bytes(), &body].concat()
    };
    let name = b"a/data/0";
    let fields = |extra: usize| [&[name.len() as u8, 0, extra as u8, 0][..]].concat();
    let extra = wide(&[len, len]);
    let local =
        [&b"PK\x03\x04\0\0\0\x08\0\0\0\0\0\0\0\0\0\0"[..], &[0xff; 8], &fields(extra.len()), name, &extra].concat();
    let data = members.len() as u64 + local.len() as u64;
    let central = [
        &b"PK\x01\x02\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0"[..],
        &[0xff; 8],
        &fields(extra.len()),
        &[0; 10],
        &(members.len() as u32).to_le_bytes(),
        name,
        &extra,
    ]
    .concat();
    let directory = [directory, &central].concat();
    let at = data + len;
    let mut end = directory.clone();
    end.extend(b"PK\x06\x06");
    for number in [44, 0, 0, 4, 4, directory.len() as u64, at] {
        // Versions and volumes are zero.
        end.extend(number.to_le_bytes());
    }
    let own = at + directory.len() as u64;
    assert_eq!(end.len() as u64, directory.len() as u64 + 60);
    end.truncate(directory.len() + 4 + 8);
    end.extend([0; 12]);
    for number in [4, 4, directory.len() as u64, at] {
        end.extend(number.to_le_bytes());
    }
    end.extend(b"PK\x06\x07\0\0\0\0");
    end.extend(own.to_le_bytes());
    end.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0");
    end.extend([4, 0, 4, 0]);
    end.extend([0xff; 8]);
    end.extend([0, 0]);
    let dir = tempfile::tempdir().expect("a folder");
    let path = super::write(&dir, &[members, &local].concat());
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
    file.write_all_at(&end, at).expect("a hole before it");
    let header = store::open(&path, None).unwrap_or_else(|problem| panic!("{}", said(&problem)));
    assert_eq!((header.entries[0].offset, header.entries[0].len), (data, 8));
}

/// A value in dictionaries in dictionaries, all under one key of 16,000 letters.
fn nested(levels: usize, value: &[u8]) -> Vec<u8> {
    let key = [text(&"k".repeat(16_000)), b"q\x010".to_vec()].concat();
    pickle(&[key, b"}h\x01".repeat(levels), value.to_vec(), b"s".repeat(levels)].concat())
}

/// What is read of an archive, which takes no long time.
#[track_caller]
fn quick(pickle: &[u8], key: Option<&str>) -> Result<Header, Problem> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = super::write(&dir, &archive(pickle, &[("0", 8)]).bytes());
    let start = Instant::now();
    let read = store::open(&path, key);
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    read
}

/// Names are joined of keys, which a small file nests to gigabytes: none is made that no tensor may have.
#[test]
fn joined_names_stay_short() {
    let tensor = rebuild(&tensor("w", "0", 2, &[2], &[1]));
    let under = |name: String, value: &[u8]| [text(&name), value.to_vec()].concat();
    let dict = |items: Vec<u8>| [&b"}("[..], &items, b"u"].concat();
    let nones = dict((0..20_000).flat_map(|at| under(format!("n{at}"), b"N")).collect());
    let many = dict((0..300).flat_map(|at| under(format!("t{at}"), &tensor)).collect());
    let said = |read: Result<Header, Problem>, code: &str, part: &str| {
        let problem = read.expect_err("it is refused");
        assert_eq!(problem.code.0, code, "{}", said(&problem));
        assert!(said(&problem).contains(part), "{}\nlacks: {part}", said(&problem));
    };
    said(quick(&nested(200, &many), Some(".")), "E0507", "a name of more than 4096 bytes");
    said(quick(&nested(200, &many), None), "E0507", "a name of more than 4096 bytes");
    said(quick(&nested(200, &nones), Some(".")), "E0521", "no tensors under names");
    // A key that is not there is compared with names of dictionaries, which are not made for it.
    let dicts = dict((0..300).flat_map(|at| under(format!("d{at}"), &dict(under("w".into(), &tensor)))).collect());
    said(quick(&nested(200, &dicts), Some("g")), "E0521", "it has `kkk");
    // Names that fit, of more tensors than a header describes.
    let tied = [tensor.clone(), b"q\x020".to_vec()].concat();
    let tied = [tied, dict((0..6_500).flat_map(|at| under(format!("{at:>04000}"), b"h\x02")).collect())].concat();
    said(quick(&pickle(&tied), Some(".")), "E0510", "more than blend holds in memory");
}

/// A tensor is read or refused by name, never left out.
#[test]
fn no_tensor_is_lost() {
    let tensor = rebuild(&tensor("w", "0", 2, &[2], &[1]));
    let refused = |items: Vec<Vec<u8>>, code: &str, part: &str| {
        let whole = [&b"}("[..], &text("w"), &tensor, &items.concat(), b"u"].concat();
        let nested = [&b"}("[..], &text("state_dict"), &whole, b"u"].concat();
        for value in [whole, nested] {
            check(&archive(&pickle(&value), &[("0", 8)]).bytes(), code, part);
        }
    };
    let odd = |key: &[u8], value: &[u8]| vec![key.to_vec(), value.to_vec()];
    refused(odd(b"(K\x01K\x02t", &tensor), "E0507", "found a tuple as a key, expected a readable name");
    refused(odd(b"C\x01a", &tensor), "E0507", "found bytes as a key");
    refused(odd(b"N", &tensor), "E0507", "found None as a key");
    refused(odd(b"G\x3f\xf8\0\0\0\0\0\0", &tensor), "E0507", "found a float as a key");
    refused(odd(b"ctorch\nfloat32\n", &[&b"]"[..], &tensor, b"a"].concat()), "E0507", "found a name as a key");
    refused(odd(&text(&"k".repeat(20_000)), &tensor), "E0507", "found a key of 20.0 kB");
    refused(odd(&text("s"), &[&b"\x8f("[..], &tensor, b"\x90"].concat()), "E0507", "members have no names");
    // Keys without tensors are nobody's business.
    let other = [&b"}("[..], &text("w"), &tensor, b"N", b"N", b"u"].concat();
    accepted(&archive(&pickle(&other), &[("0", 8)]).bytes());
    // Tensors of other kinds.
    let call = |module: &str, name: &str| format!("c{module}\n{name}\n)R").into_bytes();
    refused(odd(&text("q"), &call("torch._utils", "_rebuild_sparse_tensor")), "E0519", "the tensor `q`");
    refused(odd(&text("q"), &call("torch.nn.parameter", "UninitializedParameter")), "E0519", "the tensor `q`");
    refused(odd(&text("q"), &storage("FloatStorage", "0", "cpu", 2)), "E0519", "a storage without a shape");
    refused(odd(&text("q"), &storage("QInt8Storage", "q", "cpu", 2)), "E0519", "`torch.QInt8Storage`");
}
