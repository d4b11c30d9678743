//! Finding channels end to end, on a shipped generator; and which activations make the channels of which space.

use super::arch::sample;
use super::render::goldens::Case;
use blend::arch;
use blend::cluster::layers::layers;
use blend::network;
use blend::render::weights::shapes_of;
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::time::Duration;

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/models").join(format!("avatars-{name}.safetensors"))
}

fn run(dir: &tempfile::TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
    command.args(args).current_dir(dir.path()).env("NO_COLOR", "1").output().expect("it runs")
}

/// Runs what must succeed; its standard output.
#[track_caller]
fn good(dir: &tempfile::TempDir, args: &[&str]) -> String {
    let run = run(dir, args);
    assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("it is text")
}

/// A folder with the model as `toon.safetensors`.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::copy(model("toon"), dir.path().join("toon.safetensors")).expect("a copy");
    dir
}

fn bytes(dir: &tempfile::TempDir, name: &str) -> Vec<u8> {
    std::fs::read(dir.path().join(name)).expect("it is there")
}

fn tensor(file: &SafeTensors, name: &str) -> Vec<f32> {
    let data = file.tensor(name).expect("the tensor is there").data();
    data.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

#[test]
fn the_same_file_for_any_threads() {
    let dir = folder();
    let find = |threads: &str, output: &str| {
        let args = ["channels", "find", "toon.safetensors", "--seeds", "0..5", "--clusters", "6", "--restarts", "2"];
        good(&dir, &[&args[..], &["--threads", threads, "-o", output]].concat());
        bytes(&dir, output)
    };
    let one = find("1", "one.channels");
    assert!(find("2", "two.channels") == one && find("7", "seven.channels") == one, "threads change the file");
    assert!(find("2", "one.channels") == one, "a rerun changes the file");
    assert!(bytes(&dir, "one.png") == bytes(&dir, "seven.png"));
    let file = SafeTensors::deserialize(&one).expect("it is read");
    let spaces = file.names().into_iter().filter_map(|name| name.strip_prefix("M.")).count();
    assert_eq!(spaces, 10, "a constant and nine convolutions");
    for name in file.names().into_iter().filter(|name| name.starts_with("M.")) {
        let shares = tensor(&file, name);
        let channels = shares.len() / 6;
        for channel in 0..channels {
            let sum: f32 = (0..6).map(|cluster| shares[cluster * channels + channel]).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{name}, channel {channel}: {sum}");
        }
    }
    let areas = tensor(&file, "areas");
    assert!((areas.iter().sum::<f32>() - 1.0).abs() < 1e-5 && areas.is_sorted_by(|a, b| a >= b), "{areas:?}");
    let width = file.tensor("centres").expect("centres").shape()[1];
    for centre in tensor(&file, "centres").chunks(width) {
        assert!((centre.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn two_models_and_regions() {
    let dir = folder();
    std::fs::copy(model("ink"), dir.path().join("ink.safetensors")).expect("a copy");
    let found = good(
        &dir,
        &[
            "channels",
            "find",
            "toon.safetensors",
            "ink.safetensors",
            "-o",
            "both.channels",
            "--seeds",
            "0..3",
            "--clusters",
            "5",
            "--layers",
            "b16.conv1,b32.conv1",
            "--region",
            "top=0,0,1,0.25",
        ],
    );
    assert!(found.starts_with("top: clusters ") && found.contains("IoU 0."), "{found}");
    let file = bytes(&dir, "both.channels");
    let file = SafeTensors::deserialize(&file).expect("it is read");
    assert_eq!(file.tensor("centres").expect("centres").shape(), [5, 128 + 64]);
    let differences = tensor(&file, "differences");
    assert!(differences.iter().all(|apart| (1.0..100.0).contains(apart)), "{differences:?}");
    assert_ne!(tensor(&file, "mean.b32.conv1"), tensor(&file, "other.mean.b32.conv1"));
    assert!(dir.path().join("both-difference.png").exists());
    let names = good(&dir, &["channels", "name", "both.channels"]);
    assert!(names.starts_with("top "), "{names}");
    let before = bytes(&dir, "both.png");
    std::fs::remove_file(dir.path().join("both.png")).expect("it was there");
    good(&dir, &["channels", "show", "both.channels"]);
    assert!(bytes(&dir, "both.png") == before, "the picture is the same when it is drawn again");
    // A recipe can use it.
    let text = "blend 1\nmodel a = \"toon.safetensors\"\nmodel b = \"ink.safetensors\"\n\
                channels top = \"both.channels\" { part = top, top = 8, rho = 0 }\noutput \"o.safetensors\" = mix(a, b, top)\n";
    std::fs::write(dir.path().join("r.blend"), text).expect("it is written");
    good(&dir, &["build", "r.blend"]);
}

#[test]
fn masks_of_strangers_are_told() {
    let dir = folder();
    for name in ["ink", "pixel"] {
        std::fs::copy(model(name), dir.path().join(format!("{name}.safetensors"))).expect("a copy");
    }
    good(&dir, &["channels", "find", "toon.safetensors", "--seeds", "0..3", "--clusters", "5"]);
    let check = |verb: &[&str], other: &str, is_told: bool| {
        let text = format!(
            "blend 1\nmodel a = \"{other}.safetensors\"\nmodel b = \"ink.safetensors\"\n\
             channels some = \"toon.channels\" {{ clusters = [0], top = 8, rho = 0 }}\n\
             output \"o.safetensors\" = mix(a, b, some)\n"
        );
        std::fs::write(dir.path().join("r.blend"), text).expect("it is written");
        let run = run(&dir, &[verb, &["r.blend"]].concat());
        let said = String::from_utf8_lossy(&run.stderr).to_string();
        assert!(run.status.success() && said.contains("W0761") == is_told, "{verb:?} with {other}: {said}");
    };
    check(&["build"], "toon", false);
    check(&["build"], "pixel", true);
    check(&["check", "--weights"], "pixel", true);
    check(&["render", "--seeds", "0", "--device", "cpu"], "pixel", true);
    // Headers are alike, and nothing else is read.
    check(&["check"], "pixel", false);
    // The same model in another type of file, and renamed.
    good(&dir, &["convert", "toon.safetensors", "again.pt", "--layout", "rosinality"]);
    let text = "blend 1\nmodel a = \"again.pt\"\nmodel b = \"ink.safetensors\"\n\
                channels some = \"toon.channels\" { clusters = [0], top = 8, rho = 0 }\noutput \"o.safetensors\" = mix(a, b, some)\n";
    std::fs::write(dir.path().join("r.blend"), text).expect("it is written");
    let said = String::from_utf8(run(&dir, &["build", "r.blend"]).stderr).expect("it is text");
    assert!(!said.contains("W0761") && said.contains("wrote"), "{said}");
    // Another model lies where the first one lay.
    std::fs::copy(model("ink"), dir.path().join("toon.safetensors")).expect("a copy");
    let shown = run(&dir, &["channels", "show", "toon.channels"]);
    let said = String::from_utf8_lossy(&shown.stderr).to_string();
    assert!(shown.status.code() == Some(2) && said.contains("E0768"), "{said}");
    good(&dir, &["channels", "show", "toon.channels", "--model", "ink.safetensors", "-o", "ink.png"]);
}

#[test]
fn an_interrupt_leaves_nothing() {
    let dir = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
    let command = command.args(["channels", "find", "toon.safetensors", "--seeds", "0..4000"]).current_dir(dir.path());
    let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("it starts");
    // The handler stands before the first picture is drawn; an earlier signal just ends the program.
    std::thread::sleep(Duration::from_millis(1500));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["toon.safetensors"]);
}

/// Writes a small StyleGAN3 of the goldens, its layers named as NVIDIA's files name them, what is trained times a factor.
fn write_alias_free(case: &'static str, factor: f32, path: &Path) {
    let case = Case::load(case);
    let shapes = case.weights.shapes();
    let sizes: Vec<usize> = {
        let taps = |layer: usize, which: &str| shapes[format!("synthesis.L{layer}.{which}_filter").as_str()][0];
        let rate = |rate: &mut usize, layer: usize| {
            *rate = *rate * taps(layer, "up") / taps(layer, "down");
            Some(*rate)
        };
        let rates: Vec<usize> = (0..14).scan(16, rate).collect();
        // A margin of ten, but for the last two layers.
        (0..15).map(|layer| if layer < 13 { rates[layer] + 20 } else { rates[13] }).collect()
    };
    let named = |name: &str| {
        let layer = name.strip_prefix("synthesis.L").and_then(|rest| rest.split_once('.'));
        layer.map_or(name.to_string(), |(layer, rest)| {
            let channels = shapes[format!("synthesis.L{layer}.weight").as_str()][0];
            format!("synthesis.L{layer}_{}_{channels}.{rest}", sizes[layer.parse::<usize>().expect("a number")])
        })
    };
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = shapes
        .iter()
        .map(|(name, shape)| {
            let array = case.weights.get(name).expect("it is there");
            let is_trained = name.ends_with(".weight") || name.ends_with(".bias");
            let factor = if is_trained { factor } else { 1.0 };
            (named(name), shape.to_vec(), array.data.iter().flat_map(|value| (value * factor).to_le_bytes()).collect())
        })
        .collect();
    let view =
        |shape: &[usize], data| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), data);
    let views = bytes.iter().map(|(name, shape, data)| (name.clone(), view(shape, data).expect("a tensor")));
    std::fs::write(path, safetensors::serialize(views, None).expect("a file")).expect("it is written");
}

/// Layers of a network without aliases have margins, and channels by layer.
#[track_caller]
fn check_alias_free(case: &'static str) {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, factor) in [("a", 1.0), ("b", 2.0)] {
        write_alias_free(case, factor, &dir.path().join(format!("{name}.safetensors")));
    }
    let find = |threads: &str| {
        let args = ["channels", "find", "a.safetensors", "--seeds", "0..3", "--clusters", "4", "--restarts", "1"];
        good(&dir, &[&args[..], &["--threads", threads, "--region", "low=0,0.5,1,1"]].concat());
        bytes(&dir, "a.channels")
    };
    let one = find("1");
    assert!(find("3") == one, "threads change the file");
    let file = SafeTensors::deserialize(&one).expect("it is read");
    let (_, header) = SafeTensors::read_metadata(&one).expect("a header");
    let facts = format!("{:?}", header.metadata());
    assert!(facts.contains("L11") && facts.contains("L12") && facts.contains("L13"), "{facts}");
    let shapes = Case::load(case).weights.shapes();
    for layer in 0..14 {
        let channels = shapes[format!("synthesis.L{layer}.weight").as_str()][0];
        assert_eq!(file.tensor(&format!("M.L{layer}")).expect("a space").shape(), [4, channels], "{case}, L{layer}");
    }
    assert_eq!(file.tensor("M.input").expect("a space").shape()[0], 4);
    assert!(file.tensor("M.rgb").is_err(), "colours are no channels");
    assert!(tensor(&file, "M.L13").iter().all(|share| (0.0..=1.0).contains(share)));
    // A recipe can use it: the last layer has a channel of the part, and nothing but such rows and columns is mixed.
    let text = "blend 1\nmodel a = \"a.safetensors\"\nmodel b = \"b.safetensors\"\n\
                channels some = \"a.channels\" { part = low, top = 1, rho = 0 }\noutput \"o.safetensors\" = mix(a, b, some)\n";
    std::fs::write(dir.path().join("r.blend"), text).expect("it is written");
    good(&dir, &["build", "r.blend"]);
    let [before, after] = ["a", "o"].map(|name| bytes(&dir, &format!("{name}.safetensors")));
    let [before, after] = [&before, &after].map(|bytes| SafeTensors::deserialize(bytes).expect("it is read"));
    let is_bias =
        |name: &&str| name.starts_with("synthesis.L13_") && name.matches('.').count() == 2 && name.ends_with(".bias");
    let name = before.names().into_iter().find(is_bias).expect("a bias");
    let (old, new) = (tensor(&before, name), tensor(&after, name));
    assert_eq!(old.iter().zip(&new).filter(|(old, new)| old != new).count(), 1, "{name}: {old:?}, {new:?}");
}

#[test]
fn generators_without_aliases() {
    check_alias_free("t");
    check_alias_free("r");
}

/// The channel spaces that a generator's operations make: `NAME CHANNELS × SIZE`, and how many positions lie in the picture.
#[track_caller]
fn check_layers(name: &str, expected: &[(&str, [usize; 3], usize)]) {
    let header = sample(name);
    let canon = arch::detect(&header, None, None).expect("a known layout");
    let net = network::describe(&shapes_of(&canon), Default::default()).expect("it draws");
    let found = layers(&net, &canon);
    let found: BTreeMap<&str, _> = found.iter().map(|layer| (layer.space.as_str(), layer)).collect();
    for (space, shape, inside) in expected {
        let layer = found.get(space).unwrap_or_else(|| panic!("{name} lacks {space}: {:?}", found.keys()));
        let own = [layer.shape.channels, layer.shape.height, layer.shape.width];
        assert_eq!((own, layer.grid.inside().len()), (*shape, inside * inside), "{space} of {name}");
    }
    assert!(!found.contains_key("rgb"), "colours are no channels");
}

#[test]
fn spaces_of_networks() {
    let first = ("b4.const", [512, 4, 4], 4);
    check_layers("stylegan2-256", &[first, ("b4.conv1", [512, 4, 4], 4), ("b8.conv0", [512, 8, 8], 8)]);
    check_layers("stylegan2-resnet", &[("b4.const", [512, 4, 4], 4), ("b8.conv1", [512, 8, 8], 8)]);
    check_layers("stylegan2-orig", &[("b4.const", [512, 4, 4], 4), ("b8.conv1", [512, 8, 8], 8)]);
    // A margin of ten around the picture, but for the last layers.
    check_layers("stylegan3-t-256", &[("input", [512, 36, 36], 16), ("L0", [512, 36, 36], 16)]);
    check_layers("stylegan3-r-1024", &[("input", [1024, 36, 36], 16), ("L0", [1024, 36, 36], 16)]);
}
