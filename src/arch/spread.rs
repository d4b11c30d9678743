//! One entry of an architecture file for many tensors: `for = { j = [0, 1], "theirs, ours" = "resnet" }` writes the
//! entry once per combination, with `{ours}` replaced and `{3*i+j+1}` left with one variable.

use super::template::Expr;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::Value;

/// Entries that one may become at most.
const MOST: usize = 4096;

/// Longest value, and longest text that values are put into, in bytes: no name is longer.
const LONGEST: usize = 300;

/// `for`: rows of values, or the name of a list, by variables.
pub type For = BTreeMap<Spanned<String>, Spanned<Value>>;

/// `lists`: rows of values by name.
pub type Lists = BTreeMap<String, Vec<Value>>;

/// Values of the variables of a `for`.
#[derive(Clone, Debug, Default)]
pub struct Values(Vec<(String, Cell)>);

#[derive(Clone, Debug)]
enum Cell {
    Number(i64),
    Text(String),
}

/// What is wrong with a `for`: the message, the place and the help.
pub type Wrong = (String, std::ops::Range<usize>, String);

/// The combinations of a `for`, the last variable fastest; one without values where there is none.
pub fn values(text: &For, lists: &Lists) -> Result<Vec<Values>, Wrong> {
    let mut out = vec![Values::default()];
    for (names, rows) in text {
        let wrong = |message: String, help: &str| Err((message, rows.span(), help.to_string()));
        let list = match rows.as_ref() {
            Value::Array(list) => list,
            Value::String(name) => match lists.get(name) {
                Some(list) => list,
                None => {
                    let known: Vec<String> = lists.keys().map(|name| format!("`{name}`")).collect();
                    let message = format!("there is no list `{}`", name.escape_debug());
                    let there = format!(" (there are {})", known.join(", "));
                    let help = format!("describe it in `lists`{}", if known.is_empty() { "" } else { &there });
                    return Err((message, rows.span(), help));
                }
            },
            _ => return wrong("`for` has neither a list nor the name of one".into(), "write a list such as `[0, 1]`"),
        };
        let names: Vec<&str> = names.as_ref().split(',').map(str::trim).collect();
        let mut next = vec![];
        for before in &out {
            for row in list {
                let cells: &[Value] = match row {
                    Value::Array(cells) => cells,
                    cell => std::slice::from_ref(cell),
                };
                if cells.len() != names.len() {
                    let message = format!("a row of {} for `{}`", cells.len(), names.join(", ").escape_debug());
                    return wrong(
                        message,
                        "give each row one value per name, such as `[[\"norm1\", \"in_layers.0\"]]`",
                    );
                }
                let mut values = before.clone();
                for (name, cell) in names.iter().zip(cells) {
                    let cell = match cell {
                        Value::Integer(number) => Cell::Number(*number),
                        Value::String(text) if text.len() > LONGEST => {
                            let message = format!("a value of {} bytes, but up to {LONGEST} can be used", text.len());
                            return wrong(message, "write a shorter one");
                        }
                        Value::String(text) => Cell::Text(text.clone()),
                        _ => {
                            let message = "a value that is neither text nor a whole number".into();
                            return wrong(message, "write texts or whole numbers");
                        }
                    };
                    values.0.push((name.to_string(), cell));
                }
                next.push(values);
                if next.len() > MOST {
                    return wrong(format!("`for` makes more than {MOST} entries"), "split the entry into several");
                }
            }
        }
        out = next;
    }
    Ok(out)
}

impl Values {
    fn get(&self, name: &str) -> Option<&Cell> {
        self.0.iter().find(|entry| entry.0 == name).map(|entry| &entry.1)
    }

    /// A template with the values put in; whatever cannot be read is left for [`super::template::Template::parse`].
    pub fn template(&self, text: &str) -> String {
        if self.0.is_empty() || text.len() > LONGEST {
            return text.to_string();
        }
        self.holes(text, |inside| {
            let expr = self.expression(inside);
            let number = if expr == *inside { None } else { Expr::parse(&expr).ok().and_then(|expr| expr.eval(&[])) };
            number.map_or_else(|| format!("{{{expr}}}"), |number| number.to_string())
        })
    }

