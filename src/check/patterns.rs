//! Patterns: words, coordinates, globs and regular expressions, bound but not yet matched against tensors.

use super::constant;
use super::context::Context;
use super::error;
use super::eval::Value;
use super::resolve;
use super::resolve::Scope;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::Pattern;
use crate::hir::PatternId;
use crate::syntax::ast;
use crate::syntax::ast::ItemKind;
use crate::syntax::ast::PatternKind;
use crate::tensor::Coord;

/// Largest compiled pattern in bytes: no text of a recipe may exhaust memory.
const SIZE_LIMIT: usize = 1 << 20;

/// The regular expression of a glob, if it is not too large to be used.
fn small(regex: String) -> Result<String, String> {
    match regex::RegexBuilder::new(&regex).size_limit(SIZE_LIMIT).build() {
        Ok(_) => Ok(regex),
        Err(_) => Err("its choices are too many".into()),
    }
}

/// Resolves a pattern; the flag tells that its bounds hang on a parameter, so that it may fit nothing.
pub fn pattern(context: &mut Context, scope: &Scope, tree: &ast::Pattern) -> (PatternId, bool) {
    let site = tree.span.at(context.modules[scope.module].source);
    match &tree.kind {
        PatternKind::Name(path) => named(context, scope, path),
        PatternKind::Glob(text) => match glob_regex(&text.value).and_then(small) {
            Ok(regex) => {
                (context.pattern(Pattern::Glob { text: text.value.as_str().into(), regex: regex.into() }), false)
            }
            Err(reason) => {
                context.report(error::bad_glob(&text.value, &reason, text.span.at(site.source)));
                (context.pattern(Pattern::Error), false)
            }
        },
        PatternKind::Regex(text) => match regex::RegexBuilder::new(&text.value).size_limit(SIZE_LIMIT).build() {
            Ok(_) => (context.pattern(Pattern::Regex(text.value.as_str().into())), false),
            Err(reason) => {
                context.report(error::bad_regex(&text.value, &reason.to_string(), text.span.at(site.source)));
                (context.pattern(Pattern::Error), false)
            }
        },
        PatternKind::Coord { coord, value, .. } => {
            let from_param = mentions_name(value);
            let id = resolve::expr(context, scope, value);
            match ranges(context, id, *coord, from_param) {
                Some(ranges) => (context.pattern(Pattern::Coord(*coord, ranges)), from_param),
                None => (context.pattern(Pattern::Error), true),
            }
        }
        PatternKind::Not(inner) => {
            let (id, from_param) = pattern(context, scope, inner);
            (context.pattern(Pattern::Not(id)), from_param)
        }
        PatternKind::And(left, right) => {
            let (left, right) = (pattern(context, scope, left), pattern(context, scope, right));
            (context.pattern(Pattern::And(left.0, right.0)), left.1 || right.1)
        }
        PatternKind::Or(left, right) => {
            let (left, right) = (pattern(context, scope, left), pattern(context, scope, right));
            (context.pattern(Pattern::Or(left.0, right.0)), left.1 || right.1)
        }
        PatternKind::Paren(inner) => pattern(context, scope, inner),
        PatternKind::Error => (context.pattern(Pattern::Error), true),
    }
}

