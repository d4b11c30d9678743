//! Whether two trees say the same: equal up to spans, and up to the quotes around words of closed sets.

use super::words;
use super::words::Closed;
use super::words::Words;
use crate::syntax::ast::Arg;
use crate::syntax::ast::Arm;
use crate::syntax::ast::ArmHead;
use crate::syntax::ast::Block;
use crate::syntax::ast::Expr;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::File;
use crate::syntax::ast::FnParam;
use crate::syntax::ast::ItemKind;
use crate::syntax::ast::ListItem;
use crate::syntax::ast::Name;
use crate::syntax::ast::Opt;
use crate::syntax::ast::OptValue;
use crate::syntax::ast::Pattern;
use crate::syntax::ast::PatternKind;
use crate::syntax::ast::Text;

/// Whether the second tree is the first one, or that with bare words where quoted ones of closed sets stood.
pub fn same_tree(a: &File, b: &File) -> bool {
    let same = Same { words: Words::new(a) };
    a.edition.as_ref().map(|edition| edition.number) == b.edition.as_ref().map(|edition| edition.number)
        && all(&a.items, &b.items, |a, b| same.item(&a.kind, &b.kind))
}

fn all<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

fn option<T>(a: &Option<T>, b: &Option<T>, same: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    }
}

fn name(a: &Name, b: &Name) -> bool {
    a.text == b.text
}

fn path(a: &[Name], b: &[Name]) -> bool {
    all(a, b, name)
}

fn text(a: &Text, b: &Text) -> bool {
    (&a.value, a.raw) == (&b.value, b.raw)
}

type Set = Option<&'static [&'static str]>;

struct Same<'a> {
    words: Words<'a>,
}

