//! Where an output really goes, and that no input stands there.

use super::error;
use super::sys;
use super::sys::Identity;
use crate::diag::Problem;
use crate::diag::shown;
use std::ffi::OsString;
use std::io;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// Links that are followed before it must be a circle: as many as Linux follows.
const LINKS: usize = 40;

/// A path without links: its directory (which need not exist yet) and its name there.
#[derive(Clone, Debug)]
pub struct Place {
    pub parent: PathBuf,
    pub name: OsString,
}

impl Place {
    /// Follows the links of `target`, also a last one that points to nothing yet.  Errors: E0516, E0602.
    pub fn of(target: &Path) -> Result<Place, Problem> {
        let failed = |error: io::Error| error::write(target, "written", &error);
        let mut path = std::path::absolute(target).map_err(failed)?;
        for _ in 0..LINKS {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(unnamed(target));
            };
            let place = Place { parent: canonical(parent).map_err(failed)?, name: name.to_owned() };
            match std::fs::read_link(place.path()) {
                Ok(link) => path = place.parent.join(link),
                Err(_) => return Ok(place),
            }
        }
        Err(failed(io::Error::other("its links go in a circle")))
    }

    pub fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }
}

fn unnamed(target: &Path) -> Problem {
    let message = format!("`{}` names no file, the path of an output ends in a name", shown::path(target));
    Problem::new(error::FOREIGN, message).help("write a file name, such as `out/merged.safetensors`")
}

/// The path without links and dots, though its end may not exist.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (Some(parent), Some(last)) = (path.parent(), path.components().next_back()) else {
                return Err(error);
            };
            let mut parent = canonical(parent)?;
            match last {
                Component::Normal(name) => parent.push(name),
                Component::ParentDir => {
                    parent.pop();
                }
                _ => {}
            }
            Ok(parent)
        }
        other => other,
    }
}

/// Where an output really goes: its path without links.  `None`: nowhere.
pub fn real_path(output: &Path) -> Option<PathBuf> {
    Place::of(output).ok().map(|place| place.path())
}

/// Whether an output may stand at a path as far as inputs are concerned; what else may be wrong with the path is told
/// when it is written.  Errors: E0515.
pub fn may_write(output: &Path, inputs: &[PathBuf]) -> Result<(), Problem> {
    match Place::of(output) {
        Ok(place) => Barred::new(inputs).check(output, &place.path()),
        Err(_) => Ok(()),
    }
}

/// Files and directories that must not be written.
#[derive(Clone, Debug, Default)]
pub struct Barred {
    list: Vec<Input>,
}

#[derive(Clone, Debug)]
struct Input {
    /// As the caller named it.
    path: PathBuf,
    canonical: PathBuf,
    identity: Option<Identity>,
    is_directory: bool,
}

impl Barred {
    pub fn new(paths: &[PathBuf]) -> Barred {
        let input = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok();
            let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.clone());
            Input {
                path: path.clone(),
                canonical: path.canonicalize().unwrap_or_else(|_| absolute()),
                identity: metadata.as_ref().and_then(sys::identity),
                is_directory: metadata.is_some_and(|metadata| metadata.is_dir()),
            }
        };
        Barred { list: paths.iter().map(input).collect() }
    }

    /// Refuses an output that is an input, lies in an input directory or contains an input; by path and by identity,
    /// so that links of both kinds and mounts are seen through.  Errors: E0515.
    pub fn check(&self, target: &Path, place: &Path) -> Result<(), Problem> {
        let own = identity_of(place);
        let above = identities_above(place);
        for input in &self.list {
            let same = input.canonical == place || (own.is_some() && own == input.identity);
            if same {
                return Err(is_input(target, &input.path, "is an input of this build"));
            }
            let known = input.identity.is_some_and(|identity| above.contains(&identity));
            if input.is_directory && (known || place.starts_with(&input.canonical)) {
                return Err(is_input(target, &input.path, "lies inside an input directory"));
            }
            let held = own.is_some_and(|own| identities_above(&input.canonical).contains(&own));
            if held || input.canonical.starts_with(place) {
                return Err(is_input(target, &input.path, "contains an input of this build"));
            }
        }
        // A directory is replaced as a whole, also the hard links in it.
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            let inside = std::fs::metadata(entry.path()).ok().as_ref().and_then(sys::identity);
            if let Some(input) = self.list.iter().find(|input| inside.is_some() && input.identity == inside) {
                return Err(is_input(target, &input.path, "contains an input of this build"));
            }
        }
        Ok(())
    }
}

fn identity_of(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().as_ref().and_then(sys::identity)
}

fn identities_above(path: &Path) -> Vec<Identity> {
    path.ancestors().skip(1).filter_map(identity_of).collect()
}

fn is_input(target: &Path, input: &Path, how: &str) -> Problem {
    let message = format!("the output `{}` {how}, inputs are never changed", shown::path(target));
    Problem::new(error::OUTPUT_IS_INPUT, message)
        .note(format!("the input is `{}`", shown::path(input)))
        .help("write to another path: change the output's, or use `--output PATH`")
}
