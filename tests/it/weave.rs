//! Recipes merged statement by statement: `tests/merge/*.blend` hold base, ours, theirs and what comes of them (`UPDATE=1`
//! rewrites that), each after a line `#-- NAME`; and the laws that hold for any texts.

use super::run::root;
use blend::fmt;
use blend::syntax;
use blend::text::Source;
use blend::text::SourceId;
use blend::weave;
use blend::weave::Style;
use blend::weave::Woven;
use std::path::Path;
use std::path::PathBuf;

/// The recipes of a folder.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(root().join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    paths.sort();
    assert!(!paths.is_empty(), "nothing in {folder}");
    paths
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()))
}

/// Base, ours, theirs, merged.
fn case(path: &Path) -> [String; 4] {
    let text = read(path);
    let mut parts = text.split("#-- ").skip(1).map(|part| part.split_once('\n').expect("a line").1.to_string());
    let mut next = || parts.next().unwrap_or_else(|| panic!("{}: four parts", path.display()));
    [next(), next(), next(), next()]
}

fn merge(base: &str, ours: &str, theirs: &str) -> Woven {
    weave::merge(base, ours, theirs, &Style::default()).unwrap_or_else(|problems| {
        let first = problems.iter().next().map(|problem| problem.message.clone());
        panic!("{first:?}\n{base}\n{ours}\n{theirs}")
    })
}

fn formatted(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let source = Source::new(SourceId(0), "test", text);
    fmt::format(&source, &syntax::parse(&source)).unwrap_or_else(|_| panic!("it does not parse:\n{text}"))
}

/// A text with one side of every conflict.
fn resolved(text: &str, wanted: usize) -> String {
    let mut side = None;
    let mut out = String::new();
    for line in text.lines() {
        match line.split(' ').next() {
            Some("<<<<<<<") => side = Some(0),
            Some("=======") => side = Some(1),
            Some(">>>>>>>") => side = None,
            _ if side.is_none_or(|side| side == wanted) => {
                out.push_str(line);
                out.push('\n');
            }
            _ => {}
        }
    }
    out
}

fn comments(text: &str) -> Vec<String> {
    let source = Source::new(SourceId(0), "test", text);
    let tokens = syntax::parse(&source).tokens;
    let is_comment = |token: &&syntax::token::Token| token.kind == syntax::token::Kind::Comment;
    tokens.iter().filter(is_comment).map(|token| source.slice(token.span).trim_end().to_string()).collect()
}

/// What a merge must be, whatever the texts.
#[track_caller]
fn laws(base: &str, ours: &str, theirs: &str) {
    let woven = merge(base, ours, theirs);
    let other = merge(base, theirs, ours);
    assert_eq!(woven.conflicts, other.conflicts, "{}\n---\n{}", woven.text, other.text);
    for side in [0, 1] {
        let (one, two) = (resolved(&woven.text, side), resolved(&other.text, 1 - side));
        assert_eq!(formatted(&one), formatted(&two), "sides may be exchanged");
    }
    if woven.conflicts == 0 {
        assert_eq!(woven.text, formatted(&woven.text), "a clean result is formatted");
    }
    for x in [base, ours, theirs] {
        let x = formatted(x);
        for woven in [merge(base, &x, base), merge(base, base, &x), merge(base, &x, &x)] {
            assert_eq!((woven.text.as_str(), woven.conflicts), (x.as_str(), 0), "one change is taken as it is");
        }
    }
    // A comment that is new is there; one that nobody has touched is there.
    let (old, we, they) = (comments(base), comments(ours), comments(theirs));
    for comment in we.iter().chain(&they) {
        let is_new = !old.contains(comment);
        let stays = we.contains(comment) && they.contains(comment);
        assert!(!(is_new || stays) || woven.text.contains(comment.as_str()), "`{comment}` is lost\n{}", woven.text);
    }
}

