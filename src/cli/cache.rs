//! `blend cache`: what is remembered between builds, how much it is, and its end.

use super::Exit;
use super::ui::Ui;
use crate::check;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use crate::plan::bytes_text;
use crate::store::tidy;

/// Show or shrink what is remembered between builds
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  blend cache size
  blend cache gc --to '32 MB'

The cache holds digests of inputs and what is known of outputs, never weights. It is a folder: BLEND_CACHE_DIR,
else `blend` in XDG_CACHE_HOME or ~/.cache. Removing it costs time, nothing else.")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// For programs: one object with `folder`, `records`, `bytes` and `shelves`, or with what was removed
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// How much is remembered
    Size,
    /// Remove what was used longest ago
    Gc {
        /// Bytes that may stay, such as `32 MB`
        #[arg(long, value_name = "SIZE", default_value = "64 MB")]
        to: String,
    },
    /// Remove all of it
    Clear,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let done = match &args.verb {
        Verb::Size => size(args.json),
        Verb::Gc { to } => bytes_of(to).and_then(|most| shrink(most, args.json)),
        Verb::Clear => shrink(0, args.json),
    };
    match done {
        Ok(text) => ui.print(&text),
        Err(problem) => ui.problem(problem),
    }
}

fn size(json: bool) -> Result<String, Problem> {
    let folder = tidy::folder()?;
    let shelves = tidy::sizes()?;
    let records: usize = shelves.iter().map(|shelf| shelf.records).sum();
    let bytes: u64 = shelves.iter().map(|shelf| shelf.bytes).sum();
    if json {
        let rows = shelves
            .iter()
            .map(|shelf| serde_json::json!({ "name": shelf.name, "records": shelf.records, "bytes": shelf.bytes }));
        let rows: Vec<_> = rows.collect();
        let folder = folder.to_string_lossy();
        let value = serde_json::json!({ "folder": folder, "records": records, "bytes": bytes, "shelves": rows });
        return Ok(format!("{value:#}\n"));
    }
    let mut out = format!("{}: {}, {}\n", shown::path(&folder), counted(records), bytes_text(bytes));
    for shelf in shelves {
        out.push_str(&format!("  {}: {}, {}\n", shelf.name, counted(shelf.records), bytes_text(shelf.bytes)));
    }
    Ok(out)
}

fn shrink(most: u64, json: bool) -> Result<String, Problem> {
    let (records, bytes) = tidy::shrink(most)?;
    if json {
        return Ok(format!("{:#}\n", serde_json::json!({ "removed_records": records, "removed_bytes": bytes })));
    }
    Ok(format!("removed {}, {}\n", counted(records), bytes_text(bytes)))
}

fn counted(records: usize) -> String {
    if records == 1 { "1 record".into() } else { format!("{records} records") }
}

fn bytes_of(text: &str) -> Result<u64, Problem> {
    check::parse_size(text).ok_or_else(|| {
        Problem::new(Code("E0217"), format!("`{}` is no size in bytes", shown::name(text)))
            .help("write `--to 32MB` (kB, MB, GB, KiB, MiB, GiB) or a whole number of bytes")
    })
}
