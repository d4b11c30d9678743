//! Weighted mean of two models: the share of the second is the weight.
//!
//! # Formula
//! out = (1 − w) a + w b
//! # Reference
//! Pinkney and Adler 2020, "Resolution dependent GAN interpolation", arXiv 2010.05334, section 2 (w a function of the
//! resolution).
//! # Kinds
//! point, point, weight -> point
//! # Numerics
//! Flattens into the linear form around it: shares in f64, products in f32, added in order. A weight of 0 or 1 moves
//! the bits of one input and does not read the other.
//! # Example
//! ```blend
//! let toon = mix(faces, ink, 0.5)
//! ```

use super::CallOn;
use super::Inputs;
use super::Lower;
use super::Method;
use super::OptionKind;
use super::OptionSpec;
use super::OptionValue;
use super::Role;

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
            kind: OptionKind::Word { words: &["raw"] },
            help: "how rows of different length are treated",
        },
    ],
    lower: Lower::Shares(shares),
    alone: |_| None,
    source: include_str!("mix.rs"),
};

fn shares(on: &CallOn) -> Result<Vec<f64>, String> {
    match on.options.first() {
        Some(OptionValue::Number(w)) => Ok(vec![1.0 - w, *w]),
        _ => Err("`mix` has no weight".into()),
    }
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
