//! Moves elements of a stored tensor in another order, bits untouched.

use super::Fetch;
use super::Load;
use super::load::Window;

/// A buffer for moving; kept from range to range.
#[derive(Default)]
pub struct Mover {
    window: Window,
}

impl Mover {
    /// The elements from `start` on, in the order of the load's view, as many as fit into `dst`.
    pub fn gather<F: Fetch>(&mut self, load: &Load, start: u64, fetch: &F, dst: &mut [u8]) -> Result<(), F::Error> {
        let count = dst.len() / load.dtype.bytes() as usize;
        self.window.fill(load, start, count, fetch)?;
        dst.copy_from_slice(&self.window.bytes[..dst.len()]);
        Ok(())
    }
}
