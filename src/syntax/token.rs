//! Tokens: what the lexer makes and the parser reads.

use crate::text::Span;

/// What a token is.  Every byte of a source is in exactly one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Blanks and tabs.
    Blank,
    Newline,
    /// `# …` to the end of the line.
    Comment,
    /// A name, a word of the language or a coordinate.
    Word,
    Number,
    /// `"…"` or `'…'`
    Text,
    LParen,
    RParen,
    LBracket,
    RBracket,
    LBrace,
    RBrace,
    Comma,
    Colon,
    /// `.` between names
    Dot,
    /// `..` touching what follows: a bound comes.
    To,
    /// `..` with nothing after it.
    Open,
    /// `=`
    Assign,
    /// `=>`
    Arrow,
    EqEq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Plus,
    Minus,
    Star,
    Slash,
    /// A character that no token begins with; the parser does not see it.
    Unknown,
}

impl Kind {
    /// Skipped by the parser.
    pub fn is_trivia(self) -> bool {
        matches!(self, Kind::Blank | Kind::Newline | Kind::Comment | Kind::Unknown)
    }

    /// As messages call it.
    pub fn text(self) -> &'static str {
        match self {
            Kind::Blank | Kind::Newline => "a space",
            Kind::Comment => "a comment",
            Kind::Word => "a name",
            Kind::Number => "a number",
            Kind::Text => "a string",
            Kind::LParen => "`(`",
            Kind::RParen => "`)`",
            Kind::LBracket => "`[`",
            Kind::RBracket => "`]`",
            Kind::LBrace => "`{`",
            Kind::RBrace => "`}`",
            Kind::Comma => "`,`",
            Kind::Colon => "`:`",
            Kind::Dot => "`.`",
            Kind::To | Kind::Open => "`..`",
            Kind::Assign => "`=`",
            Kind::Arrow => "`=>`",
            Kind::EqEq => "`==`",
            Kind::NotEq => "`!=`",
            Kind::Less => "`<`",
            Kind::LessEq => "`<=`",
            Kind::Greater => "`>`",
            Kind::GreaterEq => "`>=`",
            Kind::Plus => "`+`",
            Kind::Minus => "`-`",
            Kind::Star => "`*`",
            Kind::Slash => "`/`",
            Kind::Unknown => "a character",
        }
    }
}

/// What is wrong with a token in itself; the parser reads it as what was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// `1.`
    TrailingDot,
    /// `.5`
    LeadingDot,
    /// `Faces`
    Capital,
    /// A quote without its partner.
    Unclosed,
    /// `\n` and the like in a string.
    BadEscape,
    /// `&&`, `||`, `!`, `:=`, `->`, `//`, `;`: signs of other languages.
    Foreign(&'static str),
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub span: Span,
    pub flaw: Option<Flaw>,
}

/// The words that begin a statement.
pub const STATEMENT_WORDS: &[&str] =
    &["blend", "use", "model", "lora", "channels", "param", "let", "fn", "pattern", "output", "assert"];

/// The other reserved words; coordinates are reserved too.
pub const WORDS: &[&str] =
    &["match", "else", "maybe", "where", "and", "or", "not", "in", "as", "true", "false", "regex", "if", "std"];

/// Whether a name may not be defined.
pub fn is_reserved(name: &str) -> bool {
    STATEMENT_WORDS.contains(&name) || WORDS.contains(&name) || crate::tensor::Coord::from_text(name).is_some()
}
