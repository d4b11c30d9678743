//! GGUF models that lie.

use super::bytes_of;
use super::check;
use super::open;
use super::sweep;

/// Numbers of value types.
pub const U8: u32 = 0;
pub const U32: u32 = 4;
const BOOL: u32 = 7;
pub const TEXT: u32 = 8;
pub const LIST: u32 = 9;

/// Types of tensors.
const F32: u32 = 0;
const Q4_0: u32 = 2;
const Q5_K: u32 = 13;

/// A file in the making.
#[derive(Clone)]
pub struct Gguf {
    pub version: u32,
    /// Where the file says another number.
    pub tensors: Option<u64>,
    pub pairs: Option<u64>,
    pub pairs_made: Vec<Vec<u8>>,
    pub infos: Vec<Vec<u8>>,
    pub alignment: usize,
    pub data: Vec<u8>,
}

pub fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

impl Gguf {
    pub fn new() -> Gguf {
        Gguf { version: 3, tensors: None, pairs: None, pairs_made: vec![], infos: vec![], alignment: 32, data: vec![] }
    }

    pub fn pair(mut self, key: &str, kind: u32, value: &[u8]) -> Gguf {
        self.pairs_made.push([&text(key)[..], &kind.to_le_bytes(), value].concat());
        self
    }

    /// A tensor; axes fastest first.
    pub fn tensor(mut self, name: &str, axes: &[u64], kind: u32, offset: u64) -> Gguf {
        let axes: Vec<u8> = [&(axes.len() as u32).to_le_bytes()[..]]
            .into_iter()
            .map(<[u8]>::to_vec)
            .chain(axes.iter().map(|axis| axis.to_le_bytes().to_vec()))
            .flatten()
            .collect();
        self.infos.push([&text(name)[..], &axes, &kind.to_le_bytes()[..], &offset.to_le_bytes()].concat());
        self
    }

    /// So many bytes of tensors.
    pub fn data(mut self, count: usize) -> Gguf {
        self.data = vec![1; count];
        self
    }

    pub fn header(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend(self.tensors.unwrap_or(self.infos.len() as u64).to_le_bytes());
        out.extend(self.pairs.unwrap_or(self.pairs_made.len() as u64).to_le_bytes());
        out.extend(self.pairs_made.concat());
        out.extend(self.infos.concat());
        out
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        out.resize(out.len().next_multiple_of(self.alignment), 0);
        out.extend(&self.data);
        out
    }
}

/// One tensor of two numbers.
fn good() -> Gguf {
    Gguf::new().tensor("a", &[2], F32, 0).data(8)
}

/// A value of the type of lists: element type, count, bytes.
pub fn list(kind: u32, count: u64, bytes: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &count.to_le_bytes(), bytes].concat()
}

#[test]
fn what_is_accepted() {
    let (_directory, header) = open(&good().bytes());
    let header = header.expect("a good file");
    assert_eq!(header.entries.len(), 1);
    assert_eq!((header.entries[0].offset, header.entries[0].len), (64, 8));
    // Nothing, a scalar, an empty tensor, version 2, another alignment, padding and more at the end.
    for gguf in [
        Gguf::new(),
        Gguf::new().tensor("a", &[], F32, 0).data(4),
        Gguf::new().tensor("a", &[0, 1 << 40], F32, 0),
        Gguf { version: 2, ..good() },
        Gguf { alignment: 8, ..good() }.pair("general.alignment", U32, &8u32.to_le_bytes()),
        good().data(80),
        good().pair("numbers", LIST, &list(U8, 3, &[1, 2, 3])).pair("nothing", LIST, &list(TEXT, 0, &[])),
    ] {
        open(&gguf.bytes()).1.expect("a good file");
    }
}

