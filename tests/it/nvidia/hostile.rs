//! Bare pickles that cost little to write and must cost little to read.

use crate::pickle::asm::Asm;
use blend::diag::Problem;
use blend::store;
use blend::tensor::Header;
use std::time::Duration;
use std::time::Instant;

/// What is read of these bytes, soon.
#[track_caller]
fn open(bytes: &[u8], key: Option<&str>) -> Result<Header, Problem> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.pkl");
    std::fs::write(&path, bytes).expect("a file");
    let start = Instant::now();
    let read = store::open(&path, key);
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    read
}

/// Bytes are refused with this code and these words.
#[track_caller]
fn check_refused(bytes: &[u8], key: Option<&str>, code: &str, part: &str) {
    let problem = open(bytes, key).expect_err("it is refused");
    let said = [vec![problem.message.clone()], problem.notes.clone()].concat().join("\n");
    assert_eq!(problem.code.0, code, "{said}");
    assert!(said.contains(part), "{said}\nlacks: {part}");
}

/// A module whose state has these entries.
fn module(asm: Asm, state: impl Fn(Asm) -> Asm) -> Asm {
    let asm = asm.global("torch_utils.persistence", "_reconstruct_persistent_obj").op(b'(').raw(b"}(");
    let asm = asm.text("type").text("class").text("version").int(6).text("module_src").text("");
    state(asm.text("class_name").text("G").text("state").raw(b"}(")).raw(b"uutR")
}

/// Buffers that are not stored are looked up, however many there are.
#[test]
fn buffers_left_out_are_quick() {
    let bytes = module(Asm::new(4).op(b'}').text("G_ema"), |asm| {
        let asm = asm.text("_non_persistent_buffers_set").raw(b"\x8f(").text("zzzzzzz").raw(b"q\0");
        let asm = asm.raw(&b"h\0".repeat(50_000)).op(0x90).text("_buffers").raw(b"}(");
        (0..8_000).fold(asm, |asm, index| asm.text(&format!("b{index:06}")).op(b'N')).op(b'u')
    });
    assert!(open(&bytes.op(b's').stop(), None).expect("a network without tensors").entries.is_empty());
}

/// Names of modules in modules end where no name is as long.
#[test]
fn names_of_modules_stay_short() {
    fn deep(asm: Asm, levels: usize) -> Asm {
        module(asm, |asm| match levels {
            0 => asm,
            _ => deep(asm.text("_modules").op(b'}').text(&"m".repeat(500)), levels - 1).op(b's'),
        })
    }
    open(&deep(Asm::new(2), 8).stop(), None).expect("eight levels");
    check_refused(&deep(Asm::new(2), 9).stop(), None, "E0507", "a name of more than 4096 bytes");
}

/// An array of 64 KiB in protocol 2, whose bytes have to be decoded.
fn decoded(asm: Asm) -> Asm {
    let asm = asm.global("numpy.core.multiarray", "_reconstruct").global("numpy", "ndarray").raw(b"K\0\x85U\x01b\x87R");
    let asm = asm.op(b'(').int(1).ints(&[65_536]).global("numpy", "dtype").text("u1").raw(b"\x89\x88\x87R(").int(3);
    let asm = asm.text("|").raw(b"NNN").int(-1).int(-1).int(0).raw(b"tb\x89").global("_codecs", "encode");
    asm.text(&"a".repeat(65_536)).text("latin1").raw(b"\x86Rtb")
}

/// Arrays that are tied are one, in memory too.
#[test]
fn tied_arrays_are_decoded_once() {
    let asm = decoded(Asm::new(2)).raw(b"q\x010}(");
    let asm = (0..500).fold(asm, |asm, index| asm.text(&format!("w{index}")).raw(b"h\x01"));
    let header = open(&asm.op(b'u').stop(), None).expect("a dictionary of arrays");
    assert_eq!((header.entries.len(), header.files.len()), (500, 2));
    assert_eq!(header.files[1].size, 65_536);
    // A name that stands in another dictionary too; and one that is too long.
    let two = |first: &str, second: &str| {
        let asm = decoded(Asm::new(2)).raw(b"q\x010}(").text("a").raw(b"}(").text("b").raw(b"h\x01u");
        asm.text(first).raw(b"h\x01").text(second).raw(b"h\x01u").stop()
    };
    check_refused(&two("a.b", "c"), Some("."), "E0507", "two tensors that are `a.b` when names are joined by dots");
    check_refused(&two("c", &"n".repeat(5000)), Some("."), "E0507", "a name of more than 4096 bytes");
}

/// Arrays of floats at the top of a file are of the model unless a dictionary has the name of one.
#[test]
fn arrays_beside_dictionaries() {
    let array = |asm: Asm| {
        let asm = asm.global("numpy.core.multiarray", "_reconstruct").global("numpy", "ndarray");
        let asm = asm.raw(b"K\0\x85U\x01b\x87R(").int(1).ints(&[1]).global("numpy", "dtype").text("f4");
        let asm = asm.raw(b"\x89\x88\x87R(").int(3).text("<").raw(b"NNN").int(-1).int(-1).int(0).raw(b"tb\x89");
        asm.raw(b"U\x04\0\0\0\0tb")
    };
    let names = |key: &str| {
        let asm = array(Asm::new(2).raw(b"}(").text(key).raw(b"}").text("w")).op(b's');
        let header = open(&array(asm.text("mean")).op(b'u').stop(), None).expect("it is read");
        header.entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("parts"), ["parts.w", "mean"]);
    assert_eq!(names("state_dict"), ["w"]);
}

/// A network beside a thing that unfolds to millions of places, in dictionaries in dictionaries.
fn unfolding(levels: usize) -> Vec<u8> {
    let lists = Asm::new(2).raw(b"](").raw(&b"N".repeat(100)).raw(b"eq\x010](").raw(&b"h\x01".repeat(100));
    let lists =
        lists.raw(b"eq\x020](").raw(&b"h\x02".repeat(100)).raw(b"eq\x030").raw(&b"}X\x01\0\0\0a".repeat(levels));
    let both = module(lists.raw(b"}(").text("z").raw(b"h\x03").text("m"), |asm| asm).op(b'u');
    both.raw(&b"s".repeat(levels)).stop()
}

/// Not everything is looked through once per level, and no network is found too deep.
#[test]
fn levels_are_few() {
    assert!(open(&unfolding(3), None).expect("a network without tensors").entries.is_empty());
    check_refused(&unfolding(200), None, "E0521", "no tensors under names");
}
