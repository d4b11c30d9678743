//! A naive reading of the operations, in f64: loops over every index, straight from the doc comments of `render::net`.

use blend::network::Activation;
use blend::network::Conv;
use blend::network::Filter;
use blend::network::Kind;
use blend::network::Net;
use blend::network::Op;
use blend::network::Part;
use blend::network::Sampling;
use blend::network::Shape;
use blend::network::Taps;
use blend::render::host::Frame;
use blend::render::weights::Weights;

/// `[channels, height, width]`, 0 outside.
#[derive(Clone)]
struct Grid {
    shape: Shape,
    values: Vec<f64>,
}

impl Grid {
    fn new(shape: Shape, value: impl Fn(usize, i64, i64) -> f64) -> Grid {
        let mut values = vec![];
        for c in 0..shape.channels {
            for y in 0..shape.height as i64 {
                values.extend((0..shape.width as i64).map(|x| value(c, y, x)));
            }
        }
        Grid { shape, values }
    }

    fn at(&self, c: usize, y: i64, x: i64) -> f64 {
        if y < 0 || x < 0 || y >= self.shape.height as i64 || x >= self.shape.width as i64 {
            return 0.0;
        }
        self.values[(c * self.shape.height + y as usize) * self.shape.width + x as usize]
    }
}

/// What every operation writes, in order.
pub fn run(net: &Net, weights: &Weights, frame: &Frame) -> Vec<Vec<f64>> {
    let mut buffers: Vec<Vec<f64>> = net.buffers.iter().map(|shape| vec![0.0; shape.elems()]).collect();
    if let (Some(part), Some(values)) = (net.picture, &frame.picture) {
        write(&mut buffers, part, &values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>());
    }
    let mut seen = vec![];
    for op in &net.ops {
        let out = one(op, net, weights, frame, &buffers);
        write(&mut buffers, op.out, &out.values);
        seen.push(out.values);
    }
    seen
}

fn write(buffers: &mut [Vec<f64>], part: Part, values: &[f64]) {
    let start = part.first * part.shape.pixels();
    buffers[part.buffer][start..start + values.len()].copy_from_slice(values);
}

fn one(op: &Op, net: &Net, weights: &Weights, frame: &Frame, buffers: &[Vec<f64>]) -> Grid {
    let tensor = |name: &str| -> Vec<f64> {
        weights.get(name).expect("a tensor").data.iter().map(|value| f64::from(*value)).collect()
    };
    let read = |part: Part| {
        let start = part.first * part.shape.pixels();
        Grid { shape: part.shape, values: buffers[part.buffer][start..start + part.shape.elems()].to_vec() }
    };
    let to = op.out.shape;
    match &op.kind {
        Kind::Constant(name) => Grid { shape: to, values: tensor(name) },
        Kind::Waves => {
            let rate = f64::from(net.waves.as_ref().expect("waves").rate);
            let grid = |at: i64, size: usize| ((2 * at + 1) as f64 / size as f64 - 1.0) * size as f64 / (2.0 * rate);
            Grid::new(to, |c, y, x| {
                let [fx, fy, phase, amplitude] = frame.waves[c];
                let turns = grid(x, to.width) * fx + grid(y, to.height) * fy + phase;
                (2.0 * std::f64::consts::PI * turns).sin() * amplitude
            })
        }
        Kind::Conv(conv) => convolved(conv, to, &read(conv.x), weights, frame, &read),
        Kind::Upsample(up) => {
            let wide = resampled(&read(up.x), &taps(&up.filter, weights), up.up, 1, up.pad);
            let add = up.add.map(read);
            Grid::new(to, |c, y, x| wide.at(c, y, x) + add.as_ref().map_or(0.0, |add| add.at(c, y, x)))
        }
        Kind::Activate(how) => {
            let (x, bias) = (read(how.x), tensor(&how.bias));
            let biased = Grid::new(x.shape, |c, y, at| x.at(c, y, at) + bias[c]);
            let mut wide = resampled(&biased, &taps(&how.up_filter, weights), how.up, 1, how.pad);
            for value in &mut wide.values {
                let leaky = if *value < 0.0 { *value * f64::from(how.slope) } else { *value };
                *value = (leaky * f64::from(how.gain)).clamp(-f64::from(how.clamp), f64::from(how.clamp));
            }
            resampled(&wide, &taps(&how.down_filter, weights), 1, how.down, (0, 0))
        }
        Kind::Nearest { x, factor } => {
            let x = read(*x);
            Grid::new(to, |c, y, at| x.at(c, y / *factor as i64, at / *factor as i64))
        }
        Kind::Shuffle { x, factor } => {
            let (x, f) = (read(*x), *factor as i64);
            Grid::new(to, |c, y, at| x.at(c * (f * f) as usize + (f * (y % f) + at % f) as usize, y / f, at / f))
        }
        Kind::Unshuffle { x, factor } => {
            let (x, f) = (read(*x), *factor as i64);
            let inside = |c: usize| c as i64 % (f * f);
            Grid::new(to, |c, y, at| x.at(c / (f * f) as usize, y * f + inside(c) / f, at * f + inside(c) % f))
        }
    }
}

