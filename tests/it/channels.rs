//! Channel masks end to end: real generators are blended by the program, and the bytes are read back with another reader.

use super::run::forgetful;
use safetensors::Dtype;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

/// Blends two of the shipped models by a mask; the bytes of both parents and of the result.
fn built(mask: &str) -> [Vec<u8>; 3] {
    let dir = tempfile::tempdir().expect("a directory");
    built_in(&dir, mask)
}

/// The same in a directory, which may hold a catalogue.
fn built_in(dir: &tempfile::TempDir, mask: &str) -> [Vec<u8>; 3] {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recipes/models");
    let path = |name: &str| models.join(format!("avatars-{name}.safetensors"));
    let text = format!(
        "blend 1\nmodel a = {:?}\nmodel b = {:?}\nchannels some = {mask}\noutput \"out.safetensors\" = mix(a, b, some)\n",
        path("toon"),
        path("ink"),
    );
    std::fs::write(dir.path().join("r.blend"), text).expect("it is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
    let run = forgetful(&mut command).args(["build", "r.blend"]).current_dir(dir.path()).output();
    let run = run.expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    [path("toon"), path("ink"), dir.path().join("out.safetensors")]
        .map(|path| std::fs::read(path).expect("it is there"))
}

/// Which parent every element comes from, bit by bit; `is_b(o, i)` says where the second's is expected.
#[track_caller]
fn check(files: &[Vec<u8>; 3], name: &str, is_b: impl Fn(usize, usize) -> bool) {
    let [a, b, out] = files.each_ref().map(|bytes| SafeTensors::deserialize(bytes).expect("it is read"));
    let [a, b, out] = [&a, &b, &out].map(|file| file.tensor(name).expect("the tensor is there"));
    let shape = out.shape().to_vec();
    assert_eq!(a.shape(), shape);
    let columns = shape.get(1).copied().unwrap_or(1);
    let size = out.data().len() / shape.iter().product::<usize>();
    let inner: usize = shape.iter().skip(2).product();
    let mut differing = 0;
    for at in 0..out.data().len() / size {
        let (o, i) = (at / inner / columns, at / inner % columns);
        let bytes = |data: &[u8]| data[at * size..(at + 1) * size].to_vec();
        let expected = bytes(if is_b(o, i) { b.data() } else { a.data() });
        assert_eq!(bytes(out.data()), expected, "element {at} ({o}, {i}) of {name}");
        differing += usize::from(bytes(a.data()) != bytes(b.data()));
    }
    assert!(differing > 0 || inner * columns == 1, "{name} is alike in both: nothing is shown");
}

#[test]
fn channels_come_from_one_model() {
    let own = |channel: usize| channel < 5 || channel == 9;
    let set = "\"b16.conv1\" = [0..4, 9]";
    let conv = "synthesis.b16.conv1";
    let files = built(&format!("{{ {set} }}"));
    check(&files, &format!("{conv}.weight"), |o, _| own(o));
    check(&files, &format!("{conv}.bias"), |o, _| own(o));
    check(&files, "synthesis.b32.conv0.weight", |_, i| own(i));
    check(&files, "synthesis.b32.conv0.affine.weight", |o, _| own(o));
    check(&files, "synthesis.b16.torgb.weight", |_, i| own(i));
    check(&files, "synthesis.b16.conv0.weight", |_, _| false);
    let files = built(&format!("{{ {set}, mode = style }}"));
    check(&files, "synthesis.b32.conv0.affine.weight", |o, _| own(o));
    check(&files, &format!("{conv}.weight"), |_, _| false);
    let two = "\"b16.conv0\" = [1, 2]";
    let before = |channel: usize| channel == 1 || channel == 2;
    let files = built(&format!("{{ {set}, {two} }}"));
    check(&files, &format!("{conv}.weight"), |o, i| own(o) || before(i));
    let files = built(&format!("{{ {set}, {two}, axes = both }}"));
    check(&files, &format!("{conv}.weight"), |o, i| own(o) && before(i));
}

/// A catalogue of two clusters as another program would write it: the first has every third channel of `b16.conv1`.
fn catalogue(dir: &tempfile::TempDir, channels: usize, change: impl Fn(&mut HashMap<String, String>)) {
    let bytes = |values: Vec<f32>| values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    let first: Vec<f32> = (0..channels).map(|channel| if channel % 3 == 0 { 0.75 } else { 0.0625 }).collect();
    let second = first.iter().map(|share| 1.0 - share);
    let tensors = [
        ("M.b16.conv1", vec![2, channels], bytes(first.iter().copied().chain(second).collect())),
        ("centres", vec![2, channels], bytes(vec![0.0; 2 * channels])),
        ("mean.b16.conv1", vec![channels], bytes(vec![0.0; channels])),
        ("std.b16.conv1", vec![channels], bytes(vec![1.0; channels])),
    ];
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("the sizes agree"))
    });
    let spaces = format!("b16.conv1 {channels}");
    let mut metadata: HashMap<String, String> = [
        ("blend.channels", "1"),
        ("clusters", "2"),
        ("models", "toon.safetensors"),
        ("fingerprints", "0"),
        ("seeds", "0..9"),
        ("psi", "0.7"),
        ("layers", "b16.conv1"),
        ("device", "CPU"),
        ("seed", "0"),
        ("spaces", &spaces),
    ]
    .map(|(key, value)| (key.to_string(), value.to_string()))
    .into();
    change(&mut metadata);
    let file = safetensors::serialize(views, Some(metadata)).expect("it can be stored");
    std::fs::write(dir.path().join("toon.channels"), file).expect("it is written");
    std::fs::write(dir.path().join("toon.toml"), "[parts]\nhair = [0]\n").expect("it is written");
}

