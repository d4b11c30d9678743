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
use crate::plan::Alignment;
use crate::plan::Output;
use crate::plan::Plan;
use crate::plan::Tables;
use crate::render::device::Device;
use crate::store::Inputs;
use crate::store::Kind;
use crate::store::Part;
use crate::store::Staged;
use align::Aligned;
use reader::Files;
use reader::Reader;
use std::borrow::Cow;
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

/// Plans with the orders of channels that they wait for, and what was found; the same alignments are solved once.
fn settled<'p>(
    variants: &[(&Recipe, &'p Plan)],
    files: &Files,
    progress: &Progress,
) -> Result<Vec<(Cow<'p, Plan>, Vec<Aligned>)>, Stop> {
    let mut known: Vec<(&[Alignment], Tables, Vec<Aligned>)> = vec![];
    let mut out = vec![];
    for (_, plan) in variants {
        let alignments = plan.alignments.as_slice();
        if alignments.is_empty() {
            out.push((Cow::Borrowed(*plan), vec![]));
            continue;
        }
        let at = match known.iter().position(|(own, _, _)| *own == alignments) {
            Some(at) => at,
            None => {
                let reader = Reader { files, inputs: files.input_count(plan) };
                let (tables, aligned) = align::solve(alignments, &reader, progress)?;
                known.push((alignments, tables, aligned));
                known.len() - 1
            }
        };
        let (_, tables, aligned) = &known[at];
        out.push((Cow::Owned(plan.settled(tables)), aligned.clone()));
    }
    Ok(out)
}

/// Runs a plan.
pub fn run(recipe: &Recipe, plan: &Plan, options: &Options, progress: &Progress) -> Result<Report, Stop> {
    let mut reports = run_all(&[(recipe, plan)], options, progress)?;
    Ok(reports.pop().expect("one plan gives one report"))
}

/// Runs plans that `plan::join` has joined, the variants of a sweep, as one: what they have in common is read and
/// computed once.  Claims are those of each variant: where one does not hold, the outputs of its variant are kept aside and
/// those of the others take their places.  Anything else that is wrong stops all, and nothing is changed.
pub fn run_all(variants: &[(&Recipe, &Plan)], options: &Options, progress: &Progress) -> Result<Vec<Report>, Stop> {
    let Some((_, first)) = variants.first() else { return Ok(vec![]) };
    let inputs = Inputs::open(&first.files)?;
    let of_recipes = variants.iter().flat_map(|(recipe, _)| &recipe.inputs).map(|input| input.path.clone());
    let mut forbidden: Vec<PathBuf> = of_recipes.chain(first.files.iter().map(|file| file.path.clone())).collect();
    forbidden.sort();
    forbidden.dedup();
    let outputs: Vec<&Output> = variants.iter().flat_map(|(_, plan)| &plan.outputs).collect();
    let mut staged = vec![];
    let mut parts: Vec<Part> = vec![];
    for output in &outputs {
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
    let (settled, judged) = pool.install(|| -> Result<_, Stop> {
        let settled = settled(variants, &files, progress)?;
        let runs: Vec<(&Recipe, &Plan)> =
            variants.iter().zip(&settled).map(|((recipe, _), (plan, _))| (*recipe, &**plan)).collect();
        let outputs: Vec<&Output> = runs.iter().flat_map(|(_, plan)| &plan.outputs).collect();
        jobs::write_all(&outputs, &files, options.piece, progress)?;
        jobs::seal(&outputs, &files, progress)?;
        runs.iter().try_for_each(|(recipe, plan)| claims::equal(recipe, plan, &files, progress))?;
        let judge = |(recipe, plan): &(&Recipe, &Plan)| claims::judge(recipe, plan, &files, options, progress);
        let judged = runs.iter().map(judge).collect::<Result<Vec<_>, Stop>>()?;
        Ok((settled, judged))
    })?;
    inputs.verify()?;
    let aligned = settled.into_iter().map(|(_, aligned)| aligned);
    let report = |((claims, renewed), aligned)| Report { claims, renewed, aligned, ..Report::default() };
    let mut reports: Vec<Report> = judged.into_iter().zip(aligned).map(report).collect();
    if options.dry {
        return Ok(reports);
    }
    let mut parts = parts.into_iter();
    let mut staged = staged.into_iter();
    let mut is_begun = false;
    for (report, (_, plan)) in reports.iter_mut().zip(variants) {
        let failed = report.claims.iter().any(|claim| !claim.holds);
        for (output, stage) in plan.outputs.iter().zip(staged.by_ref()) {
            let mut own: Vec<Part> = parts.by_ref().take(output.parts.len()).collect();
            if let Some((name, text)) = &output.index {
                let part = stage.part(name, text.len() as u64)?;
                part.write_at(0, text.as_bytes())?;
                own.push(part);
            }
            // Once an output has its place the others follow: who interrupts is told that nothing was changed.
            if progress.cancelled() && !is_begun {
                return Err(Stop::Cancelled);
            }
            is_begun = true;
            if failed {
                report.failed.push(stage.keep_as_failed(own)?);
            } else {
                stage.commit(own)?;
                report.written.push(output.path.clone());
            }
        }
    }
    Ok(reports)
}
