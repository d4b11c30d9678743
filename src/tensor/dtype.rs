//! Element types: those of safetensors.

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dtype {
    Bool,
    U8,
    I8,
    F8E4M3,
    F8E5M2,
    F8E8M0,
    U16,
    I16,
    F16,
    BF16,
    U32,
    I32,
    F32,
    U64,
    I64,
    F64,
    C64,
}

/// Dtype, name in safetensors headers, name in recipes, bytes.
const TABLE: &[(Dtype, &str, &str, u64)] = &[
    (Dtype::Bool, "BOOL", "bool", 1),
    (Dtype::U8, "U8", "u8", 1),
    (Dtype::I8, "I8", "i8", 1),
    (Dtype::F8E4M3, "F8_E4M3", "f8_e4m3", 1),
    (Dtype::F8E5M2, "F8_E5M2", "f8_e5m2", 1),
    (Dtype::F8E8M0, "F8_E8M0", "f8_e8m0", 1),
    (Dtype::U16, "U16", "u16", 2),
    (Dtype::I16, "I16", "i16", 2),
    (Dtype::F16, "F16", "f16", 2),
    (Dtype::BF16, "BF16", "bf16", 2),
    (Dtype::U32, "U32", "u32", 4),
    (Dtype::I32, "I32", "i32", 4),
    (Dtype::F32, "F32", "f32", 4),
    (Dtype::U64, "U64", "u64", 8),
    (Dtype::I64, "I64", "i64", 8),
    (Dtype::F64, "F64", "f64", 8),
    (Dtype::C64, "C64", "c64", 8),
];

impl Dtype {
    fn row(self) -> &'static (Dtype, &'static str, &'static str, u64) {
        TABLE.iter().find(|row| row.0 == self).expect("every dtype has a row")
    }

    /// Bytes per element.
    pub fn bytes(self) -> u64 {
        self.row().3
    }

    /// The name in a recipe: `f16`.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// The name in a safetensors header: `F16`.
    pub fn safetensors_name(self) -> &'static str {
        self.row().1
    }

    pub fn from_name(name: &str) -> Option<Dtype> {
        TABLE.iter().find(|row| row.2 == name).map(|row| row.0)
    }

    pub fn from_safetensors(name: &str) -> Option<Dtype> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The types that arithmetic is defined on: f16, bf16, f32, f64.
    pub fn is_float(self) -> bool {
        matches!(self, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
    }
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
