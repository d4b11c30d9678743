//! Where tensors go: their names in the output's layout, their order, shards; what a file looks like, its format says.

use super::Facts;
use super::Fixed;
use super::Output;
use super::Part;
use super::Sum;
use super::Tensor;
use super::facts;
use super::metadata;
use super::pt;
use super::safetensors;
use super::work::Maker;
use super::work::Target;
use crate::arch;
use crate::arch::Nest;
use crate::arch::Stored;
use crate::arch::ViewOp;
use crate::graph::OpId;
use crate::hir;
use crate::hir::Format;
use crate::hir::Made;
use crate::tensor::Affine;
use crate::tensor::Dtype;
use crate::tensor::Shape;
use crate::tensor::View;
use crate::tensor::elems;
use serde_json::json;
use std::collections::HashSet;

/// The most that one shard of a directory holds when the recipe says nothing (5 GB, as the tools of the field do).
const SHARD_BYTES: u64 = 5_000_000_000;

/// A tensor as the format of a file sees it.
pub struct Item<'i> {
    pub name: &'i str,
    pub dtype: Dtype,
    pub shape: &'i [u64],
}

impl Item<'_> {
    /// Bytes.
    pub fn len(&self) -> u64 {
        elems(self.shape) * self.dtype.bytes()
    }
}

/// Places of all bytes of a file.
pub struct Laid {
    pub fixed: Vec<Fixed>,
    pub sums: Vec<Sum>,
    /// Absolute byte offset of every item.
    pub offsets: Vec<u64>,
    /// Bytes in all.
    pub size: u64,
}

/// A tensor before its place is known.
struct Unplaced<'r> {
    made: &'r Made,
    write: OpId,
    name: String,
    shape: Shape,
    target: Target,
}

/// Plans one output.
pub fn output(maker: &Maker, index: usize, facts: &Facts, first_file: usize) -> Output {
    let output = &maker.recipe.outputs[index];
    let before: usize = maker.recipe.outputs[..index].iter().map(|output| output.tensors.len()).sum();
    let mut unplaced = vec![];
    let mut taken: HashSet<String> = HashSet::new();
    for (at, made) in output.tensors.iter().enumerate() {
        let Some((name, shape, target)) = stored(maker, &output.layout, made) else { continue };
        // One stored tensor may stand for several canonical ones: the first is written.
        if taken.insert(name.clone()) {
            unplaced.push(Unplaced { made, write: maker.graph.writes[before + at], name, shape, target });
        }
    }
    // The order of the first input, so that neighbours stay neighbours and are moved together.  In safetensors wide types
    // come first: then every tensor is aligned to its type.
    if output.format == Format::Safetensors {
        unplaced.sort_by_key(|tensor| std::cmp::Reverse(tensor.made.dtype.bytes()));
    }
    let limit = output.shard_size.unwrap_or(SHARD_BYTES);
    let mut shards: Vec<Vec<Unplaced>> = vec![vec![]];
    let mut filled = 0;
    for tensor in unplaced {
        let len = tensor.item().len();
        if output.directory && filled > 0 && filled + len > limit {
            shards.push(vec![]);
            filled = 0;
        }
        filled += len;
        shards.last_mut().expect("there is always a shard").push(tensor);
    }
    let metadata = metadata::of(maker.recipe, output, facts);
    let count = shards.len();
    let (mut parts, mut tensors) = (vec![], vec![]);
    let mut weight_map = serde_json::Map::new();
    let mut total = 0;
    for (number, shard) in shards.into_iter().enumerate() {
        let (stem, ending) = names(output.format);
        let name = match (output.directory, count) {
            (true, 1) => format!("{stem}.{ending}"),
            (true, _) => format!("{stem}-{:05}-of-{count:05}.{ending}", number + 1),
            (false, _) => output.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        };
        let items: Vec<Item> = shard.iter().map(Unplaced::item).collect();
        let laid = match output.format {
            Format::Safetensors => safetensors::lay(&items, &metadata),
            // The tools that read directories want names without a dictionary around them.
            Format::Pt => pt::lay(&items, &metadata, nest(maker, output).filter(|_| !output.directory)),
        };
        for (tensor, offset) in shard.into_iter().zip(laid.offsets) {
            let len = tensor.item().len();
            weight_map.insert(tensor.name.clone(), json!(name));
            total += len;
            tensors.push(Tensor {
                canonical: tensor.made.name.clone(),
                dtype: tensor.made.dtype,
                part: number,
                offset,
                len,
                plain: !tensor.target.reorders() && tensor.target.affine.is_identity(),
                work: maker.write(tensor.write, &tensor.target),
                facts: facts::of(maker.graph, tensor.write),
                target: tensor.target,
                name: tensor.name,
                shape: tensor.shape,
            });
        }
        let (fixed, sums, size) = (laid.fixed, laid.sums, laid.size);
        parts.push(Part { name, fixed, sums, size, file: first_file + number });
    }
    let index = (count > 1).then(|| {
        let text = json!({ "metadata": { "total_size": total }, "weight_map": weight_map });
        let text = serde_json::to_string_pretty(&text).expect("names and numbers are JSON");
        let (stem, ending) = names(output.format);
        (format!("{stem}.{ending}.index.json"), text + "\n")
    });
    Output {
        written: output.written.clone(),
        path: output.path.clone(),
        directory: output.directory,
        site: output.site,
        layout: output.layout.clone(),
        family: output.family.clone(),
        format: output.format,
        parts,
        index,
        tensors,
    }
}

