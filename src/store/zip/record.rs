//! The records of a zip archive, one by one: end, central directory, local header, data descriptor.

use super::STORED;
use super::broken;
use super::fetch;
use super::odd;
use crate::diag::Problem;
use crate::store::error;
use crate::store::error::Flaw;
use crate::store::error::flawed;
use crate::store::format::Opened;

/// Flags that are allowed: sizes in a descriptor behind the data; names in UTF-8.
const DESCRIPTOR: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;

/// Sizes and offsets that say "look into the Zip64 record".
const FULL16: u16 = u16::MAX;
const FULL32: u32 = u32::MAX;

/// Fixed parts of the records, in bytes.
const END: u64 = 22;
const LOCATOR: u64 = 20;
const END64: u64 = 56;
const CENTRAL: usize = 46;
const LOCAL: usize = 30;

/// What the end record says of the central directory.
pub struct End {
    pub count: u64,
    /// Of the directory, in bytes.
    pub size: u64,
    pub offset: u64,
}

/// A record of the central directory.
pub struct Central {
    pub name: String,
    pub method: u16,
    pub crc: u32,
    pub stored_len: u64,
    pub len: u64,
    /// Of the local header.
    pub local: u64,
    /// Of this record.
    pub at: u64,
    flags: u16,
}

impl Central {
    pub fn has_descriptor(&self) -> bool {
        self.flags & DESCRIPTOR != 0
    }

    pub fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }
}

/// Little-endian numbers at a place of a slice that is known to hold them.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// The end record, with that of Zip64 where there is one; the directory ends where they begin.
pub fn end(opened: &Opened) -> Result<End, Problem> {
    let size = opened.size;
    // Longer than all end records together with a comment, so that a message can say what is there.
    let tail_len = size.min(END + u64::from(u16::MAX));
    let start = size - tail_len;
    let tail = fetch(opened, start, tail_len as usize)?;
    let Some(at) = tail.windows(END as usize).rposition(|record| record.starts_with(b"PK\x05\x06")) else {
        let flaw = Flaw { offset: size, found: "the end".into(), expected: "the end record of a zip archive".into() };
        let what = "is cut off: the directory of its members is missing";
        return Err(flawed(error::CUT_OFF, opened.path, what, flaw, error::AGAIN));
    };
    let record = &tail[at..at + END as usize];
    let own = start + at as u64;
    if own + END != size {
        let found = format!("{} bytes after the end record (a comment, or something else)", size - own - END);
        return Err(broken(opened, own + END, found, "the end of the file"));
    }
    let (disk, directory_disk, here, count) =
        (u16_at(record, 4), u16_at(record, 6), u16_at(record, 8), u16_at(record, 10));
    let (length, offset, comment) = (u32_at(record, 12), u32_at(record, 16), u16_at(record, 20));
    if disk != 0 || directory_disk != 0 || here != count || comment != 0 {
        return Err(broken(opened, own, "an end record of several volumes, or with a comment", "one file, no comment"));
    }
    let plain = End { count: count.into(), size: length.into(), offset: offset.into() };
    let locator = own.checked_sub(LOCATOR).filter(|&at| at >= start).map(|at| (at, &tail[(at - start) as usize..]));
    let (end, stop) = match locator.filter(|(_, bytes)| bytes.starts_with(b"PK\x06\x07")) {
        Some((at, bytes)) => (end64(opened, at, &bytes[..LOCATOR as usize], &plain)?, at - END64),
        None if count == FULL16 || length == FULL32 || offset == FULL32 => {
            return Err(broken(opened, own, "numbers that Zip64 has", "its end record"));
        }
        None => (plain, own),
    };
    if end.offset.checked_add(end.size) != Some(stop) {
        let found = format!("a directory of {} bytes from byte {} on", end.size, end.offset);
        return Err(broken(opened, own, found, format!("one that ends at byte {stop}, where its end record begins")));
    }
    Ok(end)
}

