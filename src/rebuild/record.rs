//! What is remembered of an output: its files, and per tensor keys, place and sum.

use super::describe::layout_digest;
use super::manifest::Described;
use super::manifest::Line;
use super::sum::Sum;
use crate::plan::Output;
use crate::store::Fingerprint;
use indexmap::IndexSet;
use serde::Deserialize;
use serde::Serialize;

/// Raised when records look otherwise.
const EDITION: u32 = 1;

/// An output as it was built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    edition: u32,
    /// Digest of the bytes that the plan knew, and of all places.
    pub layout: [u8; 32],
    /// Parts, then the index; a file alone has no name.
    pub files: Vec<File>,
    /// Lines of all stories, each once.
    lines: Vec<Line>,
    pub tensors: Vec<Row>,
}

/// A file of an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct File {
    pub name: String,
    pub print: Fingerprint,
    /// A write right after the build may not show in the fingerprint: bytes count only with their sums.
    pub unsettled: bool,
}

/// A tensor of an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    /// Index into [`Record::files`].
    pub part: usize,
    /// Absolute byte offset in the part.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// By files, and by content.
    pub keys: [Option<[u8; 32]>; 2],
    /// Of the bytes, if they passed through our hands.
    pub sum: Option<Sum>,
    /// Indices into the lines.
    lines: Vec<u32>,
}

impl Record {
    /// `sums` are those of the tensors, in order.
    pub fn new(output: &Output, described: &[Described], sums: &[Option<Sum>], files: Vec<File>) -> Record {
        let mut lines: IndexSet<&Line> = IndexSet::new();
        let rows = output.tensors.iter().zip(described).zip(sums);
        let rows = rows.map(|((tensor, described), sum)| Row {
            name: tensor.name.clone(),
            part: tensor.part,
            offset: tensor.offset,
            len: tensor.len,
            keys: described.keys,
            sum: *sum,
            lines: described.lines.iter().map(|line| lines.insert_full(line).0 as u32).collect(),
        });
        let tensors = rows.collect();
        let lines = lines.into_iter().cloned().collect();
        Record { edition: EDITION, layout: layout_digest(output), files, lines, tensors }
    }

    /// The story of a tensor.
    pub fn story(&self, row: &Row) -> Vec<&Line> {
        row.lines.iter().filter_map(|&at| self.lines.get(at as usize)).collect()
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `None`: it is no record of this edition, or tells what cannot be.
    pub fn from_bytes(bytes: &[u8]) -> Option<Record> {
        let record: Record = serde_json::from_slice(bytes).ok()?;
        let fits = |row: &Row| {
            let size = record.files.get(row.part).map(|file| file.print.size);
            row.offset.checked_add(row.len).zip(size).is_some_and(|(end, size)| end <= size)
        };
        // Files of the output itself, and no others.
        let plain = record.files.iter().all(|file| !file.name.contains(['/', '\\']) && file.name != "..");
        (record.edition == EDITION && plain && record.tensors.iter().all(fits)).then_some(record)
    }
}
