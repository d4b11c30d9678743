//! The command line as people meet it: transcripts, exit codes, colours, messages for programs, starters.

use super::run::forgetful;
use super::run::root;
use super::world;
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

const BLEND: &str = env!("CARGO_BIN_EXE_blend");

/// Copies the recipes into a folder; the models are linked, since nothing writes to them.
fn recipes_into(folder: &Path) {
    for kind in ["stylegan2", "llm"] {
        let (from, to) = (root().join("recipes").join(kind), folder.join("recipes").join(kind));
        std::fs::create_dir_all(&to).expect("a folder");
        for entry in std::fs::read_dir(from).expect("the folder of recipes") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
            }
        }
    }
    std::os::unix::fs::symlink(root().join("recipes/models"), folder.join("recipes/models")).expect("a link");
}

/// A folder with the recipes in it.
fn sandbox() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    recipes_into(dir.path());
    dir
}

/// `blend` without the environment's own wishes for colour.
fn blend(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BLEND);
    command.current_dir(folder).args(args).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "FORCE_COLOR", "COLUMNS"] {
        command.env_remove(name);
    }
    forgetful(&mut command);
    command
}

fn output(folder: &Path, args: &[&str]) -> Output {
    blend(folder, args).output().expect("blend starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every `console` block of README.md and `tests/cli/*.md`.  `TRYCMD=overwrite` writes what is printed now: read it.
#[test]
fn transcripts() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = std::fs::read_dir(root().join("tests/cli")).expect("the folder of transcripts");
    let mut files: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    files.push(root().join("README.md"));
    let cases = trycmd::TestCases::new();
    cases.register_bin("blend", Path::new(BLEND));
    cases.register_bin("cat", Path::new("/bin/cat"));
    cases.env("COLUMNS", "100");
    cases.env("LC_ALL", "C.UTF-8");
    // Transcripts may name a cache of their own.
    cases.env("XDG_CACHE_HOME", place.path().join("cache").to_string_lossy());
    let copy_of = |file: &Path| place.path().join(file.file_name().expect("a name"));
    for file in &files {
        let copy = copy_of(file);
        std::fs::copy(file, &copy).expect("a copy");
        // trycmd works in the folder `NAME.in` beside `NAME.md`, here a copy, so that builds stay out of the tree.
        recipes_into(&copy.with_extension("in"));
        // A transcript may have recipes of its own.
        let own = file.with_extension("in");
        for entry in std::fs::read_dir(&own).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let to = copy.with_extension("in").join(path.file_name().expect("a name"));
            std::fs::copy(&path, to).expect("a copy");
        }
        cases.case(copy);
    }
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cases.run()));
    if std::env::var_os("TRYCMD").is_some_and(|mode| mode == "overwrite") {
        files.iter().for_each(|file| drop(std::fs::copy(copy_of(file), file)));
    }
    if let Err(reason) = run {
        std::panic::resume_unwind(reason);
    }
}

