//! How a PyTorch file lies: the zip archive that `torch.save` writes of a dictionary of tensors.
//!
//! Every byte has its place here, the CRC-32 sums of the tensors excepted: they stand behind each tensor and in the
//! directory at the end, and are known when the data is there ([`super::Sum`]).  The pickle is, byte for byte, what
//! PyTorch writes of the same dictionary; a test compares them.

mod pickle;
mod zip;

use super::place::Item;
use super::place::Laid;
use crate::arch::Nest;
use serde_json::json;
use zip::Archive;

/// The folder inside the archive.  PyTorch takes the file's name; a constant keeps the bytes free of it, as the files
/// have that PyTorch saves to memory.
const FOLDER: &str = "archive";

/// The member that holds what safetensors has in `__metadata__`, as one JSON object of texts.  Loaders ask for members
/// by name, and none asks for this one: the dictionary itself stays what `load_state_dict(…, strict=True)` takes.
const METADATA: &str = "blend.json";

/// Places of all bytes of a file that holds `items`; `nest` says where a layout's loader looks for them.
pub fn lay(items: &[Item], metadata: &[(String, String)], nest: Option<&Nest>) -> Laid {
    let order = pickle::order(items, nest);
    let mut archive = Archive::new(FOLDER);
    archive.member("data.pkl", &pickle::dictionary(items, &order, nest));
    let texts: serde_json::Map<_, _> = metadata.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
    archive.member(METADATA, serde_json::Value::Object(texts).to_string().as_bytes());
    archive.member("byteorder", b"little");
    let mut offsets = vec![0; items.len()];
    for (key, &at) in order.iter().enumerate() {
        offsets[at] = archive.hole(&format!("data/{key}"), items[at].len());
    }
    archive.member("version", b"3\n");
    let (fixed, sums, size) = archive.finish();
    Laid { fixed, sums, offsets, size }
}
