//! The layout of expressions and patterns.

use super::doc::Arm as ArmDoc;
use super::doc::Doc;
use super::doc::Line;
use super::doc::Role;
use super::rules::Rules;
use super::rules::SPACE;
use crate::syntax::ast::Arg;
use crate::syntax::ast::Arm;
use crate::syntax::ast::ArmHead;
use crate::syntax::ast::BinaryOp;
use crate::syntax::ast::Call;
use crate::syntax::ast::Expr;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::ListItem;
use crate::syntax::ast::Name;
use crate::syntax::ast::Pattern;
use crate::syntax::ast::PatternKind;
use crate::syntax::ast::UnaryOp;

/// Operators of one level stand in one chain: they break all or none.
#[derive(PartialEq, Eq)]
enum Level {
    Or,
    And,
    Compare,
    Sum,
    Product,
}

fn level(op: BinaryOp) -> Level {
    match op {
        BinaryOp::Or => Level::Or,
        BinaryOp::And => Level::And,
        BinaryOp::Add | BinaryOp::Sub => Level::Sum,
        BinaryOp::Mul | BinaryOp::Div => Level::Product,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::In => {
            Level::Compare
        }
    }
}

fn is_number(item: &ListItem) -> bool {
    let mut value = &item.value;
    if let ExprKind::Unary(UnaryOp::Neg, inner) = &value.kind {
        value = inner;
    }
    item.key.is_none() && matches!(value.kind, ExprKind::Number(_))
}

impl<'a> Rules<'a> {
    pub fn expr(&mut self, expr: &'a Expr) -> Doc<'a> {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::Bool(_) | ExprKind::Coord(_) => self.take(),
            ExprKind::Name(path) => self.path(path),
            ExprKind::List(items) => {
                let between = if items.iter().all(is_number) { Role::Fill } else { Role::Between };
                self.separated(items, ["", ""], between, Self::list_item)
            }
            ExprKind::Match(arms) => self.matching(arms, Self::expr),
            ExprKind::Call(call) => self.call(call),
            ExprKind::Paren(inner) => Doc::Many(vec![self.take(), self.expr(inner), self.take()]),
            ExprKind::Unary(UnaryOp::Neg, inner) => Doc::Many(vec![self.take(), self.expr(inner)]),
            ExprKind::Unary(UnaryOp::Not, inner) => Doc::Many(vec![self.take(), SPACE, self.expr(inner)]),
            ExprKind::Binary(op, ..) => self.chain(expr, level(*op)),
            ExprKind::Range(low, high) => {
                let mut doc: Vec<Doc> = low.iter().map(|low| self.expr(low)).collect();
                doc.push(self.take());
                doc.extend(high.iter().map(|high| self.expr(high)));
                Doc::Many(doc)
            }
            ExprKind::Where(value, pattern) => {
                let value = self.expr(value);
                let line = self.line(" ", Role::Operator);
                Doc::loose(vec![value, Doc::indent(vec![line, self.take(), SPACE, self.pattern(pattern)])])
            }
            ExprKind::Error => Doc::Many(vec![]),
        }
    }

