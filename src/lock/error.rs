//! Messages about locks: E0801 to E0807, W0801.

use super::Aside;
use super::Input;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use crate::text::Site;
use std::path::Path;

/// `--locked` without a lock.
pub fn nothing_locked(recipe: &Path) -> Problem {
    let name = shown::path(recipe);
    Problem::new(Code("E0801"), format!("`{name}` has no lock, `--locked` wants one"))
        .help(format!("make it with `blend lock {name}`"))
}

/// A recipe that is no file.
pub fn not_a_file(what: &str) -> Problem {
    Problem::new(Code("E0801"), format!("{what} has no lock: a lock lies beside the file of its recipe"))
        .help("write the recipe into a file, and lock that: `blend lock merge.blend`")
}

pub fn unreadable(path: &Path, reason: &str) -> Problem {
    let name = shown::path(path);
    let recipe = name.strip_suffix(".lock").unwrap_or(&name).to_string();
    Problem::new(Code("E0802"), format!("`{name}` is no lock that can be read: {reason}"))
        .help(format!("take it from git again, or write it anew: `rm {name} && blend lock {recipe}`"))
}

fn accept(recipe: &Path) -> String {
    format!("`blend lock {}`", shown::path(recipe))
}

pub fn changed(input: &Input, what: &str, facts: Vec<String>, site: Site, recipe: &Path) -> Problem {
    let name = &input.name;
    let message = format!("`{name}` is not the model that was locked: {what}");
    let problem = Problem::new(Code("E0803"), message).at(site, "this model has changed").help(format!(
        "bring the old file back, or accept this one: `blend lock {} --update {name}`",
        shown::path(recipe)
    ));
    facts.into_iter().fold(problem, Problem::note)
}

pub fn not_locked(input: &Input, site: Site, recipe: &Path) -> Problem {
    Problem::new(Code("E0803"), format!("`{}` is not in the lock", input.name))
        .at(site, "this model was not read when the recipe was locked")
        .help(format!("add it with `blend lock {} --update {}`", shown::path(recipe), input.name))
}

pub fn not_read(input: &Input, recipe: &Path) -> Problem {
    let path = shown::name(&input.path);
    Problem::new(Code("E0803"), format!("the lock has `{path}`, which the recipe does not read"))
        .note(format!("it was called `{}`", shown::name(&input.name)))
        .help(format!("lock the recipe as it is with {}", accept(recipe)))
}

/// What an aside is called.
fn kind(aside: &Aside) -> &'static str {
    match aside.kind.as_str() {
        "arch" => "architecture file",
        "channels" => "file of channels",
        _ => "picture",
    }
}

pub fn aside(aside: &Aside, known: bool, recipe: &Path) -> Problem {
    let (kind, path) = (kind(aside), shown::name(&aside.path));
    let message = match known {
        true => format!("the {kind} `{path}` is not the one that was locked"),
        false => format!("the {kind} `{path}` is not in the lock"),
    };
    Problem::new(Code("E0803"), message)
        .help(format!("bring the old file back, or accept this one with {}", accept(recipe)))
}

pub fn aside_gone(aside: &Aside, recipe: &Path) -> Problem {
    let (kind, path) = (kind(aside), shown::name(&aside.path));
    Problem::new(Code("E0803"), format!("the lock has the {kind} `{path}`, which is not read or not there"))
        .help(format!("bring it back, or lock the recipe as it is with {}", accept(recipe)))
}

pub fn meaning(facts: Vec<String>, recipe: &Path) -> Problem {
    let message = format!("`{}` does not mean what was locked", shown::path(recipe));
    let problem = Problem::new(Code("E0804"), message).help(format!(
        "undo the change, or lock the new meaning with {}; `blend hash --explain` shows it",
        accept(recipe)
    ));
    facts.into_iter().fold(problem, Problem::note)
}

pub fn not_reproduced(output: &Path, fact: String) -> Problem {
    let name = shown::path(output);
    Problem::new(Code("E0805"), format!("`{name}` is not what the same recipe gave of the same inputs before"))
        .note(fact)
        .note("every build of one lock gives the same bytes: this is a fault of the machine, or of blend")
        .help(format!("build it again, look at the memory of the machine, and compare: `blend compare {name} OLD`"))
}

pub fn no_such_input(name: &str, known: &[&str]) -> Problem {
    let problem = Problem::new(Code("E0806"), format!("the recipe has no model called `{}`", shown::name(name)));
    match known {
        [] => problem.help("it has no models: leave `--update` away"),
        known => problem.help(format!("name one of its models: {}", known.join(", "))),
    }
}

/// A lock that a build does not ask for, and that no longer holds.
pub fn outdated(recipe: &Path, drift: &[Problem]) -> Problem {
    let problem = Problem::new(Code("W0801"), format!("the lock of `{}` does not hold", shown::path(recipe)))
        .help(format!("renew it with {}, or refuse such builds with `--locked`", accept(recipe)));
    drift.iter().take(8).fold(problem, |problem, drift| problem.note(drift.message.clone()))
}
