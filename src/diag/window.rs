//! The lines of a source that a problem speaks of, made safe to print: control characters escaped, tabs expanded, long
//! lines cut around the label.  It is not the source: offsets are those of the window.
//!
//! Invariant: building and showing a window costs the lines around its labels, however large the source is.

use super::shown::is_hidden;
use crate::text::Source;
use miette::MietteError;
use miette::MietteSpanContents;
use miette::SourceCode;
use miette::SourceSpan;
use miette::SpanContents;
use std::ops::Range;

/// A line longer than this (in characters) is cut.
const LONGEST_LINE: usize = 200;
/// What is shown of a line that is cut, and how much of it before the label.
const CUT_LINE: usize = 160;
const CUT_BEFORE: usize = 60;
/// A label over more lines points at its first line alone.
const MOST_LINES: usize = 8;
const TAB: usize = 4;

/// A label's range in the source; the main one decides where a long line is cut.
#[derive(Clone, Copy)]
pub struct Mark {
    pub start: usize,
    pub end: usize,
    pub primary: bool,
}

/// One line of the window.
struct Line {
    /// One-based number in the source; neighbours differ by one inside a run.
    number: usize,
    /// Where it begins in the window's text; its newline is included.
    at: usize,
    /// The bytes of the source that are shown.
    visible: Range<usize>,
    /// Whether the line was cut at its beginning.
    cut: bool,
    /// Bytes of the whole line, without its end of line.
    whole: Range<usize>,
}

/// Some lines of a source.
pub struct Window {
    name: String,
    text: String,
    lines: Vec<Line>,
    /// For every mark: its range in the window, and the column (one-based, in characters) of its start in the source.
    pub marks: Vec<(Range<usize>, usize)>,
}

impl Window {
    /// The lines of some marks, with one line before and after each.
    pub fn new(source: &Source, marks: &[Mark]) -> Window {
        let text = &*source.text;
        let marks: Vec<Mark> = marks.iter().map(|mark| clipped(text, *mark)).collect();
        let mut runs: Vec<Range<usize>> = marks.iter().map(|mark| with_context(text, mark)).collect();
        runs.sort_by_key(|run| (run.start, run.end));
        let mut joined: Vec<Range<usize>> = vec![];
        for run in runs {
            match joined.last_mut() {
                Some(last) if run.start <= last.end + 1 => last.end = last.end.max(run.end),
                _ => joined.push(run),
            }
        }
        let mut window = Window { name: escape(&source.name), text: String::new(), lines: vec![], marks: vec![] };
        for run in joined {
            let mut number = source.line_column(run.start as u32).0;
            let mut start = run.start;
            loop {
                let end = line_end(text, start);
                window.line(text, number, start..end, &marks);
                if end >= run.end {
                    break;
                }
                number += 1;
                start = end + 1;
            }
        }
        window.marks = marks
            .iter()
            .map(|mark| {
                let (from, to) = (window.place(text, mark.start), window.place(text, mark.end));
                (from..to.max(from), source.line_column(mark.start as u32).1)
            })
            .collect();
        window
    }

    fn line(&mut self, text: &str, number: usize, range: Range<usize>, marks: &[Mark]) {
        let whole = range.start..range.start + text[range].trim_end_matches('\r').len();
        let line = &text[whole.clone()];
        let is_long = line.len() > LONGEST_LINE && line.chars().nth(LONGEST_LINE).is_some();
        let here = |mark: &&Mark| whole.start <= mark.start && mark.start <= whole.end;
        let mut visible = whole.clone();
        if is_long {
            let focus = marks.iter().filter(here).find(|mark| mark.primary).or(marks.iter().find(here));
            let focus = focus.map_or(whole.start, |mark| mark.start);
            let before = text[whole.start..focus].char_indices().rev().nth(CUT_BEFORE - 1).map_or(0, |(at, _)| at);
            visible.start = whole.start + before;
            let shown = &text[visible.clone()];
            visible.end = visible.start + shown.char_indices().nth(CUT_LINE).map_or(shown.len(), |(at, _)| at);
        }
        let cut = visible.start > whole.start;
        let at = self.text.len();
        if cut {
            self.text.push('…');
        }
        let mut column = 0;
        text[visible.clone()].chars().for_each(|c| push_shown(&mut self.text, c, &mut column));
        if visible.end < whole.end {
            self.text.push('…');
        }
        self.text.push('\n');
        self.lines.push(Line { number, at, visible, cut, whole });
    }

