//! StyleGAN2 generators: skip, orig and resnet, conditional or not, of any resolution, width and number of channels.
//!
//! Formulas: Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", in the form of NVIDIA's PyTorch
//! networks, whose names are the canonical ones.  Half precision is ignored: everything is f32, as with `force_fp32`.
//!
//! A constant that is not square makes pictures of its proportions, and noise images follow.

use super::build::Builder;
use super::build::Like;
use super::build::Shapes;
use super::net::Activation;
use super::net::Conv;
use super::net::Demodulate;
use super::net::Finish;
use super::net::Kind;
use super::net::Net;
use super::net::Part;
use super::net::Range;
use super::net::Sampling;
use super::net::Shape;
use crate::diag::Problem;
use std::f32::consts::FRAC_1_SQRT_2;
use std::f32::consts::SQRT_2;

/// Of models that do not store their filter.
const FILTER: [f32; 4] = [0.125, 0.375, 0.375, 0.125];

/// What names and shapes do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// `conv_clamp`: activations are cut at ± this.  It matters to half precision alone; sane networks stay below.
    pub clamp: Option<f32>,
}

/// Which way pictures leave the blocks.
#[derive(Clone, Copy, PartialEq)]
enum Architecture {
    /// Every block adds its picture to the widened one of the block before.
    Skip,
    /// The last block alone draws.
    Orig,
    /// Like orig, with a shortcut around every block.
    Resnet,
}

struct Maker<'s> {
    builder: Builder<'s>,
    w: usize,
    clamp: Option<f32>,
}

/// The description of a generator.  Errors: E0702, E0703, E0704.
pub fn describe(shapes: &Shapes, facts: Facts) -> Result<Net, Problem> {
    let mut builder = Builder::new("stylegan2", shapes);
    let constant = "synthesis.b4.const";
    let (channels, height, width) = (builder.size(constant, 0), builder.size(constant, 1), builder.size(constant, 2));
    let w = builder.size("synthesis.b4.conv1.affine.weight", 1);
    let architecture = if builder.has("synthesis.b8.skip.weight") {
        Architecture::Resnet
    } else if builder.has("synthesis.b4.torgb.weight") {
        Architecture::Skip
    } else {
        Architecture::Orig
    };
    // Sizes double with every block: no picture has more than a million rows.
    let exponents = (2..=20).take_while(|k| has_block(&builder, 1u64 << k));
    let last = exponents.last().unwrap_or(2);
    let count = 2 * last - 2;
    let mapping = builder.mapping(w, count);
    let mut maker = Maker { builder, w, clamp: facts.clamp };
    let mut x = maker.builder.buffer(Shape::new(channels, height, width));
    let stored = maker.builder.tensor(constant, &[channels, height, width]);
    x = maker.builder.op("b4.const", x, Kind::Constant(stored));
    let mut picture: Option<Part> = None;
    for k in 2..=last {
        let block = format!("synthesis.b{}", 1u64 << k);
        let outputs = maker.builder.size(&format!("{block}.conv1.weight"), 0);
        let before = x;
        if k > 2 {
            // Layers count w from b4.conv1; a block's conv0 shares its w with the ToRGB before it.
            x = maker.layer(&block, "conv0", x, outputs, 2 * k - 5, None);
        }
        let shortcut = (architecture == Architecture::Resnet && k > 2).then(|| maker.shortcut(&block, before, outputs));
        x = maker.layer(&block, "conv1", x, outputs, 2 * k - 4, shortcut);
        if architecture == Architecture::Skip || k == last {
            picture = Some(maker.torgb(&block, x, 2 * k - 3, picture));
        }
    }
    let picture = picture.unwrap_or(x);
    maker.builder.finish(Some(mapping), None, picture, Range::Signed)
}

fn has_block(builder: &Builder, r: u64) -> bool {
    ["conv0.weight", "conv1.weight"].iter().any(|layer| builder.has(&format!("synthesis.b{r}.{layer}")))
}

