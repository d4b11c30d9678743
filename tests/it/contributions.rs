//! M and q of a shipped model are what NumPy makes of it (`tests/golden/channels.py`).

use blend::channels::select::Rule;
use blend::channels::select::select;
use safetensors::SafeTensors;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What may differ: M and q are shares.
const NEAR: f32 = 1e-5;

/// A tensor's numbers.
fn values(file: &SafeTensors, name: &str) -> Vec<f32> {
    let tensor = file.tensor(name).unwrap_or_else(|_| panic!("{name} is missing"));
    tensor.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

fn golden() -> (Vec<u8>, Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/channels.safetensors");
    let bytes = std::fs::read(path).expect("the golden numbers");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("they are read");
    let about = &header.metadata().as_ref().expect("they tell what they are")["about"];
    let about = serde_json::from_str(about).expect("it is JSON");
    (bytes, about)
}

fn spaces(file: &SafeTensors) -> Vec<String> {
    let mut names: Vec<String> =
        file.names().iter().filter_map(|name| name.strip_prefix("M.")).map(String::from).collect();
    names.sort();
    assert_eq!(names.len(), 10, "const, and two convolutions per resolution but the first");
    names
}

#[track_caller]
fn near(name: &str, found: &[f32], expected: &[f32], scale: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far <= NEAR * scale, "{name}: {far} apart");
}

#[test]
fn contributions_are_those_of_numpy() {
    let (bytes, about) = golden();
    let golden = SafeTensors::deserialize(&bytes).expect("it is read");
    let folder = tempfile::tempdir().expect("a folder");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/models/avatars-toon.safetensors");
    let text = |name: &str| about[name].as_str().expect("a text");
    let clusters = about["clusters"].to_string();
    let run = Command::new(env!("CARGO_BIN_EXE_blend"))
        .args(["channels", "find"])
        .arg(model)
        .args(["--seeds", text("seeds"), "--layers", text("layers"), "--clusters", clusters.as_str()])
        .args(["-o", "toon.channels"])
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let bytes = std::fs::read(folder.path().join("toon.channels")).expect("it was written");
    let found = SafeTensors::deserialize(&bytes).expect("it is read");
    // NumPy took these centres: where they move, the script must run again.
    near("centres", &values(&found, "centres"), &values(&golden, "centres"), 1.0);
    for space in spaces(&golden) {
        for (kind, scale) in [("M", 1.0), ("mean", 10.0), ("std", 10.0)] {
            let name = format!("{kind}.{space}");
            near(&name, &values(&found, &name), &values(&golden, &name), scale);
        }
    }
}

#[test]
fn masks_are_those_of_numpy() {
    let (bytes, about) = golden();
    let golden = SafeTensors::deserialize(&bytes).expect("it is read");
    let part: Vec<usize> = serde_json::from_value(about["part"].clone()).expect("numbers");
    let number = |rule: &Value, name: &str| rule[name].as_f64();
    for space in spaces(&golden) {
        let shares = values(&golden, &format!("M.{space}"));
        let channels = shares.len() / about["clusters"].as_u64().expect("a number") as usize;
        let share = |channel: usize, cluster: &usize| f64::from(shares[cluster * channels + channel]);
        let m: Vec<f64> =
            (0..channels).map(|channel| part.iter().map(|cluster| share(channel, cluster)).sum()).collect();
        let masks = values(&golden, &format!("q.{space}"));
        for (rule, expected) in about["rules"].as_array().expect("a list").iter().zip(masks.chunks_exact(channels)) {
            let rho = number(rule, "rho").expect("every rule has it");
            let own = match (number(rule, "epsilon"), number(rule, "top"), number(rule, "soft")) {
                (Some(epsilon), ..) => Rule::Budget { epsilon, rho },
                (_, Some(count), _) => Rule::Top { count: count as usize, rho },
                (.., full) => Rule::Soft { rho, full: full.expect("one of three") },
            };
            let found: Vec<f32> = select(&m, own).iter().map(|share| *share as f32).collect();
            near(&format!("q of {space} by {rule}"), &found, expected, 1.0);
        }
    }
}
