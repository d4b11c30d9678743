//! The one layout of a recipe (`blend fmt`).
//!
//! Laws, each a property test: every comment is kept once and in order; the tree is unchanged up to spans (words of
//! closed sets lose their quotes); formatting twice is formatting once; no two blank lines in a row.

mod doc;
mod exprs;
mod plain;
mod rules;
mod same;
mod trivia;
mod words;

pub use plain::plain;
pub use same::same_tree;
pub use trivia::Gaps;

use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::syntax;
use crate::syntax::Parsed;
use crate::text::Source;
use doc::Printer;
use rules::Rules;
use trivia::Open;

/// The recipe in its canonical layout.
///
/// # Errors
/// The problems of the text where it does not parse: its layout would be a guess.  E0116 where the result would not
/// mean the same, which would be a mistake in here; the recipe is then better left alone.
pub fn format(source: &Source, parsed: &Parsed) -> Result<String, Problems> {
    if parsed.problems.has_errors() {
        return Err(parsed.problems.clone());
    }
    let out = layout(source, parsed).ok_or_else(|| unsure(source))?;
    let again = Source::new(source.id, source.name.clone(), out.as_str());
    let reparsed = syntax::parse(&again);
    let same = !reparsed.problems.has_errors()
        && same_tree(&parsed.file, &reparsed.file)
        && Gaps::new(source, &parsed.tokens).1.all().eq(Gaps::new(&again, &reparsed.tokens).1.all());
    if same { Ok(out) } else { Err(unsure(source).into()) }
}

/// The text, or nothing where tree and tokens do not fit each other.
fn layout(source: &Source, parsed: &Parsed) -> Option<String> {
    let (tokens, mut gaps) = Gaps::new(source, &parsed.tokens);
    let mut rules = Rules::new(source, &tokens, &parsed.file);
    let mut statements = rules.file(&parsed.file);
    if rules.at != tokens.len() {
        return None;
    }
    let mut open = vec![];
    for statement in &statements {
        open.push(Open { gap: statement.gap, operator: false });
        statement.parts.iter().for_each(|part| part.gaps(&mut open));
    }
    open.push(Open { gap: tokens.len(), operator: false });
    if !open.is_sorted_by(|one, next| one.gap < next.gap) {
        return None;
    }
    gaps.settle(&open, &rules.commas);
    for part in statements.iter_mut().flat_map(|statement| &mut statement.parts) {
        part.settle(&gaps);
    }
    rules::align(&mut statements, &gaps);
    let mut printer = Printer::new(&gaps);
    for statement in &statements {
        printer.between_statements(statement.gap);
        printer.print(&statement.parts);
    }
    Some(printer.finish(tokens.len()))
}

fn unsure(source: &Source) -> Problem {
    Problem::new(Code("E0116"), format!("`{}` would not mean the same after formatting", source.name))
        .help("leave the recipe as it is, and report it: this is a mistake in `blend fmt`")
}
