//! StyleGAN3 generators, T and R.
//!
//! Formulas: Karras et al. 2021, "Alias-Free Generative Adversarial Networks".  Rates and sizes are not computed from the
//! paper's schedule, whose logarithm of an exact power of two goes wrong in the last bit (a layer of 256 px models becomes
//! 276 px instead of 148), nor read off the names, which the canonical ones do not keep: they follow from the
//! filters in the checkpoint.  A layer works at twice its output rate and thins out by 2, so the taps of its filters stand
//! to each other as `up : 2`, and the rate grows by `up / 2`.
//!
//! The reference normalises weights and styles before the modulation, for half precision; here that is a factor of the
//! demodulation ([`super::net::Demodulate::Normalised`]).  With a batch of several pictures the reference takes the mean
//! of the styles over all of them; here every picture is drawn as if it was alone.

use super::build::Builder;
use super::build::Like;
use super::build::Shapes;
use super::net::Activate;
use super::net::Activation;
use super::net::Conv;
use super::net::Demodulate;
use super::net::Filter;
use super::net::Finish;
use super::net::Kind;
use super::net::Net;
use super::net::Part;
use super::net::Range;
use super::net::Sampling;
use super::net::Shape;
use super::net::Waves;
use crate::diag::Problem;
use std::f32::consts::SQRT_2;

/// Samples per unit at the input.
const RATE: usize = 16;

/// Cut-off frequency of the first layer.
const BANDWIDTH: f32 = 2.0;

/// Samples around a layer's picture on either side.
const MARGIN: usize = 10;

/// Activations are cut at ± this, in every published model.
const CLAMP: f32 = 256.0;

/// The drawn values are multiplied by this.
const OUTPUT: f32 = 0.25;

/// A layer's rates and sizes.
struct Layer {
    base: String,
    up: usize,
    up_filter: Filter,
    down_filter: Filter,
    size: usize,
}

/// The description of a generator.  Errors: E0702, E0703, E0704.
pub fn describe(shapes: &Shapes) -> Result<Net, Problem> {
    let mut builder = Builder::new("stylegan3", shapes);
    let number = (0..).take_while(|at| builder.has(&format!("synthesis.L{at}.weight"))).count().max(2);
    let w = builder.size("synthesis.input.affine.weight", 1);
    let mapping = builder.mapping(w, number + 1);
    let layers = layers(&mut builder, number);
    let channels = builder.size("synthesis.input.weight", 0);
    let mut x = input(&mut builder, channels, w);
    for (at, layer) in layers.iter().enumerate() {
        x = styled(&mut builder, layer, x, (at + 1, w));
    }
    let picture = torgb(&mut builder, &format!("synthesis.L{}", number - 1), x, (number, w));
    builder.finish(Some(mapping), None, picture, Range::Signed)
}

/// All layers but the last.
fn layers(builder: &mut Builder, number: usize) -> Vec<Layer> {
    let mut layers = vec![];
    let mut rate = RATE;
    for at in 0..number - 1 {
        let base = format!("synthesis.L{at}");
        let (up_name, down_name) = (format!("{base}.up_filter"), format!("{base}.down_filter"));
        let taps = (builder.size(&up_name, 0), builder.size(&down_name, 0));
        let up = 2 * taps.0 / taps.1.max(1);
        if !matches!(up, 2 | 4) || up * taps.1 != 2 * taps.0 {
            builder.odd(
                &up_name,
                format!("`[{}]` or `[{}]`, once or twice the taps of `down_filter`", taps.1, 2 * taps.1),
            );
            continue;
        }
        rate = (rate * up / 2).min(1 << 20);
        let gain = (up * up) as f32;
        let (up_filter, down_filter) = (builder.filter(&up_name, &[], gain), builder.filter(&down_name, &[], 1.0));
        layers.push(Layer { base, up, up_filter, down_filter, size: rate + 2 * MARGIN });
    }
    if let Some(last) = layers.last_mut() {
        // The last two layers are of the size of the picture.
        last.size = rate;
    }
    layers
}

