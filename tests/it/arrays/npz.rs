//! Archives of arrays that lie; what is wrong with zip archives as such, their own suite tries.

use super::bytes_of;
use super::check;
use super::npy;
use super::sweep;
use std::io::Write;

const DEFLATED: u16 = 8;

/// A member of an archive.
#[derive(Clone)]
pub struct Member {
    pub name: String,
    pub method: u16,
    /// As they stand in the file.
    pub bytes: Vec<u8>,
    pub len: u32,
    pub crc: u32,
}

pub fn stored(name: &str, bytes: Vec<u8>) -> Member {
    let (len, crc) = (bytes.len() as u32, crc32fast::hash(&bytes));
    Member { name: name.into(), method: 0, bytes, len, crc }
}

pub fn packed(name: &str, bytes: &[u8]) -> Member {
    let mut stream = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::default());
    stream.write_all(bytes).expect("memory takes all");
    let packed = stream.finish().expect("memory takes all");
    let (len, crc) = (bytes.len() as u32, crc32fast::hash(bytes));
    Member { name: name.into(), method: DEFLATED, bytes: packed, len, crc }
}

pub fn archive(members: &[Member]) -> Vec<u8> {
    let (mut out, mut directory) = (vec![], vec![]);
    for member in members {
        let fields: Vec<u8> = [
            &20u16.to_le_bytes()[..],
            &0u16.to_le_bytes(),
            &member.method.to_le_bytes(),
            &[0, 0, 0x21, 0],
            &member.crc.to_le_bytes(),
            &(member.bytes.len() as u32).to_le_bytes(),
            &member.len.to_le_bytes(),
            &(member.name.len() as u16).to_le_bytes(),
            &0u16.to_le_bytes(),
        ]
        .concat();
        directory.extend([b"PK\x01\x02", &20u16.to_le_bytes()[..], &fields, &[0; 10]].concat());
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(member.name.as_bytes());
        out.extend([b"PK\x03\x04", &fields[..], member.name.as_bytes(), &member.bytes].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let (start, size) = ((out.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    [&out[..], &directory, b"PK\x05\x06", &[0; 4], &count, &count, &size, &start, &[0; 2]].concat()
}

/// An array of so many numbers.
pub fn array(count: usize) -> Vec<u8> {
    npy::file(1, &npy::header("'<f4'", &format!("({count},)")), 4 * count)
}

#[test]
fn what_is_accepted() {
    let members = [stored("b.npy", array(3)), packed("a.npy", &array(100_000)), packed("x/c.npy", &array(0))];
    let header = super::open(&archive(&members)).1.expect("a good archive");
    let names: Vec<&str> = header.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "x/c"]);
    assert_eq!(header.files.len(), 2);
    let memory = header.files[1].memory.as_ref().expect("what was unpacked");
    let entry = &header.entries[1];
    assert!(memory[entry.offset as usize..][..400_000].iter().all(|&byte| byte == 7));
}

#[test]
fn members_that_are_no_arrays() {
    let check = |member: Member, part: &str| check(&archive(&[stored("a.npy", array(2)), member]), "E0523", part);
    check(
        stored("readme.txt", b"hello".to_vec()),
        "found `readme.txt` among the arrays, expected names that end in `.npy`",
    );
    check(stored("b.npy", b"hello".to_vec()), "has the array `b`, which blend does not read");
    check(packed("b.npy", b"hello"), "has the array `b`, which blend does not read");
    let objects = npy::file(1, &npy::header("'|O'", "(3,)"), 24);
    check(stored("b.npy", objects.clone()), "Python objects in a pickle");
    check(packed("b.npy", &objects), "Python objects in a pickle");
    check(
        Member { method: 12, ..packed("b.npy", &array(2)) },
        "found `b.npy` packed with method 12, expected deflate (8)",
    );
    check(stored("b.npy", [array(2), vec![0]].concat()), "found 1 more bytes after the array");
    check(packed("b.npy", &[array(2), vec![0]].concat()), "found 1 more bytes after the array");
}

#[test]
fn arrays_that_are_not_all_there() {
    let short = npy::file(1, &npy::header("'<f4'", "(1000,)"), 100);
    check(&archive(&[stored("a.npy", short.clone())]), "E0504", "has too few bytes for the array `a`");
    check(&archive(&[packed("a.npy", &short)]), "E0504", "has too few bytes for the array `a`");
    check(&archive(&[stored("a.npy", vec![])]), "E0523", "found something else");
    check(&archive(&[stored("a.npy", b"\x93NUMPY".to_vec())]), "E0504", "is cut off within its header");
}

/// Large claims are refused before anything is unpacked; small lies where they show.
#[test]
fn bombs() {
    let good = packed("a.npy", &array(50_000));
    let mut claims = Member { len: u32::MAX - 1, ..good.clone() };
    check(&archive(&[claims.clone()]), "E0523", "expected at most what deflate can pack");
    claims.bytes = vec![0xff; 300_000];
    claims.len = 300_000 * 1000;
    check(&archive(&[claims.clone()]), "E0523", "found packed arrays of more than 268.4 MB");
    check(&archive(&[claims.clone()]), "E0523", "help: write it again without packing");
    claims.bytes = vec![0xff; 140_000];
    claims.len = 140_000 * 1000;
    let second = Member { name: "b.npy".into(), ..claims.clone() };
    check(&archive(&[claims, second]), "E0523", "found packed arrays of more than 268.4 MB");
    let more = Member { len: good.len - 1, ..good.clone() };
    check(&archive(&[more]), "E0504", "has too few bytes for the array `a`");
    let less = Member { len: good.len + 1, ..good.clone() };
    check(&archive(&[less]), "E0523", "found 1 more bytes after the array");
    // The array's own header agrees with the directory, the packed bytes do not.
    let lying = |count: usize| {
        let honest = npy::file(1, &npy::header("'<f4'", "(50000,)"), 4 * count);
        Member { len: good.len, ..packed("a.npy", &honest) }
    };
    check(&archive(&[lying(60_000)]), "E0523", "found more bytes, expected 200");
    check(&archive(&[lying(40_000)]), "E0523", "found the end after 160");
    let rubbish = Member { bytes: vec![0xff; good.bytes.len()], ..good.clone() };
    check(&archive(&[rubbish]), "E0523", "found bytes that are not packed with deflate");
    let tail = Member { bytes: [&good.bytes[..], &[0; 9]].concat(), ..good.clone() };
    check(&archive(&[tail]), "E0523", "packed bytes, expected one after");
    let cut = Member { bytes: good.bytes[..good.bytes.len() - 1].to_vec(), ..good.clone() };
    check(&archive(&[cut]), "E0523", "has the packed array `a` that cannot be unpacked");
    let other = Member { crc: good.crc ^ 1, ..good };
    check(&archive(&[other]), "E0523", "found the checksum");
}

#[test]
fn names() {
    check(&archive(&[stored("../a.npy", array(2))]), "E0522", "a path that is not plain");
    check(&archive(&[stored("a.npy", array(2)), stored("a.npy", array(2))]), "E0522", "a name that stands twice");
    check(&archive(&[stored(".npy", array(2))]), "E0507", "found an empty name");
}

#[test]
fn broken_files_are_harmless() {
    let small = archive(&[stored("b.npy", array(3)), packed("a.npy", &array(40))]);
    super::open(&small).1.expect("a good archive");
    sweep(&small);
    sweep(&bytes_of("a-compressed.npz")[..]);
}

/// What may be unpacked is bounded for a checkpoint as a whole, however many files it is cut into.
#[test]
fn packed_shards_share_their_bound() {
    let directory = tempfile::TempDir::new().expect("a directory");
    for shard in ["1", "2"] {
        let bytes = archive(&[packed(&format!("{shard}.npy"), &array(36 << 20))]);
        // Formats are told by content: this is how a directory of them is taken for shards.
        std::fs::write(directory.path().join(format!("{shard}.safetensors")), bytes).expect("a shard");
    }
    let problem = blend::store::open(directory.path(), None).expect_err("288 MiB are too much");
    assert_eq!(problem.code.0, "E0523");
    assert!(problem.notes[0].contains("packed arrays of more than 268.4 MB"), "{:?}", problem.notes);
}
