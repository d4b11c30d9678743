//! Checkpoints of PyTorch: what `torch.save` wrote is read as it was in memory (`tests/data/torch/make.py` says what that
//! was), and as `pytorch-reader` reads it; what lies is refused.

mod hostile;
mod mutants;
pub mod writer;

use super::pickle::elements;
use super::run;
use blend::diag::Problem;
use blend::store;
use blend::store::Inputs;
use blend::tensor::Dtype;
use blend::tensor::Entry;
use blend::tensor::Header;
use blend::tile::Fetch;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// Where the files of `make.py` are.
fn data() -> PathBuf {
    run::root().join("tests/data/torch")
}

/// The values of a tensor in row-major order, as bytes.
fn values(inputs: &Inputs, entry: &Entry) -> Vec<u8> {
    let mut bytes = vec![0; entry.len as usize];
    inputs.fetch(entry.file, entry.offset, &mut bytes).expect("its bytes lie in the file");
    elements(entry, &bytes)
}

/// `F32 [3, 4] 0badcafe`, per tensor.
fn listing(header: &Header) -> BTreeMap<String, String> {
    let inputs = Inputs::open(&header.files).expect("the files are there");
    let line = |entry: &Entry| {
        let (dtype, shape) = (entry.dtype.safetensors_name(), blend::tensor::shape_text(&entry.shape));
        format!("{dtype} {shape} {:08x}", crc32fast::hash(&values(&inputs, entry)))
    };
    header.entries.iter().map(|entry| (entry.name.clone(), line(entry))).collect()
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let object = value.as_object().expect("an object");
    object.iter().map(|(key, text)| (key.clone(), text.as_str().expect("a text").into())).collect()
}

/// A problem as text.
fn said(problem: &Problem) -> String {
    let mut lines = vec![problem.message.clone()];
    lines.extend(problem.notes.iter().cloned());
    lines.extend(problem.help.iter().cloned());
    lines.join("\n")
}

#[track_caller]
fn check(file: &str, expected: &Value) {
    let key = expected["key"].as_str();
    let header = store::open(&data().join(file), key).unwrap_or_else(|problem| panic!("{file}: {}", said(&problem)));
    assert_eq!(listing(&header), texts(&expected["tensors"]), "{file} {key:?}");
    assert_eq!(header.metadata, texts(&expected["facts"]), "{file} {key:?}");
    let sorted = header.entries.is_sorted_by_key(|entry| (entry.file, entry.offset));
    assert!(sorted, "{file}: entries are sorted by place");
}

#[test]
fn everything_is_as_it_was_in_memory() {
    let expected: Value = serde_json::from_str(include_str!("../data/torch/expected.json")).expect("JSON");
    let files = expected.as_object().expect("files");
    assert!(files.len() > 25, "all files of the script");
    for (file, cases) in files {
        cases.as_array().expect("cases").iter().for_each(|case| check(file, case));
    }
}

/// What `pytorch-reader` calls a type.
fn theirs(dtype: Dtype) -> String {
    format!("{dtype:?}").to_uppercase()
}

/// The other reader finds the same tensors; `ours` is our name of its dictionary.
#[track_caller]
fn check_against_reader(file: &str, key: Option<&str>) {
    let path = data().join(file);
    let header = store::open(&path, key).unwrap_or_else(|problem| panic!("{file}: {}", said(&problem)));
    let inputs = Inputs::open(&header.files).expect("the files are there");
    let reader = match key {
        Some(".") | None => pytorch_reader::PytorchReader::new(&path),
        Some(key) => pytorch_reader::PytorchReader::with_top_level_key(&path, key),
    };
    let reader = reader.unwrap_or_else(|error| panic!("{file}: {error}"));
    let ours: BTreeMap<&str, &Entry> = header.entries.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let names: Vec<String> = ours.keys().map(|name| name.to_string()).collect();
    let mut keys = reader.keys();
    keys.sort();
    assert_eq!(names, keys, "{file}");
    for (name, tensor) in reader.tensors() {
        let entry = ours[name.as_str()];
        let shape: Vec<u64> = tensor.shape().iter().map(|&size| size as u64).collect();
        assert_eq!(entry.shape.to_vec(), shape, "{file} {name}");
        assert_eq!(theirs(entry.dtype), format!("{:?}", tensor.dtype()).to_uppercase(), "{file} {name}");
        let bytes = tensor.read().unwrap_or_else(|error| panic!("{file} {name}: {error}"));
        assert_eq!(values(&inputs, entry), bytes, "{file} {name}");
    }
}

