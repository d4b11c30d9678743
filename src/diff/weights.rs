//! Two checkpoints: which tensors are the same bit by bit, and how far the others are from each other.

use super::Look;
use super::show::Tone;
use super::show::counted;
use crate::compare::Comparison;
use crate::compare::Row;
use crate::compare::Summary;
use crate::plan::globs;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;

/// What differs between two checkpoints.
pub struct Weights<'c> {
    rows: &'c [Row],
    /// Tensors whose values differ.
    changed: Vec<&'c Row>,
    /// Tensors that only the second has.
    added: Vec<Arc<str>>,
    /// Tensors that only the first has.
    removed: Vec<Arc<str>>,
    /// Tensors of another shape: name, before, after.
    shapes: Vec<(Arc<str>, String, String)>,
    /// Tensors of another type: name, before, after.
    types: Vec<(Arc<str>, &'static str, &'static str)>,
    /// Parts with a tensor that differs, and all of them.
    parts: Vec<(&'c str, usize, &'c Summary)>,
    whole: Summary,
    /// Layouts, where they differ: names in the file are others.
    layouts: Option<[String; 2]>,
    all: Vec<Arc<str>>,
}

/// Reads a comparison of two models as what has become of the first.
pub fn of(comparison: &Comparison) -> Option<Weights<'_>> {
    let pair = comparison.pairs.first()?;
    let [a, b] = pair.models.map(|at| &comparison.models[at]);
    let kind = |model: &crate::compare::Model, name: &str| {
        model.canon.index.get(name).map(|&at| model.canon.tensors[at].dtype.name())
    };
    let mut types = vec![];
    for row in &pair.rows {
        if let (Some(before), Some(after)) = (kind(a, &row.name), kind(b, &row.name))
            && before != after
        {
            types.push((row.name.clone(), before, after));
        }
    }
    let shapes = pair.shapes.iter().map(|(name, [before, after])| {
        (name.clone(), crate::tensor::shape_text(before), crate::tensor::shape_text(after))
    });
    let parts = pair.parts.iter().map(|part| {
        let differ = part.summary.tensors - part.summary.equal;
        (part.name.as_str(), differ, &part.summary)
    });
    let mut all: Vec<Arc<str>> = a.canon.tensors.iter().map(|tensor| tensor.name.clone()).collect();
    all.extend(pair.missing[1].iter().cloned());
    // `missing[0]` is what only the first has.
    let [only_a, only_b] = &pair.missing;
    all.extend(only_b.iter().filter(|name| !a.canon.index.contains_key(*name)).cloned());
    all.sort();
    all.dedup();
    let layouts = [a, b].map(|model| model.canon.layout.to_string());
    Some(Weights {
        changed: pair.rows.iter().filter(|row| row.differs > 0).collect(),
        added: only_b.clone(),
        removed: only_a.clone(),
        shapes: shapes.collect(),
        types,
        parts: parts.filter(|part| part.1 > 0).collect(),
        whole: Summary::of(pair.rows.iter()),
        rows: &pair.rows,
        layouts: (layouts[0] != layouts[1]).then_some(layouts),
        all,
    })
}

