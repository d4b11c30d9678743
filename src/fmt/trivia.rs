//! Comments and blank lines between the tokens that the parser sees.
//!
//! A *gap* is what stands before a token: gap `i` before significant token `i`, and a last one before the end of the
//! text.  Only some gaps can be printed as a line break; [`Gaps::settle`] moves the comments of all others to the
//! nearest that can.  No comment ever passes another one.

use crate::syntax::token::Kind;
use crate::syntax::token::Token;
use crate::text::Source;

/// A comment, without the blanks behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment<'a> {
    pub text: &'a str,
    /// Nothing but blanks stands before it on its line.
    pub own_line: bool,
    /// An empty line stands before it.
    pub blank_before: bool,
}

#[derive(Clone, Debug, Default)]
struct Gap<'a> {
    comments: Vec<Comment<'a>>,
    /// An empty line stands between the last comment, or the token before, and the token behind.
    blank: bool,
}

/// A gap that can be printed as a line break.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    pub gap: usize,
    /// It stands before an operator.
    pub operator: bool,
}

/// The gaps of a text.
pub struct Gaps<'a> {
    gaps: Vec<Gap<'a>>,
}

impl<'a> Gaps<'a> {
    /// Sorts the tokens of a text: those that the parser sees, and what stands between them.
    pub fn new(source: &'a Source, tokens: &[Token]) -> (Vec<Token>, Gaps<'a>) {
        let mut significant = vec![];
        let mut gaps = vec![];
        let mut gap = Gap::default();
        let mut newlines = 0;
        for token in tokens {
            match token.kind {
                Kind::Blank | Kind::Unknown => {}
                Kind::Newline => newlines += 1,
                Kind::Comment => {
                    let first_in_file = significant.is_empty() && gap.comments.is_empty();
                    gap.comments.push(Comment {
                        text: source.slice(token.span).trim_end_matches([' ', '\t']),
                        own_line: newlines > 0 || first_in_file,
                        blank_before: newlines > 1,
                    });
                    newlines = 0;
                }
                _ => {
                    significant.push(*token);
                    gap.blank = newlines > 1;
                    gaps.push(std::mem::take(&mut gap));
                    newlines = 0;
                }
            }
        }
        gaps.push(gap);
        (significant, Gaps { gaps })
    }

    pub fn comments(&self, gap: usize) -> &[Comment<'a>] {
        &self.gaps[gap].comments
    }

    /// Whether an empty line stands before the token behind the gap and its comments.
    pub fn has_blank(&self, gap: usize) -> bool {
        self.gaps[gap].blank
    }

    /// Whether an empty line stands anywhere in the gap.
    pub fn has_any_blank(&self, gap: usize) -> bool {
        let gap = &self.gaps[gap];
        gap.blank || gap.comments.iter().any(|comment| comment.blank_before)
    }

    /// Every comment of the text, in order.
    pub fn all(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.gaps.iter().flat_map(|gap| gap.comments.iter().map(|comment| comment.text))
    }

    /// Moves comments so that only the open gaps (ascending, the last gap among them) hold any.
    ///
    /// A comment behind a token moves on to the next open gap, where it stands behind a token again; it passes over
    /// operators, which would need a line for it.  One on a line of its own moves back to the gap before, and takes
    /// along what comes before it.  A comment before a comma (`commas`) always moves on: the comma is printed right
    /// behind its item.
    pub fn settle(&mut self, open: &[Open], commas: &[usize]) {
        let mut previous = 0;
        let mut on: Vec<Comment> = vec![];
        // The last operator that comments moved over.
        let mut passed = None;
        for &Open { gap: next, operator } in open {
            let mut back: Vec<Comment> = vec![];
            for at in previous + 1..next {
                let mut comments = std::mem::take(&mut self.gaps[at].comments);
                if !comments.is_empty() {
                    self.stay(passed.take(), &mut on);
                }
                if commas.binary_search(&at).is_err()
                    && let Some(last) = comments.iter().rposition(|comment| comment.own_line)
                {
                    back.append(&mut on);
                    back.extend(comments.drain(..=last));
                }
                on.append(&mut comments);
            }
            self.move_back(previous, back);
            previous = next;
            if operator && self.gaps[next].comments.is_empty() {
                passed = Some(next);
                continue;
            }
            if !self.gaps[next].comments.is_empty() {
                self.stay(passed, &mut on);
            }
            passed = None;
            on.append(&mut self.gaps[next].comments);
            self.gaps[next].comments = std::mem::take(&mut on);
        }
        // The first of a gap may stand behind a token; each other one needs a line, since a comment ends only there.
        for gap in &mut self.gaps {
            gap.comments.iter_mut().skip(1).for_each(|comment| comment.own_line = true);
        }
    }

    /// Another comment comes, and only one can stand behind what follows: those before it keep to the operator.
    fn stay(&mut self, at: Option<usize>, comments: &mut Vec<Comment<'a>>) {
        if let Some(at) = at {
            self.gaps[at].comments.append(comments);
        }
    }

    fn move_back(&mut self, to: usize, comments: Vec<Comment<'a>>) {
        let gap = &mut self.gaps[to];
        for comment in comments {
            // An empty line before the token is now one before the first comment that joins.
            let blank_before = std::mem::take(&mut gap.blank);
            gap.comments.push(Comment { own_line: true, blank_before, ..comment });
        }
    }
}
