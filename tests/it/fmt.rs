//! The formatter: pairs of files, and its laws on random recipes with comments in every gap.

use crate::grammar::Grammar;
use crate::grammar::Random;
use crate::grammar::Token;
use blend::fmt::Gaps;
use blend::fmt::same_tree;
use blend::syntax::Parsed;
use blend::text::Source;
use blend::text::SourceId;
use proptest::prelude::*;
use similar::TextDiff;
use std::fmt::Write;
use std::path::Path;

fn parsed(text: &str) -> (Source, Parsed) {
    let source = Source::new(SourceId(0), "test", text);
    let parsed = blend::syntax::parse(&source);
    (source, parsed)
}

#[track_caller]
fn formatted(text: &str) -> String {
    let (source, parsed) = parsed(text);
    blend::fmt::format(&source, &parsed).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

#[track_caller]
fn same(name: &str, found: &str, expected: &str) {
    let diff = TextDiff::from_lines(expected, found);
    assert!(found == expected, "{name}\n{}", diff.unified_diff().header("expected", "found"));
}

/// One pair: the first text formatted is the second one, and the second one stays as it is.
#[track_caller]
fn check(name: &str, input: &str, expected: &str) {
    same(name, &formatted(input), expected);
    laws(input);
    laws(expected);
}

/// Nothing is lost, the tree stays, twice is once, no two blank lines in a row, no line ends in a blank.
#[track_caller]
fn laws(text: &str) {
    let out = formatted(text);
    let ((before, tree), (after, again)) = (parsed(text), parsed(&out));
    let comments = |source: &Source, parsed: &Parsed| -> Vec<String> {
        Gaps::new(source, &parsed.tokens).1.all().map(String::from).collect()
    };
    assert_eq!(comments(&before, &tree), comments(&after, &again), "comments of\n{text}\nbecame\n{out}");
    assert!(same_tree(&tree.file, &again.file), "the tree changed:\n{text}\n->\n{out}");
    same("twice", &formatted(&out), &out);
    assert!(!out.contains("\n\n\n") && !out.starts_with('\n'), "blank lines in\n{out}");
    assert!(out.ends_with('\n') && !out.ends_with("\n\n"), "the end of\n{out}");
    assert!(!out.contains(['\r', '\u{feff}', '\t']), "foreign blanks in\n{out}");
    assert!(out.lines().all(|line| !line.ends_with(' ')), "blanks at an end of\n{out}");
}

#[test]
fn pairs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fmt");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("tests/fmt") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_string();
        let Some(stem) = name.strip_suffix(".in.blend") else {
            assert!(name.ends_with(".out.blend"), "{name} is no half of a pair");
            continue;
        };
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        check(&name, &read(&path), &read(&folder.join(format!("{stem}.out.blend"))));
        count += 1;
    }
    assert!(count >= 10, "{count} pairs");
}

#[test]
fn std_is_formatted() {
    let text = include_str!("../../src/std/std.blend");
    check("std", text, text);
}

#[test]
fn a_text_that_does_not_parse_is_refused() {
    #[track_caller]
    fn check(text: &str) {
        let (source, parsed) = parsed(text);
        let problems = blend::fmt::format(&source, &parsed).expect_err(text);
        assert!(problems.has_errors(), "{text}");
    }
    for text in ["", "let x = 1\n", "blend 1\nlet x = \n", "blend 1\nlet x = 1.\n", "blend 2\n", "blend 1 // two\n"] {
        check(text);
    }
}

/// A sentence as text, with any blanks between the tokens, and comments at up to every gap.
fn scattered(tokens: &[Token], random: &mut Random) -> String {
    let comments = random.below(4);
    let mut out = String::new();
    let mut number = 0;
    for (at, token) in tokens.iter().enumerate() {
        let previous = at.checked_sub(1).map(|before| &tokens[before]);
        if token.begins_line {
            if at > 0 {
                gap(&mut out, random, comments, &mut number, true);
            }
        } else if let Some(previous) = previous
            && !previous.glued_to_next
            && !token.glued_to_previous
        {
            gap(&mut out, random, comments, &mut number, false);
            // On one line with a name, the bracket would be that of a call.
            if token.text == "(" {
                out.push_str("\n  ");
            }
        }
        out.push_str(&token.text);
    }
    gap(&mut out, random, comments, &mut number, true);
    out
}

/// Blanks, newlines and comments; ends in a line start, or indented where the statement goes on.
fn gap(out: &mut String, random: &mut Random, comments: usize, number: &mut usize, line_start: bool) {
    let indent = ["  ", " ", "\t", "      "][random.below(4)];
    let newline = ["\n", "\n", "\r\n", "\n\n", "\n \n\n"];
    let many = match comments {
        0 => 0,
        1 => usize::from(random.below(8) == 0),
        2 => usize::from(random.below(2) == 0),
        _ => 1 + random.below(2),
    };
    for _ in 0..many {
        match random.below(3) {
            0 => out.push_str(newline[random.below(newline.len())]),
            1 => out.push_str(indent),
            _ => {}
        }
        *number += 1;
        let blanks = ["", " ", "\t "][random.below(3)];
        let _ = write!(out, "#{} {number} ( \" {blanks}", ["", " let x = 1"][random.below(2)]);
        out.push('\n');
        if random.below(2) == 0 {
            out.push_str(indent);
        }
    }
    match (line_start, random.below(3)) {
        (true, _) => out.push_str(newline[random.below(newline.len())]),
        (false, 0) => {
            out.push_str(newline[random.below(newline.len())]);
            out.push_str(indent);
        }
        (false, _) => out.push_str(indent),
    }
}

