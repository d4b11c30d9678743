//! The lock of a recipe, `RECIPE.lock`: what its inputs were, what it meant, and what came of it.
//!
//! ```toml
//! # Written by `blend lock`; it belongs into git beside the recipe.
//! version = 1                     # of this format
//! language = 1                    # the edition
//! recipe = "5d1a…"                # the semantic hash, parameters at their defaults
//!
//! [methods]                       # the versions of the methods that it calls
//! slerp = 1
//!
//! [[input]]                       # models, by path
//! name = "toon"                   # for people, and for `blend lock --update toon`
//! path = "models/toon.pkl"
//! options = "key = g_ema"         # of the statement, if there are any
//! size = 4268544                  # bytes of the files together
//! layout = "nvidia-pytorch"
//! identity = "77ab…"              # of the weights: see `identity`
//!
//! [input.files]                   # BLAKE3 of the bytes, as `b3sum` prints it
//! "toon.pkl" = "c01f…"
//!
//! [[aside]]                       # catalogues of channels, architecture files, pictures of claims
//! kind = "picture"
//! path = "golden/toon.png"
//! digest = "91e2…"
//!
//! [[output]]                      # what builds made while everything above was as it is here
//! path = "out/toon.safetensors"
//! recipe = "5d1a…"                # with the parameters of that build
//! identity = "0b9c…"
//!
//! [output.files]
//! "toon.safetensors" = "aa17…"
//! ```
//!
//! All digests are hexadecimal BLAKE3.  Paths are relative to the recipe, parameters filled in.

pub mod drift;
mod error;
mod gather;

pub use error::no_such_input;
pub use error::not_a_file;
pub use error::nothing_locked;
pub use error::outdated;
pub use gather::held;
pub use gather::now;
pub use gather::output;

use crate::diag::Problem;
use crate::store;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// Of the format.
pub const VERSION: u32 = 1;

/// Longest lock that is read.
const LIMIT: u64 = 64 << 20;

/// A lock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    pub version: u32,
    pub language: u32,
    /// Semantic hash, parameters at their defaults.
    pub recipe: String,
    #[serde(default)]
    pub methods: BTreeMap<String, u32>,
    #[serde(default, rename = "input", skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    #[serde(default, rename = "aside", skip_serializing_if = "Vec::is_empty")]
    pub asides: Vec<Aside>,
    #[serde(default, rename = "output", skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
}

/// A model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub name: String,
    pub path: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub options: String,
    pub size: u64,
    pub layout: String,
    pub identity: String,
    /// By the name in the checkpoint.
    pub files: BTreeMap<String, String>,
}

impl Input {
    /// What tells inputs apart, whatever they are called.
    pub fn key(&self) -> (&str, &str) {
        (&self.path, &self.options)
    }
}

/// Something else that is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aside {
    pub kind: String,
    pub path: String,
    pub digest: String,
}

/// Something that was built.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub path: String,
    /// Semantic hash, with the parameters of the build.
    pub recipe: String,
    pub identity: String,
    pub files: BTreeMap<String, String>,
}

/// Where the lock of a recipe lies.
pub fn path_of(recipe: &Path) -> PathBuf {
    let mut name = recipe.as_os_str().to_os_string();
    name.push(".lock");
    name.into()
}

/// Reads a lock; `None` where there is none.  Errors: E0802, E0502, E0503, E0601.
pub fn read(path: &Path) -> Result<Option<Lock>, Problem> {
    let text = match store::read_text(path, LIMIT) {
        Ok(text) => text,
        Err(problem) if problem.code == store::NOT_FOUND => return Ok(None),
        Err(problem) if problem.code == store::TEXT => return Err(error::unreadable(path, &problem.message)),
        Err(problem) => return Err(problem),
    };
    parse(&text).map(Some).map_err(|reason| error::unreadable(path, &reason))
}

/// Reads the text of a lock; an `Err` says what is wrong with it, on one line.
pub fn parse(text: &str) -> Result<Lock, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let version: Version = toml::from_str(text).map_err(|reason| reason.message().to_string())?;
    if version.version != VERSION {
        return Err(format!("it is of version {}, this blend knows version {VERSION}", version.version));
    }
    let lock: Lock = toml::from_str(text).map_err(|reason| match reason.span() {
        Some(span) => {
            let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
            format!("line {line}: {}", reason.message())
        }
        None => reason.message().to_string(),
    })?;
    let mut digests = vec![&lock.recipe];
    digests.extend(lock.inputs.iter().flat_map(|input| input.files.values().chain([&input.identity])));
    digests.extend(lock.asides.iter().map(|aside| &aside.digest));
    for output in &lock.outputs {
        digests.extend(output.files.values().chain([&output.identity, &output.recipe]));
    }
    match digests.into_iter().find(|digest| blake3::Hash::from_hex(digest.as_bytes()).is_err()) {
        Some(wrong) => Err(format!("`{}` is no digest of 64 hexadecimal digits", crate::diag::shown::name(wrong))),
        None => Ok(lock),
    }
}

/// The text of a lock: equal locks have equal texts.
pub fn text(lock: &Lock) -> String {
    let mut lock = lock.clone();
    lock.inputs.sort_by(|a, b| a.key().cmp(&b.key()));
    lock.inputs.dedup_by(|a, b| a.key() == b.key());
    lock.asides.sort_by(|a, b| (&a.path, &a.kind).cmp(&(&b.path, &b.kind)));
    lock.outputs.sort_by(|a, b| a.path.cmp(&b.path));
    let body = toml::to_string(&lock).expect("a lock is TOML");
    format!("# Written by `blend lock`; it belongs into git beside the recipe.\n{body}")
}

/// Writes a lock, whole or not at all; one that says the same already is left alone.  `Ok(false)`: it was left.
/// Errors: E0602, E0603.
pub fn write(path: &Path, lock: &Lock) -> Result<bool, Problem> {
    let text = text(lock);
    if store::read_text(path, LIMIT).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    store::write_text(path, &text).map(|()| true)
}
