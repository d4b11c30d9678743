//! Replacements in one text.

use crate::text::Span;

/// What is put in the place of what.
#[derive(Default)]
pub struct Edits(Vec<(Span, String)>);

impl Edits {
    pub fn replace(&mut self, span: Span, text: impl Into<String>) {
        self.0.push((span, text.into()));
    }

    /// The text with everything replaced; `None` where two replacements overlap.
    pub fn done(mut self, text: &str) -> Option<String> {
        self.0.sort_by_key(|edit| (edit.0.start, edit.0.end));
        let (mut out, mut at) = (String::new(), 0);
        for (span, new) in self.0 {
            let range = span.range();
            out.push_str(text.get(at..range.start)?);
            out.push_str(&new);
            at = range.end;
        }
        out.push_str(text.get(at..)?);
        Some(out)
    }
}
