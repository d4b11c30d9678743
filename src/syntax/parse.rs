//! Statements and recovery.  A statement runs from its word at the start of a line to the next such word, even when a
//! bracket is still open; so a slip costs one statement and one diagnostic.

use super::ast::Edition;
use super::ast::Expr;
use super::ast::File;
use super::ast::FnParam;
use super::ast::Item;
use super::ast::ItemKind;
use super::ast::Name;
use super::error;
use super::expect::Mended;
use super::expect::P;
use super::expect::Slip;
use super::expect::Tokens;
use super::expect::fail;
use super::expect::keyword;
use super::expect::slip;
use super::expect::tok;
use super::expr;
use super::pattern;
use super::token::Flaw;
use super::token::Kind;
use super::token::STATEMENT_WORDS;
use super::token::Token;
use super::token::is_reserved;
use crate::diag::Problems;
use crate::text::Source;
use crate::text::Span;
use nom::Parser;
use nom::combinator::cut;

/// The edition that this version knows.
pub const EDITION: f64 = 1.0;

/// Mistakes after which the rest of a text is not read: it is hardly a recipe.
pub const MOST_PROBLEMS: usize = 500;

/// `file = "blend" NUMBER { statement }`
pub fn file(source: &Source, tokens: &[Token]) -> (File, Problems) {
    let mut problems = Problems::default();
    error::flaws(source, tokens, &mut problems);
    let significant: Vec<Token> = tokens.iter().copied().filter(|token| !token.kind.is_trivia()).collect();
    let mut file = File { edition: None, items: vec![] };
    let mut seen_any = false;
    let mended = Mended::default();
    let mut work: Vec<&[Token]> = chunks(source, &significant);
    work.reverse();
    while let Some(chunk) = work.pop() {
        if problems.iter().count() >= MOST_PROBLEMS {
            break;
        }
        let i = Tokens::new(&source.text, chunk, &mended);
        if i.is_word("blend") {
            match edition(i) {
                Ok(_) if seen_any => {
                    let span = chunk[0].span.to(chunk[chunk.len() - 1].span);
                    problems.push(error::edition_not_first(source, span));
                }
                Ok((rest, edition)) => {
                    if edition.number != EDITION {
                        // One error, and nothing else: another edition's text need not be ours.
                        return (
                            File { edition: Some(edition.clone()), items: vec![] },
                            error::unknown_edition(source, &edition).into(),
                        );
                    }
                    file.edition = Some(edition);
                    match next_line(source, rest, &mut problems) {
                        Some(next) => work.push(next),
                        None if rest.list.is_empty() => {}
                        None => problems.push(error::trailing(source, rest)),
                    }
                }
                Err(found) => problems.push(error::of(source, i, found)),
            }
            seen_any = true;
            continue;
        }
        seen_any = true;
        let mut chunk = chunk;
        let mut read = statement(i);
        // A line that begins at its start with a word is a statement of its own when what stands before it is not one.
        if let Err(nom::Err::Error(failure) | nom::Err::Failure(failure)) = &read {
            let at = chunk.len() - failure.left;
            if at > 0 && chunk.get(at).is_some_and(|token| begins_line(source, token)) {
                work.push(&chunk[at..]);
                chunk = &chunk[..at];
                mended.take();
                read = statement(Tokens { list: chunk, ..i });
            }
        }
        // What follows a string without its end is no news: the string is reported.
        let is_torn = chunk.iter().any(|token| token.flaw == Some(Flaw::Unclosed));
        let i = Tokens { list: chunk, ..i };
        let whole = chunk[0].span.to(chunk[chunk.len() - 1].span);
        let is_mended = report_mended(source, i, &mut problems);
        // What stands behind a mended part may have been part of it.
        let kept = |kind| if is_mended { ItemKind::Error } else { kind };
        let (kind, span) = match read {
            Ok((rest, kind)) => match next_line(source, rest, &mut problems) {
                Some(next) => {
                    let span = Span { end: rest.before, ..whole };
                    work.push(next);
                    (kept(kind), span)
                }
                None if is_mended || rest.list.is_empty() => (kept(kind), whole),
                None => {
                    if !is_torn {
                        problems.push(error::trailing(source, rest));
                    }
                    (ItemKind::Error, whole)
                }
            },
            Err(found) => {
                if !is_torn {
                    problems.push(error::of(source, i, found));
                }
                (ItemKind::Error, whole)
            }
        };
        file.items.push(Item { kind, span });
    }
    if file.edition.is_none() && !problems.iter().any(error::is_about_edition) {
        problems.push(error::no_edition(source));
    }
    (file, problems)
}

/// Reports the mistakes behind which a statement was read on; tells whether there are any.
fn report_mended(source: &Source, i: Tokens, problems: &mut Problems) -> bool {
    let mended = i.mended.take();
    mended.iter().for_each(|failure| problems.push(error::of(source, i, nom::Err::Failure(failure.clone()))));
    !mended.is_empty()
}

