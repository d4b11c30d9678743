//! What is no longer as it was locked, in plain words.

use super::Input;
use super::Lock;
use super::Output;
use super::error;
use crate::diag::Problem;
use crate::hir::Recipe;
use crate::text::Site;
use std::path::Path;

/// Everything that differs; `path` is that of the recipe, for what to type next.
pub fn of(old: &Lock, new: &Lock, recipe: &Recipe, path: &Path) -> Vec<Problem> {
    let mut out = vec![];
    for input in &new.inputs {
        let at = recipe.names.iter().zip(&recipe.inputs).find(|(_, found)| *found.name == *input.name);
        let site = at.map(|(_, found)| found.site).unwrap_or_default();
        match old.inputs.iter().find(|locked| locked.key() == input.key()) {
            None => out.push(error::not_locked(input, site, path)),
            Some(locked) => out.extend(model(locked, input, site, path)),
        }
    }
    for locked in old.inputs.iter().filter(|locked| !new.inputs.iter().any(|input| input.key() == locked.key())) {
        out.push(error::not_read(locked, path));
    }
    for aside in &new.asides {
        match old.asides.iter().find(|locked| (&locked.path, &locked.kind) == (&aside.path, &aside.kind)) {
            Some(locked) if locked.digest == aside.digest => {}
            locked => out.push(error::aside(aside, locked.is_some(), path)),
        }
    }
    let gone = |aside: &&super::Aside| {
        !new.asides.iter().any(|other| (&other.path, &other.kind) == (&aside.path, &aside.kind))
    };
    out.extend(old.asides.iter().filter(gone).map(|aside| error::aside_gone(aside, path)));
    out.extend(meaning(old, new, path));
    out
}

/// A model that is not what it was.
fn model(locked: &Input, input: &Input, site: Site, path: &Path) -> Option<Problem> {
    let mut facts = vec![];
    if locked.identity != input.identity {
        facts.push(format!("identity: {} was locked, it is {} now", short(&locked.identity), short(&input.identity)));
    }
    if locked.size != input.size {
        facts.push(format!("size: {} bytes were locked, it has {} now", locked.size, input.size));
    }
    if locked.layout != input.layout {
        facts.push(format!("layout: `{}` was locked, it is `{}` now", locked.layout, input.layout));
    }
    let mut files = 0;
    for (name, digest) in &input.files {
        files += usize::from(locked.files.get(name) != Some(digest));
    }
    files += locked.files.keys().filter(|name| !input.files.contains_key(*name)).count();
    if files > 0 {
        let noun = if files == 1 { "file has" } else { "files have" };
        facts.push(format!("{files} {noun} another digest, or another name"));
    }
    let what = match (locked.identity == input.identity, facts.is_empty()) {
        (_, true) => return None,
        (true, _) => "the same weights, in another file",
        (false, _) => "its weights are not those of the lock",
    };
    Some(error::changed(input, what, facts, site, path))
}

fn meaning(old: &Lock, new: &Lock, path: &Path) -> Option<Problem> {
    let mut facts = vec![];
    if old.language != new.language {
        facts.push(format!("edition {} of the language was locked, this is edition {}", old.language, new.language));
    }
    for (name, version) in &new.methods {
        match old.methods.get(name) {
            Some(locked) if locked != version => {
                facts.push(format!("`{name}` of version {locked} was locked, it is version {version} now"));
            }
            Some(_) => {}
            None => facts.push(format!("it calls `{name}`, and did not")),
        }
    }
    let gone = old.methods.keys().filter(|name| !new.methods.contains_key(*name));
    facts.extend(gone.map(|name| format!("it called `{name}`, and does not")));
    if old.recipe != new.recipe {
        facts.push(format!("semantic hash: {} was locked, it is {} now", short(&old.recipe), short(&new.recipe)));
    }
    (!facts.is_empty()).then(|| error::meaning(facts, path))
}

/// What a build gave, where the lock has another result of the same recipe.
pub fn output(locked: &Output, built: &Output, shown: &Path) -> Option<Problem> {
    let differs = locked.recipe == built.recipe && locked.identity != built.identity;
    let fact = format!("identity: {} was locked, it is {} now", short(&locked.identity), short(&built.identity));
    differs.then(|| error::not_reproduced(shown, fact))
}

/// The beginning of a digest.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
