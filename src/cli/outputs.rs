//! `blend outputs`: what a build would write, for build systems; the models need not be there.

use super::Exit;
use super::inputs::Listing;
use super::inputs::asked;
use super::inputs::outline;
use super::recipe::RecipeArgs;
use super::sweep;
use super::sweep::SweepArgs;
use super::ui::Ui;
use serde_json::Value;
use serde_json::json;

/// List what a build writes, for build systems; models need not be there
#[derive(clap::Args)]
#[command(
    after_help = "\
Examples:
  blend outputs recipes/stylegan2/layer-swap.blend
  blend outputs merge.blend --sweep strength=0..1:0.25 --null | xargs -0 rm -f",
    after_long_help = "\
Examples:
  blend outputs recipes/stylegan2/layer-swap.blend
  blend outputs merge.blend --sweep strength=0..1:0.25 --null | xargs -0 rm -f

Only recipes are read: outputs depend on the text and on its parameters.  Paths are those that a
depfile names: as the recipe writes them, from where you are.

`--json` prints one object:
  outputs  path; kind: file or directory; set: values of swept parameters"
)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    sweep: SweepArgs,
    #[command(flatten)]
    listing: Listing,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let (text, sweeps) = match asked(&args.recipe, &args.sweep) {
        Ok(asked) => asked,
        Err(problem) => return ui.problem(problem),
    };
    let mut paths = vec![];
    let mut rows: Vec<Value> = vec![];
    for variant in sweep::combinations(&sweeps) {
        let (planned, _) = match outline(&text, &variant.sets, ui) {
            Ok(found) => found,
            Err(exit) => return exit,
        };
        let set: serde_json::Map<String, Value> =
            variant.sets.iter().map(|(name, value)| (name.clone(), super::inputs::value(value))).collect();
        for output in planned {
            let kind = if output.directory { "directory" } else { "file" };
            rows.push(json!({ "path": output.path.to_string_lossy(), "kind": kind, "set": set }));
            if !paths.contains(&output.path) {
                paths.push(output.path);
            }
        }
    }
    args.listing.print(&paths, json!({ "outputs": rows }), ui)
}
