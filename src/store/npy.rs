//! NumPy's array files, versions 1 to 3: one array, in place.
//!
//! Layout: `\x93NUMPY`, a version, the length of the header (2 bytes, 4 from version 2 on), the header: the text of a Python
//! dictionary with `descr` (element type), `fortran_order` and `shape`; then the elements.
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>
//!
//! The header is read by a grammar of its own: nothing is evaluated.  The tensor is called `arr_0`, as NumPy calls an array
//! that was saved without a name, so that `x.npy` and `np.savez("x.npz", array)` are the same model, and two arrays mix
//! whatever their files are called.

use super::error;
use super::error::Flaw;
use super::format::Opened;
use super::header::Budget;
use super::header::Refusal;
use super::json::quoted;
use super::sheet;
use super::sys;
use crate::diag::Problem;
use crate::diag::shown;
use crate::tensor::Dtype;
use crate::tensor::Entry;
use crate::tensor::FileInfo;
use crate::tensor::Header;
use crate::tensor::Lies;
use crate::tensor::Shape;
use crate::tensor::shape_text;

pub const MAGIC: &[u8] = b"\x93NUMPY";

/// The name of an array without one.
const NAME: &str = "arr_0";

/// The longest start of a file that is read: NumPy itself refuses headers of more than 10,000 bytes.
pub const LONGEST: u64 = 16 << 10;

/// Axes of an array at most.
const RANK: usize = 32;

const REWRITE: &str = "write it again from Python: `numpy.save(\"model.npy\", array)`";
const FLOATS: &str =
    "write numbers: `numpy.save(\"model.npy\", array.astype(\"<f4\"))` in Python, `numpy.savez` for several";

/// An array as its header describes it.
#[derive(Debug, PartialEq)]
pub struct Array {
    pub dtype: Dtype,
    pub shape: Shape,
    pub lies: Lies,
    /// Bytes before the first element.
    pub start: u64,
    /// Bytes of the elements.
    pub len: u64,
}

/// Whose header it is, for messages.
pub struct Place<'p> {
    /// `the array "w"`, for one in an archive.
    pub name: Option<&'p str>,
    /// Of its first byte in the file.
    pub base: u64,
}

impl Place<'_> {
    /// A refusal about a byte of the array's own.
    pub fn refusal(&self, offset: usize, found: impl Into<String>, expected: impl Into<String>) -> Refusal {
        self.refusal_with(offset, found, expected, REWRITE)
    }

    fn refusal_with(
        &self,
        offset: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
        help: &'static str,
    ) -> Refusal {
        let what = match self.name {
            Some(name) => format!("has the array {}, which blend does not read", quoted(name)),
            None => "is a NumPy array that blend does not read".into(),
        };
        let flaw = Flaw { offset: self.base + offset as u64, found: found.into(), expected: expected.into() };
        Refusal::Flaw(error::NUMPY, what, flaw, help)
    }
}

/// Reads the header of an array file and adds file and tensor to `header`.
/// Errors: E0504, E0507, E0510, E0512, E0523, E0601.
pub fn read(opened: &Opened, header: &mut Header, budget: &mut Budget) -> Result<(), Problem> {
    let number = header.files.len();
    header.files.push(FileInfo { path: opened.path.to_path_buf(), size: opened.size, memory: None });
    entry(opened, header, budget, number).map_err(|refusal| refusal.of_file(opened.path))
}

fn entry(opened: &Opened, header: &mut Header, budget: &mut Budget, number: usize) -> Result<(), Refusal> {
    let mut head = vec![0; LONGEST.min(opened.size) as usize];
    let got = sys::read_full(&opened.file, 0, &mut head).map_err(Refusal::Io)?;
    head.truncate(got);
    let place = Place { name: None, base: 0 };
    let array = parse(&head, opened.size, &place)?;
    sheet::book(header, budget, NAME, number, 0)?;
    let Array { dtype, shape, lies, start, len } = array;
    header.entries.push(Entry { name: NAME.into(), dtype, shape, file: number, offset: start, len, lies });
    Ok(())
}