#[test]
fn values_become_metadata() {
    let long = "x".repeat(2_000);
    let gguf = good()
        .pair("general.license", TEXT, &text("mit"))
        .pair("general.file_type", U32, &15u32.to_le_bytes())
        .pair("split.count", 2, &[1, 0])
        .pair("a.u8", 0, &[200])
        .pair("a.i8", 1, &[200])
        .pair("a.i16", 3, &(-2i16).to_le_bytes())
        .pair("a.i32", 5, &(-3i32).to_le_bytes())
        .pair("a.f32", 6, &1e-5f32.to_le_bytes())
        .pair("a.bool", BOOL, &[1])
        .pair("a.long", TEXT, &text(&long))
        .pair("a.list", LIST, &list(U32, 1, &[1, 2, 3, 4]))
        .pair("a.texts", LIST, &list(TEXT, 2, &[text("x"), text(&long)].concat()))
        .pair("a.u64", 10, &u64::MAX.to_le_bytes())
        .pair("a.i64", 11, &(-1i64).to_le_bytes())
        .pair("a.f64", 12, &0.25f64.to_le_bytes());
    let header = open(&gguf.bytes()).1.expect("a good file");
    let pairs: Vec<String> = header.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let expected = "a.bool=true a.f32=0.00001 a.f64=0.25 a.i16=-2 a.i32=-3 a.i64=-1 a.i8=-56 a.u64=18446744073709551615 \
                    a.u8=200 general.license=mit license=mit";
    assert_eq!(pairs.join(" "), expected);
}

#[test]
fn counts_and_lengths_that_lie() {
    for count in [1 << 63, u64::MAX, 1_000_000] {
        check(&Gguf { tensors: Some(count), ..good() }.bytes(), "E0524", "tensors, expected no more than fit");
        check(&Gguf { pairs: Some(count), ..good() }.bytes(), "E0524", "key-value pairs, expected no more than fit");
    }
    // 43 bytes, as in a published report.
    let small = Gguf { pairs: Some(1), ..Gguf::new() }.header();
    let small = [&small[..], &1u64.to_le_bytes(), b"k", &LIST.to_le_bytes(), &[4, 0, 0, 0]].concat();
    check(&[&small[..], &(1u64 << 63).to_le_bytes()].concat(), "E0524", "a list of 9223372036854775808 values");
    for (kind, count) in [(U8, 1 << 63), (U32, 1 << 62), (12, 1 << 61), (TEXT, u64::MAX), (TEXT, 1 << 20)] {
        check(&good().pair("k", LIST, &list(kind, count, &[])).bytes(), "E0524", &format!("a list of {count} values"));
    }
    let words = list(TEXT, 2, &[text("a"), (1u64 << 60).to_le_bytes().to_vec()].concat());
    check(&good().pair("k", LIST, &words).bytes(), "E0524", "a text of 1152921504606846976 bytes");
    check(&good().pair("k", TEXT, &u64::MAX.to_le_bytes()).bytes(), "E0524", "a text of 18446744073709551615 bytes");
    let key = [&Gguf { pairs: Some(1), ..Gguf::new() }.header()[..], &(1u64 << 62).to_le_bytes(), &[0; 64]].concat();
    check(&key, "E0524", "a text of 4611686018427387904 bytes");
}

#[test]
fn types_that_do_not_exist() {
    for kind in [13, 1 << 31] {
        check(&good().pair("k", kind, &[0; 8]).bytes(), "E0524", &format!("found the value type {kind}"));
        check(&good().pair("k", LIST, &list(kind, 1, &[0; 8])).bytes(), "E0524", "in a list, expected one of 0 to 12");
    }
    check(&good().pair("k", LIST, &list(LIST, 1, &[0; 16])).bytes(), "E0524", "found a list of lists");
    check(&good().pair("k", BOOL, &[2]).bytes(), "E0524", "found the byte 2, expected 0 or 1");
    for kind in [42, 99, u32::MAX] {
        let found = format!("found the type {kind} of `a`");
        check(&Gguf::new().tensor("a", &[2], kind, 0).data(64).bytes(), "E0524", &found);
    }
    check(&Gguf::new().tensor("a", &[32], 4, 0).data(64).bytes(), "E0525", "in q4_2, a type that ggml no longer has");
}

