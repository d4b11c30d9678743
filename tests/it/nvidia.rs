//! NVIDIA's pickles and the layouts of StyleGAN: files that real `pickle` and `torch` wrote (`tests/data/nvidia/make.py`),
//! with the names, shapes, digests and facts that Python told of them.

mod hostile;

use crate::laws::model;
use crate::laws::model::Tensor;
use crate::run::root;
use crate::run::try_build;
use blend::arch;
use blend::arch::Canon;
use blend::store;
use blend::tensor::Entry;
use blend::tensor::Header;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

fn data(name: &str) -> PathBuf {
    root().join("tests/data/nvidia").join(name)
}

fn expected() -> Value {
    let text = std::fs::read_to_string(data("expected.json")).expect("what Python told");
    serde_json::from_str(&text).expect("it is JSON")
}

/// CRC-32, as Python tells it.
fn digest(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

/// The elements of a tensor in row-major order.
fn elements(header: &Header, entry: &Entry) -> Vec<u8> {
    let file = &header.files[entry.file];
    let whole = match &file.memory {
        Some(bytes) => bytes.to_vec(),
        None => std::fs::read(&file.path).expect("the file"),
    };
    assert_eq!(file.size, whole.len() as u64, "the size of {}", file.path.display());
    crate::pickle::elements(entry, &whole[entry.offset as usize..][..entry.len as usize])
}

/// Every tensor and fact that Python told is there, and no other tensor.
#[track_caller]
fn check_read(file: &str, row: &Value) {
    let key = row["key"].as_str();
    let what = format!("{file} at {key:?}");
    let header = store::open(&data(file), key).unwrap_or_else(|problem| panic!("{what}: {problem:?}"));
    let wanted = row["tensors"].as_object().expect("tensors");
    let names: Vec<&str> = header.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names.len(), wanted.len(), "{what}: {names:?}");
    for entry in &header.entries {
        let told = &wanted.get(&entry.name).unwrap_or_else(|| panic!("{what}: `{}` is too much", entry.name));
        let own = serde_json::json!([
            entry.dtype.safetensors_name(),
            entry.shape.as_slice(),
            digest(&elements(&header, entry))
        ]);
        assert_eq!(own, **told, "{what}: {}", entry.name);
    }
    let places: Vec<(usize, u64)> = header.entries.iter().map(|entry| (entry.file, entry.offset)).collect();
    assert!(places.is_sorted(), "{what}");
    for (name, text) in row["facts"].as_object().expect("facts") {
        assert_eq!(header.metadata.get(name).map(String::as_str), text.as_str(), "{what}: {name}");
    }
    let private = header.metadata.iter().find(|(_, text)| text.contains("images.zip"));
    assert_eq!(private, None, "where the pictures lay is nobody's business");
}

#[test]
fn pickles_are_read_as_python_tells() {
    let expected = expected();
    let files = expected.as_object().expect("files");
    assert!(files.len() > 20);
    for (file, rows) in files {
        rows.as_array().expect("rows").iter().for_each(|row| check_read(file, row));
    }
}

/// What is not strided lies in the file itself: nothing is copied into memory from protocol 3 on.
#[test]
fn tensors_are_read_where_they_lie() {
    for (file, files) in [("sg2-p2.pkl", 2), ("sg2-p3.pkl", 1), ("sg2-p5.pkl", 1), ("tf-v2.pkl", 2), ("tf-v5.pkl", 1)] {
        let header = store::open(&data(file), None).expect("it is read");
        assert_eq!(header.files.len(), files, "{file}");
    }
}

/// A refusal: this code, and these texts in what is said.
#[track_caller]
fn check_refused(file: &str, key: Option<&str>, code: &str, says: &[&str]) {
    let problem = store::open(&data(file), key).err().unwrap_or_else(|| panic!("{file} at {key:?} was accepted"));
    let said =
        [vec![problem.message.clone()], problem.notes.clone(), problem.help.clone().into_iter().collect()].concat();
    let said = said.join("\n");
    assert_eq!(problem.code.0, code, "{said}");
    says.iter().for_each(|text| assert!(said.contains(text), "{file} at {key:?}: `{text}` is not in\n{said}"));
}

