//! NumPy's numbers: `tests/golden/tile.json`, written by the script beside it.

use super::Expr;
use super::Memory;
use super::plain;
use super::run;
use crate::tensor::Affine;
use crate::tensor::Dtype;
use crate::tensor::View;
use crate::tile::Builder;
use crate::tile::Load;
use serde_json::Value;

pub fn cases(kind: &str) -> Vec<Value> {
    let text = include_str!("../../../tests/golden/tile.json");
    let all: Value = serde_json::from_str(text).expect("JSON");
    let cases = all[kind].as_array().expect("a list of cases").clone();
    assert!(!cases.is_empty());
    cases
}

pub fn dtype(name: &Value) -> Dtype {
    Dtype::from_name(name.as_str().expect("text")).expect("a type")
}

pub fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("text");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal")).collect()
}

pub fn files(values: &Value) -> Vec<Vec<u8>> {
    values.as_array().expect("a list").iter().map(unhex).collect()
}

#[test]
fn casts_are_those_of_numpy() {
    for case in cases("casts") {
        let (from, to) = (dtype(&case["from"]), dtype(&case["to"]));
        let file = unhex(&case["values"]);
        let count = file.len() / from.bytes() as usize;
        let memory = Memory::new(vec![file]);
        let mut b = Builder::new([count as u64].into_iter().collect());
        let load = b.load(plain(0, from, count));
        let out = run(&b.finish(load, to, false), &memory, 10).0;
        assert_eq!(out, unhex(&case["expected"]), "{from} to {to}");
    }
}

#[test]
fn linear_combinations_are_those_of_numpy() {
    for case in cases("linears") {
        let types: Vec<Dtype> = case["inputs"].as_array().expect("a list").iter().map(dtype).collect();
        let shares = case["shares"].as_array().expect("a list").iter().map(|share| share.as_f64().expect("a number"));
        let mut loads: Vec<Load> = types
            .iter()
            .enumerate()
            .map(|(file, dtype)| Load {
                file,
                offset: 0,
                dtype: *dtype,
                blocks: None,
                view: View::contiguous(&[4, 5]),
                affine: Affine::IDENTITY,
            })
            .collect();
        // Stored as 5 rows of 4.
        loads[0].view = View::strided(&[4, 5], 0, &[1, 4]);
        let mut b = Builder::new([4, 5].into_iter().collect());
        let terms = shares.enumerate().map(|(at, share)| (share, Expr::Input(at))).collect();
        let root = Expr::Linear(terms).build(&mut b, &loads);
        let program = b.finish(root, dtype(&case["to"]), false);
        let memory = Memory::new(files(&case["values"]));
        for range in [1, 7, 20] {
            assert_eq!(run(&program, &memory, range).0, unhex(&case["expected"]), "{types:?}");
        }
    }
}
