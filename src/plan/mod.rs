//! How a graph is computed: which bytes go where, by which work.  It reads nothing and runs nothing: sizes, offsets and
//! headers of every output are known before the first weight is read, so tensors may finish in any order.
//!
//! Invariant: every byte of every part is covered once: by known bytes, by a tensor, or by an index text; only sums of
//! tensors are written over known zeros.

mod align;
mod drawing;
mod dropped;
mod facts;
mod json;
mod lineage;
mod masks;
mod measures;
mod memory;
mod metadata;
mod names;
mod place;
mod print;
mod pt;
mod safetensors;
mod union;
mod verdict;
mod work;

pub use align::Alignment;
pub use align::LINES_BYTES;
pub use align::Match;
pub use align::Side;
pub use align::Tables;
pub use drawing::Drawing;
pub use drawing::Subject;
pub use drawing::drawing;
pub use drawing::input_files;
pub use facts::Fact;
pub use json::json;
pub use memory::known_bytes;
pub use memory::peak_bytes;
pub use names::compare;
pub use names::globs;
pub use print::Way;
pub use print::bytes_text;
pub use print::form_text;
pub use print::print;
pub use print::tally;
pub use print::way;
pub use union::Place;
pub use union::Shared;
pub use union::Twins;
pub use union::join;
pub use union::shared;
pub use union::twins;
pub use verdict::Judged;
pub use verdict::Quantity;
pub use verdict::verdict;
pub use work::Target;

use crate::graph::Graph;
use crate::hir::Format;
use crate::hir::InputId;
use crate::hir::Recipe;
use crate::tensor::Dtype;
use crate::tensor::FileInfo;
use crate::tensor::Shape;
use crate::text::Site;
use crate::tile::Program;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Facts that the plan needs and cannot compute: they come from whoever reads files.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Per input of the recipe: digest of its canonical header.
    pub digests: Vec<String>,
    /// Version of this program, for metadata.
    pub version: String,
    /// The semantic hash of the recipe, with the parameters of this run.
    pub semantic: String,
    /// The recipe as one text, where it has one; else its sources stand as they are.
    pub recipe: Option<String>,
    /// Names of imports as that text has them.
    pub names: BTreeMap<String, String>,
    /// Per input its identity, where a lock says it; else none of them.
    pub identities: Vec<String>,
}

/// Everything a build does.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Input files, and values of our own that claims compare with; `tile::Load::file` counts them first, then the parts of all outputs.
    pub files: Vec<FileInfo>,
    pub outputs: Vec<Output>,
    pub checks: Vec<EqualCheck>,
    pub measures: Vec<Measure>,
    /// Orders of channels that are found before anything else; until then programs wait for them
    /// ([`Plan::settled`]).
    pub alignments: Vec<Alignment>,
    /// What claims draw, in the order of `Recipe::drawn`.
    pub drawings: Vec<Drawing>,
    /// Bytes of the pictures that claims hold at the same time.
    pub picture_bytes: u64,
}

/// A file or directory to be written.
#[derive(Clone, Debug)]
pub struct Output {
    pub written: String,
    pub path: PathBuf,
    pub directory: bool,
    pub site: Site,
    pub layout: Arc<str>,
    pub family: Arc<str>,
    pub format: Format,
    pub parts: Vec<Part>,
    /// Name and text of the index of shards.
    pub index: Option<(String, String)>,
    pub tensors: Vec<Tensor>,
}

impl Output {
    /// Names of its files in the order of the parts, then of its index; a file has none.
    pub fn file_names(&self) -> Vec<&str> {
        if !self.directory {
            return vec![""];
        }
        let index = self.index.iter().map(|index| index.0.as_str());
        self.parts.iter().map(|part| part.name.as_str()).chain(index).collect()
    }

    /// Bytes that are written, index included.
    pub fn bytes(&self) -> u64 {
        let index = self.index.as_ref().map_or(0, |index| index.1.len() as u64);
        self.parts.iter().map(|part| part.size).sum::<u64>() + index
    }
}