#[test]
fn what_is_no_network_is_refused() {
    check_refused("two.pkl", None, "E0526", &["several networks, `G`, `D`", "{ key = \"G\" }"]);
    check_refused(
        "sg2-p4.pkl",
        Some("G_emma"),
        "E0526",
        &["no `G_emma`", "it has `G`, `D`, `G_ema`", "{ key = \"G_ema\" }"],
    );
    check_refused(
        "sg2-p4.pkl",
        Some("G_ema.sythesis"),
        "E0526",
        &["no `sythesis` in `G_ema`", "{ key = \"G_ema.synthesis\" }"],
    );
    check_refused("tf-v4.pkl", Some("G_ema"), "E0526", &["no `G_ema`", "it has `G`, `D`, `Gs`", "{ key = \"Gs\" }"]);
    let place = "at `G_ema.synthesis.b8.extra` an object of `torch.nn.modules.linear.Linear`";
    check_refused("opaque.pkl", None, "E0526", &[place, "torch.save(G_ema.state_dict()"]);
    check_refused("sparse.pkl", None, "E0519", &["the tensor `s`", "`torch._utils._rebuild_sparse_tensor`"]);
    check_refused("complex.pkl", None, "E0519", &["the tensor `c`", "`numpy.ndarray of another type`"]);
    check_refused("trained.pkl", Some("optim"), "E0521", &["`optim` in", "is not there", "{ key = \"model\" }"]);
    check_refused("nothing.pkl", None, "E0521", &["holds no tensors under names"]);
    check_refused("nothing.pkl", Some("epoch"), "E0521", &["`epoch` in", "is an integer"]);
    check_refused("sg2-strided.pkl", Some("D"), "E0526", &["has at `D` None"]);
}

/// Pieces of files, and files with a byte changed: told or read, quickly, and never a panic.
#[test]
fn damaged_pickles_are_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("x.pkl");
    for file in ["sg3.pkl", "tf-v4.pkl", "nested.pkl"] {
        let whole = std::fs::read(data(file)).expect("the file");
        let step = (whole.len() / 16).max(1);
        let start = Instant::now();
        for at in (2..whole.len()).step_by(step) {
            std::fs::write(&path, &whole[..at]).expect("a piece");
            let problem = store::open(&path, None).expect_err("a piece is no file");
            assert!(["E0518", "E0504"].contains(&problem.code.0), "{problem:?}");
            for change in [1, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                std::fs::write(&path, &changed).expect("a file");
                if let Err(problem) = store::open(&path, None) {
                    assert!(problem.help.is_some() && problem.message.len() < 600, "{problem:?}");
                }
            }
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{file} took {:?}", start.elapsed());
        std::fs::write(&path, [whole.as_slice(), b"more"].concat()).expect("a file");
        assert_eq!(store::open(&path, None).expect_err("more than a pickle").code.0, "E0518");
    }
}

/// A recipe over these models, built; or what is said of it.
fn built(models: &[(&str, PathBuf, &str)], value: &str, options: &str) -> Result<BTreeMap<String, Tensor>, String> {
    let dir = tempfile::tempdir().expect("a folder");
    let model =
        |(name, path, options): &(&str, PathBuf, &str)| format!("model {name} = \"{}\" {options}\n", path.display());
    let models: String = models.iter().map(model).collect();
    let recipe = format!("blend 1\n\n{models}\noutput \"o.safetensors\" = {value} {{ {options} }}\n");
    try_build(&recipe, dir.path(), 2)?;
    Ok(model::read(&dir.path().join("o.safetensors")))
}

const NVIDIA: &str = "layout = \"nvidia-pytorch\"";

#[track_caller]
fn assert_same(found: &BTreeMap<String, Tensor>, expected: &BTreeMap<String, Tensor>, what: &str) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
    for (name, tensor) in found {
        assert!(*tensor == expected[name], "{what}: {name}");
    }
}

