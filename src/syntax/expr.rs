//! Expressions, calls, lists, blocks and `match`.

use super::ast::Arg;
use super::ast::Arm;
use super::ast::ArmHead;
use super::ast::BinaryOp;
use super::ast::Block;
use super::ast::Call;
use super::ast::Expr;
use super::ast::ExprKind;
use super::ast::ListItem;
use super::ast::Name;
use super::ast::Opt;
use super::ast::OptValue;
use super::ast::Text;
use super::ast::UnaryOp;
use super::expect::DEPTH_LIMIT;
use super::expect::P;
use super::expect::Slip;
use super::expect::Tokens;
use super::expect::fail;
use super::expect::join;
use super::expect::keyword;
use super::expect::slip;
use super::expect::tok;
use super::mend;
use super::pattern;
use super::token::Kind;
use super::token::is_reserved;
use crate::tensor::Coord;
use crate::text::Span;
use nom::Parser;
use nom::branch::alt;
use nom::combinator::cut;
use nom::sequence::preceded;

fn node(kind: ExprKind, span: Span) -> Expr {
    Expr { kind, span }
}

fn binary(op: BinaryOp, left: Expr, right: Expr, op_span: Span) -> Expr {
    let span = left.span.to(right.span);
    node(ExprKind::Binary(op, Box::new(left), Box::new(right), op_span), span)
}

/// `expr = disj [ "where" pattern ]`
pub fn expr(i: Tokens) -> P<Expr> {
    if i.depth > DEPTH_LIMIT {
        return slip(i, "less nesting", Slip::TooDeep);
    }
    let (rest, value) = disj(i.deeper())?;
    let rest = Tokens { depth: i.depth, ..rest };
    if !rest.is_word("where") {
        return Ok((rest, value));
    }
    let height = rest.height;
    let (rest, within) = preceded(keyword("where"), cut(pattern::pattern)).parse(rest)?;
    let rest = rest.as_high_as(height);
    let span = value.span.to(within.span);
    Ok((rest, node(ExprKind::Where(Box::new(value), Box::new(within)), span)))
}

/// `disj = conj { "or" conj }`
fn disj(i: Tokens) -> P<Expr> {
    chain(i, conj, |i| i.is_word("or").then_some(BinaryOp::Or))
}

/// `conj = neg { "and" neg }`
fn conj(i: Tokens) -> P<Expr> {
    chain(i, neg, |i| i.is_word("and").then_some(BinaryOp::And))
}

/// `neg = "not" neg | cmp`
fn neg(i: Tokens) -> P<Expr> {
    if !i.is_word("not") {
        return cmp(i);
    }
    if i.depth > DEPTH_LIMIT {
        return slip(i, "less nesting", Slip::TooDeep);
    }
    let start = i.here();
    let (rest, inner) = cut(neg).parse(i.skip(1).deeper())?;
    let span = start.to(inner.span);
    Ok((Tokens { depth: i.depth, ..rest }, node(ExprKind::Unary(UnaryOp::Not, Box::new(inner)), span)))
}

fn comparison(i: &Tokens) -> Option<BinaryOp> {
    match i.kind()? {
        Kind::EqEq => Some(BinaryOp::Eq),
        Kind::NotEq => Some(BinaryOp::Ne),
        Kind::Less => Some(BinaryOp::Lt),
        Kind::LessEq => Some(BinaryOp::Le),
        Kind::Greater => Some(BinaryOp::Gt),
        Kind::GreaterEq => Some(BinaryOp::Ge),
        Kind::Word if i.is_word("in") => Some(BinaryOp::In),
        _ => None,
    }
}

/// `cmp = range [ ("=="|"!="|"<"|"<="|">"|">="|"in") range ]`, no chaining
fn cmp(i: Tokens) -> P<Expr> {
    let (rest, left) = range(i)?;
    let Some(op) = comparison(&rest) else { return Ok((rest, left)) };
    let (op_span, height) = (rest.here(), rest.height);
    let (rest, right) = cut(range).parse(rest.skip(1))?;
    let rest = rest.as_high_as(height);
    if comparison(&rest).is_some() {
        return slip(rest, "`and`", Slip::Chained);
    }
    Ok((rest, binary(op, left, right, op_span)))
}