/// A word of the architecture, or a `pattern` of this or an imported recipe.
fn named(context: &mut Context, scope: &Scope, path: &[ast::Name]) -> (PatternId, bool) {
    let source = context.modules[scope.module].source;
    let Some((module, name)) = resolve::walk(context, scope.module, path) else {
        return (context.pattern(Pattern::Error), true);
    };
    let site = name.span.at(source);
    match context.modules[module].patterns.get(&name.text).copied() {
        // A pattern may narrow the word it is called after: inside itself the name is the word.
        Some(item) if context.naming.last() != Some(&(module, item)) => {
            if context.naming.contains(&(module, item)) {
                context.report(error::pattern_cycle(&name.text, site));
                return (context.pattern(Pattern::Error), true);
            }
            let file = context.modules[module].file.clone();
            let ItemKind::Pattern { pattern: tree, .. } = &file.items[item].kind else {
                unreachable!("the item is a pattern")
            };
            context.naming.push((module, item));
            let resolved = pattern(context, &Scope::bare(module), tree);
            context.naming.pop();
            resolved
        }
        _ if context.modules[module].broken_patterns.contains(&name.text) => (context.pattern(Pattern::Error), true),
        _ if path.len() > 1 => {
            let problem = error::unknown_pattern(&name.text, context, module, site);
            context.report(problem);
            (context.pattern(Pattern::Error), true)
        }
        _ => {
            let word = name.text.as_str();
            let is_known = super::space::knows_word(&context.inputs, word);
            // A library may speak of networks that this recipe has none of.
            let is_foreign = scope.module != super::statements::ROOT && crate::arch::is_word(word);
            if !is_known && !is_foreign && !context.inputs.is_empty() && !context.blind {
                let problem = error::unknown_word(word, context, scope.module, site);
                context.report(problem);
                return (context.pattern(Pattern::Error), true);
            }
            (context.pattern(Pattern::Word(word.into())), false)
        }
    }
}

/// Whether an expression names anything: then its value may change with a parameter.
fn mentions_name(tree: &ast::Expr) -> bool {
    use ast::ExprKind;
    match &tree.kind {
        ExprKind::Name(_) | ExprKind::Call(_) => true,
        ExprKind::List(items) => items.iter().any(|item| mentions_name(&item.value)),
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => mentions_name(inner),
        ExprKind::Binary(_, left, right, _) => mentions_name(left) || mentions_name(right),
        ExprKind::Range(low, high) => low.iter().chain(high.iter()).any(|side| mentions_name(side)),
        _ => false,
    }
}

/// A number, a range or a list of them, as ranges with both ends.
fn ranges(context: &mut Context, id: ExprId, coord: Coord, from_param: bool) -> Option<Vec<(f64, f64)>> {
    match context.kind_of(id) {
        Kind::Error => return None,
        Kind::Weight | Kind::Range => {}
        Kind::List => return list(context, id, coord, from_param),
        found => {
            let text = context.text_at(context.site_of(id));
            context.report(error::wrong_kind("a coordinate's bound", &text, found, Kind::Range, context.site_of(id)));
            return None;
        }
    }
    let range = match constant::of(context, id)? {
        Value::Number(number) => (number, number),
        Value::Range(low, high) => (low, high),
        _ => return None,
    };
    // Turned by a parameter, a range holds nothing; turned in the text, it is a slip.
    if range.0 > range.1 && !from_param {
        let text = context.text_at(context.site_of(id));
        context.report(error::empty_range(&text, Some(range), context.site_of(id)));
        return None;
    }
    Some(vec![range])
}

/// The ranges of a list's items, which have no keys.
fn list(context: &mut Context, id: ExprId, coord: Coord, from_param: bool) -> Option<Vec<(f64, f64)>> {
    let site = context.site_of(id);
    let ExprKind::List(items) = context.exprs[id.0 as usize].kind.clone() else {
        let text = context.text_at(site);
        context.report(error::wrong_kind("a coordinate's bound", &text, Kind::List, Kind::Range, site));
        return None;
    };
    if items.is_empty() {
        let text = context.text_at(site);
        context.report(error::empty_range(&text, None, site));
        return None;
    }
    let sites: Vec<_> =
        items.iter().map(|(key, item)| (key.map(|key| context.site_of(key)), context.site_of(*item))).collect();
    if let Some(problem) = error::list_keys(coord.text(), false, &sites) {
        context.report(problem);
        return None;
    }
    let mut out = vec![];
    for (_, item) in items {
        out.extend(ranges(context, item, coord, from_param)?);
    }
    Some(out)
}

