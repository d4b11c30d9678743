//! E06: what can go wrong while a plan runs, apart from files.

use crate::diag::Code;
use crate::diag::Problem;
use crate::plan::Output;
use crate::plan::Tensor;
use crate::text::Site;
use crate::tile::Tally;

pub fn no_threads(threads: usize, reason: &str) -> Problem {
    Problem::new(Code("E0610"), format!("{threads} threads could not be started: {reason}"))
        .help("ask for fewer: `--threads 1`")
}

/// Values that the output's type cannot hold: one problem for all tensors of an output and type.
pub fn overflow(output: &Output, found: &[(&Tensor, Tally)]) -> Problem {
    let (first, _) = found[0];
    let count: u64 = found.iter().map(|(_, tally)| tally.overflows).sum();
    let largest = found.iter().map(|(_, tally)| tally.largest).fold(0.0, f64::max);
    let values = if count == 1 { "1 value is".to_string() } else { format!("{count} values are") };
    let dtype = first.dtype;
    let mut problem =
        Problem::new(Code("E0611"), format!("{values} too large for {dtype}: the largest is {largest:e}"))
            .at(output.site, format!("written as {dtype}"))
            .help(
                "write `dtype = bf16` or `dtype = f32`, or accept it with `overflow = saturate` (or `overflow = inf`)",
            );
    for (tensor, tally) in found.iter().take(8) {
        problem = problem
            .note(format!("`{}`: {} values, the largest {:e}", tensor.canonical, tally.overflows, tally.largest));
    }
    if found.len() > 8 {
        problem = problem.note(format!("and {} tensors more", found.len() - 8));
    }
    problem
}

pub fn not_equal(first: &str, other: &str, found: &[(String, u64, u64)], site: Site) -> Problem {
    let count = found.len();
    let noun = if count == 1 { "a tensor that must be".to_string() } else { format!("{count} tensors that must be") };
    let mut problem = Problem::new(Code("E0612"), format!("`{first}` and `{other}` differ in {noun} equal in both"))
        .at(site, "made from both")
        .help(format!("say whose is taken: `match {{ \"{}\" => {first}  else => … }}`", found[0].0));
    for (name, differ, elems) in found.iter().take(8) {
        problem = problem.note(format!("`{name}`: {differ} of {elems} elements differ"));
    }
    problem
}

/// Tensors that a layout does not store are not what it takes them for.
pub fn not_dropped(layout: &str, with: &str, found: &[(String, u64, u64)], site: Site) -> Problem {
    let names = if found.len() == 1 { format!("`{}`", found[0].0) } else { format!("{} tensors", found.len()) };
    let mut problem = Problem::new(
        Code("E0612"),
        format!("the layout `{layout}` does not store {names}: it takes {} {with}, and other values are there", {
            if found.len() == 1 { "it" } else { "each" }
        }),
    )
    .at(site, "would lose them")
    .help("write a `layout` that stores them");
    for (name, differ, elems) in found.iter().take(8) {
        problem = problem.note(format!("`{name}`: {differ} of {elems} elements differ"));
    }
    problem
}

/// A picture that a claim names is another one than when the recipe was checked.
pub fn picture_changed(name: &str) -> Problem {
    Problem::new(Code("E0604"), format!("`{name}` has another size than when the recipe was checked"))
        .help("build again, and leave the file alone meanwhile")
}
