//! What the path of an output says: one file of a format, or a directory.

use super::context::Context;
use super::context::Settings;
use super::error;
use super::outputs::Statement;
use crate::hir::Format;
use crate::syntax::ast;
use crate::text::Site;
use crate::text::SourceId;
use crate::text::Span;
use std::path::Path;

/// Where one more option can be typed into an `output`.
#[derive(Clone, Copy)]
pub struct Room {
    pub site: Site,
    around: (&'static str, &'static str),
}

impl Room {
    /// In the block of options, or in a new one behind the value.
    pub fn of(source: SourceId, value: &ast::Expr, options: Option<&ast::Block>) -> Room {
        match options {
            Some(block) => {
                let start = block.span.start;
                let around = if block.options.is_empty() { ("{ ", " ") } else { ("{ ", ",") };
                Room { site: Span { start, end: start + 1 }.at(source), around }
            }
            None => {
                let end = value.span.end;
                Room { site: Span { start: end, end }.at(source), around: (" { ", " }") }
            }
        }
    }

    /// What to put there for an option.
    pub fn text(&self, option: &str) -> String {
        format!("{}{option}{}", self.around.0, self.around.1)
    }
}

/// Endings of files that other tools make: whoever writes one does not mean a directory.
const OTHER_FORMATS: &[&str] = &[
    "7z",
    "blend",
    "bz2",
    "gguf",
    "gz",
    "h5",
    "json",
    "msgpack",
    "npy",
    "npz",
    "onnx",
    "pb",
    "pickle",
    "pkl",
    "safetensor",
    "tar",
    "toml",
    "txt",
    "xz",
    "zip",
];

/// Whether the path says something that can be written; reports when it does not.
pub fn is_writable(context: &mut Context, statement: &Statement, settings: &Settings) -> bool {
    let path = settings.output.as_deref().unwrap_or(Path::new(&statement.written));
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    // A name that is an ending alone has none of its own.
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let site = statement.site;
    let option = statement.options.format;
    let format = option.map_or(Format::Safetensors, |option| option.0);
    let own = settings.output.is_none().then(|| context.text_at(site));
    let shown = path.display().to_string();
    let written = error::Path { shown: &shown, own: own.as_deref(), ending, site };
    let is_file_of = Format::of_path(path);
    let problem = if OTHER_FORMATS.contains(&ending) {
        Some(error::other_format(&written, format))
    } else if is_file_of.is_some() && name.len() == ending.len() + 1 {
        Some(error::no_name(&written))
    } else if is_file_of.is_some_and(|other| other != format) {
        Some(error::other_ending(&written, format, option.map(|option| option.1), &statement.room))
    } else {
        let cut = statement.options.shard_size.filter(|_| is_file_of.is_some());
        cut.map(|(_, option)| error::one_shard(&written, option))
    };
    let right = problem.is_none();
    problem.into_iter().for_each(|problem| context.report(problem));
    right
}

/// Whether a path names a directory: its ending is not that of a file.
pub fn is_directory(path: &Path) -> bool {
    Format::of_path(path).is_none()
}
