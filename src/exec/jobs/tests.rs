//! The order of jobs, over outputs that are written together.

use super::*;
use crate::plan::Output;
use crate::tensor::Dtype;
use crate::tile::Builder;
use crate::tile::Load;
use std::sync::Arc;

/// A tensor of so many f32: a copy of an input, or made by a program that adds a number to it.
fn tensor(name: &str, file: usize, offset: u64, elems: u64, added: Option<f64>) -> Tensor {
    let shape: crate::tensor::Shape = [elems].into_iter().collect();
    let work = match added {
        None => Work::Copy { file, offset },
        Some(number) => {
            let mut builder = Builder::new(shape.clone());
            let view = crate::tensor::View::contiguous(&shape);
            let affine = crate::tensor::Affine { scale: 1.0, add: number };
            let node = builder.load(Load { file, offset, dtype: Dtype::F32, blocks: None, view, affine });
            Work::Gather(Arc::new(builder.finish(node, Dtype::F32, false)))
        }
    };
    let (name, canonical): (String, Arc<str>) = (name.into(), name.into());
    let (dtype, target, facts) = (Dtype::F32, crate::plan::Target::AS_IS, vec![]);
    Tensor { name, canonical, dtype, shape, part: 0, offset, len: elems * 4, plain: true, target, work, facts }
}

fn output(tensors: Vec<Tensor>) -> Output {
    let part = plan::Part { name: String::new(), fixed: vec![], sums: vec![], size: 0, file: 0 };
    Output {
        written: String::new(),
        path: Default::default(),
        directory: false,
        site: Default::default(),
        layout: "generic".into(),
        family: "generic".into(),
        format: Default::default(),
        parts: vec![part],
        index: None,
        tensors,
    }
}

/// What a job writes: part, first byte, bytes.
fn places(outputs: &[Output], piece: u64) -> Vec<(usize, u64, u64)> {
    let first_part: Vec<usize> = (0..outputs.len()).collect();
    let twins = plan::twins(&outputs.iter().collect::<Vec<_>>(), &|_| true);
    let plan = Plan { outputs: outputs.to_vec(), ..Plan::default() };
    let jobs = jobs(&plan, &twins, &first_part, piece, None, None);
    let place = |job: &Job| match job {
        Job::Copy(copy) => (copy.part, copy.to, copy.len),
        Job::Piece { at, range } => (at.output, at.tensor.offset + range.start * 4, (range.end - range.start) * 4),
        Job::Staged { at } => (at.output, at.tensor.offset, at.tensor.len),
    };
    jobs.iter().map(place).collect()
}

#[test]
fn jobs_of_one_tensor_follow_each_other() {
    // Copies from two inputs in turn, so that nothing is joined.
    let copies = || vec![tensor("a", 0, 0, 10, None), tensor("b", 1, 40, 10, None), tensor("c", 0, 80, 10, None)];
    let one = [(0, 0, 40), (0, 40, 40), (0, 80, 40)];
    assert_eq!(places(&[output(copies())], 8), one);
    let wanted = one.map(|(_, to, len)| [(0, to, len), (1, to, len), (2, to, len)]).concat();
    assert_eq!(places(&[output(copies()), output(copies()), output(copies())], 8), wanted);
}

#[test]
fn pieces_of_one_tensor_follow_each_other_and_equal_ones_are_one() {
    let of = |added| output(vec![tensor("a", 0, 0, 20, Some(added)), tensor("b", 0, 80, 20, Some(0.5))]);
    // Eight pieces of an element at a time.
    let piece = |part, at| [(part, at, 32), (part, at + 32, 32), (part, at + 64, 16)];
    let (first, other) = (piece(0, 0), piece(1, 0));
    let mixed: Vec<_> = first.into_iter().zip(other).flat_map(|(a, b)| [a, b]).collect();
    assert_eq!(places(&[of(1.0), of(2.0)], 1), [mixed, piece(0, 80).to_vec()].concat());
    assert_eq!(places(&[of(1.0), of(1.0)], 1), [piece(0, 0), piece(0, 80)].concat());
}
