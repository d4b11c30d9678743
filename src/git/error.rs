//! What can be wrong with git, and with what is asked of it (E082x).

use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use std::path::Path;

pub fn no_repository(said: &str) -> Problem {
    Problem::new(Code("E0820"), "the working directory is in no git repository, one was expected")
        .note(format!("git says: {said}"))
        .help("go to the repository of the recipes, or make one with `git init`")
}

pub fn missing(reason: &std::io::Error) -> Problem {
    Problem::new(Code("E0821"), format!("`git` cannot be run: {reason}"))
        .help("install it, `apt install git`, or compare two files: `blend diff before.blend after.blend`")
}

pub fn no_revision(revision: &str) -> Problem {
    let name = shown::name(revision);
    Problem::new(Code("E0822"), format!("`{name}` is no revision of this repository"))
        .help("write a branch, a tag or a commit: `blend diff HEAD~1:merge.blend merge.blend`; `git log --oneline` lists commits")
}

pub fn no_file(revision: &str, path: &str) -> Problem {
    let name = shown::name(path);
    let what = if revision.is_empty() { "the index".to_string() } else { format!("`{}`", shown::name(revision)) };
    Problem::new(Code("E0822"), format!("`{name}` is not in {what}"))
        .help(format!("write the path from the top of the repository, or from here with `./`: `{revision}:./{name}`"))
}

pub fn outside(path: &str) -> Problem {
    let name = shown::name(path);
    Problem::new(Code("E0822"), format!("`{name}` lies outside of the repository"))
        .help("write a path inside of it, from its top: `HEAD:recipes/merge.blend`")
}

pub fn failed(command: &str, doing: &str, said: &str) -> Problem {
    Problem::new(Code("E0823"), format!("`git {command}` could not {doing}"))
        .note(format!("it says: {said}"))
        .help(format!("see what `git {command}` says by itself, and try again"))
}

pub fn no_home() -> Problem {
    Problem::new(Code("E0823"), "`git` has no file of attributes for all repositories: there is no home directory")
        .help("set one with `git config --global core.attributesFile PATH`, or install for one repository: `blend git install`")
}

pub fn no_text(path: &Path) -> Problem {
    Problem::new(Code("E0514"), format!("`{}` is not UTF-8 text in its revision", shown::path(path)))
        .help("save it as UTF-8, and commit it again")
}
