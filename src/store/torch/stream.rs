//! The streams that `torch.save` wrote before version 1.6: five pickles, then the storages one after the other.

use super::Pickled;
use super::Window;
use super::after_the_end;
use super::faulty;
use crate::diag::Problem;
use crate::pickle;
use crate::pickle::Blob;
use crate::pickle::Limits;
use crate::store::format::Opened;
use crate::store::header::Budget;
use crate::store::sink::Origin;
use crate::tensor::Header;
use std::collections::HashMap;

/// Reads a stream and adds file, tensors and metadata to `header`.  Errors: E0507, E0508, E0510, E0517 to E0521, E0601.
pub fn read(opened: &Opened, key: Option<&str>, header: &mut Header, budget: &mut Budget) -> Result<(), Problem> {
    let window = Window { file: &opened.file, start: 0, len: opened.size };
    let fault = |fault: pickle::Fault| faulty(opened.path, &window, &fault);
    let legacy = pickle::legacy(&window, 0, &Limits::default()).map_err(fault)?;
    let (blobs, end) = legacy.blobs(&window).map_err(fault)?;
    if end != opened.size {
        return Err(after_the_end(opened.path, end, "the last storage"));
    }
    let storages: HashMap<&str, (u64, u64)> = blobs
        .iter()
        .filter_map(|(key, blob)| match blob {
            Blob::File { offset, len } => Some((&**key, (*offset, *len))),
            Blob::Memory(_) => None,
        })
        .collect();
    let storages = |key: &str| storages.get(key).copied();
    let origin = Origin { path: opened.path, size: opened.size, base: 0, storages: Some(&storages) };
    let pickle = &legacy.pickle;
    Pickled { origin, window: &window, values: &pickle.values, root: pickle.root }.add(key, header, budget)
}
