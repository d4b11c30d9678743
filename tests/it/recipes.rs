//! Every shipped recipe checks without a word, is formatted, and has the plan that stands in `tests/plans`; the texts
//! that are generated from the program are fresh (`UPDATE=1` rewrites them).

use super::run;
use super::run::root;
use super::world;
use super::world::FakeWorld;
use blend::check;
use blend::check::Settings;
use blend::diag::render;
use blend::methods;
use blend::plan;
use blend::text::Sources;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The recipes of a folder, in the order of their names.
fn recipes(kind: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("recipes").join(kind)).expect("the folder of recipes");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "blend"));
    paths.sort();
    assert!(!paths.is_empty(), "no recipes in {kind}");
    paths
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()))
}

/// A generated text is what the program says now; `UPDATE=1` writes it.
#[track_caller]
fn check(path: &Path, fresh: &str) {
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(path, fresh).expect("it can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == fresh, "{} is stale: run with UPDATE=1 and read what changes\n{fresh}", path.display());
}

/// `text` with what stands between the marks of `name` replaced.
fn between(text: &str, name: &str, fresh: &str) -> String {
    let (open, close) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->"));
    let start = text.find(&open).unwrap_or_else(|| panic!("no mark {open}")) + open.len();
    let end = start + text[start..].find(&close).unwrap_or_else(|| panic!("no mark {close}"));
    format!("{}{fresh}{}", &text[..start], &text[end..])
}

#[test]
fn plans_are_stable() {
    for path in recipes("stylegan2") {
        let text = read(&path);
        let base = path.parent().expect("a folder");
        let (compiled, sources) =
            run::compile(&text, base, &Settings::default()).unwrap_or_else(|shown| panic!("{shown}"));
        let shown = plan::print(&compiled.recipe, &compiled.plan, &sources, 2);
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        check(&root().join(format!("tests/plans/{name}.txt")), &shown);
    }
}

#[test]
fn shipped_recipes_check_without_a_word() {
    let llama = || world::llama(4, 64, 160, 1000);
    let mut fake = FakeWorld::new();
    for name in ["base", "chat", "code", "math"] {
        fake = fake.with(&format!("models/{name}"), llama());
    }
    for path in recipes("llm") {
        let (checked, sources) = fake.check(&read(&path));
        let shown = render::render(&checked.problems, &sources, render::Format::Human, false, 100);
        assert_eq!(shown, "", "{}", path.display());
    }
    for path in recipes("stylegan2") {
        let mut sources = Sources::default();
        let id = sources.add("recipe.blend", read(&path)).id;
        let base = path.parent().expect("a folder");
        let checked = check::recipe(&mut sources, id, base, &Settings::default(), &blend::compile::Disk);
        let shown = render::render(&checked.problems, &sources, render::Format::Human, false, 100);
        assert_eq!(shown, "", "{}", path.display());
    }
}

#[test]
fn shipped_recipes_are_formatted() {
    for path in ["stylegan2", "llm", "pipelines"].into_iter().flat_map(recipes) {
        let text = read(&path);
        let mut sources = Sources::default();
        let source = sources.add("recipe.blend", text.as_str()).clone();
        let parsed = blend::syntax::parse(&source);
        let formatted = blend::fmt::format(&source, &parsed).expect("it parses");
        assert!(formatted == text, "run `blend fmt {}`", path.display());
    }
}

/// The comment under `blend 1`, on one line.
fn about(path: &Path) -> String {
    let text = read(path);
    let lines = text.lines().skip_while(|line| !line.starts_with('#'));
    let comment = lines.take_while(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    comment.collect::<Vec<_>>().join(" ").replace("  ", " ")
}

#[test]
fn the_index_of_recipes_is_fresh() {
    let mut rows = String::from("| recipe | what it makes |\n| --- | --- |\n");
    for kind in ["stylegan2", "llm"] {
        for path in recipes(kind) {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let about = about(&path);
            assert!(!about.is_empty(), "{name} begins with a comment that says what it makes");
            rows.push_str(&format!("| [`{kind}/{name}`]({kind}/{name}) | {} |\n", about.replace('|', "\\|")));
        }
    }
    let readme = root().join("recipes/README.md");
    check(&readme, &between(&read(&readme), "recipes", &rows));
}

#[test]
fn the_tables_of_readme_are_fresh() {
    let said = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_blend")).args(args).output().expect("blend starts");
        String::from_utf8(output.stdout).expect("text")
    };
    let mut rows = String::from("| call | what it gives |\n| --- | --- |\n");
    let list = said(&["methods"]);
    for (line, method) in list.lines().zip(methods::ALL) {
        let (call, about) = line.split_once("  ").expect("two columns");
        assert!(call.starts_with(method.name));
        rows.push_str(&format!("| `{}` | {} |\n", call.trim(), about.trim().replace('|', "\\|")));
    }
    let mut verbs = String::from("| command | what it does |\n| --- | --- |\n");
    let help = said(&["--help"]);
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for (name, about) in lines.filter_map(|line| line.trim().split_once("  ")).filter(|row| row.0 != "help") {
        verbs.push_str(&format!("| `blend {name}` | {} |\n", about.trim()));
    }
    let readme = root().join("README.md");
    let ramp = read(&root().join("recipes/stylegan2/ramp.blend"));
    assert!(
        read(&readme).contains(&format!("```blend\n{ramp}```")),
        "README.md shows another ramp.blend than there is"
    );
    let text = between(&read(&readme), "methods", &rows);
    check(&readme, &between(&text, "commands", &verbs));
}

/// `.ci/run` runs the first two `sh` blocks.
#[test]
fn readme_begins_with_the_job_and_the_tests() {
    let text = read(&root().join("README.md"));
    let blocks: Vec<&str> = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks[0].contains("build recipes/stylegan2/layer-swap.blend"), "{:?}", blocks[0]);
    assert_eq!(blocks[1], "cargo test\n");
}
