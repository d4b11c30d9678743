//! `blend render`: pictures of what merged generators make.

use super::Exit;
use super::build::RunArgs;
use super::build::interruptible;
use super::locked::LockArgs;
use super::recipe::RecipeArgs;
use super::recipe::literal;
use super::ui::Ui;
use super::ui::width;
use crate::diag::Problem;
use crate::draw::show;
use crate::draw::show::Drawn;
use crate::draw::show::Starts;
use crate::draw::show::Wish;
use crate::draw::subject::Model;
use crate::draw::subject::PSI;
use crate::draw::wish;
use crate::draw::wish::Sweep;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::network::NoiseChoice;
use crate::picture::Image;
use crate::picture::canvas::Canvas;
use crate::picture::planes::Planes;
use crate::picture::preview::Protocol;
use crate::picture::preview::shown;
use crate::picture::read;
use crate::render::device::Device;
use crate::render::drawer::Look;
use crate::render::drawer::Start;
use crate::render::latents;
use crate::store;
use clap::FromArgMatches;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

mod film;
mod pictures;
mod report;
mod sheet;
mod targets;

use targets::Target;

/// Draw what generators make: of recipes, without building them, and of checkpoints
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend render recipes/stylegan2/layer-swap.blend
  blend render recipes/stylegan2/ramp.blend --seeds 0..15 --psi 0.7 -o ramp.png
  blend render recipes/stylegan2/layer-swap.blend --sweep edge=8,16,32,64
  blend render toon.safetensors ink.pkl pixel.pt --seeds 85,100,297 -o models.png
  blend render merged.safetensors --seeds 0..99 -o pictures/
  blend render recipes/stylegan2/layer-swap.blend --walk -o walk.mp4
  blend render recipes/stylegan2/three-models.blend --sweep strength=0..1 -o morph.apng")]
