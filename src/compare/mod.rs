//! What models are to each other, from their weights: how far they are apart, part by part, whether they have a common
//! ancestor, and whether one has left it too far behind.  Reads each file once, in a stream; all arithmetic is that of
//! tile programs, so that the numbers are the same for any number of threads.
//!
//! Tensors are met under their canonical names: layouts, views and affine maps are in the loads.  Which parts a network
//! has, and what they tell, is data of its family ([`crate::arch::part`]).

mod facts;
mod json;
mod lints;
mod measure;
mod show;
mod verdict;

pub use facts::Difference;
pub use json::json;
pub use lints::Lints;
pub use lints::lints;
pub use measure::Row;
pub use measure::Summary;
pub use show::By;
pub use show::Style;
pub use show::show;
pub use verdict::Origin;
pub use verdict::Relation;

use crate::arch::Canon;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::tensor::Coord;
use crate::tensor::Header;
use crate::tensor::Shape;
use std::sync::Arc;

/// A model that is compared.
pub struct Model {
    /// What it is called in messages and recipes: a name of the language.
    pub name: String,
    /// As the user wrote it.
    pub path: String,
    pub header: Arc<Header>,
    pub canon: Arc<Canon>,
}

/// Tensors of one part, or of one place of the network.
pub struct Group {
    pub name: String,
    pub summary: Summary,
}

/// Two models.
pub struct Pair {
    /// Indices into [`Comparison::models`]; the first is what the second is measured against.
    pub models: [usize; 2],
    /// Tensors that both have in one shape, in order of their names.
    pub rows: Vec<Row>,
    /// Canonical names that only one has.
    pub missing: [Vec<Arc<str>>; 2],
    /// Tensors whose shapes differ.
    pub shapes: Vec<(Arc<str>, [Shape; 2])>,
    /// Rows by part, in the order of the family.
    pub parts: Vec<Group>,
    /// What the places are, such as resolutions.
    pub coord: Option<Coord>,
    /// Rows that tell of kinship, by place.
    pub places: Vec<Group>,
    /// Names of the parts that tell of kinship.
    pub judged: Vec<String>,
    /// Over the rows that tell of kinship.
    pub kin: Summary,
    pub relation: Relation,
    pub origin: Origin,
    /// Indices of places where one has left the other far behind, whichever comes first.
    pub far: Vec<usize>,
    /// A recipe's expression that mixes the two where they fit, when they do not everywhere.
    pub advice: Option<String>,
}

/// Models against the first, and all against all.
pub struct Comparison {
    pub models: Vec<Model>,
    /// What their headers say differently.
    pub differences: Vec<Difference>,
    /// Every model but the first, against the first.
    pub pairs: Vec<Pair>,
    /// Per two models: ‖row − column‖ / ‖row‖ over the tensors that tell of kinship; `None` where there are none.
    pub distances: Vec<Vec<Option<f64>>>,
    /// The median cosine over the same tensors.
    pub cosines: Vec<Vec<Option<f64>>>,
}

/// Compares models, at least two.  Errors: those of reading.
pub fn compare(models: Vec<Model>, threads: usize, progress: &Progress) -> Result<Comparison, Stop> {
    let count = models.len();
    let measured = measure::of(&models, &|_| true, threads, progress)?;
    let mut distances = vec![vec![None; count]; count];
    let mut cosines = vec![vec![None; count]; count];
    let mut pairs = vec![];
    for first in 0..count {
        for second in 0..count {
            let rows = measure::rows(&models, &measured, [first, second]);
            let kin = Summary::of(rows.iter().filter(|row| row.tells == crate::arch::Tells::Kinship));
            distances[first][second] = kin.distance;
            cosines[first][second] = kin.median;
            if first == 0 && second > 0 {
                pairs.push(verdict::pair(&models, [first, second], rows, kin));
            }
        }
    }
    let differences = facts::differences(&models);
    Ok(Comparison { models, differences, pairs, distances, cosines })
}