#[test]
fn cases() {
    let mut wrong = vec![];
    for path in files("tests/merge", ".blend") {
        let [base, ours, theirs, expected] = case(&path);
        let woven = merge(&base, &ours, &theirs);
        if woven.text != expected {
            if std::env::var_os("UPDATE").is_some() {
                let text = format!("#-- base\n{base}#-- ours\n{ours}#-- theirs\n{theirs}#-- merged\n{}", woven.text);
                std::fs::write(&path, text).expect("tests may write beside themselves");
            } else {
                let diff = similar::TextDiff::from_lines(&expected, &woven.text).unified_diff().to_string();
                wrong.push(format!("{} (UPDATE=1 accepts it)\n{diff}", path.display()));
            }
        }
        laws(&base, &ours, &theirs);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn any_recipe_is_taken_as_it_is() {
    let mut paths = files("recipes/stylegan2", ".blend");
    paths.extend(files("recipes/llm", ".blend"));
    paths.extend(files("tests/fmt", ".out.blend"));
    let mut previous = String::new();
    for path in paths {
        let text = read(&path);
        laws("", &text, "");
        for (base, x) in [("", &text), (previous.as_str(), &text)] {
            let woven = merge(base, x, base);
            assert_eq!((woven.text, woven.conflicts), (formatted(x), 0), "{}", path.display());
        }
        previous = text;
    }
}

/// Numbers changed on two lines, one by each side: both are there, unless they stand in one statement that is not cut.
#[test]
fn changes_of_different_lines_are_both_there() {
    let mut paths = files("recipes/stylegan2", ".blend");
    paths.extend(files("recipes/llm", ".blend"));
    let (mut clean, mut marked) = (0, 0);
    for path in paths {
        let text = read(&path);
        let source = Source::new(SourceId(0), "test", text.as_str());
        let is_number =
            |token: &&syntax::token::Token| token.kind == syntax::token::Kind::Number && token.span.start > 8;
        let numbers: Vec<_> = syntax::parse(&source).tokens.iter().filter(is_number).map(|token| token.span).collect();
        let with = |spans: &[blend::text::Span]| {
            let mut text = text.clone();
            for span in spans.iter().rev() {
                // As long as it was: columns stay.
                let length = span.len();
                text.replace_range(span.range(), &"7".repeat(length));
            }
            text
        };
        for (at, one) in numbers.iter().enumerate() {
            for two in &numbers[at + 1..] {
                if source.line_column(one.start).0 == source.line_column(two.start).0 {
                    continue;
                }
                let woven = merge(&text, &with(&[*one]), &with(&[*two]));
                if woven.conflicts == 0 {
                    assert_eq!(woven.text, formatted(&with(&[*one, *two])), "{}", path.display());
                    clean += 1;
                } else {
                    marked += 1;
                }
            }
        }
    }
    assert!(clean > 100 && marked * 20 < clean, "{clean} clean, {marked} with conflicts");
}

#[test]
fn markers_are_as_git_wants_them() {
    let path = root().join("tests/merge/same-arm.blend");
    let [base, ours, theirs, _] = case(&path);
    let labels = ["HEAD", "1a2b", "topic"].map(String::from);
    let style = Style { signs: 9, labels, base: true };
    let woven = weave::merge(&base, &ours, &theirs, &style).expect("they parse");
    let part = "<<<<<<<<< HEAD\n  resolution 16  => 0.5\n||||||||| 1a2b\n  resolution 16  => 0.3\n=========\n  \
                resolution 16  => 0.7\n>>>>>>>>> topic\n";
    assert!(woven.text.contains(part), "{}", woven.text);
}

#[test]
fn what_is_no_recipe_is_refused() {
    let good = "blend 1\n";
    for (base, ours, theirs) in [("let x =", good, good), (good, "<<<<<<< ours\n", good), (good, good, "blend 7\n")] {
        assert!(weave::merge(base, ours, theirs, &Style::default()).is_err());
    }
}
