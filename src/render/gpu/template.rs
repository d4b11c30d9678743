//! Kernel texts from templates: WGSL with loops that are unrolled and numbers that are known before it is compiled.
//!
//! Compilers of drivers do not unroll what registers depend on (software ones unroll nothing), and WGSL has no macros.
//! So lines that begin with `//%` direct:
//!
//! - `//% for NAME COUNT` … `//% end`: the lines between, with NAME from 0 to COUNT - 1;
//! - `//% if VALUE` … `//% else` … `//% end`: the first lines where VALUE is not 0;
//! - `//% include FILE NAME=TEXT`: another template, with one more name.
//!
//! `$NAME` and `$(SUM)` stand for values; sums are integers with `+ - * / %`, from the left to the right, products first.

use std::collections::BTreeMap;

/// What names stand for.
pub type Names = BTreeMap<&'static str, String>;

/// The text of a template.  `file` finds templates by name.  Templates are part of the program: what is wrong with one
/// is said in the text itself, so that the compiler of kernels (and the test that runs it) refuses it.
pub fn expand(file: &str, names: &Names, find: &dyn Fn(&str) -> &'static str) -> String {
    let mut scope: Vec<(String, String)> = names.iter().map(|(name, text)| (name.to_string(), text.clone())).collect();
    let mut out = String::new();
    let lines: Vec<&str> = find(file).lines().collect();
    block(&lines, &mut scope, find, &mut out);
    out
}

fn block(lines: &[&str], scope: &mut Vec<(String, String)>, find: &dyn Fn(&str) -> &'static str, out: &mut String) {
    let mut at = 0;
    while at < lines.len() {
        let Some(order) = lines[at].trim().strip_prefix("//% ") else {
            out.push_str(&line(lines[at], scope));
            out.push('\n');
            at += 1;
            continue;
        };
        let words: Vec<&str> = order.split_whitespace().collect();
        match words[..] {
            ["for", name, count] => {
                let (_, end) = ends(lines, at);
                for number in 0..sum(count, scope) {
                    scope.push((name.to_string(), number.to_string()));
                    block(&lines[at + 1..end], scope, find, out);
                    scope.pop();
                }
                at = end + 1;
            }
            ["if", value] => {
                let (other, end) = ends(lines, at);
                let chosen = if sum(value, scope) != 0 { at + 1..other } else { (other + 1).min(end)..end };
                block(&lines[chosen], scope, find, out);
                at = end + 1;
            }
            ["include", file, ref rest @ ..] => {
                let depth = scope.len();
                scope.extend(rest.iter().filter_map(|pair| pair.split_once('=')).map(|(a, b)| (a.into(), b.into())));
                let lines: Vec<&str> = find(file).lines().collect();
                block(&lines, scope, find, out);
                scope.truncate(depth);
                at += 1;
            }
            _ => {
                out.push_str(&format!("unknown order: {order}\n"));
                at += 1;
            }
        }
    }
}

/// The lines with the `else` (or the end) and the end of the order at `start`.
fn ends(lines: &[&str], start: usize) -> (usize, usize) {
    let (mut depth, mut other) = (0, None);
    for (at, line) in lines.iter().enumerate().skip(start) {
        match line.trim().strip_prefix("//% ").and_then(|order| order.split_whitespace().next()) {
            Some("for" | "if") => depth += 1,
            Some("else") if depth == 1 => other = Some(at),
            Some("end") if depth == 1 => return (other.unwrap_or(at), at),
            Some("end") => depth -= 1,
            _ => {}
        }
    }
    (other.unwrap_or(lines.len()), lines.len())
}

fn line(text: &str, scope: &[(String, String)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        if let Some(inside) = behind.strip_prefix('(') {
            let end = inside.find(')').unwrap_or(inside.len());
            out.push_str(&sum(&inside[..end], scope).to_string());
            rest = inside.get(end + 1..).unwrap_or("");
        } else {
            let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
            out.push_str(&value(&behind[..end], scope));
            rest = &behind[end..];
        }
    }
    out.push_str(rest);
    out
}

fn value(name: &str, scope: &[(String, String)]) -> String {
    let found = scope.iter().rev().find(|(own, _)| own == name);
    found.map_or_else(|| format!("unknown_{name}"), |(_, text)| text.clone())
}

/// An integer; what is none counts as 0.
fn sum(text: &str, scope: &[(String, String)]) -> i64 {
    let mut total = 0;
    let mut product: Option<i64> = None;
    let (mut sign, mut operator) = (1, '*');
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(['+', '-', '*', '/', '%']).unwrap_or(rest.len());
        let word = rest[..end].trim();
        let number = word.parse().unwrap_or_else(|_| value(word, scope).parse().unwrap_or(0));
        product = Some(match (operator, product) {
            (_, None) => sign * number,
            ('/', Some(product)) => product.checked_div(number).unwrap_or(0),
            ('%', Some(product)) => product.checked_rem(number).unwrap_or(0),
            (_, Some(product)) => product * number,
        });
        let next = rest[end..].chars().next();
        if matches!(next, Some('+' | '-') | None) {
            total += product.take().unwrap_or(0);
            sign = if next == Some('-') { -1 } else { 1 };
        }
        operator = next.unwrap_or('*');
        rest = rest.get(end + 1..).unwrap_or("");
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &'static str, wanted: &str) {
        let names = Names::from([("two", "2".to_string()), ("none", "0".to_string()), ("word", "read".to_string())]);
        let find = |name: &str| if name == "main" { template } else { "[$name]" };
        assert_eq!(expand("main", &names, &find), wanted);
    }

    #[test]
    fn names_and_sums_are_replaced() {
        check("a $word $two$two, $(two*3+1) $(7-two*2-1)", "a read 22, 7 2\n");
        check("$(7/two) $(7%two) $(1 + 2*3*two)", "3 1 13\n");
    }

    #[test]
    fn loops_nest() {
        check("//% for i two\n//% for j 2\n$i$j\n//% end\n//% end", "00\n01\n10\n11\n");
    }

    #[test]
    fn conditions_choose() {
        check("//% if two\na\n//% else\nb\n//% end\nc", "a\nc\n");
        check("//% if none\na\n//% if two\nx\n//% end\n//% else\nb\n//% end\nc", "b\nc\n");
        check("//% if none\na\n//% end", "");
    }

    #[test]
    fn files_are_included_with_names() {
        check("//% include other name=x\n//% include other name=y", "[x]\n[y]\n");
    }

    #[test]
    fn what_is_unknown_does_not_compile() {
        check("$what", "unknown_what\n");
        check("//% repeat", "unknown order: repeat\n");
    }
}