/// The network under another code base's names: converted, all of NVIDIA's tensors come out, bit for bit.
#[track_caller]
fn check_converted(file: &str, options: &str, layout: &str, reference: &Path, left_out: &[&str]) {
    let path = data(file);
    let header = store::open(&path, None).expect("it is read");
    if options.is_empty() {
        assert_eq!(arch::claimants(&header), [layout], "{file}");
        let canon = arch::detect(&header, None, None).expect("it is known");
        assert_eq!((canon.unknown.len(), canon.remarks.as_slice()), (0, [].as_slice()), "{file}");
    }
    let mut wanted = model::read(reference);
    wanted.retain(|name, _| !left_out.iter().any(|part| name.contains(part)));
    let found = built(&[("x", path, options)], "x", NVIDIA).unwrap_or_else(|said| panic!("{file}\n{said}"));
    assert_same(&found, &wanted, file);
}

fn mini(name: &str) -> PathBuf {
    root().join("tests/data").join(format!("mini-{name}.safetensors"))
}

#[test]
fn every_layout_has_the_same_canonical_tensors() {
    let same = |file: &str, layout: &str| check_converted(file, "", layout, &mini("nvidia"), &[]);
    for version in 2..=5 {
        same(&format!("sg2-p{version}.pkl"), "nvidia-pytorch");
        same(&format!("tf-v{version}.pkl"), "stylegan2-tf");
    }
    for file in ["sg2-strided.pkl", "alone.pkl"] {
        same(file, "nvidia-pytorch");
    }
    for file in ["tf-alone.pkl", "tf-dict.pkl", "tf-python2.pkl"] {
        same(file, "stylegan2-tf");
    }
    same("genforce.safetensors", "genforce");
    same("rosinality-older.safetensors", "rosinality");
    check_converted("tf-embed.pkl", "", "stylegan2-tf", &data("nvidia-embed.safetensors"), &[]);
    check_converted("tf-resnet.pkl", "", "stylegan2-tf", &data("nvidia-resnet.safetensors"), &[]);
    check_converted("tf-rounded.pkl", "", "stylegan2-tf", &data("nvidia-rounded.safetensors"), &[]);
    // Configs B to D: the outputs of lower resolutions are not of the network.
    check_converted("tf-orig.pkl", "", "stylegan2-tf", &mini("nvidia"), &["b4.torgb", "b8.torgb"]);
}

/// Inputs of different layouts give what siblings of one layout give.
#[test]
fn layouts_mix_like_siblings() {
    let b = || ("b", mini("nvidia-b"), "");
    for value in ["mix(b, x, 0.3)", "slerp(b, x, 0.25)", "std.layer_swap(b, x, at = 8)", "x + 0.5 * (x - b)"] {
        let wanted = built(&[b(), ("x", mini("nvidia"), "")], value, NVIDIA).expect("siblings mix");
        for file in [
            "sg2-p2.pkl",
            "sg2-strided.pkl",
            "tf-v3.pkl",
            "tf-v5.pkl",
            "genforce.safetensors",
            "rosinality-older.safetensors",
        ] {
            let found =
                built(&[b(), ("x", data(file), "")], value, NVIDIA).unwrap_or_else(|said| panic!("{file}\n{said}"));
            assert_same(&found, &wanted, &format!("{value} with {file}"));
        }
        // Neither of the two stores a filter.
        let found = built(&[("b", data("tf-v4.pkl"), "{ key = \"G\" }"), ("x", data("tf-v5.pkl"), "")], value, NVIDIA);
        assert_same(&found.expect("they mix"), &wanted, &format!("{value} of TensorFlow's"));
    }
}

