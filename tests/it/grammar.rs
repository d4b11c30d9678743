//! Holds the parser to `grammar/blend.ebnf`: the grammar is closed, the parser takes random sentences of it, and it
//! refuses near misses.

use blend::syntax::token::is_reserved;
use blend::text::Source;
use blend::text::SourceId;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const TEXT: &str = include_str!("../../grammar/blend.ebnf");
const README: &str = include_str!("../../grammar/README.md");
const COORDS: [&str; 7] = ["resolution", "octave", "position", "layer", "depth", "block", "head"];

/// The right side of a production.
enum Rule {
    Literal(String),
    Terminal(String),
    Production(String),
    Sequence(Vec<Rule>),
    Choice(Vec<Rule>),
    Optional(Box<Rule>),
    Repeated(Box<Rule>),
}

pub struct Grammar {
    productions: Vec<(String, Rule)>,
    /// Levels that a sentence of a production needs.
    height: BTreeMap<String, usize>,
}

/// A token of a sentence.
#[derive(Clone, Debug)]
pub struct Token {
    pub text: String,
    pub glued_to_previous: bool,
    pub glued_to_next: bool,
    pub begins_line: bool,
}

/// SplitMix64: the tests say their seed when they fail.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn pick<'l>(&mut self, list: &[&'l str]) -> &'l str {
        list[self.below(list.len())]
    }
}

/// The signs and words of an EBNF text.
fn ebnf_tokens(text: &str) -> Vec<String> {
    let mut tokens = vec![];
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let taken = if rest.starts_with("(*") {
            rest.find("*)").expect("a comment ends") + 2
        } else if let Some(after) = rest.strip_prefix('"') {
            after.find('"').expect("a literal ends") + 2
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())
        } else {
            1
        };
        if !rest.starts_with("(*") {
            tokens.push(rest[..taken].to_string());
        }
        rest = rest[taken..].trim_start();
    }
    tokens
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<String>>,
}

impl Reader {
    fn next_is(&mut self, text: &str) -> bool {
        self.tokens.peek().is_some_and(|token| token == text)
    }

    fn expect(&mut self, text: &str) {
        assert_eq!(self.tokens.next().as_deref(), Some(text), "the grammar is ill-formed");
    }

    fn choice(&mut self) -> Rule {
        let mut choices = vec![self.sequence()];
        while self.next_is("|") {
            self.expect("|");
            choices.push(self.sequence());
        }
        if choices.len() == 1 { choices.remove(0) } else { Rule::Choice(choices) }
    }

    fn sequence(&mut self) -> Rule {
        let mut parts = vec![];
        while !["|", ")", "]", "}", ";"].iter().any(|end| self.next_is(end)) {
            parts.push(self.part());
        }
        assert!(!parts.is_empty(), "an empty alternative");
        if parts.len() == 1 { parts.remove(0) } else { Rule::Sequence(parts) }
    }

    fn part(&mut self) -> Rule {
        let token = self.tokens.next().expect("the grammar goes on");
        let bracketed = |reader: &mut Reader, close: &str| {
            let inner = reader.choice();
            reader.expect(close);
            inner
        };
        match token.as_str() {
            "(" => bracketed(self, ")"),
            "[" => Rule::Optional(Box::new(bracketed(self, "]"))),
            "{" => Rule::Repeated(Box::new(bracketed(self, "}"))),
            text if text.starts_with('"') => Rule::Literal(text.trim_matches('"').to_string()),
            text if text.chars().all(|c| c.is_ascii_uppercase()) => Rule::Terminal(text.to_string()),
            text if text.chars().all(|c| c.is_ascii_lowercase()) => Rule::Production(text.to_string()),
            other => panic!("`{other}` has no meaning in the grammar"),
        }
    }
}

impl Rule {
    fn each(&self, visit: &mut impl FnMut(&Rule)) {
        visit(self);
        match self {
            Rule::Sequence(parts) | Rule::Choice(parts) => parts.iter().for_each(|part| part.each(visit)),
            Rule::Optional(inner) | Rule::Repeated(inner) => inner.each(visit),
            Rule::Literal(_) | Rule::Terminal(_) | Rule::Production(_) => {}
        }
    }

    /// Levels that the shortest sentence needs, where they are known.
    fn height(&self, known: &BTreeMap<String, usize>) -> Option<usize> {
        match self {
            Rule::Literal(_) | Rule::Terminal(_) | Rule::Optional(_) | Rule::Repeated(_) => Some(0),
            Rule::Production(name) => known.get(name).map(|height| height + 1),
            Rule::Sequence(parts) => {
                parts.iter().map(|part| part.height(known)).try_fold(0, |all, part| Some(all.max(part?)))
            }
            Rule::Choice(parts) => parts.iter().filter_map(|part| part.height(known)).min(),
        }
    }
}

impl Grammar {
    pub fn read() -> Grammar {
        let mut reader = Reader { tokens: ebnf_tokens(TEXT).into_iter().peekable() };
        let mut productions: Vec<(String, Rule)> = vec![];
        while let Some(name) = reader.tokens.next() {
            reader.expect("=");
            let rule = reader.choice();
            reader.expect(";");
            assert!(productions.iter().all(|(other, _)| *other != name), "{name} is defined twice");
            productions.push((name, rule));
        }
        let mut height = BTreeMap::new();
        for _ in 0..productions.len() {
            for (name, rule) in &productions {
                if let Some(found) = rule.height(&height) {
                    height.insert(name.clone(), found);
                }
            }
        }
        Grammar { productions, height }
    }

