//! `blend channels find`: clusters of activations, and a file of channels.

use super::Opened;
use super::open;
use super::show;
use super::show::named;
use super::with_easels;
use crate::channels::MOST_CLUSTERS;
use crate::channels::Source;
use crate::channels::names::edited;
use crate::cli::Exit;
use crate::cli::bar::Bar;
use crate::cli::bar::Unit;
use crate::cli::build::RunArgs;
use crate::cli::ui::Ui;
use crate::cluster::find;
use crate::cluster::find::Found;
use crate::cluster::find::Subject;
use crate::cluster::find::Wish;
use crate::cluster::regions::Region;
use crate::cluster::sheet::Shown;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use crate::draw::fingerprint::fingerprint;
use crate::draw::wish;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::picture::read;
use crate::render::device::Device;
use crate::store;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Find clusters of activations, and how much of every channel lies in each: `NAME.channels`
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend channels find toon.safetensors
  blend channels find toon.safetensors ink.safetensors -o faces.channels --layers b16.conv1,b32.conv1
  blend channels find toon.safetensors --region eyes=20,26,44,36 --region hair=hair.png")]
pub struct Args {
    /// A generator of any format, or two that are related: they are clustered together
    #[arg(value_name = "MODEL", required = true, num_args = 1..=2)]
    models: Vec<PathBuf>,
    /// Where the channels go [default: NAME.channels, here]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The pictures that are looked at: a range or a list
    #[arg(long, value_name = "SEEDS", default_value = "0..499")]
    seeds: String,
    /// Truncation: 1 is what the seed says, 0 the mean
    #[arg(long, value_name = "PSI", default_value_t = 0.7, allow_negative_numbers = true)]
    psi: f64,
    /// The class, of generators that have some
    #[arg(long, value_name = "N")]
    class: Option<usize>,
    /// Channel spaces that are clustered [default: the last three of at most 32 pixels across]
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    layers: Vec<String>,
    /// How many clusters
    #[arg(long, value_name = "K", default_value_t = 20)]
    clusters: usize,
    /// Of the clustering
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Clusterings that are tried; the best one counts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000), default_value_t = 4)]
    restarts: u16,
    /// Names the clusters that overlap with a place: `NAME=x0,y0,x1,y1` (pixels, or parts of the picture where all are at
    /// most 1) or `NAME=mask.png`; may be repeated
    #[arg(long = "region", value_name = "NAME=PLACE")]
    regions: Vec<String>,
    /// The dictionary of a pickle that is meant, where it has several
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// What draws: `cpu` gives the same file everywhere; `auto`, `gpu`, `software`, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: &Args, ui: &Ui) -> Result<Exit, Exit> {
    let begin = Instant::now();
    let told = |problem: Problem| ui.problem(problem);
    let mut masks = vec![];
    let mut open_mask = |path: &str| {
        masks.push(PathBuf::from(path));
        read::png(&shown::path(Path::new(path)), &store::read_bytes(Path::new(path), read::FILE_LIMIT)?)
    };
    let regions = args.regions.iter().map(|text| Region::parse(text, &mut open_mask));
    let wish = Wish {
        regions: regions.collect::<Result<Vec<_>, Problem>>().map_err(told)?,
        seeds: wish::seeds(&args.seeds).map_err(told)?,
        seeds_text: args.seeds.clone(),
        psi: args.psi,
        class: args.class,
        layers: args.layers.clone(),
        clusters: args.clusters,
        seed: args.seed,
        restarts: usize::from(args.restarts),
    };
    let stem = args.models[0].file_stem().map_or("model".into(), |stem| stem.to_string_lossy().into_owned());
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{stem}.channels")));
    if output.extension().is_none_or(|ending| ending != "channels") {
        return Err(told(no_ending(&output)));
    }
    let opened = open(&args.models, args.key.as_deref(), ui)?;
    let mut inputs = opened.inputs();
    inputs.append(&mut masks);
    // Before anything is drawn.
    store::may_write(&output, &inputs).map_err(told)?;
    store::may_write(&output.with_extension("png"), &inputs).map_err(told)?;
    let names_before = store::catalogue::names(&output).map_err(told)?;
    named(&output, names_before.as_deref(), args.clusters.clamp(1, MOST_CLUSTERS)).map_err(told)?;
    let old = store::catalogue::read(&output).ok().map(|(catalogue, _)| catalogue.centres);
    let (found, drawn) = search(args, &wish, &opened, &output, ui)?;
    let catalogue = &found.catalogue;
    let changes: Vec<(String, Vec<usize>)> =
        found.named.iter().map(|named| (named.name.clone(), named.clusters.clone())).collect();
    let text = match changes.is_empty() {
        true => names_before.clone(),
        false => {
            let edited = edited(names_before.as_deref().unwrap_or_default(), &changes);
            Some(edited.map_err(|reason| told(Problem::new(Code("E0767"), reason)))?)
        }
    };
    let names = named(&output, text.as_deref(), catalogue.clusters).map_err(told)?;
    store::catalogue::write(&output, catalogue, &inputs).map_err(told)?;
    ui.status(&format!(
        "wrote {}: {} clusters of {}, {} channel spaces, from {} pictures in {:.1} s",
        output.display(),
        catalogue.clusters,
        catalogue.facts.layers.join(", "),
        catalogue.spaces.len(),
        wish.seeds.len() * opened.models.len(),
        begin.elapsed().as_secs_f64(),
    ));
    if let (Some(text), false) = (&text, changes.is_empty()) {
        let path = store::catalogue::names_path(&output);
        store::write_text(&path, text).map_err(told)?;
        ui.status(&format!("wrote {}", path.display()));
    }
    show::write(catalogue, &names, &opened, &drawn, &output.with_extension("png"), &inputs, ui)?;
    let kept = names.0.keys().filter(|name| !changes.iter().any(|change| change.0 == **name));
    if let (Some(kept), true) = (kept.min(), old.is_some_and(|old| old != catalogue.centres)) {
        ui.problem(stale(kept, &output));
    }
    let mut lines = String::new();
    for named in &found.named {
        let own: Vec<String> = named.clusters.iter().map(usize::to_string).collect();
        lines.push_str(&format!("{}: clusters {}, IoU {:.2}\n", named.name, own.join(", "), named.overlap));
    }
    Ok(ui.print(&lines))
}

