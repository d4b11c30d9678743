//! The table of opcodes: what each is called, and whether the machine runs it.

/// What is done with an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Run,
    /// Of protocols 0 and 1.
    Old,
    /// Refused, with the reason.
    Refused(&'static str),
}

use Class::Old;
use Class::Refused;
use Class::Run;

pub(super) const MARK: u8 = b'(';
pub(super) const EMPTY_TUPLE: u8 = b')';
pub(super) const STOP: u8 = b'.';
pub(super) const POP: u8 = b'0';
pub(super) const POP_MARK: u8 = b'1';
pub(super) const DUP: u8 = b'2';
pub(super) const BINBYTES: u8 = b'B';
pub(super) const SHORT_BINBYTES: u8 = b'C';
pub(super) const BINFLOAT: u8 = b'G';
pub(super) const BININT: u8 = b'J';
pub(super) const BININT1: u8 = b'K';
pub(super) const BININT2: u8 = b'M';
pub(super) const NONE: u8 = b'N';
pub(super) const BINPERSID: u8 = b'Q';
pub(super) const REDUCE: u8 = b'R';
pub(super) const BINSTRING: u8 = b'T';
pub(super) const SHORT_BINSTRING: u8 = b'U';
pub(super) const BINUNICODE: u8 = b'X';
pub(super) const EMPTY_LIST: u8 = b']';
pub(super) const APPEND: u8 = b'a';
pub(super) const BUILD: u8 = b'b';
pub(super) const GLOBAL: u8 = b'c';
pub(super) const APPENDS: u8 = b'e';
pub(super) const BINGET: u8 = b'h';
pub(super) const LONG_BINGET: u8 = b'j';
pub(super) const BINPUT: u8 = b'q';
pub(super) const LONG_BINPUT: u8 = b'r';
pub(super) const SETITEM: u8 = b's';
pub(super) const TUPLE: u8 = b't';
pub(super) const SETITEMS: u8 = b'u';
pub(super) const EMPTY_DICT: u8 = b'}';
pub(super) const PROTO: u8 = 0x80;
pub(super) const NEWOBJ: u8 = 0x81;
pub(super) const TUPLE1: u8 = 0x85;
pub(super) const TUPLE2: u8 = 0x86;
pub(super) const TUPLE3: u8 = 0x87;
pub(super) const NEWTRUE: u8 = 0x88;
pub(super) const NEWFALSE: u8 = 0x89;
pub(super) const LONG1: u8 = 0x8a;
pub(super) const LONG4: u8 = 0x8b;
pub(super) const SHORT_BINUNICODE: u8 = 0x8c;
pub(super) const BINUNICODE8: u8 = 0x8d;
pub(super) const BINBYTES8: u8 = 0x8e;
pub(super) const EMPTY_SET: u8 = 0x8f;
pub(super) const ADDITEMS: u8 = 0x90;
pub(super) const FROZENSET: u8 = 0x91;
pub(super) const STACK_GLOBAL: u8 = 0x93;
pub(super) const MEMOIZE: u8 = 0x94;
pub(super) const FRAME: u8 = 0x95;
pub(super) const BYTEARRAY8: u8 = 0x96;

/// Byte, name as in Python's `pickletools`, class.
#[rustfmt::skip]
const TABLE: &[(u8, &str, Class)] = &[
    (MARK, "MARK", Run), (STOP, "STOP", Run), (POP, "POP", Run), (POP_MARK, "POP_MARK", Run), (DUP, "DUP", Run),
    (NONE, "NONE", Run), (NEWTRUE, "NEWTRUE", Run), (NEWFALSE, "NEWFALSE", Run),
    (BININT, "BININT", Run), (BININT1, "BININT1", Run), (BININT2, "BININT2", Run),
    (LONG1, "LONG1", Run), (LONG4, "LONG4", Run), (BINFLOAT, "BINFLOAT", Run),
    (BINSTRING, "BINSTRING", Run), (SHORT_BINSTRING, "SHORT_BINSTRING", Run),
    (BINBYTES, "BINBYTES", Run), (SHORT_BINBYTES, "SHORT_BINBYTES", Run), (BINBYTES8, "BINBYTES8", Run), (BYTEARRAY8, "BYTEARRAY8", Run),
    (BINUNICODE, "BINUNICODE", Run), (SHORT_BINUNICODE, "SHORT_BINUNICODE", Run), (BINUNICODE8, "BINUNICODE8", Run),
    (EMPTY_TUPLE, "EMPTY_TUPLE", Run), (TUPLE, "TUPLE", Run), (TUPLE1, "TUPLE1", Run), (TUPLE2, "TUPLE2", Run), (TUPLE3, "TUPLE3", Run),
    (EMPTY_LIST, "EMPTY_LIST", Run), (APPEND, "APPEND", Run), (APPENDS, "APPENDS", Run),
    (EMPTY_DICT, "EMPTY_DICT", Run), (SETITEM, "SETITEM", Run), (SETITEMS, "SETITEMS", Run),
    (EMPTY_SET, "EMPTY_SET", Run), (ADDITEMS, "ADDITEMS", Run), (FROZENSET, "FROZENSET", Run),
    (GLOBAL, "GLOBAL", Run), (STACK_GLOBAL, "STACK_GLOBAL", Run),
    (REDUCE, "REDUCE", Run), (BUILD, "BUILD", Run), (NEWOBJ, "NEWOBJ", Run), (BINPERSID, "BINPERSID", Run),
    (BINPUT, "BINPUT", Run), (LONG_BINPUT, "LONG_BINPUT", Run), (BINGET, "BINGET", Run), (LONG_BINGET, "LONG_BINGET", Run), (MEMOIZE, "MEMOIZE", Run),
    (PROTO, "PROTO", Run), (FRAME, "FRAME", Run),
    (b'I', "INT", Old), (b'L', "LONG", Old), (b'F', "FLOAT", Old), (b'S', "STRING", Old), (b'V', "UNICODE", Old),
    (b'g', "GET", Old), (b'p', "PUT", Old), (b'd', "DICT", Old), (b'l', "LIST", Old),
    (b'i', "INST", Refused("calls a class as protocols 0 and 1 did")),
    (b'o', "OBJ", Refused("calls a class as protocol 1 did")),
    (b'P', "PERSID", Refused("names a storage by text, as protocol 0 did")),
    (0x92, "NEWOBJ_EX", Refused("calls a class with named arguments")),
    (0x82, "EXT1", Refused("names something by a number of a registry")),
    (0x83, "EXT2", Refused("names something by a number of a registry")),
    (0x84, "EXT4", Refused("names something by a number of a registry")),
    (0x97, "NEXT_BUFFER", Refused("takes bytes from outside the pickle")),
    (0x98, "READONLY_BUFFER", Refused("takes bytes from outside the pickle")),
];

/// The row of a byte, as a table to look up in.
static BY_BYTE: [Option<(&str, Class)>; 256] = {
    let mut out = [None; 256];
    let mut at = 0;
    while at < TABLE.len() {
        out[TABLE[at].0 as usize] = Some((TABLE[at].1, TABLE[at].2));
        at += 1;
    }
    out
};

/// Name and class of an opcode; `None`: no protocol has it.
pub(super) fn find(byte: u8) -> Option<(&'static str, Class)> {
    BY_BYTE[byte as usize]
}
