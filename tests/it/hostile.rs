//! Inputs that lie: every family of them is refused with its code, and what is accepted, the safetensors crate reads
//! in the same way.

pub mod pages;

use blend::diag::Problem;
use blend::store;
use blend::tensor::Header;
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;
use tempfile::TempDir;

/// A safetensors file with this header and so many bytes of tensors.
fn file(json: &str, data: usize) -> Vec<u8> {
    framed(json.len() as u64, json.as_bytes(), data)
}

fn framed(length: u64, header: &[u8], data: usize) -> Vec<u8> {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    bytes.resize(bytes.len() + data, 7);
    bytes
}

/// The JSON of one tensor.
fn tensor(name: &str, dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{begin},{end}]}}"#)
}

/// A header of these members.
fn header(members: &[String]) -> String {
    format!("{{{}}}", members.join(","))
}

/// A problem as text, with the names of the directory left out.
fn said(problem: &Problem, directory: &Path) -> String {
    let mut lines = vec![problem.message.clone()];
    lines.extend(problem.notes.iter().map(|note| format!("  note: {note}")));
    lines.extend(problem.help.iter().map(|help| format!("  help: {help}")));
    let text = lines.join("\n");
    text.replace(&format!("{}/", directory.display()), "").replace(&directory.display().to_string(), "models")
}

/// Every problem is complete, and quick to come to; the second is only there against hanging.
#[track_caller]
fn refused(path: &Path) -> Problem {
    let start = Instant::now();
    let problem = match store::open(path, None) {
        Ok(_) => panic!("{} was accepted", path.display()),
        Err(problem) => problem,
    };
    assert!(start.elapsed() < Duration::from_secs(60), "took {:?}", start.elapsed());
    let first = problem.message.chars().next();
    assert!(first.is_some_and(|c| c == '`' || c.is_lowercase()), "{}", problem.message);
    assert!(!problem.message.ends_with('.') && problem.message.len() < 600, "{}", problem.message);
    assert!(problem.help.is_some() && problem.labels.is_empty());
    assert!(!said(&problem, path).chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')));
    problem
}

/// A file of these bytes is refused with this code, and the text says this.
#[track_caller]
fn check(bytes: &[u8], code: &str, part: &str) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let problem = refused(&path);
    let text = said(&problem, directory.path());
    assert_eq!(problem.code.0, code, "{text}");
    assert!(text.contains(part), "{text}\nlacks: {part}");
}

