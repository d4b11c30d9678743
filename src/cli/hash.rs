//! `blend hash`: what a recipe means, as a number.

use super::Exit;
use super::recipe;
use super::recipe::RecipeArgs;
use super::ui::Ui;
use crate::normal::EDITION;
use crate::normal::story;
use serde_json::json;

/// Print the semantic hash of a recipe: the same for every way to write what it means
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend hash recipes/stylegan2/ramp.blend
  blend hash merge.blend --set strength=0.5 --explain

No model is read: of models, paths and options count.  Names, order, layout, comments, `0.50` for `0.5`, and
what a `let` or a function is called or whether there is one do not; versions of methods do.")]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Print the normal form that is hashed
    #[arg(long)]
    explain: bool,
    /// For programs
    #[arg(long, conflicts_with = "explain")]
    json: bool,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let normal = match recipe::normal(&args.recipe, ui) {
        Ok(normal) => normal,
        Err(exit) => return exit,
    };
    if args.explain {
        return ui.print(&story::tell(&normal));
    }
    let digest = normal.digest().to_hex();
    if args.json {
        let methods: serde_json::Map<String, serde_json::Value> =
            normal.methods.iter().map(|(name, version)| (name.to_string(), json!(version))).collect();
        let text = json!({ "semantic": digest.as_str(), "edition": EDITION, "methods": methods });
        return ui.print(&format!("{text}\n"));
    }
    ui.print(&format!("{digest}\n"))
}
