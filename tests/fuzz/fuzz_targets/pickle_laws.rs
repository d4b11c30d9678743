//! The promises of `blend::pickle` for one input; the tests of the package replay the corpus by the same function.

use blend::pickle;
use blend::pickle::Blob;
use blend::pickle::Fault;
use blend::pickle::Limits;
use blend::pickle::Next;
use blend::pickle::Pickle;
use blend::pickle::StorageBytes;
use blend::pickle::Value;

/// Smaller than the limits of files, so that inputs of some kilobytes reach them.
fn limits() -> Limits {
    Limits {
        opcodes: 20_000,
        values: 5_000,
        memory: 1 << 20,
        blobs: 1 << 20,
        places: 20_000,
        expanded: 1 << 12,
        ..Limits::default()
    }
}

/// Panics where a promise does not hold.
pub fn hold(bytes: &[u8]) {
    let limits = limits();
    match pickle::run(&bytes, 0, &limits) {
        Ok(pickle) => accepted(&pickle, bytes, &limits),
        Err(fault) => refused(&fault, bytes),
    }
    match pickle::legacy(&bytes, 0, &limits).and_then(|legacy| Ok((legacy.blobs(&bytes)?, legacy))) {
        Ok(((parts, end), legacy)) => {
            assert!(end <= bytes.len() as u64);
            assert_eq!(parts.len(), legacy.pickle.values.storages().count());
            parts.iter().for_each(|(_, blob)| within(blob, bytes));
            accepted(&legacy.pickle, bytes, &limits);
        }
        Err(fault) => refused(&fault, bytes),
    }
}

fn within(blob: &Blob, bytes: &[u8]) {
    if let Blob::File { offset, len } = blob {
        assert!(offset.checked_add(*len).is_some_and(|end| end <= bytes.len() as u64));
    }
}

fn accepted(pickle: &Pickle, bytes: &[u8], limits: &Limits) {
    assert!(pickle.end <= bytes.len() as u64);
    assert!(pickle.values.len() <= limits.values as usize + 3);
    let mut places = 0;
    pickle.values.walk(pickle.root, &mut |path, id| {
        places += 1;
        assert!(path.len() < limits.depth as usize && places <= limits.places);
        match pickle.values.get(id) {
            Value::Bytes(blob) | Value::LongStr(blob) => within(blob, bytes),
            Value::Array(array) => {
                within(&array.data, bytes);
                assert_eq!(array.data.len(), blend::tensor::elems(&array.shape) * array.dtype.bytes());
            }
            Value::Storage(storage) => {
                assert!(storage.elements.checked_mul(storage.dtype.bytes()).is_some());
                if let StorageBytes::Blob(blob) = &storage.bytes {
                    within(blob, bytes);
                    assert_eq!(blob.len(), storage.elements * storage.dtype.bytes());
                }
            }
            Value::Tensor(tensor) => {
                assert_eq!(tensor.shape.len(), tensor.strides.len());
                assert!(tensor.strides.iter().all(|stride| *stride >= 0));
                let steps = tensor.shape.iter().zip(&tensor.strides);
                let last = steps.map(|(size, stride)| (size.max(&1) - 1) as u128 * *stride as u128).sum::<u128>();
                let is_empty = tensor.shape.contains(&0);
                assert!(is_empty || u128::from(tensor.offset) + last < u128::from(tensor.storage.elements));
                if let StorageBytes::Blob(blob) = &tensor.storage.bytes {
                    within(blob, bytes);
                    assert!(blob.len() >= tensor.storage.elements * tensor.storage.dtype.bytes());
                }
            }
            _ => {}
        }
        Next::Into
    });
}

fn refused(fault: &Fault, bytes: &[u8]) {
    assert!(fault.offset <= bytes.len() as u64);
    let problem = pickle::problem(fault, "a.pkl", 0);
    let text = [vec![problem.message.clone()], problem.notes.clone()].concat().concat();
    assert!(problem.help.is_some() && !text.chars().any(char::is_control), "{text:?}");
}
