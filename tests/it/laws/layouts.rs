//! Inputs whose layouts differ in names, axes and order: bytes are those of a merge of plain siblings.

use super::Random;
use super::Tensor;
use super::assert_same;
use super::build;
use super::built_in_every_way;
use super::model;
use super::oracle::Expected;
use super::tensor;
use super::write;
use std::collections::BTreeMap;
use std::path::Path;

/// A family of three tensors a layer, and a layout of it.
fn architecture(layout: &str, keys: &[(&str, &str, &str)]) -> String {
    let mut text = String::from("[family]\nid = \"tiny\"\nabout = \"made up\"\n");
    for name in ["layers.{i}.w", "layers.{i}.v", "layers.{i}.k"] {
        let word = name.rsplit('.').next().expect("a last part");
        text += &format!(
            "\n[[family.tensor]]\nname = \"{name}\"\nwords = [\"{word}\"]\ncoords = {{ layer = \"i\" }}\ndemodulated = {}\n",
            word != "v"
        );
    }
    let detect = keys[0].0;
    text +=
        &format!("\n[layout]\nid = \"{layout}\"\nfamily = \"tiny\"\nabout = \"made up\"\ndetect = [\"{detect}\"]\n");
    for (name, canonical, fix) in keys {
        text += &format!("\n[[layout.key]]\nname = \"{name}\"\nas = [\"{canonical}\"]\nfix = [{fix}]\n");
    }
    text
}

/// Element by element: `at` gives for a place in the stored tensor the place in the canonical one.
fn reordered(bytes: &[u8], size: usize, at: impl Fn(usize) -> usize, count: usize) -> Vec<u8> {
    (0..count).flat_map(|place| bytes[at(place) * size..][..size].to_vec()).collect()
}

const LAYERS: usize = 3;
/// Canonical shapes: `w` [24, 35] f64 (another order of a sum shows in the last bit), `v` [9] f16, `k` [5, 4, 3] bf16.
fn canonical(seed: u64) -> Vec<Tensor> {
    let (mut random, mut common) = (Random(seed), Random(100));
    let mut out = vec![];
    for layer in 0..LAYERS {
        for (name, dtype, shape) in [("w", "F64", &[24u64, 35][..]), ("v", "F16", &[9]), ("k", "BF16", &[5, 4, 3])] {
            // Thirds have all digits: with few, sums would be exact in any order.  Models that point away from each
            // other have factors in which the last bit of a sum shows.
            let sign = if seed.is_multiple_of(2) { -1.0 } else { 1.0 };
            let mut value = || sign * common.unit() / 3.0 + random.unit() / 24.0;
            let values: Vec<f64> = (0..shape.iter().product()).map(|_| value()).collect();
            out.push(tensor(&format!("layers.{layer}.{name}"), dtype, shape, model::floats(dtype, &values)));
        }
    }
    out
}

/// The same as `turned` stores it: `w` transposed, `v` backwards, `k` with its axes in the order 2 0 1 and one of
/// them backwards.
fn turned(canonical: &[Tensor]) -> Vec<Tensor> {
    let one = |tensor: &Tensor| {
        let (layer, name) = tensor.name["layers.".len()..].split_once('.').expect("two parts");
        let (shape, bytes) = match name {
            "w" => (vec![35, 24], reordered(&tensor.bytes, 8, |place| place % 24 * 35 + place / 24, 840)),
            "v" => (vec![9], reordered(&tensor.bytes, 2, |place| 8 - place, 9)),
            // stored [c][a][b] = canonical [a][b][2 - c]
            _ => (vec![3, 5, 4], reordered(&tensor.bytes, 2, |place| (place % 20) * 3 + (2 - place / 20), 60)),
        };
        model::tensor(&format!("net.{name}{layer}"), &tensor.dtype, &shape, bytes)
    };
    canonical.iter().map(one).collect()
}

fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let plain = [("layers.{i}.w", "", ""), ("layers.{i}.v", "", ""), ("layers.{i}.k", "", "")];
    let plain: Vec<_> = plain.iter().map(|key| (key.0, key.0, "")).collect();
    std::fs::write(dir.path().join("plain.toml"), architecture("tiny-plain", &plain)).expect("a file");
    let keys = [
        ("net.w{i}", "layers.{i}.w", "\"permute 1 0\""),
        ("net.v{i}", "layers.{i}.v", "\"flip 0\""),
        ("net.k{i}", "layers.{i}.k", "\"permute 1 2 0\", \"flip 2\""),
    ];
    std::fs::write(dir.path().join("turned.toml"), architecture("tiny-turned", &keys)).expect("a file");
    for (name, seed) in [("a", 1), ("b", 2)] {
        write(dir.path(), name, &canonical(seed));
        write(dir.path(), &format!("{name}t"), &turned(&canonical(seed)));
    }
    dir
}

fn by_name(tensors: Vec<Tensor>) -> BTreeMap<String, Tensor> {
    tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect()
}

/// `value` over `a` and `b` of these layouts, in every way; the result in `a`'s layout must be `expected`.
#[track_caller]
fn check(dir: &Path, layouts: [&str; 2], value: &str, expected: &BTreeMap<String, Tensor>) {
    let model = |name: &str, layout: &str| {
        let file = if layout == "turned" { "t" } else { "" };
        format!("model {name} = \"{name}{file}{{}}\" {{ arch = \"{layout}.toml\" }}\n")
    };
    let head = model("a", layouts[0]) + &model("b", layouts[1]);
    let found = built_in_every_way(dir, &head, value, "");
    assert_same(&found, expected, &format!("{layouts:?}: {value}"));
}