/// `range = sum [ TO sum | OPEN ] | TO sum`
pub fn range(i: Tokens) -> P<Expr> {
    let start = i.here().start;
    if i.kind() == Some(Kind::To) {
        let (rest, high) = cut(sum).parse(i.skip(1))?;
        return Ok((rest, node(ExprKind::Range(None, Some(Box::new(high))), rest.since(start))));
    }
    let (rest, low) = sum(i)?;
    match rest.kind() {
        Some(Kind::To) => {
            let height = rest.height;
            let (rest, high) = cut(sum).parse(rest.skip(1))?;
            let rest = rest.as_high_as(height);
            Ok((rest, node(ExprKind::Range(Some(Box::new(low)), Some(Box::new(high))), rest.since(start))))
        }
        Some(Kind::Open) => {
            let rest = rest.skip(1);
            Ok((rest, node(ExprKind::Range(Some(Box::new(low)), None), rest.since(start))))
        }
        _ => Ok((rest, low)),
    }
}

/// `sum = prod { ("+"|"-") prod }`
pub fn sum(i: Tokens) -> P<Expr> {
    chain(i, prod, |i| match i.kind()? {
        Kind::Plus => Some(BinaryOp::Add),
        Kind::Minus => Some(BinaryOp::Sub),
        _ => None,
    })
}

/// `prod = unary { ("*"|"/") unary }`
fn prod(i: Tokens) -> P<Expr> {
    chain(i, unary, |i| match i.kind()? {
        Kind::Star => Some(BinaryOp::Mul),
        Kind::Slash => Some(BinaryOp::Div),
        _ => None,
    })
}

/// A left-associative chain of one level of precedence.
fn chain<'t>(
    i: Tokens<'t>,
    part: fn(Tokens<'t>) -> P<'t, Expr>,
    op: fn(&Tokens<'t>) -> Option<BinaryOp>,
) -> P<'t, Expr> {
    let (mut rest, mut left) = part(i)?;
    while let Some(found) = op(&rest) {
        let op_span = rest.here();
        let (after, right) = cut(part).parse(rest.skip(1))?;
        rest = join(rest.height, after, rest)?;
        left = binary(found, left, right, op_span);
    }
    Ok((rest, left))
}

/// `unary = "-" unary | primary`
fn unary(i: Tokens) -> P<Expr> {
    if i.kind() != Some(Kind::Minus) {
        return primary(i);
    }
    if i.depth > DEPTH_LIMIT {
        return slip(i, "less nesting", Slip::TooDeep);
    }
    let start = i.here();
    let (rest, inner) = cut(unary).parse(i.skip(1).deeper())?;
    let span = start.to(inner.span);
    Ok((Tokens { depth: i.depth, ..rest }, node(ExprKind::Unary(UnaryOp::Neg, Box::new(inner)), span)))
}

/// `primary = NUMBER | STRING | "true" | "false" | NAME { "." NAME } | COORD | list | match | call | "(" expr ")"`
fn primary(i: Tokens) -> P<Expr> {
    let i = Tokens { height: 0, ..i };
    alt((number, text_expr, parenthesised, list, word_expr)).parse(i).map_err(|error| match error {
        // All alternatives failed at their first token: one word says it better than all of them.
        nom::Err::Error(failure) if failure.left == i.list.len() => {
            nom::Err::Error(super::expect::Failure { hoped: vec!["a value"], ..failure })
        }
        other => other,
    })
}

fn number(i: Tokens) -> P<Expr> {
    let (rest, span) = tok(Kind::Number)(i)?;
    let written = &i.text[span.range()];
    let value = written.trim_end_matches('.').parse().unwrap_or(f64::INFINITY);
    Ok((rest, node(ExprKind::Number(value), span)))
}

fn text_expr(i: Tokens) -> P<Expr> {
    let (rest, text) = text(i)?;
    let span = text.span;
    Ok((rest, node(ExprKind::Text(text), span)))
}

/// STRING
pub fn text(i: Tokens) -> P<Text> {
    let (rest, span) = tok(Kind::Text)(i)?;
    let written = &i.text[span.range()];
    let raw = written.starts_with('\'');
    let body = &written[1..];
    let body = body.strip_suffix(if raw { '\'' } else { '"' }).unwrap_or(body);
    let value = if raw { body.to_string() } else { body.replace("\\\"", "\"").replace("\\\\", "\\") };
    Ok((rest, Text { value, raw, span }))
}

fn parenthesised(i: Tokens) -> P<Expr> {
    let (rest, open) = tok(Kind::LParen)(i)?;
    let (rest, inner) = cut(expr).parse(rest.deeper())?;
    let rest = Tokens { depth: i.depth, ..rest };
    let (rest, close) = cut(tok(Kind::RParen)).parse(rest)?;
    Ok((rest, node(ExprKind::Paren(Box::new(inner)), open.to(close))))
}

