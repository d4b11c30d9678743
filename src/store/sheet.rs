//! The JSON of a safetensors header: names, types, shapes and ranges, each checked by itself.

use super::error;
use super::error::Flaw;
use super::header::BUDGET;
use super::header::Budget;
use super::header::Refusal;
use super::header::SPLIT;
use super::json::Json;
use super::json::Stop;
use super::json::quoted;
use crate::diag::shown;
use crate::tensor::Dtype;
use crate::tensor::Entry;
use crate::tensor::Header;
use crate::tensor::Lies;
use crate::tensor::Shape;
use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

/// Longest name of a tensor, in bytes.
pub const NAME: usize = 4096;

/// Longest text in the metadata, in bytes.
pub const TEXT: usize = 8 << 20;

/// Axes of a tensor at most.
const RANK: usize = 32;

/// Types that safetensors knows and arithmetic here does not.
const OTHER_TYPES: [&str; 5] = ["F4", "F6_E2M3", "F6_E3M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"];

/// The JSON of one header.
pub struct Sheet<'h, R> {
    pub json: Json<R>,
    pub header: &'h mut Header,
    pub budget: &'h mut Budget,
    /// Index of the file.
    pub number: usize,
}

/// The value of a field that must be there once.
type Field<T> = Option<T>;

impl<R: Read> Sheet<'_, R> {
    /// Reads the whole text; ranges are compared with each other and the file afterwards.
    pub fn read(&mut self) -> Result<(), Refusal> {
        self.json.mark(b'{')?;
        let mut first = true;
        let mut has_metadata = false;
        while self.json.member(&mut first)? {
            let offset = self.json.start()?;
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

    fn metadata(&mut self) -> Result<(), Refusal> {
        self.json.mark(b'{')?;
        let mut first = true;
        let mut own: HashSet<String> = HashSet::new();
        while self.json.member(&mut first)? {
            let offset = self.json.start()?;
            let key = self.json.key(NAME)?;
            let value = self.json.string(TEXT)?;
            if !self.budget.charge(2 * key.len() + value.len() + 320) {
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
        new_name(self.header, self.budget, &name, self.number, offset)?;
        self.json.mark(b'{')?;
        let mut dtype: Field<Dtype> = None;
        let mut shape: Field<Shape> = None;
        let mut range: Field<(u64, u64)> = None;
        let mut first = true;
        while self.json.member(&mut first)? {
            let at = self.json.start()?;
            let field = match self.json.text(NAME)? {
                "dtype" => "dtype",
                "shape" => "shape",
                "data_offsets" => "data_offsets",
                other => return Err(Refusal::from(Stop::flaw(at, quoted(other), FIELDS))),
            };
            self.json.mark(b':')?;
            let again = match field {
                "dtype" => {
                    let at = self.json.start()?;
                    dtype.replace(read_dtype(&name, self.json.text(NAME)?, at)?).is_some()
                }
                "shape" => shape.replace(self.shape(&name)?).is_some(),
                _ => range.replace(self.range(&name)?).is_some(),
            };
            if again {
                return Err(twice(at, field));
            }
        }
        let (Some(dtype), Some(shape), Some((begin, end))) = (dtype, shape, range) else {
            return Err(Refusal::from(Stop::flaw(offset, format!("{} without one of them", quoted(&name)), FIELDS)));
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
        let spilled = if shape.spilled() { shape.capacity() * 8 } else { 0 };
        if !self.budget.charge(std::mem::size_of::<Entry>() + name.len() + spilled + 34) {
            return Err(too_large(offset));
        }
        self.header.entries.push(Entry { name, dtype, shape, file: self.number, offset: begin, len, lies: Lies::Rows });
        Ok(())
    }

    fn shape(&mut self, name: &str) -> Result<Shape, Refusal> {
        let at = self.json.start()?;
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
        let at = self.json.start()?;
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
            return Err(Refusal::from(Stop::flaw(at, found, "2: begin and end")));
        }
        Ok((ends[0], ends[1]))
    }
}

/// Checks a tensor's name, which stands at `offset` of file `number`, and that no other tensor has it.
fn new_name(header: &Header, budget: &mut Budget, name: &str, number: usize, offset: u64) -> Result<(), Refusal> {
    check_name(name, offset)?;
    match file_of(header, budget, name) {
        None => Ok(()),
        // What is in memory follows its file.
        Some(other) if other >= number => Err(twice(offset, name)),
        Some(other) => Err(in_two_files(offset, name, &header.files[other].path)),
    }
}

/// The number of the file that has a tensor of this name; the name is remembered.
pub fn file_of(header: &Header, budget: &mut Budget, name: &str) -> Option<usize> {
    if budget.remember(name) {
        return None;
    }
    header.entries.iter().find(|entry| entry.name == name).map(|entry| entry.file)
}

/// Checks a tensor's name as [`new_name`] does, and books the memory of its entry, which comes next: for readers of other
/// formats.
pub fn book(header: &Header, budget: &mut Budget, name: &str, number: usize, offset: u64) -> Result<(), Refusal> {
    new_name(header, budget, name, number, offset)?;
    if budget.charge(std::mem::size_of::<Entry>() + name.len() + 64) { Ok(()) } else { Err(too_large(offset)) }
}

const FIELDS: &str = "`dtype`, `shape` and `data_offsets`";

pub fn twice(offset: u64, name: &str) -> Refusal {
    let what = format!("has the name {} twice in its header", quoted(name));
    Refusal::Flaw(
        error::NAME,
        what,
        Flaw { offset, found: quoted(name), expected: "each name once".into() },
        error::AGAIN,
    )
}

pub fn in_two_files(offset: u64, name: &str, other: &Path) -> Refusal {
    let what = format!("has the tensor {}, which `{}` has too", quoted(name), shown::path(other));
    let flaw = Flaw { offset, found: quoted(name), expected: "each tensor in one file".into() };
    Refusal::Flaw(error::DISAGREE, what, flaw, "keep the shards of one model in a directory of their own")
}

pub fn too_large(offset: u64) -> Refusal {
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
        () if name.len() > NAME => return Err(too_long(offset)),
        () if name.is_empty() => "an empty name".to_string(),
        () if shown::has_hidden(name) => format!("a name with hidden characters, {}", quoted(name)),
        () if name.contains("..") && name.split(['/', '\\']).any(|part| part == "..") => {
            format!("a name that is a path, {}", quoted(name))
        }
        () => return Ok(()),
    };
    Err(unusable(offset, found, error::AGAIN))
}

/// A name of more than [`NAME`] bytes.
pub fn too_long(offset: u64) -> Refusal {
    unusable(offset, format!("a name of more than {NAME} bytes"), error::AGAIN)
}

/// A tensor whose name is as `found` says.
pub fn unusable(offset: u64, found: String, help: &'static str) -> Refusal {
    let flaw = Flaw { offset, found, expected: "a readable name such as `b4.conv1.weight`".into() };
    Refusal::Flaw(error::NAME, "has a tensor without a usable name".into(), flaw, help)
}

/// Bytes of a tensor; zero sizes do not excuse others that no memory could index.
pub fn byte_length(name: &str, dtype: Dtype, shape: &[u64], offset: u64) -> Result<u64, Refusal> {
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
