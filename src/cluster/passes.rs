//! The two passes of [`super::find`].

use super::error;
use super::find::Subject;
use super::find::Wish;
use super::labels::Labeller;
use super::labels::Map;
use super::labels::Points;
use super::labels::Standard;
use super::layers::Layer;
use super::moments::Energies;
use super::moments::Moments;
use super::moments::Scale;
use super::philox::Purpose;
use super::philox::Random;
use super::regions::Overlap;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::network::Op;
use crate::picture::Image;
use crate::picture::metrics;
use crate::picture::planes::Planes;
use crate::render::drawer::Look;
use crate::render::drawer::Start;

/// Points that are clustered, at most: their number, and bytes.
const MOST_POINTS: usize = 1 << 15;
const MOST_BYTES: usize = 128 << 20;

/// What both passes need.
#[derive(Clone, Copy)]
pub struct Job<'j> {
    pub wish: &'j Wish,
    /// All layers of the network.
    pub layers: &'j [Layer],
    /// What is clustered.
    pub points: &'j Points,
    /// The w of every picture, truncated.
    pub starts: &'j [Start],
    pub progress: &'j Progress,
}

/// The starts have been truncated before.
fn look(wish: &Wish) -> Look {
    Look { class: wish.class, ..Look::default() }
}

/// What the first pass gives.
pub struct First {
    /// Per model and layer.
    pub scales: Vec<Vec<Vec<Scale>>>,
    /// Standardised points.
    pub rows: Vec<f32>,
}

/// Draws all pictures once.  Errors: E0761 for activations that are not finite, and those of drawing.
pub fn first(job: &Job, subjects: &mut [Subject]) -> Result<First, Stop> {
    let Job { wish, layers, points, starts, progress } = *job;
    let width = points.width();
    let most = MOST_POINTS.min(MOST_BYTES / (width * size_of::<f32>()));
    let each = (most / (starts.len() * subjects.len())).max(1);
    let inside: Vec<Vec<usize>> = layers.iter().map(|layer| layer.grid.inside()).collect();
    let places = points.grid.inside();
    let (mut scales, mut rows) = (vec![], vec![]);
    for (model, subject) in subjects.iter_mut().enumerate() {
        let mut moments: Vec<Moments> = layers.iter().map(|layer| Moments::new(layer.shape.channels)).collect();
        let from = rows.len();
        for (number, start) in starts.iter().enumerate() {
            if progress.cancelled() {
                return Err(Stop::Cancelled);
            }
            let mut random = Random::new(wish.seed, Purpose::Positions, model * starts.len() + number);
            let chosen: Vec<usize> = random.choose(each, places.len()).into_iter().map(|at| places[at]).collect();
            let first = rows.len();
            rows.resize(first + chosen.len() * width, 0.0);
            let mut see = |op: usize, _: &Op, values: &[f32]| {
                for at in (0..layers.len()).filter(|at| layers[*at].op == op) {
                    moments[at].add(values, layers[at].shape.pixels(), &inside[at]);
                }
                for at in (0..points.layers.len()).filter(|at| points.layers[*at].op == op) {
                    points.gather(at, values, &chosen, &mut rows[first..]);
                }
            };
            subject.drawer.draw_with(start, &look(wish), &mut see)?;
            progress.add(1);
        }
        let own: Vec<Vec<Scale>> = moments.iter().map(Moments::finish).collect();
        for (layer, own) in layers.iter().zip(&own) {
            if own.iter().any(|scale| !(scale.mean.is_finite() && scale.std.is_finite())) {
                return Err(error::not_finite(&layer.space).into());
            }
        }
        let standards = standards(layers, points, &own);
        for row in rows[from..].chunks_exact_mut(width) {
            row.iter_mut().zip(&standards).for_each(|(value, standard)| *value = standard.of(*value));
        }
        scales.push(own);
    }
    Ok(First { scales, rows })
}

/// How the coordinates of points are standardised: by what a catalogue stores.
fn standards(layers: &[Layer], points: &Points, scales: &[Vec<Scale>]) -> Vec<Standard> {
    let of = |layer: &Layer| layers.iter().zip(scales).find(|(own, _)| *own == layer).map(|(_, scales)| scales);
    let scales = points.layers.iter().filter_map(of).flatten();
    scales.map(|scale| Standard::new(scale.mean as f32, scale.std as f32)).collect()
}

/// What the second pass gives.
pub struct Second {
    /// Per model and layer.
    pub energies: Vec<Vec<Energies>>,
    /// Per cluster: positions of all pictures.
    pub counts: Vec<u64>,
    /// Per cluster of two models: squared distances of pixels, and pixels.
    pub apart: Vec<[f64; 2]>,
    pub overlaps: Vec<Overlap>,
}

