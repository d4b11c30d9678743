//! `blend doctor`: what this machine has to draw with, what is missing, and how fast it is.

use super::Exit;
use super::build::RunArgs;
use super::ui;
use super::ui::Ui;
use crate::network;
use crate::network::Net;
use crate::network::stylegan2::Facts;
use crate::render::cpu::Kernel;
use crate::render::device::Device;
use crate::render::drawer::Drawer;
use crate::render::drawer::Look;
use crate::render::drawer::Start;
use crate::render::trial;
use crate::render::weights::Weights;
use serde_json::Value;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Tell what this machine draws with, what is missing, and how fast it is
#[derive(clap::Args)]
#[command(after_help = "Example: blend doctor")]
pub struct Args {
    /// For programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// The trial's network: pixels, and channels at most.
const TRIAL: (usize, usize) = (128, 128);

/// A line, and what is told under it.
struct Finding {
    what: &'static str,
    text: String,
    more: Vec<String>,
    facts: Value,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let threads = args.run.threads();
    let pool = match crate::exec::pool(threads) {
        Ok(pool) => pool,
        Err(_) => return ui.problem(crate::exec::no_threads(threads)),
    };
    let findings = pool.install(|| findings(threads));
    if args.json {
        let all: serde_json::Map<String, Value> =
            findings.into_iter().map(|finding| (finding.what.to_string(), finding.facts)).collect();
        let value = json!({ "version": env!("CARGO_PKG_VERSION"), "found": all });
        return ui.print(&(serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"));
    }
    let mut out = format!("blend {}\n", env!("CARGO_PKG_VERSION"));
    for finding in findings {
        out.push_str(&format!("{:<10} {}\n", finding.what, finding.text));
        finding.more.iter().for_each(|line| out.push_str(&format!("{:<10} {line}\n", "")));
    }
    ui.print(&out)
}

fn findings(threads: usize) -> Vec<Finding> {
    let weights = trial::stylegan2(TRIAL.0, TRIAL.1);
    let net = network::describe(&weights.shapes(), Facts::default()).map(Arc::new);
    let Ok(net) = net else { return vec![] };
    let mut out = vec![processor(threads, &net, &weights)];
    out.extend(cards(&net, &weights));
    out.push(ffmpeg());
    let blocks = if ui::has_blocks() {
        "block characters are shown"
    } else {
        "no block characters: set LANG to a locale of UTF-8"
    };
    out.push(Finding {
        what: "terminal",
        text: blocks.into(),
        more: vec![],
        facts: json!({ "blocks": ui::has_blocks() }),
    });
    out
}

/// The best of some pictures in milliseconds, after the first.
fn timed(device: Device, net: &Arc<Net>, weights: &Weights) -> Result<f64, String> {
    let mut drawer = Drawer::new(net.clone(), weights.clone(), &device).map_err(|problem| problem.message)?;
    let mut best = f64::MAX;
    for seed in 0..4 {
        let start = Instant::now();
        drawer.draw(&Start::Seed(seed), &Look::default()).map_err(|problem| problem.message)?;
        if seed > 0 {
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(best)
}

fn trial_text(milliseconds: f64, net: &Net) -> String {
    let gflop = net.flops() / 1e9;
    format!(
        "draws a trial picture of {} pixels ({gflop:.1} GFLOP) in {milliseconds:.1} ms, {:.0} GFLOP/s",
        TRIAL.0,
        gflop / milliseconds * 1e3
    )
}

fn processor(threads: usize, net: &Arc<Net>, weights: &Weights) -> Finding {
    let kernels: Vec<&str> = Kernel::all().into_iter().map(Kernel::name).collect();
    let rate = trial::products(threads, &|| 0.0).rate();
    let milliseconds = timed(Device::CPU, net, weights);
    let mut more = vec![format!("multiplies matrices at {rate:.0} GFLOP/s")];
    more.push(match &milliseconds {
        Ok(time) => trial_text(*time, net),
        Err(reason) => reason.clone(),
    });
    let workers = if threads == 1 { "1 thread".to_string() } else { format!("{threads} threads") };
    Finding {
        what: "processor",
        text: format!("{workers}, {} (kernels: {})", Kernel::best().name(), kernels.join(", ")),
        more,
        facts: json!({ "threads": threads, "kernels": kernels, "gflops": rate, "trial_ms": milliseconds.ok() }),
    }
}

#[cfg(feature = "gpu")]
fn cards(net: &Arc<Net>, weights: &Weights) -> Vec<Finding> {
    use crate::render::gpu::device;
    use crate::render::gpu::device::Kind;
    let all = device::adapters();
    let mut out = vec![];
    for found in &all {
        let is_soft = found.kind == Kind::Software;
        // Both are found by name: there may be several of a kind.
        let place = crate::render::device::Place::Name(found.name.clone());
        let time = timed(Device { place, half: false }, net, weights);
        let mut more = vec![match &time {
            Ok(time) => trial_text(*time, net),
            Err(reason) => format!("cannot draw: {reason}"),
        }];
        if is_soft {
            more.push("is never chosen by itself: `--device software` tests the code of graphics cards with it".into());
        }
        out.push(Finding {
            what: if is_soft { "software" } else { "graphics" },
            text: found.to_string(),
            more,
            facts: json!({
                "name": found.name, "kind": found.kind.to_string(), "backend": found.backend,
                "driver": found.driver, "driver_info": found.driver_info, "trial_ms": time.ok(),
            }),
        });
    }
    if !all.iter().any(|found| found.kind != Kind::Software) {
        out.insert(0, no_card(&device::why_none(), all.is_empty()));
    }
    out
}

#[cfg(not(feature = "gpu"))]
fn cards(_: &Arc<Net>, _: &Weights) -> Vec<Finding> {
    vec![no_card("this build of blend draws on processors alone", false)]
}

fn no_card(reason: &str, is_bare: bool) -> Finding {
    let mut more = vec!["pictures are drawn by the processor, and are the same".to_string()];
    if is_bare {
        more.push("for a graphics card: `apt install libvulkan1`, and the card's driver (AMD, Intel: `apt install mesa-vulkan-drivers`)".into());
        more.push("NVIDIA in containers: the capability `graphics`, libegl1, libgl1, libglx0, libxext6; `vulkaninfo --summary` shows what is seen".into());
    }
    Finding { what: "graphics", text: format!("none: {reason}"), more, facts: json!({ "reason": reason }) }
}

fn ffmpeg() -> Finding {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found: Option<PathBuf> =
        std::env::split_paths(&path).map(|folder| folder.join("ffmpeg")).find(|path| path.is_file());
    match &found {
        Some(path) => Finding {
            what: "films",
            text: format!("`.apng`, `.y4m`, and through {} `.mp4`, `.webm`, `.gif`", path.display()),
            more: vec![],
            facts: json!({ "ffmpeg": path.display().to_string() }),
        },
        None => Finding {
            what: "films",
            text: "`.apng` and `.y4m`; for `.mp4`, `.webm` and `.gif`: `apt install ffmpeg`".into(),
            more: vec![],
            facts: json!({ "ffmpeg": null }),
        },
    }
}
