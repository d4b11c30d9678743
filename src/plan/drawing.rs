//! What a picture of a model is drawn from: a described network, and one program per tensor of it.

use super::Alignment;
use super::Output;
use super::Tables;
use super::align;
use super::measures::Written;
use super::work::Maker;
use crate::diag::Problem;
use crate::graph::Graph;
use crate::graph::OpId;
use crate::graph::OpKind;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::InputId;
use crate::hir::Made;
use crate::hir::Recipe;
use crate::network;
use crate::network::Name;
use crate::network::Net;
use crate::network::build::Shapes;
use crate::tensor::Dtype;
use crate::tensor::FileInfo;
use crate::tile::Builder;
use crate::tile::NodeId;
use crate::tile::Program;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A model of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One of its inputs, as it is.
    Input(InputId),
    /// What one of its outputs holds, in the types that it writes.
    Output(usize),
}

/// A network and where its tensors come from.
#[derive(Clone, Debug)]
pub struct Drawing {
    pub net: Arc<Net>,
    /// By canonical name; each gives f32 values in canonical order.
    pub tensors: BTreeMap<Name, Program>,
    /// Orders of channels that the programs wait for.
    pub alignments: Arc<Vec<Alignment>>,
}

impl Drawing {
    /// Puts orders of channels in.
    pub fn settle(&mut self, tables: &Tables) {
        self.tensors.values_mut().for_each(|program| program.settle_views(&|moved| tables.of(moved)));
        self.alignments = Arc::default();
    }
}

/// The files that the programs of [`drawing`] load from: those of all inputs.
pub fn input_files(recipe: &Recipe) -> Vec<FileInfo> {
    recipe.inputs.iter().flat_map(|input| input.header.files.iter().cloned()).collect()
}

/// What a model of the recipe is drawn from; networks that start from a picture are told its height and width.  Decided
/// from headers alone.  Errors: E0701 to E0704, E0706 for models that cannot be drawn.
pub fn drawing(
    recipe: &Recipe,
    graph: &Graph,
    subject: Subject,
    picture: Option<[usize; 2]>,
) -> Result<Drawing, Problem> {
    let mut first_file = vec![];
    let mut files = 0;
    for input in &recipe.inputs {
        first_file.push(files);
        files += input.header.files.len();
    }
    let maker = Maker { recipe, graph, first_file: &first_file };
    match subject {
        Subject::Input(id) => of_input(&maker, id, picture),
        Subject::Output(index) => of_output(&maker, index, picture),
    }
}

fn of_input(maker: &Maker, id: InputId, picture: Option<[usize; 2]>) -> Result<Drawing, Problem> {
    let tensors = maker.recipe.input(id).canon.tensors.iter().filter(|tensor| tensor.dtype.is_float());
    let shapes: Shapes = tensors.map(|tensor| (tensor.name.clone(), sizes(&tensor.shape))).collect();
    let net = network::describe_for(&shapes, picture)?;
    let tensors = net.tensors.keys().map(|name| {
        let load = maker.load(id, name, &[]);
        let mut builder = Builder::new(load.view.shape.clone());
        let node = builder.load(load);
        (name.clone(), builder.finish(node, Dtype::F32, false))
    });
    Ok(Drawing { tensors: tensors.collect(), net: Arc::new(net), alignments: Arc::default() })
}