/// Reads the header at the start of `head`, of an array that has `total` bytes with its header.
pub fn parse(head: &[u8], total: u64, place: &Place) -> Result<Array, Refusal> {
    let cut = || {
        let flaw = Flaw {
            offset: place.base + total,
            found: "the end".into(),
            expected: "more of the header of a NumPy array".into(),
        };
        Refusal::Flaw(error::CUT_OFF, "is cut off within its header".into(), flaw, error::AGAIN)
    };
    if !head.starts_with(MAGIC) {
        return Err(place.refusal(0, "something else", "a NumPy array, which starts with 0x93 and `NUMPY`"));
    }
    let (Some(&version), Some(&minor)) = (head.get(6), head.get(7)) else { return Err(cut()) };
    let (width, length) = match (version, minor) {
        (1, 0) => (2, head.get(8..10).map(|bytes| u64::from(bytes[0]) | u64::from(bytes[1]) << 8)),
        (2 | 3, 0) => (4, head[8..].first_chunk::<4>().map(|bytes| u64::from(u32::from_le_bytes(*bytes)))),
        _ => return Err(place.refusal(6, format!("version {version}.{minor}"), "1.0, 2.0 or 3.0")),
    };
    let Some(length) = length else { return Err(cut()) };
    let start = 8 + width as u64 + length;
    if start > LONGEST {
        return Err(place.refusal(8, format!("a header of {length} bytes"), "at most 10000, as NumPy itself"));
    }
    let Some(text) = head.get(8 + width..start as usize) else { return Err(cut()) };
    let (dtype, fortran, shape) = Text { text, at: 0, base: 8 + width, place }.dictionary()?;
    let full = shape.iter().try_fold(dtype.bytes(), |product, &size| product.checked_mul(size.max(1)));
    if full.is_none_or(|full| full > i64::MAX as u64) {
        return Err(place.refusal(8 + width, format!("the shape {}", shape_text(&shape)), "less than 2^63 bytes"));
    }
    let len = crate::tensor::elems(&shape) * dtype.bytes();
    let there = total - start;
    if len > there {
        let flaw = Flaw {
            offset: place.base + total,
            found: "the end".into(),
            expected: format!("{} more bytes", len - there),
        };
        let what = match place.name {
            Some(name) => format!("has too few bytes for the array {}", quoted(name)),
            None => "is cut off".into(),
        };
        return Err(Refusal::Flaw(error::CUT_OFF, what, flaw, error::AGAIN));
    }
    if len < there {
        let found = format!("{} more bytes after the array", there - len);
        return Err(place.refusal((start + len) as usize, found, "the end"));
    }
    let lies = if fortran { columns(&shape) } else { Lies::Rows };
    Ok(Array { dtype, shape, lies, start, len })
}

/// The first axis fastest.
fn columns(shape: &[u64]) -> Lies {
    if shape.iter().filter(|&&size| size > 1).count() < 2 || shape.contains(&0) {
        return Lies::Rows;
    }
    let mut stride = 1i64;
    let strides = shape.iter().map(|&size| {
        let own = stride;
        // The product of all sizes was checked.
        stride *= size as i64;
        own
    });
    Lies::Strides(strides.collect())
}

/// The text of a header: a dictionary of three keys.
struct Text<'t> {
    text: &'t [u8],
    at: usize,
    /// Of the text, from the array's first byte on.
    base: usize,
    place: &'t Place<'t>,
}

impl<'t> Text<'t> {
    fn dictionary(&mut self) -> Result<(Dtype, bool, Shape), Refusal> {
        let (mut dtype, mut fortran, mut shape) = (None, None, None);
        self.mark(b'{')?;
        while self.peek() != Some(b'}') {
            let start = self.at;
            let key = self.string()?;
            self.mark(b':')?;
            let again = match key {
                "descr" => dtype.replace(self.dtype()?).is_some(),
                "fortran_order" => fortran.replace(self.truth()?).is_some(),
                "shape" => shape.replace(self.shape()?).is_some(),
                _ => return Err(self.wrong_at(start, "another key", KEYS)),
            };
            if again {
                return Err(self.wrong_at(start, format!("the key `{key}` again"), "each key once"));
            }
            if self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
        }
        self.mark(b'}')?;
        if self.peek().is_some() {
            return Err(self.wrong("spaces up to the end of the header"));
        }
        match (dtype, fortran, shape) {
            (Some(dtype), Some(fortran), Some(shape)) => Ok((dtype, fortran, shape)),
            _ => Err(self.wrong_at(0, "a dictionary without one of them", KEYS)),
        }
    }

