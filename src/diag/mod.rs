//! What a problem is and how it is collected.  Prose is written by the stage that finds the problem (its `error.rs`);
//! here are only the shape of a problem, the table of codes and the renderers.

pub mod codes;
mod github;
mod human;
pub mod render;
pub mod sarif;
pub mod shown;
pub mod suggest;
mod window;

use crate::text::Site;
use std::collections::HashMap;

/// A stable code such as `E0302`; the first letter is the severity.  Every code has a row in [`codes::all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// A remark on a place in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub site: Site,
    pub text: String,
    /// The label of the wrong thing itself; the others say where the expectation comes from.
    pub primary: bool,
}

/// Replace what stands at `site` by `text`; an empty site inserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub site: Site,
    pub text: String,
}

/// One thing that is wrong, with all that is needed to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    /// Lower case, no full stop, present tense, names in backticks; what was found, then what was expected.
    pub message: String,
    pub labels: Vec<Label>,
    /// Starts with a verb and contains text that can be typed.
    pub help: Option<String>,
    /// The help as edits: applied, the recipe no longer has this problem.
    pub fix: Vec<Edit>,
    /// Further facts, one line each (for example the first tensors of a long list).
    pub notes: Vec<String>,
}

impl Problem {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Problem { code, message: message.into(), labels: vec![], help: None, fix: vec![], notes: vec![] }
    }

    /// The primary label.
    pub fn at(mut self, site: Site, text: impl Into<String>) -> Self {
        self.labels.insert(0, Label { site, text: text.into(), primary: true });
        self
    }

    /// A further label: where the expectation comes from.
    pub fn because(mut self, site: Site, text: impl Into<String>) -> Self {
        self.labels.push(Label { site, text: text.into(), primary: false });
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds one edit to the fix.
    pub fn edit(mut self, site: Site, text: impl Into<String>) -> Self {
        self.fix.push(Edit { site, text: text.into() });
        self
    }

    pub fn severity(&self) -> Severity {
        if self.code.0.starts_with('W') { Severity::Warning } else { Severity::Error }
    }

    /// Where the primary label points.
    pub fn site(&self) -> Option<Site> {
        self.labels.iter().find(|label| label.primary).or(self.labels.first()).map(|label| label.site)
    }
}

/// The problems of a run.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    /// Where the problems of a code at a place are in the list: a flood must not be compared each with each.
    places: HashMap<(Code, Option<Site>), Vec<usize>>,
}

impl Problems {
    /// Adds a problem; an exact repetition is dropped.
    pub fn push(&mut self, problem: Problem) {
        let same_place = self.places.entry((problem.code, problem.site())).or_default();
        if same_place.iter().all(|&at| self.list[at] != problem) {
            same_place.push(self.list.len());
            self.list.push(problem);
        }
    }

    pub fn extend(&mut self, other: Problems) {
        other.list.into_iter().for_each(|problem| self.push(problem));
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.severity() == Severity::Error)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In source order; problems without a place come last.
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut list: Vec<&Problem> = self.list.iter().collect();
        list.sort_by_key(|problem| (problem.site().is_none(), problem.site(), problem.code));
        list
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        let mut problems = Problems::default();
        problems.push(problem);
        problems
    }
}
