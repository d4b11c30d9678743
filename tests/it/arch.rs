//! Architectures: detection, words and coordinates, canonical names and back, near misses, users' own files.

use blend::arch;
use blend::arch::Canon;
use blend::arch::Stored;
use blend::check;
use blend::check::Checked;
use blend::check::Settings;
use blend::check::World;
use blend::diag::Code;
use blend::diag::Problem;
use blend::hir::Atom;
use blend::hir::Made;
use blend::hir::Recipe;
use blend::tensor::Affine;
use blend::tensor::Coord;
use blend::tensor::Dtype;
use blend::tensor::Entry;
use blend::tensor::FileInfo;
use blend::tensor::Header;
use blend::tensor::Shape;
use blend::text::Sources;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

/// A header written as text: `name dtype [shape]` a line.
pub fn header(text: &str) -> Header {
    let mut entries: Vec<Entry> = vec![];
    let mut offset = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, rest) = line.trim().split_once(' ').expect("a line has a name");
        let (dtype, sizes) = rest.split_once(' ').expect("a line has a type");
        let sizes = sizes.trim_matches(['[', ']']).split(',').map(str::trim).filter(|size| !size.is_empty());
        let shape: Shape = sizes.map(|size| size.parse::<u64>().expect("sizes are numbers")).collect();
        let dtype = Dtype::from_safetensors(dtype).expect("the type exists");
        let len = dtype.bytes() * shape.iter().product::<u64>();
        entries.push(Entry { name: name.into(), dtype, shape, file: 0, offset, len });
        offset += len;
    }
    Header { files: vec![FileInfo { path: "sample.safetensors".into(), size: offset }], entries, ..Header::default() }
}

