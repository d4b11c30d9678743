//! What a tensor is: element type, shape, place in a file.  No IO and no arithmetic.

mod coord;
mod dtype;
mod view;

pub use coord::Coord;
pub use dtype::Dtype;
pub use view::Affine;
pub use view::View;

use std::collections::BTreeMap;

/// Sizes per axis, outermost first; `[]` is a scalar.
pub type Shape = smallvec::SmallVec<[u64; 4]>;

/// Number of elements; readers have checked that the product fits.
pub fn elems(shape: &[u64]) -> u64 {
    // A size of 0 first: the others may be anything then.
    if shape.contains(&0) { 0 } else { shape.iter().product() }
}

/// A shape as people write it: `[3, 128, 1, 1]`.
pub fn shape_text(shape: &[u64]) -> String {
    let sizes: Vec<String> = shape.iter().map(u64::to_string).collect();
    format!("[{}]", sizes.join(", "))
}

/// One tensor as a file's header describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The name in the file (after `add_prefix`/`strip_prefix`, before any layout).
    pub name: String,
    pub dtype: Dtype,
    pub shape: Shape,
    /// Index into [`Header::files`].
    pub file: usize,
    /// Absolute byte offset in that file.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
}

/// One file of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct FileInfo {
    pub path: std::path::PathBuf,
    /// Size in bytes.
    pub size: u64,
}

/// What is known of a checkpoint without reading weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    pub files: Vec<FileInfo>,
    /// Sorted by file, then offset.
    pub entries: Vec<Entry>,
    /// Free text of the file (`__metadata__`).
    pub metadata: BTreeMap<String, String>,
}