fn of_output(maker: &Maker, index: usize, picture: Option<[usize; 2]>) -> Result<Drawing, Problem> {
    let before: usize = maker.recipe.outputs[..index].iter().map(|output| output.tensors.len()).sum();
    let tensors = maker.recipe.outputs[index].tensors.iter().zip(&maker.graph.writes[before..]);
    let floats: Vec<(&Made, OpId)> =
        tensors.filter(|(made, _)| made.dtype.is_float()).map(|(made, write)| (made, *write)).collect();
    let shapes: Shapes = floats.iter().map(|(made, _)| (made.name.clone(), sizes(&made.shape))).collect();
    let net = network::describe_for(&shapes, picture)?;
    let needed = floats.into_iter().filter(|(made, _)| net.tensors.contains_key(&made.name));
    let tensors = needed.map(|(made, id)| {
        let program = program(maker, id, made.dtype, |builder| maker.node(builder, id, &[]));
        (made.name.clone(), program)
    });
    let tensors: BTreeMap<Name, Program> = tensors.collect();
    let waits = tensors.values().any(Program::is_unsettled);
    let alignments = if waits { align::all(maker) } else { vec![] };
    Ok(Drawing { tensors, net: Arc::new(net), alignments: Arc::new(alignments) })
}

/// f32 values, rounded to a type first: pictures show what a file would hold.  What is moved in its own type has the program
/// of the input, so that nobody computes it again beside that.
fn program(maker: &Maker, id: OpId, dtype: Dtype, node: impl FnOnce(&mut Builder) -> NodeId) -> Program {
    let op = maker.graph.op(id);
    let mut builder = Builder::new(op.shape.clone());
    let mut value = node(&mut builder);
    let moved = op.inputs.first().and_then(|input| maker.moved(*input));
    let is_own = moved.is_some_and(|(input, name)| maker.load(input, name, &[]).dtype == dtype);
    if !is_own {
        value = builder.round(dtype, value);
    }
    builder.finish(value, Dtype::F32, false)
}

/// What the claims of a recipe draw, in the order of `Recipe::drawn`.  A value that an output writes is read from there
/// (law 7).
pub fn of_claims(maker: &Maker, outputs: &[Output]) -> Vec<Drawing> {
    let empty = |net: &Arc<Net>| Drawing { net: net.clone(), tensors: BTreeMap::new(), alignments: Arc::default() };
    let mut drawings: Vec<Drawing> = maker.recipe.drawn.iter().map(|drawn| empty(&drawn.net)).collect();
    let written = Written::of(maker.recipe, outputs);
    for &id in &maker.graph.draws {
        let op = maker.graph.op(id);
        let OpKind::Draw { drawn, dtype } = op.kind else { continue };
        let load = written.load(maker.recipe.drawn[drawn].value, &op.name);
        let program = program(maker, id, dtype, |builder| match load {
            Some(load) => builder.load(load),
            None => maker.node(builder, id, &[]),
        });
        drawings[drawn].tensors.insert(op.name.clone(), program);
    }
    drawings
}

/// Bytes of the pictures that claims hold at the same time: all batches, those that are filtered too, and one batch as it
/// comes from its network, before it is cut and resized.
pub fn picture_bytes(recipe: &Recipe) -> u64 {
    let bytes = |count: usize, channels: usize, [width, height]: [usize; 2]| {
        [channels, width, height].iter().fold(4 * count as u64, |all, &size| all.saturating_mul(size as u64))
    };
    let (mut kept, mut drawn) = (0u64, 0u64);
    for own in &recipe.drawn {
        let ExprKind::Render { look, .. } = &recipe.expr(own.expr).kind else { continue };
        let (count, shape) = (look.seeds.len(), own.net.output.shape);
        let batch = bytes(count, shape.channels, look.size_of(&own.net));
        let filtered = (0..recipe.exprs.len() as u32).filter(|&at| {
            let mut at = ExprId(at);
            let mut is_band = false;
            while let ExprKind::Band { image, .. } = recipe.expr(at).kind {
                (at, is_band) = (image, true);
            }
            is_band && at == own.expr
        });
        kept = kept.saturating_add(batch.saturating_mul(1 + filtered.count() as u64));
        drawn = drawn.max(bytes(count, shape.channels, [shape.width, shape.height]));
    }
    kept.saturating_add(drawn)
}

fn sizes(shape: &[u64]) -> Vec<usize> {
    shape.iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect()
}
