//! What can be wrong with a network that is to be drawn (E0701 to E0704).

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

/// An upscaler without anything to widen.
pub fn no_picture() -> Problem {
    Problem::new(Code("E0706"), "the model is an upscaler, which starts from a picture, and there is none")
        .help("give it one: `blend render MODEL --input PICTURE`")
}

/// A picture for a network that starts from latents.
pub fn no_upscaler() -> Problem {
    Problem::new(Code("E0706"), "there is a picture to start from, but the model is no upscaler")
        .help("leave `--input` away and choose what is drawn with `--seeds 0..7`")
}
