//! `align` end to end: channels of real and made-up models are exchanged by the tests' own hands, and found again.

use crate::laws::model;
use crate::laws::model::Random;
use crate::laws::model::Tensor;
use crate::run::forgetful;
use crate::run::root;
use crate::run::try_build;
use blend::exec::Report;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

type Tensors = BTreeMap<String, Tensor>;

/// The numbers below `count` in some order.
fn order(random: &mut Random, count: usize) -> Vec<usize> {
    let mut out: Vec<usize> = (0..count).collect();
    (1..count).rev().for_each(|last| out.swap(last, random.next() as usize % (last + 1)));
    out
}

/// A tensor with index i of an axis taken from `order[i]`.
fn taken(tensor: &Tensor, axis: usize, order: &[usize]) -> Tensor {
    let size = tensor.bytes.len() / tensor.shape.iter().product::<u64>() as usize;
    let inner = tensor.shape[axis + 1..].iter().product::<u64>() as usize * size;
    assert_eq!(tensor.shape[axis] as usize, order.len(), "{}", tensor.name);
    let blocks = tensor.bytes.chunks(inner * order.len());
    let bytes = blocks.flat_map(|block| order.iter().flat_map(move |at| &block[at * inner..(at + 1) * inner]));
    Tensor { bytes: bytes.copied().collect(), ..tensor.clone() }
}

/// A model with its channels in other orders; `spaces` says which spaces the axes of a tensor are of.
fn planted(model: &Tensors, orders: &BTreeMap<String, Vec<usize>>, spaces: impl Fn(&str) -> Vec<String>) -> Tensors {
    let one = |tensor: &Tensor| {
        let spaces = spaces(&tensor.name);
        let axes = spaces.iter().enumerate().filter_map(|(axis, space)| Some((axis, orders.get(space)?)));
        axes.fold(tensor.clone(), |tensor, (axis, order)| taken(&tensor, axis, order))
    };
    model.iter().map(|(name, tensor)| (name.clone(), one(tensor))).collect()
}

fn write(path: &Path, model: &Tensors) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, model::file(&model.values().cloned().collect::<Vec<_>>())).expect("a model");
}

#[track_caller]
fn assert_same(found: &Tensors, expected: &Tensors) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    found.iter().for_each(|(name, tensor)| assert!(tensor.bytes == expected[name].bytes, "{name}"));
}

#[track_caller]
fn built(dir: &Path, text: &str, threads: usize) -> (Tensors, Report) {
    let report = try_build(text, dir, threads).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
    let failed: Vec<_> = report.claims.iter().filter(|claim| !claim.holds).collect();
    assert!(failed.is_empty(), "{failed:?}");
    (model::read(&report.written[0]), report)
}

/// The channel spaces of StyleGAN2 (last layer of the mapping network: `fc3`), as its paper's figure shows them.
fn generator_spaces(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let list = |spaces: &[&str]| spaces.iter().map(|space| space.to_string()).collect::<Vec<_>>();
    match parts.as_slice() {
        ["mapping", "w_avg"] => list(&["fc3"]),
        ["mapping", fc, "bias"] => list(&[fc]),
        ["mapping", "fc0", "weight"] => list(&["fc0", "z"]),
        ["mapping", fc, "weight"] => {
            let before: usize = fc[2..].parse().expect("a number");
            list(&[fc, &format!("fc{}", before - 1)])
        }
        ["synthesis", "b4", "const"] => list(&["const"]),
        ["synthesis", block, layer @ ("conv0" | "conv1" | "torgb"), rest @ ..] => {
            let resolution: usize = block[1..].parse().expect("a number");
            let reads = match *layer {
                "conv1" if resolution == 4 => "const".to_string(),
                "conv0" => format!("b{}.conv1", resolution / 2),
                "conv1" => format!("{block}.conv0"),
                _ => format!("{block}.conv1"),
            };
            let makes = if *layer == "torgb" { "rgb".to_string() } else { format!("{block}.{layer}") };
            match rest {
                ["affine", "weight"] => list(&[&reads, "fc3"]),
                ["affine", "bias"] => list(&[&reads]),
                ["weight"] => list(&[&makes, &reads]),
                ["bias"] => list(&[&makes]),
                _ => vec![],
            }
        }
        _ => vec![],
    }
}

