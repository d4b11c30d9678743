//! Latents from files draw what their seeds draw, and what does not fit is told.

use super::super::run;
use blend::network::Mapping;
use blend::render::drawer::Start;
use blend::render::latents;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::path::Path;
use std::path::PathBuf;

/// A network of ten layers with w of 4 and z of 6 numbers.
fn mapping() -> Mapping {
    Mapping { z: 6, w: 4, labels: 0, count: 10, embed: None, layers: vec![], average: None }
}

fn file(folder: &Path, tensors: &[(&str, &[usize])]) -> PathBuf {
    let path = folder.join("latents.safetensors");
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, shape)| (0..shape.iter().product::<usize>()).flat_map(|at| (at as f32).to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape), bytes)| {
        (name.to_string(), TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("a tensor"))
    });
    std::fs::write(&path, safetensors::serialize(views.collect::<Vec<_>>(), None).expect("a file")).expect("written");
    path
}

fn kind(start: &Start) -> &'static str {
    match start {
        Start::W(_) => "w",
        Start::WPlus(_) => "w+",
        Start::Z(_) => "z",
        _ => "?",
    }
}

#[track_caller]
fn check(tensors: &[(&str, &[usize])], wanted: Result<(&str, usize), &str>) {
    let folder = tempfile::tempdir().expect("a folder");
    let starts = latents::read(&file(folder.path(), tensors)).and_then(|given| given.starts(&mapping()));
    match (starts, wanted) {
        (Ok(starts), Ok((of, count))) => {
            assert_eq!((starts.len(), starts.first().map_or("", kind)), (count, of), "{tensors:?}");
        }
        (Err(problem), Err(text)) => assert!(problem.message.contains(text), "{}", problem.message),
        (starts, _) => panic!("{tensors:?} gives {starts:?}"),
    }
}

#[test]
fn shapes_and_names_tell_what_latents_are() {
    check(&[("projected_w", &[1, 10, 4])], Ok(("w+", 1)));
    check(&[("ws", &[3, 10, 4])], Ok(("w+", 3)));
    check(&[("w", &[10, 4])], Ok(("w+", 1)));
    check(&[("w", &[3, 4])], Ok(("w", 3)));
    check(&[("w", &[3, 1, 4])], Ok(("w", 3)));
    check(&[("anything", &[4])], Ok(("w", 1)));
    check(&[("z", &[5, 6])], Ok(("z", 5)));
    check(&[("anything", &[5, 6])], Ok(("z", 5)));
    // Beside losses and pictures the tensor is found by its name.
    check(&[("loss", &[100]), ("projected_w", &[1, 10, 4]), ("image", &[3, 8, 8])], Ok(("w+", 1)));
    check(&[("loss", &[100]), ("image", &[3, 8, 8])], Err("none of them is known as latents"));
    check(&[("w", &[1, 9, 4])], Err("has the shape [1, 9, 4], expected [n, 10, 4]"));
    check(&[("w", &[1, 10, 512])], Err("has the shape [1, 10, 512]"));
    check(&[("z", &[2, 4])], Err("has the shape [2, 4]"));
    check(&[("w", &[0, 4])], Err("has the shape [0, 4]"));
    check(&[("w", &[5000, 4])], Err("at most 4096 latents"));
}

/// A file of NumPy, as notebooks write it, draws the picture of the seed that it was mapped from.
#[test]
fn a_file_draws_what_its_seed_draws() {
    let folder = tempfile::tempdir().expect("a folder");
    let toon = run::root().join("recipes/models/avatars-toon.safetensors");
    let mut drawer = super::avatars::drawer(&toon);
    let vectors = drawer.latents(5, 1.0).vectors;
    let head = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 10, 96), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((head.len() as u16 + 1).to_le_bytes());
    bytes.extend(head.bytes().chain([b'\n']));
    bytes.extend(vectors.iter().flatten().flat_map(|value| value.to_le_bytes()));
    let path = folder.path().join("w.npy");
    std::fs::write(&path, bytes).expect("written");
    let given = latents::read(&path).expect("latents");
    let [Start::WPlus(found)] = &given.starts(&Mapping { z: 96, w: 96, ..mapping() }).expect("one")[..] else {
        panic!("{given:?}");
    };
    let off = found.iter().flatten().zip(vectors.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off < 1e-6, "off by {off}");
    drawer.check_same(found, 5);
}
