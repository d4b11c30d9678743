//! The header of one safetensors file, read strictly: what is accepted here, every reader reads the same way.
//!
//! Layout: 8 bytes, the length N of the header, little endian; N bytes of JSON that start with `{` and end in spaces;
//! the tensors' bytes without holes.  <https://github.com/huggingface/safetensors#format>

use super::error;
use super::error::Flaw;
use super::error::flawed;
use super::json::Json;
use super::json::Stop;
use super::json::quoted;
use super::shown;
use super::sniff;
use super::sys;
use crate::diag::Problem;
use crate::tensor::Dtype;
use crate::tensor::Entry;
use crate::tensor::FileInfo;
use crate::tensor::Header;
use crate::tensor::Shape;
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
const BUDGET: u64 = 40 << 20;

/// Longest name of a tensor, in bytes.
pub const NAME: usize = 4096;

/// Axes of a tensor at most.
const RANK: usize = 32;

/// Types that safetensors knows and arithmetic here does not.
const OTHER_TYPES: [&str; 5] = ["F4", "F6_E2M3", "F6_E3M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"];

/// What may still be held in memory of a checkpoint's description, and the names seen so far.
pub struct Budget {
    left: u64,
    keys: RandomState,
    seen: HashSet<u64>,
}

impl Budget {
    pub fn new() -> Budget {
        Budget { left: BUDGET, keys: RandomState::new(), seen: HashSet::new() }
    }

