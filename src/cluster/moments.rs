//! Sums over the activations of many pictures, per channel: mean and deviation, and how much energy lies where.
//!
//! Everything is summed in f64, positions in order within a picture, then pictures in order; workers share out channels, so
//! their number changes nothing.

use rayon::prelude::*;

/// A channel whose deviation is below this part of its mean is taken to be constant: what remains is rounding.
const CONSTANT: f64 = 1e-7;

/// Mean and deviation of every channel of a space.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// Values of one channel so far.
    count: f64,
    /// Per channel the mean, and the sum of squared distances from it.
    sums: Vec<[f64; 2]>,
}

impl Moments {
    pub fn new(channels: usize) -> Moments {
        Moments { count: 0.0, sums: vec![[0.0; 2]; channels] }
    }

    /// Adds the activations of one picture, `[channels, pixels]`, at some positions (Chan and others 1979: the pictures'
    /// own moments are joined, so nothing is lost where a mean is large).
    pub fn add(&mut self, values: &[f32], pixels: usize, positions: &[usize]) {
        let (before, own) = (self.count, positions.len() as f64);
        self.sums.par_iter_mut().zip(values.par_chunks_exact(pixels)).for_each(|(sums, plane)| {
            let mean = positions.iter().map(|&at| f64::from(plane[at])).sum::<f64>() / own;
            let square = positions.iter().map(|&at| (f64::from(plane[at]) - mean).powi(2)).sum::<f64>();
            let apart = mean - sums[0];
            sums[0] += apart * own / (before + own);
            sums[1] += square + apart * apart * before * own / (before + own);
        });
        self.count += own;
    }

    /// Mean and standard deviation per channel.  A deviation of 0 says that the channel is constant.
    pub fn finish(&self) -> Vec<Scale> {
        let one = |[mean, square]: &[f64; 2]| {
            let std = (square / self.count.max(1.0)).sqrt();
            Scale { mean: *mean, std: if std > CONSTANT * mean.abs() { std } else { 0.0 } }
        };
        self.sums.iter().map(one).collect()
    }
}

/// How a channel is standardised.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scale {
    pub mean: f64,
    pub std: f64,
}

impl Scale {
    /// 0 for a constant channel.
    pub fn of(self, value: f32) -> f64 {
        if self.std > 0.0 { (f64::from(value) - self.mean) / self.std } else { 0.0 }
    }
}

/// M of one space of one model: the energy of standardised channels, by cluster.
#[derive(Clone, Debug)]
pub struct Energies {
    clusters: usize,
    scales: Vec<Scale>,
    /// `[channels, clusters]`.
    sums: Vec<f64>,
    /// Positions per cluster.
    counts: Vec<u64>,
}

impl Energies {
    pub fn new(clusters: usize, scales: Vec<Scale>) -> Energies {
        let sums = vec![0.0; clusters * scales.len()];
        Energies { clusters, scales, sums, counts: vec![0; clusters] }
    }

    /// Adds the activations of one picture, `[channels, pixels]`, at some positions, whose clusters are given in the same order.
    pub fn add(&mut self, values: &[f32], pixels: usize, positions: &[usize], clusters: &[u16]) {
        clusters.iter().for_each(|cluster| self.counts[usize::from(*cluster)] += 1);
        let channels = self.sums.par_chunks_exact_mut(self.clusters).zip(&self.scales);
        channels.zip(values.par_chunks_exact(pixels)).for_each(|((sums, scale), plane)| {
            let mut own = vec![0.0; sums.len()];
            for (at, cluster) in positions.iter().zip(clusters) {
                let value = scale.of(plane[*at]);
                own[usize::from(*cluster)] += value * value;
            }
            sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        });
    }

    /// `M[k, c] = (1/NHW) Σ A²·U`, `[clusters, channels]`: the sum over clusters is 1, for the variance of a standardised
    /// channel is.  A constant channel has no energy; its shares are those of the area, as if it lay everywhere alike.
    pub fn finish(&self) -> Vec<f64> {
        let (channels, positions) = (self.scales.len(), self.counts.iter().sum::<u64>().max(1) as f64);
        let one = |cluster: usize, channel: usize| match self.scales[channel].std > 0.0 {
            true => self.sums[channel * self.clusters + cluster] / positions,
            false => self.counts[cluster] as f64 / positions,
        };
        (0..self.clusters).flat_map(|cluster| (0..channels).map(move |channel| one(cluster, channel))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two channels of three pictures of four positions: one varies, one is constant.
    fn pictures() -> Vec<Vec<f32>> {
        let varied = [[1.0, 2.0, 4.0, -3.0], [0.5, 0.0, 1e3, 7.0], [1.0, 1.0, 1.0, 1.0]];
        varied.iter().map(|plane| plane.iter().copied().chain([0.3; 4]).collect()).collect()
    }

    #[test]
    fn moments_are_those_of_all_values() {
        let mut moments = Moments::new(2);
        pictures().iter().for_each(|picture| moments.add(picture, 4, &[0, 1, 2, 3]));
        let all: Vec<f64> = pictures().iter().flat_map(|picture| &picture[..4]).map(|v| f64::from(*v)).collect();
        let mean = all.iter().sum::<f64>() / 12.0;
        let std = (all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 12.0).sqrt();
        let found = moments.finish();
        assert!((found[0].mean - mean).abs() < 1e-9 && (found[0].std - std).abs() < 1e-9, "{found:?}");
        assert_eq!(found[1].std, 0.0);
    }

    #[test]
    fn shares_sum_to_one() {
        let mut moments = Moments::new(2);
        pictures().iter().for_each(|picture| moments.add(picture, 4, &[0, 1, 2, 3]));
        let mut energies = Energies::new(3, moments.finish());
        pictures().iter().for_each(|picture| energies.add(picture, 4, &[0, 1, 2, 3], &[0, 0, 1, 2]));
        let shares = energies.finish();
        for channel in 0..2 {
            let sum: f64 = (0..3).map(|cluster| shares[cluster * 2 + channel]).sum();
            assert!((sum - 1.0).abs() < 1e-12, "channel {channel}: {sum}");
        }
        // The outlier lies in cluster 1; the constant channel has the shares of the area.
        assert!(shares[2] > 0.9, "{shares:?}");
        assert_eq!([shares[1], shares[3], shares[5]], [0.5, 0.25, 0.25]);
    }
}
