//! A pattern in the words of a recipe for tensors that have something in common.

use super::Traits;
use crate::tensor::Coord;

/// A pattern that fits some tensors of a network (`wanted` are indices into `all`), in words or one coordinate and not
/// by names; it may fit further tensors of the same places, which is what a recipe should say.  `resolution 64..`,
/// `mapping or resolution 512..`.  With it, for each of `all`, whether it fits.  `None` when they have nothing in common.
pub fn pattern_of(all: &[&Traits], wanted: &[usize]) -> Option<(String, Vec<bool>)> {
    let coord = [Coord::Resolution, Coord::Layer]
        .into_iter()
        .find(|coord| wanted.iter().any(|&at| all[at].coord(*coord).is_some()));
    let place = |at: usize| coord.and_then(|coord| all[at].coord(coord));
    let placed: Vec<f64> = distinct(wanted.iter().filter_map(|&at| place(at)));
    let rest: Vec<usize> = wanted.iter().copied().filter(|&at| place(at).is_none()).collect();
    let mut parts = vec![];
    let mut fits: Vec<bool> = (0..all.len()).map(|at| place(at).is_some_and(|own| placed.contains(&own))).collect();
    if let Some(&first) = rest.first() {
        let common = |word: &&std::sync::Arc<str>| rest.iter().all(|&at| all[at].has_word(word));
        let word = all[first].words.iter().find(common)?;
        fits.iter_mut().zip(all).for_each(|(fits, traits)| *fits |= traits.has_word(word));
        parts.push(word.to_string());
    }
    if let Some(coord) = coord {
        let known = distinct((0..all.len()).filter_map(place));
        parts.push(format!("{} {}", coord.text(), range(&placed, &known)));
    }
    (!parts.is_empty()).then(|| (parts.join(" or "), fits))
}

/// Values of one fact in several models; of lists such as `4: 512, 8: 512` only the items that are not in all.
pub fn apart(values: &[Option<String>]) -> Vec<Option<String>> {
    fn items(value: &str) -> Vec<&str> {
        value.split(", ").collect()
    }
    let present: Vec<Vec<&str>> = values.iter().flatten().map(|value| items(value)).collect();
    let is_list = present.iter().all(|list| list.len() > 1 && list.iter().all(|item| item.contains(": ")));
    if !is_list || present.len() < 2 {
        return values.to_vec();
    }
    let kept = |value: &String| {
        let own = items(value).into_iter().filter(|item| !present.iter().all(|list| list.contains(item)));
        own.collect::<Vec<_>>().join(", ")
    };
    values.iter().map(|value| value.as_ref().map(kept)).collect()
}

fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// Some of the known values: an open range where they are the first or the last of them, else a range or a list.
fn range(values: &[f64], known: &[f64]) -> String {
    match values {
        [] => String::new(),
        [.., last] if known.starts_with(values) && known.len() > values.len() => format!("..{last}"),
        [first, ..] if known.ends_with(values) => format!("{first}.."),
        [one] => one.to_string(),
        [first, .., last] if known.windows(values.len()).any(|window| window == values) => format!("{first}..{last}"),
        _ => format!("[{}]", values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::Coord;
    use super::Traits;
    use super::pattern_of;
    use crate::arch::Policy;

    /// A network of words and resolutions; the pattern for the tensors with these indices.
    #[track_caller]
    fn check(wanted: &[usize], expected: Option<&str>) {
        let tensor = |words: &[&str], resolution: Option<f64>| Traits {
            words: words.iter().map(|word| (*word).into()).collect(),
            coords: resolution.map(|value| (Coord::Resolution, value)).into_iter().collect(),
            axes: vec![],
            acts: vec![],
            groups: vec![],
            free: vec![],
            demodulated: false,
            policy: Policy::Mix,
        };
        let mut all =
            vec![tensor(&["mapping", "fc"], None), tensor(&["mapping", "w_avg"], None), tensor(&["head"], None)];
        all.extend([4.0, 8.0, 16.0, 32.0, 32.0].map(|resolution| tensor(&["conv"], Some(resolution))));
        let found = pattern_of(&all.iter().collect::<Vec<_>>(), wanted);
        assert_eq!(found.as_ref().map(|found| found.0.as_str()), expected);
        let fits = found.map_or(vec![], |found| found.1);
        assert!(expected.is_none() || wanted.iter().all(|&at| fits[at]), "{expected:?} fits {fits:?}");
    }

    #[test]
    fn patterns() {
        check(&[], None);
        check(&[0], Some("mapping"));
        check(&[0, 1], Some("mapping"));
        check(&[0, 2], None);
        check(&[6], Some("resolution 32.."));
        check(&[5, 6, 7], Some("resolution 16.."));
        check(&[3, 4], Some("resolution ..8"));
        check(&[3, 4, 5, 6], Some("resolution 4.."));
        check(&[4, 5], Some("resolution 8..16"));
        check(&[4], Some("resolution 8"));
        check(&[4, 6], Some("resolution [8, 32]"));
        check(&[1, 6], Some("mapping or resolution 32.."));
    }
}