/// The other way: a network written under the names of another code base has that code base's bytes.
#[test]
fn layouts_are_written_as_their_codes_store_them() {
    let found = built(&[("n", mini("nvidia"), "")], "n", "layout = \"genforce\"").expect("it has a place for all");
    assert_same(&found, &model::read(&data("genforce.safetensors")), "genforce");
    let found = built(&[("n", mini("nvidia"), "")], "n", "layout = \"stylegan2-tf\"").expect("it has a place for all");
    let mut wanted = expected()["tf-v5.pkl"][0]["tensors"].as_object().expect("tensors").clone();
    wanted.remove("lod");
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        wanted.keys().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
    for (name, tensor) in &found {
        let own = serde_json::json!([tensor.dtype, tensor.shape, digest(&tensor.bytes)]);
        assert_eq!(own, wanted[name], "{name}");
    }
    // And back from a pickle to its own names: bits are moved, biases too, whatever adding 1 would do to them.
    let found = built(&[("x", data("tf-rounded.pkl"), "")], "x", "").expect("it is written as it was");
    let header = store::open(&data("tf-rounded.pkl"), None).expect("it is read");
    assert_eq!(found.len(), header.entries.len() - 1, "all but `lod`");
    for entry in header.entries.iter().filter(|entry| entry.name != "lod") {
        assert!(found[&entry.name].bytes == elements(&header, entry), "{}", entry.name);
    }
}

/// What a network was built with stands in what is made of it, where all inputs share it.
#[test]
fn facts_go_into_outputs() {
    let dir = tempfile::tempdir().expect("a folder");
    let recipe = format!(
        "blend 1\n\nmodel a = \"{}\"\nmodel b = \"{}\"\n\noutput \"o.safetensors\" = mix(a, b, 0.5)\n",
        data("sg2-p4.pkl").display(),
        data("tf-v5.pkl").display()
    );
    try_build(&recipe, dir.path(), 1).unwrap_or_else(|said| panic!("{said}"));
    let metadata = store::open(&dir.path().join("o.safetensors"), None).expect("it is there").metadata;
    let fact = |name: &str| metadata.get(name).map(String::as_str);
    assert_eq!(fact("stylegan.resolution"), Some("16"));
    assert_eq!(fact("stylegan.channel_base"), Some("64"));
    assert_eq!(fact("stylegan.conv_clamp"), None, "256 and none");
}

/// A recipe that is refused says all of this.
#[track_caller]
fn check_said(models: &[(&str, PathBuf, &str)], value: &str, options: &str, says: &[&str]) {
    let said = built(models, value, options).err().unwrap_or_else(|| panic!("{value} {options} was built"));
    let flat = said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    says.iter().for_each(|text| assert!(flat.contains(text), "`{text}` is not in\n{said}"));
}

#[test]
fn what_does_not_go_together_is_told_with_its_reason() {
    let n = || ("n", mini("nvidia"), "");
    let other = |file: &str| ("x", data(file), "");
    let because = "they never mix: the lucidrains code normalises z by its length";
    check_said(&[n(), other("lucidrains.safetensors")], "mix(n, x, 0.5)", "", &["E0404", because]);
    let because = "they never mix: StyleGAN normalises what a layer makes";
    check_said(&[other("tf-stylegan1.pkl"), n()], "mix(n, x, 0.5)", "", &["E0404", because]);
    let because = "they never mix: StyleGAN3's layers filter signals";
    check_said(&[other("sg3.pkl"), n()], "mix(n, x, 0.5)", "", &["E0404", because]);
    let because = "it cannot express TensorFlow's LabelConcat";
    check_said(
        &[other("tf-concat.pkl")],
        "x",
        NVIDIA,
        &["E0439", "`mapping.label_concat.weight` has no place", because],
    );
    check_said(&[other("labels.pkl")], "x", "layout = \"rosinality\"", &["E0439", "rosinality's code has no labels"]);
    check_said(&[other("tf-resnet.pkl")], "x", "layout = \"rosinality\"", &["E0439", "knows no resnet"]);
    // Three colours and one.
    check_said(
        &[n(), other("labels.pkl")],
        "match { torgb => mix(n, x, 0.5)  else => n }",
        "",
        &["E0406", "[3, 8, 1, 1]"],
    );
}

