//! Foreign names as text that is safe to print: a name from a file may hold escape sequences or be megabytes long.

use std::path::Path;

/// Longest text that is printed of a foreign name.
const LIMIT: usize = 96;

/// Characters that change how the text around them is shown, or that nobody sees.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a name has such characters.
pub fn has_hidden(text: &str) -> bool {
    if text.is_ascii() { text.bytes().any(|byte| byte.is_ascii_control()) } else { text.chars().any(is_hidden) }
}

/// A name without hidden characters and cut to a readable length.
pub fn name(text: &str) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LIMIT {
            out.push('…');
            break;
        }
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A path as people typed it, without hidden characters.
pub fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.chars().any(is_hidden) {
        text.chars().flat_map(|c| if is_hidden(c) { c.escape_unicode().collect() } else { vec![c] }).collect()
    } else {
        text.into_owned()
    }
}

/// A count of bytes with its unit: `950 bytes`, `4.2 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1_000 {
        return format!("{count} byte{}", if count == 1 { "" } else { "s" });
    }
    let mut value = count as f64;
    let mut unit = "";
    for next in UNITS {
        if value < 999.95 {
            break;
        }
        value /= 1_000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(super::name(text), expected);
    }

    #[test]
    fn names_are_safe_to_print() {
        check("b4.conv1.weight", "b4.conv1.weight");
        check("a\u{1b}[31mb", "a\\u{1b}[31mb");
        check("a\u{202e}b", "a\\u{202e}b");
        check(&"x".repeat(97), &format!("{}…", "x".repeat(96)));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(super::bytes(1), "1 byte");
        assert_eq!(super::bytes(999), "999 bytes");
        assert_eq!(super::bytes(1_000), "1.0 kB");
        assert_eq!(super::bytes(999_949), "999.9 kB");
        assert_eq!(super::bytes(999_950), "1.0 MB");
        assert_eq!(super::bytes(4_269_656), "4.3 MB");
    }
}
