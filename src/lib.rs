#![doc = include_str!("ARCHITECTURE.md")]

pub mod text;
pub mod tensor;
pub mod diag;
pub mod syntax;
pub mod fmt;
pub mod arch;
pub mod tile;
pub mod methods;
pub mod hir;
pub mod check;
pub mod graph;
pub mod plan;
pub mod store;
pub mod exec;
pub mod cli;
