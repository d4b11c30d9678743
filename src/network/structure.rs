//! What sets the shape of one network apart from that of others.

use super::net::Name;
use super::net::Net;
use std::collections::BTreeSet;

/// Hexadecimal digits of a digest.
const DIGITS: usize = 32;

/// Tensors that operations read: convolutions, constants, biases.  Mapping and styles are left out, which code bases store
/// in ways that round.
pub fn drawn_tensors(net: &Net) -> BTreeSet<&Name> {
    net.ops.iter().flat_map(|op| op.tensors()).collect()
}

/// A digest of the names and shapes of [`drawn_tensors`].
pub fn structure(net: &Net) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(b"blend structure 1");
    for name in drawn_tensors(net) {
        let shape = net.tensors.get(name).map_or(&[][..], |shape| shape);
        hash.update(&(name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(&(shape.len() as u64).to_le_bytes());
        for size in shape {
            hash.update(&(*size as u64).to_le_bytes());
        }
    }
    hash.finalize().to_hex()[..DIGITS].to_string()
}
