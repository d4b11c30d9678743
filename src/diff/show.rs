//! Changes for people.

use super::Change;
use super::Changes;
use super::Curve;
use super::Fact;
use super::Group;
use super::Of;
use super::Output;
use super::What;
use crate::plan::globs;
use std::sync::Arc;

/// How the terminal is.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Block characters may be used.
    pub blocks: bool,
    pub color: bool,
    /// Columns.
    pub width: usize,
}

#[derive(Clone, Copy)]
pub(super) enum Tone {
    Old,
    New,
    Head,
    Quiet,
}

impl Look {
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Old => "31",
            Tone::New => "32",
            Tone::Head => "1",
            Tone::Quiet => "2",
        };
        if self.color && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }

    pub(super) fn arrow(self) -> &'static str {
        if self.blocks { "→" } else { "->" }
    }

    /// `before → after`
    pub(super) fn step(self, before: &str, after: &str) -> String {
        format!("{} {} {}", self.paint(Tone::Old, before), self.arrow(), self.paint(Tone::New, after))
    }
}

/// Lines of one output that are shown one by one; of more, those that differ in the place alone are told together.
const MOST_LINES: usize = 12;

/// All changes, or that there are none.
pub fn show(changes: &Changes, look: Look) -> String {
    let mut out = String::new();
    let (claims, facts): (Vec<&Fact>, Vec<&Fact>) = changes.facts.iter().partition(|fact| fact.of == Of::Assert);
    facts.iter().for_each(|fact| out.push_str(&self::fact(fact, look)));
    changes.outputs.iter().filter(|output| !output.is_same()).for_each(|output| out.push_str(&one(output, look)));
    claims.iter().for_each(|fact| out.push_str(&self::fact(fact, look)));
    if out.is_empty() { "same meaning\n".into() } else { out }
}

/// One line per output.
pub fn stat(changes: &Changes) -> String {
    let mut out = String::new();
    for output in &changes.outputs {
        out.push_str(&format!("{}: {}\n", output.path, tally(output)));
    }
    for of in [Of::Output, Of::Input, Of::Param, Of::Assert] {
        let count = changes.facts.iter().filter(|fact| fact.of == of).count();
        if count > 0 {
            out.push_str(&format!("{} changed, added or removed\n", counted(count, of.word())));
        }
    }
    if changes.is_same() {
        out.push_str("same meaning\n");
    }
    out
}

fn tally(output: &Output) -> String {
    let mut parts = vec![];
    let common = output.tensors.len() - output.added.len();
    if output.changed() > 0 {
        parts.push(format!("{} of {} changed", output.changed(), counted(common, "tensor")));
    }
    for (list, word) in [(&output.added, "added"), (&output.removed, "removed")] {
        if !list.is_empty() {
            parts.push(format!("{} {word}", list.len()));
        }
    }
    if !output.facts.is_empty() {
        parts.push(format!("{} changed", counted(output.facts.len(), "option")));
    }
    if parts.is_empty() { format!("{}, the same", counted(common, "tensor")) } else { parts.join(", ") }
}

pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn fact(fact: &Fact, look: Look) -> String {
    let Fact { of, name, field, before, after } = fact;
    let word = format!("{:7}", of.word());
    let whole = |sign: &str, text: &str| match (of, text) {
        (Of::Assert, _) => format!("{sign} {word} {name}"),
        (_, text) => format!("{sign} {word} {name}: {text}"),
    };
    let line = match (before, after) {
        (None, Some(after)) => look.paint(Tone::New, &whole("+", after)),
        (Some(before), None) => look.paint(Tone::Old, &whole("-", before)),
        (Some(before), Some(after)) if *of == Of::Assert && before == after => {
            format!("~ {word} {name}: a value behind its names is another one")
        }
        (Some(before), Some(after)) if *of == Of::Assert => format!("~ {word} {}", look.step(before, after)),
        (Some(before), Some(after)) => format!("~ {word} {name}: {field} {}", look.step(before, after)),
        (None, None) => return String::new(),
    };
    line + "\n"
}

