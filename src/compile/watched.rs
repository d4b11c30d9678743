//! A world that remembers: every file is asked for once, however many variants of a recipe are compiled, and afterwards it
//! can tell which files there were.

use crate::channels::Catalogue;
use crate::check::World;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::store;
use crate::tensor::Header;
use indexmap::IndexMap;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

/// What a file is to a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A recipe that is used.
    Recipe,
    Architecture,
    Model,
    Channels,
    /// A picture that a claim compares with.
    Picture,
}

impl Role {
    /// The word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Role::Recipe => "recipe",
            Role::Architecture => "architecture",
            Role::Model => "model",
            Role::Channels => "channels",
            Role::Picture => "picture",
        }
    }
}

/// Answers from another world and remembers the answers.
pub struct Watched<'w> {
    world: &'w dyn World,
    /// Only recipes are read: every other file is noted, and its reader told that nobody looked.
    is_blind: bool,
    /// What was asked for, in that order, with the dictionary of a model.
    asked: RefCell<IndexMap<(PathBuf, Role), Option<String>>>,
    headers: RefCell<HashMap<(PathBuf, Option<String>), Result<Header, Problem>>>,
    texts: RefCell<HashMap<PathBuf, Result<String, Problem>>>,
}

/// The message of a file that was not looked at.
const UNSEEN: &str = "the file was not looked at";

fn unseen() -> Problem {
    Problem::new(Code("E0501"), UNSEEN)
}

/// Problems without those that are about files which nobody looked at.
pub fn seen(problems: &Problems) -> Problems {
    let mut out = Problems::default();
    problems.iter().filter(|problem| problem.message != UNSEEN).for_each(|problem| out.push(problem.clone()));
    out
}

impl<'w> Watched<'w> {
    pub fn new(world: &'w dyn World) -> Watched<'w> {
        let (asked, headers, texts) = (RefCell::default(), RefCell::default(), RefCell::default());
        Watched { world, is_blind: false, asked, headers, texts }
    }

    /// Reads recipes and nothing else: the models may not be there yet.
    pub fn blind(world: &'w dyn World) -> Watched<'w> {
        Watched { is_blind: true, ..Watched::new(world) }
    }

    fn ask(&self, path: &Path, role: Role, key: Option<&str>) {
        self.asked.borrow_mut().entry((path.to_path_buf(), role)).or_insert(key.map(String::from));
    }

    fn text(&self, path: &Path, read: impl FnOnce() -> Result<String, Problem>) -> Result<String, Problem> {
        if let Some(text) = self.texts.borrow().get(path) {
            return text.clone();
        }
        let text = read();
        self.texts.borrow_mut().insert(path.to_path_buf(), text.clone());
        text
    }

    /// All files, each once per role, in the order of the recipe: of a model its shards, its index, what tells its facts.
    /// One that cannot be read, or is not there yet, stands for itself.
    pub fn files(&self) -> Vec<(PathBuf, Role)> {
        let mut out: Vec<(PathBuf, Role)> = vec![];
        for ((path, role), key) in self.asked.borrow().iter() {
            let files = match role {
                Role::Model => {
                    let known = self.headers.borrow().get(&(path.clone(), key.clone())).cloned();
                    let header = known.unwrap_or_else(|| self.world.checkpoint(path, key.as_deref()));
                    header.map_or_else(|_| vec![path.clone()], |header| store::files(path, &header))
                }
                Role::Channels => store::channel_files(path),
                _ => vec![path.clone()],
            };
            for file in files {
                if !out.contains(&(file.clone(), *role)) {
                    out.push((file, *role));
                }
            }
        }
        out
    }
}

impl World for Watched<'_> {
    fn recipe(&self, path: &Path) -> Result<String, Problem> {
        self.ask(path, Role::Recipe, None);
        self.text(path, || self.world.recipe(path))
    }

    fn architecture(&self, path: &Path) -> Result<String, Problem> {
        self.ask(path, Role::Architecture, None);
        if self.is_blind { Err(unseen()) } else { self.text(path, || self.world.architecture(path)) }
    }

    fn checkpoint(&self, path: &Path, key: Option<&str>) -> Result<Header, Problem> {
        self.ask(path, Role::Model, key);
        if self.is_blind {
            return Err(unseen());
        }
        let place = (path.to_path_buf(), key.map(String::from));
        if let Some(header) = self.headers.borrow().get(&place) {
            return header.clone();
        }
        let header = self.world.checkpoint(path, key);
        self.headers.borrow_mut().insert(place, header.clone());
        header
    }

    fn channels(&self, path: &Path) -> Result<(Catalogue, Option<String>), Problem> {
        self.ask(path, Role::Channels, None);
        if self.is_blind { Err(unseen()) } else { self.world.channels(path) }
    }

    fn picture(&self, path: &Path) -> Result<[usize; 2], Problem> {
        self.ask(path, Role::Picture, None);
        if self.is_blind { Err(unseen()) } else { self.world.picture(path) }
    }

    fn may_write(&self, output: &Path, inputs: &[PathBuf]) -> Result<(), Problem> {
        self.world.may_write(output, inputs)
    }
}
