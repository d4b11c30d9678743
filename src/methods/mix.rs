//! Weighted mean of two models: the share of the second is the weight.
//!
//! # Formula
//! out = (1 − w) a + w b.
//!
//! A convolution that is demodulated divides every row (what makes one channel) by its length, so the length of a row
//! means nothing, and `raw` gives more say to the model with longer rows. There `norm` brings the rows a and b together,
//! with m the mean of w over the row and n = |a|^(1 − m) |b|^m:
//!
//! - `equal`: out = n ((1 − w) a / |a| + w b / |b|), directions by their shares
//! - `slerp`: out = n (sin((1 − w) ω) a / |a| + sin(w ω) b / |b|) / sin ω, where ω is the angle between the rows
//!
//! Other tensors are as `raw` says.
//! # Reference
//! Pinkney and Adler 2020, "Resolution dependent GAN interpolation", arXiv 2010.05334, section 2 (w a function of the
//! resolution); demodulation: Karras and others 2020, "Analyzing and improving the image quality of StyleGAN", section 2.2.
//! # Kinds
//! point, point, weight -> point
//! # Numerics
//! `raw` flattens into the linear form around it: shares in f64, products in f32, added in order. A weight of 0 or 1
//! moves the bits of one input and does not read the other. With `equal` and `slerp`, sums over rows are f64, and factors
//! are f64, rounded once; a row no longer than 1e-8 is as `raw`; beyond |cos ω| > 0.9995 `slerp` is `equal`. A row whose
//! w is 0 or 1 throughout has the values of one model. Weights by channel may differ inside of a row.
//! # Example
//! ```blend
//! let toon = mix(faces, ink, 0.5, norm = slerp)
//! ```

use super::CallOn;
use super::Inputs;
use super::Lower;
use super::Method;
use super::OptionKind;
use super::OptionSpec;
use super::OptionValue;
use super::Role;
use crate::field::Weight;
use crate::tile::Builder;
use crate::tile::Ground;
use crate::tile::Meet;
use crate::tile::NodeId;

pub static METHOD: Method = Method {
    name: "mix",
    version: 1,
    inputs: Inputs::Named(&["a", "b"]),
    wants: Role::Point,
    gives: Role::Point,
    input_options: &[],
    options: &[
        OptionSpec { name: "w", kind: OptionKind::Weight { default: None }, help: "share of the second model" },
        OptionSpec {
            name: "norm",
            kind: OptionKind::Word { words: &["raw", "equal", "slerp"] },
            help: "how rows of different length are treated, where a demodulation follows: raw, equal or slerp",
        },
    ],
    lower: Lower::Rows { shares, asks: |on| meet(on).is_some(), tiles },
    alone: |_| None,
    source: include_str!("mix.rs"),
};

fn shares(on: &CallOn) -> Result<Vec<f64>, String> {
    match on.options.first() {
        Some(OptionValue::Number(w)) => Ok(vec![1.0 - w, *w]),
        _ => Err("`mix` has no weight".into()),
    }
}

fn meet(on: &CallOn) -> Option<Meet> {
    match on.options.get(1) {
        Some(OptionValue::Word("equal")) => Some(Meet::Equal),
        Some(OptionValue::Word("slerp")) => Some(Meet::Slerp),
        _ => None,
    }
}

fn tiles(builder: &mut Builder, inputs: &[NodeId], on: &CallOn, ground: &Ground) -> NodeId {
    let weight = match on.options.first() {
        Some(OptionValue::ByChannel(weight)) => weight.clone(),
        Some(OptionValue::Number(w)) => Weight::Number(*w),
        _ => Weight::ZERO,
    };
    builder.meet([inputs[0], inputs[1]], &weight, meet(on).unwrap_or(Meet::Equal), ground)
}

#[cfg(test)]
mod tests {
    use super::super::CallOn;
    use super::super::OptionValue;
    use crate::field::Weight;
    use crate::tensor::Affine;
    use crate::tensor::Dtype;
    use crate::tensor::View;
    use crate::tile::Builder;
    use crate::tile::Ground;
    use crate::tile::Load;
    use crate::tile::Program;
    use crate::tile::tests::FLOATS;
    use crate::tile::tests::Memory;
    use crate::tile::tests::goldens;
    use crate::tile::tests::numbers;
    use crate::tile::tests::reductions::values;
    use crate::tile::tests::run;
    use crate::tile::tests::state;

    #[test]
    fn the_weight_is_the_share_of_the_second() {
        for (w, expected) in [(0.0, [1.0, 0.0]), (1.0, [0.0, 1.0]), (0.25, [0.75, 0.25]), (1.5, [-0.5, 1.5])] {
            let on = CallOn {
                inputs: vec![vec![], vec![]],
                options: vec![OptionValue::Number(w), OptionValue::Word("raw")],
            };
            assert_eq!(super::shares(&on), Ok(expected.to_vec()));
        }
    }

    /// Two files of a shape; `turned`: the program has its axes the other way round.
    fn program(dtype: Dtype, shape: &[u64], how: &'static str, weight: &Weight, turned: bool) -> Program {
        let order: Vec<usize> = (0..shape.len()).rev().collect();
        let place = |view: View| if turned { view.permuted(&order) } else { view };
        let view = place(View::contiguous(shape));
        let mut b = Builder::new(view.shape.clone());
        let load = |file| Load { file, offset: 0, dtype, blocks: None, view: view.clone(), affine: Affine::IDENTITY };
        let inputs = [b.load(load(0)), b.load(load(1))];
        let given = match weight.number() {
            Some(number) => OptionValue::Number(number),
            None => OptionValue::ByChannel(weight.clone()),
        };
        let on = CallOn { inputs: vec![vec![], vec![]], options: vec![given, OptionValue::Word(how)] };
        let out = super::tiles(&mut b, &inputs, &on, &Ground { shape, place: &place });
        b.finish(out, dtype, false)
    }

