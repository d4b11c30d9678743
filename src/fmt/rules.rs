//! The layout of every statement.  The tree says how tokens belong together; each token's text is taken from the source
//! in order, so that nothing can be lost or made up except commas.

use super::doc::Doc;
use super::doc::Head;
use super::doc::Line;
use super::doc::Role;
use super::doc::pads;
use super::doc::width;
use super::trivia::Gaps;
use super::words::Words;
use crate::syntax::ast::Block;
use crate::syntax::ast::File;
use crate::syntax::ast::FnParam;
use crate::syntax::ast::ItemKind;
use crate::syntax::ast::Opt;
use crate::syntax::ast::OptValue;
use crate::syntax::token::Kind;
use crate::syntax::token::Token;
use crate::text::Source;

/// A statement with the gap before it.
pub struct Statement<'a> {
    pub gap: usize,
    pub parts: Vec<Doc<'a>>,
    /// The statement's word where neighbours with the same word have their `=` in one column.
    aligned: Option<&'static str>,
}

/// The blank between name and `=` among the parts of an aligned statement.
const BEFORE_ASSIGN: usize = 3;

/// Puts the `=` of neighbours of one kind into one column; a blank line ends a run.
pub fn align(statements: &mut [Statement], gaps: &Gaps) {
    let mut previous = None;
    let mut heads = vec![];
    for statement in statements.iter() {
        let width = match (statement.aligned, &statement.parts[..]) {
            (Some(_), [_, _, Doc::Text(name), ..]) => Some(width(name)),
            _ => None,
        };
        let begins_run = statement.aligned != previous || gaps.has_any_blank(statement.gap);
        heads.push(Head { width, begins_run });
        previous = statement.aligned;
    }
    for (statement, pad) in statements.iter_mut().zip(pads(&heads)) {
        if statement.aligned.is_some() {
            statement.parts[BEFORE_ASSIGN] = Doc::Pad(pad + 1);
        }
    }
}

/// `let` and `fn` are too many and too different: their columns would change with each new one.
fn aligned(kind: &ItemKind) -> Option<&'static str> {
    match kind {
        ItemKind::Model { .. } => Some("model"),
        ItemKind::Lora { .. } => Some("lora"),
        ItemKind::Channels { .. } => Some("channels"),
        ItemKind::Param { .. } => Some("param"),
        ItemKind::Pattern { .. } => Some("pattern"),
        _ => None,
    }
}

/// Walks the tree and takes the tokens one by one.
pub struct Rules<'a> {
    source: &'a Source,
    tokens: &'a [Token],
    /// The token that comes next.
    pub at: usize,
    /// The gaps before commas, which are printed elsewhere or not at all.
    pub commas: Vec<usize>,
    pub words: Words<'a>,
}

impl<'a> Rules<'a> {
    pub fn new(source: &'a Source, tokens: &'a [Token], file: &'a File) -> Self {
        Rules { source, tokens, at: 0, commas: vec![], words: Words::new(file) }
    }

    pub fn file(&mut self, file: &'a File) -> Vec<Statement<'a>> {
        let mut statements = vec![];
        if file.edition.is_some() {
            statements.push(Statement { gap: self.at, parts: self.spaced(2), aligned: None });
        }
        for item in &file.items {
            let aligned = aligned(&item.kind);
            statements.push(Statement { gap: self.at, parts: self.statement(&item.kind), aligned });
        }
        statements
    }

    /// The next token as it is written.
    pub fn take(&mut self) -> Doc<'a> {
        let text = self.tokens.get(self.at).map_or("", |token| self.source.slice(token.span));
        self.at += 1;
        Doc::Text(text)
    }

    pub fn next_is(&self, kind: Kind) -> bool {
        self.tokens.get(self.at).is_some_and(|token| token.kind == kind)
    }

    /// Passes over a comma, if there is one.
    pub fn skip_comma(&mut self) {
        if self.next_is(Kind::Comma) {
            self.commas.push(self.at);
            self.at += 1;
        }
    }

