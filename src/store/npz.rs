//! NumPy's archives of arrays: a zip archive whose members are array files, `NAME.npy` each.
//!
//! Stored members (`numpy.savez`) are read in place.  Packed ones (`numpy.savez_compressed`) are unpacked when the header
//! is read, since no element of them can be found before: into memory, one block for all, of the size that the directory
//! gives, which is limited, and only as far as the bytes in the file can reach and the array's own header asks for.

use super::error;
use super::error::Flaw;
use super::error::flawed;
use super::format::Opened;
use super::header::Budget;
use super::header::Refusal;
use super::header::UNPACKED;
use super::json::quoted;
use super::npy;
use super::npy::Array;
use super::npy::Place;
use super::sheet;
use super::sys;
use super::zip;
use super::zip::Directory;
use super::zip::Member;
use crate::diag::Problem;
use crate::diag::shown;
use crate::tensor::Entry;
use crate::tensor::FileInfo;
use crate::tensor::Header;
use flate2::Decompress;
use flate2::FlushDecompress;
use flate2::Status;
use std::fs::File;
use std::sync::Arc;

/// What the names of members end in.
const ENDING: &str = ".npy";

/// The method of members that are packed with deflate.
const DEFLATED: u16 = 8;

/// Deflate makes at most this of a byte: 258 bytes of two bits.
const RATIO: u64 = 1032;

/// Packed bytes that are read at a time.
const WINDOW: u64 = 64 << 10;

/// Where an unpacked array begins in memory: the elements are aligned as in a file of its own.
const ALIGNMENT: u64 = 64;

const STORE: &str =
    "write it again without packing, from Python: `numpy.savez(\"model.npz\", **numpy.load(\"packed.npz\"))`";
const ARRAYS: &str = "write arrays only: `numpy.savez(\"model.npz\", **arrays)` in Python";

/// Whether an archive is one of arrays.
pub fn is_npz(directory: &Directory) -> bool {
    directory.members.iter().any(|member| member.name.ends_with(ENDING))
}

/// Reads the headers of all arrays and adds file, tensors and what was unpacked to `header`.
/// Errors: E0504, E0507, E0510, E0512, E0522, E0523, E0601.
pub fn read(opened: &Opened, directory: &Directory, header: &mut Header, budget: &mut Budget) -> Result<(), Problem> {
    let number = header.files.len();
    header.files.push(FileInfo { path: opened.path.to_path_buf(), size: opened.size, memory: None });
    let packed = places(directory, budget).map_err(|refusal| refusal.of_file(opened.path))?;
    let mut archive = Archive { opened, header, budget, number };
    archive.stored(directory).map_err(|refusal| refusal.of_file(opened.path))?;
    archive.packed(directory, &packed)
}

/// The packed members with their places in memory, when all that is there can be read.
fn places<'d>(directory: &'d Directory, budget: &mut Budget) -> Result<Vec<(&'d Member, u64)>, Refusal> {
    let mut out: Vec<(&Member, u64)> = vec![];
    let mut end = 0u64;
    for member in &directory.members {
        let wrong = |found: String, expected: &str, help: &'static str| {
            let flaw = Flaw { offset: member.offset, found, expected: expected.into() };
            let what = "is an archive of NumPy arrays that blend does not read".into();
            Err(Refusal::Flaw(error::NUMPY, what, flaw, help))
        };
        let name = quoted(&member.name);
        if !member.name.ends_with(ENDING) {
            return wrong(format!("{name} among the arrays"), "names that end in `.npy`", ARRAYS);
        }
        match member.method {
            zip::STORED => continue,
            DEFLATED => {}
            other => {
                let found = format!("{name} packed with method {other}");
                return wrong(found, "deflate (8) or none (0)", STORE);
            }
        }
        if member.len > member.stored_len.saturating_mul(RATIO) {
            let found = format!("{name} of {} bytes, packed into {}", member.len, member.stored_len);
            return wrong(found, "at most what deflate can pack", error::AGAIN);
        }
        let start = end.next_multiple_of(ALIGNMENT);
        end = start.saturating_add(member.len);
        if !budget.unpack(member.len) {
            let found = format!("packed arrays of more than {}", shown::bytes(UNPACKED));
            return wrong(found, "arrays that are not packed, or small ones", STORE);
        }
        out.push((member, start));
    }
    Ok(out)
}

struct Archive<'a> {
    opened: &'a Opened<'a>,
    header: &'a mut Header,
    budget: &'a mut Budget,
    /// Index of the file.
    number: usize,
}