/// A sample of `tests/data/headers`.
pub fn sample(name: &str) -> Header {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/headers").join(format!("{name}.txt"));
    header(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

const SAMPLES: &[&str] = &[
    "llama2-7b",
    "llama3-8b",
    "mistral-7b",
    "qwen2-0.5b",
    "sd-vae",
    "stylegan2-1024",
    "stylegan2-256",
    "stylegan2-512",
    "stylegan2-labels",
    "stylegan2-orig",
    "stylegan2-resnet",
    "stylegan3-r-1024",
    "stylegan3-r-256",
    "stylegan3-t-1024",
    "stylegan3-t-256",
    "toon-nvidia",
    "toon-rosinality",
];

fn seen(name: &str) -> Canon {
    arch::detect(&sample(name), None, None).unwrap_or_else(|problem| panic!("{name}: {problem:?}"))
}

/// A sample is claimed by one layout, wholly known, and says these facts of itself.
#[track_caller]
fn check_detected(name: &str, family: &str, layout: &str, facts: &[(&str, &str)]) {
    let canon = seen(name);
    assert_eq!((&*canon.family, &*canon.layout), (family, layout), "{name}");
    let claimed: &[&str] = if layout == "generic" { &[] } else { &[layout] };
    assert_eq!(arch::claimants(&sample(name)), claimed, "{name}");
    assert_eq!((canon.unknown.as_slice(), canon.remarks.as_slice()), ([].as_slice(), [].as_slice()), "{name}");
    let own: Vec<(&str, &str)> = canon.facts.iter().map(|fact| (fact.0.as_str(), fact.1.as_str())).collect();
    assert_eq!(own, facts, "{name}");
}

#[test]
fn detection() {
    let widths = "4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64";
    check_detected(
        "stylegan2-256",
        "stylegan2",
        "nvidia-pytorch",
        &[("resolution", "256"), ("kind", "skip"), ("mapping layers", "8"), ("channels", widths), ("labels", "0")],
    );
    let full = "4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32";
    check_detected(
        "stylegan2-1024",
        "stylegan2",
        "nvidia-pytorch",
        &[("resolution", "1024"), ("kind", "skip"), ("mapping layers", "8"), ("channels", full), ("labels", "0")],
    );
    check_detected(
        "stylegan2-512",
        "stylegan2",
        "nvidia-pytorch",
        &[
            ("resolution", "512"),
            ("kind", "skip"),
            ("mapping layers", "8"),
            ("channels", &full[..full.rfind(", 1024").expect("1024 is last")]),
            ("labels", "0"),
        ],
    );
    let small = "4: 512, 8: 512, 16: 512, 32: 512";
    check_detected(
        "stylegan2-labels",
        "stylegan2",
        "nvidia-pytorch",
        &[("resolution", "32"), ("kind", "skip"), ("mapping layers", "2"), ("channels", small), ("labels", "10")],
    );
    let middle = "4: 512, 8: 512, 16: 512, 32: 512, 64: 256";
    for (name, kind) in [("stylegan2-resnet", "resnet"), ("stylegan2-orig", "orig")] {
        check_detected(
            name,
            "stylegan2",
            "nvidia-pytorch",
            &[("resolution", "64"), ("kind", kind), ("mapping layers", "8"), ("channels", middle), ("labels", "0")],
        );
    }
    for (name, layout) in [("toon-nvidia", "nvidia-pytorch"), ("toon-rosinality", "rosinality")] {
        let widths = "4: 128, 8: 128, 16: 128, 32: 64, 64: 32";
        check_detected(
            name,
            "stylegan2",
            layout,
            &[("resolution", "64"), ("kind", "skip"), ("mapping layers", "4"), ("channels", widths), ("labels", "0")],
        );
    }
    for (name, resolution, kind, widths) in [
        (
            "stylegan3-t-256",
            "256",
            "T",
            "0: 512, 1: 512, 2: 512, 3: 512, 4: 512, 5: 512, 6: 512, 7: 512, 8: 512, 9: 362, 10: 256, 11: 181, 12: 128, 13: 128, 14: 3",
        ),
        (
            "stylegan3-t-1024",
            "1024",
            "T",
            "0: 512, 1: 512, 2: 512, 3: 512, 4: 512, 5: 512, 6: 512, 7: 323, 8: 203, 9: 128, 10: 81, 11: 51, 12: 32, 13: 32, 14: 3",
        ),
        (
            "stylegan3-r-256",
            "256",
            "R",
            "0: 1024, 1: 1024, 2: 1024, 3: 1024, 4: 1024, 5: 1024, 6: 1024, 7: 1024, 8: 1024, 9: 724, 10: 512, 11: 362, 12: 256, 13: 256, 14: 3",
        ),
        (
            "stylegan3-r-1024",
            "1024",
            "R",
            "0: 1024, 1: 1024, 2: 1024, 3: 1024, 4: 1024, 5: 1024, 6: 1024, 7: 645, 8: 406, 9: 256, 10: 161, 11: 102, 12: 64, 13: 64, 14: 3",
        ),
    ] {
        check_detected(
            name,
            "stylegan3",
            "nvidia-stylegan3",
            &[
                ("resolution", resolution),
                ("kind", kind),
                ("channels", widths),
                ("mapping layers", "2"),
                ("labels", "0"),
            ],
        );
    }
    for (name, layers, words, hidden) in [
        ("llama2-7b", "32", "32000", "4096"),
        ("llama3-8b", "32", "128256", "4096"),
        ("mistral-7b", "32", "32000", "4096"),
        ("qwen2-0.5b", "24", "151936", "896"),
    ] {
        check_detected(
            name,
            "llama",
            "huggingface",
            &[("layers", layers), ("vocabulary", words), ("hidden size", hidden)],
        );
    }
    check_detected("sd-vae", "generic", "generic", &[("layers", "4")]);
}

/// Words and coordinates of a tensor: `resolution=4 octave=2 …`, in the order of the coordinates' declaration.
#[track_caller]
fn check_traits(sample: &str, tensor: &str, words: &str, coords: &str, axes: &str) {
    let canon = seen(sample);
    let at = *canon.index.get(tensor).unwrap_or_else(|| panic!("{sample} has no `{tensor}`"));
    let traits = &canon.tensors[at].traits;
    assert_eq!(traits.words.join(" "), words, "{tensor}");
    let own: Vec<String> = traits.coords.iter().map(|(coord, value)| format!("{}={value}", coord.text())).collect();
    assert_eq!(own.join(" "), coords, "{tensor}");
    let own: Vec<&str> = traits.axes.iter().map(|axis| axis.as_deref().unwrap_or("-")).collect();
    assert_eq!(own.join(" "), axes, "{tensor}");
}

#[test]
fn words_and_coordinates() {
    let s = "stylegan2-256";
    check_traits(s, "mapping.w_avg", "mapping w_avg buffer", "", "w");
    check_traits(s, "mapping.fc7.bias", "mapping fc bias", "", "");
    check_traits("stylegan2-labels", "mapping.embed.weight", "mapping embed weight", "", "");
    let b4 = "resolution=4 octave=2 position=0 block=0";
    check_traits(s, "synthesis.b4.const", "synthesis const", b4, "b4.const - -");
    let b4 = "resolution=4 octave=2 position=1 block=0";
    check_traits(s, "synthesis.b4.conv1.weight", "synthesis conv conv1 weight", b4, "b4.conv1 b4.const - -");
    check_traits(s, "synthesis.b4.conv1.affine.bias", "synthesis conv conv1 affine bias", b4, "b4.const");
    check_traits(s, "synthesis.b4.torgb.weight", "synthesis torgb weight", b4, "rgb b4.conv1 - -");
    check_traits(s, "synthesis.b4.resample_filter", "synthesis filter buffer", b4, "");
    let b64 = "resolution=64 octave=6 position=8 block=4";
    check_traits(s, "synthesis.b64.conv0.weight", "synthesis conv conv0 weight", b64, "b64.conv0 b32.conv1 - -");
    check_traits(s, "synthesis.b64.conv0.bias", "synthesis conv conv0 bias", b64, "b64.conv0");
    check_traits(s, "synthesis.b64.conv0.affine.weight", "synthesis conv conv0 affine weight", b64, "b32.conv1 w");
    check_traits(s, "synthesis.b64.conv0.noise_strength", "synthesis conv conv0 noise strength", b64, "");
    check_traits(s, "synthesis.b64.conv0.noise_const", "synthesis conv conv0 noise image buffer", b64, "");
    check_traits(s, "synthesis.b64.conv0.resample_filter", "synthesis conv conv0 filter buffer", b64, "");
    let b64 = "resolution=64 octave=6 position=9 block=4";
    check_traits(s, "synthesis.b64.conv1.weight", "synthesis conv conv1 weight", b64, "b64.conv1 b64.conv0 - -");
    check_traits(s, "synthesis.b64.conv1.affine.weight", "synthesis conv conv1 affine weight", b64, "b64.conv0 w");
    check_traits(s, "synthesis.b64.conv1.noise_const", "synthesis conv conv1 noise image buffer", b64, "");
    check_traits(s, "synthesis.b64.torgb.bias", "synthesis torgb bias", b64, "rgb");
    check_traits(s, "synthesis.b64.torgb.affine.weight", "synthesis torgb affine weight", b64, "b64.conv1 w");
    check_traits(s, "synthesis.b64.resample_filter", "synthesis filter buffer", b64, "");
    let skip = "synthesis.b64.skip.weight";
    check_traits("stylegan2-resnet", skip, "synthesis skip weight", b64, "b64.conv1 b32.conv1 - -");
    check_traits("stylegan2-resnet", "synthesis.b64.skip.resample_filter", "synthesis skip filter buffer", b64, "");

    let (s, depth) = ("stylegan3-t-256", 5.0 / 14.0);
    check_traits(s, "synthesis.input.affine.weight", "synthesis input affine weight", "", "- w");
    check_traits(s, "synthesis.input.freqs", "synthesis input freqs buffer", "", "input -");
    let l0 = "resolution=16 position=0 layer=0 depth=0";
    check_traits(s, "synthesis.L0.weight", "synthesis conv weight", l0, "L0 input - -");
    let l5 = format!("resolution=64 position=5 layer=5 depth={depth}");
    check_traits(s, "synthesis.L5.weight", "synthesis conv weight", &l5, "L5 L4 - -");
    check_traits(s, "synthesis.L5.affine.bias", "synthesis conv affine bias", &l5, "L4");
    check_traits(s, "synthesis.L5.magnitude_ema", "synthesis conv magnitude_ema buffer", &l5, "");
    check_traits(s, "synthesis.L5.up_filter", "synthesis conv filter up buffer", &l5, "");
    let l13 = format!("resolution=256 position=13 layer=13 depth={}", 13.0 / 14.0);
    check_traits(s, "synthesis.L13.weight", "synthesis conv weight", &l13, "L13 L12 - -");
    let l14 = "resolution=256 position=14 layer=14 depth=1";
    check_traits(s, "synthesis.L14.weight", "synthesis torgb weight", l14, "rgb L13 - -");

    let s = "qwen2-0.5b";
    check_traits(s, "model.embed_tokens.weight", "embed weight", "", "vocabulary hidden");
    check_traits(s, "model.norm.weight", "norm weight", "", "hidden");
    check_traits("llama3-8b", "lm_head.weight", "head weight", "", "vocabulary hidden");
    let i = "layer=0 depth=0 block=0";
    check_traits(s, "model.layers.0.self_attn.q_proj.bias", "attention q bias", i, "L0.q");
    let i = "layer=23 depth=1 block=23";
    check_traits(s, "model.layers.23.self_attn.k_proj.weight", "attention k weight", i, "L23.kv hidden");
    check_traits(s, "model.layers.23.mlp.down_proj.weight", "mlp down weight", i, "hidden L23.mlp");
    let norm = "model.layers.23.post_attention_layernorm.weight";
    check_traits(s, norm, "norm post_attention_layernorm weight", i, "hidden");

    let (s, none) = ("sd-vae", "");
    let words = "encoder down_blocks resnets conv_shortcut weight";
    check_traits(
        s,
        "encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
        words,
        &format!("layer=1 depth={}", 1.0 / 3.0),
        "",
    );
    check_traits(s, "quant_conv.bias", "quant_conv bias", none, none);
}

/// The law of the language page, over every tensor: words that the parts of a name stand for, positions by formula.
#[test]
fn stylegan2_by_the_law() {
    for name in SAMPLES.iter().filter(|name| name.starts_with("stylegan2") || name.starts_with("toon")) {
        for tensor in &seen(name).tensors {
            let parts: Vec<&str> = tensor.name.split('.').collect();
            let mut words: BTreeSet<&str> = BTreeSet::from([parts[0]]);
            let mut position = None;
            if let Some(r) = parts[1].strip_prefix('b').and_then(|r| r.parse::<u64>().ok()) {
                let k = u64::from(r.trailing_zeros());
                position = Some(match parts[2] {
                    "const" => 0,
                    "conv1" if r == 4 => 1,
                    "conv0" => 2 * (k - 2),
                    _ => 2 * (k - 2) + 1,
                });
                assert_eq!(tensor.traits.coord(Coord::Resolution), Some(r as f64), "{}", tensor.name);
                assert_eq!(tensor.traits.coord(Coord::Octave), Some(k as f64), "{}", tensor.name);
            }
            for part in &parts[1..] {
                words.extend::<&[&str]>(match *part {
                    "const" => &["const"],
                    "conv0" => &["conv", "conv0"],
                    "conv1" => &["conv", "conv1"],
                    "torgb" => &["torgb"],
                    "skip" => &["skip"],
                    "affine" => &["affine"],
                    "weight" => &["weight"],
                    "bias" => &["bias"],
                    "noise_strength" => &["noise", "strength"],
                    "noise_const" => &["noise", "image", "buffer"],
                    "resample_filter" => &["filter", "buffer"],
                    "w_avg" => &["w_avg", "buffer"],
                    "embed" => &["embed"],
                    fc if fc.starts_with("fc") => &["fc"],
                    block if block.starts_with('b') => &[],
                    other => panic!("`{other}` in {}", tensor.name),
                });
            }
            let own: BTreeSet<&str> = tensor.traits.words.iter().map(|word| &**word).collect();
            assert_eq!(own, words, "{}", tensor.name);
            assert_eq!(tensor.traits.coord(Coord::Position), position.map(|p| p as f64), "{}", tensor.name);
        }
    }
}

#[test]
fn one_network_under_two_names() {
    let (ours, theirs) = (seen("toon-nvidia"), seen("toon-rosinality"));
    let shapes = |canon: &Canon| -> Vec<(String, Vec<u64>)> {
        let mut list: Vec<_> =
            canon.tensors.iter().map(|tensor| (tensor.name.to_string(), tensor.shape.to_vec())).collect();
        list.sort();
        list
    };
    assert_eq!(shapes(&ours), shapes(&theirs));
    for tensor in &theirs.tensors {
        let same = &ours.tensors[ours.index[&tensor.name]];
        assert_eq!(same.traits, tensor.traits, "{}", tensor.name);
        let scale = if tensor.traits.has_word("filter") { 0.25 } else { 1.0 };
        assert_eq!(tensor.affine, Affine { scale, add: 0.0 }, "{}", tensor.name);
        assert!(tensor.view.is_contiguous(), "{} needs no gathering", tensor.name);
    }
    // Written under the other's names, either gives the other's file.
    for (canon, layout, sample_name) in
        [(&ours, "rosinality", "toon-rosinality"), (&theirs, "nvidia-pytorch", "toon-nvidia")]
    {
        let mut names: Vec<(String, Vec<u64>)> = vec![];
        for tensor in &canon.tensors {
            match arch::stored(None, layout, &tensor.name, &tensor.numbers) {
                Stored::Name { name, ops, affine } => {
                    let view = blend::tensor::View::contiguous(&tensor.shape);
                    let view = ops.iter().try_fold(view, |view, op| op.apply(view)).expect("the fixes can be undone");
                    names.push((name, view.shape.to_vec()));
                    let upsampling = layout == "rosinality" && tensor.traits.has_word("filter");
                    assert_eq!(affine, Affine { scale: if upsampling { 4.0 } else { 1.0 }, add: 0.0 });
                }
                Stored::Dropped => assert!(tensor.traits.has_word("filter"), "{} is dropped", tensor.name),
                other => panic!("{}: {other:?}", tensor.name),
            }
        }
        names.sort();
        let mut wanted: Vec<(String, Vec<u64>)> =
            sample(sample_name).entries.iter().map(|entry| (entry.name.clone(), entry.shape.to_vec())).collect();
        wanted.sort();
        assert_eq!(names, wanted);
    }
}

#[test]
fn back_to_where_it_came_from() {
    for name in SAMPLES {
        let (file, canon) = (sample(name), seen(name));
        let mut stored_names: BTreeSet<String> = BTreeSet::new();
        for tensor in &canon.tensors {
            let entry = &file.entries[tensor.entry];
            let stored = arch::stored(None, &canon.layout, &tensor.name, &tensor.numbers);
            match stored {
                Stored::Name { name, ops, affine } => {
                    assert_eq!(name, entry.name);
                    let view =
                        ops.iter().try_fold(tensor.view.clone(), |view, op| op.apply(view)).expect("inverses fit");
                    assert_eq!(view.shape, entry.shape, "{name}");
                    assert!(view.is_contiguous() && view.base == 0, "{name}");
                    let once = 3.0 * tensor.affine.scale + tensor.affine.add;
                    assert_eq!(once * affine.scale + affine.add, 3.0, "{name}");
                    assert!(stored_names.insert(name), "two tensors go to one place");
                }
                Stored::Dropped => assert_eq!(&*canon.layout, "rosinality", "{}", tensor.name),
                Stored::Unknown => {
                    assert_eq!((&*canon.layout, &*tensor.name), ("generic", entry.name.as_str()));
                    stored_names.insert(entry.name.clone());
                }
                Stored::NoPlace => panic!("{} has no place in its own layout", tensor.name),
            }
        }
        let own: BTreeSet<String> = file.entries.iter().map(|entry| entry.name.clone()).collect();
        assert_eq!(stored_names, own, "{name}");
    }
}

#[test]
fn no_place() {
    for (sample_name, tensor) in
        [("stylegan2-labels", "mapping.embed.weight"), ("stylegan2-resnet", "synthesis.b8.skip.weight")]
    {
        let canon = seen(sample_name);
        let numbers = &canon.tensors[canon.index[tensor]].numbers;
        assert_eq!(arch::stored(None, "rosinality", tensor, numbers), Stored::NoPlace, "{tensor}");
    }
    assert_eq!(arch::stored(None, "rosinality", "discriminator.weight", &[]), Stored::Unknown);
}

#[test]
fn generic_names() {
    let text = "h.10.attn.Weight F32 [2]\nh.2.bn.num_batches_tracked I64 []\nh.03.x F32 [1]\nh.+4.x F32 [1]\n\
                a.a.b F32 [1]\nh.99999999999999999999999999999999999999999.w F32 [1]\nläyer.5.größe F32 [1]\n\
                layer4.0.conv1.weight F32 [1]\n0 F32 [1]\n. F32 [1]\nx.position_ids I64 [1]";
    let canon = arch::detect(&header(text), None, None).expect("generic fits everything");
    assert_eq!((&*canon.family, canon.remarks.len()), ("generic", 0));
    let described: Vec<String> = canon
        .tensors
        .iter()
        .map(|tensor| {
            let coords: Vec<String> =
                tensor.traits.coords.iter().map(|(coord, value)| format!("{}={value}", coord.text())).collect();
            format!(
                "{}: {} | {} | {:?}",
                tensor.name,
                tensor.traits.words.join(" "),
                coords.join(" "),
                tensor.traits.policy
            )
        })
        .collect();
    assert_eq!(
        described,
        [
            "h.10.attn.Weight: h attn weight | layer=10 depth=1 | Mix",
            "h.2.bn.num_batches_tracked: h bn num_batches_tracked | layer=2 depth=0.2 | First",
            "h.03.x: h x | | Mix",
            "h.+4.x: h x | | Mix",
            "a.a.b: a b | | Mix",
            "h.99999999999999999999999999999999999999999.w: h w | | Mix",
            "läyer.5.größe:  | layer=5 depth=0.5 | Mix",
            "layer4.0.conv1.weight: layer4 conv1 weight | layer=0 depth=0 | Mix",
            "0:  | layer=0 depth=0 | Mix",
            ".:  | | Mix",
            "x.position_ids: x position_ids | | Equal",
        ]
        .map(|line| line.replace("| |", "|  |"))
    );
}

/// What is said of a header that is nearly one of a layout: code, message, help.
#[track_caller]
fn check_near(file: &Header, forced: Option<&str>, layout: &str, code: &str, message: &str, help: &str) {
    let (found, problems) = match arch::detect(file, None, forced) {
        Ok(canon) => (canon.layout.to_string(), canon.remarks.clone()),
        Err(problem) => ("none".into(), vec![problem]),
    };
    let said: Vec<_> = problems
        .iter()
        .map(|problem| (problem.code.0, problem.message.as_str(), problem.help.as_deref().unwrap_or("")))
        .collect();
    let wanted: &[_] = if code.is_empty() { &[] } else { &[(code, message, help)] };
    assert_eq!((found.as_str(), said.as_slice()), (layout, wanted));
}

/// A sample without some tensors, and with some more.
fn changed(name: &str, without: &[&str], with: &str) -> Header {
    let mut file = sample(name);
    file.entries.retain(|entry| !without.iter().any(|part| entry.name.contains(part)));
    file.entries.extend(header(with).entries);
    file
}

#[test]
fn near_misses() {
    let complete = "take what it lacks from another model: `complete(THIS, from = OTHER)`";
    let one = changed("stylegan2-256", &["b16.conv0.weight"], "");
    let lacks = "the model lacks `synthesis.b16.conv0.weight` of a stylegan2 network";
    check_near(&one, None, "nvidia-pytorch", "W0402", lacks, complete);
    let block = changed("stylegan2-256", &["b16."], "");
    let lacks = "the model lacks `synthesis.b16.conv0.weight` and 18 other tensors of a stylegan2 network";
    check_near(&block, None, "nvidia-pytorch", "W0402", lacks, complete);
    let layer = changed("llama3-8b", &["layers.7."], "");
    let lacks = "the model lacks `model.layers.7.self_attn.q_proj.weight` and 8 other tensors of a llama network";
    check_near(&layer, None, "huggingface", "W0402", lacks, complete);
    let rosinality = changed("toon-rosinality", &["convs.2.activate.bias"], "");
    let lacks = "the model lacks `synthesis.b16.conv0.bias` of a stylegan2 network";
    check_near(&rosinality, None, "rosinality", "W0402", lacks, complete);
    // Without w_avg or noise images a network is whole: code bases leave them out.
    check_near(&changed("stylegan2-256", &["w_avg", "noise_const"], ""), None, "nvidia-pytorch", "", "", "");

    let headless = changed("stylegan2-256", &["b4.const"], "");
    let missing = "143 of 143 tensors are named as in the layout `nvidia-pytorch`, but `synthesis.b4.const` is missing";
    let name_it = "write `{ layout = \"nvidia-pytorch\" }`, or `{ layout = \"generic\" }` if it is meant";
    check_near(&headless, None, "generic", "W0403", missing, name_it);
    check_near(&headless, Some("generic"), "generic", "", "", "");
    let lacks = "the model lacks `synthesis.b4.const` of a stylegan2 network";
    check_near(&headless, Some("nvidia-pytorch"), "nvidia-pytorch", "W0402", lacks, complete);

    let mut prefixed = sample("toon-rosinality");
    prefixed.entries.iter_mut().for_each(|entry| entry.name.insert_str(0, "decoder."));
    prefixed.entries.extend(header("encoder.conv.weight F32 [4]").entries);
    let under = "the tensors under `decoder.` are named as in the layout `rosinality`";
    check_near(&prefixed, None, "generic", "W0403", under, "write `{ strip_prefix = \"decoder.\" }`");

    let none = "no tensor is named as in the layout `rosinality`";
    check_near(
        &sample("toon-nvidia"),
        Some("rosinality"),
        "none",
        "E0437",
        none,
        "write `layout = \"nvidia-pytorch\"`",
    );
    let typo = "there is no layout `rosinalty`";
    let names = "write `\"rosinality\"` (there are huggingface, nvidia-pytorch, rosinality, nvidia-stylegan3, generic)";
    check_near(&sample("toon-rosinality"), Some("rosinalty"), "none", "E0431", typo, names);

    let generic = "write `{ layout = \"generic\" }` to read the file under its own names";
    let flat = changed("toon-rosinality", &["input.input"], "input.input F32 [128, 4, 4]");
    let shape = "`input.input` does not have the shape of its layout: axis 0 has size 128, and 1 is needed to drop it";
    check_near(&flat, None, "none", "E0432", shape, generic);
    let flat = changed("toon-nvidia", &["b8.conv0.weight"], "synthesis.b8.conv0.weight F32 [128, 1152]");
    let shape = "`synthesis.b8.conv0.weight` does not have the shape of its layout: `synthesis.b8.conv0.weight` has 4 axes, and 2 came out";
    check_near(&flat, None, "none", "E0432", shape, generic);
    let twice = changed("toon-rosinality", &[], "conv1.bias F32 [1, 128, 1, 1]");
    let both = "`conv1.activate.bias` and `conv1.bias` are both `synthesis.b4.conv1.bias`";
    check_near(&twice, None, "none", "E0438", both, &format!("{generic}, or remove one of them"));
}

#[test]
fn extra_tensors_keep_their_names() {
    let file = changed("stylegan2-256", &[], "D.b4.out.weight F32 [1, 512]\nsynthesis.b5.torgb.bias F32 [3]");
    let canon = arch::detect(&file, None, None).expect("an extra tensor is no error");
    assert_eq!(canon.unknown.len(), 2);
    assert_eq!(
        canon.facts.last().map(|fact| (fact.0.as_str(), fact.1.as_str())),
        Some(("not in the layout", "2: `D.b4.out.weight`, `synthesis.b5.torgb.bias`"))
    );
    let extra = &canon.tensors[canon.index["D.b4.out.weight"]].traits;
    assert_eq!((extra.words.join(" "), extra.coords.as_slice()), ("d b4 out weight extra".into(), [].as_slice()));
    assert!(canon.remarks.is_empty(), "an extra tensor is no hole: {:?}", canon.remarks);
    let stored = arch::stored(None, "rosinality", "D.b4.out.weight", &[]);
    assert_eq!(stored, Stored::Unknown);
}

#[test]
fn hostile_headers() {
    let digits = "9".repeat(40);
    let extras = [
        format!("synthesis.b{digits}.conv0.weight F32 [1, 1, 3, 3]"),
        "synthesis.b016.conv0.weight F32 [1, 1, 3, 3]".into(),
        "synthesis.b0.conv0.weight F32 [1, 1, 3, 3]".into(),
        "synthesis.b4.conv0.weight F32 [1, 1, 3, 3]".into(),
        "synthesis.b1099511627776.conv0.weight F32 [1, 1, 3, 3]".into(),
        "synthesis.b\u{664}.conv0.weight F32 [1, 1, 3, 3]".into(),
        format!("convs.{digits}.conv.weight F32 [1, 1, 1, 3, 3]"),
        "convs.4611686018427387903.conv.weight F32 [1, 1, 1, 3, 3]".into(),
        "style.0.weight F32 [1]".into(),
        "to_rgbs.900000000000000000.bias F32 [1, 3, 1, 1]".into(),
        format!("model.layers.{digits}.mlp.up_proj.weight F32 [1, 1]"),
        "model.layers.999999999999999999.mlp.up_proj.weight F32 [1, 1]".into(),
        format!("synthesis.L{digits}_36_512.weight F32 [1, 1, 1, 1]"),
        "synthesis.L5_0_0.bias F32 [0]".into(),
        "synthesis.L999999999999999999_999999999999999999_1.bias F32 [0]".into(),
        format!("{} F32 []", ".".repeat(100_000)),
    ];
    for name in SAMPLES {
        for extra in &extras {
            let file = changed(name, &[], extra);
            // Whatever is made of it, nothing panics and no tensor is lost.
            if let Ok(canon) = arch::detect(&file, None, None) {
                let entries: BTreeSet<usize> = canon.tensors.iter().map(|tensor| tensor.entry).collect();
                assert_eq!(entries.len(), file.entries.len(), "{name} with {extra:.60}");
            }
        }
        // Cut anywhere, too.
        let whole = sample(name);
        for cut in [0, 1, 2, 7, whole.entries.len() / 2, whole.entries.len() - 1] {
            let mut file = whole.clone();
            file.entries.truncate(cut);
            for layout in
                [None, Some("rosinality"), Some("nvidia-pytorch"), Some("huggingface"), Some("nvidia-stylegan3")]
            {
                let _ = arch::detect(&file, None, layout);
            }
        }
    }
}

/// Best of five: what others do on the machine must not fail the test.
fn fastest(file: &Header) -> Duration {
    let run = || {
        let start = Instant::now();
        arch::detect(file, None, None).expect("the header is right");
        start.elapsed()
    };
    (0..5).map(|_| run()).min().expect("five runs")
}

#[test]
fn fast() {
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 200 } else { 20 });
    let mut llama =
        String::from("model.embed_tokens.weight BF16 [8, 8]\nmodel.norm.weight BF16 [8]\nlm_head.weight BF16 [8, 8]\n");
    for i in 0..80 {
        for part in [
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "mlp.gate_proj",
            "mlp.up_proj",
            "mlp.down_proj",
        ] {
            llama += &format!("model.layers.{i}.{part}.weight BF16 [8, 8]\n");
        }
        llama += &format!(
            "model.layers.{i}.input_layernorm.weight BF16 [8]\nmodel.layers.{i}.post_attention_layernorm.weight BF16 [8]\n"
        );
    }
    let llama = header(&llama);
    assert_eq!(llama.entries.len(), 723);
    let generic: String =
        (0..10_000).map(|i| format!("stage.{}.unit.{}.conv.weight F32 [8, 8, 3, 3]\n", i / 10, i % 10)).collect();
    // Names that almost fit a template with arithmetic, and never do.
    let hostile: String = (0..10_000)
        .map(|i| format!("convs.{}.conv.weight F32 [1, 1, 1, 1, 1]\n", 1_000_000_007u64 * (i + 1)))
        .collect();
    let mut rosinality = sample("toon-rosinality");
    rosinality.entries.extend(header(&hostile).entries);
    for (name, file) in [("llama", &llama), ("generic", &header(&generic)), ("hostile", &rosinality)] {
        let took = fastest(file);
        println!("{name}: {} tensors in {took:?}", file.entries.len());
        assert!(took < limit, "{name}: {} tensors took {took:?}", file.entries.len());
    }
}

