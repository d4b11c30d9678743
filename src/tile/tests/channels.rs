//! Shares per channel against a naive reading, in every order that a tensor may be stored in.

use super::*;
use crate::field::Pick;
use crate::field::Weight;
use crate::tile::Ground;
use crate::tile::Placed;

/// Two inputs with shares `1 − w` and `w`, `w` from a vector along `out` and one along axis 1, stored in the order that
/// `place` makes.
#[track_caller]
fn check(shape: &[u64], place: impl Fn(View) -> View, range: u64) {
    let count = shape.iter().product::<u64>() as usize;
    let stored = |seed| numbers(Dtype::F32, count, seed, true);
    let memory = Memory::new(vec![stored(1), stored(2)]);
    // Of many channels each has a share of its own, and ranks are kept.
    let is_large = shape[0] * shape[1] > 4096;
    let own = |at: u64, few: &[f64], step: f64| {
        if is_large { (at as f64 * step).fract() } else { few[at as usize % few.len()] }
    };
    let out: Vec<f64> = (0..shape[0]).map(|o| own(o, &[0.0, 1.0, 0.3], 0.618)).collect();
    let inn: Vec<f64> = (0..shape[1]).map(|i| own(i, &[1.0, 0.0, 0.0, 0.7], 0.414)).collect();
    let w = Weight::larger(&Weight::along(0, &out), &Weight::along(1, &inn));
    assert_eq!(matches!(&w, Weight::Field(field) if *field.pick() != Pick::Each), is_large);
    let rest = Weight::map(&[&w], |x| 1.0 - x[0]);
    let view = place(View::contiguous(shape));
    let mut builder = Builder::new(view.shape.clone());
    let share = |weight: &Weight| {
        let Weight::Field(field) = weight else { panic!("it differs") };
        Placed::new(field, &Ground { shape, place: &place })
    };
    let (rest, w) = (builder.field(share(&rest)), builder.field(share(&w)));
    let terms: Vec<_> = [rest, w].into_iter().enumerate().collect();
    let terms: Vec<_> = terms
        .into_iter()
        .map(|(file, share)| (share, builder.load(Load { view: view.clone(), ..plain(file, Dtype::F32, count) })))
        .collect();
    let root = builder.linear(&terms);
    let program = builder.finish(root, Dtype::F32, true);
    let (found, _) = run(&program, &memory, range);
    // Where each written element comes from: the view of the indices themselves.
    let mut places = vec![view.base as i64];
    for step in &view.steps {
        places = places.iter().flat_map(|at| (0..step.size as i64).map(move |i| at + i * step.stride)).collect();
    }
    let inner = (count as u64 / shape[0] / shape[1]) as usize;
    for (at, from) in places.iter().enumerate() {
        let from = *from as usize;
        let (o, i) = (from / inner / shape[1] as usize, from / inner % shape[1] as usize);
        let share = out[o].max(inn[i]);
        let x = [0, 1].map(|file| value(Dtype::F32, bits(Dtype::F32, &memory.files[file], from)));
        let short = |x: f64| f64::from(x as f32);
        let parts = [(1.0 - share, x[0]), (share, x[1])];
        let parts = parts.iter().filter(|part| part.0 != 0.0).map(|(s, x)| short(short(*s) * x));
        let expected = parts.reduce(|a, b| short(a + b)).expect("a part counts");
        assert_eq!(found[at * 4..at * 4 + 4], bytes(Dtype::F32, expected), "element {at} of {shape:?}: {expected}");
    }
}

#[test]
fn shares_by_channel() {
    for range in [7, 5_000, 1 << 20] {
        check(&[5, 7, 3, 3], |view| view, range);
        check(&[5, 7, 3, 3], |view| view.permuted(&[2, 3, 1, 0]), range);
        check(&[5, 7, 3, 3], |view| view.flipped(2).and_then(|view| view.flipped(3)).expect("it fits"), range);
        check(&[6, 9], |view| view, range);
        check(&[6, 9], |view| view.permuted(&[1, 0]), range);
        check(&[64, 96, 3, 3], |view| view, range);
        check(&[64, 96, 3, 3], |view| view.permuted(&[2, 3, 1, 0]), range);
        check(&[96, 64], |view| view.dealt(0, 48, 2).expect("it deals"), range);
        check(&[8, 4], |view| view.with(0), range);
        check(&[16, 5], |view| view.dealt(0, 8, 2).expect("it deals"), range);
        check(&[16, 6, 2], |view| view.dealt(0, 4, 2).and_then(|view| view.dealt(1, 6, 3)).expect("it deals"), range);
    }
}

#[test]
fn nothing_is_added_where_all_shares_are_0() {
    let memory = Memory::new(vec![numbers(Dtype::F32, 4, 3, false)]);
    let Weight::Field(field) = Weight::along(0, &[0.0, 1.0]) else { panic!("it differs") };
    let mut builder = Builder::new([2, 2].into_iter().collect());
    let share = builder.field(Placed::new(&field, &Ground { shape: &[2, 2], place: &|view| view }));
    let load = builder.load(Load { view: View::contiguous(&[2, 2]), ..plain(0, Dtype::F32, 4) });
    let root = builder.linear(&[(share, load)]);
    let (found, _) = run(&builder.finish(root, Dtype::F32, true), &memory, 4);
    assert_eq!(found[..8], [0; 8]);
    assert_eq!(found[8..], memory.files[0][8..]);
}
