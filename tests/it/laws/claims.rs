//! Claims are judged on the tensors as written; what does not hold is kept beside its target, which stays.

use super::Random;
use super::model;
use super::tensor;
use super::write;
use crate::faults::blend;
use std::path::Path;
use std::process::Output;

/// `a` with large values, `b` and `c` near to each other.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random(3);
    let mut model = |name: &str, scale: f64| {
        let tensors: Vec<_> = (0..3)
            .map(|layer| {
                let values: Vec<f64> = (0..300).map(|_| scale * random.unit()).collect();
                tensor(&format!("layers.{layer}.w"), "F32", &[15, 20], model::floats("F32", &values))
            })
            .collect();
        write(dir.path(), name, &tensors);
    };
    model("a", 100_000.0);
    model("b", 1.0);
    model("c", 1.0);
    dir
}

fn run(dir: &Path, output: &str, value: &str, options: &str, claim: &str) -> Output {
    let recipe = format!(
        "blend 1\n\nmodel a = \"a\"\nmodel b = \"b\"\nmodel c = \"c.safetensors\"\n\nlet merged = {value}\n\noutput \"{output}\" = merged {{ {options} }}\n\nassert {claim}\n"
    );
    std::fs::write(dir.join("r.blend"), recipe).expect("a recipe");
    blend(dir, &["build", "r.blend"]).output().expect("it starts")
}

/// Whether a claim about an output holds: as a file and as shards.
#[track_caller]
fn check(value: &str, options: &str, claim: &str, holds: bool) {
    let dir = folder();
    for (output, more) in [("o.safetensors", ""), ("o", ", shard_size = \"1 kB\"")] {
        let place = dir.path().join(output);
        let first = run(dir.path(), output, "b", &format!("dtype = f32{more}"), "finite(merged)");
        assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
        let old = model::read(&place);
        let done = run(dir.path(), output, value, &format!("{options}{more}"), claim);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let case = format!("{value}, {options}, {claim}: {said}");
        let kept = dir.path().join(format!("{output}.failed"));
        if holds {
            assert_eq!(done.status.code(), Some(0), "{case}");
            assert!(!kept.exists(), "{case}");
            assert!(model::read(&place) != old, "{case}");
        } else {
            assert_eq!(done.status.code(), Some(1), "{case}");
            assert!(said.contains("E0620") && said.contains(&format!("{output}.failed")), "{case}");
            assert!(model::read(&place) == old, "{case}");
            let kept = model::read(&kept);
            assert_eq!(kept.len(), 3, "{case}");
            assert!(kept != old, "{case}");
        }
        let names = std::fs::read_dir(dir.path()).expect("the folder").flatten();
        let hidden: Vec<_> =
            names.map(|entry| entry.file_name()).filter(|name| name.as_encoded_bytes()[0] == b'.').collect();
        assert!(hidden.is_empty(), "{case}: left over {hidden:?}");
        std::fs::remove_dir_all(dir.path().join("o.failed")).unwrap_or_default();
    }
}

#[test]
fn an_overflow_is_seen() {
    check("a", "dtype = f16, overflow = inf", "finite(merged)", false);
    check("mix(a, b, 0.1)", "dtype = f16, overflow = inf", "finite(merged)", false);
    check("a", "dtype = f16, overflow = saturate", "finite(merged)", true);
    check("a", "dtype = bf16", "finite(merged)", true);
}

#[test]
fn same_converts_the_other_side() {
    check("c", "dtype = f16", "same(merged, c)", true);
    check("c", "dtype = bf16", "same(merged, c)", true);
    check("match {\n  layer 0 => c\n  else => mix(b, c, 0.5)\n}", "dtype = f16", "same(merged, c) where layer 0", true);
    check("match {\n  layer 0 => c\n  else => mix(b, c, 0.5)\n}", "dtype = f16", "same(merged, c)", false);
    check("a", "dtype = f16, overflow = saturate", "same(merged, b)", false);
}

/// Rounding to f16 moves the written tensors away from the values in the recipe.
#[test]
fn distances_are_those_of_what_is_written() {
    check("c", "dtype = f32", "distance(merged, c) <= 0", true);
    check("c", "dtype = f16", "distance(merged, c) <= 0", false);
    check("c", "dtype = f16", "distance(merged, c) <= 0.001", true);
    check("c", "dtype = f16", "cosine(merged, c) >= 0.99999", true);
    check("c", "dtype = f32", "cosine(merged, b) >= 0.5", false);
}
