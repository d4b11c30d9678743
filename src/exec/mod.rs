//! Runs a plan: moves and computes bytes on all cores, checks, measures, and only then lets the outputs take their
//! places.  It decides nothing: what is done stands in the plan.
//!
//! Invariant: until [`run`] returns a report without problems, what stood at the outputs' places is still there.

mod again;
pub mod align;
mod claims;
mod earlier;
pub mod easel;
mod error;
pub mod foresee;
mod jobs;
mod ledger;
mod pictures;
mod progress;
mod reader;
pub mod stats;
pub mod sums;
pub mod values;

pub use claims::ClaimReport;
pub use earlier::Reuse;
pub use earlier::recent_files;
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
use again::Before;
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
    /// Earlier builds are gone on with, and this one is remembered.
    pub reuse: Option<Reuse>,
}

impl Default for Options {
    /// One worker per core, who also draws: pictures are the same on every machine.  Pieces are as long as their bytes stay
    /// in the second cache until they are written.
    fn default() -> Options {
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
        Options { threads, force: false, dry: false, piece: 131_072, device: Device::CPU, renew: false, reuse: None }
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
    pub aligned: Vec<Aligned>,
    /// Per output, why its tensors are made, one line per reason; empty where earlier builds are not looked at.
    pub reasons: Vec<Vec<String>>,
    /// Per output, how its tensors came about.
    pub made: Vec<Made>,
}

/// How many tensors of an output came about in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// All of it stood at its place as it should, and was left alone.
    pub unchanged: bool,
    /// Taken from an earlier output.
    pub kept: usize,
    /// Taken from a build that was killed.
    pub resumed: usize,
    pub copied: usize,
    pub decoded: usize,
    pub computed: usize,
    /// Bytes of tensors that are neither kept nor resumed.
    pub bytes: u64,
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
    let pool = pool(options.threads)?;
    let settled = pool.install(|| settled(variants, &Files { inputs: &inputs, parts: &[] }, progress))?;
    let whole = whole(&settled);
    let recipes = recipes(variants);
    let mut before = match options.reuse.filter(|_| !options.dry) {
        Some(reuse) => Some(pool.install(|| earlier::look(&recipes, &whole, &inputs, reuse, progress))?),
        None => None,
    };
    let mut staged = vec![];
    let mut parts: Vec<Part> = vec![];
    for (number, output) in whole.outputs.iter().enumerate() {
        let standing = before.as_mut().and_then(|before| before.standing(number, output));
        if let Some(standing) = standing {
            parts.extend(standing);
            staged.push(None);
            continue;
        }
        let (stage, own) = stage(number, output, &forbidden, options, before.as_mut())?;
        parts.extend(own);
        staged.push(Some(stage));
    }
    let files = Files { inputs: &inputs, parts: &parts };
    if let Some(before) = &mut before {
        pool.install(|| before.resume(&whole, &files, &staged, progress))?;
    }
    let (judged, sums) = pool.install(|| -> Result<_, Stop> {
        let sums = match &before {
            Some(before) => before.write_all(&whole, &files, &staged, options.piece, progress)?,
            None => {
                jobs::write_all(&whole, &files, options.piece, None, None, progress)?;
                vec![]
            }
        };
        jobs::seal(&whole, &files, &|output| staged[output].is_some(), progress)?;
        let runs: Vec<(&Recipe, &Plan)> =
            variants.iter().zip(&settled).map(|((recipe, _), (plan, _))| (*recipe, &**plan)).collect();
        runs.iter().try_for_each(|(recipe, plan)| claims::equal(recipe, plan, &files, progress))?;
        let judge = |(recipe, plan): &(&Recipe, &Plan)| claims::judge(recipe, plan, &files, options, progress);
        Ok((runs.iter().map(judge).collect::<Result<Vec<_>, Stop>>()?, sums))
    })?;
    inputs.verify()?;
    pool.install(|| before.iter().try_for_each(|before| before.verify(&whole, &files, progress)))?;
    let mut reports: Vec<Report> = judged
        .into_iter()
        .zip(&settled)
        .map(|((claims, renewed), (_, aligned))| Report {
            claims,
            renewed,
            aligned: aligned.clone(),
            ..Report::default()
        })
        .collect();
    if options.dry {
        return Ok(reports);
    }
    let mut made = again::made(&whole, before.as_ref()).into_iter();
    let mut reasons = before.as_ref().map_or_else(Vec::new, |before| before.reasons.clone()).into_iter();
    let mut parts = parts.into_iter();
    let mut staged = staged.into_iter().enumerate();
    let mut is_begun = false;
    for (report, (plan, _)) in reports.iter_mut().zip(&settled) {
        let failed = report.claims.iter().any(|claim| !claim.holds);
        report.made = made.by_ref().take(plan.outputs.len()).collect();
        report.reasons = reasons.by_ref().take(plan.outputs.len()).collect();
        for (output, (number, stage)) in plan.outputs.iter().zip(staged.by_ref()) {
            let mut own: Vec<Part> = parts.by_ref().take(output.parts.len()).collect();
            let Some(stage) = stage else {
                Staged::tidy(&output.path);
                // It is not made younger than what made its claim fail: who builds by times would take it for done.
                if !failed {
                    before.iter().for_each(|before| before.settled(number, output));
                    report.written.push(output.path.clone());
                }
                continue;
            };
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
                let prints = stage.commit(own)?;
                before.iter().for_each(|before| before.remember(number, output, &sums[number], &prints));
                report.written.push(output.path.clone());
            }
        }
    }
    Ok(reports)
}

/// Per output of all variants, its recipe.
fn recipes<'r>(variants: &[(&'r Recipe, &Plan)]) -> Vec<&'r Recipe> {
    let each = variants.iter().flat_map(|(recipe, plan)| std::iter::repeat_n(*recipe, plan.outputs.len()));
    each.collect()
}

/// All that plans write, as one plan without claims: they share their files already.
fn whole<'p>(settled: &'p [(Cow<Plan>, Vec<Aligned>)]) -> Cow<'p, Plan> {
    if let [(plan, _)] = settled {
        return Cow::Borrowed(plan);
    }
    let files = settled.first().map_or_else(Vec::new, |(plan, _)| plan.files.clone());
    let outputs = settled.iter().flat_map(|(plan, _)| plan.outputs.iter().cloned()).collect();
    Cow::Owned(Plan { files, outputs, ..Plan::default() })
}

/// An output under construction, and its parts with all bytes that the plan knows.
fn stage(
    number: usize,
    output: &Output,
    forbidden: &[PathBuf],
    options: &Options,
    mut before: Option<&mut Before>,
) -> Result<(Staged, Vec<Part>), Stop> {
    let kind = if output.directory { Kind::Directory } else { Kind::File };
    let digest = before.as_ref().and_then(|before| before.plans[number]);
    let stage = Staged::of(&output.path, kind, output.bytes(), forbidden, options.force, digest.as_ref())?;
    let mut parts = vec![];
    for (at, part) in output.parts.iter().enumerate() {
        let file = before.as_ref().and_then(|before| before.model(number, output, at));
        let model = before.as_ref().map(|before| &before.olds).zip(file);
        let (mut open, shares) = stage.part_like(&part.name, part.size, model)?;
        if let (Some(before), Some(file), true) = (before.as_deref_mut(), file, shares) {
            before.begun(number, output, at, file);
        }
        part.fixed.iter().try_for_each(|fixed| open.write_at(fixed.offset, &fixed.bytes))?;
        if !part.sums.is_empty() {
            open.keep_sums();
        }
        parts.push(open);
    }
    Ok((stage, parts))
}
