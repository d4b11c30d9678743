//! The laws of the language, end to end, over small models that the tests write themselves.

mod claims;
mod layouts;
pub mod model;
mod oracle;

use crate::run::compile;
use blend::check::Settings;
use blend::exec;
use model::Random;
use model::Tensor;
use model::tensor;
use oracle::Expected;
use std::collections::BTreeMap;
use std::path::Path;

/// Float tensors of the test models: name, shape, and the type in `a`, `b` and `c`.
const FLOATS: &[(&str, &[u64], [&str; 3])] = &[
    ("layers.0.w", &[17, 29], ["F32"; 3]),
    ("layers.0.bias", &[13], ["F32"; 3]),
    ("layers.0.scalar", &[], ["F32"; 3]),
    ("layers.0.empty", &[0, 4], ["F32"; 3]),
    ("layers.1.w", &[9, 31], ["F16"; 3]),
    ("layers.1.one", &[1, 1, 1], ["F16"; 3]),
    ("layers.2.w", &[11, 7], ["BF16"; 3]),
    ("layers.2.scalar", &[], ["BF16"; 3]),
    ("layers.3.w", &[5, 3, 2], ["F64"; 3]),
    ("layers.4.w", &[8, 5], ["F16", "BF16", "F32"]),
    ("layers.5.w", &[5, 8], ["F64", "F32", "F16"]),
    ("layers.6.special", &[16], ["F32"; 3]),
    ("layers.6.half", &[12], ["F16"; 3]),
];

/// Bits that arithmetic does not keep: NaNs with payloads, zeros with a sign, subnormals, infinities.
const SPECIAL: [u32; 16] = [
    0x7fc0_0001,
    0xffc1_2345,
    0x7f80_0001,
    0xff80_ffff,
    0x8000_0000,
    0,
    0x8000_0001,
    0x007f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x7f7f_ffff,
    0x0080_0000,
    0x7fff_ffff,
    0xffff_ffff,
];

/// The model with this number: all types, all kinds of shapes.
fn model(number: usize) -> Vec<Tensor> {
    let mut random = Random(number as u64 + 11);
    let mut out: Vec<Tensor> = FLOATS
        .iter()
        .map(|(name, shape, types)| {
            let count = shape.iter().product::<u64>() as usize;
            let dtype = types[number];
            let bytes = match *name {
                "layers.6.special" => {
                    let turned = (0..16).map(|at| SPECIAL[(at + number * 5) % 16]);
                    turned.flat_map(u32::to_le_bytes).collect()
                }
                "layers.6.half" => {
                    let bits =
                        [0x7e01u16, 0xfd55, 0x8000, 0, 0x0001, 0x83ff, 0x7c00, 0xfc00, 0x3c00, 0x7bff, 0x0400, 0x7fff];
                    (0..12).flat_map(|at| bits[(at + number) % 12].to_le_bytes()).collect()
                }
                _ => model::floats(dtype, &(0..count).map(|_| 3.0 * random.unit()).collect::<Vec<_>>()),
            };
            tensor(name, dtype, shape, bytes)
        })
        .collect();
    // Equal in all models.
    out.push(tensor("ids", "I64", &[3], [-1i64, 1 << 40, 7].iter().flat_map(|id| id.to_le_bytes()).collect()));
    out.push(tensor("steps", "I32", &[], 77i32.to_le_bytes().to_vec()));
    out.push(tensor("flags", "BOOL", &[5], vec![1, 0, 1, 1, 0]));
    out.push(tensor("table", "U8", &[2, 3], vec![0, 1, 2, 253, 254, 255]));
    out.push(tensor("nothing", "I64", &[0], vec![]));
    out
}

/// Writes a model as one file and as a directory of shards.
fn write(dir: &Path, name: &str, tensors: &[Tensor]) {
    std::fs::write(dir.join(format!("{name}.safetensors")), model::file(tensors)).expect("a model");
    model::shards(&dir.join(name), tensors, 3);
}

/// A folder with `a`, `b` and `c`.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (number, name) in ["a", "b", "c"].iter().enumerate() {
        write(dir.path(), name, &model(number));
    }
    dir
}

