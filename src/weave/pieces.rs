//! A recipe cut into what can be changed on its own: statements, arms, options, and comments that stand alone.

use crate::diag::Problems;
use crate::syntax;
use crate::syntax::ast::ArmHead;
use crate::syntax::ast::BinaryOp;
use crate::syntax::ast::Block;
use crate::syntax::ast::Expr;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::ItemKind;
use crate::syntax::ast::Opt;
use crate::syntax::ast::OptValue;
use crate::syntax::token::Kind as Sign;
use crate::syntax::token::Token;
use crate::tensor::Coord;
use crate::text::Source;
use crate::text::SourceId;
use crate::text::Span;
use std::collections::HashMap;

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// With its word.
    Statement(&'static str),
    Arm,
    Option,
    /// Comments with an empty line behind them, or with nothing.
    Comment,
}

/// A piece of a recipe.
#[derive(Clone, Debug)]
pub struct Item {
    pub kind: Kind,
    /// What tells it from the others of its list: `let share`, the pattern of an arm, the name of an option.
    pub key: String,
    /// Comments right above it, a line each.
    pub lead: Vec<String>,
    /// The comment behind it.
    pub tail: Option<String>,
    /// An empty line stands before it.
    pub blank: bool,
    /// As it is written, without the comments around it.
    pub raw: String,
    pub parts: Vec<Part>,
    /// Where an arm's coordinates must lie: ranges of numbers, by coordinate.
    pub reach: Vec<(Coord, Vec<(f64, f64)>)>,
    /// All of it, blanks made equal.
    pub same: String,
}

impl Item {
    pub fn is_arm(&self) -> bool {
        self.kind == Kind::Arm
    }
}

/// A part of an item; together the parts are all of it.
#[derive(Clone, Debug)]
pub enum Part {
    Text(Leaf),
    /// An expression: texts, and lists in them.
    Value {
        parts: Vec<Part>,
        leaf: Leaf,
    },
    /// What stands in braces.
    List {
        items: Vec<Item>,
        is_match: bool,
    },
}

/// A text that is not cut further.
#[derive(Clone, Debug, Default)]
pub struct Leaf {
    pub raw: String,
    /// With blanks made equal.
    pub same: String,
}

/// The statements of a recipe; an empty text has none.
///
/// # Errors
/// The problems of the text, where it is no recipe.
pub fn cut(text: &str) -> Result<Vec<Item>, Problems> {
    if text.is_empty() {
        return Ok(vec![]);
    }
    let source = Source::new(SourceId(0), "recipe", text);
    let parsed = syntax::parse(&source);
    if parsed.problems.has_errors() {
        return Err(parsed.problems);
    }
    let cutter = Cutter { source: &source, tokens: &parsed.tokens };
    let mut nodes = vec![];
    if let Some(edition) = &parsed.file.edition {
        let parts = vec![cutter.text(edition.span)];
        nodes.push(Node::new(Kind::Statement("blend"), "blend".into(), edition.span, parts));
    }
    nodes.extend(parsed.file.items.iter().map(|item| cutter.statement(&item.kind, item.span)));
    Ok(cutter.items(nodes, 0, text.len(), true))
}

/// An item before the comments around it are known.
struct Node {
    kind: Kind,
    key: String,
    span: Span,
    parts: Vec<Part>,
    reach: Vec<(Coord, Vec<(f64, f64)>)>,
}

impl Node {
    fn new(kind: Kind, key: String, span: Span, parts: Vec<Part>) -> Node {
        Node { kind, key, span, parts, reach: vec![] }
    }
}

/// What stands between two items.
#[derive(Default)]
struct Gap {
    tail: Option<String>,
    alone: Vec<(bool, Vec<String>)>,
    lead: Vec<String>,
    blank: bool,
}

struct Cutter<'a> {
    source: &'a Source,
    tokens: &'a [Token],
}

