//! Holds the parser to `grammar/blend.ebnf`: the grammar is closed, the parser takes random sentences of it, and it
//! refuses near misses.

mod sentences;

pub use sentences::Grammar;
pub use sentences::Random;
pub use sentences::Token;

use blend::text::Source;
use blend::text::SourceId;
use sentences::Rule;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const TEXT: &str = include_str!("../../grammar/blend.ebnf");
const README: &str = include_str!("../../grammar/README.md");

/// A sentence as text: one statement a line; a `(` behind a name stands on the next line, since it would be a call.
fn text(tokens: &[Token]) -> String {
    let mut out = String::new();
    for (at, token) in tokens.iter().enumerate() {
        let previous = at.checked_sub(1).map(|before| &tokens[before]);
        let glued = token.glued_to_previous || previous.is_none_or(|previous| previous.glued_to_next);
        out.push_str(match glued {
            true => "",
            false if token.begins_line => "\n",
            false if token.text == "(" => "\n  ",
            false => " ",
        });
        out.push_str(&token.text);
    }
    out
}

/// What is wrong with a text, if anything.
fn problems(text: &str) -> Vec<String> {
    let source = Source::new(SourceId(0), "test", text);
    blend::syntax::parse(&source).problems.iter().map(|problem| format!("{problem:?}")).collect()
}

#[track_caller]
fn check(text: &str, right: bool) {
    let found = problems(text);
    assert_eq!(found.is_empty(), right, "{text}\n{found:#?}");
}

#[test]
fn the_grammar_is_closed() {
    let grammar = Grammar::read();
    let defined: BTreeSet<&str> = grammar.productions.iter().map(|(name, _)| name.as_str()).collect();
    let mut used = BTreeSet::from(["file".to_string()]);
    let mut terminals = BTreeSet::new();
    for (_, rule) in &grammar.productions {
        rule.each(&mut |rule| match rule {
            Rule::Production(name) => drop(used.insert(name.clone())),
            Rule::Terminal(name) => drop(terminals.insert(name.clone())),
            _ => {}
        });
    }
    let used: BTreeSet<&str> = used.iter().map(String::as_str).collect();
    assert_eq!(defined, used, "defined and used");
    for terminal in terminals {
        assert!(README.contains(&format!("`{terminal}`")), "the README does not describe {terminal}");
    }
    for name in &defined {
        assert!(grammar.height.contains_key(*name), "{name} has no finite sentence");
    }
}

#[test]
fn each_production_names_its_node() {
    let tree = include_str!("../../src/syntax/ast.rs");
    for line in TEXT.lines().filter(|line| line.contains(" = ")) {
        let node = line.rsplit("(*").next().expect("one part").trim_end_matches("*)").trim();
        let node = node.split([';', ',']).next().expect("one part").trim();
        let last = node.rsplit("::").next().expect("one part").split('.').next().expect("one part");
        assert!(tree.contains(&format!(" {last}")), "`{node}` of `{line}` is not in the tree");
    }
}

#[test]
fn the_parser_takes_every_sentence() {
    let grammar = Grammar::read();
    let mut used = BTreeSet::new();
    for seed in 0..1500 {
        let mut random = Random(seed);
        let depth = 2 + random.below(26);
        let (tokens, productions) = grammar.sentence(&mut random, depth);
        check(&text(&tokens), true);
        used.extend(productions);
    }
    let all: BTreeSet<String> = grammar.productions.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(used, all, "every production is in some accepted sentence");
}

/// Without one bracket, one `=` or one `=>` no sentence is left.
#[test]
fn a_missing_sign_is_refused() {
    let grammar = Grammar::read();
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..60 {
        let mut random = Random(seed);
        let (tokens, _) = grammar.sentence(&mut random, 30);
        for at in 0..tokens.len() {
            let next = tokens.get(at + 1).map_or("", |token| token.text.as_str());
            let is_required = match tokens[at].text.as_str() {
                "(" | ")" | "[" | "]" | "{" | "}" | "=>" => true,
                // `f(a = -b)`, `f(a = ..b)` and `f(not = b)` are right without it, and mean another thing.
                "=" => !matches!(next, "-" | "..") && tokens[at - 1].text != "not",
                "as" | "in" | "where" => false,
                text => text.ends_with('('),
            };
            if is_required && random.below(6) == 0 {
                let mut fewer = tokens.clone();
                let sign = fewer.remove(at).text;
                let text = text(&fewer);
                assert!(!problems(&text).is_empty(), "without `{sign}` before `{next}`:\n{text}");
                *tried.entry(sign).or_default() += 1;
            }
        }
    }
    for sign in ["(", ")", "[", "]", "{", "}", "=>", "="] {
        assert!(tried.get(sign).is_some_and(|count| *count > 5), "{sign}: {tried:?}");
    }
}

