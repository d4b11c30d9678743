//! The tree of a recipe: exactly what the user wrote, names unresolved, every node with its span.

use crate::tensor::Coord;
use crate::text::Span;

/// A recipe file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// `blend 1`; `None` when it is missing (a problem has been reported).
    pub edition: Option<Edition>,
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Edition {
    pub number: f64,
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub kind: ItemKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `use "PATH" as NAME { … }`
    Use { path: Text, name: Name, options: Option<Block> },
    /// `model NAME = "PATH" { … }`
    Model { name: Name, path: Text, options: Option<Block> },
    /// `lora NAME = "PATH" { … }`
    Lora { name: Name, path: Text, options: Option<Block> },
    /// `channels NAME = "PATH" { … }` or `channels NAME = { … }`
    Channels { name: Name, path: Option<Text>, options: Option<Block> },
    /// `param NAME = DEFAULT in RANGE-OR-LIST`
    Param { name: Name, default: Expr, within: Option<Expr> },
    /// `let NAME = EXPR`
    Let { name: Name, value: Expr },
    /// `fn NAME(a, b = 1) = EXPR`
    Fn { name: Name, params: Vec<FnParam>, body: Expr },
    /// `pattern NAME = PATTERN`
    Pattern { name: Name, pattern: Pattern },
    /// `output "PATH" = EXPR { … }`
    Output { path: Text, value: Expr, options: Option<Block> },
    /// `assert EXPR` (a trailing `where` is part of the expression)
    Assert { claim: Expr },
    /// A statement that could not be read; its problem has been reported.
    Error,
}

/// A name as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// A string literal, unescaped.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub value: String,
    /// Written `'…'`.
    pub raw: bool,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FnParam {
    pub name: Name,
    pub default: Option<Expr>,
}

/// `{ name = value, … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub options: Vec<Opt>,
    pub span: Span,
}

/// One `name = value` of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Opt {
    pub name: Name,
    /// The name was written as a string.
    pub quoted: bool,
    pub value: OptValue,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum OptValue {
    Expr(Expr),
    Block(Block),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// The value; the written form is in the source.
    Number(f64),
    Text(Text),
    Bool(bool),
    /// `a` or `curves.a`: one name per part.
    Name(Vec<Name>),
    /// `resolution`, `octave`, …
    Coord(Coord),
    List(Vec<ListItem>),
    Match(Vec<Arm>),
    Call(Call),
    /// `( … )`, kept because the formatter keeps it.
    Paren(Box<Expr>),
    Unary(UnaryOp, Box<Expr>),
    /// The operator's own span is the third field.
    Binary(BinaryOp, Box<Expr>, Box<Expr>, Span),
    /// `lo..hi`, `lo..`, `..hi`
    Range(Option<Box<Expr>>, Option<Box<Expr>>),
    Where(Box<Expr>, Box<Pattern>),
    /// Could not be read; its problem has been reported.
    Error,
}

/// `value` or `key: value` in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListItem {
    pub key: Option<Expr>,
    pub value: Expr,
}

/// `name(args)` or `curves.name(args)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub name: Vec<Name>,
    pub args: Vec<Arg>,
}

/// `[name =] value [{ options }]`
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    pub name: Option<Name>,
    pub value: Expr,
    pub options: Option<Block>,
}

/// `pattern => value`
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    pub head: ArmHead,
    pub value: Expr,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ArmHead {
    Else(Span),
    Pattern { maybe: bool, pattern: Pattern },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Neg,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    And,
    Or,
}

impl BinaryOp {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::In => "in",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    pub kind: PatternKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PatternKind {
    /// A word of an architecture or a named pattern; `curves.low` has two parts.
    Name(Vec<Name>),
    /// A glob on the canonical name.
    Glob(Text),
    /// `regex '…'`
    Regex(Text),
    /// `resolution 4..16`, `layer 3`, `layer [1, 2, 8..]`: a number, a range or a list expression.
    Coord {
        coord: Coord,
        coord_span: Span,
        value: Box<Expr>,
    },
    Not(Box<Pattern>),
    And(Box<Pattern>, Box<Pattern>),
    Or(Box<Pattern>, Box<Pattern>),
    /// `( … )`, kept because the formatter keeps it.
    Paren(Box<Pattern>),
    /// Could not be read; its problem has been reported.
    Error,
}
