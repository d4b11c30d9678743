//! Networks that draw, described once: operations over buffers, from the shapes of tensors alone.
//!
//! A family ([`stylegan2`], [`stylegan3`], [`rrdb`]) turns names and shapes into a [`Net`] and refuses what is no network
//! of its kind.  Nothing here reads a weight: a recipe can be asked whether it draws before anything is computed.

pub mod build;
mod error;
mod net;
pub mod rrdb;
mod slots;
mod structure;
pub mod stylegan2;
pub mod stylegan3;

pub use error::shape_text;
pub use net::*;
pub use structure::drawn_tensors;
pub use structure::structure;

use crate::diag::Problem;
use build::Shapes;

/// The description of the generator that these tensors are.  Errors: E0701 for none that is known, and those of the
/// descriptions (E0702, E0703, E0704).
pub fn describe(shapes: &Shapes, facts: stylegan2::Facts) -> Result<Net, Problem> {
    if shapes.contains_key("synthesis.input.weight") {
        stylegan3::describe(shapes)
    } else if shapes.keys().any(|name| name.starts_with("synthesis.b4.")) {
        stylegan2::describe(shapes, facts)
    } else {
        Err(error::not_drawn(&mut shapes.keys()))
    }
}

/// The same, also of networks that start from a picture of `[height, width]`.  Errors: those of [`describe`], and E0706
/// where a picture is missing or nobody starts from it.
pub fn describe_for(shapes: &Shapes, picture: Option<[usize; 2]>) -> Result<Net, Problem> {
    match (rrdb::fits(shapes), picture) {
        (true, Some([height, width])) => rrdb::describe(shapes, height, width),
        (true, None) => Err(error::no_picture()),
        (false, Some(_)) => Err(error::no_upscaler()),
        (false, None) => describe(shapes, stylegan2::Facts::default()),
    }
}
