//! What other tools load: PyTorch files against those that PyTorch wrote (`tests/data/write/make.py`), layouts there and
//! back, `blend convert`.

use super::run;
use super::run::forgetful;
use blend::exec;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use zip::ZipArchive;

fn data(name: &str) -> PathBuf {
    run::root().join("tests/data").join(name)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A member of an archive as another library reads it, its sum checked.
#[derive(Debug, PartialEq)]
struct Member {
    crc32: u32,
    /// Whether the data begins at a multiple of 64.
    aligned: bool,
    stored: bool,
    bytes: Vec<u8>,
}

/// The members of an archive, without the name of its folder.
#[track_caller]
fn members(path: &Path) -> BTreeMap<String, Member> {
    let mut archive = ZipArchive::new(File::open(path).expect("an archive")).expect("the zip crate reads it");
    let mut out = BTreeMap::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).expect("a member");
        let name = file.name().expect("a name").split_once('/').expect("a folder").1.to_string();
        let mut bytes = vec![];
        // The sum is compared when the end is read.
        file.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let aligned = file.data_start().expect("a local header").is_multiple_of(64);
        let stored = file.compression() == zip::CompressionMethod::Stored;
        let before = out.insert(name.clone(), Member { crc32: file.crc32(), aligned, stored, bytes });
        assert!(before.is_none(), "{name} stands twice");
    }
    out
}

/// The members that `torch.save` also writes; those of ours that it does not have are `more`.
#[track_caller]
fn check_like_torch(found: &Path, torch: &Path) {
    let (mut found, mut expected) = (members(found), members(torch));
    for own in [".format_version", ".storage_alignment", ".data/serialization_id"] {
        expected.remove(own);
    }
    assert!(found.remove("blend.json").is_some(), "the metadata");
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, member) in &found {
        assert!(member == &expected[name], "{name}: {member:?}\n{:?}", expected[name]);
    }
}

#[track_caller]
fn build(text: &str, base: &Path) -> PathBuf {
    run::build(text, base, 2).remove(0)
}

#[test]
fn dictionaries_are_those_of_pytorch() {
    let dir = folder();
    let kinds = data("write/kinds.safetensors");
    let text = format!("blend 1\nmodel a = \"{}\"\noutput \"o.pt\" = a {{ format = pt }}\n", kinds.display());
    check_like_torch(&build(&text, dir.path()), &data("write/kinds.pt"));
    // The same from PyTorch's own file, whatever the ending.
    let torch = data("write/kinds.pt");
    let text = format!("blend 1\nmodel a = \"{}\"\noutput \"o.ckpt\" = a {{ format = \"pt\" }}\n", torch.display());
    check_like_torch(&build(&text, dir.path()), &torch);
}

#[test]
fn a_layout_says_what_stands_around_its_tensors() {
    let dir = folder();
    let mini = data("mini-rosinality.safetensors");
    let text = format!("blend 1\nmodel a = \"{}\"\noutput \"o.pth\" = a {{ format = pt }}\n", mini.display());
    check_like_torch(&build(&text, dir.path()), &data("write/nested.pt"));
}

/// The pickle of so many tensors is that of Python, which sets a thousand at a time.
#[track_caller]
fn check_many(expected: &Value) {
    let count = expected["count"].as_u64().expect("a number") as usize;
    let dir = folder();
    let mut header = serde_json::Map::new();
    let mut bytes = vec![];
    for at in 0..count {
        let len = at % 3 + 1;
        let entry =
            serde_json::json!({ "dtype": "U8", "shape": [len], "data_offsets": [bytes.len(), bytes.len() + len] });
        header.insert(format!("block.{at}.tensor"), entry);
        bytes.extend(vec![(at % 251) as u8; len]);
    }
    let text = Value::Object(header).to_string();
    let file = [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &bytes].concat();
    std::fs::write(dir.path().join("m.safetensors"), file).expect("a model");
    let text = "blend 1\nmodel a = \"m.safetensors\"\noutput \"o.pt\" = a { format = pt }\n";
    let found = members(&build(text, dir.path()));
    let pickle = &found["data.pkl"];
    assert_eq!(Value::from(pickle.bytes.len()), expected["bytes"], "{count}");
    assert_eq!(Value::from(pickle.crc32), expected["crc32"], "{count}");
    assert_eq!(found.len(), count + 4);
}

