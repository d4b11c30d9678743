//! The walk over the files: everything that is hashed, cut into pieces, in the order of the bytes on the disk, so that
//! what a tensor and its file share is read once.

use super::Digest;
use super::bytes_of;
use super::tree;
use super::tree::Leaf;
use super::tree::PIECE;
use crate::arch::Canon;
use crate::arch::CanonTensor;
use crate::diag::Problem;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::exec::in_order;
use crate::store::Inputs;
use crate::tensor::Header;
use crate::tile::Builder;
use crate::tile::Fetch;
use crate::tile::Load;
use crate::tile::Program;
use crate::tile::Scratch;
use std::ops::Range;
use std::sync::Mutex;

/// Pieces that a worker takes at a time: what it reads in place is given back after that.
const AT_ONCE: u64 = 8;

/// Something with a digest.
pub struct Item<'h> {
    len: u64,
    from: From<'h>,
}

/// Where its bytes come from.
enum From<'h> {
    /// They lie together.
    Bytes { file: usize, offset: u64 },
    /// They are gathered, decoded or computed.
    Values { tensor: &'h CanonTensor, load: Box<Load> },
}

impl Item<'_> {
    /// Bytes that are hashed.
    pub fn bytes(&self) -> u64 {
        self.len
    }

    /// Where it begins on the disk.
    fn place(&self) -> (usize, u64) {
        match &self.from {
            From::Bytes { file, offset } => (*file, *offset),
            From::Values { load, .. } => (load.file, load.offset),
        }
    }
}

/// The files of a header, as they lie on the disk.
pub fn files(header: &Header) -> Vec<Item<'static>> {
    let files = header.files.iter().enumerate().filter(|(_, info)| info.memory.is_none());
    files.map(|(file, info)| Item { len: info.size, from: From::Bytes { file, offset: 0 } }).collect()
}

/// All files on the disk, then all canonical tensors.
pub fn items<'h>(header: &'h Header, canon: &'h Canon) -> Vec<Item<'h>> {
    let tensor = |tensor: &'h CanonTensor| {
        let entry = &header.entries[tensor.entry];
        let load = Load {
            file: entry.file,
            offset: entry.offset,
            dtype: entry.dtype,
            blocks: entry.blocks(),
            view: tensor.view.clone(),
            affine: tensor.affine,
        };
        let lies = load.contiguous_offset().filter(|_| load.affine.is_identity() && load.dtype == tensor.dtype);
        let from = match lies {
            Some(offset) => From::Bytes { file: load.file, offset },
            None => From::Values { tensor, load: Box::new(load) },
        };
        Item { len: bytes_of(&tensor.shape, tensor.dtype), from }
    };
    let mut items: Vec<Item<'h>> = files(header);
    items.extend(canon.tensors.iter().map(tensor));
    items
}

/// Some pieces of an item.
struct Job {
    item: usize,
    bytes: Range<u64>,
}

/// The digests of items, in their order; on the workers of the pool that this is called in.
pub fn digests(items: &[Item], inputs: &Inputs, progress: &Progress) -> Result<Vec<Digest>, Stop> {
    let run = PIECE * AT_ONCE;
    let mut jobs: Vec<Job> = vec![];
    for (item, of) in items.iter().enumerate() {
        let starts = (0..of.len).step_by(run as usize);
        jobs.extend(starts.map(|start| Job { item, bytes: start..start.saturating_add(run).min(of.len) }));
    }
    jobs.sort_by_key(|job| {
        let (file, offset) = items[job.item].place();
        (file, offset.saturating_add(job.bytes.start), job.item)
    });
    let leaves: Mutex<Vec<Vec<Option<Leaf>>>> =
        Mutex::new(items.iter().map(|item| vec![None; item.len.div_ceil(PIECE) as usize]).collect());
    in_order(jobs.len(), progress, |at| {
        let job = &jobs[at];
        let item = &items[job.item];
        let found = match &item.from {
            From::Bytes { file, offset } => in_file(item.len, *file, *offset, &job.bytes, inputs, progress)?,
            From::Values { tensor, load } => computed(item.len, tensor, load, &job.bytes, inputs, progress)?,
        };
        let mut leaves = leaves.lock().expect("no worker panicked");
        for (piece, leaf) in found {
            leaves[job.item][piece as usize] = Some(leaf);
        }
        Ok(())
    })?;
    let leaves = leaves.into_inner().expect("no worker panicked");
    let join = |(leaves, item): (Vec<Option<Leaf>>, &Item)| {
        let leaves: Vec<Leaf> = leaves.into_iter().map(|leaf| leaf.expect("every piece has been hashed")).collect();
        tree::join(&leaves, item.len)
    };
    Ok(leaves.into_iter().zip(items).map(join).collect())
}

/// Numbered pieces with what is known of them.
type Found = Vec<(u64, Leaf)>;

/// The pieces of a range, until the run is interrupted.
fn pieces<'r>(range: &'r Range<u64>, progress: &'r Progress) -> impl Iterator<Item = Range<u64>> + 'r {
    let cut = |start: u64| start..range.end.min(start + PIECE);
    range.clone().step_by(PIECE as usize).map(cut).take_while(|_| !progress.cancelled())
}

/// Pieces of bytes that lie together.
fn in_file(
    len: u64,
    file: usize,
    offset: u64,
    range: &Range<u64>,
    inputs: &Inputs,
    progress: &Progress,
) -> Result<Found, Problem> {
    let mut out = vec![];
    let mut buffer = vec![];
    for piece in pieces(range, progress) {
        let size = (piece.end - piece.start) as usize;
        let at = offset + piece.start;
        let leaf = match inputs.in_place(file, at, size) {
            Some(bytes) => tree::leaf(piece.start, len, bytes),
            None => {
                buffer.resize(size, 0);
                inputs.fetch(file, at, &mut buffer)?;
                tree::leaf(piece.start, len, &buffer)
            }
        };
        inputs.release(file, at..at + size as u64)?;
        progress.add(size as u64);
        out.push((piece.start / PIECE, leaf));
    }
    Ok(out)
}

/// Pieces of a tensor whose values are gathered, decoded or mapped.
fn computed(
    len: u64,
    tensor: &CanonTensor,
    load: &Load,
    range: &Range<u64>,
    inputs: &Inputs,
    progress: &Progress,
) -> Result<Found, Problem> {
    let program = program(tensor, load);
    let state = program.start();
    let mut out = vec![];
    // A strip of a strided tensor is kept from piece to piece; it belongs to this table of files.
    let mut scratch = Scratch::default();
    let mut buffer = vec![];
    let size = tensor.dtype.bytes();
    for piece in pieces(range, progress) {
        buffer.resize((piece.end - piece.start) as usize, 0);
        program.evaluate(piece.start / size..piece.end / size, &state, inputs, &mut scratch, &mut buffer)?;
        progress.add(buffer.len() as u64);
        out.push((piece.start / PIECE, tree::leaf(piece.start, len, &buffer)));
    }
    Ok(out)
}

/// The canonical tensor, in its own type.  Where nothing maps its values, bits are moved.
fn program(tensor: &CanonTensor, load: &Load) -> Program {
    let mut builder = Builder::new(tensor.shape.clone());
    let node = builder.load(load.clone());
    builder.finish(node, tensor.dtype, false)
}
