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

proptest! {
    #[test]
    fn laws_hold(seed: u64, depth in 3usize..24) {
        let grammar = Grammar::read();
        let mut random = Random(seed);
        let (tokens, _) = grammar.sentence(&mut random, depth);
        laws(&scattered(&tokens, &mut random));
    }

    #[test]
    fn any_text_is_formatted_or_refused(text in "\\PC*|(blend 1\n)?[a-z0-9.\"'{}()\\[\\]=>#/ \n,-]*") {
        let (source, parsed) = parsed(&text);
        if let Ok(out) = blend::fmt::format(&source, &parsed) {
            same("twice", &formatted(&out), &out);
        }
    }
}