#[test]
fn many_tensors_are_pickled_as_python_does() {
    let text = std::fs::read_to_string(data("write/expected.json")).expect("a golden");
    let expected: Value = serde_json::from_str(&text).expect("JSON");
    expected["many"].as_array().expect("rows").iter().for_each(check_many);
}

/// The bytes are those of any number of threads and any cut, sums included; the tensors those of the safetensors output.
#[test]
fn bytes_do_not_depend_on_how_they_were_made() {
    let dir = folder();
    let nets = ["mini-nvidia", "mini-nvidia-b"].map(|name| data(&format!("{name}.safetensors")));
    let text = format!(
        "blend 1\nmodel a = \"{}\"\nmodel b = \"{}\"\nlet m = match {{ mapping => a  else => mix(a, b, 0.3) }}\noutput \"o.pt\" = m {{ format = pt }}\noutput \"o.safetensors\" = m\noutput \"r.pt\" = slerp(a, b, 0.5) {{ format = pt, layout = \"rosinality\", dtype = f16 }}\n",
        nets[0].display(),
        nets[1].display()
    );
    let mut first: Option<[Vec<u8>; 2]> = None;
    for threads in [1, 2, 7] {
        for piece in [1, 7, 4096, 131_072] {
            let (compiled, _) =
                run::compile(&text, dir.path(), &Default::default()).unwrap_or_else(|text| panic!("{text}"));
            let options = exec::Options { threads, piece, ..exec::Options::default() };
            exec::run(&compiled.recipe, &compiled.plan, &options, &exec::Progress::default()).expect("it builds");
            let found = ["o.pt", "r.pt"].map(|name| std::fs::read(dir.path().join(name)).expect("an output"));
            let first = first.get_or_insert_with(|| found.clone());
            assert!(*first == found, "{threads} threads, pieces of {piece}");
        }
    }
    members(&dir.path().join("r.pt"));
    let tensors = |name: &str| tensors(&dir.path().join(name));
    assert_eq!(tensors("o.pt"), tensors("o.safetensors"));
}

type Tensors = BTreeMap<String, (String, Vec<u64>, Vec<u8>)>;

/// The tensors of a checkpoint as our own reader finds them: name to type, shape and bytes in rows.
#[track_caller]
fn tensors(path: &Path) -> Tensors {
    let header = blend::store::open(path, None).unwrap_or_else(|problem| panic!("{}", problem.message));
    let mut out = Tensors::new();
    for entry in &header.entries {
        assert_eq!(entry.lies, blend::tensor::Lies::Rows, "{}", entry.name);
        let file = std::fs::read(&header.files[entry.file].path).expect("its file");
        let bytes = file[entry.offset as usize..][..entry.len as usize].to_vec();
        out.insert(entry.name.clone(), (entry.dtype.name().into(), entry.shape.to_vec(), bytes));
    }
    out
}

#[test]
fn what_blend_knows_stands_in_a_member_of_its_own() {
    let dir = folder();
    let text = format!(
        "blend 1\n\nmodel a = \"{}\"\n\noutput \"o.pt\" = a {{ format = pt, metadata = {{ note = \"a \\\"b\\\" ☃\" }} }}\n",
        data("mini-nvidia.safetensors").display()
    );
    let found = members(&build(&text, dir.path()));
    let said: BTreeMap<String, String> =
        serde_json::from_slice(&found["blend.json"].bytes).expect("an object of texts");
    assert!(
        said["blend.recipe"].starts_with("blend 1\n\nmodel a = ") && said["blend.recipe"].contains("☃"),
        "{said:?}"
    );
    assert_eq!(said["note"], "a \"b\" ☃");
    assert_eq!(said["format"], "pt");
    assert!(said.contains_key("blend.inputs") && said.contains_key("blend.version"), "{said:?}");
    // It is metadata again when the file is read, and goes on with what all inputs share.
    let header = blend::store::open(&dir.path().join("o.pt"), None).expect("a checkpoint");
    assert_eq!(header.metadata, said);
    let next = "blend 1\nmodel a = \"o.pt\"\noutput \"next.pt\" = a { format = pt }\n";
    let next: BTreeMap<String, String> =
        serde_json::from_slice(&members(&build(next, dir.path()))["blend.json"].bytes).expect("an object of texts");
    assert_eq!(next["note"], said["note"]);
    assert_ne!(next["blend.recipe"], said["blend.recipe"]);
}