// Users' own architecture files, through a whole check.

/// Headers and architecture files by path.
#[derive(Default)]
pub struct Files {
    pub headers: HashMap<String, Header>,
    pub texts: HashMap<String, String>,
}

impl World for Files {
    fn recipe(&self, path: &Path) -> Result<String, Problem> {
        self.architecture(path)
    }

    fn architecture(&self, path: &Path) -> Result<String, Problem> {
        let name = path.to_string_lossy().to_string();
        self.texts.get(&name).cloned().ok_or_else(|| Problem::new(Code("E0501"), format!("there is no file `{name}`")))
    }

    fn checkpoint(&self, path: &Path) -> Result<Header, Problem> {
        let name = path.to_string_lossy().to_string();
        self.headers
            .get(&name)
            .cloned()
            .ok_or_else(|| Problem::new(Code("E0501"), format!("there is no file `{name}`")))
    }
}

/// Checks a recipe over some files.
pub fn checked(files: &Files, recipe: &str) -> (Checked, Sources) {
    let mut sources = Sources::default();
    let root = sources.add("test.blend", recipe).id;
    let checked = check::recipe(&mut sources, root, Path::new(""), &Settings::default(), files);
    (checked, sources)
}

/// The recipe, without any problem.
#[track_caller]
pub fn clean(files: &Files, recipe: &str) -> Recipe {
    let (checked, _) = checked(files, recipe);
    let problems: Vec<String> = checked.problems.iter().map(|problem| format!("{problem:?}")).collect();
    assert!(problems.is_empty(), "{recipe}\n{}", problems.join("\n"));
    checked.recipe.expect("there is no problem")
}

