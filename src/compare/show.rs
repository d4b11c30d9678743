//! A comparison for people: the verdict first, then tables and bars.

use super::Comparison;
use super::Group;
use super::Model;
use super::Origin;
use super::Pair;
use super::Relation;
use super::Summary;
use super::verdict::FAR;
use crate::plan::bytes_text;
use crate::tensor::Coord;
use crate::tensor::shape_text;

/// What a table has a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Part,
    /// Resolution, or layer: whatever the network has.
    Place,
    Tensor,
}

/// How the terminal is.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Block characters may be used.
    pub unicode: bool,
    pub color: bool,
    /// Columns.
    pub width: usize,
}

#[derive(Clone, Copy)]
enum Tone {
    Good,
    Odd,
    Bad,
    Plain,
}

impl Style {
    fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Odd => "33",
            Tone::Bad => "31",
            Tone::Plain => return text.into(),
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }

    /// `share` of a bar of `width` columns, in eighths of a column where the terminal has them.
    fn bar(self, share: f64, width: usize) -> String {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        if !self.unicode {
            let full = (share * width as f64 + 0.5) as usize;
            return format!("{}{}", "#".repeat(full), ".".repeat(width - full));
        }
        let eighths = (share * (width * 8) as f64 + 0.5) as usize;
        let (full, part) = (eighths / 8, eighths % 8);
        let part = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][part];
        let bar = "█".repeat(full);
        if full == width { bar } else { format!("{bar}{part}{}", " ".repeat(width - full - 1)) }
    }
}

/// The whole comparison as text.
pub fn show(comparison: &Comparison, by: By, style: Style) -> String {
    let mut out = String::new();
    for pair in &comparison.pairs {
        out.push_str(&verdict(comparison, pair, style));
    }
    for (letter, model) in comparison.models.iter().enumerate() {
        out.push_str(&format!("{}{}\n", if letter == 0 { "\n" } else { "" }, about(model)));
    }
    out.push_str(&facts(comparison));
    for pair in &comparison.pairs {
        out.push_str(&format!(
            "\n{} against {}\n",
            clean(&of(comparison, pair, 1).name),
            clean(&of(comparison, pair, 0).name)
        ));
        out.push_str(&apart(comparison, pair, style));
        match by {
            By::Part => out.push_str(&table("part", &pair.parts, style)),
            By::Place => out.push_str(&table(place_word(pair), &pair.places, style)),
            By::Tensor => {
                let one =
                    |row: &super::Row| Group { name: row.name.to_string(), summary: Summary::of([row].into_iter()) };
                out.push_str(&table("tensor", &pair.rows.iter().map(one).collect::<Vec<_>>(), style));
            }
        }
        if by != By::Place {
            out.push_str(&drift(pair, style));
        }
    }
    if comparison.models.len() > 2 {
        out.push_str(&matrix("median cosine", &comparison.cosines, &comparison.models));
        out.push_str(&matrix("distance, relative to the model of the row", &comparison.distances, &comparison.models));
    }
    out
}

fn of<'c>(comparison: &'c Comparison, pair: &Pair, which: usize) -> &'c Model {
    &comparison.models[pair.models[which]]
}

fn place_word(pair: &Pair) -> &'static str {
    pair.coord.map_or("place", Coord::text)
}

/// Text of a file, safe for a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn about(model: &Model) -> String {
    let size: u64 = model.header.files.iter().map(|file| file.size).sum();
    format!("{}: {}, {}, {}", clean(&model.name), clean(&model.path), model.canon.family, bytes_text(size))
}

