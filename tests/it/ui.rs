//! Diagnostics: `tests/ui/CODE-what.blend` is a broken recipe, the `.txt` beside it what is printed (`UPDATE=1` rewrites).
//!
//! A case file may go on after lines that begin with `#--`: `recipe PATH` (a recipe that can be used), `settings` (lines
//! `set NAME=VALUE`, `only GLOB`, `output PATH`), and what the help says, done by hand, where it cannot be an edit:
//! `fixed`, `fixed recipe PATH`, `fixed settings`.

mod pages;
mod rendering;
mod shares;

use crate::world::FakeWorld;
use blend::check::Settings;
use blend::diag::Problem;
use blend::diag::Severity;
use blend::diag::render::Format;
use blend::diag::render::render;
use blend::hir::Literal;
use blend::text::Sources;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// A recipe, the recipes it uses, and the command line.
#[derive(Clone, Default)]
pub struct Case {
    pub text: String,
    pub recipes: BTreeMap<String, String>,
    pub settings: Settings,
}

/// What a check of a case gave.
pub struct Outcome {
    pub problems: Vec<Problem>,
    pub sources: Sources,
    pub shown: String,
}

impl Case {
    pub fn new(text: &str) -> Case {
        Case { text: text.into(), ..Case::default() }
    }

    pub fn run(&self) -> Outcome {
        let mut world = FakeWorld::full();
        for (path, text) in &self.recipes {
            world = world.recipe(path, text);
        }
        let (checked, sources) = world.check_with(&self.text, &self.settings);
        assert_eq!(
            checked.recipe.is_none(),
            checked.problems.has_errors(),
            "a recipe comes out unless there are errors"
        );
        let shown = render(&checked.problems, &sources, Format::Human, false, 100);
        for format in [Format::Short, Format::Json] {
            assert_eq!(
                render(&checked.problems, &sources, format, false, 100).lines().count(),
                checked.problems.iter().count()
            );
        }
        Outcome { problems: checked.problems.sorted().into_iter().cloned().collect(), sources, shown }
    }

    /// The case with the edits of some problems done; problems whose edits overlap wait for the next round.
    fn edited(&self, outcome: &Outcome, problems: &[Problem]) -> Case {
        let mut edits: Vec<(String, usize, usize, String)> = vec![];
        for problem in problems {
            let own: Vec<_> = problem
                .fix
                .iter()
                .map(|edit| {
                    let name = outcome.sources.get(edit.site.source).name.to_string();
                    assert_ne!(name, "std", "the library is not the user's to edit: {}", problem.message);
                    (name, edit.site.span.start as usize, edit.site.span.end as usize, edit.text.clone())
                })
                .collect();
            let clash =
                |a: &(String, usize, usize, String)| edits.iter().any(|b| a.0 == b.0 && a.1 <= b.2 && b.1 <= a.2);
            if !own.iter().any(clash) {
                edits.extend(own);
            }
        }
        edits.sort_by_key(|edit| std::cmp::Reverse((edit.1, edit.2)));
        let mut case = self.clone();
        for (name, start, end, text) in edits {
            let target = match name.as_str() {
                "recipe.blend" => &mut case.text,
                other => case.recipes.get_mut(other).expect("edits are in the case's own recipes"),
            };
            target.replace_range(start..end, &text);
        }
        case
    }
}

/// Reads a case file; the second is the case after what the help says was done by hand.
fn read(path: &Path) -> (Case, Option<Case>) {
    let whole = std::fs::read_to_string(path).expect("a case is text");
    let mut sections: Vec<(String, String)> = vec![("text".into(), String::new())];
    for line in whole.split_inclusive('\n') {
        match line.strip_prefix("#-- ") {
            Some(title) => sections.push((title.trim().into(), String::new())),
            None => sections.last_mut().expect("there is one").1.push_str(line),
        }
    }
    let mut case = Case::default();
    let mut fixed: Option<Case> = None;
    for (title, text) in sections {
        let (target, what) = match title.strip_prefix("fixed") {
            Some(what) => (fixed.get_or_insert_with(|| case.clone()), what.trim()),
            None => (&mut case, title.as_str()),
        };
        match what.split_once(' ').unwrap_or((what, "")) {
            ("text" | "", _) => target.text = text,
            ("recipe", path) => drop(target.recipes.insert(path.into(), text)),
            ("settings", _) => target.settings = settings(&text),
            (other, _) => panic!("{}: unknown section `{other}`", path.display()),
        }
    }
    (case, fixed)
}

/// `set NAME=VALUE`, `only GLOB`, `output PATH`
pub fn settings(text: &str) -> Settings {
    let mut settings = Settings::default();
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("set", set)) => {
                let (name, value) = set.split_once('=').expect("NAME=VALUE");
                let value = match value {
                    "true" | "false" => Literal::Bool(value == "true"),
                    _ => value.parse().map_or(Literal::Text(value.into()), Literal::Number),
                };
                settings.sets.push((name.into(), value));
            }
            Some(("only", glob)) => settings.only.push(glob.into()),
            Some(("output", path)) => settings.output = Some(path.into()),
            _ => panic!("unknown setting `{line}`"),
        }
    }
    settings
}

