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

/// Byte, name as in Python's `pickletools`, class.
#[rustfmt::skip]
const TABLE: &[(u8, &str, Class)] = &[
    (b'(', "MARK", Run), (b'.', "STOP", Run), (b'0', "POP", Run), (b'1', "POP_MARK", Run), (b'2', "DUP", Run),
    (b'N', "NONE", Run), (0x88, "NEWTRUE", Run), (0x89, "NEWFALSE", Run),
    (b'J', "BININT", Run), (b'K', "BININT1", Run), (b'M', "BININT2", Run),
    (0x8a, "LONG1", Run), (0x8b, "LONG4", Run), (b'G', "BINFLOAT", Run),
    (b'T', "BINSTRING", Run), (b'U', "SHORT_BINSTRING", Run),
    (b'B', "BINBYTES", Run), (b'C', "SHORT_BINBYTES", Run), (0x8e, "BINBYTES8", Run), (0x96, "BYTEARRAY8", Run),
    (b'X', "BINUNICODE", Run), (0x8c, "SHORT_BINUNICODE", Run), (0x8d, "BINUNICODE8", Run),
    (b')', "EMPTY_TUPLE", Run), (b't', "TUPLE", Run), (0x85, "TUPLE1", Run), (0x86, "TUPLE2", Run), (0x87, "TUPLE3", Run),
    (b']', "EMPTY_LIST", Run), (b'a', "APPEND", Run), (b'e', "APPENDS", Run),
    (b'}', "EMPTY_DICT", Run), (b's', "SETITEM", Run), (b'u', "SETITEMS", Run),
    (0x8f, "EMPTY_SET", Run), (0x90, "ADDITEMS", Run),
    (b'c', "GLOBAL", Run), (0x93, "STACK_GLOBAL", Run),
    (b'R', "REDUCE", Run), (b'b', "BUILD", Run), (0x81, "NEWOBJ", Run), (b'Q', "BINPERSID", Run),
    (b'q', "BINPUT", Run), (b'r', "LONG_BINPUT", Run), (b'h', "BINGET", Run), (b'j', "LONG_BINGET", Run), (0x94, "MEMOIZE", Run),
    (0x80, "PROTO", Run), (0x95, "FRAME", Run),
    (b'I', "INT", Old), (b'L', "LONG", Old), (b'F', "FLOAT", Old), (b'S', "STRING", Old), (b'V', "UNICODE", Old),
    (b'g', "GET", Old), (b'p', "PUT", Old), (b'd', "DICT", Old), (b'l', "LIST", Old),
    (b'i', "INST", Refused("calls a class as protocols 0 and 1 did")),
    (b'o', "OBJ", Refused("calls a class as protocol 1 did")),
    (b'P', "PERSID", Refused("names a storage by text, as protocol 0 did")),
    (0x92, "NEWOBJ_EX", Refused("calls a class with named arguments")),
    (0x91, "FROZENSET", Refused("makes a frozen set")),
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