/// One line, or two, that say what the models are to each other.
fn verdict(comparison: &Comparison, pair: &Pair, style: Style) -> String {
    let (a, b) = (clean(&of(comparison, pair, 0).name), clean(&of(comparison, pair, 1).name));
    let (tone, words) = match pair.relation {
        Relation::Identical => (Tone::Good, "identical"),
        Relation::Siblings => (Tone::Good, "siblings"),
        Relation::Weak => (Tone::Odd, "weak relation"),
        Relation::Strangers => (Tone::Bad, "no common ancestor"),
        Relation::Unknown => (Tone::Odd, "no verdict"),
    };
    let facts = match pair.relation {
        Relation::Identical => format!("all {} are equal", counted(pair.rows.len(), "tensor")),
        Relation::Unknown => "no tensor in common that could tell".to_string(),
        _ => grounds(pair),
    };
    let mut out = format!("{b} and {a}: {}: {facts}\n", style.paint(tone, words));
    if pair.is_over_trained() {
        let child = [&a, &b][pair.gone()];
        out.push_str(&format!("{child}: {}: {}\n", style.paint(Tone::Odd, "over-trained child"), far(pair)));
    }
    let odd: usize = pair.parts.iter().map(|part| part.summary.not_finite).sum();
    if odd > 0 {
        let hold = if odd == 1 { "holds" } else { "hold" };
        let line = format!("{} {hold} NaN or infinite values, which count in nothing", counted(odd, "tensor"));
        out.push_str(&format!("{b} and {a}: {}\n", style.paint(Tone::Bad, &line)));
    }
    out
}

/// What the verdict stands on: `median cosine 0.9772 over 23 tensors (conv, affine); noise image: equal in 9 tensors (as of one parent)`.
pub fn grounds(pair: &Pair) -> String {
    let mut parts = vec![];
    if let Some(median) = pair.kin.median {
        parts.push(format!(
            "median cosine {median:.4} over {} ({})",
            counted(pair.kin.directions, "tensor"),
            pair.judged.join(", ")
        ));
    }
    parts.extend(origin(&pair.origin));
    parts.join("; ")
}

fn origin(origin: &Origin) -> Option<String> {
    let parts = origin.parts.join(", ");
    match origin {
        Origin { tensors: 0, .. } => None,
        Origin { tensors, .. } if origin.is_one() => {
            Some(format!("{parts}: equal in {} (as of one parent)", counted(*tensors, "tensor")))
        }
        Origin { tensors, equal, .. } => Some(format!("{parts}: {equal} of {} equal", counted(*tensors, "tensor"))),
    }
}

/// Where a child has left its parent behind, in units of the smaller of the two: `distance 2.34 at resolution 4, 2.45 at 8`.
pub fn far(pair: &Pair) -> String {
    let one = |&at: &usize| {
        let place = &pair.places[at];
        format!("{:.2} at {}", place.summary.apart.unwrap_or(f64::NAN), place.name)
    };
    let mut list: Vec<String> = pair.far.iter().take(4).map(one).collect();
    if pair.far.len() > list.len() {
        list.push(format!("{} more", pair.far.len() - list.len()));
    }
    format!("distance {} ({}); {FAR} and more is far", list.join(", "), place_word(pair))
}

/// The table of facts that differ.
fn facts(comparison: &Comparison) -> String {
    if comparison.differences.is_empty() {
        return String::new();
    }
    let head: Vec<String> = comparison.models.iter().map(|model| clean(&model.name)).collect();
    let mut rows: Vec<Vec<String>> = vec![[vec!["differs".to_string()], head].concat()];
    for difference in &comparison.differences {
        let values = difference.values.iter().map(|value| clean(value.as_deref().unwrap_or("none")));
        rows.push(std::iter::once(difference.fact.clone()).chain(values).collect());
    }
    let columns: Vec<usize> =
        (0..rows[0].len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::from("\n");
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&columns).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(&format!("{}\n", cells.join("  ").trim_end()));
    }
    out
}

/// Tensors that cannot be compared, and what to type.
fn apart(comparison: &Comparison, pair: &Pair, style: Style) -> String {
    let mut out = String::new();
    for (which, names) in pair.missing.iter().enumerate().filter(|(_, names)| !names.is_empty()) {
        let model = clean(&of(comparison, pair, which).name);
        out.push_str(&format!(
            "  only in {model}: {}: {}\n",
            counted(names.len(), "tensor"),
            few(names.iter().map(|name| clean(name)))
        ));
    }
    if !pair.shapes.is_empty() {
        let one = |(name, shapes): &(std::sync::Arc<str>, [crate::tensor::Shape; 2])| {
            format!("{} {} and {}", clean(name), shape_text(&shapes[0]), shape_text(&shapes[1]))
        };
        let count = counted(pair.shapes.len(), "tensor");
        out.push_str(&format!("  of two shapes: {count}: {}\n", few(pair.shapes.iter().map(one))));
    }
    if let Some(advice) = &pair.advice {
        out.push_str(&format!("  mix what fits: {}\n", style.paint(Tone::Good, advice)));
    }
    out
}

