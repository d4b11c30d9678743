//! A strict reader of JSON as headers use it: by windows, without a tree, every flaw with its byte.
//!
//! Stricter than the standard where it leaves readers a choice: a caller sees each key and can refuse a second one;
//! numbers are whole and not negative; strings are UTF-8 without lone surrogates.

use super::error::Flaw;
use crate::diag::shown;
use std::io;
use std::io::Read;

/// Bytes read at a time.
const WINDOW: usize = 64 << 10;

/// Brackets within brackets that [`Json::skip_value`] follows.
const DEPTH: usize = 64;

/// Why a reader stopped.
pub enum Stop {
    /// The text is wrong.
    Flaw(Box<Flaw>),
    /// The file could not be read.
    Io(io::Error),
}

impl Stop {
    pub fn flaw(offset: u64, found: impl Into<String>, expected: impl Into<String>) -> Stop {
        Stop::Flaw(Box::new(Flaw { offset, found: found.into(), expected: expected.into() }))
    }
}

/// Reads one JSON text.
pub struct Json<R> {
    input: R,
    window: Box<[u8]>,
    at: usize,
    filled: usize,
    /// Offset in the file of the window's first byte.
    base: u64,
    text: Vec<u8>,
}

impl<R: Read> Json<R> {
    /// Reads `input`, whose first byte is byte `base` of the file.
    pub fn new(input: R, base: u64) -> Self {
        Json { input, window: vec![0; WINDOW].into_boxed_slice(), at: 0, filled: 0, base, text: vec![] }
    }

    /// Offset in the file of the next byte.
    fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The next byte, which stays; `None` at the end.
    #[inline]
    fn peek(&mut self) -> Result<Option<u8>, Stop> {
        if self.at == self.filled && !self.refill()? {
            return Ok(None);
        }
        Ok(Some(self.window[self.at]))
    }