/// What Hugging Face's tools call the file of a directory, and its ending.
fn names(format: Format) -> (&'static str, &'static str) {
    match format {
        Format::Safetensors => ("model", "safetensors"),
        Format::Pt => ("pytorch_model", "bin"),
    }
}

impl Unplaced<'_> {
    fn item(&self) -> Item<'_> {
        Item { name: &self.name, dtype: self.made.dtype, shape: &self.shape }
    }
}

/// The dictionary in which a loader of the output's layout looks for its tensors.
fn nest<'m>(maker: &'m Maker, output: &hir::Output) -> Option<&'m Nest> {
    arch::nest(hir::own_of(&maker.recipe.inputs, &output.layout), &output.layout)
}

/// Name, shape and form of a canonical tensor in a layout; `None` where the layout does not store it.
fn stored(maker: &Maker, layout: &str, made: &Made) -> Option<(String, Shape, Target)> {
    let example = hir::example(&maker.recipe.inputs, &maker.recipe.calls, layout, made);
    if let Some((input, tensor)) = example {
        let entry = &input.header.entries[tensor.entry];
        let affine = inverse(tensor.affine);
        let ops = tensor.ops.iter().rev().map(ViewOp::inverse).collect();
        let target = Target { ops, affine };
        return Some((entry.name.clone(), entry.shape.clone(), target));
    }
    match hir::stored(&maker.recipe.inputs, &maker.recipe.calls, layout, made) {
        Stored::Name { name, ops, affine } => {
            let view = ops.iter().try_fold(View::contiguous(&made.shape), |view, op: &ViewOp| op.apply(view));
            match view {
                Ok(view) => Some((name, view.shape, Target { ops, affine })),
                Err(_) => Some((made.name.to_string(), made.shape.clone(), Target::AS_IS)),
            }
        }
        // The check refuses outputs with tensors that have no place or lack a number.
        Stored::Dropped(_) | Stored::NoPlace | Stored::Lacks { .. } => None,
        Stored::Unknown => Some((made.name.to_string(), made.shape.clone(), Target::AS_IS)),
    }
}

fn inverse(affine: Affine) -> Affine {
    if affine.is_identity() { affine } else { Affine { scale: 1.0 / affine.scale, add: -affine.add / affine.scale } }
}
