//! The work of a plan, cut into jobs that any worker can do in any order: every byte has its place already.

use super::Stop;
use super::error;
use super::ledger::Ledger;
use super::ledger::Passing;
use super::progress::Progress;
use super::reader::Files;
use super::reader::InPlace;
use super::reader::Reader;
use crate::diag::Problem;
use crate::plan;
use crate::plan::Output;
use crate::plan::Place;
use crate::plan::Plan;
use crate::plan::Tensor;
use crate::plan::Twins;
use crate::plan::Work;
use crate::rebuild::Fate;
use crate::rebuild::sum::UNIT;
use crate::store::Inputs;
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
    Copy(Copy),
    /// Some pieces of a tensor without reductions, or a tensor gathered element by element.
    Piece {
        at: At<'p>,
        range: Range<u64>,
    },
    /// A whole tensor with reductions.
    Staged {
        at: At<'p>,
    },
}

/// Bytes that lie together in one file and in one part, perhaps of many tensors.
struct Copy {
    /// The file is one of an earlier output, not an input.
    old: bool,
    /// The tensors are taken on condition that they have the right sums.
    compare: bool,
    file: usize,
    from: u64,
    part: usize,
    to: u64,
    len: u64,
    /// Output and tensor that it begins in, and where in that.
    first: (usize, usize),
    start: u64,
}

/// A tensor and its number in an output.
#[derive(Clone, Copy)]
struct At<'p> {
    output: usize,
    number: usize,
    tensor: &'p Tensor,
}

/// Overflows by output and position of the tensor.
type Tallies = Mutex<BTreeMap<(usize, u64), Tally>>;

/// What is taken from earlier builds, and what is remembered for later ones.
pub struct Again<'a> {
    /// What happens with each tensor of each output.
    pub fates: &'a [Vec<Fate>],
    /// Files of earlier outputs.
    pub olds: &'a Inputs,
    pub ledger: &'a Ledger<'a>,
}

struct Workshop<'w> {
    plan: &'w Plan,
    again: Option<&'w Again<'w>>,
    /// Elements of one piece of a computed tensor, at most.
    piece: u64,
    files: &'w Files<'w>,
    reader: Reader<'w>,
    progress: &'w Progress,
    tallies: Tallies,
    /// First part of every output among all parts.
    first_part: Vec<usize>,
    /// Where else the bytes of a tensor go.
    twins: &'w Twins,
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

/// Does the work of a plan: all of it, or that for `only` these tensors (output and number).
pub fn write_all(
    plan: &Plan,
    files: &Files,
    piece: u64,
    again: Option<&Again>,
    only: Option<&[Place]>,
    progress: &Progress,
) -> Result<(), Stop> {
    let piece = piece.max(1);
    let mut first_part = vec![];
    let mut parts = 0;
    for output in &plan.outputs {
        first_part.push(parts);
        parts += output.parts.len();
    }
    let fates = again.map(|again| again.fates);
    let outputs: Vec<&Output> = plan.outputs.iter().collect();
    let twins = plan::twins(&outputs, &|place: Place| match only {
        Some(only) => only.contains(&place),
        None => fates.is_none_or(|fates| fates[place.0][place.1] == Fate::Make),
    });
    let jobs = jobs(plan, &twins, &first_part, piece, fates, only);
    let reader = Reader { files, inputs: files.input_count(plan) };
    let (tallies, twins) = (Mutex::default(), &twins);
    let shop = Workshop { plan, again, piece, files, reader, progress, tallies, first_part, twins };
    in_order(jobs.len(), progress, |at| shop.run(&jobs[at]))?;
    let tallies = shop.tallies.into_inner().expect("no worker panicked");
    let problems = overflows(plan, &tallies);
    if problems.is_empty() { Ok(()) } else { Err(Stop::Problems(problems)) }
}

