//! `blend convert`: a checkpoint in another layout, format or type.  It is a recipe of one line, and built as one.

use super::Exit;
use super::build;
use super::build::RunArgs;
use super::recipe;
use super::recipe::quoted;
use super::ui::Ui;
use crate::diag::Code;
use crate::diag::Problem;
use crate::exec;
use crate::hir::Format;
use std::path::Path;
use std::path::PathBuf;

/// Write a checkpoint in another layout, format or type
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = LOADERS)]
pub struct Args {
    /// The checkpoint: a file of any format that blend reads, or a directory
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// Where it goes: a file `.safetensors` or `.pt` (`.pth`, `.bin`, `.ckpt`), or a directory
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// The names of another code base, such as `rosinality` [default: those of IN]
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<String>,
    /// The format [default: what OUT ends in, `safetensors` for a directory]
    #[arg(long, value_name = "FORMAT", value_parser = ["safetensors", "pt"])]
    format: Option<String>,
    /// The type of all float tensors [default: each keeps its own]
    #[arg(long, value_name = "TYPE", value_parser = ["f16", "bf16", "f32", "f64"])]
    dtype: Option<String>,
    /// The dictionary of IN that is meant, where it has several
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The most that a file of a directory holds, such as `2GB`
    #[arg(long, value_name = "SIZE")]
    shard_size: Option<String>,
    /// Print the recipe that does the same, and do nothing
    #[arg(long)]
    recipe: bool,
    /// Replace directories that blend did not write
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// The examples of both helps.
macro_rules! examples {
    () => {
        "\
Examples:
  blend convert toon.safetensors toon.pt --layout rosinality
  blend convert stylegan2.pt stylegan2.safetensors --key g_ema --layout nvidia-pytorch
  blend convert llama/ llama-f16/ --dtype f16 --format pt
  blend convert a.pt a.safetensors --recipe > a.blend

"
    };
}

const EXAMPLES: &str = concat!(examples!(), "`--help` shows how other code loads the result.");

const LOADERS: &str = concat!(
    examples!(),
    "\
How other code loads the result:

  rosinality/stylegan2-pytorch (--layout rosinality; latent_avg stands beside g_ema):
    python generate.py --ckpt OUT.pt --size 256

  NVIDIA's stylegan2-ada-pytorch and stylegan3 (--layout nvidia-pytorch, nvidia-stylegan3):
    G = Generator(z_dim=512, c_dim=0, w_dim=512, img_resolution=256, img_channels=3)
    G.load_state_dict(safetensors.torch.load_file(\"OUT.safetensors\"))
    image = G.eval()(torch.randn(1, G.z_dim), None)
  Generator is that of training.networks, training.networks_stylegan2 or
  training.networks_stylegan3, made with the numbers that `blend inspect IN` shows;
  mapping_kwargs, channel_base and channel_max belong to them.

  transformers (OUT is a directory; copy config and tokenizer files into it):
    model = AutoModelForCausalLM.from_pretrained(\"OUT\")

  PyTorch:
    tensors = torch.load(\"OUT.pt\", weights_only=True, mmap=True)"
);

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let text = match text(args) {
        Ok(text) => text,
        Err(problem) => return ui.problem(problem),
    };
    let text = match super::fmt::formatted("<convert>", &text, ui) {
        Ok(text) => text,
        Err(exit) => return exit,
    };
    if args.recipe {
        return ui.print(&text);
    }
    let mut outcome = match recipe::compile_text("<convert>", text, ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    let options = exec::Options { force: args.force, reuse: Some(build::reuse()), ..args.run.options() };
    build::execute(&mut outcome, &options, ui).unwrap_or_else(|exit| exit)
}

/// The recipe, which is kept in the result like any other.
fn text(args: &Args) -> Result<String, Problem> {
    let (from, to) = (path(&args.from)?, path(&args.to)?);
    let key = args.key.as_ref().map_or(String::new(), |key| format!(" {{ key = {} }}", text_of(key)));
    // A recipe says its format; check tells where the path says another.
    let of_path = Format::of_path(&args.to).filter(|format| *format != Format::default());
    let format = args.format.as_deref().or(of_path.map(Format::name));
    let options: Vec<String> = [
        args.layout.as_ref().map(|layout| format!("layout = {}", text_of(layout))),
        format.map(|format| format!("format = {format}")),
        args.dtype.as_ref().map(|dtype| format!("dtype = {dtype}")),
        args.shard_size.as_ref().map(|size| format!("shard_size = {}", text_of(size))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let block = if options.is_empty() { String::new() } else { format!(" {{ {} }}", options.join(", ")) };
    Ok(format!("blend 1\n\nmodel a = {from}{key}\n\noutput {to} = a{block}\n"))
}

/// A path as a string of the language.
fn path(path: &Path) -> Result<String, Problem> {
    match path.to_str() {
        Some(text) => Ok(quoted(text)),
        None => {
            let message = format!("the path `{}` is not UTF-8, and recipes are", path.display());
            Err(Problem::new(Code("E0219"), message)
                .help("rename the file, or reach it by a link: `ln -s FILE link.pt`"))
        }
    }
}

/// A text of the language; braces mean themselves in it.
fn text_of(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
