//! x
pub mod kernels;
mod params;
mod template;