/// Fills in the sums of tensors that stand between them, in those outputs that are `written`.
pub fn seal(plan: &Plan, files: &Files, written: &dyn Fn(usize) -> bool, progress: &Progress) -> Result<(), Stop> {
    let outputs = plan.outputs.iter().enumerate();
    let planned = outputs.flat_map(|(number, output)| output.parts.iter().map(move |part| (number, part)));
    let planned = planned.zip(files.parts).filter(|((number, _), _)| written(*number));
    let sums: Vec<_> =
        planned.flat_map(|((_, planned), part)| planned.sums.iter().map(move |sum| (sum, part))).collect();
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
fn jobs<'p>(
    plan: &'p Plan,
    twins: &Twins,
    first_part: &[usize],
    piece: u64,
    fates: Option<&[Vec<Fate>]>,
    only: Option<&[Place]>,
) -> Vec<Job<'p>> {
    let mut ranks: HashMap<&str, usize> = HashMap::new();
    let mut all: Vec<((usize, u64), Job)> = vec![];
    for (output, planned) in plan.outputs.iter().enumerate() {
        let mut jobs: Vec<Job> = vec![];
        let mut keys: Vec<(usize, u64)> = vec![];
        for (number, tensor) in planned.tensors.iter().enumerate() {
            let next = ranks.len();
            let rank = *ranks.entry(&tensor.canonical).or_insert(next);
            let first = (output, number);
            let is_asked = only.is_none_or(|only| only.contains(&first));
            if tensor.len == 0 || !is_asked || twins.given.contains(&first) {
                continue;
            }
            let at = At { output, number, tensor };
            let elems = crate::tensor::elems(&tensor.shape);
            let run = elems_at_once(tensor, piece).saturating_mul(PIECES_AT_ONCE);
            let pieces = (0..elems).step_by(run as usize).map(|start| start..start.saturating_add(run).min(elems));
            let (part, to, len) = (first_part[output] + tensor.part, tensor.offset, tensor.len);
            let whole = |old, compare, file, from| Copy { old, compare, file, from, part, to, len, first, start: 0 };
            match fates.map_or(Fate::Make, |fates| fates[output][number]) {
                Fate::There { .. } | Fate::Done { .. } => {}
                Fate::Take { file, offset, compare, .. } => copy(&mut jobs, whole(true, compare, file, offset)),
                Fate::Make => match &tensor.work {
                    Work::Copy { file, offset } => copy(&mut jobs, whole(false, false, *file, *offset)),
                    Work::Compute { program, .. } if program.stages > 0 => jobs.push(Job::Staged { at }),
                    Work::Gather(_) | Work::Compute { .. } => jobs.extend(pieces.map(|range| Job::Piece { at, range })),
                },
            }
            let new = &jobs[keys.len()..];
            keys.extend(new.iter().map(|job| match job {
                Job::Copy(copy) => (rank, copy.to - tensor.offset),
                Job::Piece { range, .. } => (rank, range.start * tensor.dtype.bytes()),
                Job::Staged { .. } => (rank, 0),
            }));
        }
        all.extend(keys.into_iter().zip(jobs));
    }
    if plan.outputs.len() > 1 {
        all.sort_by_key(|(key, _)| *key);
    }
    all.into_iter().map(|(_, job)| job).collect()
}

/// Elements of one piece of a tensor, at least 1.
fn elems_at_once(tensor: &Tensor, most: u64) -> u64 {
    most.min(PIECE_BYTES / tensor.dtype.bytes()).max(1)
}

/// Adds a copy, joined to the one before it where both sides continue it.  Tensors are only cut between units of their
/// sums.
fn copy(jobs: &mut Vec<Job>, mut rest: Copy) {
    if let Some(Job::Copy(last)) = jobs.last_mut()
        && (last.old, last.compare, last.file, last.part) == (rest.old, rest.compare, rest.file, rest.part)
        && (last.from + last.len, last.to + last.len) == (rest.from, rest.to)
        && last.first.0 == rest.first.0
        && last.len < COPY_BYTES
    {
        let room = COPY_BYTES - last.len;
        let more = if rest.len <= room { rest.len } else { room / UNIT * UNIT };
        last.len += more;
        rest = rest.behind(more);
    }
    while rest.len > 0 {
        let len = rest.len.min(COPY_BYTES);
        let later = rest.behind(len);
        jobs.push(Job::Copy(Copy { len, ..rest }));
        rest = later;
    }
}

impl Copy {
    /// What is left behind some bytes of the first tensor.
    fn behind(&self, bytes: u64) -> Copy {
        let (from, to, len, start) = (self.from + bytes, self.to + bytes, self.len - bytes, self.start + bytes);
        Copy { from, to, len, start, ..*self }
    }
}

