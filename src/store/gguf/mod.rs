//! GGUF files, versions 2 and 3: the models of llama.cpp.
//!
//! Layout: `GGUF`, a version, the numbers of tensors and of key-value pairs, the pairs, name, axes, type and place of
//! every tensor; from the next multiple of the alignment on, the tensors' bytes, each at a multiple of it.
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>
//!
//! As strict as ggml's own reader: tensors follow each other in the order of their descriptions, without holes.  What may
//! follow the last one (padding, at least) belongs to nobody.
//!
//! Short values become metadata under their own names (`llama.attention.head_count`); lists, such as the vocabulary, are
//! passed over, and so is what describes this file and not the network.

mod cursor;
mod kinds;

use self::cursor::Cursor;
use self::kinds::Kind;
use self::kinds::Meaning;
use super::error;
use super::error::Flaw;
use super::format::Opened;
use super::header::Budget;
use super::header::Refusal;
use super::json::quoted;
use super::sheet;
use crate::diag::Problem;
use crate::diag::shown;
use crate::tensor::Dtype;
use crate::tensor::Entry;
use crate::tensor::FileInfo;
use crate::tensor::Header;
use crate::tensor::Lies;
use crate::tensor::Shape;
use indexmap::IndexMap;
use std::collections::HashSet;
use std::path::Path;

pub const MAGIC: &[u8] = b"GGUF";

/// Longest key, in bytes.
const KEY: u64 = 1024;

/// Longest text that becomes metadata, in bytes.
const TEXT: u64 = 1024;

/// Axes of a tensor at most (`GGML_MAX_DIMS`).
const RANK: u32 = 4;

/// What tensors are aligned to where the file does not say it, and the most that it may say.
const ALIGNMENT: u64 = 32;
const MOST_ALIGNED: u64 = 1 << 20;

/// Keys that describe this file and not the network in it: outputs must not repeat them.
const OF_THE_FILE: [&str; 3] = ["general.alignment", "general.file_type", "general.quantization_version"];

const ORIGINAL: &str = "take the safetensors files that it was made from";

/// A header that is not well formed.
fn malformed(offset: u64, found: &str, expected: impl Into<String>) -> Refusal {
    let flaw = Flaw { offset, found: found.into(), expected: expected.into() };
    Refusal::Flaw(error::GGUF, "is a GGUF model that is not well formed".into(), flaw, error::AGAIN)
}

/// What an entry does not say of a tensor: its type in the file, and where its offset is described.
struct Info {
    kind: &'static Kind,
    at: u64,
}

/// Reads the header of a GGUF file and adds file, tensors and metadata to `header`.
/// Errors: E0504, E0507, E0510, E0512, E0524, E0525, E0601.
pub fn read(opened: &Opened, header: &mut Header, budget: &mut Budget) -> Result<(), Problem> {
    let number = header.files.len();
    header.files.push(FileInfo { path: opened.path.to_path_buf(), size: opened.size, memory: None });
    let reader = Reader { cursor: Cursor::new(&opened.file, opened.size), header, budget, number };
    reader.read(opened).map_err(|stop| stop.of_file(opened.path))
}

/// Why a reader stopped.
enum Stop {
    Refusal(Refusal),
    Problem(Box<Problem>),
}

