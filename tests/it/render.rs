//! The renderer: goldens of independent code, the shipped models, every operation against a naive reading in f64,
//! problems.

mod avatars;
pub mod goldens;
#[cfg(feature = "gpu")]
mod gpu;
mod latents;
mod made;
#[cfg(all(feature = "gpu", target_os = "linux", target_env = "gnu"))]
mod no_driver;
mod ops;
mod oracle;
mod problems;
mod symmetries;
