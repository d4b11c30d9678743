//! A network without a model, and a yardstick: to time engines on this machine.

use super::weights::Array;
use super::weights::Weights;
use std::sync::Barrier;
use std::time::Instant;

/// Side of the yardstick's matrices.
const SIDE: usize = 768;

/// Products that each worker is timed over.
const TIMES: usize = 4;

/// What the workers of [`products`] took.
pub struct Products {
    /// 10⁹ multiplications and additions of all workers together.
    pub gflop: f64,
    /// Seconds per worker: on the clock, and as the given function counts them.
    pub spent: Vec<[f64; 2]>,
}

impl Products {
    /// GFLOP/s of all workers together, by the clock.
    pub fn rate(&self) -> f64 {
        self.gflop / self.spent.iter().map(|spent| spent[0]).fold(f64::MIN_POSITIVE, f64::max)
    }
}

/// Square matrix products by `matrixmultiply`, one after the other on every worker at once: what these processors reach.
/// `seconds` counts a second kind of time, for example that of the thread on its core.
pub fn products(threads: usize, seconds: &(dyn Fn() -> f64 + Sync)) -> Products {
    let begin = Barrier::new(threads);
    let one = || {
        let (a, b) = (vec![0.5f32; SIDE * SIDE], vec![0.25f32; SIDE * SIDE]);
        let mut c = vec![0f32; SIDE * SIDE];
        let side = SIDE as isize;
        let mut multiply = || {
            let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
            // SAFETY: all three matrices are SIDE by SIDE, rows behind each other.
            #[allow(unsafe_code)]
            unsafe {
                matrixmultiply::sgemm(SIDE, SIDE, SIDE, 1.0, a, side, 1, b, side, 1, 0.0, c, side, 1);
            }
        };
        // Memory is there, and all begin at once.
        multiply();
        begin.wait();
        let (clock, other) = (Instant::now(), seconds());
        (0..TIMES).for_each(|_| multiply());
        let spent = [clock.elapsed().as_secs_f64(), seconds() - other];
        std::hint::black_box(&c);
        spent
    };
    let spent = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    Products { gflop: 2.0 * (SIDE as f64).powi(3) * (TIMES * threads) as f64 / 1e9, spent }
}

/// A StyleGAN2 generator of NVIDIA's config-f (32768 / resolution channels, here at most `most`) with numbers of unit
/// variance.
pub fn stylegan2(resolution: usize, most: usize) -> Weights {
    let mut seed = 1u64;
    let mut weights = Weights::default();
    let mut add = |name: String, shape: &[usize], scale: f32, shift: f32| {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((seed >> 40) as f32 / (1 << 23) as f32 - 1.0) * 1.732 * scale + shift
            })
            .collect();
        weights.insert(name, Array::new(shape, values));
    };
    for at in 0..8 {
        add(format!("mapping.fc{at}.weight"), &[most, most], 100.0, 0.0);
        add(format!("mapping.fc{at}.bias"), &[most], 0.0, 0.0);
    }
    add("mapping.w_avg".into(), &[most], 0.1, 0.0);
    let channels = |r: usize| (32_768 / r).min(most);
    add("synthesis.b4.const".into(), &[channels(4), 4, 4], 1.0, 0.0);
    let mut r = 4;
    while r <= resolution {
        let base = format!("synthesis.b{r}");
        for (layer, inputs) in [("conv0", channels(r / 2)), ("conv1", channels(r))] {
            if r == 4 && layer == "conv0" {
                continue;
            }
            let outputs = channels(r);
            add(format!("{base}.{layer}.weight"), &[outputs, inputs, 3, 3], 1.0, 0.0);
            add(format!("{base}.{layer}.bias"), &[outputs], 0.1, 0.0);
            add(format!("{base}.{layer}.affine.weight"), &[inputs, most], 1.0, 0.0);
            add(format!("{base}.{layer}.affine.bias"), &[inputs], 0.0, 1.0);
            add(format!("{base}.{layer}.noise_strength"), &[], 0.0, 0.1);
            add(format!("{base}.{layer}.noise_const"), &[r, r], 1.0, 0.0);
        }
        add(format!("{base}.torgb.weight"), &[3, channels(r), 1, 1], 1.0, 0.0);
        add(format!("{base}.torgb.bias"), &[3], 0.1, 0.0);
        add(format!("{base}.torgb.affine.weight"), &[channels(r), most], 1.0, 0.0);
        add(format!("{base}.torgb.affine.bias"), &[channels(r)], 0.0, 1.0);
        r *= 2;
    }
    weights
}
