//! The parser's input and its error.  The deepest failure wins; failures at one place pool what they hoped for.

use super::token::Kind;
use super::token::Token;
use crate::text::Span;
use std::cell::RefCell;

/// Significant tokens that are left; cheap to copy, so that a production can look ahead and come back.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'t> {
    pub text: &'t str,
    pub list: &'t [Token],
    /// Nesting so far: bounded, so that brackets cannot exhaust the stack.
    pub depth: u32,
    /// End of the last token that was taken.
    pub before: u32,
    /// Most operators on a path through the tree that was just read: bounded, since later stages walk it by recursion.
    pub height: u32,
    /// Failures behind which the statement was read on.
    pub mended: &'t Mended,
}

/// Failures of a statement that did not end it.
pub type Mended = RefCell<Vec<Failure>>;

impl<'t> Tokens<'t> {
    /// All tokens of a statement.
    pub fn new(text: &'t str, list: &'t [Token], mended: &'t Mended) -> Tokens<'t> {
        let before = list.first().map_or(0, |token| token.span.start);
        Tokens { text, list, depth: 0, before, height: 0, mended }
    }

    pub fn first(&self) -> Option<&'t Token> {
        self.list.first()
    }

    pub fn kind(&self) -> Option<Kind> {
        self.first().map(|token| token.kind)
    }

    /// The text of the next token as the parser reads it: signs of other languages are our words.
    pub fn word(&self) -> &'t str {
        match self.first() {
            Some(Token { kind: Kind::Word, flaw: Some(super::token::Flaw::Foreign(ours)), .. }) => ours,
            Some(token) => &self.text[token.span.range()],
            None => "",
        }
    }

    pub fn is_word(&self, word: &str) -> bool {
        self.kind() == Some(Kind::Word) && self.word() == word
    }

    /// Whether the next token touches the one after it, which has this kind.
    pub fn touches(&self, kind: Kind) -> bool {
        match self.list {
            [first, second, ..] => second.kind == kind && first.span.end == second.span.start,
            _ => false,
        }
    }

    pub fn skip(self, count: usize) -> Tokens<'t> {
        let before = self.list[count - 1].span.end;
        Tokens { list: &self.list[count..], before, ..self }
    }

    /// Where the next token stands; at the end, just behind the last one.
    pub fn here(&self) -> Span {
        self.first().map_or(Span { start: self.before, end: self.before }, |token| token.span)
    }

    /// From a start to the end of what has been taken.
    pub fn since(&self, start: u32) -> Span {
        Span { start, end: self.before.max(start) }
    }

    pub fn deeper(self) -> Tokens<'t> {
        Tokens { depth: self.depth + 1, ..self }
    }

    /// At least as high as another part of the same tree.
    pub fn as_high_as(self, height: u32) -> Tokens<'t> {
        Tokens { height: self.height.max(height), ..self }
    }
}

/// Deepest nesting of brackets, signs and `not`.
pub const DEPTH_LIMIT: u32 = 200;

/// Most binary operators on one path through a tree.
pub const HEIGHT_LIMIT: u32 = 8000;

/// What went wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Tokens that were left: fewer means that the parser got further.
    pub left: usize,
    /// Place of the failure.
    pub at: Span,
    /// End of the last token before it.
    pub before: u32,
    /// What would have been right there.
    pub hoped: Vec<&'static str>,
    pub slip: Slip,
}

/// Mistakes with a name of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    None,
    TooDeep,
    /// Too many operators in a chain.
    TooHigh,
    /// A comparison after a comparison.
    Chained,
    /// `f (x)`
    Detached,
    /// A word of the language where a name is needed.
    Reserved,
}

impl Failure {
    pub fn new(i: Tokens, hoped: &'static str) -> Failure {
        Failure { left: i.list.len(), at: i.here(), before: i.before, hoped: vec![hoped], slip: Slip::None }
    }

    /// The deeper of two failures.
    pub fn or(mut self, mut other: Failure) -> Failure {
        if other.left < self.left {
            return other;
        }
        if other.left == self.left {
            self.hoped.append(&mut other.hoped);
            if self.slip == Slip::None {
                self.slip = other.slip;
            }
        }
        self
    }
}

impl<'t> nom::error::ParseError<Tokens<'t>> for Failure {
    fn from_error_kind(input: Tokens<'t>, _: nom::error::ErrorKind) -> Self {
        Failure { hoped: vec![], ..Failure::new(input, "") }
    }

    fn append(_: Tokens<'t>, _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }

    fn or(self, other: Self) -> Self {
        Failure::or(self, other)
    }
}

/// The result of a production.
pub type P<'t, T> = nom::IResult<Tokens<'t>, T, Failure>;

/// Fails here, softly: another production may fit.
pub fn fail<'t, T>(i: Tokens<'t>, hoped: &'static str) -> P<'t, T> {
    Err(nom::Err::Error(Failure::new(i, hoped)))
}

/// Fails here for good, with a slip.
pub fn slip<'t, T>(i: Tokens<'t>, hoped: &'static str, slip: Slip) -> P<'t, T> {
    Err(nom::Err::Failure(Failure { slip, ..Failure::new(i, hoped) }))
}

/// One token of a kind.
pub fn tok<'t>(kind: Kind) -> impl Fn(Tokens<'t>) -> P<'t, Span> {
    move |i| match i.kind() {
        Some(found) if found == kind => Ok((i.skip(1), i.here())),
        _ => fail(i, kind.text()),
    }
}

/// One word of the language.
pub fn keyword<'t>(word: &'static str) -> impl Fn(Tokens<'t>) -> P<'t, Span> {
    move |i| if i.is_word(word) { Ok((i.skip(1), i.here())) } else { fail(i, word) }
}

/// One step up in a chain: the operator that joins a tree of one height to what was just read.
pub fn join<'t>(left: u32, right: Tokens<'t>, operator: Tokens<'t>) -> Result<Tokens<'t>, nom::Err<Failure>> {
    let height = left.max(right.height) + 1;
    if height > HEIGHT_LIMIT {
        return slip(operator, "fewer operators", Slip::TooHigh).map(|(i, ())| i);
    }
    Ok(Tokens { height, ..right })
}
