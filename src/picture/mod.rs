//! Pictures: values, bytes, files.

pub mod canvas;
pub mod difference;
mod error;
pub mod film;
mod image;
pub mod locality;
pub mod metrics;
pub mod overlay;
pub mod planes;
pub mod preview;
pub mod read;
pub mod shape;
pub mod sheet;
pub mod text;

pub use image::Image;
