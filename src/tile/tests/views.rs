//! Tensors that are stored in another order.

use super::FLOATS;
use super::Memory;
use super::numbers;
use super::run;
use crate::tensor::Affine;
use crate::tensor::Dtype;
use crate::tensor::View;
use crate::tensor::elems;
use crate::tile::Builder;
use crate::tile::Fetch;
use crate::tile::Load;
use crate::tile::Share;
use std::sync::atomic::Ordering;

/// A view of a stored tensor: its axes in another order, some flipped.
fn permuted(stored: &[u64], order: &[usize], flipped: &[usize]) -> View {
    let plain = View::contiguous(stored);
    let shape: Vec<u64> = order.iter().map(|axis| stored[*axis]).collect();
    let mut strides: Vec<i64> = order.iter().map(|axis| plain.steps[*axis].stride).collect();
    let mut base = 0;
    for &axis in flipped {
        base += (strides[axis] * (shape[axis] as i64 - 1)) as u64;
        strides[axis] = -strides[axis];
    }
    View::strided(&shape, base, &strides)
}

/// The stored elements of a view, one index at a time.
fn naive(view: &View, size: usize, stored: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    for element in 0..elems(&view.shape) {
        let mut rest = element;
        let mut at = view.base as i64;
        for step in view.steps.iter().rev() {
            at += (rest % step.size) as i64 * step.stride;
            rest /= step.size;
        }
        out.extend(&stored[at as usize * size..(at as usize + 1) * size]);
    }
    out
}

/// Copies a view of `count` stored elements, alone and halved with a plain tensor, in ranges of several sizes.  Returns
/// how many calls and bytes one copy took.
#[track_caller]
fn check(view: &View, dtype: Dtype, count: usize) -> (u64, u64) {
    let size = dtype.bytes() as usize;
    let mut random = super::Random(count as u64);
    let mut file = vec![0; 24];
    // Any bits: NaNs with payloads must come through.
    file.extend((0..count * size).map(|_| random.next() as u8));
    let expected = naive(view, size, &file[24..]);
    let total = elems(&view.shape);
    let memory = Memory::new(vec![file]);
    let load = Load { file: 0, offset: 24, dtype, blocks: None, view: view.clone(), affine: Affine::IDENTITY };
    let mut b = Builder::new(view.shape.clone());
    let node = b.load(load);
    let program = b.finish(node, dtype, false);
    let once = (run(&program, &memory, total.max(1)), &memory.calls, &memory.bytes);
    let cost = (once.1.load(Ordering::Relaxed), once.2.load(Ordering::Relaxed));
    assert!(once.0.0 == expected, "{view:?} of {dtype}");
    let small = if total < 2_000 { 1 } else { total / 900 };
    for range in [small, 7.max(total / 500), 4_096] {
        assert!(run(&program, &memory, range).0 == expected, "{view:?} of {dtype} in ranges of {range}");
    }
    cost
}

#[test]
fn axes_in_any_order() {
    for stored in [&[5u64, 7][..], &[3, 4, 5], &[2, 1, 6], &[3, 2, 4, 5], &[64, 3, 3, 33], &[1, 1, 1], &[40, 50, 60]] {
        let rank = stored.len();
        for turn in 0..rank {
            for swap in 0..rank {
                let mut order: Vec<usize> = (0..rank).collect();
                order.rotate_left(turn);
                order.swap(0, swap);
                for flipped in [&[][..], &[0], &[rank - 1]] {
                    for dtype in [Dtype::U8, Dtype::BF16, Dtype::F32, Dtype::I64] {
                        check(&permuted(stored, &order, flipped), dtype, elems(stored) as usize);
                    }
                }
            }
        }
    }
}

/// Axes dealt in blocks, as the rows of rotary heads are: alone, transposed, within strides, flipped.
#[test]
fn dealt_axes() {
    for (stored, axis, block, by) in [
        (&[24u64, 5][..], 0, 8, 2),
        (&[24, 5], 0, 8, 4),
        (&[24], 0, 24, 2),
        (&[3, 12], 1, 6, 3),
        (&[256, 300], 0, 64, 2),
        (&[1024, 33], 0, 128, 2),
    ] {
        let count = elems(stored) as usize;
        for dtype in [Dtype::U8, Dtype::BF16, Dtype::F32, Dtype::I64] {
            let dealt = |view: View| view.dealt(axis, block, by).expect("blocks fit");
            check(&dealt(View::contiguous(stored)), dtype, count);
            check(&dealt(View::contiguous(stored)).flipped(0).expect("it fits"), dtype, count);
            if let [rows, columns] = *stored {
                check(&dealt(View::contiguous(stored)).permuted(&[1, 0]), dtype, count);
                check(&dealt(View::strided(stored, 0, &[1, rows as i64])), dtype, count);
                check(
                    &dealt(View::strided(stored, 3, &[columns as i64 + 2, 1])),
                    dtype,
                    count + 3 * stored[0] as usize,
                );
            }
        }
    }
}

