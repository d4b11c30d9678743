//! `blend inputs`: what a build would read, for build systems; what is not there yet is listed all the same.

use super::Exit;
use super::recipe::RecipeArgs;
use super::recipe::Text;
use super::sweep;
use super::sweep::SweepArgs;
use super::ui::Ui;
use crate::check;
use crate::check::Planned;
use crate::compile::Disk;
use crate::compile::watched;
use crate::compile::watched::Watched;
use crate::diag::Problem;
use crate::draw::wish::Sweep;
use crate::hir::Literal;
use crate::text::Sources;
use serde_json::Value;
use serde_json::json;
use std::path::PathBuf;

/// List what a build reads, for build systems: recipes, models with all shards, pictures
#[derive(clap::Args)]
#[command(
    after_help = "\
Examples:
  blend inputs recipes/stylegan2/layer-swap.blend
  blend inputs merge.blend --json",
    after_long_help = "\
Examples:
  blend inputs recipes/stylegan2/layer-swap.blend
  blend inputs merge.blend --json

The recipe comes first, then what it names: recipes it uses, models with their shards, indexes and
configurations, files of channels and their names, architectures, pictures of claims.  A model
that is not there yet is listed as the recipe names it: another step of a pipeline may make it.

`--json` prints one object:
  inputs  path; role: recipe, model, channels, architecture or picture; present: true or false"
)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    sweep: SweepArgs,
    #[command(flatten)]
    listing: Listing,
}

/// How paths are listed.
#[derive(clap::Args)]
pub struct Listing {
    /// For programs
    #[arg(long, conflicts_with = "null")]
    json: bool,
    /// A zero byte behind each path in the place of a line end, for `xargs -0`
    #[arg(long, short = '0')]
    null: bool,
}

impl Listing {
    pub fn print(&self, paths: &[PathBuf], json: Value, ui: &Ui) -> Exit {
        if self.json {
            return ui.print(&(serde_json::to_string_pretty(&json).expect("paths and words are JSON") + "\n"));
        }
        let end = if self.null { b'\0' } else { b'\n' };
        let line = |path: &PathBuf| [path.as_os_str().as_encoded_bytes(), &[end]].concat();
        ui.write(&paths.iter().map(line).collect::<Vec<_>>().concat())
    }
}

/// The recipe that a listing is about, and its sweeps.
pub fn asked(recipe: &RecipeArgs, sweep: &SweepArgs) -> Result<(Text, Vec<Sweep>), Problem> {
    let text = Text::read(recipe, &|_| {})?;
    let sweeps = sweep::parsed(sweep, &text.settings)?;
    Ok((text, sweeps))
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let (text, sweeps) = match asked(&args.recipe, &args.sweep) {
        Ok(asked) => asked,
        Err(problem) => return ui.problem(problem),
    };
    let mut found: Vec<(PathBuf, &str)> = text.file.iter().map(|path| (path.clone(), "recipe")).collect();
    for variant in sweep::combinations(&sweeps) {
        let (_, watched) = match outline(&text, &variant.sets, ui) {
            Ok(found) => found,
            Err(exit) => return exit,
        };
        for (path, role) in watched.files() {
            if !found.iter().any(|(known, _)| *known == path) {
                found.push((path, role.name()));
            }
        }
    }
    let row = |(path, role): &(PathBuf, &str)| json!({ "path": path.to_string_lossy(), "role": role, "present": path.exists() });
    let json = json!({ "inputs": found.iter().map(row).collect::<Vec<_>>() });
    let paths: Vec<PathBuf> = found.into_iter().map(|(path, _)| path).collect();
    args.listing.print(&paths, json, ui)
}

/// What the text of a recipe alone says: its outputs, and the files that it names.  Problems that do not depend on models
/// are shown.
pub fn outline(text: &Text, sets: &[(String, Literal)], ui: &Ui) -> Result<(Vec<Planned>, Watched<'static>), Exit> {
    let mut settings = text.settings.clone();
    settings.sets.extend_from_slice(sets);
    let watched = Watched::blind(&Disk);
    let mut sources = Sources::default();
    let root = sources.add(text.name.clone(), text.text.clone()).id;
    let checked = check::recipe(&mut sources, root, &text.base, &settings, &watched);
    let problems = watched::seen(&checked.problems);
    match ui.problems(&problems, &sources) {
        Exit::Good => Ok((checked.planned, watched)),
        exit => Err(exit),
    }
}

/// A value of a parameter, for programs.
pub fn value(literal: &Literal) -> Value {
    match literal {
        Literal::Number(number) => json!(number),
        Literal::Bool(truth) => json!(truth),
        Literal::Text(text) => json!(&**text),
    }
}