#[test]
fn alignments_that_cannot_be() {
    for alignment in [0u32, 3, 48, 1 << 21, 1 << 31, u32::MAX] {
        let gguf = good().pair("general.alignment", U32, &alignment.to_le_bytes());
        check(&gguf.bytes(), "E0524", &format!("found {alignment} for `general.alignment`"));
    }
    check(&good().pair("general.alignment", TEXT, &text("32")).bytes(), "E0524", "expected a power of two");
    check(&good().pair("general.alignment", LIST, &list(U8, 0, &[])).bytes(), "E0524", "found no number");
}

#[test]
fn shapes_that_cannot_be() {
    let shaped = |axes: &[u64]| Gguf::new().tensor("a", axes, F32, 0).data(64).bytes();
    check(&shaped(&[1, 1, 1, 1, 1]), "E0524", "found 5 axes of `a`, expected at most 4");
    let many = [&Gguf { tensors: Some(1), ..Gguf::new() }.header()[..], &text("a"), &u32::MAX.to_le_bytes(), &[0; 64]];
    check(&many.concat(), "E0524", "found 4294967295 axes");
    let side = (1u64 << 42) + 1;
    check(&shaped(&[side, side]), "E0524", "expected less than 2^62 bytes");
    check(&shaped(&[side]), "E0504", "is cut off");
    check(&shaped(&[4_194_305, 4_194_305, 211_106_198_978_564]), "E0524", "expected less than 2^62 bytes");
    check(&shaped(&[0, u64::MAX]), "E0524", "expected less than 2^62 bytes");
    check(&shaped(&[1 << 63]), "E0524", "expected less than 2^62 bytes");
    check(&shaped(&[u64::MAX]), "E0524", "expected less than 2^62 bytes");
    let odd = Gguf::new().tensor("a", &[33, 2], Q4_0, 0).data(64).bytes();
    check(&odd, "E0524", "found rows of 33 elements of `a` in q4_0, expected a multiple of 32");
    check(&Gguf::new().tensor("a", &[], Q4_0, 0).data(64).bytes(), "E0524", "found rows of 1 elements");
}

#[test]
fn places_that_cannot_be() {
    let two = |first: u64, second: u64| {
        Gguf::new().tensor("a", &[2], F32, first).tensor("b", &[2], F32, second).data(128).bytes()
    };
    open(&two(0, 32)).1.expect("the right places");
    check(&two(0, 0), "E0524", "found `b` at 0 of the tensors' bytes, expected it at 32");
    check(&two(32, 0), "E0524", "found `a` at 32 of the tensors' bytes, expected it at 0");
    check(&two(0, 8), "E0524", "found `b` at 8");
    check(&two(0, 64), "E0524", "found `b` at 64");
    check(&two(0, u64::MAX), "E0524", "found `b` at 18446744073709551615");
    check(&Gguf::new().tensor("a", &[2], F32, 0).data(7).bytes(), "E0504", "expected 1 more bytes");
    check(&Gguf::new().tensor("a", &[1 << 40], F32, 0).data(64).bytes(), "E0504", "before the tensor `a` does");
    check(&good().header(), "E0504", "before the tensor `a` does");
}

#[test]
fn names_that_cannot_be() {
    let named = |name: &str| Gguf::new().tensor(name, &[2], F32, 0).data(64).bytes();
    check(&named(""), "E0507", "found an empty name");
    check(&named("../x"), "E0507", "a name that is a path");
    check(&named("a\u{202e}b"), "E0507", "hidden characters");
    check(&named("a\x1b[31m"), "E0507", "hidden characters");
    check(&named(&"x".repeat(5_000)), "E0524", "a name of more than 4 KiB");
    let twice = Gguf::new().tensor("a", &[2], F32, 0).tensor("a", &[2], F32, 32).data(64).bytes();
    check(&twice, "E0507", "has the name `a` twice");
    check(&good().pair("k", U8, &[1]).pair("k", U8, &[2]).bytes(), "E0524", "found the key `k` again");
    check(&good().pair("", U8, &[1]).bytes(), "E0524", "a key that cannot be read");
    check(&good().pair("a\u{1b}[2J", U8, &[1]).bytes(), "E0524", "a key that cannot be read");
    check(&good().pair(&"k".repeat(2_000), U8, &[1]).bytes(), "E0524", "a key that cannot be read");
    let mut bytes = good().pair("general.name", TEXT, &text("caf?")).bytes();
    let at = bytes.iter().position(|&byte| byte == b'?').expect("it is there");
    bytes[at] = 0xe9;
    check(&bytes, "E0524", &format!("at byte {at}: found the text"));
}

