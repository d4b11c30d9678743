//! What the numbers say of two models.
//!
//! # Measured
//!
//! Judged are the tensors of which the family says that they tell of kinship: weights of convolutions and of affine
//! layers for StyleGAN.  Biases, norms, noise strengths and `w_avg` are left out: few or all-positive numbers have large
//! cosines by chance (affine biases of two strangers: 0.92 and 0.98).  Median cosine of the judged tensors, and the range over
//! resolutions of ‖a − b‖ / ‖a‖ (`tests/data/compare/measure.py` prints these; the nets are made by `train.py` there):
//!
//! | two models | median cosine | distance | noise images |
//! | --- | --- | --- | --- |
//! | parent and child, `avatars-toon` and `-ink`, 64 px | 0.977 | 0.25 to 0.36 | equal |
//! | parent and child, `avatars-toon` and `-pixel`, 64 px | 0.973 | 0.32 to 0.37 | equal |
//! | siblings, `avatars-ink` and `-pixel`, 64 px | 0.956 | 0.37 to 0.48 | equal |
//! | parent and child, 32 px | 0.992 | 0.12 to 0.13 | equal |
//! | strangers, both trained from other random weights, 32 px | 0.006 | 1.38 to 1.42 | differ |
//! | strangers that draw the same, `avatars-toon` and one taught from other random weights, 64 px | 0.002 | 1.31 to 1.39 | differ |
//! | parent and over-trained child (forty times the step), 32 px | 0.379 | 2.09 to 2.45 | equal |
//!
//! So kin is told from strangers with room to spare at 0.9 and 0.2.  A place counts as far from a distance of 0.75 on:
//! half as much again as the farthest siblings, a third of the over-trained child.

use super::Group;
use super::Model;
use super::Pair;
use super::facts;
use super::measure;
use super::measure::Row;
use super::measure::Summary;
use crate::arch::Tells;
use crate::tensor::Coord;
use crate::tensor::Shape;
use std::sync::Arc;

/// From this median cosine on, models are close kin.
pub const SIBLINGS: f64 = 0.9;
/// Up to this median cosine, they have no common ancestor.
pub const STRANGERS: f64 = 0.2;
/// From this ‖a − b‖ over the smaller of ‖a‖ and ‖b‖ on, a place is far from where it was.
pub const FAR: f64 = 0.75;
/// The most places that are shown; neighbours are taken together beyond it.
const MOST_PLACES: usize = 12;

/// How two models are related.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Every tensor is the same.
    Identical,
    /// A parent and its child, or children of one parent.
    Siblings,
    /// Something in common, but less than fine-tuning leaves.
    Weak,
    /// No common ancestor that could be seen.
    Strangers,
    /// They share no tensor that could tell.
    Unknown,
}

impl Relation {
    fn of(rows: &[Row], missing: bool, median: Option<f64>) -> Relation {
        match median {
            _ if !missing && !rows.is_empty() && rows.iter().all(|row| row.differs == 0) => Relation::Identical,
            None => Relation::Unknown,
            Some(median) if median >= SIBLINGS => Relation::Siblings,
            Some(median) if median > STRANGERS => Relation::Weak,
            Some(_) => Relation::Strangers,
        }
    }

    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Relation::Identical => "identical",
            Relation::Siblings => "siblings",
            Relation::Weak => "weak",
            Relation::Strangers => "strangers",
            Relation::Unknown => "unknown",
        }
    }
}

/// Random numbers that training never changes, in both models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Names of the parts.
    pub parts: Vec<String>,
    pub equal: usize,
    pub tensors: usize,
}

impl Origin {
    /// All of them are equal: the models began as one.
    pub fn is_one(&self) -> bool {
        self.tensors > 0 && self.equal == self.tensors
    }
}