/// A directory of these files is refused with this code, and the text says this.
#[track_caller]
fn check_directory(files: &[(&str, Vec<u8>)], code: &str, part: &str) {
    let directory = TempDir::new().unwrap();
    for (name, bytes) in files {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
    let problem = refused(directory.path());
    let text = said(&problem, directory.path());
    assert_eq!(problem.code.0, code, "{text}");
    assert!(text.contains(part), "{text}\nlacks: {part}");
}

#[track_caller]
fn accepted(bytes: &[u8]) -> Header {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let header = store::open(&path, None).unwrap_or_else(|problem| panic!("{}", said(&problem, directory.path())));
    same_as_crate(bytes, &header);
    header
}

/// The crate reads the same tensors from the same bytes.
#[track_caller]
fn same_as_crate(bytes: &[u8], header: &Header) {
    let theirs = safetensors::SafeTensors::deserialize(bytes).expect("what we accept, the crate accepts");
    assert_eq!(theirs.len(), header.entries.len());
    for entry in &header.entries {
        let view = theirs.tensor(&entry.name).expect("the crate has it too");
        assert_eq!(format!("{}", view.dtype()), entry.dtype.safetensors_name());
        assert_eq!(view.shape().iter().map(|&size| size as u64).collect::<Vec<_>>(), entry.shape.to_vec());
        let start = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
        assert_eq!((start as u64, view.data().len() as u64), (entry.offset, entry.len));
    }
}

#[test]
fn lengths_that_lie() {
    let good = header(&[tensor("a", "F32", "2", 0, 8)]);
    check(&framed(u64::MAX, good.as_bytes(), 8), "E0505", "found a header of 18446744073709551615 bytes");
    check(&framed(100_000_001, good.as_bytes(), 8), "E0505", "at byte 0: found a header of 100000001 bytes");
    check(&framed(good.len() as u64 + 9, good.as_bytes(), 8), "E0504", "is cut off within its header");
    check(&framed(0, good.as_bytes(), 8), "E0505", "found a header of 0 bytes");
    check(&framed(1, good.as_bytes(), 8), "E0505", "found a header of 1 bytes");
    check(b"", "E0504", "is empty");
    for size in 1..8 {
        check(&[7; 7][..size], "E0504", "is too short");
    }
    check(&framed(0, b"", 0), "E0505", "found a header of 0 bytes");
    check(&framed(8, b"\xff{}     ", 0), "E0505", "at byte 8: found the byte 0xff, expected `{`");
    // A header that is not UTF-8.
    check(&file("{\"a\u{0}", 0), "E0506", "at byte 11: found the byte 0x00, expected an escape");
    check(&framed(8, b"{\"\xff\xfe\":1}", 0), "E0506", "UTF-8");
}

#[test]
fn bombs() {
    // 81 MB of header, sparse so that the test costs nothing: refused by its length.
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a.safetensors");
    let bytes = framed(81_000_000, b"{", 0);
    std::fs::write(&path, bytes).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(90_000_000).unwrap();
    assert_eq!(refused(&path).code.0, "E0510");

    // As many empty tensors as fit into the longest header that is read.
    let mut json = String::from("{");
    let mut count = 0;
    while json.len() < (32 << 20) - 100 {
        let comma = if count > 0 { "," } else { "" };
        json.push_str(&format!("{comma}{}", tensor(&format!("{count}"), "U8", "0", 0, 0)));
        count += 1;
    }
    json.push('}');
    std::fs::write(&path, file(&json, 0)).unwrap();
    assert_eq!(refused(&path).code.0, "E0510");

    // The longest header that is read, all spaces.
    let json = format!("{{{}", " ".repeat((32 << 20) - 1));
    std::fs::write(&path, file(&json, 0)).unwrap();
    assert_eq!(refused(&path).code.0, "E0506");

    // A long text, and many short ones.
    let json = format!(r#"{{"__metadata__":{{"a":"{}"}}}}"#, "x".repeat((8 << 20) + 1));
    std::fs::write(&path, file(&json, 0)).unwrap();
    assert_eq!(refused(&path).code.0, "E0506");
    let texts: Vec<String> = (0..200_000).map(|at| format!(r#""{at}":"""#)).collect();
    std::fs::write(&path, file(&format!(r#"{{"__metadata__":{}}}"#, header(&texts)), 0)).unwrap();
    assert_eq!(refused(&path).code.0, "E0510");

    // More shards than a model has.
    for at in 0..1025 {
        std::fs::write(directory.path().join(format!("{at}.safetensors")), b"").unwrap();
    }
    assert_eq!(refused(directory.path()).code.0, "E0510");

    // A sparse file of 16 TB (as far as the file system goes) with a header of zeros.
    let sparse = std::fs::File::create(&path).unwrap();
    if sparse.set_len(15 << 40).is_ok() {
        assert_eq!(refused(&path).code.0, "E0505");
    }
}

#[test]
fn names_twice() {
    let members = [tensor("a", "U8", "4", 0, 4), tensor("a", "F32", "1", 0, 4)];
    check(&file(&header(&members), 4), "E0507", "has the name `a` twice");
    check(&file(r#"{"__metadata__":{},"__metadata__":{}}"#, 0), "E0507", "`__metadata__` twice");
    check(&file(r#"{"__metadata__":{"a":"1","a":"2"}}"#, 0), "E0507", "`a` twice");
    for field in [r#""dtype":"U8""#, r#""shape":[4]"#, r#""data_offsets":[0,4]"#] {
        let json = format!(r#"{{"a":{{"dtype":"U8","shape":[4],"data_offsets":[0,4],{field}}}}}"#);
        check(&file(&json, 4), "E0507", "twice");
    }
    let json = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"strides":[1]}}"#;
    check(&file(json, 4), "E0506", "at byte 60: found `strides`, expected `dtype`, `shape` and `data_offsets`");
    check(&file(r#"{"a":{"dtype":"U8","shape":[4]}}"#, 4), "E0506", "found `a` without one of them");
}

#[test]
fn starts_and_padding() {
    let good = header(&[tensor("a", "F32", "2", 0, 8)]);
    check(&file(&format!(" {good}"), 8), "E0505", "at byte 8: found a space, expected `{`");
    check(&file(&format!("{good}\n\t"), 8), "E0506", "found a line break, expected spaces");
    check(&file(&format!("{good}\0"), 8), "E0506", "found the byte 0x00, expected spaces");
    check(&file(&format!("{good}{good}"), 8), "E0506", "found `{`, expected spaces");
    check(&file("[1, 2, 3]", 8), "E0505", "found `[`");
    check(&file("{", 0), "E0505", "found a header of 1 bytes");
    check(&file("{ ", 0), "E0506", "found the end, expected `,` or `}`");
}

#[test]
fn ranges_that_lie() {
    let a = tensor("a", "F32", "2", 0, 8);
    check(&file(&header(&[a.clone(), tensor("b", "U8", "1", 9, 10)]), 10), "E0509", "has a hole before the tensor `b`");
    check(&file(&header(&[tensor("a", "F32", "2", 8, 16)]), 16), "E0509", "has a hole before the tensor `a`");
    check(&file(&header(std::slice::from_ref(&a)), 9), "E0509", "found 1 more bytes, expected the end");
    check(&file("{}", 9), "E0509", "has bytes after its last tensor");
    check(&file(&header(&[a.clone(), tensor("b", "F32", "2", 0, 8)]), 8), "E0509", "`a` and `b` on the same bytes");
    check(&file(&header(&[a.clone(), tensor("b", "F32", "2", 4, 12)]), 12), "E0509", "on the same bytes");
    check(&file(&header(&[tensor("a", "F32", "2", 8, 0)]), 8), "E0508", "found the byte range 8 to 0");
    check(&file(&header(std::slice::from_ref(&a)), 7), "E0504", "found the end, expected 1 more bytes");
    let far = tensor("a", "U8", "4", u64::MAX - 4, u64::MAX);
    check(&file(&header(&[far]), 4), "E0509", "hole");
    let huge = tensor("a", "U8", "9223372036854775807", 0, 9_223_372_036_854_775_807);
    check(&file(&header(&[huge]), 4), "E0504", "is cut off");
}

#[test]
fn shapes_that_lie() {
    // 4 modulo 2^64.
    let wraps = tensor("a", "U8", "4194305,4194305,211106198978564", 0, 4);
    check(&file(&header(&[wraps]), 4), "E0508", "more elements than can be counted");
    check(&file(&header(&[tensor("a", "F32", "3", 0, 8)]), 8), "E0508", "expected 12 bytes for F32 [3]");
    let zero = tensor("a", "U8", "0,18446744073709551615,18446744073709551615", 0, 0);
    check(&file(&header(&[zero]), 0), "E0508", "more elements than can be counted");
    let zero = tensor("a", "U8", "18446744073709551615,0", 0, 0);
    check(&file(&header(&[zero]), 0), "E0508", "more elements than can be counted");
    let deep = vec!["1"; 33].join(",");
    check(&file(&header(&[tensor("a", "U8", &deep, 0, 1)]), 1), "E0508", "at most 32");
}

#[test]
fn names_that_lie() {
    check(&file(&header(&[tensor("", "U8", "1", 0, 1)]), 1), "E0507", "an empty name");
    let long = "x".repeat(4097);
    check(&file(&header(&[tensor(&long, "U8", "1", 0, 1)]), 1), "E0506", "a string longer than 4096 bytes");
    for hidden in ["\\u0000", "\\u001b[2J", "\\n", "\u{202e}", "\u{7f}", "\u{200b}", "\u{feff}"] {
        let name = format!("a{hidden}b");
        check(&file(&header(&[tensor(&name, "U8", "1", 0, 1)]), 1), "E0507", "a name with hidden characters, `a\\u{");
    }
    check(&file(&header(&[tensor("../../x", "U8", "1", 0, 1)]), 1), "E0507", "a name that is a path, `../../x`");
    check(&file(&header(&[tensor("a\\\\..\\\\x", "U8", "1", 0, 1)]), 1), "E0507", "a name that is a path");
}

#[test]
fn values_that_lie() {
    check(&file(&header(&[tensor("a", "F33", "1", 0, 1)]), 1), "E0508", "found `F33`, expected a type such as");
    check(&file(&header(&[tensor("a", "F4", "3", 0, 2)]), 2), "E0508", "does not compute with");
    for number in ["1.0", "-0", "-1", "1e400", "\"4\"", "01", "NaN", "null", "[1]", "18446744073709551616"] {
        check(&file(&header(&[tensor("a", "U8", number, 0, 1)]), 1), "E0506", "expected");
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    check(&file(&deep, 0), "E0506", "at byte 13: found `[`, expected `{`");
    let deep = format!(r#"{{"__metadata__":{{"a":{}{}}}}}"#, "[".repeat(200), "]".repeat(200));
    check(&file(&deep, 0), "E0506", "found `[`, expected a string");
    check(&file(r#"{"__metadata__":{"a":1}}"#, 0), "E0506", "expected a string");
    check(&file(r#"{"__metadata__":null}"#, 0), "E0506", "expected `{`");
    check(&file(r#"{"a\ud800":{}}"#, 0), "E0506", "half of a character");
    check(&file(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}"#, 1), "E0506", "found 3 offsets of `a`");
    check(
        &file(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}"#, 1),
        "E0506",
        "found `}`, expected a string",
    );
    check(&file(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]"#, 1), "E0506", "found the end");
}

#[test]
fn other_kinds_of_files() {
    check(b"BLENDER-v300RENDH", "E0503", "is a Blender scene");
    check(b"\x28\xb5\x2f\xfd\0\0\0\0\0\0", "E0503", "zstd");
    check(b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "E0503", "gzip");
    check(b"7z\xbc\xaf\x27\x1c\0\x04", "E0503", "7z");
    check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "E0503", "a PNG image");
    check(b"<!DOCTYPE html>\n<html>", "E0503", "is a web page");
    check(b"\n <HTML><body>404", "E0503", "is a web page");
    check(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "E0503", "git lfs pull");
    check(b"blend 1\n\nmodel a = \"a.safetensors\"\n", "E0503", "is a recipe of blend");
    check(b"{\"model_type\": \"llama\"}", "E0503", "is a JSON text");
    check(b"Access denied. Log in first, please.\n", "E0503", "is a text");
    let mut tar = vec![0; 512];
    tar[..7].copy_from_slice(b"model.x");
    tar[257..262].copy_from_slice(b"ustar");
    check(&tar, "E0503", "a tar archive");
}

/// An index that maps these tensors, and shards of them.
fn sharded() -> Vec<(&'static str, Vec<u8>)> {
    let index =
        r#"{"metadata":{"total_size":12,"deep":[{"x":1}]},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#;
    vec![
        ("model.safetensors.index.json", index.into()),
        ("1.safetensors", file(&header(&[tensor("a", "F32", "2", 0, 8)]), 8)),
        ("2.safetensors", file(&header(&[tensor("b", "F32", "", 0, 4)]), 4)),
    ]
}

fn with_index(index: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut files = sharded();
    files[0].1 = index.into();
    files
}

#[test]
fn indexes_that_lie() {
    for shard in ["../1.safetensors", "/etc/1.safetensors", "x/1.safetensors", "", "..", "1.bin", "a\\\\b.safetensors"]
    {
        let index = format!(r#"{{"weight_map":{{"a":"{shard}"}}}}"#);
        check_directory(&with_index(&index), "E0511", "expected a file name such as");
    }
    check_directory(&with_index(r#"{"weight_map":{"a":"1.safetensors"}}x"#), "E0511", "expected the end of the index");
    check_directory(&with_index(r#"{"weight_map":{"a":1}}"#), "E0511", "expected a string");
    check_directory(&with_index(r#"{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}"#), "E0511", "`a` twice");
    check_directory(&with_index(r#"{"weight_map":{},"weight_map":{}}"#), "E0511", "`weight_map` twice");
    check_directory(&with_index("{}"), "E0511", "expected `weight_map`");
    let keys: Vec<String> = (0..65).map(|at| format!(r#""{at}":1"#)).collect();
    check_directory(&with_index(&header(&keys)), "E0511", "at most 64 keys");
    check_directory(&with_index(""), "E0511", "found the end, expected `{`");
    check_directory(&with_index(&format!("{{\"x\":{}", "[".repeat(200))), "E0511", "at most 64 brackets");
}

#[test]
fn indexes_and_shards_disagree() {
    let index = |map: &str| with_index(&format!(r#"{{"weight_map":{{{map}}}}}"#));
    let missing = index(r#""a":"1.safetensors","b":"2.safetensors","c":"2.safetensors""#);
    check_directory(&missing, "E0512", "has `c` in `2.safetensors`, but it is not there");
    let swapped = index(r#""a":"2.safetensors","b":"1.safetensors""#);
    check_directory(&swapped, "E0512", "has `a` in `2.safetensors`, but it is in `1.safetensors`");
    let absent = index(r#""a":"1.safetensors","b":"3.safetensors""#);
    check_directory(&absent, "E0512", "`3.safetensors` is missing");
    let mut extra = sharded();
    let both = header(&[tensor("b", "F32", "", 0, 4), tensor("c", "U8", "1", 4, 5)]);
    extra[2].1 = file(&both, 5);
    check_directory(&extra, "E0512", "lacks `c`, which is in `2.safetensors`");
    let mut double = sharded();
    double[2].1 = double[1].1.clone();
    check_directory(&double, "E0512", "has the tensor `a`, which `1.safetensors` has too");
    // Without an index, too.
    check_directory(&double[1..], "E0512", "has the tensor `a`, which `1.safetensors` has too");
}

#[test]
fn directories_without_a_checkpoint() {
    check_directory(&[], "E0513", "has no `.safetensors` file");
    check_directory(&[("model.bin", b"x".to_vec())], "E0513", "it has `model.bin`, which may be the model");
    let index = sharded().remove(0).1;
    let two = [("x.safetensors.index.json", index.clone()), ("y.safetensors.index.json", index)];
    check_directory(&two, "E0513", "several indexes");
    let directory = TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("unet")).unwrap();
    std::fs::write(directory.path().join("unet/model.safetensors"), b"").unwrap();
    let problem = refused(directory.path());
    assert_eq!(problem.code.0, "E0513");
    assert!(said(&problem, directory.path()).contains("`unet`"));
}

#[test]
fn directories_are_read() {
    let directory = TempDir::new().unwrap();
    for (name, bytes) in sharded() {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
    let names = |header: &Header| header.entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
    let whole = store::open(directory.path(), None).unwrap();
    assert_eq!(names(&whole), ["a", "b"]);
    assert_eq!(whole.files.len(), 2);
    assert_eq!(store::open(&directory.path().join("model.safetensors.index.json"), None).unwrap(), whole);
    std::fs::remove_file(directory.path().join("model.safetensors.index.json")).unwrap();
    assert_eq!(store::open(directory.path(), None).unwrap(), whole);
    std::fs::remove_file(directory.path().join("1.safetensors")).unwrap();
    let single = store::open(directory.path(), None).unwrap();
    assert_eq!(names(&single), ["b"]);
    assert_eq!(single, store::open(&directory.path().join("2.safetensors"), None).unwrap());
}

#[cfg(unix)]
#[test]
fn links_and_special_files() {
    use std::os::unix::fs::symlink;
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    // A link out of the directory.
    std::fs::create_dir(at("model")).unwrap();
    std::fs::write(at("private.safetensors"), file("{}", 0)).unwrap();
    symlink("../private.safetensors", at("model/model.safetensors")).unwrap();
    let problem = refused(&at("model"));
    assert_eq!(problem.code.0, "E0511");
    // The cache of the hub links to its blobs.
    std::fs::create_dir_all(at("models--a--b/snapshots/0123")).unwrap();
    std::fs::create_dir(at("models--a--b/blobs")).unwrap();
    std::fs::write(at("models--a--b/blobs/4567"), file("{}", 0)).unwrap();
    symlink("../../blobs/4567", at("models--a--b/snapshots/0123/model.safetensors")).unwrap();
    assert!(store::open(&at("models--a--b/snapshots/0123"), None).is_ok());
    // The user may name a link.
    symlink("private.safetensors", at("link.safetensors")).unwrap();
    assert!(store::open(&at("link.safetensors"), None).is_ok());
    // Nothing waits or reads for ever.
    assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    for special in [at("pipe"), "/dev/zero".into(), "/dev/null".into()] {
        assert_eq!(refused(&special).code.0, "E0502");
    }
    assert_eq!(refused(Path::new("/proc/self/cmdline")).code.0, "E0504");
    symlink("loop", at("loop")).unwrap();
    assert_eq!(refused(&at("loop")).code.0, "E0502");
}

#[test]
fn missing_files_have_the_nearest_name() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("faces.safetensors"), file("{}", 0)).unwrap();
    let help = |name: &str| {
        let problem = refused(&directory.path().join(name));
        assert_eq!(problem.code.0, "E0501");
        said(&problem, directory.path())
    };
    assert!(help("face.safetensors").ends_with("help: write `faces.safetensors`"));
    assert!(help("other/x.safetensors").contains("write one of the names in `models`: `faces.safetensors`"));
    assert!(help("faces.safetensors/x").contains("goes through a file"));
}

#[test]
fn lawful_files_are_read() {
    assert!(accepted(&file("{}", 0)).entries.is_empty());
    let only = accepted(&file(r#"{"__metadata__":{"format":"pt","é":"\u00e9\ud83d\ude00"}}    "#, 0));
    assert_eq!(only.metadata["é"], "é😀");
    // Scalars, empty tensors, any order, white space inside.
    let members = [
        tensor("b", "BF16", "2, 2", 12, 20),
        tensor("scalar", "F64", "", 0, 8),
        tensor("none", "F32", "0,3", 12, 12),
        tensor("a", "I32", "1", 8, 12),
        tensor("last", "U8", "0", 20, 20),
    ];
    let json = header(&members).replace(',', " ,\n\t");
    let read = accepted(&file(&json, 20));
    let names: Vec<&str> = read.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["scalar", "a", "none", "b", "last"]);
    let types = ["BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "U16", "I16", "F16", "BF16", "U32", "I32", "F32"];
    for dtype in types.into_iter().chain(["U64", "I64", "F64", "C64"]) {
        let bytes = blend::tensor::Dtype::from_safetensors(dtype).unwrap().bytes();
        accepted(&file(&header(&[tensor("a", dtype, "3", 0, 3 * bytes)]), 3 * bytes as usize));
    }
    accepted(&file(&header(&[tensor("a", "U8", &vec!["1"; 32].join(","), 0, 1)]), 1));
}

/// The length of a header may have the bytes with which pickles begin.
#[test]
fn lengths_that_look_like_pickles() {
    for length in [0x0280, 0x0380, 0x0480, 0x0580, 0x1_0280] {
        let json = header(&[tensor("a", "F32", "2", 0, 8)]);
        let padded = format!("{json}{}", " ".repeat(length - json.len()));
        assert_eq!(accepted(&file(&padded, 8)).entries.len(), 1);
    }
}

#[test]
fn many_tensors_are_read() {
    let count = 64_000;
    let members: Vec<String> = (0..count)
        .map(|at| tensor(&format!("model.layers.{at}.self_attn.q_proj.weight"), "BF16", "1", 2 * at, 2 * at + 2))
        .collect();
    assert_eq!(accepted(&file(&header(&members), 2 * count as usize)).entries.len(), count as usize);
}

#[test]
fn digests_are_of_names_types_and_shapes() {
    let a = tensor("a", "F32", "2", 0, 8);
    let b = tensor("b", "F32", "1", 8, 12);
    let digest = |members: &[String], padding: &str| {
        store::header_digest(&accepted(&file(&format!("{}{padding}", header(members)), 12)))
    };
    let first = digest(&[a.clone(), b.clone()], "");
    assert_eq!(first.len(), 64);
    assert_eq!(first, digest(&[b.clone(), a.clone()], "   "));
    assert_eq!(first, digest(&[tensor("b", "F32", "1", 0, 4), tensor("a", "F32", "2", 4, 12)], ""));
    assert_eq!(first, digest(&[r#""__metadata__":{"x":"y"}"#.into(), a.clone(), b.clone()], ""));
    assert_ne!(first, digest(&[a.clone(), tensor("b", "I32", "1", 8, 12)], ""));
    assert_ne!(first, digest(&[a.clone(), tensor("b", "F32", "1,1", 8, 12)], ""));
    assert_ne!(first, digest(&[a, tensor("c", "F32", "1", 8, 12)], ""));
}

/// Small files, mostly lawful, with some bytes changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let base = header(&[
        r#""__metadata__":{"format":"pt"}"#.into(),
        tensor("a.weight", "F32", "1,2", 0, 8),
        tensor("b\\u00e9", "BF16", "", 8, 10),
        tensor("c", "U8", "0", 10, 10),
    ]);
    let bytes = file(&base, 10);
    let length = bytes.len();
    let snippets = prop::sample::select(vec![
        "",
        " ",
        "0",
        "1",
        "9",
        "-",
        ".0",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\\",
        "\\u0041",
        "\\ud800",
        "\u{202e}",
        "a",
        "U8",
        "F64",
        "null",
        "\n",
        "\0",
        "18446744073709551615",
        "\"x\":{}",
        "é",
    ]);
    let edits = prop::collection::vec((0..length, 0usize..4, snippets, any::<bool>()), 0..4);
    edits.prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (at, drop, insert, adjust) in edits {
            let at = at.min(bytes.len());
            let end = (at + drop).min(bytes.len());
            let before = bytes.len() as i64;
            bytes.splice(at..end, insert.bytes());
            // Edits within the header keep its length right half of the time, so that they reach the parser.
            if adjust && at >= 8 && bytes.len() >= 8 {
                let length =
                    i64::from_le_bytes(bytes[..8].try_into().unwrap()).wrapping_add(bytes.len() as i64 - before);
                bytes[..8].copy_from_slice(&length.to_le_bytes());
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Accepted here means accepted by the crate, with the same tensors.
    #[test]
    fn the_crate_accepts_what_we_accept(bytes in mutated()) {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("a.safetensors");
        std::fs::write(&path, &bytes).unwrap();
        match store::open(&path, None) {
            Ok(header) => same_as_crate(&bytes, &header),
            Err(problem) => prop_assert!(problem.help.is_some() && problem.code.0.starts_with("E05")),
        }
    }
}
