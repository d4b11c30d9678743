//! The work of a plan, cut into jobs that any worker can do in any order: every byte has its place already.

use super::Stop;
use super::error;
use super::progress::Progress;
use super::reader::Files;
use super::reader::InPlace;
use super::reader::Reader;
use crate::diag::Problem;
use crate::plan;
use crate::plan::Output;
use crate::plan::Tensor;
use crate::plan::Twins;
use crate::plan::Work;
use crate::store::Part;
use crate::tile::Fetch;
use crate::tile::Program;
use crate::tile::Scratch;
use crate::tile::State;
use crate::tile::Tally;
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Bytes of one piece of a copy.
const COPY_BYTES: u64 = 32 << 20;
/// Bytes of a piece at most.  Much shorter writes cost the kernel more per byte; longer ones leave the second cache, and
/// make the kernel look for larger runs of free memory, which may take it seconds.
const PIECE_BYTES: u64 = 256 << 10;
/// Pieces that one worker takes at a time: what it reads in place is given back after that.
const PIECES_AT_ONCE: u64 = 8;
/// Reduction blocks that one worker takes at a time.
const BLOCKS_AT_ONCE: u64 = 4;

/// A piece of work.
enum Job<'p> {
    /// Bytes that lie together in one input and in one part, perhaps of many tensors.
    Copy { file: usize, from: u64, part: usize, to: u64, len: u64 },
    /// Some pieces of a tensor without reductions, or a tensor gathered element by element.
    Piece { output: usize, tensor: &'p Tensor, range: Range<u64> },
    /// A whole tensor with reductions.
    Staged { output: usize, tensor: &'p Tensor },
}

/// Overflows by output and position of the tensor.
type Tallies = Mutex<BTreeMap<(usize, u64), Tally>>;

struct Workshop<'w> {
    /// Elements of one piece of a computed tensor, at most.
    piece: u64,
    files: &'w Files<'w>,
    reader: Reader<'w>,
    progress: &'w Progress,
    tallies: Tallies,
    /// First part of every output among all parts.
    first_part: Vec<usize>,
    /// Where else the bytes of a tensor go: from part and offset to parts and offsets.
    also: HashMap<(usize, u64), Vec<(usize, u64)>>,
}

/// What a worker works in.
#[derive(Default)]
struct Buffers {
    scratch: Scratch,
    /// Bytes of a result on their way to the file.
    bytes: Vec<u8>,
}

thread_local! {
    /// Buffers of a worker, kept from job to job.
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Does all the work of some outputs, which may be those of several plans that were joined.
pub fn write_all(outputs: &[&Output], files: &Files, piece: u64, progress: &Progress) -> Result<(), Stop> {
    let piece = piece.max(1);
    let mut first_part = vec![];
    let mut parts = 0;
    for output in outputs {
        first_part.push(parts);
        parts += output.parts.len();
    }
    let twins = plan::twins(outputs);
    let jobs = jobs(outputs, &twins, &first_part, piece);
    let place = |(output, number): plan::Place| {
        let tensor = &outputs[output].tensors[number];
        (first_part[output] + tensor.part, tensor.offset)
    };
    let also = twins.also.iter().map(|(first, others)| (place(*first), others.iter().copied().map(place).collect()));
    let also = also.collect();
    let reader = Reader { files, inputs: files.inputs.count() };
    let shop = Workshop { piece, files, reader, progress, tallies: Mutex::default(), first_part, also };
    in_order(jobs.len(), progress, |at| shop.run(&jobs[at]))?;
    let tallies = shop.tallies.into_inner().expect("no worker panicked");
    let problems = overflows(outputs, &tallies);
    if problems.is_empty() { Ok(()) } else { Err(Stop::Problems(problems)) }
}

/// Fills in the sums of tensors that stand between them.
pub fn seal(outputs: &[&Output], files: &Files, progress: &Progress) -> Result<(), Stop> {
    let planned = outputs.iter().flat_map(|output| &output.parts);
    let sums: Vec<_> =
        planned.zip(files.parts).flat_map(|(planned, part)| planned.sums.iter().map(move |sum| (sum, part))).collect();
    in_order(sums.len(), progress, |at| {
        let (sum, part) = sums[at];
        part.seal(sum.offset, sum.len, &sum.places)
    })
}

/// Runs numbered jobs on all workers, started in order: files are read from front to back.
pub fn in_order(
    count: usize,
    progress: &Progress,
    job: impl Fn(usize) -> Result<(), Problem> + Sync,
) -> Result<(), Stop> {
    let next = AtomicUsize::new(0);
    let wrong: Mutex<Option<Problem>> = Mutex::new(None);
    rayon::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(count) {
            scope.spawn(|_| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count || progress.cancelled() {
                        break;
                    }
                    if let Err(problem) = job(at) {
                        next.store(count, Ordering::Relaxed);
                        wrong.lock().expect("no worker panicked").get_or_insert(problem);
                        break;
                    }
                }
            });
        }
    });
    if let Some(problem) = wrong.into_inner().expect("no worker panicked") {
        return Err(problem.into());
    }
    if progress.cancelled() { Err(Stop::Cancelled) } else { Ok(()) }
}