/// One model in the second pass.
struct Watch<'l> {
    layers: &'l [Layer],
    labeller: Labeller,
    energies: Vec<Energies>,
    /// Per layer the positions inside the picture, and the positions of the map that they ask.
    inside: Vec<[Vec<usize>; 2]>,
    /// Layers that were made before the clusters were known.
    waiting: Vec<(usize, Vec<f32>)>,
    map: Option<Map>,
}

impl Watch<'_> {
    fn see(&mut self, op: usize, values: &[f32]) {
        self.labeller.see(op, values);
        let own: Vec<usize> = (0..self.layers.len()).filter(|at| self.layers[*at].op == op).collect();
        if self.map.is_none() {
            own.iter().for_each(|at| self.waiting.push((*at, values.to_vec())));
            if self.labeller.is_last(op) {
                self.map = Some(self.labeller.map());
                for (at, values) in std::mem::take(&mut self.waiting) {
                    self.add(at, &values);
                }
            }
            return;
        }
        own.into_iter().for_each(|at| self.add(at, values));
    }

    fn add(&mut self, layer: usize, values: &[f32]) {
        let Some(map) = &self.map else { return };
        let [positions, places] = &self.inside[layer];
        let clusters: Vec<u16> = places.iter().map(|place| map.clusters[*place]).collect();
        self.energies[layer].add(values, self.layers[layer].shape.pixels(), positions, &clusters);
    }
}

/// Draws all pictures again; `scales` are those of the first pass, `regions` are positions of the points' grid.  Errors:
/// those of drawing.
pub fn second(
    job: &Job,
    subjects: &mut [Subject],
    scales: &[Vec<Vec<Scale>>],
    centres: &[f32],
    regions: &[Vec<bool>],
) -> Result<Second, Stop> {
    let Job { wish, layers, points, starts, progress } = *job;
    let mut watches = vec![];
    for scales in scales {
        let places = |layer: &Layer| {
            let (inside, nearest) = (layer.grid.inside(), layer.grid.nearest(&points.grid));
            let places = inside.iter().map(|at| nearest[*at]).collect();
            [inside, places]
        };
        watches.push(Watch {
            layers,
            labeller: Labeller::made(points.clone(), standards(layers, points, scales), centres),
            energies: scales.iter().map(|scales| Energies::new(wish.clusters, scales.clone())).collect(),
            inside: layers.iter().map(places).collect(),
            waiting: vec![],
            map: None,
        });
    }
    let inside = points.grid.inside();
    let mut counts = vec![0; wish.clusters];
    let mut apart = vec![[0.0; 2]; wish.clusters];
    let mut overlaps = vec![Overlap::new(wish.clusters); regions.len()];
    for start in starts {
        let mut drawn: Vec<(Image, Map)> = vec![];
        for (subject, watch) in subjects.iter_mut().zip(&mut watches) {
            if progress.cancelled() {
                return Err(Stop::Cancelled);
            }
            watch.map = None;
            let see = &mut |op: usize, _: &Op, values: &[f32]| watch.see(op, values);
            let image = subject.drawer.draw_with(start, &look(wish), see)?;
            let Some(map) = watch.map.take() else { continue };
            inside.iter().for_each(|at| counts[usize::from(map.clusters[*at])] += 1);
            for (overlap, region) in overlaps.iter_mut().zip(regions) {
                overlap.add(region, &inside, &map.clusters);
            }
            drawn.push((image, map));
            progress.add(1);
        }
        if let [first, second] = drawn.as_slice() {
            add_difference(first, second, &mut apart);
        }
    }
    let energies = watches.into_iter().map(|watch| watch.energies).collect();
    Ok(Second { energies, counts, apart, overlaps })
}

/// Adds the squared distance of every pixel to the clusters that it has in either picture, half to each.
fn add_difference(a: &(Image, Map), b: &(Image, Map), apart: &mut [[f64; 2]]) {
    let (height, width) = (a.0.shape.height, a.0.shape.width);
    let planes = [&a.0, &b.0].map(|image| Planes::seen(image).coloured());
    let maps = [&a.1, &b.1].map(|map| map.pixels(height, width));
    for at in 0..height * width {
        let distance = metrics::delta(planes[0].colour(at), planes[1].colour(at)).powi(2);
        for map in &maps {
            let [sum, count] = &mut apart[usize::from(map[at])];
            *sum += 0.5 * distance;
            *count += 0.5;
        }
    }
}