/// The rendered diagnostics, and that what they say helps.
#[track_caller]
fn check(path: &Path) -> Result<(), String> {
    let (case, by_hand) = read(path);
    let outcome = case.run();
    let expected_path = path.with_extension("txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&expected_path, &outcome.shown).expect("tests may write beside themselves");
    }
    let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    if outcome.shown != expected {
        let diff = similar::TextDiff::from_lines(&expected, &outcome.shown).unified_diff().to_string();
        return Err(format!("{name}: other text than in {} (UPDATE=1 accepts it)\n{diff}", expected_path.display()));
    }
    let code = name.split('-').next().expect("there is a first part");
    if !outcome.problems.iter().any(|problem| problem.code.0 == code) {
        return Err(format!("{name}: no {code} in\n{}", outcome.shown));
    }
    for problem in &outcome.problems {
        wording(problem).map_err(|reason| format!("{name}: {reason}: {}", problem.message))?;
        // Each fix alone removes its problem.
        if !problem.fix.is_empty() {
            let after = case.edited(&outcome, std::slice::from_ref(problem));
            let again = after.run();
            let stays = |other: &&Problem| other.code == problem.code && other.message == problem.message;
            let (before, now) =
                (outcome.problems.iter().filter(stays).count(), again.problems.iter().filter(stays).count());
            if now >= before {
                return Err(format!(
                    "{name}: the fix of `{}` leaves it\n{}\n{}",
                    problem.message, after.text, again.shown
                ));
            }
        }
    }
    helps(&name, case, by_hand)
}

/// Following the help, by edits and then by hand, makes the recipe check.
fn helps(name: &str, mut case: Case, by_hand: Option<Case>) -> Result<(), String> {
    for _ in 0..10 {
        let outcome = case.run();
        if outcome.problems.is_empty() {
            return Ok(());
        }
        let fixable: Vec<Problem> =
            outcome.problems.iter().filter(|problem| !problem.fix.is_empty()).cloned().collect();
        if fixable.is_empty() {
            let Some(by_hand) = by_hand else {
                return Err(format!("{name}: no edit for it, and no `#-- fixed`\n{}\n{}", case.text, outcome.shown));
            };
            let after = by_hand.run();
            let wrong = after.problems.iter().any(|problem| problem.severity() == Severity::Error);
            return if wrong { Err(format!("{name}: fixed by hand, and still\n{}", after.shown)) } else { Ok(()) };
        }
        case = case.edited(&outcome, &fixable);
    }
    Err(format!("{name}: ten rounds of fixes do not end\n{}\n{}", case.text, case.run().shown))
}

/// House rules for messages that a machine can hold.
fn wording(problem: &Problem) -> Result<(), &'static str> {
    let first = problem.message.chars().next().unwrap_or('X');
    let rules = [
        (first.is_uppercase() && !problem.message.starts_with("UTF"), "begins with a capital"),
        (problem.message.ends_with('.') && !problem.message.ends_with("…"), "ends in a full stop"),
        (problem.help.is_none(), "has no help"),
        (
            problem.labels.iter().any(|label| label.text == "here" || label.text.is_empty()),
            "has a label that says nothing",
        ),
        (problem.help.as_deref().is_some_and(|help| help.starts_with(char::is_uppercase)), "has a help with a capital"),
        (problem.labels.iter().filter(|label| label.primary).count() > 1, "has two primary labels"),
    ];
    rules.iter().find(|rule| rule.0).map_or(Ok(()), |rule| Err(rule.1))
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let entries = std::fs::read_dir(folder).expect("the folder of cases").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "blend")).collect();
    paths.sort();
    paths
}

#[test]
fn every_case() {
    let failures: Vec<String> = cases().iter().filter_map(|path| check(path).err()).collect();
    assert!(failures.is_empty(), "{} of {} cases\n\n{}", failures.len(), cases().len(), failures.join("\n\n"));
}

/// Whatever is done to a recipe, it is told, shown and mended without a panic.
#[test]
fn damaged_recipes_are_told() {
    const WORDS: &[&str] = &[
        "match",
        "{",
        "}",
        "=>",
        "else",
        "maybe",
        "where",
        "(",
        ")",
        "[",
        "]",
        ",",
        "..",
        "a",
        "b",
        "mix(",
        "0.5",
        "1e999",
        "\"x\"",
        "'",
        "resolution",
        "not",
        "-",
        "*",
        "/",
        "and",
        "in",
        "std.",
        "\n",
        "let x = ",
        "output \"o\" = ",
        "if(",
        "curve(",
        "layer_swap(",
        "regex '('",
        "\u{202e}",
        "é",
        "4..16",
        "..",
        "same(",
        "linear(",
        "{ weight = 1 }",
    ];
    // A seeded generator: the same damage in every run; `ROUNDS=100` does more of it.
    let rounds = std::env::var("ROUNDS").map_or(2, |rounds| rounds.parse().expect("a number"));
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for path in cases() {
        let (case, _) = read(&path);
        for _ in 0..rounds {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            let mut tokens: Vec<String> = vec![];
            for c in case.text.chars() {
                match tokens.last_mut() {
                    Some(last) if is_part(c) && last.chars().all(is_part) => last.push(c),
                    _ => tokens.push(c.into()),
                }
            }
            for _ in 0..1 + random(3) {
                let at = random(tokens.len());
                match random(4) {
                    0 if at < tokens.len() => drop(tokens.remove(at)),
                    1 if at < tokens.len() => tokens.insert(at, tokens[at].clone()),
                    2 if at + 1 < tokens.len() => tokens.swap(at, at + 1),
                    _ => tokens.insert(at, WORDS[random(WORDS.len())].into()),
                }
            }
            let damaged = Case { text: tokens.concat(), ..case.clone() };
            let outcome = damaged.run();
            damaged.edited(&outcome, &outcome.problems).run();
        }
    }
}

#[test]
fn every_code_of_the_checker_has_a_case() {
    let names: Vec<String> =
        cases().iter().map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    let missing: Vec<&str> = pages::codes_in(&["src/syntax", "src/check", "src/arch"])
        .into_iter()
        .filter(|code| !names.iter().any(|name| name.starts_with(code)))
        .collect();
    assert!(missing.is_empty(), "no tests/ui/CODE-what.blend for {missing:?}");
}
