//! Words of closed sets, which stand bare: `dtype = f16`.
//!
//! Only where the checker takes such a word for itself whatever else is called so; elsewhere a bare word could mean a
//! parameter, and the quotes stay.

use crate::syntax::ast::File;
use crate::syntax::ast::ItemKind;
use crate::syntax::ast::Name;

/// The options of a place that hold a word, each with its words.
pub type Closed = &'static [(&'static str, &'static [&'static str])];

/// Of an `output`.
pub const OUTPUT: Closed = &[
    ("dtype", &["f16", "bf16", "f32", "f64"]),
    ("format", &["safetensors", "pt"]),
    ("overflow", &["error", "inf", "saturate"]),
];

/// Of `channels`.  The mode `in` is a word of the language and stays quoted.
pub const CHANNELS: Closed = &[("mode", &["unit", "out", "style"]), ("axes", &["either", "both", "mean", "out"])];

/// Of the call of `mix`.
const MIX: Closed = &[("norm", &["raw", "equal", "slerp"])];

pub fn of(closed: Closed, option: &str) -> Option<&'static [&'static str]> {
    closed.iter().find(|(name, _)| *name == option).map(|(_, words)| *words)
}

/// What the file says about names of calls.
pub struct Words<'a> {
    file: &'a File,
}

impl<'a> Words<'a> {
    pub fn new(file: &'a File) -> Self {
        Words { file }
    }

    /// The words of a call's argument; a function of the file by that name has no closed sets.
    pub fn of_arg(&self, callee: &[Name], argument: &str) -> Option<&'static [&'static str]> {
        let [name] = callee else { return None };
        if name.text != "mix" {
            return None;
        }
        let words = of(MIX, argument)?;
        let is_own = |kind: &ItemKind| matches!(kind, ItemKind::Fn { name, .. } if name.text == "mix");
        (!self.file.items.iter().any(|item| is_own(&item.kind))).then_some(words)
    }
}
