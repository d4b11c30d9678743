//! `blend channels score`: whether a mask changes its part and leaves the rest, in numbers and error maps.

mod result;
mod subject;
mod trials;

use crate::cli::Exit;
use crate::cli::build::RunArgs;
use crate::cli::ui::Ui;
use crate::diag::Code;
use crate::diag::Problem;
use crate::draw::wish;
use crate::hir::Mode;
use crate::store;
use std::path::PathBuf;

/// Measure whether a mask of channels changes its part and leaves the rest
#[derive(clap::Args)]
#[command(
    after_help = "\
Examples:
  blend channels score recipes/stylegan2/hair.blend
  blend channels score pixel.safetensors ink.safetensors --channels pixel.channels --part hair -o hair.png
  blend channels score parts.blend --only '*mouth*' --modes in,style --json",
    after_long_help = AFTER_LONG_HELP
)]
pub struct Args {
    /// A recipe whose output mixes two models by a mask; or these two models, with `--channels` and `--part`
    #[arg(required = true, num_args = 1..=2, value_name = "RECIPE|BASE OTHER")]
    targets: Vec<PathBuf>,
    /// The catalogue that the mask of two models is chosen from
    #[arg(long, value_name = "FILE", requires = "part")]
    channels: Option<PathBuf>,
    /// The part of the catalogue that is exchanged
    #[arg(long, value_name = "NAME", requires = "channels")]
    part: Option<String>,
    /// The leak that chosen channels may sum to, per space [default: a tenth of its channels]
    #[arg(long, value_name = "LEAK", conflicts_with_all = ["top", "soft"], requires = "channels")]
    epsilon: Option<f64>,
    /// Channels that have no larger share of their energy in the part are left out [default: 0.1]
    #[arg(long, value_name = "SHARE", requires = "channels")]
    rho: Option<f64>,
    /// So many channels per space
    #[arg(long, value_name = "COUNT", conflicts_with = "soft", requires = "channels")]
    top: Option<u32>,
    /// All channels, the more the larger their share, fully from this share on
    #[arg(long, value_name = "SHARE", requires = "channels")]
    soft: Option<f64>,
    /// Modes of the mask that are compared
    #[arg(long, value_name = "MODES", value_delimiter = ',', default_value = "unit,out,in,style",
        value_parser = Mode::WORDS)]
    modes: Vec<String>,
    /// Pictures; none of them should have been clustered
    #[arg(long, value_name = "SEEDS", default_value = "1000..1063")]
    seeds: String,
    /// Truncation [default: that of the catalogue]
    #[arg(long, value_name = "PSI", allow_negative_numbers = true)]
    psi: Option<f64>,
    /// Random masks of the same size that each mode is compared with
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=1000))]
    random: u16,
    /// Of the random masks
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// A value for a parameter of the recipe; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// Only the output whose path fits
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write a sheet of pictures and error maps
    #[arg(long, short, value_name = "PNG")]
    output: Option<PathBuf>,
    /// Pictures per row of the sheet
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    columns: u16,
    /// What draws: `cpu` gives the same numbers on every machine; `auto`, `gpu`, `software`, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    #[command(flatten)]
    run: RunArgs,
}

const AFTER_LONG_HELP: &str = "\
Base, other and blend draw the same seeds. Errors are squared distances in CIELAB to what the base
draws, inside and outside of the part: where the base's activations are of the part's clusters.
  In-MSE, Out-MSE   their means; In/Out is the locality
  random            In/Out of masks of as many channels per space, drawn at random: mean ± deviation
  times             In/Out of the mask over that mean
  of the swap       In-MSE over that of the other model
  verdict           local: 4 times the random masks or more, and a quarter of the swap or more

`--json` prints one object; numbers that are not there are null:
  base, other      names of the models
  part             name or null, clusters, catalogue, area (its share of the pixels)
  channels         chosen, of
  seeds, psi, random_seed, device
  swap             the other model as it is: in_mse, out_mse, ratio
  modes            mode, in_mse, out_mse, ratio, share (of the swap), times, local,
                   random (mean, deviation, ratios)";

pub fn run(args: &Args, ui: &Ui) -> Result<Exit, Exit> {
    let told = |problem: Problem| ui.problem(problem);
    let seeds = wish::seeds(&args.seeds).map_err(told)?;
    let subject = subject::of(args, ui)?;
    if let Some(path) = &args.output {
        // Before anything is drawn.
        store::may_write(path, &subject.files).map_err(told)?;
    }
    let psi = args.psi.unwrap_or(subject.catalogue.facts.psi);
    if let Ok(own) = wish::seeds(&subject.catalogue.facts.seeds) {
        let both = seeds.iter().filter(|seed| own.contains(seed)).count();
        if both > 0 {
            ui.status(&format!("{both} of {} seeds were clustered: new ones tell more", seeds.len()));
        }
    }
    let result = trials::run(args, &subject, &seeds, psi, ui)?;
    if let Some(path) = &args.output {
        let canvas = result.sheet().draw().map_err(told)?;
        let software = format!("blend {}", env!("CARGO_PKG_VERSION"));
        let texts = [("Software", software.as_str()), ("Seeds", args.seeds.as_str())];
        let bytes = canvas.png(&texts).map_err(told)?;
        store::write_bytes(path, &bytes, &subject.files).map_err(told)?;
        ui.status(&format!("wrote {}: {} × {} pixels", path.display(), canvas.width, canvas.height));
    }
    Ok(ui.print(&if args.json { result.json() } else { result.text() }))
}

/// A wish that cannot be scored.
fn wrong(message: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem::new(Code("E0770"), message).help(help)
}
