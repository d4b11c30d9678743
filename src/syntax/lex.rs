//! The lexer: total and lossless.  Every byte is in exactly one token, whatever the text is; a token that is wrong in
//! itself carries its flaw and the kind that was meant.

use super::token::Flaw;
use super::token::Kind;
use super::token::Token;
use crate::text::Span;
use nom::IResult;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::bytes::complete::take_while;
use nom::bytes::complete::take_while1;
use nom::character::complete::anychar;
use nom::combinator::recognize;
use nom::combinator::value;
use nom::sequence::pair;

/// A token without its place: what it is and what is wrong with it.
type Lexed<'s> = IResult<&'s str, (Kind, Option<Flaw>)>;

/// All tokens of a text, trivia included.
pub fn lex(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = vec![];
    let mut rest = text;
    while !rest.is_empty() {
        let (after, (kind, flaw)) = token(rest).unwrap_or_else(|_| {
            let width = rest.chars().next().map_or(1, char::len_utf8);
            (&rest[width..], (Kind::Unknown, Some(Flaw::Unknown)))
        });
        let start = text.len() - rest.len();
        let end = text.len() - after.len();
        tokens.push(Token { kind, span: Span::new(start, end), flaw });
        rest = after;
    }
    settle_ranges(text, &mut tokens);
    tokens
}

/// One token.
fn token(i: &str) -> Lexed<'_> {
    alt((blank, comment, number, word, string, foreign, sign, unknown)).parse(i)
}

fn blank(i: &str) -> Lexed<'_> {
    let newline = value((Kind::Newline, None), alt((tag("\r\n"), tag("\n"))));
    let blanks = value((Kind::Blank, None), take_while1(|c| c == ' ' || c == '\t' || c == '\u{feff}'));
    alt((newline, blanks)).parse(i)
}

fn comment(i: &str) -> Lexed<'_> {
    let line = |start: &'static str| recognize(pair(tag(start), take_while(|c| c != '\n' && c != '\r')));
    let foreign = value((Kind::Comment, Some(Flaw::Foreign("#"))), line("//"));
    alt((value((Kind::Comment, None), line("#")), foreign)).parse(i)
}

fn digits(i: &str) -> IResult<&str, &str> {
    take_while1(|c: char| c.is_ascii_digit()).parse(i)
}

/// Digits, optional `.digits`, optional exponent; `4..16` is three tokens.
fn number(i: &str) -> Lexed<'_> {
    let starts_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if let Some(after_dot) = i.strip_prefix('.')
        && starts_with_digit(after_dot)
    {
        let (rest, _) = digits(after_dot)?;
        return Ok((exponent(rest), (Kind::Number, Some(Flaw::LeadingDot))));
    }
    let (rest, _) = digits(i)?;
    match rest.strip_prefix('.') {
        Some(fraction) if starts_with_digit(fraction) => {
            let (rest, _) = digits(fraction)?;
            Ok((exponent(rest), (Kind::Number, None)))
        }
        Some(after) if !after.starts_with('.') => Ok((after, (Kind::Number, Some(Flaw::TrailingDot)))),
        _ => Ok((exponent(rest), (Kind::Number, None))),
    }
}

/// The text after an exponent, if there is one.
fn exponent(i: &str) -> &str {
    let Some(after) = i.strip_prefix(['e', 'E']) else { return i };
    let unsigned = after.strip_prefix(['+', '-']).unwrap_or(after);
    digits(unsigned).map_or(i, |(rest, _)| rest)
}

fn word(i: &str) -> Lexed<'_> {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let (rest, text) =
        recognize(pair(take_while1(is_start), take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'))).parse(i)?;
    let flaw = text.contains(|c: char| c.is_ascii_uppercase()).then_some(Flaw::Capital);
    Ok((rest, (Kind::Word, flaw)))
}

/// A string ends on its own line.
fn string(i: &str) -> Lexed<'_> {
    let (body, quote) = alt((tag("\""), tag("'"))).parse(i)?;
    let raw = quote == "'";
    let mut flaw = None;
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' | '\r' => return Ok((&body[at..], (Kind::Text, Some(Flaw::Unclosed)))),
            '\\' if !raw => match chars.clone().next() {
                Some((_, '"' | '\\')) => {
                    chars.next();
                }
                _ => flaw = Some(Flaw::BadEscape),
            },
            c if quote.starts_with(c) => return Ok((&body[at + 1..], (Kind::Text, flaw))),
            _ => {}
        }
    }
    Ok(("", (Kind::Text, Some(Flaw::Unclosed))))
}