/// Builds with these options; problems come as text.
fn build(dir: &Path, recipe: &str, threads: usize, piece: Option<u64>) -> Result<exec::Report, String> {
    let (compiled, sources) = compile(recipe, dir, &Settings::default())?;
    let mut options = exec::Options { threads, ..exec::Options::default() };
    options.piece = piece.unwrap_or(options.piece);
    exec::run(&compiled.recipe, &compiled.plan, &options, &exec::Progress::default()).map_err(|stop| {
        let exec::Stop::Problems(list) = stop else { return "cancelled".into() };
        let mut problems = blend::diag::Problems::default();
        list.into_iter().for_each(|problem| problems.push(problem));
        blend::diag::render::render(&problems, &sources, blend::diag::render::Format::Human, false, 100)
    })
}

/// The tensors of a build under every number of threads, size of pieces, engine and container; they must be one and
/// the same.  `head` are the models, with `{}` where a file's ending goes.
#[track_caller]
fn built_in_every_way(dir: &Path, head: &str, value: &str, options: &str) -> BTreeMap<String, Tensor> {
    let recipe = |shards: bool, out: &str, more: &str| {
        let ending = if shards { "" } else { ".safetensors" };
        let options = [options, more].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
        format!("blend 1\n\n{}\noutput \"{out}\" = {value} {{ {options} }}\n", head.replace("{}", ending))
            .replace(" {  }", "")
    };
    let mut ways: Vec<(String, BTreeMap<String, Tensor>)> = vec![];
    let text = recipe(false, "o.safetensors", "");
    for threads in [1, 2, 7] {
        for piece in [Some(1), Some(7), Some(4096), None] {
            build(dir, &text, threads, piece).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
            ways.push((format!("{threads} threads, pieces {piece:?}"), model::read(&dir.join("o.safetensors"))));
        }
    }
    for (shards, out, more) in
        [(true, "o.safetensors", ""), (false, "o", "shard_size = \"700 B\""), (true, "o", "shard_size = \"700 B\"")]
    {
        let text = recipe(shards, out, more);
        build(dir, &text, 2, Some(7)).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
        ways.push((format!("input shards {shards}, output {out}"), model::read(&dir.join(out))));
    }
    assert!(std::fs::read_dir(dir.join("o")).expect("a folder").count() > 4, "several shards");
    for engine in ["pread", "map"] {
        std::fs::write(dir.join("r.blend"), &text).expect("a recipe");
        let mut command = crate::faults::blend(dir, &["build", "r.blend", "--threads", "7"]);
        let output = command.env("BLEND_READ", engine).output().expect("it starts");
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        ways.push((format!("read by {engine}"), model::read(&dir.join("o.safetensors"))));
    }
    let (first_way, first) = ways[0].clone();
    for (way, tensors) in &ways {
        assert_same(tensors, &first, &format!("{value}: {way} against {first_way}"));
    }
    first
}

#[track_caller]
fn assert_same(found: &BTreeMap<String, Tensor>, expected: &BTreeMap<String, Tensor>, what: &str) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
    for (name, tensor) in found {
        let other = &expected[name];
        assert_eq!((&tensor.dtype, &tensor.shape), (&other.dtype, &other.shape), "{what}: {name}");
        assert!(tensor.bytes == other.bytes, "{what}: {name}\n {:02x?}\n {:02x?}", tensor.bytes, other.bytes);
    }
}

/// The models `a`, `b` and `c`, merged in every way, against the oracle: per tensor the shares of the three, and the
/// type it is written in when that is not the rule's.
#[track_caller]
fn check(value: &str, options: &str, expected: impl Fn(&str) -> Expected) {
    let dir = folder();
    let models = [0, 1, 2].map(model);
    let used = |name: &str| {
        let apart: String = value.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
        apart.split(' ').any(|word| word == name)
    };
    let names = ["a", "b", "c"].into_iter().filter(|name| used(name));
    let head: String = names.map(|name| format!("model {name} = \"{name}{{}}\"\n")).collect();
    let found = built_in_every_way(dir.path(), &head, value, options);
    let expected: BTreeMap<String, Tensor> = (0..models[0].len())
        .map(|at| {
            let sides = [0, 1, 2].map(|number| &models[number][at]);
            let tensor = expected(&sides[0].name).tensor(sides);
            (tensor.name.clone(), tensor)
        })
        .collect();
    assert_same(&found, &expected, &format!("{value} {options}, against the oracle"));
}

/// The layer of a test tensor; the last ones have none.
fn layer(name: &str) -> Option<usize> {
    name.strip_prefix("layers.")?.split('.').next()?.parse().ok()
}

