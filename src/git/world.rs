//! A revision as the world of a recipe: texts come from its tree, checkpoints from the working tree.

use super::Repo;
use super::error;
use crate::channels::Catalogue;
use crate::check::World;
use crate::diag::Problem;
use crate::tensor::Header;
use std::path::Path;

/// One revision of a repository.
pub struct Revision<'w> {
    pub repo: Repo,
    /// As the user wrote it; the index if empty.
    pub name: String,
    /// What [`Repo::resolve`] made of it.
    pub resolved: String,
    /// Whoever reads what is no text.
    pub disk: &'w dyn World,
}

impl Revision<'_> {
    /// A text of the revision, by its path in the working tree.  Errors: E0514, E0821, E0822.
    pub fn text(&self, path: &Path) -> Result<String, Problem> {
        let inside = self.repo.inside(path).ok_or_else(|| error::outside(&path.to_string_lossy()))?;
        let bytes = self.repo.blob(&self.resolved, &inside)?;
        let bytes = bytes.ok_or_else(|| error::no_file(&self.name, &inside))?;
        String::from_utf8(bytes).map_err(|_| error::no_text(path))
    }
}

impl World for Revision<'_> {
    fn recipe(&self, path: &Path) -> Result<String, Problem> {
        self.text(path)
    }

    fn architecture(&self, path: &Path) -> Result<String, Problem> {
        self.text(path)
    }

    fn checkpoint(&self, path: &Path, key: Option<&str>) -> Result<Header, Problem> {
        self.disk.checkpoint(path, key)
    }

    fn channels(&self, path: &Path) -> Result<(Catalogue, Option<String>), Problem> {
        self.disk.channels(path)
    }

    fn picture(&self, path: &Path) -> Result<[usize; 2], Problem> {
        self.disk.picture(path)
    }
}
