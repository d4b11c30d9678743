//! Quantised blocks against what ggml's own Python package makes of them (`tests/data/arrays/make.py`).

use super::Memory;
use super::Random;
use super::run;
use crate::tensor::Affine;
use crate::tensor::Blocks;
use crate::tensor::Dtype;
use crate::tensor::View;
use crate::tensor::elems;
use crate::tile::Builder;
use crate::tile::Load;
use crate::tile::Share;

/// Blocks, and the values that they stand for.
const CASES: [(Blocks, &[u8], &[u8]); 4] = [
    (
        Blocks::Q4_0,
        include_bytes!("../../../tests/data/arrays/q4_0.blocks"),
        include_bytes!("../../../tests/data/arrays/q4_0.f32"),
    ),
    (
        Blocks::Q8_0,
        include_bytes!("../../../tests/data/arrays/q8_0.blocks"),
        include_bytes!("../../../tests/data/arrays/q8_0.f32"),
    ),
    (
        Blocks::Q4K,
        include_bytes!("../../../tests/data/arrays/q4_k.blocks"),
        include_bytes!("../../../tests/data/arrays/q4_k.f32"),
    ),
    (
        Blocks::Q6K,
        include_bytes!("../../../tests/data/arrays/q6_k.blocks"),
        include_bytes!("../../../tests/data/arrays/q6_k.f32"),
    ),
];

/// A load of the blocks in file 0, and one of the values in file 1.
fn loads(kind: Blocks, view: &View) -> [Load; 2] {
    let load = |file, blocks| Load {
        file,
        offset: 24,
        dtype: Dtype::F32,
        blocks,
        view: view.clone(),
        affine: Affine::IDENTITY,
    };
    [load(0, Some(kind)), load(1, None)]
}

fn memory(blocks: &[u8], values: &[u8], mapped: bool) -> Memory {
    // Nothing starts at an even place.
    let file = |bytes: &[u8]| [&[7; 24][..], bytes].concat();
    Memory { mapped, ..Memory::new(vec![file(blocks), file(values)]) }
}

/// Both loads give the same bytes: moved, and halved with the other.
#[track_caller]
fn check(view: &View) {
    for (kind, blocks, values) in CASES {
        for mapped in [false, true] {
            let memory = memory(blocks, values, mapped);
            let moved = loads(kind, view).map(|load| {
                let mut b = Builder::new(view.shape.clone());
                let node = b.load(load);
                b.finish(node, Dtype::F32, false)
            });
            let expected = run(&moved[1], &memory, 1 << 20).0;
            assert_eq!(expected.len() as u64, 4 * elems(&view.shape));
            for range in [1 << 20, 4_096, 300, 33, 7, 1] {
                assert!(run(&moved[0], &memory, range).0 == expected, "{kind:?}, {view:?}, ranges of {range}");
            }
            let mixed = loads(kind, view).map(|load| {
                let mut b = Builder::new(view.shape.clone());
                let [_, plain] = loads(kind, view);
                let (x, y) = (b.load(load), b.load(plain));
                let sum = b.linear(&[(Share::Const(0.25), x), (Share::Const(0.75), y)]);
                b.finish(sum, Dtype::BF16, false)
            });
            let expected = run(&mixed[1], &memory, 1 << 20);
            assert_eq!(run(&mixed[0], &memory, 501), expected, "{kind:?}, {view:?}");
        }
    }
}

/// Every bit, scales of all kinds: infinite and NaN ones, zeros, subnormals, the largest.
#[test]
fn values_are_those_of_ggml() {
    for (kind, blocks, values) in CASES {
        let (size, bytes) = kind.size();
        assert_eq!((blocks.len() as u64, values.len() as u64), (34 * bytes, 34 * 4 * size), "{kind:?}");
        let numbers = || values.as_chunks().0.iter().map(|unit| f32::from_le_bytes(*unit));
        assert!(numbers().any(f32::is_nan) && numbers().any(f32::is_infinite) && numbers().any(|x| x > 1e5));
        let view = View::contiguous(&[34 * size]);
        let [load, _] = loads(kind, &view);
        let mut b = Builder::new(view.shape.clone());
        let node = b.load(load);
        let program = b.finish(node, Dtype::F32, false);
        assert!(run(&program, &memory(blocks, values, false), 1 << 20).0 == values, "{kind:?}");
    }
}

#[test]
fn any_view_of_blocks() {
    // 34·32 elements are there of every kind.
    let view = View::strided;
    check(&View::contiguous(&[17, 64]));
    // A run that starts and ends inside blocks.
    check(&view(&[5, 64], 33, &[64, 1]));
    // Transposed, every third row backwards, halves of the rows exchanged, every fifth element, one for all, none.
    check(&view(&[64, 17], 0, &[1, 64]));
    check(&view(&[5, 64], 960, &[-192, 1]));
    check(&view(&[8, 2, 64], 0, &[64, 512, 1]));
    check(&view(&[200], 1, &[5]));
    check(&view(&[4, 3], 77, &[0, 0]));
    check(&view(&[3, 0], 0, &[0, 1]));
    check(&view(&[], 1000, &[]));
}

/// Larger than windows, strips and what is fetched at a time.
#[test]
fn large_tensors_of_blocks() {
    for (kind, _, _) in CASES {
        let (rows, columns) = (800u64, 768u64);
        let (size, bytes) = kind.size();
        let mut random = Random(rows);
        let mut blocks: Vec<u8> = (0..rows * columns / size * bytes).map(|_| random.next() as u8).collect();
        // Scales from 2^-14 to 1, so that the values say something.
        for block in blocks.chunks_mut(bytes as usize) {
            let scales: &[usize] = match kind {
                Blocks::Q4_0 | Blocks::Q8_0 => &[1],
                Blocks::Q4K => &[1, 3],
                Blocks::Q6K => &[209],
            };
            scales.iter().for_each(|&at| block[at] = block[at] % 0x38 + 4);
        }
        let plain = View::contiguous(&[rows, columns]);
        let [load, _] = loads(kind, &plain);
        let mut b = Builder::new(plain.shape.clone());
        let node = b.load(load);
        let values = run(&b.finish(node, Dtype::F32, false), &memory(&blocks, &[], false), 1 << 30).0;
        let turned = View::strided(&[columns, rows], 0, &[1, 768]);
        for view in [plain, turned] {
            for mapped in [false, true] {
                let memory = memory(&blocks, &values, mapped);
                let [decoded, stored] = loads(kind, &view).map(|load| {
                    let mut b = Builder::new(view.shape.clone());
                    let x = b.load(load);
                    let square = b.dot(x, x);
                    let scaled = b.linear(&[(Share::Scalar(square), x)]);
                    run(&b.finish(scaled, Dtype::F32, false), &memory, 100_001)
                });
                assert!(decoded == stored, "{kind:?}, {:?}", view.shape);
            }
        }
    }
}