#[test]
fn another_reader_reads_the_same() {
    for file in ["protocol2.pt", "protocol2-stream.pt", "module.pt", "mini-rosinality.pt", "mini-rosinality-stream.pt"]
    {
        check_against_reader(file, Some("."));
    }
    check_against_reader("lucidrains.pt", Some("GAN"));
    check_against_reader("esrgan.pth", Some("params_ema"));
    check_against_reader("lightning.ckpt", Some("state_dict"));
    check_against_reader("two.pt", Some("."));
}

/// A file of the folder is refused, with this code and these words.
#[track_caller]
fn check_refused(file: &str, key: Option<&str>, code: &str, part: &str) {
    let problem = store::open(&data().join(file), key).expect_err("it cannot be read");
    assert_eq!(problem.code.0, code, "{}", said(&problem));
    assert!(said(&problem).contains(part), "{}\nlacks: {part}", said(&problem));
    assert!(problem.help.is_some());
}

#[test]
fn what_cannot_be_read_is_named() {
    check_refused("sparse.pt", None, "E0519", "`torch._utils._rebuild_sparse_tensor`");
    check_refused("quantized.pt", None, "E0519", "`torch._utils._rebuild_qtensor`");
    check_refused("complex128.pt", None, "E0519", "has the tensor `c`");
    check_refused("packed.pt", None, "E0522", "packed (method 8)");
    check_refused("whole.pt", None, "E0521", "the class `torch.nn.modules.container.Sequential`");
    check_refused("whole-inside.pt", None, "E0521", "under the key `model`");
    check_refused("bare.pt", None, "E0521", "holds a tensor");
}

#[test]
fn dictionaries_are_named() {
    check_refused("two.pt", None, "E0521", "`left` (1 tensor), `right` (2 tensors)");
    check_refused("two.pt", None, "E0521", "write `{ key = \"left\" }` after the path");
    check_refused("two.pt", Some("lefd"), "E0521", "write `{ key = \"left\" }` instead");
    check_refused("two.pt", Some("left.w"), "E0521", "is a tensor, a dictionary of tensors was expected");
    check_refused("rosinality.pt", Some("args"), "E0521", "is an object of the class `argparse.Namespace`");
    check_refused("rosinality.pt", Some("G_ema"), "E0521", "write `{ key = \"g_ema\" }` instead");
    check_refused("protocol2.pt", Some("g_ema"), "E0521", "leave `key` away");
    check_refused("../mini-rosinality.safetensors", Some("g_ema"), "E0521", "has no dictionaries");
}

/// The problems of a recipe beside the test data, and the recipe with all edits done.
#[track_caller]
fn check_fixed(recipe: &str, fixed: &str) {
    let mut sources = blend::text::Sources::default();
    let id = sources.add("test.blend", recipe).id;
    let settings = blend::check::Settings::default();
    let (compiled, problems) = blend::compile::compile(&mut sources, id, &data(), &settings, &blend::compile::Disk);
    assert!(compiled.is_none(), "it has an error");
    let mut text = recipe.to_string();
    for problem in problems.sorted() {
        assert!(problem.site().is_some() && !problem.fix.is_empty(), "{}", said(problem));
        for edit in &problem.fix {
            text.replace_range(edit.site.span.start as usize..edit.site.span.end as usize, &edit.text);
        }
    }
    assert_eq!(text, fixed);
    run::compile(&text, &data(), &settings).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn help_about_keys_can_be_applied() {
    let recipe = |model: &str| format!("blend 1\n\nmodel a = {model}\noutput \"x.safetensors\" = a\n");
    let check = |wrong: &str, right: &str| check_fixed(&recipe(wrong), &recipe(right));
    check("\"two.pt\"", "\"two.pt\" { key = \"left\" }");
    check("\"two.pt\" { add_prefix = \"x.\" }", "\"two.pt\" { key = \"left\", add_prefix = \"x.\" }");
    check("\"two.pt\" { key = \"rigth\" }", "\"two.pt\" { key = \"right\" }");
    check("\"protocol2.pt\" { key = \"g\" }", "\"protocol2.pt\"");
    check("\"protocol2.pt\" { key = g, add_prefix = \"x.\" }", "\"protocol2.pt\" { add_prefix = \"x.\" }");
    check("\"protocol2.pt\" { add_prefix = \"x.\", key = g }", "\"protocol2.pt\" { add_prefix = \"x.\" }");
    check("\"../mini-rosinality.safetensors\" { key = \"g_ema\" }", "\"../mini-rosinality.safetensors\"");
}

/// A merge of a safetensors file and another, as the bytes of its tensors.
#[track_caller]
fn merged(file: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().expect("a folder");
    let text = format!(
        "blend 1\n\nmodel a = \"{0}/mini-nvidia.safetensors\"\nmodel b = \"{0}/{file}\"\n\
         output \"out.safetensors\" = mix(a, b, match {{ mapping => 1  resolution ..8 => 0.25  else => 0.75 }})\n",
        run::root().join("tests/data").display()
    );
    let written = run::build(&text, dir.path(), 2);
    let bytes = std::fs::read(&written[0]).expect("it was written");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("the crate reads it");
    tensors.iter().map(|(name, view)| (name.to_string(), view.data().to_vec())).collect()
}

#[test]
fn merges_are_those_of_safetensors() {
    let expected = merged("mini-rosinality.safetensors");
    assert!(expected.len() > 10);
    assert_eq!(merged("torch/mini-rosinality.pt"), expected);
    assert_eq!(merged("torch/mini-rosinality-stream.pt"), expected);
}

/// Writes a directory and reads it.
fn directory(files: &[(&str, &str)]) -> Result<Header, Problem> {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, from) in files {
        match from.strip_prefix("text:") {
            Some(text) => std::fs::write(dir.path().join(name), text),
            None => std::fs::copy(data().join(from), dir.path().join(name)).map(drop),
        }
        .expect("a file");
    }
    store::open(dir.path(), None)
}

