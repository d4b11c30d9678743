//! Claims: what is measured per tensor, and what the sums mean.

use super::Measure;
use super::Output;
use super::work::Maker;
use crate::graph::OpId;
use crate::graph::OpKind;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Metric;
use crate::hir::Recipe;
use crate::tensor::Affine;
use crate::tensor::Dtype;
use crate::tensor::View;
use crate::tile::Binary;
use crate::tile::Builder;
use crate::tile::Load;
use crate::tile::NodeId;
use crate::tile::Program;
use crate::tile::Unary;
use std::collections::HashMap;

/// The programs of all claims, in the order of claims and names.
pub fn all(maker: &Maker, outputs: &[Output]) -> Vec<Measure> {
    let written = Written::of(maker.recipe, outputs);
    let mut measures = vec![];
    for &id in &maker.graph.measures {
        let op = maker.graph.op(id);
        let OpKind::Measure { measured, metric, dtypes } = &op.kind else { continue };
        if let Some(program) = program(maker, &written, id, *measured, *metric, dtypes) {
            measures.push(Measure { measured: *measured, canonical: op.name.clone(), program });
        }
    }
    measures
}

fn program(
    maker: &Maker,
    written: &Written,
    id: OpId,
    measured: usize,
    metric: Metric,
    dtypes: &[Dtype],
) -> Option<Program> {
    let op = maker.graph.op(id);
    let floats = dtypes.iter().all(|dtype| dtype.is_float());
    let mut shape = op.shape.clone();
    if !floats {
        // Integers are finite and have no direction; their bits can be compared.
        if metric != Metric::Same {
            return None;
        }
        let raw: Option<Vec<Load>> = op.inputs.iter().map(|&input| maker.raw_or_values(&mut shape, input)).collect();
        let raw = raw.filter(|raw| raw.iter().all(|load| load.view.shape == raw[0].view.shape));
        let mut builder = Builder::new(shape);
        let count = match raw {
            Some(raw) => {
                let sides: Vec<NodeId> = raw.into_iter().map(|load| builder.load(load)).collect();
                let differs = builder.binary(Binary::Differs, sides[0], sides[1]);
                builder.sum(differs)
            }
            // A float against an integer, or another width: every element differs.
            None => builder.number(crate::tensor::elems(&op.shape) as f64),
        };
        return Some(builder.measure(vec![count]));
    }
    let mut builder = Builder::new(shape);
    let mut sides = vec![];
    for (at, (&input, &dtype)) in op.inputs.iter().zip(dtypes).enumerate() {
        let expr = &maker.recipe.expr(maker.recipe.measured[measured].expr).kind;
        let load = match expr {
            ExprKind::Metric { args, .. } => written.load(args[at], &op.name),
            _ => None,
        };
        let node = match load {
            Some(load) => builder.load(load),
            None => maker.node(&mut builder, input, &[]),
        };
        // Law 7: `same` converts the other side to the type of the written one.
        sides.push(builder.round(dtype, node));
    }
    let wanted = match metric {
        Metric::Finite => {
            let odd = builder.unary(Unary::NonFinite, sides[0]);
            vec![builder.sum(odd)]
        }
        Metric::Same => {
            let differs = builder.binary(Binary::Differs, sides[0], sides[1]);
            vec![builder.sum(differs)]
        }
        Metric::Distance => {
            let difference = builder.binary(Binary::Sub, sides[0], sides[1]);
            vec![builder.dot(difference, difference), builder.dot(sides[1], sides[1])]
        }
        Metric::Cosine => {
            let (a, b) = (sides[0], sides[1]);
            vec![builder.dot(a, b), builder.dot(a, a), builder.dot(b, b)]
        }
    };
    Some(builder.measure(wanted))
}

/// Where outputs have each canonical tensor.
pub struct Written<'p> {
    recipe: &'p Recipe,
    outputs: &'p [Output],
    /// By output: index among its planned tensors, and among its evaluated ones.
    places: Vec<HashMap<&'p str, (usize, usize)>>,
}

impl<'p> Written<'p> {
    pub fn of(recipe: &'p Recipe, outputs: &'p [Output]) -> Written<'p> {
        let places = |(at, output): (usize, &'p Output)| {
            let planned: HashMap<&str, usize> =
                output.tensors.iter().enumerate().map(|(at, tensor)| (&*tensor.canonical, at)).collect();
            let made = recipe.outputs[at].tensors.iter().enumerate();
            made.filter_map(|(at, made)| Some((&*made.name, (*planned.get(&*made.name)?, at)))).collect()
        };
        Written { recipe, outputs, places: outputs.iter().enumerate().map(places).collect() }
    }

    /// The tensor as an output has written it (law 7), if the value is what that output writes; the first output where
    /// several write one value.
    pub fn load(&self, value: ExprId, name: &str) -> Option<Load> {
        let which = self.recipe.outputs.iter().position(|output| output.value == value)?;
        let (planned, made) = *self.places[which].get(name)?;
        let tensor = &self.outputs[which].tensors[planned];
        // Where the file holds other values or another order, the value is computed again.
        tensor.plain.then(|| Load {
            file: self.outputs[which].parts[tensor.part].file,
            offset: tensor.offset,
            dtype: tensor.dtype,
            blocks: None,
            view: View::contiguous(&self.recipe.outputs[which].tensors[made].shape),
            affine: Affine::IDENTITY,
        })
    }
}
