//! Names of many tensors as few globs: what a plan prints can be typed into a recipe.

use indexmap::IndexMap;
use std::cmp::Ordering;

/// Numbers in names count as numbers: `b8` stands before `b16`.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (head_a, head_b) = (chunk(a), chunk(b));
        let numbers = head_a.parse::<u64>().ok().zip(head_b.parse::<u64>().ok());
        let order = match numbers {
            Some((x, y)) => x.cmp(&y).then(head_a.cmp(head_b)),
            None => head_a.cmp(head_b),
        };
        if order != Ordering::Equal || head_a.is_empty() {
            return order;
        }
        (a, b) = (&a[head_a.len()..], &b[head_b.len()..]);
    }
}

/// The digits, or what is no digit, at the start.
fn chunk(text: &str) -> &str {
    let digit = |c: char| c.is_ascii_digit();
    let Some(first) = text.chars().next() else { return "" };
    let end = text.find(|c: char| digit(c) != digit(first)).unwrap_or(text.len());
    &text[..end]
}

fn by_segments(a: &[&str], b: &[&str]) -> Ordering {
    let pairs = a.iter().zip(b).map(|(a, b)| natural(a, b));
    pairs.into_iter().find(|order| *order != Ordering::Equal).unwrap_or(a.len().cmp(&b.len()))
}

/// The order of tensor names, segment by segment, numbers as numbers.
pub fn compare(a: &str, b: &str) -> Ordering {
    by_segments(&a.split('.').collect::<Vec<_>>(), &b.split('.').collect::<Vec<_>>())
}

/// `names` as globs that fit them and nothing else of `all`: a branch that is wholly among them is `branch.**`, one that
/// lacks few kinds of tensors `branch.** and not **.kind`, one of which few are among them `branch.**.kind`.
pub fn globs(all: &[&str], names: &[&str]) -> Vec<String> {
    let wanted: std::collections::HashSet<&str> = names.iter().copied().collect();
    let mut leaves: Vec<(Vec<&str>, bool)> =
        all.iter().map(|name| (name.split('.').collect(), wanted.contains(name))).collect();
    leaves.sort_by(|a, b| by_segments(&a.0, &b.0));
    let mut out = vec![];
    branch(&leaves, 0, &mut out);
    shortened(&out)
}

fn branch(leaves: &[(Vec<&str>, bool)], depth: usize, out: &mut Vec<String>) {
    let (wanted, others): (Vec<_>, Vec<_>) = leaves.iter().partition(|leaf| leaf.1);
    let [(first, _), rest @ ..] = wanted.as_slice() else { return };
    if rest.is_empty() {
        return out.push(first.join("."));
    }
    let with = |last: String| first[..depth].iter().map(|part| part.to_string()).chain([last]).collect::<Vec<_>>();
    if others.is_empty() {
        return out.push(with("**".into()).join("."));
    }
    // Kinds are last segments; a branch of one level is told by its names.
    let (own, foreign) = (kinds(&wanted), kinds(&others));
    let is_deep = leaves.iter().any(|leaf| leaf.0.len() > depth + 1);
    if is_deep && own.iter().all(|kind| !foreign.contains(kind)) {
        if own.len() <= 2 && own.len() <= foreign.len() {
            return out.push(with(format!("**.{}", braces(own))).join("."));
        }
        if foreign.len() <= 2 && others.len() < wanted.len() {
            return out.push(with(format!("** and not **.{}", braces(foreign))).join("."));
        }
    }
    // A name may end here while others go on: it has no segment, and stands first.
    for part in leaves.chunk_by(|a, b| a.0.get(depth) == b.0.get(depth)) {
        match part {
            [(name, true)] => out.push(name.join(".")),
            [_] => {}
            part => branch(part, depth + 1, out),
        }
    }
}