impl Stop {
    fn of_file(self, path: &Path) -> Problem {
        match self {
            Stop::Refusal(refusal) => refusal.of_file(path),
            Stop::Problem(problem) => *problem,
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refusal(refusal)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Stop {
        Stop::Problem(Box::new(problem))
    }
}

struct Reader<'r> {
    cursor: Cursor<'r>,
    header: &'r mut Header,
    budget: &'r mut Budget,
    /// Index of the file.
    number: usize,
}

/// What the pairs say of the file itself.
struct Facts {
    alignment: u64,
    /// Files that the model is split into.
    parts: u64,
}

impl Reader<'_> {
    fn read(mut self, opened: &Opened) -> Result<(), Stop> {
        self.cursor.skip(MAGIC.len() as u64)?;
        version(opened.path, self.cursor.u32()?)?;
        let at = self.cursor.offset();
        let tensors = self.cursor.u64()?;
        let pairs = self.cursor.u64()?;
        // A key and a value of a byte each; a name of a byte and no axes.
        self.cursor.fits(pairs, 14, at + 8, &format!("{pairs} key-value pairs"))?;
        self.cursor.fits(tensors, 25, at, &format!("{tensors} tensors"))?;
        let facts = self.pairs(pairs)?;
        if facts.parts > 1 {
            return Err(split(opened.path, facts.parts).into());
        }
        let before = self.header.entries.len();
        let infos = (0..tensors).map(|_| self.info(opened.path)).collect::<Result<Vec<Info>, Stop>>()?;
        let start = self.cursor.offset().next_multiple_of(facts.alignment);
        let entries = &mut self.header.entries[before..];
        place(entries, &infos, start, facts.alignment, opened.size)?;
        if infos.iter().any(|info| info.kind.meaning == Meaning::Other) {
            return Err(undecoded(opened.path, entries, &infos).into());
        }
        Ok(())
    }

    fn pairs(&mut self, count: u64) -> Result<Facts, Refusal> {
        let mut facts = Facts { alignment: ALIGNMENT, parts: 1 };
        let mut seen: HashSet<String> = HashSet::new();
        for _ in 0..count {
            let at = self.cursor.offset();
            let key = self.cursor.text_up_to(KEY)?;
            let Some(key) = key.filter(|key| !key.is_empty() && !shown::has_hidden(key)) else {
                return Err(malformed(at, "a key that cannot be read", "a name such as `general.name`"));
            };
            if !self.budget.charge(2 * key.len() + 64) {
                return Err(sheet::too_large(at));
            }
            if !seen.insert(key.clone()) {
                return Err(malformed(at, &format!("the key {} again", quoted(&key)), "each key once"));
            }
            let at = self.cursor.offset();
            let value = self.value()?;
            match (key.as_str(), &value) {
                ("general.alignment", Value::Whole(size)) if size.is_power_of_two() && *size <= MOST_ALIGNED => {
                    facts.alignment = *size;
                }
                ("general.alignment", value) => {
                    let found = format!("{} for `general.alignment`", value.text().unwrap_or("no number".into()));
                    return Err(malformed(at, &found, format!("a power of two up to {MOST_ALIGNED}")));
                }
                ("split.count", Value::Whole(parts)) => facts.parts = *parts,
                _ => {}
            }
            let of_the_file = OF_THE_FILE.contains(&key.as_str()) || key.starts_with("split.");
            let Some(text) = value.text().filter(|_| !of_the_file) else { continue };
            if !self.budget.charge(2 * key.len() + text.len() + 320) {
                return Err(sheet::too_large(at));
            }
            if key == "general.license" {
                // The terms go with what is made of the weights, under the name that all formats share.
                self.header.metadata.entry("license".into()).or_insert_with(|| text.clone());
            }
            self.header.metadata.entry(key).or_insert(text);
        }
        Ok(facts)
    }

