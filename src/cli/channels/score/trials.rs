//! Draws base, other, and the blend of every mode with its random counterparts; keeps sums, and pictures of a few seeds.

use super::Args;
use super::result::Line;
use super::result::Pictures;
use super::result::Scored;
use super::subject::Subject;
use super::wrong;
use crate::channels::Catalogue;
use crate::check::World;
use crate::cli::Exit;
use crate::cli::bar::Bar;
use crate::cli::bar::Unit;
use crate::cli::build::interruptible;
use crate::cli::ui::Ui;
use crate::cluster::labels::Labeller;
use crate::cluster::philox::Purpose;
use crate::cluster::philox::Random;
use crate::compile::Disk;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::draw;
use crate::draw::Easel;
use crate::draw::show;
use crate::draw::show::Starts;
use crate::draw::show::Wish;
use crate::draw::subject::Model;
use crate::draw::subject::Variant;
use crate::exec;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::hir::Mode;
use crate::picture::canvas::Canvas;
use crate::picture::locality::Tally;
use crate::render::device::Device;
use crate::render::drawer::Look;
use crate::render::drawer::Start;
use crate::tensor::Header;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// What the base draws of a seed, and where the part is.
struct Before {
    canvas: Canvas,
    part: Vec<bool>,
}

/// A model that is compared with the base.
struct Trial {
    /// Of the modes that are asked for; `None` for the other model as it is.
    mode: Option<usize>,
    /// The number of the random mask; `None` for the part's own.
    random: Option<usize>,
}

pub fn run(args: &Args, subject: &Subject, seeds: &[u32], psi: f64, ui: &Ui) -> Result<Scored, Exit> {
    let mut trials = vec![Trial { mode: None, random: None }];
    let mut models = vec![subject.other.clone()];
    for (mode, word) in args.modes.iter().enumerate() {
        for random in std::iter::once(None).chain((0..usize::from(args.random)).map(Some)) {
            models.push(blend(subject, word, random.map(|number| (args.seed, number)), ui)?);
            trials.push(Trial { mode: Some(mode), random });
        }
    }
    let look = Look { psi, class: subject.catalogue.facts.class, ..Look::default() };
    let device: Device = args.device.parse().unwrap_or_default();
    let progress = Arc::new(Progress::default());
    interruptible(&progress);
    let shown = usize::from(args.columns).min(seeds.len());
    // Of pictures; the other one counts bytes.
    let counted = Arc::new(Progress::default());
    let _bar = Bar::start((seeds.len() * (models.len() + 1)) as u64, Unit::Pictures, counted.clone(), ui);
    let pool = exec::pool(args.run.threads());
    let drawn = pool.and_then(|pool| {
        pool.install(|| {
            let before = before(subject, seeds, &look, &device, [&progress, &counted])?;
            let mut tallies = vec![Tally::default(); trials.len()];
            let mut kept: Vec<Vec<Canvas>> = trials.iter().map(|_| vec![]).collect();
            let starts = Starts::Each(seeds.iter().map(|seed| Start::Seed(*seed)).collect());
            let wish = Wish { starts, look: look.clone(), device: device.clone() };
            let drawn = show::show(&models, &wish, &progress, &mut |row, column, image| {
                let canvas = Canvas::of(&image);
                let Before { canvas: own, part } = &before[column];
                tallies[row].add(own, &canvas, part);
                if column < shown && args.output.is_some() && trials[row].random.is_none_or(|number| number == 0) {
                    kept[row].push(canvas);
                }
                counted.add(1);
                Ok(())
            })?;
            Ok((before, tallies, kept, drawn))
        })
    });
    let (before, tallies, kept, drawn) = drawn.map_err(|stop| ui.stopped(stop, "nothing was written"))?;
    if let Some(problem) = unusable(subject, &tallies[0]) {
        return Err(ui.problem(problem));
    }
    let mut lines: Vec<Line> = args.modes.iter().map(|mode| Line::new(mode)).collect();
    let mut kept = kept.into_iter();
    let other = kept.next().unwrap_or_default();
    for ((trial, tally), canvases) in trials.iter().zip(&tallies).skip(1).zip(kept) {
        let line = &mut lines[trial.mode.unwrap_or(0)];
        match trial.random {
            None => (line.tally, line.pictures) = (*tally, canvases),
            Some(number) => {
                line.random.push(*tally);
                if number == 0 {
                    line.at_random = canvases;
                }
            }
        }
    }
    Ok(Scored {
        base: subject.base.label.clone(),
        other: subject.other.label.clone(),
        part: subject.part.name.as_ref().map(|part| part.to_string()),
        clusters: subject.part.clusters.clone(),
        catalogue: subject.part.path.display().to_string(),
        channels: subject.channels(),
        seeds: (args.seeds.clone(), seeds.len()),
        psi,
        seed: args.seed,
        device: drawn.about.map_or(String::new(), |about| about.line),
        swap: tallies[0],
        lines,
        pictures: Pictures {
            columns: seeds.iter().take(shown).map(|seed| format!("seed {seed}")).collect(),
            before: before.into_iter().take(shown).map(|before| (before.canvas, before.part)).collect(),
            other,
        },
    })
}

