//! The renderer layer by layer, beside what a general matrix product reaches on the same cores in the same run.
//!
//! `cargo bench --bench render [-- NET…]` with nets of `avatars`, `256`, `1024` (config-f: 32768 / resolution channels, at
//! most 512).  The yardstick is `matrixmultiply` (square matrices of 768, one per core at the same time), the best of samples
//! taken between the pictures; layers are the best of all pictures.
//!
//! Two ratios: of the time on the clock, which needs a machine without other work, and of the time on the cores, which does
//! not; the second leaves out waiting for each other.

use blend::arch;
use blend::network;
use blend::network::Net;
use blend::network::stylegan2::Facts;
use blend::render::cpu::Cpu;
use blend::render::cpu::Kernel;
use blend::render::host::Host;
use blend::render::host::Noises;
use blend::render::weights;
use blend::render::weights::Array;
use blend::render::weights::Weights;
use blend::store;
use std::path::Path;
use std::sync::Arc;
use std::sync::Barrier;
use std::time::Duration;
use std::time::Instant;

/// Side of the yardstick's matrices.
const SIDE: usize = 768;

/// At least this long is drawn per net.
const LONG: Duration = Duration::from_secs(6);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    println!("{threads} threads, {} kernel", Kernel::best().name());
    for name in ["avatars", "256", "1024"] {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            net(name, threads);
        }
    }
}

fn net(name: &str, threads: usize) {
    let weights = match name {
        "avatars" => shipped(),
        _ => config_f(name.parse().expect("a resolution")),
    };
    let started = Instant::now();
    let net = Arc::new(network::describe(&weights.shapes(), Facts::default()).expect("a generator"));
    let host = Host::new(net.clone(), &weights).expect("weights");
    let mut engine = Cpu::new(net.clone(), &weights).expect("weights");
    let ready = started.elapsed();
    drop(weights);
    let mut best: Vec<Spent> = vec![Spent::MOST; net.ops.len()];
    let (mut whole, mut small) = (Duration::MAX, Duration::MAX);
    let mut rate = yardstick(threads);
    let begun = Instant::now();
    let mut pictures = 0u32;
    while begun.elapsed() < LONG || pictures < 3 {
        let start = Instant::now();
        let latents = host.seed(pictures, None, 0.7, None).expect("latents").0;
        let frame = host.frame(&latents, Noises::Stored).expect("a frame");
        small = small.min(start.elapsed());
        let mut last = Clock::now();
        let mut see = |at: usize, _: &network::Op, _: &[f32]| {
            best[at] = best[at].least(last.spent());
            last = Clock::now();
        };
        engine.draw_with(&frame, &mut see).expect("a picture");
        whole = whole.min(start.elapsed());
        pictures += 1;
        rate = rate.most(yardstick(threads));
    }
    table(name, &net, &best, rate, threads);
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{name}: {:.1} ms a picture ({:.2} GFLOP, {:.1} GFLOP/s, {:.0} % of sgemm at {:.1}); latents {:.1} ms, made ready in {:.0} ms",
        milliseconds(whole),
        net.flops() / 1e9,
        net.flops() / 1e9 / whole.as_secs_f64(),
        100.0 * net.flops() / 1e9 / whole.as_secs_f64() / rate.clock,
        rate.clock,
        milliseconds(small),
        milliseconds(ready),
    );
    let peak = peak().map_or("unknown".into(), |bytes| format!("{} MB", bytes >> 20));
    println!(
        "{name}: slots {} MB, engine {} MB, peak of the process {peak}\n",
        net.slots.bytes() >> 20,
        engine.bytes() >> 20
    );
}

/// Seconds on the clock, and on all cores together.
#[derive(Clone, Copy)]
struct Spent {
    clock: f64,
    cores: f64,
}

impl Spent {
    const MOST: Spent = Spent { clock: f64::MAX, cores: f64::MAX };

    fn least(self, other: Spent) -> Spent {
        Spent { clock: self.clock.min(other.clock), cores: self.cores.min(other.cores) }
    }
}

struct Clock {
    clock: Instant,
    cores: f64,
}

impl Clock {
    fn now() -> Clock {
        Clock { clock: Instant::now(), cores: on_cores(libc::CLOCK_PROCESS_CPUTIME_ID) }
    }

    fn spent(&self) -> Spent {
        Spent {
            clock: self.clock.elapsed().as_secs_f64(),
            cores: on_cores(libc::CLOCK_PROCESS_CPUTIME_ID) - self.cores,
        }
    }
}

