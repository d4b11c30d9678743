//! Reads a pickle front to back with a small buffer, never beyond its frame, and steps over payloads.

use super::Source;
use super::fault::Bad;
use crate::diag::shown;

/// First read after a step over a payload, and the longest read; in bytes.
const SMALL: usize = 4 << 10;
const LARGE: usize = 64 << 10;

pub(super) struct Reader<'a> {
    source: &'a dyn Source,
    /// Of the source, in bytes.
    len: u64,
    /// The next byte.
    pub pos: u64,
    /// End of the frame that is open.
    frame: Option<u64>,
    buffer: Vec<u8>,
    /// Where the buffer lies in the source.
    start: u64,
    /// Length of the next read.
    ahead: usize,
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a dyn Source, pos: u64) -> Reader<'a> {
        Reader { source, len: source.len(), pos, frame: None, buffer: vec![], start: pos, ahead: SMALL }
    }

    /// The next opcode; a frame that ends here is left.
    pub fn opcode(&mut self) -> Result<u8, Bad> {
        if self.frame == Some(self.pos) {
            self.frame = None;
        }
        if self.pos >= self.len {
            return Err(Bad::malformed("the end of the bytes", "an opcode: every pickle ends with STOP"));
        }
        Ok(self.take(1)?[0])
    }

    /// Opens a frame of so many bytes.
    pub fn open_frame(&mut self, len: u64) -> Result<(), Bad> {
        if self.frame.is_some() {
            return Err(Bad::malformed("a frame within a frame", "frames one after another"));
        }
        match self.pos.checked_add(len) {
            Some(end) if len > 0 && end <= self.len => self.frame = Some(end),
            _ => {
                let most = self.len - self.pos;
                return Err(Bad::malformed(format!("a frame of {len} bytes"), format!("1 to {most} bytes")));
            }
        }
        Ok(())
    }

    /// A pickle and its last frame end at the same place.
    pub fn stop(&self) -> Result<(), Bad> {
        match self.frame {
            Some(end) if end != self.pos => Err(Bad::malformed(
                format!("STOP {} bytes before the end of its frame", end - self.pos),
                "STOP as the last byte of the frame",
            )),
            _ => Ok(()),
        }
    }

    /// Whether so many bytes follow; an argument may not leave its frame.
    fn fits(&self, count: u64) -> Result<(), Bad> {
        let limit = self.frame.unwrap_or(self.len);
        let left = limit - self.pos;
        if count <= left {
            return Ok(());
        }
        let whole = match self.frame {
            Some(_) => "the frame",
            None => "the pickle",
        };
        Err(Bad::malformed(
            format!("an argument of {count} bytes"),
            format!("at most the {left} that {whole} has left"),
        ))
    }

    /// The next bytes; only for short ones.
    pub fn take(&mut self, count: usize) -> Result<&[u8], Bad> {
        self.fits(count as u64)?;
        // `start ≤ pos` always; a step over a payload may leave the buffer behind.
        let skipped = usize::try_from(self.pos - self.start).unwrap_or(usize::MAX);
        if skipped.saturating_add(count) > self.buffer.len() {
            self.fill(skipped, count)?;
        }
        let at = (self.pos - self.start) as usize;
        self.pos += count as u64;
        Ok(&self.buffer[at..at + count])
    }

    fn fill(&mut self, skipped: usize, count: usize) -> Result<(), Bad> {
        // Reads grow while nothing is stepped over.
        self.ahead = if skipped <= self.buffer.len() { (self.ahead * 2).min(LARGE) } else { SMALL };
        let left = usize::try_from(self.len - self.pos).unwrap_or(usize::MAX);
        let size = self.ahead.max(count).min(left);
        self.buffer.resize(size, 0);
        self.start = self.pos;
        self.source.read_at(self.pos, &mut self.buffer).map_err(|error| {
            self.buffer.clear();
            Bad::read(&error)
        })
    }

    /// Steps over a payload; where it began.
    pub fn skip(&mut self, count: u64) -> Result<u64, Bad> {
        self.fits(count)?;
        let at = self.pos;
        self.pos += count;
        Ok(at)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// A little-endian number of 1, 2, 4 or 8 bytes.
    pub fn uint(&mut self, bytes: usize) -> Result<u64, Bad> {
        let mut wide = [0; 8];
        wide[..bytes].copy_from_slice(self.take(bytes)?);
        Ok(u64::from_le_bytes(wide))
    }

    /// A line of ASCII without its end, such as GLOBAL has two of.
    pub fn line(&mut self, most: usize) -> Result<String, Bad> {
        let mut out = String::new();
        loop {
            match self.take(1)?[0] {
                b'\n' => return Ok(out),
                _ if out.len() == most => {
                    return Err(Bad::malformed(format!("a name longer than {most} bytes"), "a name"));
                }
                byte if byte.is_ascii() => out.push(byte as char),
                byte => {
                    return Err(Bad::evil(format!("`{}\\x{byte:02x}…`", shown::name(&out)), "a name of ASCII letters"));
                }
            }
        }
    }

    pub fn source(&self) -> &'a dyn Source {
        self.source
    }
}
