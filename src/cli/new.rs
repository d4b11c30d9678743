//! `blend new`: a commented starter recipe for the files at hand.

use super::Exit;
use super::recipe::quoted;
use super::recipe::with_key_option;
use super::ui::Ui;
use crate::arch;
use crate::arch::Canon;
use crate::diag::Code;
use crate::diag::Problem;
use crate::store;
use crate::syntax;
use crate::tensor::Coord;
use crate::tensor::Dtype;
use std::path::Path;
use std::path::PathBuf;

/// Write a starter recipe for some checkpoints
#[derive(clap::Args)]
#[command(after_help = "Example: blend new toon.safetensors ink.safetensors --swap 32 -o merge.blend")]
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
    /// The dictionary that is meant in all of them, for pickles that have several
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
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
    let names = names(&args.models);
    let mut models: Vec<Model> = vec![];
    for (path, name) in args.models.iter().zip(names) {
        let header = store::open(path, args.key.as_deref()).map_err(with_key_option)?;
        let canon = arch::detect(&header, None, None)?;
        models.push(Model { name, path: relative(path, args.output.as_deref()), canon });
    }
    let mut out = String::from(
        "blend 1\n\n# A starter recipe: change it, then `blend plan` shows what it does, `blend build` does it.\n\n",
    );
    let mut last = vec![];
    for model in &models {
        let about = about(&model.canon);
        // What several models have in common stands once.
        if about != last {
            about.iter().for_each(|line| out.push_str(&format!("# {line}\n")));
            last = about;
        }
        let key = args.key.as_ref().map_or(String::new(), |key| format!(" {{ key = {} }}", quoted(key)));
        out.push_str(&format!("model {} = {}{key}\n", model.name, quoted(&model.path)));
    }
    out.push('\n');
    out.push_str(&body(args, &models)?);
    let stem: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let edge = if args.swap.is_some() { "-{edge}" } else { "" };
    let is_wide = models.iter().flat_map(|model| &model.canon.tensors).any(|tensor| tensor.dtype == Dtype::F32);
    if is_wide {
        out.push_str("\n# `{ dtype = f16 }` at the end would write it in half the bytes.");
    }
    out.push_str(&format!("\noutput \"out/{}{edge}.safetensors\" = merged\n\nassert finite(merged)\n", stem.join("-")));
    Ok(out)
}

