//! What a tensor is: element type, shape, place in a file.  No IO and no arithmetic.

mod coord;
mod dtype;
mod view;

pub use coord::Coord;
pub use dtype::Dtype;
pub use view::Affine;
pub use view::Step;
pub use view::View;

use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sizes per axis, outermost first; `[]` is a scalar.
pub type Shape = SmallVec<[u64; 4]>;

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

/// How the elements of a tensor lie in its bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Lies {
    /// One after the other, the last axis fastest.
    #[default]
    Rows,
    /// At these distances per axis, in elements: PyTorch's strides, NumPy's Fortran order.  Never negative, and the
    /// reader has checked that the last element lies within the file.
    Strides(SmallVec<[i64; 4]>),
    /// Row-major in blocks of quantised values, which decode to the entry's type.
    Blocks(Blocks),
}

/// Quantised blocks of GGUF files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blocks {
    Q4_0,
    Q8_0,
    Q4K,
    Q6K,
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
    /// Bytes from its first element to its last; tensors of a pickle may share them.
    pub len: u64,
    /// How its elements lie in them.
    pub lies: Lies,
}

impl Entry {
    /// The tensor's elements in row-major order, as elements of its bytes.
    pub fn view(&self) -> View {
        match &self.lies {
            Lies::Strides(strides) => View::strided(&self.shape, 0, strides),
            Lies::Rows | Lies::Blocks(_) => View::contiguous(&self.shape),
        }
    }
}

/// One file of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct FileInfo {
    pub path: std::path::PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// The content, when it lies in memory and not under the path: values that a checkpoint holds in another form, such
    /// as the arrays of a pickle of protocol 2, or that its format implies.  The path is that of the file it is of.
    pub memory: Option<Arc<[u8]>>,
}

/// What is known of a checkpoint without reading weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    pub files: Vec<FileInfo>,
    /// Sorted by file, then offset.
    pub entries: Vec<Entry>,
    /// Free text of the file (`__metadata__`).
    pub metadata: BTreeMap<String, String>,
    /// Whole numbers that files beside the checkpoint say of it, such as `config.json:hidden_size`; no output repeats
    /// them.
    pub facts: BTreeMap<String, String>,
}