    fn value(&mut self) -> Result<Value, Refusal> {
        let at = self.cursor.offset();
        let id = self.cursor.u32()?;
        Ok(match id {
            0 => Value::Whole(u8::from_le_bytes(self.cursor.bytes()?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.cursor.bytes()?).into()),
            2 => Value::Whole(u16::from_le_bytes(self.cursor.bytes()?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.cursor.bytes()?).into()),
            4 => Value::Whole(self.cursor.u32()?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.cursor.bytes()?).into()),
            6 => Value::Single(f32::from_le_bytes(self.cursor.bytes()?)),
            7 => match u8::from_le_bytes(self.cursor.bytes()?) {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                other => return Err(malformed(at + 4, &format!("the byte {other}"), "0 or 1 for false or true")),
            },
            TEXTS => self.cursor.text_up_to(TEXT)?.map_or(Value::Long, Value::Text),
            LIST => {
                self.list()?;
                Value::Long
            }
            10 => Value::Whole(self.cursor.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.cursor.bytes()?)),
            12 => Value::Double(f64::from_le_bytes(self.cursor.bytes()?)),
            other => return Err(malformed(at, &format!("the value type {other}"), "one of 0 to 12")),
        })
    }

    /// Passes over a list.
    fn list(&mut self) -> Result<(), Refusal> {
        let at = self.cursor.offset();
        let id = self.cursor.u32()?;
        let count = self.cursor.u64()?;
        let each = match id {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            TEXTS | 10..=12 => 8,
            LIST => return Err(malformed(at, "a list of lists", "a list of numbers or texts")),
            other => return Err(malformed(at, &format!("the value type {other} in a list"), "one of 0 to 12")),
        };
        self.cursor.fits(count, each, at + 4, &format!("a list of {count} values"))?;
        if id == TEXTS {
            return (0..count).try_for_each(|_| self.cursor.skip_text());
        }
        self.cursor.skip(count * each)
    }

    fn info(&mut self, path: &Path) -> Result<Info, Stop> {
        let at = self.cursor.offset();
        let Some(name) = self.cursor.text_up_to(sheet::NAME as u64)? else {
            return Err(malformed(at, "a name of more than 4 KiB", "the name of a tensor").into());
        };
        sheet::book(self.header, self.budget, &name, self.number, at)?;
        let axes_at = self.cursor.offset();
        let rank = self.cursor.u32()?;
        if rank > RANK {
            return Err(malformed(axes_at, &format!("{rank} axes of {}", quoted(&name)), "at most 4").into());
        }
        // Fastest first in the file.
        let mut shape = (0..rank).map(|_| self.cursor.u64()).collect::<Result<Shape, _>>()?;
        let kind_at = self.cursor.offset();
        let id = self.cursor.u32()?;
        let Some(kind) = kinds::find(id) else {
            return Err(match kinds::gone(id) {
                Some(kind) => gone(path, &name, kind).into(),
                None => malformed(kind_at, &format!("the type {id} of {}", quoted(&name)), "one of 0 to 41").into(),
            });
        };
        let (elems, bytes) = kind.size;
        let row = shape.first().copied().unwrap_or(1);
        if !row.is_multiple_of(elems) {
            let found = format!("rows of {row} elements of {} in {}", quoted(&name), kind.name);
            return Err(malformed(axes_at, &found, format!("a multiple of {elems}")).into());
        }
        shape.reverse();
        let product = shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size.max(1)));
        // Both as stored and as decoded, and with room for where they start.
        let counted =
            product.filter(|&product| product.checked_mul(bytes.max(8)).is_some_and(|bytes| bytes >> 62 == 0));
        if counted.is_none() {
            let found = format!("the shape {} of {}", crate::tensor::shape_text(&shape), quoted(&name));
            return Err(malformed(axes_at, &found, "less than 2^62 bytes").into());
        }
        let len = crate::tensor::elems(&shape) / elems * bytes;
        let at = self.cursor.offset();
        let offset = self.cursor.u64()?;
        let (dtype, lies) = match kind.meaning {
            Meaning::Plain(dtype) => (dtype, Lies::Rows),
            Meaning::Blocks(blocks) => (Dtype::F32, Lies::Blocks(blocks)),
            // The file is refused when all of it was looked at.
            Meaning::Other => (Dtype::F32, Lies::Rows),
        };
        self.header.entries.push(Entry { name, dtype, shape, file: self.number, offset, len, lies });
        Ok(Info { kind, at })
    }
}

