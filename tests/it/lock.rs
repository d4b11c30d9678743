//! Locks and provenance through the command line: what holds, what is refused and in which words, what outputs carry, and
//! that they can be built again from it.

use super::run::root;
use safetensors::SafeTensors;
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::SystemTime;

/// A folder with copies of two models and a recipe.
struct Scene {
    dir: tempfile::TempDir,
}

const RECIPE: &str = "blend 1\n\nmodel toon = \"models/toon.safetensors\"\nmodel ink  = \"models/ink.safetensors\"\n\nparam share = 0.25 in 0..1\n\noutput \"out.safetensors\" = mix(toon, ink, share)\n\nassert finite(toon)\n";

impl Scene {
    fn new() -> Scene {
        let scene = Scene { dir: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(scene.at("models")).expect("a folder");
        for name in ["toon", "ink"] {
            let from = root().join(format!("recipes/models/avatars-{name}.safetensors"));
            std::fs::write(scene.at(&format!("models/{name}.safetensors")), std::fs::read(from).expect("a model"))
                .expect("a copy");
        }
        scene.write("r.blend", RECIPE);
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).expect("a text")
    }

    /// Changes one byte of a model, near its end.
    fn touch(&self, name: &str) {
        let path = self.at(&format!("models/{name}.safetensors"));
        let mut bytes = std::fs::read(&path).expect("a model");
        let at = bytes.len() - 7;
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).expect("a model");
    }

    /// Runs blend in a folder; exit code, what it printed, what it said.
    fn run_in(&self, folder: &Path, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
        command.current_dir(folder).args(args).stdin(Stdio::null());
        command.env("BLEND_CACHE_DIR", self.at("cache")).env("COLUMNS", "200").env_remove("CLICOLOR_FORCE");
        let output = command.output().expect("blend starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
    }

    /// Exit code and messages as expected.
    #[track_caller]
    fn check(&self, args: &[&str], exit: i32, says: &[&str]) -> String {
        let (code, out, said) = self.run_in(self.dir.path(), args);
        assert_eq!(code, exit, "{args:?}\n{out}{said}");
        for part in says {
            assert!(said.contains(part) || out.contains(part), "{args:?} does not say `{part}`\n{out}{said}");
        }
        out + &said
    }
}

/// What takes `--locked`.
const LOCKED: &[&[&str]] = &[
    &["build", "r.blend", "--locked"],
    &["check", "r.blend", "--locked"],
    &["plan", "r.blend", "--locked"],
    &["render", "r.blend", "--locked", "--seeds", "0", "--device", "cpu", "-o", "sheet.png"],
    &["test", "r.blend", "--locked"],
];

#[test]
fn a_lock_holds_until_something_changes() {
    let scene = Scene::new();
    for words in LOCKED {
        scene.check(words, 2, &["E0801", "blend lock r.blend"]);
    }
    scene.check(&["lock", "r.blend"], 0, &["wrote r.blend.lock: 2 models"]);
    scene.check(&["lock", "r.blend"], 0, &["unchanged: r.blend.lock"]);
    let fresh = scene.read("r.blend.lock");
    assert!(!fresh.contains("[[output]]"), "nothing was built:\n{fresh}");
    scene.check(&["build", "r.blend", "--locked"], 0, &[]);
    assert_eq!(scene.read("r.blend.lock"), fresh, "`--locked` writes no lock");
    scene.check(&["build", "r.blend"], 0, &[]);
    let built = scene.read("r.blend.lock");
    let digest = blake3::hash(&std::fs::read(scene.at("out.safetensors")).expect("an output")).to_hex();
    assert!(built.starts_with(fresh.trim_end()) && built.contains("[[output]]"), "{built}");
    assert!(built.contains(&format!("\"out.safetensors\" = \"{digest}\"")), "{built}");
    for words in LOCKED {
        scene.check(words, 0, &[]);
        scene.check(&[words, &["--verify"][..]].concat(), 0, &[]);
    }
    scene.check(&["lock", "r.blend"], 0, &["unchanged: r.blend.lock"]);
    // Other words, and another value of a parameter, are no drift.
    scene.write(
        "r.blend",
        &format!(
            "{}# The end.\n",
            RECIPE.replace("ink", "drawing").replace("models/drawing", "models/ink").replace("0.25", "0.250")
        ),
    );
    scene.check(&["build", "r.blend", "--locked"], 0, &["the tensors are those of the lock"]);
    scene.check(&["build", "r.blend", "--locked", "--set", "share=0.5"], 0, &[]);
    // Another meaning is.
    for (old, new) in [
        ("0.25", "0.3"),
        ("mix(toon, ink, share)", "slerp(toon, ink, share)"),
        ("out.safetensors", "other.safetensors"),
        ("finite(toon)", "finite(ink)"),
    ] {
        scene.write("r.blend", &RECIPE.replace(old, new));
        scene.check(&["build", "r.blend", "--locked"], 1, &["E0804", "does not mean what was locked"]);
    }
    scene.check(&["build", "r.blend"], 0, &["W0801", "does not mean what was locked"]);
    assert_eq!(scene.read("r.blend.lock"), built, "a lock that does not hold stays");
    scene.check(&["lock", "r.blend"], 0, &["wrote"]);
    assert!(!scene.read("r.blend.lock").contains("[[output]]"), "what was built had another meaning");
}

