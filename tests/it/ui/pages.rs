//! The table of codes and its pages.

use super::Case;
use blend::diag::codes;
use std::collections::BTreeSet;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every `Code("…")` in some folders of the source.
pub fn codes_in(folders: &[&str]) -> BTreeSet<&'static str> {
    fn visit(path: &Path, out: &mut BTreeSet<&'static str>) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).expect("a folder") {
                visit(&entry.expect("an entry").path(), out);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text: &'static str = std::fs::read_to_string(path).expect("source is text").leak();
            out.extend(text.split("Code(\"").skip(1).filter_map(|rest| rest.split('"').next()));
        }
    }
    let mut out = BTreeSet::new();
    folders.iter().for_each(|folder| visit(&root().join(folder), &mut out));
    out
}

/// Codes that recipes show; those of files, of the run, of drawing and of locks have their own suites.
fn is_ours(code: &str) -> bool {
    !["E05", "E06", "E07", "E08", "W06", "W08"].iter().any(|group| code.starts_with(group))
}

/// Codes that no recipe alone can show.
const WITHOUT_RECIPE: &[&str] = &["E0116", "E0219", "E0840", "W0405", "W0406", "W0407", "W0408", "W0762"];

#[test]
fn rows_and_pages_agree_with_the_source() {
    let used: BTreeSet<&str> = codes_in(&["src"]);
    let rows: Vec<&str> = codes::all().map(|row| row.code).collect();
    assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "rows are sorted and unique: {rows:?}");
    let known: BTreeSet<&str> = rows.iter().copied().collect();
    assert_eq!(used.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "codes of the source without a row");
    assert_eq!(known.difference(&used).collect::<Vec<_>>(), Vec::<&&str>::new(), "rows that no source uses");
    let pages: BTreeSet<String> = std::fs::read_dir(root().join("src/diag/codes"))
        .expect("the folder of pages")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".md").to_string())
        .collect();
    assert_eq!(pages, rows.iter().map(|row| row.to_string()).collect(), "one page per row");
}

#[test]
fn every_page_has_its_parts() {
    for row in codes::all() {
        assert!(row.page.starts_with(&format!("# {}: {}\n", row.code, row.title)), "{}: title", row.code);
        for part in ["## What it means", "## Example", "## What to do"] {
            assert_eq!(row.page.matches(part).count(), 1, "{}: `{part}`", row.code);
        }
    }
}

/// The ```blend block under `## Example`.
fn example(page: &str) -> Option<&str> {
    let after = page.split("## Example").nth(1)?.split("## What to do").next()?;
    after.split("```blend\n").nth(1)?.split("```").next()
}

#[test]
fn every_example_gives_exactly_its_code() {
    let mut failures = vec![];
    for row in codes::all().filter(|row| is_ours(row.code) && !WITHOUT_RECIPE.contains(&row.code)) {
        let text = example(row.page).unwrap_or_else(|| panic!("{}: no ```blend block", row.code));
        let mut case = Case::new(text);
        if let Some(line) = text.lines().find_map(|line| line.strip_prefix("# with --")) {
            case.settings = super::settings(line);
        }
        let outcome = case.run();
        if outcome.problems.is_empty() || outcome.problems.iter().any(|problem| problem.code.0 != row.code) {
            failures.push(format!("{}:\n{text}\n{}", row.code, outcome.shown));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}
