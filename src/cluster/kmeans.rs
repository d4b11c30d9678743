//! Spherical k-means: clusters of directions (Dhillon and Modha 2001), begun by k-means++ (Arthur and Vassilvitskii 2007).
//!
//! Products are summed in the order of the channels, sums over points in blocks in order: the result depends on the points
//! and the seed alone, not on workers or machines.

use super::philox::Purpose;
use super::philox::Random;
use multiversion::multiversion;
use rayon::prelude::*;

/// Points that one worker takes at a time, and whose sums are added as one.
const BLOCK: usize = 4096;

/// Steps after which a restart ends, settled or not.
const STEPS: usize = 100;

/// A restart has settled when a step gains less than this per point.
const SETTLED: f64 = 1e-6;

/// Centres that are multiplied at a time.
const LANES: usize = 16;

/// Directions: rows of `width` values whose squares sum to 1, or 0 for a point without direction.
pub struct Points {
    width: usize,
    values: Vec<f32>,
}

impl Points {
    /// Rows of any length; each is divided by its length.
    pub fn new(width: usize, mut values: Vec<f32>) -> Points {
        values.par_chunks_exact_mut(width).for_each(normalise);
        Points { width, values }
    }

    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.width..][..self.width]
    }

    fn blocks(&self) -> impl IndexedParallelIterator<Item = &[f32]> {
        self.values.par_chunks(BLOCK * self.width)
    }
}

/// Divides a row by its length.
fn normalise(row: &mut [f32]) {
    let length = row.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
}

/// Centres, laid out to be multiplied with a point: blocks of [`LANES`] centres, in each the channels in order.
pub struct Centres {
    count: usize,
    width: usize,
    turned: Vec<f32>,
}

impl Centres {
    /// Of rows `[count, width]`.
    pub fn new(rows: &[f32], width: usize) -> Centres {
        let count = rows.len() / width;
        let mut turned = vec![0.0; count.div_ceil(LANES) * LANES * width];
        for (centre, row) in rows.chunks_exact(width).enumerate() {
            for (channel, value) in row.iter().enumerate() {
                turned[(centre / LANES * width + channel) * LANES + centre % LANES] = *value;
            }
        }
        Centres { count, width, turned }
    }

    /// The centre whose product with a point is the largest, the first of equal ones, and the product.
    pub fn nearest(&self, point: &[f32]) -> (u16, f32) {
        let mut best = (0, f32::NEG_INFINITY);
        for (block, centres) in self.turned.chunks_exact(self.width * LANES).enumerate() {
            let products = products(point, centres);
            for (lane, product) in products.iter().enumerate().take(self.count - block * LANES) {
                if *product > best.1 {
                    best = ((block * LANES + lane) as u16, *product);
                }
            }
        }
        best
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn products(point: &[f32], centres: &[f32]) -> [f32; LANES] {
    let mut sums = [0f32; LANES];
    for (value, row) in point.iter().zip(centres.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] += value * row[lane];
        }
    }
    sums
}

/// What a clustering found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// `[clusters, width]`, unit vectors.
    pub centres: Vec<f32>,
    /// The mean product of a point and its centre: 1 is the best.
    pub agreement: f64,
}

/// The best of several restarts; `None` when it was stopped.  There are at least as many points as clusters.
pub fn spherical(
    points: &Points,
    clusters: usize,
    restarts: usize,
    seed: u64,
    stopped: &(dyn Fn() -> bool + Sync),
) -> Option<Found> {
    let mut best: Option<Found> = None;
    for restart in 0..restarts {
        let found = run(points, clusters, &mut Random::new(seed, Purpose::Centres, restart), stopped)?;
        if best.as_ref().is_none_or(|best| found.agreement > best.agreement) {
            best = Some(found);
        }
    }
    best
}

fn run(points: &Points, clusters: usize, random: &mut Random, stopped: &dyn Fn() -> bool) -> Option<Found> {
    let mut rows = begin(points, clusters, random, stopped)?;
    let mut before = f64::NEG_INFINITY;
    for step in 0.. {
        if stopped() {
            return None;
        }
        let nearest = nearest(points, &Centres::new(&rows, points.width));
        let sum = |block: &[(u16, f32)]| block.iter().map(|own| f64::from(own.1)).sum::<f64>();
        let agreement = nearest.chunks(BLOCK).map(sum).sum::<f64>() / points.len() as f64;
        if agreement - before < SETTLED || step == STEPS {
            return Some(Found { centres: rows, agreement });
        }
        before = agreement;
        rows = means(points, clusters, nearest);
    }
    None
}

/// Per point the nearest centre, and its product with it.
fn nearest(points: &Points, centres: &Centres) -> Vec<(u16, f32)> {
    points.values.par_chunks_exact(points.width).with_min_len(256).map(|point| centres.nearest(point)).collect()
}

