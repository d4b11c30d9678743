//! Latents from seeds, as users of the public tools know them: NumPy's legacy generator, `RandomState(seed).randn(…)`.
//!
//! MT19937 (Matsumoto and Nishimura 1998) seeded with one 32-bit number, doubles of 53 bits from two outputs, and the
//! polar method of Marsaglia with its second value kept.  The logarithm is `libm`'s, so that every machine draws the same
//! numbers.  A C library's differs in the last bit of 3 % of the doubles; of a million values none differs as f32, which is
//! what networks take.

/// Words of the generator's state.
const WORDS: usize = 624;

/// NumPy's `RandomState`.
#[derive(Clone, Debug)]
pub struct RandomState {
    words: [u32; WORDS],
    next: usize,
    /// The second value of the last pair.
    kept: Option<f64>,
}

impl RandomState {
    pub fn new(seed: u32) -> RandomState {
        let mut words = [0; WORDS];
        let mut word = seed;
        for (at, slot) in words.iter_mut().enumerate() {
            *slot = word;
            word = 1_812_433_253u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(at as u32 + 1);
        }
        RandomState { words, next: WORDS, kept: None }
    }

    fn refill(&mut self) {
        for at in 0..WORDS {
            let mixed = (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % WORDS] & 0x7fff_ffff);
            let twist = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[at] = self.words[(at + 397) % WORDS] ^ (mixed >> 1) ^ twist;
        }
        self.next = 0;
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.refill();
        }
        let mut y = self.words[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * libm::log(square) / square).sqrt();
                self.kept = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// `randn(count)`.
    pub fn normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.normal()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that NumPy prints, to eight places.
    #[track_caller]
    fn check(seed: u32, skipped: usize, wanted: &[f64]) {
        let mut state = RandomState::new(seed);
        state.normals(skipped);
        let found = state.normals(wanted.len());
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-8, "{found} is not {wanted}");
        }
    }

    #[test]
    fn seeds_draw_what_numpy_draws() {
        check(0, 0, &[1.76405235, 0.40015721, 0.97873798, 2.2408932, 1.86755799, -0.97727788]);
        check(85, 0, &[0.17685072, 2.37775412, 0.99873286]);
        check(u32::MAX, 0, FIRST_OF_LAST);
        // Past the first refill of the words.
        check(42, 10_000, AFTER_MANY);
    }

    // numpy.random.RandomState(4294967295).randn(3) and RandomState(42).randn(10003)[10000:]
    const FIRST_OF_LAST: &[f64] = &[0.6484086742, 0.6693235306, -1.0805437227];
    const AFTER_MANY: &[f64] = &[-0.6784947305, -0.3054994631, -0.5973810610];
}