impl Same<'_> {
    fn item(&self, a: &ItemKind, b: &ItemKind) -> bool {
        use ItemKind::*;
        match (a, b) {
            (Use { path: p, name: n, options: o }, Use { path: q, name: m, options: r })
            | (Model { path: p, name: n, options: o }, Model { path: q, name: m, options: r })
            | (Lora { path: p, name: n, options: o }, Lora { path: q, name: m, options: r }) => {
                text(p, q) && name(n, m) && self.options(o, r, &[])
            }
            (Channels { path: p, name: n, options: o }, Channels { path: q, name: m, options: r }) => {
                option(p, q, text) && name(n, m) && self.options(o, r, words::CHANNELS)
            }
            (Param { name: n, default: d, within: w }, Param { name: m, default: e, within: v }) => {
                name(n, m) && self.expr(d, e) && option(w, v, |a, b| self.expr(a, b))
            }
            (Let { name: n, value: v }, Let { name: m, value: w }) => name(n, m) && self.expr(v, w),
            (Fn { name: n, params: p, body: e }, Fn { name: m, params: q, body: f }) => {
                name(n, m) && all(p, q, |a, b| self.fn_param(a, b)) && self.expr(e, f)
            }
            (Pattern { name: n, pattern: p }, Pattern { name: m, pattern: q }) => name(n, m) && self.pattern(p, q),
            (Output { path: p, value: v, options: o }, Output { path: q, value: w, options: r }) => {
                text(p, q) && self.expr(v, w) && self.options(o, r, words::OUTPUT)
            }
            (Assert { claim: a }, Assert { claim: b }) => self.expr(a, b),
            (Error, Error) => true,
            _ => false,
        }
    }

    fn fn_param(&self, a: &FnParam, b: &FnParam) -> bool {
        name(&a.name, &b.name) && option(&a.default, &b.default, |a, b| self.expr(a, b))
    }

    fn options(&self, a: &Option<Block>, b: &Option<Block>, closed: Closed) -> bool {
        option(a, b, |a, b| self.block(a, b, closed))
    }

    fn block(&self, a: &Block, b: &Block, closed: Closed) -> bool {
        all(&a.options, &b.options, |a, b| self.opt(a, b, closed))
    }

    fn opt(&self, a: &Opt, b: &Opt, closed: Closed) -> bool {
        let values = match (&a.value, &b.value) {
            (OptValue::Block(a), OptValue::Block(b)) => self.block(a, b, &[]),
            (OptValue::Expr(v), OptValue::Expr(w)) => self.word(v, w, words::of(closed, &a.name.text)),
            _ => false,
        };
        values && name(&a.name, &b.name) && a.quoted == b.quoted
    }

    fn expr(&self, a: &Expr, b: &Expr) -> bool {
        self.word(a, b, None)
    }

    /// With the words that may have lost their quotes here.
    fn word(&self, a: &Expr, b: &Expr, set: Set) -> bool {
        use ExprKind::*;
        match (&a.kind, &b.kind) {
            (Number(a), Number(b)) => a.to_bits() == b.to_bits(),
            (Text(a), Text(b)) => text(a, b),
            (Text(a), Name(path)) => {
                let [b] = path.as_slice() else { return false };
                set.is_some_and(|words| words.contains(&b.text.as_str())) && a.value == b.text
            }
            (Bool(a), Bool(b)) => a == b,
            (Name(a), Name(b)) => path(a, b),
            (Coord(a), Coord(b)) => a == b,
            (List(a), List(b)) => all(a, b, |a, b| self.list_item(a, b)),
            (Match(a), Match(b)) => all(a, b, |a, b| self.arm(a, b, set)),
            (Call(a), Call(b)) => path(&a.name, &b.name) && all(&a.args, &b.args, |x, y| self.arg(x, y, &a.name)),
            (Paren(a), Paren(b)) => self.word(a, b, set),
            (Unary(op, a), Unary(other, b)) => op == other && self.expr(a, b),
            (Binary(op, a, c, _), Binary(other, b, d, _)) => op == other && self.expr(a, b) && self.expr(c, d),
            (Range(a, c), Range(b, d)) => option(a, b, |a, b| self.expr(a, b)) && option(c, d, |c, d| self.expr(c, d)),
            (Where(a, p), Where(b, q)) => self.expr(a, b) && self.pattern(p, q),
            (Error, Error) => true,
            _ => false,
        }
    }

    fn list_item(&self, a: &ListItem, b: &ListItem) -> bool {
        option(&a.key, &b.key, |a, b| self.expr(a, b)) && self.expr(&a.value, &b.value)
    }

    fn arg(&self, a: &Arg, b: &Arg, callee: &[Name]) -> bool {
        let set = a.name.as_ref().and_then(|name| self.words.of_arg(callee, &name.text));
        option(&a.name, &b.name, name)
            && self.word(&a.value, &b.value, set)
            && self.options(&a.options, &b.options, &[])
    }

    fn arm(&self, a: &Arm, b: &Arm, set: Set) -> bool {
        let heads = match (&a.head, &b.head) {
            (ArmHead::Else(_), ArmHead::Else(_)) => true,
            (ArmHead::Pattern { maybe: m, pattern: p }, ArmHead::Pattern { maybe: n, pattern: q }) => {
                m == n && self.pattern(p, q)
            }
            _ => false,
        };
        heads && self.word(&a.value, &b.value, set)
    }

    fn pattern(&self, a: &Pattern, b: &Pattern) -> bool {
        use PatternKind::*;
        match (&a.kind, &b.kind) {
            (Name(a), Name(b)) => path(a, b),
            (Glob(a), Glob(b)) | (Regex(a), Regex(b)) => text(a, b),
            (Coord { coord: a, value: v, .. }, Coord { coord: b, value: w, .. }) => a == b && self.expr(v, w),
            (Not(a), Not(b)) | (Paren(a), Paren(b)) => self.pattern(a, b),
            (And(a, c), And(b, d)) | (Or(a, c), Or(b, d)) => self.pattern(a, b) && self.pattern(c, d),
            (Error, Error) => true,
            _ => false,
        }
    }
}