pub struct Args {
    /// Recipes (`.blend`) and checkpoints of any format
    #[arg(value_name = "RECIPE|MODEL", required_unless_present = "expression")]
    targets: Vec<PathBuf>,
    /// A recipe of one expression, without a file; its models come from `-m`
    #[arg(long = "expression", short = 'e', value_name = "EXPR", conflicts_with = "targets")]
    expression: Option<String>,
    /// A model of the expression; may be repeated
    #[arg(long = "model", short = 'm', value_name = "NAME=PATH", requires = "expression")]
    models: Vec<String>,
    /// A sheet (`.png`), a directory (with a `/` at its end) for one file per picture, or a film (`.apng`, `.y4m`, and
    /// through ffmpeg `.mp4`, `.webm`, `.gif`) [default: NAME.png, here]
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// What is drawn: a range or a list, as NVIDIA's scripts draw them
    #[arg(long, value_name = "SEEDS", default_value = "0..7")]
    seeds: String,
    /// Latents of a file instead of seeds: `projected_w`, `w`, `z`, … of `.npz`, `.npy`, `.pt` or `.safetensors`
    #[arg(long, value_name = "FILE", conflicts_with = "walk")]
    latents: Option<PathBuf>,
    /// The picture (PNG) that an upscaler widens
    #[arg(long, value_name = "PNG", conflicts_with_all = ["walk", "latents"])]
    input: Option<PathBuf>,
    /// Truncation: 1 is what the seed says, 0 the mean
    #[arg(long, value_name = "PSI", default_value_t = 1.0, allow_negative_numbers = true)]
    psi: f64,
    /// Truncate only the first N layers
    #[arg(long, value_name = "N")]
    cutoff: Option<usize>,
    /// The class, of generators that have some
    #[arg(long, value_name = "N")]
    class: Option<usize>,
    /// The noise of the layers: what the model stores, none, or drawn from the seed
    #[arg(long, value_name = "NOISE", value_parser = ["const", "none", "random"], default_value = "const")]
    noise: String,
    /// A value for a parameter of the recipes; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// A row for every value of a parameter, or of `psi`: `edge=8,16,32`, `psi=0..1:0.25`
    /// [default: parameters whose `in` is a list]
    #[arg(long = "sweep", value_name = "NAME=VALUES")]
    sweeps: Vec<String>,
    /// Two sweeps as rows and columns, a block per seed
    #[arg(long)]
    matrix: bool,
    /// A film of a closed way through the seeds, all models side by side
    #[arg(long, conflicts_with = "matrix")]
    walk: bool,
    /// Frames of a film [default: 30 per seed of a walk, 60 of a sweep]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    frames: Option<u16>,
    /// Frames per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=240), default_value_t = 30)]
    fps: u16,
    /// Only what the recipe makes, not what it is made of
    #[arg(long)]
    no_parents: bool,
    /// Rows of differences to the first parent, below every row of a recipe
    #[arg(long)]
    difference: bool,
    /// Rows of what each resolution of an output changes in the first parent, as error maps
    #[arg(long, conflicts_with_all = ["matrix", "no_parents"])]
    parts: bool,
    /// Only the outputs whose path fits
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// The dictionary of a pickle that is meant, where it has several
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Pixels of a picture's longer side on a sheet [default: 128 to 256]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    cell: Option<u32>,
    /// What draws: `auto`, `gpu`, `cpu`, `software`, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    /// Write a report too: one HTML file with the sheet, curves of the weights, parts, claims, device, inputs
    #[arg(long, value_name = "HTML")]
    report: Option<PathBuf>,
    /// Show it in the terminal too, by what the terminal knows or by this protocol
    #[arg(long, value_name = "PROTOCOL", num_args = 0..=1, require_equals = true, default_missing_value = "auto",
        value_parser = ["auto", "kitty", "iterm", "sixel", "blocks", "blocks256"])]
    preview: Option<String>,
    /// Values between layers: `f16` takes half the memory of a graphics card
    #[arg(long, value_name = "TYPE", value_parser = ["f32", "f16"], default_value = "f32")]
    precision: String,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    match work(args, ui) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn work(args: &Args, ui: &Ui) -> Result<Exit, Exit> {
    let told = |problem: Problem| ui.problem(problem);
    let seeds = wish::seeds(&args.seeds).map_err(told)?;
    let sweeps = args.sweeps.iter().map(|text| Sweep::parse(text, &literal)).collect::<Result<Vec<_>, _>>();
    let sweeps = sweeps.map_err(told)?;
    if args.matrix && sweeps.len() != 2 {
        return Err(told(wish::no_matrix(sweeps.len())));
    }
    if args.output.as_deref().is_some_and(|path| film::is_film(path) || is_folder(path)) {
        let rows = [(args.difference, "--difference"), (args.parts, "--parts")];
        if args.report.is_some() {
            return Err(told(wish::no_report()));
        } else if let Some((_, option)) = rows.iter().find(|row| row.0) {
            return Err(told(wish::no_rows(option)));
        }
    }
    if args.parts && sweeps.iter().any(|sweep| sweep.name == PSI) {
        return Err(told(wish::no_parts()));
    }
    let input = match &args.input {
        Some(path) => Some(opened(path).map_err(told)?),
        None => None,
    };
    let size = input.as_ref().map(|image| [image.shape.height, image.shape.width]);
    let is_film = args.output.as_deref().is_some_and(film::is_film);
    let frames = if is_film { film::moves(args, &sweeps).map_err(told)? } else { 0 };
    if args.walk && !is_film {
        return Err(told(wish::no_film()));
    }
    let mut sweeps = sweeps;
    if is_film {
        sweeps = sweeps.iter().map(|sweep| film::steps(sweep, frames)).collect();
    }
    let mut targets = vec![];
    if args.expression.is_some() {
        targets.push(targets::of_recipe(
            &RecipeArgs::one_shot(args.expression.clone(), &args.models, &args.sets),
            args,
            size,
            &sweeps,
            ui,
        )?);
    }
    for path in &args.targets {
        let is_recipe = path == Path::new("-") || path.extension().is_some_and(|ending| ending == "blend");
        targets.push(match is_recipe {
            true => targets::of_recipe(&RecipeArgs::only(path, &args.sets, &args.only), args, size, &sweeps, ui)?,
            false => targets::of_checkpoint(path, args, size, &sweeps, ui)?,
        });
    }
    if args.parts && !targets.iter().flat_map(|target| &target.models).any(|model| model.is_part) {
        ui.status("`--parts` adds nothing: no output exchanges a resolution of its first parent");
    }
    // How many there are decides the first model's network; the others are told when they differ.
    let mapping = targets.iter().flat_map(|target| target.parents.iter().chain(&target.models)).next();
    let mapping = mapping.and_then(|model| model.drawing.net.mapping.clone());
    let given = match (&args.latents, mapping) {
        (Some(path), Some(mapping)) => {
            let given = latents::read(path).map_err(told)?;
            let count = given.starts(&mapping).map_err(told)?.len();
            Some((Arc::new(given), count))
        }
        _ => None,
    };
    let columns: Vec<String> = match &given {
        _ if input.is_some() => vec!["widened".into()],
        Some((_, count)) => (0..*count).map(|at| format!("latent {at}")).collect(),
        None => seeds.iter().map(|seed| format!("seed {seed}")).collect(),
    };
    let wish = Wish {
        starts: match args.walk {
            _ if input.is_some() => {
                Starts::Each(input.into_iter().map(|image| Start::Picture(image.values.into())).collect())
            }
            _ if given.is_some() => given.map_or(Starts::Each(vec![]), |(given, count)| Starts::Given(given, count)),
            true => {
                Starts::Walk { frames: args.frames.map_or(frames * seeds.len(), usize::from), seeds: seeds.clone() }
            }
            false => Starts::Each(seeds.iter().map(|seed| Start::Seed(*seed)).collect()),
        },
        look: Look {
            psi: args.psi,
            cutoff: args.cutoff,
            class: args.class,
            noise: NoiseChoice::named(&args.noise).unwrap_or_default(),
        },
        device: Device { half: args.precision == "f16", ..args.device.parse().unwrap_or_default() },
    };
    let first = targets.first().map_or("pictures", |target| &target.name);
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{first}.png")));
    let inputs: Vec<PathBuf> = targets.iter().flat_map(|target| target.inputs.clone()).collect();
    // Before anything is drawn.
    store::may_write(&output, &inputs).map_err(told)?;
    let is_directory = is_folder(&output);
    if is_film {
        film::write(&targets, &wish, frames, &output, args, ui)
    } else if is_directory {
        pictures::write(&targets, &columns, &wish, &output, args, ui)
    } else {
        sheet::write(&targets, columns, &wish, &output, args, ui)
    }
}

