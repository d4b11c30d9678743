//! Reading on behind a mistake inside of brackets, so that one arm or one item does not hide those behind it.
//!
//! Only where brackets pair up: a statement whose brackets do not is given up at its first mistake, since everything
//! behind that would be guesswork.

use super::expect::Failure;
use super::expect::Slip;
use super::expect::Tokens;
use super::token::Kind;

/// Mistakes of one statement that are told apart; what comes behind them is left to the next run.
const MOST: usize = 20;

type Mend<'t> = Result<Tokens<'t>, nom::Err<Failure>>;

/// Behind a broken item of a list, a call or a block: at the next item, or at the closing bracket.
pub fn item(start: Tokens, close: Kind, error: nom::Err<Failure>) -> Mend {
    read_on(start, error, |_, _, kind| match kind {
        Kind::Comma => Some(true),
        kind if kind == close => Some(false),
        _ => None,
    })
}

/// Behind a broken arm: at the next line that holds an arm, or at the closing brace.
pub fn arm(start: Tokens, error: nom::Err<Failure>) -> Mend {
    read_on(start, error, |before, i, kind| (kind == Kind::RBrace || begins_arm(before, i)).then_some(false))
}

/// Records the failure and goes on at the first token behind it, outside of brackets, that `ends` knows; it says
/// whether to pass over it.
fn read_on<'t>(
    start: Tokens<'t>,
    error: nom::Err<Failure>,
    ends: impl Fn(Tokens<'t>, Tokens<'t>, Kind) -> Option<bool>,
) -> Mend<'t> {
    let (nom::Err::Error(failure) | nom::Err::Failure(failure)) = &error else { return Err(error) };
    let is_limit = matches!(failure.slip, Slip::TooDeep | Slip::TooHigh);
    if is_limit || failure.left == 0 || start.mended.borrow().len() + 1 >= MOST {
        return Err(error);
    }
    let mut open: Vec<Kind> = vec![];
    let (mut before, mut i) = (start, start);
    while let Some(kind) = i.kind() {
        // Each end is behind where the part began, so that reading on comes to an end itself.
        if open.is_empty()
            && i.list.len() <= failure.left
            && let Some(passes) = ends(before, i, kind)
            && (passes || i.list.len() < start.list.len())
        {
            start.mended.borrow_mut().push(failure.clone());
            let i = if passes { i.skip(1) } else { i };
            return Ok(Tokens { depth: start.depth, height: 0, ..i });
        }
        match kind {
            Kind::LParen | Kind::LBracket | Kind::LBrace => open.push(kind),
            Kind::RParen | Kind::RBracket | Kind::RBrace if open.pop() != partner(kind) => return Err(error),
            _ => {}
        }
        (before, i) = (i, i.skip(1));
    }
    Err(error)
}

fn partner(close: Kind) -> Option<Kind> {
    match close {
        Kind::RParen => Some(Kind::LParen),
        Kind::RBracket => Some(Kind::LBracket),
        Kind::RBrace => Some(Kind::LBrace),
        _ => None,
    }
}

/// Whether a token is the first of its line and begins an arm: a `=>` stands on that line outside of brackets, or the
/// token can begin a pattern and the one before it ends a value.
fn begins_arm(before: Tokens, i: Tokens) -> bool {
    let here = i.here().start as usize;
    if !i.text[i.before as usize..here].contains('\n') {
        return false;
    }
    let joins = |i: Tokens| ["and", "or", "not", "in", "where", "maybe", "regex"].iter().any(|word| i.is_word(word));
    let ends_value = match before.kind() {
        Some(Kind::Word) => !joins(before),
        Some(kind) => matches!(kind, Kind::Number | Kind::Text | Kind::RParen | Kind::RBracket | Kind::RBrace),
        None => false,
    };
    let begins_pattern = match i.kind() {
        Some(Kind::Word) => i.is_word("not") || i.is_word("maybe") || i.is_word("regex") || !joins(i),
        kind => kind == Some(Kind::Text),
    };
    if ends_value && begins_pattern {
        return true;
    }
    let mut depth = 0_u32;
    let mut before = here;
    for token in i.list {
        let is_next_line = i.text[before..token.span.start as usize].contains('\n');
        match token.kind {
            _ if is_next_line => return false,
            Kind::Arrow if depth == 0 => return true,
            Kind::LParen | Kind::LBracket | Kind::LBrace => depth += 1,
            Kind::RParen | Kind::RBracket | Kind::RBrace if depth == 0 => return false,
            Kind::RParen | Kind::RBracket | Kind::RBrace => depth -= 1,
            _ => {}
        }
        before = token.span.end as usize;
    }
    false
}

#[cfg(test)]
mod tests {
    use crate::text::Source;
    use crate::text::SourceId;

    /// The lines of the mistakes of a text, each of which ends in `# !` there.
    #[track_caller]
    fn check(text: &str) {
        let source = Source::new(SourceId(0), "test", format!("blend 1\n{text}"));
        let parsed = crate::syntax::parse(&source);
        let line = |offset: u32| source.line_column(offset).0;
        let found: Vec<usize> = parsed.problems.sorted().iter().map(|p| line(p.labels[0].site.span.start)).collect();
        let marked = |line: &str| line.ends_with("# !");
        let lines = source.text.lines().enumerate();
        let expected: Vec<usize> = lines.filter(|(_, line)| marked(line)).map(|(at, _)| at + 1).collect();
        let messages: Vec<&str> = parsed.problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(found, expected, "{text}\n{messages:#?}");
    }

    #[test]
    fn one_mistake_is_one_problem() {
        check("let a = match {\n  conv0 = 1 # !\n  conv1 => 2\n  conv2 3 # !\n  else => * # !\n}\nlet b = # !\n");
        check("let a = match {\n  5 => 1 # !\n  f(x) => 1 # !\n  not => 2 # !\n  else => 3\n}\n");
        check("let a = match {\n  conv0 =>\n  conv1 => 2 # !\n  conv2 or => 3 # !\n  else => 4\n}\n");
        check("let a = match {\n  a => match {\n    b = 1 # !\n    c 2 # !\n    else => 3\n  }\n  d 4 # !\n}\n");
        check("model a = \"a\" {\n  b: 1, # !\n  c = 2,\n  d 3, # !\n  5, # !\n}\n");
        check("let a = f(\n  b c, # !\n  [1 2, 3], # !\n  g (x), # !\n  1 < 2 < 3, # !\n)\n");
        check("let a = f([1, 2], {) # !\nlet b = [1, 2 # !\nlet c = a b # !\n");
        check("let a = [1,, 2] # !\nlet b = [(1, 2), 3] # !\n");
    }

    #[test]
    fn brackets_that_do_not_pair_up_end_the_statement() {
        check("let a = match {\n  a => 1\n  b => (2\n  c => 3 # !\n  d = 4\n}\nlet b = # !\n");
        check("let a = f(b, [1, 2) # !\nlet b = # !\n");
    }
}