/// Two models from their rows; `kin` is the summary of those that tell of kinship.
pub fn pair(models: &[Model], of: [usize; 2], mut rows: Vec<Row>, kin: Summary) -> Pair {
    let [a, b] = of.map(|at| &models[at]);
    let only = |own: &Model, other: &Model| -> Vec<Arc<str>> {
        let names = own.canon.tensors.iter().map(|tensor| tensor.name.clone());
        names.filter(|name| !other.canon.index.contains_key(name)).collect()
    };
    let missing = [only(a, b), only(b, a)];
    let mut shapes: Vec<(Arc<str>, [Shape; 2])> = vec![];
    for tensor in &a.canon.tensors {
        if let Some(other) = measure::tensor(b, &tensor.name)
            && other.shape != tensor.shape
        {
            shapes.push((tensor.name.clone(), [tensor.shape.clone(), other.shape.clone()]));
        }
    }
    let incomplete = !shapes.is_empty() || missing.iter().any(|names| !names.is_empty());
    let relation = Relation::of(&rows, incomplete, kin.median);
    let (coord, places) = places(&rows);
    let is_far = |group: &Group| group.summary.apart.is_some_and(|apart| apart >= FAR);
    let far = (0..places.len()).filter(|&at| is_far(&places[at])).collect();
    let mut judged: Vec<String> = vec![];
    let mut origin = Origin::default();
    rows.sort_by_key(|row| row.order);
    for row in &rows {
        let list = match row.tells {
            Tells::Kinship => &mut judged,
            Tells::Origin => {
                origin.tensors += 1;
                origin.equal += usize::from(row.differs == 0);
                &mut origin.parts
            }
            Tells::Nothing => continue,
        };
        if !list.contains(&row.part) {
            list.push(row.part.clone());
        }
    }
    let parts = groups(&rows, |row| Some((row.order as f64, row.part.clone())));
    rows.sort_by(|x, y| crate::plan::compare(&x.name, &y.name));
    let advice = if incomplete { facts::advice(a, b, &missing, &shapes) } else { None };
    Pair { models: of, rows, missing, shapes, parts, coord, places, judged, kin, relation, origin, far, advice }
}

impl Pair {
    /// One has left the other behind: it is a child of it, or the two are children of one, and at some places little of
    /// the ancestor is left.  The order of the two has no say.
    pub fn is_over_trained(&self) -> bool {
        let kin = matches!(self.relation, Relation::Siblings | Relation::Weak);
        kin && !self.far.is_empty() && (self.origin.is_one() || self.far.len() < self.places.len())
    }

    /// Which of the two (0, 1) has gone far: the one whose weights are larger at most of the far places, for steps that
    /// are too large add up; the second where they are even.
    pub fn gone(&self) -> usize {
        let grown = self.far.iter().filter(|&&at| self.places[at].summary.is_grown).count();
        usize::from(2 * grown >= self.far.len())
    }
}

/// Rows that have a key, by key.
fn groups(rows: &[Row], key: impl Fn(&Row) -> Option<(f64, String)>) -> Vec<Group> {
    let mut keys: Vec<(f64, String)> = rows.iter().filter_map(&key).collect();
    keys.sort_by(|x, y| x.0.total_cmp(&y.0).then_with(|| x.1.cmp(&y.1)));
    keys.dedup();
    let group = |wanted: (f64, String)| {
        let summary = Summary::of(rows.iter().filter(|row| key(row).is_some_and(|key| key == wanted)));
        Group { name: wanted.1, summary }
    };
    keys.into_iter().map(group).collect()
}

/// Rows that tell of kinship by place: layers where the network has them, else resolutions.
fn places(rows: &[Row]) -> (Option<Coord>, Vec<Group>) {
    let kin: Vec<Row> = rows.iter().filter(|row| row.tells == Tells::Kinship).cloned().collect();
    let value = |row: &Row, coord: Coord| row.coords.iter().find(|entry| entry.0 == coord).map(|entry| entry.1);
    let has = |coord: &Coord| kin.iter().any(|row| value(row, *coord).is_some());
    let Some(coord) = [Coord::Layer, Coord::Resolution, Coord::Block].into_iter().find(has) else {
        return (None, vec![]);
    };
    let mut values: Vec<f64> = kin.iter().filter_map(|row| value(row, coord)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let size = values.len().div_ceil(MOST_PLACES).max(1);
    let name = |row: &Row| {
        let own = value(row, coord)?;
        let chunk = values.chunks(size).find(|chunk| chunk.contains(&own))?;
        let (first, last) = (chunk.first()?, chunk.last()?);
        Some((*first, if first == last { first.to_string() } else { format!("{first}..{last}") }))
    };
    (Some(coord), groups(&kin, name))
}
