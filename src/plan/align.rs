//! Alignments: what is read to find the order of channels, and how a plan gets the orders that were found.

use super::Plan;
use super::Work;
use super::bytes_text;
use super::work::Maker;
use crate::arch::ViewOp;
use crate::graph::OpId;
use crate::hir::FreeSpace;
use crate::tensor::Dtype;
use crate::tensor::Moved;
use crate::tensor::Shape;
use crate::tensor::elems;
use crate::text::Site;
use crate::tile::Builder;
use crate::tile::Program;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;

/// A call of `align`.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// As the recipe writes it.
    pub text: String,
    pub site: Site,
    pub seed: u64,
    pub spaces: Vec<FreeSpace>,
    pub tensors: Vec<Match>,
}

/// A tensor that both models have.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    pub name: Arc<str>,
    pub elems: u64,
    /// Measures a·a, a·b and b·b, where b is the tensor in the orders that are known.
    pub product: Program,
    pub sides: Vec<Side>,
}

/// A tensor seen along one axis: all of its channels for each combination of other indices.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Canonical axis; last in both programs.
    pub axis: usize,
    /// Index into [`Alignment::spaces`].
    pub space: usize,
    /// f64 values of what is aligned to.
    pub to: Program,
    /// The same in canonical order, for its reductions, where it has some (law 1).
    pub reduces: Option<Program>,
    /// f64 values of what is aligned.
    pub model: Program,
}

/// Orders of channels that were found: index i of a space is taken from `table[i]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables(pub Vec<Vec<Arc<[u32]>>>);

impl Tables {
    pub fn of(&self, moved: &Moved) -> Option<Arc<[u32]>> {
        self.0.get(moved.table.alignment as usize)?.get(moved.table.space as usize).cloned()
    }
}

/// The alignments of a recipe, in their order.
pub fn all(maker: &Maker) -> Vec<Alignment> {
    let pairs = maker.recipe.alignments.iter().zip(&maker.graph.matches);
    pairs
        .map(|(own, ops)| Alignment {
            text: own.text.clone(),
            site: own.site,
            seed: own.seed,
            spaces: own.spaces.clone(),
            tensors: own.tensors.iter().zip(ops).map(|(tensor, ops)| one(maker, tensor, *ops)).collect(),
        })
        .collect()
}

fn one(maker: &Maker, tensor: &crate::hir::Matched, [model, to]: [OpId; 2]) -> Match {
    let mut builder = Builder::new(tensor.shape.clone());
    let (a, b) = (maker.node(&mut builder, to, &[]), maker.node(&mut builder, model, &[]));
    let wanted = vec![builder.dot(a, a), builder.dot(a, b), builder.dot(b, b)];
    let side = |&(axis, space): &(usize, usize)| {
        let order: Vec<usize> = (0..tensor.shape.len()).filter(|other| *other != axis).chain([axis]).collect();
        let shape: Shape = order.iter().map(|&axis| tensor.shape[axis]).collect();
        let ops = [ViewOp::Permute(order)];
        let program = |id: OpId, shape: &Shape, ops: &[ViewOp]| {
            let mut builder = Builder::new(shape.clone());
            let node = maker.node(&mut builder, id, ops);
            builder.finish(node, Dtype::F64, false)
        };
        let of_to = program(to, &shape, &ops);
        let reduces = (of_to.stages > 0).then(|| program(to, &tensor.shape, &[]));
        Side { axis, space, to: of_to, reduces, model: program(model, &shape, &ops) }
    };
    Match {
        name: tensor.name.clone(),
        elems: elems(&tensor.shape),
        product: builder.measure(wanted),
        sides: tensor.axes.iter().map(side).collect(),
    }
}

/// `call`, `seed`, `spaces` (with `space`, `channels`, `keep_together`, `go_with`), `tensors`, `read_bytes`, `peak_bytes`.
pub fn json(alignment: &Alignment) -> Value {
    let space = |space: &FreeSpace| {
        json!({
            "space": &*space.name,
            "channels": space.channels,
            "keep_together": space.block,
            "go_with": space.under.map(|under| &*alignment.spaces[under].name),
        })
    };
    json!({
        "call": alignment.text,
        "seed": alignment.seed,
        "spaces": alignment.spaces.iter().map(space).collect::<Vec<_>>(),
        "tensors": alignment.tensors.iter().map(|tensor| &*tensor.name).collect::<Vec<_>>(),
        "read_bytes": alignment.read_bytes(),
        "peak_bytes": alignment.peak_bytes(),
    })
}

impl Alignment {
    /// For people, in one line.
    pub fn line(&self) -> String {
        let channels: u64 = self.spaces.iter().map(|space| space.channels).sum();
        let spaces = if self.spaces.len() == 1 { "1 space".into() } else { format!("{} spaces", self.spaces.len()) };
        format!(
            "{}: {channels} channels in {spaces} find their places first; {} to compare at a time, {} for tables",
            self.text,
            bytes_text(self.read_bytes()),
            bytes_text(self.peak_bytes()),
        )
    }

    /// Bytes of the table of the largest space, and of the values that are multiplied.
    pub fn peak_bytes(&self) -> u64 {
        let table = |space: &FreeSpace| (space.channels / space.block).pow(2) * 8;
        self.spaces.iter().map(table).max().unwrap_or(0) + 4 * LINES_BYTES
    }

    /// Bytes that are read once.
    pub fn read_bytes(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.product.read_bytes()).sum()
    }
}

/// Bytes of f64 values of one model that are multiplied at a time.
pub const LINES_BYTES: u64 = 4 << 20;

impl Plan {
    /// The plan with the orders of channels in it.
    pub fn settled(&self, tables: &Tables) -> Plan {
        let mut plan = self.clone();
        let of = |moved: &Moved| tables.of(moved);
        for tensor in plan.outputs.iter_mut().flat_map(|output| &mut output.tensors) {
            match &mut tensor.work {
                Work::Copy { .. } => {}
                Work::Gather(program) => Arc::make_mut(program).settle_views(&of),
                Work::Compute { program, canonical, .. } => {
                    Arc::make_mut(program).settle_views(&of);
                    canonical.iter_mut().for_each(|program| Arc::make_mut(program).settle_views(&of));
                }
            }
        }
        plan.checks.iter_mut().for_each(|check| check.program.settle_views(&of));
        plan.measures.iter_mut().for_each(|measure| measure.program.settle_views(&of));
        plan.drawings.iter_mut().for_each(|drawing| drawing.settle(tables));
        plan
    }
}
