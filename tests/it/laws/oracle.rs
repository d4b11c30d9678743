//! What a merge must be, computed slowly and plainly: the products in order, one rounding.

use super::model;
use super::model::Tensor;
use std::sync::OnceLock;

/// What becomes of a tensor of `a`, `b` and `c`.
pub struct Expected {
    shares: [f64; 3],
    order: [usize; 3],
    dtype: Option<&'static str>,
    saturate: bool,
}

impl Expected {
    pub fn shares(shares: [f64; 3]) -> Expected {
        Expected { shares, order: [0, 1, 2], dtype: None, saturate: false }
    }

    /// Inputs in order of first appearance, where that is not a, b, c.
    pub fn in_order(self, order: [usize; 3]) -> Expected {
        Expected { order, ..self }
    }

    /// The output's type for floats.
    pub fn to(self, dtype: &'static str) -> Expected {
        Expected { dtype: Some(dtype), ..self }
    }

    pub fn saturate(self, saturate: bool) -> Expected {
        Expected { saturate, ..self }
    }

    pub fn tensor(&self, sides: [&Tensor; 3]) -> Tensor {
        let terms: Vec<(f64, &Tensor)> =
            self.order.iter().map(|&at| (self.shares[at], sides[at])).filter(|term| term.0 != 0.0).collect();
        let first = terms[0].1;
        if !first.dtype.contains('F') {
            return first.clone();
        }
        let types: Vec<&str> = terms.iter().map(|term| term.1.dtype.as_str()).collect();
        let common = match types.iter().all(|dtype| *dtype == types[0]) {
            true => types[0],
            false if types.contains(&"F64") => "F64",
            false => "F32",
        };
        let dtype = self.dtype.unwrap_or(common);
        if terms.len() == 1 && terms[0].0 == 1.0 && first.dtype == dtype {
            return first.clone();
        }
        let columns: Vec<Vec<f64>> = terms.iter().map(|term| model::values(&term.1.dtype, &term.1.bytes)).collect();
        let wide = types.contains(&"F64");
        let bytes = (0..columns[0].len()).flat_map(|at| {
            let products = terms.iter().zip(&columns).map(|(term, column)| (term.0, column[at]));
            let value = match wide {
                true => products.map(|(share, value)| share * value).reduce(|sum, product| sum + product),
                false => products
                    .map(|(share, value)| share as f32 * value as f32)
                    .reduce(|sum, product| sum + product)
                    .map(f64::from),
            };
            encode(value.expect("there are terms"), dtype, self.saturate)
        });
        Tensor { name: first.name.clone(), dtype: dtype.into(), shape: first.shape.clone(), bytes: bytes.collect() }
    }
}

/// One rounding, to nearest, ties to even; a NaN is the canonical quiet one.
fn encode(value: f64, dtype: &str, saturate: bool) -> Vec<u8> {
    static TABLES: OnceLock<[Vec<f64>; 2]> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        let half = (0..0x7c00u16).map(|bits| half::f16::from_bits(bits).into()).collect();
        [half, (0..0x7f80u16).map(|bits| half::bf16::from_bits(bits).into()).collect()]
    });
    match dtype {
        "F64" => if value.is_nan() { f64::NAN } else { value }.to_le_bytes().to_vec(),
        "F32" => {
            let narrow = value as f32;
            let beyond = narrow.is_infinite() && value.is_finite() && saturate;
            let narrow = if beyond { f32::MAX.copysign(narrow) } else { narrow };
            if value.is_nan() { 0x7fc0_0000 } else { narrow.to_bits() }.to_le_bytes().to_vec()
        }
        "F16" => small(value, &tables[0], 0x7e00, saturate),
        _ => small(value, &tables[1], 0x7fc0, saturate),
    }
}

/// A number of 16 bits: the nearest in the table of all positive finite ones, whose bits are its places.
fn small(value: f64, table: &[f64], nan: u16, saturate: bool) -> Vec<u8> {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let (size, infinite) = (value.abs(), table.len() as u16);
    let above = table.partition_point(|&number| number < size);
    let step = table[table.len() - 1] - table[table.len() - 2];
    // What would come after the largest, if it were finite.
    let at = |place: usize| table.get(place).copied().unwrap_or(table[table.len() - 1] + step);
    let bits = if value.is_nan() {
        return nan.to_le_bytes().to_vec();
    } else if size.is_infinite() {
        infinite
    } else if above == 0 {
        0
    } else {
        let (low, high) = (size - at(above - 1), at(above) - size);
        let down = low < high || (low == high && (above - 1) % 2 == 0);
        let nearest = if down { above - 1 } else { above }.min(table.len()) as u16;
        if nearest == infinite && saturate { infinite - 1 } else { nearest }
    };
    (sign | bits).to_le_bytes().to_vec()
}

#[test]
fn the_oracle_rounds() {
    for (value, dtype, expected) in [
        (1.0 + 1.0 / 2048.0, "F16", 0x3c00u16),
        (1.0 + 3.0 / 2048.0, "F16", 0x3c02),
        (65519.99, "F16", 0x7bff),
        (65520.0, "F16", 0x7c00),
        (-65520.0, "F16", 0xfc00),
        (2f64.powi(-25), "F16", 0),
        (2f64.powi(-25) * 1.001, "F16", 1),
        (-0.0, "BF16", 0x8000),
        (1.0 + 1.0 / 256.0, "BF16", 0x3f80),
        (f64::NAN, "BF16", 0x7fc0),
        (3.3999e38, "BF16", 0x7f80),
    ] {
        assert_eq!(encode(value, dtype, false), expected.to_le_bytes(), "{value} to {dtype}");
    }
    assert_eq!(encode(-1e9, "F16", true), 0xfbffu16.to_le_bytes());
}