/// Filters that a layout implies are compared like others: other taps are told.
#[test]
fn implied_filters_must_be_equal() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut whole = std::fs::read(data("tf-alone.pkl")).expect("the file");
    // [1, 3, 3, 1] as the pickle has it: four integers of a byte.
    let taps = b"K\x01K\x03K\x03K\x01";
    let at = whole.windows(taps.len()).position(|window| window == taps).expect("the taps");
    whole[at + 3] = 2;
    whole[at + 5] = 2;
    let path = dir.path().join("other.pkl");
    std::fs::write(&path, &whole).expect("a file");
    let models = [("n", mini("nvidia"), ""), ("x", path, "")];
    check_said(&models, "mix(n, x, 0.5)", NVIDIA, &["resample_filter"]);
    let alone = built(&models[1..], "x", NVIDIA).expect("alone it is what it is");
    let filter: Vec<f32> = alone["synthesis.b8.conv0.resample_filter"]
        .bytes
        .chunks(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes")))
        .collect();
    let outer = [1.0, 2.0, 2.0, 1.0].map(|a| [1.0f32, 2.0, 2.0, 1.0].map(|b| a * b / 36.0)).concat();
    assert_eq!(filter, outer);
}

fn canon(file: &str) -> Canon {
    let header = store::open(&data(file), None).expect("it is read");
    arch::detect(&header, None, None).expect("it is known")
}

fn facts(canon: &Canon) -> Vec<(&str, &str)> {
    canon.facts.iter().map(|fact| (fact.0.as_str(), fact.1.as_str())).collect()
}

#[test]
fn networks_say_what_they_are() {
    #[track_caller]
    fn check(file: &str, family: &str, wanted: &[(&str, &str)]) {
        let canon = canon(file);
        assert_eq!((&*canon.family, canon.remarks.as_slice()), (family, [].as_slice()), "{file}");
        wanted.iter().for_each(|fact| assert!(facts(&canon).contains(fact), "{file}: {:?}", canon.facts));
    }
    check("tf-orig.pkl", "stylegan2", &[("kind", "orig"), ("resolution", "16"), ("labels", "0")]);
    check("tf-v5.pkl", "stylegan2", &[("kind", "skip"), ("channels", "4: 8, 8: 8, 16: 4")]);
    check("tf-resnet.pkl", "stylegan2", &[("kind", "resnet")]);
    check("tf-embed.pkl", "stylegan2", &[("labels", "5")]);
    let joined = "joined to z (TensorFlow's LabelConcat), which NVIDIA's PyTorch code cannot express";
    check("tf-concat.pkl", "stylegan2", &[("labels", "5"), ("labels are", joined)]);
    check("labels.pkl", "stylegan2", &[("labels", "5"), ("mapping layers", "2")]);
    check("sg3.pkl", "stylegan3", &[("kind", "T"), ("resolution", "256")]);
    let widths = ("channels", "8: 8, 16: 4");
    check("tf-stylegan1.pkl", "stylegan1", &[widths, ("resolution", "16"), ("mapping layers", "2"), ("labels", "0")]);
    let lucidrains = canon("lucidrains.safetensors");
    assert_eq!(
        &facts(&lucidrains)[..3],
        [("resolution", "16"), ("mapping layers", "2"), ("channels", "4: 8, 8: 6, 16: 4")]
    );
    let of = |name: &str| &lucidrains.tensors[lucidrains.index[name]];
    assert!(of("b16.conv1.noise.weight").traits.has_word("strength"));
    // The networks that are trained and not averaged keep their names.
    let extra = lucidrains.tensors.iter().filter(|tensor| tensor.traits.has_word("extra"));
    assert!(extra.clone().all(|tensor| tensor.name.starts_with("S.") || tensor.name.starts_with("G.")));
    assert_eq!(extra.count() * 2, lucidrains.tensors.len());
}