/// The last segments, each once.
fn kinds(leaves: &[&(Vec<&str>, bool)]) -> Vec<String> {
    let mut kinds: Vec<String> = leaves.iter().filter_map(|leaf| leaf.0.last()).map(|last| last.to_string()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Names with what they share written once: `synthesis.b{4,8}.conv1.weight`.
pub fn shortened(names: &[String]) -> Vec<String> {
    // Names that differ in one segment are joined, segment by segment from the last to the first.
    let mut list: Vec<Vec<String>> = names.iter().map(|name| name.split('.').map(String::from).collect()).collect();
    let deepest = list.iter().map(Vec::len).max().unwrap_or(0);
    for at in (0..deepest).rev() {
        let mut joined: IndexMap<(usize, Vec<String>), Vec<String>> = IndexMap::new();
        for name in list {
            let mut rest = name.clone();
            let own = if at < rest.len() { std::mem::take(&mut rest[at]) } else { String::new() };
            joined.entry((name.len(), rest)).or_default().push(own);
        }
        list = joined
            .into_iter()
            .map(|((len, mut rest), owns)| {
                if at < len {
                    rest[at] = braces(owns);
                }
                rest
            })
            .collect();
    }
    list.into_iter().map(|segments| segments.join(".")).collect()
}

/// `b4`, `b8` -> `b{4,8}`; `0`, `1`, `2` -> `{0..2}`
fn braces(mut words: Vec<String>) -> String {
    words.sort_by(|a, b| natural(a, b));
    let [first, rest @ ..] = words.as_slice() else { return String::new() };
    if rest.is_empty() {
        return first.clone();
    }
    if words.iter().any(|word| word.contains('{')) {
        return format!("{{{}}}", words.join(","));
    }
    let common = |a: &str, b: &str| {
        a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum::<usize>()
    };
    let mut prefix = rest.iter().fold(first.len(), |so_far, word| so_far.min(common(first, word)));
    // Numbers are never cut: `16` and `1024` share no digit.  An empty part would fit nothing in a glob.
    let uncut = |prefix: usize| first.is_char_boundary(prefix) && !first.as_bytes()[prefix - 1].is_ascii_digit();
    while prefix > 0 && (!uncut(prefix) || words.iter().any(|word| word.len() == prefix)) {
        prefix -= 1;
    }
    let tails: Vec<&str> = words.iter().map(|word| &word[prefix..]).collect();
    let numbers: Option<Vec<u64>> = tails.iter().map(|tail| tail.parse().ok()).collect();
    let inner = match numbers {
        Some(numbers)
            if numbers.len() > 2 && numbers.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1])) =>
        {
            format!("{}..{}", numbers[0], numbers[numbers.len() - 1])
        }
        _ => tails.join(","),
    };
    format!("{}{{{inner}}}", &first[..prefix])
}

#[cfg(test)]
mod tests {
    use super::globs;
    use super::natural;
    use super::shortened;
    use std::cmp::Ordering;

    #[track_caller]
    fn check(names: &[&str], expected: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        assert_eq!(shortened(&names), expected);
    }

    #[test]
    fn names_are_joined() {
        check(&["a.b4.w", "a.b8.w"], &["a.b{4,8}.w"]);
        check(&["l.0.q", "l.1.q", "l.2.q", "l.0.k", "l.1.k", "l.2.k"], &["l.{0..2}.{k,q}"]);
        check(&["a.x", "b.y.z"], &["a.x", "b.y.z"]);
        check(&["s.b1024.w", "s.b16.w"], &["s.b{16,1024}.w"]);
        check(&["a.conv.w", "a.conv1.w"], &["a.{conv,conv1}.w"]);
        check(&["one"], &["one"]);
        check(&[], &[]);
    }

    #[test]
    fn whole_branches_are_two_stars() {
        let all = ["a.b4.w", "a.b4.x", "a.b8.w", "a.b8.x", "a.b16.w", "a.b16.x", "m.w", "m.w.y"];
        #[track_caller]
        fn check(all: &[&str], names: &[&str], expected: &[&str]) {
            assert_eq!(globs(all, names), expected);
        }
        check(&all, &all, &["**"]);
        check(&all, &all[..6], &["a.**"]);
        check(&all, &all[..4], &["a.b{4,8}.**"]);
        check(&all, &["a.b4.w", "a.b8.w", "a.b16.w", "a.b16.x"], &["a.b{4,8}.w", "a.b16.**"]);
        check(&all, &["m.w"], &["m.w"]);
        check(&all, &["m.w.y"], &["m.w.y"]);
        check(&all, &["m.w", "m.w.y"], &["m.**"]);
        check(&all, &["a.b4.x", "a.b8.x", "a.b16.x"], &["**.x"]);
        let deep = ["c.0.bias", "c.0.conv.weight", "c.0.noise", "c.1.bias", "c.1.conv.weight", "c.1.noise", "d"];
        check(&deep, &["c.0.bias", "c.0.conv.weight", "c.1.bias", "c.1.conv.weight"], &["c.** and not **.noise"]);
        check(&deep, &["c.0.bias", "c.0.conv.weight"], &["c.0.** and not **.noise"]);
        check(&deep, &["c.1.bias", "c.1.noise", "d"], &["c.1.**.{bias,noise}", "d"]);
    }

    #[test]
    fn numbers_are_numbers() {
        assert_eq!(natural("b8", "b16"), Ordering::Less);
        assert_eq!(natural("b8.c", "b8"), Ordering::Greater);
        assert_eq!(natural("a", "a"), Ordering::Equal);
        assert_eq!(natural("99999999999999999999999", "1"), Ordering::Greater);
    }
}
