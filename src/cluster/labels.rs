//! Which cluster every position of a drawn picture belongs to: what a catalogue says of new activations.
//!
//! ```text
//! labeller = Labeller::new(&catalogue, &net, &canon)?
//! (image, map) = labeller.draw(drawer, &start, &look)?
//! mask = map.mask(&[3, 7], 64, 64)
//! ```
//!
//! A position of the finest clustered layer is the channels of all clustered layers there, coarser ones taken at the nearest
//! position ([`Grid::nearest`]), each standardised by the catalogue's mean and deviation; its cluster is the one whose
//! centre has the largest product with it.

use super::error;
use super::grid::Grid;
use super::kmeans::Centres;
use super::layers::Layer;
use super::layers::layers;
use crate::arch::Canon;
use crate::channels::Catalogue;
use crate::diag::Problem;
use crate::network::Net;
use crate::network::Op;
use crate::picture::Image;
use crate::render::drawer::Drawer;
use crate::render::drawer::Look;
use crate::render::drawer::Start;
use rayon::prelude::*;

/// The clusters of one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// That of the finest clustered layer.
    pub grid: Grid,
    /// The number of the cluster, position by position, row by row.
    pub clusters: Vec<u16>,
}

impl Map {
    /// Where a picture of this size shows a part, row by row: every pixel asks the position that covers its middle.
    pub fn mask(&self, part: &[usize], height: usize, width: usize) -> Vec<bool> {
        let positions = Grid::plain(height, width).nearest(&self.grid);
        positions.into_iter().map(|at| part.contains(&usize::from(self.clusters[at]))).collect()
    }

    /// The cluster of every pixel of a picture of this size.
    pub fn pixels(&self, height: usize, width: usize) -> Vec<u16> {
        Grid::plain(height, width).nearest(&self.grid).into_iter().map(|at| self.clusters[at]).collect()
    }
}

/// How a channel becomes a coordinate of a point: `(value - mean) · by`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standard {
    pub mean: f32,
    pub by: f32,
}

impl Standard {
    /// Channels without deviation say nothing.
    pub fn new(mean: f32, std: f32) -> Standard {
        Standard { mean, by: if std >= f32::MIN_POSITIVE { 1.0 / std } else { 0.0 } }
    }

    pub fn of(self, value: f32) -> f32 {
        (value - self.mean) * self.by
    }
}

/// The layers that points are made of, and where their values are found.
#[derive(Clone, Debug)]
pub(super) struct Points {
    /// In the order of the points' coordinates.
    pub layers: Vec<Layer>,
    /// That of the finest layer.
    pub grid: Grid,
    /// Per layer the position of every position of `grid`.
    places: Vec<Vec<usize>>,
}

impl Points {
    pub fn new(layers: Vec<Layer>) -> Points {
        let mut grid = layers.first().map_or(Grid::plain(1, 1), |layer| layer.grid);
        for layer in &layers {
            if layer.grid.span[0] * layer.grid.span[1] > grid.span[0] * grid.span[1] {
                grid = layer.grid;
            }
        }
        let places = layers.iter().map(|layer| grid.nearest(&layer.grid)).collect();
        Points { layers, grid, places }
    }

    /// Coordinates of a point.
    pub fn width(&self) -> usize {
        self.layers.iter().map(|layer| layer.shape.channels).sum()
    }

    /// Writes the values of one layer into the rows of points; `positions` are those of the grid that the rows stand for.
    pub fn gather(&self, layer: usize, values: &[f32], positions: &[usize], rows: &mut [f32]) {
        let first: usize = self.layers[..layer].iter().map(|layer| layer.shape.channels).sum();
        let (shape, places) = (self.layers[layer].shape, &self.places[layer]);
        rows.par_chunks_exact_mut(self.width()).zip(positions).with_min_len(16).for_each(|(row, position)| {
            for (channel, value) in row[first..first + shape.channels].iter_mut().enumerate() {
                *value = values[channel * shape.pixels() + places[*position]];
            }
        });
    }
}

/// Finds the clusters of what a network draws.
pub struct Labeller {
    points: Points,
    standards: Vec<Standard>,
    centres: Centres,
    every: Vec<usize>,
    /// Points of the picture that is being drawn.
    rows: Vec<f32>,
}

impl Labeller {
    /// For a network with the spaces of a catalogue.  Errors: E0762 for a network that lacks a clustered space, or has
    /// other numbers of channels there.
    pub fn new(catalogue: &Catalogue, net: &Net, canon: &Canon) -> Result<Labeller, Problem> {
        Labeller::of(catalogue, &layers(net, canon), 0)
    }

    /// The same with the statistics of the catalogue's second model.
    pub(super) fn of(catalogue: &Catalogue, layers: &[Layer], model: usize) -> Result<Labeller, Problem> {
        let mut own = vec![];
        let mut standards = vec![];
        for name in &catalogue.facts.layers {
            let found = layers.iter().find(|layer| layer.space == *name);
            let layer = found.ok_or_else(|| error::unknown_layer(name, layers))?;
            // The catalogue has been checked: its clustered layers are some of its spaces.
            let Some(space) = catalogue.space(name) else { continue };
            if space.channels != layer.shape.channels {
                return Err(error::other_width(name, space.channels, layer.shape.channels));
            }
            let (mean, std) = space.moments(model);
            standards.extend(mean.iter().zip(std).map(|(mean, std)| Standard::new(*mean, *std)));
            own.push(layer.clone());
        }
        Ok(Labeller::made(Points::new(own), standards, &catalogue.centres))
    }

    pub(super) fn made(points: Points, standards: Vec<Standard>, centres: &[f32]) -> Labeller {
        let (every, width) = ((0..points.grid.positions()).collect::<Vec<_>>(), points.width());
        let rows = vec![0.0; every.len() * width];
        Labeller { centres: Centres::new(centres, width), points, standards, every, rows }
    }

    /// Whether an operation makes the last of the clustered layers: then [`Labeller::map`] may be asked.
    pub(super) fn is_last(&self, op: usize) -> bool {
        self.points.layers.iter().map(|layer| layer.op).max() == Some(op)
    }

    /// Takes what an operation made, where it is a clustered layer.
    pub fn see(&mut self, op: usize, values: &[f32]) {
        for layer in (0..self.points.layers.len()).filter(|at| self.points.layers[*at].op == op) {
            self.points.gather(layer, values, &self.every, &mut self.rows);
        }
    }

    /// The clusters of the picture whose layers were seen last.
    pub fn map(&self) -> Map {
        let rows = self.rows.par_chunks_exact(self.points.width()).with_min_len(64);
        let clusters = rows.map_init(Vec::new, |point: &mut Vec<f32>, row| {
            point.clear();
            point.extend(row.iter().zip(&self.standards).map(|(value, standard)| standard.of(*value)));
            self.centres.nearest(point).0
        });
        Map { grid: self.points.grid, clusters: clusters.collect() }
    }

    /// Draws a picture and finds its clusters.  Errors: those of drawing.
    pub fn draw(&mut self, drawer: &mut Drawer, start: &Start, look: &Look) -> Result<(Image, Map), Problem> {
        let image = drawer.draw_with(start, look, &mut |at: usize, _: &Op, values: &[f32]| self.see(at, values))?;
        Ok((image, self.map()))
    }
}