/// The variants of a sweep as a labelled sheet, for `blend build --grid`: a table where there are two sweeps and one output.
pub fn grid(recipe: &RecipeArgs, sweeps: &[String], is_table: bool, output: &Path, ui: &Ui) -> Exit {
    let mut words: Vec<OsString> = vec!["render".into()];
    words.extend(recipe.words());
    words.extend(sweeps.iter().map(|sweep| format!("--sweep={sweep}").into()));
    words.extend(is_table.then(|| "--matrix".into()));
    words.extend(["--output".into(), output.as_os_str().to_os_string()]);
    let command = <Args as clap::Args>::augment_args(clap::Command::new("render"));
    let matches = command.try_get_matches_from(words).and_then(|matches| Args::from_arg_matches(&matches));
    match matches {
        Ok(args) => run(&args, ui),
        Err(error) => ui.problem(super::usage::problem(&error)),
    }
}

/// A picture to start from, of three colours, as upscalers take it.
fn opened(path: &Path) -> Result<Image, Problem> {
    let name = path.display().to_string();
    let image = read::png(&name, &store::read_bytes(path, read::FILE_LIMIT)?)?;
    let planes = Planes::seen(&image).coloured();
    Ok(planes.image())
}

fn is_folder(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir()
}

/// Draws on a pool of its own; `see` gets the number of the model, of the start, and the picture.
fn draw(
    models: &[Model],
    wish: &Wish,
    args: &Args,
    ui: &Ui,
    see: &mut (dyn FnMut(usize, usize, Image) -> Result<(), Stop> + Send),
) -> Result<Drawn, Exit> {
    let progress = Arc::new(Progress::default());
    interruptible(&progress);
    let drawn = crate::exec::pool(args.run.threads())
        .and_then(|pool| pool.install(|| show::show(models, wish, &progress, see)));
    drawn.map_err(|stop| ui.stopped(stop, "nothing was written"))
}

/// Shows a picture on stdout, as the terminal can.
fn preview(canvas: &Canvas, args: &Args, ui: &Ui) -> Result<(), Exit> {
    let Some(name) = &args.preview else { return Ok(()) };
    let variable = |name: &str| std::env::var(name).ok();
    let protocol = Protocol::named(name).unwrap_or_else(|| Protocol::detect(&variable));
    let bytes = shown(canvas, protocol, width()).map_err(|problem| ui.problem(problem))?;
    match ui.write(&bytes) {
        Exit::Good => Ok(()),
        exit => Err(exit),
    }
}

/// What drew, and how long it took.
fn told(drawn: &Drawn, start: Instant, ui: &Ui) {
    if let Some(about) = &drawn.about {
        ui.status(&format!(
            "{} pictures in {:.2} s, {} of {} tensors computed; renderer: {}",
            drawn.pictures,
            start.elapsed().as_secs_f64(),
            drawn.computed,
            drawn.tensors,
            about.line
        ));
    }
}

/// Texts of a PNG file: how its pictures can be had again.
fn texts(name: &str, args: &Args, drawn: &Drawn) -> Vec<(String, String)> {
    let mut texts = vec![
        ("Software".to_string(), format!("blend {}", env!("CARGO_PKG_VERSION"))),
        ("Source".to_string(), name.to_string()),
        ("Seeds".to_string(), args.seeds.clone()),
        ("Psi".to_string(), args.psi.to_string()),
        ("Noise".to_string(), args.noise.clone()),
    ];
    if let Some(about) = &drawn.about {
        texts.push(("Renderer".to_string(), about.line.clone()));
        texts.extend(about.facts.iter().map(|(key, value)| (format!("Renderer {key}"), value.clone())));
    }
    texts
}