/// Exit codes of the language page: 0; 1 a claim does not hold; 2 recipe, input or usage; 3 the machine.
#[test]
fn exit_codes() {
    let dir = sandbox();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("a file");
    let model = "model a = \"recipes/models/avatars-toon.safetensors\"\n";
    write("good.blend", &format!("blend 1\n\n{model}\noutput \"good.safetensors\" = a\n"));
    write("claim.blend", &format!("blend 1\n{model}output \"claim.safetensors\" = a\nassert distance(a, a) >= 1\n"));
    write("gone.blend", "blend 1\nmodel a = \"gone.pt\" { arch = \"gone.toml\" }\noutput \"x.safetensors\" = a\n");
    let other = "model b = \"recipes/models/avatars-ink.safetensors\"\nparam s = 0.5 in 0..1\n";
    let mixed = format!("blend 1\n{model}{other}output \"swept-{{s}}.safetensors\" = mix(a, b, s)\n");
    write("swept.blend", &mixed);
    write("far.blend", &format!("{}assert distance(mix(a, b, s), a) <= 0.01\n", mixed.replace("swept", "far")));
    write("wrong.blend", "blend 1\nlet x = y\n");
    write("broken.blend", "blend 1\nlet x =\n");
    write("loose.blend", "blend 1\nlet   x=1\n");
    write("empty.safetensors", "");
    write("zip.pt", "PK\u{3}\u{4}rest");
    std::fs::create_dir(dir.path().join("folder")).expect("a folder");
    let a = "a=recipes/models/avatars-toon.safetensors";
    let swap = "recipes/stylegan2/ramp.blend";
    let toon = "recipes/models/avatars-toon.safetensors";
    let rows: &[(&[&str], i32)] = &[
        (&["--help"], 0),
        (&["--version"], 0),
        (&["help", "plan"], 0),
        (&["build", "--help"], 0),
        (&["build", "good.blend"], 0),
        (&["check", swap], 0),
        (&["test", "good.blend", swap], 0),
        (&["build", "recipes/stylegan2/three-models.blend", "--set", "strength=0.5", "--output", "x.safetensors"], 0),
        (&["build", "-e", "layer_swap(a, a, at = 32)", "-m", a, "-o", "{odd} \u{fc}.safetensors"], 0),
        (&["fmt", "--check", "good.blend"], 0),
        (&["diff", "good.blend", "good.blend", "--exit-code"], 0),
        (&["diff", "good.blend", "claim.blend"], 0),
        (&["diff", "good.blend", "wrong.blend"], 0),
        (&["diff", toon, toon, "--exit-code"], 0),
        (&["git", "textconv", "broken.blend"], 0),
        (&["git", "hook"], 0),
        (&["inspect", toon, "--stats"], 0),
        (&["convert", toon, "toon.pt", "--layout", "rosinality"], 0),
        (&["build", "-e", "a", "-m", a, "-o", "one.pt"], 0),
        (&["explain", "e0302"], 0),
        (&["explain", "302"], 0),
        (&["methods"], 0),
        (&["help", "topics"], 0),
        (&["help", "exit-codes"], 0),
        (&["outputs", "good.blend"], 0),
        (&["outputs", "gone.blend", "--json"], 0),
        (&["inputs", "gone.blend", "--null"], 0),
        (&["build", "swept.blend", "--sweep", "s=0..1:0.5", "--depfile", "swept.d"], 0),
        (&["check", "swept.blend", "--sweep", "s=0,1"], 0),
        (&["check", "good.blend", swap], 0),
        (&["plan", "swept.blend", "--sweep", "s=0,1"], 0),
        (&["build", "claim.blend"], 1),
        (&["build", "claim.blend", "--message-format", "sarif"], 1),
        (&["build", "far.blend", "--sweep", "s=0,1", "--depfile", "far.d"], 1),
        (&["test", "far.blend", "--sweep", "s=0,1"], 1),
        (&["test", "good.blend", "claim.blend"], 1),
        (&["fmt", "--check", "loose.blend", "good.blend"], 1),
        (&["diff", "good.blend", "claim.blend", "--exit-code"], 1),
        (&["diff", "good.blend", "claim.blend", "--exit-code", "--text", "--stat"], 1),
        (&[], 2),
        (&["bild"], 2),
        (&["build"], 2),
        (&["help", "topic"], 2),
        (&["check", "good.blend", "wrong.blend"], 2),
        (&["outputs", "wrong.blend"], 2),
        (&["inputs", "missing.blend"], 2),
        (&["build", "good.blend", "--sweep", "s=0,1"], 2),
        (&["build", "swept.blend", "--sweep", "s"], 2),
        (&["build", "swept.blend", "--sweep", "s=0,2"], 2),
        (&["build", "swept.blend", "--sweep", "s=0,0"], 2),
        (&["build", "swept.blend", "--sweep", "s=0,1", "--sweep", "s=0,1"], 2),
        (&["build", "swept.blend", "--sweep", "s=0,1", "--set", "s=1"], 2),
        (&["build", "swept.blend", "--sweep", "s=0..1:0.0001"], 2),
        (&["build", "swept.blend", "--sweep", "s=0,1", "--output", "x.safetensors"], 2),
        (&["build", "good.blend", "--grid", "x.png"], 2),
        (&["build", "good.blend", "--depfile", "good.blend"], 2),
        (&["build", "good.blend", "--depfile", "./good.safetensors"], 2),
        (&["build", "swept.blend", "--sweep", "s=0,1", "--grid", "swept-1.safetensors"], 2),
        (&["build", "--threads", "0", "good.blend"], 2),
        (&["build", "--threads", "99999999999999999999", "good.blend"], 2),
        (&["plan", "--threads", "0", "good.blend"], 2),
        (&["build", "missing.blend"], 2),
        (&["build", "folder"], 2),
        (&["build", toon], 2),
        (&["check", "empty.safetensors"], 2),
        (&["check", "wrong.blend"], 2),
        (&["fmt", "broken.blend"], 2),
        (&["fmt", "missing.blend", "good.blend"], 2),
        (&["test", "wrong.blend", "claim.blend"], 2),
        (&["build", swap, "--set", "edge"], 2),
        (&["build", swap, "--set", "edge=17"], 2),
        (&["build", swap, "--set", "edge=1e999"], 2),
        (&["build", "-e", "a", "-m", "a="], 2),
        (&["build", swap, "--set", "ege=16"], 2),
        (&["build", swap, "--only", "nothing"], 2),
        (&["build", "-e", "a", "-m", "recipes/models/avatars-toon.safetensors"], 2),
        (&["build", "-e", "a", "-m", "match=x"], 2),
        (&["build", "-e", "a", "-m", a, "-o", toon], 2),
        (&["plan", swap, "--tensor", "nothing"], 2),
        (&["diff"], 2),
        (&["diff", "good.blend"], 2),
        (&["diff", "good.blend", "missing.blend"], 2),
        (&["diff", "good.blend", "broken.blend"], 2),
        (&["diff", "good.blend", toon], 2),
        (&["diff", toon, "empty.safetensors"], 2),
        (&["diff", "good.blend", swap, "--set", "edge"], 2),
        (&["git"], 2),
        (&["git", "textconv", "missing.blend"], 2),
        (&["git", "diff-driver", "one", "two"], 2),
        (&["inspect", "missing"], 2),
        (&["inspect", "folder"], 2),
        (&["inspect", "empty.safetensors"], 2),
        (&["inspect", "zip.pt"], 2),
        (&["inspect", toon, "--recipe"], 2),
        (&["convert", toon], 2),
        (&["convert", toon, "toon.safetensors", "--format", "pt"], 2),
        (&["explain", "E9999"], 2),
        (&["methods", "slrp"], 2),
        (&["new", toon, "--swap", "32"], 2),
        (&["new", toon, toon, "--swap", "33"], 2),
        (&["new", toon, "-o", "good.blend"], 2),
        (&["completions", "tcsh"], 2),
        (&["build", "-e", "a", "-m", a, "-o", "/proc/blend.safetensors"], 3),
        (&["convert", toon, "/proc/blend.pt"], 3),
        (&["build", "good.blend", "--depfile", "/proc/blend.d"], 3),
    ];
    for (args, code) in rows {
        let output = output(dir.path(), args);
        assert_eq!(output.status.code(), Some(*code), "blend {args:?}\n{}{}", stdout(&output), stderr(&output));
        if *code != 0 {
            let said = output.stderr.len() + output.stdout.len();
            assert!(said > 0, "blend {args:?} exits with {code} and says nothing");
        }
    }
    let is_there = |name: &str| dir.path().join(name).exists();
    assert!(!is_there("claim.safetensors"), "a claim that fails leaves no output");
    assert!(is_there("far-0.safetensors") && is_there("far-1.safetensors.failed"), "variants are judged one by one");
    assert!(!is_there("far-1.safetensors") && !is_there("far.d"), "a rule stands for a build that is done");
    assert!(is_there("swept-0.5.safetensors") && is_there("swept.d"));
    // One place tells the codes: the page, README and `--help` agree with it.
    let page = stdout(&output(dir.path(), &["help", "exit-codes"]));
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README");
    for code in rows.iter().map(|row| row.1).chain([130]) {
        assert!(page.lines().any(|line| line.trim_start().starts_with(&format!("{code} "))), "{code} in\n{page}");
        assert!(readme.contains(&format!("\n| {code} | ")), "{code} in README");
    }
}