    /// The next byte that is no white space; it stays.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn mark(&mut self, mark: u8) -> Result<(), Refusal> {
        if self.peek() != Some(mark) {
            return Err(self.wrong(format!("`{}`", mark as char)));
        }
        self.at += 1;
        Ok(())
    }

    /// A string in either kind of quotes, of plain characters.
    fn string(&mut self) -> Result<&'t str, Refusal> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else { return Err(self.wrong("a quoted text")) };
        let start = self.at + 1;
        let len = self.text[start..].iter().take_while(|&&byte| (b' '..=b'~').contains(&byte) && byte != quote).count();
        self.at = start + len;
        let whole: &'t [u8] = self.text;
        let text = std::str::from_utf8(&whole[start..self.at]).unwrap_or_default();
        if self.text.get(self.at) != Some(&quote) || text.contains('\\') {
            return Err(self.wrong_at(start - 1, "a text that does not end, or with other than plain letters", KEYS));
        }
        self.at += 1;
        Ok(text)
    }

    fn truth(&mut self) -> Result<bool, Refusal> {
        self.peek();
        for (word, truth) in [("True", true), ("False", false)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(truth);
            }
        }
        Err(self.wrong("`True` or `False`"))
    }

    fn shape(&mut self) -> Result<Shape, Refusal> {
        let start = self.at;
        self.mark(b'(')?;
        let mut shape = Shape::new();
        let mut comma = true;
        while self.peek() != Some(b')') {
            if !comma {
                return Err(self.wrong("`,` or `)`"));
            }
            if shape.len() == RANK {
                return Err(self.wrong_at(start, format!("more than {RANK} axes"), format!("at most {RANK}")));
            }
            shape.push(self.number()?);
            comma = self.peek() == Some(b',');
            self.at += usize::from(comma);
        }
        self.at += 1;
        if shape.len() == 1 && !comma {
            return Err(self.wrong_at(start, "a number in brackets", "a shape such as `(3,)` or `(2, 3)`"));
        }
        Ok(shape)
    }

    fn number(&mut self) -> Result<u64, Refusal> {
        self.peek();
        let start = self.at;
        let digits = self.text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        let text = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        let plain = digits == 1 || !text.starts_with('0');
        let Some(number) = text.parse().ok().filter(|_| plain) else {
            self.at = start;
            return Err(self.wrong("a size, a whole number below 2^64"));
        };
        // Python 2 wrote long numbers as `3L`.
        self.at += usize::from(self.text.get(self.at) == Some(&b'L'));
        Ok(number)
    }

    /// An element type: byte order, kind, bytes.
    fn dtype(&mut self) -> Result<Dtype, Refusal> {
        self.peek();
        let start = self.at;
        if matches!(self.peek(), Some(b'[' | b'(' | b'{')) {
            let expected = "one number per element, such as `<f4`";
            return Err(self.refusal_with(start, "elements of several fields", expected, FLOATS));
        }
        let text = self.string()?.to_string();
        let (order, kind) = text.split_at_checked(1).unwrap_or_default();
        let dtype = match kind {
            "b1" => Some(Dtype::Bool),
            "i1" => Some(Dtype::I8),
            "i2" => Some(Dtype::I16),
            "i4" => Some(Dtype::I32),
            "i8" => Some(Dtype::I64),
            "u1" => Some(Dtype::U8),
            "u2" => Some(Dtype::U16),
            "u4" => Some(Dtype::U32),
            "u8" => Some(Dtype::U64),
            "f2" => Some(Dtype::F16),
            "f4" => Some(Dtype::F32),
            "f8" => Some(Dtype::F64),
            "c8" => Some(Dtype::C64),
            _ => None,
        };
        let found = format!("the type `{}`", shown::name(&text));
        match (order, dtype) {
            // A single byte has no order.
            ("<" | "|" | ">", Some(dtype)) if dtype.bytes() == 1 => Ok(dtype),
            ("<", Some(dtype)) => Ok(dtype),
            (">", Some(_)) => Err(self.refusal_with(
                start,
                format!("{found}, big-endian"),
                "little-endian numbers, such as `<f4`",
                FLOATS,
            )),
            (_, None) if kind.starts_with('O') => Err(self.refusal_with(
                start,
                format!("{found}, Python objects in a pickle"),
                "numbers, such as `<f4`",
                FLOATS,
            )),
            _ => Err(self.refusal_with(start, found, "a type of numbers, such as `<f4`", FLOATS)),
        }
    }

    fn wrong(&mut self, expected: impl Into<String>) -> Refusal {
        let found = match self.peek() {
            None => "the end of the header".into(),
            Some(byte @ b'!'..=b'~') => format!("`{}`", byte as char),
            Some(byte) => format!("the byte 0x{byte:02x}"),
        };
        self.wrong_at(self.at, found, expected)
    }

    fn wrong_at(&self, at: usize, found: impl Into<String>, expected: impl Into<String>) -> Refusal {
        self.place.refusal(self.base + at, found, expected)
    }

    fn refusal_with(
        &self,
        at: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
        help: &'static str,
    ) -> Refusal {
        self.place.refusal_with(self.base + at, found, expected, help)
    }
}

const KEYS: &str = "the keys `descr`, `fortran_order` and `shape`";
