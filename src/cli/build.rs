//! `blend build`: the merged model.

use super::Exit;
use super::bar::Bar;
use super::bar::Unit;
use super::depfile;
use super::locked;
use super::locked::LockArgs;
use super::provenance;
use super::recipe;
use super::recipe::Outcome;
use super::recipe::RecipeArgs;
use super::render;
use super::sweep::Matrix;
use super::sweep::SweepArgs;
use super::sweep::of_variant;
use super::ui::Ui;
use super::ui::exit_of;
use crate::check;
use crate::compile::Compiled;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::exec;
use crate::exec::ClaimReport;
use crate::exec::Made;
use crate::exec::Progress;
use crate::exec::Report;
use crate::exec::Stop;
use crate::exec::align::Aligned;
use crate::exec::align::AlignedSpace;
use crate::identity;
use crate::plan::bytes_text;
use crate::plan::tally;
use crate::render::device::Device;
use crate::text::Sources;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Once;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

/// Build the outputs of a recipe
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend build recipes/stylegan2/layer-swap.blend --set edge=16
  blend build recipes/stylegan2/layer-swap.blend --sweep edge=8,16,32 --grid sheet.png
  blend build merge.blend --depfile merge.d
  blend build -e 'layer_swap(a, b, at = 32)' -m a=A.safetensors -m b=B.safetensors -o out.safetensors")]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    sweep: SweepArgs,
    /// Draw all variants of the sweep into one labelled picture
    #[arg(long, value_name = "PNG", requires = "sweeps")]
    grid: Option<PathBuf>,
    /// Write what the outputs depend on, as a rule that Make and Ninja read
    #[arg(long, value_name = "FILE")]
    depfile: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    pictures: PictureArgs,
    #[command(flatten)]
    lock: LockArgs,
    /// Write a statement of how the outputs came about, in the form of in-toto and SLSA
    #[arg(long, value_name = "FILE", conflicts_with = "sweeps")]
    provenance: Option<PathBuf>,
    /// Replace directories that blend did not write
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    reuse: ReuseArgs,
    /// Print why each group of tensors is made again
    #[arg(long)]
    explain: bool,
}

/// What may be taken from earlier builds.
#[derive(clap::Args)]
pub struct ReuseArgs {
    /// Make everything anew, whatever earlier builds have left
    #[arg(long, visible_alias = "no-cache")]
    fresh: bool,
}

/// Earlier builds are gone on with.
pub fn reuse() -> exec::Reuse {
    exec::Reuse { digests: digests_of, fresh: false, verify: false }
}

/// Digests of an input that somebody has asked for before; nothing is read to know them.
fn digests_of(input: &crate::hir::Input) -> Option<Vec<[u8; 32]>> {
    let memo = identity::Memo::of_user()?;
    let known = identity::remembered(&input.header, &input.canon, &memo)?;
    Some(known.tensors.iter().map(|tensor| *tensor.digest.as_bytes()).collect())
}

/// How to run.
#[derive(clap::Args)]
pub struct RunArgs {
    /// Worker threads; the result does not depend on it [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// What draws the pictures of claims.
#[derive(clap::Args)]
pub struct PictureArgs {
    /// What draws the pictures of claims: `cpu` gives the same verdict on every machine; `auto`, `gpu`, `software`, or
    /// part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
}

impl PictureArgs {
    pub fn device(&self) -> Device {
        self.device.parse().unwrap_or_default()
    }
}

impl RunArgs {
    /// A run that keeps what it makes.
    pub fn options(&self) -> exec::Options {
        exec::Options { threads: self.threads(), ..exec::Options::default() }
    }