#[test]
fn turned_inputs_merge_like_plain_ones() {
    let dir = place();
    let [a, b] = [1, 2].map(canonical);
    let merged = |shares: [f64; 2]| -> Vec<Tensor> {
        let expected = Expected::shares([shares[0], shares[1], 0.0]);
        a.iter().zip(&b).map(|(a, b)| expected.tensor([a, b, b])).collect()
    };
    for (value, shares) in [("mix(a, b, 0.3)", [1.0 - 0.3, 0.3]), ("b", [0.0, 1.0]), ("a + 2 * (b - a)", [-1.0, 2.0])] {
        let plain = merged(shares);
        let models = if value == "b" {
            [("turned", "plain"), ("plain", "turned")]
        } else {
            [("plain", "turned"), ("turned", "plain")]
        };
        for (first, second) in models {
            // The output has the layout of the first model that counts.
            let lead = if value == "b" { second } else { first };
            let expected = if lead == "plain" { plain.clone() } else { turned(&plain) };
            check(dir.path(), [first, second], value, &by_name(expected));
        }
        let both = if value == "b" { turned(&merged([0.0, 1.0])) } else { turned(&plain) };
        check(dir.path(), ["turned", "turned"], value, &by_name(both));
    }
}

/// Reductions go in canonical order whatever the layouts are.
#[test]
fn slerp_of_turned_inputs_has_the_same_bytes() {
    for value in ["slerp(a, b, 0.3)", "mix(a, b, 0.3, norm = slerp)", "mix(slerp(a, b, 0.25), b, 0.6, norm = equal)"] {
        reductions_of_turned_inputs(value);
    }
}

#[track_caller]
fn reductions_of_turned_inputs(value: &str) {
    let dir = place();
    let head = "model a = \"a{}\" { arch = \"plain.toml\" }\nmodel b = \"b{}\" { arch = \"plain.toml\" }\n";
    let plain = built_in_every_way(dir.path(), head, value, "");
    check(dir.path(), ["plain", "turned"], value, &plain);
    let turned = by_name(turned(&plain.into_values().collect::<Vec<_>>()));
    check(dir.path(), ["turned", "turned"], value, &turned);
    check(dir.path(), ["turned", "plain"], value, &turned);
}

/// The generators of `tests/data`: `nvidia` and `rosinality` are one network under two code bases' names, made by
/// `tests/golden/rosinality.py`; `nvidia-b` is another.
fn generators() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in ["nvidia", "nvidia-b", "rosinality"] {
        let file = format!("mini-{name}.safetensors");
        std::fs::copy(crate::run::root().join("tests/data").join(&file), dir.path().join(&file)).expect("a copy");
    }
    dir
}

const GENERATORS: &str = "blend 1\n\nmodel n = \"mini-nvidia.safetensors\"\nmodel b = \"mini-nvidia-b.safetensors\"\nmodel r = \"mini-rosinality.safetensors\"\n\n";

#[track_caller]
fn generator(dir: &Path, value: &str, options: &str, threads: usize, piece: Option<u64>) -> BTreeMap<String, Tensor> {
    let recipe = format!("{GENERATORS}output \"o.safetensors\" = {value}{options}\n");
    build(dir, &recipe, threads, piece).unwrap_or_else(|problems| panic!("{recipe}\n{problems}"));
    model::read(&dir.join("o.safetensors"))
}

#[test]
fn two_code_bases_mix_like_siblings() {
    let dir = generators();
    for value in [
        "mix(b, X, 0.3)",
        "mix(b, X, match {\n  mapping => 0\n  resolution ..8 => 1\n  else => 0.5\n})",
        "slerp(b, X, 0.25)",
        "mix(b, X, 0.25, norm = slerp)",
        "mix(b, align(X, to = b), 0.5)",
        "align(X, to = b)",
        "layer_swap(b, X, at = 8)",
    ] {
        let value = value.replace("layer_swap", "std.layer_swap");
        let siblings = generator(dir.path(), &value.replace('X', "n"), " { layout = \"nvidia-pytorch\" }", 2, None);
        for (threads, piece) in [(1, Some(1)), (2, Some(7)), (7, None)] {
            let options = " { layout = \"nvidia-pytorch\" }";
            let mixed = generator(dir.path(), &value.replace('X', "r"), options, threads, piece);
            assert_same(&mixed, &siblings, &format!("{value}, {threads} threads, pieces {piece:?}"));
        }
    }
}

/// A generator goes into the other layout and comes back: every tensor has its bytes.
#[test]
fn layouts_turn_into_each_other_and_back() {
    let dir = generators();
    let original = |name: &str| model::read(&dir.path().join(format!("mini-{name}.safetensors")));
    let made = generator(dir.path(), "n", " { layout = rosinality }", 2, None);
    assert_same(&made, &original("rosinality"), "nvidia as rosinality");
    std::fs::write(
        dir.path().join("mini-rosinality.safetensors"),
        model::file(&made.into_values().collect::<Vec<_>>()),
    )
    .expect("a model");
    let back = generator(dir.path(), "r", " { layout = \"nvidia-pytorch\" }", 2, None);
    let mut nvidia = original("nvidia");
    nvidia.retain(|name, _| back.contains_key(name));
    assert_same(&back, &nvidia, "and back");
    // What is left out are filters, which the other code base has once.
    let lost: Vec<String> = original("nvidia").into_keys().filter(|name| !back.contains_key(name)).collect();
    assert!(lost.iter().all(|name| name.ends_with("resample_filter")), "{lost:?}");
}