#[test]
fn slices_steps_and_broadcasts() {
    let view = View::strided;
    for dtype in [Dtype::BF16, Dtype::F64] {
        // The middle rows, the middle columns, every third element, backwards, one for all, one row for all.
        check(&view(&[4, 10], 20, &[10, 1]), dtype, 100);
        check(&view(&[10, 4], 3, &[10, 1]), dtype, 100);
        check(&view(&[33], 1, &[3]), dtype, 100);
        check(&view(&[33], 99, &[-3]), dtype, 100);
        check(&view(&[5, 6], 7, &[0, 0]), dtype, 8);
        check(&view(&[500, 6], 0, &[0, 1]), dtype, 6);
        check(&view(&[6, 500], 0, &[1, 0]), dtype, 6);
        // Far apart.
        check(&view(&[300], 5, &[1000]), dtype, 300_000);
        check(&view(&[30, 20, 3], 5, &[10_000, 7, 100]), dtype, 300_000);
        // A scalar, one of many, and nothing.
        check(&view(&[], 0, &[]), dtype, 1);
        check(&view(&[], 77, &[]), dtype, 100);
        check(&view(&[1, 1], 77, &[5, -3]), dtype, 100);
        check(&view(&[3, 0, 2], 0, &[0, 2, 1]), dtype, 0);
    }
}

/// Larger than a strip: bounded memory, few calls, nothing read often.
#[test]
fn large_tensors_are_read_in_runs() {
    // Transposed matrix, the convolution of a TensorFlow file, rows backwards.
    let cases = [
        (permuted(&[2_000, 1_700], &[1, 0], &[]), 3_400_000, 25_000),
        (permuted(&[3, 3, 600, 500], &[3, 2, 0, 1], &[]), 2_700_000, 50_000),
        (permuted(&[3, 3, 600, 500], &[3, 2, 0, 1], &[2, 3]), 2_700_000, 50_000),
        (permuted(&[2_000, 1_700], &[0, 1], &[0]), 3_400_000, 2_500),
        (permuted(&[2_000, 1_700], &[0, 1], &[1]), 3_400_000, 100),
    ];
    for (view, count, most_calls) in cases {
        let (calls, bytes) = check(&view, Dtype::F32, count);
        assert!(calls <= most_calls, "{calls} calls for {view:?}");
        assert!(bytes <= 4 * count as u64 * 21 / 20, "{bytes} bytes for {view:?}");
    }
}

/// A view in an expression, in every type: the values are those of the tensor put in order beforehand.
#[test]
fn views_in_expressions() {
    let view = permuted(&[70, 90], &[1, 0], &[0]);
    for dtype in FLOATS {
        let files = vec![numbers(dtype, 6300, 1, false), numbers(dtype, 6300, 2, false)];
        let ordered = vec![naive(&view, dtype.bytes() as usize, &files[0]), files[1].clone()];
        let mixed = |view: View, files: Vec<Vec<u8>>| {
            let mut b = Builder::new(view.shape.clone());
            let plain = View::contiguous(&view.shape);
            let load = |file, view| Load { file, offset: 0, dtype, blocks: None, view, affine: Affine::IDENTITY };
            let (x, y) = (b.load(load(0, view)), b.load(load(1, plain)));
            let sum = b.linear(&[(Share::Const(0.3), x), (Share::Const(0.7), y)]);
            run(&b.finish(sum, dtype, false), &Memory::new(files), 1000)
        };
        assert_eq!(mixed(view.clone(), files), mixed(View::contiguous(&view.shape), ordered), "{dtype}");
    }
}

/// One worker, several programs: a strip of one tensor is not taken for another.
#[test]
fn strips_are_told_apart() {
    let file: Vec<u8> = (0..=255).collect();
    let memory = Memory::new(vec![file.clone(), file.iter().rev().copied().collect()]);
    let mut scratch = crate::tile::Scratch::default();
    for (file, offset, order) in [(0, 0, [1, 0]), (1, 0, [1, 0]), (1, 16, [1, 0]), (1, 16, [0, 1]), (0, 0, [1, 0])] {
        let view = permuted(&[8, 16], &order, &[0]);
        let load = Load { file, offset, dtype: Dtype::U8, blocks: None, view: view.clone(), affine: Affine::IDENTITY };
        let mut b = Builder::new(view.shape.clone());
        let node = b.load(load);
        let program = b.finish(node, Dtype::U8, false);
        let mut out = [0; 128];
        let Ok(_) = program.evaluate(0..128, &program.start(), &memory, &mut scratch, &mut out);
        assert_eq!(out.to_vec(), naive(&view, 1, &memory.files[file][offset as usize..]));
    }
}

/// Fails on the second file.
struct Broken(Memory);

impl Fetch for Broken {
    type Error = u64;

    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), u64> {
        if file == 1 {
            return Err(offset);
        }
        let Ok(()) = self.0.fetch(file, offset, dst);
        Ok(())
    }
}

/// The error of a file comes through, and the worker goes on with others.
#[test]
fn errors_of_files_come_through() {
    let memory = Broken(Memory::new(vec![vec![1; 128], vec![]]));
    let mut scratch = crate::tile::Scratch::default();
    for view in [View::contiguous(&[8, 16]), permuted(&[16, 8], &[1, 0], &[])] {
        for file in [0, 1, 0] {
            let load = |file| Load {
                file,
                offset: 0,
                dtype: Dtype::U8,
                blocks: None,
                view: view.clone(),
                affine: Affine::IDENTITY,
            };
            let mut b = Builder::new(view.shape.clone());
            let (x, y) = (b.load(load(0)), b.load(load(file)));
            let sum = b.linear(&[(Share::Const(1.0), x), (Share::Const(1.0), y)]);
            let program = b.finish(sum, Dtype::F32, false);
            let mut out = [0; 512];
            let done = program.evaluate(0..128, &program.start(), &memory, &mut scratch, &mut out);
            assert_eq!(done.is_ok(), file == 0);
            assert!(file != 0 || out == *2f32.to_le_bytes().repeat(128));
        }
    }
}
