//! What git runs.  A driver that fails would end `git diff`, or leave a merge without a word: what is no recipe is shown and
//! merged as git itself would.

use super::super::Exit;
use super::super::diff::pair;
use super::super::diff::pair::Found;
use super::super::ui::Ui;
use super::super::ui::has_blocks;
use super::super::ui::width;
use super::Merge;
use crate::check;
use crate::check::Settings;
use crate::compile::Disk;
use crate::compile::TEXT_LIMIT;
use crate::diag::Problem;
use crate::diag::Severity;
use crate::diff::Look;
use crate::fmt;
use crate::git;
use crate::store;
use crate::syntax;
use crate::text::Sources;
use crate::weave;
use std::path::Path;

/// The normal form of a recipe, or its text where it is none.
pub fn textconv(path: &Path, ui: &Ui) -> Exit {
    let text = match store::read_text(path, TEXT_LIMIT) {
        Ok(text) => text,
        Err(problem) => return ui.problem(problem),
    };
    let source = Sources::default().add(path.display().to_string(), text.as_str());
    ui.print(&fmt::plain(&source, &syntax::parse(&source)).unwrap_or(text))
}

/// `PATH OLD-FILE OLD-HEX OLD-MODE NEW-FILE NEW-HEX NEW-MODE [NEW-PATH …]`
pub fn diff(args: &[String], ui: &Ui) -> Exit {
    let (path, old, new) = match args {
        [path] => return ui.print(&format!("{path}: has conflicts\n")),
        [path, old, _, _, new, ..] => (path, Path::new(old), Path::new(new)),
        _ => {
            let problem = Problem::new(crate::diag::Code("E0219"), "`blend git diff-driver` is run by git");
            return ui.problem(problem.help("compare recipes yourself with `blend diff before.blend after.blend`"));
        }
    };
    // Git pipes into a pager that shows colours, and says so.
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let color = ui.color_out || (is_set("GIT_PAGER_IN_USE") && !is_set("NO_COLOR"));
    let look = Look { blocks: has_blocks(), color, width: width() };
    let head = match args.get(7) {
        Some(renamed) if renamed != path => format!("recipe {path} -> {renamed}\n"),
        _ => format!("recipe {path}\n"),
    };
    let text = |file: &Path| match file == Path::new("/dev/null") {
        true => Ok(String::new()),
        false => store::read_text(file, TEXT_LIMIT),
    };
    let texts = text(old).and_then(|old| Ok((old, text(new)?)));
    let base = Path::new(args.get(7).unwrap_or(path)).parent().unwrap_or(Path::new("")).to_path_buf();
    let found = texts.map(|(old, new)| {
        let names = [format!("a/{path}"), format!("b/{path}")];
        let is_text_same = old == new;
        pair::of_texts((&names[0], old), (&names[1], new), base).map(|found| (found, is_text_same))
    });
    let told = match found {
        Ok(Ok((found, is_text_same))) => {
            let note = match &found {
                Found::Text { because, .. } if old != Path::new("/dev/null") && new != Path::new("/dev/null") => {
                    format!("compared by text: {because}\n")
                }
                _ => String::new(),
            };
            let same = if found.is_same() && !is_text_same {
                "same meaning in another text\n".to_string()
            } else {
                found.show(look)
            };
            Ok(format!("{note}{same}").into_bytes())
        }
        // No recipe: lines, as git shows them.
        Ok(Err(_)) | Err(_) => git::diff_lines(old, new),
    };
    match told {
        Ok(told) => ui.write(&[head.into_bytes(), told, b"\n".to_vec()].concat()),
        Err(problem) => ui.problem(problem),
    }
}

/// Merges into our file.
pub fn merge(args: &Merge, ui: &Ui) -> Exit {
    match merged(args, ui) {
        Ok(exit) => exit,
        Err(problem) => ui.problem(problem),
    }
}

fn merged(args: &Merge, ui: &Ui) -> Result<Exit, Problem> {
    let name = args.path.clone().unwrap_or_else(|| args.ours.display().to_string());
    let label = |at: usize, other: &str| {
        // Versions of git that do not know a place leave it as it is.
        let given = args.labels.get(at).filter(|label| !label.is_empty() && !label.starts_with('%'));
        given.cloned().unwrap_or_else(|| other.to_string())
    };
    let [base_name, our_name, their_name] = [label(0, "base"), label(1, "ours"), label(2, "theirs")];
    let style = weave::Style {
        signs: usize::from(args.signs),
        labels: [our_name, base_name, their_name],
        base: git::wants_base(),
    };
    let text = |path: &Path| store::read_text(path, TEXT_LIMIT);
    let read = || -> Result<[String; 3], Problem> { Ok([text(&args.base)?, text(&args.ours)?, text(&args.theirs)?]) };
    let texts = read().ok();
    let woven = texts.as_ref().map(|[base, ours, theirs]| weave::merge(base, ours, theirs, &style));
    let mut misfit = None;
    let (bytes, conflicts) = match woven {
        Some(Ok(woven)) => {
            if let (Some([_, ours, theirs]), 0) = (&texts, woven.conflicts) {
                misfit = misfits(Path::new(&name), &woven.text, [ours, theirs]);
            }
            (woven.text.into_bytes(), woven.conflicts)
        }
        _ => {
            ui.status(&format!("{name}: one version is no recipe that can be read; merged line by line"));
            let labels = [&style.labels[0], &style.labels[1], &style.labels[2]].map(String::as_str);
            let files = [&args.base, &args.ours, &args.theirs].map(|path| path.as_path());
            git::merge_lines(files, style.signs, labels, style.base)?
        }
    };
    store::write_bytes(&args.ours, &bytes, &[])?;
    if let Some(problem) = misfit {
        let message = &problem.message;
        ui.status(&format!(
            "{name}: merged, but the two sides do not fit: {message} (`blend check {name}` shows where)"
        ));
    }
    if conflicts == 0 {
        return Ok(Exit::Good);
    }
    let places = if conflicts == 1 { "1 place".to_string() } else { format!("{conflicts} places") };
    ui.status(&format!("{name}: both sides have changed {places}"));
    Ok(Exit::ClaimFailed)
}

/// What is wrong in the merged text though it is in neither side: a name that one side has renamed and the other uses anew.
/// No side has changed what the other has, so there is nothing to put markers around.
fn misfits(path: &Path, merged: &str, sides: [&String; 2]) -> Option<Problem> {
    let base = path.parent().unwrap_or(Path::new(""));
    let errors = |text: &str| -> Vec<Problem> {
        let mut sources = Sources::default();
        let root = sources.add(path.display().to_string(), text).id;
        let (_, problems) = check::skeleton(&mut sources, root, base, &Settings::default(), &Disk);
        problems.iter().filter(|problem| problem.severity() == Severity::Error).cloned().collect()
    };
    let known: Vec<Problem> = sides.into_iter().flat_map(|side| errors(side)).collect();
    let is_known =
        |problem: &Problem| known.iter().any(|own| (own.code, &own.message) == (problem.code, &problem.message));
    errors(merged).into_iter().find(|problem| !is_known(problem))
}
