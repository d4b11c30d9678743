//! CRC-32 sums of what is written in any order, joined where runs of bytes meet: the sum of a range is known when the
//! range is complete, without reading it again.

use crc32fast::Hasher;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Sums of runs of bytes that were written once.
#[derive(Default)]
pub struct Sums {
    /// By the offset of the run: its length and sum.  Neighbours are joined, so there are few at any time.
    runs: Mutex<BTreeMap<u64, (u64, Hasher)>>,
}

impl Sums {
    /// Notes bytes that were written at `offset`.
    pub fn add(&self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        let (mut start, mut len) = (offset, bytes.len() as u64);
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((next_len, next)) = runs.remove(&(start + len)) {
            hasher.combine(&next);
            len += next_len;
        }
        let before = runs.range_mut(..start).next_back().filter(|(at, run)| **at + run.0 == start);
        if let Some((&at, run)) = before {
            let mut joined = run.1.clone();
            joined.combine(&hasher);
            (start, len, hasher) = (at, run.0 + len, joined);
        }
        runs.insert(start, (len, hasher));
    }

    /// The sum of a range that is exactly one run; `None` for any other.
    pub fn of(&self, offset: u64, len: u64) -> Option<u32> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.get(&offset).filter(|run| run.0 == len).map(|run| run.1.clone().finalize())
    }
}