/// `list = "[" [ item { "," item } [","] ] "]" ;  item = expr [ ":" expr ]`
fn list(i: Tokens) -> P<Expr> {
    let (rest, open) = tok(Kind::LBracket)(i)?;
    let (rest, (items, close)) = separated(rest, Kind::RBracket, item)?;
    Ok((rest, node(ExprKind::List(items), open.to(close))))
}

fn item(i: Tokens) -> P<ListItem> {
    let (rest, first) = expr(i)?;
    if rest.kind() != Some(Kind::Colon) {
        return Ok((rest, ListItem { key: None, value: first }));
    }
    let height = rest.height;
    let (rest, value) = cut(expr).parse(rest.skip(1))?;
    Ok((rest.as_high_as(height), ListItem { key: Some(first), value }))
}

/// Items between commas up to a closing bracket, which is taken; a comma may stand before it.
fn separated<'t, T>(i: Tokens<'t>, close: Kind, part: fn(Tokens<'t>) -> P<'t, T>) -> P<'t, (Vec<T>, Span)> {
    let mut items = vec![];
    let mut height = 0;
    let mut rest = i.deeper();
    loop {
        if rest.kind() == Some(close) {
            let span = rest.here();
            return Ok((Tokens { depth: i.depth, height, ..rest.skip(1) }, (items, span)));
        }
        match part_of(rest, close, part) {
            Ok((after, value)) => {
                items.push(value);
                height = height.max(after.height);
                rest = after;
            }
            Err(error) => rest = mend::item(rest, close, error)?,
        }
    }
}

/// One item with the comma behind it; none is needed before the closing bracket.
fn part_of<'t, T>(i: Tokens<'t>, close: Kind, part: fn(Tokens<'t>) -> P<'t, T>) -> P<'t, T> {
    let (rest, value) = cut(part).parse(i)?;
    match rest.kind() {
        Some(Kind::Comma) => Ok((rest.skip(1), value)),
        Some(kind) if kind == close => Ok((rest, value)),
        _ => cut(|i| fail(i, Kind::Comma.text())).parse(rest).map_err(|error| with_hope(error, close.text())),
    }
}

/// Adds what else would have been right.
fn with_hope(error: nom::Err<super::expect::Failure>, hoped: &'static str) -> nom::Err<super::expect::Failure> {
    error.map(|mut failure| {
        failure.hoped.push(hoped);
        failure
    })
}

/// A name, a word that is a value, a coordinate, a call or a `match`.
fn word_expr(i: Tokens) -> P<Expr> {
    let (_, span) = tok(Kind::Word)(i)?;
    let word = i.word();
    match word {
        "true" | "false" => return Ok((i.skip(1), node(ExprKind::Bool(word == "true"), span))),
        "match" => return matching(i),
        _ => {}
    }
    if let Some(coord) = Coord::from_text(word) {
        return Ok((i.skip(1), node(ExprKind::Coord(coord), span)));
    }
    // `if (…)` is read as the call that it means to be, and told.
    let is_if =
        word == "if" && (i.touches(Kind::LParen) || (i.skip(1).kind() == Some(Kind::LParen) && is_callish(i.skip(1))));
    let may_begin = !is_reserved(word) || word == "std" || is_if;
    if !may_begin {
        return fail(i, "a value");
    }
    let (rest, (path, touching)) = path(i)?;
    if touching {
        return call(rest, path, span.start);
    }
    if rest.kind() == Some(Kind::LParen) && is_callish(rest) {
        return slip(rest, "the `(` to touch the name", Slip::Detached);
    }
    Ok((rest, node(ExprKind::Name(path), rest.since(span.start))))
}

/// Whether a detached `(` on the same line was meant as a call: nothing else may follow a name there.
fn is_callish(i: Tokens) -> bool {
    let here = i.here().start as usize;
    !i.text[i.before as usize..here].contains('\n')
}

/// `NAME { "." NAME }`; tells whether a `(` touches the last name.
pub fn path(i: Tokens) -> P<(Vec<Name>, bool)> {
    let mut names = vec![];
    let mut rest = i;
    loop {
        let touching = rest.touches(Kind::LParen);
        let dotted = rest.touches(Kind::Dot);
        let text = rest.word().to_string();
        let (after, span) = tok(Kind::Word)(rest)?;
        names.push(Name { text, span });
        rest = after;
        if !dotted {
            return Ok((rest, (names, touching)));
        }
        rest = rest.skip(1);
        if rest.kind() != Some(Kind::Word) {
            return cut(|i| fail(i, "a name")).parse(rest);
        }
    }
}

