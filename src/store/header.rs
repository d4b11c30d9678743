//! The header of one safetensors file, read strictly: what is accepted here, every reader reads the same way.
//!
//! Layout: 8 bytes, the length N of the header, little endian; N bytes of JSON that start with `{` and end in spaces;
//! the tensors' bytes without holes.  <https://github.com/huggingface/safetensors#format>

use super::error;
use super::error::Flaw;
use super::error::flawed;
use super::format::Opened;
use super::json::Json;
use super::json::Stop;
use super::json::quoted;
use super::sheet::Sheet;
use super::sniff;
use crate::diag::Problem;
use crate::diag::shown;
use crate::tensor::Entry;
use crate::tensor::FileInfo;
use crate::tensor::Header;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;

/// Longest header that is read; the format allows 100,000,000 bytes, but no published model needs a fifth of this.
const LONGEST: u64 = 32 << 20;

/// What a checkpoint's description may take in memory, so that reading it stays under 64 MiB.
pub const BUDGET: u64 = 24 << 20;

/// Most that the packed arrays of a checkpoint may take in memory, in all its files.
pub const UNPACKED: u64 = 256 << 20;

/// Shards of a model at most: opening them all stays quick.
pub const SHARDS: usize = 1024;

/// What may still be held in memory of a checkpoint's description, and the names seen so far.
pub struct Budget {
    left: u64,
    /// Bytes that packed arrays may still take.
    unpacked: u64,
    keys: RandomState,
    seen: HashSet<u64>,
}

impl Budget {
    pub fn new() -> Budget {
        Budget { left: BUDGET, unpacked: UNPACKED, keys: RandomState::new(), seen: HashSet::new() }
    }

    /// Books `bytes` of arrays that are unpacked into memory; false: too much.
    pub fn unpack(&mut self, bytes: u64) -> bool {
        let left = self.unpacked.checked_sub(bytes);
        self.unpacked = left.unwrap_or(0);
        left.is_some()
    }

    /// Books `bytes`; false: too much.
    pub fn charge(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes as u64);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// Remembers a name; false: it may have been there before (certain only after a look).
    pub fn remember(&mut self, name: &str) -> bool {
        let hash = self.keys.hash_one(name);
        self.seen.insert(hash)
    }
}

/// A refusal under way: the code and the sentence about the file that go with a flaw, or a failed read.
pub enum Refusal {
    Flaw(crate::diag::Code, String, Flaw, &'static str),
    Io(std::io::Error),
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Flaw(flaw) => {
                Refusal::Flaw(error::MALFORMED, "has a header that is not well formed".into(), *flaw, error::AGAIN)
            }
            Stop::Io(error) => Refusal::Io(error),
        }
    }
}

impl Refusal {
    pub fn of_file(self, path: &Path) -> Problem {
        match self {
            Refusal::Flaw(code, what, flaw, help) => flawed(code, path, &what, flaw, help),
            Refusal::Io(error) => error::read(path, &error),
        }
    }
}

/// Whether a file begins as safetensors does: with the length of a header that is read, and a brace.  The length may have
/// the bytes of another format's magic number; no pickle has the zeros above it and the brace there.
pub fn begins(head: &[u8]) -> bool {
    let length = head.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    length.is_some_and(|length| (2..=LONGEST).contains(&length)) && head.get(8) == Some(&b'{')
}

/// Reads the header of a safetensors file and adds file, tensors and metadata to `header`.
pub fn read(opened: Opened, header: &mut Header, budget: &mut Budget) -> Result<(), Problem> {
    let Opened { path, mut file, size, head } = opened;
    let length = frame(path, &head, size)?;
    file.seek(SeekFrom::Start(8)).map_err(|error| error::read(path, &error))?;
    let number = header.files.len();
    header.files.push(FileInfo { path: path.to_path_buf(), size, memory: None });
    let start = header.entries.len();
    let mut sheet = Sheet { json: Json::new((&file).take(length), 8), header, budget, number };
    sheet.read().map_err(|refusal| refusal.of_file(path))?;
    place(path, &mut header.entries[start..], 8 + length, size)
}

