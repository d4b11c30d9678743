//! From tree to checked recipe: names, kinds, patterns, then every tensor of every output, from headers alone.
//! Reads nothing itself: [`World`] answers.  It keeps going after a problem and reports root causes only.

mod align;
mod calls;
mod channels;
mod constant;
mod context;
mod demand;
mod domain;
mod error;
mod eval;
mod functions;
mod gives;
mod images;
mod imports;
mod lints;
mod method_calls;
mod options;
mod outputs;
mod params;
mod patterns;
mod resolve;
mod space;
mod statements;
mod stations;
mod template;
pub mod trace;
mod written;

pub use constant::Constants;
pub use context::Settings;
pub use context::children;
pub use options::parse_size;
pub use outputs::Planned;
pub use space::Space;
pub use template::plain;

use crate::channels::Catalogue;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::hir;
use crate::tensor::Header;
use crate::text::SourceId;
use crate::text::Sources;
use std::path::Path;
use std::path::PathBuf;

/// The outside world, as far as a recipe can ask.  Problems come without labels; the checker adds the place.
pub trait World {
    /// The text of a recipe, for `use`.
    fn recipe(&self, path: &Path) -> Result<String, Problem>;
    /// The text of an architecture file.
    fn architecture(&self, path: &Path) -> Result<String, Problem>;
    /// The header of a checkpoint, whatever it is made of; no weights are read.  `key`: the dictionary in it that is
    /// meant, where a file holds several.
    fn checkpoint(&self, path: &Path, key: Option<&str>) -> Result<Header, Problem>;
    /// A catalogue of channels, and the text with names beside it.
    fn channels(&self, path: &Path) -> Result<(Catalogue, Option<String>), Problem>;
    /// Width and height of a picture, from its header.
    fn picture(&self, path: &Path) -> Result<[usize; 2], Problem>;
    /// Whether an output may stand at a path: no input is there, whatever links lead to it.
    fn may_write(&self, output: &Path, inputs: &[PathBuf]) -> Result<(), Problem> {
        let _ = (output, inputs);
        Ok(())
    }
}

/// The result of a check: the recipe when there is no error, and all problems found.
pub struct Checked {
    pub recipe: Option<hir::Recipe>,
    pub problems: Problems,
    /// The outputs of this run, which depend on the text and its parameters alone: they are known whatever is wrong with
    /// models.
    pub planned: Vec<Planned>,
}

/// Binds the names of the recipe whose text is `root`, and reads nothing but the recipes that it uses.
pub fn skeleton(
    sources: &mut Sources,
    root: SourceId,
    base: &Path,
    settings: &Settings,
    world: &dyn World,
) -> (Option<hir::Skeleton>, Problems) {
    let settings = Settings { blind: true, ..settings.clone() };
    let mut context = context::Context::new(sources, world);
    statements::root(&mut context, root, base, &settings);
    context.skeleton()
}

/// Checks the recipe whose text is `root`; relative paths start at `base`.
pub fn recipe(sources: &mut Sources, root: SourceId, base: &Path, settings: &Settings, world: &dyn World) -> Checked {
    let mut context = context::Context::new(sources, world);
    statements::root(&mut context, root, base, settings);
    let outputs = outputs::evaluate(&mut context, settings);
    context.finish(outputs)
}