impl Maker<'_> {
    /// A 3 × 3 modulated convolution with noise, bias and leaky ReLU; `conv0` widens.
    fn layer(&mut self, block: &str, layer: &str, x: Part, outputs: usize, w: usize, shortcut: Option<Part>) -> Part {
        let (base, up) = (format!("{block}.{layer}"), layer == "conv0");
        let like = Like { gain: 1.0, demodulate: Demodulate::Plain, magnitude: false };
        let modulation = self.builder.modulation(&base, [x.shape.channels, outputs], (w, self.w), like);
        let factor = 1 + usize::from(up);
        let noise = self.builder.noise(&base, factor * x.shape.height, factor * x.shape.width);
        let sampling = if up {
            Sampling::Up(self.builder.filter(&format!("{base}.resample_filter"), &FILTER, 4.0))
        } else {
            Sampling::Same
        };
        // A resnet's two ways are each drawn with the root of one half; the clamp shrinks alike.
        let gain = if shortcut.is_some() { FRAC_1_SQRT_2 } else { 1.0 };
        let finish = Finish {
            noise,
            bias: Some(format!("{base}.bias").into()),
            activation: Activation::Leaky(0.2),
            gain: SQRT_2 * gain,
            clamp: self.clamp.map(|clamp| clamp * gain),
            add: shortcut.iter().map(|part| (*part, 1.0)).collect(),
        };
        let weight = format!("{base}.weight").into();
        let conv = Conv { x, weight, kernel: 3, pad: 1, scale: 1.0, modulation: Some(modulation), sampling, finish };
        self.builder.conv(&base, short(&base), conv, outputs, shortcut)
    }

    /// The way around a block: 1 × 1 at the low resolution, then widened; the same as NVIDIA's order.
    fn shortcut(&mut self, block: &str, x: Part, outputs: usize) -> Part {
        let base = format!("{block}.skip");
        let conv = Conv {
            x,
            weight: format!("{base}.weight").into(),
            kernel: 1,
            pad: 0,
            scale: FRAC_1_SQRT_2 / (x.shape.channels as f32).sqrt(),
            modulation: None,
            sampling: Sampling::Same,
            finish: Finish::linear(None),
        };
        let low = self.builder.conv(&base, short(&base), conv, outputs, None);
        let filter = self.builder.filter(&format!("{base}.resample_filter"), &FILTER, 4.0);
        self.builder.upsample2(&format!("{}.up", short(&base)), low, filter, None)
    }

    /// The picture of a block, added to the one so far.
    fn torgb(&mut self, block: &str, x: Part, w: usize, picture: Option<Part>) -> Part {
        let base = format!("{block}.torgb");
        let inputs = x.shape.channels;
        let outputs = self.builder.size(&format!("{base}.weight"), 0);
        let like = Like { gain: 1.0 / (inputs as f32).sqrt(), demodulate: Demodulate::No, magnitude: false };
        let modulation = self.builder.modulation(&base, [inputs, outputs], (w, self.w), like);
        let before = picture.map(|low| {
            let filter = self.builder.filter(&format!("{block}.resample_filter"), &FILTER, 4.0);
            self.builder.upsample2(&format!("{}.up", short(&base)), low, filter, None)
        });
        if let Some(part) = before.filter(|part| part.shape.channels != outputs) {
            let expected = format!("{} pictures, like the block before", part.shape.channels);
            self.builder.odd(&format!("{base}.weight"), expected);
            return part;
        }
        let finish = Finish {
            clamp: self.clamp,
            add: before.iter().map(|part| (*part, 1.0)).collect(),
            ..Finish::linear(Some(format!("{base}.bias").into()))
        };
        let weight = format!("{base}.weight").into();
        let conv = Conv {
            x,
            weight,
            kernel: 1,
            pad: 0,
            scale: 1.0,
            modulation: Some(modulation),
            sampling: Sampling::Same,
            finish,
        };
        self.builder.conv(&base, short(&base), conv, outputs, before)
    }
}

/// A name without its network.
fn short(base: &str) -> &str {
    base.trim_start_matches("synthesis.")
}