/// The end record of Zip64, which stands right before its locator; `plain` must say the same, or nothing.
fn end64(opened: &Opened, at: u64, locator: &[u8], plain: &End) -> Result<End, Problem> {
    let (disk, own, disks) = (u32_at(locator, 4), u64_at(locator, 8), u32_at(locator, 16));
    if disk != 0 || disks > 1 || own.checked_add(END64) != Some(at) {
        let found = format!("a Zip64 locator that leads to byte {own}");
        return Err(broken(opened, at, found, format!("byte {}, right before it", at.saturating_sub(END64))));
    }
    let record = fetch(opened, own, END64 as usize)?;
    let is_plain = record.starts_with(b"PK\x06\x06") && u64_at(&record, 4) == END64 - 12;
    if !is_plain || u32_at(&record, 16) != 0 || u32_at(&record, 20) != 0 || u64_at(&record, 24) != u64_at(&record, 32) {
        return Err(broken(opened, own, "other bytes", "the end record of Zip64, of one file, without extensions"));
    }
    let end = End { count: u64_at(&record, 32), size: u64_at(&record, 40), offset: u64_at(&record, 48) };
    let agrees = |plain: u64, full: u64, real: u64| plain == full || plain == real;
    let all = agrees(plain.count, FULL16.into(), end.count)
        && agrees(plain.size, FULL32.into(), end.size)
        && agrees(plain.offset, FULL32.into(), end.offset);
    if !all {
        return Err(broken(opened, own, "two end records that contradict each other", "the same numbers in both"));
    }
    Ok(end)
}

/// The record at `at` of the central directory, which begins at byte `base` of the file; and where the next one begins.
pub fn central(opened: &Opened, bytes: &[u8], at: usize, base: u64) -> Result<(Central, usize), Problem> {
    let own = base + at as u64;
    let record = &bytes[at..];
    if record.len() < CENTRAL || !record.starts_with(b"PK\x01\x02") {
        return Err(broken(opened, own, "other bytes", "a record of the central directory"));
    }
    let (name_len, extra_len) = (u16_at(record, 28) as usize, u16_at(record, 30) as usize);
    let next = CENTRAL + name_len + extra_len;
    if next > record.len() || u16_at(record, 32) != 0 || u16_at(record, 34) != 0 {
        return Err(broken(
            opened,
            own,
            "a record that is too long, or has a comment or volume",
            "name and extra alone",
        ));
    }
    let raw = &record[CENTRAL..CENTRAL + name_len];
    let (flags, method, crc) = (u16_at(record, 8), u16_at(record, 10), u32_at(record, 16));
    let name = match std::str::from_utf8(raw) {
        Ok(name) if !name.is_empty() && (name.is_ascii() || flags & UTF8 != 0) => name.to_string(),
        _ => return Err(broken(opened, own, "a name that is empty or not UTF-8", "a name such as `archive/data.pkl`")),
    };
    if flags & !(DESCRIPTOR | UTF8) != 0 {
        let found = format!("the flags 0x{flags:04x}: encrypted, patched, or for another use");
        return Err(odd(opened, own, &name, found, "none but 3 (descriptor) and 11 (UTF-8)"));
    }
    let extra = Extra::read(&record[CENTRAL + name_len..next]).map_err(|why| odd(opened, own, &name, why, PLAIN))?;
    let wide = extra.wide([u32_at(record, 24), u32_at(record, 20), u32_at(record, 42)]);
    let Some([len, stored_len, local]) = wide else {
        return Err(odd(opened, own, &name, "sizes that Zip64 has", "its extra field with exactly these"));
    };
    let mode = u32_at(record, 38) >> 16;
    let is_folder = name.ends_with('/');
    // The upper half is the mode of Unix: nothing, or a plain file, or a folder.
    if !matches!((mode & 0xf000, is_folder), (0, _) | (0x8000, false) | (0x4000, true)) {
        return Err(odd(opened, own, &name, format!("the file mode {mode:o}: a link or a device"), "a plain file"));
    }
    if method == STORED && len != stored_len || is_folder && (len != 0 || stored_len != 0) {
        let found = format!("{stored_len} bytes stored for {len}");
        return Err(odd(opened, own, &name, found, "as many"));
    }
    if local > base {
        let found = format!("its header at byte {local}");
        return Err(odd(opened, own, &name, found, format!("a byte before the directory, at {base}")));
    }
    Ok((Central { name, method, crc, stored_len, len, local, at: own, flags }, at + next))
}

const PLAIN: &str = "extra fields of lengths and padding alone";