/// The first centres: points, each chosen with a chance that grows with the squared distance to the nearest before it.
fn begin(points: &Points, clusters: usize, random: &mut Random, stopped: &dyn Fn() -> bool) -> Option<Vec<f32>> {
    let mut rows = points.row(random.below(points.len())).to_vec();
    let mut far = vec![f64::INFINITY; points.len()];
    for _ in 1..clusters {
        if stopped() {
            return None;
        }
        let last = Centres::new(&rows[rows.len() - points.width..], points.width);
        let new = nearest(points, &last);
        // |a - b|² = 2 - 2 a·b for unit vectors; rounding must not make it negative.
        far.iter_mut().zip(new).for_each(|(far, new)| *far = far.min((2.0 - 2.0 * f64::from(new.1)).max(0.0)));
        let sums: Vec<f64> = far.chunks(BLOCK).map(|block| block.iter().sum()).collect();
        let mut rest = random.uniform() * sums.iter().sum::<f64>();
        let block = sums.iter().position(|sum| {
            let is_here = rest < *sum;
            rest -= if is_here { 0.0 } else { *sum };
            is_here
        });
        let chosen = match block {
            Some(block) => {
                let own = &far[block * BLOCK..];
                let here = own.iter().take(BLOCK).position(|far| {
                    let is_here = rest < *far;
                    rest -= *far;
                    is_here
                });
                // Rounding may leave a rest behind the last one.
                block * BLOCK + here.unwrap_or_else(|| farthest(&own[..own.len().min(BLOCK)]))
            }
            // All points lie on centres.
            None => random.below(points.len()),
        };
        rows.extend_from_slice(points.row(chosen));
    }
    Some(rows)
}

/// The place of the largest number, the first of equal ones.
fn farthest(numbers: &[f64]) -> usize {
    (0..numbers.len()).fold(0, |best, at| if numbers[at] > numbers[best] { at } else { best })
}

/// The directions of the means of the points of every centre.  A centre without points moves to the point that fits its
/// own the least, the next such centre to the next point.
fn means(points: &Points, clusters: usize, nearest: Vec<(u16, f32)>) -> Vec<f32> {
    let width = points.width;
    let sum = |(block, own): (&[f32], &[(u16, f32)])| {
        let (mut sums, mut counts) = (vec![0f64; clusters * width], vec![0u64; clusters]);
        for (point, (cluster, _)) in block.chunks_exact(width).zip(own) {
            let cluster = usize::from(*cluster);
            counts[cluster] += 1;
            let sums = &mut sums[cluster * width..][..width];
            sums.iter_mut().zip(point).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        (sums, counts)
    };
    let blocks: Vec<(Vec<f64>, Vec<u64>)> = points.blocks().zip(nearest.par_chunks(BLOCK)).map(sum).collect();
    let (mut sums, mut counts) = (vec![0f64; clusters * width], vec![0u64; clusters]);
    for (own, own_counts) in &blocks {
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        counts.iter_mut().zip(own_counts).for_each(|(count, own)| *count += own);
    }
    let mut worst: Option<Vec<usize>> = None;
    let mut rows = vec![0f32; clusters * width];
    for (cluster, row) in rows.chunks_exact_mut(width).enumerate() {
        if counts[cluster] == 0 {
            let worst = worst.get_or_insert_with(|| {
                let mut order: Vec<usize> = (0..points.len()).collect();
                order.sort_by(|a, b| nearest[*b].1.total_cmp(&nearest[*a].1));
                order
            });
            if let Some(point) = worst.pop() {
                row.copy_from_slice(points.row(point));
            }
            continue;
        }
        let sums = &sums[cluster * width..][..width];
        let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
        let by = if length > 0.0 { 1.0 / length } else { 0.0 };
        row.iter_mut().zip(sums).for_each(|(value, sum)| *value = (sum * by) as f32);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 24;

    /// Points around planted directions, of different lengths; the directions.
    fn planted(clusters: usize, each: usize) -> (Vec<f32>, Vec<Vec<f32>>) {
        let mut random = Random::new(99, Purpose::Positions, 0);
        let mut direction = |spread: f64| -> Vec<f32> {
            (0..WIDTH).map(|_| ((random.uniform() + random.uniform() - 1.0) * spread) as f32).collect()
        };
        let mut centres: Vec<Vec<f32>> = (0..clusters).map(|_| direction(1.0)).collect();
        centres.iter_mut().for_each(|centre| normalise(centre));
        let mut rows = vec![];
        for at in 0..clusters * each {
            let length = 0.5 + (at % 7) as f32;
            let noise = direction(0.05);
            rows.extend(centres[at % clusters].iter().zip(noise).map(|(value, noise)| (value + noise) * length));
        }
        (rows, centres)
    }

    #[test]
    fn planted_clusters_are_found() {
        let (rows, centres) = planted(18, 300);
        let points = Points::new(WIDTH, rows);
        let found = spherical(&points, 18, 8, 0, &|| false).expect("not stopped");
        for (number, centre) in centres.iter().enumerate() {
            let product = |row: &[f32]| row.iter().zip(centre).map(|(a, b)| a * b).sum::<f32>();
            let best = found.centres.chunks_exact(WIDTH).map(product).fold(0.0, f32::max);
            assert!(best > 0.999, "centre {number} is {best} away");
        }
        // Every point goes with its own.
        let nearest = nearest(&points, &Centres::new(&found.centres, WIDTH));
        assert!((0..points.len()).all(|at| nearest[at].0 == nearest[at % 18].0));
    }

    #[test]
    fn workers_change_nothing() {
        let (rows, _) = planted(5, 2000);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| spherical(&Points::new(WIDTH, rows.clone()), 9, 2, 3, &|| false)).expect("not stopped")
        };
        let one = run(1);
        assert_eq!(run(2), one);
        assert_eq!(run(7), one);
    }

    #[test]
    fn few_points_and_equal_points() {
        let points = Points::new(2, vec![1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0]);
        let found = spherical(&points, 4, 2, 0, &|| false).expect("not stopped");
        assert_eq!(found.centres.len(), 8);
        assert!((found.agreement - 0.75).abs() < 1e-6, "the point without direction agrees with none: {found:?}");
        assert!(spherical(&points, 2, 1, 0, &|| true).is_none());
    }
}