#[test]
fn a_full_disk_behind_stdout_is_the_machines_fault() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let status = blend(&root(), &["methods"]).stdout(full).stderr(Stdio::null()).status().expect("blend starts");
    assert_eq!(status.code(), Some(3));
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    for args in [&["explain"][..], &["completions", "bash"], &["graph", "--format", "json", RAMP]] {
        let mut child =
            blend(&root(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("blend starts");
        let mut first = [0; 1];
        let mut pipe = child.stdout.take().expect("it is piped");
        pipe.read_exact(&mut first).expect("something is printed");
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{args:?}");
    }
}

const RAMP: &str = "recipes/stylegan2/ramp.blend";

/// Colour on stderr, which is no terminal here: flag before environment, NO_COLOR before CLICOLOR_FORCE.
#[test]
fn colours() {
    let rows: &[(&[&str], &[(&str, &str)], bool)] = &[
        (&[], &[], false),
        (&["--color", "always"], &[], true),
        (&["--color=always"], &[("NO_COLOR", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&[], &[("CLICOLOR_FORCE", "")], false),
        (&["--color", "never"], &[("CLICOLOR_FORCE", "1")], false),
        (&["--color", "auto"], &[("NO_COLOR", "")], false),
    ];
    // A problem of a recipe, and one that clap finds.
    for verb in [&["check", "missing.blend"][..], &["check", "--bad"]] {
        for (flags, env, wanted) in rows {
            let args: Vec<&str> = flags.iter().chain(verb).copied().collect();
            let output = blend(&root(), &args).envs(env.iter().copied()).output().expect("blend starts");
            assert_eq!(stderr(&output).contains('\u{1b}'), *wanted, "{args:?} {env:?}");
        }
    }
}

/// Whatever is wrong, `--message-format json` prints one object a line on stderr, and `short` one line.
#[test]
fn messages_for_programs() {
    let dir = sandbox();
    std::fs::write(dir.path().join("wrong.blend"), "blend 1\nlet x = y\nlet z = Q\n").expect("a file");
    let toon = "recipes/models/avatars-toon.safetensors";
    let rows: &[&[&str]] = &[
        &[],
        &["bild"],
        &["build"],
        &["build", "wrong.blend", "--sett"],
        &["build", "wrong.blend"],
        &["build", "--threads", "0", "wrong.blend"],
        &["check", "wrong.blend"],
        &["completions", "tcsh"],
        &["diff", "missing.blend", "wrong.blend"],
        &["diff", "wrong.blend", "recipes/models/avatars-toon.safetensors"],
        &["explain", "E9999"],
        &["fmt", "missing.blend"],
        &["git", "textconv", "missing.blend"],
        &["graph", "wrong.blend"],
        &["inspect", "missing.safetensors"],
        &["methods", "slrp"],
        &["new", toon, "--swap", "32"],
        &["plan", "wrong.blend"],
        &["test", "wrong.blend"],
    ];
    for args in rows {
        let args: Vec<&str> = ["--message-format", "json"].iter().chain(*args).copied().collect();
        let text = stderr(&output(dir.path(), &args));
        assert!(!text.is_empty(), "{args:?} says nothing");
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|reason| panic!("{args:?}: {reason}: {line}"));
            let keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
            assert_eq!(keys, ["code", "severity", "message", "labels", "help", "notes", "fix"], "{args:?}");
            let code = value["code"].as_str().expect("a code");
            assert!(blend::diag::codes::find(code).is_some(), "{args:?}: {code}");
        }
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "json" { "short" } else { arg }).collect();
        let text = stderr(&output(dir.path(), &args));
        let shaped = text.lines().all(|line| line.contains("error[E"));
        assert!(shaped && !text.is_empty(), "{args:?}: {text}");
        let count = text.lines().count();
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "short" { "github" } else { arg }).collect();
        let text = stderr(&output(dir.path(), &args));
        let shaped = text.lines().all(|line| line.starts_with("::error ") && line.contains("title=E"));
        assert!(shaped && text.lines().count() == count, "{args:?}: {text}");
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "github" { "sarif" } else { arg }).collect();
        let output = output(dir.path(), &args);
        let log: Value = serde_json::from_slice(&output.stderr).unwrap_or_else(|reason| panic!("{args:?}: {reason}"));
        let run = &log["runs"][0];
        assert_eq!(run["results"].as_array().map(Vec::len), Some(count), "{args:?}");
        assert_eq!(run["invocations"][0]["exitCode"].as_i64(), output.status.code().map(i64::from), "{args:?}");
    }
}

