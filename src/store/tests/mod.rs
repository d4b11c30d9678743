//! Files that are really read and written, in directories of their own.

mod inputs;
mod json;
mod stage;
mod text;

use crate::diag::Problem;
use std::path::Path;
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory for one test, gone at its end.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { directory: TempDir::new().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file of this content; its directory is made.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    /// All names in a directory, sorted; hidden ones too.
    #[track_caller]
    fn names(&self, directory: &str) -> Vec<String> {
        let list = std::fs::read_dir(self.at(directory)).unwrap();
        let mut names: Vec<String> = list.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The code and message of what went wrong, with a place's name left out.
#[track_caller]
fn said<T>(result: Result<T, Problem>, place: &Place) -> String {
    let Err(problem) = result else { panic!("it was accepted") };
    assert!(problem.help.is_some(), "{} has no help", problem.message);
    let text = format!("{} {}", problem.code.0, problem.message);
    text.replace(&format!("{}/", place.directory.path().display()), "")
}

/// What is at a path, itself and not what it links to.
fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
}
