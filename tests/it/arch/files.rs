//! Formats through whole builds: what is read under one code base's names is written under another's, bit for bit.
//! The files of `tests/data` come from `tests/golden/rosinality.py`, which was held against real checkpoints.

use crate::run::build;
use crate::run::root;
use safetensors::Dtype;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use std::collections::BTreeMap;
use std::path::Path;

/// Shape and bytes by name.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

pub fn read(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).expect("the file is safetensors");
    let one = |(name, view): (String, TensorView)| (name, (view.shape().to_vec(), view.data().to_vec()));
    file.tensors().into_iter().map(one).collect()
}

/// Builds one output from models of `tests/data` (`NAME = FILE`), and from files written by the test.
#[track_caller]
pub fn built(models: &[(&str, &str)], value: &str, own: &[(&str, Vec<u8>)]) -> Tensors {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink(root().join("tests/data"), folder.path().join("data")).expect("a link");
    for (name, bytes) in own {
        std::fs::write(folder.path().join(name), bytes).expect("a file");
    }
    let models: String = models.iter().map(|(name, path)| format!("model {name} = {path}\n")).collect();
    let paths = build(&format!("blend 1\n{models}output \"out.safetensors\" = {value}\n"), folder.path(), 2);
    read(&paths[0])
}

const NVIDIA: &str = "\"data/mini-nvidia.safetensors\"";
const CHILD: &str = "\"data/mini-nvidia-b.safetensors\"";
const ROSINALITY: &str = "\"data/mini-rosinality.safetensors\"";

#[track_caller]
pub fn check(found: &Tensors, expected: &Tensors) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, tensor) in expected {
        assert_eq!(found[name], *tensor, "{name}");
    }
}

#[test]
fn from_names_to_names() {
    let nvidia = read(&root().join("tests/data/mini-nvidia.safetensors"));
    let rosinality = read(&root().join("tests/data/mini-rosinality.safetensors"));
    check(&built(&[("a", NVIDIA)], "a { layout = \"rosinality\" }", &[]), &rosinality);
    check(&built(&[("a", ROSINALITY)], "a { layout = \"nvidia-pytorch\" }", &[]), &nvidia);
    check(&built(&[("a", ROSINALITY)], "a", &[]), &rosinality);
}

#[test]
fn names_do_not_change_a_merge() {
    for weight in
        ["0.25", "std.pinkney_smooth(8, 0, 2)", "match { mapping => 0.5  conv => ramp(position, 0, 5)  else => 1 }"]
    {
        let value = format!("mix(a, b, {weight})");
        let plain = built(&[("a", NVIDIA), ("b", CHILD)], &value, &[]);
        let mixed =
            built(&[("a", ROSINALITY), ("b", CHILD)], &format!("{value} {{ layout = \"nvidia-pytorch\" }}"), &[]);
        check(&mixed, &plain);
        let theirs = built(&[("a", NVIDIA), ("b", CHILD)], &format!("{value} {{ layout = \"rosinality\" }}"), &[]);
        check(&built(&[("a", ROSINALITY), ("b", CHILD)], &value, &[]), &theirs);
    }
}

/// A safetensors file of f32 tensors.
fn file(tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|tensor| tensor.2.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("the sizes fit"))
    });
    safetensors::serialize(views, None).expect("the names differ")
}

/// A user's own layout with transposed and shifted tensors: written as it was read, merged as the values say.
#[test]
fn own_layout() {
    let first = file(&[
        ("net.block_1/w", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("net.block_1/gate7", &[2], &[8.0, -4.0]),
        ("other", &[1], &[0.1]),
    ]);
    let second = file(&[
        ("net.block_1/w", &[2, 3], &[3.0, 2.0, 1.0, 0.0, -1.0, -2.0]),
        ("net.block_1/gate7", &[2], &[0.0, 12.0]),
        ("other", &[1], &[0.1]),
    ]);
    let halves = file(&[
        ("net.block_1/w", &[2, 3], &[2.0, 2.0, 2.0, 2.0, 2.0, 2.0]),
        ("net.block_1/gate7", &[2], &[4.0, 4.0]),
        ("other", &[1], &[0.1]),
    ]);
    let text = super::own::OWN.replace("axes = [\"hidden\", \"hidden\"]", "axes = [\"out\", \"in\"]");
    let own = [("a.safetensors", first.clone()), ("b.safetensors", second), ("my.toml", text.into_bytes())];
    let models = [("a", "\"a.safetensors\" { arch = \"my.toml\" }"), ("b", "\"b.safetensors\" { arch = \"my.toml\" }")];
    let of = |bytes: &[u8]| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.safetensors");
        std::fs::write(&path, bytes).expect("a file");
        read(&path)
    };
    check(&built(&models[..1], "a", &own), &of(&first));
    check(&built(&models, "(a + b) / 2", &own), &of(&halves));
    check(&built(&models, "(a + b) / 2 { layout = \"tiny-research\" }", &own), &of(&halves));
}
