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

/// All codes: E01 syntax, E02 names, E03 kinds, E04 shapes and keys, E05 files, E06 run, W0x warnings.
pub static ALL: &[Row] = rows![];
