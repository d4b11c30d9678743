//! `blend inspect`: what a checkpoint is.

use super::Exit;
use super::recipe::with_key_option;
use super::ui::Ui;
use crate::arch;
use crate::arch::Canon;
use crate::compile::TEXT_LIMIT;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::exec::stats;
use crate::exec::stats::Stats;
use crate::plan::bytes_text;
use crate::store;
use crate::tensor::Coord;
use crate::tensor::Header;
use crate::tensor::elems;
use crate::tensor::shape_text;
use crate::text::Sources;
use indexmap::IndexMap;
use serde_json::json;
use std::path::PathBuf;

/// Tell what a checkpoint is: architecture, layout, words, types, sizes
#[derive(clap::Args)]
#[command(after_help = "Example: blend inspect recipes/models/avatars-toon.safetensors --tensors")]
pub struct Args {
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// List every tensor with its words and coordinates
    #[arg(long)]
    tensors: bool,
    /// Read the weights: mean, deviation, largest magnitude, values that are not finite, per tensor
    #[arg(long)]
    stats: bool,
    /// Print the recipe inside it, and nothing else
    #[arg(long, conflicts_with_all = ["stats", "tensors", "json"])]
    recipe: bool,
    /// The dictionary of a pickle that is meant, where it has several
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// See it through this layout, instead of the detected one
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<String>,
    /// See it through your own architecture file
    #[arg(long, value_name = "TOML", conflicts_with = "layout")]
    arch: Option<PathBuf>,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    match text(args, ui) {
        Ok(text) => ui.print(&text),
        Err(problem) => ui.problem(problem),
    }
}

fn text(args: &Args, ui: &Ui) -> Result<String, Problem> {
    let header = store::open(&args.model, args.key.as_deref()).map_err(with_key_option)?;
    if args.recipe {
        let used = header.metadata.keys().filter_map(|key| key.strip_prefix("blend.recipe."));
        let used: Vec<String> = used.map(escaped).collect();
        if !used.is_empty() {
            ui.status(&format!("it uses {}: `blend inspect --json` has the texts under `metadata`", used.join(", ")));
        }
        return header.metadata.get("blend.recipe").cloned().ok_or_else(|| {
            Problem::new(Code("E0219"), format!("`{}` has no recipe inside", args.model.display()))
                .help("build models with `blend build`: it keeps the recipe in the file")
        });
    }
    let own = match &args.arch {
        Some(path) => {
            let text = store::read_text(path, TEXT_LIMIT)?;
            let loaded = arch::load(&text, &path.display().to_string());
            Some(loaded.map_err(|mut faults| faults.swap_remove(0).in_text(&text))?)
        }
        None => None,
    };
    let canon = arch::detect(&header, own.as_ref(), args.layout.as_deref())?;
    let mut remarks = Problems::default();
    canon.remarks.iter().for_each(|remark| remarks.push(remark.clone()));
    ui.problems(&remarks, &Sources::default());
    let stats = if args.stats { Some(stats::of(&header)?) } else { None };
    if args.json {
        return Ok(
            serde_json::to_string_pretty(&json(args, &header, &canon, stats.as_deref())).expect("it is JSON") + "\n"
        );
    }
    Ok(human(args, &header, &canon, stats.as_deref()))
}

fn human(args: &Args, header: &Header, canon: &Canon, stats: Option<&[Stats]>) -> String {
    let files = header.on_disk().count();
    let files = if files == 1 { "1 file".into() } else { format!("{files} files") };
    let mut out = format!("{}: {} in {files}\n", args.model.display(), bytes_text(header.size()));
    out.push_str(&format!("architecture: {}, layout {}\n", canon.family, canon.layout));
    for (name, value) in &canon.facts {
        out.push_str(&format!("  {name}: {value}\n"));
    }
    let count: u64 = header.entries.iter().map(|entry| elems(&entry.shape)).sum();
    let mut types: IndexMap<String, (usize, u64)> = IndexMap::new();
    for entry in &header.entries {
        let row = types.entry(entry.dtype_text()).or_default();
        *row = (row.0 + 1, row.1 + entry.len);
    }
    let types: Vec<String> =
        types.iter().map(|(name, (count, bytes))| format!("{name} ({count}, {})", bytes_text(*bytes))).collect();
    out.push_str(&format!("tensors: {}, {} numbers: {}\n", header.entries.len(), grouped(count), types.join(", ")));
    if !canon.unknown.is_empty() {
        let names: Vec<&str> = canon.unknown.iter().take(5).map(|&at| header.entries[at].name.as_str()).collect();
        let more = if canon.unknown.len() > names.len() { ", …" } else { "" };
        let names = escaped(&names.join(", "));
        out.push_str(&format!("not of the layout: {} ({names}{more})\n", canon.unknown.len()));
    }
    out.push_str(&format!("words: {}\n", words(canon)));
    for coord in Coord::ALL {
        let values = values(canon, coord);
        if let (Some(low), Some(high)) = (values.first(), values.last()) {
            let shown = if values.len() <= 12 {
                values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
            } else {
                format!("{low} to {high}, {} values", values.len())
            };
            out.push_str(&format!("{}: {shown}\n", coord.text()));
        }
    }
    for (name, text) in &header.metadata {
        if name == "blend.recipe" {
            let lines = text.lines().count();
            out.push_str(&format!("recipe inside: {lines} lines; print it with `--recipe`\n"));
        } else if name == "blend.lineage" {
            let rows = serde_json::from_str::<serde_json::Value>(text).ok();
            let rows = rows.as_ref().and_then(serde_json::Value::as_array).map_or(&[][..], Vec::as_slice);
            let names: Vec<String> = rows.iter().filter_map(|row| row["name"].as_str()).map(escaped).collect();
            out.push_str(&format!("merged before: {}; `--json` has the lineage\n", names.join(", ")));
        } else if !name.starts_with("blend.") {
            out.push_str(&format!("metadata {}: {}\n", escaped(name), escaped(text)));
        }
    }
    if args.tensors {
        out.push_str(&table(header, canon));
    }
    if let Some(stats) = stats {
        out.push_str(&stats_table(stats));
    }
    out
}

