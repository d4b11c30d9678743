//! A writer of archives as `torch.save` makes them, that can lie about everything; and of the pickles in them.

use crate::pickle::asm::Asm;

/// One member, and its lies.
#[derive(Clone)]
pub struct Part {
    pub name: Vec<u8>,
    pub data: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    /// Upper half of the external attributes.
    pub mode: u32,
    pub extra: Vec<u8>,
    /// What the directory says of the length and the checksum, when it is not the truth.
    pub len: Option<u32>,
    pub stored_len: Option<u32>,
    pub crc: Option<u32>,
    /// Where the directory says that it is.
    pub offset: Option<u32>,
    pub local: Local,
    /// What follows the data; `None`: a right descriptor, when flag 3 is set.
    pub descriptor: Option<Vec<u8>>,
    /// The directory has it, the file does not.
    pub is_ghost: bool,
}

/// The local header of a member, where it differs.
#[derive(Clone, Default)]
pub struct Local {
    pub name: Option<Vec<u8>>,
    pub flags: Option<u16>,
    pub method: Option<u16>,
    pub len: Option<u32>,
    pub stored_len: Option<u32>,
    pub crc: Option<u32>,
    pub extra: Option<Vec<u8>>,
}

pub fn part(name: &str, data: &[u8]) -> Part {
    Part {
        name: name.into(),
        data: data.to_vec(),
        flags: 0x0808,
        method: 0,
        mode: 0,
        extra: vec![],
        len: None,
        stored_len: None,
        crc: None,
        offset: None,
        local: Local::default(),
        descriptor: None,
        is_ghost: false,
    }
}

/// An archive, and its lies.
#[derive(Clone, Default)]
pub struct Archive {
    pub parts: Vec<Part>,
    pub before: Vec<u8>,
    /// Between the members and the directory.
    pub gap: Vec<u8>,
    pub after: Vec<u8>,
    pub comment: Vec<u8>,
    /// What the end record says, when it is not the truth.
    pub count: Option<u16>,
    pub size: Option<u32>,
    pub start: Option<u32>,
    /// The end record of Zip64 and its locator: as numbers to add to its offset, count, size, start.
    pub zip64: Option<[i64; 4]>,
}

fn words(out: &mut Vec<u8>, words: &[u16]) {
    words.iter().for_each(|word| out.extend(word.to_le_bytes()));
}

fn longs(out: &mut Vec<u8>, longs: &[u32]) {
    longs.iter().for_each(|long| out.extend(long.to_le_bytes()));
}

impl Archive {
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.before.clone();
        let mut directory = vec![];
        for part in &self.parts {
            let (offset, crc, len) = (out.len() as u32, crc32fast::hash(&part.data), part.data.len() as u32);
            let central_crc = part.crc.unwrap_or(crc);
            let has_descriptor = part.flags & 8 != 0;
            if !part.is_ghost {
                // PyTorch leaves sizes and checksum to the descriptor.
                let or_zero = |real: u32| if has_descriptor { 0 } else { real };
                let local = &part.local;
                let name = local.name.as_ref().unwrap_or(&part.name);
                let extra = local.extra.as_ref().unwrap_or(&part.extra);
                out.extend(b"PK\x03\x04");
                words(&mut out, &[0, local.flags.unwrap_or(part.flags), local.method.unwrap_or(part.method), 0, 0]);
                longs(
                    &mut out,
                    &[
                        local.crc.unwrap_or(or_zero(central_crc)),
                        local.stored_len.unwrap_or(or_zero(len)),
                        local.len.unwrap_or(or_zero(len)),
                    ],
                );
                words(&mut out, &[name.len() as u16, extra.len() as u16]);
                out.extend(name);
                out.extend(extra);
                out.extend(&part.data);
                match &part.descriptor {
                    Some(bytes) => out.extend(bytes),
                    None if has_descriptor => {
                        out.extend(b"PK\x07\x08");
                        longs(&mut out, &[central_crc, len, len]);
                    }
                    None => {}
                }
            }
            directory.extend(b"PK\x01\x02");
            words(&mut directory, &[0, 0, part.flags, part.method, 0, 0]);
            longs(&mut directory, &[central_crc, part.stored_len.unwrap_or(len), part.len.unwrap_or(len)]);
            words(&mut directory, &[part.name.len() as u16, part.extra.len() as u16, 0, 0, 0]);
            longs(&mut directory, &[part.mode << 16, part.offset.unwrap_or(offset)]);
            directory.extend(&part.name);
            directory.extend(&part.extra);
        }
        out.extend(&self.gap);
        let start = out.len();
        out.extend(&directory);
        if let Some(add) = self.zip64 {
            let own = out.len() as i64;
            out.extend(b"PK\x06\x06");
            out.extend(44u64.to_le_bytes());
            words(&mut out, &[0x031e, 45]);
            longs(&mut out, &[0, 0]);
            let (count, size) = (self.parts.len() as i64 + add[1], directory.len() as i64 + add[2]);
            for number in [count, count, size, start as i64 + add[3]] {
                out.extend(number.to_le_bytes());
            }
            out.extend(b"PK\x06\x07");
            longs(&mut out, &[0]);
            out.extend((own + add[0]).to_le_bytes());
            longs(&mut out, &[1]);
        }
        out.extend(b"PK\x05\x06");
        let count = self.count.unwrap_or(self.parts.len() as u16);
        words(&mut out, &[0, 0, count, count]);
        longs(&mut out, &[self.size.unwrap_or(directory.len() as u32), self.start.unwrap_or(start as u32)]);
        words(&mut out, &[self.comment.len() as u16]);
        out.extend(&self.comment);
        out.extend(&self.after);
        out
    }
}