/// Outputs of one resolution each, by the level of detail in their names.
#[test]
fn the_first_stylegan_has_resolutions() {
    let canon = canon("tf-stylegan1.pkl");
    let resolution = |name: &str| canon.tensors[canon.index[name]].traits.coord(blend::tensor::Coord::Resolution);
    assert_eq!([0, 1, 2].map(|d| resolution(&format!("synthesis.torgb{d}.weight"))), [16.0, 8.0, 4.0].map(Some));
    assert_eq!(resolution("synthesis.b8.layer0.noise_const"), Some(8.0));
    assert_eq!(canon.tensors[canon.index["synthesis.b8.layer0.weight"]].shape.as_slice(), [8, 8, 3, 3]);
    // Written as it was read: its own names, whatever TensorFlow's order of axes.
    let found = built(&[("x", data("tf-stylegan1.pkl"), "")], "x", "").expect("it is written");
    let header = store::open(&data("tf-stylegan1.pkl"), None).expect("it is read");
    for entry in header.entries.iter().filter(|entry| !entry.name.ends_with("lod")) {
        assert!(found[&entry.name].bytes == elements(&header, entry), "{}", entry.name);
    }
}

/// The names that a TensorFlow session has for the parts are the same network.
#[test]
fn names_of_a_session_are_known() {
    let tensors: Vec<Tensor> =
        built(&[("x", data("tf-v5.pkl"), "")], "x", "").expect("it is written").into_values().collect();
    let other = |name: &str| name.replace("mapping/", "G_mapping/").replace("synthesis/", "G_synthesis/");
    let renamed: Vec<Tensor> =
        tensors.into_iter().map(|tensor| Tensor { name: other(&tensor.name), ..tensor }).collect();
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("session.safetensors");
    std::fs::write(&path, model::file(&renamed)).expect("a file");
    let found = built(&[("x", path, "")], "x", NVIDIA).expect("it is known");
    assert_same(&found, &model::read(&mini("nvidia")), "the session's names");
}

/// pSp, e4e and their like have the generator under `decoder.`: told, and read so.
#[test]
fn generators_under_a_prefix_are_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let tensors = model::read(&mini("rosinality")).into_values();
    let mut tensors: Vec<Tensor> =
        tensors.map(|tensor| Tensor { name: format!("decoder.{}", tensor.name), ..tensor }).collect();
    tensors.push(model::tensor("encoder.input_layer.0.weight", "F32", &[2], vec![0; 8]));
    let path = dir.path().join("psp.safetensors");
    std::fs::write(&path, model::file(&tensors)).expect("a file");
    let header = store::open(&path, None).expect("it is read");
    let remarks = arch::detect(&header, None, None).expect("it is read under its own names").remarks;
    let said: Vec<(&str, Option<&str>)> =
        remarks.iter().map(|remark| (remark.code.0, remark.help.as_deref())).collect();
    assert_eq!(said, [("W0403", Some("write `{ strip_prefix = \"decoder.\" }`"))]);
    let model = [("x", path, "{ strip_prefix = \"decoder.\" }")];
    let found = built(&model, "x where mapping or synthesis", NVIDIA).expect("it is known");
    let mut wanted = model::read(&mini("nvidia"));
    wanted.retain(|name, _| found.contains_key(name));
    assert!(found.len() > 50);
    assert_same(&found, &wanted, "under `decoder.`");
}

/// Filters that a file of rosinality's names lacks are those that its code builds.
#[test]
fn files_without_filters_are_completed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("bare.safetensors");
    let tensors = model::read(&mini("rosinality")).into_values();
    let bare: Vec<Tensor> = tensors.filter(|tensor| !tensor.name.ends_with(".kernel")).collect();
    std::fs::write(&path, model::file(&bare)).expect("a file");
    let found = built(&[("x", path, "")], "x", NVIDIA).expect("it is known");
    assert_same(&found, &model::read(&mini("nvidia")), "without filters");
}

/// Without an average of w there is nothing to mix: said, with what to type.
#[test]
fn a_network_without_w_avg_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("untracked.safetensors");
    let tensors: Vec<Tensor> =
        model::read(&mini("nvidia-b")).into_values().filter(|t| t.name != "mapping.w_avg").collect();
    std::fs::write(&path, model::file(&tensors)).expect("a file");
    let models = || [("n", mini("nvidia"), ""), ("x", path.clone(), "")];
    check_said(&models(), "mix(n, x, 0.5)", "", &["E0404", "`x` has no `mapping.w_avg`", "complete(x, from = n)"]);
    built(&models(), "mix(n, complete(x, from = n), 0.5)", "").expect("completed");
}