/// Text of a file, safe for a terminal and not endless.
fn escaped(text: &str) -> String {
    let short: String = text.chars().take(200).collect();
    let dots = if short.len() < text.len() { " …" } else { "" };
    let safe: String = short.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    safe + dots
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Words with their numbers of tensors, most frequent first.
fn words(canon: &Canon) -> String {
    let mut counts: IndexMap<&str, usize> = IndexMap::new();
    for tensor in &canon.tensors {
        tensor.traits.words.iter().for_each(|word| *counts.entry(word).or_default() += 1);
    }
    counts.sort_by(|a, x, b, y| y.cmp(x).then(a.cmp(b)));
    let shown: Vec<String> = counts.iter().take(24).map(|(word, count)| format!("{} {count}", escaped(word))).collect();
    let more = counts.len().saturating_sub(shown.len());
    if more > 0 { format!("{}, and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

fn values(canon: &Canon, coord: Coord) -> Vec<f64> {
    let mut values: Vec<f64> = canon.tensors.iter().filter_map(|tensor| tensor.traits.coord(coord)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

fn table(header: &Header, canon: &Canon) -> String {
    let mut out = String::from("\n");
    for tensor in &canon.tensors {
        let entry = &header.entries[tensor.entry];
        let words: Vec<&str> = tensor.traits.words.iter().map(|word| &**word).collect();
        let coords: Vec<String> =
            tensor.traits.coords.iter().map(|(coord, value)| format!("{} {value}", coord.text())).collect();
        let stored = if *entry.name == *tensor.name {
            String::new()
        } else {
            format!(" (in the file: {})", escaped(&entry.name))
        };
        out.push_str(&format!(
            "{} {} {}{stored}: {}{}{}\n",
            escaped(&tensor.name),
            entry.dtype_text(),
            shape_text(&tensor.shape),
            words.join(" "),
            if coords.is_empty() { "" } else { "; " },
            coords.join(", "),
        ));
    }
    out
}

fn stats_table(stats: &[Stats]) -> String {
    let width = stats.iter().map(|row| row.name.len()).max().unwrap_or(0).min(60);
    let mut out =
        format!("\n{:width$}  {:>12}  {:>12}  {:>12}  not finite\n", "tensor", "mean", "deviation", "largest");
    for row in stats {
        out.push_str(&format!(
            "{:width$}  {:>12.5e}  {:>12.5e}  {:>12.5e}  {}\n",
            escaped(&row.name),
            row.mean,
            row.deviation,
            row.largest,
            row.not_finite
        ));
    }
    out
}

fn json(args: &Args, header: &Header, canon: &Canon, stats: Option<&[Stats]>) -> serde_json::Value {
    let tensors: Vec<serde_json::Value> = canon
        .tensors
        .iter()
        .map(|tensor| {
            let entry = &header.entries[tensor.entry];
            let coords: serde_json::Map<String, serde_json::Value> =
                tensor.traits.coords.iter().map(|(coord, value)| (coord.text().to_string(), json!(value))).collect();
            let mut row = json!({
                "name": &*tensor.name,
                "stored": entry.name,
                "dtype": tensor.dtype.name(),
                "shape": tensor.shape.as_slice(),
                "words": tensor.traits.words.iter().map(|word| &**word).collect::<Vec<_>>(),
                "coordinates": coords,
            });
            if let Some(blocks) = entry.blocks() {
                row["blocks"] = json!(blocks.name());
            }
            row
        })
        .collect();
    let rows = stats.map(|stats| {
        let row = |row: &Stats| json!({ "name": row.name, "mean": row.mean, "deviation": row.deviation, "largest": row.largest, "not_finite": row.not_finite });
        stats.iter().map(row).collect::<Vec<_>>()
    });
    let facts: serde_json::Map<String, serde_json::Value> =
        canon.facts.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "path": args.model.display().to_string(),
        "files": header.on_disk().map(|file| json!({ "path": file.path.display().to_string(), "bytes": file.size })).collect::<Vec<_>>(),
        "family": &*canon.family,
        "layout": &*canon.layout,
        "facts": facts,
        "metadata": header.metadata,
        "tensors": tensors,
        "stats": rows,
    })
}
