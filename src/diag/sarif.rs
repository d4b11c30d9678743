//! Problems as one document of the Static Analysis Results Interchange Format, SARIF 2.1.0 (OASIS), for code scanning
//! and editors.

use super::Code;
use super::Label;
use super::Problem;
use super::Problems;
use super::codes;
use super::render::severity_word;
use super::render::source;
use super::render::whole;
use crate::text::Site;
use crate::text::Sources;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The results of a run so far.
#[derive(Default)]
pub struct Log {
    results: Vec<Value>,
    /// Codes with results, in the order of their first one.
    rules: Vec<Code>,
}

impl Log {
    /// Adds problems, in source order.
    pub fn add(&mut self, problems: &Problems, sources: &Sources) {
        for problem in problems.sorted() {
            let rule = self.rules.iter().position(|code| *code == problem.code).unwrap_or_else(|| {
                self.rules.push(problem.code);
                self.rules.len() - 1
            });
            self.results.push(result(problem, rule, sources));
        }
    }

    /// The document of one run; how the program exited, where it has.  Without a problem its list of results is empty,
    /// which says that nothing was found.
    pub fn document(&self, exit: Option<u8>) -> String {
        let mut run = json!({
            "tool": { "driver": {
                "name": "blend",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": self.rules.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
        });
        if let Some(exit) = exit {
            // A claim that does not hold is a result, not a failure of the tool.
            run["invocations"] = json!([{ "executionSuccessful": exit <= 2, "exitCode": exit }]);
        }
        run["results"] = json!(self.results);
        let document = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] });
        serde_json::to_string_pretty(&document).expect("texts and numbers are JSON") + "\n"
    }
}

/// A code with its page.
fn rule(code: Code) -> Value {
    let Some(row) = codes::find(code.0) else { return json!({ "id": code.0 }) };
    // The title stands in the short description.
    let page = row.page.split_once('\n').map_or(row.page, |(_, rest)| rest).trim();
    let meaning = page.trim_start_matches("## What it means").split("\n## ").next().unwrap_or("").trim();
    let level = if code.0.starts_with('W') { "warning" } else { "error" };
    json!({
        "id": code.0,
        "shortDescription": { "text": row.title },
        "fullDescription": { "text": meaning },
        "help": { "text": page, "markdown": page },
        "defaultConfiguration": { "level": level },
    })
}

fn result(problem: &Problem, rule: usize, sources: &Sources) -> Value {
    let mut out = json!({
        "ruleId": problem.code.0,
        "ruleIndex": rule,
        "level": severity_word(problem.severity()),
        "message": { "text": whole(problem) },
    });
    let primary = problem.labels.iter().find(|label| label.primary).or(problem.labels.first());
    if let Some(location) = primary.and_then(|label| location(label, sources)) {
        out["locations"] = json!([location]);
    }
    let others = problem.labels.iter().filter(|label| !primary.is_some_and(|primary| std::ptr::eq(primary, *label)));
    let others: Vec<Value> = others.filter_map(|label| location(label, sources)).collect();
    if !others.is_empty() {
        out["relatedLocations"] = json!(others);
    }
    if let Some(fix) = fix(problem, sources) {
        out["fixes"] = json!([fix]);
    }
    out
}

/// Where a label points: in a file, or in a text that is none (`<stdin>`, `-e`, the library).
fn location(label: &Label, sources: &Sources) -> Option<Value> {
    let source = source(sources, label.site)?;
    let mut out = Map::new();
    if source.is_file() {
        let place = json!({ "artifactLocation": artifact(&source.name), "region": region(label.site, sources)? });
        out.insert("physicalLocation".into(), place);
    } else {
        out.insert("logicalLocations".into(), json!([{ "name": &*source.name }]));
    }
    if !label.text.is_empty() {
        out.insert("message".into(), json!({ "text": label.text }));
    }
    Some(Value::Object(out))
}

/// Lines and columns count from 1, the end is behind the last character, as SARIF has it.
fn region(site: Site, sources: &Sources) -> Option<Value> {
    let source = source(sources, site)?;
    let (line, column) = source.line_column(site.span.start);
    let (end_line, end_column) = source.line_column(site.span.end);
    Some(json!({
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
        "byteOffset": site.span.start,
        "byteLength": site.span.len(),
    }))
}

/// The help as edits, where all of them are in files.
fn fix(problem: &Problem, sources: &Sources) -> Option<Value> {
    let mut changes: Vec<(&str, Vec<Value>)> = vec![];
    for edit in &problem.fix {
        let source = source(sources, edit.site).filter(|source| source.is_file())?;
        let region = region(edit.site, sources)?;
        let replacement = json!({ "deletedRegion": region, "insertedContent": { "text": edit.text } });
        match changes.iter_mut().find(|(name, _)| *name == &*source.name) {
            Some((_, list)) => list.push(replacement),
            None => changes.push((&source.name, vec![replacement])),
        }
    }
    if changes.is_empty() {
        return None;
    }
    let change = |(name, list): (&str, Vec<Value>)| json!({ "artifactLocation": artifact(name), "replacements": list });
    let mut out = json!({ "artifactChanges": changes.into_iter().map(change).collect::<Vec<_>>() });
    if let Some(help) = &problem.help {
        out["description"] = json!({ "text": help });
    }
    Some(out)
}

/// A path as a URI: relative ones are relative to where the program ran.
fn artifact(path: &str) -> Value {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encoded: String = path
        .bytes()
        .map(|byte| if is_plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect();
    // A path that begins with two slashes would name a host.
    let uri = if path.starts_with('/') { format!("file:///{}", encoded.trim_start_matches('/')) } else { encoded };
    json!({ "uri": uri })
}