#[track_caller]
fn check_directory(files: &[(&str, &str)], expected: Result<&str, &str>) {
    match (directory(files), expected) {
        (Ok(header), Ok(name)) => {
            let file = header.files[0].path.file_name().expect("a name").to_string_lossy().into_owned();
            assert_eq!(file, name, "{files:?}");
        }
        (Err(problem), Err(part)) => assert!(said(&problem).contains(part), "{}\nlacks: {part}", said(&problem)),
        (Ok(_), Err(part)) => panic!("{files:?} was read, not refused with: {part}"),
        (Err(problem), Ok(_)) => panic!("{files:?}: {}", said(&problem)),
    }
}

#[test]
fn directories_of_pytorch() {
    let (bin, safe) = (("pytorch_model.bin", "protocol2.pt"), ("model.safetensors", "../mini-nvidia.safetensors"));
    check_directory(&[bin, ("optimizer.pt", "two.pt"), ("config.json", "text:{}")], Ok("pytorch_model.bin"));
    check_directory(&[bin, safe], Ok("model.safetensors"));
    check_directory(&[("consolidated.00.pth", "protocol2.pt")], Ok("consolidated.00.pth"));
    let shards = [("pytorch_model-1-of-2.bin", "module.pt"), ("pytorch_model-2-of-2.bin", "protocol2.pt")];
    check_directory(&shards, Ok("pytorch_model-1-of-2.bin"));
    check_directory(
        &[("consolidated.00.pth", "protocol2.pt"), ("consolidated.01.pth", "protocol2.pt")],
        Err("the model in 2 parts"),
    );
    check_directory(&[("training.pt", "protocol2.pt")], Err("write the path of the file"));
    check_directory(
        &[("pytorch_model-1-of-2.bin", "protocol2.pt"), ("pytorch_model-2-of-2.bin", "protocol2.pt")],
        Err("has the tensor `weight`, which"),
    );
    let index = |map: &str| format!("text:{{\"metadata\": {{}}, \"weight_map\": {{{map}}}}}");
    let with_index = |map: &str, expected: Result<&str, &str>| {
        let text = index(map);
        check_directory(&[("a.bin", "protocol2.pt"), ("pytorch_model.bin.index.json", &text)], expected);
    };
    with_index(r#""weight": "a.bin", "bias": "a.bin""#, Ok("a.bin"));
    with_index(r#""weight": "a.bin""#, Err("lacks `bias`, which is in `a.bin`"));
    with_index(r#""weight": "a.bin", "bias": "a.bin", "more": "a.bin""#, Err("but it is not there"));
    with_index(r#""weight": "../a.bin", "bias": "a.bin""#, Err("a shard that is not a file beside it"));
    with_index(r#""weight": "/a.bin", "bias": "a.bin""#, Err("a shard that is not a file beside it"));
    with_index(r#""weight": "a.safetensors", "bias": "a.bin""#, Err("a shard that is not a file beside it"));
    with_index(r#""weight": "b.bin", "bias": "a.bin""#, Err("is missing, the index asks for it"));
}

/// A path for a file of these bytes, for as long as the folder lives.
fn write(dir: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = Path::new(dir.path()).join("a.pt");
    std::fs::write(&path, bytes).expect("a file");
    path
}
