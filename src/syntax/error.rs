//! Every message of lexer and parser (E01), each with what to type instead.

use super::ast::Edition;
use super::expect::Failure;
use super::expect::HEIGHT_LIMIT;
use super::expect::Slip;
use super::expect::Tokens;
use super::parse::MOST_PROBLEMS;
use super::token::Flaw;
use super::token::Kind;
use super::token::STATEMENT_WORDS;
use super::token::Token;
use super::token::is_reserved;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::diag::suggest::nearest;
use crate::tensor::Coord;
use crate::text::Source;
use crate::text::Span;

const NO_EDITION: Code = Code("E0110");
const UNKNOWN_EDITION: Code = Code("E0111");

/// Replaces what stands at a span, in help and as an edit.
fn instead(problem: Problem, source: &Source, span: Span, text: &str) -> Problem {
    problem.help(format!("write `{text}`")).edit(span.at(source.id), text)
}

/// Tokens that are wrong in themselves.
pub fn flaws(source: &Source, tokens: &[Token], problems: &mut Problems) {
    let mut last_unknown: Option<Span> = None;
    let mut count = 0;
    for token in tokens {
        let Some(flaw) = token.flaw else { continue };
        if flaw == Flaw::Unknown {
            // A run of strange characters is one problem.
            if last_unknown.is_some_and(|last| last.end == token.span.start) {
                last_unknown = Some(token.span);
                continue;
            }
            last_unknown = Some(token.span);
        }
        if count == MOST_PROBLEMS {
            return;
        }
        count += 1;
        problems.push(flaw_problem(source, token, flaw));
    }
}

fn flaw_problem(source: &Source, token: &Token, flaw: Flaw) -> Problem {
    let (span, text) = (token.span, source.slice(token.span));
    let site = span.at(source.id);
    match flaw {
        Flaw::TrailingDot => instead(
            Problem::new(Code("E0102"), format!("the number `{text}` ends in a dot"))
                .at(site, "digits are missing after the dot"),
            source,
            span,
            &format!("{text}0"),
        ),
        Flaw::LeadingDot => instead(
            Problem::new(Code("E0102"), format!("the number `{text}` begins with a dot"))
                .at(site, "a digit is missing before the dot"),
            source,
            span,
            &format!("0{text}"),
        ),
        Flaw::Capital => instead(
            Problem::new(Code("E0103"), format!("the name `{text}` has capitals")).at(site, "names are lower case"),
            source,
            span,
            &text.to_lowercase(),
        ),
        Flaw::Unclosed => {
            let quote = &text[..1];
            // The quote closes before what cannot belong to a string: a block, or blanks at the end of the line.
            let body = text.trim_end();
            let end = body.find(" {").unwrap_or(body.len());
            let at = Span { start: span.start + end as u32, end: span.start + end as u32 };
            Problem::new(Code("E0104"), format!("the string has no closing `{quote}`"))
                .at(site, "a string ends on its own line")
                .help(format!("close it: `{}{quote}`", &text[..end]))
                .edit(at.at(source.id), quote)
        }
        Flaw::BadEscape => {
            let body = text[1..].strip_suffix('"').unwrap_or(&text[1..]);
            let raw = format!("'{body}'");
            Problem::new(Code("E0105"), "the string has a `\\` that escapes nothing")
                .at(site, "only `\\\"` and `\\\\` are escapes")
                .help(format!("write it raw: `{raw}`"))
                .edit(site, raw)
        }
        Flaw::Foreign(ours) if token.kind == Kind::Comment => {
            let slashes = Span { start: span.start, end: span.start + 2 };
            Problem::new(Code("E0106"), "a comment begins with `#`, not with `//`")
                .at(slashes.at(source.id), "begins no comment")
                .help(format!("write `{ours}`"))
                .edit(slashes.at(source.id), ours)
        }
        Flaw::Foreign("") => Problem::new(Code("E0106"), format!("`{text}` is no sign of this language"))
            .at(site, "from another language")
            .help("remove it: a statement ends with its line, and parts are separated by `,`")
            .edit(site, ""),
        Flaw::Foreign(ours) => {
            let spaced = if token.kind == Kind::Word { format!(" {ours} ") } else { ours.to_string() };
            Problem::new(Code("E0106"), format!("`{text}` is no sign of this language"))
                .at(site, "from another language")
                .help(format!("write `{ours}`"))
                .edit(site, spaced)
        }
        Flaw::Unknown => Problem::new(Code("E0107"), format!("the character {} has no meaning here", shown(text)))
            .at(site, "not part of the language")
            .help("remove it")
            .edit(site, ""),
    }
}

