//! The report of a drawing: one HTML file that opens from the disk, and says what was drawn, of what, by what.

mod curve;
mod html;

use crate::picture::canvas::Colour;
use crate::picture::sheet::Segment;

/// What a report tells; parts without data are left out.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub title: String,
    /// In one line, how it was drawn.
    pub note: String,
    pub version: String,
    /// PNG files and what they show.
    pub sheet: Vec<u8>,
    /// The models that others are made of, and their colours.
    pub legend: Vec<(String, Colour)>,
    pub outputs: Vec<Output>,
    pub claims: Vec<Claim>,
    /// Of the device: what, and its value.
    pub device: Vec<(String, String)>,
    pub files: Vec<File>,
    /// Recipes: name and text.
    pub recipes: Vec<(String, String)>,
}

/// An output, and what it is made of.
#[derive(Clone, Debug)]
pub struct Output {
    pub name: String,
    /// What sets it apart: `edge = 16`.
    pub detail: String,
    pub places: Vec<Part>,
}

/// A place of the pyramid.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its label, and how much of each model of the legend is there.
    pub segment: Segment,
    pub tensors: usize,
    pub elems: u64,
    /// Tensors that are moved from one model, and not computed.
    pub moved: usize,
}

/// A claim, judged.
#[derive(Clone, Debug)]
pub struct Claim {
    pub text: String,
    pub holds: bool,
    pub is_narrow: bool,
    pub lines: Vec<String>,
    /// What it looked at, where it does not hold: role and PNG file.
    pub pictures: Vec<(String, Vec<u8>)>,
}

/// An input.
#[derive(Clone, Debug)]
pub struct File {
    pub name: String,
    pub path: String,
    pub bytes: u64,
    /// Of names, types and shapes.
    pub digest: String,
}