/// An archive with this pickle and these storages, as PyTorch writes it.
pub fn archive(pickle: &[u8], storages: &[(&str, usize)]) -> Archive {
    let mut parts = vec![part("a/data.pkl", pickle), part("a/byteorder", b"little")];
    let data = |len: usize| (0..len).map(|byte| byte as u8).collect::<Vec<_>>();
    parts.extend(storages.iter().map(|(key, len)| part(&format!("a/data/{key}"), &data(*len))));
    parts.push(part("a/version", b"3\n"));
    Archive { parts, ..Archive::default() }
}

/// A tensor of a pickle.
pub struct Tensor<'a> {
    pub name: &'a str,
    pub class: &'a str,
    pub key: &'a str,
    pub elements: i64,
    pub offset: i64,
    pub shape: &'a [i64],
    pub strides: &'a [i64],
}

pub fn tensor<'a>(name: &'a str, key: &'a str, elements: i64, shape: &'a [i64], strides: &'a [i64]) -> Tensor<'a> {
    Tensor { name, class: "FloatStorage", key, elements, offset: 0, shape, strides }
}

pub fn text(text: &str) -> Vec<u8> {
    Asm::part().text(text).0
}

pub fn int(number: i64) -> Vec<u8> {
    Asm::part().int(number).0
}

/// The persistent id of a storage and BINPERSID.
pub fn storage(class: &str, key: &str, device: &str, elements: i64) -> Vec<u8> {
    Asm::part().storage_of(class, key, device, elements).0
}

/// The opcodes that make a tensor.
pub fn rebuild(tensor: &Tensor) -> Vec<u8> {
    let storage = |asm: Asm| asm.storage_of(tensor.class, tensor.key, "cpu", tensor.elements);
    Asm::part().rebuild(storage, tensor.offset, tensor.shape, tensor.strides).0
}

/// A whole pickle, protocol 2, around opcodes that make one value.
pub fn pickle(value: &[u8]) -> Vec<u8> {
    Asm::new(2).raw(value).stop()
}

/// The pickle of a dictionary of tensors.
pub fn dict(tensors: &[Tensor]) -> Vec<u8> {
    let items = tensors.iter().flat_map(|tensor| [text(tensor.name), rebuild(tensor)].concat()).collect::<Vec<_>>();
    pickle(&[&b"}("[..], &items, b"u"].concat())
}

/// A legacy stream around a pickle, with these storages (their bytes and the number of elements that is told).
pub fn stream(pickle: &[u8], storages: &[(&str, i64, usize)]) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    out.extend(self::pickle(&[&b"}("[..], &text("little_endian"), b"\x88u"].concat()));
    out.extend(pickle);
    let keys = storages.iter().flat_map(|(key, ..)| text(key)).collect::<Vec<_>>();
    out.extend(self::pickle(&[&b"]("[..], &keys, b"e"].concat()));
    for (_, elements, len) in storages {
        out.extend(elements.to_le_bytes());
        out.extend((0..*len).map(|byte| byte as u8));
    }
    out
}