/// The jobs of all outputs.  Those of one tensor follow each other, piece by piece, whichever output they are for: what
/// one of them has read of an input is still in memory for the next.
fn jobs<'p>(outputs: &[&'p Output], twins: &Twins, first_part: &[usize], piece: u64) -> Vec<Job<'p>> {
    let mut ranks: HashMap<&str, usize> = HashMap::new();
    let mut all: Vec<((usize, u64), Job)> = vec![];
    for (at, output) in outputs.iter().enumerate() {
        let mut jobs: Vec<Job> = vec![];
        let mut keys: Vec<(usize, u64)> = vec![];
        for (number, tensor) in output.tensors.iter().enumerate() {
            let next = ranks.len();
            let rank = *ranks.entry(&tensor.canonical).or_insert(next);
            if tensor.len == 0 || twins.given.contains(&(at, number)) {
                continue;
            }
            let elems = crate::tensor::elems(&tensor.shape);
            let run = elems_at_once(tensor, piece).saturating_mul(PIECES_AT_ONCE);
            let pieces = (0..elems).step_by(run as usize).map(|start| start..start.saturating_add(run).min(elems));
            match &tensor.work {
                Work::Copy { file, offset } => {
                    copy(&mut jobs, *file, *offset, first_part[at] + tensor.part, tensor.offset, tensor.len);
                }
                Work::Compute { program, .. } if program.stages > 0 => jobs.push(Job::Staged { output: at, tensor }),
                Work::Gather(_) | Work::Compute { .. } => {
                    jobs.extend(pieces.map(|range| Job::Piece { output: at, tensor, range }));
                }
            }
            let new = &jobs[keys.len()..];
            keys.extend(new.iter().map(|job| match job {
                Job::Copy { to, .. } => (rank, to - tensor.offset),
                Job::Piece { range, .. } => (rank, range.start * tensor.dtype.bytes()),
                Job::Staged { .. } => (rank, 0),
            }));
        }
        all.extend(keys.into_iter().zip(jobs));
    }
    if outputs.len() > 1 {
        all.sort_by_key(|(key, _)| *key);
    }
    all.into_iter().map(|(_, job)| job).collect()
}

/// Elements of one piece of a tensor, at least 1.
fn elems_at_once(tensor: &Tensor, most: u64) -> u64 {
    most.min(PIECE_BYTES / tensor.dtype.bytes()).max(1)
}

/// Adds a copy, joined to the one before it where both sides continue it.
fn copy(jobs: &mut Vec<Job>, mut file_: usize, mut from_: u64, part_: usize, mut to_: u64, mut len_: u64) {
    if let Some(Job::Copy { file, from, part, to, len }) = jobs.last_mut()
        && (*file, *part) == (file_, part_)
        && (*from + *len, *to + *len) == (from_, to_)
        && *len < COPY_BYTES
    {
        let more = len_.min(COPY_BYTES - *len);
        *len += more;
        (from_, to_, len_) = (from_ + more, to_ + more, len_ - more);
        file_ = *file;
    }
    while len_ > 0 {
        let len = len_.min(COPY_BYTES);
        jobs.push(Job::Copy { file: file_, from: from_, part: part_, to: to_, len });
        (from_, to_, len_) = (from_ + len, to_ + len, len_ - len);
    }
}