    /// The expression of a coordinate with the values put in.
    pub fn expression(&self, text: &str) -> String {
        if self.0.is_empty() || text.len() > LONGEST {
            return text.to_string();
        }
        let text = self.holes(text, |inside| format!("{{{inside}}}"));
        let mut out = String::new();
        let mut rest = text.as_str();
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        while let Some(c) = rest.chars().next() {
            let word = rest.find(|c| !in_word(c)).unwrap_or(rest.len()).max(c.len_utf8());
            match self.get(&rest[..word]) {
                Some(Cell::Number(number)) => out.push_str(&number.to_string()),
                _ => out.push_str(&rest[..word]),
            }
            rest = &rest[word..];
        }
        out
    }

    /// A text in which every `{name}` of a variable is its value, and every other `{…}` what `other` makes of it.
    fn holes(&self, text: &str, other: impl Fn(&str) -> String) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once('{') {
            out.push_str(before);
            let Some((inside, after)) = inside.split_once('}') else {
                out.push('{');
                rest = inside;
                continue;
            };
            match self.get(inside.trim()) {
                Some(Cell::Number(number)) => out.push_str(&number.to_string()),
                Some(Cell::Text(text)) => out.push_str(text),
                None => out.push_str(&other(inside)),
            }
            rest = after;
        }
        out + rest
    }
}

#[cfg(test)]
mod tests {
    use super::For;
    use super::Lists;
    use super::values;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        lists: Lists,
        r#for: toml::Spanned<For>,
    }

    /// The templates that one becomes, or the message.
    #[track_caller]
    fn check(text: &str, template: &str, expected: &[&str]) {
        let file: File = toml::from_str(text).expect("the text is TOML");
        let found = match values(file.r#for.as_ref(), &file.lists) {
            Ok(all) => all.iter().map(|values| values.template(template)).collect(),
            Err(wrong) => vec![wrong.0],
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn one_for_many() {
        check("for = { j = [0, 1] }", "in.{3*i+j+1}.{j}", &["in.{3*i+0+1}.0", "in.{3*i+1+1}.1"]);
        check("for = { j = [4] }", "a.{j+1}.{jj}.{i}", &["a.5.{jj}.{i}"]);
        check("for = {}", "a.{i}", &["a.{i}"]);
        check("for = { \"a, b\" = [[\"x.{i}\", \"y\"], [\"z\", 2]] }", "{a}-{b}", &["x.{i}-y", "z-2"]);
        let lists = "lists.ends = [\"weight\", \"bias\"]\nfor = { end = \"ends\", k = [1, 2] }";
        check(lists, "{k}.{end}", &["1.weight", "2.weight", "1.bias", "2.bias"]);
        check("for = { j = [1] }", "open {j", &["open {j"]);
        check("for = { j = [1] }", "ä.{ä+j}", &["ä.{ä+1}"]);
        check("for = { j = \"none\" }", "", &["there is no list `none`"]);
        check("for = { j = 3 }", "", &["`for` has neither a list nor the name of one"]);
        check("for = { j = [[1, 2]] }", "", &["a row of 2 for `j`"]);
        let long = format!("for = {{ j = [\"{}\"] }}", "x".repeat(301));
        check(&long, "", &["a value of 301 bytes, but up to 300 can be used"]);
        check("for = { j = [0.5] }", "", &["a value that is neither text nor a whole number"]);
        let many = format!("for = {{ a = {0}, b = {0} }}", format!("[{}]", "0,".repeat(65)));
        check(&many, "", &["`for` makes more than 4096 entries"]);
    }

    #[test]
    fn coordinates() {
        let file: File = toml::from_str("for = { j = [2], \"layer\" = [\"3*i+1\"] }").expect("the text is TOML");
        let all = values(file.r#for.as_ref(), &file.lists).expect("it is right");
        assert_eq!(all[0].expression("{layer} + j / (jn - 1)"), "3*i+1 + 2 / (jn - 1)");
    }
}