/// Whether a word stands at the very start of a line.
fn begins_line(source: &Source, token: &Token) -> bool {
    let start = token.span.start as usize;
    token.kind == Kind::Word && start > 0 && source.text.as_bytes()[start - 1] == b'\n'
}

/// What is left after a complete statement, if it begins a line of its own: at its start, or with a statement word
/// that was indented (which is reported).
fn next_line<'t>(source: &Source, rest: Tokens<'t>, problems: &mut Problems) -> Option<&'t [Token]> {
    let token = rest.first()?;
    if begins_line(source, token) {
        return Some(rest.list);
    }
    let start = token.span.start as usize;
    let line = source.text[..start].rfind('\n').map_or(0, |at| at + 1);
    let is_indented = source.text[line..start].trim().is_empty();
    if is_indented && token.kind == Kind::Word && STATEMENT_WORDS.contains(&rest.word()) {
        problems.push(error::indented(source, Span::new(line, start), token.span));
        return Some(rest.list);
    }
    None
}

/// Cuts the tokens at statement words that begin a line.
fn chunks<'t>(source: &Source, tokens: &'t [Token]) -> Vec<&'t [Token]> {
    let begins = |token: &Token| {
        let start = token.span.start as usize;
        let at_line_start =
            start == 0 || source.text.as_bytes()[start - 1] == b'\n' || source.text[..start] == *"\u{feff}";
        at_line_start && token.kind == Kind::Word && STATEMENT_WORDS.contains(&&source.text[token.span.range()])
    };
    let mut cuts: Vec<usize> = tokens.iter().enumerate().filter(|(_, token)| begins(token)).map(|(at, _)| at).collect();
    if cuts.first() != Some(&0) && !tokens.is_empty() {
        cuts.insert(0, 0);
    }
    cuts.push(tokens.len());
    cuts.windows(2).map(|pair| &tokens[pair[0]..pair[1]]).filter(|chunk| !chunk.is_empty()).collect()
}

fn edition(i: Tokens) -> P<Edition> {
    let start = i.here();
    let (rest, _) = keyword("blend")(i)?;
    let (rest, span) = cut(tok(Kind::Number)).parse(rest)?;
    let number = i.text[span.range()].parse().unwrap_or(f64::NAN);
    Ok((rest, Edition { number, span: start.to(span) }))
}

/// `statement = …`, each by its word
fn statement(i: Tokens) -> P<ItemKind> {
    if i.kind() != Some(Kind::Word) {
        return fail(i, "a statement");
    }
    match i.word() {
        "use" => use_statement(i.skip(1)),
        "model" => model(i.skip(1)),
        "lora" => lora(i.skip(1)),
        "channels" => channels(i.skip(1)),
        "param" => param(i.skip(1)),
        "let" => let_statement(i.skip(1)),
        "fn" => fn_statement(i.skip(1)),
        "pattern" => pattern_statement(i.skip(1)),
        "output" => output(i.skip(1)),
        "assert" => assert(i.skip(1)),
        _ => fail(i, "a statement"),
    }
}

/// A name that is being defined.
fn new_name(i: Tokens) -> P<Name> {
    if i.kind() == Some(Kind::Word) && is_reserved(i.word()) {
        return slip(i, "a name", Slip::Reserved);
    }
    let text = i.word().to_string();
    let (rest, span) = cut(tok(Kind::Word)).parse(i)?;
    Ok((rest, Name { text, span }))
}

fn assign(i: Tokens) -> P<Span> {
    cut(tok(Kind::Assign)).parse(i)
}

/// `"use" STRING "as" NAME [ block ]`
fn use_statement(i: Tokens) -> P<ItemKind> {
    let (rest, path) = cut(expr::text).parse(i)?;
    let (rest, _) = cut(keyword("as")).parse(rest)?;
    let (rest, name) = new_name(rest)?;
    let (rest, options) = expr::optional_block(rest)?;
    Ok((rest, ItemKind::Use { path, name, options }))
}

/// `"model" NAME "=" STRING [ block ]`
fn model(i: Tokens) -> P<ItemKind> {
    let (rest, name) = new_name(i)?;
    let (rest, _) = assign(rest)?;
    let (rest, path) = cut(expr::text).parse(rest)?;
    let (rest, options) = expr::optional_block(rest)?;
    Ok((rest, ItemKind::Model { name, path, options }))
}

/// `"lora" NAME "=" STRING [ block ]`
fn lora(i: Tokens) -> P<ItemKind> {
    let (rest, kind) = model(i)?;
    match kind {
        ItemKind::Model { name, path, options } => Ok((rest, ItemKind::Lora { name, path, options })),
        other => Ok((rest, other)),
    }
}