/// Layers of StyleGAN3 line up by index whatever their widths are in their names; then shapes are compared.
#[test]
fn stylegan3_lines_up_by_index() {
    let dir = tempfile::tempdir().expect("a folder");
    let header = store::open(&data("sg3.pkl"), None).expect("it is read");
    // Another channel base: all of L3's channels are one more, and so are L4's inputs.
    let wider = |entry: &Entry| {
        let name = entry.name.replace("L3_52_5", "L3_52_6");
        let mut shape: Vec<u64> = entry.shape.to_vec();
        let own = entry.name.contains("L3_52_5") && ["5.weight", "5.bias"].iter().any(|end| entry.name.ends_with(end));
        if own {
            shape[0] += 1;
        }
        if entry.name.ends_with("L4_52_5.weight") {
            shape[1] += 1;
        }
        if entry.name.contains("L4_52_5.affine") {
            shape[0] += 1;
        }
        let size = shape.iter().product::<u64>() as usize;
        let bytes = if shape[..] == entry.shape[..] { elements(&header, entry) } else { vec![0; size * 4] };
        model::tensor(&name, entry.dtype.safetensors_name(), &shape, bytes)
    };
    let path = dir.path().join("wider.safetensors");
    std::fs::write(&path, model::file(&header.entries.iter().map(wider).collect::<Vec<_>>())).expect("a file");
    let models = || [("a", data("sg3.pkl"), ""), ("b", path.clone(), "")];
    check_said(
        &models(),
        "mix(a, b, 0.5)",
        "",
        &["E0406", "`synthesis.L3.", "are [5, 6, 3, 3] in `a` and [6, 6, 3, 3] in `b`"],
    );
    let value = "match { layer [3, 4] => a  else => mix(a, b, 0.5) }";
    let found = built(&models(), value, "").unwrap_or_else(|said| panic!("{said}"));
    assert!(found.contains_key("synthesis.L3_52_5.weight") && found.contains_key("synthesis.L5_84_4.weight"));
    // All else is equal in both: so is the mix.
    assert!(found.values().all(|tensor| {
        let entry = header.entries.iter().find(|entry| entry.name == tensor.name).expect("a's name");
        tensor.bytes == elements(&header, entry)
    }));
}

