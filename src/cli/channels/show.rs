//! `blend channels show`: the pictures of a file of channels, drawn again.

use super::Opened;
use super::open;
use super::with_easels;
use crate::channels::Catalogue;
use crate::channels::Names;
use crate::cli::Exit;
use crate::cli::build::RunArgs;
use crate::cli::ui::Ui;
use crate::cluster::find::Subject;
use crate::cluster::sheet;
use crate::cluster::sheet::Shown;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use crate::draw::fingerprint::fingerprint;
use crate::draw::wish;
use crate::exec::Progress;
use crate::picture::sheet::Sheet;
use crate::render::device::Device;
use crate::store;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Draw the clusters of a file of channels over some pictures
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend channels show toon.channels
  blend channels show toon.channels --model child.safetensors -o child.png")]
pub struct Args {
    /// A file that `blend channels find` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the picture goes [default: NAME.png, beside the file]
    #[arg(long, short, value_name = "PNG")]
    output: Option<PathBuf>,
    /// The generator, where it lies elsewhere than when the file was made, or one that was trained on from it; twice for a
    /// file of two
    #[arg(long = "model", short = 'm', value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// The dictionary of a pickle that is meant, where it has several
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// What draws: `cpu`, `auto`, `gpu`, `software`, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    #[command(flatten)]
    run: RunArgs,
}

/// Pictures on a sheet: columns.
const COLUMNS: usize = 8;

pub fn run(args: &Args, ui: &Ui) -> Result<Exit, Exit> {
    let told = |problem: Problem| ui.problem(problem);
    let (catalogue, names) = store::catalogue::read(&args.file).map_err(told)?;
    let names = named(&args.file, names.as_deref(), catalogue.clusters).map_err(told)?;
    let wanted = catalogue.facts.models.len();
    let paths = if args.models.is_empty() { stored(&args.file, &catalogue) } else { args.models.clone() };
    if paths.len() != wanted || wanted == 0 {
        return Err(told(other_number(&args.file, wanted, paths.len())));
    }
    let opened = open(&paths, args.key.as_deref(), ui)?;
    let output = args.output.clone().unwrap_or_else(|| args.file.with_extension("png"));
    let mut inputs = opened.inputs();
    inputs.push(args.file.clone());
    store::may_write(&output, &inputs).map_err(told)?;
    let device: Device = args.device.parse().unwrap_or_default();
    let progress = Arc::new(Progress::default());
    let (drawn, strange) = with_easels(&opened, &device, args.run.threads(), &progress, ui, |easels, files| {
        let mut subjects = vec![];
        let mut strange = None;
        for (at, (easel, source)) in easels.iter_mut().zip(&catalogue.facts.models).enumerate() {
            if fingerprint(&opened.models[at].drawing, files)? != source.fingerprint {
                strange.get_or_insert(at);
            }
            let Some(drawer) = easel.drawer() else { continue };
            subjects.push(Subject { drawer, canon: opened.canon(at), source: source.clone() });
        }
        // A path that was not given is that of another file now: its pictures would be wrong without a word.
        if let Some(at) = strange.filter(|_| args.models.is_empty()) {
            return Err(other_model(&args.file, &paths[at]).into());
        }
        Ok((pictures(&catalogue, &mut subjects, &progress)?, strange))
    })?;
    if let Some(at) = strange {
        ui.status(&format!(
            "{} is not the model that {} was made from: its clusters are those of that model",
            paths[at].display(),
            args.file.display()
        ));
    }
    write(&catalogue, &names, &opened, &drawn, &output, &inputs, ui)?;
    Ok(Exit::Good)
}

/// The names beside a file.  Errors: E0767.
pub fn named(file: &Path, text: Option<&str>, clusters: usize) -> Result<Names, Problem> {
    let beside = store::catalogue::names_path(file);
    let read = text.map_or(Ok(Names::default()), |text| Names::read(text, clusters));
    read.map_err(|reason| {
        let message = format!("the names in `{}` cannot be read: {reason}", shown::path(&beside));
        Problem::new(Code("E0767"), message)
            .help("write `[parts]`, then a line such as `eyes = [3, 7]` for each part, or remove the file")
    })
}

/// Where the models of a file lie: as seen from its folder, or from here.
fn stored(file: &Path, catalogue: &Catalogue) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let place = |source: &crate::channels::Source| {
        let beside = folder.join(&source.path);
        if beside.exists() { beside } else { PathBuf::from(&source.path) }
    };
    catalogue.facts.models.iter().map(place).collect()
}

/// Pictures of the first seeds, of each model as many.
pub fn pictures(
    catalogue: &Catalogue,
    subjects: &mut [Subject],
    progress: &Progress,
) -> Result<Vec<Shown>, crate::exec::Stop> {
    let mut seeds = wish::seeds(&catalogue.facts.seeds)?;
    seeds.truncate(COLUMNS / subjects.len().max(1));
    sheet::draw(catalogue, subjects, &seeds, progress)
}

/// Writes the sheet of clusters, and for two models that of their differences.
pub fn write(
    catalogue: &Catalogue,
    names: &Names,
    opened: &Opened,
    drawn: &[Shown],
    output: &Path,
    inputs: &[PathBuf],
    ui: &Ui,
) -> Result<(), Exit> {
    let models: Vec<String> = opened.models.iter().map(|model| model.label.clone()).collect();
    one(&sheet::clusters(catalogue, names, &models, drawn), catalogue, output, inputs, ui)?;
    if models.len() > 1 && !catalogue.differences.is_empty() {
        let beside = difference_path(output);
        one(&sheet::differences(catalogue, names, &models, drawn), catalogue, &beside, inputs, ui)?;
    }
    Ok(())
}

/// `faces.png` to `faces-difference.png`.
pub fn difference_path(output: &Path) -> PathBuf {
    let mut name = output.file_stem().unwrap_or_default().to_os_string();
    name.push("-difference.png");
    output.with_file_name(name)
}

fn one(sheet: &Sheet, catalogue: &Catalogue, path: &Path, inputs: &[PathBuf], ui: &Ui) -> Result<(), Exit> {
    let facts = &catalogue.facts;
    let texts = [
        ("Software", format!("blend {}", env!("CARGO_PKG_VERSION"))),
        ("Source", sheet.title.clone()),
        ("Seeds", facts.seeds.clone()),
        ("Psi", facts.psi.to_string()),
        ("Layers", facts.layers.join(", ")),
    ];
    let texts: Vec<(&str, &str)> = texts.iter().map(|(key, text)| (*key, text.as_str())).collect();
    let canvas = sheet.draw().map_err(|problem| ui.problem(problem))?;
    let bytes = canvas.png(&texts).map_err(|problem| ui.problem(problem))?;
    store::write_bytes(path, &bytes, inputs).map_err(|problem| ui.problem(problem))?;
    ui.status(&format!("wrote {}: {} × {} pixels", path.display(), canvas.width, canvas.height));
    Ok(())
}

fn other_number(file: &Path, wanted: usize, given: usize) -> Problem {
    let noun = if wanted == 1 { "model" } else { "models" };
    let message = format!("`{}` was made from {wanted} {noun}, and {given} are given", shown::path(file));
    Problem::new(Code("E0768"), message)
        .help("write `--model PATH` once for each, in the order of `blend channels find`")
}

fn other_model(file: &Path, model: &Path) -> Problem {
    let (file, model) = (shown::path(file), shown::path(model));
    Problem::new(Code("E0768"), format!("`{file}` was made from another model than `{model}` is now"))
        .help(format!("give the model: `--model PATH`, or make the file anew with `blend channels find {model}`"))
}