/// Orders of all channel spaces of a model but of those that stay.
fn orders(
    model: &Tensors,
    seed: u64,
    spaces: impl Fn(&str) -> Vec<String>,
    stay: &[&str],
) -> BTreeMap<String, Vec<usize>> {
    let mut random = Random(seed);
    let mut out = BTreeMap::new();
    for tensor in model.values() {
        for (space, size) in spaces(&tensor.name).into_iter().zip(&tensor.shape) {
            if !stay.contains(&space.as_str()) && !out.contains_key(&space) {
                out.insert(space, order(&mut random, *size as usize));
            }
        }
    }
    out
}

fn avatars(name: &str) -> std::path::PathBuf {
    root().join(format!("recipes/models/avatars-{name}.safetensors"))
}

/// A folder with two shipped models whose channels have changed places alike, and how many are elsewhere.
fn generators() -> (tempfile::TempDir, usize) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let ink = model::read(&avatars("ink"));
    let orders = orders(&ink, 3, generator_spaces, &["z", "rgb"]);
    assert_eq!(orders.len(), 14);
    for name in ["ink", "toon"] {
        let moved = planted(&model::read(&avatars(name)), &orders, generator_spaces);
        write(&dir.path().join(format!("{name}.safetensors")), &moved);
        std::os::unix::fs::symlink(avatars(name), dir.path().join(format!("{name}-base.safetensors"))).expect("a link");
    }
    let elsewhere = orders.values().flat_map(|order| order.iter().enumerate()).filter(|(at, from)| at != *from).count();
    (dir, elsewhere)
}

const MODELS: &str = "blend 1\nmodel ink = \"ink-base.safetensors\"\nmodel toon = \"toon-base.safetensors\"\n\
                      model moved = \"ink.safetensors\"\nmodel moved_toon = \"toon.safetensors\"\n";

/// Every bit comes back, whatever the number of threads and the seed, and the planted model draws what it drew before.
#[test]
fn a_planted_order_of_a_generator_is_found() {
    let (dir, elsewhere) = generators();
    let base = model::read(&avatars("ink"));
    for (threads, seed) in [(1, 0), (7, 0), (2, 5)] {
        let claims =
            if seed == 0 { "" } else { "assert psnr(render(moved, seeds = 1), render(ink, seeds = 1)) >= 60\n" };
        let value = format!("align(moved, to = ink, seed = {seed})");
        let text = format!("{MODELS}output \"back.safetensors\" = {value}\n{claims}");
        let (back, report) = built(dir.path(), &text, threads);
        assert_same(&back, &base);
        let [aligned] = report.aligned.as_slice() else { panic!("one alignment: {:?}", report.aligned) };
        assert_eq!(aligned.spaces.iter().map(|space| space.moved).sum::<usize>(), elsewhere);
        assert!(aligned.cosine[0] < 0.1 && aligned.cosine[1] > 0.999_999, "{:?}", aligned.cosine);
    }
}

