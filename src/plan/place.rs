//! Where tensors go: their names in the output's layout, their order, shards, headers.

use super::Facts;
use super::Output;
use super::Part;
use super::Tensor;
use super::metadata;
use super::work::Maker;
use super::work::Target;
use crate::arch::Stored;
use crate::arch::ViewOp;
use crate::graph::OpId;
use crate::hir;
use crate::hir::Atom;
use crate::hir::Form;
use crate::hir::Made;
use crate::tensor::Affine;
use crate::tensor::Shape;
use crate::tensor::View;
use crate::tensor::elems;
use serde_json::json;
use std::collections::HashSet;

/// Data begins at a multiple of this, so that bytes can be moved by pages.
const PAGE: u64 = 4096;
/// The most that one shard of a directory holds when the recipe says nothing (5 GB, as the tools of the field do).
const SHARD_BYTES: u64 = 5_000_000_000;

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
    // Wide types first: then every tensor is aligned to its type.  Otherwise the order of the first input, so that
    // neighbours stay neighbours and are moved together.
    unplaced.sort_by_key(|tensor| std::cmp::Reverse(tensor.made.dtype.bytes()));
    let limit = output.shard_size.unwrap_or(SHARD_BYTES);
    let mut shards: Vec<Vec<Unplaced>> = vec![vec![]];
    let mut filled = 0;
    for tensor in unplaced {
        let len = bytes(&tensor);
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
        let name = match (output.directory, count) {
            (true, 1) => "model.safetensors".to_string(),
            (true, _) => format!("model-{:05}-of-{count:05}.safetensors", number + 1),
            (false, _) => output.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        };
        let header = header(&shard, &metadata);
        let mut offset = header.len() as u64;
        for tensor in shard {
            let len = bytes(&tensor);
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
                name: tensor.name,
                shape: tensor.shape,
            });
            offset += len;
        }
        parts.push(Part { name, header, size: offset, file: first_file + number });
    }
    let index = (count > 1).then(|| {
        let text = json!({ "metadata": { "total_size": total }, "weight_map": weight_map });
        let text = serde_json::to_string_pretty(&text).expect("names and numbers are JSON");
        ("model.safetensors.index.json".to_string(), text + "\n")
    });
    Output {
        written: output.written.clone(),
        path: output.path.clone(),
        directory: output.directory,
        site: output.site,
        layout: output.layout.clone(),
        family: output.family.clone(),
        parts,
        index,
        tensors,
    }
}

fn bytes(tensor: &Unplaced) -> u64 {
    elems(&tensor.shape) * tensor.made.dtype.bytes()
}

/// Name, shape and form of a canonical tensor in a layout; `None` where the layout does not store it.
fn stored(maker: &Maker, layout: &str, made: &Made) -> Option<(String, Shape, Target)> {
    // An input of the same layout shows how: it may have names that no rule can make (sizes in StyleGAN3's), or a
    // layout of the user's own.  The inputs that the tensor is made of are asked first.
    let mut candidates = vec![];
    leaves(maker, &made.form, &mut candidates);
    candidates.extend((0..maker.recipe.inputs.len() as u32).map(crate::hir::InputId));
    let example = candidates.into_iter().find_map(|id| {
        let input = maker.recipe.input(id);
        let tensor = &input.canon.tensors[*input.canon.index.get(&made.name)?];
        (*input.canon.layout == *layout && tensor.shape == made.shape).then_some((input, tensor))
    });
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
        Stored::Dropped | Stored::NoPlace | Stored::Lacks { .. } => None,
        Stored::Unknown => Some((made.name.to_string(), made.shape.clone(), Target::AS_IS)),
    }
}

fn inverse(affine: Affine) -> Affine {
    if affine.is_identity() { affine } else { Affine { scale: 1.0 / affine.scale, add: -affine.add / affine.scale } }
}

/// The inputs of a form, in order of appearance.
fn leaves(maker: &Maker, form: &Form, out: &mut Vec<crate::hir::InputId>) {
    for (atom, _) in &form.terms {
        match atom {
            Atom::Tensor { input, .. } => out.push(*input),
            Atom::Call(call) => {
                maker.recipe.calls[*call as usize].inputs.iter().for_each(|form| leaves(maker, form, out))
            }
            Atom::Absent(_) => {}
        }
    }
}

/// The length field and the JSON, padded so that both together are a multiple of a page.
fn header(shard: &[Unplaced], metadata: &[(String, String)]) -> Vec<u8> {
    let mut map = serde_json::Map::new();
    let texts = metadata.iter().map(|(name, text)| (name.clone(), json!(text)));
    map.insert("__metadata__".into(), serde_json::Value::Object(texts.collect()));
    let mut offset = 0;
    for tensor in shard {
        let end = offset + bytes(tensor);
        map.insert(
            tensor.name.clone(),
            json!({
                "dtype": tensor.made.dtype.safetensors_name(),
                "shape": tensor.shape.as_slice(),
                "data_offsets": [offset, end],
            }),
        );
        offset = end;
    }
    let mut text = serde_json::to_vec(&map).expect("names and numbers are JSON");
    let whole = (8 + text.len() as u64).next_multiple_of(PAGE);
    text.resize(whole as usize - 8, b' ');
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text);
    out
}
