//! What has been woven as text; conflicts stand between markers, on lines of their own.

use super::Style;
use super::pieces::Item;
use super::pieces::Kind;
use super::three::Joined;
use super::three::Merged;

/// The text, and how many conflicts are in it.
pub fn print(items: &[Merged], style: &Style) -> (String, usize) {
    let mut printer = Printer { style, out: String::new(), conflicts: 0 };
    printer.list(items, 0);
    (printer.out, printer.conflicts)
}

struct Printer<'s> {
    style: &'s Style,
    out: String,
    conflicts: usize,
}

impl Printer<'_> {
    fn list(&mut self, items: &[Merged], depth: usize) {
        for (at, merged) in items.iter().enumerate() {
            let blank = match merged {
                Merged::Item(item) => item.blank,
                Merged::Woven { blank, .. } | Merged::Conflict { blank, .. } => *blank,
            };
            if blank && at > 0 {
                self.out.push('\n');
            }
            match merged {
                Merged::Item(item) => self.item(item, depth),
                Merged::Woven { kind, lead, tail, parts, .. } => {
                    self.comments(lead, depth);
                    self.indent(depth);
                    self.parts(parts, depth);
                    self.end(*kind, tail.as_deref());
                }
                Merged::Conflict { sides, .. } => self.conflict(sides, depth),
            }
        }
    }

    fn item(&mut self, item: &Item, depth: usize) {
        self.comments(&item.lead, depth);
        if item.kind == Kind::Comment {
            return;
        }
        self.indent(depth);
        self.out.push_str(&item.raw);
        self.end(item.kind, item.tail.as_deref());
    }

    fn comments(&mut self, lines: &[String], depth: usize) {
        for line in lines {
            self.indent(depth);
            self.out.push_str(line);
            self.out.push('\n');
        }
    }

    fn indent(&mut self, depth: usize) {
        self.out.push_str(&"  ".repeat(depth));
    }

    fn end(&mut self, kind: Kind, tail: Option<&str>) {
        if kind == Kind::Option {
            self.out.push(',');
        }
        if let Some(tail) = tail {
            self.out.push_str("  ");
            self.out.push_str(tail);
        }
        self.out.push('\n');
    }

    fn parts(&mut self, parts: &[Joined], depth: usize) {
        for part in parts {
            match part {
                Joined::Text(text) => self.out.push_str(text),
                // A block that nobody has: the options of a statement without any.
                Joined::List { items, is_match: false } if items.is_empty() => {}
                Joined::List { items, .. } => {
                    if !self.out.ends_with([' ', '\n']) {
                        self.out.push(' ');
                    }
                    self.out.push_str("{\n");
                    self.list(items, depth + 1);
                    self.indent(depth);
                    self.out.push('}');
                }
            }
        }
    }

    fn conflict(&mut self, [ours, base, theirs]: &[Vec<Item>; 3], depth: usize) {
        self.conflicts += 1;
        let [our_name, base_name, their_name] = &self.style.labels;
        self.marker('<', our_name);
        self.side(ours, depth);
        if self.style.base {
            self.marker('|', base_name);
            self.side(base, depth);
        }
        self.marker('=', "");
        self.side(theirs, depth);
        self.marker('>', their_name);
    }

    fn side(&mut self, items: &[Item], depth: usize) {
        for (at, item) in items.iter().enumerate() {
            if item.blank && at > 0 {
                self.out.push('\n');
            }
            self.item(item, depth);
        }
    }

    fn marker(&mut self, sign: char, label: &str) {
        self.out.extend(std::iter::repeat_n(sign, self.style.signs));
        if !label.is_empty() {
            self.out.push(' ');
            self.out.push_str(label);
        }
        self.out.push('\n');
    }
}