#[test]
fn forms_that_are_not_read() {
    check(&Gguf { version: 1, ..good() }.bytes(), "E0525", "is a GGUF model of version 1, version 2 or 3 was expected");
    check(&Gguf { version: 4, ..good() }.bytes(), "E0525", "of version 4");
    check(&Gguf { version: 3 << 24, ..good() }.bytes(), "E0525", "for big-endian machines");
    check(&Gguf { version: 0, ..good() }.bytes(), "E0524", "found the version 0");
    check(&Gguf { version: 0xdead_beef, ..good() }.bytes(), "E0524", "found the version 3735928559");
    check(&good().pair("split.count", 2, &[3, 0]).bytes(), "E0525", "is one of 3 files of a split GGUF model");
    check(&undecoded().bytes(), "E0525", "in q5_k (2 tensors), iq4_nl (1 tensor)");
    check(&undecoded().bytes(), "E0525", "the first is `blk.0.attn_q.weight`");
    check(
        &undecoded().bytes(),
        "E0525",
        "`llama-quantize --allow-requantize a.safetensors a.safetensors-f16.gguf f16`",
    );
}

/// A model that says it has 2^63 tensors.
pub fn countless() -> Gguf {
    Gguf { tensors: Some(1 << 63), ..good() }
}

/// Three of four tensors in types that have no decoder.
pub fn undecoded() -> Gguf {
    Gguf::new()
        .tensor("output_norm.weight", &[8], F32, 0)
        .tensor("blk.0.attn_q.weight", &[256, 2], Q5_K, 32)
        .tensor("blk.0.attn_k.weight", &[256, 1], Q5_K, 384)
        .tensor("blk.0.attn_v.weight", &[32], 20, 576)
        .data(594)
}

/// Headers that go on for ever are left when they have become too long, whatever they say.
#[test]
fn headers_that_do_not_end() {
    let directory = tempfile::TempDir::new().expect("a temporary folder");
    let path = directory.path().join("a.gguf");
    let list_of =
        |kind, count| Gguf { tensors: Some(1), ..Gguf::new() }.pair("k", LIST, &list(kind, count, &[])).header();
    for (bytes, size, code) in [
        (list_of(U8, 1 << 33), 1 << 40, "E0510"),
        (list_of(TEXT, 1 << 24), 1 << 40, "E0510"),
        (Gguf { pairs: Some(1 << 24), ..Gguf::new() }.header(), 1 << 40, "E0510"),
        (Gguf { tensors: Some(1 << 33), ..Gguf::new() }.header(), 1 << 40, "E0510"),
        // Seven million words of no letters are passed over; the name of the tensor behind them is empty, too.
        (list_of(TEXT, 7_000_000), 1 << 40, "E0507"),
        (list_of(TEXT, 7_000_000), 50 << 20, "E0524"),
    ] {
        std::fs::write(&path, &bytes).expect("a file");
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
        // Zeros that take no space.
        file.set_len(size).expect("a longer file");
        let start = std::time::Instant::now();
        let problem = blend::store::open(&path, None).map(|_| ()).expect_err("it does not end");
        assert_eq!(problem.code.0, code, "{} {:?}", problem.message, problem.notes);
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "took {:?}", start.elapsed());
    }
}

#[test]
fn broken_files_are_harmless() {
    sweep(&bytes_of("a.gguf")[..1800]);
    let small = Gguf::new()
        .pair("general.alignment", U32, &32u32.to_le_bytes())
        .pair("general.name", TEXT, &text("small"))
        .pair("k", LIST, &list(TEXT, 2, &[text("a"), text("bc")].concat()))
        .tensor("a", &[32, 2], Q4_0, 0)
        .tensor("b", &[3], F32, 64)
        .data(76);
    open(&small.bytes()).1.expect("a good file");
    sweep(&small.bytes());
}