/// A glob as an anchored regular expression: `*` within a segment, `**` any number of segments including none,
/// `?` one character, `{a,b}` a choice, `{0..15}` a range of numbers.
pub fn glob_regex(glob: &str) -> Result<String, String> {
    if glob.is_empty() {
        return Err("it is empty".into());
    }
    let mut out = String::from("^");
    let segments: Vec<&str> = split_segments(glob);
    let last = segments.len() - 1;
    for (index, segment) in segments.iter().enumerate() {
        if *segment == "**" {
            // The dot that parts it from its neighbour belongs to the segments it stands for.
            match (index, last) {
                (0, 0) => out.push_str(".*"),
                (0, _) => out.push_str(r"(?:[^.]+\.)*"),
                (i, l) if i == l => out.push_str(r"(?:\.[^.]+)*"),
                _ => out.push_str(r"(?:\.[^.]+)*\."),
            }
            continue;
        }
        let after_stars = index > 0 && segments[index - 1] == "**";
        if index > 0 && !after_stars {
            out.push_str(r"\.");
        }
        segment_regex(segment, &mut out)?;
    }
    out.push('$');
    Ok(out)
}

/// Cuts at dots outside braces (`{0..15}` holds dots).
fn split_segments(glob: &str) -> Vec<&str> {
    let (mut depth, mut start, mut out) = (0usize, 0, vec![]);
    for (at, c) in glob.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => {
                out.push(&glob[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(&glob[start..]);
    out
}

fn segment_regex(segment: &str, out: &mut String) -> Result<(), String> {
    let mut rest = segment.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => out.push_str("[^.]*"),
            '?' => out.push_str("[^.]"),
            '{' => {
                let tail = rest.as_str();
                let end = tail.find('}').ok_or("its `{` has no `}`")?;
                choice_regex(&tail[..end], out)?;
                rest = tail[end + 1..].chars();
            }
            '}' => return Err("its `}` has no `{`".into()),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Ok(())
}

fn choice_regex(inside: &str, out: &mut String) -> Result<(), String> {
    let choices: Vec<String> = match inside.split_once("..") {
        Some((low, high)) => {
            let parse = |text: &str| text.trim().parse::<u32>().map_err(|_| format!("`{text}` is no whole number"));
            let (low, high) = (parse(low)?, parse(high)?);
            if low > high || high - low > 10_000 {
                return Err(format!("`{{{inside}}}` is no range of at most 10,000 numbers"));
            }
            (low..=high).map(|number| number.to_string()).collect()
        }
        None => inside.split(',').map(|choice| regex::escape(choice.trim())).collect(),
    };
    out.push_str("(?:");
    out.push_str(&choices.join("|"));
    out.push(')');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::glob_regex;

    #[track_caller]
    fn check(glob: &str, fits: &[&str], not: &[&str]) {
        let regex = regex::Regex::new(&glob_regex(glob).expect("the glob is right")).expect("the regex is right");
        fits.iter().for_each(|name| assert!(regex.is_match(name), "`{glob}` should fit `{name}`"));
        not.iter().for_each(|name| assert!(!regex.is_match(name), "`{glob}` should not fit `{name}`"));
    }

    #[test]
    fn globs() {
        check("a.*", &["a.b"], &["a", "a.b.c", "xa.b"]);
        check("a.**", &["a", "a.b", "a.b.c"], &["ab"]);
        check("**.weight", &["weight", "a.weight", "a.b.weight"], &["aweight", "weight.x"]);
        check("a.**.z", &["a.z", "a.b.z", "a.b.c.z"], &["az", "a.bz"]);
        check("**", &["a", "a.b"], &[]);
        check("b{4,8}.conv?", &["b4.conv0", "b8.conv1"], &["b16.conv0", "b4.conv"]);
        check("layers.{0..11}.w", &["layers.0.w", "layers.11.w"], &["layers.12.w", "layers.011.w"]);
        check("a+b", &["a+b"], &["aab"]);
    }

    #[test]
    fn wrong_globs() {
        for glob in ["", "a{b", "a}b", "{3..1}", "{a..b}"] {
            assert!(glob_regex(glob).is_err(), "`{glob}` should be refused");
        }
    }
}
