//! The examples of `recipes/pipelines` under the tools that they are for: they build when they should, and only then.

use super::run::root;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::time::Duration;

const BLEND: &str = env!("CARGO_BIN_EXE_blend");

/// Longer than a tick of the clock that files get their times from.
const TICK: Duration = Duration::from_millis(30);

/// Whether a tool is there; in CI it must be.
fn has(tool: &str) -> bool {
    let is_there =
        Command::new(tool).arg("--version").env("PATH", path()).output().is_ok_and(|out| out.status.success());
    if !is_there {
        let reason = format!("{tool} cannot be started");
        assert!(std::env::var_os("BLEND_CI").is_none(), "{reason}");
        eprintln!("skipped: {reason}");
    }
    is_there
}

/// Where programs are looked for: `blend` is the one under test.
fn path() -> std::ffi::OsString {
    let own = Path::new(BLEND).parent().expect("a folder").to_path_buf();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&others))).expect("a path")
}

/// A copy of the examples with models of its own.
struct Shop {
    dir: tempfile::TempDir,
}

impl Shop {
    fn new() -> Shop {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for folder in ["models", "pipelines"] {
            let to = dir.path().join(folder);
            std::fs::create_dir(&to).expect("a folder");
            for entry in std::fs::read_dir(root().join("recipes").join(folder)).expect("a folder of recipes") {
                let from = entry.expect("an entry").path();
                if from.is_file() {
                    std::fs::copy(&from, to.join(from.file_name().expect("a name"))).expect("a copy");
                }
            }
        }
        Shop { dir }
    }

    fn here(&self) -> PathBuf {
        self.dir.path().join("pipelines")
    }

    /// A program in the folder of the examples, with nothing of the user's own configuration.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        let home = self.dir.path().join("home");
        command.args(&words[1..]).current_dir(self.here()).env("PATH", path()).env("HOME", &home);
        for (name, value) in [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("DVC_NO_ANALYTICS", "true"),
            ("NO_COLOR", "1"),
        ] {
            command.env(name, value);
        }
        for name in ["DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR", "PRE_COMMIT_HOME"] {
            command.env(name, home.join(name));
        }
        for name in ["MAKEFLAGS", "MAKELEVEL", "GIT_DIR", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        command
    }

    fn output(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap_or_else(|reason| panic!("{words:?}: {reason}"))
    }