/// What code bases do not store alike can be said in files of users, too.
#[test]
fn users_say_what_is_implied_and_what_is_left_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let family = "[family]\nid = \"tiny\"\nabout = \"made up\"\n\
        [[family.tensor]]\nname = \"b{r}.w\"\nwords = [\"w\"]\n[[family.tensor]]\nname = \"b{r}.filter\"\npolicy = \"equal\"\n\
        [[family.tensor]]\nname = \"label\"\n[[family.refuses]]\nfamily = \"stylegan2\"\nbecause = \"it is tiny\"\n";
    let one = format!(
        "{family}[layout]\nid = \"one\"\nfamily = \"tiny\"\nabout = \"implies\"\ndetect = [\"net/b{{r}}/w\"]\ntop = \"net/b{{r}}/w\"\n\
        drop = [\"net/out{{d+1}}\", \"step\"]\n[[layout.also]]\n\"net/\" = \"G_net/\"\n\
        [[layout.key]]\nname = \"net/b{{r}}/w\"\nas = [\"b{{r}}.w\"]\n[[layout.key]]\nname = \"net/out0\"\nas = [\"b{{top*2}}.w\"]\n\
        [[layout.implied]]\nas = \"b{{r}}.filter\"\nbeside = \"b{{r}}.w\"\ntaps = [1, 1]\nfact = \"taps\"\n\
        [[layout.lacks]]\nname = \"label\"\nbecause = \"it has no labels\"\n"
    );
    std::fs::write(dir.path().join("one.toml"), &one).expect("a file");
    std::fs::write(
        dir.path().join("two.toml"),
        format!("{family}[layout]\nid = \"two\"\nfamily = \"tiny\"\nabout = \"stores\"\ndetect = [\"b{{r}}.filter\"]\ncanonical_names = true\n"),
    )
    .expect("a file");
    let float = |name: &str, shape: &[u64], value: f32| {
        let count = shape.iter().product::<u64>() as usize;
        model::tensor(name, "F32", shape, value.to_le_bytes().repeat(count))
    };
    let stored = [float("G_net/b4/w", &[2], 1.0), float("G_net/b8/w", &[2], 2.0), float("G_net/out0", &[2], 3.0)];
    let left_out = [float("G_net/out1", &[2], 4.0), float("step", &[], 5.0)];
    std::fs::write(dir.path().join("a.safetensors"), model::file(&[&stored[..], &left_out].concat())).expect("a file");
    let rows = |value: f32| {
        [4, 8, 16].map(|r| [float(&format!("b{r}.w"), &[2], value), float(&format!("b{r}.filter"), &[2, 2], 0.25)])
    };
    std::fs::write(dir.path().join("b.safetensors"), model::file(&rows(5.0).concat())).expect("a file");
    std::fs::write(
        dir.path().join("c.safetensors"),
        model::file(&[rows(5.0).concat(), vec![float("label", &[1], 0.0)]].concat()),
    )
    .expect("a file");
    let models = format!(
        "model a = \"a.safetensors\" {{ arch = \"one.toml\" }}\nmodel b = \"b.safetensors\" {{ arch = \"two.toml\" }}\n\
        model c = \"c.safetensors\" {{ arch = \"two.toml\" }}\nmodel n = \"{}\"\n",
        mini("nvidia").display()
    );
    let run =
        |value: &str| try_build(&format!("blend 1\n\n{models}\noutput \"o.safetensors\" = {value}\n"), dir.path(), 1);
    run("mix(a, b, 0.5) { layout = \"two\" }").unwrap_or_else(|said| panic!("{said}"));
    let found = model::read(&dir.path().join("o.safetensors"));
    let wanted = [(4, 3.0), (8, 3.5), (16, 4.0)]
        .map(|(r, w)| [float(&format!("b{r}.w"), &[2], w), float(&format!("b{r}.filter"), &[2, 2], 0.25)]);
    let wanted = wanted.concat().into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
    assert_same(&found, &wanted, "a half of each");
    run("mix(b, a, 0.5) { layout = \"one\" }").unwrap_or_else(|said| panic!("{said}"));
    let found = model::read(&dir.path().join("o.safetensors"));
    assert_eq!(found.keys().collect::<Vec<_>>(), ["G_net/b4/w", "G_net/b8/w", "G_net/out0"]);
    let said = run("match { \"label\" => c  else => mix(a, c, 0.5) } { layout = \"one\" }").expect_err("no place");
    assert!(said.contains("E0439") && said.contains("it has no labels"), "{said}");
    let said = run("mix(a, n, 0.5)").expect_err("of two families");
    assert!(said.contains("they never mix: it is tiny"), "{said}");
    for (from, to, code) in [
        ("taps = [1, 1]", "taps = [1, -1]", "E0435"),
        ("beside = \"b{r}.w\"", "beside = \"b{r}.v\"", "E0436"),
        ("as = \"b{r}.filter\"", "as = \"b{s}.filter\"", "E0433"),
        ("name = \"label\"\nbecause", "name = \"lable\"\nbecause", "E0436"),
        ("top = \"net/b{r}/w\"\n", "", "E0433"),
    ] {
        let (before, after) = one.rsplit_once(from).expect("it is in the file");
        let faults = arch::load(&format!("{before}{to}{after}"), "my.toml").expect_err(from);
        assert_eq!(faults.iter().map(|fault| fault.problem.code.0).collect::<Vec<_>>(), [code], "{to}");
    }
}
