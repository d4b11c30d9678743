//! What is made of these formats is what is made of safetensors files with the same tensors, bit for bit.

use super::super::run::build;
use super::super::run::forgetful;
use super::data;
use super::same;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Builds an expression over two models into a file.
#[track_caller]
fn merge(directory: &Path, a: &str, b: &str, value: &str, threads: usize) -> std::path::PathBuf {
    let path = directory.join(format!("{a}-{b}-{threads}.safetensors"));
    let text = format!(
        "blend 1\n\nmodel a = \"{a}\"\nmodel b = \"{b}\"\n\noutput \"{}\" = {value}\n\nassert finite({value})\n",
        path.display()
    );
    build(&text, &data(), threads);
    path
}

/// Both files of a pair, and the safetensors files with the same tensors.
#[track_caller]
fn check(a: &str, b: &str, same_a: &str, same_b: &str) {
    let directory = TempDir::new().expect("a temporary folder");
    for value in ["mix(a, b, 0.3)", "a", "slerp(a, b, 0.25)", "a + 0.5 * (b - a)"] {
        let expected = merge(directory.path(), same_a, same_b, value, 1);
        for (a, b) in [(a, b), (a, same_b), (same_a, b)] {
            for threads in [1, 4] {
                same(&merge(directory.path(), a, b, value, threads), &expected);
            }
        }
    }
}

#[test]
fn gguf() {
    check("a.gguf", "b.gguf", "a.safetensors", "b.safetensors");
}

#[test]
fn npz() {
    check("a.npz", "b.npz", "a-arrays.safetensors", "b-arrays.safetensors");
    check("a-compressed.npz", "b-compressed.npz", "a-arrays.safetensors", "b-arrays.safetensors");
    check("a.npz", "b-compressed.npz", "a-arrays.safetensors", "b-arrays.safetensors");
}

#[test]
fn npy() {
    check("a.npy", "b.npy", "a-npy.safetensors", "b-npy.safetensors");
}

/// Rows of rotary heads stand in another order there: quantised tensors are read through the same views as all others.
#[test]
fn quantised_rows_in_another_order() {
    let directory = TempDir::new().expect("a temporary folder");
    for value in ["a", "mix(a, b, 0.3)", "mix(b, a, 0.3)", "slerp(a, b, 0.25)"] {
        let written = |a: &str, b: &str, name: &str| {
            let path = directory.path().join(name);
            let text = format!(
                "blend 1\n\nmodel a = \"{a}\"\nmodel b = \"{b}\"\n\noutput \"{}\" = {value} {{ layout = \"huggingface\" }}\n",
                path.display()
            );
            build(&text, &data(), 2);
            path
        };
        let expected = written("llama.safetensors", "llama.safetensors", "plain.safetensors");
        same(&written("llama.gguf", "llama.gguf", "both.safetensors"), &expected);
        same(&written("llama.gguf", "llama.safetensors", "mixed.safetensors"), &expected);
        if value == "a" {
            same(&expected, &data().join("llama.safetensors"));
        }
    }
}

/// Only pickles have dictionaries to choose from.
#[test]
fn keys() {
    for name in ["a.gguf", "a.npz", "a-compressed.npz", "a.npy"] {
        let problem = blend::store::open(&data().join(name), Some("g_ema")).expect_err("it has no dictionaries");
        assert_eq!(problem.code.0, "E0521", "{}", problem.message);
    }
}

/// A copy is the tensors themselves, as the formats' own packages read them.
#[test]
fn copies() {
    let directory = TempDir::new().expect("a temporary folder");
    for (name, expected) in [
        ("a.gguf", "a.safetensors"),
        ("a.npz", "a-arrays.safetensors"),
        ("a-compressed.npz", "a-arrays.safetensors"),
        ("a.npy", "a-npy.safetensors"),
    ] {
        same(&merge(directory.path(), name, name, "a", 2), &data().join(expected));
    }
}

/// What people see: `tests/data/arrays/*.txt`; `UPDATE=1` writes what is printed now.
#[test]
fn transcripts() {
    let directory = TempDir::new().expect("a temporary folder");
    for name in ["a.gguf", "b.gguf", "a.npz", "b-compressed.npz", "a.npy"] {
        std::fs::copy(data().join(name), directory.path().join(name)).expect("a copy");
    }
    let recipe = |name: &str, a: &str, b: &str| {
        let text = format!(
            "blend 1\n\nmodel a = \"{a}\"\nmodel b = \"{b}\"\n\nlet half = mix(a, b, match {{\n  \"**.attn_norm.*\" or \"conv.*\" => 0.5\n  else => 0\n}})\n\noutput \"out.safetensors\" = half\n"
        );
        std::fs::write(directory.path().join(name), text).expect("a recipe");
    };
    recipe("gguf.blend", "a.gguf", "b.gguf");
    recipe("npz.blend", "a.npz", "b-compressed.npz");
    for (name, args) in [
        ("inspect-gguf", &["inspect", "a.gguf", "--tensors", "--stats"][..]),
        ("inspect-npz", &["inspect", "a.npz", "--tensors"]),
        ("inspect-packed", &["inspect", "b-compressed.npz"]),
        ("inspect-npy", &["inspect", "a.npy", "--stats"]),
        ("plan-gguf", &["plan", "gguf.blend", "--threads", "2"]),
        ("plan-npz", &["plan", "npz.blend", "--threads", "2"]),
        ("build-gguf", &["build", "gguf.blend"]),
        ("build-npz", &["build", "npz.blend"]),
    ] {
        let output = forgetful(&mut Command::new(env!("CARGO_BIN_EXE_blend")))
            .current_dir(directory.path())
            .args(args)
            .env("COLUMNS", "100")
            .env("NO_COLOR", "1")
            .output()
            .expect("blend starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).expect("text");
        // How long a build took says nothing.
        let kept = printed.lines().filter(|line| !line.starts_with("done in "));
        let printed: String = kept.map(|line| format!("{line}\n")).collect();
        let path = data().join(format!("{name}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, printed).expect("a transcript");
        } else {
            let expected = std::fs::read_to_string(path).expect("a transcript");
            assert_eq!(printed, expected, "{name}");
        }
    }
}