/// A tensor's form: `0.25 a.name + 0.75 b.name` by input, in order.
pub fn shares(recipe: &Recipe, made: &Made) -> String {
    let term = |(atom, share): &(Atom, f64)| match atom {
        Atom::Tensor { input, .. } => format!("{share} {}", recipe.input(*input).name),
        other => format!("{share} {other:?}"),
    };
    made.form.terms.iter().map(term).collect::<Vec<_>>().join(" + ")
}

const OWN: &str = r#"
# A transformer whose projections are stored transposed, with a gate that is off by one.
[family]
id = "tiny"
about = "a made-up transformer"

[[family.tensor]]
name = "layers.{i}.mix.weight"
words = ["attention", "weight"]
coords = { layer = "i", depth = "i / (n - 1)" }
axes = ["hidden", "hidden"]

[[family.tensor]]
name = "layers.{i}.gate"
words = ["mlp", "gate"]
coords = { layer = "i", resolution = "4 * size" }

[layout]
id = "tiny-research"
family = "tiny"
about = "names of the paper's code"
detect = ["net.block_{i+1}/w"]

[[layout.key]]
name = "net.block_{i+1}/w"
as = ["layers.{i}.mix.weight"]
fix = ["permute 1 0"]

[[layout.key]]
name = "net.block_{i+1}/gate{size}"
as = ["layers.{i}.gate"]
fix = ["scale 0.5", "add 1"]
"#;

