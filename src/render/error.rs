//! What can be wrong with weights and latents that are to be drawn (E0702, E0703, E0705, E0706).

use crate::diag::Code;
use crate::diag::Problem;
use crate::network::Shape;
use crate::network::shape_text;

/// A tensor was described and is not among the weights.
pub fn no_weight(name: &str) -> Problem {
    let message = format!("the weights lack `{}`, which the network was described with", name.escape_debug());
    Problem::new(Code("E0702"), message).help("load the weights of the model that was described: `blend render MODEL`")
}

/// The weights have another shape than the description.
pub fn other_weight(name: &str, found: &[usize], expected: &[usize]) -> Problem {
    let (name, found, expected) = (name.escape_debug(), shape_text(found), shape_text(expected));
    Problem::new(Code("E0703"), format!("`{name}` has the shape {found}, but it was described as {expected}"))
        .help("load the weights of the model that was described: `blend render MODEL`")
}

/// A latent with the wrong number of values.
pub fn latent(what: &str, found: usize, expected: &str) -> Problem {
    Problem::new(Code("E0705"), format!("{what} has {found} numbers, but the network takes {expected}"))
        .help("draw from a seed instead, for example `--seeds 0-7`")
}

/// A label that the network does not have.
pub fn label(found: usize, labels: usize) -> Problem {
    let problem = match labels {
        0 => Problem::new(Code("E0705"), format!("class {found} was asked for, but the network has no classes")),
        _ => {
            let message = format!("class {found} was asked for, but the network has the classes 0 to {}", labels - 1);
            Problem::new(Code("E0705"), message)
        }
    };
    problem.help(if labels == 0 { "leave `--class` out".into() } else { format!("write `--class {}`", labels - 1) })
}

/// Truncation without a mean.
pub fn no_average() -> Problem {
    Problem::new(Code("E0705"), "the model has no `mapping.w_avg`, which truncation draws towards")
        .help("draw with `--psi 1`")
}

/// A network that starts from a picture got none, or the other way round.
pub fn picture(found: Option<usize>, expected: Option<Shape>) -> Problem {
    let found = found.map_or("no picture".into(), |count| format!("a picture of {count} numbers"));
    let expected = expected.map_or("none".into(), |shape| {
        format!("one of shape {}", shape_text(&[shape.channels, shape.height, shape.width]))
    });
    Problem::new(Code("E0706"), format!("found {found} to start from, but the network takes {expected}"))
        .help("give an upscaler a picture with `--input PICTURE`, and a generator `--seeds 0-7`")
}

/// The user asked for a device, and this build has none.
#[cfg(not(feature = "gpu"))]
pub fn no_device(what: &str) -> Problem {
    Problem::new(Code("E0710"), format!("{what} was asked for, and this build of blend draws on processors alone"))
        .help("write `--device cpu`, or leave `--device` away")
}

/// A file without a tensor that is known as latents.
pub fn no_latents(path: &str, names: &[&str]) -> Problem {
    let some: Vec<String> = names.iter().take(6).map(|name| format!("`{}`", name.escape_debug())).collect();
    let held = if some.is_empty() { "no float tensor".to_string() } else { some.join(", ") };
    Problem::new(Code("E0752"), format!("`{path}` holds {held}, and none of them is known as latents"))
        .help("name the tensor `w`, or keep it alone in the file: `numpy.save(\"w.npy\", w)`")
}

/// Latents of another shape than the network's.
pub fn odd_latents(name: &str, shape: &[usize], expected: &str) -> Problem {
    Problem::new(Code("E0752"), format!("{name} has the shape {}, expected {expected}", shape_text(shape)))
        .help("give latents of this network: `blend inspect MODEL` shows its sizes")
}
