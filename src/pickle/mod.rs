//! Pickles as data: an allow-listed machine that imports nothing, calls nothing and evaluates nothing.
//! It is not a container: what a persistent id points to, and where a file's bytes lie, is `store`'s business.
//!
//! **This is a security boundary.**  A name from a pickle is only ever compared with the table in `names`; what stands
//! there is rebuilt as a [`Value`] by our own code, everything else becomes [`Value::Opaque`] or, where it is a tensor,
//! [`Value::Strange`], and names that call something or that only an attack needs are a [`Fault`] at once.  Long byte strings are never read: a value says where they lie, so that a pickle of
//! gigabytes costs the memory of its structure.  Work, memory, nesting and the size of the result as a tree are bounded by
//! [`Limits`]; nothing here recurses, dropping included.

mod call;
mod fault;
mod legacy;
mod machine;
mod names;
mod numpy;
mod opcode;
mod read;
mod stack;
mod torch;
mod value;
mod walk;

pub use fault::Fault;
pub use fault::Kind;
pub use fault::MALFORMED;
pub use fault::READ;
pub use fault::UNSUPPORTED;
pub use fault::problem;
pub use legacy::Legacy;
pub use legacy::is_legacy;
pub use legacy::legacy;
pub use value::Array;
pub use value::Blob;
pub use value::Id;
pub use value::Storage;
pub use value::StorageBytes;
pub use value::Tensor;
pub use value::Value;
pub use value::Values;
pub use walk::Next;
pub use walk::Step;

use machine::Machine;

/// Bytes by position: a window of a file (0 is the first byte of the window).
pub trait Source {
    /// Length in bytes.
    fn len(&self) -> u64;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills all of `dst` from `offset` on, or fails.
    fn read_at(&self, offset: u64, dst: &mut [u8]) -> std::io::Result<()>;
}

impl Source for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, dst: &mut [u8]) -> std::io::Result<()> {
        let from =
            usize::try_from(offset).ok().and_then(|start| self.get(start..)).and_then(|rest| rest.get(..dst.len()));
        dst.copy_from_slice(from.ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl Source for &[u8] {
    fn len(&self) -> u64 {
        Source::len(*self)
    }

    fn read_at(&self, offset: u64, dst: &mut [u8]) -> std::io::Result<()> {
        Source::read_at(*self, offset, dst)
    }
}

/// What a pickle may cost at most; whatever is above is a [`Fault`] of [`Kind::Limit`].  The default fits every checkpoint
/// we know tenfold, and lets a hostile file use some tens of MiB and milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Opcodes that are run.
    pub opcodes: u64,
    /// Values that are made.
    pub values: u32,
    /// Bytes of all values with their texts and items.
    pub memory: u64,
    /// Bytes of all [`Blob::Memory`].
    pub blobs: u64,
    /// Entries of the stack.
    pub stack: usize,
    /// Marks that are open at a time.
    pub marks: usize,
    /// Slots of the memo.
    pub memo: usize,
    /// Bytes of one integer.
    pub integer: u64,
    /// Values within values within the result.
    pub depth: u32,
    /// Values of the result, counted once per place where they stand: what a walk over it visits.
    pub places: u64,
    /// Elements that tensors may have beyond those of their storages (`expand` repeats elements by strides of 0).
    pub expanded: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            opcodes: 8_000_000,
            values: 1 << 20,
            memory: 48 << 20,
            blobs: 256 << 20,
            stack: 1 << 20,
            marks: 1024,
            memo: 1 << 20,
            integer: 1024,
            depth: 256,
            places: 4_000_000,
            expanded: 1 << 26,
        }
    }
}

/// A pickle that was accepted as a whole.
#[derive(Debug)]
pub struct Pickle {
    pub values: Values,
    /// What the pickle is: the last value on its stack.
    pub root: Id,
    /// Offset after STOP.  Streams hold several pickles; whether more may follow is for the caller to decide.
    pub end: u64,
}

/// Runs the one pickle that starts at `start`.
///
/// The result has no cycles, is nested at most [`Limits::depth`] deep and has at most [`Limits::places`] places, so that a
/// plain recursive walk over it is safe.
pub fn run(source: &dyn Source, start: u64, limits: &Limits) -> Result<Pickle, Fault> {
    Machine::new(source, start, limits).run().map(|(pickle, _)| pickle)
}
