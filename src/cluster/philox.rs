//! Streams of random numbers for clustering and masks.

use crate::random::philox;

/// What a stream is for: streams of one seed do not meet.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Which positions of a picture are kept.
    Positions = 0,
    /// Where a restart of the clustering begins.
    Centres = 1,
    /// Which channels take the place of others.
    Masks = 2,
}

/// A stream of numbers: those of a seed, a purpose and a number within it.
pub struct Random {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    used: usize,
}

impl Random {
    pub fn new(seed: u64, purpose: Purpose, number: usize) -> Random {
        let counter = [0, number as u32, (number as u64 >> 32) as u32, purpose as u32];
        Random { key: [seed as u32, (seed >> 32) as u32], counter, words: [0; 4], used: 4 }
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox(self.key, self.counter);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    fn wide(&mut self) -> u64 {
        u64::from(self.word()) << 32 | u64::from(self.word())
    }

    /// Uniform in [0, 1), of 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.wide() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.wide()) * bound as u128) >> 64) as usize
    }

    /// So many different numbers below `bound`, in rising order; all of them where there are not more.
    pub fn choose(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..bound).collect();
        let count = count.min(bound);
        for at in 0..count {
            let other = at + self.below(bound - at);
            all.swap(at, other);
        }
        all.truncate(count);
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        let mut random = Random::new(7, Purpose::Positions, 3);
        let some = random.choose(10, 1000);
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]) && some.len() == 10 && some[9] < 1000);
        assert_eq!(random.choose(9, 4), [0, 1, 2, 3]);
        let mean = (0..10_000).map(|_| random.uniform()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert_ne!(Random::new(7, Purpose::Centres, 3).wide(), Random::new(7, Purpose::Positions, 3).wide());
    }
}
