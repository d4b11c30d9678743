//! Patterns.

use super::ast::Name;
use super::ast::Pattern;
use super::ast::PatternKind;
use super::expect::DEPTH_LIMIT;
use super::expect::P;
use super::expect::Slip;
use super::expect::Tokens;
use super::expect::fail;
use super::expect::join;
use super::expect::slip;
use super::expect::tok;
use super::expr;
use super::token::Kind;
use super::token::is_reserved;
use crate::tensor::Coord;
use nom::Parser;
use nom::combinator::cut;

/// `pattern = pconj { "or" pconj }`
pub fn pattern(i: Tokens) -> P<Pattern> {
    if i.depth > DEPTH_LIMIT {
        return slip(i, "less nesting", Slip::TooDeep);
    }
    let (mut rest, mut left) = pconj(i.deeper())?;
    while rest.is_word("or") {
        let (after, right) = cut(pconj).parse(rest.skip(1))?;
        let after = join(rest.height, after, rest)?;
        let span = left.span.to(right.span);
        left = Pattern { kind: PatternKind::Or(Box::new(left), Box::new(right)), span };
        rest = after;
    }
    Ok((Tokens { depth: i.depth, ..rest }, left))
}

/// `pconj = pneg { "and" pneg }`
fn pconj(i: Tokens) -> P<Pattern> {
    let (mut rest, mut left) = pneg(i)?;
    while rest.is_word("and") {
        let (after, right) = cut(pneg).parse(rest.skip(1))?;
        let after = join(rest.height, after, rest)?;
        let span = left.span.to(right.span);
        left = Pattern { kind: PatternKind::And(Box::new(left), Box::new(right)), span };
        rest = after;
    }
    Ok((rest, left))
}

/// `pneg = "not" pneg | patom`
fn pneg(i: Tokens) -> P<Pattern> {
    if !i.is_word("not") {
        return patom(i);
    }
    if i.depth > DEPTH_LIMIT {
        return slip(i, "less nesting", Slip::TooDeep);
    }
    let start = i.here();
    let (rest, inner) = cut(pneg).parse(i.skip(1).deeper())?;
    let span = start.to(inner.span);
    Ok((Tokens { depth: i.depth, ..rest }, Pattern { kind: PatternKind::Not(Box::new(inner)), span }))
}

/// `patom = NAME | STRING | "regex" STRING | COORD range | COORD list | "(" pattern ")"`
fn patom(i: Tokens) -> P<Pattern> {
    let i = Tokens { height: 0, ..i };
    let start = i.here();
    match i.kind() {
        Some(Kind::Text) => {
            let (rest, text) = expr::text(i)?;
            let span = text.span;
            Ok((rest, Pattern { kind: PatternKind::Glob(text), span }))
        }
        Some(Kind::LParen) => {
            let (rest, inner) = cut(pattern).parse(i.skip(1))?;
            let (rest, close) = cut(tok(Kind::RParen)).parse(rest)?;
            Ok((rest, Pattern { kind: PatternKind::Paren(Box::new(inner)), span: start.to(close) }))
        }
        Some(Kind::Word) => word(i),
        _ => fail(i, "a pattern"),
    }
}

/// Words that begin no value.
const NO_VALUE: &[&str] = &["and", "or", "not", "else", "maybe", "where", "in", "as", "regex"];

fn word(i: Tokens) -> P<Pattern> {
    let start = i.here();
    let text = i.word();
    if text == "regex" {
        let (rest, text) = cut(expr::text).parse(i.skip(1))?;
        let span = start.to(text.span);
        return Ok((rest, Pattern { kind: PatternKind::Regex(text), span }));
    }
    // `head` is a coordinate (which attention head) and a word (the output layer): without a value it is the word.
    let next = i.skip(1);
    let has_value = matches!(
        next.kind(),
        Some(Kind::Number | Kind::To | Kind::Open | Kind::LBracket | Kind::LParen | Kind::Minus | Kind::Text)
    ) || (next.kind() == Some(Kind::Word) && !NO_VALUE.contains(&next.word()));
    if text == Coord::Head.text() && !has_value {
        let path = vec![Name { text: text.to_string(), span: start }];
        return Ok((next, Pattern { kind: PatternKind::Name(path), span: start }));
    }
    if let Some(coord) = Coord::from_text(text) {
        // A list is a primary, so one production reads number, range and list.
        let (rest, value) = cut(expr::range).parse(i.skip(1).deeper())?;
        let span = start.to(value.span);
        let kind = PatternKind::Coord { coord, coord_span: start, value: Box::new(value) };
        return Ok((Tokens { depth: i.depth, ..rest }, Pattern { kind, span }));
    }
    if is_reserved(text) && text != "std" {
        return fail(i, "a pattern");
    }
    let (rest, (path, _)) = expr::path(i)?;
    Ok((rest, Pattern { kind: PatternKind::Name(path), span: rest.since(start.start) }))
}
