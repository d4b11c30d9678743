//! House rules that a program can see: who imports whom, how large files are, what is forgotten.

use super::run::root;
use std::path::Path;
use std::path::PathBuf;

/// Who may name whom (ARCHITECTURE.md has the reasons).  A module that is missing here may not exist.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("tensor", &[]),
    ("field", &[]),
    ("channels", &[]),
    ("diag", &["text"]),
    ("syntax", &["text", "diag", "tensor"]),
    ("fmt", &["text", "diag", "syntax"]),
    ("arch", &["tensor", "diag", "syntax"]),
    ("random", &[]),
    ("assign", &["random"]),
    ("tile", &["tensor", "field"]),
    ("methods", &["tensor", "field", "tile"]),
    ("hir", &["text", "tensor", "field", "arch", "methods", "network"]),
    ("check", &["text", "diag", "tensor", "field", "channels", "syntax", "arch", "methods", "hir", "network"]),
    ("graph", &["text", "tensor", "field", "arch", "methods", "hir"]),
    ("bundle", &["text", "syntax", "fmt", "check", "hir", "normal"]),
    ("normal", &["check", "hir", "methods"]),
    ("plan", &["text", "diag", "tensor", "field", "arch", "tile", "methods", "hir", "graph", "network"]),
    ("pickle", &["diag", "tensor"]),
    ("store", &["diag", "tensor", "tile", "channels", "pickle"]),
    ("rebuild", &["tensor", "field", "tile", "methods", "hir", "plan", "store"]),
    (
        "exec",
        &[
            "text", "diag", "tensor", "random", "assign", "tile", "hir", "plan", "rebuild", "store", "network",
            "picture", "render",
        ],
    ),
    ("compare", &["diag", "tensor", "arch", "tile", "hir", "plan", "exec"]),
    ("weave", &["text", "diag", "tensor", "syntax", "fmt"]),
    (
        "diff",
        &[
            "text", "diag", "tensor", "field", "syntax", "fmt", "arch", "methods", "hir", "plan", "compare", "draw",
            "weave",
        ],
    ),
    ("git", &["diag", "tensor", "channels", "check", "store"]),
    ("identity", &["diag", "tensor", "arch", "tile", "store", "exec"]),
    ("lock", &["text", "diag", "hir", "exec", "identity", "normal", "store"]),
    ("provenance", &[]),
    ("network", &["diag"]),
    ("picture", &["diag", "network"]),
    ("report", &["picture"]),
    ("cluster", &["diag", "random", "channels", "arch", "network", "picture", "render", "exec"]),
    ("render", &["diag", "tensor", "arch", "tile", "store", "network", "picture"]),
    (
        "draw",
        &[
            "diag", "tensor", "tile", "methods", "hir", "graph", "compile", "plan", "exec", "store", "network",
            "picture", "render",
        ],
    ),
];

/// Foreign crates that only some modules may name.
const FOREIGN: &[(&str, &[&str])] = &[
    ("nom", &["syntax"]),
    ("petgraph", &["graph", "plan"]),
    ("twox_hash", &["rebuild"]),
    ("rayon", &["exec", "render", "picture", "cluster"]),
    ("png", &["picture"]),
    ("wgpu", &["render"]),
    ("pollster", &["render"]),
    ("bytemuck", &["render"]),
    ("base64", &["picture", "report"]),
    ("memmap2", &["store"]),
    ("sha2", &["identity"]),
    ("miette", &["diag"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
];

/// Modules that may touch files.
const FILES: &[&str] = &["store"];

/// Lines that a file should not exceed, and must not.
const HARD_LIMIT: usize = 600;

fn sources() -> Vec<(String, PathBuf, String)> {
    let mut out = vec![];
    visit(&root().join("src"), &mut out);
    out.into_iter()
        .map(|path| {
            let inside = path.strip_prefix(root().join("src")).expect("it lies in src").to_path_buf();
            let module = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a source file");
            (module.trim_end_matches(".rs").to_string(), inside, text)
        })
        .collect()
}

fn visit(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            out.push(path);
        }
    }
}

/// Runs a rule over every line of code (comments cut off), and lists what breaks it.
#[track_caller]
fn check(rule: impl Fn(&str, &str) -> Option<String>) {
    let mut wrong = vec![];
    for (module, path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if let Some(message) = rule(&module, code) {
                wrong.push(format!("src/{}:{}: {message}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn modules_only_import_downwards() {
    let free = ["cli", "compile", "lib", "main"];
    check(|module, code| {
        if free.contains(&module) {
            return None;
        }
        let allowed = MAY_IMPORT.iter().find(|row| row.0 == module).map(|row| row.1);
        let Some(allowed) = allowed else { return Some(format!("`{module}` has no row in MAY_IMPORT")) };
        code.split("crate::").skip(1).find_map(|hit| {
            let target: String = hit.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let right = target == module || allowed.contains(&target.as_str());
            (!right).then(|| format!("`{module}` may not import `{target}`"))
        })
    });
}

#[test]
fn foreign_crates_stay_where_they_belong() {
    check(|module, code| {
        FOREIGN.iter().find_map(|(name, homes)| {
            let named = code
                .split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
                .any(|word| word.starts_with(&format!("{name}::")))
                || code.trim() == format!("use {name};");
            (named && !homes.contains(&module)).then(|| format!("only {homes:?} may name `{name}`"))
        })
    });
    check(|module, code| {
        let named = code.contains("std::fs") && !FILES.contains(&module);
        // Tests read the folder they stand in.
        (named && !code.contains("read_dir(folder)")).then(|| "only `store` touches files".into())
    });
}

#[test]
fn no_left_overs() {
    check(|_, code| {
        let words = ["todo!(", "unimplemented!(", "dbg!("];
        words.iter().find(|word| code.contains(**word)).map(|word| format!("`{word}…` is left over"))
    });
    check(|_, code| code.contains("::{").then(|| "one `use` line per item".into()));
}

#[test]
fn files_stay_small() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(_, path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > HARD_LIMIT)
        .map(|(path, lines)| format!("src/{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "more than {HARD_LIMIT} lines: {long:?}");
}

#[test]
fn every_module_stands_in_the_architecture_text() {
    let text = std::fs::read_to_string(root().join("src/ARCHITECTURE.md")).expect("the architecture text");
    for (module, _) in MAY_IMPORT {
        assert!(text.contains(&format!("`{module}`")), "src/ARCHITECTURE.md does not name `{module}`");
    }
}