    #[track_caller]
    fn run(&self, words: &[&str]) -> String {
        let output = self.output(words);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {said}");
        said
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.here().join(name);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, before + text).expect("a file");
    }

    /// Who the outputs are: a build gives them new inodes or new times.
    fn outputs(&self) -> Vec<Option<(u64, i64, i64)>> {
        let of = |name: &str| {
            let metadata = std::fs::metadata(self.here().join("out").join(name)).ok()?;
            Some((metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
        };
        ["structure.safetensors", "colours.safetensors"].map(of).to_vec()
    }
}

/// A change, what it does, and which of the two steps it asks for: by time, and by content.
type Change = (&'static str, fn(&Shop), [bool; 2], [bool; 2]);

fn swap(shop: &Shop, from: &str, to: &str) {
    let models = shop.dir.path().join("models");
    std::fs::copy(models.join(from), models.join(to)).expect("a copy");
}

const CHANGES: &[Change] = &[
    ("the first build", |_| {}, [true, true], [true, true]),
    ("nothing", |_| {}, [false, false], [false, false]),
    ("a file that nobody reads", |shop| shop.append("notes.txt", "a"), [false, false], [false, false]),
    ("a comment in a recipe", |shop| shop.append("colours.blend", "# a comment\n"), [false, true], [false, true]),
    (
        "another model",
        |shop| swap(shop, "avatars-ink.safetensors", "avatars-pixel.safetensors"),
        [false, true],
        [false, true],
    ),
    (
        "another model of the first step",
        |shop| swap(shop, "avatars-pixel.safetensors", "avatars-toon.safetensors"),
        [true, true],
        [true, true],
    ),
    (
        "a model written again as it was",
        |shop| {
            let path = shop.dir.path().join("models/avatars-ink.safetensors");
            std::fs::write(&path, std::fs::read(&path).expect("a model")).expect("it can be written");
        },
        [true, true],
        [false, false],
    ),
];

/// A tool builds what each change asks for.
#[track_caller]
fn check(build: &[&str], by_content: bool, prepare: impl Fn(&Shop)) {
    let shop = Shop::new();
    prepare(&shop);
    for (what, change, by_time, of_content) in CHANGES {
        let before = shop.outputs();
        std::thread::sleep(TICK);
        change(&shop);
        let said = shop.run(build);
        let built: Vec<bool> = before.iter().zip(shop.outputs()).map(|(before, now)| *before != now).collect();
        let wanted = if by_content { of_content } else { by_time };
        assert_eq!(built, wanted, "{build:?} after {what}:\n{said}");
        assert!(shop.outputs().iter().all(Option::is_some), "{build:?} after {what}");
    }
}

#[test]
fn make_builds_what_has_changed() {
    if has("make") {
        check(&["make"], false, |_| {});
    }
}

#[test]
fn ninja_builds_what_has_changed() {
    if has("ninja") {
        check(&["ninja"], false, |_| {});
    }
}

#[test]
fn dvc_builds_what_has_changed() {
    if has("dvc") {
        check(&["dvc", "repro"], true, |shop| {
            shop.run(&["dvc", "--cd", "..", "init", "--no-scm", "--quiet"]);
        });
    }
}

/// The other goals of the Makefile.
#[test]
fn make_checks_lists_and_cleans() {
    if !has("make") {
        return;
    }
    let shop = Shop::new();
    let list = shop.run(&["make", "--silent", "list"]);
    assert!(list.contains("out/colours.safetensors: colours.blend out/structure.safetensors"), "{list}");
    shop.run(&["make", "check"]);
    shop.run(&["make", "clean"]);
    assert_eq!(shop.outputs(), [None, None]);
    // A build that fails is told, and leaves what was there.
    shop.run(&["make"]);
    let before = shop.outputs();
    std::thread::sleep(TICK);
    shop.append("colours.blend", "assert distance(coloured, inked) >= 9\n");
    let output = shop.output(&["make"]);
    assert!(!output.status.success());
    assert_eq!(shop.outputs(), before);
}

/// The commands of the workflow, but for the installation; a mistake is an annotation.
#[test]
fn the_workflow_builds() {
    if !has("make") || !has("bash") {
        return;
    }
    let shop = Shop::new();
    let text = std::fs::read_to_string(shop.here().join("blend.yml")).expect("the workflow");
    let commands: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("run: ")).collect();
    let (install, rest) = commands.split_first().expect("steps");
    assert!(install.starts_with("cargo install") && rest.len() == 2, "{commands:?}");
    for command in rest {
        shop.run(&["bash", "-euo", "pipefail", "-c", command]);
    }
    assert!(shop.outputs().iter().all(Option::is_some));
    let text = std::fs::read_to_string(shop.here().join("colours.blend")).expect("a recipe");
    std::thread::sleep(TICK);
    std::fs::write(shop.here().join("colours.blend"), text.replace("mix(inked", "mix(inkt")).expect("a recipe");
    let output = shop.output(&["bash", "-euo", "pipefail", "-c", rest[1]]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("::error file=colours.blend,line=13,col="), "{said}");
}

#[test]
fn pre_commit_checks_recipes() {
    if !has("pre-commit") || !has("git") {
        return;
    }
    let shop = Shop::new();
    shop.run(&["git", "init", "--quiet"]);
    shop.run(&["git", "add", "structure.blend", ".pre-commit-config.yaml"]);
    let said = shop.run(&["pre-commit", "run"]);
    assert_eq!(said.matches("Passed").count(), 2, "{said}");
    shop.append("loose.blend", "blend 1\nlet   x=1\n");
    shop.append("wrong.blend", "blend 1\n\nlet x = y\n");
    shop.run(&["git", "add", "loose.blend", "wrong.blend"]);
    let output = shop.output(&["pre-commit", "run"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && said.matches("Failed").count() == 2, "{said}");
    assert!(said.contains("`loose.blend` is not formatted") || said.contains("loose.blend is not formatted"), "{said}");
    assert!(said.contains("E0201"), "{said}");
}

/// What stands in a depfile.
#[test]
fn depfiles_are_rules() {
    let shop = Shop::new();
    shop.run(&["blend", "build", "structure.blend", "--depfile", "merge.d"]);
    let text = std::fs::read_to_string(shop.here().join("merge.d")).expect("it was written");
    let wanted = "out/structure.safetensors: \\
  structure.blend \\
  ../models/avatars-toon.safetensors \\
  ../models/avatars-ink.safetensors

structure.blend:

../models/avatars-toon.safetensors:

../models/avatars-ink.safetensors:
";
    assert_eq!(text, wanted);
}

/// A depfile with names that need every escape, under both tools: an unchanged input builds nothing, a changed one does.
#[test]
fn depfiles_name_odd_files() {
    let odd = "my model #1 $x:y.safetensors";
    let recipe = "blend 1\nuse \"curves 1.blend\" as curves\nmodel a = \"my model #1 $x:y.safetensors\"\nmodel b = \"../models/avatars-ink.safetensors\"\noutput \"out/a $b#c.safetensors\" = mix(a, b, curves.half)\n";
    let make = "out/a\\ $$b\\#c.safetensors: merge.blend\n\tblend build merge.blend --quiet --depfile merge.d\n-include merge.d\n";
    let ninja = "rule merge\n  command = blend build merge.blend --quiet --depfile merge.d\n  depfile = merge.d\nbuild out/a$ $$b#c.safetensors: merge merge.blend\n";
    for (tool, file, text) in [("make", "odd.mk", make), ("ninja", "odd.ninja", ninja)] {
        if !has(tool) {
            continue;
        }
        let shop = Shop::new();
        shop.append("merge.blend", recipe);
        shop.append("curves 1.blend", "blend 1\nlet half = 0.5\n");
        shop.append(file, text);
        let model = shop.here().join(odd);
        std::fs::copy(shop.dir.path().join("models/avatars-toon.safetensors"), &model).expect("a copy");
        let output = shop.here().join("out/a $b#c.safetensors");
        let built = || {
            let metadata = std::fs::metadata(&output).ok()?;
            Some((metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
        };
        let build: &[&str] =
            if tool == "make" { &["make", "-f", "odd.mk", "-s"] } else { &["ninja", "-f", "odd.ninja"] };
        shop.run(build);
        let first = built();
        assert!(first.is_some(), "{tool}");
        for (what, path) in [("the model", odd), ("the used recipe", "curves 1.blend")] {
            let before = built();
            shop.run(build);
            assert_eq!(built(), before, "{tool}: nothing has changed");
            std::thread::sleep(TICK);
            let path = shop.here().join(path);
            std::fs::write(&path, std::fs::read(&path).expect("a file")).expect("it can be written");
            shop.run(build);
            assert_ne!(built(), before, "{tool}: {what} has changed");
        }
        // A file that is gone is told by blend.
        std::fs::remove_file(shop.here().join("curves 1.blend")).expect("it is there");
        let output = shop.output(build);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success() && said.contains("E0501"), "{tool}: {said}");
    }
}
