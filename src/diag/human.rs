//! Problems for people: frames around the lines, drawn by miette.  The only other module that names miette is `window`.

use super::Label;
use super::Problem;
use super::Problems;
use super::Severity;
use super::window::Mark;
use super::window::Window;
use super::window::escape;
use crate::text::SourceId;
use crate::text::Sources;
use miette::Diagnostic;
use miette::GraphicalReportHandler;
use miette::GraphicalTheme;
use miette::LabeledSpan;
use std::fmt::Display;

/// Frames shown; the rest of a flood is counted.
const MOST_PROBLEMS: usize = 100;
/// Labels shown of one problem.
const MOST_LABELS: usize = 12;

/// Every problem with its lines, then a summary.
pub fn render(problems: &Problems, sources: &Sources, color: bool, width: usize) -> String {
    let width = width.max(40);
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false)
        .with_wrap_lines(false)
        .without_syntax_highlighting();
    let mut out = String::new();
    let list = problems.sorted();
    for problem in list.iter().take(MOST_PROBLEMS) {
        for part in parts(problem, sources, width) {
            let handler = match part.footer.is_empty() {
                true => handler.clone(),
                false => handler.clone().with_footer(part.footer.clone()),
            };
            // Writing to a string cannot fail; a frame that miette cannot draw leaves its message.
            if handler.render_report(&mut out, &part).is_err() {
                out.push_str(&format!("\n{part}\n"));
            }
        }
        out.push('\n');
    }
    if let Some(more) = list.len().checked_sub(MOST_PROBLEMS).filter(|&more| more > 0) {
        out.push_str(&format!("and {more} more: `--message-format short` lists all\n"));
    }
    out.push_str(&super::render::summary(problems));
    out
}

/// What is drawn as one: a problem's labels in one source.
struct Part {
    message: String,
    code: Option<String>,
    severity: miette::Severity,
    window: Option<Window>,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
    footer: String,
}

/// The problem in the source of its primary label, then a part for each further source; help and notes come last.
fn parts(problem: &Problem, sources: &Sources, width: usize) -> Vec<Part> {
    let mut order: Vec<SourceId> = problem.site().iter().map(|site| site.source).collect();
    for label in problem.labels.iter().take(MOST_LABELS) {
        if !order.contains(&label.site.source) {
            order.push(label.site.source);
        }
    }
    let severity = problem.severity();
    let mut out = vec![Part {
        message: wrap(&escape(&problem.message), width - 6),
        code: Some(format!("{}[{}]", super::render::severity_word(severity), problem.code.0)),
        severity: if severity == Severity::Error { miette::Severity::Error } else { miette::Severity::Warning },
        window: None,
        labels: vec![],
        help: None,
        footer: String::new(),
    }];
    for (at, id) in order.iter().enumerate() {
        let Some(source) = sources.iter().find(|source| source.id == *id) else { continue };
        if at > 0 {
            out.push(Part {
                message: format!("in `{}`", escape(&source.name)),
                code: None,
                severity: miette::Severity::Advice,
                window: None,
                labels: vec![],
                help: None,
                footer: String::new(),
            });
        }
        let own: Vec<&Label> =
            problem.labels.iter().filter(|label| label.site.source == *id).take(MOST_LABELS).collect();
        let part = out.last_mut().expect("one part is there from the start");
        let marks: Vec<Mark> = own
            .iter()
            .map(|label| {
                let span = label.site.span;
                Mark { start: span.start as usize, end: span.end as usize, primary: label.primary }
            })
            .collect();
        let window = Window::new(source, &marks);
        for (label, (range, _)) in own.iter().zip(&window.marks) {
            let text = (!label.text.is_empty()).then(|| escape(&label.text));
            let span = (range.start, range.len());
            part.labels.push(match label.primary {
                true => LabeledSpan::new_primary_with_span(text, span),
                false => LabeledSpan::new_with_span(text, span),
            });
        }
        part.window = Some(window);
    }
    let last = out.last_mut().expect("one part is there from the start");
    last.help = problem.help.as_deref().map(|help| wrap(&escape(help), width - 10));
    let notes: Vec<String> =
        problem.notes.iter().map(|note| wrap(&format!("note: {}", escape(note)), width - 4)).collect();
    last.footer = notes.join("\n");
    out
}

/// Breaks lines at blanks, but not inside `…` where it fits a line: what is to be typed stays in one piece.
fn wrap(text: &str, width: usize) -> String {
    let quotes_match = text.matches('`').count().is_multiple_of(2);
    let mut words: Vec<String> = vec![];
    let (mut word, mut quoted) = (String::new(), false);
    for c in text.chars() {
        quoted ^= c == '`' && quotes_match;
        if c == ' ' && !quoted {
            words.push(std::mem::take(&mut word));
        } else {
            word.push(c);
        }
    }
    words.push(word);
    let mut lines = vec![String::new()];
    for word in words {
        let pieces: Vec<&str> = if word.chars().count() > width { word.split(' ').collect() } else { vec![&word] };
        for piece in pieces {
            let line = lines.last_mut().expect("there is a line");
            let joined = line.chars().count() + 1 + piece.chars().count();
            if line.is_empty() {
                line.push_str(piece);
            } else if joined > width {
                lines.push(piece.to_string());
            } else {
                line.push(' ');
                line.push_str(piece);
            }
        }
    }
    lines.join("\n")
}

impl Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Part {}

impl Diagnostic for Part {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.window.as_ref().map(|window| window as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty())
            .then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &[&str]) {
        assert_eq!(wrap(text, width).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_typed_stays_in_one_piece() {
        check("write `a + b` here", 10, &["write", "`a + b`", "here"]);
        check("write `a + b` here", 13, &["write `a + b`", "here"]);
        check("a `lone backtick wraps", 8, &["a `lone", "backtick", "wraps"]);
        check("too long `is split + anyway`", 9, &["too long", "`is split", "+ anyway`"]);
        check("", 9, &[]);
    }
}
