//! Twenty files of each of ten classes per format, every one of them wrong: a diagnostic each, quickly, never a panic.
//!
//! Many go wrong only after the header's first fields: in the descriptions of tensors, in their bytes, in packed streams.

use super::bytes_of;
use super::gguf::Gguf;
use super::gguf::LIST;
use super::gguf::TEXT;
use super::gguf::U8;
use super::gguf::U32;
use super::gguf::list;
use super::gguf::text;
use super::npy;
use super::npz::Member;
use super::npz::archive;
use super::npz::array;
use super::npz::packed;
use super::npz::stored;
use super::open;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

type Classes = Vec<(&'static str, Vec<Vec<u8>>)>;

/// Every file is refused with one of these codes; no two files of a class are the same.
#[track_caller]
fn check(classes: Classes, codes: &[&str]) {
    assert_eq!(classes.len(), 10);
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for (class, files) in classes {
        assert_eq!(files.iter().collect::<BTreeSet<_>>().len(), 20, "{class}: twenty different files");
        for (index, bytes) in files.iter().enumerate() {
            let start = Instant::now();
            let Err(problem) = open(bytes).1 else { panic!("{class} {index} was accepted") };
            assert!(start.elapsed() < Duration::from_secs(10), "{class} {index} took {:?}", start.elapsed());
            let code = codes.iter().find(|code| **code == problem.code.0);
            told.extend(code);
            assert!(code.is_some(), "{class} {index}: {} {} {:?}", problem.code.0, problem.message, problem.notes);
            assert!(
                problem.help.is_some() && !problem.notes.is_empty() || problem.code.0 == "E0525",
                "{class} {index}"
            );
        }
    }
    assert_eq!(told.into_iter().collect::<Vec<_>>(), codes, "all codes come up");
}

fn of(make: impl Fn(usize) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..20).map(make).collect()
}

fn cut(bytes: &[u8]) -> Vec<Vec<u8>> {
    of(|index| bytes[..8 + (bytes.len() - 9) * index / 20].to_vec())
}

/// Lengths that no file has.
fn huge(index: usize) -> u64 {
    [1 << 62, 1 << 40, u64::MAX - 8, (1 << 33) + 7, 1 << 63][index / 4] + (index % 4) as u64
}

/// Names that are no names of tensors.
fn evil(index: usize) -> String {
    let names = [
        "",
        "..",
        "../x",
        "a/../../x",
        "..\\x",
        "a\\..\\x",
        "a\nb",
        "a\rb",
        "a\tb",
        "\0",
        "a\0b",
        "\x1b[31mred",
        "\x1b]0;title\x07",
        "a\u{202e}b",
        "a\u{200b}b",
        "\u{feff}a",
        "a\u{2066}b",
        "\x7f",
        "os.system\u{0}",
        "/../etc/passwd",
    ];
    names[index].to_string()
}

#[test]
fn gguf() {
    let base = || Gguf::new().tensor("w", &[8, 4], 0, 0);
    let two = |offset: u64| base().tensor("v", &[8], 0, offset).data(160);
    let good = || two(128);
    open(&good().bytes()).1.expect("a good file");
    let oversized = |index: usize| match index % 4 {
        0 => good().pair("k", TEXT, &huge(index).to_le_bytes()),
        1 => good().pair("k", LIST, &list(U8, huge(index), &[1; 8])),
        2 => good().pair("k", LIST, &list(TEXT, 1, &huge(index).to_le_bytes())),
        _ => Gguf::new().tensor("w", &[huge(index)], 0, 0).data(64),
    };
    let nested = |index: usize| {
        let inner = (0..index).fold(list(U8, 1, &[1]), |inner, _| list(LIST, 1, &inner));
        good().pair("k", LIST, &list(LIST, 1, &inner))
    };
    let bomb = |index: usize| {
        let count = 1u64 << (20 + index);
        match index % 4 {
            0 => Gguf { tensors: Some(count), ..good() },
            1 => Gguf { pairs: Some(count), ..good() },
            2 => good().pair("k", LIST, &list(TEXT, count, &[])),
            _ => Gguf::new().tensor("w", &[count, count, count], 0, 0).data(64),
        }
    };
    let aligned = |index: usize| {
        let sizes =
            [0u32, 3, 5, 6, 7, 9, 12, 31, 33, 48, 63, 65, 96, 127, 1 << 21, 1 << 24, 1 << 31, 3 << 30, 999, u32::MAX];
        good().pair("general.alignment", U32, &sizes[index].to_le_bytes())
    };
    let kinds = [3u32, 4, 5, 6, 7, 9, 10, 11, 13, 15, 16, 20, 23, 29, 31, 34, 39, 42, 99, u32::MAX];
    let named = |index: usize| Gguf::new().tensor(&evil(index), &[8], 0, 0).data(32);
    let lying = |index: usize| {
        let more = 1 + index as u64 / 2;
        let pair = good().pair("k", TEXT, &text("v"));
        if index.is_multiple_of(2) {
            Gguf { tensors: Some(2 + more), ..pair }
        } else {
            Gguf { pairs: Some(1 + more), ..pair }
        }
    };
    // The numbers in the description of the first tensor: all but its name, which may have any letter.
    let flipped = |index: usize| {
        let mut bytes = good().bytes();
        let at = 24 + 2 * index;
        bytes[if at < 32 { at } else { at + 1 }] ^= 1 << (index % 8);
        bytes
    };
    let classes = vec![
        ("truncation", cut(&bytes_of("a.gguf"))),
        ("flipped bytes", of(flipped)),
        ("oversized lengths", of(|index| oversized(index).bytes())),
        (
            "overlapping windows",
            of(|index| two([0, 1, 8, 64, 96, 127, 129, 130, 136, 160][index % 10] + index as u64 / 10 * 256).bytes()),
        ),
        ("deep nesting", of(|index| nested(index * 10).bytes())),
        ("bombs", of(|index| bomb(index).bytes())),
        ("alignments", of(|index| aligned(index).bytes())),
        ("wrong types", of(|index| Gguf::new().tensor("w", &[256], kinds[index], 0).data(4096).bytes())),
        ("evil names", of(|index| named(index).bytes())),
        ("lying headers", of(|index| lying(index).bytes())),
    ];
    check(classes, &["E0504", "E0507", "E0524", "E0525"]);
}

