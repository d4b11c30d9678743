//! Two recipes: by meaning where both compile, else by text.

use super::super::Exit;
use super::super::ui::Ui;
use super::side::Side;
use crate::check;
use crate::check::Settings;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::diag::Severity;
use crate::diff;
use crate::diff::Changes;
use crate::diff::Look;
use crate::diff::text;
use crate::diff::text::Entry;
use crate::hir::Literal;
use crate::hir::Recipe;
use crate::syntax;
use crate::syntax::ast::ItemKind;
use crate::text::Source;
use crate::text::Sources;
use serde_json::Value;
use std::path::PathBuf;

/// What was found.
pub enum Found {
    Meaning(Changes),
    /// The texts, and why not the meaning.
    Text {
        entries: Vec<Entry>,
        because: String,
    },
}

impl Found {
    pub fn is_same(&self) -> bool {
        match self {
            Found::Meaning(changes) => changes.is_same(),
            Found::Text { entries, .. } => entries.is_empty(),
        }
    }

    pub fn show(&self, look: Look) -> String {
        match self {
            Found::Meaning(changes) => diff::show(changes, look),
            Found::Text { entries, .. } => text::show(entries, look),
        }
    }

    pub fn stat(&self) -> String {
        match self {
            Found::Meaning(changes) => diff::stat(changes),
            Found::Text { entries, .. } => text::stat(entries),
        }
    }

    pub fn json(&self) -> Value {
        match self {
            Found::Meaning(changes) => diff::json(changes),
            Found::Text { entries, because } => text::json(entries, because),
        }
    }
}

/// Two texts whose paths start in one directory, for drivers of git; an empty one is a recipe that was not there.
///
/// # Errors
/// The problems of a text that does not parse.
pub fn of_texts(before: (&str, String), after: (&str, String), base: PathBuf) -> Result<Found, Problems> {
    let before = Side::new(before.0, before.1, base.clone());
    found(&before, &Side::new(after.0, after.1, base), &[], false).map_err(|(problems, _)| problems)
}

/// Compares two recipes; problems of texts that do not parse are shown.
pub fn compare(before: &Side, after: &Side, sets: &[(String, Literal)], by_text: bool, ui: &Ui) -> Result<Found, Exit> {
    found(before, after, sets, by_text).map_err(|(problems, sources)| match ui.problems(&problems, &sources) {
        Exit::Good => Exit::Wrong,
        exit => exit,
    })
}

fn found(before: &Side, after: &Side, sets: &[(String, Literal)], by_text: bool) -> Result<Found, (Problems, Sources)> {
    let mut because = "one of the recipes is empty".to_string();
    let is_whole = !before.text.trim().is_empty() && !after.text.trim().is_empty();
    if by_text {
        because = "as asked".into();
    } else if is_whole {
        let known = params(before).into_iter().chain(params(after)).collect::<Vec<_>>();
        match (compiled(before, sets, &known), compiled(after, sets, &known)) {
            (Ok(before), Ok(after)) => return Ok(Found::Meaning(diff::recipes(&before, &after))),
            (Err(reason), Ok(_)) => because = format!("`{}`: {reason}", before.name),
            (_, Err(reason)) => because = format!("`{}`: {reason}", after.name),
        }
    }
    let mut sources = Sources::default();
    let [old, new] = [before, after].map(|side| sources.add(side.name.clone(), side.text.clone()));
    let entries = text::recipes(&old, &new).map_err(|problems| (problems, sources))?;
    Ok(Found::Text { entries, because })
}

/// The names of a recipe's parameters.
fn params(side: &Side) -> Vec<String> {
    let mut sources = Sources::default();
    let source: Source = sources.add(side.name.clone(), side.text.clone());
    let items = syntax::parse(&source).file.items;
    let name = |kind: ItemKind| match kind {
        ItemKind::Param { name, .. } => Some(name.text),
        _ => None,
    };
    items.into_iter().filter_map(|item| name(item.kind)).collect()
}

/// The checked recipe, or the first problem in a few words.  A parameter that only the other side has is not set here.
fn compiled(side: &Side, sets: &[(String, Literal)], known: &[String]) -> Result<Recipe, String> {
    let own = params(side);
    let is_set = |set: &&(String, Literal)| own.contains(&set.0) || !known.contains(&set.0);
    let sets = sets.iter().filter(is_set).cloned().collect();
    let settings = Settings { sets, ..Settings::default() };
    let mut sources = Sources::default();
    let root = sources.add(side.name.clone(), side.text.clone()).id;
    let checked = check::recipe(&mut sources, root, &side.base, &settings, side.world());
    checked.recipe.ok_or_else(|| {
        let sorted = checked.problems.sorted();
        let first = sorted.iter().find(|problem| problem.severity() == Severity::Error);
        first.map_or("it does not compile".into(), |problem: &&Problem| problem.message.clone())
    })
}
