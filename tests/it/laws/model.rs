//! Small models, written and read by the tests' own hands: nothing of the crate is asked.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// A tensor of a model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub name: String,
    /// As safetensors headers write it: `F32`.
    pub dtype: String,
    pub shape: Vec<u64>,
    pub bytes: Vec<u8>,
}

/// A tensor from its bytes.
pub fn tensor(name: &str, dtype: &str, shape: &[u64], bytes: Vec<u8>) -> Tensor {
    Tensor { name: name.into(), dtype: dtype.into(), shape: shape.to_vec(), bytes }
}

/// Numbers that look random, from a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From -1 to 1, exact in f32.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 40) as f64 / (1u64 << 23) as f64 - 1.0
    }
}

/// Values as the bytes of a float type, each rounded once.
pub fn floats(dtype: &str, values: &[f64]) -> Vec<u8> {
    let one = |&value: &f64| match dtype {
        "F64" => value.to_le_bytes().to_vec(),
        "F32" => (value as f32).to_le_bytes().to_vec(),
        "F16" => half::f16::from_f64(value).to_le_bytes().to_vec(),
        "BF16" => half::bf16::from_f64(value).to_le_bytes().to_vec(),
        other => panic!("{other} is no float type of these tests"),
    };
    values.iter().flat_map(one).collect()
}

/// The values of float bytes, exact.
pub fn values(dtype: &str, bytes: &[u8]) -> Vec<f64> {
    let size = match dtype {
        "F64" => 8,
        "F32" => 4,
        _ => 2,
    };
    let one = |unit: &[u8]| match dtype {
        "F64" => f64::from_le_bytes(unit.try_into().unwrap()),
        "F32" => f32::from_le_bytes(unit.try_into().unwrap()).into(),
        "F16" => half::f16::from_le_bytes(unit.try_into().unwrap()).into(),
        "BF16" => half::bf16::from_le_bytes(unit.try_into().unwrap()).into(),
        other => panic!("{other} is no float type of these tests"),
    };
    bytes.chunks(size).map(one).collect()
}

/// The bytes of a safetensors file.
pub fn file(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = vec![];
    for tensor in tensors {
        let start = data.len();
        data.extend_from_slice(&tensor.bytes);
        let entry =
            serde_json::json!({ "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [start, data.len()] });
        assert!(header.insert(tensor.name.clone(), entry).is_none(), "`{}` twice", tensor.name);
    }
    let mut text = serde_json::Value::Object(header).to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&data);
    out
}

/// Writes a directory of `count` shards with an index.
pub fn shards(directory: &Path, tensors: &[Tensor], count: usize) {
    std::fs::create_dir_all(directory).expect("a folder");
    let mut map = serde_json::Map::new();
    for (number, shard) in tensors.chunks(tensors.len().div_ceil(count)).enumerate() {
        let name = format!("model-{:05}-of-{count:05}.safetensors", number + 1);
        std::fs::write(directory.join(&name), file(shard)).expect("a shard");
        for tensor in shard {
            map.insert(tensor.name.clone(), name.clone().into());
        }
    }
    let index = serde_json::json!({ "metadata": {}, "weight_map": map });
    std::fs::write(directory.join("model.safetensors.index.json"), index.to_string()).expect("an index");
}

/// The tensors of a file or of all files of a directory, by name.
#[track_caller]
pub fn read(path: &Path) -> BTreeMap<String, Tensor> {
    let files: Vec<PathBuf> = match path.is_dir() {
        true => {
            let entries = std::fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
            entries.filter(|file| file.extension().is_some_and(|ending| ending == "safetensors")).collect()
        }
        false => vec![path.to_path_buf()],
    };
    let mut out = BTreeMap::new();
    for file in files {
        let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let size = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + size]).expect("a header");
        let number = |value: &serde_json::Value| value.as_u64().expect("a number");
        for (name, entry) in header.as_object().expect("a header").iter().filter(|(name, _)| *name != "__metadata__") {
            let range = number(&entry["data_offsets"][0]) as usize..number(&entry["data_offsets"][1]) as usize;
            let shape: Vec<u64> = entry["shape"].as_array().expect("a shape").iter().map(number).collect();
            let data = bytes[8 + size..][range].to_vec();
            let dtype = entry["dtype"].as_str().expect("a type");
            assert!(out.insert(name.clone(), tensor(name, dtype, &shape, data)).is_none(), "`{name}` twice");
        }
    }
    out
}