/// Seconds that all threads, or this one, have run on a core.
fn on_cores(clock: libc::clockid_t) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`, which is there.
    #[allow(unsafe_code)]
    unsafe {
        libc::clock_gettime(clock, &mut time)
    };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// GFLOP/s of all cores together, by the clock and by the time on cores.
#[derive(Clone, Copy)]
struct Rate {
    clock: f64,
    cores: f64,
}

impl Rate {
    fn most(self, other: Rate) -> Rate {
        Rate { clock: self.clock.max(other.clock), cores: self.cores.max(other.cores) }
    }
}

fn table(name: &str, net: &Net, best: &[Spent], rate: Rate, threads: usize) {
    println!(
        "\n{name:14} {:>18} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "output", "ms", "GFLOP", "GFLOP/s", "of sgemm", "on cores"
    );
    for (op, spent) in net.ops.iter().zip(best) {
        let (shape, flops) = (op.out.shape, op.flops() / 1e9);
        let size = format!("{}x{}x{}", shape.channels, shape.height, shape.width);
        print!("{:14} {size:>18} {:>8.2}", op.name, spent.clock * 1e3);
        if flops > 0.0 {
            let (clock, cores) = (flops / spent.clock, threads as f64 * flops / spent.cores);
            print!(
                " {flops:>8.3} {clock:>8.1} {:>8.0}% {:>8.0}%",
                100.0 * clock / rate.clock,
                100.0 * cores / rate.cores
            );
        }
        println!();
    }
}

fn yardstick(threads: usize) -> Rate {
    const TIMES: usize = 4;
    let begin = Barrier::new(threads);
    let one = || {
        let (a, b) = (vec![0.5f32; SIDE * SIDE], vec![0.25f32; SIDE * SIDE]);
        let mut c = vec![0f32; SIDE * SIDE];
        let side = SIDE as isize;
        let mut multiply = || {
            // SAFETY: all three matrices are SIDE by SIDE, rows behind each other.
            #[allow(unsafe_code)]
            unsafe {
                matrixmultiply::sgemm(
                    SIDE,
                    SIDE,
                    SIDE,
                    1.0,
                    a.as_ptr(),
                    side,
                    1,
                    b.as_ptr(),
                    side,
                    1,
                    0.0,
                    c.as_mut_ptr(),
                    side,
                    1,
                );
            }
        };
        // Memory is there, and all begin at once.
        multiply();
        begin.wait();
        let (clock, cores) = (Instant::now(), on_cores(libc::CLOCK_THREAD_CPUTIME_ID));
        (0..TIMES).for_each(|_| multiply());
        let spent =
            Spent { clock: clock.elapsed().as_secs_f64(), cores: on_cores(libc::CLOCK_THREAD_CPUTIME_ID) - cores };
        std::hint::black_box(c);
        spent
    };
    let spent: Vec<Spent> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a sum")).collect()
    });
    let flops = 2.0 * (SIDE as f64).powi(3) * (TIMES * threads) as f64 / 1e9;
    let longest = spent.iter().fold(0.0, |most: f64, spent| most.max(spent.clock));
    let cores: f64 = spent.iter().map(|spent| spent.cores).sum();
    Rate { clock: flops / longest, cores: threads as f64 * flops / cores }
}

/// Peak memory of the process, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

fn shipped() -> Weights {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/models/avatars-toon.safetensors");
    let header = store::open(&path, None).expect("a model");
    let canon = arch::detect(&header, None, None).expect("a layout");
    weights::of_checkpoint(&header, &canon, &|_| true).expect("weights")
}

/// A generator of NVIDIA's config-f with numbers of unit variance.
fn config_f(resolution: usize) -> Weights {
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
        add(format!("mapping.fc{at}.weight"), &[512, 512], 100.0, 0.0);
        add(format!("mapping.fc{at}.bias"), &[512], 0.0, 0.0);
    }
    add("mapping.w_avg".into(), &[512], 0.1, 0.0);
    add("synthesis.b4.const".into(), &[512, 4, 4], 1.0, 0.0);
    let channels = |r: usize| (32_768 / r).min(512);
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
            add(format!("{base}.{layer}.affine.weight"), &[inputs, 512], 1.0, 0.0);
            add(format!("{base}.{layer}.affine.bias"), &[inputs], 0.0, 1.0);
            add(format!("{base}.{layer}.noise_strength"), &[], 0.0, 0.1);
            add(format!("{base}.{layer}.noise_const"), &[r, r], 1.0, 0.0);
        }
        add(format!("{base}.torgb.weight"), &[3, channels(r), 1, 1], 1.0, 0.0);
        add(format!("{base}.torgb.bias"), &[3], 0.1, 0.0);
        add(format!("{base}.torgb.affine.weight"), &[channels(r), 512], 1.0, 0.0);
        add(format!("{base}.torgb.affine.bias"), &[channels(r)], 0.0, 1.0);
        r *= 2;
    }
    weights
}