/// What a model is, in lines of a comment.
fn about(canon: &Canon) -> Vec<String> {
    let facts: Vec<String> = canon.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let colon = if facts.is_empty() { "" } else { ": " };
    let text = format!("{}, layout {}{colon}{}", canon.family, canon.layout, facts.join("; "));
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < 96 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// The merge itself, by what the networks are.
fn body(args: &Args, models: &[Model]) -> Result<String, Problem> {
    // What the generic architecture takes for layers is a guess.
    let is_known = models.iter().all(|model| &*model.canon.family != "generic");
    let has = |coord: Coord| is_known && models.iter().all(|model| !values(&model.canon, coord).is_empty());
    let families_differ = models.iter().any(|model| model.canon.family != models[0].canon.family);
    if families_differ {
        let families: Vec<String> =
            models.iter().map(|model| format!("`{}` is {}", model.path, model.canon.family)).collect();
        return Err(Problem::new(Code("E0219"), "the models are of different families, which share no tensors")
            .note(families.join(", "))
            .help("give models of one family: `blend inspect FILE` tells what a file is"));
    }
    if let Some(edge) = args.swap {
        return swap(edge, models);
    }
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    Ok(match names.as_slice() {
        [one] => format!("# One model: its tensors are moved as they are.\nlet merged = {one}\n"),
        [a, b] if has(Coord::Octave) => {
            let octaves = values(&models[0].canon, Coord::Octave);
            let (low, high) = (octaves[0], octaves[octaves.len() - 1]);
            format!(
                "# The share of {b}, by resolution: 0 at {} pixels, 1 at {}, a step more with every doubling.\n\
                 let share = match {{\n  mapping => 0 # what a latent means: 0 is as in {a}, 1 as in {b}\n  \
                 resolution {}.. => ramp(octave, {low}, {high})\n  else => 0\n}}\n\nlet merged = mix({a}, {b}, share)\n",
                low.exp2(),
                high.exp2(),
                low.exp2(),
            )
        }
        [a, b] if has(Coord::Depth) => format!(
            "# The share of {b}: from 0 in the first layer to 1 in the last, and outside the layers as `else` says.\n\
             let share = match {{\n  layer 0.. => gradient([0, 1])\n  else => {}\n}}\n\nlet merged = mix({a}, {b}, share)\n",
            if has(Coord::Resolution) { "0 # the mapping network is the first model's" } else { "0.5" },
        ),
        [a, b] => format!(
            "# The share of {b}: 0 is all {a}, 1 is all {b}.\nparam share = 0.5 in 0..1\n\nlet merged = mix({a}, {b}, share)\n"
        ),
        [first, others @ ..] if has(Coord::Resolution) => {
            let resolutions = values(&models[0].canon, Coord::Resolution);
            let middle = resolutions[resolutions.len() / 2];
            let inputs: Vec<String> = names.iter().map(|name| format!("{name} {{ weight = 1 }}")).collect();
            format!(
                "# Structure from {first}; above `edge` pixels the mean of it and {}, by weight.\nparam edge = {middle}\n\n\
                 let merged = match {{\n  mapping => {first} # what a latent means\n  resolution ..edge => {first}\n  \
                 else => linear({})\n}}\n",
                others.join(", "),
                inputs.join(", "),
            )
        }
        [base, tuned @ ..] if has(Coord::Depth) => {
            let tasks: Vec<String> = tuned.iter().map(|name| format!("strength * ({name} - {base})")).collect();
            format!(
                "# What the others have learned, added to {base}, which they were fine-tuned from.\n\
                 param strength = 0.3 in 0..1\n\nlet merged = {base} + {}\n",
                tasks.join(" + "),
            )
        }
        many => {
            let inputs: Vec<String> = many.iter().map(|name| format!("{name} {{ weight = 1 }}")).collect();
            format!("# Weights are divided by their sum.\nlet merged = linear({})\n", inputs.join(", "))
        }
    })
}

/// A layer swap at `edge` pixels.
fn swap(edge: u32, models: &[Model]) -> Result<String, Problem> {
    let [low, high] = models else {
        let given = if models.len() == 1 { "1 is".into() } else { format!("{} are", models.len()) };
        let problem = Problem::new(Code("E0219"), format!("`--swap` takes two models, and {given} given"));
        return Err(problem.help(format!("write `blend new A B --swap {edge}`")));
    };
    // The lowest has nothing below it.
    let edges: Vec<f64> = values(&low.canon, Coord::Resolution).into_iter().skip(1).collect();
    let away = |x: &f64| (x - f64::from(edge)).abs();
    let Some(nearest) = edges.iter().min_by(|a, b| away(a).total_cmp(&away(b))) else {
        let problem = Problem::new(Code("E0219"), "`--swap` needs generators, whose layers have a resolution");
        return Err(problem.help("write `blend new A B` without `--swap`"));
    };
    let list = edges.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    if !edges.contains(&f64::from(edge)) {
        let problem = Problem::new(Code("E0219"), format!("the generators have no layers that begin at {edge} pixels"));
        return Err(problem.help(format!("write for example `--swap {nearest}`")).note(format!("there are {list}")));
    }
    Ok(format!(
        "# Structure from {low}, texture from {high}: blocks below `edge` pixels are {low}'s, the others {high}'s.\n\
         param edge = {edge} in [{list}]\n\n# Who gives the mapping network decides what a latent means.\n\
         let merged = std.layer_swap({low}, {high}, at = edge, mapping = {low})\n",
        low = low.name,
        high = high.name,
    ))
}

/// The values of a coordinate in a network, ascending.
fn values(canon: &Canon, coord: Coord) -> Vec<f64> {
    let mut values: Vec<f64> = canon.tensors.iter().filter_map(|tensor| tensor.traits.coord(coord)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// File names that say nothing: the folder's name says more.
const DULL: &[&str] = &["model", "models", "pytorch", "diffusion", "generator", "network", "checkpoint", "weights"];

/// Names that the recipe itself uses.
const TAKEN: &[&str] = &["merged", "share", "strength", "std", "mapping", "low", "high", "linear", "mix"];

/// A name per model that the language allows: what tells its file from the others'.  `avatars-toon` beside
/// `avatars-ink` is `toon`.
pub fn names(paths: &[PathBuf]) -> Vec<String> {
    let words: Vec<Vec<String>> = paths.iter().map(|path| words(path)).collect();
    let common = |word: &String| paths.len() > 1 && words.iter().all(|words| words.contains(word));
    let mut names: Vec<String> = vec![];
    for words in &words {
        let own: Vec<&str> = words.iter().filter(|word| !common(word)).map(String::as_str).collect();
        let candidates = [own.join("_"), words.join("_")].map(|name| match name.as_bytes().first() {
            Some(first) if first.is_ascii_digit() => format!("m{name}"),
            _ => name,
        });
        let fits = |name: &String| {
            let forbidden = syntax::is_reserved(name) || TAKEN.contains(&name.as_str());
            !name.is_empty() && name.len() <= 40 && !forbidden && !names.contains(name)
        };
        let found = candidates.into_iter().find(fits);
        names.push(found.unwrap_or_else(|| format!("model_{}", names.len() + 1)));
    }
    names
}

/// The words of a file's name, lower case; of its folder's, where the file's own says nothing.
fn words(path: &Path) -> Vec<String> {
    let split = |text: Option<&std::ffi::OsStr>| -> Vec<String> {
        let text = text.map_or_else(String::new, |text| text.to_string_lossy().to_lowercase());
        let parts = text.split(|c: char| !c.is_ascii_alphanumeric());
        parts.filter(|part| !part.is_empty()).map(String::from).collect()
    };
    let own = split(if path.is_dir() { path.file_name() } else { path.file_stem() });
    if own.iter().all(|word| DULL.contains(&word.as_str())) {
        let folder = split(path.parent().and_then(Path::file_name));
        if !folder.is_empty() {
            return folder;
        }
    }
    own
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