#[test]
fn a_changed_model_is_told_and_renewed() {
    let scene = Scene::new();
    scene.check(&["lock", "r.blend"], 0, &[]);
    scene.check(&["build", "r.blend"], 0, &[]);
    let (locked, output) = (scene.read("r.blend.lock"), std::fs::read(scene.at("out.safetensors")).expect("an output"));
    scene.touch("ink");
    for words in LOCKED.iter().copied().chain([&["plan", "r.blend", "--locked", "--sweep", "share=0"][..]]) {
        let said = scene.check(
            words,
            1,
            &["E0803", "`ink` is not the model that was locked: its weights", "--update ink", "identity:"],
        );
        assert!(!said.contains("write "), "nothing is shown of what was not locked: {said}");
    }
    assert!(!scene.at("sheet.png").exists(), "nothing is drawn of what was not locked");
    scene.check(&["lock", "r.blend", "--verify"], 1, &["E0803", "`ink`"]);
    assert_eq!(
        std::fs::read(scene.at("out.safetensors")).expect("an output"),
        output,
        "refused before anything was written"
    );
    scene.check(&["lock", "r.blend", "--update", "nobody"], 2, &["E0806", "toon, ink"]);
    assert_eq!(scene.read("r.blend.lock"), locked);
    // Both have changed, one is renewed.
    scene.touch("toon");
    scene.check(&["lock", "r.blend", "--update", "ink"], 0, &["wrote", "1 not read again"]);
    scene.check(&["build", "r.blend", "--locked"], 1, &["`toon` is not the model"]);
    scene.touch("toon");
    scene.check(&["build", "r.blend", "--locked"], 0, &[]);
    let of = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("name = \"{name}\"")).expect("the input");
        rest.split("[[").next().expect("its rows").trim().to_string()
    };
    let renewed = scene.read("r.blend.lock");
    assert_eq!(of(&renewed, "toon"), of(&locked, "toon"));
    assert_ne!(of(&renewed, "ink"), of(&locked, "ink"));
    // The same weights with other remarks.
    let path = scene.at("models/ink.safetensors");
    let bytes = std::fs::read(&path).expect("a model");
    let model = SafeTensors::deserialize(&bytes).expect("safetensors");
    let remarks = std::collections::HashMap::from([("note".to_string(), "x".to_string())]);
    let again = safetensors::serialize(model.tensors(), Some(remarks)).expect("safetensors");
    std::fs::write(&path, again).expect("a model");
    scene.check(&["build", "r.blend", "--locked"], 1, &["E0803", "the same weights, in another file"]);
    // A model more, a model less.
    scene.write("r.blend", &RECIPE.replace("models/ink", "models/copy"));
    std::fs::copy(scene.at("models/toon.safetensors"), scene.at("models/copy.safetensors")).expect("a copy");
    scene.check(
        &["check", "r.blend", "--locked"],
        1,
        &["`ink` is not in the lock", "which the recipe does not read", "E0804"],
    );
}

