//! Recipes compared by their texts, statement by statement and arm by arm, where they cannot be compiled: the files of
//! the models are elsewhere, or a recipe has mistakes.

use super::Look;
use super::show::Tone;
use super::show::counted;
use crate::diag::Problems;
use crate::fmt;
use crate::syntax;
use crate::text::Source;
use crate::weave::Item;
use crate::weave::Part;
use crate::weave::cut;
use crate::weave::pairs;
use serde_json::Value;
use serde_json::json;

/// Something that the texts say differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The statement, then arms and options: `let share`, `resolution 16`.
    pub path: Vec<String>,
    /// `None` where it is new.
    pub before: Option<String>,
    /// `None` where it is gone.
    pub after: Option<String>,
}

/// Compares the normal forms of two texts; an empty one is a recipe that was not there.
///
/// # Errors
/// The problems of a text that does not parse.
pub fn recipes(before: &Source, after: &Source) -> Result<Vec<Entry>, Problems> {
    let (before, after) = (pieces(before)?, pieces(after)?);
    let mut out = vec![];
    list(&before, &after, &[], &mut out);
    Ok(out)
}

fn pieces(source: &Source) -> Result<Vec<Item>, Problems> {
    if source.text.trim().is_empty() {
        return Ok(vec![]);
    }
    cut(&fmt::plain(source, &syntax::parse(source))?)
}

fn list(before: &[Item], after: &[Item], path: &[String], out: &mut Vec<Entry>) {
    let partners = pairs(before, after);
    // A claim has no name.
    let key = |item: &Item| if item.key.starts_with("assert ") { "assert".to_string() } else { item.key.clone() };
    let inside = |item: &Item| [path, &[key(item)]].concat();
    for (at, item) in before.iter().enumerate() {
        if !partners.contains(&Some(at)) {
            out.push(Entry { path: inside(item), before: Some(flat(&item.raw)), after: None });
        }
    }
    for (item, partner) in after.iter().zip(&partners) {
        match partner.map(|at| &before[at]) {
            None => out.push(Entry { path: inside(item), before: None, after: Some(flat(&item.raw)) }),
            Some(old) if old.same == item.same => {}
            Some(old) => changed(old, item, &inside(item), out),
        }
    }
    // Arms are read from the top.
    let order: Vec<usize> = partners.iter().flatten().copied().collect();
    let is_match = after.iter().any(|item| item.is_arm());
    if is_match && !order.is_sorted() {
        let heads = |items: &[Item]| items.iter().map(|item| item.key.as_str()).collect::<Vec<_>>().join(", ");
        let path = [path, &["order of arms".to_string()]].concat();
        out.push(Entry { path, before: Some(heads(before)), after: Some(heads(after)) });
    }
}

/// The parts that differ, one by one where both have the same ones.
fn changed(old: &Item, new: &Item, path: &[String], out: &mut Vec<Entry>) {
    let start = out.len();
    let is_told = old.key == new.key && parts(&old.parts, &new.parts, path, out);
    if !is_told {
        out.truncate(start);
        let said = |item: &Item| {
            let text = flat(&item.raw);
            text.strip_prefix("assert ").map(String::from).unwrap_or(text)
        };
        out.push(Entry { path: path.to_vec(), before: Some(said(old)), after: Some(said(new)) });
    }
}

fn parts(old: &[Part], new: &[Part], path: &[String], out: &mut Vec<Entry>) -> bool {
    let values = |before: &str, after: &str| {
        let value = |text: &str| {
            let text = flat(text);
            let signs = ["=>", "=", "assert "];
            signs.iter().find_map(|sign| text.strip_prefix(sign)).unwrap_or(&text).trim_start().to_string()
        };
        Entry { path: path.to_vec(), before: Some(value(before)), after: Some(value(after)) }
    };
    old.len() == new.len()
        && old.iter().zip(new).all(|pair| match pair {
            (Part::Text(a), Part::Text(b)) => {
                if a.same != b.same {
                    out.push(values(&a.raw, &b.raw));
                }
                true
            }
            (Part::Value { parts: a, leaf: old }, Part::Value { parts: b, leaf: new }) => {
                let start = out.len();
                let has_lists = a.len() > 1 && b.len() > 1;
                let texts_differ = a.iter().zip(b).any(|pair| match pair {
                    (Part::Text(a), Part::Text(b)) => a.same != b.same,
                    _ => false,
                });
                if old.same != new.same && !(has_lists && !texts_differ && parts(a, b, path, out)) {
                    out.truncate(start);
                    out.push(values(&old.raw, &new.raw));
                }
                true
            }
            (Part::List { items: a, .. }, Part::List { items: b, .. }) => {
                list(a, b, path, out);
                true
            }
            _ => false,
        })
}

/// On one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The entries for people.
pub fn show(entries: &[Entry], look: Look) -> String {
    let mut out = String::new();
    for entry in entries {
        let path = entry.path.join(": ");
        let line = match (&entry.before, &entry.after) {
            (Some(before), Some(after)) => format!("~ {path}: {}", look.step(before, after)),
            (None, Some(after)) => look.paint(Tone::New, &format!("+ {}", inside(entry, after))),
            (Some(before), None) => look.paint(Tone::Old, &format!("- {}", inside(entry, before))),
            (None, None) => continue,
        };
        out.push_str(&line);
        out.push('\n');
    }
    if out.is_empty() { "same meaning\n".into() } else { out }
}

/// What stands in something else, with its place.
fn inside(entry: &Entry, text: &str) -> String {
    match entry.path.split_last() {
        Some((_, above)) if !above.is_empty() => format!("{}: {text}", above.join(": ")),
        _ => text.into(),
    }
}

/// One line.
pub fn stat(entries: &[Entry]) -> String {
    match entries.len() {
        0 => "same meaning\n".into(),
        count => format!("{} of the text\n", counted(count, "change")),
    }
}

/// The entries for programs.
pub fn json(entries: &[Entry], why: &str) -> Value {
    let all = entries.iter().map(|entry| json!({ "path": entry.path, "before": entry.before, "after": entry.after }));
    json!({ "compared": "text", "because": why, "same": entries.is_empty(), "entries": all.collect::<Vec<_>>() })
}
