//! Tensors with axes in the order of tables: elements are looked up one by one, and fetched in runs where they lie close.

use super::Fetch;
use super::Load;

/// Elements that are fetched with those that are wanted, at most so many times as many.
const SPARSE: i64 = 4;
/// Bytes that are fetched at once and picked from.
const STAGE: i64 = 1 << 20;

/// Buffers of one load.
#[derive(Default)]
pub struct Lookup {
    places: Vec<i64>,
    stage: Vec<u8>,
}

impl Lookup {
    /// Brings elements from `start` on into `out`, which has their size.
    pub fn fill<F: Fetch>(&mut self, load: &Load, start: u64, fetch: &F, out: &mut [u8]) -> Result<(), F::Error> {
        debug_assert!(!load.view.is_unsettled(), "a table is missing");
        let size = load.dtype.bytes() as usize;
        self.places.resize(out.len() / size, 0);
        load.view.places(start, &mut self.places);
        let mut job = Job { load, fetch, size, stage: &mut self.stage };
        job.pick(&self.places, out)
    }
}

struct Job<'j, F> {
    load: &'j Load,
    fetch: &'j F,
    size: usize,
    stage: &'j mut Vec<u8>,
}

impl<F: Fetch> Job<'_, F> {
    /// Halves what lies apart until it lies together.
    fn pick(&mut self, places: &[i64], out: &mut [u8]) -> Result<(), F::Error> {
        let (Some(&first), Some(&last)) = (places.first(), places.last()) else { return Ok(()) };
        let count = places.len() as i64;
        let is_run = last - first == count - 1 && places.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if is_run {
            return self.fetch.fetch(self.load.file, self.offset(first), out);
        }
        let low = places.iter().copied().fold(first, i64::min);
        let extent = places.iter().copied().fold(first, i64::max) - low + 1;
        if extent > SPARSE * count || extent * self.size as i64 > STAGE {
            let half = places.len() / 2;
            let (before, after) = out.split_at_mut(half * self.size);
            self.pick(&places[..half], before)?;
            return self.pick(&places[half..], after);
        }
        let bytes = extent as usize * self.size;
        self.stage.resize(self.stage.len().max(bytes), 0);
        self.fetch.fetch(self.load.file, self.offset(low), &mut self.stage[..bytes])?;
        let size = self.size;
        for (out, place) in out.chunks_exact_mut(size).zip(places) {
            let at = (place - low) as usize * size;
            out.copy_from_slice(&self.stage[at..at + size]);
        }
        Ok(())
    }

    fn offset(&self, place: i64) -> u64 {
        self.load.offset + place as u64 * self.size as u64
    }
}
