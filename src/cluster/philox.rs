//! Random numbers from counters: Philox4x32-10 (Salmon and others 2011, "Parallel Random Numbers: As Easy as 1, 2, 3").

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The four words of a counter under a key.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let wide = |at: usize| u64::from(MULTIPLIERS[at]) * u64::from(counter[2 * at]);
        let (a, b) = (wide(0), wide(1));
        counter = [(b >> 32) as u32 ^ counter[1] ^ key[0], b as u32, (a >> 32) as u32 ^ counter[3] ^ key[1], a as u32];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

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
            self.words = philox(self.counter, self.key);
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

    /// Known answers of the authors' Random123.
    #[test]
    fn known_answers() {
        let check = |counter, key, expected: [u32; 4]| assert_eq!(philox(counter, key), expected);
        check([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        check([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        check(
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        );
    }

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
