//! What a recipe says, without how: the normal form of its text.

use super::format;
use crate::diag::Problems;
use crate::syntax;
use crate::syntax::Parsed;
use crate::syntax::ast::ItemKind;
use crate::syntax::token::Kind;
use crate::text::Source;

/// The recipe without comments, its numbers as short as they can be, its statements in the order of their kinds and names.
/// Two texts that differ only in layout, comments and order of statements have one normal form.
///
/// # Errors
/// The problems of the text where it does not parse.
pub fn plain(source: &Source, parsed: &Parsed) -> Result<String, Problems> {
    if parsed.problems.has_errors() {
        return Err(parsed.problems.clone());
    }
    let bare = formatted(source, &bare(source, parsed))?;
    let again = Source::new(source.id, source.name.clone(), bare);
    let file = syntax::parse(&again).file;
    let mut items: Vec<(usize, &str)> =
        file.items.iter().map(|item| (rank(&item.kind), again.slice(item.span))).collect();
    items.sort();
    let mut out = file.edition.map_or(String::new(), |edition| format!("{}\n", again.slice(edition.span)));
    let mut last = None;
    for (rank, text) in items {
        if last.replace(rank) != Some(rank) {
            out.push('\n');
        }
        out.push_str(text);
        out.push('\n');
    }
    formatted(source, &out)
}

fn formatted(source: &Source, text: &str) -> Result<String, Problems> {
    let source = Source::new(source.id, source.name.clone(), text);
    format(&source, &syntax::parse(&source))
}

/// The text without comments and empty lines.
fn bare(source: &Source, parsed: &Parsed) -> String {
    let mut out = String::new();
    for token in &parsed.tokens {
        let text = source.slice(token.span);
        match token.kind {
            Kind::Comment => {}
            Kind::Newline if out.is_empty() || out.ends_with('\n') => {}
            Kind::Newline => {
                out.truncate(out.trim_end_matches([' ', '\t']).len());
                out.push('\n');
            }
            Kind::Number => out.push_str(&number(text)),
            _ => out.push_str(text),
        }
    }
    out
}

/// The shortest text of the same number.
fn number(text: &str) -> String {
    let Ok(value) = text.parse::<f64>() else { return text.into() };
    if !value.is_finite() {
        return text.into();
    }
    let (plain, short) = (value.to_string(), format!("{value:e}"));
    if short.len() < plain.len() { short } else { plain }
}

/// Inputs first, results last.
fn rank(kind: &ItemKind) -> usize {
    match kind {
        ItemKind::Use { .. } => 0,
        ItemKind::Model { .. } => 1,
        ItemKind::Lora { .. } => 2,
        ItemKind::Channels { .. } => 3,
        ItemKind::Param { .. } => 4,
        ItemKind::Pattern { .. } => 5,
        ItemKind::Fn { .. } => 6,
        ItemKind::Let { .. } => 7,
        ItemKind::Output { .. } => 8,
        ItemKind::Assert { .. } => 9,
        ItemKind::Error => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::plain;
    use crate::syntax;
    use crate::text::Source;
    use crate::text::SourceId;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let source = Source::new(SourceId(0), "test", text);
        assert_eq!(plain(&source, &syntax::parse(&source)).expect("it parses"), expected);
        let again = Source::new(SourceId(0), "test", expected);
        assert_eq!(plain(&again, &syntax::parse(&again)).expect("it parses"), expected, "the form of the form");
    }

    #[test]
    fn what_means_the_same_has_one_form() {
        check("blend 1\n", "blend 1\n");
        let form = "blend 1\n\nmodel a = \"a\"\nmodel b = \"b\"\n\nlet x = 0.5\n\noutput \"o\" = mix(a, b, x)\n";
        check(form, form);
        check(
            "# head\nblend 1\noutput \"o\" = mix(a,b, # why\n  x)\n\n\nlet x=0.50 # half\nmodel b = \"b\"\n# a\nmodel a = \"a\"",
            form,
        );
        check("blend 1\nlet x = 1e3 + 1e-9 + 1000000000", "blend 1\n\nlet x = 1e3 + 1e-9 + 1e9\n");
    }
}