/// A character that may be invisible.
fn shown(text: &str) -> String {
    match text.chars().next() {
        Some(c) if c.is_control() || c.is_whitespace() || !c.is_ascii() => {
            format!("`{}` (U+{:04X})", c.escape_default(), c as u32)
        }
        _ => format!("`{text}`"),
    }
}

/// The problem of a failed production.
pub fn of(source: &Source, start: Tokens, found: nom::Err<Failure>) -> Problem {
    let failure = match found {
        nom::Err::Error(failure) | nom::Err::Failure(failure) => failure,
        nom::Err::Incomplete(_) => Failure::new(start, "more text"),
    };
    let at = start.list.len() - failure.left;
    let token = start.list.get(at).copied();
    let previous = at.checked_sub(1).and_then(|before| start.list.get(before)).copied();
    let context = Found { source, start, failure: &failure, token, previous };
    context.problem()
}

/// What is known where the parser stopped.
struct Found<'f> {
    source: &'f Source,
    start: Tokens<'f>,
    failure: &'f Failure,
    token: Option<Token>,
    previous: Option<Token>,
}

impl Found<'_> {
    fn hopes(&self, what: &str) -> bool {
        self.failure.hoped.contains(&what)
    }

    fn kind(&self) -> Option<Kind> {
        self.token.map(|token| token.kind)
    }

    /// The text of the token where it stopped.
    fn text(&self) -> &str {
        self.token.map_or("", |token| self.source.slice(token.span))
    }

    fn found(&self) -> String {
        match self.token {
            Some(token) => format!("`{}`", self.source.slice(token.span)),
            None => "the end of the statement".into(),
        }
    }

    /// Where to point: at the token, or just behind the last one.
    fn span(&self) -> Span {
        self.token
            .map_or(Span { start: self.failure.before.saturating_sub(1), end: self.failure.before }, |token| token.span)
    }

    fn gap(&self) -> Span {
        Span { start: self.failure.before, end: self.failure.before }
    }

    fn expected(&self) -> String {
        let mut hoped = self.failure.hoped.clone();
        hoped.sort();
        hoped.dedup();
        hoped.retain(|hope| !hope.is_empty());
        let quoted: Vec<String> = hoped
            .iter()
            .map(
                |hope| {
                    if hope.chars().all(|c| c.is_ascii_lowercase()) { format!("`{hope}`") } else { hope.to_string() }
                },
            )
            .collect();
        match quoted.as_slice() {
            [] => "something else".into(),
            [one] => one.clone(),
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
        }
    }

    fn expected_but(&self) -> Problem {
        let message = format!("found {}, expected {}", self.found(), self.expected());
        Problem::new(Code("E0101"), message).at(self.span().at(self.source.id), format!("expected {}", self.expected()))
    }

    fn insert(&self, text: &str) -> Problem {
        let problem = self.expected_but();
        problem.help(format!("insert `{}`", text.trim())).edit(self.gap().at(self.source.id), text)
    }

    fn replace(&self, text: &str) -> Problem {
        instead(self.expected_but(), self.source, self.span(), text)
    }

    fn problem(&self) -> Problem {
        let site = self.span().at(self.source.id);
        match self.failure.slip {
            Slip::TooDeep => {
                return Problem::new(Code("E0108"), "the brackets nest too deep")
                    .at(site, "more than 200 levels")
                    .help("name the inner parts with `let`");
            }
            Slip::TooHigh => {
                return Problem::new(Code("E0108"), "the expression has too many operators")
                    .at(site, format!("more than {HEIGHT_LIMIT} in one chain"))
                    .help("name a part of it with `let`");
            }
            Slip::Chained => {
                return Problem::new(Code("E0109"), "a comparison follows a comparison")
                    .at(site, "comparisons are not chained")
                    .help("join them: write `and` here, and repeat the middle value")
                    .edit(self.gap().at(self.source.id), format!(" and {}", self.middle()));
            }
            Slip::Detached => {
                let gap = Span { start: self.failure.before, end: self.span().start };
                return Problem::new(Code("E0112"), "the `(` of a call must touch the name")
                    .at(site, "a space stands before it")
                    .help("remove the space")
                    .edit(gap.at(self.source.id), "");
            }
            Slip::Reserved => {
                let name = format!("{}_", self.text());
                return instead(
                    Problem::new(
                        Code("E0113"),
                        format!("`{}` is a word of the language, and a name is needed", self.text()),
                    )
                    .at(site, "reserved"),
                    self.source,
                    self.span(),
                    &name,
                );
            }
            Slip::None => {}
        }
        if let (Some(previous), Some(kind)) = (self.previous, self.kind())
            && let Some(problem) = misspelt_coordinate(self.source, previous.span, kind)
        {
            return problem;
        }
        if self.hopes("a statement") {
            return self.statement();
        }
        if self.hopes("`=>`")
            && matches!(self.kind(), Some(Kind::Assign | Kind::Colon | Kind::Greater | Kind::EqEq | Kind::GreaterEq))
        {
            return self.replace("=>");
        }
        if self.hopes("`=`") && matches!(self.kind(), Some(Kind::EqEq | Kind::Colon | Kind::Arrow)) {
            return self.replace("=");
        }
        if self.hopes("`=>`") && self.token.is_some() {
            return self.insert(" =>");
        }
        if self.hopes("`=`")
            && self.token.is_some_and(|token| matches!(token.kind, Kind::Text | Kind::Number | Kind::Word))
        {
            return self.insert(" =");
        }
        if self.hopes("as") && self.kind() == Some(Kind::Word) {
            return self.insert(" as");
        }
        let begins_value =
            matches!(self.kind(), Some(Kind::Word | Kind::Number | Kind::Text | Kind::LParen | Kind::LBracket));
        if self.hopes("`,`") && begins_value {
            return self.insert(",");
        }
        let in_brackets = [Kind::RParen, Kind::RBracket].iter().any(|kind| self.hopes(kind.text()));
        if in_brackets && begins_value {
            let problem =
                Problem::new(Code("E0101"), format!("found {}, expected `,` or a closing bracket", self.found()));
            return problem
                .at(site, "a `,` is missing before it")
                .help("insert `,`")
                .edit(self.gap().at(self.source.id), ",");
        }
        if self.kind() == Some(Kind::Assign) && (in_brackets || self.hopes(Kind::RBrace.text())) {
            return self.replace("==");
        }
        for (kind, bracket) in [(Kind::RParen, ")"), (Kind::RBracket, "]"), (Kind::RBrace, "}")] {
            if self.hopes(kind.text()) {
                return match self.kind() {
                    // Another bracket closes: ours is missing before it, or it is the wrong one.
                    Some(Kind::RParen | Kind::RBracket | Kind::RBrace) if !self.is_balanced_without() => {
                        self.replace(bracket)
                    }
                    _ => self.insert(&format!("{}{bracket}", if kind == Kind::RBrace { " " } else { "" })),
                };
            }
        }
        if self.hopes("a string") && self.kind() == Some(Kind::Word) {
            // A path without quotes is several tokens: it ends at a blank.
            let start = self.span().start as usize;
            let rest = &self.source.text[start..];
            let end = start + rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
            let quoted = format!("\"{}\"", &self.source.text[start..end]);
            return instead(self.expected_but(), self.source, Span::new(start, end), &quoted);
        }
        if self.hopes("a value") && self.token.is_none() {
            return self.insert(" 1");
        }
        if self.hopes("a value") && is_reserved(self.text()) {
            return self.insert(" 1,").help("give a value before this word");
        }
        if self.hopes("a pattern") && matches!(self.kind(), Some(Kind::Star)) {
            return self.replace("\"**\"");
        }
        if self.hopes("a value")
            && matches!(self.kind(), Some(Kind::RParen | Kind::RBracket | Kind::RBrace | Kind::Comma))
            && self.previous.is_some()
        {
            return self.insert(" 1").help("give a value, for example `1`");
        }
        self.expected_but().help(format!("write {} here", self.expected()))
    }

    /// Whether the wrong closing bracket has its own partner in the statement, so that ours is merely missing.
    fn is_balanced_without(&self) -> bool {
        let mut open: Vec<Kind> = vec![];
        let at = self.start.list.len() - self.failure.left;
        for token in &self.start.list[..at] {
            match token.kind {
                Kind::LParen | Kind::LBracket | Kind::LBrace => open.push(token.kind),
                Kind::RParen | Kind::RBracket | Kind::RBrace => {
                    open.pop();
                }
                _ => {}
            }
        }
        let partner = match self.kind() {
            Some(Kind::RParen) => Kind::LParen,
            Some(Kind::RBracket) => Kind::LBracket,
            _ => Kind::LBrace,
        };
        open.iter().rev().skip(1).any(|kind| *kind == partner)
    }

    /// The value before a chained comparison.
    fn middle(&self) -> String {
        self.previous.map_or("", |token| self.source.slice(token.span)).to_string()
    }

    fn statement(&self) -> Problem {
        let text = self.text().to_string();
        let problem = Problem::new(Code("E0114"), format!("found {}, expected a statement", self.found()))
            .at(self.span().at(self.source.id), "begins no statement");
        if STATEMENT_WORDS.contains(&text.as_str()) {
            let line = self.source.text[..self.span().start as usize].rfind('\n').map_or(0, |at| at + 1);
            return indented(self.source, Span::new(line, self.span().start as usize), self.span());
        }
        if let Some(near) = nearest(&text, STATEMENT_WORDS.iter().copied()) {
            return instead(problem, self.source, self.span(), near);
        }
        let is_definition = self.start.list.get(1).is_some_and(|next| next.kind == Kind::Assign);
        if is_definition {
            return problem.help(format!("write `let {text} = …`")).edit(self.gap_before().at(self.source.id), "let ");
        }
        let words: Vec<&str> = STATEMENT_WORDS[1..].to_vec();
        problem.help(format!("begin it with one of {}", words.join(", ")))
    }

    fn gap_before(&self) -> Span {
        let start = self.span().start;
        Span { start, end: start }
    }
}

