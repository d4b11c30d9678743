//! Sums of the bytes of tensors, taken while they are written, in any order.
//!
//! They tell whether bytes are still those that were written: against accidents, not against people who look for two
//! contents with one sum (those may as well write what they like).  XXH3, because it costs a twentieth of a merge where a
//! cryptographic digest costs a quarter.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use twox_hash::XxHash3_128;

/// Bytes that are hashed together, counted from the start of the tensor.
pub const UNIT: u64 = 64 << 10;

/// Bytes that are read at a time.
const BUFFER: u64 = 256 << 10;

/// The sum of a tensor's bytes.
pub type Sum = [u8; 16];

/// A sum that grows.  Every unit is hashed with its number, and the hashes are added: their order does not matter.
#[derive(Debug, Default)]
pub struct Adder {
    low: AtomicU64,
    high: AtomicU64,
}

impl Adder {
    fn add(&self, hash: u128) {
        self.low.fetch_add(hash as u64, Ordering::Relaxed);
        self.high.fetch_add((hash >> 64) as u64, Ordering::Relaxed);
    }

    /// The sum, once all units of the `len` bytes are added.
    pub fn sum(&self, len: u64) -> Sum {
        let parts = [self.low.load(Ordering::Relaxed), self.high.load(Ordering::Relaxed), len];
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
        XxHash3_128::oneshot(&bytes).to_le_bytes()
    }

    /// Adds bytes at `at` of a tensor of `len` bytes, if they are whole units; false: they are not, and nothing is added.
    pub fn add_units(&self, at: u64, bytes: &[u8], len: u64) -> bool {
        let count = bytes.len() as u64;
        if !at.is_multiple_of(UNIT) || !(count.is_multiple_of(UNIT) || at + count == len) {
            return false;
        }
        for (number, unit) in bytes.chunks(UNIT as usize).enumerate() {
            self.add(XxHash3_128::oneshot_with_seed(at / UNIT + number as u64, unit));
        }
        true
    }
}

/// Adds bytes of a tensor that come one after the other, from the start of a unit on.
pub struct Feeder<'a> {
    adder: &'a Adder,
    at: u64,
    /// Bytes of the tensor.
    len: u64,
    /// Of the unit that has begun.
    begun: Option<XxHash3_128>,
}

impl Feeder<'_> {
    /// From byte `at` of a tensor of `len` bytes on; `at` is the start of a unit.
    pub fn new(adder: &Adder, at: u64, len: u64) -> Feeder<'_> {
        debug_assert!(at.is_multiple_of(UNIT));
        Feeder { adder, at, len, begun: None }
    }

    /// The next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let left = (UNIT - self.at % UNIT).min(self.len - self.at);
            let count = left.min(bytes.len() as u64);
            let (now, later) = bytes.split_at(count as usize);
            if self.begun.is_none() && count == left {
                self.adder.add(XxHash3_128::oneshot_with_seed(self.at / UNIT, now));
            } else {
                let number = self.at / UNIT;
                let begun = self.begun.get_or_insert_with(|| XxHash3_128::with_seed(number));
                begun.write(now);
                if count == left
                    && let Some(begun) = self.begun.take()
                {
                    self.adder.add(begun.finish_128());
                }
            }
            self.at += count;
            bytes = later;
        }
    }
}

/// The sum of `len` bytes that `read` gives, piece by piece from the first on.
pub fn of<E>(len: u64, mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>) -> Result<Sum, E> {
    let adder = Adder::default();
    let mut buffer = vec![0; BUFFER.min(len) as usize];
    let mut at = 0;
    while at < len {
        let count = BUFFER.min(len - at);
        read(at, &mut buffer[..count as usize])?;
        adder.add_units(at, &buffer[..count as usize], len);
        at += count;
    }
    Ok(adder.sum(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Sum {
        let copy = |at: u64, dst: &mut [u8]| {
            dst.copy_from_slice(&bytes[at as usize..][..dst.len()]);
            Ok::<(), ()>(())
        };
        of(bytes.len() as u64, copy).unwrap()
    }

    #[test]
    fn pieces_do_not_matter() {
        let bytes: Vec<u8> = (0..400_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for len in [0, 1, 65_535, 65_536, 65_537, 262_144, 400_000] {
            let (bytes, wanted) = (&bytes[..len], read(&bytes[..len]));
            for step in [1 << 20, 65_536, 100_000, 7_001] {
                let adder = Adder::default();
                let mut feeder = Feeder::new(&adder, 0, len as u64);
                bytes.chunks(step).for_each(|piece| feeder.feed(piece));
                assert_eq!(adder.sum(len as u64), wanted, "{len} in {step}");
            }
            // Backwards, in whole units.
            let adder = Adder::default();
            let pieces: Vec<&[u8]> = bytes.chunks(131_072).collect();
            for (number, piece) in pieces.iter().enumerate().rev() {
                assert!(adder.add_units(number as u64 * 131_072, piece, len as u64));
            }
            assert_eq!(adder.sum(len as u64), wanted);
        }
        assert!(!Adder::default().add_units(0, &[1; 9], 10));
        assert!(!Adder::default().add_units(5, &[1; 9], 14));
    }

    #[test]
    fn any_change_shows() {
        let bytes = vec![7; 200_000];
        for at in [0, 65_535, 65_536, 131_072, 199_999] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_ne!(read(&bytes), read(&other));
        }
        // Equal units that change places do not cancel.
        let (mut a, mut b) = (vec![1; 131_072], vec![1; 131_072]);
        a[0] = 9;
        b[65_536] = 9;
        assert_ne!(read(&a), read(&b));
        assert_ne!(read(&[]), read(&[0]));
    }
}
