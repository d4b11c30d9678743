//! What a picture of a model is drawn from: a described network, and one program per tensor of it.

use super::work::Maker;
use crate::diag::Problem;
use crate::graph::Graph;
use crate::graph::OpId;
use crate::hir::InputId;
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
    Ok(Drawing { tensors: tensors.collect(), net: Arc::new(net) })
}

fn of_output(maker: &Maker, index: usize, picture: Option<[usize; 2]>) -> Result<Drawing, Problem> {
    let before: usize = maker.recipe.outputs[..index].iter().map(|output| output.tensors.len()).sum();
    let made = &maker.recipe.outputs[index].tensors;
    let values: Vec<(Name, Dtype, OpId)> = made
        .iter()
        .zip(&maker.graph.writes[before..])
        .filter(|(made, _)| made.dtype.is_float())
        .map(|(made, write)| (made.name.clone(), made.dtype, maker.graph.op(*write).inputs[0]))
        .collect();
    of_values(maker, &values, picture, &mut |builder, _, id| maker.node(builder, id, &[]))
}

/// From operations, rounded to their types: pictures show what a file would hold.
pub fn of_values(
    maker: &Maker,
    values: &[(Name, Dtype, OpId)],
    picture: Option<[usize; 2]>,
    node: &mut dyn FnMut(&mut Builder, &Name, OpId) -> NodeId,
) -> Result<Drawing, Problem> {
    let shape = |id: OpId| sizes(&maker.graph.op(id).shape);
    let shapes: Shapes = values.iter().map(|(name, _, id)| (name.clone(), shape(*id))).collect();
    let net = network::describe_for(&shapes, picture)?;
    let mut tensors = BTreeMap::new();
    for (name, dtype, id) in values.iter().filter(|value| net.tensors.contains_key(&value.0)) {
        let mut builder = Builder::new(maker.graph.op(*id).shape.clone());
        let value = node(&mut builder, name, *id);
        let rounded = builder.round(*dtype, value);
        tensors.insert(name.clone(), builder.finish(rounded, Dtype::F32, false));
    }
    Ok(Drawing { tensors, net: Arc::new(net) })
}

fn sizes(shape: &[u64]) -> Vec<usize> {
    shape.iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect()
}