impl Workshop<'_> {
    fn part(&self, output: usize, tensor: &Tensor) -> &Part {
        &self.files.parts[self.first_part[output] + tensor.part]
    }

    /// Parts and offsets where the same bytes belong.
    fn also(&self, output: usize, tensor: &Tensor) -> &[(usize, u64)] {
        self.also.get(&(self.first_part[output] + tensor.part, tensor.offset)).map_or(&[], Vec::as_slice)
    }

    fn run(&self, job: &Job) -> Result<(), Problem> {
        match job {
            Job::Copy { file, from, part, to, len } => {
                let progress = |bytes| self.progress.add(bytes);
                self.files.inputs.copy(*file, *from, *len, &self.files.parts[*part], *to, &progress)
            }
            Job::Piece { output, tensor, range } => match &tensor.work {
                Work::Compute { program, .. } | Work::Gather(program) => {
                    self.pieces(*output, tensor, program, &program.start(), range.clone())
                }
                Work::Copy { .. } => unreachable!("copies are jobs of their own"),
            },
            Job::Staged { output, tensor } => self.staged(*output, tensor),
        }
    }

    fn staged(&self, output: usize, tensor: &Tensor) -> Result<(), Problem> {
        let Work::Compute { program, canonical, .. } = &tensor.work else { unreachable!("only programs have stages") };
        let state = reduce(canonical.as_ref().unwrap_or(program), &self.reader)?;
        let run = elems_at_once(tensor, self.piece).saturating_mul(PIECES_AT_ONCE);
        (0..program.elems().div_ceil(run)).into_par_iter().try_for_each(|number| {
            let range = number * run..(number + 1).saturating_mul(run).min(program.elems());
            self.pieces(output, tensor, program, &state, range)
        })
    }

    /// Computes some elements and writes them, piece by piece.
    fn pieces(
        &self,
        output: usize,
        tensor: &Tensor,
        program: &Program,
        state: &State,
        range: Range<u64>,
    ) -> Result<(), Problem> {
        let reader = InPlace::new(&self.reader);
        let piece = elems_at_once(tensor, self.piece);
        for start in range.clone().step_by(piece as usize) {
            if self.progress.cancelled() {
                return Ok(());
            }
            self.piece(output, tensor, program, state, &reader, start..range.end.min(start.saturating_add(piece)))?;
        }
        reader.finish()
    }

    fn piece(
        &self,
        output: usize,
        tensor: &Tensor,
        program: &Program,
        state: &State,
        reader: &InPlace,
        range: Range<u64>,
    ) -> Result<(), Problem> {
        let size = tensor.dtype.bytes();
        let (at, len) = (range.start * size, (range.end - range.start) * size);
        let tally = with_buffers(len as usize, |buffers| {
            let bytes = &mut buffers.bytes[..len as usize];
            let tally = program.evaluate(range, state, reader, &mut buffers.scratch, bytes)?;
            self.part(output, tensor).write_at(tensor.offset + at, bytes)?;
            for (part, offset) in self.also(output, tensor) {
                self.files.parts[*part].write_at(offset + at, bytes)?;
            }
            Ok::<Tally, Problem>(tally)
        })?;
        if tally.overflows > 0 {
            let mut tallies = self.tallies.lock().expect("no worker panicked");
            let sum = tallies.entry((output, tensor.offset + ((tensor.part as u64) << 48))).or_default();
            *sum = sum.merge(tally);
        }
        self.progress.add(len * (1 + self.also(output, tensor).len() as u64));
        Ok(())
    }
}

/// Hands out the worker's own buffers, `bytes` with at least `len` bytes.  A worker that waits for others inside a job
/// may be given another job meanwhile: that one gets buffers of its own.
fn with_buffers<T>(len: usize, work: impl FnOnce(&mut Buffers) -> T) -> T {
    BUFFERS.with(|cell| match cell.try_borrow_mut() {
        Ok(mut own) => {
            let size = len.max(own.bytes.len());
            own.bytes.resize(size, 0);
            work(&mut own)
        }
        Err(_) => work(&mut Buffers { bytes: vec![0; len], ..Buffers::default() }),
    })
}

/// All stages of a program's reductions; partial sums belong to blocks and are added in their order, so the number of
/// workers cannot matter.
pub fn reduce<F: Fetch<Error = Problem>>(program: &Program, fetch: &F) -> Result<State, Problem> {
    let mut state = program.start();
    let groups = program.blocks().div_ceil(BLOCKS_AT_ONCE);
    for stage in 0..program.stages {
        let partials: Vec<Vec<Vec<f64>>> = (0..groups)
            .into_par_iter()
            .map(|group| {
                let blocks = group * BLOCKS_AT_ONCE..((group + 1) * BLOCKS_AT_ONCE).min(program.blocks());
                with_buffers(0, |buffers| {
                    blocks.map(|block| program.reduce(stage, block, &state, fetch, &mut buffers.scratch)).collect()
                })
            })
            .collect::<Result<_, Problem>>()?;
        let partials: Vec<Vec<f64>> = partials.into_iter().flatten().collect();
        program.finish(stage, &partials, &mut state);
    }
    Ok(state)
}

fn overflows(outputs: &[&Output], tallies: &BTreeMap<(usize, u64), Tally>) -> Vec<Problem> {
    let mut problems = vec![];
    for (at, output) in outputs.iter().enumerate() {
        let found: Vec<(&Tensor, Tally)> = strict(output)
            .filter_map(|tensor| {
                let tally = tallies.get(&(at, tensor.offset + ((tensor.part as u64) << 48)))?;
                Some((tensor, *tally))
            })
            .collect();
        if !found.is_empty() {
            let problem = error::overflow(output, &found);
            // The variants of a sweep have one statement.
            let is_one = outputs.iter().filter(|other| other.site == output.site).count() == 1;
            problems.push(if is_one { problem } else { problem.note(format!("in `{}`", output.written)) });
        }
    }
    problems
}

fn strict(output: &Output) -> impl Iterator<Item = &Tensor> {
    output.tensors.iter().filter(|tensor| matches!(tensor.work, Work::Compute { strict: true, .. }))
}

#[cfg(test)]
mod tests;