/// Channels of `b16.conv1` in the shipped models.
fn width() -> usize {
    let files = built("{ \"b16.conv1\" = [0] }");
    let file = SafeTensors::deserialize(&files[2]).expect("it is read");
    file.tensor("synthesis.b16.conv1.bias").expect("the tensor is there").shape()[0]
}

#[test]
fn channels_of_a_part() {
    let dir = tempfile::tempdir().expect("a directory");
    let width = width();
    catalogue(&dir, width, |_| {});
    let name = "synthesis.b16.conv1.weight";
    let files = built_in(&dir, "\"toon.channels\" { part = \"hair\", top = 4 }");
    check(&files, name, |o, _| o % 3 == 0 && o < 12);
    // Each chosen channel leaks a quarter: seven of them stay below two.
    let files = built_in(&dir, "\"toon.channels\" { part = \"hair\", epsilon = 2 }");
    check(&files, name, |o, _| o % 3 == 0 && o < 21);
    let files = built_in(&dir, "\"toon.channels\" { clusters = [0, 1], epsilon = 1 }");
    check(&files, name, |_, _| true);
}

#[test]
fn files_that_hold_no_channels() {
    let dir = tempfile::tempdir().expect("a directory");
    let check = |code: &str| {
        let text = "blend 1\nchannels some = \"toon.channels\" { clusters = [0] }\n";
        std::fs::write(dir.path().join("c.blend"), text).expect("it is written");
        let run = Command::new(env!("CARGO_BIN_EXE_blend")).args(["check", "c.blend"]).current_dir(dir.path()).output();
        let run = run.expect("it runs");
        let said = String::from_utf8_lossy(&run.stderr).to_string();
        assert!(run.status.code() == Some(2) && said.contains(code), "{code}: {:?}\n{said}", run.status);
    };
    check("E0501");
    catalogue(&dir, 6, |metadata| drop(metadata.remove("blend.channels")));
    check("E0760");
    catalogue(&dir, 6, |metadata| drop(metadata.insert("clusters".into(), "3".into())));
    check("E0760");
    catalogue(&dir, 6, |_| {});
    let whole = std::fs::read(dir.path().join("toon.channels")).expect("it is there");
    std::fs::write(dir.path().join("toon.channels"), &whole[..whole.len() - 3]).expect("it is written");
    check("E0504");
}

/// Masks of heads: of the rows that make them, and of the columns that read them.
#[test]
fn heads_come_from_one_model() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/names/hf");
    let built = |mask: &str| {
        let text = format!(
            "blend 1\nmodel a = {:?}\nmodel b = {:?}\nchannels some = {mask}\noutput \"out.safetensors\" = mix(a, b, some)\n",
            data.join("a.safetensors"),
            data.join("b.safetensors"),
        );
        std::fs::write(dir.path().join("r.blend"), text).expect("it is written");
        let run = Command::new(env!("CARGO_BIN_EXE_blend")).args(["build", "r.blend"]).current_dir(dir.path()).output();
        let run = run.expect("it runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        [data.join("a.safetensors"), data.join("b.safetensors"), dir.path().join("out.safetensors")]
            .map(|path| std::fs::read(path).expect("it is there"))
    };
    // Two heads of eight rows each.
    let second = |row: usize| (8..16).contains(&row);
    let files = built("{ \"L1.head\" = [1] }");
    let layer = "model.layers.1.self_attn";
    check(&files, &format!("{layer}.q_proj.weight"), |o, _| second(o));
    check(&files, &format!("{layer}.q_proj.bias"), |o, _| second(o));
    check(&files, &format!("{layer}.o_proj.weight"), |_, i| second(i));
    check(&files, &format!("{layer}.k_proj.weight"), |_, _| false);
    check(&files, "model.layers.0.self_attn.q_proj.weight", |_, _| false);
    let files = built("{ \"L0.kv_head\" = [0], \"L0.mlp\" = [3..5], mode = out }");
    check(&files, "model.layers.0.self_attn.v_proj.weight", |_, _| true);
    check(&files, "model.layers.0.mlp.up_proj.weight", |o, _| (3..=5).contains(&o));
    check(&files, "model.layers.0.mlp.down_proj.weight", |_, _| false);
}
