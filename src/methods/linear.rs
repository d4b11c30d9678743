//! Weighted sum of any number of models, by default divided by the sum of the weights.
//!
//! # Formula
//! out = Σ wᵢ θᵢ / Σ wᵢ (with `normalize = false`: Σ wᵢ θᵢ, whose weights must then sum to 1)
//! # Reference
//! Wortsman et al. 2022, "Model soups", arXiv 2203.05482; names and defaults as mergekit 0.1.5.
//! # Kinds
//! point … -> point
//! # Numerics
//! Flattens into the linear form around it: wᵢ / Σ w in f64, products in f32, added in order. A sum of weights near 0
//! is an error (mergekit divides by it).
//! # Example
//! ```blend
//! let soup = linear(a { weight = 0.6 }, b { weight = 0.3 }, c { weight = 0.1 })
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
    name: "linear",
    version: 1,
    inputs: Inputs::Many { least: 1 },
    wants: Role::Point,
    gives: Role::Point,
    input_options: &[OptionSpec {
        name: "weight",
        kind: OptionKind::Weight { default: None },
        help: "weight of this model",
    }],
    options: &[OptionSpec {
        name: "normalize",
        kind: OptionKind::Bool { default: true },
        help: "divide by the sum of the weights",
    }],
    lower: Lower::Shares(shares),
    alone: |_| None,
    source: include_str!("linear.rs"),
};

fn shares(on: &CallOn) -> Result<Vec<f64>, String> {
    let weights: Vec<f64> = on
        .inputs
        .iter()
        .map(|options| if let Some(OptionValue::Number(weight)) = options.first() { *weight } else { 0.0 })
        .collect();
    if on.options.first() == Some(&OptionValue::Bool(false)) {
        return Ok(weights);
    }
    let sum: f64 = weights.iter().sum();
    if sum.abs() < 1e-8 {
        return Err(format!("the weights of `linear` sum to {sum}, which cannot be divided by"));
    }
    Ok(weights.iter().map(|weight| weight / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::super::CallOn;
    use super::super::OptionValue;

    #[track_caller]
    fn check(weights: &[f64], normalize: bool, expected: Option<&[f64]>) {
        let inputs = weights.iter().map(|weight| vec![OptionValue::Number(*weight)]).collect();
        let on = CallOn { inputs, options: vec![OptionValue::Bool(normalize)] };
        assert_eq!(super::shares(&on).ok().as_deref(), expected);
    }

    #[test]
    fn weights_become_shares() {
        check(&[3.0, 1.0], true, Some(&[0.75, 0.25]));
        check(&[3.0, 1.0], false, Some(&[3.0, 1.0]));
        check(&[1.0, -1.0], true, None);
    }
}
