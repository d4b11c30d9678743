//! `blend channels`: which channels of a generator draw what.

use super::Exit;
use super::build::interruptible;
use super::recipe;
use super::recipe::quoted;
use super::ui::Ui;
use crate::arch::Canon;
use crate::compile::Compiled;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::diag::shown;
use crate::draw::Easel;
use crate::draw::subject;
use crate::draw::subject::Model;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::render::device::Device;
use crate::store::Inputs;
use crate::text::Sources;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

mod find;
mod name;
mod score;
mod show;

/// Find the channels that draw a part of the picture, name them, score them
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Find(Box<find::Args>),
    Name(name::Args),
    Score(Box<score::Args>),
    Show(show::Args),
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let done = match &args.verb {
        Verb::Find(args) => find::run(args, ui),
        Verb::Name(args) => name::run(args, ui),
        Verb::Score(args) => score::run(args, ui),
        Verb::Show(args) => show::run(args, ui),
    };
    match done {
        Ok(exit) | Err(exit) => exit,
    }
}

/// Generators as they lie on the disk.
struct Opened {
    compiled: Compiled,
    sources: Sources,
    /// One per path, labelled with its stem.
    models: Vec<Model>,
}

impl Opened {
    /// The tensors of a model, by number.
    fn canon(&self, model: usize) -> &Canon {
        &self.compiled.recipe.inputs[model].canon
    }

    /// Files that nothing may replace.
    fn inputs(&self) -> Vec<PathBuf> {
        self.compiled.recipe.inputs.iter().map(|input| input.path.clone()).collect()
    }
}

/// Reads the headers of generators; `key` names the dictionary of a pickle.
fn open(paths: &[PathBuf], key: Option<&str>, ui: &Ui) -> Result<Opened, Exit> {
    let mut text = String::from("blend 1\n");
    let key = key.map_or(String::new(), |key| format!(" {{ key = {} }}", quoted(key)));
    for (number, path) in paths.iter().enumerate() {
        if path.extension().is_some_and(|ending| ending == "blend") {
            return Err(ui.problem(is_recipe(path)));
        }
        let (name, path) = (format!("m{number}"), quoted(&path.to_string_lossy()));
        text.push_str(&format!("model {name} = {path}{key}\noutput \"{name}.safetensors\" = {name}\n"));
    }
    let outcome = recipe::compile_text("<channels>", text, ui)?;
    let Some(compiled) = outcome.compiled else { return Err(Exit::Wrong) };
    let mut models = vec![];
    for (found, path) in subject::parents(&compiled, None).into_iter().zip(paths) {
        let label = path.file_stem().map_or("model".into(), |stem| stem.to_string_lossy().into_owned());
        match found {
            Ok(model) => models.push(Model { label, ..model }),
            Err((_, problem)) => {
                let problem = problem.note(format!("it is `{}`", shown::path(path)));
                return Err(ui.problems(&Problems::from(problem), &outcome.sources));
            }
        }
    }
    Ok(Opened { compiled, sources: outcome.sources, models })
}

fn is_recipe(path: &Path) -> Problem {
    let name = shown::path(path);
    Problem::new(Code("E0765"), format!("`{name}` is a recipe, a generator was expected"))
        .help(format!("build it first: `blend build {name}`, then give its output"))
}

/// Puts every model on a device of its own and works with them, on so many workers.
fn with_easels<T: Send>(
    opened: &Opened,
    device: &Device,
    threads: usize,
    progress: &Arc<Progress>,
    ui: &Ui,
    work: impl FnOnce(&mut [Easel], &Inputs) -> Result<T, Stop> + Send,
) -> Result<T, Exit> {
    interruptible(progress);
    let put = || -> Result<T, Stop> {
        // All models of one compilation have one table of files.
        let files = opened.models.first().map(|model| model.files.clone()).unwrap_or_default();
        let inputs = Inputs::open(&files)?;
        let mut easels = vec![];
        for model in &opened.models {
            let mut easel = Easel::new(device.clone());
            easel.put(&model.drawing, &inputs, progress)?;
            easels.push(easel);
        }
        let done = work(&mut easels, &inputs)?;
        inputs.verify()?;
        Ok(done)
    };
    let done = crate::exec::pool(threads).and_then(|pool| pool.install(put));
    done.map_err(|stop| ui.stopped_in(stop, "nothing was written", &opened.sources))
}
