//! One source text with its line index, and the table of all texts of a run.

use super::Span;
use std::sync::Arc;

/// Index into [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SourceId(pub u32);

/// A recipe text as it was read.  At most 4 GiB (spans are 32 bits); whoever reads refuses more.
#[derive(Clone, Debug)]
pub struct Source {
    pub id: SourceId,
    /// What diagnostics call it: the path as the user wrote it, `<stdin>`, `<command line>` or `std`.
    pub name: Arc<str>,
    pub text: Arc<str>,
    /// Byte offset of the start of every line.
    line_starts: Arc<[u32]>,
}

impl Source {
    pub fn new(id: SourceId, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text: Arc<str> = text.into();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at as u32 + 1));
        let line_starts = starts.collect();
        Source { id, name: name.into(), text, line_starts }
    }

    /// Whether it stands in a file: standard input, the command line and the library do not.
    pub fn is_file(&self) -> bool {
        !self.name.starts_with('<') && &*self.name != "std"
    }

    pub fn slice(&self, span: Span) -> &str {
        &self.text[span.range()]
    }

    /// One-based line and column; columns count characters.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.line_starts.partition_point(|&start| start <= offset) - 1;
        let start = self.line_starts[line] as usize;
        let end = (offset as usize).min(self.text.len());
        let before = self.text.get(start..end).unwrap_or("");
        (line + 1, before.chars().count() + 1)
    }
}

/// All texts of a run; [`SourceId`] indexes it.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Source {
        let source = Source::new(SourceId(self.list.len() as u32), name, text);
        self.list.push(source.clone());
        source
    }

    pub fn get(&self, id: SourceId) -> &Source {
        &self.list[id.0 as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }
}
