//! Twenty damaged files in each of ten classes, per format: refused with a code of files and a help, quickly, or read
//! with the very values of the sound file.  PyTorch's files have theirs in `torch::mutants`.
//!
//! | class | where a format has no such thing, instead |
//! | --- | --- |
//! | truncation, flipped bytes, oversized lengths, overlapping windows, wrong types, lying headers | |
//! | deep nesting | npy, npz: nested shapes |
//! | memo bombs | all but pickles: metadata bombs and names twice |
//! | zip tricks | all but npz: bytes before and behind |
//! | evil names | all but pickles: names that are paths or hide characters; npy, npz: objects |

mod indexes;

use super::arrays::gguf::Gguf;
use super::arrays::npy;
use super::run::compile;
use super::run::root;
use super::torch::writer::Archive;
use super::torch::writer::part;
use blend::check::Settings;
use blend::exec;
use blend::store;
use blend::store::Inputs;
use blend::tile::Fetch;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

type Values = BTreeMap<String, (String, Vec<u8>)>;

/// All that a file says: names, types, shapes, steps and bytes.
fn values(path: &Path) -> Result<Values, blend::diag::Problem> {
    let header = store::open(path, None)?;
    let inputs = Inputs::open(&header.files)?;
    let mut out = Values::new();
    for entry in &header.entries {
        let mut bytes = vec![0; entry.len as usize];
        inputs.fetch(entry.file, entry.offset, &mut bytes).expect("a tensor lies in its file");
        out.insert(entry.name.clone(), (format!("{:?} {:?} {:?}", entry.dtype, entry.shape, entry.view()), bytes));
    }
    Ok(out)
}

/// Twenty files of a class; at least so many must be refused, the others say what the sound file says.
#[track_caller]
fn check(format: &str, sound: &[u8], class: &str, least: usize, make: &dyn Fn(usize) -> Vec<u8>) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.bin");
    std::fs::write(&path, sound).expect("a file");
    let original = values(&path).unwrap_or_else(|problem| panic!("{format}: {problem:?}"));
    let mut refused = 0;
    for index in 0..20 {
        let bytes = make(index);
        assert!(bytes != sound, "{format}, {class} {index}: nothing is damaged");
        std::fs::write(&path, bytes).expect("a file");
        let start = Instant::now();
        let result = values(&path);
        assert!(start.elapsed() < Duration::from_secs(5), "{format}, {class} {index}: {:?}", start.elapsed());
        match result {
            Err(problem) => {
                assert!(problem.code.0.starts_with("E05"), "{format}, {class} {index}: {problem:?}");
                assert!(problem.help.is_some(), "{format}, {class} {index}: {problem:?}");
                refused += 1;
            }
            Ok(found) => assert!(found == original, "{format}, {class} {index}: other values"),
        }
    }
    assert!(refused >= least, "{format}, {class}: only {refused} of 20 were refused");
}

/// Pieces of a file, none of them the whole.
fn cut(sound: &[u8], index: usize) -> Vec<u8> {
    sound[..sound.len() * index / 20].to_vec()
}

fn put(sound: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = sound.to_vec();
    out[at..at + bytes.len()].copy_from_slice(bytes);
    out
}

/// Where a piece begins.
#[track_caller]
fn find(bytes: &[u8], piece: &[u8]) -> usize {
    bytes.windows(piece.len()).position(|window| window == piece).expect("it is there")
}

/// Names that no tensor may have.
const NAMES: [&str; 5] = ["../../x", "x/..", "a\u{202e}b", "a\u{7f}b", "a/../../b"];

fn framed(json: &str, data: usize) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &vec![7; data]].concat()
}