/// The order is no content of an input: a build that knows the digests of all inputs, and has a build without the order or
/// with another one before it, takes nothing from there.
#[test]
fn an_order_is_not_taken_from_a_build_without_it() {
    let (dir, _) = generators();
    let (base, moved) = (model::read(&avatars("ink")), model::read(&dir.path().join("ink.safetensors")));
    for name in ["ink", "toon"] {
        let path = dir.path().join(format!("{name}.safetensors"));
        let file = std::fs::File::options().append(true).open(path).expect("a model");
        // Digests of a file that may still change are not remembered.
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(100);
        file.set_modified(old).expect("an old one");
    }
    let run = |words: &[&str], value: &str| {
        let text = format!("{MODELS}output \"o.safetensors\" = {value}\n");
        std::fs::write(dir.path().join("r.blend"), text).expect("a recipe");
        let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
        let command =
            forgetful(command.current_dir(dir.path()).args(words)).env("BLEND_CACHE_DIR", dir.path().join("c"));
        let output = command.output().expect("blend starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["lock", "r.blend"], "0.5 * moved + 0.2 * ink + 0.2 * toon + 0.1 * moved_toon");
    std::fs::remove_file(dir.path().join("r.blend.lock")).expect("a lock");
    for (value, expected) in [("moved", &moved), ("align(moved, to = ink)", &base), ("moved", &moved)] {
        run(&["build", "r.blend"], value);
        assert_same(&model::read(&dir.path().join("o.safetensors")), expected);
    }
}

/// Sums are moved like models, claims and pictures see the result, and equal calls are one alignment.
#[test]
fn aligned_models_are_values() {
    let (dir, _) = generators();
    let both = "0.5 * moved + 0.5 * moved_toon";
    let text = format!(
        "{MODELS}let back = align({both}, to = ink)\noutput \"back.safetensors\" = back\n\
         assert same(align(moved, to = ink), ink)\nassert distance(align(moved, to = ink), ink) <= 0\n\
         assert psnr(render(align(moved, to = ink), seeds = 1), render(ink, seeds = 1)) >= 200\n"
    );
    let (back, report) = built(dir.path(), &text, 2);
    assert_eq!(report.aligned.len(), 2);
    let text = format!("{MODELS}output \"plain.safetensors\" = 0.5 * ink + 0.5 * toon\n");
    assert_same(&back, &built(dir.path(), &text, 2).0);
    // What is aligned to may be aligned itself, and may be computed.
    let text = format!(
        "{MODELS}output \"two.safetensors\" = align(moved, to = align(moved_toon, to = slerp(ink, toon, 0.5)))\n"
    );
    let (two, report) = built(dir.path(), &text, 2);
    assert_same(&two, &model::read(&avatars("ink")));
    assert_eq!(report.aligned.len(), 2);
}

/// The pictures of `blend render` are those of the model whose places were taken.
#[test]
fn aligned_models_are_drawn() {
    let (dir, _) = generators();
    let drawn = |value: &str, name: &str| {
        let text = format!("{MODELS}output \"{name}.safetensors\" = {value}\n");
        std::fs::write(dir.path().join("r.blend"), text).expect("it is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
        let folder = format!("{name}/");
        let run = command.args(["render", "r.blend", "--seeds", "1,2", "-o", &folder]).current_dir(dir.path()).output();
        let run = run.expect("it runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        pictures(&dir.path().join(name))
    };
    let (aligned, plain) = (drawn("align(moved, to = ink)", "aligned"), drawn("ink", "plain"));
    // Parents are drawn too; the output's pictures are among them.
    assert!(plain.len() >= 2 && plain.iter().all(|picture| aligned.contains(picture)));
}

/// The pixels of the pictures in a folder.
fn pictures(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "png")).collect();
    paths.sort();
    paths.iter().map(|path| pixels(&std::fs::read(path).expect("a picture"))).collect()
}

/// The pixels of a picture.
fn pixels(bytes: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a picture");
    let mut out = vec![0; reader.output_buffer_size().expect("a small picture")];
    reader.next_frame(&mut out).expect("a picture");
    out
}

/// Models of one parent have their channels in the same places.
#[test]
fn siblings_stay_as_they_are() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in ["toon", "ink", "pixel"] {
        std::os::unix::fs::symlink(avatars(name), dir.path().join(format!("{name}.safetensors"))).expect("a link");
    }
    for (model, to) in [("toon", "ink"), ("pixel", "toon")] {
        let text = format!(
            "blend 1\nmodel a = \"{model}.safetensors\"\nmodel b = \"{to}.safetensors\"\noutput \"o.safetensors\" = align(a, to = b)\n"
        );
        let (out, report) = built(dir.path(), &text, 2);
        assert_same(&out, &model::read(&avatars(model)));
        assert!(report.aligned[0].spaces.iter().all(|space| space.moved == 0), "{:?}", report.aligned);
    }
}

const HIDDEN: usize = 24;
/// Heads of queries, heads of keys and values, rows of a head.
const QUERIES: usize = 6;
const KEYS: usize = 3;
const ROWS: usize = 4;
/// Units of an MLP.
const UNITS: usize = 40;
/// The vocabulary.
const WORDS: usize = 50;
const LAYERS: usize = 2;

/// A decoder of random numbers.
fn decoder(seed: u64) -> Tensors {
    let mut random = Random(seed);
    let mut out = Tensors::new();
    let mut add = |name: String, shape: &[usize]| {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| random.unit()).collect();
        let shape: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
        out.insert(name.clone(), model::tensor(&name, "F16", &shape, model::floats("F16", &values)));
    };
    add("model.embed_tokens.weight".into(), &[WORDS, HIDDEN]);
    add("lm_head.weight".into(), &[WORDS, HIDDEN]);
    add("model.norm.weight".into(), &[HIDDEN]);
    for layer in 0..LAYERS {
        let mut of = |name: &str, shape: &[usize]| add(format!("model.layers.{layer}.{name}"), shape);
        of("self_attn.q_proj.weight", &[QUERIES * ROWS, HIDDEN]);
        of("self_attn.q_proj.bias", &[QUERIES * ROWS]);
        of("self_attn.k_proj.weight", &[KEYS * ROWS, HIDDEN]);
        of("self_attn.k_proj.bias", &[KEYS * ROWS]);
        of("self_attn.v_proj.weight", &[KEYS * ROWS, HIDDEN]);
        of("self_attn.v_proj.bias", &[KEYS * ROWS]);
        of("self_attn.o_proj.weight", &[HIDDEN, QUERIES * ROWS]);
        of("mlp.gate_proj.weight", &[UNITS, HIDDEN]);
        of("mlp.up_proj.weight", &[UNITS, HIDDEN]);
        of("mlp.down_proj.weight", &[HIDDEN, UNITS]);
        of("input_layernorm.weight", &[HIDDEN]);
        of("post_attention_layernorm.weight", &[HIDDEN]);
    }
    out
}

