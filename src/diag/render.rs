//! Problems as text: for people, one line each, or for programs.  It decides nothing: order and wording come from the problems.

use super::Problem;
use super::Problems;
use super::Severity;
use super::github;
use super::human;
use super::sarif;
use super::window::escape;
use crate::text::Site;
use crate::text::Source;
use crate::text::Sources;
use serde_json::Value;
use serde_json::json;

/// How problems are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Frames around the lines, with help, for a terminal.
    #[default]
    Human,
    /// `path:line:column: error[E0302]: message`, one line each, for editors and grep.
    Short,
    /// One JSON object per line, for programs; see [`render`].
    Json,
    /// One command per line that a GitHub workflow's runner shows beside the lines.
    Github,
    /// One document of SARIF 2.1.0; a run that shows problems several times collects them in a [`sarif::Log`].
    Sarif,
}

impl Format {
    /// The format that `--message-format` names.
    pub fn from_name(name: &str) -> Option<Format> {
        match name {
            "human" => Some(Format::Human),
            "short" => Some(Format::Short),
            "json" => Some(Format::Json),
            "github" => Some(Format::Github),
            "sarif" => Some(Format::Sarif),
            _ => None,
        }
    }
}

/// Shows problems in source order; nothing for none.  `color` and `width` (columns) count for [`Format::Human`] only.
///
/// JSON: one object a line, fields in this order, which are stable:
///
/// - `code`: `"E0302"`; `severity`: `"error"` or `"warning"`; `message`: one sentence
/// - `labels`: `[{file, line, column, end_line, end_column, start, end, text, primary}]`; lines and columns count from 1
///   and in characters, the end is behind the last one; `start` and `end` are byte offsets from 0
/// - `help`: a string or null; `notes`: strings
/// - `fix`: `[{file, start, end, text}]`, the help as edits: replace the bytes from `start` to `end` by `text`
///
/// A label's `file` is the name as the user wrote it, `<stdin>`, `<command line>` or `std`.
pub fn render(problems: &Problems, sources: &Sources, format: Format, color: bool, width: usize) -> String {
    if problems.is_empty() {
        return String::new();
    }
    match format {
        Format::Human => human::render(problems, sources, color, width),
        Format::Short => problems.sorted().iter().map(|problem| short(problem, sources) + "\n").collect(),
        Format::Json => problems.sorted().iter().map(|problem| json(problem, sources).to_string() + "\n").collect(),
        Format::Github => problems.sorted().iter().map(|problem| github::render(problem, sources) + "\n").collect(),
        Format::Sarif => {
            let mut log = sarif::Log::default();
            log.add(problems, sources);
            log.document(None)
        }
    }
}

/// A problem in words, without its places: what is wrong, what its label says, notes, what to type.
pub(super) fn whole(problem: &Problem) -> String {
    let primary = problem.labels.iter().find(|label| label.primary).or(problem.labels.first());
    let label = primary.map(|label| label.text.clone()).filter(|text| !text.is_empty());
    let mut lines = vec![problem.message.clone()];
    lines.extend(label.map(|text| format!("here: {text}")));
    lines.extend(problem.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(problem.help.iter().map(|help| format!("help: {help}")));
    lines.join("\n")
}

pub(super) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// `2 errors, 1 warning`, and where to read on.
pub(super) fn summary(problems: &Problems) -> String {
    let count = |severity| problems.iter().filter(|problem| problem.severity() == severity).count();
    let counted = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let parts: Vec<String> = [counted(errors, "error"), counted(warnings, "warning")].into_iter().flatten().collect();
    let sorted = problems.sorted();
    let first = sorted.iter().find(|problem| problem.severity() == Severity::Error).or(sorted.first());
    let more = first.map(|problem| format!("; `blend explain {}` says more", problem.code.0));
    format!("{}{}\n", parts.join(", "), more.unwrap_or_default())
}

pub(super) fn source(sources: &Sources, site: Site) -> Option<&Source> {
    sources.iter().find(|source| source.id == site.source)
}

fn short(problem: &Problem, sources: &Sources) -> String {
    let place = problem.site().and_then(|site| {
        let source = source(sources, site)?;
        let (line, column) = source.line_column(site.span.start);
        Some(format!("{}:{line}:{column}: ", escape(&source.name)))
    });
    let word = severity_word(problem.severity());
    format!("{}{word}[{}]: {}", place.unwrap_or_default(), problem.code.0, escape(&problem.message))
}

fn json(problem: &Problem, sources: &Sources) -> Value {
    let file = |site| source(sources, site).map(|source| source.name.to_string());
    let labels = problem.labels.iter().map(|label| {
        let span = label.site.span;
        let place = |offset| source(sources, label.site).map(|source| source.line_column(offset));
        let (start, end) = (place(span.start), place(span.end));
        json!({
            "file": file(label.site),
            "line": start.map(|place| place.0),
            "column": start.map(|place| place.1),
            "end_line": end.map(|place| place.0),
            "end_column": end.map(|place| place.1),
            "start": span.start,
            "end": span.end,
            "text": label.text,
            "primary": label.primary,
        })
    });
    let fix = problem.fix.iter().map(|edit| {
        let span = edit.site.span;
        json!({"file": file(edit.site), "start": span.start, "end": span.end, "text": edit.text})
    });
    json!({
        "code": problem.code.0,
        "severity": severity_word(problem.severity()),
        "message": problem.message,
        "labels": labels.collect::<Vec<_>>(),
        "help": problem.help,
        "notes": problem.notes,
        "fix": fix.collect::<Vec<_>>(),
    })
}
