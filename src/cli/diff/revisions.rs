//! Recipes of the working tree against a revision.

use super::super::Exit;
use super::super::ui::Ui;
use super::Args;
use super::look;
use super::object;
use super::pair;
use super::pair::Found;
use super::print;
use super::sets;
use super::side::Side;
use crate::compile::Disk;
use crate::diag::Code;
use crate::diag::Problem;
use crate::git::Repo;
use crate::git::Revision;
use serde_json::Value;
use serde_json::json;
use std::path::Path;

/// Compares those that are named, or all; tells whether all are the same.
pub fn all(args: &Args, revision: &str, ui: &Ui) -> Result<bool, Exit> {
    let shown = |problem: Problem| ui.problem(problem);
    let repo = Repo::here().map_err(shown)?;
    let resolved = repo.resolve(revision).map_err(shown)?;
    let (paths, old) = paths(args, &repo, &resolved).map_err(shown)?;
    let sets = sets(args).map_err(shown)?;
    let (mut same, mut objects) = (0, vec![]);
    let count = paths.len();
    for path in &paths {
        let full = repo.top.join(path);
        let name = format!("{revision}:{path}");
        let world = Revision { repo: repo.clone(), name: revision.into(), resolved: resolved.clone(), disk: &Disk };
        let (before, after) = match (old.contains(path), full.is_file()) {
            (true, true) => {
                (Side::of_revision(&name, path, world).map_err(shown)?, Side::of_disk(path, &full).map_err(shown)?)
            }
            (was, is) => {
                let state = if is { "added" } else { "removed" };
                if was || is {
                    told(args, path, state, None, &mut objects, ui)?;
                }
                continue;
            }
        };
        let found = pair::compare(&before, &after, &sets, args.text, ui)?;
        if found.is_same() {
            same += 1;
        }
        told(args, path, if found.is_same() { "same" } else { "changed" }, Some(&found), &mut objects, ui)?;
    }
    if args.json {
        print(&object(&json!({ "same": same == count, "recipes": objects })), ui)?;
    } else if same == count {
        print("same meaning\n", ui)?;
    }
    Ok(same == count)
}

fn told(
    args: &Args,
    path: &str,
    state: &str,
    found: Option<&Found>,
    objects: &mut Vec<Value>,
    ui: &Ui,
) -> Result<(), Exit> {
    if args.json {
        objects.push(json!({ "path": path, "state": state, "diff": found.map(Found::json) }));
        return Ok(());
    }
    match found {
        Some(found) if found.is_same() => Ok(()),
        Some(found) => {
            if let Found::Text { because, .. } = found {
                ui.status(&format!("{path}: compared by text: {because}"));
            }
            let text = if args.stat { found.stat() } else { found.show(look(args, ui)) };
            let lines: String = text.lines().map(|line| format!("  {line}\n")).collect();
            print(&format!("{path}\n{lines}"), ui)
        }
        None => print(&format!("{path}: {state}\n"), ui),
    }
}

/// The recipes that are asked for, by their paths from the top, and those that the revision has.
fn paths(args: &Args, repo: &Repo, resolved: &str) -> Result<(Vec<String>, Vec<String>), Problem> {
    let old = repo.recipes_of(resolved)?;
    if args.files.is_empty() {
        let mut all = [old.clone(), repo.recipes_here()?].concat();
        all.sort();
        all.dedup();
        return Ok((all, old));
    }
    let mut out = vec![];
    for file in &args.files {
        let path = crate::git::path_in(repo, &here(file))?;
        if !old.contains(&path) && !repo.top.join(&path).is_file() {
            let message =
                format!("`{file}` is neither in the working tree nor in `{}`", args.git.as_deref().unwrap_or(""));
            return Err(
                Problem::new(Code("E0822"), message).help("write the path of a recipe, from here: `merge.blend`")
            );
        }
        out.push(path);
    }
    Ok((out, old))
}

/// A path from the working directory.
fn here(file: &str) -> String {
    if Path::new(file).is_absolute() || file.starts_with("../") { file.into() } else { format!("./{file}") }
}
