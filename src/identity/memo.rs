//! Digests that earlier runs found out.

use super::Digest;
use crate::arch::Canon;
use crate::store::Seen;
use crate::store::Shelf;
use crate::tensor::Header;
use crate::tensor::Lies;
use std::path::Path;

/// Bytes of all records: some thousands of checkpoints of hundreds of tensors.
const MOST: u64 = 256 << 20;

/// Changes when digests of the same description may differ.
const VERSION: &[u8] = b"blend identity memo 1";

/// Where digests are remembered.  A record is found again by what the files are (size, times, inode, device) and by how
/// the tensors lie in them; it is checked for damage, never trusted about files that were young when they were read, and
/// made by one rename, so that any number of processes may share a memo.
pub struct Memo {
    shelf: Shelf,
}

impl Memo {
    /// The user's own, in [`crate::store::cache_dir`]; `None` where there is no place for one.
    pub fn of_user() -> Option<Memo> {
        Shelf::open("identities", MOST).map(|shelf| Memo { shelf })
    }

    /// One in a folder.
    pub fn at(folder: &Path) -> Memo {
        Memo { shelf: Shelf::at(folder, MOST) }
    }

    /// The digests of the files and tensors of a header, in this order.
    pub(super) fn get(&self, key: &[u8; 32], header: &Header, canon: &Canon) -> Option<Vec<Digest>> {
        let body = self.shelf.get(key)?;
        let wanted = header.on_disk().count() + canon.tensors.len();
        let digests = body.chunks_exact(32).map(|bytes| Digest::from_slice(bytes).ok()).collect::<Option<Vec<_>>>()?;
        (body.len() == wanted * 32).then_some(digests)
    }

    pub(super) fn put(&self, key: &[u8; 32], digests: &[Digest]) {
        let body: Vec<u8> = digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
        self.shelf.put(key, &body);
    }
}

/// What digests are remembered under: all that they are made from.
pub fn key(seen: &Seen, header: &Header, canon: &Canon) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    hash.update(VERSION);
    hash.update(&(seen.bytes().len() as u64).to_le_bytes());
    hash.update(seen.bytes());
    let mut number = |number: u64| {
        hash.update(&number.to_le_bytes());
    };
    for tensor in &canon.tensors {
        let entry = &header.entries[tensor.entry];
        number(entry.file as u64);
        number(entry.offset);
        number(entry.dtype as u64);
        number(match &entry.lies {
            Lies::Rows | Lies::Strides(_) => 0,
            Lies::Blocks(blocks) => 1 + *blocks as u64,
        });
        number(tensor.dtype as u64);
        number(tensor.affine.scale.to_bits());
        number(tensor.affine.add.to_bits());
        number(tensor.shape.len() as u64);
        tensor.shape.iter().for_each(|size| number(*size));
        number(tensor.view.base);
        number(tensor.view.steps.len() as u64);
        for step in &tensor.view.steps {
            [step.axis as u64, step.size, step.stride as u64].into_iter().for_each(&mut number);
        }
    }
    *hash.finalize().as_bytes()
}
