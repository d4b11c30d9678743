//! `blend compare`: what models are to each other, before anybody blends them.

use super::Exit;
use super::new::names;
use super::recipe::with_key_option;
use super::ui::Ui;
use crate::arch;
use crate::compare;
use crate::compare::By;
use crate::compare::Model;
use crate::compare::Relation;
use crate::compare::Style;
use crate::diag::Problem;
use crate::exec;
use crate::exec::Progress;
use crate::store;
use clap::ValueEnum;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Compare the weights of models: kinship, distance by part and place, what differs
#[derive(clap::Args)]
#[command(
    after_help = "Example: blend compare recipes/models/avatars-toon.safetensors recipes/models/avatars-ink.safetensors",
    after_long_help = AFTER_LONG_HELP
)]
pub struct Args {
    /// Checkpoints of one architecture, in any layouts; the others are measured against the first
    #[arg(required = true, num_args = 2..=16, value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// What the table has a row for
    #[arg(long, value_name = "WHAT", default_value = "part")]
    by: Rows,
    /// Exit with 1 unless every model is related to the first
    #[arg(long, value_name = "WHAT")]
    require: Option<Required>,
    /// The dictionary inside the files that is meant, such as `g_ema`
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// See them through this layout, instead of the detected ones
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<String>,
    /// Columns of the output [default: those of the terminal, or 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..=400))]
    width: Option<u16>,
    /// Worker threads; the numbers do not depend on it [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rows {
    Part,
    /// Or by layer, where the network has layers
    Resolution,
    Tensor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Required {
    /// Not without a common ancestor
    Related,
    /// Fine-tuned from one parent, or parent and child, and not over-trained
    Siblings,
}

const AFTER_LONG_HELP: &str = "\
Example: blend compare recipes/models/avatars-toon.safetensors recipes/models/avatars-ink.safetensors

The verdict comes from tensors whose directions do not agree by chance (weights of convolutions and of
affine layers for StyleGAN, of attention and MLP for language models):
  siblings             median cosine 0.9 and more
  weak relation        in between
  no common ancestor   0.2 and less
  over-trained child   kin, but a place at a distance of 0.75 and more; siblings have 0.1 to 0.5
Distance is |a - b| / |a|, a the first model; the weighted cosine takes all elements as one vector.

`--json` prints one object; numbers that are not there are null:
  models          name, path, bytes, family, layout, tensors (how many), facts
  differences     of the headers: fact, values (by model)
  pairs           every model against the first:
    base, other     indices of models
    relation        identical, siblings, weak, strangers or unknown
    over_trained    whether places are far; far: their names; gone: which of the two has left
    kinship         parts (that tell of it), and the numbers of all their tensors
    origin          random numbers that training never changes: parts, tensors, equal
    only_in_base, only_in_other, shapes   what cannot be compared: names; name, base, other
    advice          an expression that mixes what fits, or null
    parts, places   name, tensors, elements, equal, not_finite, directions (tensors with a cosine),
                    median_cosine, weighted_cosine, distance, farthest (name, distance),
                    largest (of |a - b|)
    place           what places are: resolution or layer
    tensors         name, part, elements, differ (elements), cosine, distance, largest
  median_cosines, distances   all against all, by row and column; a distance is relative to the row";

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let models = match args.models.iter().zip(names(&args.models)).map(|(path, name)| open(args, path, name)).collect()
    {
        Ok(models) => models,
        Err(problem) => return ui.problem(problem),
    };
    let threads = args.threads.map_or(exec::Options::default().threads, usize::from);
    let comparison = match compare::compare(models, threads, &Progress::default()) {
        Ok(comparison) => comparison,
        Err(stop) => return ui.stopped(stop, "nothing was changed"),
    };
    let text = if args.json {
        serde_json::to_string_pretty(&compare::json(&comparison)).expect("numbers and names are JSON") + "\n"
    } else {
        let by = match args.by {
            Rows::Part => By::Part,
            Rows::Resolution => By::Place,
            Rows::Tensor => By::Tensor,
        };
        let width = args.width.map_or(super::ui::width(), usize::from);
        compare::show(&comparison, by, Style { unicode: super::ui::has_blocks(), color: ui.color_out, width })
    };
    let fails = comparison.pairs.iter().any(|pair| match args.require {
        None => false,
        Some(Required::Related) => matches!(pair.relation, Relation::Strangers | Relation::Unknown),
        Some(Required::Siblings) => {
            !matches!(pair.relation, Relation::Identical | Relation::Siblings) || pair.is_over_trained()
        }
    });
    match ui.print(&text) {
        Exit::Good if fails => Exit::ClaimFailed,
        exit => exit,
    }
}

fn open(args: &Args, path: &Path, name: String) -> Result<Model, Problem> {
    let header = store::open(path, args.key.as_deref()).map_err(with_key_option)?;
    let canon = arch::detect(&header, None, args.layout.as_deref())?;
    Ok(Model { name, path: path.display().to_string(), header: Arc::new(header), canon: Arc::new(canon) })
}
