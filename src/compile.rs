//! The whole pipeline: text, tokens, tree, recipe, graph, plan.  Reads recipes and headers, no weights.

pub mod watched;

use crate::channels::Catalogue;
use crate::check;
use crate::check::Settings;
use crate::check::World;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::diag::shown;
use crate::graph;
use crate::graph::Graph;
use crate::hir::Recipe;
use crate::picture::read;
use crate::plan;
use crate::plan::Plan;
use crate::store;
use crate::tensor::Header;
use crate::text::SourceId;
use crate::text::Sources;
use std::path::Path;
use std::path::PathBuf;

/// The most that a recipe or an architecture file may hold.
pub const TEXT_LIMIT: u64 = 64 << 20;

/// The world as it lies on the disk.
pub struct Disk;

impl World for Disk {
    fn recipe(&self, path: &Path) -> Result<String, Problem> {
        store::read_text(path, TEXT_LIMIT)
    }

    fn architecture(&self, path: &Path) -> Result<String, Problem> {
        store::read_text(path, TEXT_LIMIT)
    }

    fn checkpoint(&self, path: &Path, key: Option<&str>) -> Result<Header, Problem> {
        store::open(path, key)
    }

    fn picture(&self, path: &Path) -> Result<[usize; 2], Problem> {
        read::size(&shown::path(path), &store::read_bytes(path, read::HEAD)?)
    }

    fn channels(&self, path: &Path) -> Result<(Catalogue, Option<String>), Problem> {
        store::catalogue::read(path)
    }

    fn may_write(&self, output: &Path, inputs: &[PathBuf]) -> Result<(), Problem> {
        store::may_write(output, inputs)
    }
}

/// A recipe without errors, and what will be done about it.
pub struct Compiled {
    pub recipe: Recipe,
    pub graph: Graph,
    pub plan: Plan,
}

/// Compiles the recipe whose text is `root`; relative paths start at `base`.  `None` when there are errors; warnings are
/// in the problems either way.
pub fn compile(
    sources: &mut Sources,
    root: SourceId,
    base: &Path,
    settings: &Settings,
    world: &dyn World,
) -> (Option<Compiled>, Problems) {
    let checked = check::recipe(sources, root, base, settings, world);
    let compiled = checked.recipe.map(|recipe| {
        let graph = graph::lower(&recipe);
        let digests = recipe.inputs.iter().map(|input| store::header_digest(&input.header)).collect();
        let facts = plan::Facts { digests, version: env!("CARGO_PKG_VERSION").into() };
        let plan = plan::schedule(&recipe, &graph, &facts);
        Compiled { recipe, graph, plan }
    });
    (compiled, checked.problems)
}
