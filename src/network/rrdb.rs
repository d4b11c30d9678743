//! RRDB upscalers (ESRGAN, Real-ESRGAN): a family without latents, which starts from a picture.
//!
//! Formulas: Wang et al. 2018, "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks"; names are those of
//! the `RRDBNet` of BasicSR, alone or under `params_ema.` or `params.`.  Networks for a factor of 2 or 1 begin with blocks
//! of 2 × 2 or 4 × 4 pixels as channels, which their first convolution's inputs tell.
//!
//! Inside a dense block every convolution reads all channels so far and writes behind them, in one buffer.

use super::build::Builder;
use super::build::LONGEST;
use super::build::Shapes;
use super::error;
use super::net::Activation;
use super::net::Conv;
use super::net::Finish;
use super::net::Kind;
use super::net::Net;
use super::net::Part;
use super::net::Range;
use super::net::Sampling;
use super::net::Shape;
use crate::diag::Problem;

/// Weight of what a block adds, in every published model.
const RESIDUAL: f32 = 0.2;

/// Convolutions in a dense block.
const DENSE: usize = 5;

/// What stands before the names.
const PREFIXES: [&str; 3] = ["", "params_ema.", "params."];

/// What stands before the names of an upscaler's tensors; `None` for what is none.
fn prefix_of(shapes: &Shapes) -> Option<&'static str> {
    PREFIXES.into_iter().find(|prefix| shapes.contains_key(format!("{prefix}conv_first.weight").as_str()))
}

/// Whether these tensors are an upscaler.
pub fn fits(shapes: &Shapes) -> bool {
    prefix_of(shapes).is_some()
}

/// The upscaler that these tensors are, for pictures of `height × width`.  Errors: E0701 when it is none, E0702, E0703,
/// E0704.
pub fn describe(shapes: &Shapes, height: usize, width: usize) -> Result<Net, Problem> {
    let Some(prefix) = prefix_of(shapes) else {
        return Err(error::not_drawn(&mut shapes.keys()));
    };
    if height.max(width) > LONGEST {
        return Err(error::too_large(Shape::new(1, height, width)));
    }
    let mut builder = Builder::new("rrdb", shapes);
    let mut maker = Maker { builder: &mut builder, prefix };
    let colours = maker.builder.size(&maker.name("conv_last.weight"), 0);
    let features = maker.builder.size(&maker.name("conv_first.weight"), 0);
    let growth = maker.builder.size(&maker.name("body.0.rdb1.conv1.weight"), 0);
    let inputs = maker.builder.size(&maker.name("conv_first.weight"), 1);
    // Squares of pixels as channels; colours in and out are as many.
    let block = [1, 2, 4].into_iter().find(|side| inputs == colours * side * side).unwrap_or(0);
    if block == 0 || !height.is_multiple_of(block) || !width.is_multiple_of(block) || height * width == 0 {
        let expected = format!("a picture of {height} × {width} pixels whose blocks are {inputs} channels");
        maker.builder.odd(&maker.name("conv_first.weight"), expected);
        let nothing = maker.builder.buffer(Shape::new(1, 1, 1));
        return builder.finish(None, None, nothing, Range::Unit);
    }
    let picture = maker.builder.buffer(Shape::new(colours, height, width));
    let mut x = picture;
    if block > 1 {
        let out = maker.builder.buffer(Shape::new(inputs, height / block, width / block));
        x = maker.builder.op("unshuffle", out, Kind::Unshuffle { x, factor: block });
    }
    let dense = Shape::new(features + (DENSE - 1) * growth, x.shape.height, x.shape.width);
    let room = maker.builder.buffer(dense);
    let first = maker.builder.part(room, 0, features);
    maker.conv("conv_first", x, first, Finish::linear(None));
    let number = (0..).take_while(|at| maker.builder.has(&maker.name(&format!("body.{at}.rdb1.conv1.weight")))).count();
    let mut body = first;
    for at in 0..number {
        body = maker.block(&format!("body.{at}"), body, dense, features, growth);
    }
    let sum = maker.builder.buffer(first.shape);
    x = maker.conv("conv_body", body, sum, Finish { add: vec![(first, 1.0)], ..Finish::linear(None) });
    for name in ["conv_up1", "conv_up2"] {
        let wide = Shape::new(features, 2 * x.shape.height, 2 * x.shape.width);
        let out = maker.builder.buffer(wide);
        x = maker.builder.op(format!("{name}.nearest"), out, Kind::Nearest { x, factor: 2 });
        let out = maker.builder.buffer(wide);
        x = maker.conv(name, x, out, leaky());
    }
    let out = maker.builder.buffer(x.shape);
    x = maker.conv("conv_hr", x, out, leaky());
    let out = maker.builder.buffer(Shape { channels: colours, ..x.shape });
    x = maker.conv("conv_last", x, out, Finish::linear(None));
    builder.finish(None, Some(picture), x, Range::Unit)
}

fn leaky() -> Finish {
    Finish { activation: Activation::Leaky(0.2), ..Finish::linear(None) }
}

struct Maker<'m, 's> {
    builder: &'m mut Builder<'s>,
    prefix: &'static str,
}

impl Maker<'_, '_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A 3 × 3 convolution with a bias.
    fn conv(&mut self, name: &str, x: Part, out: Part, finish: Finish) -> Part {
        let base = self.name(name);
        let conv = Conv {
            x,
            weight: format!("{base}.weight").into(),
            kernel: 3,
            pad: 1,
            scale: 1.0,
            modulation: None,
            sampling: Sampling::Same,
            finish: Finish { bias: Some(format!("{base}.bias").into()), ..finish },
        };
        self.builder.conv(&base, name, conv, out.shape.channels, Some(out))
    }

    /// Three dense blocks, each and all together added to where they started from.  Start and result are the fronts of
    /// buffers with room for a dense block behind.
    fn block(&mut self, name: &str, start: Part, dense: Shape, features: usize, growth: usize) -> Part {
        let mut x = start;
        for at in 1..=3 {
            x = self.dense(&format!("{name}.rdb{at}"), x, (at == 3).then_some(start), dense, features, growth);
        }
        x
    }

    fn dense(
        &mut self,
        name: &str,
        x: Part,
        start: Option<Part>,
        dense: Shape,
        features: usize,
        growth: usize,
    ) -> Part {
        let room = Part { shape: dense, ..x };
        for at in 1..DENSE {
            let seen = self.builder.part(room, 0, features + (at - 1) * growth);
            let behind = self.builder.part(room, features + (at - 1) * growth, growth);
            self.conv(&format!("{name}.conv{at}"), seen, behind, leaky());
        }
        let next = self.builder.buffer(dense);
        let out = self.builder.part(next, 0, features);
        let finish = match start {
            None => Finish { gain: RESIDUAL, add: vec![(x, 1.0)], ..Finish::linear(None) },
            Some(start) => {
                Finish { gain: RESIDUAL * RESIDUAL, add: vec![(x, RESIDUAL), (start, 1.0)], ..Finish::linear(None) }
            }
        };
        self.conv(&format!("{name}.conv{DENSE}"), room, out, finish)
    }
}
