//! What a checkpoint is, as digests: of every canonical tensor, of all of them together, and of its files as they lie on
//! the disk.
//!
//! The *digest of a tensor* is BLAKE3 of its canonical bytes: the values that a recipe computes with, in canonical order,
//! in their own type, lowest byte first.  The *root* is over canonical name, type, shape and digest of every tensor,
//! sorted by name.  So the same weights have one root in one file, in shards or in a pickle, in every layout of their
//! family, whatever the file says beside them; a layout that rounds on its way (TensorFlow's biases, which are stored less
//! 1) has other values, and another root.  The *digest of a file* is what `b3sum` prints.
//!
//! Digests do not depend on the number of threads: BLAKE3 is a tree, and pieces are its subtrees.  Memory does not grow
//! with the files, and both kinds of digests are made in one walk over them.
//!
//! A [`Memo`] remembers digests between runs, so that files which have not changed are not read again.

mod memo;
mod pieces;
mod sha;
mod tree;

pub use memo::Memo;
pub use sha::sha256;

use crate::arch::Canon;
use crate::diag::Problem;
use crate::exec;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::store::Inputs;
use crate::store::Seen;
use crate::tensor::Dtype;
use crate::tensor::Header;
use crate::tensor::Shape;
use crate::tensor::elems;
use pieces::Item;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// BLAKE3, 32 bytes; printed in hexadecimal.
pub type Digest = blake3::Hash;

/// A checkpoint's digests.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Over all tensors.
    pub root: Digest,
    /// In the order of [`Canon::tensors`].
    pub tensors: Vec<Tensor>,
    /// The files on the disk, in the order of the header.
    pub files: Vec<File>,
    /// The files have not been read: a memo knew them.
    pub remembered: bool,
}

/// One canonical tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub name: Arc<str>,
    pub dtype: Dtype,
    /// Canonical shape.
    pub shape: Shape,
    /// Of its canonical bytes.
    pub digest: Digest,
}

/// One file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Of its bytes.
    pub digest: Digest,
}

/// How to find digests out.
pub struct Options<'m> {
    /// Worker threads; at least 1.
    pub threads: usize,
    /// What earlier runs found out, where that may be used and added to.
    pub memo: Option<&'m Memo>,
    /// The files are read even if the memo knows them.
    pub verify: bool,
}

/// The digests of a checkpoint.  Errors: those of reading, E0604 when a file changes meanwhile, E0610.
pub fn of(header: &Header, canon: &Canon, options: &Options, progress: &Progress) -> Result<Identity, Stop> {
    let start = SystemTime::now();
    let seen = Seen::of(&header.files);
    let key = seen.as_ref().map(|seen| memo::key(seen, header, canon));
    let known = key.as_ref().zip(options.memo).filter(|_| !options.verify);
    if let Some(digests) = known.and_then(|(key, memo)| memo.get(key, header, canon)) {
        progress.add(work(header, canon));
        return Ok(identity(header, canon, digests, true));
    }
    let items = pieces::items(header, canon);
    let inputs = Inputs::open(&header.files)?;
    let pool = exec::pool(options.threads)?;
    let digests = pool.install(|| pieces::digests(&items, &inputs, progress))?;
    inputs.verify()?;
    // What is remembered is what was there all the time.
    let same = Seen::of(&header.files) == seen;
    if let (Some(memo), Some(key), Some(seen)) = (options.memo, &key, &seen)
        && same
        && seen.settled(start)
    {
        memo.put(key, &digests);
    }
    Ok(identity(header, canon, digests, false))
}

/// The digests of a checkpoint if a memo knows them; nothing is read for them.
pub fn remembered(header: &Header, canon: &Canon, memo: &Memo) -> Option<Identity> {
    let key = memo::key(&Seen::of(&header.files)?, header, canon);
    Some(identity(header, canon, memo.get(&key, header, canon)?, true))
}

/// Bytes that [`of`] works through, as progress counts them.
pub fn work(header: &Header, canon: &Canon) -> u64 {
    pieces::items(header, canon).iter().map(Item::bytes).sum()
}

/// Puts names to digests: those of the files first, then those of the tensors.
fn identity(header: &Header, canon: &Canon, digests: Vec<Digest>, remembered: bool) -> Identity {
    let mut digests = digests.into_iter();
    let mut next = || digests.next().expect("a digest for every file and tensor");
    let file = |file: &crate::tensor::FileInfo, digest| File { path: file.path.clone(), size: file.size, digest };
    let files = header.on_disk().map(|info| file(info, next())).collect();
    let tensors: Vec<Tensor> = canon
        .tensors
        .iter()
        .map(|tensor| Tensor {
            name: tensor.name.clone(),
            dtype: tensor.dtype,
            shape: tensor.shape.clone(),
            digest: next(),
        })
        .collect();
    Identity { root: root(&tensors), tensors, files, remembered }
}

/// The digest of a set of tensors, in whatever order they come.
pub fn root(tensors: &[Tensor]) -> Digest {
    let mut sorted: Vec<&Tensor> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = blake3::Hasher::new();
    hash.update(b"blend identity 1");
    for tensor in sorted {
        let mut text = |text: &str| {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        text(&tensor.name);
        text(tensor.dtype.safetensors_name());
        hash.update(&(tensor.shape.len() as u64).to_le_bytes());
        for size in &tensor.shape {
            hash.update(&size.to_le_bytes());
        }
        hash.update(tensor.digest.as_bytes());
    }
    hash.finalize()
}

/// The digests of what blend has written: the files of an output, by path, with the bytes of each.  Errors: those of
/// opening and reading.
pub fn of_files(paths: &[PathBuf], threads: usize, progress: &Progress) -> Result<Vec<File>, Stop> {
    let size = |path: &PathBuf| -> Result<_, Problem> { crate::store::file_info(path) };
    let files = paths.iter().map(size).collect::<Result<Vec<_>, Problem>>()?;
    let header = Header { files, ..Header::default() };
    let inputs = Inputs::open(&header.files)?;
    let items = pieces::files(&header);
    let digests = exec::pool(threads)?.install(|| pieces::digests(&items, &inputs, progress))?;
    inputs.verify()?;
    let file = |(info, digest): (crate::tensor::FileInfo, Digest)| File { path: info.path, size: info.size, digest };
    Ok(header.files.into_iter().zip(digests).map(file).collect())
}

/// Bytes of a canonical tensor.
fn bytes_of(shape: &[u64], dtype: Dtype) -> u64 {
    elems(shape) * dtype.bytes()
}