/// Compares the local header of a member with its record; tells where the member's bytes begin.  `head` is what is there,
/// or the beginning of it.
pub fn local(opened: &Opened, record: &Central, head: &[u8]) -> Result<u64, Problem> {
    let own = record.local;
    let wrong = |found: &str, expected: &str| Err(odd(opened, own, &record.name, found, expected));
    if head.len() < LOCAL || !head.starts_with(b"PK\x03\x04") {
        return wrong("other bytes", "its local header");
    }
    let (name_len, extra_len) = (u16_at(head, 26) as usize, u16_at(head, 28) as usize);
    let len = LOCAL + name_len + extra_len;
    let whole;
    let head = match head.get(..len) {
        Some(head) => head,
        None if own + len as u64 > opened.size => return wrong("a local header that leaves the file", "its own bytes"),
        None => {
            whole = fetch(opened, own, len)?;
            &whole
        }
    };
    if &head[LOCAL..LOCAL + name_len] != record.name.as_bytes() {
        return wrong("another name in its local header", "that of the directory");
    }
    if u16_at(head, 6) != record.flags || u16_at(head, 8) != record.method {
        return wrong("another method or other flags in its local header", "those of the directory");
    }
    let extra = match Extra::read(&head[LOCAL + name_len..]) {
        Ok(extra) => extra,
        Err(why) => return wrong(why, PLAIN),
    };
    let Some([len_there, stored_there]) = extra.wide_local([u32_at(head, 22), u32_at(head, 18)]) else {
        return wrong("sizes that Zip64 has in its local header", "its extra field with exactly these");
    };
    // Zeros say nothing where a descriptor follows.
    let may = |there: u64, real: u64| there == real || (there == 0 && record.has_descriptor());
    let agrees = may(u32_at(head, 14).into(), record.crc.into())
        && may(len_there, record.len)
        && may(stored_there, record.stored_len);
    if !agrees {
        return wrong("another size or checksum in its local header", "those of the directory");
    }
    Ok(own + len as u64)
}

/// Compares the descriptor behind a member's bytes, at `at`, with its record; `bytes` is all that is there before the next
/// member (nothing, when it is too much).  It has a signature or not, and sizes of 4 or 8 bytes.
pub fn descriptor(opened: &Opened, record: &Central, at: u64, bytes: &[u8]) -> Result<(), Problem> {
    let wrong = |found: &str| Err(odd(opened, at, &record.name, found, "a descriptor with the directory's numbers"));
    let bytes = match (bytes.len(), bytes.starts_with(b"PK\x07\x08")) {
        (16 | 24, true) => &bytes[4..],
        (12 | 20, _) => bytes,
        _ => return wrong("no descriptor after its bytes"),
    };
    let (stored_len, len) = match bytes.len() {
        12 => (u32_at(bytes, 4).into(), u32_at(bytes, 8).into()),
        _ => (u64_at(bytes, 4), u64_at(bytes, 12)),
    };
    if (u32_at(bytes, 0), stored_len, len) != (record.crc, record.stored_len, record.len) {
        return wrong("another size or checksum behind its bytes");
    }
    Ok(())
}

/// The extra fields of a record: only that of Zip64 is looked into.
struct Extra<'a> {
    zip64: Option<&'a [u8]>,
}

impl<'a> Extra<'a> {
    fn read(mut bytes: &'a [u8]) -> Result<Extra<'a>, &'static str> {
        let mut extra = Extra { zip64: None };
        while !bytes.is_empty() {
            if bytes.len() < 4 {
                return Err("an extra field that is cut off");
            }
            let (id, len) = (u16_at(bytes, 0), u16_at(bytes, 2) as usize);
            let Some(field) = bytes.get(4..4 + len) else { return Err("an extra field that is cut off") };
            bytes = &bytes[4 + len..];
            match id {
                0x0001 if extra.zip64.replace(field).is_some() => return Err("two extra fields of Zip64"),
                // Patches, encryption, another name (Info-ZIP's Unicode path), AES.
                0x000f | 0x0014..=0x0019 | 0x7075 | 0x9901 => return Err("an extra field that changes what it means"),
                _ => {}
            }
        }
        Ok(extra)
    }

    /// Length, stored length and offset, each from Zip64 where the record has no room for it; `None`: the field of Zip64
    /// has not exactly these.
    fn wide(&self, plain: [u32; 3]) -> Option<[u64; 3]> {
        let mut out = plain.map(u64::from);
        let mut field = self.zip64.unwrap_or(&[]);
        for (out, plain) in out.iter_mut().zip(plain) {
            if plain == FULL32 {
                *out = u64_at(field.get(..8)?, 0);
                field = &field[8..];
            }
        }
        // Some writers repeat here what is above; then it must be that.
        let all = self.zip64.filter(|field| field.len() >= 16 && plain.iter().all(|&plain| plain != FULL32));
        match all {
            Some(field) => ((u64_at(field, 0), u64_at(field, 8)) == (out[0], out[1])).then_some(out),
            None => field.is_empty().then_some(out),
        }
    }

    /// Length and stored length in a local header.  PyTorch's writer puts the offset there too when it is above 4 GiB.
    fn wide_local(&self, plain: [u32; 2]) -> Option<[u64; 2]> {
        let field = self.zip64.unwrap_or(&[]);
        if plain == [FULL32; 2] {
            return Some([u64_at(field.get(..8)?, 0), u64_at(field.get(8..16)?, 0)]);
        }
        (!plain.contains(&FULL32)).then(|| plain.map(u64::from))
    }
}
