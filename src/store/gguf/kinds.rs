//! The element types of ggml (`enum ggml_type` in `ggml.h`).

use crate::tensor::Blocks;
use crate::tensor::Dtype;

/// What blend makes of a type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    Plain(Dtype),
    /// Decoded to f32.
    Blocks(Blocks),
    /// It has no decoder here.
    Other,
}

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kind {
    pub id: u32,
    /// As ggml's tools write it, in small letters.
    pub name: &'static str,
    /// Elements of one block, and its bytes.
    pub size: (u64, u64),
    pub meaning: Meaning,
}

const fn other(id: u32, name: &'static str, elems: u64, bytes: u64) -> Kind {
    Kind { id, name, size: (elems, bytes), meaning: Meaning::Other }
}

const fn plain(id: u32, dtype: Dtype, name: &'static str, bytes: u64) -> Kind {
    Kind { id, name, size: (1, bytes), meaning: Meaning::Plain(dtype) }
}

const fn blocks(id: u32, blocks: Blocks, name: &'static str, elems: u64, bytes: u64) -> Kind {
    Kind { id, name, size: (elems, bytes), meaning: Meaning::Blocks(blocks) }
}

const KINDS: &[Kind] = &[
    plain(0, Dtype::F32, "f32", 4),
    plain(1, Dtype::F16, "f16", 2),
    blocks(2, Blocks::Q4_0, "q4_0", 32, 18),
    other(3, "q4_1", 32, 20),
    other(6, "q5_0", 32, 22),
    other(7, "q5_1", 32, 24),
    blocks(8, Blocks::Q8_0, "q8_0", 32, 34),
    other(9, "q8_1", 32, 36),
    other(10, "q2_k", 256, 84),
    other(11, "q3_k", 256, 110),
    blocks(12, Blocks::Q4K, "q4_k", 256, 144),
    other(13, "q5_k", 256, 176),
    blocks(14, Blocks::Q6K, "q6_k", 256, 210),
    other(15, "q8_k", 256, 292),
    other(16, "iq2_xxs", 256, 66),
    other(17, "iq2_xs", 256, 74),
    other(18, "iq3_xxs", 256, 98),
    other(19, "iq1_s", 256, 50),
    other(20, "iq4_nl", 32, 18),
    other(21, "iq3_s", 256, 110),
    other(22, "iq2_s", 256, 82),
    other(23, "iq4_xs", 256, 136),
    plain(24, Dtype::I8, "i8", 1),
    plain(25, Dtype::I16, "i16", 2),
    plain(26, Dtype::I32, "i32", 4),
    plain(27, Dtype::I64, "i64", 8),
    plain(28, Dtype::F64, "f64", 8),
    other(29, "iq1_m", 256, 56),
    plain(30, Dtype::BF16, "bf16", 2),
    other(34, "tq1_0", 256, 54),
    other(35, "tq2_0", 256, 66),
    other(39, "mxfp4", 32, 17),
    other(40, "nvfp4", 64, 36),
    other(41, "q1_0", 128, 18),
];

/// Types that ggml once had, with their numbers: nothing reads them any more.
const GONE: &[(u32, &str)] = &[
    (4, "q4_2"),
    (5, "q4_3"),
    (31, "q4_0_4_4"),
    (32, "q4_0_4_8"),
    (33, "q4_0_8_8"),
    (36, "iq4_nl_4_4"),
    (37, "iq4_nl_4_8"),
    (38, "iq4_nl_8_8"),
];

pub fn find(id: u32) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.id == id)
}

/// The name of a type that ggml no longer has.
pub fn gone(id: u32) -> Option<&'static str> {
    GONE.iter().find(|row| row.0 == id).map(|row| row.1)
}
