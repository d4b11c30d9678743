//! The one integration binary: every suite is data driven through one `check` function.

mod arch;
mod arrays;
mod cli;
mod compare;
mod draw;
mod faults;
mod fmt;
mod goldens;
mod grammar;
mod hostile;
mod kinds;
mod laws;
mod mutations;
mod names;
mod nvidia;
mod pickle;
mod picture;
mod presets;
mod recipes;
mod render;
mod run;
mod tidy;
mod torch;
mod ui;
mod world;
mod write;
