//! Whether tensors make one network: each channel space has one size.

use super::Traits;
use indexmap::IndexMap;

/// Channel spaces with more than one size: per space, the first tensor of each size.
pub fn check_network<'t>(
    tensors: impl Iterator<Item = (&'t str, &'t [u64], &'t Traits)>,
) -> Vec<(String, Vec<(String, u64)>)> {
    let mut spaces: IndexMap<String, Vec<(String, u64)>> = IndexMap::new();
    for (name, shape, traits) in tensors {
        for (axis, space) in traits.axes.iter().enumerate() {
            let (Some(space), Some(&size)) = (space, shape.get(axis)) else { continue };
            let sizes = spaces.entry(space.to_string()).or_default();
            if !sizes.iter().any(|known| known.1 == size) {
                sizes.push((name.to_string(), size));
            }
        }
    }
    spaces.retain(|_, sizes| sizes.len() > 1);
    spaces.into_iter().collect()
}
