//! Two branches' changes of one recipe woven into one: statement by statement, inside a `match` arm by arm, inside a block
//! option by option.  Comments go with what they stand at.
//!
//! It knows the shape of recipes, not their meaning: it reads no model, and names may miss each other in the result.
//!
//! Laws, each tested: `merge(base, x, base) = x`; both sides may be exchanged; a clean result parses, is formatted and
//! holds every change of both sides; a conflict holds only what both have changed.

mod order;
mod pairing;
mod pieces;
mod print;
mod three;

pub use pairing::pairs;
pub use pieces::Item;
pub use pieces::Part;
pub use pieces::cut;

use crate::diag::Problems;
use crate::fmt;
use crate::syntax;
use crate::text::Source;
use crate::text::SourceId;

/// How conflicts are marked.
#[derive(Clone, Debug)]
pub struct Style {
    /// Signs in a marker; git says 7.
    pub signs: usize,
    /// What the markers call ours, the base and theirs.
    pub labels: [String; 3],
    /// Whether the base stands between the sides.
    pub base: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style { signs: 7, labels: ["ours", "base", "theirs"].map(String::from), base: false }
    }
}

/// What became of two changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Woven {
    pub text: String,
    /// Places that both have changed, each between markers; a text without any is formatted.
    pub conflicts: usize,
}

/// Weaves what `ours` and `theirs` have made of `base`; an empty text is a recipe that was not there.
///
/// # Errors
/// The problems of the first text that is no recipe, and of a result that would be none.
pub fn merge(base: &str, ours: &str, theirs: &str, style: &Style) -> Result<Woven, Problems> {
    let [base, ours, theirs] = [base, ours, theirs].map(formatted);
    let (base, ours, theirs) = (base?, ours?, theirs?);
    let items = three::list(&cut(&base)?, &cut(&ours)?, &cut(&theirs)?);
    // Statements may stand in any order, so that there is always a list.
    let items = items.unwrap_or_default();
    let (text, conflicts) = print::print(&items, style);
    let text = if conflicts == 0 { formatted(&text)? } else { text };
    Ok(Woven { text, conflicts })
}

/// The one layout of a text, so that blanks make no difference.
fn formatted(text: &str) -> Result<String, Problems> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let source = Source::new(SourceId(0), "recipe", text);
    fmt::format(&source, &syntax::parse(&source))
}
