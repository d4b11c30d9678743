//! What builds have to do with locks: whether the lock holds, before; what came of it, after.

use super::Exit;
use super::build;
use super::recipe;
use super::recipe::Outcome;
use super::recipe::RecipeArgs;
use super::ui::Ui;
use crate::compile::Compiled;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::hir;
use crate::identity;
use crate::identity::Identity;
use crate::identity::Memo;
use crate::lock;
use crate::lock::Lock;
use crate::store;
use std::path::Path;
use std::path::PathBuf;

/// Whether the lock must hold.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LockArgs {
    /// Refuse to work unless recipe and inputs are those of its lock
    #[arg(long)]
    pub locked: bool,
    /// Believe nothing that was remembered: for `--locked` all inputs are read, and a build compares what it takes of earlier
    /// outputs with the sums of their builds
    #[arg(long)]
    pub verify: bool,
}

/// A lock that holds.
pub struct Held {
    lock: Lock,
    path: PathBuf,
    locked: bool,
    threads: usize,
}

/// The digests of all inputs of a recipe, with progress.
pub fn identities(compiled: &Compiled, threads: usize, verify: bool, ui: &Ui) -> Result<Vec<Identity>, Exit> {
    let all = |_: usize| true;
    Ok(identities_of(compiled, &all, threads, verify, ui)?.into_iter().flatten().collect())
}

/// The same of some: the others have none.
pub fn identities_of(
    compiled: &Compiled,
    is_wanted: &dyn Fn(usize) -> bool,
    threads: usize,
    verify: bool,
    ui: &Ui,
) -> Result<Vec<Option<Identity>>, Exit> {
    let inputs = || compiled.recipe.inputs.iter().enumerate().map(|(at, input)| (is_wanted(at), input));
    let work =
        |(wanted, input): (bool, &hir::Input)| if wanted { identity::work(&input.header, &input.canon) } else { 0 };
    let memo = Memo::of_user();
    build::watched(inputs().map(work).sum(), ui, |progress| {
        let options = identity::Options { threads, memo: memo.as_ref(), verify };
        let of = |(wanted, input): (bool, &hir::Input)| {
            let wanted = wanted.then(|| identity::of(&input.header, &input.canon, &options, progress));
            wanted.transpose()
        };
        inputs().map(of).collect()
    })
    .map_err(|stop| ui.stopped(stop, "nothing was changed"))
}

/// What a lock would say now of the inputs with an identity.
pub fn now(
    args: &RecipeArgs,
    compiled: &Compiled,
    identities: &[Option<Identity>],
    threads: usize,
    ui: &Ui,
) -> Result<Lock, Exit> {
    let meaning = recipe::normal(&args.unset(), ui)?;
    lock::now(&compiled.recipe, &meaning, identities, threads, &Progress::default())
        .map_err(|stop| ui.stopped(stop, "nothing was changed"))
}

/// Compares a recipe with its lock, where it has one.  A lock that holds goes into what is written; one that does not is
/// a warning, or with `--locked` the end.
pub fn agree(
    args: &LockArgs,
    recipe: &RecipeArgs,
    outcome: &mut Outcome,
    threads: usize,
    ui: &Ui,
) -> Result<Option<Held>, Exit> {
    let Some(file) = recipe.file() else {
        return match args.locked {
            true => Err(ui.problem(lock::not_a_file("a recipe of the command line or of standard input"))),
            false => Ok(None),
        };
    };
    let path = lock::path_of(file);
    let old = match lock::read(&path) {
        Ok(Some(old)) => old,
        Ok(None) if args.locked => return Err(ui.problem(lock::nothing_locked(file))),
        Ok(None) => return Ok(None),
        Err(problem) => return Err(ui.problem(problem)),
    };
    let Some(compiled) = &mut outcome.compiled else { return Ok(None) };
    let identities = identities(compiled, threads, args.verify, ui)?;
    let found: Vec<Option<Identity>> = identities.iter().cloned().map(Some).collect();
    let new = now(recipe, compiled, &found, threads, ui)?;
    let drift = lock::drift::of(&old, &new, &compiled.recipe, file);
    if drift.is_empty() {
        let roots = identities.iter().map(|identity| identity.root.to_hex().to_string());
        compiled.lock(roots.collect());
        return Ok(Some(Held { lock: old, path, locked: args.locked, threads }));
    }
    if !args.locked {
        outcome.problems.push(lock::outdated(file, &drift));
        return Ok(None);
    }
    let mut problems = Problems::default();
    drift.into_iter().for_each(|problem| problems.push(problem));
    Err(ui.problems(&problems, &outcome.sources))
}