    fn rule(&self, name: &str) -> &Rule {
        self.productions.iter().find(|(other, _)| other == name).map(|(_, rule)| rule).expect("a closed grammar")
    }

    /// A random file, and the productions that made it.
    pub fn sentence(&self, random: &mut Random, depth: usize) -> (Vec<Token>, BTreeSet<String>) {
        let mut maker = Maker { grammar: self, random, tokens: vec![], used: BTreeSet::new() };
        maker.production("file", depth);
        (maker.tokens, maker.used)
    }
}

struct Maker<'g> {
    grammar: &'g Grammar,
    random: &'g mut Random,
    tokens: Vec<Token>,
    used: BTreeSet<String>,
}

impl Maker<'_> {
    fn production(&mut self, name: &str, depth: usize) {
        self.used.insert(name.to_string());
        let at = self.tokens.len();
        self.make(self.grammar.rule(name), depth);
        if matches!(name, "edition" | "statement") {
            self.tokens[at].begins_line = true;
        }
    }

    fn make(&mut self, rule: &Rule, depth: usize) {
        let fits = |rule: &Rule| rule.height(&self.grammar.height).is_some_and(|height| height <= depth);
        match rule {
            Rule::Literal(text) => self.push(text.clone()),
            Rule::Terminal(name) => self.terminal(name),
            Rule::Production(name) => self.production(name, depth.saturating_sub(1)),
            Rule::Sequence(parts) => parts.iter().for_each(|part| self.make(part, depth)),
            Rule::Choice(parts) => {
                let mut able: Vec<&Rule> = parts.iter().filter(|part| fits(part)).collect();
                if able.is_empty() {
                    able.extend(parts.iter().min_by_key(|part| part.height(&self.grammar.height).unwrap_or(usize::MAX)));
                }
                let is_prefix = matches!(able[0], Rule::Sequence(parts) if matches!(&parts[0], Rule::Literal(_)));
                // `not not not - - - 1` teaches little.
                let from = usize::from(able.len() == 2 && is_prefix && self.random.below(4) > 0);
                let chosen = from + self.random.below(able.len() - from);
                self.make(able[chosen], depth);
            }
            Rule::Optional(inner) => {
                if fits(inner) && self.random.below(3) == 0 {
                    self.make(inner, depth);
                }
            }
            Rule::Repeated(inner) => {
                let most = if depth > 14 { 4 } else { 2 };
                let many = if fits(inner) { self.random.below(most) } else { 0 };
                (0..many).for_each(|_| self.make(inner, depth));
            }
        }
    }

    fn push(&mut self, text: impl Into<String>) {
        self.tokens.push(Token {
            text: text.into(),
            glued_to_previous: false,
            glued_to_next: false,
            begins_line: false,
        });
    }

    fn name(&mut self) -> &'static str {
        let name = self.random.pick(&["faces", "a", "strength_2", "f16", "_x", "mix", "match_", "conv0", "e5", "mapping"]);
        assert!(!is_reserved(name));
        name
    }

    fn terminal(&mut self, name: &str) {
        let text = match name {
            "NUMBER" if self.tokens.len() == 1 => "1".to_string(),
            "NUMBER" => self.random.pick(&["0", "1", "16", "0.5", "1e-3", "2.50E+7", "100000000000000000000", "007"]).into(),
            "STRING" => self.random.pick(&["\"\"", "\"b*.conv{0,1}\"", "'\\d+ \"#'", "\"a \\\" # \\\\\"", "\"f16\"", "\"é\""]).into(),
            "NAME" => self.name().into(),
            "WORD" => match self.random.below(3) {
                0 => self.random.pick(&["layer", "match", "model", "in", "dtype", "not", "let"]).into(),
                _ => self.name().into(),
            },
            "COORD" => self.random.pick(&COORDS).into(),
            "CALL" => {
                let may_be_if = self.tokens.last().is_some_and(|token| token.text != "fn");
                let name = if may_be_if && self.random.below(8) == 0 { "if" } else { self.name() };
                format!("{name}(")
            }
            "TO" | "OPEN" => "..".into(),
            "DOT" => ".".into(),
            other => panic!("{other} is no token"),
        };
        self.push(text);
        let token = self.tokens.last_mut().expect("just pushed");
        token.glued_to_next = matches!(name, "TO" | "DOT");
        token.glued_to_previous = name == "DOT";
    }
}

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
    for seed in 0..300 {
        let mut random = Random(seed);
        let (tokens, _) = grammar.sentence(&mut random, 24);
        for at in 0..tokens.len() {
            let next = tokens.get(at + 1).map_or("", |token| token.text.as_str());
            let is_required = match tokens[at].text.as_str() {
                "(" | ")" | "[" | "]" | "{" | "}" | "=>" => true,
                // `f(a = -b)` and `f(a = ..b)` are right without it, and mean another thing.
                "=" => !matches!(next, "-" | ".."),
                "as" | "in" | "where" => false,
                text => text.ends_with('('),
            };
            if is_required && random.below(4) == 0 {
                let mut fewer = tokens.clone();
                let sign = fewer.remove(at).text;
                check(&text(&fewer), false);
                *tried.entry(sign).or_default() += 1;
            }
        }
    }
    for sign in ["(", ")", "[", "]", "{", "}", "=>", "="] {
        assert!(tried.get(sign).is_some_and(|count| *count > 20), "{sign}: {tried:?}");
    }
}