/// The two-dimensional filter, flipped, gain included.
fn taps(filter: &Filter, weights: &Weights) -> Vec<Vec<f64>> {
    let n = filter.length;
    let flat: Vec<f64> = match &filter.taps {
        Taps::Fixed(taps) => taps.iter().map(|tap| f64::from(*tap)).collect(),
        Taps::Stored(name) => weights.get(name).expect("a filter").data.iter().map(|tap| f64::from(*tap)).collect(),
    };
    let at = |a: usize, b: usize| if flat.len() == n { flat[a] * flat[b] } else { flat[a * n + b] };
    let gain = f64::from(filter.gain);
    (0..n).map(|a| (0..n).map(|b| at(n - 1 - a, n - 1 - b) * gain).collect()).collect()
}

/// Zeros behind every value, padding, correlation with the flipped filter, every `down`-th value.
fn resampled(x: &Grid, taps: &[Vec<f64>], up: usize, down: usize, pad: (i64, i64)) -> Grid {
    let n = taps.len();
    let size = |size: usize| (((size * up) as i64 + pad.0 + pad.1 - n as i64) / down as i64 + 1).max(0) as usize;
    let shape = Shape::new(x.shape.channels, size(x.shape.height), size(x.shape.width));
    let up = up as i64;
    Grid::new(shape, |c, y, column| {
        let mut sum = 0.0;
        for (a, row) in taps.iter().enumerate() {
            for (b, tap) in row.iter().enumerate() {
                let (v, h) = (y * down as i64 + a as i64 - pad.0, column * down as i64 + b as i64 - pad.0);
                if v % up == 0 && h % up == 0 {
                    sum += tap * x.at(c, v / up, h / up);
                }
            }
        }
        sum
    })
}

fn convolved(conv: &Conv, to: Shape, x: &Grid, weights: &Weights, frame: &Frame, read: &dyn Fn(Part) -> Grid) -> Grid {
    let weight = &weights.get(&conv.weight).expect("a weight").data;
    let (k, inputs) = (conv.kernel, x.shape.channels);
    let modulated = conv.modulation.map(|at| &frame.modulations[at]);
    let w = |o: usize, c: usize, a: usize, b: usize| {
        let style = modulated.map_or(1.0, |modulated| f64::from(modulated.input[c]));
        f64::from(weight[((o * inputs + c) * k + a) * k + b]) * f64::from(conv.scale) * style
    };
    let sums = match &conv.sampling {
        Sampling::Same => Grid::new(to, |o, y, at| {
            let mut sum = 0.0;
            for c in 0..inputs {
                for a in 0..k {
                    for b in 0..k {
                        let (v, h) = (y + a as i64 - conv.pad as i64, at + b as i64 - conv.pad as i64);
                        sum += w(o, c, a, b) * x.at(c, v, h);
                    }
                }
            }
            sum
        }),
        Sampling::Up(filter) => {
            let wide = Shape::new(to.channels, 2 * x.shape.height + 1, 2 * x.shape.width + 1);
            let mut u = Grid::new(wide, |_, _, _| 0.0);
            for o in 0..to.channels {
                for c in 0..inputs {
                    for i in 0..x.shape.height {
                        for j in 0..x.shape.width {
                            for (a, b) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                                u.values[(o * wide.height + 2 * i + a) * wide.width + 2 * j + b] +=
                                    w(o, c, a, b) * x.at(c, i as i64, j as i64);
                            }
                        }
                    }
                }
            }
            let n = filter.length as i64;
            resampled(&u, &taps(filter, weights), 1, 1, ((n + 1) / 2 - 1, (n - 2).div_euclid(2)))
        }
    };
    let finish = &conv.finish;
    let noise = finish.noise.and_then(|at| frame.noises.get(at));
    let bias = finish.bias.as_ref().map(|name| &weights.get(name).expect("a bias").data);
    let adds: Vec<(Grid, f64)> = finish.add.iter().map(|(part, share)| (read(*part), f64::from(*share))).collect();
    Grid::new(to, |o, y, at| {
        let mut v = sums.at(o, y, at) * modulated.map_or(1.0, |modulated| f64::from(modulated.output[o]));
        v += noise.map_or(0.0, |noise| {
            f64::from(noise.image[y as usize * to.width + at as usize]) * f64::from(noise.strength)
        });
        v += bias.map_or(0.0, |bias| f64::from(bias[o]));
        v = match &finish.activation {
            Activation::Linear => v,
            Activation::Leaky(slope) => {
                if v < 0.0 {
                    v * f64::from(*slope)
                } else {
                    v
                }
            }
            Activation::Prelu(name) => {
                if v < 0.0 {
                    v * f64::from(weights.get(name).expect("slopes").data[o])
                } else {
                    v
                }
            }
            Activation::Tanh => v.tanh(),
        };
        v *= f64::from(finish.gain);
        if let Some(clamp) = finish.clamp {
            v = v.clamp(-f64::from(clamp), f64::from(clamp));
        }
        v + adds.iter().map(|(add, share)| add.at(o, y, at) * share).sum::<f64>()
    })
}
