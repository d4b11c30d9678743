//! Reads an EBNF text and makes random sentences of it.

use blend::syntax::token::is_reserved;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const TEXT: &str = include_str!("../../../grammar/blend.ebnf");
const COORDS: [&str; 7] = ["resolution", "octave", "position", "layer", "depth", "block", "head"];

/// The right side of a production.
pub enum Rule {
    Literal(String),
    Terminal(String),
    Production(String),
    Sequence(Vec<Rule>),
    Choice(Vec<Rule>),
    Optional(Box<Rule>),
    Repeated(Box<Rule>),
}

pub struct Grammar {
    pub productions: Vec<(String, Rule)>,
    /// Levels that a sentence of a production needs.
    pub height: BTreeMap<String, usize>,
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
    pub fn each(&self, visit: &mut impl FnMut(&Rule)) {
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
        let mut maker = Maker { grammar: self, random, tokens: vec![], used: BTreeSet::from(["file".to_string()]) };
        maker.production("edition", depth);
        // `file`, except that no time is spent on empty ones.
        for _ in 0..1 + maker.random.below(3) {
            maker.production("statement", depth);
        }
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
                    able.extend(
                        parts.iter().min_by_key(|part| part.height(&self.grammar.height).unwrap_or(usize::MAX)),
                    );
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
                // Arms are what a `match` is about; operators would fill the whole sentence.
                let many = match **inner {
                    _ if !fits(inner) => 0,
                    Rule::Production(_) => self.random.below(4),
                    _ => self.random.below(3).saturating_sub(1) * (1 + self.random.below(2)),
                };
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
        let name =
            self.random.pick(&["faces", "a", "strength_2", "f16", "_x", "mix", "match_", "conv0", "e5", "mapping"]);
        assert!(!is_reserved(name));
        name
    }

    fn terminal(&mut self, name: &str) {
        let text = match name {
            "NUMBER" if self.tokens.len() == 1 => "1".to_string(),
            "NUMBER" => {
                self.random.pick(&["0", "1", "16", "0.5", "1e-3", "2.50E+7", "100000000000000000000", "007"]).into()
            }
            "STRING" => self
                .random
                .pick(&["\"\"", "\"b*.conv{0,1}\"", "'\\d+ \"#'", "\"a \\\" # \\\\\"", "\"f16\"", "\"é\""])
                .into(),
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
