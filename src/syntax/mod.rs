//! Text to tree and back to places in the text: the only module that names nom.

pub mod ast;