/// One file of an output that holds tensors.
#[derive(Clone, Debug)]
pub struct Part {
    /// File name in the directory (a single file has its own path's name).
    pub name: String,
    /// What is known without the data: headers, names, paddings, directories; ascending.
    pub fixed: Vec<Fixed>,
    /// What is known when the data is there.
    pub sums: Vec<Sum>,
    /// Bytes in all.
    pub size: u64,
    /// Number of the part among the files of the plan.
    pub file: usize,
}

/// Bytes of a part that the plan knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixed {
    /// Absolute byte offset in the part.
    pub offset: u64,
    pub bytes: Vec<u8>,
}

/// The CRC-32 of a tensor's bytes, which a zip archive tells twice.  Where it goes, [`Part::fixed`] has zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Absolute byte offset of the tensor in the part.
    pub offset: u64,
    /// Bytes of the tensor.
    pub len: u64,
    /// Absolute byte offsets where the sum is written, four bytes, lowest first.
    pub places: [u64; 2],
}

/// One tensor of an output.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Name in the file.
    pub name: String,
    pub canonical: Arc<str>,
    pub dtype: Dtype,
    /// Shape in the file.
    pub shape: Shape,
    /// Index into [`Output::parts`].
    pub part: usize,
    /// Absolute byte offset in that part.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// Holds the canonical values in canonical order.
    pub plain: bool,
    /// How canonical values are stored.
    pub target: Target,
    pub work: Work,
    /// How it is made, for people.
    pub facts: Vec<Fact>,
}

/// How the bytes of a tensor come about.
#[derive(Clone, Debug)]
pub enum Work {
    /// They are moved.
    Copy { file: usize, offset: u64 },
    /// They are moved one by one, because the layouts differ in order.
    Gather(Arc<Program>),
    /// They are computed.
    Compute {
        program: Arc<Program>,
        /// The same in canonical order, for the reductions, when the output's order is another (law 1).
        canonical: Option<Arc<Program>>,
        /// A finite value that the type cannot hold is an error.
        strict: bool,
    },
}

/// What must hold the same values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Between {
    /// A tensor of two inputs: the first one, whose bits are taken, and the other.
    Inputs(InputId, InputId),
    /// A tensor that the layout of an output does not store, and what the layout takes it for.
    Dropped { output: usize, with: String },
}

/// A tensor that must hold the same values as something else.
#[derive(Clone, Debug)]
pub struct EqualCheck {
    pub canonical: Arc<str>,
    pub between: Between,
    /// Counts elements that differ.
    pub program: Program,
    pub site: Site,
}

/// What a metric of a claim adds up over tensors, in the order of names.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Index into `Recipe::measured`.
    pub measured: usize,
    pub canonical: Arc<str>,
    pub program: Program,
}

/// Schedules a graph.
pub fn schedule(recipe: &Recipe, graph: &Graph, facts: &Facts) -> Plan {
    let mut files: Vec<FileInfo> = vec![];
    let mut first_file = vec![];
    for input in &recipe.inputs {
        first_file.push(files.len());
        files.extend(input.header.files.iter().cloned());
    }
    let maker = work::Maker { recipe, graph, first_file: &first_file };
    let mut checks = work::equal_checks(&maker);
    for index in 0..recipe.outputs.len() {
        checks.extend(dropped::checks(&maker, index, facts, &mut files));
    }
    let mut next_file = files.len();
    let mut outputs = vec![];
    for index in 0..recipe.outputs.len() {
        let output = place::output(&maker, index, facts, next_file);
        next_file += output.parts.len();
        outputs.push(output);
    }
    let measures = measures::all(&maker, &outputs);
    let drawings = drawing::of_claims(&maker, &outputs);
    let alignments = align::all(&maker);
    let picture_bytes = drawing::picture_bytes(recipe);
    Plan { files, outputs, checks, measures, alignments, drawings, picture_bytes }
}

impl Plan {
    /// Bytes that are moved or computed, as progress counts them.
    pub fn work_bytes(&self) -> u64 {
        self.outputs.iter().flat_map(|output| &output.tensors).map(|tensor| tensor.len).sum()
    }
}