/// `"channels" NAME "=" ( STRING [ block ] | block )`
fn channels(i: Tokens) -> P<ItemKind> {
    let (rest, name) = new_name(i)?;
    let (rest, _) = assign(rest)?;
    if rest.kind() == Some(Kind::LBrace) {
        let (rest, block) = expr::block(rest)?;
        return Ok((rest, ItemKind::Channels { name, path: None, options: Some(block) }));
    }
    let (rest, path) = cut(expr::text).parse(rest)?;
    let (rest, options) = expr::optional_block(rest)?;
    Ok((rest, ItemKind::Channels { name, path: Some(path), options }))
}

/// `"param" NAME "=" literal [ "in" ( range | list ) ]`
fn param(i: Tokens) -> P<ItemKind> {
    let (rest, name) = new_name(i)?;
    let (rest, _) = assign(rest)?;
    let (rest, default) = cut(expr::sum).parse(rest)?;
    if !rest.is_word("in") {
        return Ok((rest, ItemKind::Param { name, default, within: None }));
    }
    let (rest, within) = cut(expr::range).parse(rest.skip(1))?;
    Ok((rest, ItemKind::Param { name, default, within: Some(within) }))
}

/// `"let" NAME "=" expr`
fn let_statement(i: Tokens) -> P<ItemKind> {
    let (rest, name) = new_name(i)?;
    let (rest, _) = assign(rest)?;
    let (rest, value) = cut(expr::expr).parse(rest)?;
    Ok((rest, ItemKind::Let { name, value }))
}

/// `"fn" CALL [ fnparam { "," fnparam } [","] ] ")" "=" expr`
fn fn_statement(i: Tokens) -> P<ItemKind> {
    let touching = i.touches(Kind::LParen);
    let (rest, name) = new_name(i)?;
    if !touching && rest.kind() == Some(Kind::LParen) {
        return slip(rest, "the `(` to touch the name", Slip::Detached);
    }
    let (mut rest, _) = cut(tok(Kind::LParen)).parse(rest)?;
    let mut params = vec![];
    while rest.kind() != Some(Kind::RParen) {
        let (after, param) = fn_param(rest)?;
        params.push(param);
        rest = after;
        match rest.kind() {
            Some(Kind::Comma) => rest = rest.skip(1),
            Some(Kind::RParen) => {}
            _ => return cut(|i| fail(i, "`,`")).parse(rest),
        }
    }
    let (rest, _) = assign(rest.skip(1))?;
    let (rest, body) = cut(expr::expr).parse(rest)?;
    Ok((rest, ItemKind::Fn { name, params, body }))
}

/// `fnparam = NAME [ "=" expr ]`
fn fn_param(i: Tokens) -> P<FnParam> {
    let (rest, name) = new_name(i)?;
    if rest.kind() != Some(Kind::Assign) {
        return Ok((rest, FnParam { name, default: None }));
    }
    let (rest, default) = cut(expr::expr).parse(rest.skip(1))?;
    Ok((rest, FnParam { name, default: Some(default) }))
}

/// `"pattern" NAME "=" pattern`
fn pattern_statement(i: Tokens) -> P<ItemKind> {
    let (rest, name) = new_name(i)?;
    let (rest, _) = assign(rest)?;
    let (rest, pattern) = cut(pattern::pattern).parse(rest)?;
    Ok((rest, ItemKind::Pattern { name, pattern }))
}

/// `"output" STRING "=" expr [ block ]`
fn output(i: Tokens) -> P<ItemKind> {
    let (rest, path) = cut(expr::text).parse(i)?;
    let (rest, _) = assign(rest)?;
    let (rest, value) = cut(expr::expr).parse(rest)?;
    let (rest, options) = expr::optional_block(rest)?;
    Ok((rest, ItemKind::Output { path, value, options }))
}

/// `"assert" expr`
fn assert(i: Tokens) -> P<ItemKind> {
    let (rest, claim) = cut(expr::expr).parse(i)?;
    Ok((rest, ItemKind::Assert { claim }))
}

/// One expression and nothing after it, for the command line.
pub fn lone_expr(source: &Source, tokens: &[Token]) -> (Option<Expr>, Problems) {
    let mut problems = Problems::default();
    error::flaws(source, tokens, &mut problems);
    let significant: Vec<Token> = tokens.iter().copied().filter(|token| !token.kind.is_trivia()).collect();
    let mended = Mended::default();
    let i = Tokens::new(&source.text, &significant, &mended);
    let read = expr::expr(i);
    if report_mended(source, i, &mut problems) {
        return (None, problems);
    }
    match read {
        Ok((rest, value)) if rest.list.is_empty() => (Some(value), problems),
        Ok((rest, _)) => {
            problems.push(error::trailing(source, rest));
            (None, problems)
        }
        Err(found) => {
            problems.push(error::of(source, i, found));
            (None, problems)
        }
    }
}