const OWN_HEADER: &str = "net.block_1/w F32 [4, 4]\nnet.block_1/gate7 F32 [4]\nnet.block_2/w F32 [4, 4]\nnet.block_2/gate8 F32 [4]\nother F32 [2]";

#[test]
fn own_architecture() {
    let mut files = Files::default();
    files.headers.insert("a.safetensors".into(), header(OWN_HEADER));
    files.headers.insert("b.safetensors".into(), header(OWN_HEADER));
    files.texts.insert("my.toml".into(), OWN.into());
    let recipe = clean(
        &files,
        "blend 1\nmodel a = \"a.safetensors\" { arch = \"my.toml\" }\nmodel b = \"b.safetensors\" { arch = \"my.toml\" }\n\
         output \"out.safetensors\" = mix(a, b, match {\n  attention => depth\n  \"layers.*.gate\" and layer 1 => 1\n  resolution 28 => 0.25\n  extra => 0\n})\n",
    );
    let output = &recipe.outputs[0];
    assert_eq!((&*output.family, &*output.layout), ("tiny", "tiny-research"));
    let made: Vec<String> =
        output.tensors.iter().map(|made| format!("{}: {}", made.name, shares(&recipe, made))).collect();
    assert_eq!(
        made,
        [
            "layers.0.mix.weight: 1 a",
            "layers.0.gate: 0.75 a + 0.25 b",
            "layers.1.mix.weight: 1 b",
            "layers.1.gate: 1 b",
            "other: 1 a",
        ]
    );
    // Written again under the paper's names, fixes undone.
    let stored: Vec<Stored> = output.tensors.iter().map(|made| recipe.stored(output, made)).collect();
    let name =
        |stored: &Stored| if let Stored::Name { name, .. } = stored { name.clone() } else { format!("{stored:?}") };
    assert_eq!(
        stored.iter().map(name).collect::<Vec<_>>(),
        ["net.block_1/w", "net.block_1/gate7", "net.block_2/w", "net.block_2/gate8", "Unknown"]
    );
    assert_eq!(
        stored[3],
        Stored::Name {
            name: "net.block_2/gate8".into(),
            ops: vec![],
            // canonical = stored / 2 + 1
            affine: Affine { scale: 2.0, add: -2.0 },
        }
    );
}