#[test]
fn unchanged_files_are_not_read_again() {
    let scene = Scene::new();
    let age = |name: &str| {
        let then = SystemTime::now() - Duration::from_secs(100);
        let file = File::options().append(true).open(scene.at(&format!("models/{name}.safetensors"))).expect("a model");
        file.set_modified(then).expect("a time");
    };
    ["toon", "ink"].iter().for_each(|name| age(name));
    let first = scene.check(&["lock", "r.blend"], 0, &["wrote"]);
    assert!(!first.contains("not read again"), "{first}");
    scene.check(&["lock", "r.blend"], 0, &["2 not read again"]);
    // A damaged cache is no reason for anything.
    for entry in std::fs::read_dir(scene.at("cache/identities")).expect("the memo") {
        std::fs::write(entry.expect("a record").path(), "garbage").expect("a record");
    }
    let again = scene.check(&["lock", "r.blend"], 0, &["unchanged"]);
    assert!(!again.contains("not read again"), "{again}");
    // A change that keeps size and time is seen by its inode or time of status; `--verify` reads in any case.
    scene.touch("ink");
    age("ink");
    scene.check(&["build", "r.blend", "--locked"], 1, &["`ink`"]);
    scene.check(&["lock", "r.blend", "--verify"], 1, &["`ink`"]);
}

#[test]
fn locks_that_cannot_be_used() {
    let scene = Scene::new();
    scene.check(&["lock", "r.blend"], 0, &[]);
    let good = scene.read("r.blend.lock");
    for (old, new, says) in [
        ("version = 1", "version = 9", "it is of version 9"),
        ("version = 1", "<<<<<<< HEAD\nversion = 1", "E0802"),
        ("identity = ", "identities = ", "unknown field"),
        ("recipe = \"", "recipe = \"z", "is no digest"),
        ("size = ", "size = -", "E0802"),
    ] {
        scene.write("r.blend.lock", &good.replacen(old, new, 1));
        for args in
            [&["build", "r.blend"][..], &["build", "r.blend", "--locked"], &["lock", "r.blend", "--update", "ink"]]
        {
            scene.check(args, 2, &["E0802", says]);
        }
    }
    // Damage of any kind is told, never taken for a lock of something else, and never a panic.
    let lock = blend::lock::parse(&good).expect("a lock");
    assert_eq!(blend::lock::text(&lock), good);
    for at in 0..good.len() {
        let cut = blend::lock::parse(&good[..at]);
        assert!(cut.as_ref().map_or(true, |cut| *cut != lock || good[at..].trim().is_empty()), "cut at {at}");
        let mut other = good.clone().into_bytes();
        other[at] ^= 1 + (at % 7) as u8;
        if let Ok(Ok(read)) = String::from_utf8(other).map(|text| blend::lock::parse(&text)) {
            let is_remark = at < good.find("version").expect("the version");
            assert!(read != lock || is_remark || good.as_bytes()[at].is_ascii_whitespace(), "byte {at}");
        }
    }
    std::fs::write(scene.at("r.blend.lock"), [0xff, 0xfe, 0]).expect("a file");
    scene.check(&["build", "r.blend"], 2, &["E0802"]);
    assert!(!scene.at("out.safetensors").exists());
    scene.check(&["lock", "r.blend"], 0, &["wrote"]);
    assert_eq!(scene.read("r.blend.lock"), good);
    scene.check(
        &["build", "-e", "a", "-m", "a=models/toon.safetensors", "--locked"],
        2,
        &["E0801", "write the recipe into a file"],
    );
    scene.check(&["lock", "-"], 2, &["E0801"]);
}

#[test]
fn another_result_of_the_same_lock_is_told() {
    let scene = Scene::new();
    scene.check(&["lock", "r.blend"], 0, &[]);
    scene.check(&["build", "r.blend"], 0, &[]);
    let text = scene.read("r.blend.lock");
    let (before, after) = text.split_once("[[output]]").expect("an output");
    let (head, tail) = after.split_once("identity = \"").expect("its identity");
    let other =
        format!("{before}[[output]]{head}identity = \"{}{}", if tail.starts_with('0') { '1' } else { '0' }, &tail[1..]);
    scene.write("r.blend.lock", &other);
    for args in [&["build", "r.blend", "--locked"][..], &["build", "r.blend"]] {
        scene.check(args, 1, &["E0805", "is not what the same recipe gave"]);
        assert_eq!(scene.read("r.blend.lock"), other);
    }
}

