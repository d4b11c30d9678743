//! A zip archive in the form that PyTorch's writer gives it: members stored, their data at multiples of 64 bytes, local
//! headers without sizes and sums, which stand behind the data; a Zip64 end whatever the size.

use crate::plan::Fixed;
use crate::plan::Sum;

/// The data of a member begins at a multiple of this.
const ALIGNMENT: u64 = 64;

/// From this on a size or an offset stands in a Zip64 field.
const LARGE: u64 = 0xffff_ffff;

/// Names are UTF-8; sizes and sum follow the data (nothing follows a member without data).
const UTF8: u16 = 1 << 11;
const DESCRIPTOR: u16 = 1 << 3;

/// An archive under construction: known bytes, and holes for data.
pub struct Archive {
    folder: &'static str,
    fixed: Vec<Fixed>,
    /// Where the next byte goes.
    at: u64,
    members: Vec<Member>,
}

struct Member {
    name: String,
    /// Of the local header.
    offset: u64,
    /// Of the data.
    data: u64,
    len: u64,
    /// The sum, or where it stands behind the data once it is known.
    sum: Crc,
}

enum Crc {
    Known(u32),
    Later(u64),
}

impl Archive {
    /// An archive whose members lie in `folder`.
    pub fn new(folder: &'static str) -> Archive {
        Archive { folder, fixed: vec![], at: 0, members: vec![] }
    }

    /// Adds a member whose bytes are known.
    pub fn member(&mut self, name: &str, bytes: &[u8]) {
        let (offset, data) = self.begin(name, bytes.len() as u64);
        self.bytes(bytes);
        let sum = crc32fast::hash(bytes);
        self.end(name, offset, data, bytes.len() as u64, Crc::Known(sum));
    }

    /// Adds a member whose `len` bytes come later; gives the offset where they go.
    pub fn hole(&mut self, name: &str, len: u64) -> u64 {
        let (offset, data) = self.begin(name, len);
        self.at += len;
        // The sum is the second field of the descriptor; that of nothing is 0.
        let sum = if len > 0 { Crc::Later(self.at + 4) } else { Crc::Known(0) };
        self.end(name, offset, data, len, sum);
        data
    }