/// Somebody else's text in that member is told, never guessed at; a file without it is a checkpoint, too.
#[test]
fn metadata_that_cannot_be_read_is_told() {
    let dir = folder();
    let model = data("mini-nvidia.safetensors");
    let text = format!("blend 1\nmodel a = \"{}\"\noutput \"o.pt\" = a {{ format = pt }}\n", model.display());
    let path = build(&text, dir.path());
    let whole = std::fs::read(&path).expect("an output");
    let member = members(&path).remove("blend.json").expect("the metadata");
    let at = |bytes: &[u8], wanted: &[u8]| -> Vec<usize> {
        (0..bytes.len() - wanted.len()).filter(|&at| bytes[at..].starts_with(wanted)).collect()
    };
    let start = at(&whole, &member.bytes)[0];
    let longest = member.bytes.len();
    // What stands there instead, padded with spaces, and whether its sum is right.
    for (content, summed, said) in [
        (&b"{}"[..], true, ""),
        (b"{\"a\":\"b\"}", false, "E0522"),
        (b"[\"a\"]", true, "E0522"),
        (b"{\"a\":1}", true, "E0522"),
        (b"{\"a\":\"\xff\"}", true, "E0522"),
        (b"{\"a\":{\"b\":[[[[", true, "E0522"),
        (b"", true, "E0522"),
    ] {
        let mut changed = whole.clone();
        let mut padded = content.to_vec();
        padded.resize(longest, b' ');
        changed[start..][..longest].copy_from_slice(&padded);
        let places = at(&whole, &member.crc32.to_le_bytes());
        assert_eq!(places.len(), 2, "behind the data and in the directory");
        for place in places.into_iter().filter(|_| summed) {
            changed[place..][..4].copy_from_slice(&crc32fast::hash(&padded).to_le_bytes());
        }
        let other = dir.path().join("changed.pt");
        std::fs::write(&other, changed).expect("a file");
        let told = blend::store::open(&other, None).map_or_else(|problem| problem.code.0, |_| "");
        assert_eq!(told, said, "{}", String::from_utf8_lossy(content));
    }
}