/// A statement word that does not begin its line.
pub fn indented(source: &Source, indent: Span, word: Span) -> Problem {
    let text = source.slice(word);
    Problem::new(Code("E0114"), format!("the statement `{text}` is indented, and a statement begins its line"))
        .at(word.at(source.id), "does not begin its line")
        .help(format!("begin the line with `{text}`"))
        .edit(indent.at(source.id), "")
}

/// Tokens after the end of a statement.
pub fn trailing(source: &Source, rest: Tokens) -> Problem {
    let span = rest.here();
    let before = &source.text[..rest.before as usize];
    let start = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
    let last = Span { start: start as u32, end: rest.before };
    if let Some(problem) = rest.kind().and_then(|kind| misspelt_coordinate(source, last, kind)) {
        return problem;
    }
    let text = source.slice(span);
    let problem = Problem::new(Code("E0101"), format!("found `{text}` after the end of the statement"))
        .at(span.at(source.id), "the statement ended before it");
    match rest.kind() {
        Some(Kind::RParen | Kind::RBracket | Kind::RBrace) => {
            problem.help("remove it: it closes nothing").edit(span.at(source.id), "")
        }
        Some(Kind::Assign) => instead(problem, source, span, "=="),
        _ => {
            let all = span.to(rest.list[rest.list.len() - 1].span);
            problem
                .help("remove it, or join it with an operator such as `+` or `*`")
                .edit(Span { start: rest.before, end: all.end }.at(source.id), "")
        }
    }
}