fn few(names: impl ExactSizeIterator<Item = String>) -> String {
    let count = names.len();
    let shown: Vec<String> = names.take(3).collect();
    let more = if count > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| match value.abs() {
        0.0 | 1e-4..100.0 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    })
}

/// Rows with their cosine as a bar from 0 to 1.
fn table(head: &str, groups: &[Group], style: Style) -> String {
    if groups.is_empty() {
        return "  nothing to compare\n".into();
    }
    let names: Vec<String> = groups.iter().map(|group| clean(&group.name)).collect();
    // The numbers take 57 columns; a bar of less than 8 says nothing.
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(head.len());
    let bar = style.width.saturating_sub(longest.min(44) + 57).clamp(8, 30);
    let name = longest.min(style.width.saturating_sub(57 + bar).max(16));
    let spread = bar + 9;
    let mut out = format!(
        "  {head:name$} {:>7} {:>5}  {:spread$} {:>8} {:>9} {:>9}\n",
        "tensors", "equal", "median cosine", "weighted", "distance", "farthest"
    );
    for (group, shown) in groups.iter().zip(names) {
        let sums = &group.summary;
        let tone = match sums.median {
            Some(median) if median <= super::verdict::STRANGERS => Tone::Bad,
            Some(median) if median < super::verdict::SIBLINGS => Tone::Odd,
            Some(_) => Tone::Good,
            None => Tone::Plain,
        };
        let drawn = style.bar(sums.median.unwrap_or(0.0), bar);
        let line = format!(
            "  {:name$} {:>7} {:>5}  {} {:>8} {:>8} {:>9} {:>9}",
            cut(&shown, name),
            sums.tensors,
            sums.equal,
            style.paint(tone, &drawn),
            number(sums.median),
            number(sums.cosine),
            number(sums.distance),
            number(sums.farthest.as_ref().map(|entry| entry.1)),
        );
        out.push_str(&format!("{}\n", line.trim_end()));
    }
    out
}

/// The end of a name that is too long says most.
fn cut(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width {
        name.into()
    } else {
        format!("…{}", name.chars().skip(count + 1 - width).collect::<String>())
    }
}

/// Distances by place, as bars up to 1, or up to the largest beyond it.
fn drift(pair: &Pair, style: Style) -> String {
    if pair.places.len() < 2 {
        return String::new();
    }
    let distance = |group: &Group| group.summary.distance.unwrap_or(0.0);
    let most = pair.places.iter().map(distance).fold(1.0, f64::max);
    let word = place_word(pair);
    let name = pair.places.iter().map(|group| group.name.len()).max().unwrap_or(0).max(word.len());
    let bar = style.width.saturating_sub(name + 20).clamp(8, 40);
    let mut out = format!("  distance by {word} ({})\n", pair.judged.join(", "));
    for (at, group) in pair.places.iter().enumerate() {
        let is_far = pair.far.contains(&at);
        let drawn = style.bar(distance(group) / most, bar);
        let drawn = style.paint(if is_far { Tone::Odd } else { Tone::Good }, &drawn);
        let mark = if is_far { "  far" } else { "" };
        out.push_str(&format!("  {:>name$}  {drawn} {:>8}{mark}\n", group.name, number(group.summary.distance)));
    }
    out
}

/// Numbers of all models against all.
fn matrix(title: &str, numbers: &[Vec<Option<f64>>], models: &[Model]) -> String {
    let names: Vec<String> = models.iter().map(|model| cut(&clean(&model.name), 20)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(7);
    let mut out = format!("\n{title}\n  {:width$}", "");
    names.iter().for_each(|name| out.push_str(&format!("  {name:>width$}")));
    out.push('\n');
    for (row, name) in numbers.iter().zip(&names) {
        out.push_str(&format!("  {name:width$}"));
        row.iter().for_each(|value| out.push_str(&format!("  {:>width$}", number(*value))));
        out.push('\n');
    }
    out
}
