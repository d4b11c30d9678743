//! Pictures: values, bytes, files.

mod error;
mod image;

pub use image::Image;