/// What is said of a changed architecture file: code, message, help, and the text that the label is at.
#[track_caller]
fn check_wrong(find: &str, replace: &str, expected: &[(&str, &str, &str, &str)]) {
    assert!(find.is_empty() || OWN.contains(find), "`{find}` is not in the file");
    let mut files = Files::default();
    files.headers.insert("a.safetensors".into(), header(OWN_HEADER));
    files.texts.insert("my.toml".into(), if find.is_empty() { replace.into() } else { OWN.replacen(find, replace, 1) });
    let recipe = "blend 1\nmodel a = \"a.safetensors\" { arch = \"my.toml\" }\noutput \"o.safetensors\" = a\n";
    let (checked, sources) = checked(&files, recipe);
    assert!(checked.recipe.is_none());
    let said: Vec<(String, String, String, String)> = checked
        .problems
        .sorted()
        .into_iter()
        .map(|problem| {
            let site = problem.site().expect("the place is told");
            let source = sources.get(site.source);
            assert_eq!(&*source.name, "my.toml");
            let (line, _) = source.line_column(site.span.start);
            let second = problem.labels.iter().find(|label| !label.primary).expect("the recipe is shown, too");
            assert_eq!(sources.get(second.site.source).slice(second.site.span), "\"my.toml\"");
            let place = format!("{line}: {}", source.slice(site.span).lines().next().unwrap_or(""));
            (problem.code.0.into(), problem.message.clone(), problem.help.clone().unwrap_or_default(), place)
        })
        .collect();
    let said: Vec<(&str, &str, &str, &str)> =
        said.iter().map(|said| (said.0.as_str(), said.1.as_str(), said.2.as_str(), said.3.as_str())).collect();
    assert_eq!(said, expected);
}

