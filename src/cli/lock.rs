//! `blend lock`: what a recipe's inputs are, written down.

use super::Exit;
use super::build::RunArgs;
use super::locked;
use super::recipe;
use super::recipe::RecipeArgs;
use super::ui::Ui;
use crate::compile::Compiled;
use crate::diag::Problems;
use crate::identity::Identity;
use crate::lock;
use crate::lock::Lock;
use crate::plan::bytes_text;
use std::path::Path;

/// Write the lock of a recipe: what its inputs are, and what it means
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend lock merge.blend
  blend lock merge.blend --update faces
  blend lock merge.blend --verify

The lock is RECIPE.lock, and belongs into git. Builds add the digests of their outputs to it. Digests of files
that have not changed are remembered in BLEND_CACHE_DIR, XDG_CACHE_HOME/blend or ~/.cache/blend.")]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Accept what this model is now; the others stay as they are locked. May be repeated
    #[arg(long, value_name = "MODEL")]
    update: Vec<String>,
    /// Read all inputs and compare them with the lock, which stays as it is
    #[arg(long, conflicts_with = "update")]
    verify: bool,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    match done(args, ui) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn done(args: &Args, ui: &Ui) -> Result<Exit, Exit> {
    let Some(file) = args.recipe.file() else {
        return Err(ui.problem(lock::not_a_file("a recipe of the command line or of standard input")));
    };
    let mut outcome = recipe::compile(&args.recipe, ui)?;
    if args.verify {
        let lock = locked::LockArgs { locked: true, verify: true };
        locked::agree(&lock, &args.recipe, &mut outcome, args.run.threads(), ui)?;
        ui.status(&format!("{} holds", lock::path_of(file).display()));
        return Ok(Exit::Good);
    }
    let warned = ui.problems(&outcome.problems, &outcome.sources);
    let Some(compiled) = &outcome.compiled else { return Err(Exit::Wrong) };
    let names: Vec<&str> = compiled.recipe.inputs.iter().map(|input| &*input.name).collect();
    let unknown = args.update.iter().filter(|name| !names.contains(&name.as_str()));
    let mut problems = Problems::default();
    unknown.for_each(|name| problems.push(lock::no_such_input(name, &names)));
    if problems.has_errors() {
        return Err(ui.problems(&problems, &outcome.sources));
    }
    let path = lock::path_of(file);
    // Without `--update` the old lock need not even be readable.
    let old = match lock::read(&path) {
        Err(problem) if !args.update.is_empty() => return Err(ui.problem(problem)),
        old => old.ok().flatten(),
    };
    let kept = |at: usize| held(&old, compiled, at, &args.update);
    let wanted = |at: usize| kept(at).is_none();
    let identities = locked::identities_of(compiled, &wanted, args.run.threads(), false, ui)?;
    let mut new = locked::now(&args.recipe, compiled, &identities, args.run.threads(), ui)?;
    new.inputs.extend((0..compiled.recipe.inputs.len()).filter_map(kept));
    if let Some(old) = &old {
        new.outputs = lock::held(old, &new);
    }
    let wrote = lock::write(&path, &new).map_err(|problem| ui.problem(problem))?;
    ui.status(&said(&path, wrote, compiled, &identities));
    Ok(warned)
}

/// What was locked of a model and stays, because `--update` names others.
fn held(old: &Option<Lock>, compiled: &Compiled, at: usize, update: &[String]) -> Option<lock::Input> {
    let (input, name) = (&compiled.recipe.inputs[at], &compiled.recipe.names[at]);
    if update.is_empty() || update.iter().any(|name| **name == *input.name) {
        return None;
    }
    let key = (name.path.as_str(), name.options_text());
    let locked = old.as_ref()?.inputs.iter().find(|locked| locked.key() == (key.0, key.1.as_str()))?;
    Some(lock::Input { name: input.name.to_string(), ..locked.clone() })
}

fn said(path: &Path, wrote: bool, compiled: &Compiled, identities: &[Option<Identity>]) -> String {
    let bytes: u64 = compiled.recipe.inputs.iter().map(|input| input.header.size()).sum();
    let is_read = |identity: &&Option<Identity>| identity.as_ref().is_some_and(|identity| !identity.remembered);
    let known = identities.len() - identities.iter().filter(is_read).count();
    let models = match identities.len() {
        1 => "1 model".to_string(),
        count => format!("{count} models"),
    };
    let remembered = if known > 0 { format!(", {known} not read again") } else { String::new() };
    let what = if wrote { "wrote" } else { "unchanged:" };
    format!("{what} {}: {models}, {}{remembered}", path.display(), bytes_text(bytes))
}