    /// The directory: known bytes by offset, sums to be filled in, and the size of the file.
    pub fn finish(mut self) -> (Vec<Fixed>, Vec<Sum>, u64) {
        let start = self.at;
        let mut sums = vec![];
        for member in std::mem::take(&mut self.members) {
            if let Crc::Later(behind) = member.sum {
                sums.push(Sum { offset: member.data, len: member.len, places: [behind, self.at + 16] });
            }
            self.directory_entry(&member);
            self.members.push(member);
        }
        let (size, count) = (self.at - start, self.members.len() as u64);
        let end = self.at;
        let mut bytes = vec![];
        bytes.extend(0x0606_4b50_u32.to_le_bytes());
        // Bytes of this record after this field; made by version 3.0 on Unix, needs 4.5; disks.
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([0x1e, 3, 45, 0]);
        bytes.extend([0; 8]);
        [count, count, size, start].iter().for_each(|field| bytes.extend(field.to_le_bytes()));
        bytes.extend(0x0706_4b50_u32.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(end.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(0x0605_4b50_u32.to_le_bytes());
        bytes.extend([0; 4]);
        let short = count.min(0xffff) as u16;
        bytes.extend([short.to_le_bytes(), short.to_le_bytes()].concat());
        [size, start].iter().for_each(|&field| bytes.extend(low(field).to_le_bytes()));
        bytes.extend([0; 2]);
        self.bytes(&bytes);
        (self.fixed, sums, self.at)
    }

    /// The local header of a member of `len` bytes, padded; its offset and that of the data.
    fn begin(&mut self, name: &str, len: u64) -> (u64, u64) {
        let name = format!("{}/{name}", self.folder);
        let offset = self.at;
        let zip64 = zip64(len, 0, offset);
        let before = offset + 30 + name.len() as u64 + zip64.len() as u64 + 4;
        let padding = before.next_multiple_of(ALIGNMENT) - before;
        let mut bytes = vec![];
        bytes.extend(0x0403_4b50_u32.to_le_bytes());
        // No version, and no date: the bytes are those of any day.
        bytes.extend(0_u16.to_le_bytes());
        bytes.extend(flags(len).to_le_bytes());
        bytes.extend([0; 18]);
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend((zip64.len() as u16 + 4 + padding as u16).to_le_bytes());
        bytes.extend(name.bytes());
        bytes.extend(zip64);
        bytes.extend(b"FB");
        bytes.extend((padding as u16).to_le_bytes());
        bytes.resize(bytes.len() + padding as usize, b'Z');
        self.bytes(&bytes);
        (offset, self.at)
    }

    /// What follows the data: its sum and sizes.
    fn end(&mut self, name: &str, offset: u64, data: u64, len: u64, sum: Crc) {
        if len > 0 {
            let known = if let Crc::Known(sum) = sum { sum } else { 0 };
            let mut bytes = vec![];
            bytes.extend(0x0807_4b50_u32.to_le_bytes());
            bytes.extend(known.to_le_bytes());
            let wide = len >= LARGE || offset >= LARGE;
            let size = if wide { len.to_le_bytes().to_vec() } else { low(len).to_le_bytes().to_vec() };
            bytes.extend(size.repeat(2));
            self.bytes(&bytes);
        }
        self.members.push(Member { name: format!("{}/{name}", self.folder), offset, data, len, sum });
    }

    fn directory_entry(&mut self, member: &Member) {
        let known = if let Crc::Known(sum) = member.sum { sum } else { 0 };
        let zip64 = zip64(member.len, member.len, member.offset);
        let mut bytes = vec![];
        bytes.extend(0x0201_4b50_u32.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(flags(member.len).to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(known.to_le_bytes());
        bytes.extend([low(member.len).to_le_bytes(), low(member.len).to_le_bytes()].concat());
        bytes.extend((member.name.len() as u16).to_le_bytes());
        bytes.extend((zip64.len() as u16).to_le_bytes());
        bytes.extend([0; 10]);
        bytes.extend(low(member.offset).to_le_bytes());
        bytes.extend(member.name.bytes());
        bytes.extend(zip64);
        self.bytes(&bytes);
    }

    /// Known bytes, joined to those before them.
    fn bytes(&mut self, bytes: &[u8]) {
        match self.fixed.last_mut() {
            Some(last) if last.offset + last.bytes.len() as u64 == self.at => last.bytes.extend(bytes),
            _ => self.fixed.push(Fixed { offset: self.at, bytes: bytes.to_vec() }),
        }
        self.at += bytes.len() as u64;
    }
}

fn flags(len: u64) -> u16 {
    if len > 0 { UTF8 | DESCRIPTOR } else { UTF8 }
}

/// A field of 32 bits, full where the value stands in a Zip64 field.
fn low(value: u64) -> u32 {
    value.min(LARGE) as u32
}

/// The Zip64 field of what does not fit in 32 bits.  PyTorch's writer has it in local headers too, where it does not know
/// yet how many bytes are `stored`, and says 0.
fn zip64(len: u64, stored: u64, offset: u64) -> Vec<u8> {
    let sizes: &[u64] = if len >= LARGE { &[len, stored] } else { &[] };
    let values: Vec<u64> = sizes.iter().copied().chain((offset >= LARGE).then_some(offset)).collect();
    if values.is_empty() {
        return vec![];
    }
    let mut out = 1_u16.to_le_bytes().to_vec();
    out.extend((values.len() as u16 * 8).to_le_bytes());
    values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(digits: &str) -> Vec<u8> {
        let pairs = digits.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// An archive of PyTorch's own with members at and beyond 4 GiB, all its bytes but the data
    /// (`tests/data/write/make.py`).
    #[test]
    fn large_archives_are_those_of_pytorch() {
        let mut archive = Archive::new("zip64");
        let mut expected = vec![];
        for line in include_str!("../../../tests/data/write/zip64.txt").lines() {
            match *line.split(' ').collect::<Vec<_>>() {
                ["member", name, content] => archive.member(name, &bytes(content)),
                ["hole", name, len] => drop(archive.hole(name, len.parse().unwrap())),
                ["bytes", offset, content] => {
                    expected.push(Fixed { offset: offset.parse().unwrap(), bytes: bytes(content) })
                }
                _ => panic!("{line}"),
            }
        }
        let (fixed, sums, size) = archive.finish();
        let last = expected.last().unwrap();
        assert_eq!(size, last.offset + last.bytes.len() as u64);
        assert_eq!(sums.len(), 5, "an empty member has no sum");
        let places =
            |at: u64| fixed.iter().any(|run| run.offset <= at && at + 4 <= run.offset + run.bytes.len() as u64);
        assert!(sums.iter().all(|sum| sum.places.iter().all(|&place| places(place))));
        assert_eq!(fixed.len(), expected.len());
        for (found, expected) in fixed.iter().zip(&expected) {
            assert!(found == expected, "{}\n{:02x?}\n{:02x?}", found.offset, found.bytes, expected.bytes);
        }
    }
}
