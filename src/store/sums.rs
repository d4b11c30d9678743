//! CRC-32 sums of what is written in any order, joined where runs of bytes meet: the sum of a range is known when the
//! range is complete, without reading it again.

use crc32fast::Hasher;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Sums of runs of bytes that were written once.
#[derive(Default)]
pub struct Sums {
    /// By the offset of the run: its length and sum.  Neighbours are joined; what stands between tensors keeps them apart.
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

    /// Forgets all runs that begin in a range, whether it is complete or not.
    pub fn forget(&self, offset: u64, len: u64) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|at, _| !(offset..offset.saturating_add(len)).contains(at));
    }

    /// The sum of a range that is exactly one run, which is forgotten; `None` for any other.
    pub fn take(&self, offset: u64, len: u64) -> Option<u32> {
        if len == 0 {
            return Some(Hasher::new().finalize());
        }
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.get(&offset).filter(|run| run.0 == len)?;
        runs.remove(&offset).map(|run| run.1.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of `123456789`, whose CRC-32 the standard tells, in the order of `cuts`.
    #[track_caller]
    fn check(order: &[(usize, usize)]) {
        let sums = Sums::default();
        for &(start, end) in order {
            assert_eq!(sums.take(100, 9), None);
            sums.add(100 + start as u64, &b"123456789"[start..end]);
        }
        assert_eq!((sums.take(100, 8), sums.take(101, 8), sums.take(99, 10)), (None, None, None));
        assert_eq!(sums.runs.lock().unwrap().len(), 1, "neighbours are joined");
        assert_eq!(sums.take(100, 9), Some(0xcbf4_3926), "{order:?}");
        assert_eq!((sums.take(100, 9), sums.take(100, 0)), (None, Some(0)));
        // What is forgotten, all of it or a part, can be written again.
        order.iter().skip(1).for_each(|&(start, end)| sums.add(100 + start as u64, &[0; 9][start..end]));
        sums.forget(100, 9);
        sums.add(100, b"123456789");
        assert_eq!(sums.take(100, 9), Some(0xcbf4_3926));
    }

    #[test]
    fn pieces_in_any_order() {
        check(&[(0, 9)]);
        check(&[(0, 4), (4, 4), (4, 9)]);
        check(&[(4, 9), (0, 4)]);
        check(&[(0, 3), (6, 9), (3, 6)]);
        check(&[(8, 9), (6, 7), (0, 2), (4, 6), (7, 8), (2, 4)]);
    }
}