    pub fn threads(&self) -> usize {
        self.threads.map_or(exec::Options::default().threads, usize::from)
    }
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    match done(args, ui) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn done(args: &Args, ui: &Ui) -> Result<Exit, Exit> {
    let mut matrix = Matrix::new(&args.recipe, &args.sweep, &|_| {}, ui)?;
    let rule = rule(args, &matrix).map_err(|problem| ui.problem(problem))?;
    let device = args.pictures.device();
    let reuse = exec::Reuse { fresh: args.reuse.fresh, verify: args.lock.verify, ..reuse() };
    let options = exec::Options { force: args.force, device, reuse: Some(reuse), ..args.run.options() };
    let threads = args.run.threads();
    let mut worst = Exit::Good;
    let mut held = None;
    for round in matrix.rounds() {
        let mut outcomes = matrix.round(&round);
        outcomes.iter_mut().try_for_each(|outcome| recipe::look_at_masks(outcome, ui))?;
        let agreed = locked::agree_all(&args.lock, &args.recipe, &mut outcomes, &mut held, threads, ui)?;
        let (reports, exit) = execute_all(&mut outcomes, &options, ui)?;
        worst = worst.max(exit);
        if args.explain {
            let texts = reports.iter().map(|report| explanation(&report.reasons));
            worst = worst.max(ui.print(&texts.collect::<String>()));
        }
        for ((outcome, report), agrees) in outcomes.iter().zip(&reports).zip(agreed) {
            let Some(compiled) = &outcome.compiled else { continue };
            if let (Some(path), false) = (&args.provenance, report.written.is_empty()) {
                provenance::write(path, compiled, &report.written, threads, ui)?;
            }
            if let (Some(held), true) = (&mut held, agrees && args.recipe.is_in_place()) {
                worst = worst.max(held.record(compiled, &report.written, ui));
            }
        }
    }
    if worst != Exit::Good {
        return Ok(worst);
    }
    if let Some((path, text)) = rule.as_ref() {
        depfile::write(path, text, &matrix).map_err(|problem| ui.problem(problem))?;
    }
    Ok(match &args.grid {
        Some(path) => render::grid(&args.recipe, &args.sweep.sweeps, matrix.is_table(), path, ui),
        None => Exit::Good,
    })
}

/// Why tensors of outputs are made, a line per reason.
pub fn explanation(reasons: &[Vec<String>]) -> String {
    reasons.iter().flatten().map(|line| format!("{line}\n")).collect()
}

/// What a build writes beside its outputs must not be one of them; the depfile and its text are known before the build.
fn rule<'a>(args: &'a Args, matrix: &Matrix) -> Result<Option<(&'a PathBuf, String)>, Problem> {
    for (option, path, other) in [("--depfile", &args.depfile, "merge.d"), ("--grid", &args.grid, "sheet.png")] {
        let Some(path) = path else { continue };
        if matrix.targets.iter().any(|target| check::plain(&target.path) == check::plain(path)) {
            let message = format!("`{option} {}` names an output of the recipe", path.display());
            return Err(Problem::new(Code("E0219"), message).help(format!("write another path: `{option} {other}`")));
        }
    }
    args.depfile.as_ref().map(|path| Ok((path, depfile::text(path, matrix)?))).transpose()
}

/// Does some work on `total` bytes with progress.
pub fn watched<T>(total: u64, ui: &Ui, work: impl FnOnce(&Progress) -> Result<T, Stop>) -> Result<T, Stop> {
    let progress = Arc::new(Progress::default());
    interruptible(&progress);
    let _display = Bar::start(total, Unit::Bytes, progress.clone(), ui);
    work(&progress)
}

/// The run that an interrupt ends: a process has one handler, `blend test` has several runs.
static RUNNING: Mutex<Option<Arc<Progress>>> = Mutex::new(None);

/// Lets Ctrl-C end the run of `progress`: soon the first time, at once the second.
pub fn interruptible(progress: &Arc<Progress>) {
    static ONCE: Once = Once::new();
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.clone());
    ONCE.call_once(|| {
        // Without a handler an interrupt just kills, which a build survives as well.
        let _ = ctrlc::set_handler(|| {
            let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
            match running.as_deref() {
                Some(progress) if !progress.cancelled() => progress.cancel(),
                _ => std::process::exit(130),
            }
        });
    });
}

/// Shows the warnings of a recipe and runs its plan.  `Err`: it could not be finished.
pub fn execute(outcome: &mut Outcome, options: &exec::Options, ui: &Ui) -> Result<Exit, Exit> {
    ui.problems(&outcome.problems, &outcome.sources);
    execute_all(std::slice::from_mut(outcome), options, ui).map(|(_, exit)| exit)
}

/// Runs the plans of some variants as one, with progress, and shows what happened.  `Err`: it could not be finished.
pub fn execute_all(outcomes: &mut [Outcome], options: &exec::Options, ui: &Ui) -> Result<(Vec<Report>, Exit), Exit> {
    recipe::join(outcomes);
    let variants: Vec<(&Outcome, &Compiled)> =
        outcomes.iter().filter_map(|outcome| Some((outcome, outcome.compiled.as_ref()?))).collect();
    let progress = Arc::new(Progress::default());
    interruptible(&progress);
    let start = Instant::now();
    for alignment in variants.iter().flat_map(|(_, compiled)| &compiled.plan.alignments) {
        let channels: u64 = alignment.spaces.iter().map(|space| space.channels).sum();
        ui.status(&format!("finding the places of {channels} channels: {}", alignment.text));
    }
    let result = {
        let total = variants.iter().map(|(_, compiled)| compiled.plan.work_bytes()).sum();
        let _display = Bar::start(total, Unit::Bytes, progress.clone(), ui);
        let runs: Vec<_> = variants.iter().map(|(_, compiled)| (&compiled.recipe, &compiled.plan)).collect();
        exec::run_all(&runs, options, &progress)
    };
    match result {
        Ok(reports) => {
            let mut exit = Exit::Good;
            for ((outcome, compiled), report) in variants.iter().zip(&reports) {
                exit = exit.max(finished(outcome, compiled, report, ui));
            }
            told(&reports, start.elapsed(), ui);
            Ok((reports, exit))
        }
        Err(stop) => {
            let none = Sources::default();
            // What a run finds is at an output, which stands in the recipe's own text: it is the same in all variants.
            let sources = variants.first().map_or(&none, |(outcome, _)| &outcome.sources);
            Err(ui.stopped_in(stop, "nothing was changed", sources))
        }
    }
}

