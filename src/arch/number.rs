//! Numbers of a checkpoint that single names do not hold: how large a head is, how many levels a network has.

use super::data::Family;
use super::template::Binding;
use super::template::Template;
use super::template::skeleton;
use crate::diag::Code;
use crate::diag::Problem;
use crate::tensor::Header;
use std::sync::Arc;

/// One way to know a number; the ways of a name are tried in order.
#[derive(Debug)]
pub struct NumberRule {
    pub name: Arc<str>,
    pub of: NumberOf,
    /// What to do where no way leads to the number.
    pub help: Option<String>,
}

#[derive(Debug)]
pub enum NumberOf {
    /// A fact, divided by another where there is one.
    Fact(String, Option<String>),
    /// The size of an axis of the first such tensor, as it is stored, so many times.
    Size { of: Template, axis: usize, times: i64 },
    /// How many such tensors there are.
    Count(Template),
    /// This, if there is such a tensor.
    Has(Template, i64),
    /// Always this.
    Value(i64),
}

/// A fact of a checkpoint: what a file beside it says, or its own metadata.
pub fn fact<'h>(header: &'h Header, name: &str) -> Option<&'h str> {
    header.facts.get(name).or_else(|| header.metadata.get(name)).map(String::as_str)
}

/// The entry of a file's metadata that tells a number by itself.
pub fn entry(family: &Family, number: &str) -> Option<String> {
    family.numbers.iter().filter(|rule| *rule.name == *number).find_map(|rule| match &rule.of {
        NumberOf::Fact(name, None) if !name.contains(':') => Some(name.clone()),
        _ => None,
    })
}

/// The numbers that a checkpoint tells; `found` are its canonical names, and those that are dropped, with their entries.
pub fn numbers<'f>(family: &Family, header: &Header, found: impl Iterator<Item = (&'f str, usize)>) -> Binding {
    let mut out = Binding::new();
    if family.numbers.is_empty() {
        return out;
    }
    let found: Vec<_> = found.map(|(name, entry)| (skeleton(name), entry)).collect();
    for rule in &family.numbers {
        if out.iter().all(|known| known.0 != rule.name)
            && let Some(number) = rule.of.value(header, &found)
        {
            out.push((rule.name.clone(), number));
        }
    }
    out
}

/// A name in parts, with the entry that has it.
type Parted = ((String, smallvec::SmallVec<[i64; 4]>), usize);

impl NumberOf {
    fn value(&self, header: &Header, found: &[Parted]) -> Option<i64> {
        let fits = |template: &Template, parted: &&Parted| {
            let (bones, numbers) = &parted.0;
            *bones == template.skeleton && template.solve(numbers).is_some()
        };
        match self {
            NumberOf::Fact(name, over) => {
                // At least 1, and far from overflow: an embedding of 2^32 columns is none.
                let number =
                    |name: &str| fact(header, name)?.parse().ok().filter(|number| (1..1 << 32).contains(number));
                let (top, bottom): (i64, i64) = (number(name)?, over.as_deref().map_or(Some(1), number)?);
                (top % bottom == 0).then(|| top / bottom)
            }
            NumberOf::Size { of, axis, times } => {
                let (_, entry) = found.iter().find(|parted| fits(of, parted))?;
                let size = header.entries[*entry].shape.get(*axis)?;
                i64::try_from(*size).ok()?.checked_mul(*times)
            }
            NumberOf::Count(of) => i64::try_from(found.iter().filter(|parted| fits(of, parted)).count()).ok(),
            NumberOf::Has(of, value) => found.iter().any(|parted| fits(of, &parted)).then_some(*value),
            NumberOf::Value(value) => Some(*value),
        }
    }

    /// Where the number was looked for, for people.
    fn text(&self) -> Option<String> {
        // `config.json:head_dim`, or a name of the metadata.
        let parts = |name: &str| {
            let (file, name) = name.split_once(':').map_or(("the metadata", name), |(file, name)| (file, name));
            (file.to_string(), format!("`{name}`"))
        };
        match self {
            NumberOf::Fact(name, over) => {
                let (file, mut names) = parts(name);
                if let Some((_, over)) = over.as_deref().map(parts) {
                    names += &format!(" and {over}");
                }
                Some(if file == "the metadata" { format!("{names} in {file}") } else { format!("{names} in `{file}`") })
            }
            NumberOf::Size { of, .. } => Some(format!("the size of `{}`", of.text())),
            NumberOf::Count(_) | NumberOf::Has(..) | NumberOf::Value(_) => None,
        }
    }
}

/// A number that a layout needs and no checkpoint tells.
pub fn unknown(number: &str, layout: &str, family: &Family) -> Problem {
    let rules = || family.numbers.iter().filter(|rule| *rule.name == *number);
    let ways: Vec<String> = rules().filter_map(|rule| rule.of.text()).collect();
    let help = rules().find_map(|rule| rule.help.clone());
    let message = format!("the `{number}` of the model is not told, and the layout `{layout}` needs it");
    let problem = Problem::new(Code("E0440"), message)
        .help(help.unwrap_or_else(|| format!("describe it in `[[family.number]]` with `name = \"{number}\"`")));
    if ways.is_empty() { problem } else { problem.note(format!("looked for: {}", ways.join("; "))) }
}