fn one(output: &Output, look: Look) -> String {
    let mut out = format!("{}\n", look.paint(Tone::Head, &format!("output {}", output.path)));
    for fact in &output.facts {
        let (before, after) = (fact.before.as_deref().unwrap_or(""), fact.after.as_deref().unwrap_or(""));
        out.push_str(&format!("  {} {}\n", fact.field, look.step(before, after)));
    }
    for line in lines(output, look) {
        out.push_str(&format!("  {line}\n"));
    }
    for (list, all, sign, tone) in
        [(&output.added, &output.tensors, "+", Tone::New), (&output.removed, &output.tensors_before, "-", Tone::Old)]
    {
        if !list.is_empty() {
            let names = |list: &[Arc<str>]| list.iter().map(|name| name.to_string()).collect::<Vec<_>>();
            let (all, list) = (names(all), names(list));
            let texts = |list: &[String]| -> Vec<String> {
                let (all, list): (Vec<&str>, Vec<&str>) =
                    (all.iter().map(String::as_str).collect(), list.iter().map(String::as_str).collect());
                globs(&all, &list)
            };
            let line = format!("{sign} {}: {}", counted(list.len(), "tensor"), texts(&list).join("  "));
            out.push_str(&format!("  {}\n", look.paint(tone, &line)));
        }
    }
    if output.unchanged > 0 {
        let line = format!("{} unchanged", counted(output.unchanged, "tensor"));
        out.push_str(&format!("  {}\n", look.paint(Tone::Quiet, &line)));
    }
    if let Some(curve) = &output.curve {
        out.push_str(&drawn(curve, look));
    }
    out
}

fn lines(output: &Output, look: Look) -> Vec<String> {
    let plain = |group: &Group| {
        format!("{}: {} ({})", group.place, change(&group.change, look), counted(group.tensors.len(), "tensor"))
    };
    if output.groups.len() <= MOST_LINES {
        return output.groups.iter().map(plain).collect();
    }
    let mut together: Vec<Vec<&Group>> = vec![];
    for group in &output.groups {
        let inputs = |group: &Group| leading(&group.change).iter().map(|share| share.0.clone()).collect::<Vec<_>>();
        let fits = |run: &&mut Vec<&Group>| {
            let first = run[0];
            let told = !first.at.is_empty() && !group.at.is_empty() && first.words == group.words;
            told && first.change.what == What::Weights && !inputs(first).is_empty() && inputs(first) == inputs(group)
        };
        match together.iter_mut().find(fits) {
            Some(run) => run.push(group),
            None => together.push(vec![group]),
        }
    }
    let run = |run: &Vec<&Group>| {
        let [first, .., last] = run.as_slice() else { return run.first().map_or(String::new(), |one| plain(one)) };
        let count = run.iter().map(|group| group.tensors.len()).sum();
        let (low, high) = (first.at.first().copied().unwrap_or(0.0), last.at.last().copied().unwrap_or(0.0));
        let words = if first.words.is_empty() { String::new() } else { format!(", {}", first.words) };
        let place = format!("{} {low}..{high}{words}", output.coord);
        let ends = |at: usize| {
            let of = |side: fn(&(String, f64, f64)) -> f64| {
                let ends = [leading(&first.change)[at].clone(), leading(&last.change)[at].clone()];
                format!("{}..{}", number(side(&ends[0])), number(side(&ends[1])))
            };
            let name = leading(&first.change)[at].0.clone();
            format!("{name} {}", look.step(&of(|share| share.1), &of(|share| share.2)))
        };
        let changes: Vec<String> = (0..leading(&first.change).len()).map(ends).collect();
        format!("{place}: {} ({}, by {})", changes.join(", "), counted(count, "tensor"), output.coord)
    };
    together.iter().map(run).collect()
}

/// The shares that tell a change: the first input has what is left of 1.
fn leading(change: &Change) -> Vec<(String, f64, f64)> {
    let all: Vec<(String, f64, f64)> =
        change.shares.iter().map(|share| (share.input.clone(), share.before, share.after)).collect();
    let drift: f64 = all.iter().map(|share| share.2 - share.1).sum();
    if all.len() > 1 && drift.abs() <= 1e-9 { all[1..].to_vec() } else { all }
}