/// `resolutoin 64`: a word that is nearly a coordinate, with a number, range or list behind it.
fn misspelt_coordinate(source: &Source, word: Span, next: Kind) -> Option<Problem> {
    if !matches!(next, Kind::Number | Kind::To | Kind::LBracket) {
        return None;
    }
    let text = source.slice(word);
    let near = nearest(text, Coord::ALL.map(Coord::text))?;
    (near != text).then(|| {
        let problem = Problem::new(
            Code("E0101"),
            format!("`{text}` is no coordinate, and something that it must lie in follows"),
        );
        instead(problem.at(word.at(source.id), "no coordinate is called this"), source, word, near)
    })
}

pub fn no_edition(source: &Source) -> Problem {
    let first = Span { start: 0, end: 0 };
    Problem::new(NO_EDITION, "the recipe does not say its edition")
        .at(first.at(source.id), "the first statement is missing")
        .help("begin the recipe with `blend 1`")
        .edit(first.at(source.id), "blend 1\n\n")
}

pub fn edition_not_first(source: &Source, span: Span) -> Problem {
    Problem::new(NO_EDITION, "the edition does not come first")
        .at(span.at(source.id), "must be the first statement, once")
        .help("move `blend 1` to the top")
        .edit(span.at(source.id), "")
        .edit(Span { start: 0, end: 0 }.at(source.id), "blend 1\n\n")
}

pub fn unknown_edition(source: &Source, edition: &Edition) -> Problem {
    let version = env!("CARGO_PKG_VERSION");
    Problem::new(
        UNKNOWN_EDITION,
        format!("edition {} is not known: this is blend {version}, which knows edition 1", edition.number),
    )
    .at(edition.span.at(source.id), "an edition of another version")
    .help("write `blend 1`, or install the version of blend that the recipe was written for")
    .edit(edition.span.at(source.id), "blend 1")
}

/// Whether a problem already speaks of the edition.
pub fn is_about_edition(problem: &Problem) -> bool {
    [NO_EDITION, UNKNOWN_EDITION].contains(&problem.code)
}
