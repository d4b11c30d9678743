//! Numbers from names, as `tests/golden/render.py` makes them.

use blend::render::weights::Array;

/// Uniform numbers of unit variance: SplitMix64 from the FNV-1a hash of a name.
pub fn number(name: &str, shape: &[usize], scale: f64, shift: f64) -> Array {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let one = |at: usize| {
        let mut z = hash.wrapping_add((at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let uniform = (z >> 40) as f32 / (1 << 23) as f32 - 1.0;
        uniform * 3f64.sqrt() as f32 * scale as f32 + shift as f32
    };
    let count = shape.iter().product();
    Array::new(shape, (0..count).map(one).collect::<Vec<f32>>())
}