/// Signs of other languages, read as ours.
fn foreign(i: &str) -> Lexed<'_> {
    let sign = |text: &'static str, kind: Kind, ours: &'static str| value((kind, Some(Flaw::Foreign(ours))), tag(text));
    alt((
        sign("&&", Kind::Word, "and"),
        sign("||", Kind::Word, "or"),
        sign("->", Kind::Arrow, "=>"),
        sign(":=", Kind::Assign, "="),
        sign("**", Kind::Star, "*"),
    ))
    .parse(i)
}

fn sign(i: &str) -> Lexed<'_> {
    let sign = |text: &'static str, kind: Kind| value((kind, None), tag(text));
    let long = alt((
        sign("..", Kind::To),
        sign("=>", Kind::Arrow),
        sign("==", Kind::EqEq),
        sign("!=", Kind::NotEq),
        sign("<=", Kind::LessEq),
        sign(">=", Kind::GreaterEq),
        value((Kind::Word, Some(Flaw::Foreign("not"))), tag("!")),
        // No sign of ours: the parser does not see it.
        value((Kind::Unknown, Some(Flaw::Foreign(""))), tag(";")),
    ));
    let brackets = alt((
        sign("(", Kind::LParen),
        sign(")", Kind::RParen),
        sign("[", Kind::LBracket),
        sign("]", Kind::RBracket),
        sign("{", Kind::LBrace),
        sign("}", Kind::RBrace),
    ));
    let short = alt((
        sign(",", Kind::Comma),
        sign(":", Kind::Colon),
        sign(".", Kind::Dot),
        sign("=", Kind::Assign),
        sign("<", Kind::Less),
        sign(">", Kind::Greater),
        sign("+", Kind::Plus),
        sign("-", Kind::Minus),
        sign("*", Kind::Star),
        sign("/", Kind::Slash),
    ));
    alt((long, brackets, short)).parse(i)
}

/// Anything else, one character at a time: this arm makes the lexer total.
fn unknown(i: &str) -> Lexed<'_> {
    value((Kind::Unknown, Some(Flaw::Unknown)), anychar).parse(i)
}

/// A bound touches the `..`: where nothing that begins a value follows at once, the range is open.
fn settle_ranges(text: &str, tokens: &mut [Token]) {
    for token in tokens.iter_mut().filter(|token| token.kind == Kind::To) {
        let next = text[token.span.end as usize..].chars().next();
        let starts_value =
            next.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '(' | '[' | '-' | '"' | '\''));
        if !starts_value {
            token.kind = Kind::Open;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lex;
    use crate::syntax::token::Kind;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &[Kind]) {
        let kinds: Vec<Kind> = lex(text).iter().map(|token| token.kind).filter(|kind| *kind != Kind::Blank).collect();
        assert_eq!(kinds, expected, "{text}");
    }

    #[test]
    fn ranges_and_numbers() {
        check("4..16", &[Kind::Number, Kind::To, Kind::Number]);
        check("64.. ", &[Kind::Number, Kind::Open]);
        check("[8..]", &[Kind::LBracket, Kind::Number, Kind::Open, Kind::RBracket]);
        check("..edge", &[Kind::To, Kind::Word]);
        check("1.5e-3..2e5", &[Kind::Number, Kind::To, Kind::Number]);
        check("1. + .5", &[Kind::Number, Kind::Plus, Kind::Number]);
        check("a.b", &[Kind::Word, Kind::Dot, Kind::Word]);
        check("0.5.5", &[Kind::Number, Kind::Number]);
    }

    #[test]
    fn strings_end_on_their_line() {
        check("\"a\\\"b\" 'c\\'", &[Kind::Text, Kind::Text]);
        check("\"open\nlet", &[Kind::Text, Kind::Newline, Kind::Word]);
    }

    proptest! {
        #[test]
        fn every_byte_is_in_one_token(text in "\\PC*|[ -~\n]*|[a-z0-9.\"'{}()=>#/ \n]*") {
            let joined: String = lex(&text).iter().map(|token| &text[token.span.range()]).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
