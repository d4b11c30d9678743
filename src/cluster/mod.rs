//! Finds channels by what they draw: a generator's activations are clustered over many pictures, and every channel's energy
//! is counted by cluster.  The result is a [`crate::channels::Catalogue`].
//!
//! [`find`] makes one; [`labels`] tells the clusters of new pictures.  It knows no family of networks: which activations
//! belong to which channel space is in the architecture's data.

mod error;
pub mod find;
pub mod grid;
mod kmeans;
pub mod labels;
pub mod layers;
mod moments;
mod passes;
pub mod philox;
pub mod regions;
pub mod sheet;
