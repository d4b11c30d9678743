//! Films: a walk through latents with fixed weights, or a sweep of weights with fixed latents.

use super::Args;
use super::Target;
use crate::cli::Exit;
use crate::cli::ui::Ui;
use crate::diag::Code;
use crate::diag::Problem;
use crate::draw::show::Starts;
use crate::draw::show::Wish;
use crate::draw::subject::Model;
use crate::draw::wish::Steps;
use crate::draw::wish::Sweep;
use crate::hir::Literal;
use crate::picture::canvas::Canvas;
use crate::picture::film;
use crate::picture::sheet;
use crate::store;
use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

/// Endings of films.
const ENDINGS: [&str; 6] = ["apng", "y4m", "mp4", "mov", "webm", "gif"];

/// Frames per seed of a walk, and frames of a sweep.
const WALK: usize = 30;
const SWEEP: usize = 60;

/// Bytes of all frames.
const MOST: usize = 1 << 30;

/// Pixels between pictures of a frame, and around them.
const GUTTER: usize = 4;
const PAPER: [u8; 3] = [250, 249, 246];

/// Whether a path is that of a film.
pub fn is_film(path: &Path) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|ending| ENDINGS.contains(&ending))
}

/// What moves in the film.  Errors: E0750 for nothing, or for two things.
pub fn moves(args: &Args, sweeps: &[Sweep]) -> Result<usize, Problem> {
    match (args.walk, sweeps) {
        (true, []) => Ok(args.frames.map_or(WALK, usize::from)),
        (false, [_]) => Ok(args.frames.map_or(SWEEP, usize::from)),
        (walk, sweeps) => {
            let found = format!(
                "{} and {}",
                if walk { "a walk" } else { "no walk" },
                match sweeps.len() {
                    0 => "no sweep".to_string(),
                    1 => "a sweep".into(),
                    count => format!("{count} sweeps"),
                }
            );
            Err(Problem::new(Code("E0750"), format!("a film shows one thing that moves, but there is {found}"))
                .help("write `--walk`, or one sweep such as `--sweep strength=0..1`"))
        }
    }
}

/// The values of a sweep, one per frame: a range goes there and back, a list is held value by value.
pub fn steps(sweep: &Sweep, frames: usize) -> Sweep {
    let values = match &sweep.steps {
        Steps::Smooth(low, high) => {
            let at = |frame: usize| low + (high - low) * film::there_and_back(frame, frames);
            // Paths of outputs may show the number.
            (0..frames).map(|frame| Literal::Number((at(frame) * 1e6).round() / 1e6)).collect()
        }
        Steps::Values(values) => (0..frames).map(|frame| values[frame * values.len() / frames].clone()).collect(),
    };
    Sweep { name: sweep.name.clone(), steps: Steps::Values(values) }
}

/// Draws and writes a film; `steps` are the values that a sweep takes.
pub fn write(targets: &[Target], wish: &Wish, steps: usize, output: &Path, args: &Args, ui: &Ui) -> Result<Exit, Exit> {
    let start = Instant::now();
    let told = |problem: Problem| ui.problem(problem);
    let models: Vec<Model> = targets
        .iter()
        .flat_map(
            |target| if args.walk { [&target.parents[..], &target.models].concat() } else { target.models.clone() },
        )
        .collect();
    // A walk shows its models side by side; a sweep shows the seeds of every output, whose models are one per frame.
    let (frames, cells) = match &wish.starts {
        Starts::Walk { frames, .. } => (*frames, models.len()),
        starts => (steps, starts.len() * models.len() / steps.max(1)),
    };
    let seeds = wish.starts.len();
    let mut film = Film::new(frames, cells);
    let side = args.cell.map(|side| side as usize);
    let mut wrong = None;
    let drawn = super::draw(&models, wish, args, ui, &mut |model, start, image| {
        let place = if args.walk { (start, model) } else { (model % steps, model / steps * seeds + start) };
        match film.put(place, sheet::cell(&Canvas::of(&image), side)) {
            Ok(()) => Ok(()),
            Err(problem) => {
                wrong = Some(problem);
                Err(crate::exec::Stop::Problems(vec![]))
            }
        }
    });
    if let Some(problem) = wrong {
        return Err(told(problem));
    }
    let drawn = drawn?;
    let inputs: Vec<PathBuf> = targets.iter().flat_map(|target| target.inputs.clone()).collect();
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let texts = super::texts(&names.join(", "), args, &drawn);
    let texts: Vec<(&str, &str)> = texts.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    save(&film.frames, output, args.fps, &texts, &inputs).map_err(told)?;
    let (width, height) = film.size();
    ui.status(&format!(
        "wrote {}: {frames} frames of {width} × {height} pixels, {:.1} s",
        output.display(),
        frames as f64 / f64::from(args.fps)
    ));
    super::told(&drawn, start, ui);
    if let Some(first) = film.frames.first() {
        super::preview(first, args, ui)?;
    }
    Ok(Exit::Good)
}

fn save(frames: &[Canvas], output: &Path, fps: u16, texts: &[(&str, &str)], inputs: &[PathBuf]) -> Result<(), Problem> {
    let ending = output.extension().and_then(OsStr::to_str).unwrap_or("");
    let (width, height) = frames.first().map_or((0, 0), |frame| (frame.width, frame.height));
    let head = film::y4m_head(width, height, fps);
    match film::ffmpeg(ending) {
        Some(words) => store::write_through(output, "ffmpeg", &words, |stdin| {
            // A program that ends early says itself why.
            let mut put = |bytes: &[u8]| stdin.write_all(bytes).is_ok();
            let _ = put(&head) && frames.iter().all(|frame| put(&film::y4m_frame(frame)));
            Ok(())
        }),
        None if ending == "y4m" => {
            let size = head.len() + frames.len() * film::y4m_size(width, height);
            let mut pieces = std::iter::once(head).chain(frames.iter().map(film::y4m_frame));
            store::write_pieces(output, size as u64, &mut pieces, inputs)
        }
        None => store::write_bytes(output, &film::apng(frames, fps, texts)?, inputs),
    }
}

/// Frames that fill as pictures come.
struct Film {
    frames: Vec<Canvas>,
    count: usize,
    cells: usize,
}

impl Film {
    fn new(count: usize, cells: usize) -> Film {
        Film { frames: vec![], count, cells }
    }

    fn size(&self) -> (usize, usize) {
        self.frames.first().map_or((0, 0), |frame| (frame.width, frame.height))
    }

    /// Puts a picture into a frame; the first one decides how large all are.  Errors: E0750 for films beyond memory.
    fn put(&mut self, (frame, cell): (usize, usize), picture: Canvas) -> Result<(), Problem> {
        let columns = (1..=self.cells).find(|columns| columns * columns >= self.cells).unwrap_or(1);
        let (wide, high) = (picture.width + GUTTER, picture.height + GUTTER);
        if self.frames.is_empty() {
            // Encoders of video want even sizes.
            let even = |size: usize| size + size % 2;
            let width = even(columns * wide + GUTTER);
            let height = even(self.cells.div_ceil(columns) * high + GUTTER);
            if (width * height * 3).saturating_mul(self.count) > MOST {
                let message = format!("{} frames of {width} × {height} pixels are more than a gigabyte", self.count);
                return Err(Problem::new(Code("E0750"), message)
                    .help("draw fewer frames, or smaller ones: `--frames 60 --cell 128`"));
            }
            self.frames = vec![Canvas::new(width, height, PAPER)?; self.count];
        }
        self.frames[frame].put(&picture, GUTTER + cell % columns * wide, GUTTER + cell / columns * high);
        Ok(())
    }
}
