//! What is drawn: the models that the targets of the command line give.

use super::Args;
use super::report;
use crate::cli::Exit;
use crate::cli::locked;
use crate::cli::recipe;
use crate::cli::recipe::Outcome;
use crate::cli::recipe::RecipeArgs;
use crate::cli::recipe::quoted;
use crate::cli::ui::Ui;
use crate::compile::Compiled;
use crate::diag::Problems;
use crate::diag::shown;
use crate::draw::subject;
use crate::draw::subject::Model;
use crate::draw::subject::PSI;
use crate::draw::subject::Variant;
use crate::draw::wish;
use crate::draw::wish::Sweep;
use crate::lock;
use crate::text::Sources;
use std::path::Path;
use std::path::PathBuf;

/// Combinations of listed parameters that a sheet shows without being asked.
const LISTED: usize = 24;

/// What one target of the command line gives.
pub struct Target {
    pub name: String,
    pub parents: Vec<Model>,
    pub models: Vec<Model>,
    /// Files that no picture may replace.
    pub inputs: Vec<PathBuf>,
    /// The sweeps that were made, for matrices.
    pub sweeps: Vec<Sweep>,
    /// What a report tells of it.
    pub told: report::Told,
}

/// The models of a recipe: what it is made of, and its outputs for every value of the sweeps.
pub fn of_recipe(
    recipe: &RecipeArgs,
    args: &Args,
    size: Option<[usize; 2]>,
    sweeps: &[Sweep],
    ui: &Ui,
) -> Result<Target, Exit> {
    let demand = |outcome: &mut Outcome| {
        locked::demand(&args.lock, recipe, std::slice::from_mut(outcome), args.run.threads(), ui)
    };
    let mut first = recipe::compile(recipe, ui)?;
    demand(&mut first)?;
    recipe::look_at_masks(&mut first, ui)?;
    ui.problems(&first.problems, &first.sources);
    let Some(compiled) = &first.compiled else { return Err(Exit::Wrong) };
    let mut target = target_of(&recipe.name(), compiled, args, size, &first.sources, ui)?;
    if args.report.is_some() {
        target.told = report::of(compiled, args, &first.sources, ui)?;
    }
    target.sweeps = match sweeps {
        // A walk shows the recipe as it is.
        [] if args.walk => vec![],
        [] => subject::listed(&compiled.recipe, &set_names(args), LISTED),
        sweeps => sweeps.to_vec(),
    };
    // Rows of one output follow each other, whatever the parameters.
    let mut by_output: Vec<Vec<Model>> = vec![];
    for variant in subject::variants(&target.sweeps) {
        let mut again;
        let (compiled, sources) = if variant.sets.is_empty() {
            (compiled, &first.sources)
        } else {
            again = recipe::compile_set(recipe, &variant.sets, ui)?;
            demand(&mut again)?;
            let Some(compiled) = &again.compiled else { return Err(Exit::Wrong) };
            (compiled, &again.sources)
        };
        let models = subject::outputs(compiled, &variant, size);
        let models = models.map_err(|problem| ui.problems(&Problems::from(problem), sources))?;
        by_output.resize_with(models.len().max(by_output.len()), Vec::new);
        for (at, (rows, model)) in by_output.iter_mut().zip(models).enumerate() {
            let parent = target.parents.first().filter(|_| args.parts);
            let parts = parent.map_or(vec![], |parent| subject::parts(compiled, at, &model, parent));
            rows.push(model);
            rows.extend(parts);
        }
    }
    target.models = by_output.into_iter().flatten().collect();
    Ok(target)
}

/// The parents of a recipe, and no model yet.
fn target_of(
    name: &str,
    compiled: &Compiled,
    args: &Args,
    size: Option<[usize; 2]>,
    sources: &Sources,
    ui: &Ui,
) -> Result<Target, Exit> {
    let mut parents = vec![];
    if !args.no_parents {
        for parent in subject::parents(compiled, size) {
            match parent {
                Ok(parent) => parents.push(parent),
                Err((name, problem)) => ui.status(&format!("`{name}` is not drawn: {}", problem.message)),
            }
        }
    }
    if compiled.recipe.outputs.is_empty() {
        return Err(ui.problems(&Problems::from(wish::no_output(name)), sources));
    }
    let inputs = compiled.recipe.inputs.iter().map(|input| input.path.clone()).collect();
    Ok(Target { name: name.into(), parents, models: vec![], inputs, sweeps: vec![], told: report::Told::default() })
}

/// A checkpoint is drawn as the recipe that copies it.
pub fn of_checkpoint(
    path: &Path,
    args: &Args,
    size: Option<[usize; 2]>,
    sweeps: &[Sweep],
    ui: &Ui,
) -> Result<Target, Exit> {
    if args.lock.locked {
        return Err(ui.problem(lock::not_a_file(&format!("the checkpoint `{}`", shown::path(path)))));
    }
    let key = args.key.as_ref().map_or(String::new(), |key| format!(" {{ key = {} }}", quoted(key)));
    let written = path.to_string_lossy();
    let text = format!("blend 1\n\nmodel drawn = {}{key}\n\noutput \"out.safetensors\" = drawn\n", quoted(&written));
    let outcome = recipe::compile_text("<render>", text, ui)?;
    let Some(compiled) = &outcome.compiled else { return Err(Exit::Wrong) };
    let name = path.file_stem().map_or("model".into(), |stem| stem.to_string_lossy().into_owned());
    let mut target = Target {
        name: name.clone(),
        parents: vec![],
        models: vec![],
        inputs: compiled.recipe.inputs.iter().map(|input| input.path.clone()).collect(),
        sweeps: sweeps.iter().filter(|sweep| sweep.name == PSI).cloned().collect(),
        told: report::Told { files: report::files(compiled), ..report::Told::default() },
    };
    let parents = subject::parents(compiled, size).into_iter().next();
    let model = match parents {
        Some(Ok(model)) => model,
        Some(Err((_, problem))) => {
            return Err(
                ui.problems(&Problems::from(problem.note(format!("it is `{}`", path.display()))), &outcome.sources)
            );
        }
        None => return Err(Exit::Wrong),
    };
    for Variant { psi, detail, .. } in subject::variants(&target.sweeps) {
        target.models.push(Model { label: name.clone(), detail, psi, ..model.clone() });
    }
    Ok(target)
}

/// The parameters that `--set` sets.
fn set_names(args: &Args) -> Vec<String> {
    args.sets.iter().filter_map(|set| set.split_once('=')).map(|(name, _)| name.trim().to_string()).collect()
}
