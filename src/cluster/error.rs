//! Messages about finding channels.

use super::layers::Layer;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use crate::diag::suggest::nearest;

/// A wish that cannot be fulfilled.
fn wish(message: String) -> Problem {
    Problem::new(Code("E0761"), message)
}

pub fn no_seeds() -> Problem {
    wish("`--seeds` names no picture, and clusters are found in pictures".into())
        .help("write a range of seeds: `--seeds 0..499`")
}

pub fn bad_clusters(count: usize, most: usize, why: &str) -> Problem {
    wish(format!("`--clusters {count}` cannot be found: {why}"))
        .help(format!("write a number from 2 to {most}, such as `--clusters {}`", 16.min(most)))
}

pub fn no_activations(family: &str) -> Problem {
    wish(format!("no channel space of this {family} network has activations that can be drawn"))
        .help("give its architecture file `axes`, which name the channel spaces of its tensors")
}

pub fn not_finite(space: &str) -> Problem {
    wish(format!("`{space}` has activations that are not finite, in the pictures of these seeds"))
        .help("look for damaged weights with `blend compare MODEL PARENT`, or lower `--psi`")
}

fn names(layers: &[Layer]) -> String {
    layers.iter().map(|layer| format!("`{}`", layer.space)).collect::<Vec<_>>().join(", ")
}

/// A layer that the network has not.
pub fn unknown_layer(name: &str, layers: &[Layer]) -> Problem {
    let message = format!("the network has no layer `{}`", shown::name(name));
    let near = nearest(name, layers.iter().map(|layer| layer.space.as_str()));
    let there = names(layers);
    Problem::new(Code("E0762"), message).help(match near {
        Some(near) => format!("write `{near}` (there are {there})"),
        None => format!("write one of {there}"),
    })
}

pub fn layer_twice(name: &str) -> Problem {
    Problem::new(Code("E0762"), format!("the layer `{}` stands twice in `--layers`", shown::name(name)))
        .help("name each layer once: `--layers b16.conv1,b32.conv1`")
}

pub fn other_width(space: &str, catalogue: usize, found: usize) -> Problem {
    Problem::new(
        Code("E0762"),
        format!("`{space}` has {catalogue} channels in the file of channels, and {found} in the network"),
    )
    .help("take the model that the file was made from: `blend channels show FILE --model PATH`")
}

/// Two models that cannot be clustered together.
pub fn apart(why: &str) -> Problem {
    Problem::new(Code("E0763"), format!("these models are not of one network: {why}"))
        .help("give one model, or a model and another that was trained on from it")
}

/// A region that is none.
pub fn bad_region(text: &str, why: &str) -> Problem {
    Problem::new(Code("E0764"), format!("`--region {}` {why}", shown::name(text))).help(
        "write a mask or a box: `--region eyes=eyes.png`, `--region eyes=20,24,44,32` in pixels, `--region eyes=0.3,0.4,0.7,0.5` in parts of the picture",
    )
}
