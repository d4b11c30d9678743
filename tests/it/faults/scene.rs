//! A folder with a small build in it, whose target holds an earlier output.

use crate::laws::model;
use crate::laws::model::Random;
use crate::run::forgetful;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

/// All files below a path, by name; a file itself has the empty name; nothing where nothing is.
pub type Snapshot = BTreeMap<String, Vec<u8>>;

/// What is built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// One file, copies and computed tensors.
    File,
    /// Three shards, copies only: all positioned writes are those of headers and indexes.
    Copies,
    /// Three shards, computed tensors only.
    Computed,
    /// One PyTorch file, copies and computed tensors, whose sums are written last.
    Pt,
}

pub const SHAPES: [Shape; 4] = [Shape::File, Shape::Copies, Shape::Computed, Shape::Pt];

impl Shape {
    /// Whether the target is a file.
    pub fn is_file(self) -> bool {
        matches!(self, Shape::File | Shape::Pt)
    }
}

pub struct Scene {
    pub dir: tempfile::TempDir,
    pub recipe: String,
    pub target: PathBuf,
    /// What stands at the target before each build.
    pub old: Snapshot,
    /// What the build makes.
    pub new: Snapshot,
    inputs: Snapshot,
    /// For builds that remember.
    pub cache: tempfile::TempDir,
}

/// A folder for tests with a path that does not change under `canonicalize`.
pub fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("blend-faults-").tempdir().expect("a temporary folder")
}

/// `blend` in a folder, that of the test's own build.
pub fn blend(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
    command.current_dir(dir).args(args).env_remove("BLEND_READ").env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    forgetful(&mut command);
    command
}

/// Writes `name` with `layers` tensors of this shape.
pub fn write_model(dir: &Path, name: &str, seed: u64, layers: usize, shape: &[u64]) {
    let mut random = Random(seed);
    let count = shape.iter().product::<u64>() as usize;
    let tensors: Vec<model::Tensor> = (0..layers)
        .map(|layer| {
            let values: Vec<f64> = (0..count).map(|_| random.unit()).collect();
            model::tensor(&format!("layers.{layer}.w"), "F32", shape, model::floats("F32", &values))
        })
        .collect();
    std::fs::write(dir.join(name), model::file(&tensors)).expect("a model");
}

/// What stands at a path.
pub fn snapshot(path: &Path) -> Snapshot {
    let mut out = Snapshot::new();
    if let Ok(bytes) = std::fs::read(path) {
        out.insert(String::new(), bytes);
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        out.insert(name, std::fs::read(entry.path()).expect("a file"));
    }
    out
}

/// Runs to the end.
pub fn finish(child: std::io::Result<Child>) -> Output {
    child.expect("it starts").wait_with_output().expect("it ends")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

impl Scene {
    pub fn new(shape: Shape) -> Scene {
        let dir = folder();
        for (name, seed) in [("a.safetensors", 1), ("b.safetensors", 2)] {
            write_model(dir.path(), name, seed, 6, &[20, 30]);
        }
        let (target, value, block) = match shape {
            Shape::File => ("o.safetensors", "match {\n  layer ..edge => a\n  else => mix(a, b, 0.3)\n}", ""),
            Shape::Pt => ("o.pt", "match {\n  layer ..edge => a\n  else => mix(a, b, 0.3)\n}", " { format = pt }"),
            Shape::Copies => ("o", "match {\n  layer ..edge => a\n  else => b\n}", " { shard_size = \"5 kB\" }"),
            Shape::Computed => ("o", "mix(a, b, edge / 4)", " { shard_size = \"5 kB\" }"),
        };
        let recipe = format!(
            "blend 1\n\nparam edge = 2 in [1, 2]\n\nmodel a = \"a.safetensors\"\nmodel b = \"b.safetensors\"\n\nlet merged = {value}\n\noutput \"{target}\" = merged{block}\n\nassert finite(merged)\n"
        );
        std::fs::write(dir.path().join("r.blend"), &recipe).expect("a recipe");
        let target = dir.path().join(target);
        let inputs = Scene::inputs_of(dir.path());
        let mut scene =
            Scene { dir, recipe, target, old: Snapshot::new(), new: Snapshot::new(), inputs, cache: folder() };
        scene.build(&[]);
        scene.new = snapshot(&scene.target);
        scene.build(&["--set", "edge=1"]);
        scene.old = snapshot(&scene.target);
        assert!(!scene.old.is_empty() && scene.old != scene.new, "{:?}", scene.old.keys());
        assert_eq!(scene.old.len(), if shape.is_file() { 1 } else { 5 });
        scene
    }

    fn inputs_of(dir: &Path) -> Snapshot {
        let names = ["a.safetensors", "b.safetensors"];
        names.iter().filter_map(|name| Some((name.to_string(), std::fs::read(dir.join(name)).ok()?))).collect()
    }

    /// A build that nothing disturbs.
    #[track_caller]
    pub fn build(&self, more: &[&str]) {
        let output = finish(blend(self.dir.path(), &[&["build", "r.blend", "--quiet"], more].concat()).spawn());
        assert!(output.status.success(), "{:?}: {}", output.status, stderr(&output));
    }

    /// Puts back what stood at the target at first.
    pub fn restore(&self) {
        if snapshot(&self.target) == self.old {
            return;
        }
        let _ = std::fs::remove_dir_all(&self.target);
        if self.old.contains_key("") {
            std::fs::write(&self.target, &self.old[""]).expect("the old file");
            return;
        }
        std::fs::create_dir(&self.target).expect("the old folder");
        for (name, bytes) in &self.old {
            std::fs::write(self.target.join(name), bytes).expect("an old file");
        }
    }

    /// Names in the folder that are neither inputs nor target nor recipe.
    pub fn left_overs(&self) -> Vec<String> {
        let own = [self.target.file_name().unwrap().to_str().unwrap(), "a.safetensors", "b.safetensors", "r.blend"];
        let entries = std::fs::read_dir(self.dir.path()).expect("the folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|name| !own.contains(&name.as_str())).collect()
    }

    /// `old` or `new`, whichever is there completely; the inputs must be what they were.
    pub fn state(&self) -> Result<&'static str, String> {
        if Scene::inputs_of(self.dir.path()) != self.inputs {
            return Err("the inputs have changed".into());
        }
        match snapshot(&self.target) {
            there if there == self.old => Ok("old"),
            there if there == self.new => Ok("new"),
            there => {
                let sizes: Vec<_> = there.iter().map(|(name, bytes)| (name, bytes.len())).collect();
                Err(format!("at the target is neither the old nor the new output: {sizes:?}"))
            }
        }
    }

    /// After whatever happened, one undisturbed build makes the new output and removes everything else.
    pub fn recovers(&self) -> Result<(), String> {
        self.build(&[]);
        let left = self.left_overs();
        match self.state()? {
            "new" if left.is_empty() => Ok(()),
            state => Err(format!("after a clean build: {state} output, left over {left:?}")),
        }
    }
}
