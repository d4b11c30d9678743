//! Git, as far as recipes live in it: texts of revisions, and the drivers that show and merge recipes by meaning.
//!
//! The `git` program is run with its arguments as they are, never through a shell.  A name from the command line never
//! becomes an option of git.

mod error;
mod program;
mod setup;
mod world;

pub use setup::HOOK;
pub use setup::Scope;
pub use setup::Step;
pub use setup::install;
pub use setup::perform;
pub use setup::uninstall;
pub use world::Revision;

use crate::diag::Problem;
use program::git;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// A repository with a working tree.
#[derive(Clone, Debug)]
pub struct Repo {
    /// The top of the working tree, without links.
    pub top: PathBuf,
}

impl Repo {
    /// The repository that holds the working directory.  Errors: E0820, E0821.
    pub fn here() -> Result<Repo, Problem> {
        let output = git(None, &["rev-parse", "--show-toplevel"])?;
        if !output.is_good() {
            return Err(error::no_repository(&output.said()));
        }
        Ok(Repo { top: PathBuf::from(output.line()) })
    }

    /// What a revision is called once and for all; the empty one is the index.  Errors: E0822, E0821.
    pub fn resolve(&self, revision: &str) -> Result<String, Problem> {
        if revision.is_empty() {
            return Ok(String::new());
        }
        let wanted = format!("{revision}^{{tree}}");
        let output = git(Some(&self.top), &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])?;
        // Old versions of git print the word that ends the options.
        let name = output.line().lines().last().unwrap_or("").to_string();
        if output.is_good() && !name.is_empty() { Ok(name) } else { Err(error::no_revision(revision)) }
    }

    /// A file of a revision that has been resolved; `None` where there is none.  Errors: E0821.
    pub fn blob(&self, resolved: &str, path: &str) -> Result<Option<Vec<u8>>, Problem> {
        let output = git(Some(&self.top), &["cat-file", "blob", &format!("{resolved}:{path}")])?;
        Ok(output.is_good().then_some(output.stdout))
    }

    /// The recipes of a revision.  Errors: E0821, E0823.
    pub fn recipes_of(&self, resolved: &str) -> Result<Vec<String>, Problem> {
        self.recipes(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", resolved])
    }

    /// The recipes of the working tree: those that git knows, and new ones that it does not ignore.  Errors: E0821, E0823.
    pub fn recipes_here(&self) -> Result<Vec<String>, Problem> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.blend"];
        let mut all = self.recipes(&list)?;
        all.retain(|path| self.top.join(path).is_file());
        Ok(all)
    }

    fn recipes(&self, args: &[&str]) -> Result<Vec<String>, Problem> {
        let output = git(Some(&self.top), args)?.good("list files")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut all: Vec<String> = text.split('\0').filter(|path| path.ends_with(".blend")).map(String::from).collect();
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// The path of a file in the tree, with `/`; `None` outside of the working tree.
    pub fn inside(&self, path: &Path) -> Option<String> {
        let absolute = std::path::absolute(path).ok()?;
        let mut plain = PathBuf::new();
        for part in absolute.components() {
            match part {
                Component::ParentDir => drop(plain.pop()),
                Component::CurDir => {}
                part => plain.push(part),
            }
        }
        // The working directory may be reached by a link.
        let by_link = || {
            let real = plain.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)))?;
            Some(real.1.join(plain.strip_prefix(real.0).ok()?))
        };
        let inside = plain.strip_prefix(&self.top).map(Path::to_path_buf).ok();
        let inside = inside.or_else(|| by_link()?.strip_prefix(&self.top).map(Path::to_path_buf).ok())?;
        let parts: Option<Vec<&str>> = inside.components().map(|part| part.as_os_str().to_str()).collect();
        Some(parts?.join("/"))
    }
}

/// A path that a command line gives as `REV:path`, from the top of the tree or, with `./`, from the working directory.
/// Errors: E0822 for a path outside of the tree.
pub fn path_in(repo: &Repo, path: &str) -> Result<String, Problem> {
    let from_here = path.starts_with("./") || path.starts_with("../");
    let full = if from_here { PathBuf::from(path) } else { repo.top.join(path) };
    repo.inside(&full).ok_or_else(|| error::outside(path))
}

/// `REV:path` as its two halves; a colon in braces (`HEAD^{/fix: it}`) is one of the revision.
pub fn halves(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ':' if depth <= 0 => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// Merges three files line by line, as git does without a driver: the text, and how many conflicts are in it.
/// Errors: E0821, E0823.
pub fn merge_lines(
    [base, ours, theirs]: [&Path; 3],
    signs: usize,
    [our_name, base_name, their_name]: [&str; 3],
    with_base: bool,
) -> Result<(Vec<u8>, usize), Problem> {
    let signs = format!("--marker-size={signs}");
    let mut args = vec!["merge-file", "-p", "-q", &signs];
    if with_base {
        args.push("--diff3");
    }
    args.extend(["-L", our_name, "-L", base_name, "-L", their_name, "--"]);
    let paths = [ours, base, theirs].map(|path| path.to_string_lossy().into_owned());
    args.extend(paths.iter().map(String::as_str));
    let output = git(None, &args)?;
    match output.code {
        // Of more than 127 conflicts it says 127.
        Some(count @ 0..=127) => Ok((output.stdout, count as usize)),
        _ => Err(error::failed("merge-file", "merge the texts", &output.said())),
    }
}

/// The difference of two files line by line.  Errors: E0821, E0823.
pub fn diff_lines(before: &Path, after: &Path) -> Result<Vec<u8>, Problem> {
    let [before, after] = [before, after].map(|path| path.to_string_lossy().into_owned());
    let output = git(None, &["diff", "--no-index", "--no-ext-diff", "--no-textconv", "--", &before, &after])?;
    match output.code {
        Some(0 | 1) => Ok(output.stdout),
        _ => Err(error::failed("diff", "compare the texts", &output.said())),
    }
}

/// Whether conflicts are to be shown with the base between the sides (`merge.conflictStyle`).
pub fn wants_base() -> bool {
    git(None, &["config", "--get", "merge.conflictStyle"]).is_ok_and(|output| output.line().ends_with("diff3"))
}
