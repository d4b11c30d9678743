//! Which tensors are taken from an earlier output.

use super::describe::layout_digest;
use super::manifest::Described;
use super::record::Record;
use super::sum::Sum;
use crate::plan::Output;
use std::collections::HashMap;

/// What happens with a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made as the plan says.
    Make,
    /// It is copied from byte `offset` of file number `file` of the earlier outputs.
    Take {
        file: usize,
        offset: u64,
        /// Of the bytes, where it is known.
        sum: Option<Sum>,
        /// The bytes count only if they have that sum.
        compare: bool,
    },
    /// Its bytes are there already: the part began with the content of the earlier output.
    There { sum: Option<Sum> },
    /// A build that was killed had made it, and its bytes have the sum that was noted.
    Done { sum: Sum },
}

/// An earlier output whose files are open.
pub struct Old {
    pub record: Record,
    /// Number of its first file among those of all earlier outputs.
    pub first: usize,
    /// Per file: it is as it was left.
    pub intact: Vec<bool>,
    /// Some file is not what it was when it was built.
    pub changed: bool,
    /// Rows by their keys, of either kind.
    by_key: HashMap<(usize, [u8; 32]), usize>,
}

impl Old {
    pub fn new(record: Record, first: usize, intact: Vec<bool>, changed: bool) -> Old {
        let mut by_key = HashMap::new();
        for (at, row) in record.tensors.iter().enumerate() {
            for key in keys(&row.keys) {
                by_key.entry(key).or_insert(at);
            }
        }
        Old { record, first, intact, changed, by_key }
    }
}

fn keys(keys: &[Option<[u8; 32]>; 2]) -> impl Iterator<Item = (usize, [u8; 32])> {
    keys.iter().enumerate().filter_map(|(kind, key)| Some((kind, (*key)?)))
}

/// What is decided for an output.
pub struct Again {
    pub fates: Vec<Fate>,
    /// Every tensor stands where it should in the output's own place, and so does all else.
    pub unchanged: bool,
}

/// Decides for an output, at the place of which stands `own`; that one, or else the first of `olds` that has a tensor gives
/// it.
pub fn decide(output: &Output, described: &[Described], olds: &[Old], own: Option<usize>) -> Again {
    let mut fates = vec![Fate::Make; described.len()];
    let mut unchanged = false;
    let others = (0..olds.len()).filter(|at| Some(*at) != own);
    for number in own.into_iter().chain(others) {
        let (old, in_place) = (&olds[number], Some(number) == own);
        let rows = &old.record.tensors;
        let same = |at: usize, described: &Described| {
            let is = |row: &usize| {
                let pairs = rows[*row].keys.iter().zip(&described.keys);
                pairs.into_iter().any(|(a, b)| a.is_some() && a == b)
            };
            // Its own place first: then nothing moves.
            let own = Some(at).filter(|&at| at < rows.len() && rows[at].name == output.tensors[at].name).filter(is);
            own.or_else(|| keys(&described.keys).find_map(|key| old.by_key.get(&key).copied()))
        };
        let mut stays = in_place && old.record.layout == layout_digest(output);
        for (at, (tensor, described)) in output.tensors.iter().zip(described).enumerate() {
            if !in_place && fates[at] != Fate::Make {
                continue;
            }
            let row = same(at, described).map(|row| &rows[row]).filter(|row| row.len == tensor.len);
            let Some(row) = row else {
                stays = false;
                continue;
            };
            let intact = old.intact[row.part];
            stays &= (row.part, row.offset) == (tensor.part, tensor.offset) && (intact || row.sum.is_some());
            if fates[at] == Fate::Make && (intact || row.sum.is_some()) {
                let file = old.first + row.part;
                fates[at] = Fate::Take { file, offset: row.offset, sum: row.sum, compare: !intact };
            }
        }
        unchanged |= stays && rows.len() == described.len();
    }
    Again { fates, unchanged }
}
