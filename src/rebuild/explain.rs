//! Why tensors are made again, for people.

use super::decide::Fate;
use super::decide::Old;
use super::manifest::Described;
use super::manifest::Line;
use super::manifest::OTHER;
use crate::plan::Output;
use crate::plan::globs;
use indexmap::IndexMap;
use std::sync::Arc;

/// One line per group of tensors that have the same reasons; `old` is what stood at the output's place, `is_broken`:
/// its record cannot be read.
pub fn explain(
    output: &Output,
    described: &[Described],
    fates: &[Fate],
    old: Option<&Old>,
    is_broken: bool,
) -> Vec<String> {
    let made: Vec<usize> = (0..fates.len()).filter(|&at| fates[at] == Fate::Make).collect();
    let total = fates.len();
    let mut out = vec![match made.len() {
        0 => format!("{}: nothing is made again, {total} tensors are as they were", output.written),
        count => format!("{}: {count} of {total} tensors are made", output.written),
    }];
    let Some(old) = old else {
        if !made.is_empty() {
            out.push(match is_broken {
                true => "  what was remembered of its last build is broken".into(),
                false => "  no earlier build of this output is known".into(),
            });
        }
        return out;
    };
    let by_name: IndexMap<&str, _> = old.record.tensors.iter().map(|row| (row.name.as_str(), row)).collect();
    let mut groups: IndexMap<String, Vec<&str>> = IndexMap::new();
    for at in made {
        let tensor = &output.tensors[at];
        let reason = match by_name.get(tensor.name.as_str()) {
            None => "was not there".into(),
            Some(row) => changes(&old.record.story(row), &described[at].lines),
        };
        groups.entry(reason).or_default().push(tensor.name.as_str());
    }
    let all: Vec<&str> = output.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    for (reason, names) in groups {
        let count = if names.len() == 1 { "1 tensor".into() } else { format!("{} tensors", names.len()) };
        out.push(format!("  {} ({count}): {reason}", globs(&all, &names).join(", ")));
    }
    if old.changed {
        out.push(
            "  its file may have changed since: what is taken from it is compared with the sums of its build".into(),
        );
    }
    out
}

/// `share of ink 0.3 → 0.5, size of input toon 10 → 12`
fn changes(old: &[&Line], new: &[Arc<Line>]) -> String {
    let mut words = vec![];
    let values =
        |label: &str| -> Vec<&str> { old.iter().filter(|line| line.0 == label).map(|line| line.1.as_str()).collect() };
    let news =
        |label: &str| -> Vec<&str> { new.iter().filter(|line| line.0 == label).map(|line| line.1.as_str()).collect() };
    let mut labels: Vec<&str> = new.iter().map(|line| line.0.as_str()).collect();
    labels.extend(old.iter().map(|line| line.0.as_str()));
    let mut seen = std::collections::HashSet::new();
    for label in labels.into_iter().filter(|label| seen.insert(label.to_string())) {
        let (before, after) = (values(label), news(label));
        if before == after {
            continue;
        }
        words.push(match (before.as_slice(), after.as_slice()) {
            // Other steps follow from what is told better.
            ([], [_, ..]) | ([_, ..], []) if is_other(&before, &after) => continue,
            ([], after) => format!("now {label} {}", after.join(" and ")),
            (before, []) => format!("no longer {label} {}", before.join(" and ")),
            _ if is_other(&before, &after) && label.starts_with("input ") => label.to_string(),
            _ if is_other(&before, &after) => format!("another {label}"),
            (before, after) => format!("{label} {} → {}", before.join(" and "), after.join(" and ")),
        });
    }
    let told = words.iter().any(|word| !word.starts_with("another "));
    if told {
        words.retain(|word| !word.starts_with("another "));
    }
    if words.iter().any(|word| word.ends_with("was written to") || word.starts_with("bytes of input")) {
        words.retain(|word| !word.ends_with("was replaced or moved"));
    }
    match words.is_empty() {
        true => "its inputs were not at rest when it was built".into(),
        false => words.join(", "),
    }
}

fn is_other(before: &[&str], after: &[&str]) -> bool {
    before.iter().chain(after).any(|value| value.starts_with(OTHER))
}
