//! Directories of zip archives, read so strictly that every reader finds the same members at the same bytes.
//!
//! **This is a security boundary**, and that is why no library stands here: libraries are made to open what can be opened
//! somehow, and archives that two readers understand in two ways are how files got past every scanner of checkpoints.  What
//! is accepted has one meaning only: members follow each other from the first byte without a gap, the central directory
//! follows the last of them and the one end record follows it, up to the last byte.  The central directory decides; local
//! headers and data descriptors must say the same, or nothing (PyTorch's writer leaves zeros and sets flag 3).  Nothing is
//! unpacked here, and names are never used as paths.
//!
//! Layout: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3 (Zip64).

mod record;

use self::record::Central;
use super::error;
use super::error::Flaw;
use super::error::flawed;
use super::format::Opened;
use super::json::quoted;
use super::sys;
use crate::diag::Problem;
use crate::diag::shown;
use std::collections::HashSet;

/// Members at most: archives of checkpoints have one or two per tensor, and blend itself writes such with more than 65,536.
const MEMBERS: u64 = 1 << 18;

/// Longest central directory, in bytes.
const LONGEST: u64 = 16 << 20;

/// Longest name of a member, in bytes.
const NAME: usize = 4096;

/// Longest member whose checksum is computed, in bytes: above all structures, below all weights.
const CHECKED: u64 = 64 << 20;

/// What is read before a local header (the descriptor of the member before), and from there at once.
const DESCRIPTOR: u64 = 24;
const AT_ONCE: usize = 512;

/// The method of members that are stored as they are.
pub const STORED: u16 = 0;

/// One member of an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// A plain relative path with `/` between its parts, without hidden characters.
    pub name: String,
    /// [`STORED`], or how it is packed; whether that may be, is for the caller to decide.
    pub method: u16,
    /// Of its first (stored) byte in the file.
    pub offset: u64,
    /// Bytes in the file; they lie within it and belong to no other member.
    pub stored_len: u64,
    /// Bytes when unpacked, as the directory says; equal to `stored_len` for stored members.
    pub len: u64,
    /// CRC-32 of the unpacked bytes.
    pub crc: u32,
}

/// The members of an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct Directory {
    /// In the order of their bytes; folders are left out.
    pub members: Vec<Member>,
    /// False: the writer left all checksums 0, as `torch.serialization.set_crc32_options(False)` makes it do.
    pub has_crc: bool,
}

