//! The renderer layer by layer, beside what a general matrix product reaches on the same cores in the same run.
//!
//! `cargo bench --bench render [-- NET…]` with nets of `avatars`, `256`, `1024` (config-f: 32768 / resolution channels, at
//! most 512).  The yardstick is `matrixmultiply` (square matrices of 768, one per core at the same time), the best of samples
//! taken between the pictures; layers are the best of all pictures.
//!
//! The roof of a layer is the smaller of two rates: that of the yardstick, and what its products come to if every value of
//! input, weights and output is moved once at the rate at which all cores together read memory (sums over 64 MB each).  A
//! layer whose input is still in the third cache may be above it.
//!
//! Two ratios to the yardstick: of the time on the clock, which needs a machine without other work, and of the time on the cores, which does
//! not; the second leaves out waiting for each other.

use blend::arch;
use blend::network;
use blend::network::Net;
use blend::network::stylegan2::Facts;
use blend::render::cpu::Cpu;
use blend::render::cpu::Kernel;
use blend::render::host::Host;
use blend::render::host::Noises;
use blend::render::trial;
use blend::render::weights;
use blend::render::weights::Weights;
use blend::store;
use std::path::Path;
use std::sync::Arc;
use std::sync::Barrier;
use std::time::Duration;
use std::time::Instant;

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
    // Before there is a net: its buffers are no part of the peak.
    let memory = (0..5).map(|_| bandwidth(threads)).fold(0.0, f64::max);
    let weights = match name {
        "avatars" => shipped(),
        _ => trial::stylegan2(name.parse().expect("a resolution"), 512),
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
    table(name, &net, &best, rate, memory, threads);
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

fn table(name: &str, net: &Net, best: &[Spent], rate: Rate, memory: f64, threads: usize) {
    println!("\nmemory is read at {:.1} GB/s", memory / 1e9);
    println!(
        "{name:14} {:>18} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9}",
        "output", "ms", "GFLOP", "GFLOP/s", "of sgemm", "on cores", "of roof"
    );
    for (op, spent) in net.ops.iter().zip(best) {
        let (shape, flops) = (op.out.shape, op.flops() / 1e9);
        let size = format!("{}x{}x{}", shape.channels, shape.height, shape.width);
        print!("{:14} {size:>18} {:>8.2}", op.name, spent.clock * 1e3);
        if flops > 0.0 {
            let (clock, cores) = (flops / spent.clock, threads as f64 * flops / spent.cores);
            print!(
                " {flops:>8.3} {clock:>8.1} {:>8.0}% {:>8.0}% {:>8.0}%",
                100.0 * clock / rate.clock,
                100.0 * cores / rate.cores,
                100.0 * clock / rate.clock.min(flops / moved(op) * memory),
            );
        }
        println!();
    }
}

/// Bytes that a convolution moves at least.
fn moved(op: &network::Op) -> f64 {
    let network::Kind::Conv(conv) = &op.kind else { return 0.0 };
    let weights = conv.kernel * conv.kernel * conv.x.shape.channels * op.out.shape.channels;
    let added: usize = conv.finish.add.iter().map(|(part, _)| part.shape.elems()).sum();
    4.0 * (conv.x.shape.elems() + weights + op.out.shape.elems() + added) as f64
}

/// Bytes per second that all cores together read from memory.
fn bandwidth(threads: usize) -> f64 {
    const VALUES: usize = 16 << 20;
    let begin = Barrier::new(threads);
    let one = || {
        let values = vec![1f32; VALUES];
        begin.wait();
        let start = Instant::now();
        let mut sums = [0f32; 64];
        for values in values.as_chunks::<64>().0 {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        std::hint::black_box(&sums);
        start.elapsed().as_secs_f64()
    };
    let spent = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).fold(f64::MIN_POSITIVE, f64::max)
    });
    (4 * VALUES * threads) as f64 / spent
}

fn yardstick(threads: usize) -> Rate {
    let products = trial::products(threads, &|| on_cores(libc::CLOCK_THREAD_CPUTIME_ID));
    let cores: f64 = products.spent.iter().map(|spent| spent[1]).sum();
    Rate { clock: products.rate(), cores: threads as f64 * products.gflop / cores }
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