/// Directories have the names that Hugging Face's tools look for, and no dictionary around the tensors.
#[test]
fn directories_are_those_of_hugging_face() {
    let dir = folder();
    let model = data("mini-rosinality.safetensors");
    let recipe = |out: &str, more: &str| {
        format!("blend 1\nmodel a = \"{}\"\noutput \"{out}\" = a {{ format = pt{more} }}\n", model.display())
    };
    let one = build(&recipe("one", ""), dir.path());
    assert_eq!(names(&one), ["blend.json", "pytorch_model.bin"]);
    assert_eq!(tensors(&one.join("pytorch_model.bin")), tensors(&model));
    let many = build(&recipe("many", ", shard_size = \"4 kB\""), dir.path());
    let listed = names(&many);
    let count = listed.len() - 2;
    assert!(count > 3, "{listed:?}");
    let shard = |at: usize| format!("pytorch_model-{at:05}-of-{count:05}.bin");
    let mut expected: Vec<String> = (1..=count).map(shard).collect();
    expected.extend(["blend.json", "pytorch_model.bin.index.json"].map(String::from));
    expected.sort();
    assert_eq!(listed, expected);
    let text = std::fs::read_to_string(many.join("pytorch_model.bin.index.json")).expect("an index");
    let index: Value = serde_json::from_str(&text).expect("JSON");
    let mut all = Tensors::new();
    for at in 1..=count {
        members(&many.join(shard(at)));
        for (name, tensor) in tensors(&many.join(shard(at))) {
            assert_eq!(index["weight_map"][&name], shard(at).as_str());
            all.insert(name, tensor);
        }
    }
    assert_eq!(all, tensors(&model));
    let total: usize = all.values().map(|tensor| tensor.2.len()).sum();
    assert_eq!(index["metadata"]["total_size"], total);
    // An output of blend is replaced, in the other format too.
    let text = recipe("many", "").replace("format = pt", "format = safetensors");
    assert_eq!(names(&build(&text, dir.path())), ["blend.json", "model.safetensors"]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name")).collect();
    names.sort();
    names
}

/// A layout of the user's own may have a dictionary around its tensors.
#[test]
fn layouts_of_users_may_be_nested() {
    let dir = folder();
    let arch = "[layout]\nid = \"mine\"\nfamily = \"stylegan2\"\nabout = \"made up\"\ndetect = [\"net.const\"]\n\
                [layout.pt]\nkey = \"net\"\nbeside = [\"average\", \"net\"]\n\
                [[layout.key]]\nname = \"net.const\"\nas = [\"synthesis.b4.const\"]\n\
                [[layout.key]]\nname = \"average\"\nas = [\"mapping.w_avg\"]\n";
    std::fs::write(dir.path().join("my.toml"), arch).expect("a file");
    let header = r#"{"average":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"net":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"net.const":{"dtype":"F32","shape":[1,4,4],"data_offsets":[8,72]}}"#;
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[1; 72]].concat();
    std::fs::write(dir.path().join("m.safetensors"), file).expect("a model");
    let text = "blend 1\nmodel a = \"m.safetensors\" { arch = \"my.toml\" }\noutput \"o.pt\" = a { format = pt }\n";
    let found = members(&build(text, dir.path()));
    // `net` is the dictionary, which holds the tensor `net`: a tensor beside it would take its place.
    let pickle = &found["data.pkl"].bytes;
    let at = |text: &str| {
        let text = [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
        pickle.windows(text.len()).position(|window| window == text).expect("a text of the pickle")
    };
    assert!(at("net") < at("net.const") && at("net.const") < at("average"));
    assert_eq!(pickle.windows(4).filter(|window| window == b"}q\x00(").count(), 1, "the outer dictionary");
}

/// What comes of a net that goes to another layout and back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Back {
    /// Every bit.
    Exact,
    /// Every bit but the last of style biases: TensorFlow's names hold them without the 1 that PyTorch's code has added.
    Rounds,
    /// The layout has no place for this.
    NoPlace(&'static str),
}

#[track_caller]
fn check_round_trip(net: &str, through: &str, ending: &str, expected: Back) {
    let dir = folder();
    let told = |args: &[&str]| {
        let output = convert(dir.path(), args);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let run = |args: &[&str]| {
        let (good, said) = told(args);
        assert!(good, "{args:?}: {said}");
    };
    let case = format!("{net} by {through}, {ending}");
    // A plain copy first: some nets are pickles.
    run(&[run::root().join(net).to_str().expect("UTF-8"), "from.safetensors"]);
    let home = blend_layout(&dir.path().join("from.safetensors"));
    let there = format!("there.{ending}");
    let args = ["from.safetensors", &there, "--layout", through];
    if let Back::NoPlace(what) = expected {
        let (good, said) = told(&args);
        assert!(!good && said.contains("E0439") && said.contains(what), "{case}: {said}");
        assert_eq!(names(dir.path()), ["from.safetensors"], "{case}");
        return;
    }
    run(&args);
    assert_eq!(blend_layout(&dir.path().join(&there)), through, "{case}");
    run(&[&there, "back.safetensors", "--layout", &home]);
    let [from, back] = ["from", "back"].map(|name| tensors(&dir.path().join(format!("{name}.safetensors"))));
    assert_eq!(back.keys().collect::<Vec<_>>(), from.keys().collect::<Vec<_>>(), "{case}");
    let mut rounded = 0;
    for (name, tensor) in &back {
        let before = &from[name];
        assert_eq!((&tensor.0, &tensor.1), (&before.0, &before.1), "{case}: {name}");
        if tensor.2 == before.2 {
            continue;
        }
        assert!(name.ends_with("affine.bias") || name.ends_with("mod_bias"), "{case}: {name}");
        rounded += 1;
        let values = |bytes: &[u8]| -> Vec<f32> {
            bytes.chunks(4).map(|unit| f32::from_le_bytes(unit.try_into().expect("four bytes"))).collect()
        };
        for (new, old) in values(&tensor.2).into_iter().zip(values(&before.2)) {
            // Half a step of a sum that is below 2, or below 4.
            assert!((new - old).abs() <= if old.abs() < 1.0 { 6e-8 } else { 1.2e-7 }, "{case}: {name}: {old} is {new}");
        }
    }
    assert_eq!(if rounded == 0 { Back::Exact } else { Back::Rounds }, expected, "{case}: {rounded} tensors");
}

/// The layout that a checkpoint is found to be in.
fn blend_layout(path: &Path) -> String {
    let header = blend::store::open(path, None).unwrap_or_else(|problem| panic!("{}", problem.message));
    let canon = blend::arch::detect(&header, None, None).unwrap_or_else(|problem| panic!("{}", problem.message));
    canon.layout.to_string()
}

fn convert(folder: &Path, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
    command.current_dir(folder).arg("convert").args(args).stdin(Stdio::null()).env("NO_COLOR", "1");
    forgetful(&mut command).output().expect("blend starts")
}

/// Nets in every layout of their families and back.
#[test]
fn layouts_there_and_back() {
    const EMBED: Back = Back::NoPlace("`mapping.embed.weight`");
    const SKIP: Back = Back::NoPlace("`synthesis.b8.skip.weight`");
    const CONCAT: Back = Back::NoPlace("`mapping.label_concat.weight`");
    use Back::Exact;
    use Back::Rounds;
    let layouts = blend::arch::layouts_of("stylegan2");
    assert_eq!(layouts, ["nvidia-pytorch", "rosinality", "genforce", "stylegan2-tf"]);
    let rows = [
        ("tests/data/mini-nvidia.safetensors", [Exact; 4]),
        ("tests/data/mini-rosinality.safetensors", [Exact; 4]),
        ("tests/data/nvidia/genforce.safetensors", [Exact; 4]),
        ("tests/data/nvidia/nvidia-embed.safetensors", [Exact, EMBED, Exact, Exact]),
        ("tests/data/nvidia/nvidia-resnet.safetensors", [Exact, SKIP, SKIP, Exact]),
        ("tests/data/nvidia/sg2-p4.pkl", [Exact; 4]),
        ("tests/data/nvidia/tf-v4.pkl", [Exact; 4]),
        ("tests/data/nvidia/tf-concat.pkl", [CONCAT, CONCAT, Exact, Exact]),
        ("tests/data/nvidia/tf-rounded.pkl", [Rounds, Rounds, Exact, Exact]),
        ("recipes/models/avatars-toon.safetensors", [Exact, Exact, Rounds, Rounds]),
    ];
    for (at, (net, expected)) in rows.into_iter().enumerate() {
        for (layout, expected) in layouts.iter().zip(expected) {
            check_round_trip(net, layout, if at % 2 == 0 { "pt" } else { "safetensors" }, expected);
        }
    }
    check_round_trip("tests/data/mini-nvidia.safetensors", "rosinality", "safetensors", Exact);
    check_round_trip("tests/data/nvidia/sg3.pkl", "nvidia-stylegan3", "pt", Exact);
    check_round_trip("tests/data/nvidia/tf-stylegan1.pkl", "stylegan1-tf", "pt", Exact);
    check_round_trip("tests/data/nvidia/lucidrains.safetensors", "lucidrains", "pt", Exact);
}

/// What `convert` does is what the recipe does that it prints, and the result keeps that recipe.
#[test]
fn convert_is_a_recipe() {
    let dir = folder();
    let model = data("mini-nvidia.safetensors");
    let model = model.to_str().expect("UTF-8");
    let rows: &[&[&str]] = &[
        &["o.safetensors"],
        &["o.pt"],
        &["o.PTH", "--dtype", "bf16"],
        &["o.bin", "--layout", "rosinality", "--format", "pt"],
        &["o", "--shard-size", "4kB"],
        &["o", "--format", "pt", "--shard-size", "4096"],
        &["{odd} \\ ü.pt"],
    ];
    for row in rows {
        let args = [&[model], *row].concat();
        let output = convert(dir.path(), &args);
        assert!(output.status.success(), "{row:?}: {}", String::from_utf8_lossy(&output.stderr));
        let path = dir.path().join(row[0]);
        let read = || -> Vec<Vec<u8>> {
            let files = if path.is_dir() {
                names(&path).iter().map(|name| path.join(name)).collect()
            } else {
                vec![path.clone()]
            };
            files.iter().map(|file| std::fs::read(file).expect("an output")).collect()
        };
        let converted = read();
        let recipe = convert(dir.path(), &[&args[..], &["--recipe"]].concat());
        assert!(recipe.status.success(), "{row:?}");
        run::build(&String::from_utf8(recipe.stdout).expect("text"), dir.path(), 1);
        assert!(converted == read(), "{row:?}: other bytes than the recipe gives");
        let _ = std::fs::remove_dir_all(&path);
    }
}

/// A net whose filters of these names have other taps, written in a layout.
#[track_caller]
fn check_taps(names: &[&str], layout: &str, said: &str) {
    let dir = folder();
    let model = dir.path().join("m.safetensors");
    let mut bytes = std::fs::read(data("mini-nvidia.safetensors")).expect("a net");
    let header = blend::store::open(&data("mini-nvidia.safetensors"), None).expect("a net");
    let is_meant = |name: &str| name.ends_with("resample_filter") && (names.is_empty() || names.contains(&name));
    for entry in header.entries.iter().filter(|entry| is_meant(&entry.name)) {
        let values = &mut bytes[entry.offset as usize..][..entry.len as usize];
        // [1, 2, 2, 1] twice, over 36.
        let taps = [1.0f32, 2.0, 2.0, 1.0];
        let filter = taps.iter().flat_map(|a| taps.iter().map(move |b| a * b / 36.0));
        values.copy_from_slice(&filter.flat_map(f32::to_le_bytes).collect::<Vec<u8>>());
    }
    std::fs::write(&model, bytes).expect("a net");
    let output = convert(dir.path(), &["m.safetensors", "o.safetensors", "--layout", layout]);
    let text = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
    assert!(text.contains(said), "{names:?} in {layout}: {text}");
    assert_eq!(dir.path().join("o.safetensors").exists(), output.status.success());
    if !output.status.success() {
        return;
    }
    // What is written holds all of it.
    let output = convert(dir.path(), &["o.safetensors", "back.safetensors", "--layout", "nvidia-pytorch"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(tensors(&dir.path().join("back.safetensors")), tensors(&model));
}

/// Filters that a layout does not store are never lost in silence.
#[test]
fn filters_that_a_layout_does_not_store() {
    check_taps(&[], "nvidia-pytorch", "wrote");
    check_taps(&[], "rosinality", "wrote");
    check_taps(&[], "genforce", "wrote");
    check_taps(&[], "stylegan2-tf", "to be the filter that its code makes");
    let one = ["synthesis.b8.conv1.resample_filter"];
    check_taps(&one, "rosinality", "takes it to be `synthesis.b8.conv0.resample_filter`");
    check_taps(&one, "genforce", "takes it to be `synthesis.b8.conv0.resample_filter`");
    check_taps(&one, "stylegan2-tf", "`synthesis.b8.conv1.resample_filter`: 16 of 16 elements differ");
}

#[test]
fn wrong_conversions_are_told() {
    let dir = folder();
    let model = data("mini-nvidia.safetensors");
    let model = model.to_str().expect("UTF-8");
    let orig = data("nvidia/tf-orig.pkl");
    let orig = orig.to_str().expect("UTF-8");
    std::fs::copy(model, dir.path().join("m.safetensors")).expect("a copy");
    std::fs::write(dir.path().join("empty.pt"), "").expect("a file");
    let rows: &[(&[&str], i32, &str)] = &[
        (&[model], 2, "<OUT>"),
        (&["missing.pt", "o.pt"], 2, "E0501"),
        (&[model, "o.pkl"], 2, "E0218"),
        (&[model, "o.pt", "--format", "safetensors"], 2, "E0220"),
        (&[model, "o.safetensors", "--format", "pt"], 2, "E0220"),
        (&[model, "o.json"], 2, "E0218"),
        // Without RGB in every block nobody would know the file as rosinality's.
        (&[orig, "o.pt", "--layout", "rosinality"], 2, "`to_rgb1.conv.weight` is missing"),
        (&["missing.pt", "o.pt", "--key", "g"], 2, "E0501"),
        (&["empty.pt", "o.safetensors", "--key", "g"], 2, "E0504"),
        (&["m.safetensors", "o.safetensors", "--key", "g"], 2, "E0521"),
        (&[model, "o.pt", "--format", "gguf"], 2, "possible values: safetensors, pt"),
        (&[model, "o.pt", "--layout", "rosinalty"], 2, "`\"rosinality\"`"),
        (&[model, "o.pt", "--dtype", "i8"], 2, "possible values"),
        (&[model, "o.pt", "--shard-size", "1MB"], 2, "E0208"),
        (&[model, "o", "--shard-size", "big"], 2, "E0217"),
        (&["m.safetensors", "m.safetensors"], 2, "E0515"),
    ];
    for (args, code, said) in rows {
        let output = convert(dir.path(), args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{args:?}: {text}");
        assert!(text.contains(said), "{args:?}: {text}");
    }
    assert_eq!(names(dir.path()), ["empty.pt", "m.safetensors"]);
    // A slash says that a directory is meant, whatever its name.
    let output = convert(dir.path(), &["m.safetensors", "d.pt/"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(names(&dir.path().join("d.pt")), ["blend.json", "model.safetensors"]);
}
