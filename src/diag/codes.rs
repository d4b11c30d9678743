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
static SYNTAX: &[Row] = rows![];

/// E02: names, arguments, options, paths.
static NAMES: &[Row] = rows![];

/// E03: kinds of values.
static KINDS: &[Row] = rows![];

/// E04: tensors, shapes, key sets, architectures.
static TENSORS: &[Row] = rows![];

/// E05: files.
static FILES: &[Row] = rows![
    "E0501" "a file that a recipe names does not exist",
    "E0502" "a file that cannot be opened",
    "E0503" "another kind of file",
    "E0504" "a file that is cut off",
    "E0505" "a file that does not start as safetensors",
    "E0506" "a header that is not well formed",
    "E0507" "names in a header that cannot be used",
    "E0508" "a tensor that contradicts itself",
    "E0509" "tensors that overlap or leave holes",
    "E0510" "a header too large to be read",
    "E0511" "an index of shards that cannot be used",
    "E0512" "an index and shards that disagree",
    "E0513" "a directory without one checkpoint",
    "E0514" "a text that is too long or not UTF-8",
    "E0515" "an output that is an input",
    "E0516" "an output that would replace something else",
];

/// E06: the run.
static RUN: &[Row] = rows![
    "E0601" "a read that failed",
    "E0602" "a write that failed",
    "E0603" "an output that does not fit",
    "E0604" "an input that changed during the build",
];

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