    pub fn line(&self, flat: &'static str, role: Role) -> Doc<'a> {
        Doc::Line(Line { gap: self.at, flat, role })
    }

    fn statement(&mut self, kind: &'a ItemKind) -> Vec<Doc<'a>> {
        match kind {
            ItemKind::Use { options, .. } => {
                let mut doc = self.spaced(4);
                self.optional_block(options, &[], &mut doc);
                doc
            }
            ItemKind::Model { options, .. } | ItemKind::Lora { options, .. } => {
                let mut doc = self.spaced(4);
                self.optional_block(options, &[], &mut doc);
                doc
            }
            ItemKind::Channels { path, options, .. } => {
                let mut doc = self.spaced(if path.is_some() { 4 } else { 3 });
                self.optional_block(options, super::words::CHANNELS, &mut doc);
                doc
            }
            ItemKind::Param { default, within, .. } => {
                let mut doc = self.spaced(3);
                doc.extend([SPACE, self.expr(default)]);
                if let Some(within) = within {
                    doc.extend([SPACE, self.take(), SPACE, self.expr(within)]);
                }
                doc
            }
            ItemKind::Let { value, .. } => {
                let mut doc = self.spaced(3);
                doc.extend([SPACE, self.expr(value)]);
                doc
            }
            ItemKind::Fn { params, body, .. } => {
                let mut doc = self.spaced(2);
                doc.push(self.list(params, ["", ""], Self::fn_param));
                doc.extend([SPACE, self.take(), SPACE, self.expr(body)]);
                doc
            }
            ItemKind::Pattern { pattern, .. } => {
                let mut doc = self.spaced(3);
                doc.extend([SPACE, self.pattern(pattern)]);
                doc
            }
            ItemKind::Output { value, options, .. } => {
                let mut doc = self.spaced(3);
                doc.extend([SPACE, self.expr(value)]);
                self.optional_block(options, super::words::OUTPUT, &mut doc);
                doc
            }
            ItemKind::Assert { claim } => {
                let mut doc = self.spaced(1);
                doc.extend([SPACE, self.expr(claim)]);
                doc
            }
            ItemKind::Error => vec![],
        }
    }

    /// Tokens with a blank between each.
    fn spaced(&mut self, count: usize) -> Vec<Doc<'a>> {
        let mut doc = vec![self.take()];
        for _ in 1..count {
            doc.extend([SPACE, self.take()]);
        }
        doc
    }

    fn fn_param(&mut self, param: &'a FnParam) -> Doc<'a> {
        let mut doc = vec![self.take()];
        if let Some(default) = &param.default {
            doc.extend([SPACE, self.take(), SPACE, self.expr(default)]);
        }
        Doc::Many(doc)
    }

    /// ` { name = value, … }`
    pub fn optional_block(&mut self, block: &'a Option<Block>, closed: super::words::Closed, doc: &mut Vec<Doc<'a>>) {
        if let Some(block) = block {
            doc.extend([SPACE, self.block(block, closed)]);
        }
    }

    fn block(&mut self, block: &'a Block, closed: super::words::Closed) -> Doc<'a> {
        self.list(&block.options, [" ", " "], |rules, option| rules.option(option, closed))
    }

    fn option(&mut self, option: &'a Opt, closed: super::words::Closed) -> Doc<'a> {
        let mut doc = self.spaced(2);
        doc.push(SPACE);
        doc.push(match &option.value {
            OptValue::Block(block) => self.block(block, &[]),
            OptValue::Expr(value) => match super::words::of(closed, &option.name.text) {
                Some(words) => self.word(value, words),
                None => self.expr(value),
            },
        });
        Doc::Many(doc)
    }

    /// Items between brackets: on one line, or one a line with a comma behind each.
    pub fn list<T>(
        &mut self,
        items: &'a [T],
        blanks: [&'static str; 2],
        item: impl FnMut(&mut Self, &'a T) -> Doc<'a>,
    ) -> Doc<'a> {
        self.separated(items, blanks, Role::Between, item)
    }

    /// Items between brackets, with the role of the lines between them.
    pub fn separated<T>(
        &mut self,
        items: &'a [T],
        [first, last]: [&'static str; 2],
        between: Role,
        mut item: impl FnMut(&mut Self, &'a T) -> Doc<'a>,
    ) -> Doc<'a> {
        let open = self.take();
        let mut inner = vec![];
        for (at, value) in items.iter().enumerate() {
            inner.push(match at {
                0 => self.line(first, Role::First),
                _ => self.line(" ", between),
            });
            inner.push(item(self, value));
            inner.push(if at + 1 < items.len() { Doc::Text(",") } else { Doc::IfBroken(",") });
            self.skip_comma();
        }
        inner.push(self.line(if items.is_empty() { "" } else { last }, Role::Close));
        let close = self.take();
        Doc::group(vec![open, Doc::indent(inner), close])
    }
}

pub const SPACE: Doc<'static> = Doc::Text(" ");
