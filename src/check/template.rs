//! Paths with `{param}` in them.

use super::context::Context;
use super::context::Def;
use super::context::ModuleId;
use super::error;
use crate::hir::Literal;
use crate::syntax::ast;
use crate::text::Site;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// Fills the parameters of a module into a path.  `{{` and `}}` are braces; a filled-in string may hold no separator
/// and no leading dot, so that a parameter cannot leave the folder that the recipe names.
pub fn fill(context: &mut Context, module: ModuleId, path: &ast::Text) -> Option<String> {
    let site = path.span.at(context.modules[module].source);
    let mut out = String::new();
    let mut rest = path.value.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let Some(end) = rest.find('}').filter(|_| brace == "{") else {
            context.report(error::lone_brace(&path.value, brace, path.raw, site));
            return None;
        };
        out.push_str(&value(context, module, rest[..end].trim(), site)?);
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    if out.is_empty() {
        context.report(error::empty_path(site));
        return None;
    }
    Some(out)
}

/// A path without `.` and with `a/..` resolved, as far as the text tells: for comparing, not for opening.
pub fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        let goes_up = matches!(part, Component::ParentDir);
        match part {
            Component::CurDir => {}
            _ if goes_up && matches!(out.components().next_back(), Some(Component::Normal(_))) => drop(out.pop()),
            part => out.push(part),
        }
    }
    out
}

fn value(context: &mut Context, module: ModuleId, name: &str, site: Site) -> Option<String> {
    match context.modules[module].values.get(name) {
        Some((Def::Param(_, Literal::Text(text)), _)) => {
            let text = text.to_string();
            if text.contains(|c: char| matches!(c, '/' | '\\') || c.is_control()) || text.starts_with('.') {
                context.report(error::unsafe_fill(name, &text, site));
                return None;
            }
            Some(text)
        }
        Some((Def::Param(_, literal), _)) => Some(literal.to_string()),
        Some((Def::Broken, _)) => None,
        _ => {
            let problem = error::unknown_in_path(name, context, module, site);
            context.report(problem);
            None
        }
    }
}
