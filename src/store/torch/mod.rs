//! Checkpoints of PyTorch: the zip archives and the older streams of `torch.save`, as data.
//!
//! The pickle machine (`crate::pickle`) says what the file holds; here storages get their places in the file, one
//! dictionary is chosen as the model, and its tensors become entries.  Weights are never read here.  Tensors may share
//! bytes (tied weights) and lie in strides.
//!
//! Format: <https://github.com/pytorch/pytorch/blob/main/torch/serialization.py>

mod archive;
mod choose;
mod stream;
mod tree;

pub use self::archive::owns;
pub use self::archive::read as read_archive;
pub use self::archive::refuse_other;
pub use self::stream::read as read_stream;
pub use crate::pickle::is_legacy as is_stream;

use super::error;
use super::header::Budget;
use super::sink::Origin;
use super::sink::Sink;
use super::sys;
use crate::diag::Problem;
use crate::diag::shown;
use crate::pickle::Fault;
use crate::pickle::Id;
use crate::pickle::Source;
use crate::pickle::Values;
use crate::tensor::Header;
use std::fs::File;
use std::path::Path;

/// A part of a file, as the pickle machine reads it.
pub struct Window<'f> {
    pub file: &'f File,
    /// Of its first byte in the file.
    pub start: u64,
    pub len: u64,
}

impl Source for Window<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, dst: &mut [u8]) -> std::io::Result<()> {
        let end = offset.checked_add(dst.len() as u64).filter(|&end| end <= self.len);
        let whole = end.is_some() && sys::read_full(self.file, self.start + offset, dst)? == dst.len();
        if whole { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// What a pickle holds at and below a value, and where it stands.
pub struct Pickled<'a> {
    pub origin: Origin<'a>,
    pub window: &'a Window<'a>,
    pub values: &'a Values,
    pub root: Id,
}

impl Pickled<'_> {
    /// Chooses a dictionary, and adds file, tensors and metadata to `header`.
    /// Errors: E0507, E0508, E0510, E0512, E0519, E0521.
    pub fn add(&self, key: Option<&str>, header: &mut Header, budget: &mut Budget) -> Result<(), Problem> {
        let chosen = choose::choose(self.origin.path, self.window, self.values, self.root, key)?;
        let mut sink = Sink::new(&self.origin, header, budget);
        for leaf in &chosen.leaves {
            sink.add(&leaf.name, self.values.get(leaf.id))?;
        }
        sink.finish(chosen.facts)
    }
}

/// A fault of the pickle in a window of a file, as a problem.
fn faulty(path: &Path, window: &Window, fault: &Fault) -> Problem {
    crate::pickle::problem(fault, &shown::path(path), window.start)
}

/// Bytes behind a pickle where nothing may be.
fn after_the_end(path: &Path, at: u64, what: &str) -> Problem {
    let flaw = error::Flaw { offset: at, found: "more bytes".into(), expected: format!("the end of {what}") };
    error::flawed(error::PICKLE, path, "holds something after what PyTorch saved", flaw, error::AGAIN)
}
