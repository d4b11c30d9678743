//! Problems as commands of a GitHub workflow: its runner shows them beside the lines that they are about.

use super::Problem;
use super::render::severity_word;
use super::render::source;
use super::window::escape;
use crate::text::Sources;

/// What a command and its text begin with.
const SIGN: &str = "::";

/// `::error file=…,line=…,col=…,endLine=…,endColumn=…,title=E0201::message`, on one line.  A problem in a text that is no file (`<stdin>`, `-e`,
/// the library) has no place.
pub fn render(problem: &Problem, sources: &Sources) -> String {
    let mut properties: Vec<(&str, String)> = vec![];
    let place = problem.site().and_then(|site| Some((source(sources, site)?, site.span)));
    if let Some((source, span)) = place.filter(|(source, _)| source.is_file()) {
        let (line, column) = source.line_column(span.start);
        let (end_line, end_column) = source.line_column(span.end);
        properties.push(("file", source.name.to_string()));
        properties.push(("line", line.to_string()));
        properties.push(("col", column.to_string()));
        properties.push(("endLine", end_line.to_string()));
        // The runner takes the columns of one line only; ours ends behind the last character, its ends at it.
        if end_line == line {
            properties.push(("endColumn", end_column.saturating_sub(1).max(column).to_string()));
        }
    }
    properties.push(("title", problem.code.0.to_string()));
    let properties: Vec<String> =
        properties.into_iter().map(|(name, value)| format!("{name}={}", property(&value))).collect();
    let text = super::render::whole(problem).lines().map(escape).collect::<Vec<_>>().join("\n");
    format!("{SIGN}{} {}{SIGN}{}", severity_word(problem.severity()), properties.join(","), data(&text))
}

/// What would end or split a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What would end a property as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
