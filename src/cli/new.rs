//! `blend new`: a commented starter recipe for the files at hand.

use super::Exit;
use super::recipe::quoted;
use super::ui::Ui;
use crate::arch;
use crate::arch::Canon;
use crate::diag::Code;
use crate::diag::Problem;
use crate::store;
use crate::syntax;
use crate::tensor::Coord;
use std::path::Path;
use std::path::PathBuf;

/// Write a starter recipe for some checkpoints
#[derive(clap::Args)]
pub struct Args {
    /// Checkpoints: files, or directories of shards
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// Layer swap of two generators: blocks below N pixels from the first, the others from the second
    #[arg(long, value_name = "N")]
    swap: Option<u32>,
    /// Where the recipe goes [default: standard output]
    #[arg(long, short, value_name = "RECIPE")]
    output: Option<PathBuf>,
    /// Replace a recipe that is there
    #[arg(long)]
    force: bool,
}

/// A model of the recipe to be.
struct Model {
    name: String,
    path: String,
    canon: Canon,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let text = match text(args) {
        Ok(text) => text,
        Err(problem) => return ui.problem(problem),
    };
    let text = match super::fmt::formatted("<new>", &text, ui) {
        Ok(text) => text,
        Err(exit) => return exit,
    };
    let Some(path) = &args.output else { return ui.print(&text) };
    if path.exists() && !args.force {
        let problem = Problem::new(Code("E0219"), format!("`{}` is there already", path.display()));
        return ui.problem(problem.help("choose another name, or replace it with `--force`"));
    }
    match store::write_text(path, &text) {
        Ok(()) => {
            ui.status(&format!("wrote {0}; build it with `blend build {0}`", path.display()));
            Exit::Good
        }
        Err(problem) => ui.problem(problem),
    }
}

fn text(args: &Args) -> Result<String, Problem> {
    let mut models: Vec<Model> = vec![];
    for path in &args.models {
        let header = store::open(path)?;
        let canon = arch::detect(&header, None, None)?;
        let name = free_name(path, &models);
        models.push(Model { name, path: relative(path, args.output.as_deref()), canon });
    }
    let mut out = String::from(
        "blend 1\n\n# A starter recipe: change it, then `blend plan` shows what it does, `blend build` does it.\n\n",
    );
    for model in &models {
        let facts: Vec<String> = model.canon.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join("; ")) };
        out.push_str(&format!("# {} ({}){facts}\n", model.canon.family, model.canon.layout));
        out.push_str(&format!("model {} = {}\n", model.name, quoted(&model.path)));
    }
    out.push('\n');
    out.push_str(&body(args, &models)?);
    let stem: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    out.push_str(&format!("\noutput \"out/{}.safetensors\" = merged\n\nassert finite(merged)\n", stem.join("-")));
    Ok(out)
}

/// The merge itself, by what the networks are.
fn body(args: &Args, models: &[Model]) -> Result<String, Problem> {
    let has = |coord: Coord| {
        models.iter().all(|model| model.canon.tensors.iter().any(|tensor| tensor.traits.coord(coord).is_some()))
    };
    let families_differ = models.iter().any(|model| model.canon.family != models[0].canon.family);
    if families_differ {
        let families: Vec<String> =
            models.iter().map(|model| format!("`{}` is {}", model.path, model.canon.family)).collect();
        return Err(Problem::new(Code("E0219"), "the models are of different families, which share no tensors")
            .note(families.join(", "))
            .help("give models of one family: `blend inspect FILE` tells what a file is"));
    }
    if let Some(edge) = args.swap {
        let [low, high] = models else {
            let problem =
                Problem::new(Code("E0219"), format!("`--swap` takes two models, and {} are given", models.len()));
            return Err(problem.help(format!("write `blend new A B --swap {edge}`")));
        };
        if !has(Coord::Resolution) {
            let problem = Problem::new(Code("E0219"), "`--swap` needs generators, whose layers have a resolution");
            return Err(problem.help("leave `--swap` away"));
        }
        return Ok(format!(
            "# Structure from {low}, texture from {high}: blocks below `edge` pixels are {low}'s, the others {high}'s.\n\
             param edge = {edge}\n\n# Who gives the mapping network decides what a latent means.\n\
             let merged = std.layer_swap({low}, {high}, at = edge, mapping = {low})\n",
            low = low.name,
            high = high.name,
        ));
    }
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    Ok(match names.as_slice() {
        [one] => format!("# One model: its tensors are moved as they are.\nlet merged = {one}\n"),
        [a, b] if has(Coord::Resolution) => format!(
            "# The share of {b}, by resolution: `ramp(octave, 2, 6)` goes from 0 at 4 pixels to 1 at 64.\n\
             let share = match {{\n  mapping => 0 # whose latents: 0 is {a}, 1 is {b}\n  maybe resolution => ramp(octave, 2, 6)\n  else => 0\n}}\n\n\
             let merged = mix({a}, {b}, share)\n"
        )
        .replace("  maybe resolution => ramp(octave, 2, 6)\n", "  resolution 4.. => ramp(octave, 2, 6)\n"),
        [a, b] if has(Coord::Depth) => format!(
            "# The share of {b}, by depth: 0 in the first layer, 1 in the last; half outside the layers.\n\
             let share = match {{\n  layer 0.. => gradient([0, 1])\n  else => 0.5\n}}\n\n\
             let merged = mix({a}, {b}, share)\n"
        ),
        [a, b] => format!("# The share of {b}: 0 is all {a}, 1 is all {b}.\nparam share = 0.5 in 0..1\n\nlet merged = mix({a}, {b}, share)\n"),
        many => {
            let inputs: Vec<String> = many.iter().map(|name| format!("{name} {{ weight = 1 }}")).collect();
            format!("# Weights are divided by their sum.\nlet merged = linear({})\n", inputs.join(", "))
        }
    })
}

/// A name that the language allows and no model has, from the file's own.
fn free_name(path: &Path, models: &[Model]) -> String {
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().to_lowercase());
    // What models of one series share says nothing: `avatars-toon` is `toon`.
    let last =
        stem.rsplit(['-', '.']).find(|part| part.chars().any(|c| c.is_ascii_alphabetic())).unwrap_or("").to_string();
    let clean = |text: &str| -> String {
        let text: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        text.trim_matches('_').trim_start_matches(|c: char| c.is_ascii_digit() || c == '_').to_string()
    };
    let taken = |name: &str| models.iter().any(|model| model.name == name);
    let fits = |name: &String| {
        !name.is_empty() && !syntax::is_reserved(name) && !taken(name) && name != "merged" && name != "share"
    };
    [clean(&last), clean(&stem)]
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| (1..).map(|n| format!("model_{n}")).find(fits).expect("some number is free"))
}

/// The path as the recipe must write it: relative to the recipe's own folder.
fn relative(path: &Path, recipe: Option<&Path>) -> String {
    let folder = recipe.and_then(Path::parent).unwrap_or(Path::new(""));
    let (Ok(from), Ok(to)) = (std::path::absolute(folder.join("x")), std::path::absolute(path)) else {
        return path.display().to_string();
    };
    if path.is_absolute() || folder == Path::new("") {
        return path.display().to_string();
    }
    let from: Vec<_> = from.parent().unwrap_or(Path::new("/")).components().collect();
    let to: Vec<_> = to.components().collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let ups = std::iter::repeat_n("..".to_string(), from.len() - common);
    let downs = to[common..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    ups.chain(downs).collect::<Vec<_>>().join("/")
}
