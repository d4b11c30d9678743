//! Latents from files: what projectors and notebooks leave behind.

use super::drawer::Start;
use super::error;
use super::weights;
use crate::arch;
use crate::diag::Problem;
use crate::diag::shown;
use crate::network::Mapping;
use crate::store;
use std::path::Path;

/// Names that tell what a tensor is, the likeliest first; `true` for those of z.
const NAMES: [(&str, bool); 8] = [
    ("projected_w", false),
    ("w_plus", false),
    ("ws", false),
    ("w", false),
    ("latents", false),
    ("latent", false),
    ("dlatents", false),
    ("z", true),
];

/// Latents that a file may hold.
const MOST: usize = 4096;

/// A tensor of latents, not yet fitted to a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The path and the tensor's name, for messages.
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
    /// Its name says that it holds z.
    pub is_z: bool,
}

/// Reads latents from any file that checkpoints are read from (`.npy`, `.npz`, `.pt`, `.safetensors`): the tensor that is
/// named as latents are (`projected_w`, `w`, `z`, …), or the only one.  Errors: E0752, and those of reading.
pub fn read(path: &Path) -> Result<Given, Problem> {
    let header = store::open(path, None)?;
    let canon = arch::detect(&header, None, Some("generic"))?;
    let floats: Vec<_> = canon.tensors.iter().filter(|tensor| tensor.dtype.is_float()).collect();
    let known = NAMES.iter().find_map(|(name, is_z)| Some((*floats.iter().find(|own| *own.name == **name)?, *is_z)));
    let (tensor, is_z) = match (known, floats.as_slice()) {
        (Some(found), _) => found,
        (None, [only]) => (*only, false),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|tensor| &*tensor.name).collect();
            return Err(error::no_latents(&shown::path(path), &names));
        }
    };
    let shape: Vec<usize> = tensor.shape.iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect();
    let name = format!("`{}` of `{}`", tensor.name.escape_debug(), shown::path(path));
    if shape.iter().try_fold(1usize, |all, size| all.checked_mul(*size)).is_none_or(|all| all > MOST * 64 * 1024) {
        return Err(error::odd_latents(&name, &shape, "at most 4096 latents"));
    }
    let wanted = tensor.name.clone();
    let weights = weights::of_checkpoint(&header, &canon, &|name| *name == *wanted)?;
    let values = weights.get(&wanted).map_or(vec![], |array| array.data.to_vec());
    Ok(Given { name, shape, values, is_z })
}

impl Given {
    /// The latents as a network takes them, one start each.
    ///
    /// `[…, layers, w]` is a w for every layer; so is `[layers, w]`.  `[…, w]` is one w for all layers, unless the name says
    /// z, or the network's z has this size and its w has not.  Errors: E0752 for latents of another network.
    pub fn starts(&self, mapping: &Mapping) -> Result<Vec<Start>, Problem> {
        let (count, w, z) = (mapping.count, mapping.w, mapping.z);
        let rank = self.shape.len();
        let last = self.shape.last().copied().unwrap_or(0);
        let rows = if rank >= 2 { self.shape[rank - 2] } else { 1 };
        let is_z = self.is_z || (last == z && last != w);
        let wanted = if is_z { z } else { w };
        let expected = format!("[n, {count}, {w}] or [n, {w}] for w, [n, {z}] for z");
        if last != wanted || wanted == 0 || self.values.is_empty() {
            return Err(error::odd_latents(&self.name, &self.shape, &expected));
        }
        let vectors: Vec<Vec<f64>> =
            self.values.chunks_exact(last).map(|row| row.iter().map(|value| f64::from(*value)).collect()).collect();
        if vectors.iter().flatten().any(|value| !value.is_finite()) {
            return Err(error::odd_latents(&self.name, &self.shape, "finite numbers"));
        }
        let starts: Vec<Start> = if is_z {
            vectors.into_iter().map(Start::Z).collect()
        } else if rank >= 2 && rows == count {
            vectors.chunks_exact(count).map(|layers| Start::WPlus(layers.to_vec())).collect()
        } else if rank >= 3 && rows != 1 {
            return Err(error::odd_latents(&self.name, &self.shape, &expected));
        } else {
            vectors.into_iter().map(Start::W).collect()
        };
        if starts.len() > MOST {
            return Err(error::odd_latents(&self.name, &self.shape, "at most 4096 latents"));
        }
        Ok(starts)
    }
}
