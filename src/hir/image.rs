//! Pictures in claims: how they are drawn, and what is measured of them.

use super::ExprId;
use super::Made;
use crate::network::Net;
use crate::network::NoiseChoice;
use crate::text::Site;
use std::path::PathBuf;
use std::sync::Arc;

/// How a model is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// One picture each.
    pub seeds: Vec<u32>,
    /// Truncation; 1 is none.
    pub psi: f64,
    /// Only the first so many w are truncated.
    pub cutoff: Option<usize>,
    pub class: Option<usize>,
    pub noise: NoiseChoice,
    /// `[x, y, width, height]` in pixels of what is drawn.
    pub crop: Option<[usize; 4]>,
    /// Pixels of the longer side, after cropping.
    pub size: Option<usize>,
}

/// A file that a claim names.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// As the recipe writes it, parameters filled in.
    pub written: Arc<str>,
    pub path: PathBuf,
    /// Width and height; `None` where the file is yet to be written.
    pub size: Option<[usize; 2]>,
}

/// What a claim can measure of pictures; a batch is measured picture by picture, and the worst one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageMetric {
    Finite,
    Psnr,
    Ssim,
    MsSsim,
    LabDistance,
    Contrast,
    Saturation,
    /// Of the whole batch.
    Diversity,
}

impl ImageMetric {
    /// As recipes call it, with the names of its parameters.
    pub const ALL: [(&'static str, ImageMetric, &'static [&'static str]); 8] = [
        ("finite", ImageMetric::Finite, &["a"]),
        ("psnr", ImageMetric::Psnr, &["a", "b"]),
        ("ssim", ImageMetric::Ssim, &["a", "b"]),
        ("ms_ssim", ImageMetric::MsSsim, &["a", "b"]),
        ("lab_distance", ImageMetric::LabDistance, &["a", "b"]),
        ("contrast", ImageMetric::Contrast, &["a"]),
        ("saturation", ImageMetric::Saturation, &["a"]),
        ("diversity", ImageMetric::Diversity, &["a"]),
    ];

    pub fn name(self) -> &'static str {
        ImageMetric::ALL.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }
}

/// A value that some claim draws.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The `render` that asks for it.
    pub expr: ExprId,
    pub value: ExprId,
    /// The tensors that the network needs, in the order of their names.
    pub tensors: Vec<Made>,
    pub net: Arc<Net>,
    pub site: Site,
}

impl Look {
    /// Width and height of a picture of this net.
    pub fn size_of(&self, net: &Net) -> [usize; 2] {
        let shape = net.output.shape;
        let [width, height] = self.crop.map_or([shape.width, shape.height], |[_, _, width, height]| [width, height]);
        match self.size {
            Some(size) => resized([width, height], size),
            None => [width, height],
        }
    }
}

/// The size with this longer side, and the same proportions.
pub fn resized([width, height]: [usize; 2], longer: usize) -> [usize; 2] {
    let other = |side: usize, longest: usize| {
        ((side as f64 * longer as f64 / longest.max(1) as f64).round_ties_even() as usize).max(1)
    };
    if width >= height { [longer, other(height, width)] } else { [other(width, height), longer] }
}