fn decoder_spaces(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let list = |spaces: &[&str]| spaces.iter().map(|space| space.to_string()).collect::<Vec<_>>();
    let ["model", "layers", layer, rest @ ..] = parts.as_slice() else {
        return if name == "model.norm.weight" { list(&["hidden"]) } else { list(&["words", "hidden"]) };
    };
    let own = |space: &str| format!("{layer}.{space}");
    match rest {
        ["self_attn", "o_proj", _] => list(&["hidden", &own("q")]),
        ["mlp", "down_proj", _] => list(&["hidden", &own("mlp")]),
        ["mlp", ..] => list(&[&own("mlp"), "hidden"]),
        ["self_attn", "q_proj", "bias"] => list(&[&own("q")]),
        ["self_attn", "q_proj", _] => list(&[&own("q"), "hidden"]),
        ["self_attn", _, "bias"] => list(&[&own("kv")]),
        ["self_attn", ..] => list(&[&own("kv"), "hidden"]),
        _ => list(&["hidden"]),
    }
}

/// Orders that a decoder does not notice: heads of queries go with the keys and values that they read.
fn decoder_orders(seed: u64, heads: bool) -> BTreeMap<String, Vec<usize>> {
    let mut random = Random(seed);
    let mut out = BTreeMap::from([("hidden".to_string(), order(&mut random, HIDDEN))]);
    for layer in 0..LAYERS {
        out.insert(format!("{layer}.mlp"), order(&mut random, UNITS));
        if !heads {
            continue;
        }
        let rows = |heads: &[usize]| heads.iter().flat_map(|head| head * ROWS..(head + 1) * ROWS).collect::<Vec<_>>();
        let keys = order(&mut random, KEYS);
        let each = QUERIES / KEYS;
        let queries: Vec<usize> = keys
            .iter()
            .flat_map(|key| order(&mut random, each).into_iter().map(move |query| key * each + query))
            .collect();
        out.insert(format!("{layer}.kv"), rows(&keys));
        out.insert(format!("{layer}.q"), rows(&queries));
    }
    out
}

const DECODERS: &str = "blend 1\nmodel base = \"base/model.safetensors\"\nmodel moved = \"moved/model.safetensors\"\n";

#[test]
fn a_planted_order_of_a_decoder_is_found() {
    for heads in [true, false] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let base = decoder(1);
        let moved = planted(&base, &decoder_orders(9, heads), decoder_spaces);
        assert_ne!(moved, base);
        for (name, model) in [("base", &base), ("moved", &moved)] {
            write(&dir.path().join(name).join("model.safetensors"), model);
            // Without it nobody knows where a head ends, and heads stay where they are.
            if heads {
                let config = format!("{{ \"head_dim\": {ROWS}, \"num_attention_heads\": {QUERIES} }}");
                std::fs::write(dir.path().join(name).join("config.json"), config).expect("a file");
            }
        }
        for threads in [1, 3] {
            let text = format!("{DECODERS}output \"back.safetensors\" = align(moved, to = base)\n");
            let (back, report) = built(dir.path(), &text, threads);
            assert_same(&back, &base);
            assert_eq!(report.aligned[0].spaces.len(), 1 + LAYERS * if heads { 3 } else { 1 });
        }
    }
}
