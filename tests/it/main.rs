//! The one integration binary: every suite is data driven through one `check` function.

mod arch;
mod cli;
mod compare;
mod faults;
mod fmt;
mod goldens;
mod grammar;
mod hostile;
mod laws;
mod presets;
mod recipes;
mod run;
mod tidy;
mod ui;
mod world;