#[test]
fn copies_move_bits() {
    check("a", "", |_| Expected::shares([1.0, 0.0, 0.0]));
    check("a + 1 * (b - a)", "", |_| Expected::shares([0.0, 1.0, 0.0]));
    check("mix(a, mix(b, c, 1), 1)", "", |_| Expected::shares([0.0, 0.0, 1.0]));
    // At 0 only the first input counts: its type, too.
    check("slerp(a, c, 0)", "", |_| Expected::shares([1.0, 0.0, 0.0]));
    check("match {\n  layer 0..2 => b\n  layer 6 => c\n  else => a\n}", "", |name| match layer(name) {
        Some(0..=2) => Expected::shares([0.0, 1.0, 0.0]),
        Some(6) => Expected::shares([0.0, 0.0, 1.0]),
        _ => Expected::shares([1.0, 0.0, 0.0]),
    });
}

#[test]
fn combinations_are_sums_of_products() {
    check("mix(a, b, 0.3)", "", |_| Expected::shares([1.0 - 0.3, 0.3, 0.0]));
    check("0.5 * a + 0.3 * b + 0.2 * c", "", |_| Expected::shares([0.5, 0.3, 0.2]));
    check("a + 0.7 * (b - c)", "", |_| Expected::shares([1.0, 0.7, -0.7]));
    check("c + 0.7 * (b - a)", "", |_| Expected::shares([-0.7, 0.7, 1.0]).in_order([2, 1, 0]));
    check("(a + b + c) / 3", "", |_| Expected::shares([1.0 / 3.0; 3]));
    check("mix(a, c, match {\n  layer 2 => 0\n  layer 3 => 1\n  layer 6 => 0.75\n  else => 0.5\n})", "", |name| {
        match layer(name) {
            Some(2) => Expected::shares([1.0, 0.0, 0.0]),
            Some(3) => Expected::shares([0.0, 0.0, 1.0]),
            Some(6) => Expected::shares([0.25, 0.0, 0.75]),
            _ => Expected::shares([0.5, 0.0, 0.5]),
        }
    });
}

#[test]
fn types_as_the_output_says() {
    for (word, dtype) in [("f32", "F32"), ("f64", "F64")] {
        check("mix(a, b, 0.3)", &format!("dtype = {word}"), |_| Expected::shares([1.0 - 0.3, 0.3, 0.0]).to(dtype));
        check("c", &format!("dtype = {word}, overflow = inf"), |_| Expected::shares([0.0, 0.0, 1.0]).to(dtype));
    }
    for (word, dtype) in [("f16", "F16"), ("bf16", "BF16")] {
        for overflow in ["inf", "saturate"] {
            let options = format!("dtype = {word}, overflow = {overflow}");
            let saturate = overflow == "saturate";
            check("mix(a, b, 0.3)", &options, |_| Expected::shares([1.0 - 0.3, 0.3, 0.0]).to(dtype).saturate(saturate));
            check("0.5 * a + 0.25 * b + 0.25 * c", &options, |_| {
                Expected::shares([0.5, 0.25, 0.25]).to(dtype).saturate(saturate)
            });
            check("b", &options, |_| Expected::shares([0.0, 1.0, 0.0]).to(dtype).saturate(saturate));
        }
    }
    let by_layer = "dtype = match {\n  layer 0 => f64\n  layer 1 => bf16\n  layer 2..4 => f16\n  else => f32\n}";
    check("mix(a, b, 0.3)", by_layer, |name| {
        Expected::shares([1.0 - 0.3, 0.3, 0.0]).to(match layer(name) {
            Some(0) => "F64",
            Some(1) => "BF16",
            Some(2..=4) => "F16",
            _ => "F32",
        })
    });
}