/// `__metadata__` of a file.
fn metadata(path: &Path) -> std::collections::HashMap<String, String> {
    let bytes = std::fs::read(path).expect("a file");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
    header.metadata().clone().expect("metadata")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Builds recipe `name`, takes the recipe out of the output, and builds that in another folder: the same file.
#[track_caller]
fn check_again(scene: &Scene, name: &str, output: &str, sets: &[&str]) {
    let mut args = vec!["build", name];
    sets.iter().for_each(|set| args.extend(["--set", set]));
    scene.check(&args, 0, &[]);
    let (code, text, said) = scene.run_in(scene.dir.path(), &["inspect", "--recipe", output]);
    assert_eq!((code, said.as_str()), (0, ""), "{text}");
    let folder = scene.at("else/where");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("again.blend"), &text).expect("a recipe");
    let home = scene.at(name).parent().expect("a folder").display().to_string();
    let (code, out, said) = scene.run_in(&folder, &["build", "again.blend", "--root", &home]);
    assert_eq!(code, 0, "{text}\n{out}{said}");
    let (code, formatted, said) = scene.run_in(&folder, &["fmt", "--check", "again.blend"]);
    assert_eq!(code, 0, "{formatted}{said}");
    let file = Path::new(output).file_name().expect("a name");
    let (first, again) = (std::fs::read(scene.at(output)), std::fs::read(folder.join(file)));
    assert!(
        first.expect("an output") == again.expect("an output"),
        "other bytes\n{text}\n{:?}\n{:?}",
        metadata(&scene.at(output)),
        metadata(&folder.join(file))
    );
}