/// `call = CALL [ arg { "," arg } [","] ] ")"`; a call's name may be dotted.
fn call(i: Tokens, name: Vec<Name>, start: u32) -> P<Expr> {
    let (rest, _) = tok(Kind::LParen)(i)?;
    let (rest, (args, _)) = separated(rest, Kind::RParen, arg)?;
    Ok((rest, node(ExprKind::Call(Call { name, args }), rest.since(start))))
}

/// `arg = [ NAME "=" ] expr [ block ]`
fn arg(i: Tokens) -> P<Arg> {
    let is_named = matches!(i.list, [first, second, ..] if first.kind == Kind::Word && second.kind == Kind::Assign);
    let (rest, name) = if is_named {
        let name = Name { text: i.word().to_string(), span: i.here() };
        (i.skip(2), Some(name))
    } else {
        (i, None)
    };
    let (rest, value) = if name.is_some() { cut(expr).parse(rest)? } else { expr(rest)? };
    let height = rest.height;
    let (rest, options) = optional_block(rest)?;
    let rest = rest.as_high_as(height);
    Ok((rest, Arg { name, value, options }))
}

/// `[ block ]`
pub fn optional_block(i: Tokens) -> P<Option<Block>> {
    if i.kind() == Some(Kind::LBrace) {
        let (rest, block) = block(i)?;
        return Ok((rest, Some(block)));
    }
    Ok((i, None))
}

/// `block = "{" [ option { "," option } [","] ] "}"`
pub fn block(i: Tokens) -> P<Block> {
    let (rest, open) = tok(Kind::LBrace)(i)?;
    if i.depth > DEPTH_LIMIT {
        return slip(i, "less nesting", Slip::TooDeep);
    }
    let (rest, (options, close)) = separated(rest, Kind::RBrace, option)?;
    Ok((rest, Block { options, span: open.to(close) }))
}

/// `option = ( NAME | STRING ) "=" ( expr | block )`
fn option(i: Tokens) -> P<Opt> {
    let start = i.here().start;
    let quoted = i.kind() == Some(Kind::Text);
    let (rest, name) = if quoted {
        let (rest, text) = text(i)?;
        (rest, Name { text: text.value, span: text.span })
    } else {
        let text = i.word().to_string();
        let (rest, span) = tok(Kind::Word)(i).map_err(|error| {
            error.map(|mut failure: super::expect::Failure| {
                failure.hoped = vec!["the name of an option"];
                failure
            })
        })?;
        (rest, Name { text, span })
    };
    let (rest, _) = cut(tok(Kind::Assign)).parse(rest)?;
    let (rest, value) = if rest.kind() == Some(Kind::LBrace) {
        let (rest, block) = block(rest)?;
        (rest, OptValue::Block(block))
    } else {
        let (rest, value) = cut(expr).parse(rest)?;
        (rest, OptValue::Expr(value))
    };
    Ok((rest, Opt { name, quoted, value, span: rest.since(start) }))
}

/// `match = "match" "{" { arm } "}"`
fn matching(i: Tokens) -> P<Expr> {
    let start = i.here().start;
    let (rest, _) = keyword("match")(i)?;
    let (mut rest, _) = cut(tok(Kind::LBrace)).parse(rest)?;
    rest = rest.deeper();
    let mut arms = vec![];
    let mut height = 0;
    while rest.kind() != Some(Kind::RBrace) {
        match cut(arm).parse(rest) {
            Ok((after, arm)) => {
                arms.push(arm);
                height = height.max(after.height);
                rest = after;
            }
            Err(error) if rest.first().is_none() => return Err(with_hope(error, "`}`")),
            Err(error) => rest = mend::arm(rest, error)?,
        }
    }
    let rest = Tokens { depth: i.depth, height, ..rest.skip(1) };
    Ok((rest, node(ExprKind::Match(arms), rest.since(start))))
}

/// `arm = ( "else" | ["maybe"] pattern ) "=>" expr [","]`
fn arm(i: Tokens) -> P<Arm> {
    let start = i.here().start;
    let (rest, head) = if i.is_word("else") {
        (i.skip(1), ArmHead::Else(i.here()))
    } else {
        let maybe = i.is_word("maybe");
        let (rest, pattern) = pattern::pattern(if maybe { i.skip(1) } else { i })?;
        (rest, ArmHead::Pattern { maybe, pattern })
    };
    let height = rest.height;
    let (rest, _) = cut(tok(Kind::Arrow)).parse(rest)?;
    let (rest, value) = cut(expr).parse(rest)?;
    let rest = rest.as_high_as(height);
    let span = rest.since(start);
    let rest = if rest.kind() == Some(Kind::Comma) { rest.skip(1) } else { rest };
    Ok((rest, Arm { head, value, span }))
}
