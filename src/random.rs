//! Random numbers from counters: Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as
//! 1, 2, 3").  A number depends on its key and counter alone, so that nobody has to wait for another.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Four numbers of 32 bits.
pub fn philox(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let ([mut k0, mut k1], [mut a, mut b, mut c, mut d]) = (key, counter);
    for _ in 0..ROUNDS {
        let first = u64::from(a) * u64::from(MULTIPLIERS[0]);
        let second = u64::from(c) * u64::from(MULTIPLIERS[1]);
        (a, b) = ((second >> 32) as u32 ^ b ^ k0, second as u32);
        (c, d) = ((first >> 32) as u32 ^ d ^ k1, first as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [a, b, c, d]
}

/// The numbers below `count` in an order that a seed and the number of the draw decide.
pub fn order(count: usize, seed: u64, draw: u32) -> Vec<usize> {
    let key = [seed as u32, (seed >> 32) as u32];
    let mut out: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let [low, high, ..] = philox(key, [last as u32, 0, draw, 0]);
        let wide = u64::from(high) << 32 | u64::from(low);
        out.swap(last, ((u128::from(wide) * (last as u128 + 1)) >> 64) as usize);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers that the authors publish with their code.
    #[test]
    fn known_answers() {
        let check = |counter, key, expected: [u32; 4]| assert_eq!(philox(key, counter), expected);
        check([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        check([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        check(pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn orders_hold_every_number_once() {
        for count in [0, 1, 2, 7, 100] {
            let mut found = order(count, 3, 1);
            assert!(count < 7 || found != order(count, 3, 2));
            assert_eq!(found, order(count, 3, 1));
            found.sort_unstable();
            assert_eq!(found, (0..count).collect::<Vec<_>>());
        }
    }
}