#[test]
fn an_output_can_be_built_again_from_itself() {
    let scene = Scene::new();
    check_again(&scene, "r.blend", "out.safetensors", &[]);
    check_again(&scene, "r.blend", "out.safetensors", &["share=0.75"]);
    // Written carelessly, with imports that import, with paths of their own, names that clash, and parameters everywhere.
    scene.write(
        "lib/curves.blend",
        "blend 1\n# A curve.\nuse \"deep/more.blend\" as more { top = 6 }\nparam edge = 16 in [8, 16, 32]\nparam kind = \"toon\"\nmodel other = \"../models/{kind}.safetensors\"\npattern low = resolution ..edge and not torgb\npattern conv = conv and not bias\nfn twice(x, edge = 2) = edge * x\nlet up = match { low => 0\n conv => twice(0.25) * more.rest\n else => more.up }\noutput \"never.safetensors\" = other\nassert finite(other)\n",
    );
    scene.write("lib/deep/more.blend", "blend 1\nparam top = 5\nlet up = clamp(match { mapping => 0\n else => ramp(octave, 2, top) }, 0, 1)\nlet rest = 1\n");
    scene.write(
        "in/r.blend",
        "blend 1\nuse \"../lib/curves.blend\" as curves { edge = 8, kind = \"ink\" }\n\n# The drawing.\nmodel   toon = \"../models/toon.safetensors\"\nparam size=1 in 0..1\nlet curves_up = size\nlet made = mix(toon, curves.other, curves_up * curves.up)   # both\noutput \"made-{size}.safetensors\" = match { curves.low => toon\n else => made } { metadata = { note = \"x\" } }\nassert finite(made) where curves.conv\n",
    );
    check_again(&scene, "in/r.blend", "in/made-1.safetensors", &[]);
    check_again(&scene, "in/r.blend", "in/made-0.5.safetensors", &["size=0.5"]);
    let text = metadata(&scene.at("in/made-0.5.safetensors"))["blend.recipe"].clone();
    for part in [
        "# The drawing.",
        "# A curve.",
        "# both",
        "param size",
        "= 0.5 in 0..1",
        "\"../models/{curves_kind}.safetensors\"",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(!text.contains("use ") && !text.contains("never"), "{text}");
    // Files of PyTorch carry it, too.
    scene.write(
        "pt.blend",
        "blend 1\nmodel toon = \"models/toon.safetensors\"\noutput \"o.pt\" = toon { format = pt }\n",
    );
    scene.check(&["build", "pt.blend"], 0, &[]);
    scene.check(&["inspect", "--recipe", "o.pt"], 0, &["output \"o.pt\" = toon"]);
    scene.check(&["inspect", "--recipe", "models/toon.safetensors"], 2, &["has no recipe inside"]);
}

#[test]
fn outputs_carry_where_they_come_from() {
    let scene = Scene::new();
    scene.check(&["lock", "r.blend"], 0, &[]);
    scene.check(&["build", "r.blend"], 0, &[]);
    let first = metadata(&scene.at("out.safetensors"));
    let (_, hash, _) = scene.run_in(scene.dir.path(), &["hash", "r.blend"]);
    assert_eq!(first["blend.semantic"], hash.trim());
    assert!(!first.contains_key("blend.lineage"), "no input was merged");
    // The lock says what the inputs are.
    let inputs = json(&first["blend.inputs"]);
    let lock = scene.read("r.blend.lock");
    for input in inputs.as_array().expect("inputs") {
        assert!(lock.contains(&format!("identity = {}", input["identity"])), "{input}\n{lock}");
    }
    std::fs::remove_file(scene.at("r.blend.lock")).expect("a lock");
    scene.check(&["build", "r.blend"], 0, &[]);
    assert!(!metadata(&scene.at("out.safetensors"))["blend.inputs"].contains("identity"));
    scene.check(&["lock", "r.blend"], 0, &[]);
    scene.check(&["build", "r.blend"], 0, &[]);
    // Merged again, and again.
    scene.write("second.blend", "blend 1\nmodel mixed = \"out.safetensors\"\nmodel ink = \"models/ink.safetensors\"\noutput \"two.safetensors\" = mix(mixed, ink, 0.5)\n");
    scene.write(
        "third.blend",
        "blend 1\nmodel x = \"two.safetensors\"\noutput \"three.safetensors\" = x + 0.1 * (x - x)\n",
    );
    scene.check(&["build", "second.blend"], 0, &[]);
    scene.check(&["build", "third.blend"], 0, &[]);
    let two = json(&metadata(&scene.at("two.safetensors"))["blend.lineage"]);
    assert_eq!(two.as_array().map(Vec::len), Some(1), "{two}");
    assert_eq!(
        (&two[0]["name"], &two[0]["semantic"], &two[0]["inputs"]),
        (&json("\"mixed\""), &Value::from(hash.trim()), &inputs)
    );
    let three = json(&metadata(&scene.at("three.safetensors"))["blend.lineage"]);
    assert_eq!(three[0]["name"], "x");
    assert_eq!(three[0]["lineage"], two);
    // The identity in a lock is that of the output as an input later.
    scene.check(&["lock", "second.blend"], 0, &[]);
    let identity = |text: &str, after: &str| {
        let (_, rest) = text.split_once(after).expect("a row");
        rest.split_once("identity = \"").expect("an identity").1[..64].to_string()
    };
    assert_eq!(
        identity(&scene.read("r.blend.lock"), "[[output]]"),
        identity(&scene.read("second.blend.lock"), "name = \"mixed\"")
    );
}

/// A chain of many merges stays short, and foreign text in it does no harm.
#[test]
fn lineage_is_bounded() {
    let scene = Scene::new();
    let bytes = std::fs::read(scene.at("models/toon.safetensors")).expect("a model");
    let model = SafeTensors::deserialize(&bytes).expect("safetensors");
    let write = |name: &str, lineage: &str, inputs: &str| {
        let said =
            [("blend.inputs", inputs), ("blend.lineage", lineage), ("blend.version", "0"), ("blend.semantic", "s")];
        let said = said.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let file = safetensors::serialize(model.tensors(), Some(said)).expect("safetensors");
        std::fs::write(scene.at(name), file).expect("a model");
    };
    let row = |inner: String| {
        format!(
            "[{{\"name\": \"{}\", \"inputs\": [{{\"name\": \"a\", \"secret\": {{}}}}], \"lineage\": {inner}}}]",
            "n".repeat(9_000)
        )
    };
    let long = (0..12).fold("[]".to_string(), |inner, _| row(inner));
    scene.write("x.blend", "blend 1\nmodel x = \"x.safetensors\"\noutput \"y.safetensors\" = x\n");
    for (lineage, inputs) in [
        (long.as_str(), "[{\"name\": \"a\", \"path\": \"p\", \"size\": 3, \"strange\": 1}]"),
        ("not JSON", "[]"),
        ("{}", "[1, \"x\", null, {}]"),
        ("[[[[]]], 7, {\"lineage\": 3}]", "[]"),
        (&format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)), "[]"),
    ] {
        write("x.safetensors", lineage, inputs);
        scene.check(&["build", "x.blend"], 0, &[]);
        let said = metadata(&scene.at("y.safetensors"));
        assert!(said["blend.lineage"].len() <= 64 << 10);
        let rows = json(&said["blend.lineage"]);
        assert_eq!((&rows[0]["name"], &rows[0]["semantic"]), (&json("\"x\""), &json("\"s\"")));
        assert!(!said["blend.lineage"].contains("strange") && !said["blend.lineage"].contains("secret"));
        if lineage == long {
            assert!(said["blend.lineage"].contains("\"cut\":\"") && said["blend.lineage"].len() > 50_000);
        }
    }
    // No lineage of what says nothing of itself.
    write("x.safetensors", "[]", "no JSON");
    scene.check(&["build", "x.blend"], 0, &[]);
    assert!(!metadata(&scene.at("y.safetensors")).contains_key("blend.lineage"));
}