#[test]
fn json_results_are_json() {
    let dir = sandbox();
    let toon = "recipes/models/avatars-toon.safetensors";
    let parsed = |args: &[&str]| -> Value {
        serde_json::from_slice(&output(dir.path(), args).stdout).unwrap_or_else(|reason| panic!("{args:?}: {reason}"))
    };
    let plan = parsed(&["plan", "--json", "--threads", "2", RAMP]);
    let tensors = plan["outputs"][0]["tensors"].as_array().expect("a list");
    let total: f64 = tensors[0]["weights"].as_object().expect("shares").values().filter_map(Value::as_f64).sum();
    assert_eq!((tensors.len(), plan["threads"].as_u64(), total), (98, Some(2), 1.0));
    assert_eq!(parsed(&["inspect", "--json", toon])["family"], "stylegan2");
    assert_eq!(parsed(&["inspect", "--json", "--stats", toon])["stats"].as_array().map(Vec::len), Some(98));
    let graph = parsed(&["graph", "--format", "json", RAMP]);
    let ops = graph["ops"].as_array().expect("a list");
    let known = |id: &Value| id.as_u64().is_some_and(|id| (id as usize) < ops.len());
    assert!(ops.iter().all(|op| op["inputs"].as_array().is_some_and(|inputs| inputs.iter().all(known))));
}