impl Directory {
    pub fn find(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// Whether a file begins as a zip archive does.
pub fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// Reads the directory of an archive and compares it with all local headers.  Errors: E0504, E0510, E0522, E0601.
pub fn read(opened: &Opened) -> Result<Directory, Problem> {
    let end = record::end(opened)?;
    if end.count > MEMBERS || end.size > LONGEST {
        let found = format!("{} members in {} bytes of directory", end.count, end.size);
        let flaw = Flaw { offset: end.offset, found, expected: format!("at most {MEMBERS} in {LONGEST}") };
        let what = "is a zip archive with more members than blend reads";
        return Err(flawed(error::TOO_LARGE, opened.path, what, flaw, AGAIN));
    }
    let bytes = fetch(opened, end.offset, end.size as usize)?;
    let mut records: Vec<Central> = vec![];
    let mut at = 0;
    for _ in 0..end.count {
        let (record, next) = record::central(opened, &bytes, at, end.offset)?;
        records.push(record);
        at = next;
    }
    if at != bytes.len() {
        let found = format!("{} members in {at} of its {} bytes", end.count, bytes.len());
        return Err(broken(opened, end.offset + at as u64, found, "members up to the end of the directory"));
    }
    check_names(opened, &records)?;
    let members = place(opened, records, end.offset)?;
    let has_crc = members.iter().all(|member| member.len == 0) || members.iter().any(|member| member.crc != 0);
    Ok(Directory { members, has_crc })
}

/// The bytes of a stored member of at most `most` bytes, checked.  Errors: E0510, E0522, E0601.
pub fn content(opened: &Opened, directory: &Directory, member: &Member, most: u64) -> Result<Vec<u8>, Problem> {
    if member.stored_len > most {
        let found = format!("{} of {} bytes", quoted(&member.name), member.stored_len);
        let flaw = Flaw { offset: member.offset, found, expected: format!("at most {most}") };
        let what = "has a member that is larger than blend reads";
        return Err(flawed(error::TOO_LARGE, opened.path, what, flaw, AGAIN));
    }
    check(opened, directory, member)?;
    fetch(opened, member.offset, member.stored_len as usize)
}

/// Compares a stored member with its checksum, where the archive has any and the member is not so long that it would take
/// noticeable time.  Errors: E0522, E0601.
pub fn check(opened: &Opened, directory: &Directory, member: &Member) -> Result<(), Problem> {
    if !directory.has_crc || member.method != STORED || member.len > CHECKED {
        return Ok(());
    }
    let mut hash = crc32fast::Hasher::new();
    let end = member.offset + member.len;
    let mut at = member.offset;
    while at < end {
        let bytes = fetch(opened, at, (end - at).min(64 << 10) as usize)?;
        hash.update(&bytes);
        at += bytes.len() as u64;
    }
    let crc = hash.finalize();
    if crc != member.crc {
        let found = format!("the checksum {crc:08x} of {}", quoted(&member.name));
        let flaw = Flaw { offset: member.offset, found, expected: format!("{:08x}", member.crc) };
        let what = "has a member that is not what was written";
        return Err(flawed(error::ZIP, opened.path, what, flaw, AGAIN));
    }
    Ok(())
}

pub const AGAIN: &str = error::AGAIN;

/// Bytes of the file.
fn fetch(opened: &Opened, offset: u64, len: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = vec![0; len];
    match sys::read_full(&opened.file, offset, &mut bytes) {
        Ok(count) if count == len => Ok(bytes),
        Ok(_) => Err(error::changed(opened.path, "shrank while it was read")),
        Err(error) => Err(error::read(opened.path, &error)),
    }
}

/// An archive that is not as all readers take it.
fn broken(opened: &Opened, offset: u64, found: impl Into<String>, expected: impl Into<String>) -> Problem {
    let flaw = Flaw { offset, found: found.into(), expected: expected.into() };
    flawed(error::ZIP, opened.path, "is a zip archive that is not well formed", flaw, AGAIN)
}

/// A member that no writer of checkpoints makes.
fn odd(opened: &Opened, offset: u64, name: &str, found: impl Into<String>, expected: impl Into<String>) -> Problem {
    let what = format!("is a zip archive with the odd member {}", quoted(name));
    let flaw = Flaw { offset, found: found.into(), expected: expected.into() };
    flawed(error::ZIP, opened.path, &what, flaw, AGAIN)
}

/// Names are plain, and no two are one on any file system.
fn check_names(opened: &Opened, records: &[Central]) -> Result<(), Problem> {
    let mut seen: HashSet<String> = HashSet::with_capacity(records.len());
    for record in records {
        let name = record.name.as_str();
        let inner = name.strip_suffix('/').unwrap_or(name);
        let parts = || inner.split('/');
        let has_drive = inner.as_bytes().get(1) == Some(&b':') && inner.as_bytes()[0].is_ascii_alphabetic();
        let found = match () {
            () if name.len() > NAME => "a name of more than 4 KiB",
            () if shown::has_hidden(name) => "a name with hidden characters",
            () if name.contains('\\') => "a name with a backslash",
            () if has_drive || inner.starts_with('/') => "an absolute path",
            () if parts().any(|part| part.is_empty() || part == "." || part == "..") => "a path that is not plain",
            () if !seen.insert(inner.to_lowercase()) => "a name that stands twice (letters and capitals count as one)",
            () => continue,
        };
        return Err(odd(opened, record.at, name, found, "a name such as `archive/data.pkl`, once"));
    }
    Ok(())
}

/// Where the members' bytes are: one after the other, each behind a local header that says what the directory says.
fn place(opened: &Opened, mut records: Vec<Central>, end: u64) -> Result<Vec<Member>, Problem> {
    records.sort_by_key(|record| record.local);
    let mut members = vec![];
    let mut expected = 0;
    for (index, record) in records.iter().enumerate() {
        if record.local != expected {
            let found = format!("its header at byte {}", record.local);
            let wanted = format!("{expected}, where the member before it ends");
            return Err(odd(opened, record.at, &record.name, found, wanted));
        }
        let next = records.get(index + 1).map_or(end, |next| next.local);
        let header = fetch(opened, record.local, AT_ONCE.min((end - record.local) as usize))?;
        let offset = record::local(opened, record, &header)?;
        let stop = offset.checked_add(record.stored_len).filter(|&stop| stop <= next);
        let Some(stop) = stop else {
            let found = format!("{} bytes from byte {offset} on", record.stored_len);
            let wanted = format!("no more than up to {next}, where something else begins");
            return Err(odd(opened, record.at, &record.name, found, wanted));
        };
        // What is between a member and the next is its descriptor, or nothing.
        let gap = next - stop;
        if record.has_descriptor() {
            let tail = if gap <= DESCRIPTOR { fetch(opened, stop, gap as usize)? } else { vec![] };
            record::descriptor(opened, record, stop, &tail)?;
        } else if gap != 0 {
            return Err(odd(opened, stop, &record.name, format!("{gap} bytes after it"), "the next member"));
        }
        expected = next;
        if record.is_folder() {
            continue;
        }
        members.push(Member {
            name: record.name.clone(),
            method: record.method,
            offset,
            stored_len: record.stored_len,
            len: record.len,
            crc: record.crc,
        });
    }
    if expected != end {
        return Err(broken(opened, 0, format!("{end} bytes before the directory"), "only members"));
    }
    Ok(members)
}