/// Makes offsets absolute: tensors follow each other from `start` on, aligned, within the file.
fn place(entries: &mut [Entry], infos: &[Info], start: u64, alignment: u64, size: u64) -> Result<(), Refusal> {
    let mut end = 0u64;
    for (entry, info) in entries.iter_mut().zip(infos) {
        let expected = end.next_multiple_of(alignment);
        if entry.offset != expected {
            let found = format!("{} at {} of the tensors' bytes", quoted(&entry.name), entry.offset);
            return Err(malformed(info.at, &found, format!("it at {expected}, after the one before")));
        }
        // No overflow: what came before ends within the file, and a tensor has less than 2^62 bytes.
        end = expected + entry.len;
        let Some(missing) = start.saturating_add(end).checked_sub(size).filter(|&missing| missing > 0) else {
            entry.offset += start;
            continue;
        };
        let what = format!("is cut off: it ends before the tensor {} does", quoted(&entry.name));
        let flaw = Flaw { offset: size, found: "the end".into(), expected: format!("{missing} more bytes") };
        return Err(Refusal::Flaw(error::CUT_OFF, what, flaw, error::AGAIN));
    }
    Ok(())
}

/// Numbers of value types that others are made of.
const TEXTS: u32 = 8;
const LIST: u32 = 9;

/// A value of a pair.
enum Value {
    Whole(u64),
    Signed(i64),
    Single(f32),
    Double(f64),
    Bool(bool),
    Text(String),
    /// A list, or a text that is too long to be kept.
    Long,
}

impl Value {
    fn text(&self) -> Option<String> {
        Some(match self {
            Value::Whole(number) => number.to_string(),
            Value::Signed(number) => number.to_string(),
            Value::Single(number) => number.to_string(),
            Value::Double(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Text(text) => text.clone(),
            Value::Long => return None,
        })
    }
}

/// Refuses versions that are read in another way, or not known.
fn version(path: &Path, version: u32) -> Result<(), Stop> {
    let problem = |what: String, help: &str| {
        let message = format!("`{}` is a GGUF model {what}, version 2 or 3 was expected", shown::path(path));
        Err(Problem::new(error::GGUF_KIND, message).help(help).into())
    };
    match version {
        2 | 3 => Ok(()),
        1 => problem(
            "of version 1".into(),
            "make it again from the original weights: `python convert_hf_to_gguf.py DIRECTORY`",
        ),
        4..=255 => problem(format!("of version {version}"), ORIGINAL),
        _ if (1..=255).contains(&version.swap_bytes()) => problem(
            "for big-endian machines".into(),
            "turn its bytes around: `gguf-convert-endian FILE little` (of `pip install gguf`)",
        ),
        _ => Err(malformed(4, &format!("the version {version}"), "2 or 3").into()),
    }
}

fn split(path: &Path, parts: u64) -> Problem {
    let message =
        format!("`{}` is one of {parts} files of a split GGUF model, a whole one was expected", shown::path(path));
    Problem::new(error::GGUF_KIND, message)
        .help("join the files: `llama-gguf-split --merge FIRST-OF-THEM.gguf whole.gguf`")
}

fn gone(path: &Path, name: &str, kind: &str) -> Problem {
    let message =
        format!("`{}` has the tensor {} in {kind}, a type that ggml no longer has", shown::path(path), quoted(name));
    Problem::new(error::GGUF_KIND, message).help(ORIGINAL)
}

/// Tensors of types without a decoder, all in one message.
fn undecoded(path: &Path, entries: &[Entry], infos: &[Info]) -> Problem {
    let mut counts: IndexMap<&str, usize> = IndexMap::new();
    let is_other = |info: &&Info| info.kind.meaning == Meaning::Other;
    infos.iter().filter(is_other).for_each(|info| *counts.entry(info.kind.name).or_default() += 1);
    let first = infos.iter().zip(entries).find(|(info, _)| is_other(info)).map_or("", |(_, entry)| &entry.name);
    let listed: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} ({count} tensor{})", if *count == 1 { "" } else { "s" }))
        .collect();
    let name = shown::path(path);
    let stem = name.strip_suffix(".gguf").unwrap_or(&name);
    Problem::new(error::GGUF_KIND, format!("`{name}` has tensors that blend does not decode, in {}", listed.join(", ")))
        .note(format!("the first is {}", quoted(first)))
        .note("decoded are q8_0, q4_0, q4_k and q6_k; f32, f16, bf16, f64 and whole numbers are read as they are")
        .help(format!("decode it: `llama-quantize --allow-requantize {name} {stem}-f16.gguf f16`, or {ORIGINAL}"))
}