/// With `--locked` the lock must hold for all variants; without it nobody looks.  For verbs that build nothing.
pub fn demand(
    args: &LockArgs,
    recipe: &RecipeArgs,
    outcomes: &mut [Outcome],
    threads: usize,
    ui: &Ui,
) -> Result<(), Exit> {
    for outcome in outcomes.iter_mut().filter(|_| args.locked) {
        agree(args, recipe, outcome, threads, ui)?;
    }
    Ok(())
}

/// What [`agree`] does, for the variants of a sweep, which have one lock: which of them it holds for.  What is wrong with
/// it is shown once.
pub fn agree_all(
    args: &LockArgs,
    recipe: &RecipeArgs,
    outcomes: &mut [Outcome],
    held: &mut Option<Held>,
    threads: usize,
    ui: &Ui,
) -> Result<Vec<bool>, Exit> {
    let (mut agreed, mut is_shown) = (vec![], false);
    for outcome in outcomes {
        let own = agree(args, recipe, outcome, threads, ui)?;
        if !is_shown && !outcome.problems.is_empty() {
            ui.problems(&outcome.problems, &outcome.sources);
            is_shown = true;
        }
        outcome.problems = Problems::default();
        agreed.push(own.is_some());
        if held.is_none() {
            *held = own;
        }
    }
    Ok(agreed)
}

impl Held {
    /// Compares what was built with what the lock says, and notes it there unless the lock is not to be touched.
    pub fn record(&mut self, compiled: &Compiled, written: &[PathBuf], ui: &Ui) -> Exit {
        let mut problems = Problems::default();
        for (path, output) in written.iter().zip(&compiled.recipe.outputs) {
            let bytes =
                compiled.plan.outputs.iter().find(|plan| plan.path == output.path).map_or(0, |plan| plan.bytes());
            // Files and tensors.
            let read =
                build::watched(bytes * 2, ui, |progress| of_output(compiled, output, path, self.threads, progress));
            let identity = match read {
                Ok(identity) => identity,
                Err(stop) => return ui.stopped(stop, "nothing was changed"),
            };
            let built = lock::output(&output.from_root, path, &compiled.semantic, &identity);
            match self.lock.outputs.iter_mut().find(|known| known.path == built.path) {
                Some(known) => {
                    if let Some(problem) = lock::drift::output(known, &built, path) {
                        problems.push(problem);
                    } else if self.locked && known.recipe == built.recipe && known.files != built.files {
                        ui.status(&format!(
                            "{}: the tensors are those of the lock, its metadata is not: the recipe is written otherwise",
                            path.display()
                        ));
                    }
                    *known = built;
                }
                None => self.lock.outputs.push(built),
            }
        }
        let exit = ui.problems(&problems, &Default::default());
        if self.locked || exit != Exit::Good {
            return exit;
        }
        match lock::write(&self.path, &self.lock) {
            Ok(_) => exit,
            Err(problem) => ui.problem(problem),
        }
    }
}

/// The digests of an output.
fn of_output(
    compiled: &Compiled,
    output: &hir::Output,
    path: &Path,
    threads: usize,
    progress: &Progress,
) -> Result<Identity, Stop> {
    let read = || -> Result<_, Problem> {
        let mut header = store::open(path, None)?;
        let own = hir::own_of(&compiled.recipe.inputs, &output.layout);
        let mut canon = crate::arch::detect(&header, own, Some(&output.layout))?;
        crate::arch::complete(&mut header, &mut canon);
        Ok((header, canon))
    };
    let (header, canon) = read()?;
    let options = identity::Options { threads, memo: None, verify: true };
    identity::of(&header, &canon, &options, progress)
}
