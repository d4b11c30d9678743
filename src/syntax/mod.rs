//! Text to tree and back to places in the text: the only module that names nom.
//!
//! Invariant: [`parse`] never fails and never panics; what cannot be read is an error item, and its problem is reported.

pub mod ast;
mod error;
mod expect;
mod expr;
mod lex;
mod mend;
mod parse;
mod pattern;
pub mod token;

use crate::diag::Problems;
use crate::text::Source;
use token::Token;

pub use token::is_reserved;

/// A text with all that was read from it.
pub struct Parsed {
    /// Every token, trivia included: their texts joined are the source.
    pub tokens: Vec<Token>,
    pub file: ast::File,
    pub problems: Problems,
}

/// Reads a recipe.
pub fn parse(source: &Source) -> Parsed {
    let tokens = lex::lex(&source.text);
    let (file, problems) = parse::file(source, &tokens);
    Parsed { tokens, file, problems }
}

/// Reads one expression, for the command line.
pub fn parse_expr(source: &Source) -> (Option<ast::Expr>, Problems) {
    parse::lone_expr(source, &lex::lex(&source.text))
}
