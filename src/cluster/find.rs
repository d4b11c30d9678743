//! Two passes over the pictures of some seeds: statistics and clusters, then what lies in which cluster.
//!
//! Collins, Bala, Price and Süsstrunk 2020, "Editing in Style: Uncovering the Local Semantics of GANs".  The first pass
//! takes mean and deviation of every channel, and keeps points of the clustered layers, equally many of each picture; their
//! directions are clustered.  The second pass draws the same pictures again, gives every position its cluster, and sums the
//! energies of all channels by cluster.  Memory does not grow with the number of pictures beyond the points and one w each.
//!
//! Two models are drawn from the same w, those of the first model's mapping.  Each is standardised by its own statistics,
//! the points of both are clustered together, and M is the mean of both.

use super::error;
use super::kmeans;
use super::labels::Points;
use super::layers::Layer;
use super::layers::layers;
use super::layers::usual;
use super::moments::Scale;
use super::passes;
use super::passes::Job;
use super::passes::Second;
use super::regions::Region;
use crate::arch::Canon;
use crate::channels::Catalogue;
use crate::channels::Facts;
use crate::channels::MOST_CLUSTERS;
use crate::channels::Source;
use crate::channels::Space;
use crate::diag::Problem;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::render::drawer::Drawer;
use crate::render::drawer::Look;
use crate::render::drawer::Start;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Wish {
    pub seeds: Vec<u32>,
    /// As the user wrote them.
    pub seeds_text: String,
    pub psi: f64,
    /// Of networks with classes.
    pub class: Option<usize>,
    /// Channel spaces that are clustered; empty: the usual ones of the network.
    pub layers: Vec<String>,
    pub clusters: usize,
    /// Of the clustering.
    pub seed: u64,
    pub restarts: usize,
    pub regions: Vec<Region>,
}

impl Wish {
    /// Pictures that are drawn: [`Progress`] counts them.
    pub fn pictures(&self, models: usize) -> u64 {
        2 * (self.seeds.len() * models) as u64
    }
}

/// A model that is clustered.
pub struct Subject<'m> {
    pub drawer: &'m mut Drawer,
    pub canon: &'m Canon,
    pub source: Source,
}

/// A region's clusters, and their overlap with it: intersection over union.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    pub name: String,
    pub clusters: Vec<usize>,
    pub overlap: f64,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    pub catalogue: Catalogue,
    pub named: Vec<Named>,
}

/// Finds the clusters of one or two models.  Errors: E0761 for wishes that cannot be fulfilled, E0762 for layers, E0763 for
/// two models that do not fit, E0764 for regions, and those of drawing.
pub fn find(subjects: &mut [Subject], wish: &Wish, progress: &Progress) -> Result<Found, Stop> {
    let layers = common_layers(subjects)?;
    let points = Points::new(clustered(&layers, &wish.layers)?);
    check(wish)?;
    let starts = starts(subjects, &wish.seeds, wish.psi, wish.class)?;
    let picture = subjects[0].drawer.net().output.shape;
    let regions = wish.regions.iter().map(|region| region.on(&points.grid, [picture.height, picture.width]));
    let regions = regions.collect::<Result<Vec<_>, Problem>>()?;
    let job = Job { wish, layers: &layers, points: &points, starts: &starts, progress };
    let first = passes::first(&job, subjects)?;
    let stopped = || progress.cancelled();
    let rows = kmeans::Points::new(points.width(), first.rows);
    if rows.len() < wish.clusters {
        let why = format!("these pictures have {} positions", rows.len());
        return Err(error::bad_clusters(wish.clusters, rows.len(), &why).into());
    }
    let found = kmeans::spherical(&rows, wish.clusters, wish.restarts, wish.seed, &stopped).ok_or(Stop::Cancelled)?;
    drop(rows);
    let second = passes::second(&job, subjects, &first.scales, &found.centres, &regions)?;
    Ok(joined(&job, subjects, &first.scales, &found.centres, &second))
}

fn check(wish: &Wish) -> Result<(), Problem> {
    if wish.seeds.is_empty() {
        return Err(error::no_seeds());
    }
    if !(2..=MOST_CLUSTERS).contains(&wish.clusters) {
        let why = format!("there are 2 to {MOST_CLUSTERS}");
        return Err(error::bad_clusters(wish.clusters, MOST_CLUSTERS, &why));
    }
    Ok(())
}

/// The layers of the models, which must be alike.
fn common_layers(subjects: &[Subject]) -> Result<Vec<Layer>, Problem> {
    let mut all = subjects.iter().map(|subject| (subject, layers(subject.drawer.net(), subject.canon)));
    let Some((first, own)) = all.next() else { return Err(error::no_seeds()) };
    let net = first.drawer.net();
    if own.is_empty() || net.mapping.is_none() {
        return Err(error::no_activations(net.family));
    }
    for (other, others) in all {
        let place = own.iter().zip(&others).find(|(a, b)| a != b);
        let sizes =
            |layer: &Layer| format!("{} × {} × {}", layer.shape.channels, layer.shape.height, layer.shape.width);
        if let Some((a, b)) = place.filter(|(a, b)| a.space == b.space) {
            return Err(error::apart(&format!("`{}` is {} in one and {} in the other", a.space, sizes(a), sizes(b))));
        }
        if place.is_some() || own.len() != others.len() {
            return Err(error::apart(&format!("they have {} and {} layers", own.len(), others.len())));
        }
        if first.drawer.latent_sizes() != other.drawer.latent_sizes() {
            return Err(error::apart("they take latents of other sizes"));
        }
    }
    Ok(own)
}

