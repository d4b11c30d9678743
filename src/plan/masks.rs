//! How much of each channel space the masks of a recipe hold.

use crate::hir::Axes;
use crate::hir::Chosen;
use crate::hir::ExprKind;
use crate::hir::Mask;
use crate::hir::Mode;
use crate::hir::Recipe;
use serde_json::Value;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// A mask on the channel spaces of the outputs.
struct Held<'r> {
    mask: &'r Mask,
    /// Space, Σ of its shares, channels (or groups) of it.
    spaces: Vec<(&'r str, f64, u64)>,
}

/// The masks that outputs and claims use, each once, in the order of the recipe; spaces that no output has are left out.
fn held(recipe: &Recipe) -> Vec<Held<'_>> {
    let mut sizes: HashMap<&str, u64> = HashMap::new();
    for made in recipe.outputs.iter().flat_map(|output| &output.tensors) {
        for (space, size) in made.traits.axes.iter().zip(&made.shape) {
            space.iter().for_each(|space| {
                sizes.entry(space).or_insert(*size);
            });
        }
        for group in &made.traits.groups {
            let count = made.shape.get(group.axis).map_or(0, |size| size / group.size);
            sizes.entry(&group.space).or_insert(count);
        }
    }
    let mut masks: Vec<&Arc<Mask>> = vec![];
    for expr in &recipe.exprs {
        if let ExprKind::Channels(mask) = &expr.kind
            && !masks.iter().any(|known| known.site == mask.site && known.name == mask.name)
        {
            masks.push(mask);
        }
    }
    masks.sort_by_key(|mask| (mask.site.source, mask.site.span.start));
    let share = |chosen: &Chosen| match chosen {
        Chosen::Shares(shares) => shares.iter().sum::<f64>(),
        Chosen::Set(ranges) => count(ranges) as f64,
    };
    let of = |mask: &'_ Arc<Mask>| -> Vec<(usize, f64, u64)> {
        let spaces = mask.spaces.iter().enumerate();
        spaces.filter_map(|(at, (space, chosen))| Some((at, share(chosen), *sizes.get(&**space)?))).collect()
    };
    masks
        .into_iter()
        .map(|mask| {
            let spaces = of(mask).into_iter().map(|(at, share, size)| (&*mask.spaces[at].0, share, size)).collect();
            Held { mask, spaces }
        })
        .collect()
}

/// How many numbers some ranges hold, each once.
fn count(ranges: &[[u64; 2]]) -> u64 {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let (mut count, mut next) = (0, 0);
    for [low, high] in sorted {
        let low = low.max(next);
        if high >= low {
            count += high - low + 1;
            next = high + 1;
        }
    }
    count
}

fn mode(mask: &Mask) -> &'static str {
    match mask.mode {
        Mode::Unit => "unit",
        Mode::Out => "out",
        Mode::In => "in",
        Mode::Style => "style",
    }
}

fn axes(mask: &Mask) -> &'static str {
    match mask.axes {
        Axes::Either => "either",
        Axes::Both => "both",
        Axes::Mean => "mean",
        Axes::Out => "out",
    }
}

/// One line per mask and its parts: `eyes (unit, either): b16.conv1 12 of 128, b32.conv1 7 of 64`.
pub fn lines(recipe: &Recipe) -> Vec<(String, Vec<String>)> {
    let text = |(space, share, size): &(&str, f64, u64)| {
        let rounded = (share * 100.0).round() / 100.0;
        let exact = if rounded == 0.0 && *share > 0.0 { format!("{share:.1e}") } else { rounded.to_string() };
        format!("{space} {exact} of {size}")
    };
    let line = |held: Held| {
        let head = format!("{} ({}, {})", held.mask.name, mode(held.mask), axes(held.mask));
        (head, held.spaces.iter().map(text).collect())
    };
    held(recipe).into_iter().map(line).collect()
}

/// A list of objects: `name`, `mode`, `axes`, `spaces` (with `space`, `share`, `channels`).
pub fn json(recipe: &Recipe) -> Value {
    let one = |held: Held| {
        let space =
            |(space, share, size): &(&str, f64, u64)| json!({ "space": space, "share": share, "channels": size });
        let spaces: Vec<Value> = held.spaces.iter().map(space).collect();
        json!({ "name": &*held.mask.name, "mode": mode(held.mask), "axes": axes(held.mask), "spaces": spaces })
    };
    held(recipe).into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_of_ranges_count_once() {
        let check = |ranges: &[[u64; 2]], expected| assert_eq!(super::count(ranges), expected, "{ranges:?}");
        check(&[], 0);
        check(&[[3, 3], [17, 17], [40, 63]], 26);
        check(&[[0, 4], [2, 6], [9, 9], [9, 9]], 8);
        check(&[[5, 5], [0, 9]], 10);
    }
}
