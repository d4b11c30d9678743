//! Runs a plan: moves and computes bytes on all cores, checks, measures, and only then lets the outputs take their
//! places.  It decides nothing: what is done stands in the plan.
//!
//! Invariant: until [`run`] returns a report without problems, what stood at the outputs' places is still there.

pub mod align;
mod claims;
pub mod easel;
mod error;
mod jobs;
mod pictures;
mod progress;
mod reader;
pub mod stats;
pub mod sums;
pub mod values;

pub use claims::ClaimReport;
pub use jobs::in_order;
pub use progress::Progress;

use crate::diag::Problem;
use crate::hir::Recipe;
use crate::plan::Plan;
use crate::render::device::Device;
use crate::store::Inputs;
use crate::store::Kind;
use crate::store::Part;
use crate::store::Staged;
use reader::Files;
use reader::Reader;
use std::path::PathBuf;

/// What a run may be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads; at least 1.
    pub threads: usize,
    /// Directories that blend did not write may be replaced.
    pub force: bool,
    /// Only judge the claims: nothing is left behind.
    pub dry: bool,
    /// Elements of one piece of a computed tensor, at most; the result does not depend on it.
    pub piece: u64,
    /// What draws the pictures of claims.
    pub device: Device,
    /// The pictures that claims name are written anew, from what they are compared with.
    pub renew: bool,
}

impl Default for Options {
    /// One worker per core, who also draws: pictures are the same on every machine.  Pieces are as long as their bytes stay
    /// in the second cache until they are written.
    fn default() -> Options {
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
        Options { threads, force: false, dry: false, piece: 131_072, device: Device::CPU, renew: false }
    }
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Report {
    /// Where the outputs are now; empty after a dry run and after failed claims.
    pub written: Vec<PathBuf>,
    /// Where the results are kept whose claims failed.
    pub failed: Vec<PathBuf>,
    pub claims: Vec<ClaimReport>,
    /// The pictures that were written anew, and by how much each moved.
    pub renewed: Vec<String>,
    /// What was found about the order of channels.
    pub aligned: Vec<align::Aligned>,
}

/// How a run ended early.
#[derive(Debug)]
pub enum Stop {
    /// The user asked for it.
    Cancelled,
    Problems(Vec<Problem>),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Stop {
        Stop::Problems(vec![problem])
    }
}

/// Worker threads of one run.  Errors: E0610.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool, Stop> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .thread_name(|number| format!("blend-{number}"))
        .build()
        .map_err(|reason| error::no_threads(threads, &reason.to_string()).into())
}

/// The problem of [`pool`].
pub fn no_threads(threads: usize) -> Problem {
    error::no_threads(threads, "the system does not give them")
}

/// Runs a plan.
pub fn run(recipe: &Recipe, plan: &Plan, options: &Options, progress: &Progress) -> Result<Report, Stop> {
    let inputs = Inputs::open(&plan.files)?;
    let forbidden: Vec<PathBuf> = recipe
        .inputs
        .iter()
        .map(|input| input.path.clone())
        .chain(plan.files.iter().map(|file| file.path.clone()))
        .collect();
    let mut staged = vec![];
    let mut parts: Vec<Part> = vec![];
    for output in &plan.outputs {
        let kind = if output.directory { Kind::Directory } else { Kind::File };
        let stage = Staged::new(&output.path, kind, output.bytes(), &forbidden, options.force)?;
        for part in &output.parts {
            let mut open = stage.part(&part.name, part.size)?;
            part.fixed.iter().try_for_each(|fixed| open.write_at(fixed.offset, &fixed.bytes))?;
            if !part.sums.is_empty() {
                open.keep_sums();
            }
            parts.push(open);
        }
        staged.push(stage);
    }
    let pool = pool(options.threads)?;
    let files = Files { inputs: &inputs, parts: &parts };
    let ((claims, renewed), aligned) = pool.install(|| -> Result<_, Stop> {
        let settled: Plan;
        let (plan, aligned) = match plan.alignments.as_slice() {
            [] => (plan, vec![]),
            alignments => {
                let reader = Reader { files: &files, inputs: files.input_count(plan) };
                let (tables, aligned) = align::solve(alignments, &reader, progress)?;
                settled = plan.settled(&tables);
                (&settled, aligned)
            }
        };
        jobs::write_all(plan, &files, options.piece, progress)?;
        jobs::seal(plan, &files, progress)?;
        claims::equal(recipe, plan, &files, progress)?;
        Ok((claims::judge(recipe, plan, &files, options, progress)?, aligned))
    })?;
    inputs.verify()?;
    let mut report = Report { claims, renewed, aligned, ..Report::default() };
    if options.dry {
        return Ok(report);
    }
    let failed = report.claims.iter().any(|claim| !claim.holds);
    let mut parts = parts.into_iter();
    for (stage, output) in staged.into_iter().zip(&plan.outputs) {
        let mut own: Vec<Part> = parts.by_ref().take(output.parts.len()).collect();
        if let Some((name, text)) = &output.index {
            let part = stage.part(name, text.len() as u64)?;
            part.write_at(0, text.as_bytes())?;
            own.push(part);
        }
        // Once an output has its place the others follow: who interrupts is told that nothing was changed.
        if progress.cancelled() && report.written.is_empty() && report.failed.is_empty() {
            return Err(Stop::Cancelled);
        }
        if failed {
            report.failed.push(stage.keep_as_failed(own)?);
        } else {
            stage.commit(own)?;
            report.written.push(output.path.clone());
        }
    }
    Ok(report)
}
