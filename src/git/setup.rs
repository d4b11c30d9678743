//! What git has to know to show and merge recipes by meaning: drivers in its configuration, and files in its attributes.

use super::Repo;
use super::error;
use super::program::git;
use crate::diag::Code;
use crate::diag::Problem;
use crate::store;
use std::path::Path;
use std::path::PathBuf;

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Of the repository that holds the working directory.
    Local,
    /// Of all repositories of the user.
    Global,
}

impl Scope {
    fn flag(self) -> &'static str {
        match self {
            Scope::Local => "--local",
            Scope::Global => "--global",
        }
    }
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Set {
        scope: Scope,
        key: &'static str,
        value: String,
    },
    Remove {
        scope: Scope,
        section: &'static str,
    },
    /// The file of attributes with its new text; it goes where nothing is left.
    Attributes {
        path: PathBuf,
        text: String,
        is_added: bool,
    },
}

impl Step {
    /// As one would type it.
    pub fn text(&self) -> String {
        match self {
            Step::Set { scope, key, value } => format!("git config {} {key} {}", scope.flag(), quoted(value)),
            Step::Remove { scope, section } => format!("git config {} --remove-section {section}", scope.flag()),
            Step::Attributes { path, is_added: true, .. } => {
                format!("echo {} >> {}", quoted(LINE), quoted(&path.display().to_string()))
            }
            Step::Attributes { path, .. } => {
                format!(
                    "sed -i {} {}",
                    quoted(&format!("/^{}$/d", LINE.replace('*', "\\*"))),
                    quoted(&path.display().to_string())
                )
            }
        }
    }
}

/// The line of attributes.
const LINE: &str = "*.blend diff=blend merge=blend";

/// Sections of the configuration.
const SECTIONS: [&str; 2] = ["diff.blend", "merge.blend"];

/// A hook that holds commits to what is checked and formatted.
pub const HOOK: &str = r#"#!/bin/sh
# Recipes are committed checked and formatted.  Put this into .git/hooks/pre-commit and make it executable.
cd "$(git rev-parse --show-toplevel)" || exit 1
git diff --cached --name-only --diff-filter=ACMR -- '*.blend' | {
  wrong=0
  while IFS= read -r recipe; do
    blend fmt --check "$recipe" || wrong=1
    blend check --quiet "$recipe" || wrong=1
  done
  exit $wrong
}
"#;

/// A word for the shell that git gives drivers to.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The drivers, run by `program`.
fn settings(program: &str) -> [(&'static str, String); 5] {
    let blend = quoted(program);
    [
        ("diff.blend.command", format!("{blend} git diff-driver")),
        ("diff.blend.textconv", format!("{blend} git textconv")),
        ("diff.blend.xfuncname", "^((use|model|lora|channels|param|pattern|fn|let|output|assert) .*)$".into()),
        ("merge.blend.name", "recipes of blend, statement by statement".into()),
        ("merge.blend.driver", format!("{blend} git merge-driver %O %A %B %L %P %S %X %Y")),
    ]
}

/// What is missing.  Errors: E0820, E0821, and those of reading.
pub fn install(scope: Scope, program: &str) -> Result<Vec<Step>, Problem> {
    let attributes = attributes(scope)?;
    let mut steps = vec![];
    for (key, value) in settings(program) {
        let found = git(None, &["config", scope.flag(), "--get", key])?;
        if !found.is_good() || found.line() != value {
            steps.push(Step::Set { scope, key, value });
        }
    }
    let text = text(&attributes)?;
    if !text.lines().any(|line| line.trim() == LINE) {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        steps.push(Step::Attributes { path: attributes, text: format!("{text}{gap}{LINE}\n"), is_added: true });
    }
    Ok(steps)
}

/// What is there.  Errors: as for [`install`].
pub fn uninstall(scope: Scope) -> Result<Vec<Step>, Problem> {
    let attributes = attributes(scope)?;
    let mut steps = vec![];
    for section in SECTIONS {
        let found =
            git(None, &["config", scope.flag(), "--get-regexp", &format!("^{}\\.", section.replace('.', "\\."))])?;
        if found.is_good() {
            steps.push(Step::Remove { scope, section });
        }
    }
    let text = text(&attributes)?;
    if text.lines().any(|line| line.trim() == LINE) {
        let left: String = text.split_inclusive('\n').filter(|line| line.trim() != LINE).collect();
        steps.push(Step::Attributes { path: attributes, text: left, is_added: false });
    }
    Ok(steps)
}

/// Does a step.  Errors: E0821, E0823, and those of writing.
pub fn perform(step: &Step) -> Result<(), Problem> {
    match step {
        Step::Set { scope, key, value } => {
            git(None, &["config", scope.flag(), key, value])?.good("write its configuration").map(drop)
        }
        Step::Remove { scope, section } => {
            git(None, &["config", scope.flag(), "--remove-section", section])?.good("write its configuration").map(drop)
        }
        Step::Attributes { path, text, .. } if text.is_empty() => store::remove_text(path),
        Step::Attributes { path, text, .. } => store::write_text(path, text),
    }
}

/// The file of attributes.
fn attributes(scope: Scope) -> Result<PathBuf, Problem> {
    match scope {
        Scope::Local => Ok(Repo::here()?.top.join(".gitattributes")),
        Scope::Global => {
            let own = git(None, &["config", "--global", "--type=path", "--get", "core.attributesFile"])?;
            if own.is_good() && !own.line().is_empty() {
                return Ok(PathBuf::from(own.line()));
            }
            let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
            let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
            config.map(|config| config.join("git/attributes")).ok_or_else(error::no_home)
        }
    }
}

/// A text that may not be there.
fn text(path: &Path) -> Result<String, Problem> {
    match store::read_text(path, 1 << 20) {
        Err(problem) if problem.code == Code("E0501") => Ok(String::new()),
        other => other,
    }
}