#[test]
fn safetensors() {
    let one = |name: &str, dtype: &str, shape: &str, from: u64, to: u64| {
        format!(r#""{name}":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{from},{to}]}}"#)
    };
    let (a, b) = (one("a", "F32", "2", 0, 8), one("b", "F16", "3", 8, 14));
    let text = format!("{{{a},{b}}}");
    let sound = framed(&text, 14);
    let with = |second: &str| framed(&format!("{{{a},{second}}}"), 14);
    let run = |class: &str, make: &dyn Fn(usize) -> Vec<u8>| check("safetensors", &sound, class, 20, make);
    run("truncation", &|i| cut(&sound, i));
    // Signs of JSON, not letters of names.
    let signs: Vec<usize> = (8..sound.len() - 14).filter(|&at| b"{}[]:,".contains(&sound[at])).collect();
    run("flipped bytes", &|i| {
        put(&sound, signs[i % signs.len()], &[sound[signs[i % signs.len()]] ^ (0x80 >> (i % 3))])
    });
    run("oversized lengths", &|i| put(&sound, 0, &((text.len() as u64 + 1) << (3 * i)).to_le_bytes()));
    run("overlapping windows", &|i| {
        with(&one("b", "U8", &(i + 1).to_string(), 7 - i as u64 % 7, 8 - i as u64 % 7 + i as u64))
    });
    run("deep nesting", &|i| with(&format!(r#""b":{}1{}"#, "[".repeat(1 << (i % 16)), "{".repeat(i))));
    run("metadata bombs", &|i| match i % 2 {
        0 => with(&format!(r#"{b},"__metadata__":{{"k":"{}"}}"#, "x".repeat((8 << 20) + 1 + i))),
        _ => with(&vec![b.as_str(); i + 1].join(",")),
    });
    run("bytes before and behind", &|i| match i % 2 {
        0 => [&vec![b' '; i + 1], &sound[..]].concat(),
        _ => [&sound[..], &vec![0; i]].concat(),
    });
    let types = ["F33", "f32", "", "I64", "F64"];
    run("wrong types", &|i| with(&one("b", types[i % 5], &(3 + i / 5).to_string(), 8, 14)));
    run("evil names", &|i| with(&one(&format!("{}{}", "x".repeat(i / 5), NAMES[i % 5]), "F16", "3", 8, 14)));
    run("lying headers", &|i| with(&one("b", "F16", &(4 + i).to_string(), 8, 16 + 2 * i as u64)));
}

#[test]
fn numpy_arrays() {
    let make = |descr: &str, shape: &str, data| npy::file(1, &npy::header(descr, shape), data);
    let sound = make("'<f4'", "(2, 3)", 24);
    let run = |class: &str, make: &dyn Fn(usize) -> Vec<u8>| check("npy", &sound, class, 20, make);
    run("truncation", &|i| cut(&sound, i));
    let signs: Vec<usize> = (10..sound.len() - 26).filter(|&at| b"{}():'".contains(&sound[at])).collect();
    run("flipped bytes", &|i| {
        put(&sound, signs[i % signs.len()], &[sound[signs[i % signs.len()]] ^ 0x40 ^ (i as u8 / 16)])
    });
    run("oversized lengths", &|i| put(&sound, 8, &(60_000 + 100 * i as u16).to_le_bytes()));
    run("overlapping windows", &|i| make("'<f4'", &format!("(2, {})", 4 + i), 24));
    run("nested shapes", &|i| make("'<f4'", &format!("{}2, 3{}", "(".repeat(2 << (i / 2)), ")".repeat(i + 1)), 24));
    run("metadata bombs", &|i| {
        let more = "'shape': (2, 3), ".repeat(1 + i * 40);
        npy::file(2, &format!("{{'descr': '<f4', 'fortran_order': False, {more}'shape': (2, 3)}}"), 24)
    });
    run("bytes before and behind", &|i| match i % 2 {
        0 => [&vec![0; i + 1], &sound[..]].concat(),
        _ => [&sound[..], &vec![0; i]].concat(),
    });
    let types = ["'<f3'", "'|V4'", "'<U1'", "'<M8'", "'c16'", "'>q9'", "[('a', '<f4')]", "'<c8'", "4", "None"];
    run("wrong types", &|i| make(types[i % 10], ["(2, 3)", "(6,)"][i / 10], 24));
    run("objects", &|i| make(["'|O'", "'O'", "'|O8'", "'<O'"][i % 4], &format!("({},)", i / 4), 24));
    run("lying headers", &|i| make("'<f4'", &format!("({}, {})", 1u64 << (40 + i), 1u64 << 22), 24));
}

#[test]
fn numpy_archives() {
    let array = |descr: &str, shape: &str, data| npy::file(1, &npy::header(descr, shape), data);
    let good = array("'<f4'", "(2, 3)", 24);
    let of = |second: &[u8]| Archive { parts: vec![part("a.npy", &good), part("b.npy", second)], ..Archive::default() };
    let sound = of(&good).bytes();
    let run = |class: &str, make: &dyn Fn(usize) -> Vec<u8>| check("npz", &sound, class, 20, make);
    run("truncation", &|i| cut(&sound, i));
    // The directory of the archive: signatures, sizes and places of both members.
    let at = find(&sound, b"PK\x01\x02");
    let fields: Vec<usize> = [0, 1, 2, 10, 20, 21, 24, 25, 42, 43].iter().map(|field| at + field).collect();
    run("flipped bytes", &|i| put(&sound, fields[i % 10], &[sound[fields[i % 10]] ^ [0x40, 0x10][i / 10]]));
    let lie = |change: &dyn Fn(&mut Archive)| {
        let mut archive = of(&good);
        change(&mut archive);
        archive.bytes()
    };
    run("oversized lengths", &|i| {
        lie(&|archive| {
            archive.parts[1].len = Some((1 << (10 + i)) + 1);
            archive.parts[1].stored_len = archive.parts[1].len;
        })
    });
    run("overlapping windows", &|i| lie(&|archive| archive.parts[1].offset = Some(i as u32)));
    run("nested shapes", &|i| {
        of(&array("'<f4'", &format!("{}2, 3{}", "(".repeat(2 << (i / 2)), ")".repeat(i + 1)), 24)).bytes()
    });
    run("names twice", &|i| lie(&|archive| (0..=i).for_each(|_| archive.parts.push(part("b.npy", &good)))));
    run("zip tricks", &|i| {
        lie(&|archive| {
            let trick = &mut archive.parts[i % 2];
            match i / 4 {
                0 => trick.flags |= 1 << (i % 4 / 2 * 6),
                1 => trick.local.name = Some(format!("c{i}npy").into_bytes()),
                2 => trick.method = [8, 9, 12, 99][i % 4],
                3 => trick.is_ghost = true,
                _ => trick.mode = [0o120777, 0o120644][i % 4 / 2],
            }
            archive.comment = vec![b'x'; i];
        })
    });
    let types = ["'<f3'", "'|V4'", "'<U1'", "'<M8'", "'c16'", "'>q9'", "[('a', '<f4')]", "'<c8'", "4", "None"];
    run("wrong types", &|i| of(&array(types[i % 10], ["(2, 3)", "(6,)"][i / 10], 24)).bytes());
    run("objects", &|i| of(&array(["'|O'", "'O'", "'|O8'", "'<O'"][i % 4], &format!("({},)", i / 4), 24)).bytes());
    run("lying headers", &|i| of(&array("'<f4'", &format!("(2, {})", [4 + i, 2 - i / 2 % 2][i % 2]), 24)).bytes());
}

#[test]
fn gguf_models() {
    let good = || Gguf::new().pair("k", 4, &[1, 0, 0, 0]).tensor("a", &[2], 0, 0);
    let sound = good().tensor("b", &[2], 0, 32).data(40).bytes();
    let with = |name: &str, axes: &[u64], kind, offset| good().tensor(name, axes, kind, offset).data(40).bytes();
    let run = |class: &str, make: &dyn Fn(usize) -> Vec<u8>| check("GGUF", &sound, class, 20, make);
    run("truncation", &|i| cut(&sound, i));
    run("flipped bytes", &|i| put(&sound, i + usize::from(i > 3) * 4, &[sound[i + usize::from(i > 3) * 4] ^ 0xa4]));
    run("oversized lengths", &|i| put(&sound, [8, 16, 24][i % 3], &(1u64 << (20 + 2 * i)).to_le_bytes()));
    run("overlapping windows", &|i| with("b", &[2], 0, i as u64));
    run("deep nesting", &|i| {
        let list = [&9u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat().repeat(i + 1);
        good().pair("deep", 9, &list).tensor("b", &[2], 0, 32).data(40).bytes()
    });
    run("names twice", &|i| match i % 2 {
        0 => with("a", &[2], 0, 32 * (1 + i as u64 / 2)),
        _ => (0..i).fold(good(), |gguf, _| gguf.pair("k", 4, &[1, 0, 0, 0])).tensor("b", &[2], 0, 32).data(40).bytes(),
    });
    run("bytes before", &|i| [&vec![b"\0 \nG"[i % 4]; i + 1], &sound[..]].concat());
    run("wrong types", &|i| {
        with("b", &[2], [4, 5, 31, 32, 33, 36, 37, 38, 40 + i as u32, 1 << 30][i % 10] + (i as u32 / 10) * 64, 32)
    });
    run("evil names", &|i| with(&format!("{}{}", "x".repeat(i / 5), NAMES[i % 5]), &[2], 0, 32));
    run("lying headers", &|i| with("b", &[3 + (1 << (3 * i))], 0, 32));
}

/// NVIDIA's pickles of either kind: what is damaged comes first, the rest of the file is sound.
#[track_caller]
fn check_pickle(format: &str, file: &str, types: (&[u8], &[&[u8]]), storage: (&[u8], usize)) {
    let sound = std::fs::read(root().join("tests/data/nvidia").join(file)).expect("a pickle");
    // A value before the sound ones, taken away again.
    let before = |opcodes: &[u8]| [&sound[..2], opcodes, b"0", &sound[2..]].concat();
    let run = |class: &str, least, make: &dyn Fn(usize) -> Vec<u8>| check(format, &sound, class, least, make);
    run("truncation", 20, &|i| cut(&sound, i));
    // A frame that ends elsewhere between two opcodes says nothing else.
    run("flipped bytes", 18, &|i| put(&sound, 2 + i / 2, &[sound[2 + i / 2] ^ [0x81, 0x7e][i % 2]]));
    run("oversized lengths", 20, &|i| {
        let size = 1u64 << (31 + i);
        match i % 3 {
            0 => before(&[&b"\x8d"[..], &size.to_le_bytes(), b"abc"].concat()),
            1 => before(&[&b"\x8e"[..], &size.to_le_bytes(), b"abc"].concat()),
            _ => before(&[&b"\x8b"[..], &(0x7fff_0000 + i as u32).to_le_bytes(), b"abc"].concat()),
        }
    });
    let at = find(&sound, storage.0) + storage.1;
    run("overlapping windows", 20, &|i| put(&sound, at, &[sound[at].wrapping_add(i as u8 + 1)]));
    // Taken away again it does no harm; around the network it is no network.
    run("deep nesting", 10, &|i| match i % 2 {
        0 => before(&[&b")"[..], &b"\x85".repeat(5000 << (i / 4))].concat()),
        _ => [&sound[..sound.len() - 1], &b"\x85".repeat(5000 << (i / 4)), b"."].concat(),
    });
    run("memo bombs", 20, &|i| match i % 2 {
        0 => before(&[&b")r"[..], &(u32::MAX - i as u32).to_le_bytes()].concat()),
        _ => before(&[b'h', i as u8 * 12]),
    });
    run("bytes before", 20, &|i| [&vec![b"\0 \nG"[i % 4]; i + 1], &sound[..]].concat());
    let places: Vec<usize> = (0..sound.len()).filter(|&at| sound[at..].starts_with(types.0)).collect();
    run("wrong types", 20, &|i| put(&sound, places[i / types.1.len()], types.1[i % types.1.len()]));
    run("evil names", 20, &|i| {
        let modules = ["os\nsystem", "builtins\neval", "subprocess\nPopen", "runpy\nrun_path", "posix\nsystem"];
        let call = [&b"X\x02\0\0\0id\x85R"[..], b"", b")\x81", b"X\x02\0\0\0id\x85b"][i / 5];
        before(&[format!("c{}\n", modules[i % 5]).as_bytes(), call].concat())
    });
    run("lying headers", 20, &|i| put(&sound, 3, &((sound.len() as u64) << (i + 1)).to_le_bytes()));
}

#[test]
fn nvidia_pickles() {
    let others: [&[u8]; 5] = [b"QInt8Storage", b"FloatStorag3", b"floatStorage", b"QUInt8Storag", b"Float\0torage"];
    check_pickle("NVIDIA", "alone.pkl", (b"FloatStorage", &others), (b"cpuq\x03K\x80Ntq\x04Q", 8));
}

#[test]
fn tensorflow_pickles() {
    let others: Vec<&[u8]> =
        "f3 O8 c8 V4 U1 S4 M8 m8 i3 f1 f5 x4 c4 g8 q8 V0 U4 O4 f9 b9".split(' ').map(str::as_bytes).collect();
    check_pickle("TensorFlow", "tf-alone.pkl", (b"f4\x94", &others), (b"K\x08K\x08\x86", 1));
}

/// A file that loses its end after its header was read: the build says so and leaves nothing behind.
#[track_caller]
fn check_shrunk(file: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let sound = std::fs::read(root().join("tests/data").join(file)).expect("a file");
    let name = Path::new(file).file_name().and_then(|name| name.to_str()).expect("a name");
    let path = dir.path().join(name);
    for index in 0..20 {
        std::fs::write(&path, &sound).expect("a file");
        let text = format!("blend 1\n\nmodel a = \"{name}\"\n\noutput \"out.safetensors\" = 0.5 * a + 0.5 * a\n");
        let (compiled, _) = compile(&text, dir.path(), &Settings::default()).unwrap_or_else(|text| panic!("{text}"));
        let short = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
        short.set_len((sound.len() * index / 20) as u64).expect("a shorter file");
        let result = exec::run(&compiled.recipe, &compiled.plan, &exec::Options::default(), &exec::Progress::default());
        match result.map(|_| ()).expect_err("a file that shrank") {
            exec::Stop::Problems(list) => {
                assert!(!list.is_empty() && list.iter().all(|problem| problem.help.is_some()))
            }
            exec::Stop::Cancelled => panic!("nobody cancelled"),
        }
        assert!(!dir.path().join("out.safetensors").exists(), "{file}: what was left after {index}");
    }
}

#[test]
fn files_that_shrink_before_the_build() {
    for file in ["mini-nvidia.safetensors", "arrays/a.npy", "nvidia/sg3.pkl", "nvidia/tf-alone.pkl"] {
        check_shrunk(file);
    }
}
