//! Near misses: a header that is almost of a layout, a network with holes.  Nothing here is an error: a recipe may
//! complete a model from another, and a family may have relatives that nobody described yet.

use super::data::Family;
use super::data::Layout;
use super::detect::Found;
use super::detect::Names;
use super::detect::claims;
use super::number::fact;
use super::shipped;
use crate::diag::Code;
use crate::diag::Problem;
use crate::tensor::Header;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A network lacks tensors that its other blocks have.
pub const HOLES: Code = Code("W0402");

/// Highest value of a variable up to which holes are looked for.
const HIGHEST: i64 = 4096;

/// Why a header that no layout claims comes close to one.
pub fn layout(header: &Header, names: &Names) -> Option<Problem> {
    shipped::layouts().find_map(|layout| prefixed(header, layout)).or_else(|| partial(header, names))
}

/// The layout's names under a prefix, as in `g_ema.conv1.conv.weight`.
fn prefixed(header: &Header, layout: &Layout) -> Option<Problem> {
    let literal = layout.detect.iter().find_map(|template| template.fill(&[]))?;
    let prefixes = header.entries.iter().filter_map(|entry| entry.name.strip_suffix(literal.as_str()));
    let prefix = prefixes.filter(|prefix| prefix.ends_with('.')).min_by_key(|prefix| prefix.len())?;
    let stripped = Names::from(header.entries.iter().filter_map(|entry| entry.name.strip_prefix(prefix)));
    let prefix = prefix.escape_debug();
    claims(layout, &stripped, header).then(|| {
        let message = format!("the tensors under `{prefix}` are named as in the layout `{}`", layout.id);
        Problem::new(Code("W0403"), message)
            .note("the file is read as generic: it has no words and coordinates of that architecture")
            .help(format!("write `{{ strip_prefix = \"{prefix}\" }}`"))
    })
}

/// Most of the tensors are a layout's, but not those that it is known by.
fn partial(header: &Header, names: &Names) -> Option<Problem> {
    for layout in shipped::layouts() {
        let family = shipped::family_of(layout);
        let known = names.parts.iter().filter(|(bones, numbers)| layout.knows(bones, numbers, family)).count();
        if known * 2 <= header.entries.len() {
            continue;
        }
        let Some(lost) = lost(header, names, layout) else { continue };
        let message = format!(
            "{known} of {} tensors are named as in the layout `{}`, but {lost}",
            header.entries.len(),
            layout.id
        );
        let problem = Problem::new(Code("W0403"), message)
            .note("the file is read as generic: it has no words and coordinates of that architecture");
        // The same names may mean different orders, which only facts tell apart: nobody is led to a wrong one.
        let alike: Vec<&Layout> = shipped::layouts().filter(|other| is_alike(layout, other, names)).collect();
        return Some(match alike.len() {
            0 => problem.help(format!(
                "write `{{ layout = \"{}\" }}`, or `{{ layout = \"generic\" }}` if it is meant",
                layout.id
            )),
            _ => {
                let each = std::iter::once(layout).chain(alike).map(|layout| {
                    let facts = layout.facts.iter().map(|(name, values)| format!("`{name}` {}", values.join(" or ")));
                    format!("`{}` ({})", layout.id, facts.collect::<Vec<_>>().join(", "))
                });
                let each: Vec<String> = each.collect();
                problem
                    .note(format!("these layouts have the same names and other orders: {}", each.join(", ")))
                    .help("find out which of them made the file, and write it as `{ layout = … }`")
            }
        });
    }
    None
}

/// Whether another layout has these names too, and only its facts tell it from this one.
fn is_alike(layout: &Layout, other: &Layout, names: &Names) -> bool {
    !layout.facts.is_empty()
        && other.id != layout.id
        && other.family == layout.family
        && other.facts != layout.facts
        && !other.facts.is_empty()
        && other.detect.iter().all(|template| names.have(template))
}

/// Why a layout does not claim a header; `None` where its facts are another layout's: then that one is asked.
fn lost(header: &Header, names: &Names, layout: &Layout) -> Option<String> {
    if let Some(name) = layout.detect.iter().find(|template| !names.have(template)) {
        return Some(format!("`{}` is missing", name.text()));
    }
    let (name, _) = layout.facts.iter().find(|(name, _)| fact(header, name).is_none())?;
    Some(format!("its metadata do not have `{name}`"))
}

/// Tensors that a network lacks although more than half of its blocks or layers have them, and those that its layout
/// is known by.
pub fn lacking(found: &[Found], layout: &Layout, family: &Family, names: &Names) -> Option<Problem> {
    let is_known = layout.also.iter().any(|list| list.iter().all(|template| names.have(template)));
    let lost = layout.detect.iter().filter(|template| !is_known && !names.have(template));
    let mut lost: Vec<String> = lost.map(|template| template.text().into()).collect();
    // Per rule of one variable, the values that are there.
    let mut there: BTreeMap<usize, BTreeSet<i64>> = BTreeMap::new();
    let mut highest: BTreeMap<Arc<str>, i64> = BTreeMap::new();
    for (rule, binding) in found.iter().filter_map(|tensor| tensor.rule.as_ref()) {
        if let [(variable, value)] = binding.as_slice() {
            there.entry(*rule).or_default().insert(*value);
            let most = highest.entry(variable.clone()).or_default();
            *most = (*most).max(*value);
        }
    }
    let mut values: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (variable, &most) in highest.iter().filter(|entry| *entry.1 <= HIGHEST) {
        // What a value may be (a power of two, say) is the same for all rules of a family.
        let rule =
            there.keys().map(|&rule| &family.tensors[rule]).find(|rule| rule.name.variables() == [variable.clone()]);
        let valid = |value: &i64| {
            let binding = [(variable.clone(), *value)];
            rule.is_some_and(|rule| rule.by_name.iter().all(|coord| coord.real(&binding).is_some()))
        };
        values.insert(variable, (0..=most).filter(valid).collect());
    }
    for (rule, there) in &there {
        let rule = &family.tensors[*rule];
        let [variable] = rule.name.variables().try_into().unwrap_or([Arc::from("")]);
        let Some(values) = values.get(&*variable) else { continue };
        let wanted: Vec<i64> = values.iter().copied().filter(|value| *value >= rule.from).collect();
        if there.len() * 2 > wanted.len() {
            let holes = wanted.iter().filter(|value| !there.contains(value));
            lost.extend(holes.filter_map(|&value| rule.name.fill(&[(variable.clone(), value)])));
        }
    }
    let first = lost.first()?;
    let (subject, others) = match lost.len() {
        1 => (format!("`{first}`"), String::new()),
        2 => (format!("`{first}` and 1 other tensor"), String::new()),
        more => (format!("`{first}` and {} other tensors", more - 1), format!("it lacks {}", listed(&lost))),
    };
    let problem = Problem::new(HOLES, format!("the model lacks {subject} of a {} network", family.id))
        .help("take what it lacks from another model: `complete(THIS, from = OTHER)`");
    Some(if others.is_empty() { problem } else { problem.note(others) })
}

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(6).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > 6 { format!(" and {} more", names.len() - 6) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