/// For each production: a text that it makes, and texts that it nearly makes.
#[test]
fn near_misses_are_refused() {
    const CASES: &[(&str, &str, &[&str])] = &[
        ("file", "blend 1\nlet a = 1\n", &["let a = 1\n", "blend 1\nblend 1\n", "let a = 1\nblend 1\n"]),
        ("edition", "blend 1", &["blend", "blend one", "blend 2", "blend 1 1", "blend -1"]),
        ("statement", "let a = 1", &["a = 1", "  let a = 1", "let a = 1 let b = 2", "1", "Let a = 1"]),
        (
            "use",
            "use \"p\" as a { b = 1 }",
            &["use p as a", "use \"p\" a", "use \"p\" as", "use \"p\" as in", "use \"p\" as a.b"],
        ),
        (
            "model",
            "model a = \"p\" { b = 1 }",
            &["model = \"p\"", "model a \"p\"", "model a = p", "model a = \"p\" \"q\"", "model std = \"p\""],
        ),
        ("lora", "lora a = \"p\"", &["lora a", "lora a = 1", "lora a = \"p\" b = 1"]),
        (
            "channels",
            "channels a = { \"b\" = [1, 2..3] }",
            &["channels a = [1]", "channels a { }", "channels a = { } { }"],
        ),
        ("param", "param a = 1 in 0..1", &["param a in 0..1", "param a = 1 in", "param a = 1 0..1", "param a = 1 < 2"]),
        ("let", "let a = b", &["let a b", "let = b", "let a =", "let layer = b", "let a == b", "let a.b = c"]),
        (
            "fn",
            "fn f(a, b = 1,) = a",
            &["fn f (a) = a", "fn f = a", "fn f(a = a", "fn f(1) = a", "fn f(,) = 1", "fn f(a)"],
        ),
        ("named", "pattern a = b", &["pattern a b", "pattern a = 1", "pattern = b", "pattern a = [b]"]),
        (
            "output",
            "output \"p\" = a { b = c }",
            &["output p = a", "output \"p\" a", "output = a", "output \"p\" = { b = c }"],
        ),
        ("assert", "assert a where b", &["assert", "assert a = b", "assert where b"]),
        ("fnparam", "fn f(a = 1) = a", &["fn f(a 1) = a", "fn f(a =) = a", "fn f(\"a\") = 1", "fn f(if) = 1"]),
        ("expr", "let a = b where c", &["let a = b where", "let a = b where 1", "let a = b where c where d"]),
        ("disj", "let a = b or c", &["let a = b or", "let a = or c", "let a = b or or c"]),
        ("conj", "let a = b and c", &["let a = b and", "let a = and c", "let a = b c"]),
        ("neg", "let a = not not b", &["let a = not", "let a = b not", "let a = b == not c"]),
        ("cmp", "let a = b <= c", &["let a = b <=", "let a = b < c < d", "let a = b == c == d", "let a = b =< c"]),
        ("range", "let a = [1..2, 1.., ..2]", &["let a = 1..2..3", "let a = 1.. 2", "let a = .. 2", "let a = [..]"]),
        ("sum", "let a = b + c - d", &["let a = b +", "let a = + b", "let a = b - * c"]),
        ("prod", "let a = b * c / d", &["let a = b *", "let a = * b", "let a = b // c", "let a = b ** c"]),
        ("unary", "let a = - -b", &["let a = -", "let a = -not b"]),
        (
            "primary",
            "let a = true",
            &["let a = else", "let a = maybe", "let a = }", "let a = True", "let a = 1.", "let a = .5"],
        ),
        (
            "path",
            "let a = std.b.c",
            &["let a = .b", "let a = b.", "let a = b..c.", "let a = b.1", "let a = b .c", "let a = layer.b"],
        ),
        ("paren", "let a = (b)", &["let a = ()", "let a = (b, c)", "let a = (b", "let a = b)", "let a = (b]"]),
        (
            "call",
            "let a = f(b, c,)",
            &["let a = f(,)", "let a = f(b,,c)", "let a = f(b c)", "let a = f(b", "let a = f(b; c)"],
        ),
        (
            "callee",
            "let a = b.f()",
            &["let a = f ()", "let a = b.f ()", "let a = true()", "let a = layer(1)", "let a = \"f\"()"],
        ),
        (
            "arg",
            "let a = f(b { c = 1 }, d = e { g = 2 })",
            &["let a = f(\"b\" = c)", "let a = f(b = c = d)", "let a = f({ c = 1 })", "let a = f(b: c)"],
        ),
        ("list", "let a = [b, c,]", &["let a = [,]", "let a = [b c]", "let a = [b", "let a = [b)", "let a = b]"]),
        ("item", "let a = [1: 2, 3]", &["let a = [1:]", "let a = [: 2]", "let a = [1: 2: 3]", "let a = [1 = 2]"]),
        (
            "block",
            "model a = \"p\" { b = 1, c = 2, }",
            &["model a = \"p\" { b = 1 c = 2 }", "model a = \"p\" {,}", "model a = \"p\" { b = 1"],
        ),
        (
            "option",
            "model a = \"p\" { in = { \"b\" = 1 } }",
            &[
                "model a = \"p\" { b }",
                "model a = \"p\" { b: 1 }",
                "model a = \"p\" { 1 = b }",
                "model a = \"p\" { b = }",
                "model a = \"p\" { b.c = 1 }",
            ],
        ),
        (
            "match",
            "let a = match { b => 1 else => 2 }",
            &["let a = match b", "let a = match b { }", "let a = match { b => 1", "let a = match { 1 }"],
        ),
        (
            "arm",
            "let a = match { maybe b => 1, else => 2 }",
            &[
                "let a = match { b 1 }",
                "let a = match { b => }",
                "let a = match { maybe else => 1 }",
                "let a = match { b = 1 }",
                "let a = match { => 1 }",
                "let a = match { b => 1,, }",
            ],
        ),
        ("pattern", "pattern a = b or c", &["pattern a = b or", "pattern a = or b", "pattern a = b || c"]),
        ("pconj", "pattern a = b and c", &["pattern a = b and", "pattern a = b c", "pattern a = b and and c"]),
        ("pneg", "pattern a = not not b", &["pattern a = not", "pattern a = b not c", "pattern a = !b"]),
        ("patom", "pattern a = (b)", &["pattern a = true", "pattern a = *", "pattern a = f(b)", "pattern a = 4"]),
        ("glob", "pattern a = \"b.*\"", &["pattern a = b.*", "pattern a = \"b", "pattern a = \"b\" \"c\""]),
        ("regex", "pattern a = regex 'b'", &["pattern a = regex", "pattern a = regex b", "pattern a = regex = 'b'"]),
        (
            "coord",
            "pattern a = layer [1, 2..]",
            &["pattern a = layer", "pattern a = layer == 1", "pattern a = layer < 4", "pattern a = layer in 4..8"],
        ),
        (
            "group",
            "pattern a = (b or c)",
            &["pattern a = ()", "pattern a = (b", "pattern a = b)", "pattern a = (b, c)"],
        ),
    ];
    for (name, right, wrong) in CASES {
        let whole = |text: &str| match *name {
            "file" | "edition" => text.to_string(),
            _ => format!("blend 1\n{text}\n"),
        };
        check(&whole(right), true);
        wrong.iter().for_each(|text| check(&whole(text), false));
    }
    let listed: BTreeSet<&str> = CASES.iter().map(|(name, ..)| *name).collect();
    let grammar = Grammar::read();
    assert_eq!(listed, grammar.productions.iter().map(|(name, _)| name.as_str()).collect::<BTreeSet<&str>>());
}
