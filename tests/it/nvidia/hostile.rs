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