/// What became of one variant.
fn finished(outcome: &Outcome, compiled: &Compiled, report: &Report, ui: &Ui) -> Exit {
    let mut problems = Problems::default();
    for claim in report.claims.iter().filter(|claim| !claim.holds) {
        problems.push(of_variant(failed_claim(claim), &outcome.label));
    }
    for claim in report.claims.iter().filter(|claim| claim.is_narrow) {
        problems.push(of_variant(narrow_claim(claim), &outcome.label));
    }
    let exit = ui.problems(&problems, &outcome.sources);
    for path in &report.failed {
        ui.status(&format!("kept for a look: {}", path.display()));
    }
    if exit_of(&problems) != Exit::Good {
        return exit;
    }
    for aligned in &report.aligned {
        alignment(aligned).iter().for_each(|line| ui.status(line));
    }
    for ((path, output), made) in report.written.iter().zip(&compiled.plan.outputs).zip(&report.made) {
        let (path, count, bytes) = (path.display(), output.tensors.len(), bytes_text(output.bytes()));
        ui.status(&match made {
            Made { unchanged: true, .. } => format!("{path} is as it should be: {count} tensors, {bytes}"),
            Made { kept: 0, resumed: 0, .. } => format!("wrote {path}: {count} tensors ({}), {bytes}", tally(output)),
            made => {
                format!("wrote {path}: {count} tensors ({}), {bytes}, {} of it new", ways(made), bytes_text(made.bytes))
            }
        });
    }
    exit
}

/// The last line, where anything was written.
fn told(reports: &[Report], took: Duration, ui: &Ui) {
    let mut written = reports.iter().filter(|report| !report.written.is_empty()).peekable();
    if written.peek().is_some() {
        let claims = match written.map(|report| report.claims.len()).sum::<usize>() {
            0 => String::new(),
            1 => ", 1 claim holds".into(),
            count => format!(", {count} claims hold"),
        };
        ui.status(&format!("done in {:.2} s{claims}", took.as_secs_f64()));
    }
}

/// Channel spaces that are listed one by one.
const SPACES: usize = 40;

/// What became of an alignment: a line for all of it, and one for each space in which something moved.
fn alignment(aligned: &Aligned) -> Vec<String> {
    let count = |of: fn(&AlignedSpace) -> usize| aligned.spaces.iter().map(of).sum::<usize>();
    let (moved, all) = (count(|space| space.moved), count(|space| space.channels));
    let rounds = if aligned.rounds == 1 { "1 round".into() } else { format!("{} rounds", aligned.rounds) };
    let cosine = |[before, after]: [f64; 2]| format!("cosine {before:.4} before, {after:.4} after");
    if moved == 0 {
        let [cosine, _] = aligned.cosine;
        return vec![format!("aligned {}: every channel has its place already, cosine {cosine:.4}", aligned.text)];
    }
    let mut lines = vec![format!(
        "aligned {}: {moved} of {all} channels moved in {rounds}, {}",
        aligned.text,
        cosine(aligned.cosine)
    )];
    let spaces: Vec<&AlignedSpace> = aligned.spaces.iter().filter(|space| space.moved > 0).collect();
    for space in spaces.iter().take(SPACES) {
        lines.push(format!("  {}: {} of {} moved, {}", space.name, space.moved, space.channels, cosine(space.cosine)));
    }
    if spaces.len() > SPACES {
        lines.push(format!("  and {} spaces more", spaces.len() - SPACES));
    }
    lines
}

/// `74 kept, 0 copied, 24 computed`; what did not happen is left out, but for the last two.
fn ways(made: &Made) -> String {
    let rare = [(made.kept, "kept"), (made.resumed, "resumed"), (made.decoded, "decoded")];
    let rare = rare.iter().filter(|(count, _)| *count > 0).map(|(count, way)| format!("{count} {way}, "));
    format!("{}{} copied, {} computed", rare.collect::<String>(), made.copied, made.computed)
}

fn failed_claim(claim: &ClaimReport) -> Problem {
    let mut problem = Problem::new(Code("E0620"), format!("the claim `{}` does not hold", claim.text))
        .at(claim.site, claim.lines.first().cloned().unwrap_or_else(|| "does not hold".into()))
        .help("change the recipe until it holds, or correct the claim");
    for line in claim.lines.iter().skip(1) {
        problem = problem.note(line.clone());
    }
    for path in &claim.pictures {
        problem = problem.note(format!("look at `{}`", path.display()));
    }
    problem
}

/// A claim about pictures that another machine, or a slightly other model, might see otherwise.
fn narrow_claim(claim: &ClaimReport) -> Problem {
    Problem::new(Code("W0621"), format!("the claim `{}` holds by little", claim.text))
        .at(claim.site, claim.lines.join(", "))
        .help("move the bound away from the measured value by a tenth of it, or more")
}
