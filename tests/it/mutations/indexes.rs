//! Folders of shards with an index of safetensors.  Overlaps are tensors in two shards, bombs are words that nobody reads
//! and names twice, tricks are shards that are other files; in all but the first three classes the index is well formed,
//! and only the shards tell that it lies.

use super::NAMES;
use super::framed;
use blend::store;

type Folder = Vec<(String, Vec<u8>)>;

fn shard(name: &str, tensor: &str, dtype: &str, shape: &str, bytes: usize) -> (String, Vec<u8>) {
    let text = format!(r#"{{"{tensor}":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[0,{bytes}]}}}}"#);
    (name.into(), framed(&text, bytes))
}

fn folder(index: &str) -> Folder {
    let index = ("model.safetensors.index.json".into(), index.as_bytes().to_vec());
    vec![index, shard("1.safetensors", "a", "F32", "2", 8), shard("2.safetensors", "b", "F32", "3", 12)]
}

/// Twenty folders of a class; all are refused.
#[track_caller]
fn check(class: &str, make: &dyn Fn(usize) -> Folder) {
    for index in 0..20 {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, bytes) in make(index) {
            std::fs::write(dir.path().join(name), bytes).expect("a file");
        }
        let start = std::time::Instant::now();
        let path = dir.path().join("model.safetensors.index.json");
        let problem = store::open(&path, None).err().unwrap_or_else(|| panic!("{class} {index} was accepted"));
        assert!(problem.code.0.starts_with("E05") && problem.help.is_some(), "{class} {index}: {problem:?}");
        assert!(start.elapsed().as_secs() < 5, "{class} {index}: {:?}", start.elapsed());
    }
}

#[test]
fn indexes_of_shards() {
    let sound = r#"{"metadata":{"total_size":20},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#;
    let dir = tempfile::tempdir().expect("a folder");
    folder(sound).iter().for_each(|(name, bytes)| std::fs::write(dir.path().join(name), bytes).expect("a file"));
    let header = store::open(&dir.path().join("model.safetensors.index.json"), None).expect("a sound folder");
    assert_eq!(header.entries.len(), 2);

    let map = |more: &str| folder(&format!(r#"{{"weight_map":{{"a":"1.safetensors"{more}}}}}"#));
    check("truncation", &|i| folder(&sound[..sound.len() * i / 20]));
    let signs: Vec<usize> = (0..sound.len()).filter(|&at| b"{}:,".contains(&sound.as_bytes()[at])).collect();
    check("flipped bytes", &|i| {
        let mut folder = folder(sound);
        folder[0].1[signs[i % signs.len()]] ^= [0x80, 0x40][i / signs.len() % 2];
        folder
    });
    check("deep nesting", &|i| folder(&format!(r#"{{"x":{}"#, "[".repeat(65 << (i / 2)))));
    check("oversized lengths", &|i| {
        let mut folder = folder(sound);
        folder[1 + i % 2].1[..8].copy_from_slice(&(1u64 << (10 + i)).to_le_bytes());
        folder
    });
    check("overlaps", &|i| {
        let mut folder = folder(sound);
        folder[2] = shard("2.safetensors", "a", "F32", &(i + 1).to_string(), 4 * (i + 1));
        folder
    });
    check("names twice", &|i| map(&r#","a":"2.safetensors""#.repeat(i + 1)));
    check("other files as shards", &|i| {
        let mut folder = folder(sound);
        let starts: [&[u8]; 5] = [b"PK\x03\x04", b"\x80\x04}.", b"GGUF", b"BLENDER-v300", b"\x93NUMPY"];
        folder[1 + i % 2].1 = [starts[i % 5], &vec![b' '; i * 10]].concat();
        folder
    });
    check("wrong types", &|i| {
        let mut folder = folder(sound);
        folder[2] = shard("2.safetensors", "b", ["F64", "F33", "I8", "f32"][i % 4], &(4 + i).to_string(), 12);
        folder
    });
    check("evil names", &|i| map(&format!(r#","b":"{}{}""#, "x".repeat(i / 5), NAMES[i % 5])));
    check("lying shards", &|i| match i % 4 {
        0 => map(&format!(r#","b":"2.safetensors","c{i}":"2.safetensors""#)),
        1 => map(&format!(r#","b":"{i}.safetensors""#)),
        2 => map(&format!(r#","c{i}":"2.safetensors""#)),
        _ => {
            let mut folder = folder(sound);
            folder[1 + i / 4 % 2].1.pop();
            folder[1 + i / 4 % 2].1.truncate(90 - i);
            folder
        }
    });
}
