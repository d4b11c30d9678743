//! Claims: what is measured per tensor, and what the sums mean.

use super::Measure;
use super::Output;
use super::work::Maker;
use crate::graph::OpId;
use crate::graph::OpKind;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Metric;
use crate::hir::Operator;
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
    let places: Vec<Places> = outputs.iter().enumerate().map(|(at, output)| places(maker.recipe, output, at)).collect();
    let mut measures = vec![];
    for &id in &maker.graph.measures {
        let op = maker.graph.op(id);
        let OpKind::Measure { measured, metric, dtypes } = &op.kind else { continue };
        if let Some(program) = program(maker, outputs, &places, id, *measured, *metric, dtypes) {
            measures.push(Measure { measured: *measured, canonical: op.name.clone(), program });
        }
    }
    measures
}

fn program(
    maker: &Maker,
    outputs: &[Output],
    places: &[Places],
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
        let written = as_written(maker, outputs, places, measured, at, &op.name);
        let node = match written {
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

/// Where an output has each canonical tensor: index among its planned tensors, and among its evaluated ones.
type Places<'p> = HashMap<&'p str, (usize, usize)>;

fn places<'p>(recipe: &'p Recipe, output: &'p Output, at: usize) -> Places<'p> {
    let planned: HashMap<&str, usize> =
        output.tensors.iter().enumerate().map(|(at, tensor)| (&*tensor.canonical, at)).collect();
    let made = recipe.outputs[at].tensors.iter().enumerate();
    made.filter_map(|(at, made)| Some((&*made.name, (*planned.get(&*made.name)?, at)))).collect()
}

/// The tensor as an output has written it (law 7), if the argument is what that output writes; the first output where
/// several write one value.
fn as_written(
    maker: &Maker,
    outputs: &[Output],
    places: &[Places],
    measured: usize,
    at: usize,
    name: &str,
) -> Option<Load> {
    let recipe = maker.recipe;
    let ExprKind::Metric { args, .. } = &recipe.expr(recipe.measured[measured].expr).kind else { return None };
    let which = recipe.outputs.iter().position(|output| output.value == args[at])?;
    let (planned, made) = *places[which].get(name)?;
    let tensor = &outputs[which].tensors[planned];
    // Where the file holds other values or another order, the value is computed again.
    tensor.plain.then(|| Load {
        file: outputs[which].parts[tensor.part].file,
        offset: tensor.offset,
        dtype: tensor.dtype,
        blocks: None,
        view: View::contiguous(&recipe.outputs[which].tensors[made].shape),
        affine: Affine::IDENTITY,
    })
}

/// What a metric came to: `sums` are those of its programs, added in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    pub metric: Metric,
    pub value: f64,
}

impl Quantity {
    /// From the sums over all tensors.
    pub fn of(metric: Metric, sums: &[f64]) -> Quantity {
        let get = |at: usize| sums.get(at).copied().unwrap_or(0.0);
        let value = match metric {
            Metric::Finite | Metric::Same => get(0),
            Metric::Distance => match (libm::sqrt(get(0)), libm::sqrt(get(1))) {
                (0.0, 0.0) => 0.0,
                (top, bottom) => top / bottom,
            },
            Metric::Cosine => get(0) / (libm::sqrt(get(1)) * libm::sqrt(get(2))),
        };
        Quantity { metric, value }
    }

    /// Whether a claim that is the metric itself holds.
    pub fn holds(&self) -> bool {
        self.value == 0.0
    }

    /// The measured value in words.
    pub fn text(&self) -> String {
        match self.metric {
            Metric::Finite => format!("{} values are not finite", self.value),
            Metric::Same => format!("{} elements differ", self.value),
            Metric::Distance | Metric::Cosine => format!("{} is {}", self.metric.name(), self.value),
        }
    }
}

/// A judged claim: whether it holds, and what was measured, with margins, one line each.
pub struct Judged {
    pub holds: bool,
    pub lines: Vec<String>,
}

/// Judges a claim; `of` gives the quantity that a metric's expression came to.
pub fn verdict(recipe: &Recipe, id: ExprId, of: &dyn Fn(ExprId) -> Quantity) -> Judged {
    let expr = recipe.expr(id);
    match &expr.kind {
        ExprKind::Metric { .. } => {
            let quantity = of(id);
            Judged { holds: quantity.holds(), lines: vec![quantity.text()] }
        }
        ExprKind::Not(inner) => {
            let inner = verdict(recipe, *inner, of);
            Judged { holds: !inner.holds, lines: inner.lines }
        }
        ExprKind::Binary(Operator::And, left, right) => {
            let (left, right) = (verdict(recipe, *left, of), verdict(recipe, *right, of));
            let holds = left.holds && right.holds;
            let failed = [left, right].into_iter().filter(|side| holds || !side.holds);
            Judged { holds, lines: failed.flat_map(|side| side.lines).collect() }
        }
        ExprKind::Binary(Operator::Or, left, right) => {
            let (left, right) = (verdict(recipe, *left, of), verdict(recipe, *right, of));
            Judged { holds: left.holds || right.holds, lines: [left.lines, right.lines].concat() }
        }
        ExprKind::Binary(op, left, right) => compare(recipe, *op, *left, *right, of),
        ExprKind::Bool(truth) => Judged { holds: *truth, lines: vec![] },
        _ => Judged { holds: false, lines: vec!["the claim cannot be judged".into()] },
    }
}

fn compare(recipe: &Recipe, op: Operator, left: ExprId, right: ExprId, of: &dyn Fn(ExprId) -> Quantity) -> Judged {
    let (a, b) = (number(recipe, left, of), number(recipe, right, of));
    let holds = match op {
        Operator::Eq => a == b,
        Operator::Ne => a != b,
        Operator::Lt => a < b,
        Operator::Le => a <= b,
        Operator::Gt => a > b,
        Operator::Ge => a >= b,
        _ => range_of(recipe, right, of).is_some_and(|(low, high)| low <= a && a <= high),
    };
    let mut lines = vec![];
    for side in [left, right] {
        if let ExprKind::Metric { .. } = recipe.expr(side).kind {
            lines.push(of(side).text());
        }
    }
    // From the number to the bound, or to the nearer end of the range.
    let margin = match range_of(recipe, right, of) {
        Some((low, high)) => f64::min((a - low).abs(), (a - high).abs()),
        None => (a - b).abs(),
    };
    lines.push(format!("{} of {margin}", if holds { "a margin" } else { "it misses by a margin" }));
    Judged { holds, lines }
}

fn range_of(recipe: &Recipe, id: ExprId, of: &dyn Fn(ExprId) -> Quantity) -> Option<(f64, f64)> {
    let ExprKind::Range(low, high) = &recipe.expr(id).kind else { return None };
    let end = |side: &Option<ExprId>, open: f64| side.map_or(open, |side| number(recipe, side, of));
    Some((end(low, f64::NEG_INFINITY), end(high, f64::INFINITY)))
}

fn number(recipe: &Recipe, id: ExprId, of: &dyn Fn(ExprId) -> Quantity) -> f64 {
    match &recipe.expr(id).kind {
        ExprKind::Number(number) => *number,
        ExprKind::Metric { .. } => of(id).value,
        ExprKind::Neg(inner) => -number(recipe, *inner, of),
        ExprKind::Binary(op, left, right) => {
            let (a, b) = (number(recipe, *left, of), number(recipe, *right, of));
            match op {
                Operator::Add => a + b,
                Operator::Sub => a - b,
                Operator::Mul => a * b,
                Operator::Div => a / b,
                _ => f64::NAN,
            }
        }
        // The check has folded everything else.
        _ => f64::NAN,
    }
}