/// The waves, mixed by a matrix.
fn input(builder: &mut Builder, channels: usize, w: usize) -> Part {
    let base = "synthesis.input";
    let waves = Waves {
        affine: builder.dense(&format!("{base}.affine"), w, 4, 1.0),
        frequencies: builder.tensor(format!("{base}.freqs"), &[channels, 2]),
        phases: builder.tensor(format!("{base}.phases"), &[channels]),
        transform: builder.tensor(format!("{base}.transform"), &[3, 3]),
        rate: RATE as f32,
        bandwidth: BANDWIDTH,
    };
    builder.waves(waves);
    let size = RATE + 2 * MARGIN;
    let out = builder.buffer(Shape::new(channels, size, size));
    let x = builder.op("input.waves", out, Kind::Waves);
    let conv = Conv {
        x,
        weight: format!("{base}.weight").into(),
        kernel: 1,
        pad: 0,
        scale: 1.0 / (channels as f32).sqrt(),
        modulation: None,
        sampling: Sampling::Same,
        finish: Finish::linear(None),
    };
    builder.conv(base, "input", conv, channels, None)
}

fn styled(builder: &mut Builder, layer: &Layer, x: Part, w: (usize, usize)) -> Part {
    let base = &layer.base;
    let weight = format!("{base}.weight");
    let (outputs, kernel) = (builder.size(&weight, 0), builder.size(&weight, 3));
    let like = Like { gain: 1.0, demodulate: Demodulate::Normalised, magnitude: true };
    let modulation = builder.modulation(base, [x.shape.channels, outputs], w, like);
    let name = base.trim_start_matches("synthesis.");
    let conv = Conv {
        x,
        weight: weight.into(),
        kernel,
        // Full padding: the filters cut the margin back.
        pad: kernel - 1,
        scale: 1.0,
        modulation: Some(modulation),
        sampling: Sampling::Same,
        finish: Finish::linear(None),
    };
    let wide = builder.conv(base, &format!("{name}.conv"), conv, outputs, None);
    let (up, down) = (layer.up as i64, 2);
    let taps = (layer.up_filter.length + layer.down_filter.length) as i64;
    // So that `size` samples remain of the convolution's, with what is cut or added spread over both ends.
    let before = wide.shape.height as i64;
    let total = (layer.size as i64 - 1) * down + 1 - before * up + taps - 2;
    let low = (total + up).div_euclid(2);
    let activate = Activate {
        x: wide,
        bias: format!("{base}.bias").into(),
        up: layer.up,
        up_filter: layer.up_filter.clone(),
        pad: (low, total - low),
        slope: 0.2,
        gain: SQRT_2,
        clamp: CLAMP,
        down: down as usize,
        down_filter: layer.down_filter.clone(),
    };
    builder.activate(name, activate, layer.size, layer.size)
}

fn torgb(builder: &mut Builder, base: &str, x: Part, w: (usize, usize)) -> Part {
    let weight = format!("{base}.weight");
    let (outputs, kernel, inputs) = (builder.size(&weight, 0), builder.size(&weight, 3), x.shape.channels);
    let gain = 1.0 / ((inputs * kernel * kernel) as f32).sqrt();
    let like = Like { gain, demodulate: Demodulate::No, magnitude: true };
    let modulation = builder.modulation(base, [inputs, outputs], w, like);
    let conv = Conv {
        x,
        weight: weight.into(),
        kernel,
        pad: kernel - 1,
        scale: 1.0,
        modulation: Some(modulation),
        sampling: Sampling::Same,
        finish: Finish {
            activation: Activation::Linear,
            gain: OUTPUT,
            clamp: Some(CLAMP * OUTPUT),
            ..Finish::linear(Some(format!("{base}.bias").into()))
        },
    };
    builder.conv(base, base.trim_start_matches("synthesis."), conv, outputs, None)
}
