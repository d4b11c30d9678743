//! How a safetensors file lies: the length field, the JSON, then the tensors one after the other.

use super::Fixed;
use super::place::Item;
use super::place::Laid;
use serde_json::json;

/// Data begins at a multiple of this, so that bytes can be moved by pages.
const PAGE: u64 = 4096;

/// Places of all bytes of a file that holds `items`.
pub fn lay(items: &[Item], metadata: &[(String, String)]) -> Laid {
    let header = header(items, metadata);
    let mut at = header.len() as u64;
    let mut offsets = vec![];
    for item in items {
        offsets.push(at);
        at += item.len();
    }
    Laid { fixed: vec![Fixed { offset: 0, bytes: header }], sums: vec![], offsets, size: at }
}

/// The length field and the JSON, padded so that both together are a multiple of a page.
fn header(items: &[Item], metadata: &[(String, String)]) -> Vec<u8> {
    let mut map = serde_json::Map::new();
    let texts = metadata.iter().map(|(name, text)| (name.clone(), json!(text)));
    map.insert("__metadata__".into(), serde_json::Value::Object(texts.collect()));
    let mut offset = 0;
    for item in items {
        let end = offset + item.len();
        map.insert(
            item.name.to_string(),
            json!({
                "dtype": item.dtype.safetensors_name(),
                "shape": item.shape,
                "data_offsets": [offset, end],
            }),
        );
        offset = end;
    }
    let mut text = serde_json::to_vec(&map).expect("names and numbers are JSON");
    let whole = (8 + text.len() as u64).next_multiple_of(PAGE);
    text.resize(whole as usize - 8, b' ');
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text);
    out
}