#[test]
fn npy() {
    let file = |text: &str| npy::file(1, text, 24);
    let shaped = |shape: &str| file(&npy::header("'<f4'", shape));
    let flipped = |index: usize| {
        let mut bytes = bytes_of("a.npy");
        bytes[10 + 5 * index] ^= 0x80;
        bytes
    };
    let oversized = |index: usize| match index % 2 {
        0 => shaped(&format!("({},)", huge(index))),
        _ => {
            let mut bytes = npy::file(2, &npy::header("'<f4'", "(2, 3)"), 24);
            bytes[8..12].copy_from_slice(&(20_000 + 200_000_000 * index as u32).to_le_bytes());
            bytes
        }
    };
    let windows = |index: usize| match index % 2 {
        0 => npy::file(1, &npy::header("'<f4'", "(2, 3)"), 23 - index),
        _ => npy::file(1, &npy::header("'<f4'", "(2, 3)"), 24 + index),
    };
    let nested = |index: usize| {
        let depth = 2 << (index / 4 * 2);
        match index % 4 {
            0 => shaped(&"(".repeat(depth)),
            1 => shaped(&format!("{}2, 3{}", "(".repeat(depth), ")".repeat(depth))),
            2 => file(&"{".repeat(depth)),
            _ => file(&npy::header(&"[".repeat(depth), "(2, 3)")),
        }
    };
    let bomb = |index: usize| match index % 2 {
        0 => shaped(&format!("({})", format!("{}, ", 1u64 << (3 + index)).repeat(30 - index))),
        _ => shaped(&format!("({}0)", "4294967296, ".repeat(2 + index))),
    };
    let versions = |index: usize| {
        let mut bytes = bytes_of("version2.npy");
        (bytes[6], bytes[7]) = if index < 10 { (4 + index as u8 * 25, 0) } else { (1 + index as u8 % 3, index as u8) };
        bytes
    };
    let types = [
        "'>f4'",
        "'>i8'",
        "'|O'",
        "'O'",
        "'<U4'",
        "'|S8'",
        "'<M8[s]'",
        "'<m8[ns]'",
        "'|V2'",
        "'<c16'",
        "'<f16'",
        "'=f4'",
        "'f4'",
        "''",
        "'<f3'",
        "'<b4'",
        "[('a', '<f4')]",
        "('<f4', (2,))",
        "{'names': ['a']}",
        "None",
    ];
    let expressions = [
        "__import__('os').system('true')",
        "exec('1')",
        "eval('{}')",
        "open('/etc/passwd').read()",
        "lambda: 0",
        "{**{}}",
        "dict(descr='<f4')",
        "{'descr': '<f4'} | {}",
        "[x for x in ()]",
        "(lambda: {})()",
        "{'descr': __import__('os').system('true')}",
        "{'descr': '<f4', 'fortran_order': not False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': 1 == 2, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': tuple([2, 3])}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 + 1, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0x2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}; import os",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} # more",
        "{'descr': '<' 'f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': f'<f4', 'fortran_order': False, 'shape': (2, 3)}",
    ];
    let keys = ["'descr': '<f4'", "'fortran_order': False", "'shape': (2, 3)"];
    let lying = |index: usize| {
        let (a, b, c) = (keys[index % 3], keys[(index + 1) % 3], keys[(index + 2) % 3]);
        file(&match index / 3 {
            0 => format!("{{{a}, {b}}}"),
            1 => format!("{{{a}, {b}, {c}, {a}}}"),
            2 => format!("{{{a}, {b}, {c}, 'more': 1}}"),
            3 => format!("{{{a} {b}, {c}}}"),
            4 => format!("{{{a},, {b}, {c}}}"),
            5 => format!("{{{a}, {b}, {c}}}{{}}"),
            _ => format!("{{{a}, {b}, {c}"),
        })
    };
    let classes = vec![
        ("truncation", cut(&bytes_of("a.npy"))),
        ("flipped bytes", of(flipped)),
        ("oversized lengths", of(oversized)),
        ("windows", of(windows)),
        ("deep nesting", of(nested)),
        ("bombs", of(bomb)),
        ("versions", of(versions)),
        ("wrong types", of(|index| file(&npy::header(types[index], "(2, 3)")))),
        ("expressions", of(|index| file(expressions[index]))),
        ("lying headers", of(lying)),
    ];
    check(classes, &["E0504", "E0523"]);
}

