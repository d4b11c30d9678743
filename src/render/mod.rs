//! Draws what a network makes: weights under canonical names in, pictures out.
//!
//! [`host::Host`] turns latents into a [`host::Frame`]; an engine ([`cpu::Cpu`]) runs a [`crate::network::Net`] over the
//! frame.
//!
//! # Determinism
//!
//! A picture is the same, bit for bit, for every number of threads *and on every machine*: [`host`] fuses nothing and
//! takes its functions from `libm`, and the sums of convolutions have a fixed order, each step one fused multiplication
//! and addition (IEEE 754 defines it to the bit), whether a processor does sixteen at a time or one.

pub mod cpu;
pub mod device;
pub mod drawer;
mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod host;
pub mod latents;
pub mod seeds;
pub mod trial;
pub mod weights;
