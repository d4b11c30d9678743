//! Broken pickles without end: the corpus of the fuzzer, every truncation, flips of every byte, random damage, and classes of
//! damage that must always be refused.

use super::data;
use super::hostile::refused;
use super::hostile::sound;
use blend::pickle;
use blend::pickle::Kind;
use blend::pickle::Limits;
use std::path::PathBuf;

#[path = "../../fuzz/fuzz_targets/pickle_laws.rs"]
mod pickle_laws;

fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = super::super::run::root().join("tests/fuzz/corpus/pickle");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// The promises hold for these bytes; a panic names what they were made from.
#[track_caller]
fn check(name: &str, bytes: &[u8]) {
    let held = std::panic::catch_unwind(|| pickle_laws::hold(bytes));
    assert!(held.is_ok(), "{name}: {}", bytes.escape_ascii());
}

#[test]
fn the_corpus_keeps_the_promises() {
    let corpus = corpus();
    assert!((20..=100).contains(&corpus.len()), "{} files", corpus.len());
    for (path, bytes) in corpus {
        assert!(bytes.len() <= 4096, "{}", path.display());
        check(&path.display().to_string(), &bytes);
    }
}

/// Small valid pickles, each of another kind.
fn small() -> Vec<(PathBuf, Vec<u8>)> {
    let names = ["plain-4", "tensor-3", "layer-4", "network-2", "network-5", "stream", "archive"];
    let mut files = corpus();
    files.retain(|(path, _)| names.iter().any(|name| path.ends_with(name)));
    assert_eq!(files.len(), names.len());
    files
}

#[test]
fn every_truncation_is_refused() {
    for (path, bytes) in small() {
        let whole = pickle::run(&&bytes[..], 0, &Limits::default());
        let end = whole.unwrap_or_else(|fault| panic!("{}: {fault:?}", path.display())).end as usize;
        for len in 0..bytes.len() {
            let cut = &bytes[..len];
            check(&format!("{} to {len}", path.display()), cut);
            assert_eq!(pickle::run(&cut, 0, &Limits::default()).is_ok(), len >= end, "{} to {len}", path.display());
            let legacy = pickle::legacy(&cut, 0, &Limits::default()).and_then(|legacy| legacy.blobs(&cut));
            assert!(legacy.is_err(), "{} to {len}", path.display());
        }
    }
}

#[test]
fn flips_of_every_byte_keep_the_promises() {
    for (path, bytes) in small() {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                check(&format!("{} at {at} ^ {flip}", path.display()), &bytes);
            }
        }
    }
}

/// xorshift64*: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

#[test]
fn random_damage_keeps_the_promises() {
    let mut random = Random(11);
    let corpus = corpus();
    for round in 0..6000 {
        let mut bytes = corpus[random.below(corpus.len())].1.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() + 1);
            let other = &corpus[random.below(corpus.len())].1;
            let from = random.below(other.len().max(1)).min(other.len());
            let part = &other[from..(from + random.below(24)).min(other.len())];
            match random.below(4) {
                0 => drop(bytes.splice(at..at, part.iter().copied())),
                1 => drop(bytes.drain(at..(at + random.below(24)).min(bytes.len()))),
                2 if at < bytes.len() => bytes[at] = random.below(256) as u8,
                _ => bytes.extend_from_slice(part),
            }
        }
        check(&format!("round {round}"), &bytes);
    }
}

/// Offsets of the opcodes of a pickle without frames (except the first), to put something between them.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let uint = |at: usize, width: usize| (0..width).fold(0, |sum, i| sum | (bytes[at + i] as usize) << (8 * i));
    let line = |at: usize| bytes[at..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut out = vec![];
    let mut at = 2;
    while bytes[at] != b'.' {
        at += 1 + match bytes[at] {
            b'J' | b'r' | b'j' => 4,
            b'K' | b'q' | b'h' => 1,
            b'M' => 2,
            b'G' => 8,
            b'X' | b'B' | b'T' => 4 + uint(at + 1, 4),
            b'C' | b'U' | 0x8a | 0x8c => 1 + uint(at + 1, 1),
            b'c' => line(at + 1) + line(at + 1 + line(at + 1)),
            _ => 0,
        };
        out.push(at);
    }
    out
}

/// Twenty files for each class of damage, most of them going wrong in the middle: all are refused, with the code of the class.
#[test]
fn classes_of_damage_are_refused() {
    use Kind::Evil;
    use Kind::Limit;
    use Kind::Malformed;
    use Kind::Unsupported;
    let frame = [&[0x95][..], &[0xff; 8]].concat();
    let deep = [&b"N"[..], &[0x85; 300], b"0"].concat();
    let classes: &[(&str, &[u8], &[Kind])] = &[
        ("evil global", b"cos\nsystem\n0", &[Evil]),
        ("evil global by a dotted name", b"cpathlib\nos.system\n0", &[Evil]),
        ("hidden call", b"(ios\nsystem\n0", &[Unsupported]),
        ("opcode of protocol 0", b"I1\n0", &[Unsupported]),
        ("extension code", b"\x82\x010", &[Unsupported]),
        ("oversized length", b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", &[Malformed]),
        ("oversized integer", b"\x8b\xff\xff\xff\x7f", &[Limit]),
        ("memo bomb", b"Nr\xff\xff\xff\xff0", &[Limit]),
        ("slot that nothing set", b"j\xff\xff\xff\x000", &[Malformed]),
        ("unknown opcode", b"\xff", &[Malformed]),
        ("lying frame", &frame, &[Malformed]),
        ("second PROTO", b"\x80\x02", &[Malformed]),
        ("storage that is a path", b"(U\x07storagectorch\nFloatStorage\nU\x04../0U\x03cpuK\x01tQ0", &[Malformed]),
        ("item of a number", b"K\x01K\x02K\x03s0", &[Malformed]),
        ("open mark", b"(", &[Malformed]),
        ("value too many", b"N", &[Malformed]),
    ];
    for file in ["torch-plain-2", "torch-plain-3", "nvidia-3", "tf-numpy1-2"] {
        let bytes = std::fs::read(data(&format!("{file}.pkl"))).unwrap();
        let places = boundaries(&bytes);
        for (class, piece, kinds) in classes {
            for turn in 0..20 {
                let at = places[turn * (places.len() - 1) / 19];
                let damaged = [&bytes[..at], piece, &bytes[at..]].concat();
                // What is not balanced may turn into an item of a list, which is no damage.
                let read = pickle::run(&&damaged[..], 0, &Limits::default());
                let is_balanced = !["value too many", "open mark"].contains(class);
                let Err(fault) = read else {
                    assert!(!is_balanced, "{file}: {class} at {at} was accepted");
                    continue;
                };
                sound(&fault);
                let right = kinds.contains(&fault.code);
                assert!(right, "{file}: {class} at {at}: {fault:?}");
            }
        }
        // Thrown away, depth costs nothing; kept, it is refused.
        let at = places[places.len() / 2];
        let damaged = [&bytes[..at], &deep, &bytes[at..]].concat();
        assert!(pickle::run(&&damaged[..], 0, &Limits::default()).is_ok());
        for turn in 0..20 {
            let cut = places[turn * (places.len() - 1) / 19];
            assert_eq!(refused(&bytes[..cut]).code, Malformed);
        }
    }
}