#[test]
fn npz() {
    // Half of them stored, half packed.
    let pack = |name: &str, bytes: Vec<u8>, index: usize| match index % 2 {
        0 => stored(name, bytes),
        _ => packed(name, &bytes),
    };
    let text_of = |descr: &str, shape: &str| npy::header(descr, shape);
    let one = |text: &str, data: usize, index: usize| archive(&[pack("w.npy", npy::file(1, text, data), index)]);
    let good: Vec<u8> = (0..4000u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let good = [&npy::file(1, &text_of("'<f4'", "(4000,)"), 0)[..], &good].concat();
    let flipped = |index: usize| {
        let mut member = packed("w.npy", &good);
        let at = member.bytes.len() * index / 20;
        member.bytes[at] ^= 1 << (index % 8);
        archive(&[member])
    };
    let oversized = |index: usize| {
        let member = pack("w.npy", good.clone(), index);
        archive(&[Member { len: (1 << (17 + index % 15)) + index as u32, ..member }])
    };
    let overlapping = |index: usize| {
        let members = [pack("w.npy", array(9), index), pack("v.npy", array(9), index)];
        let mut bytes = archive(&members);
        // Where the second member's local header is, as the directory says it.
        let at = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").expect("a directory") + 42;
        bytes[at..at + 4].copy_from_slice(&(index as u32 * 3).to_le_bytes());
        bytes
    };
    let nested = |index: usize| {
        let inner = (0..=index).fold(array(3), |inner, _| archive(&[stored("w.npy", inner)]));
        archive(&[pack("w.npy", inner, index)])
    };
    let bomb = |index: usize| {
        let member = packed("w.npy", &array(50_000));
        match index % 4 {
            // More than there is, less than there is, more than deflate can, more than is held in memory.
            0 => archive(&[Member { len: member.len + 1 + index as u32, ..member }]),
            1 => archive(&[Member { len: member.len - 1 - index as u32, ..member }]),
            2 => archive(&[Member { len: u32::MAX - index as u32, ..member }]),
            _ => archive(&[Member { bytes: vec![index as u8; 300_000], len: 300_000_000, ..member }]),
        }
    };
    let tricks = |index: usize| {
        let mut bytes = archive(&[pack("w.npy", array(9), index / 5)]);
        let directory = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").expect("a directory");
        match index % 5 {
            0 => bytes[directory + 8] |= [0x01, 0x20, 0x40, 0x80][index / 5],
            1 => bytes[directory + 10] = [1, 12, 14, 99][index / 5],
            2 => bytes.extend(vec![0; 1 + index]),
            3 => bytes = [b"PK\x03\x04".to_vec(), vec![b'x'; 1 + index], bytes].concat(),
            _ => bytes[directory + 16] ^= 1 + index as u8,
        }
        bytes
    };
    let types = ["'>f4'", "'|O'", "'<U4'", "'|S8'", "'<M8[s]'", "'<c16'", "'<f16'", "[('a', '<f4')]", "'=f4'", "None"];
    let lying = |index: usize| match index % 4 {
        0 => one(&text_of("'<f4'", "(1000,)"), 4 * index, index / 4),
        1 => one(&text_of("'<f4'", "(2,)"), 9 + index, index / 4),
        2 => archive(&[stored("w.npy", array(3)), pack("notes.txt", vec![index as u8; 5], index / 4)]),
        _ => {
            let member = packed("w.npy", &array(9));
            archive(&[Member { crc: member.crc ^ 1 << index, ..member }])
        }
    };
    let classes = vec![
        ("truncation", cut(&archive(&[stored("v.npy", array(9)), packed("w.npy", &array(9))]))),
        ("flipped bytes", of(flipped)),
        ("oversized lengths", of(oversized)),
        ("overlapping windows", of(overlapping)),
        ("deep nesting", of(nested)),
        ("bombs", of(bomb)),
        ("zip tricks", of(tricks)),
        ("wrong types", of(|index| one(&text_of(types[index / 2], "(3,)"), 12, index))),
        ("evil names", of(|index| archive(&[pack(&format!("{}.npy", evil(index)), array(3), index)]))),
        ("lying headers", of(lying)),
    ];
    check(classes, &["E0504", "E0507", "E0522", "E0523"]);
}