    /// Brings the next window; false: there is none.
    fn refill(&mut self) -> Result<bool, Stop> {
        self.base += self.filled as u64;
        (self.at, self.filled) = (0, 0);
        self.filled = loop {
            match self.input.read(&mut self.window) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(Stop::Io)?,
            }
        };
        Ok(self.filled > 0)
    }

    /// Passes over all bytes that are in `set`.
    fn pass(&mut self, set: &[u8]) -> Result<(), Stop> {
        while self.peek()?.is_some() {
            let rest = &self.window[self.at..self.filled];
            match rest.iter().position(|byte| !set.contains(byte)) {
                Some(count) => {
                    self.at += count;
                    return Ok(());
                }
                None => self.at = self.filled,
            }
        }
        Ok(())
    }

    /// Offset in the file of what comes next, after white space.
    pub fn start(&mut self) -> Result<u64, Stop> {
        self.peek_mark()?;
        Ok(self.offset())
    }

    /// The next byte that is not white space; it stays.
    #[inline]
    fn peek_mark(&mut self) -> Result<Option<u8>, Stop> {
        match self.peek()? {
            Some(b' ' | b'\t' | b'\n' | b'\r') => {
                self.pass(b" \t\n\r")?;
                self.peek()
            }
            other => Ok(other),
        }
    }

    /// What stands at the reader, against what was expected there.
    pub fn wrong(&mut self, expected: impl Into<String>) -> Stop {
        let offset = self.offset();
        match self.peek() {
            Ok(found) => Stop::flaw(offset, byte_text(found), expected),
            Err(stop) => stop,
        }
    }

    /// Takes this mark, after white space.
    pub fn mark(&mut self, mark: u8) -> Result<(), Stop> {
        if self.peek_mark()? == Some(mark) {
            self.at += 1;
            return Ok(());
        }
        Err(self.wrong(format!("`{}`", mark as char)))
    }

    /// Goes to the next member of an object whose `{` was taken; true: a key follows.  `first` starts as true.
    pub fn member(&mut self, first: &mut bool) -> Result<bool, Stop> {
        self.more(first, b'}', "`,` or `}`")
    }

    /// Goes to the next item of a list whose `[` was taken; true: an item follows.
    pub fn item(&mut self, first: &mut bool) -> Result<bool, Stop> {
        self.more(first, b']', "`,` or `]`")
    }

    fn more(&mut self, first: &mut bool, close: u8, expected: &str) -> Result<bool, Stop> {
        let is_first = std::mem::replace(first, false);
        match self.peek_mark()? {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !is_first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if is_first => Ok(true),
            _ => Err(self.wrong(expected)),
        }
    }

    /// Takes a key and its `:`.
    pub fn key(&mut self, limit: usize) -> Result<String, Stop> {
        let key = self.string(limit)?;
        self.mark(b':')?;
        Ok(key)
    }

    /// Takes a string of at most `limit` bytes.
    pub fn string(&mut self, limit: usize) -> Result<String, Stop> {
        self.text(limit).map(str::to_string)
    }

    /// Takes a string of at most `limit` bytes, for a look.
    pub fn text(&mut self, limit: usize) -> Result<&str, Stop> {
        self.read_string(limit)?;
        let end = self.offset();
        std::str::from_utf8(&self.text).map_err(|wrong| {
            let byte = self.text[wrong.valid_up_to()];
            Stop::flaw(end, format!("a string before it with the byte 0x{byte:02x}"), "UTF-8")
        })
    }

    /// Takes a string if one follows.
    pub fn string_if_any(&mut self, limit: usize) -> Result<Option<String>, Stop> {
        if self.peek_mark()? == Some(b'"') { self.string(limit).map(Some) } else { Ok(None) }
    }

    /// Takes a string into `self.text`.
    fn read_string(&mut self, limit: usize) -> Result<(), Stop> {
        if self.peek_mark()? != Some(b'"') {
            return Err(self.wrong("a string"));
        }
        let start = self.offset();
        self.at += 1;
        self.text.clear();
        loop {
            if self.peek()?.is_none() {
                return Err(self.wrong("`\"`"));
            }
            let rest = &self.window[self.at..self.filled];
            let plain =
                rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20).unwrap_or(rest.len());
            if self.text.len() + plain > limit {
                let found = format!("a string longer than {limit} bytes");
                return Err(Stop::flaw(start, found, format!("at most {limit}")));
            }
            self.text.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.peek()? {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                Some(byte) if byte < 0x20 => return Err(self.wrong("an escape such as `\\n`")),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), Stop> {
        let plain = match self.peek()? {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                let c = self.unicode()?;
                self.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.wrong("one of `\"\\/bfnrtu` after a backslash")),
        };
        self.at += 1;
        self.text.push(plain);
        Ok(())
    }

    /// The character of `\uXXXX`, or of a pair of them.
    fn unicode(&mut self) -> Result<char, Stop> {
        let offset = self.offset();
        let lone = |found: u32| Stop::flaw(offset, format!("half of a character, `\\u{found:04x}`"), "both halves");
        let first = self.hex()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or_else(|| lone(first));
        }
        for byte in [b'\\', b'u'] {
            if self.peek()? != Some(byte) {
                return Err(lone(first));
            }
            self.at += 1;
        }
        let second = self.hex()?;
        if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
            return Err(lone(first));
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or_else(|| lone(first))
    }

    fn hex(&mut self) -> Result<u32, Stop> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek()?.and_then(|byte| (byte as char).to_digit(16));
            let Some(digit) = digit else { return Err(self.wrong("four hexadecimal digits after `\\u`")) };
            self.at += 1;
            value = value * 16 + digit;
        }
        Ok(value)
    }

    /// Takes a whole number from 0 to 2⁶⁴ − 1, written with digits alone.
    pub fn number(&mut self) -> Result<u64, Stop> {
        let first = self.peek_mark()?;
        let start = self.offset();
        if !first.is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.wrong("a whole number that is not negative"));
        }
        let mut value: Option<u64> = Some(0);
        let mut digits = 0;
        while let Some(byte) = self.peek()?.filter(u8::is_ascii_digit) {
            if digits == 1 && first == Some(b'0') {
                return Err(self.wrong("no digit after a leading 0"));
            }
            self.at += 1;
            digits += 1;
            value = value.and_then(|value| value.checked_mul(10)?.checked_add(u64::from(byte - b'0')));
        }
        if matches!(self.peek()?, Some(b'.' | b'e' | b'E')) {
            return Err(self.wrong("a whole number without point or exponent"));
        }
        value.ok_or_else(|| Stop::flaw(start, format!("a number of {digits} digits"), "at most 18446744073709551615"))
    }

    /// Takes any value; `limit` bounds its strings.
    pub fn skip_value(&mut self, limit: usize) -> Result<(), Stop> {
        let mut open: Vec<u8> = vec![];
        let mut first = true;
        loop {
            // A value, or the end of a bracket.
            let inner = open.last().copied();
            let more = match inner {
                Some(b'{') => self.member(&mut first)?,
                Some(_) => self.item(&mut first)?,
                None => true,
            };
            if !more {
                open.pop();
                first = false;
                if open.is_empty() {
                    return Ok(());
                }
                continue;
            }
            if inner == Some(b'{') {
                self.read_string(limit)?;
                self.mark(b':')?;
            }
            match self.peek_mark()? {
                Some(mark @ (b'{' | b'[')) => {
                    if open.len() == DEPTH {
                        return Err(self.wrong(format!("at most {DEPTH} brackets within each other")));
                    }
                    self.at += 1;
                    open.push(mark);
                    first = true;
                    continue;
                }
                Some(b'"') => self.read_string(limit)?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                _ => self.any_number()?,
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Stop> {
        for byte in word.bytes() {
            if self.peek()? != Some(byte) {
                return Err(self.wrong(format!("`{word}`")));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn any_number(&mut self) -> Result<(), Stop> {
        if self.peek()? == Some(b'-') {
            self.at += 1;
        }
        if !self.peek()?.is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.wrong("a value"));
        }
        while self.peek()?.is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
        {
            self.at += 1;
        }
        Ok(())
    }

    /// Takes the rest, which must be bytes of `fill` alone.
    pub fn padding(&mut self, fill: &[u8], expected: &str) -> Result<(), Stop> {
        self.pass(fill)?;
        if self.peek()?.is_some() { Err(self.wrong(expected)) } else { Ok(()) }
    }
}

/// A byte as people know it.
pub fn byte_text(byte: Option<u8>) -> String {
    match byte {
        None => "the end".into(),
        Some(byte @ 0x21..=0x7e) => format!("`{}`", byte as char),
        Some(b' ') => "a space".into(),
        Some(b'\n') => "a line break".into(),
        Some(byte) => format!("the byte 0x{byte:02x}"),
    }
}

/// A string of a header in a message.
pub fn quoted(text: &str) -> String {
    format!("`{}`", shown::name(text))
}
