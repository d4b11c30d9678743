//! How much of a change stays where it is meant to be.
//!
//! Collins, Bala, Price and Süsstrunk 2020, "Editing in Style", compare an edit by its squared error in CIELAB inside and
//! outside of the part's mask: In = Σ E·U / ΣU, Out = Σ E·(1 − U) / Σ(1 − U), and the edit is local where In / Out is large.

use super::canvas::Canvas;
use super::difference::squared_errors;

/// Squared errors inside and outside of a part, over many pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Sum of errors and number of pixels.
    inside: (f64, u64),
    outside: (f64, u64),
}

impl Tally {
    /// Adds what changed from one picture to another; `part` says per pixel, row by row, what is inside.
    pub fn add(&mut self, before: &Canvas, after: &Canvas, part: &[bool]) {
        for (error, is_inside) in squared_errors(before, after).into_iter().zip(part) {
            let side = if *is_inside { &mut self.inside } else { &mut self.outside };
            side.0 += error;
            side.1 += 1;
        }
    }

    /// In-MSE; 0 of nothing.
    pub fn inside(&self) -> f64 {
        mean(self.inside)
    }

    /// Out-MSE; 0 of nothing.
    pub fn outside(&self) -> f64 {
        mean(self.outside)
    }

    /// In-MSE over Out-MSE; `None` where nothing changed at all.
    pub fn ratio(&self) -> Option<f64> {
        match (self.inside(), self.outside()) {
            (0.0, 0.0) => None,
            (inside, outside) => Some(inside / outside),
        }
    }

    /// The part's share of the pixels.
    pub fn area(&self) -> f64 {
        self.inside.1 as f64 / (self.inside.1 + self.outside.1).max(1) as f64
    }
}

fn mean((sum, count): (f64, u64)) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// Mean and standard deviation (of a sample: over n − 1) of some ratios; `None` of none.
pub fn spread(values: &[f64]) -> Option<[f64; 2]> {
    let count = values.len() as f64;
    let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)?;
    let square: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some([mean, (square / (count - 1.0).max(1.0)).sqrt()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(values: [u8; 4]) -> Canvas {
        Canvas { width: 2, height: 2, pixels: values.iter().flat_map(|value| [*value; 3]).collect() }
    }

    #[test]
    fn errors_inside_and_outside() {
        let mut tally = Tally::default();
        assert_eq!(tally.ratio(), None);
        // Black to white is 100 in L*, whose square is 10 000.
        let part = [true, false, false, false];
        tally.add(&canvas([0, 0, 0, 0]), &canvas([255, 0, 0, 0]), &part);
        assert!((tally.inside() - 1e4).abs() < 1.0 && tally.outside() == 0.0, "{tally:?}");
        assert_eq!((tally.ratio(), tally.area()), (Some(f64::INFINITY), 0.25));
        tally.add(&canvas([0, 0, 0, 0]), &canvas([0, 255, 0, 0]), &part);
        let ratio = tally.ratio().expect("something changed");
        assert!((ratio - 3.0).abs() < 1e-9, "half of 1 inside, 1 of 6 outside: {ratio}");
    }

    #[test]
    fn spreads() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0]), Some([3.0, 0.0]));
        assert_eq!(spread(&[1.0, 2.0, 3.0]), Some([2.0, 1.0]));
    }
}