impl Workshop<'_> {
    fn part(&self, output: usize, tensor: &Tensor) -> &Part {
        &self.files.parts[self.first_part[output] + tensor.part]
    }

    fn run(&self, job: &Job) -> Result<(), Problem> {
        match job {
            Job::Copy(copy) => self.copy(copy),
            Job::Piece { at, range } => match &at.tensor.work {
                Work::Compute { program, .. } | Work::Gather(program) => {
                    self.pieces(*at, program, &program.start(), range.clone())
                }
                Work::Copy { .. } => unreachable!("copies are jobs of their own"),
            },
            Job::Staged { at } => self.staged(*at),
        }
    }

    fn copy(&self, copy: &Copy) -> Result<(), Problem> {
        let to = &self.files.parts[copy.part];
        let Some(again) = self.again else {
            let progress = |bytes| self.progress.add(bytes);
            return self.files.inputs.copy(copy.file, copy.from, copy.len, to, copy.to, &progress);
        };
        let from = if copy.old { again.olds } else { self.files.inputs };
        let first_part = self.first_part[copy.first.0];
        let mut passing = Passing::new(again.ledger, self.plan, self.files, first_part, copy.first, copy.start);
        let stop = || self.progress.cancelled();
        from.copy_seen(copy.file, copy.from, copy.len, to, copy.to, copy.compare, &stop, &mut |moved| {
            passing.pass(&moved);
            self.progress.add(moved.count());
        })?;
        passing.finish()
    }

    fn staged(&self, at: At) -> Result<(), Problem> {
        let Work::Compute { program, canonical, .. } = &at.tensor.work else {
            unreachable!("only programs have stages")
        };
        let state = reduce(canonical.as_ref().unwrap_or(program), &self.reader)?;
        let run = elems_at_once(at.tensor, self.piece).saturating_mul(PIECES_AT_ONCE);
        (0..program.elems().div_ceil(run)).into_par_iter().try_for_each(|number| {
            let range = number * run..(number + 1).saturating_mul(run).min(program.elems());
            self.pieces(at, program, &state, range)
        })
    }

    /// Computes some elements and writes them, piece by piece.
    fn pieces(&self, at: At, program: &Program, state: &State, range: Range<u64>) -> Result<(), Problem> {
        let reader = InPlace::new(&self.reader);
        let piece = elems_at_once(at.tensor, self.piece);
        for start in range.clone().step_by(piece as usize) {
            if self.progress.cancelled() {
                return Ok(());
            }
            self.piece(at, program, state, &reader, start..range.end.min(start.saturating_add(piece)))?;
        }
        reader.finish()
    }

    fn piece(
        &self,
        at: At,
        program: &Program,
        state: &State,
        reader: &InPlace,
        range: Range<u64>,
    ) -> Result<(), Problem> {
        let At { output, number, tensor } = at;
        let also: &[Place] = self.twins.also.get(&(output, number)).map_or(&[], Vec::as_slice);
        let size = tensor.dtype.bytes();
        let (start, len) = (range.start * size, (range.end - range.start) * size);
        let tally = with_buffers(len as usize, |buffers| {
            let bytes = &mut buffers.bytes[..len as usize];
            let tally = program.evaluate(range, state, reader, &mut buffers.scratch, bytes)?;
            // A build that goes on with this one must see the overflow, too.
            let spoilt = tally.overflows > 0 && matches!(tensor.work, Work::Compute { strict: true, .. });
            for place in std::iter::once((output, number)).chain(also.iter().copied()) {
                let tensor = &self.plan.outputs[place.0].tensors[place.1];
                let part = self.part(place.0, tensor);
                part.write_at(tensor.offset + start, bytes)?;
                if let Some(again) = self.again {
                    again.ledger.wrote(place, start, bytes, spoilt, part, tensor.offset)?;
                }
            }
            Ok::<Tally, Problem>(tally)
        })?;
        if tally.overflows > 0 {
            let mut tallies = self.tallies.lock().expect("no worker panicked");
            let sum = tallies.entry((output, tensor.offset + ((tensor.part as u64) << 48))).or_default();
            *sum = sum.merge(tally);
        }
        self.progress.add(len * (1 + also.len() as u64));
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

fn overflows(plan: &Plan, tallies: &BTreeMap<(usize, u64), Tally>) -> Vec<Problem> {
    let mut problems = vec![];
    for (at, output) in plan.outputs.iter().enumerate() {
        let found: Vec<(&Tensor, Tally)> = strict(output)
            .filter_map(|tensor| {
                let tally = tallies.get(&(at, tensor.offset + ((tensor.part as u64) << 48)))?;
                Some((tensor, *tally))
            })
            .collect();
        if !found.is_empty() {
            let problem = error::overflow(output, &found);
            // The variants of a sweep have one statement.
            let is_one = plan.outputs.iter().filter(|other| other.site == output.site).count() == 1;
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
