//! NumPy arrays that lie.

use super::bytes_of;
use super::check;
use super::open;
use super::sweep;
use blend::tensor::Dtype;
use blend::tensor::Header;

/// An array file with this header text and so many bytes of elements.
pub fn file(version: u8, header: &str, data: usize) -> Vec<u8> {
    let mut out = b"\x93NUMPY".to_vec();
    out.extend([version, 0]);
    match version {
        1 => out.extend((header.len() as u16).to_le_bytes()),
        _ => out.extend((header.len() as u32).to_le_bytes()),
    }
    out.extend(header.as_bytes());
    out.resize(out.len() + data, 7);
    out
}

pub fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")
}

#[track_caller]
fn accepted(text: &str, data: usize) -> Header {
    open(&file(1, text, data)).1.unwrap_or_else(|problem| panic!("{} {:?}", problem.message, problem.notes))
}

#[test]
fn headers_as_people_write_them() {
    for text in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{\"shape\":(2,3,),\"descr\":\"<f4\",\"fortran_order\":False}\n",
        " { 'descr' : '<f4' ,\t'fortran_order' : False , 'shape' : ( 2 , 3 ) }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }\n",
    ] {
        let header = accepted(text, 24);
        let entry = &header.entries[0];
        assert_eq!((entry.name.as_str(), entry.dtype, entry.shape.as_slice()), ("arr_0", Dtype::F32, &[2, 3][..]));
        assert_eq!((entry.offset, entry.len), (10 + text.len() as u64, 24));
    }
    for version in [1, 2, 3] {
        let header = open(&bytes_of(&format!("version{version}.npy"))).1.expect("as NumPy wrote it");
        assert_eq!(header.entries[0].offset, 128);
    }
}

#[test]
fn types_and_shapes() {
    for (descr, dtype) in [
        ("|b1", Dtype::Bool),
        ("|i1", Dtype::I8),
        ("|u1", Dtype::U8),
        ("<u1", Dtype::U8),
        ("<i2", Dtype::I16),
        ("<u2", Dtype::U16),
        ("<f2", Dtype::F16),
        ("<i4", Dtype::I32),
        ("<u4", Dtype::U32),
        ("<f4", Dtype::F32),
        ("<i8", Dtype::I64),
        ("<u8", Dtype::U64),
        ("<f8", Dtype::F64),
        ("<c8", Dtype::C64),
    ] {
        for (shape, count) in [("()", 1), ("(3,)", 3), ("(2, 3)", 6), ("(0, 9)", 0)] {
            let header = accepted(&header(&format!("'{descr}'"), shape), count * dtype.bytes() as usize);
            assert_eq!(header.entries[0].dtype, dtype);
        }
    }
}

#[test]
fn headers_that_lie() {
    let wrong = |text: &str, part: &str| check(&file(1, text, 24), "E0523", part);
    wrong("", "found the end of the header, expected `{`");
    wrong("{}", "expected the keys `descr`, `fortran_order` and `shape`");
    wrong("{'descr': '<f4', 'shape': (2, 3)}", "a dictionary without one of them");
    wrong("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}", "found another key");
    wrong("{'shape': (2, 3), 'shape': (2, 3)}", "found the key `shape` again");
    wrong("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x", "expected spaces up to the end");
    wrong("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", "found the end of the header, expected `}`");
    wrong("{'descr': '<f4' 'fortran_order': False}", "found `'`, expected `}`");
    wrong("{'descr': '<f4', 'fortran_order': false, 'shape': (2, 3)}", "found `f`, expected `True` or `False`");
    wrong("{'descr': '<f4', 'fortran_order': __import__('os'), 'shape': (2, 3)}", "found `_`");
    wrong("__import__('os').system('true')", "found `_`, expected `{`");
    wrong("{'de\\x73cr': '<f4'}", "a text that does not end, or with other than plain letters");
    wrong("{'descr", "a text that does not end");
    wrong("{descr: '<f4'}", "expected a quoted text");
    wrong("{'descr': '<f4\u{e9}'}", "other than plain letters");
    for shape in ["(6)", "[6]", "6", "(,)", "(2,,3)", "(2 3)", "(-6,)", "(6.0,)", "(06,)", "(2*3,)", "(6,", "(1e1,)"] {
        wrong(&header("'<f4'", shape), "expected ");
    }
    wrong(&header("'<f4'", "(6)"), "expected a shape such as `(3,)`");
    wrong(&header("'<f4'", "(18446744073709551616,)"), "expected a size, a whole number below 2^64");
    wrong(&header("'<f4'", "(18446744073709551615,)"), "expected less than 2^63 bytes");
    wrong(&header("'<f4'", "(0, 18446744073709551615)"), "expected less than 2^63 bytes");
    wrong(&header("'<f4'", "(4194305, 4194305, 211106198978564)"), "expected less than 2^63 bytes");
    wrong(&header("'<f4'", &format!("({})", "1, ".repeat(33))), "more than 32 axes");
}

#[test]
fn types_that_are_not_read() {
    let wrong = |descr: &str, part: &str| check(&file(1, &header(descr, "(3,)"), 24), "E0523", part);
    wrong("'>f4'", "found the type `>f4`, big-endian, expected little-endian numbers");
    wrong("'|O'", "found the type `|O`, Python objects in a pickle, expected numbers");
    wrong("[('a', '<f4'), ('b', '<i4')]", "found elements of several fields");
    wrong("('<f4', (2,))", "found elements of several fields");
    for descr in
        ["<U4", "|S8", "<M8[s]", "<m8[ns]", "|V2", "<c16", "<f16", "=f4", "f4", "", "<", "<f3", "<q8", "\u{7f}f4"]
    {
        wrong(&format!("'{descr}'"), "expected ");
    }
    check(&file(1, &header("'|O'", "(3,)"), 24), "E0523", "help: write numbers: `numpy.save(");
}

#[test]
fn frames_that_lie() {
    let good = header("'<f4'", "(2, 3)");
    check(&file(1, &good, 23), "E0504", "found the end, expected 1 more bytes");
    check(&file(1, &good, 25), "E0523", "found 1 more bytes after the array, expected the end");
    check(&file(1, &good, 0), "E0504", "expected 24 more bytes");
    check(&file(1, &header("'<f4'", "(1099511627776,)"), 64), "E0504", "is cut off");
    check(&file(4, &good, 24), "E0523", "found version 4.0, expected 1.0, 2.0 or 3.0");
    check(&file(0, &good, 24), "E0523", "found version 0.0");
    let mut bytes = file(2, &good, 24);
    bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    check(&bytes, "E0523", "found a header of 4294967295 bytes");
    bytes[8..12].copy_from_slice(&1_000u32.to_le_bytes());
    check(&bytes, "E0504", "is cut off within its header");
    check(&file(2, &format!("{good}{}", " ".repeat(20_000)), 24), "E0523", "at most 10000");
    for len in 6..12 {
        check(&file(2, &good, 24)[..len], "E0504", "is cut off within its header");
    }
}

#[test]
fn broken_files_are_harmless() {
    sweep(&bytes_of("a.npy"));
    sweep(&bytes_of("version3.npy"));
}