/// The length of the header: the eight bytes at the start of the file, when they can be right.
fn frame(path: &Path, head: &[u8], size: u64) -> Result<u64, Problem> {
    let name = shown::path(path);
    if size == 0 || head.is_empty() {
        return Err(Problem::new(error::CUT_OFF, format!("`{name}` is empty, a checkpoint was expected"))
            .note("at byte 0: found the end, expected the length of the header (8 bytes)")
            .help(error::AGAIN));
    }
    let length = head.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    let brace = head.get(8).copied();
    if let Some(length) = length.filter(|&length| (2..=LONGEST).contains(&length) && brace == Some(b'{')) {
        if length > size - 8 {
            let flaw = Flaw {
                offset: size,
                found: "the end".into(),
                expected: format!("{} more bytes of header", length - (size - 8)),
            };
            return Err(flawed(error::CUT_OFF, path, "is cut off within its header", flaw, error::AGAIN));
        }
        return Ok(length);
    }
    if let Some(problem) = sniff::refuse(path, head) {
        return Err(problem);
    }
    let Some(length) = length else {
        let flaw =
            Flaw { offset: size, found: "the end".into(), expected: "the length of the header (8 bytes)".into() };
        return Err(flawed(error::CUT_OFF, path, "is too short for a checkpoint of any format", flaw, error::AGAIN));
    };
    let wrong = |offset: u64, found: String, expected: String| {
        let flaw = Flaw { offset, found, expected };
        flawed(error::FRAME, path, "starts like no checkpoint that blend reads", flaw, error::AGAIN)
    };
    Err(match length {
        0..=1 => wrong(0, format!("a header of {length} bytes"), "at least `{}`".into()),
        _ if length > size - 8 => {
            wrong(0, format!("a header of {length} bytes"), format!("at most the {} that follow", size - 8))
        }
        _ if brace != Some(b'{') => wrong(8, super::json::byte_text(brace), "`{`".into()),
        _ => {
            let flaw = Flaw {
                offset: 0,
                found: format!("a header of {length} bytes"),
                expected: format!("at most {LONGEST}"),
            };
            flawed(error::TOO_LARGE, path, "has a header longer than blend reads", flaw, SPLIT)
        }
    })
}

pub const SPLIT: &str = "keep long texts out of the metadata, and split the model into shards with an index";

/// Sorts the tensors of a file by place, refuses holes and overlaps, and makes offsets absolute; `start` is where the
/// tensors' bytes begin.
fn place(path: &Path, entries: &mut [Entry], start: u64, size: u64) -> Result<(), Problem> {
    entries.sort_unstable_by(|a, b| (a.offset, a.len, &a.name).cmp(&(b.offset, b.len, &b.name)));
    let mut end = 0;
    for at in 0..entries.len() {
        let (earlier, rest) = entries.split_at_mut(at);
        let entry = &mut rest[0];
        if entry.offset != end {
            let own = quoted(&entry.name);
            let what = match earlier.last() {
                Some(before) if entry.offset < end => {
                    format!("puts the tensors {} and {own} on the same bytes", quoted(&before.name))
                }
                _ => format!("has a hole before the tensor {own}"),
            };
            let flaw = Flaw {
                offset: start.saturating_add(entry.offset),
                found: format!("{own} at {} of the tensors' bytes", entry.offset),
                expected: format!("the next tensor at {end}"),
            };
            return Err(flawed(error::RANGES, path, &what, flaw, error::AGAIN));
        }
        // No overflow: `len` was computed as end - begin of numbers that the header has.
        end = entry.offset + entry.len;
        entry.offset = start.saturating_add(entry.offset);
    }
    let there = size - start;
    if end > there {
        let flaw = Flaw { offset: size, found: "the end".into(), expected: format!("{} more bytes", end - there) };
        return Err(flawed(error::CUT_OFF, path, "is cut off: its last tensors are missing", flaw, error::AGAIN));
    }
    if end < there {
        let flaw =
            Flaw { offset: start + end, found: format!("{} more bytes", there - end), expected: "the end".into() };
        return Err(flawed(error::RANGES, path, "has bytes after its last tensor", flaw, error::AGAIN));
    }
    Ok(())
}
