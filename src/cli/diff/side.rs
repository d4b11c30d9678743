//! One side of a comparison: a recipe of the disk or of a revision, with the world that it stands in.

use crate::check::World;
use crate::compile::Disk;
use crate::compile::TEXT_LIMIT;
use crate::diag::Problem;
use crate::git;
use crate::git::Repo;
use crate::git::Revision;
use crate::store;
use std::path::Path;
use std::path::PathBuf;

/// A recipe's text, and what its paths mean.
pub struct Side {
    /// As messages call it.
    pub name: String,
    /// Empty for a recipe that is not there.
    pub text: String,
    /// Where relative paths start.
    pub base: PathBuf,
    /// `None`: the disk.
    revision: Option<Revision<'static>>,
}

impl Side {
    /// A file, or REV:path.  Errors: those of reading and of git.
    pub fn of(file: &str) -> Result<Side, Problem> {
        if file == "-" {
            return Ok(Side::new("<stdin>", super::super::recipe::stdin()?, PathBuf::new()));
        }
        match git::halves(file).filter(|_| !Path::new(file).exists()) {
            Some((revision, path)) => {
                let repo = Repo::here()?;
                let inside = git::path_in(&repo, path)?;
                let resolved = repo.resolve(revision)?;
                let revision = Revision { repo, name: revision.into(), resolved, disk: &Disk };
                Side::of_revision(file, &inside, revision)
            }
            None => Side::of_disk(file, Path::new(file)),
        }
    }

    /// A text that lies elsewhere than where its paths start.
    pub fn new(name: &str, text: String, base: PathBuf) -> Side {
        Side { name: name.into(), text, base, revision: None }
    }

    pub fn of_disk(name: &str, path: &Path) -> Result<Side, Problem> {
        Ok(Side::new(name, store::read_text(path, TEXT_LIMIT)?, parent(path)))
    }

    /// A file of a revision, by its path from the top.
    pub fn of_revision(name: &str, inside: &str, revision: Revision<'static>) -> Result<Side, Problem> {
        let path = revision.repo.top.join(inside);
        let text = revision.text(&path)?;
        Ok(Side { name: name.into(), text, base: parent(&path), revision: Some(revision) })
    }

    pub fn world(&self) -> &dyn World {
        match &self.revision {
            Some(revision) => revision,
            None => &Disk,
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}