    /// The operands of one level; a long left operand nests deeply in the tree, so it is walked without recursion.
    fn chain(&mut self, expr: &'a Expr, of: Level) -> Doc<'a> {
        let mut first = expr;
        let mut others = vec![];
        while let ExprKind::Binary(op, left, right, _) = &first.kind
            && level(*op) == of
        {
            others.push(right);
            first = left;
        }
        let first = self.expr(first);
        let mut rest = vec![];
        for operand in others.into_iter().rev() {
            rest.extend([self.line(" ", Role::Operator), self.take(), SPACE, self.expr(operand)]);
        }
        Doc::loose(vec![first, Doc::indent(rest)])
    }

    /// `a.b`
    fn path(&mut self, path: &'a [Name]) -> Doc<'a> {
        let mut doc = vec![self.take()];
        for _ in 1..path.len() {
            doc.extend([self.take(), self.take()]);
        }
        Doc::Many(doc)
    }

    fn list_item(&mut self, item: &'a ListItem) -> Doc<'a> {
        let mut doc = vec![];
        if let Some(key) = &item.key {
            doc.extend([self.expr(key), self.take(), SPACE]);
        }
        doc.push(self.expr(&item.value));
        Doc::Many(doc)
    }

    fn call(&mut self, call: &'a Call) -> Doc<'a> {
        let name = self.path(&call.name);
        let args = match call.args.as_slice() {
            // A lone list or `match` shares the lines of the call's brackets.
            [Arg { name: None, value, options: None }]
                if matches!(value.kind, ExprKind::List(_) | ExprKind::Match(_)) =>
            {
                let open = self.take();
                let value = self.expr(value);
                self.skip_comma();
                Doc::Many(vec![open, value, self.take()])
            }
            args => self.list(args, ["", ""], |rules, arg| rules.arg(arg, &call.name)),
        };
        Doc::Many(vec![name, args])
    }

    fn arg(&mut self, arg: &'a Arg, callee: &'a [Name]) -> Doc<'a> {
        let mut doc = vec![];
        let mut words = None;
        if let Some(name) = &arg.name {
            doc.extend([self.take(), SPACE, self.take(), SPACE]);
            words = self.words.of_arg(callee, &name.text);
        }
        doc.push(match words {
            Some(words) => self.word(&arg.value, words),
            None => self.expr(&arg.value),
        });
        self.optional_block(&arg.options, &[], &mut doc);
        Doc::Many(doc)
    }

    /// A value that is one of a closed set of words, which stand bare; also as the values of a `match`.
    pub fn word(&mut self, value: &'a Expr, words: &'static [&'static str]) -> Doc<'a> {
        match &value.kind {
            ExprKind::Text(text) => match words.iter().find(|word| **word == text.value) {
                Some(word) => {
                    self.take();
                    Doc::Text(word)
                }
                None => self.take(),
            },
            ExprKind::Match(arms) => self.matching(arms, |rules, value| rules.word(value, words)),
            ExprKind::Paren(inner) => Doc::Many(vec![self.take(), self.word(inner, words), self.take()]),
            _ => self.expr(value),
        }
    }

    /// `match { … }`: an arm a line, whatever fits.
    fn matching(&mut self, arms: &'a [Arm], mut value: impl FnMut(&mut Self, &'a Expr) -> Doc<'a>) -> Doc<'a> {
        let word = self.take();
        let open = self.take();
        let mut docs = vec![];
        for (at, arm) in arms.iter().enumerate() {
            let role = if at == 0 { Role::First } else { Role::Between };
            let line = Line { gap: self.at, flat: " ", role };
            let head = self.arm_head(&arm.head);
            self.take();
            docs.push(ArmDoc { line, head, value: value(self, &arm.value), pad: 0 });
            self.skip_comma();
        }
        if docs.is_empty() {
            let line = self.line("", Role::Close);
            return Doc::group(vec![word, SPACE, open, Doc::indent(vec![line]), self.take()]);
        }
        let close = Line { gap: self.at, flat: " ", role: Role::Close };
        self.take();
        Doc::Match(docs, close)
    }

    fn arm_head(&mut self, head: &'a ArmHead) -> Doc<'a> {
        match head {
            ArmHead::Else(_) => self.take(),
            ArmHead::Pattern { maybe: true, pattern } => Doc::Many(vec![self.take(), SPACE, self.pattern(pattern)]),
            ArmHead::Pattern { maybe: false, pattern } => self.pattern(pattern),
        }
    }

    pub fn pattern(&mut self, pattern: &'a Pattern) -> Doc<'a> {
        match &pattern.kind {
            PatternKind::Name(path) => self.path(path),
            PatternKind::Glob(_) => self.take(),
            PatternKind::Regex(_) => Doc::Many(vec![self.take(), SPACE, self.take()]),
            PatternKind::Coord { value, .. } => Doc::Many(vec![self.take(), SPACE, self.expr(value)]),
            PatternKind::Not(inner) => Doc::Many(vec![self.take(), SPACE, self.pattern(inner)]),
            PatternKind::And(..) | PatternKind::Or(..) => self.pattern_chain(pattern),
            PatternKind::Paren(inner) => Doc::Many(vec![self.take(), self.pattern(inner), self.take()]),
            PatternKind::Error => Doc::Many(vec![]),
        }
    }

    fn pattern_chain(&mut self, pattern: &'a Pattern) -> Doc<'a> {
        let is_or = matches!(pattern.kind, PatternKind::Or(..));
        let mut first = pattern;
        let mut others = vec![];
        loop {
            let (left, right) = match &first.kind {
                PatternKind::Or(left, right) if is_or => (left, right),
                PatternKind::And(left, right) if !is_or => (left, right),
                _ => break,
            };
            others.push(right);
            first = left;
        }
        let first = self.pattern(first);
        let mut rest = vec![];
        for operand in others.into_iter().rev() {
            rest.extend([self.line(" ", Role::Operator), self.take(), SPACE, self.pattern(operand)]);
        }
        Doc::loose(vec![first, Doc::indent(rest)])
    }
}