#[test]
fn a_statement_for_other_tools() {
    let scene = Scene::new();
    scene.check(&["build", "r.blend", "--provenance", "out.json", "--set", "share=0.5"], 0, &["wrote out.json"]);
    let said = json(&scene.read("out.json"));
    let output = std::fs::read(scene.at("out.safetensors")).expect("an output");
    assert_eq!(said["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(said["predicateType"], "https://slsa.dev/provenance/v1");
    let subject = &said["subject"][0];
    assert_eq!(
        (subject["name"].as_str(), subject["digest"]["blake3"].as_str()),
        (Some("out.safetensors"), Some(blake3::hash(&output).to_hex().as_str()))
    );
    // Against the machine's own tool.
    let sum = Command::new("sha256sum").arg(scene.at("out.safetensors")).output().expect("sha256sum starts");
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().expect("a digest").to_string();
    assert_eq!(subject["digest"]["sha256"].as_str(), Some(sum.as_str()));
    let built = &said["predicate"]["buildDefinition"];
    assert_eq!(built["externalParameters"]["params"], json("{\"share\": 0.5}"));
    let toon = std::fs::read(scene.at("models/toon.safetensors")).expect("a model");
    let inputs = &built["resolvedDependencies"];
    assert_eq!(
        (inputs[0]["name"].as_str(), inputs[0]["digest"]["blake3"].as_str()),
        (Some("models/toon.safetensors"), Some(blake3::hash(&toon).to_hex().as_str()))
    );
    // Never over something that is read or written.
    scene.check(&["build", "r.blend", "--provenance", "models/ink.safetensors"], 2, &["E0515"]);
    // A build of the same is told in the same words.
    scene.check(&["build", "r.blend", "--provenance", "again.json", "--set", "share=0.5"], 0, &[]);
    assert_eq!(scene.read("again.json"), scene.read("out.json"));
}

/// The digests are the same however files are read.
#[test]
fn reading_by_position_gives_the_same_lock() {
    let scene = Scene::new();
    scene.check(&["lock", "r.blend"], 0, &[]);
    let mapped = scene.read("r.blend.lock");
    std::fs::remove_file(scene.at("r.blend.lock")).expect("a lock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
    command.current_dir(scene.dir.path()).args(["lock", "r.blend", "--threads", "3"]);
    command.env("BLEND_READ", "pread").env("BLEND_CACHE_DIR", scene.at("other"));
    assert!(command.status().expect("blend starts").success());
    assert_eq!(scene.read("r.blend.lock"), mapped);
}
