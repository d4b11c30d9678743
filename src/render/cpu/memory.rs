//! The memory of layers.

use std::ops::Deref;
use std::ops::DerefMut;

/// Values of a cache line.
const LINE: usize = 16;

/// Values that begin at a cache line, so that no vector lies in two of them.
#[derive(Default)]
pub struct Values {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl Values {
    /// So many zeros.
    pub fn new(len: usize) -> Values {
        let buffer = vec![0.0; len + LINE];
        in_large_pages(&buffer);
        // A buffer that does not tell its place is used from its start.
        let start = buffer.as_ptr().align_offset(4 * LINE).min(LINE);
        Values { buffer, start, len }
    }
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.len]
    }
}

impl DerefMut for Values {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}

/// Asks the system for pages of 2 MiB.  A layer is read and written in rows of many channels at once, each in a page of its own:
/// looking up so many small pages takes time.
fn in_large_pages(values: &[f32]) {
    #[cfg(target_os = "linux")]
    {
        /// What pages are counted in, and a size from which on it is worth it.
        const PAGE: usize = 1 << 12;
        const WORTH: usize = 1 << 22;
        let place = values.as_ptr() as usize;
        let (from, until) = (place.next_multiple_of(PAGE), (place + size_of_val(values)) / PAGE * PAGE);
        if until.saturating_sub(from) >= WORTH {
            // SAFETY: the range lies within the values, and their contents stay as they are.  A system that refuses has small pages.
            #[allow(unsafe_code)]
            let _ = unsafe { libc::madvise(from as *mut libc::c_void, until - from, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = values;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_zeros_of_the_asked_length_at_a_line() {
        for len in [0, 1, 1000, 3 << 20] {
            let mut values = Values::new(len);
            assert!(values.len() == len && values.iter().all(|value| *value == 0.0), "{len}");
            assert_eq!(values.as_ptr() as usize % 64, 0, "{len}");
            values.fill(1.0);
        }
    }
}