    /// Where a place of the source is in the window; a place that is cut away is at the cut.
    fn place(&self, text: &str, offset: usize) -> usize {
        let found = self.lines.iter().rev().find(|line| line.whole.start <= offset);
        let Some(line) = found.or(self.lines.first()) else { return 0 };
        if offset < line.visible.start {
            return line.at;
        }
        let mut out = String::new();
        let mut column = 0;
        let end = offset.min(line.visible.end);
        text[line.visible.start..end].chars().for_each(|c| push_shown(&mut out, c, &mut column));
        line.at + if line.cut { '…'.len_utf8() } else { 0 } + out.len()
    }

    fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| line.at <= offset).saturating_sub(1)
    }
}

impl SourceCode for Window {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        if self.lines.is_empty() || end > self.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let (first, last) = (self.line_at(start), self.line_at(end.saturating_sub(1).max(start)));
        let follows = |at: usize| self.lines[at].number == self.lines[at - 1].number + 1;
        if (first + 1..=last).any(|at| !follows(at)) {
            return Err(MietteError::OutOfBounds);
        }
        let (mut from, mut to) = (first, last);
        for _ in 0..before {
            if from > 0 && follows(from) {
                from -= 1;
            }
        }
        for _ in 0..after {
            if to + 1 < self.lines.len() && follows(to + 1) {
                to += 1;
            }
        }
        let begin = self.lines[from].at;
        let stop = self.lines.get(to + 1).map_or(self.text.len(), |line| line.at);
        // Without context the place itself is asked for: its column goes into the title of the frame.
        let mark = self.marks.iter().find(|mark| before == 0 && mark.0.start == start);
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            &self.text.as_bytes()[begin..stop],
            (begin, stop - begin).into(),
            self.lines[from].number - 1,
            mark.map_or(0, |mark| mark.1 - 1),
            to - from + 1,
        )))
    }
}

/// Inside the text, on characters, without blanks at its end, and of a few lines at most.
fn clipped(text: &str, mark: Mark) -> Mark {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(mark.start);
    let mut end = floor(mark.end).max(start);
    if text[start..end].contains('\n') {
        end = start + text[start..end].trim_end().len();
        if text[start..end].matches('\n').take(MOST_LINES).count() == MOST_LINES {
            end = start + text[start..line_end(text, start)].trim_end().len();
        }
    }
    Mark { start, end, primary: mark.primary }
}

/// The bytes of the mark's lines and of one line before and after, without the last end of line.
fn with_context(text: &str, mark: &Mark) -> Range<usize> {
    let first = line_start(text, mark.start);
    let last = line_end(text, mark.end);
    let before = if first == 0 { 0 } else { line_start(text, first - 1) };
    let after = if last < text.len() { line_end(text, last + 1) } else { last };
    // What follows the last newline is a line only if there is something in it.
    before..if after == text.len() && last + 1 == after { last } else { after }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |found| found + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |found| at + found)
}

fn push_shown(out: &mut String, c: char, column: &mut usize) {
    if c == '\t' {
        let blanks = TAB - *column % TAB;
        out.extend(std::iter::repeat_n(' ', blanks));
        *column += blanks;
    } else if is_hidden(c) {
        out.extend(c.escape_unicode());
        *column += c.escape_unicode().len();
    } else {
        out.push(c);
        *column += 1;
    }
}

/// A text on one line with nothing in it that steers a terminal: names of tensors and files may be hostile.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_hidden(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}
