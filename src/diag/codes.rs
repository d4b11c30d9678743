//! The one table of codes.  A code is never reused; its page is `codes/CODE.md`.

/// A row: code, title, page.
pub struct Row {
    pub code: &'static str,
    pub title: &'static str,
    pub page: &'static str,
}

macro_rules! rows {
    ($($code:literal $title:literal,)*) => {
        &[$(Row { code: $code, title: $title, page: include_str!(concat!("codes/", $code, ".md")) }),*]
    };
}

/// E01: lexer and parser.
static SYNTAX: &[Row] = rows![
    "E0116" "a recipe would not mean the same after formatting",
];

/// E02: names, arguments, options, paths.
static NAMES: &[Row] = rows![];

/// E03: kinds of values.
static KINDS: &[Row] = rows![];

/// E04: tensors, shapes, key sets, architectures.
static TENSORS: &[Row] = rows![];

/// E05: files.
static FILES: &[Row] = rows![];

/// E06: the run.
static RUN: &[Row] = rows![];

/// W: warnings.
static WARNINGS: &[Row] = rows![];

/// Every row, in the order of the codes.
pub fn all() -> impl Iterator<Item = &'static Row> {
    [SYNTAX, NAMES, KINDS, TENSORS, FILES, RUN, WARNINGS].into_iter().flatten()
}

/// The row of a code.
pub fn find(code: &str) -> Option<&'static Row> {
    all().find(|row| row.code == code)
}
