//! The names and paths of a statement, with what stands for them in a bundle.

use super::Edits;
use super::Loader;
use super::quoted;
use crate::check::plain;
use crate::syntax::ast;
use crate::syntax::ast::ArmHead;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::ItemKind;
use crate::syntax::ast::Name;
use crate::syntax::ast::OptValue;
use crate::syntax::ast::PatternKind;
use crate::text::Span;

pub struct Walk<'w, 'l> {
    pub loader: &'w Loader<'l>,
    pub module: usize,
    pub edits: &'w mut Edits,
    /// Parameters of the function that is walked.
    pub locals: Vec<String>,
}

/// Which of a module's tables a name is in.
#[derive(Clone, Copy)]
enum Table {
    Values,
    Callables,
    Patterns,
}

impl Walk<'_, '_> {
    pub fn item(&mut self, item: &ast::Item) {
        match &item.kind {
            ItemKind::Use { .. } | ItemKind::Error => {}
            ItemKind::Model { name, path, options } | ItemKind::Lora { name, path, options } => {
                self.defined(name, Table::Values);
                self.path(path);
                self.block(options.as_ref());
            }
            ItemKind::Channels { name, path, options } => {
                self.defined(name, Table::Values);
                path.iter().for_each(|path| self.path(path));
                self.block(options.as_ref());
            }
            // Its name and default have been seen to.
            ItemKind::Param { within, .. } => within.iter().for_each(|within| self.expr(within)),
            ItemKind::Let { name, value } => {
                self.defined(name, Table::Values);
                self.expr(value);
            }
            ItemKind::Fn { name, params, body } => {
                self.defined(name, Table::Callables);
                for param in params {
                    param.default.iter().for_each(|default| self.expr(default));
                    self.locals.push(param.name.text.clone());
                }
                self.expr(body);
            }
            ItemKind::Pattern { name, pattern } => {
                self.defined(name, Table::Patterns);
                self.pattern(pattern, Some(&name.text));
            }
            ItemKind::Output { path, value, options } => {
                self.path(path);
                self.expr(value);
                self.block(options.as_ref());
            }
            ItemKind::Assert { claim } => self.expr(claim),
        }
    }

    fn defined(&mut self, name: &Name, table: Table) {
        if let Some(new) = self.new_name(self.module, &name.text, table)
            && *new != name.text
        {
            let new = new.clone();
            self.edits.replace(name.span, new);
        }
    }

    fn new_name(&self, module: usize, name: &str, table: Table) -> Option<&String> {
        let own = &self.loader.modules[module];
        match table {
            Table::Values => own.values.get(name),
            Table::Callables => own.callables.get(name),
            Table::Patterns => own.patterns.get(name),
        }
    }

    /// A name that is used, with the steps to it.
    fn used(&mut self, path: &[Name], table: Table) {
        let Some((last, steps)) = path.split_last() else { return };
        let mut module = self.module;
        for step in steps {
            match self.loader.modules[module].uses.get(&step.text) {
                Some(inner) => module = *inner,
                // `std`
                None => return,
            }
        }
        let Some(new) = self.new_name(module, &last.text, table).cloned() else { return };
        let span = Span { start: path[0].span.start, end: last.span.end };
        if steps.is_empty() && new == last.text {
            return;
        }
        self.edits.replace(span, new);
    }

    /// A path, seen from the root recipe.  Parameters in it have their new names.
    fn path(&mut self, path: &ast::Text) {
        let home = &self.loader.modules[self.module].home;
        let mut text = path.value.clone();
        if !home.as_os_str().is_empty() {
            let end = if text.ends_with('/') { "/" } else { "" };
            text = plain(&home.join(&text)).display().to_string() + end;
        }
        let values = &self.loader.modules[self.module].values;
        for (name, new) in values.iter().filter(|(name, new)| name != new) {
            text = text.replace(&format!("{{{name}}}"), &format!("{{{new}}}"));
        }
        if text != path.value {
            self.edits.replace(path.span, quoted(&text));
        }
    }

    fn block(&mut self, block: Option<&ast::Block>) {
        for option in block.iter().flat_map(|block| &block.options) {
            match &option.value {
                OptValue::Block(inner) => self.block(Some(inner)),
                OptValue::Expr(ast::Expr { kind: ExprKind::Text(path), .. }) if option.name.text == "arch" => {
                    self.path(path);
                }
                OptValue::Expr(value) => self.expr(value),
            }
        }
    }

    fn expr(&mut self, tree: &ast::Expr) {
        match &tree.kind {
            ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::Bool(_) | ExprKind::Coord(_) | ExprKind::Error => {}
            ExprKind::Name(path) => {
                let is_local = path.len() == 1 && self.locals.contains(&path[0].text);
                if !is_local {
                    self.used(path, Table::Values);
                }
            }
            ExprKind::List(items) => {
                for item in items {
                    item.key.iter().for_each(|key| self.expr(key));
                    self.expr(&item.value);
                }
            }
            ExprKind::Match(arms) => {
                for arm in arms {
                    if let ArmHead::Pattern { pattern, .. } = &arm.head {
                        self.pattern(pattern, None);
                    }
                    self.expr(&arm.value);
                }
            }
            ExprKind::Call(call) => {
                self.used(&call.name, Table::Callables);
                let is_image = call.name.len() == 1 && call.name[0].text == "image";
                for arg in &call.args {
                    match &arg.value.kind {
                        ExprKind::Text(path) if is_image => self.path(path),
                        _ => self.expr(&arg.value),
                    }
                    self.block(arg.options.as_ref());
                }
            }
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => self.expr(inner),
            // Long sums lean to the left: walked, not nested.
            ExprKind::Binary(..) => {
                let mut at = tree;
                while let ExprKind::Binary(_, left, right, _) = &at.kind {
                    self.expr(right);
                    at = left;
                }
                self.expr(at);
            }
            ExprKind::Range(low, high) => low.iter().chain(high).for_each(|side| self.expr(side)),
            ExprKind::Where(inner, pattern) => {
                self.expr(inner);
                self.pattern(pattern, None);
            }
        }
    }

    /// `inside`: the pattern being defined, whose name means the word in it.
    fn pattern(&mut self, tree: &ast::Pattern, inside: Option<&str>) {
        match &tree.kind {
            PatternKind::Name(path) => {
                let is_word = path.len() == 1 && inside == Some(path[0].text.as_str());
                if !is_word {
                    self.used(path, Table::Patterns);
                }
            }
            PatternKind::Glob(_) | PatternKind::Regex(_) | PatternKind::Error => {}
            PatternKind::Coord { value, .. } => self.expr(value),
            PatternKind::Not(inner) | PatternKind::Paren(inner) => self.pattern(inner, inside),
            PatternKind::And(left, right) | PatternKind::Or(left, right) => {
                self.pattern(left, inside);
                self.pattern(right, inside);
            }
        }
    }
}