/// The little of the DOT language that `blend graph` uses: every line is one of five shapes, braces balance, arrows join
/// nodes that are declared in the same cluster.
#[test]
fn dot_is_valid() {
    let dir = sandbox();
    for recipe in ["ramp", "three-models", "linear", "pinkney"] {
        let text = stdout(&output(dir.path(), &["graph", &format!("recipes/stylegan2/{recipe}.blend")]));
        let (mut depth, mut nodes, mut arrows) = (0, vec![], 0);
        for line in text.lines().map(str::trim) {
            let (mut quoted, mut escaped) = (false, false);
            for c in line.chars() {
                quoted ^= c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                depth += if quoted { 0 } else { i32::from(c == '{') - i32::from(c == '}') };
            }
            assert!(!quoted, "{recipe}: a string is open: {line}");
            if let Some((from, to)) = line.split_once(" -> ") {
                arrows += 1;
                assert!(nodes.contains(&from) && nodes.contains(&to), "{recipe}: {line}");
            } else if let Some((node, label)) = line.split_once(" [label = \"") {
                assert!(label.ends_with("\"]") && !nodes.contains(&node), "{recipe}: {line}");
                nodes.push(node);
            } else {
                let shapes =
                    ["digraph recipe {", "rankdir = LR", "node [shape", "subgraph cluster_", "label = \"", "}"];
                assert!(shapes.iter().any(|shape| line.starts_with(shape)), "{recipe}: {line}");
            }
        }
        assert!(depth == 0 && arrows > 0, "{recipe}\n{text}");
    }
}

/// A checkpoint with a true header over zeroes that no disk holds.
fn sparse(path: &Path, tensors: &[world::Tensor]) {
    let mut offset = 0;
    let entries: serde_json::Map<String, Value> = tensors
        .iter()
        .map(|(name, dtype, shape)| {
            let start = offset;
            offset += shape.iter().product::<u64>() * dtype.bytes();
            let dtype = dtype.name().to_uppercase();
            (name.clone(), serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, offset] }))
        })
        .collect();
    let header = Value::Object(entries).to_string().into_bytes();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(&header);
    std::fs::write(path, &bytes).expect("a file");
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("the file");
    file.set_len(bytes.len() as u64 + offset).expect("a sparse file");
}

/// `blend new` gives recipes that check without a word and are formatted, for every family and number of models.
#[test]
fn starters() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let plain = "enc.0.weight f32 [8,4]\nenc.0.bias f32 [8]\nhead f32 [3,8]";
    let families: [(&str, Vec<world::Tensor>, bool); 5] = [
        ("gan2", world::stylegan2(64, 2048, 128, 96, 4), true),
        ("gan3", world::stylegan3(8192, 128), true),
        ("llama", world::llama(4, 64, 160, 1000), false),
        ("rosinality", world::rosinality(64, 2048, 128, 96, 4), true),
        ("plain", plain.lines().map(world::tensor).collect(), false),
    ];
    for (family, tensors, has_resolution) in families {
        let paths: Vec<String> =
            ["toon", "ink", "pixel art {1}"].iter().map(|n| format!("{family}-{n}.safetensors")).collect();
        paths.iter().for_each(|path| sparse(&dir.path().join(path), &tensors));
        let mut wanted: Vec<Vec<&str>> =
            (1..=3).map(|count| paths[..count].iter().map(String::as_str).collect()).collect();
        if has_resolution {
            wanted.push(vec![&paths[0], &paths[1], "--swap", "32"]);
        }
        for args in wanted {
            let recipe = format!("sub/{family}-{}.blend", args.len());
            std::fs::create_dir_all(dir.path().join("sub")).expect("a folder");
            let new: Vec<&str> = ["new", "-o", &recipe].into_iter().chain(args.iter().copied()).collect();
            let made = output(dir.path(), &new);
            assert!(made.status.success(), "{new:?}: {}", stderr(&made));
            let text = std::fs::read_to_string(dir.path().join(&recipe)).expect("it was written");
            let checked = output(dir.path(), &["check", "--quiet", &recipe]);
            assert_eq!(stderr(&checked), "", "{new:?}\n{text}");
            assert!(output(dir.path(), &["fmt", "--check", &recipe]).status.success(), "{new:?}\n{text}");
            let facts = text.lines().filter(|line| line.contains(", layout ")).count();
            assert_eq!(facts, 1, "facts that models share stand once\n{text}");
            std::fs::remove_file(dir.path().join(&recipe)).expect("it is there");
        }
    }
}