#[test]
fn wrong_architectures() {
    let variable =
        "write a name with one variable per `{…}`, such as `layers.{i}.weight` or `convs.{2*log2(r)-6}.weight`";
    check_wrong(
        "id = \"tiny\"",
        "id = \"tiny",
        &[(
            "E0430",
            "the file cannot be read: invalid basic string, expected `\"` (in `my.toml`)",
            "write `[layout]` with `id`, `family`, `about` and `detect`, then a `[[layout.key]]` with `name` and `as` per tensor",
            "4: ",
        )],
    );
    check_wrong(
        "words = [\"attention\"",
        "word = [\"attention\"",
        &[(
            "E0430",
            "the file cannot be read: unknown field `word`, expected one of `name`, `words`, `coords`, `axes`, `policy`, `from` (in `my.toml`)",
            "write `words`",
            "9: word",
        )],
    );
    check_wrong(
        "{ layer = \"i\", depth",
        "{ layr = \"i\", depth",
        &[(
            "E0435",
            "`layr` is no coordinate (in `my.toml`)",
            "write `layer` (there are resolution, octave, position, layer, depth, block, head)",
            "10: layr",
        )],
    );
    check_wrong(
        "detect = [\"net.block_{i+1}/w\"]",
        "detect = [\"net.block_{i+1/w\"]",
        &[("E0433", "`net.block_{i+1/w` has a `{` without `}` (in `my.toml`)", variable, "22: \"net.block_{i+1/w\"")],
    );
    check_wrong(
        "name = \"net.block_{i+1}/w\"",
        "name = \"net.block_{i*i}/w\"",
        &[(
            "E0433",
            "`{i*i}` cannot be solved: it needs one variable, mentioned once (in `my.toml`)",
            variable,
            "25: \"net.block_{i*i}/w\"",
        )],
    );
    check_wrong(
        "as = [\"layers.{i}.gate\"]",
        "as = [\"layers.{k}.gate\"]",
        &[(
            "E0433",
            "`{k}` has no value: `net.block_{i+1}/gate{size}` does not mention it (in `my.toml`)",
            "use the variables of `net.block_{i+1}/gate{size}`, or put `{k}` into it",
            "31: \"layers.{k}.gate\"",
        )],
    );
    check_wrong(
        "4 * size",
        "4 * sise",
        &[(
            "E0433",
            "the resolution of `layers.{i}.gate` uses `sise`, which has no value (in `my.toml`)",
            "use a variable of the tensor's name or of a key's, or `n`, the number of layers, where some tensor has a `layer`",
            "14: \"layers.{i}.gate\"",
        )],
    );
    check_wrong(
        "\"permute 1 0\"",
        "\"transpose\"",
        &[(
            "E0434",
            "`transpose` is no fix: there are drop_axis, add_axis, permute, flip, scale and add (in `my.toml`)",
            "write one of `drop_axis 0`, `add_axis 0`, `permute 1 0`, `flip 2`, `scale 0.25`, `add 1`",
            "27: \"transpose\"",
        )],
    );
    check_wrong(
        "as = [\"layers.{i}.mix.weight\"]",
        "as = [\"layers.{i}.mix.wight\"]",
        &[(
            "E0436",
            "the family `tiny` has no tensor `layers.{i}.mix.wight` (in `my.toml`)",
            "write `\"layers.{i}.mix.weight\"`, or leave the key out: the tensor then keeps its own name",
            "26: \"layers.{i}.mix.wight\"",
        )],
    );
    check_wrong(
        "as = [\"layers.{i}.mix.weight\"]",
        "as = []",
        &[(
            "E0436",
            "`net.block_{i+1}/w` gives no canonical tensor (in `my.toml`)",
            "name one in `as`, for example `as = [\"layers.{i}.weight\"]`, or leave the key out",
            "26: []",
        )],
    );
    check_wrong(
        "family = \"tiny\"",
        "family = \"tinny\"",
        &[(
            "E0435",
            "the family `tinny` is not known and not given in the file (in `my.toml`)",
            "write `\"tiny\"` (there are tiny, llama, stylegan2, stylegan3), or describe it in `[family]`",
            "20: \"tinny\"",
        )],
    );
    check_wrong(
        "id = \"tiny-research\"",
        "id = \"rosinality\"",
        &[(
            "E0435",
            "the id `rosinality` is taken by an architecture that blend knows (in `my.toml`)",
            "call it `\"my-rosinality\"`",
            "19: \"rosinality\"",
        )],
    );
    check_wrong(
        "axes = [\"hidden\", \"hidden\"]",
        "policy = \"same\"",
        &[(
            "E0435",
            "`same` is no policy (in `my.toml`)",
            "write `\"mix\"` (there are mix, equal, first)",
            "11: \"same\"",
        )],
    );
    check_wrong(
        "words = [\"mlp\", \"gate\"]",
        "words = [\"mlp\", \"Gate-1\"]",
        &[(
            "E0435",
            "`Gate-1` is no word: patterns cannot say it (in `my.toml`)",
            "write `\"gate_1\"`",
            "15: \"Gate-1\"",
        )],
    );
    // Everything that is wrong is told at once, in the order of the file.
    let two = OWN.replace("4 * size", "4 * sise").replace("\"permute 1 0\"", "\"permute 1 1\"");
    let problems = arch::load(&two, "my.toml").expect_err("two things are wrong");
    let mut places: Vec<(usize, &str)> = problems.iter().map(|fault| (fault.at.start, fault.problem.code.0)).collect();
    places.sort();
    assert_eq!(places.iter().map(|place| place.1).collect::<Vec<_>>(), ["E0433", "E0434"]);
}

#[test]
fn hostile_architectures() {
    let open = "[".repeat(20_000);
    let deep = format!("x = {open}");
    let nested = OWN.replace("i / (n - 1)", &format!("{}i{}", "(".repeat(10_000), ")".repeat(10_000)));
    let long = OWN.replace("net.block_{i+1}/w", &format!("net.{{i{}}}/w", "+1".repeat(10_000)));
    for text in ["", "\0", "[layout]", "\u{feff}[layout]", "layout = 3", &deep, &nested, &long] {
        assert!(arch::load(text, "my.toml").is_err(), "{text:.40}");
    }
}