/// The blend of a mode; with a random mask where its seed and number are given.
fn blend(subject: &Subject, mode: &str, random: Option<(u64, usize)>, ui: &Ui) -> Result<Model, Exit> {
    let change = |settings: &mut crate::check::Settings| settings.mode = Mode::from_text(mode);
    let outcome = match random {
        None => subject.again.compile_in(&change, &Disk, ui),
        Some((seed, number)) => subject.again.compile_in(&change, &Shuffled { seed, number }, ui),
    }?;
    let Some(compiled) = &outcome.compiled else { return Err(Exit::Wrong) };
    let outputs = draw::subject::outputs(compiled, &Variant::default(), None);
    let outputs = outputs.map_err(|problem| ui.problems(&Problems::from(problem), &outcome.sources))?;
    outputs.into_iter().next().ok_or(Exit::Wrong)
}

/// The pictures of the base, and where its activations are of the part's clusters.
fn before(
    subject: &Subject,
    seeds: &[u32],
    look: &Look,
    device: &Device,
    [progress, counted]: [&Progress; 2],
) -> Result<Vec<Before>, Stop> {
    let inputs = draw::open(&subject.base.files)?;
    let mut easel = Easel::new(device.clone());
    easel.put(&subject.base.drawing, &inputs, progress)?;
    let canon = &subject.compiled.recipe.inputs[subject.base_input].canon;
    let mut labeller = Labeller::new(&subject.catalogue, &subject.base.drawing.net, canon)?;
    let mut out = vec![];
    for seed in seeds {
        if progress.cancelled() {
            return Err(Stop::Cancelled);
        }
        let Some(drawer) = easel.drawer() else { continue };
        let (image, map) = labeller.draw(drawer, &Start::Seed(*seed), look)?;
        let part = map.mask(&subject.part.clusters, image.shape.height, image.shape.width);
        out.push(Before { canvas: Canvas::of(&image), part });
        counted.add(1);
    }
    inputs.verify()?;
    Ok(out)
}

/// What makes numbers meaningless.
fn unusable(subject: &Subject, swap: &Tally) -> Option<Problem> {
    let names = (&subject.base.label, &subject.other.label);
    let part = subject.part.name.as_deref().unwrap_or("of these clusters");
    if swap.ratio().is_none() {
        let message = format!("`{}` and `{}` draw the same pictures", names.0, names.1);
        return Some(wrong(message, "give two models that differ: `blend compare A B` tells by how much"));
    }
    if swap.area() == 0.0 || swap.area() == 1.0 {
        let message =
            format!("the part `{part}` is {} of these pictures", if swap.area() == 0.0 { "in none" } else { "all" });
        return Some(wrong(message, "name other clusters, or draw more pictures: `--seeds 1000..1255`"));
    }
    None
}

/// The disk, but what a catalogue says of a channel it says of another one of its space.
struct Shuffled {
    seed: u64,
    number: usize,
}

impl World for Shuffled {
    fn recipe(&self, path: &Path) -> Result<String, Problem> {
        Disk.recipe(path)
    }

    fn architecture(&self, path: &Path) -> Result<String, Problem> {
        Disk.architecture(path)
    }

    fn checkpoint(&self, path: &Path, key: Option<&str>) -> Result<Header, Problem> {
        Disk.checkpoint(path, key)
    }

    fn channels(&self, path: &Path) -> Result<(Catalogue, Option<String>), Problem> {
        let (catalogue, names) = Disk.channels(path)?;
        let mut random = Random::new(self.seed, Purpose::Masks, self.number);
        Ok((catalogue.shuffled(&mut |bound| random.below(bound)), names))
    }

    fn picture(&self, path: &Path) -> Result<[usize; 2], Problem> {
        Disk.picture(path)
    }

    fn may_write(&self, output: &Path, inputs: &[PathBuf]) -> Result<(), Problem> {
        Disk.may_write(output, inputs)
    }
}
