//! Tensors that a layout does not store, because its code takes them to be another tensor or makes them: that they are
//! what it takes them for is checked when the build runs.

use super::Between;
use super::EqualCheck;
use super::Facts;
use super::metadata;
use super::work::Maker;
use super::work::counting;
use super::work::differing;
use super::work::differing_from;
use crate::arch::Instead;
use crate::arch::Stored;
use crate::arch::filter;
use crate::hir;
use crate::tensor::Affine;
use crate::tensor::Dtype;
use crate::tensor::FileInfo;
use crate::tensor::View;
use crate::tile::Load;
use std::sync::Arc;

/// The checks of one output; filters that a code base makes are added to `files`.
pub fn checks(maker: &Maker, index: usize, facts: &Facts, files: &mut Vec<FileInfo>) -> Vec<EqualCheck> {
    let output = &maker.recipe.outputs[index];
    let before: usize = maker.recipe.outputs[..index].iter().map(|output| output.tensors.len()).sum();
    let value = |at: usize| maker.graph.op(maker.graph.writes[before + at]).inputs[0];
    let metadata = metadata::of(maker.recipe, output, facts);
    let mut made: Vec<(Vec<u8>, usize)> = vec![];
    let mut out = vec![];
    for (at, tensor) in output.tensors.iter().enumerate() {
        let (inputs, calls) = (&maker.recipe.inputs, &maker.recipe.calls);
        if hir::example(inputs, calls, &output.layout, tensor).is_some() {
            continue;
        }
        let Stored::Dropped(instead) = hir::stored(inputs, calls, &output.layout, tensor) else { continue };
        let (program, with) = match instead {
            Instead::Nothing => continue,
            Instead::Tensor(name) => {
                let other = output.tensors.iter().position(|other| *other.name == *name);
                let Some(other) = other.filter(|&other| output.tensors[other].shape == tensor.shape) else { continue };
                (differing(maker, value(at), value(other)), format!("to be `{name}`"))
            }
            Instead::Filter { taps, fact } => {
                let said = fact.and_then(|fact| metadata.iter().find(|pair| pair.0 == fact));
                let (shape, values) = filter(&taps, said.map(|pair| pair.1.as_str()));
                let with = "to be the filter that its code makes".to_string();
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                if shape != tensor.shape {
                    // Another number of taps: no element has its like.
                    let between = Between::Dropped { output: index, with };
                    let program = counting(&tensor.shape);
                    out.push(EqualCheck { canonical: tensor.name.clone(), between, program, site: output.site });
                    continue;
                }
                let file = match made.iter().find(|known| known.0 == bytes) {
                    Some(known) => known.1,
                    None => {
                        let path = maker.recipe.inputs.first().map(|input| input.path.clone()).unwrap_or_default();
                        let memory: Arc<[u8]> = bytes.clone().into();
                        files.push(FileInfo { path, size: memory.len() as u64, memory: Some(memory) });
                        made.push((bytes, files.len() - 1));
                        files.len() - 1
                    }
                };
                let view = View::contiguous(&shape);
                let load = Load { file, offset: 0, dtype: Dtype::F32, blocks: None, view, affine: Affine::IDENTITY };
                (differing_from(maker, value(at), load), with)
            }
        };
        let between = Between::Dropped { output: index, with };
        out.push(EqualCheck { canonical: tensor.name.clone(), between, program, site: output.site });
    }
    out
}
