//! The normal form for people: one definition a line, statements last.

use super::terms::Manifest;
use super::terms::Normal;
use super::terms::TermId;

/// From this length on a term has a line of its own.
const LONG: usize = 400;

/// What never has a line of its own.
const PLAIN: [&str; 11] =
    ["output", "assert", "recipe", "arm", "else", "share", "option", "within", "look", "with", "space"];

/// Leaves that are options.
const OPTIONS: [&str; 15] = [
    "format",
    "layout",
    "shard_size",
    "overflow",
    "key",
    "arch",
    "add_prefix",
    "strip_prefix",
    "mode",
    "axes",
    "seeds",
    "noise",
    "cutoff",
    "class",
    "size",
];

/// Prints a normal form.
pub fn tell(normal: &Normal) -> String {
    let mut uses = vec![0u32; normal.terms.len()];
    normal.told(&mut Uses(&mut uses, normal));
    let mut story = Story { uses, lines: String::new(), models: 0, values: 0 };
    let statements = normal.told(&mut story);
    // The edition comes first, as in a recipe.
    let (edition, statements) = statements.split_once('\n').unwrap_or((&statements, ""));
    format!("{edition}\n{}{statements}", story.lines)
}

/// Counts how often terms are part of others.
struct Uses<'u>(&'u mut [u32], &'u Normal);

impl Manifest for Uses<'_> {
    type Made = ();

    fn term(&mut self, id: TermId, _: &str, _: Option<&str>, _: &[()]) {
        self.1.term(id).parts.iter().for_each(|part| self.0[part.0 as usize] += 1);
    }
}

struct Story {
    uses: Vec<u32>,
    /// Definitions so far.
    lines: String,
    models: usize,
    values: usize,
}

impl Manifest for Story {
    type Made = String;

    fn term(&mut self, id: TermId, head: &str, text: Option<&str>, parts: &[String]) -> String {
        let shown = shown(head, text, parts);
        let is_plain = parts.is_empty() || PLAIN.contains(&head);
        if head == "model" {
            self.models += 1;
            let name = format!("m{}", self.models);
            self.lines.push_str(&format!("{name} = {shown}\n"));
            return name;
        }
        if !is_plain && ((self.uses[id.0 as usize] > 1 && shown.len() > 20) || shown.len() > LONG) {
            self.values += 1;
            let name = format!("v{}", self.values);
            self.lines.push_str(&format!("{name} = {shown}\n"));
            return name;
        }
        shown
    }
}

fn shown(head: &str, text: Option<&str>, parts: &[String]) -> String {
    let comma = || parts.join(", ");
    let braces =
        |parts: &[String]| if parts.is_empty() { String::new() } else { format!(" {{ {} }}", parts.join(", ")) };
    match (head, text, parts) {
        ("number" | "truth" | "word" | "coordinate", Some(text), []) => text.into(),
        ("text" | "glob", Some(text), []) => format!("{text:?}"),
        ("regex", Some(text), []) => format!("regex {text:?}"),
        ("model", Some(path), options) => format!("model {path:?}{}", braces(options)),
        ("share", None, [share, atom]) => format!("{share} * {atom}"),
        ("sum", None, []) => "nothing".into(),
        ("sum", None, parts) => format!("({})", parts.join(" + ")),
        ("+" | "*" | "/" | "minus" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "where", None, [a, b]) => {
            let sign = if head == "minus" { "-" } else { head };
            format!("({a} {sign} {b})")
        }
        ("then *" | "then /", None, [a, b]) => format!("({a} {head} {b})"),
        ("both" | "any" | "and" | "or", None, parts) => {
            let word = match head {
                "both" => "and",
                "any" => "or",
                word => word,
            };
            format!("({})", parts.join(&format!(" {word} ")))
        }
        ("-", None, [a]) => format!("-{a}"),
        ("not", None, [a]) => format!("not {a}"),
        ("within", None, [pattern]) => format!("where {pattern}"),
        ("at", None, [key, item]) => format!("{key}: {item}"),
        ("list", None, _) => format!("[{}]", comma()),
        ("range", None, [low, high]) => {
            let end = |end: &str| if end == "open" { String::new() } else { end.to_string() };
            format!("{}..{}", end(low), end(high))
        }
        ("match", None, arms) => format!("match {{\n  {}\n}}", arms.join("\n").replace('\n', "\n  ")),
        ("arm", None, [pattern, value]) => format!("{pattern} => {value}"),
        ("else", None, [value]) => format!("else => {value}"),
        ("with", None, [value, options @ ..]) => format!("{value}{}", braces(options)),
        ("look", None, parts) => parts.join(", "),
        ("option" | "dtype" | "psi", _, [value]) => format!("{} = {value}", text.unwrap_or(head)),
        ("metadata", None, [name, value]) => format!("metadata {name} = {value}"),
        ("space", Some(space), [ranges]) => format!("{space:?} = [{}]", ranges.trim_start_matches("channels ")),
        ("edition", Some(number), []) => format!("blend {number}"),
        ("output", Some(path), [value, options @ ..]) => format!("output {path:?} = {value}{}", braces(options)),
        ("assert", None, [claim]) => format!("assert {claim}"),
        ("recipe", None, statements) => statements.join("\n") + "\n",
        (head, Some(text), []) if OPTIONS.contains(&head) => format!("{head} = {text}"),
        ("crop", Some(text), []) => format!("crop = [{text}]"),
        (head, Some(text), []) => format!("{head} {text}"),
        (head, None, _) => format!("{head}({})", comma()),
        (head, Some(text), _) => format!("{head} {text}({})", comma()),
    }
}
