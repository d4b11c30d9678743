//! `blend build`: the merged model.

use super::Exit;
use super::recipe;
use super::recipe::Outcome;
use super::recipe::RecipeArgs;
use super::ui::Ui;
use super::ui::exit_of;
use crate::compile::Compiled;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::exec;
use crate::exec::ClaimReport;
use crate::exec::Progress;
use crate::exec::Report;
use crate::exec::Stop;
use crate::plan::bytes_text;
use crate::plan::tally;
use crate::render::device::Device;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Once;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

/// Build the outputs of a recipe
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend build recipes/stylegan2/layer-swap.blend --set edge=16
  blend build -e 'layer_swap(a, b, at = 32)' -m a=A.safetensors -m b=B.safetensors -o out.safetensors")]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    pictures: PictureArgs,
    /// Replace directories that blend did not write
    #[arg(long)]
    force: bool,
}

/// How to run.
#[derive(clap::Args)]
pub struct RunArgs {
    /// Worker threads; the result does not depend on it [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// What draws the pictures of claims.
#[derive(clap::Args)]
pub struct PictureArgs {
    /// What draws the pictures of claims: `cpu` gives the same verdict on every machine; `auto`, `gpu`, `software`, or
    /// part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
}

impl PictureArgs {
    pub fn device(&self) -> Device {
        self.device.parse().unwrap_or_default()
    }
}

impl RunArgs {
    /// A run that keeps what it makes.
    pub fn options(&self) -> exec::Options {
        exec::Options { threads: self.threads(), ..exec::Options::default() }
    }

    pub fn threads(&self) -> usize {
        self.threads.map_or(exec::Options::default().threads, usize::from)
    }
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let mut outcome = match recipe::compile(&args.recipe, ui) {
        Ok(outcome) => outcome,
        Err(exit) => return exit,
    };
    if let Err(exit) = recipe::look_at_masks(&mut outcome, ui) {
        return exit;
    }
    let options = exec::Options { force: args.force, device: args.pictures.device(), ..args.run.options() };
    match execute(&outcome, &options, ui) {
        Ok((_, exit)) => exit,
        Err(exit) => exit,
    }
}

/// The run that an interrupt ends: a process has one handler, `blend test` has several runs.
static RUNNING: Mutex<Option<Arc<Progress>>> = Mutex::new(None);

/// Lets Ctrl-C end the run of `progress`: soon the first time, at once the second.
pub fn interruptible(progress: &Arc<Progress>) {
    static ONCE: Once = Once::new();
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.clone());
    ONCE.call_once(|| {
        // Without a handler an interrupt just kills, which a build survives as well.
        let _ = ctrlc::set_handler(|| {
            let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
            match running.as_deref() {
                Some(progress) if !progress.cancelled() => progress.cancel(),
                _ => std::process::exit(130),
            }
        });
    });
}

/// Runs the plan with progress and shows what happened.  `Err`: it could not be finished.
pub fn execute(outcome: &Outcome, options: &exec::Options, ui: &Ui) -> Result<(Report, Exit), Exit> {
    ui.problems(&outcome.problems, &outcome.sources);
    let Some(compiled) = &outcome.compiled else { return Err(Exit::Wrong) };
    let progress = Arc::new(Progress::default());
    interruptible(&progress);
    let start = Instant::now();
    let result = {
        let _display = Display::start(compiled, progress.clone(), ui);
        exec::run(&compiled.recipe, &compiled.plan, options, &progress)
    };
    match result {
        Ok(report) => {
            let exit = finished(outcome, compiled, &report, start.elapsed(), ui);
            Ok((report, exit))
        }
        Err(Stop::Cancelled) => {
            ui.status("interrupted: nothing was changed");
            Err(Exit::Interrupted)
        }
        Err(Stop::Problems(list)) => {
            let mut problems = Problems::default();
            list.into_iter().for_each(|problem| problems.push(problem));
            Err(ui.problems(&problems, &outcome.sources))
        }
    }
}

fn finished(outcome: &Outcome, compiled: &Compiled, report: &Report, took: Duration, ui: &Ui) -> Exit {
    let mut problems = Problems::default();
    for claim in report.claims.iter().filter(|claim| !claim.holds) {
        problems.push(failed_claim(claim));
    }
    for claim in report.claims.iter().filter(|claim| claim.is_narrow) {
        problems.push(narrow_claim(claim));
    }
    let exit = ui.problems(&problems, &outcome.sources);
    for path in &report.failed {
        ui.status(&format!("kept for a look: {}", path.display()));
    }
    if exit_of(&problems) != Exit::Good {
        return exit;
    }
    for (path, output) in report.written.iter().zip(&compiled.plan.outputs) {
        ui.status(&format!(
            "wrote {}: {} tensors ({}), {}",
            path.display(),
            output.tensors.len(),
            tally(output),
            bytes_text(output.bytes()),
        ));
    }
    if !report.written.is_empty() {
        let claims = match report.claims.len() {
            0 => String::new(),
            1 => ", 1 claim holds".into(),
            count => format!(", {count} claims hold"),
        };
        ui.status(&format!("done in {:.2} s{claims}", took.as_secs_f64()));
    }
    exit
}

fn failed_claim(claim: &ClaimReport) -> Problem {
    let mut problem = Problem::new(Code("E0620"), format!("the claim `{}` does not hold", claim.text))
        .at(claim.site, claim.lines.first().cloned().unwrap_or_else(|| "does not hold".into()))
        .help("change the recipe until it holds, or correct the claim");
    for line in claim.lines.iter().skip(1) {
        problem = problem.note(line.clone());
    }
    for path in &claim.pictures {
        problem = problem.note(format!("look at `{}`", path.display()));
    }
    problem
}

/// A claim about pictures that another machine, or a slightly other model, might see otherwise.
fn narrow_claim(claim: &ClaimReport) -> Problem {
    Problem::new(Code("W0621"), format!("the claim `{}` holds by little", claim.text))
        .at(claim.site, claim.lines.join(", "))
        .help("move the bound away from the measured value by a tenth of it, or more")
}

/// Shows progress while it lives: a bar on a terminal, else a line from time to time.
struct Display {
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A line of plain progress is not worth reading more often.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
const BAR_EVERY: Duration = Duration::from_millis(100);

impl Display {
    fn start(compiled: &Compiled, progress: Arc<Progress>, ui: &Ui) -> Display {
        if ui.quiet {
            return Display { stop: None, thread: None };
        }
        let total = compiled.plan.work_bytes();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let bar = ui.is_interactive().then(|| bar(total));
        let every = if bar.is_some() { BAR_EVERY } else { PLAIN_EVERY };
        let start = Instant::now();
        let show = move || {
            while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
                let done = progress.done();
                match &bar {
                    Some(bar) => bar.set_position(done),
                    None => eprintln!("{}", plain(done, total, start.elapsed())),
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        };
        let thread = std::thread::Builder::new().name("progress".into()).spawn(show).ok();
        Display { stop: Some(stop), thread }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}

fn plain(done: u64, total: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(1e-9);
    let rate = done as f64 / seconds;
    let left = if rate > 0.0 {
        format!("{:.0} s left", (total.saturating_sub(done)) as f64 / rate)
    } else {
        "no estimate".into()
    };
    format!("{} of {}, {}/s, {left}", bytes_text(done), bytes_text(total), bytes_text(rate as u64))
}
