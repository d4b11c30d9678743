//! What tells a generator from others, in few bytes and whatever file it stands in.

use crate::diag::Problem;
use crate::network::Name;
use crate::network::Net;
use crate::plan::Drawing;
use crate::store::Inputs;
use crate::tile::Scratch;
use std::collections::BTreeSet;

/// Values of a tensor that are read.  Training moves all of them: the first ones tell models apart as well as all would.
const READ: u64 = 1024;

/// Hexadecimal digits of either half.
const DIGITS: usize = 32;

/// `STRUCTURE-WEIGHTS`: a digest of the names and shapes of the tensors that the operations of a network read, which headers
/// alone tell, and one of their first values as f32, in canonical names and order.  Container, layout and names in the file
/// make no difference.  Errors: those of reading.
pub fn fingerprint(drawing: &Drawing, inputs: &Inputs) -> Result<String, Problem> {
    let mut weights = blake3::Hasher::new();
    weights.update(b"blend weights 1");
    for name in names(&drawing.net) {
        let Some(program) = drawing.tensors.get(name) else { continue };
        let count = program.elems().min(READ);
        let mut bytes = vec![0; count as usize * size_of::<f32>()];
        program.evaluate(0..count, &program.start(), inputs, &mut Scratch::default(), &mut bytes)?;
        weights.update(&bytes);
    }
    Ok(format!("{}-{}", structure(&drawing.net), &weights.finalize().to_hex()[..DIGITS]))
}

/// The first half of a fingerprint.
pub fn structure(net: &Net) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(b"blend structure 1");
    for name in names(net) {
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

/// Tensors of operations: convolutions, constants, biases.  Mapping and styles are left out, which code bases store in
/// ways that round.
fn names(net: &Net) -> BTreeSet<&Name> {
    net.ops.iter().flat_map(|op| op.tensors()).collect()
}
