#![doc = include_str!("ARCHITECTURE.md")]

pub mod arch;
pub mod check;
pub mod cli;
pub mod compile;
pub mod diag;
pub mod exec;
pub mod fmt;
pub mod graph;
pub mod hir;
pub mod methods;
pub mod plan;
pub mod store;
pub mod syntax;
pub mod tensor;
pub mod text;
pub mod tile;
