//! From the matrix M of a part to a mask: one share in 0..1 per channel.
//!
//! Collins, Bala, Price and Süsstrunk 2020, "Editing in Style: Uncovering the Local Semantics of GANs".

/// How a mask is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Equation 5, greedily: channels by falling M while the sum of 1 − M is under `epsilon`, without those whose M is
    /// at most `rho`.
    Budget { epsilon: f64, rho: f64 },
    /// This many channels with the largest M, without those whose M is at most `rho`.
    Top { count: usize, rho: f64 },
    /// `(M − rho) / (full − rho)` between 0 and 1: all channels, the more the better they fit.
    Soft { rho: f64, full: f64 },
}

/// The share of the number of channels that `epsilon` is where none is given: 50 of 512, as published for eyes.
pub const EPSILON: f64 = 50.0 / 512.0;

/// The `rho` that is published for faces.
pub const RHO: f64 = 0.1;

/// The mask of a part whose M is `m`.
pub fn select(m: &[f64], rule: Rule) -> Vec<f64> {
    let mut order: Vec<usize> = (0..m.len()).collect();
    // The sort is stable: of equal channels the lower one comes first.
    order.sort_by(|a, b| m[*b].total_cmp(&m[*a]));
    let mut mask = vec![0.0; m.len()];
    match rule {
        Rule::Budget { epsilon, rho } => {
            let mut leak = 0.0;
            for channel in order {
                leak += 1.0 - m[channel];
                if leak < epsilon && m[channel] > rho {
                    mask[channel] = 1.0;
                }
            }
        }
        Rule::Top { count, rho } => {
            order.into_iter().take(count).filter(|channel| m[*channel] > rho).for_each(|channel| mask[channel] = 1.0);
        }
        Rule::Soft { rho, full } => {
            mask.iter_mut().zip(m).for_each(|(mask, m)| *mask = ((m - rho) / (full - rho)).clamp(0.0, 1.0));
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::Rule;
    use super::select;

    #[track_caller]
    fn check(rule: Rule, m: &[f64], expected: &[f64]) {
        let found = select(m, rule);
        let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near && found.len() == expected.len(), "{rule:?} of {m:?} is {found:?}");
    }

    #[test]
    fn masks() {
        let m = [0.2, 0.9, 0.05, 0.7, 0.7];
        // 1 − M sums to 0.1, 0.4, 0.7, 1.5, 2.45: the bound is strict.
        check(Rule::Budget { epsilon: 0.71, rho: 0.1 }, &m, &[0.0, 1.0, 0.0, 1.0, 1.0]);
        check(Rule::Budget { epsilon: 0.4, rho: 0.1 }, &m, &[0.0, 1.0, 0.0, 0.0, 0.0]);
        check(Rule::Budget { epsilon: 9.0, rho: 0.1 }, &m, &[1.0, 1.0, 0.0, 1.0, 1.0]);
        check(Rule::Budget { epsilon: 9.0, rho: 0.7 }, &m, &[0.0, 1.0, 0.0, 0.0, 0.0]);
        check(Rule::Top { count: 2, rho: 0.0 }, &m, &[0.0, 1.0, 0.0, 1.0, 0.0]);
        check(Rule::Top { count: 9, rho: 0.1 }, &m, &[1.0, 1.0, 0.0, 1.0, 1.0]);
        check(Rule::Soft { rho: 0.2, full: 0.7 }, &[0.2, 0.3, 0.1, 0.7, 1.0], &[0.0, 0.2, 0.0, 1.0, 1.0]);
    }
}
