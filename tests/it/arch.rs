//! Architectures: detection, words and coordinates, canonical names and back, near misses, users' own files.

pub mod files;
mod near;
mod own;

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
use blend::tensor::Lies;
use blend::tensor::Shape;
use blend::text::Sources;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::Path;

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
        entries.push(Entry { name: name.into(), dtype, shape, file: 0, offset, len, lies: Lies::Rows });
        offset += len;
    }
    Header {
        files: vec![FileInfo { path: "sample.safetensors".into(), size: offset, memory: None }],
        entries,
        ..Header::default()
    }
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
    "sd1-unet-diffusers",
    "sd1-unet-ldm",
    "sdxl-unet-diffusers",
    "sdxl-unet-ldm",
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
    for (side, layout) in [("ldm", "ldm"), ("diffusers", "diffusers")] {
        for (name, layers, context) in [("sd1-unet", "25", "768 (SD 1)"), ("sdxl-unet", "19", "2048 (SDXL)")] {
            check_detected(
                &format!("{name}-{side}"),
                "sd-unet",
                layout,
                &[("layers", layers), ("context", context), ("width", "320")],
            );
        }
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
    // The last layer of the mapping network makes w.
    check_traits(s, "mapping.fc7.bias", "mapping fc bias", "", "w");
    check_traits(s, "mapping.fc7.weight", "mapping fc weight", "", "w mapping.fc6");
    check_traits(s, "mapping.fc0.weight", "mapping fc weight", "", "mapping.fc0 -");
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
    check_traits("llama3-8b", "lm_head.weight", "head lm_head weight", "", "vocabulary hidden");
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
                Stored::Dropped(_) => assert!(tensor.traits.has_word("filter"), "{} is dropped", tensor.name),
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
                Stored::Dropped(_) => assert_eq!(&*canon.layout, "rosinality", "{}", tensor.name),
                Stored::Unknown => {
                    assert_eq!((&*canon.layout, &*tensor.name), ("generic", entry.name.as_str()));
                    stored_names.insert(entry.name.clone());
                }
                other => panic!("{} has no place in its own layout: {other:?}", tensor.name),
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

    fn checkpoint(&self, path: &Path, _: Option<&str>) -> Result<Header, Problem> {
        let name = path.to_string_lossy().to_string();
        self.headers
            .get(&name)
            .cloned()
            .ok_or_else(|| Problem::new(Code("E0501"), format!("there is no file `{name}`")))
    }

    fn channels(&self, path: &Path) -> Result<(blend::channels::Catalogue, Option<String>), Problem> {
        Err(Problem::new(Code("E0501"), format!("there is no file `{}`", path.display())))
    }

    fn picture(&self, path: &Path) -> Result<[usize; 2], Problem> {
        Err(Problem::new(Code("E0501"), format!("there is no file `{}`", path.display())))
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
    let term = |(atom, share): &(Atom, blend::field::Weight)| match atom {
        Atom::Tensor { input, .. } => format!("{share} {}", recipe.input(*input).name),
        other => format!("{share} {other:?}"),
    };
    made.form.terms.iter().map(term).collect::<Vec<_>>().join(" + ")
}
