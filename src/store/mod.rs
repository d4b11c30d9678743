//! Files: headers of checkpoints, input files in memory maps, outputs beside their targets, texts.
//!
//! It knows nothing of recipes.  All `std::fs` and nearly all `unsafe` of the crate are here.  Problems come without
//! labels: the caller knows the place in the recipe.  Codes E05xx say that an input is wrong, E06xx that the machine
//! failed.
//!
//! Invariants: an input is never written, truncated or renamed; an output path holds what stood there before or the
//! complete new content; a header that is refused costs under 100 ms and 64 MiB (packed arrays of
//! NumPy: up to 256 MiB more).

mod beside;
mod cache;
pub mod catalogue;
mod copy;
mod error;
mod files;
mod fingerprint;
mod foreign;
mod forget;
mod format;
mod gguf;
mod header;
mod index;
mod inputs;
mod journal;
mod json;
mod npy;
mod npz;
mod nvidia;
mod open;
mod part;
mod place;
mod program;
mod sheet;
mod sigbus;
mod sink;
mod sniff;
mod stage;
mod stale;
mod sums;
mod sys;
#[cfg(test)]
mod tests;
mod text;
pub mod tidy;
mod torch;
mod zip;

pub use cache::Seen;
pub use cache::Shelf;
pub use cache::cache_dir;
pub use copy::Moved;
pub use error::MISSING as NOT_FOUND;
pub use error::TEXT;
pub use error::no_dictionaries;
pub use files::channel_files;
pub use files::files;
pub use fingerprint::Fingerprint;
pub use fingerprint::Standing;
pub use fingerprint::TICK;
pub use inputs::Inputs;
pub use journal::Note;
pub use open::header_digest;
pub use open::open;
pub use part::Part;
pub use place::may_write;
pub use place::real_path;
pub use program::write_through;
pub use stage::Kind;
pub use stage::Staged;
pub use sys::open_files;
pub use sys::prepare_process;
pub use text::file_info;
pub use text::read_bytes;
pub use text::read_text;
pub use text::remove_text;
pub use text::write_bytes;
pub use text::write_pieces;
pub use text::write_text;
