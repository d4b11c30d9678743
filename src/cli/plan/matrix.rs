//! `blend plan --sweep`: the matrix of variants, and what they share.

use crate::cli::Exit;
use crate::cli::inputs::value;
use crate::cli::recipe;
use crate::cli::recipe::Outcome;
use crate::cli::sweep::Matrix;
use crate::compile::Compiled;
use crate::plan;
use crate::plan::Output;
use crate::plan::Shared;
use crate::plan::bytes_text;
use crate::plan::tally;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// The matrix as text, or for programs; `demand` is asked whether a round of variants may be looked at.
pub fn shown(
    mut matrix: Matrix,
    demand: &dyn Fn(&mut [Outcome]) -> Result<(), Exit>,
    threads: usize,
    as_json: bool,
) -> Result<String, Exit> {
    let mut lines: Vec<String> = vec![];
    let mut rows: Vec<Value> = vec![];
    let mut sum = Sum::default();
    let rounds = matrix.rounds();
    for round in &rounds {
        let mut outcomes = matrix.round(round);
        demand(&mut outcomes)?;
        for (outcome, variant) in outcomes.iter().zip(&matrix.variants[round.clone()]) {
            let Some(compiled) = &outcome.compiled else { continue };
            if as_json {
                let mut row = plan::json(&compiled.recipe, &compiled.plan, threads);
                let set: Map<String, Value> = variant.sets.iter().map(|(name, of)| (name.clone(), value(of))).collect();
                row["set"] = json!(set);
                rows.push(row);
            }
            lines.push(format!("where  {}\n", outcome.label));
            lines.extend(compiled.plan.outputs.iter().map(written));
        }
        sum.add(&mut outcomes, threads);
    }
    if as_json {
        let value = json!({ "variants": rows, "common": sum.json(), "threads": threads, "peak_bytes": sum.peak });
        return Ok(serde_json::to_string_pretty(&value).expect("numbers and names are JSON") + "\n");
    }
    Ok(lines.concat() + &sum.text(&matrix, rounds.len(), threads))
}

fn written(output: &Output) -> String {
    let tensors =
        if output.tensors.len() == 1 { "1 tensor".into() } else { format!("{} tensors", output.tensors.len()) };
    format!("  write  {}: {tensors} ({}), {}\n", output.written, tally(output), bytes_text(output.bytes()))
}

/// What all rounds come to.
#[derive(Default)]
struct Sum {
    shared: Shared,
    peak: u64,
    /// Name and path of every input, with the bytes that are read of it and that it has.
    inputs: Vec<(String, String, u64, u64)>,
}

impl Sum {
    /// Adds the variants of a round.
    fn add(&mut self, outcomes: &mut [Outcome], threads: usize) {
        recipe::join(outcomes);
        let all: Vec<&Compiled> = outcomes.iter().filter_map(|outcome| outcome.compiled.as_ref()).collect();
        let outputs: Vec<&Output> = all.iter().flat_map(|compiled| &compiled.plan.outputs).collect();
        let shared = plan::shared(&outputs);
        // One variant's programs at a time, but what is known of all.
        let known: u64 = all.iter().map(|compiled| plan::known_bytes(&compiled.plan)).sum();
        let without =
            |compiled: &&Compiled| plan::peak_bytes(&compiled.plan, threads) - plan::known_bytes(&compiled.plan);
        self.peak = self.peak.max(known + all.iter().map(without).max().unwrap_or(0));
        for input in all.iter().flat_map(|compiled| &compiled.recipe.inputs) {
            let files = all.first().map_or(&[][..], |first| &first.plan.files);
            let is_own = |at: &usize| input.header.files.iter().any(|file| *file == files[*at]);
            let read: u64 = (0..files.len()).filter(is_own).filter_map(|at| shared.read.get(&at)).sum();
            let path = input.written.clone();
            match self.inputs.iter_mut().find(|row| row.0 == *input.name && row.1 == path) {
                // A variant may read more of it than the first; of one round all say the same.
                Some(row) => row.2 = row.2.max(read),
                None => self.inputs.push((input.name.to_string(), path, read, input.header.size())),
            }
        }
        self.shared.made += shared.made;
        self.shared.made_bytes += shared.made_bytes;
        self.shared.given += shared.given;
        self.shared.given_bytes += shared.given_bytes;
    }

    fn text(&self, matrix: &Matrix, rounds: usize, threads: usize) -> String {
        let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let (variants, outputs) = (matrix.variants.len(), matrix.targets.len());
        let mut out = format!("sweep  {}, {}", counted(variants, "variant"), counted(outputs, "output"));
        if rounds > 1 {
            out.push_str(&format!(", in {rounds} rounds"));
        }
        out.push('\n');
        if self.shared.given > 0 {
            out.push_str(&format!(
                "once   {} of {} that programs make are those of another output: {} not computed again\n",
                self.shared.given,
                counted(self.shared.given + self.shared.made, "tensor"),
                bytes_text(self.shared.given_bytes),
            ));
        }
        let width = |of: &dyn Fn(&(String, String, u64, u64)) -> usize| self.inputs.iter().map(of).max().unwrap_or(0);
        let (names, reads) = (width(&|row| row.0.chars().count()), width(&|row| bytes_text(row.2).len()));
        for (name, path, read, size) in &self.inputs {
            let read = bytes_text(*read);
            out.push_str(&format!("read   {name:names$}  {read:>reads$}  of {}  {path}\n", bytes_text(*size)));
        }
        let on = if threads == 1 { "1 thread".to_string() } else { format!("{threads} threads") };
        out.push_str(&format!("memory at most {} on {on}\n", bytes_text(self.peak)));
        out
    }

    fn json(&self) -> Value {
        let inputs: Vec<Value> = self
            .inputs
            .iter()
            .map(|(name, path, read, size)| json!({ "name": name, "path": path, "bytes": size, "read_bytes": read }))
            .collect();
        json!({
            "made_tensors": self.shared.made,
            "made_bytes": self.shared.made_bytes,
            "given_tensors": self.shared.given,
            "given_bytes": self.shared.given_bytes,
            "inputs": inputs,
        })
    }
}
