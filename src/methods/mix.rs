//! Weighted mean of two models: the share of the second is the weight.
//!
//! # Formula
//! out = (1 − w) a + w b.
//!
//! A convolution that is demodulated divides every row (what makes one channel) by its length, so the length of a row
//! means nothing, and `raw` gives more say to the model with longer rows. There `norm` brings the rows a and b together,
//! with m the mean of w over the row and n = |a|^(1 − m) |b|^m:
//!
//! - `equal`: out = n ((1 − w) a / |a| + w b / |b|), directions by their shares
//! - `slerp`: out = n (sin((1 − w) ω) a / |a| + sin(w ω) b / |b|) / sin ω, where ω is the angle between the rows
//!
//! Other tensors are as `raw` says.
//! # Reference
//! Pinkney and Adler 2020, "Resolution dependent GAN interpolation", arXiv 2010.05334, section 2 (w a function of the
//! resolution); demodulation: Karras and others 2020, "Analyzing and improving the image quality of StyleGAN", section 2.2.
//! # Kinds
//! point, point, weight -> point
//! # Numerics
//! `raw` flattens into the linear form around it: shares in f64, products in f32, added in order. A weight of 0 or 1
//! moves the bits of one input and does not read the other. With `equal` and `slerp`, sums over rows are f64, and factors
//! are f64, rounded once; a row no longer than 1e-8 is as `raw`; beyond |cos ω| > 0.9995 `slerp` is `equal`. A row whose
//! w is 0 or 1 throughout has the values of one model. Weights by channel may differ inside of a row.
//! # Example
//! ```blend
//! let toon = mix(faces, ink, 0.5, norm = slerp)
//! ```

use super::CallOn;
use super::Inputs;
use super::Lower;
use super::Method;
use super::OptionKind;
use super::OptionSpec;
use super::OptionValue;
use super::Role;
use crate::field::Weight;
use crate::tile::Builder;
use crate::tile::Ground;
use crate::tile::Meet;
use crate::tile::NodeId;

pub static METHOD: Method = Method {
    name: "mix",
    version: 1,
    inputs: Inputs::Named(&["a", "b"]),
    wants: Role::Point,
    gives: Role::Point,
    input_options: &[],
    options: &[
        OptionSpec { name: "w", kind: OptionKind::Weight { default: None }, help: "share of the second model" },
        OptionSpec {
            name: "norm",
            kind: OptionKind::Word { words: &["raw", "equal", "slerp"] },
            help: "how rows of different length are treated, where a demodulation follows: raw, equal or slerp",
        },
    ],
    lower: Lower::Rows { shares, asks: |on| meet(on).is_some(), tiles },
    alone: |_| None,
    source: include_str!("mix.rs"),
};

fn shares(on: &CallOn) -> Result<Vec<f64>, String> {
    match on.options.first() {
        Some(OptionValue::Number(w)) => Ok(vec![1.0 - w, *w]),
        _ => Err("`mix` has no weight".into()),
    }
}

fn meet(on: &CallOn) -> Option<Meet> {
    match on.options.get(1) {
        Some(OptionValue::Word("equal")) => Some(Meet::Equal),
        Some(OptionValue::Word("slerp")) => Some(Meet::Slerp),
        _ => None,
    }
}

fn tiles(builder: &mut Builder, inputs: &[NodeId], on: &CallOn, ground: &Ground) -> NodeId {
    let weight = match on.options.first() {
        Some(OptionValue::ByChannel(weight)) => weight.clone(),
        Some(OptionValue::Number(w)) => Weight::Number(*w),
        _ => Weight::ZERO,
    };
    builder.meet([inputs[0], inputs[1]], &weight, meet(on).unwrap_or(Meet::Equal), ground)
}

#[cfg(test)]
mod tests {
    use super::super::CallOn;
    use super::super::OptionValue;

    #[test]
    fn the_weight_is_the_share_of_the_second() {
        for (w, expected) in [(0.0, [1.0, 0.0]), (1.0, [0.0, 1.0]), (0.25, [0.75, 0.25]), (1.5, [-0.5, 1.5])] {
            let on = CallOn {
                inputs: vec![vec![], vec![]],
                options: vec![OptionValue::Number(w), OptionValue::Word("raw")],
            };
            assert_eq!(super::shares(&on), Ok(expected.to_vec()));
        }
    }
}