fn change(change: &Change, look: Look) -> String {
    let is_whole = |text: &str| !text.contains(' ');
    let shares = leading(change);
    let is_told = shares.iter().all(|share| number(share.1) != number(share.2));
    if shares.is_empty() || !is_told || (is_whole(&change.before) && is_whole(&change.after)) {
        let what = match change.what {
            What::Weights => "",
            What::Type => "type ",
            What::Shape => "shape ",
        };
        return format!("{what}{}", look.step(&cut(&change.before), &cut(&change.after)));
    }
    let told =
        shares.iter().map(|(name, before, after)| format!("{name} {}", look.step(&number(*before), &number(*after))));
    told.collect::<Vec<_>>().join(", ")
}

/// Forms of nested calls can be long.
fn cut(text: &str) -> String {
    const LONGEST: usize = 160;
    if text.chars().count() <= LONGEST {
        return text.into();
    }
    text.chars().take(LONGEST).collect::<String>() + "…"
}

fn number(share: f64) -> String {
    ((share * 1e6).round() / 1e6).to_string()
}

/// Shares over the pyramid: a column per place, a line before and one after for every input.
fn drawn(curve: &Curve, look: Look) -> String {
    let all = || curve.rows.iter().flat_map(|row| row.before.iter().chain(&row.after)).flatten();
    let (low, high) = (all().fold(0.0, |low: f64, x| low.min(*x)), all().fold(1.0, |high: f64, x| high.max(*x)));
    let name = curve.rows.iter().map(|row| row.input.chars().count()).max().unwrap_or(0);
    let left = 2 + name + 1 + "before".len() + 2;
    let room = look.width.saturating_sub(left).max(8);
    let places = curve.places.len();
    let label = curve.places.iter().map(|place| place.chars().count()).max().unwrap_or(1);
    let bar = |share: Option<f64>| {
        let levels: &[char] = if look.blocks {
            &['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            &['.', '1', '2', '3', '4', '5', '6', '7', '8']
        };
        let Some(share) = share else { return ' ' };
        let level = (share - low) / (high - low) * 8.0;
        // What is not nothing is seen.
        levels[if share == 0.0 && low == 0.0 { 0 } else { (level.round() as usize).clamp(1, 8) }]
    };
    let mut out = String::new();
    // With room for labels every place has its own; else a place is a sign, or several places are one.
    let is_wide = places * (label + 1) <= room;
    let per_sign = if is_wide { 1 } else { places.div_ceil(room).max(1) };
    if is_wide {
        let labels: Vec<String> = curve.places.iter().map(|place| format!("{place:>label$}")).collect();
        out.push_str(&format!("{:left$}{}\n", "", labels.join(" ")));
    } else if let (Some(first), Some(last)) = (curve.places.first(), curve.places.last()) {
        let signs = places.div_ceil(per_sign);
        let gap = signs.saturating_sub(first.chars().count() + last.chars().count()).max(1);
        out.push_str(&format!("{:left$}{first}{}{last}\n", "", " ".repeat(gap)));
    }
    let line = |shares: &[Option<f64>]| -> String {
        if is_wide {
            let one = |share: &Option<f64>| std::iter::repeat_n(bar(*share), label).collect::<String>();
            return shares.iter().map(one).collect::<Vec<_>>().join(" ");
        }
        let mean = |part: &[Option<f64>]| {
            let known: Vec<f64> = part.iter().flatten().copied().collect();
            bar((!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64))
        };
        shares.chunks(per_sign).map(mean).collect()
    };
    for row in &curve.rows {
        let (before, after) = (look.paint(Tone::Old, &line(&row.before)), look.paint(Tone::New, &line(&row.after)));
        out.push_str(&format!("  {:name$} before  {before}\n", row.input));
        out.push_str(&format!("  {:name$} after   {after}\n", ""));
    }
    out
}
