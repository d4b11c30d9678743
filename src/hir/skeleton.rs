//! A recipe with its names bound and before any tensor is asked: what it says, whatever its inputs are.

use super::Expr;
use super::ExprId;
use super::Format;
use super::Overflow;
use super::Pattern;
use std::path::PathBuf;

/// What a recipe says.
#[derive(Clone, Debug)]
pub struct Skeleton {
    pub exprs: Vec<Expr>,
    pub patterns: Vec<Pattern>,
    /// By [`super::InputId`].
    pub models: Vec<ModelName>,
    pub outputs: Vec<Promised>,
    pub claims: Vec<ExprId>,
    /// What else it reads.
    pub aside: Vec<Aside>,
}

/// How a recipe names a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelName {
    /// Parameters filled in; as the root recipe would write it.
    pub path: String,
    /// Options that were said, in a fixed order.
    pub options: Vec<(&'static str, String)>,
}

impl ModelName {
    /// The options as one text: `key = g, layout = rosinality`.
    pub fn options_text(&self) -> String {
        let options = self.options.iter().map(|(option, text)| format!("{option} = {text}"));
        options.collect::<Vec<_>>().join(", ")
    }
}

/// An `output` statement.
#[derive(Clone, Debug)]
pub struct Promised {
    /// Parameters filled in.
    pub path: String,
    pub value: ExprId,
    pub dtype: Option<ExprId>,
    pub layout: Option<String>,
    pub format: Format,
    pub shard_size: Option<u64>,
    pub metadata: Vec<(String, String)>,
    pub overflow: Overflow,
}

/// A file that a recipe reads and that is neither a recipe nor a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Aside {
    /// `arch`, `channels`, `picture`
    pub what: &'static str,
    /// As the root recipe would write it.
    pub written: String,
    pub path: PathBuf,
}