/// Deep or long texts are refused or formatted at once, on the small stack of a thread.
#[test]
fn bombs() {
    #[track_caller]
    fn check(text: String) {
        let (source, parsed) = parsed(&text);
        assert!(parsed.problems.has_errors() && parsed.problems.iter().count() <= 525, "{}", &text[..60]);
        drop(parsed);
        drop(source);
    }
    for part in ["(", "-", "not ", "[", "match {"] {
        check(format!("blend 1\nlet a = {}", part.repeat(200_000)));
    }
    let bomb = |before: &str, part: &str| check(format!("blend 1\n{before}{}", part.repeat(10_000)));
    for part in ["[1,", "match { a => ", "f(", "f(a=", "1+", "1*", "1 or ", "1 where a "] {
        bomb("let a = ", part);
    }
    for part in ["(", "not ", "a or ", "a and ", "layer (", "layer [", "layer -", "layer 1+"] {
        bomb("pattern a = ", part);
    }
    for part in ["{ a = ", "{ a = [", "{", "}", "a", ","] {
        bomb("model a = 'p' ", part);
    }
    for part in ["1.", "@ ", ";", "let a = \n", "A ", "\"\n", "blend 1\n", ")", "x.", "..", "match { a\n", "a\n"] {
        for before in ["", "let a = [", "let a = match {\n"] {
            bomb(before, part);
        }
    }
    // Closed as well: the trees exist, as far as they are allowed to.
    for (open, close) in [("(", ")"), ("[", "]"), ("f(", ")"), ("match { else => ", "}"), ("- ", ""), ("1+", "")] {
        check(format!("blend 1\nlet a = {}1{}\n", open.repeat(10_000), close.repeat(10_000)));
    }
}

/// As deep and as high as the language allows, on a thread with the stack of `blend`'s own.
#[test]
fn the_largest_trees_are_formatted() {
    let worker = std::thread::Builder::new().stack_size(256 << 20).spawn(largest_trees).expect("a thread");
    worker.join().expect("the laws hold");
}

fn largest_trees() {
    let chain = vec!["b"; 1001].join(" + ");
    laws(&format!("blend 1\nlet a = {chain}\n"));
    laws(&format!("blend 1\npattern a = {}\n", vec!["b"; 1001].join(" or ")));
    for (open, close) in [("(", ")"), ("[", "]"), ("f(", ")"), ("match { else => ", "}"), ("-", ""), ("not ", "")] {
        laws(&format!("blend 1\nlet a = {}{chain}{}\n", open.repeat(95), close.repeat(95)));
    }
}

const SOUP: [&str; 64] = [
    "let", "model", "output", "pattern", "assert", "fn", "use", "param", "channels", "blend", "match", "else", "maybe",
    "where", "and", "or", "not", "in", "as", "true", "regex", "if", "std", "layer", "a", "b", "f(", "a.", "(", ")",
    "[", "]", "{", "}", ",", ":", "=", "=>", "==", "<", "+", "-", "*", "/", "..", "1", "0.5", "1.", ".5", "\"s\"",
    "'r'", "\"", "\n", "\n", "\n  ", "# c\n", "&&", "||", "!", ";", "->", "@", "A", "\u{e9}",
];

proptest! {
    #[test]
    fn laws_hold(seed: u64, depth in 8usize..36) {
        let grammar = Grammar::read();
        let mut random = Random(seed);
        let (tokens, _) = grammar.sentence(&mut random, depth);
        laws(&scattered(&tokens, &mut random));
    }

    #[test]
    fn any_soup_of_tokens_is_read(seed: u64, length in 0usize..120, blanks: bool) {
        let mut random = Random(seed);
        let mut text = String::from("blend 1\nlet a = ");
        for _ in 0..length {
            text.push_str(SOUP[random.below(SOUP.len())]);
            text.push_str(if blanks { " " } else { "" });
        }
        let (source, parsed) = parsed(&text);
        let joined: String = parsed.tokens.iter().map(|token| source.slice(token.span)).collect();
        prop_assert_eq!(joined, text);
        for problem in parsed.problems.iter() {
            let sites = problem.labels.iter().map(|label| label.site).chain(problem.fix.iter().map(|edit| edit.site));
            for site in sites {
                prop_assert!(source.text.get(site.span.range()).is_some(), "{problem:?} in {}", source.text);
            }
        }
        if let Ok(out) = blend::fmt::format(&source, &parsed) {
            same("twice", &formatted(&out), &out);
        }
    }

    #[test]
    fn any_text_is_formatted_or_refused(text in "\\PC*|(blend 1\n)?[a-z0-9.\"'{}()\\[\\]=>#/ \n,-]*") {
        let (source, parsed) = parsed(&text);
        if let Ok(out) = blend::fmt::format(&source, &parsed) {
            same("twice", &formatted(&out), &out);
        }
    }
}
