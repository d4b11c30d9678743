//! A GGUF header read from front to back, by windows: lengths are compared with what there is before anything follows
//! them, and what is passed over is not read.

use super::super::error;
use super::super::error::Flaw;
use super::super::header::Refusal;
use super::super::json::quoted;
use super::super::sys;
use super::malformed;
use crate::diag::shown;
use std::fs::File;

/// Longest header that is read.  Vocabularies make them long: the largest published ones take 15 MB.
const LONGEST: u64 = 64 << 20;

/// Bytes read at a time.
const WINDOW: usize = 64 << 10;

/// Reads a header.
pub struct Cursor<'f> {
    file: &'f File,
    /// Bytes of the file.
    size: u64,
    window: Vec<u8>,
    /// Offset in the file of the window's first byte.
    base: u64,
    at: usize,
}

impl<'f> Cursor<'f> {
    pub fn new(file: &'f File, size: u64) -> Cursor<'f> {
        Cursor { file, size, window: vec![], base: 0, at: 0 }
    }

    /// Offset in the file of the next byte.
    pub fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Bytes that may still follow in the header.
    pub fn rest(&self) -> u64 {
        self.size.min(LONGEST).saturating_sub(self.offset())
    }

    /// Whether `count` things of at least `each` bytes can follow; otherwise what is wrong with `found`, which stands at
    /// `offset`.
    pub fn fits(&self, count: u64, each: u64, offset: u64, found: &str) -> Result<(), Refusal> {
        if count.checked_mul(each).is_some_and(|bytes| bytes <= self.rest()) {
            return Ok(());
        }
        if count.checked_mul(each).is_some_and(|bytes| bytes <= self.size.saturating_sub(self.offset())) {
            return Err(too_long(offset, found));
        }
        Err(malformed(offset, found, format!("no more than fit into the {} bytes that follow", self.rest())))
    }

    /// The next `count` bytes, at most [`WINDOW`].
    fn take(&mut self, count: usize) -> Result<&[u8], Refusal> {
        if self.window.len() - self.at < count {
            let offset = self.offset();
            if self.rest() < count as u64 {
                return Err(self.ends());
            }
            let len = self.rest().min(WINDOW as u64) as usize;
            self.window.resize(len, 0);
            let got = sys::read_full(self.file, offset, &mut self.window).map_err(Refusal::Io)?;
            self.window.truncate(got);
            (self.base, self.at) = (offset, 0);
            if got < count {
                return Err(self.ends());
            }
        }
        self.at += count;
        Ok(&self.window[self.at - count..self.at])
    }

    /// Passes over bytes.
    pub fn skip(&mut self, count: u64) -> Result<(), Refusal> {
        if count > self.rest() {
            return Err(self.ends());
        }
        let left = (self.window.len() - self.at) as u64;
        if count <= left {
            self.at += count as usize;
        } else {
            self.base = self.offset() + count;
            self.window.clear();
            self.at = 0;
        }
        Ok(())
    }

    /// The header goes on where there is nothing more.
    fn ends(&self) -> Refusal {
        if self.size > LONGEST {
            return too_long(self.offset(), "a longer header");
        }
        let flaw = Flaw { offset: self.size, found: "the end".into(), expected: "more of the header".into() };
        Refusal::Flaw(error::CUT_OFF, "is cut off within its header".into(), flaw, error::AGAIN)
    }

    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub fn u32(&mut self) -> Result<u32, Refusal> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Refusal> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// A string of at most `most` bytes; `None`: it is longer and was passed over.
    pub fn text_up_to(&mut self, most: u64) -> Result<Option<String>, Refusal> {
        let offset = self.offset();
        let len = self.u64()?;
        self.fits(len, 1, offset, &format!("a text of {len} bytes"))?;
        if len > most.min(WINDOW as u64) {
            self.skip(len)?;
            return Ok(None);
        }
        let text = self.take(len as usize)?.to_vec();
        String::from_utf8(text).map(Some).map_err(|wrong| {
            let found = format!("the text {}", quoted(&String::from_utf8_lossy(wrong.as_bytes())));
            malformed(offset + 8 + wrong.utf8_error().valid_up_to() as u64, &found, "UTF-8")
        })
    }

    /// Passes over a string.
    pub fn skip_text(&mut self) -> Result<(), Refusal> {
        let offset = self.offset();
        let len = self.u64()?;
        // The check itself, so that a vocabulary does not cost a message per word.
        if len > self.rest() {
            self.fits(len, 1, offset, &format!("a text of {len} bytes"))?;
        }
        self.skip(len)
    }
}

fn too_long(offset: u64, found: &str) -> Refusal {
    let flaw =
        Flaw { offset, found: found.into(), expected: format!("at most {} of header in all", shown::bytes(LONGEST)) };
    let what = "has a header longer than blend reads".to_string();
    Refusal::Flaw(error::TOO_LARGE, what, flaw, "take the safetensors files that it was made from")
}
