//! The whole pipeline: text, tokens, tree, recipe, graph, plan.  Reads recipes and headers, no weights.

pub mod watched;

use crate::bundle;
use crate::bundle::Bundle;
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
use crate::normal;
use crate::normal::Normal;
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
    /// The semantic hash, with the parameters of this run.
    pub semantic: String,
    /// The recipe in one text, if there is one that means the same.
    pub bundle: Option<Bundle>,
}

impl Compiled {
    /// Plans again with what a lock says of the inputs: the identity of each.
    pub fn lock(&mut self, identities: Vec<String>) {
        let facts = facts(&self.recipe, &self.semantic, self.bundle.as_ref(), identities);
        self.plan = plan::schedule(&self.recipe, &self.graph, &facts);
    }
}

fn facts(recipe: &Recipe, semantic: &str, bundle: Option<&Bundle>, identities: Vec<String>) -> plan::Facts {
    let digests = recipe.inputs.iter().map(|input| store::header_digest(&input.header)).collect();
    plan::Facts {
        digests,
        version: env!("CARGO_PKG_VERSION").into(),
        semantic: semantic.into(),
        recipe: bundle.map(|bundle| bundle.text.clone()),
        names: bundle.map(|bundle| bundle.names.clone()).unwrap_or_default(),
        identities,
    }
}

/// The normal form of the recipe whose text is `root`: what it means, whatever its inputs are.  `None` when there are
/// errors that show without them.
pub fn normal(
    sources: &mut Sources,
    root: SourceId,
    base: &Path,
    settings: &Settings,
    world: &dyn World,
) -> (Option<Normal>, Problems) {
    let (skeleton, problems) = check::skeleton(sources, root, base, settings, world);
    (skeleton.as_ref().map(normal::of), problems)
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
        // What holds of a recipe with its inputs holds without them.
        let (normal, _) = normal(&mut sources.clone(), root, base, settings, world);
        let semantic = normal.map(|normal| normal.digest().to_hex().to_string()).unwrap_or_default();
        let bundle = bundle::of(sources.get(root), base, settings, &recipe.params, world, &semantic);
        let plan = plan::schedule(&recipe, &graph, &facts(&recipe, &semantic, bundle.as_ref(), vec![]));
        Compiled { recipe, graph, plan, semantic, bundle }
    });
    (compiled, checked.problems)
}