impl Archive<'_> {
    /// The members that are read in place.
    fn stored(&mut self, directory: &Directory) -> Result<(), Refusal> {
        let mut head = vec![];
        for member in directory.members.iter().filter(|member| member.method == zip::STORED) {
            head.resize(npy::LONGEST.min(member.len) as usize, 0);
            let got = sys::read_full(&self.opened.file, member.offset, &mut head).map_err(Refusal::Io)?;
            let name = array_name(member);
            let array = npy::parse(&head[..got], member.len, &Place { name: Some(name), base: member.offset })?;
            self.entry(name, array, self.number, member.offset)?;
        }
        Ok(())
    }

    /// The members that are unpacked into memory.
    fn packed(&mut self, directory: &Directory, members: &[(&Member, u64)]) -> Result<(), Problem> {
        let Some((last, start)) = members.last() else { return Ok(()) };
        let size = start + last.len;
        // Made in place, so that there is one copy of it; the pages are there when they are written to.
        let mut memory: Arc<[u8]> = std::iter::repeat_n(0, size as usize).collect();
        let bytes = Arc::get_mut(&mut memory).expect("nobody else has it yet");
        let number = self.header.files.len();
        for (member, start) in members {
            let dst = &mut bytes[*start as usize..(start + member.len) as usize];
            let array = unpack(self.opened, directory, member, dst).map_err(|stop| self.refused(member, stop))?;
            let entry = self.entry(array_name(member), array, number, *start);
            entry.map_err(|refusal| refusal.of_file(self.opened.path))?;
        }
        self.header.files.push(FileInfo { path: self.opened.path.to_path_buf(), size, memory: Some(memory) });
        Ok(())
    }

    fn entry(&mut self, name: &str, array: Array, file: usize, base: u64) -> Result<(), Refusal> {
        sheet::book(self.header, self.budget, name, file, base)?;
        let Array { dtype, shape, lies, start, len } = array;
        let name = name.to_string();
        self.header.entries.push(Entry { name, dtype, shape, file, offset: base + start, len, lies });
        Ok(())
    }

    fn refused(&self, member: &Member, stop: Stop) -> Problem {
        let (found, expected) = match stop {
            Stop::Refusal(refusal) => return refusal.of_file(self.opened.path),
            Stop::Packed(found, expected) => (found, expected),
        };
        let what = format!("has the packed array {} that cannot be unpacked", quoted(array_name(member)));
        let flaw = Flaw { offset: member.offset, found, expected };
        flawed(error::NUMPY, self.opened.path, &what, flaw, error::AGAIN)
    }
}

/// The name of an array: the member's without its ending.
fn array_name(member: &Member) -> &str {
    member.name.strip_suffix(ENDING).unwrap_or(&member.name)
}

/// Why a member was not unpacked.
enum Stop {
    Refusal(Refusal),
    /// What was found in the packed bytes, and what was expected.
    Packed(String, String),
}

/// Unpacks a member into `dst`, which has the size that the directory gives; the array's own header is looked at first,
/// the checksum last.
fn unpack(opened: &Opened, directory: &Directory, member: &Member, dst: &mut [u8]) -> Result<Array, Stop> {
    let mut stream = Stream {
        file: &opened.file,
        at: member.offset,
        end: member.offset + member.stored_len,
        window: Vec::new(),
        used: 0,
        state: Decompress::new(false),
        is_done: false,
    };
    let (head, rest) = dst.split_at_mut(dst.len().min(npy::LONGEST as usize));
    stream.fill(head, member)?;
    // Places in the packed bytes say nothing: the array's are counted from its own first byte.
    let place = Place { name: Some(array_name(member)), base: 0 };
    let array = npy::parse(head, member.len, &place).map_err(Stop::Refusal)?;
    stream.fill(rest, member)?;
    stream.finish(member)?;
    let crc = crc32fast::hash(dst);
    if directory.has_crc && crc != member.crc {
        return Err(Stop::Packed(format!("the checksum {crc:08x}"), format!("{:08x}", member.crc)));
    }
    Ok(array)
}

/// Packed bytes of a file on their way to plain ones.
struct Stream<'f> {
    file: &'f File,
    /// What was not read yet.
    at: u64,
    end: u64,
    window: Vec<u8>,
    /// Bytes of the window that were taken.
    used: usize,
    state: Decompress,
    /// The last block ended.
    is_done: bool,
}

impl Stream<'_> {
    /// Unpacks some bytes; 0: there are no more, or no room.
    fn some(&mut self, dst: &mut [u8]) -> Result<usize, Stop> {
        while !self.is_done && !dst.is_empty() {
            if self.used == self.window.len() && self.at < self.end {
                self.window.resize(WINDOW.min(self.end - self.at) as usize, 0);
                let got = sys::read_full(self.file, self.at, &mut self.window);
                let got = got.map_err(|error| Stop::Refusal(Refusal::Io(error)))?;
                self.window.truncate(got);
                (self.at, self.used) = (if got == 0 { self.end } else { self.at + got as u64 }, 0);
            }
            let before = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(&self.window[self.used..], dst, FlushDecompress::None);
            let status = status.map_err(|_| {
                Stop::Packed("bytes that are not packed with deflate".into(), "those that were written".into())
            })?;
            let (taken, made) = (self.state.total_in() - before.0, self.state.total_out() - before.1);
            self.used += taken as usize;
            self.is_done = status == Status::StreamEnd;
            if made > 0 || taken == 0 {
                return Ok(made as usize);
            }
        }
        Ok(0)
    }

    fn fill(&mut self, mut dst: &mut [u8], member: &Member) -> Result<(), Stop> {
        while !dst.is_empty() {
            let count = self.some(dst)?;
            if count == 0 {
                let found = format!("the end after {} bytes", self.state.total_out());
                return Err(Stop::Packed(found, expected(member)));
            }
            dst = &mut dst[count..];
        }
        Ok(())
    }

    /// The end of the packed bytes is where all of them were unpacked.
    fn finish(&mut self, member: &Member) -> Result<(), Stop> {
        if self.some(&mut [0])? > 0 {
            return Err(Stop::Packed("more bytes".into(), expected(member)));
        }
        if !self.is_done || self.state.total_in() != member.stored_len {
            let found = format!("no end after {} packed bytes", self.state.total_in().min(member.stored_len));
            return Err(Stop::Packed(found, format!("one after {}", member.stored_len)));
        }
        Ok(())
    }
}

fn expected(member: &Member) -> String {
    format!("{}, as the directory says", member.len)
}
