//! What a tensor is: element type, shape, place in a file.  No IO and no arithmetic.

mod coord;
mod dtype;
mod moved;
mod view;

pub use coord::Coord;
pub use dtype::Dtype;
pub use moved::Moved;
pub use moved::TableId;
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

impl Blocks {
    /// The name that ggml's tools write, in small letters: `q4_k`.
    pub fn name(self) -> &'static str {
        match self {
            Blocks::Q4_0 => "q4_0",
            Blocks::Q8_0 => "q8_0",
            Blocks::Q4K => "q4_k",
            Blocks::Q6K => "q6_k",
        }
    }

    /// Elements of one block, and its bytes.
    pub fn size(self) -> (u64, u64) {
        match self {
            Blocks::Q4_0 => (32, 18),
            Blocks::Q8_0 => (32, 34),
            Blocks::Q4K => (256, 144),
            Blocks::Q6K => (256, 210),
        }
    }
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

    /// The blocks that its values are decoded from, if it is quantised.
    pub fn blocks(&self) -> Option<Blocks> {
        if let Lies::Blocks(blocks) = self.lies { Some(blocks) } else { None }
    }

    /// The element type as people read it: `f32`, and `f32 (q4_k)` where it is decoded.
    pub fn dtype_text(&self) -> String {
        match self.blocks() {
            Some(blocks) => format!("{} ({})", self.dtype, blocks.name()),
            None => self.dtype.name().into(),
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

impl Header {
    /// The files that stand under their paths: without values that lie in memory.
    pub fn on_disk(&self) -> impl Iterator<Item = &FileInfo> {
        self.files.iter().filter(|file| file.memory.is_none())
    }

    /// Bytes of the checkpoint on the disk.
    pub fn size(&self) -> u64 {
        self.on_disk().map(|file| file.size).sum()
    }
}
