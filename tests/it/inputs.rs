//! `blend inputs` and `blend outputs`: every file that a build reads or writes, whether it is there yet or not.

use std::path::Path;
use std::process::Command;

const BLEND: &str = env!("CARGO_BIN_EXE_blend");

/// A checkpoint of one tensor of zeros.
fn checkpoint(path: &Path, name: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let header = format!("{{\"{name}\":{{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}}}");
    let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 16]].concat();
    std::fs::write(path, bytes).expect("a file");
}

/// A folder with a model in shards, one in a file, and texts.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| dir.path().join(name);
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    shards.iter().enumerate().for_each(|(number, shard)| checkpoint(&at("shards").join(shard), &format!("t{number}")));
    let index = format!("{{\"weight_map\":{{\"t0\":\"{}\",\"t1\":\"{}\"}}}}", shards[0], shards[1]);
    std::fs::write(at("shards/model.safetensors.index.json"), index).expect("a file");
    std::fs::write(at("shards/config.json"), "{\"hidden_size\": 4}").expect("a file");
    checkpoint(&at("models/one.safetensors"), "t0");
    checkpoint(&at("eyes.channels"), "t0");
    std::fs::write(at("eyes.toml"), "").expect("a file");
    std::fs::create_dir(at("lib")).expect("a folder");
    std::fs::write(at("lib/inner.blend"), "blend 1\nmodel low = \"../models/one.safetensors\"\n").expect("a file");
    dir
}

/// What a recipe reads and writes, one path a line; `recipe.blend` comes first among the inputs.
#[track_caller]
fn check(text: &str, words: &[&str], inputs: &[&str], outputs: &[&str]) {
    let dir = folder();
    std::fs::write(dir.path().join("recipe.blend"), format!("blend 1\n{text}")).expect("a recipe");
    let list = |verb: &str, more: &[&str]| {
        let output = Command::new(BLEND)
            .current_dir(dir.path())
            .args([verb, "recipe.blend"])
            .args(words)
            .args(more)
            .output()
            .expect("blend starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert_eq!(list("inputs", &[]).lines().collect::<Vec<_>>(), [&["recipe.blend"], inputs].concat());
    assert_eq!(list("outputs", &[]).lines().collect::<Vec<_>>(), outputs);
    assert_eq!(list("outputs", &["--null"]), outputs.iter().map(|path| format!("{path}\0")).collect::<String>());
    let json: serde_json::Value = serde_json::from_str(&list("inputs", &["--json"])).expect("JSON");
    for row in json["inputs"].as_array().expect("a list") {
        let path = row["path"].as_str().expect("a path");
        assert_eq!(row["present"].as_bool(), Some(dir.path().join(path).exists()), "{path}");
    }
}

#[test]
fn every_file_of_a_model_is_an_input() {
    let shards = [
        "shards/model.safetensors.index.json",
        "shards/model-00001-of-00002.safetensors",
        "shards/model-00002-of-00002.safetensors",
        "shards/config.json",
    ];
    check("model a = \"shards\"\noutput \"out/a\" = a\n", &[], &shards, &["out/a"]);
    check(
        "model a = \"shards/model.safetensors.index.json\"\noutput \"a.safetensors\" = a\n",
        &[],
        &shards,
        &["a.safetensors"],
    );
}

#[test]
fn what_is_not_there_yet_is_listed() {
    check(
        "model a = \"gone/a.pt\" { arch = \"mine.toml\" }
model b = \"gone/b\"
channels eyes = \"eyes.channels\" { part = \"eyes\" }
channels ears = \"ears.channels\" { part = \"ears\" }
output \"x.safetensors\" = mix(a, b, eyes)
assert ssim(render(a), image(\"golden/a.png\")) >= 0.9
",
        &[],
        &["mine.toml", "gone/a.pt", "gone/b", "eyes.channels", "eyes.toml", "ears.channels", "golden/a.png"],
        &["x.safetensors"],
    );
}

#[test]
fn used_recipes_and_their_models_are_inputs() {
    check(
        "use \"lib/inner.blend\" as inner\nmodel a = \"models/one.safetensors\"\noutput \"x.safetensors\" = mix(a, inner.low, 0.5)\n",
        &[],
        // Used recipes come first.  The same file by another name: build systems see two, and so does a depfile.
        &["lib/inner.blend", "lib/../models/one.safetensors", "models/one.safetensors"],
        &["x.safetensors"],
    );
}

#[test]
fn a_sweep_lists_every_variant_once() {
    check(
        "param who = \"one\"
param s = 0.5
model a = \"models/{who}.safetensors\"
model b = \"models/one.safetensors\"
output \"{who}-{s}.safetensors\" = mix(a, b, s)
output \"other-{who}.safetensors\" = a
",
        &["--sweep", "who=one,two", "--sweep", "s=0,1"],
        &["models/one.safetensors", "models/two.safetensors"],
        &[
            "one-0.safetensors",
            "other-one.safetensors",
            "one-1.safetensors",
            "two-0.safetensors",
            "other-two.safetensors",
            "two-1.safetensors",
        ],
    );
}
