//! `blend channels name`: names of parts, beside a file of channels.

use super::show::named;
use crate::channels::names;
use crate::cli::Exit;
use crate::cli::ui::Ui;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use crate::store;
use std::path::PathBuf;

/// Name clusters, so that recipes can say `part = "eyes"`: in `NAME.toml`, beside the file
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend channels name toon.channels eyes=3,7 hair=1,9..11
  blend channels name toon.channels eyes=
  blend channels name toon.channels")]
pub struct Args {
    /// A file that `blend channels find` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A name and its clusters; without clusters the name is removed; without pairs the names are listed
    #[arg(value_name = "NAME=CLUSTERS")]
    pairs: Vec<String>,
}

pub fn run(args: &Args, ui: &Ui) -> Result<Exit, Exit> {
    let told = |problem: Problem| ui.problem(problem);
    let (catalogue, text) = store::catalogue::read(&args.file).map_err(told)?;
    let before = named(&args.file, text.as_deref(), catalogue.clusters).map_err(told)?;
    let mut changes = vec![];
    for pair in &args.pairs {
        changes.push(names::pair(pair, catalogue.clusters).map_err(|reason| told(bad_pair(pair, &reason)))?);
    }
    if let Some((name, _)) = changes.iter().find(|(name, own)| own.is_empty() && !before.0.contains_key(name)) {
        let known: Vec<&str> = before.0.keys().map(String::as_str).collect();
        return Err(told(no_name(name, &known)));
    }
    let mut text = text.unwrap_or_default();
    if !changes.is_empty() {
        let path = store::catalogue::names_path(&args.file);
        text = names::edited(&text, &changes).map_err(|reason| told(bad_pair(&args.pairs.join(" "), &reason)))?;
        store::write_text(&path, &text).map_err(told)?;
        ui.status(&format!("wrote {}", path.display()));
    }
    let now = named(&args.file, Some(&text), catalogue.clusters).map_err(told)?;
    let listed = |own: &[usize]| own.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let width = now.0.keys().map(String::len).max().unwrap_or(0);
    let wide = now.0.values().map(|own| listed(own).len()).max().unwrap_or(0);
    let mut lines = String::new();
    for (name, own) in &now.0 {
        let area = match catalogue.areas.is_empty() {
            true => String::new(),
            false => format!("  {:4.1} % of pixels", 100.0 * own.iter().map(|at| catalogue.areas[*at]).sum::<f32>()),
        };
        lines.push_str(format!("{name:width$}  {:wide$}{area}", listed(own)).trim_end());
        lines.push('\n');
    }
    if now.0.is_empty() {
        ui.status("no cluster has a name");
    }
    Ok(ui.print(&lines))
}

fn bad_pair(text: &str, reason: &str) -> Problem {
    Problem::new(Code("E0767"), format!("`{}` {reason}", shown::name(text)))
        .help("write a name and cluster numbers: `eyes=3,7`, `hair=1,9..11`, or `eyes=` to remove one")
}

fn no_name(name: &str, known: &[&str]) -> Problem {
    let problem = Problem::new(Code("E0767"), format!("no part is called `{}`", shown::name(name)));
    match known {
        [] => problem.help(format!("nothing has a name yet: write `{name}=3,7`")),
        known => problem.help(format!("remove one of {}", known.join(", "))),
    }
}