    /// Books `bytes`; false: too much.
    pub fn charge(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes as u64);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// Remembers a name; false: it may have been there before (certain only after a look).
    fn remember(&mut self, name: &str) -> bool {
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
                Refusal::Flaw(error::MALFORMED, "has a header that is not well formed".into(), flaw, error::AGAIN)
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

/// Reads the header of a file and adds file, tensors and metadata to `header`.
pub fn read(path: &Path, header: &mut Header, budget: &mut Budget) -> Result<(), Problem> {
    let mut file = sys::open_at_once(path).map_err(|error| error::not_opened(path, &error))?;
    let metadata = file.metadata().map_err(|error| error::read(path, &error))?;
    if metadata.is_dir() {
        let message = format!("`{}` is a directory, a safetensors file was expected", shown::path(path));
        return Err(Problem::new(error::CLOSED, message).help("write the path of a file in it"));
    }
    if !metadata.is_file() {
        return Err(error::not_regular(path, sys::special_kind(&metadata)));
    }
    let size = metadata.len();
    let mut head = vec![0; sniff::HEAD];
    let count = sys::read_full(&file, 0, &mut head).map_err(|error| error::read(path, &error))?;
    head.truncate(count);
    let length = frame(path, &head, size)?;

    file.seek(SeekFrom::Start(8)).map_err(|error| error::read(path, &error))?;
    let number = header.files.len();
    header.files.push(FileInfo { path: path.to_path_buf(), size });
    let start = header.entries.len();
    let mut sheet = Sheet { json: Json::new((&file).take(length), 8), header, budget, number };
    sheet.read().map_err(|refusal| refusal.of_file(path))?;
    place(path, &mut header.entries[start..], 8 + length, size)
}

/// The length of the header: the eight bytes at the start of the file, when they can be right.
fn frame(path: &Path, head: &[u8], size: u64) -> Result<u64, Problem> {
    let name = shown::path(path);
    if size == 0 || head.is_empty() {
        return Err(Problem::new(error::CUT_OFF, format!("`{name}` is empty, a safetensors file was expected"))
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
        return Err(flawed(error::CUT_OFF, path, "is too short for a safetensors file", flaw, error::AGAIN));
    };
    let wrong = |offset: u64, found: String, expected: String| {
        let flaw = Flaw { offset, found, expected };
        flawed(error::FRAME, path, "does not start as a safetensors file", flaw, error::AGAIN)
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

const SPLIT: &str = "keep long texts out of the metadata, and split the model into shards with an index";

/// The JSON of one header.
struct Sheet<'h, R> {
    json: Json<R>,
    header: &'h mut Header,
    budget: &'h mut Budget,
    /// Index of the file.
    number: usize,
}

/// The value of a field that must be there once.
type Field<T> = Option<T>;

impl<R: Read> Sheet<'_, R> {
    fn read(&mut self) -> Result<(), Refusal> {
        self.json.mark(b'{')?;
        let mut first = true;
        let mut has_metadata = false;
        while self.json.member(&mut first)? {
            let offset = self.next_offset()?;
            let name = self.json.key(NAME)?;
            if name == "__metadata__" {
                if std::mem::replace(&mut has_metadata, true) {
                    return Err(twice(offset, &name));
                }
                self.metadata()?;
            } else {
                self.tensor(name, offset)?;
            }
        }
        Ok(self.json.padding(b" ", "spaces up to the end of the header")?)
    }

    /// Where the next key or value stands.
    fn next_offset(&mut self) -> Result<u64, Refusal> {
        // White space before it is counted as its place: near enough to find it.
        self.json.peek()?;
        Ok(self.json.offset())
    }

    fn metadata(&mut self) -> Result<(), Refusal> {
        self.json.mark(b'{')?;
        let mut first = true;
        let mut own: HashSet<String> = HashSet::new();
        while self.json.member(&mut first)? {
            let offset = self.next_offset()?;
            let key = self.json.key(NAME)?;
            let value = self.json.string(LONGEST as usize)?;
            if !self.budget.charge(2 * key.len() + value.len() + 160) {
                return Err(too_large(offset));
            }
            if !own.insert(key.clone()) {
                return Err(twice(offset, &key));
            }
            // Shards repeat each other's: the first one stays.
            self.header.metadata.entry(key).or_insert(value);
        }
        Ok(())
    }

    fn tensor(&mut self, name: String, offset: u64) -> Result<(), Refusal> {
        check_name(&name, offset)?;
        if !self.budget.remember(&name)
            && let Some(other) = self.header.entries.iter().find(|entry| entry.name == name)
        {
            return Err(match other.file == self.number {
                true => twice(offset, &name),
                false => in_two_files(offset, &name, &self.header.files[other.file].path),
            });
        }
        self.json.mark(b'{')?;
        let mut dtype: Field<Dtype> = None;
        let mut shape: Field<Shape> = None;
        let mut range: Field<(u64, u64)> = None;
        let mut first = true;
        while self.json.member(&mut first)? {
            let at = self.next_offset()?;
            let key = self.json.key(NAME)?;
            let again = match key.as_str() {
                "dtype" => {
                    let at = self.next_offset()?;
                    let text = self.json.string(NAME)?;
                    dtype.replace(read_dtype(&name, &text, at)?).is_some()
                }
                "shape" => shape.replace(self.shape(&name)?).is_some(),
                "data_offsets" => range.replace(self.range(&name)?).is_some(),
                _ => {
                    let flaw = Flaw { offset: at, found: quoted(&key), expected: FIELDS.into() };
                    return Err(Refusal::from(Stop::Flaw(flaw)));
                }
            };
            if again {
                return Err(twice(at, &key));
            }
        }
        let (Some(dtype), Some(shape), Some((begin, end))) = (dtype, shape, range) else {
            let flaw =
                Flaw { offset, found: format!("{} without one of them", quoted(&name)), expected: FIELDS.into() };
            return Err(Refusal::from(Stop::Flaw(flaw)));
        };
        let len = byte_length(&name, dtype, &shape, offset)?;
        if end < begin || end - begin != len {
            let what = format!("describes the tensor {} in a way that contradicts itself", quoted(&name));
            let shape = crate::tensor::shape_text(&shape);
            let flaw = Flaw {
                offset,
                found: format!("the byte range {begin} to {end}"),
                expected: format!("{len} bytes for {} {shape}", dtype.safetensors_name()),
            };
            return Err(Refusal::Flaw(error::TENSOR, what, flaw, error::AGAIN));
        }
        let spilled = if shape.spilled() { shape.len() * 8 } else { 0 };
        if !self.budget.charge(std::mem::size_of::<Entry>() + name.len() + spilled + 32) {
            return Err(too_large(offset));
        }
        self.header.entries.push(Entry { name, dtype, shape, file: self.number, offset: begin, len });
        Ok(())
    }

    fn shape(&mut self, name: &str) -> Result<Shape, Refusal> {
        let at = self.next_offset()?;
        self.json.mark(b'[')?;
        let mut shape = Shape::new();
        let mut first = true;
        while self.json.item(&mut first)? {
            if shape.len() == RANK {
                let what = format!("gives the tensor {} more axes than tensors have", quoted(name));
                let flaw =
                    Flaw { offset: at, found: format!("more than {RANK} axes"), expected: format!("at most {RANK}") };
                return Err(Refusal::Flaw(error::TENSOR, what, flaw, error::AGAIN));
            }
            shape.push(self.json.number()?);
        }
        Ok(shape)
    }

    fn range(&mut self, name: &str) -> Result<(u64, u64), Refusal> {
        let at = self.next_offset()?;
        self.json.mark(b'[')?;
        let mut ends = [0; 2];
        let mut count = 0;
        let mut first = true;
        while self.json.item(&mut first)? {
            let number = self.json.number()?;
            if let Some(end) = ends.get_mut(count) {
                *end = number;
            }
            count += 1;
        }
        if count != 2 {
            let found = format!("{count} offsets of {}", quoted(name));
            return Err(Refusal::from(Stop::Flaw(Flaw { offset: at, found, expected: "2: begin and end".into() })));
        }
        Ok((ends[0], ends[1]))
    }
}

const FIELDS: &str = "`dtype`, `shape` and `data_offsets`";

fn twice(offset: u64, name: &str) -> Refusal {
    let what = format!("has the name {} twice in its header", quoted(name));
    Refusal::Flaw(
        error::NAME,
        what,
        Flaw { offset, found: quoted(name), expected: "each name once".into() },
        error::AGAIN,
    )
}

fn in_two_files(offset: u64, name: &str, other: &Path) -> Refusal {
    let what = format!("has the tensor {}, which `{}` has too", quoted(name), shown::path(other));
    let flaw = Flaw { offset, found: quoted(name), expected: "each tensor in one file".into() };
    Refusal::Flaw(error::DISAGREE, what, flaw, "keep the shards of one model in a directory of their own")
}

fn too_large(offset: u64) -> Refusal {
    let what = "describes more than blend holds in memory".to_string();
    let flaw = Flaw {
        offset,
        found: "more names and texts".into(),
        expected: format!("at most {} in all", shown::bytes(BUDGET)),
    };
    Refusal::Flaw(error::TOO_LARGE, what, flaw, SPLIT)
}

fn read_dtype(name: &str, text: &str, offset: u64) -> Result<Dtype, Refusal> {
    Dtype::from_safetensors(text).ok_or_else(|| {
        let (what, help) = if OTHER_TYPES.contains(&text) {
            (
                "a type that blend does not compute with",
                "take the model in F16, BF16 or F32, from before it was quantised",
            )
        } else {
            ("a type that safetensors does not have", error::AGAIN)
        };
        let what = format!("gives the tensor {} {what}", quoted(name));
        let flaw = Flaw { offset, found: quoted(text), expected: "a type such as `F32`, `F16` or `BF16`".into() };
        Refusal::Flaw(error::TENSOR, what, flaw, help)
    })
}

/// Names come into messages, patterns and outputs: they must be readable and must not look like paths out.
pub fn check_name(name: &str, offset: u64) -> Result<(), Refusal> {
    let found = match () {
        () if name.is_empty() => "an empty name".to_string(),
        () if name.chars().any(shown::is_hidden) => format!("a name with hidden characters, {}", quoted(name)),
        () if name.split(['/', '\\']).any(|part| part == "..") => format!("a name that is a path, {}", quoted(name)),
        () => return Ok(()),
    };
    let flaw = Flaw { offset, found, expected: "a readable name such as `b4.conv1.weight`".into() };
    Err(Refusal::Flaw(error::NAME, "has a tensor without a usable name".into(), flaw, error::AGAIN))
}

/// Bytes of a tensor; zero sizes do not excuse others that no memory could index.
fn byte_length(name: &str, dtype: Dtype, shape: &[u64], offset: u64) -> Result<u64, Refusal> {
    let full = shape.iter().try_fold(dtype.bytes(), |product, &size| product.checked_mul(size.max(1)));
    match full {
        Some(full) if full <= i64::MAX as u64 => Ok(if shape.contains(&0) { 0 } else { full }),
        _ => {
            let what = format!("gives the tensor {} more elements than can be counted", quoted(name));
            let found = format!("the shape {}", crate::tensor::shape_text(shape));
            let flaw = Flaw { offset, found, expected: "less than 2^63 bytes".into() };
            Err(Refusal::Flaw(error::TENSOR, what, flaw, error::AGAIN))
        }
    }
}

/// Sorts the tensors of a file by place, refuses holes and overlaps, and makes offsets absolute; `start` is where the
/// tensors' bytes begin.
fn place(path: &Path, entries: &mut [Entry], start: u64, size: u64) -> Result<(), Problem> {
    entries.sort_by(|a, b| (a.offset, a.len, &a.name).cmp(&(b.offset, b.len, &b.name)));
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
