//! Which operations of a network make the channels of which space: from the axes in the architecture's data, not from names.

use super::grid::Grid;
use crate::arch::Act;
use crate::arch::Canon;
use crate::network::Kind;
use crate::network::Net;
use crate::network::Sampling;
use crate::network::Shape;
use std::collections::BTreeMap;

/// The activations of a channel space.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// As the family names it: `b32.conv1`.
    pub space: String,
    /// The number of the operation in the network.
    pub op: usize,
    pub shape: Shape,
    pub grid: Grid,
}

/// The channel spaces that a network has activations of, in the order in which they are made.
///
/// A space is made where an operation reads a tensor whose axis gives that space (`acts` is `out`) and writes as many
/// channels; of several such operations (a convolution, then its activation; a shortcut, then what it is added to) the
/// last one completes it.  What is drawn at the end is the picture, and no space.
pub fn layers(net: &Net, canon: &Canon) -> Vec<Layer> {
    let rates = rates(net);
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, op) in net.ops.iter().enumerate() {
        for name in op.tensors() {
            let Some(tensor) = canon.index.get(name).map(|&index| &canon.tensors[index]) else { continue };
            for (axis, space) in tensor.traits.axes.iter().enumerate() {
                let makes = tensor.traits.act(axis) == Act::Out
                    && tensor.shape.get(axis).is_some_and(|&size| size == op.out.shape.channels as u64);
                if let (true, Some(space)) = (makes, space) {
                    last.insert(space, at);
                }
            }
        }
    }
    let mut found: Vec<(usize, &str)> = last.into_iter().map(|(space, op)| (op, space)).collect();
    found.retain(|(op, _)| net.ops[*op].out.buffer != net.output.buffer);
    found.sort_unstable();
    let whole = [net.output.shape.height as f64, net.output.shape.width as f64];
    let layer = |(op, space): (usize, &str)| {
        let out = net.ops[op].out;
        let rate = rates[out.buffer] / rates[net.output.buffer];
        Layer { space: space.into(), op, shape: out.shape, grid: Grid::new(out.shape, whole.map(|size| size * rate)) }
    };
    found.into_iter().map(layer).collect()
}

/// Samples of every buffer per sample of the first one.
fn rates(net: &Net) -> Vec<f64> {
    let mut rates = vec![1.0; net.buffers.len()];
    for op in &net.ops {
        rates[op.out.buffer] = match &op.kind {
            Kind::Constant(_) | Kind::Waves => 1.0,
            Kind::Conv(conv) => match conv.sampling {
                Sampling::Same => rates[conv.x.buffer],
                Sampling::Up(_) => 2.0 * rates[conv.x.buffer],
            },
            Kind::Upsample(how) => rates[how.x.buffer] * how.up as f64,
            Kind::Activate(how) => rates[how.x.buffer] * how.up as f64 / how.down as f64,
            Kind::Nearest { x, factor } | Kind::Shuffle { x, factor } => rates[x.buffer] * *factor as f64,
            Kind::Unshuffle { x, factor } => rates[x.buffer] / *factor as f64,
        };
    }
    rates
}

/// The layers that are clustered where nobody says which: the last three of at most 32 positions across.  There parts of a
/// picture have formed, and details have not; one layer alone splits by colour (the finest) or by place (coarser ones).
pub fn usual(layers: &[Layer]) -> Vec<Layer> {
    const ACROSS: f64 = 32.0;
    const COUNT: usize = 3;
    let fitting: Vec<&Layer> = layers.iter().filter(|layer| layer.grid.span[1] <= ACROSS).collect();
    let chosen = &fitting[fitting.len().saturating_sub(COUNT)..];
    if chosen.is_empty() {
        layers.first().cloned().into_iter().collect()
    } else {
        chosen.iter().copied().cloned().collect()
    }
}
