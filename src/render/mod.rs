//! Draws what a network makes: weights under canonical names in, pictures out.
//!
//! A family's description ([`stylegan2`], [`stylegan3`], [`rrdb`]) turns shapes into a [`net::Net`]; [`host::Host`]
//! turns latents into a [`host::Frame`]; an engine ([`cpu::Cpu`]) runs the net over the frame; [`image`] makes bytes and
//! PNG files of what comes out.
//!
//! # Determinism
//!
//! A picture is the same, bit for bit, for every number of threads *and on every machine*: [`host`] fuses nothing and
//! takes its functions from `libm`, and the sums of convolutions have a fixed order, each step one fused multiplication
//! and addition (IEEE 754 defines it to the bit), whether a processor does sixteen at a time or one.

pub mod build;
pub mod cpu;
mod error;
pub mod host;
pub mod image;
pub mod net;
pub mod rrdb;
pub mod seeds;
mod slots;
pub mod stylegan2;
pub mod stylegan3;
pub mod weights;

use crate::diag::Problem;
use build::Shapes;
use net::Net;

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