/// The layers that are clustered.
fn clustered(layers: &[Layer], names: &[String]) -> Result<Vec<Layer>, Problem> {
    if names.is_empty() {
        return Ok(usual(layers));
    }
    let mut own: Vec<Layer> = vec![];
    for name in names {
        let found = layers.iter().find(|layer| layer.space == *name);
        let layer = found.ok_or_else(|| error::unknown_layer(name, layers))?;
        if own.contains(layer) {
            return Err(error::layer_twice(name));
        }
        own.push(layer.clone());
    }
    Ok(own)
}

/// The w of every seed, truncated, of the first model.  Errors: E0705.
pub(super) fn starts(
    subjects: &mut [Subject],
    seeds: &[u32],
    psi: f64,
    class: Option<usize>,
) -> Result<Vec<Start>, Problem> {
    let look = Look { psi, class, ..Look::default() };
    let Some(subject) = subjects.first_mut() else { return Ok(vec![]) };
    let drawer = &mut *subject.drawer;
    let one = |seed: &u32| {
        let (latents, _) = drawer.latents(&Start::Seed(*seed), &look)?;
        // Without a cut-off all layers have the same.
        Ok(Start::W(latents.vectors.into_iter().next().unwrap_or_default()))
    };
    seeds.iter().map(one).collect()
}

/// The catalogue: clusters by falling area.
fn joined(job: &Job, subjects: &[Subject], scales: &[Vec<Vec<Scale>>], centres: &[f32], second: &Second) -> Found {
    let Job { wish, layers, points, .. } = *job;
    let mut order: Vec<usize> = (0..wish.clusters).collect();
    order.sort_by_key(|cluster| std::cmp::Reverse(second.counts[*cluster]));
    let all = second.counts.iter().sum::<u64>().max(1) as f64;
    let root = |[sum, count]: [f64; 2]| if count > 0.0 { (sum / count).sqrt() as f32 } else { 0.0 };
    let mut spaces: Vec<Space> = vec![];
    for (at, layer) in layers.iter().enumerate() {
        let channels = layer.shape.channels;
        let shares: Vec<Vec<f64>> = second.energies.iter().map(|energies| energies[at].finish()).collect();
        let share = |cluster: usize, channel: usize| {
            let sum: f64 = shares.iter().map(|own| own[cluster * channels + channel]).sum();
            (sum / shares.len() as f64) as f32
        };
        let mean = |model: usize| scales[model][at].iter().map(|scale| scale.mean as f32).collect();
        let std = |model: usize| scales[model][at].iter().map(|scale| scale.std as f32).collect();
        spaces.push(Space {
            name: layer.space.clone(),
            channels,
            shares: order
                .iter()
                .flat_map(|&own| (0..channels).map(move |channel| (own, channel)))
                .map(|(own, channel)| share(own, channel))
                .collect(),
            mean: mean(0),
            std: std(0),
            other: (scales.len() > 1).then(|| [mean(1), std(1)]),
        });
    }
    spaces.sort_by(|a, b| a.name.cmp(&b.name));
    let width = points.width();
    let catalogue = Catalogue {
        clusters: wish.clusters,
        spaces,
        centres: order.iter().flat_map(|own| centres[own * width..][..width].to_vec()).collect(),
        areas: order.iter().map(|own| (second.counts[*own] as f64 / all) as f32).collect(),
        differences: match subjects.len() {
            1 => vec![],
            _ => order.iter().map(|own| root(second.apart[*own])).collect(),
        },
        facts: Facts {
            models: subjects.iter().map(|subject| subject.source.clone()).collect(),
            seeds: wish.seeds_text.clone(),
            psi: wish.psi,
            class: wish.class,
            layers: points.layers.iter().map(|layer| layer.space.clone()).collect(),
            device: device(subjects),
            seed: wish.seed,
        },
    };
    let named = wish.regions.iter().zip(&second.overlaps).map(|(region, overlap)| {
        let (found, overlap) = overlap.best();
        let mut clusters: Vec<usize> = (0..order.len()).filter(|at| found.contains(&order[*at])).collect();
        clusters.sort_unstable();
        Named { name: region.name.clone(), clusters, overlap }
    });
    Found { named: named.collect(), catalogue }
}

/// What drew: processors draw the same everywhere, so nothing more is said of them.
fn device(subjects: &[Subject]) -> String {
    let about = subjects[0].drawer.about();
    let is_cpu = about.facts.iter().any(|(key, value)| *key == "device" && value == "cpu");
    if is_cpu { "CPU".into() } else { about.line }
}
