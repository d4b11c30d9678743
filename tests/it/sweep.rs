//! Sweeps: the bytes are those of single builds, what variants share is done once, and the number of open files is bounded.

use super::run;
use super::run::Place;
use blend::check::Settings;
use blend::compile::Compiled;
use blend::hir::Literal;
use blend::plan;
use blend::plan::Plan;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const BLEND: &str = env!("CARGO_BIN_EXE_blend");

const HEAD: &str = "blend 1
model toon  = \"../models/avatars-toon.safetensors\"
model ink   = \"../models/avatars-ink.safetensors\"
model pixel = \"../models/avatars-pixel.safetensors\"
param s = 0.5 in 0..1
param edge = 32 in [8, 16, 32, 64]
";

/// Every file below a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            out.extend(files(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            out.insert(name, std::fs::read(&path).expect("a file"));
        }
    }
    out
}

#[track_caller]
fn blend(folder: &Path, words: &[&str]) {
    let output = Command::new(BLEND).current_dir(folder).args(words).output().expect("blend starts");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A sweep writes what single builds write, for every combination.
#[track_caller]
fn check(statements: &str, sweeps: &[(&str, &[&str])]) {
    let place = Place::new();
    let here = place.here();
    std::fs::write(here.join("r.blend"), format!("{HEAD}{statements}")).expect("a recipe");
    let given: Vec<String> =
        sweeps.iter().map(|(name, values)| format!("--sweep={name}={}", values.join(","))).collect();
    let words: Vec<&str> = ["build", "r.blend"].into_iter().chain(given.iter().map(String::as_str)).collect();
    blend(&here, &words);
    let swept = files(&here.join("out"));
    std::fs::remove_dir_all(here.join("out")).expect("it was made");
    let mut variants: Vec<Vec<String>> = vec![vec![]];
    for (name, values) in sweeps {
        let with =
            |before: &Vec<String>, value: &&str| [before.as_slice(), &[format!("--set={name}={value}")]].concat();
        variants = variants.iter().flat_map(|before| values.iter().map(move |value| with(before, value))).collect();
    }
    for variant in &variants {
        let words: Vec<&str> = ["build", "r.blend"].into_iter().chain(variant.iter().map(String::as_str)).collect();
        blend(&here, &words);
    }
    let single = files(&here.join("out"));
    assert_eq!(swept.keys().collect::<Vec<_>>(), single.keys().collect::<Vec<_>>());
    for (name, bytes) in &single {
        assert!(swept[name] == *bytes, "{name} differs");
    }
}

#[test]
fn a_sweep_writes_what_single_builds_write() {
    // Copies, computed tensors that variants share and that they do not, a type.
    let match_ =
        "match { resolution 64 => mix(toon, pixel, s)  resolution 16..32 => mix(toon, ink, 0.3)  else => toon }";
    check(&format!("output \"out/a-{{s}}.safetensors\" = {match_} {{ dtype = f16 }}\n"), &[("s", &["0", "0.5", "1"])]);
    // Reductions, and two parameters over two outputs.
    let swap = "std.layer_swap(slerp(toon, ink, 0.3), pixel, at = edge, mapping = toon)";
    check(
        &format!(
            "output \"out/a-{{s}}-{{edge}}.safetensors\" = slerp({swap}, ink, s)\noutput \"out/b-{{s}}-{{edge}}.safetensors\" = {swap}\n"
        ),
        &[("s", &["0.25", "0.75"]), ("edge", &["8", "32"])],
    );
    // Another layout, the format with sums, and directories of shards.
    check(
        "output \"out/a-{edge}.pt\" = std.layer_swap(mix(toon, ink, 0.5), pixel, at = edge, mapping = toon) { format = pt, layout = rosinality }
output \"out/b-{edge}\" = std.layer_swap(mix(toon, ink, 0.5), pixel, at = edge, mapping = toon) { shard_size = \"1 MB\" }\n",
        &[("edge", &["8", "16", "64"])],
    );
}

fn compiled(text: &str, here: &Path, s: f64) -> Compiled {
    let settings = Settings { sets: vec![("s".into(), Literal::Number(s))], ..Settings::default() };
    run::compile(text, here, &settings).unwrap_or_else(|shown| panic!("{shown}")).0
}

/// Of three variants that differ at 64 pixels, the rest is computed once and every input's bytes are asked for once.
#[test]
fn what_variants_share_is_done_once() {
    let place = Place::new();
    let value =
        "match { resolution 64 => mix(toon, pixel, s)  resolution 16..32 => mix(toon, ink, 0.3)  else => toon }";
    let text = format!("{HEAD}output \"out/a-{{s}}.safetensors\" = {value}\nassert finite({value})\n");
    let mut all: Vec<Compiled> = [0.2, 0.4, 0.6].iter().map(|s| compiled(&text, &place.here(), *s)).collect();
    let alone = plan::shared(&[&all[0].plan.outputs[0]]);
    let at_64 = all[0].plan.outputs[0].tensors.iter().filter(|tensor| tensor.canonical.contains("b64"));
    let at_64 = at_64.filter(|tensor| matches!(tensor.work, plan::Work::Compute { .. })).count();
    assert!(at_64 > 0 && alone.made > at_64, "{at_64} of {}", alone.made);
    let checks = all[0].plan.checks.len();
    assert!(checks > 0);
    plan::join(&mut all.iter_mut().map(|compiled| &mut compiled.plan).collect::<Vec<_>>());
    let plans: Vec<&Plan> = all.iter().map(|compiled| &compiled.plan).collect();
    let outputs: Vec<&plan::Output> = plans.iter().flat_map(|plan| &plan.outputs).collect();
    let shared = plan::shared(&outputs);
    assert_eq!((shared.made, shared.given), (alone.made + 2 * at_64, 2 * (alone.made - at_64)));
    // Inputs are the same files in the same order as those of one build, and no byte counts twice.
    assert_eq!(plans[2].files.len(), 3);
    assert_eq!(shared.read, alone.read);
    assert!(shared.read.iter().all(|(file, bytes)| *bytes <= plans[0].files[*file].size));
    // Equal tensors of inputs are compared once, parts are numbered through.
    assert_eq!(plans.iter().map(|plan| plan.checks.len()).collect::<Vec<_>>(), [checks, 0, 0]);
    let numbers: Vec<usize> = outputs.iter().map(|output| output.parts[0].file).collect();
    assert_eq!(numbers, [3, 4, 5]);
}

/// A value that its type cannot hold is no claim: then no variant takes its place, and what stood there stays.
#[test]
fn an_error_in_one_variant_stops_all() {
    let place = Place::new();
    let here = place.here();
    let text = format!("{HEAD}output \"out/a-{{s}}.safetensors\" = toon + 1e9 * s * (ink - toon) {{ dtype = f16 }}\n");
    std::fs::write(here.join("r.blend"), text).expect("a recipe");
    std::fs::create_dir(here.join("out")).expect("a folder");
    std::fs::write(here.join("out/a-0.safetensors"), "before").expect("a file");
    let words = ["build", "r.blend", "--sweep", "s=0,1", "--message-format", "github"];
    let output = Command::new(BLEND).current_dir(&here).args(words).output().expect("blend starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("E0611") && stderr.contains("out/a-1.safetensors"), "{stderr}");
    let there = files(&here.join("out"));
    assert_eq!(there.into_iter().collect::<Vec<_>>(), [("a-0.safetensors".to_string(), b"before".to_vec())]);
}

/// More outputs than a process may have files open: they are built in rounds.
#[test]
fn open_files_are_bounded() {
    let place = Place::new();
    let here = place.here();
    let text = format!("{HEAD}output \"out/a-{{s}}.safetensors\" = mix(toon, ink, s where resolution 64)\n");
    std::fs::write(here.join("r.blend"), text).expect("a recipe");
    let script = format!("ulimit -n 150; exec '{BLEND}' build r.blend --sweep s=0..1:0.02");
    let output = Command::new("sh").current_dir(&here).args(["-c", &script]).output().expect("sh starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stderr = String::from_utf8_lossy(&output.stderr);
    // 150 less 64, a quarter for earlier outputs, and the three inputs; four for each output.
    assert_eq!(stderr.matches("done in").count(), 51usize.div_ceil(11), "{stderr}");
    assert_eq!(files(&here.join("out")).len(), 51);
}

/// The matrix for programs: as many variants as combinations, each with its values.
#[test]
fn the_plan_of_a_sweep_is_json() {
    let place = Place::new();
    let here = place.here();
    let text = format!(
        "{HEAD}output \"out/a-{{s}}-{{edge}}.safetensors\" = std.layer_swap(toon, mix(ink, pixel, s), at = edge, mapping = toon)\n"
    );
    std::fs::write(here.join("r.blend"), text).expect("a recipe");
    let words = ["plan", "r.blend", "--json", "--threads", "1", "--sweep", "s=0..1:0.5", "--sweep", "edge=8,16"];
    let output = Command::new(BLEND).current_dir(&here).args(words).output().expect("blend starts");
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let sets: Vec<String> =
        value["variants"].as_array().expect("a list").iter().map(|row| row["set"].to_string()).collect();
    let wanted = ["0.0", "0.5", "1.0"]
        .into_iter()
        .flat_map(|s| ["8.0", "16.0"].map(|edge| format!("{{\"s\":{s},\"edge\":{edge}}}")));
    assert_eq!(sets, wanted.collect::<Vec<_>>());
    let common = &value["common"];
    assert!(common["given_tensors"].as_u64() > Some(0), "{common}");
    let inputs = common["inputs"].as_array().expect("a list");
    assert!(inputs.iter().all(|input| input["read_bytes"].as_u64() <= input["bytes"].as_u64()), "{common}");
}