impl Cutter<'_> {
    /// Gives every node the comments around it.  `start` and `end` are what lies between the braces, in bytes.
    fn items(&self, nodes: Vec<Node>, start: usize, end: usize, is_file: bool) -> Vec<Item> {
        let mut items: Vec<Item> = vec![];
        let mut from = start;
        let count = nodes.len();
        for (at, node) in nodes.into_iter().enumerate() {
            let gap = self.gap(from, node.span.start as usize, at == 0, false);
            from = node.span.end as usize;
            self.close(&mut items, gap.tail, gap.alone);
            let raw = self.source.slice(node.span).to_string();
            let lead = gap.lead;
            items.push(Item {
                kind: node.kind,
                key: node.key,
                lead,
                tail: None,
                blank: gap.blank && !items.is_empty(),
                same: self.same(node.span),
                raw,
                parts: node.parts,
                reach: node.reach,
            });
        }
        let gap = self.gap(from, end, count == 0, true);
        self.close(&mut items, gap.tail, gap.alone);
        // The head of a file is told apart by an empty line.
        if let Some(first) = items.first_mut().filter(|_| is_file) {
            first.blank = false;
        }
        let mut seen: HashMap<String, usize> = HashMap::new();
        for item in &mut items {
            item.same = [&item.lead.join("\n"), &item.same, item.tail.as_deref().unwrap_or("")].join("\u{1}");
            let count = seen.entry(item.key.clone()).or_default();
            *count += 1;
            if *count > 1 {
                item.key = format!("{} ({count})", item.key);
            }
        }
        items
    }

    /// The comment behind the last item, and comments that stand alone after it.
    fn close(&self, items: &mut Vec<Item>, tail: Option<String>, alone: Vec<(bool, Vec<String>)>) {
        if let Some(last) = items.last_mut() {
            last.tail = tail;
        }
        for (blank, lines) in alone {
            items.push(Item {
                kind: Kind::Comment,
                key: lines.join("\n"),
                lead: lines,
                tail: None,
                blank: blank && !items.is_empty(),
                raw: String::new(),
                parts: vec![],
                reach: vec![],
                same: String::new(),
            });
        }
    }

    /// Comments and empty lines between two places.
    fn gap(&self, from: usize, to: usize, is_first: bool, is_last: bool) -> Gap {
        let mut gap = Gap::default();
        let mut newlines = 0;
        for token in self.between(from, to) {
            match token.kind {
                Sign::Newline => newlines += 1,
                Sign::Comment => {
                    let text = self.source.slice(token.span).trim_end().to_string();
                    if newlines == 0 && !is_first && gap.alone.is_empty() && gap.tail.is_none() {
                        gap.tail = Some(text);
                    } else if newlines > 1 || gap.alone.is_empty() {
                        gap.alone.push((newlines > 1, vec![text]));
                    } else if let Some(last) = gap.alone.last_mut() {
                        last.1.push(text);
                    }
                    newlines = 0;
                }
                _ => {}
            }
        }
        gap.blank = newlines > 1;
        if !is_last
            && !gap.blank
            && let Some((blank, lines)) = gap.alone.pop()
        {
            gap.blank = blank;
            gap.lead = lines;
        }
        gap
    }

    fn between(&self, from: usize, to: usize) -> &[Token] {
        let at = |place: usize| self.tokens.partition_point(|token| (token.span.start as usize) < place);
        &self.tokens[at(from)..at(to).max(at(from))]
    }

    /// The text with blanks made equal: tokens with one blank between, commas before a bracket left away.
    fn same(&self, span: Span) -> String {
        let tokens = self.between(span.start as usize, span.end as usize);
        let seen: Vec<&Token> =
            tokens.iter().filter(|token| !matches!(token.kind, Sign::Blank | Sign::Newline)).collect();
        let closes = |token: &Token| matches!(token.kind, Sign::RBrace | Sign::RBracket | Sign::RParen);
        let mut words = vec![];
        for (at, token) in seen.iter().enumerate() {
            if token.kind == Sign::Comma && seen.get(at + 1).is_some_and(|next| closes(next)) {
                continue;
            }
            words.push(self.source.slice(token.span).trim_end());
        }
        words.join(" ")
    }

    /// On one line.
    fn flat(&self, span: Span) -> String {
        self.source.slice(span).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn leaf(&self, span: Span) -> Leaf {
        Leaf { raw: self.source.slice(span).to_string(), same: self.same(span) }
    }

    fn text(&self, span: Span) -> Part {
        Part::Text(self.leaf(span))
    }

    fn statement(&self, kind: &ItemKind, span: Span) -> Node {
        let to = |from: u32, end: u32| Span { start: from, end: end.max(from) };
        let start = span.start;
        let named = |word: &'static str, name: &str, parts: Vec<Part>| {
            Node::new(Kind::Statement(word), format!("{word} {name}"), span, parts)
        };
        match kind {
            ItemKind::Use { path, name, options } => {
                let parts = vec![self.text(to(start, path.span.end)), self.text(to(path.span.end, name.span.end))];
                named("use", &name.text, self.with_options(parts, options.as_ref()))
            }
            ItemKind::Model { name, path, options } => {
                let parts = vec![self.text(to(start, name.span.end)), self.text(to(name.span.end, path.span.end))];
                named("model", &name.text, self.with_options(parts, options.as_ref()))
            }
            ItemKind::Lora { name, path, options } => {
                let parts = vec![self.text(to(start, name.span.end)), self.text(to(name.span.end, path.span.end))];
                named("lora", &name.text, self.with_options(parts, options.as_ref()))
            }
            ItemKind::Channels { name, path, options } => {
                let block = options.as_ref().map_or(span.end, |block| block.span.start);
                let end = path.as_ref().map_or(block, |path| path.span.end);
                let parts = vec![self.text(to(start, name.span.end)), self.text(to(name.span.end, end))];
                named("channels", &name.text, self.with_options(parts, options.as_ref()))
            }
            ItemKind::Param { name, default, .. } => {
                let (head, value) = (to(start, name.span.end), to(name.span.end, default.span.end));
                let parts = vec![self.text(head), self.text(value), self.text(to(default.span.end, span.end))];
                named("param", &name.text, parts)
            }
            ItemKind::Let { name, value } => {
                let parts = vec![self.text(to(start, name.span.end)), self.value(to(name.span.end, span.end), value)];
                named("let", &name.text, parts)
            }
            ItemKind::Fn { name, body, .. } => {
                let (head, params) = (to(start, name.span.end), to(name.span.end, body.span.start));
                let parts = vec![self.text(head), self.text(params), self.value(to(body.span.start, span.end), body)];
                named("fn", &name.text, parts)
            }
            ItemKind::Pattern { name, .. } => {
                let parts = vec![self.text(to(start, name.span.end)), self.text(to(name.span.end, span.end))];
                named("pattern", &name.text, parts)
            }
            ItemKind::Output { path, value, options } => {
                let (head, own) = (to(start, path.span.end), to(path.span.end, value.span.end));
                let parts = vec![self.text(head), self.value(own, value)];
                named("output", &format!("{:?}", path.value), self.with_options(parts, options.as_ref()))
            }
            ItemKind::Assert { claim } => named("assert", &self.claimed(claim), vec![self.value(span, claim)]),
            ItemKind::Error => named("error", self.source.slice(span), vec![self.text(span)]),
        }
    }

    /// What a claim is about: without the bound of a comparison, which is what changes most.
    fn claimed(&self, claim: &Expr) -> String {
        let (inner, pattern) = match &claim.kind {
            ExprKind::Where(inner, pattern) => (&**inner, format!(" where {}", self.flat(pattern.span))),
            _ => (claim, String::new()),
        };
        let subject = match &inner.kind {
            ExprKind::Binary(BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge, left, ..) => left,
            _ => inner,
        };
        self.flat(subject.span) + &pattern
    }

    /// The options of a statement are a list of its own, also where there are none.
    fn with_options(&self, mut parts: Vec<Part>, block: Option<&Block>) -> Vec<Part> {
        parts.push(block.map_or(Part::List { items: vec![], is_match: false }, |block| self.block(block)));
        parts
    }

    fn block(&self, block: &Block) -> Part {
        let nodes = block.options.iter().map(|option| self.option(option)).collect();
        let (start, end) = (block.span.start as usize + 1, block.span.end as usize - 1);
        Part::List { items: self.items(nodes, start, end, false), is_match: false }
    }

    fn option(&self, option: &Opt) -> Node {
        let name = option.name.span;
        let (value, end) = match &option.value {
            OptValue::Expr(value) => (self.value(Span { start: name.end, end: value.span.end }, value), value.span.end),
            OptValue::Block(block) => {
                let span = Span { start: name.end, end: block.span.end };
                let before = self.text(Span { start: name.end, end: block.span.start });
                (Part::Value { parts: vec![before, self.block(block)], leaf: self.leaf(span) }, block.span.end)
            }
        };
        let span = Span { start: name.start, end };
        Node::new(Kind::Option, option.name.text.clone(), span, vec![self.text(name), value])
    }

    /// A text that holds an expression, cut at its outermost lists.
    fn value(&self, span: Span, expr: &Expr) -> Part {
        let mut lists: Vec<(Span, Part)> = vec![];
        self.lists(expr, &mut lists);
        lists.sort_by_key(|list| list.0.start);
        let mut parts = vec![];
        let mut from = span.start;
        for (list, part) in lists {
            parts.push(self.text(Span { start: from, end: list.start }));
            parts.push(part);
            from = list.end;
        }
        parts.push(self.text(Span { start: from, end: span.end }));
        Part::Value { parts, leaf: self.leaf(span) }
    }

    fn lists(&self, expr: &Expr, out: &mut Vec<(Span, Part)>) {
        match &expr.kind {
            ExprKind::Match(arms) => {
                let tokens = self.between(expr.span.start as usize, expr.span.end as usize);
                let Some(open) = tokens.iter().find(|token| token.kind == Sign::LBrace) else { return };
                let span = Span { start: open.span.start, end: expr.span.end };
                let nodes = arms
                    .iter()
                    .map(|arm| {
                        let (head, key, reach) = match &arm.head {
                            ArmHead::Else(span) => (*span, "else".to_string(), vec![]),
                            ArmHead::Pattern { pattern, .. } => {
                                (pattern.span, self.flat(pattern.span), super::order::reach(pattern))
                            }
                        };
                        let head = Span { start: arm.span.start, end: head.end };
                        let value = Span { start: head.end, end: arm.value.span.end };
                        let parts = vec![self.text(head), self.value(value, &arm.value)];
                        Node { kind: Kind::Arm, key, span: Span { start: head.start, end: value.end }, parts, reach }
                    })
                    .collect();
                let (start, end) = (span.start as usize + 1, span.end as usize - 1);
                out.push((span, Part::List { items: self.items(nodes, start, end, false), is_match: true }));
            }
            ExprKind::Call(call) => {
                for arg in &call.args {
                    self.lists(&arg.value, out);
                    if let Some(block) = &arg.options {
                        out.push((block.span, self.block(block)));
                    }
                }
            }
            ExprKind::List(items) => {
                for item in items {
                    item.key.iter().for_each(|key| self.lists(key, out));
                    self.lists(&item.value, out);
                }
            }
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) | ExprKind::Where(inner, _) => self.lists(inner, out),
            ExprKind::Binary(_, left, right, _) => {
                self.lists(left, out);
                self.lists(right, out);
            }
            ExprKind::Range(low, high) => low.iter().chain(high).for_each(|bound| self.lists(bound, out)),
            ExprKind::Number(_)
            | ExprKind::Text(_)
            | ExprKind::Bool(_)
            | ExprKind::Name(_)
            | ExprKind::Coord(_)
            | ExprKind::Error => {}
        }
    }
}
