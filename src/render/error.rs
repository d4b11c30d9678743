//! What can be wrong with a network that is to be drawn, with latents, and with pictures (E07).

use super::net::Name;
use super::net::Shape;
use crate::diag::Code;
use crate::diag::Problem;

/// Names that a message lists before it says `and N more`.
const LISTED: usize = 6;

/// A shape as people write it: `[3, 128, 1, 1]`.
pub fn shape_text(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("[{}]", sizes.join(", "))
}

/// No description fits these tensors.
pub fn not_drawn(names: &mut dyn Iterator<Item = &Name>) -> Problem {
    let some: Vec<String> = names.take(3).map(|name| format!("`{}`", name.escape_debug())).collect();
    let held = if some.is_empty() { "nothing".into() } else { some.join(", ") };
    Problem::new(Code("E0701"), "found no generator in this model, expected StyleGAN2, StyleGAN3 or an RRDB upscaler")
        .note(format!("it holds {held}, …"))
        .help("run `blend inspect MODEL` to see what it is; a layout that was not recognised can be forced with `{ layout = \"nvidia-pytorch\" }`")
}

/// Tensors that the description needs and the model lacks.
pub fn missing(family: &str, names: &[Name]) -> Problem {
    let first = names[0].escape_debug();
    let more = match names.len() - 1 {
        0 => String::new(),
        1 => " and 1 more tensor".into(),
        more => format!(" and {more} more tensors"),
    };
    let mut problem =
        Problem::new(Code("E0702"), format!("the model lacks `{first}`{more}, which drawing a {family} network needs"))
            .help("run `blend inspect MODEL --tensors` to see what it has: a whole generator is needed");
    for name in names.iter().skip(1).take(LISTED) {
        problem = problem.note(format!("`{}` is missing too", name.escape_debug()));
    }
    problem
}

/// Tensors with shapes that the network cannot have; name, found, expected.
pub fn odd(family: &str, tensors: &[(Name, Vec<usize>, String)]) -> Problem {
    let (name, found, expected) = &tensors[0];
    let mut problem = Problem::new(
        Code("E0703"),
        format!(
            "`{}` has the shape {}, but a {family} network with the other tensors needs {expected}",
            name.escape_debug(),
            shape_text(found)
        ),
    )
    .help("run `blend inspect MODEL --tensors` and look for tensors of another model or resolution");
    for (name, found, expected) in tensors.iter().skip(1).take(LISTED) {
        problem = problem.note(format!("`{}` is {}, not {expected}", name.escape_debug(), shape_text(found)));
    }
    problem
}

/// A buffer beyond what is counted with.
pub fn too_large(shape: Shape) -> Problem {
    let text = shape_text(&[shape.channels, shape.height, shape.width]);
    Problem::new(Code("E0704"), format!("drawing needs a buffer of shape {text}, more than 2147483648 numbers"))
        .help("draw a smaller picture, for example from an input of at most `512x512` pixels")
}

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
        .help("give an upscaler a picture with `--input PICTURE.png`, and a generator `--seeds 0-7`")
}

/// A picture that PNG cannot hold.
pub fn not_png(channels: usize, reason: &str) -> Problem {
    Problem::new(Code("E0707"), format!("a picture of {channels} channels cannot be written as PNG: {reason}"))
        .help("draw a network with 1 to 4 channels: `blend inspect MODEL` tells how many it has")
}