#[test]
fn test_leaves_nothing_behind() {
    let dir = sandbox();
    let list = || {
        let entries = std::fs::read_dir(dir.path().join("recipes/stylegan2")).expect("the folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let before = list();
    assert!(output(dir.path(), &["test", RAMP]).status.success());
    assert_eq!(list(), before);
}

/// Whatever is good: the document is there, and nothing else, beside the results on stdout.
#[test]
fn a_document_that_finds_nothing_is_one() {
    let dir = sandbox();
    let rows: &[&[&str]] = &[
        &["build", RAMP, "--threads", "1"],
        &["check", RAMP],
        &["plan", RAMP],
        &["test", RAMP],
        &["outputs", RAMP],
        &["render", RAMP, "--seeds", "0", "--device", "cpu"],
    ];
    for args in rows {
        let args: Vec<&str> = args.iter().copied().chain(["--message-format", "sarif"]).collect();
        let text = stderr(&output(dir.path(), &args));
        let log: Value = serde_json::from_str(&text).unwrap_or_else(|reason| panic!("{args:?}: {reason}: {text}"));
        assert_eq!((&log["version"], &log["runs"][0]["results"]), (&Value::from("2.1.0"), &Value::Array(vec![])));
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "sarif" { "json" } else { arg }).collect();
        assert_eq!(stderr(&output(dir.path(), &args)), "", "{args:?}");
    }
}

/// A recipe that a program makes: every verb reads it from standard input, and its paths start in the working directory.
#[test]
fn a_recipe_from_standard_input() {
    let dir = sandbox();
    let text = std::fs::read_to_string(root().join(RAMP)).expect("a recipe").replace("../models", "recipes/models");
    let piped = dir.path().join("piped");
    std::fs::write(&piped, text.replace("out/ramp", "out/ramp-{s}").replace("let share", "param s = 1\n\nlet share"))
        .expect("a file");
    let rows: &[(&[&str], &str)] = &[
        (&["build", "-"], ""),
        (&["build", "-", "--sweep", "s=2,3", "--grid", "grid.png"], ""),
        (&["check", "-"], ""),
        (&["fmt", "-"], "blend 1"),
        (&["graph", "-"], "digraph"),
        (&["inputs", "-"], "recipes/models/avatars-toon.safetensors\nrecipes/models/avatars-ink.safetensors\n"),
        (&["outputs", "-", "--sweep", "s=2,3"], "out/ramp-2.safetensors\nout/ramp-3.safetensors\n"),
        (&["plan", "-", "--tensor", "**"], ""),
        (&["render", "-", "--seeds", "0", "--device", "cpu", "-o", "x.png"], ""),
        (&["test", "-"], "-\n  holds"),
    ];
    for (args, wanted) in rows {
        let input = std::fs::File::open(&piped).expect("the file");
        let output = blend(dir.path(), args).stdin(input).output().expect("blend starts");
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).starts_with(wanted), "{args:?}: {}", stdout(&output));
    }
    let there = ["out/ramp-1.safetensors", "out/ramp-2.safetensors", "out/ramp-3.safetensors", "grid.png", "x.png"];
    assert!(there.iter().all(|name| dir.path().join(name).is_file()));
}

/// Standard input in the place of a file, in and out.
#[test]
fn standard_input() {
    let dir = sandbox();
    let loose = dir.path().join("loose.blend");
    std::fs::write(&loose, "blend 1\nlet   x=1\n").expect("a file");
    let input = || std::fs::File::open(&loose).expect("the file");
    for args in [&["fmt"][..], &["fmt", "-"]] {
        let output = blend(dir.path(), args).stdin(input()).output().expect("blend starts");
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "blend 1\nlet x = 1\n"));
    }
    let output = blend(dir.path(), &["fmt", "--check", "-"]).stdin(input()).output().expect("blend starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(!stderr(&output).contains("blend fmt <"), "a hint is something to type: {}", stderr(&output));
}