impl Weights<'_> {
    /// The same tensors with the same values and types; how they lie in files is no difference.
    pub fn is_same(&self) -> bool {
        self.changed.is_empty()
            && self.added.is_empty()
            && self.removed.is_empty()
            && self.shapes.is_empty()
            && self.types.is_empty()
    }

    /// One line.
    pub fn stat(&self, name: &str) -> String {
        if self.is_same() {
            return format!("{name}: {}, the same\n", counted(self.rows.len(), "tensor"));
        }
        let mut parts = vec![format!("{} of {} changed", self.changed.len(), counted(self.rows.len(), "tensor"))];
        let counts = [
            (self.added.len(), "added"),
            (self.removed.len(), "removed"),
            (self.shapes.len(), "of another shape"),
            (self.types.len(), "of another type"),
        ];
        parts.extend(counts.iter().filter(|count| count.0 > 0).map(|(count, what)| format!("{count} {what}")));
        if let Some(distance) = self.whole.distance.filter(|distance| *distance > 0.0) {
            parts.push(format!("distance {}", short(distance)));
        }
        format!("{name}: {}\n", parts.join(", "))
    }

    /// Parts with their distances, then names.
    pub fn show(&self, look: Look) -> String {
        let mut out = String::new();
        if let Some([before, after]) = &self.layouts {
            out.push_str(&format!("layout {}: names below are canonical\n", look.step(before, after)));
        }
        if self.is_same() {
            return out + &format!("same weights: {}\n", counted(self.rows.len(), "tensor"));
        }
        if !self.changed.is_empty() {
            let name = self.parts.iter().map(|part| part.0.chars().count()).max().unwrap_or(0).max("part".len());
            let head = format!(
                "{:name$}  {:>16}  {:>9}  {:>9}  {:>9}",
                "part", "tensors changed", "distance", "cosine", "largest"
            );
            out.push_str(&format!("{}\n", look.paint(Tone::Head, &head)));
            for (part, differ, summary) in &self.parts {
                let count = format!("{differ} of {}", summary.tensors);
                let number = |value: Option<f64>| value.map_or("-".into(), short);
                out.push_str(&format!(
                    "{part:name$}  {count:>16}  {:>9}  {:>9}  {:>9}\n",
                    number(summary.distance),
                    number(summary.cosine),
                    short(summary.largest)
                ));
            }
        }
        let listed = |names: &[&str]| {
            let all: Vec<&str> = self.all.iter().map(|name| &**name).collect();
            globs(&all, names).join("  ")
        };
        let mut line = |sign: &str, tone: Option<Tone>, names: &[&str], what: &str| {
            if !names.is_empty() {
                let text = format!("{sign} {}{what}: {}", counted(names.len(), "tensor"), listed(names));
                out.push_str(&format!("{}\n", tone.map_or(text.clone(), |tone| look.paint(tone, &text))));
            }
        };
        line("~", None, &self.changed.iter().map(|row| &*row.name).collect::<Vec<_>>(), " changed");
        line("+", Some(Tone::New), &strs(&self.added), "");
        line("-", Some(Tone::Old), &strs(&self.removed), "");
        let mut kinds: Vec<[&'static str; 2]> = self.types.iter().map(|row| [row.1, row.2]).collect();
        kinds.sort();
        kinds.dedup();
        for [before, after] in kinds {
            let names: Vec<&str> =
                self.types.iter().filter(|row| [row.1, row.2] == [before, after]).map(|row| &*row.0).collect();
            line("~", None, &names, &format!(" {before} {} {after}", look.arrow()));
        }
        for (name, before, after) in &self.shapes {
            out.push_str(&format!("~ {name}: shape {}\n", look.step(before, after)));
        }
        let equal = self.rows.len() - self.changed.len();
        if equal > 0 {
            let text = format!("{} equal", counted(equal, "tensor"));
            out.push_str(&format!("{}\n", look.paint(Tone::Quiet, &text)));
        }
        out
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let row = |row: &&Row| {
            json!({
                "name": &*row.name,
                "part": row.part,
                "elements": row.elems,
                "differ": row.differs,
                "distance": row.distance(),
                "cosine": row.cosine(),
                "largest": row.largest(),
            })
        };
        let part = |(name, differ, summary): &(&str, usize, &Summary)| {
            json!({
                "name": name,
                "tensors": summary.tensors,
                "changed": differ,
                "distance": summary.distance,
                "cosine": summary.cosine,
                "largest": summary.largest,
            })
        };
        let shape = |(name, before, after): &(Arc<str>, String, String)| json!({ "name": &**name, "before": before, "after": after });
        let kind = |(name, before, after): &(Arc<str>, &'static str, &'static str)| json!({ "name": &**name, "before": before, "after": after });
        json!({
            "compared": "weights",
            "same": self.is_same(),
            "equal": self.rows.len() - self.changed.len(),
            "distance": self.whole.distance,
            "parts": self.parts.iter().map(part).collect::<Vec<_>>(),
            "changed": self.changed.iter().map(row).collect::<Vec<_>>(),
            "added": strs(&self.added),
            "removed": strs(&self.removed),
            "shapes": self.shapes.iter().map(shape).collect::<Vec<_>>(),
            "types": self.types.iter().map(kind).collect::<Vec<_>>(),
        })
    }
}

fn strs(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

/// Four digits that say something.
fn short(number: f64) -> String {
    if number == 0.0 || (1e-3..1e4).contains(&number.abs()) { format!("{number:.4}") } else { format!("{number:.1e}") }
}
