//! Builds after builds: what is made again, what is taken from before, and that the bytes never show it.

mod kills;
mod shared;
mod steps;
mod trust;

use crate::laws::model;
use crate::laws::model::Random;
use crate::run::forgetful;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

/// A folder with two models and a cache of its own.
struct Scene {
    dir: tempfile::TempDir,
}

/// Tensors of a model.
const LAYERS: usize = 8;

/// A recipe with one arm for the first layers and one for the others.
fn recipe(target: &str, low: &str, high: &str, block: &str) -> String {
    format!(
        "blend 1\n\nmodel toon = \"a.safetensors\"\nmodel ink = \"b.safetensors\"\n\noutput \"{target}\" = match {{\n  layer ..4 => {low}\n  else => {high}\n}}{block}\n"
    )
}

fn write_model(path: &Path, seed: u64, count: u64) {
    let mut random = Random(seed);
    let tensors: Vec<model::Tensor> = (0..LAYERS)
        .map(|layer| {
            let values: Vec<f64> = (0..count).map(|_| random.unit()).collect();
            model::tensor(&format!("layers.{layer}.w"), "F32", &[count], model::floats("F32", &values))
        })
        .collect();
    std::fs::write(path, model::file(&tensors)).expect("a model");
}

impl Scene {
    /// Models of [`LAYERS`] tensors of `count` numbers.
    fn new(count: u64) -> Scene {
        let dir = tempfile::tempdir().expect("a folder");
        write_model(&dir.path().join("a.safetensors"), 1, count);
        write_model(&dir.path().join("b.safetensors"), 2, count);
        Scene { dir }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn cache(&self) -> PathBuf {
        self.at("cache")
    }

    fn blend(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
        command.current_dir(self.dir.path()).args(args).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        forgetful(&mut command).env("BLEND_CACHE_DIR", self.cache());
        command
    }

    /// A build that must end well; what it says.
    #[track_caller]
    fn build(&self, recipe: &str, more: &[&str]) -> String {
        std::fs::write(self.at("r.blend"), recipe).expect("a recipe");
        let output = self.blend(&[&["build", "r.blend"], more].concat()).output().expect("it starts");
        let said = said(&output);
        assert!(output.status.success(), "{said}");
        said
    }

    /// What a build of nothing makes.
    #[track_caller]
    fn fresh(&self, recipe: &str, target: &str) -> Vec<Vec<u8>> {
        std::fs::write(self.at("r.blend"), recipe).expect("a recipe");
        let ending = Path::new(target).extension().map(|ending| format!(".{}", ending.to_string_lossy()));
        let other = &format!("fresh{}", ending.unwrap_or_default());
        let mut command = self.blend(&["build", "r.blend", "--output", other, "--fresh", "--threads", "2"]);
        let output = forgetful(&mut command).output().expect("it starts");
        assert!(output.status.success(), "{}", said(&output));
        let files = contents(&self.at(other));
        let _ = std::fs::remove_dir_all(self.at(other)).or_else(|_| std::fs::remove_file(self.at(other)));
        files
    }

    /// The bytes at a target are those of a build of nothing.
    #[track_caller]
    fn check(&self, recipe: &str, target: &str) {
        let (there, fresh) = (contents(&self.at(target)), self.fresh(recipe, target));
        assert_eq!(there.len(), fresh.len());
        for (there, fresh) in there.iter().zip(&fresh) {
            assert!(there == fresh, "{target} is not what a build of nothing makes");
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// A file, or the files of a directory in the order of their names.
fn contents(path: &Path) -> Vec<Vec<u8>> {
    if path.is_file() {
        return vec![std::fs::read(path).expect("a file")];
    }
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    names.iter().map(|name| std::fs::read(name).expect("a file")).collect()
}