    /// The bytes of a tensor with its axes the other way round, as they were.
    fn back(bytes: &[u8], shape: &[u64], dtype: Dtype) -> Vec<u8> {
        let order: Vec<usize> = (0..shape.len()).rev().collect();
        let view = View::contiguous(shape).permuted(&order);
        let mut places = vec![0; bytes.len() / dtype.bytes() as usize];
        view.places(0, &mut places);
        let size = dtype.bytes() as usize;
        let mut out = vec![0; bytes.len()];
        for (unit, place) in bytes.chunks(size).zip(places) {
            out[place as usize * size..(place as usize + 1) * size].copy_from_slice(unit);
        }
        out
    }

    /// NumPy's reading; f64 results may differ in their last digits, as its functions do.
    #[test]
    fn rows_meet_as_in_numpy() {
        let shape = [5, 4, 3];
        for case in goldens::cases("meets") {
            let dtype = goldens::dtype(&case["type"]);
            let how = if case["how"] == "equal" { "equal" } else { "slerp" };
            let list = |key: &str| -> Vec<f64> {
                case[key].as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
            };
            let (rows, columns) = (Weight::along(0, &list("rows")), Weight::along(1, &list("columns")));
            let weight = match case["along"].as_str().expect("text") {
                "none" => Weight::Number(0.3),
                "rows" => rows,
                "columns" => columns,
                _ => Weight::map(&[&rows, &columns], |x| x[0].max(x[1])),
            };
            let memory = Memory::new(goldens::files(&case["values"]));
            let expected = goldens::unhex(&case["expected"]);
            for turned in [false, true] {
                let program = program(dtype, &shape, how, &weight, turned);
                assert_eq!((program.stages, program.read_bytes()), (1, 2 * 60 * dtype.bytes()));
                let plain = super::tests::program(dtype, &shape, how, &weight, false);
                let known = state(&plain, &memory, |blocks| (0..blocks).collect());
                let mut out = vec![0; expected.len()];
                for at in 0..60 {
                    let size = dtype.bytes() as usize;
                    let part = &mut out[at * size..(at + 1) * size];
                    let range = at as u64..at as u64 + 1;
                    let Ok(_) = program.evaluate(range, &known, &memory, &mut Default::default(), part);
                }
                let out = if turned { back(&out, &shape, dtype) } else { out };
                let what = format!("{how} of {dtype} along {}, turned {turned}", case["along"]);
                if dtype == Dtype::F64 {
                    for (out, expected) in values(dtype, &out).iter().zip(values(dtype, &expected)) {
                        assert!((out - expected).abs() <= 1e-13 * expected.abs().max(1.0), "{what}: {out} {expected}");
                    }
                } else {
                    assert_eq!(out, expected, "{what}");
                }
            }
        }
    }

    /// Rows longer than a block, and blocks that end inside of rows: the same bytes whatever is computed when.
    #[test]
    fn bytes_of_long_rows_do_not_depend_on_the_way() {
        for shape in [[3, 70_001], [70_001, 3], [1000, 131]] {
            for dtype in FLOATS {
                let count = (shape[0] * shape[1]) as usize;
                let memory = Memory::new(vec![numbers(dtype, count, 1, false), numbers(dtype, count, 2, false)]);
                let shares: Vec<f64> = (0..shape[0]).map(|row| (row % 5) as f64 / 4.0).collect();
                let program = program(dtype, &shape, "slerp", &Weight::along(0, &shares), false);
                let whole = run(&program, &memory, 1 << 40).0;
                assert!(run(&program, &memory, 999).0 == whole, "{dtype} in short ranges");
                let forwards = state(&program, &memory, |blocks| (0..blocks).collect());
                assert_eq!(state(&program, &memory, |blocks| (0..blocks).rev().collect()), forwards);
                // At both ends a row is that of one model.
                let size = (shape[1] * dtype.bytes()) as usize;
                for row in (0..shape[0] as usize).filter(|row| matches!(row % 5, 0 | 4)) {
                    let own = &memory.files[usize::from(row % 5 == 4)];
                    assert!(whole[row * size..(row + 1) * size] == own[row * size..(row + 1) * size], "row {row}");
                }
            }
        }
    }

    /// The length of a row lies between those of its parents, and its direction does not depend on them.
    #[test]
    fn longer_rows_have_no_more_say() {
        let values_of = |scale: f64| -> Vec<u8> {
            let row = [3.0 * scale, -4.0 * scale];
            row.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect()
        };
        let other: Vec<u8> = [4.0f32, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        for how in ["equal", "slerp"] {
            let program = program(Dtype::F32, &[1, 2], how, &Weight::Number(0.25), false);
            let direction = |scale: f64| {
                let memory = Memory::new(vec![values_of(scale), other.clone()]);
                let out = values(Dtype::F32, &run(&program, &memory, 2).0);
                let length = (out[0] * out[0] + out[1] * out[1]).sqrt();
                (out[0] / length, out[1] / length, length)
            };
            let (x, y, length) = direction(1.0);
            let (far_x, far_y, far_length) = direction(1000.0);
            assert!((x - far_x).abs() < 1e-6 && (y - far_y).abs() < 1e-6, "{how}: {x} {y} against {far_x} {far_y}");
            assert!(length <= 5.0001 && far_length > 100.0 && far_length < 5000.0, "{length} {far_length}");
        }
    }
}
