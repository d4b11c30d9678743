//! Messages about `align` and about rows that are brought together.

use super::counted;
use super::listed;
use crate::check::error::subject;
use crate::diag::Code;
use crate::diag::Problem;
use crate::tensor::Shape;
use crate::tensor::shape_text;
use crate::text::Site;
use std::sync::Arc;

pub fn not_whole(name: &str, text: &str, site: Site) -> Problem {
    Problem::new(Code("E0312"), format!("`{name}` cannot be `{text}`"))
        .at(site, "no whole number from 0 on")
        .help("write a whole number such as `0`")
        .edit(site, "0")
}

/// No tensor has channels that may change places.
pub fn nothing_free(families: &[String], site: Site) -> Problem {
    let message = format!("nothing says which channels of {} may change places", listed(families));
    Problem::new(Code("E0442"), message)
        .at(site, "has nothing to move")
        .help("align StyleGAN2, StyleGAN3 or Llama-like models, or say it in a file of your own: `[[family.free]]`, see `arch = \"PATH\"`")
}

pub fn nothing_in_common(site: Site) -> Problem {
    Problem::new(Code("E0442"), "the two models have no tensor in common by which their channels could be told")
        .at(site, "compares nothing")
        .help("align models of one architecture")
}

/// Tensors of two sizes: name, shape in the model, shape in what it is aligned to.
pub fn other_sizes(sizes: &[(Arc<str>, Shape, Shape)], site: Site) -> Problem {
    let (name, model, to) = &sizes[0];
    let message =
        format!("`{name}` has {} in the model, and {} where it is aligned to", shape_text(model), shape_text(to));
    let problem = Problem::new(Code("E0443"), message)
        .at(site, "wants as many channels in both")
        .help("align models of one width; `blend compare A B` shows where they differ");
    let others: Vec<&str> = sizes[1..].iter().map(|entry| &*entry.0).collect();
    if others.is_empty() {
        return problem;
    }
    problem.note(format!("{} more: {}", counted(others.len(), "tensor"), listed(&others)))
}

pub fn not_plain(text: &str, names: &[&str], site: Site) -> Problem {
    let message =
        format!("`{text}` is no sum of models at {}, and `align` moves models and sums of them", subject(names));
    Problem::new(Code("E0444"), message)
        .at(site, "is computed, or has shares by channel")
        .help("align the models first, and compute then: `slerp(a, align(b, to = a), 0.5)`")
}

pub fn left_as_they_are(names: &[Arc<str>], site: Site) -> Problem {
    let count = counted(names.len(), "tensor");
    let them = if names.len() == 1 { "it stays as it is" } else { "they stay as they are" };
    let message =
        format!("the architecture does not know {count}, so {them} while others change places: {}", listed(names));
    Problem::new(Code("W0413"), message)
        .at(site, "moves what the architecture knows")
        .help("describe them in an architecture file of your own if the network reads them")
}

pub fn idle_norm(word: &str, site: Site) -> Problem {
    let message = format!("`norm = {word}` changes nothing: no tensor here has rows that a demodulation follows");
    Problem::new(Code("W0412"), message)
        .at(site, "is as `raw`")
        .help("leave it out, or use `slerp(a, b, t)`, which turns whole tensors")
}