fn search(args: &Args, wish: &Wish, opened: &Opened, output: &Path, ui: &Ui) -> Result<(Found, Vec<Shown>), Exit> {
    let device: Device = args.device.parse().unwrap_or_default();
    let progress = Arc::new(Progress::default());
    let _bar = Bar::start(wish.pictures(opened.models.len()), Unit::Pictures, progress.clone(), ui);
    with_easels(opened, &device, args.run.threads(), &progress, ui, |easels, inputs| {
        let mut subjects = vec![];
        for (at, easel) in easels.iter_mut().enumerate() {
            let source = Source {
                path: beside(output, &args.models[at]),
                fingerprint: fingerprint(&opened.models[at].drawing, inputs)?,
            };
            let Some(drawer) = easel.drawer() else { return Err(Stop::Cancelled) };
            subjects.push(Subject { drawer, canon: opened.canon(at), source });
        }
        let found = find::find(&mut subjects, wish, &progress)?;
        let drawn = show::pictures(&found.catalogue, &mut subjects, &progress)?;
        Ok((found, drawn))
    })
}

/// Names that may mean other clusters of a file now.
fn stale(name: &str, file: &Path) -> Problem {
    let names = shown::path(&store::catalogue::names_path(file));
    Problem::new(Code("W0762"), format!("`{name}` in `{names}` was named before these clusters were found")).help(
        format!(
            "look at the new picture, and name the clusters anew: `blend channels name {} {name}=0,1`",
            shown::path(file)
        ),
    )
}

fn no_ending(path: &Path) -> Problem {
    let better = path.with_extension("channels");
    Problem::new(Code("E0766"), format!("`{}` does not end in `.channels`", shown::path(path)))
        .help(format!("write `-o {}`: its picture and its names stand beside it", shown::path(&better)))
}

/// A path as it is seen from the folder of a file, where both are told from the same place; else the path itself.
fn beside(file: &Path, path: &Path) -> String {
    let as_text = |path: &Path| path.to_string_lossy().replace('\n', "?");
    let folder = file.parent().unwrap_or(Path::new(""));
    let plain = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain(folder) || path.is_absolute() {
        return as_text(path);
    }
    let normal = |path: &'_ Path| -> Vec<PathBuf> {
        path.components()
            .filter(|part| *part != Component::CurDir)
            .map(|part| PathBuf::from(part.as_os_str()))
            .collect()
    };
    let (from, to) = (normal(folder), normal(path));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(PathBuf::from(".."), from.len() - common);
    as_text(&up.chain(to[common..].iter().cloned()).collect::<PathBuf>())
}

#[cfg(test)]
mod tests {
    use super::beside;
    use std::path::Path;

    #[test]
    fn paths_from_a_folder() {
        let check = |file: &str, path: &str, expected: &str| {
            assert_eq!(beside(Path::new(file), Path::new(path)), expected, "{path} from {file}");
        };
        check("a.channels", "toon.safetensors", "toon.safetensors");
        check("./a.channels", "models/toon.pkl", "models/toon.pkl");
        check("r/out/a.channels", "r/models/toon.pkl", "../models/toon.pkl");
        check("r/a.channels", "../toon.pkl", "../../toon.pkl");
        check("../a.channels", "toon.pkl", "toon.pkl");
        check("out/a.channels", "/data/toon.pkl", "/data/toon.pkl");
    }
}
