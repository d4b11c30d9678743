//! The renderer: goldens of independent code, the shipped models, every operation against a naive reading in f64,
//! problems.

mod avatars;
mod goldens;
mod latents;
mod made;
mod ops;
mod oracle;
mod problems;