/// Slerp of one large and some small tensors: one result in every way, and near to the formula in f64.
#[test]
fn slerp_does_not_depend_on_the_way() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let shapes: [(&str, &[u64], &str); 6] = [
        ("layers.0.w", &[331, 200], "F32"),
        ("layers.1.w", &[40, 17], "F16"),
        ("layers.2.w", &[40, 17], "BF16"),
        ("layers.3.w", &[9], "F64"),
        ("layers.4.w", &[], "F32"),
        ("layers.5.w", &[0], "F32"),
    ];
    let mut random = Random(5);
    let models = [0, 1].map(|_| {
        shapes.map(|(name, shape, dtype)| {
            let count = shape.iter().product::<u64>();
            let values: Vec<f64> = (0..count).map(|_| random.unit() / 3.0).collect();
            tensor(name, dtype, shape, model::floats(dtype, &values))
        })
    });
    write(dir.path(), "a", &models[0]);
    write(dir.path(), "b", &models[1]);
    let found = built_in_every_way(dir.path(), "model a = \"a{}\"\nmodel b = \"b{}\"\n", "slerp(a, b, 0.3)", "");
    for (a, b) in models[0].iter().zip(&models[1]) {
        let [x, y] = [a, b].map(|tensor| model::values(&tensor.dtype, &tensor.bytes));
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let cosine = dot(&x, &y) / dot(&x, &x).sqrt() / dot(&y, &y).sqrt();
        let angle = cosine.clamp(-1.0, 1.0).acos();
        let (first, second) = match cosine.abs() > 0.9995 {
            true => (0.7, 0.3),
            false => ((0.7 * angle).sin() / angle.sin(), (0.3 * angle).sin() / angle.sin()),
        };
        let near = match a.dtype.as_str() {
            "F64" => 1e-14,
            "F32" => 1e-6,
            "F16" => 1e-3,
            _ => 1e-2,
        };
        let got = model::values(&a.dtype, &found[&a.name].bytes);
        assert_eq!(got.len(), x.len());
        for ((x, y), got) in x.iter().zip(&y).zip(got) {
            let expected = first * x + second * y;
            assert!((got - expected).abs() <= near, "{}: {got} instead of {expected}", a.name);
        }
    }
}

/// A finite value that does not fit is an error with tensor, count and maximum, and nothing is written.
#[test]
fn overflow_is_told() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let values = |scale: f64| (0..100).map(|at| f64::from(at) * scale).collect::<Vec<_>>();
    let tensors = |scale: f64| {
        let fits = tensor("layers.0.w", "F32", &[10, 10], model::floats("F32", &values(1.0)));
        [fits, tensor("layers.1.w", "F32", &[100], model::floats("F32", &values(scale)))]
    };
    write(dir.path(), "a", &tensors(1000.0));
    write(dir.path(), "b", &tensors(-1000.0));
    std::fs::write(dir.path().join("o.safetensors"), "old").expect("a file");
    for (value, count, largest) in [("a", 34, "9.9e4"), ("mix(a, b, 0.125)", 12, "7.425e4")] {
        let recipe = format!(
            "blend 1\n\nmodel a = \"a\"\nmodel b = \"b\"\n\noutput \"o.safetensors\" = {value} {{ dtype = f16 }}\n"
        );
        for (threads, piece) in [(1, None), (2, Some(1)), (7, Some(7))] {
            let said = build(dir.path(), &recipe, threads, piece).expect_err("it does not fit");
            assert!(said.contains("E0611"), "{said}");
            assert!(
                said.contains(&format!("{count} values are too large for f16: the largest is {largest}")),
                "{said}"
            );
            assert!(said.contains("`layers.1.w`") && !said.contains("`layers.0.w`"), "{said}");
        }
    }
    assert_eq!(std::fs::read(dir.path().join("o.safetensors")).expect("it stays"), b"old");
}

/// Integers and truth values that differ are an error when they are read, and a named input ends it.
#[test]
fn integers_are_equal_or_of_a_named_input() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let tensors = |id: u8| [tensor("w", "F32", &[1], vec![0; 4]), tensor("ids", "U8", &[3], vec![1, id, 3])];
    write(dir.path(), "a", &tensors(2));
    write(dir.path(), "b", &tensors(9));
    let models = "blend 1\n\nmodel a = \"a\"\nmodel b = \"b\"\n\n";
    let said = build(dir.path(), &format!("{models}output \"o.safetensors\" = mix(a, b, 0.5)\n"), 2, None);
    let said = said.expect_err("they differ");
    assert!(said.contains("E0612") && said.contains("`ids`: 1 of 3 elements differ"), "{said}");
    assert!(!dir.path().join("o.safetensors").exists());
    let named = format!("{models}output \"o.safetensors\" = match {{\n  \"ids\" => b\n  else => mix(a, b, 0.5)\n}}\n");
    build(dir.path(), &named, 2, None).expect("whose is said");
    assert_eq!(model::read(&dir.path().join("o.safetensors"))["ids"].bytes, [1, 9, 3]);
}
