//! Names with numbers in them: `synthesis.b{r}.conv0.weight`, `convs.{2*log2(r)-6}.conv.weight`.
//!
//! A name is looked up by its *skeleton*, the name with every number replaced by a mark; then the numbers are compared
//! or solved for the variables.  So ten thousand tensors cost ten thousand look-ups, whatever the layout.
//! Numbers with leading zeros or more than 18 digits are no numbers: they stay in the skeleton as they are written.

use smallvec::SmallVec;
use std::sync::Arc;

/// Values of variables.
pub type Binding = SmallVec<[(Arc<str>, i64); 2]>;

/// Stands for a number in a skeleton.  No name of a template holds it, so a name that does fits none.
const MARK: char = '\0';
/// Longest template in bytes, so that no expression nests deep enough to exhaust the stack.
const LONGEST: usize = 300;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    text: Arc<str>,
    parts: Vec<Part>,
    /// The skeleton that every name of this template has.
    pub skeleton: String,
    /// The numbers of a name in order: literal ones and expressions.
    slots: Vec<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Number(Expr),
}

/// An integer expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Number(i64),
    Variable(Arc<str>),
    Binary(char, Box<Expr>, Box<Expr>),
    Log2(Box<Expr>),
    Pow2(Box<Expr>),
}

/// A name with numbers replaced, and the numbers that stood there.
pub fn skeleton(name: &str) -> (String, SmallVec<[i64; 4]>) {
    let (mut out, mut numbers) = (String::with_capacity(name.len()), SmallVec::new());
    let mut rest = name;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |len| at + len);
        let digits = &rest[at..end];
        let plain = digits == "0" || (!digits.starts_with('0') && digits.len() <= 18);
        match digits.parse() {
            Ok(number) if plain => {
                numbers.push(number);
                out.push(MARK);
            }
            _ => out.push_str(digits),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    (out, numbers)
}

impl Template {
    /// Reads a template; an `Err` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        let wrong = |reason: &str| Err(format!("`{text}` {reason}"));
        if text.is_empty() || text.len() > LONGEST {
            return Err(format!("a name of {} bytes, but 1 to {LONGEST} can be read", text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(format!("`{}` holds a control character", text.escape_debug()));
        }
        let mut template = Template { text: text.into(), parts: vec![], skeleton: String::new(), slots: vec![] };
        let mut rest = text;
        while !rest.is_empty() {
            let open = rest.find('{').unwrap_or(rest.len());
            let (literal, tail) = rest.split_at(open);
            if literal.contains('}') {
                return wrong("has a `}` without `{`");
            }
            if !literal.is_empty() {
                let after_number = matches!(template.parts.last(), Some(Part::Number(_)));
                if after_number && literal.starts_with(|c: char| c.is_ascii_digit()) {
                    return wrong("has a digit right after a `}`, so that no one can tell where the number ends");
                }
                let (bones, numbers) = skeleton(literal);
                template.skeleton.push_str(&bones);
                template.slots.extend(numbers.into_iter().map(Expr::Number));
                template.parts.push(Part::Text(literal.to_string()));
            }
            let Some(inside) = tail.strip_prefix('{') else { break };
            let Some(close) = inside.find('}') else { return wrong("has a `{` without `}`") };
            let expr = Expr::parse(&inside[..close])?;
            let before_digit = literal.ends_with(|c: char| c.is_ascii_digit());
            if before_digit || (literal.is_empty() && matches!(template.parts.last(), Some(Part::Number(_)))) {
                return wrong("has two numbers side by side, so that no one can tell where the first ends");
            }
            if expr.variables().len() != 1 {
                let inside = &inside[..close];
                return Err(format!("`{{{inside}}}` cannot be solved: it needs one variable, mentioned once"));
            }
            template.skeleton.push(MARK);
            template.slots.push(expr.clone());
            template.parts.push(Part::Number(expr));
            rest = &inside[close + 1..];
        }
        Ok(template)
    }

    /// The template as it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The variables, each once.
    pub fn variables(&self) -> Vec<Arc<str>> {
        let mut out: Vec<Arc<str>> = self.slots.iter().flat_map(Expr::variables).collect();
        out.sort();
        out.dedup();
        out
    }

    /// The variables for which the template gives these numbers (of a name with the same skeleton).
    pub fn solve(&self, numbers: &[i64]) -> Option<Binding> {
        if self.slots.len() != numbers.len() {
            return None;
        }
        let mut binding = Binding::new();
        for (slot, &number) in self.slots.iter().zip(numbers) {
            if let Expr::Number(own) = slot {
                if *own != number {
                    return None;
                }
                continue;
            }
            let (name, value) = slot.invert(number)?;
            match binding.iter().find(|entry| entry.0 == name) {
                Some(known) if known.1 != value => return None,
                Some(_) => {}
                None if value < 0 => return None,
                None => binding.push((name, value)),
            }
        }
        Some(binding)
    }

    /// Whether a name, given as skeleton and numbers, is of the template.
    pub fn fits(&self, bones: &str, numbers: &[i64]) -> bool {
        self.skeleton == bones && self.solve(numbers).is_some()
    }

    /// The name for some values; `None` when a number would not be a whole one of 0 or more.
    pub fn fill(&self, binding: &[(Arc<str>, i64)]) -> Option<String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Number(expr) => out.push_str(&expr.eval(binding).filter(|number| *number >= 0)?.to_string()),
            }
        }
        Some(out)
    }
}

impl Expr {
    /// Reads an expression; an `Err` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Expr, String> {
        if text.len() > LONGEST {
            return Err(format!("an expression of {} bytes, but {LONGEST} can be read", text.len()));
        }
        let mut parser = Parser { rest: text.trim(), whole: text };
        let expr = parser.sum()?;
        if parser.rest.is_empty() {
            Ok(expr)
        } else {
            Err(format!("`{text}` cannot be read from `{}` on", parser.rest))
        }
    }

    /// Every mention of a variable, in order.
    pub fn variables(&self) -> Vec<Arc<str>> {
        match self {
            Expr::Number(_) => vec![],
            Expr::Variable(name) => vec![name.clone()],
            Expr::Binary(_, left, right) => [left.variables(), right.variables()].concat(),
            Expr::Log2(inner) | Expr::Pow2(inner) => inner.variables(),
        }
    }

    /// The value as an integer; divisions and logarithms must come out whole.
    pub fn eval(&self, binding: &[(Arc<str>, i64)]) -> Option<i64> {
        match self {
            Expr::Number(number) => Some(*number),
            Expr::Variable(name) => binding.iter().find(|entry| entry.0 == *name).map(|entry| entry.1),
            Expr::Binary(op, left, right) => {
                let (a, b) = (left.eval(binding)?, right.eval(binding)?);
                match op {
                    '+' => a.checked_add(b),
                    '-' => a.checked_sub(b),
                    '*' => a.checked_mul(b),
                    _ => (a.checked_rem(b)? == 0).then(|| a / b),
                }
            }
            Expr::Log2(inner) => log2(inner.eval(binding)?),
            Expr::Pow2(inner) => pow2(inner.eval(binding)?),
        }
    }

    /// The value as a number, for coordinates (`i / (n - 1)`); a division by 0 gives 0.
    pub fn real(&self, binding: &[(Arc<str>, i64)]) -> Option<f64> {
        match self {
            Expr::Binary(op, left, right) => {
                let (a, b) = (left.real(binding)?, right.real(binding)?);
                Some(match op {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ if b == 0.0 => 0.0,
                    _ => a / b,
                })
            }
            other => other.eval(binding).map(|number| number as f64),
        }
    }

    /// The variable and its value for which this expression is `number`, undone from the outside in.  The expression
    /// mentions one variable once, so there is at most one value, except of a product with 0, which is not solved.
    fn invert(&self, number: i64) -> Option<(Arc<str>, i64)> {
        match self {
            Expr::Number(_) => None,
            Expr::Variable(name) => Some((name.clone(), number)),
            Expr::Log2(inner) => inner.invert(pow2(number)?),
            Expr::Pow2(inner) => inner.invert(log2(number)?),
            Expr::Binary(op, left, right) => match (left.eval(&[]), right.eval(&[])) {
                (None, Some(right)) => left.invert(match op {
                    '+' => number.checked_sub(right)?,
                    '-' => number.checked_add(right)?,
                    '*' if number.checked_rem(right)? == 0 => number / right,
                    '*' => return None,
                    _ if right == 0 => return None,
                    _ => number.checked_mul(right)?,
                }),
                (Some(left), None) => right.invert(match op {
                    '+' => number.checked_sub(left)?,
                    '-' => left.checked_sub(number)?,
                    '*' if number.checked_rem(left)? == 0 => number / left,
                    '*' => return None,
                    _ if left.checked_rem(number)? == 0 && left != 0 => left / number,
                    _ => return None,
                }),
                _ => None,
            },
        }
    }
}

fn log2(number: i64) -> Option<i64> {
    (number > 0 && number & (number - 1) == 0).then(|| i64::from(number.trailing_zeros()))
}

fn pow2(number: i64) -> Option<i64> {
    (0..62).contains(&number).then(|| 1 << number)
}

struct Parser<'t> {
    rest: &'t str,
    whole: &'t str,
}

impl Parser<'_> {
    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn closed(&mut self, inner: Expr) -> Result<Expr, String> {
        if self.take(')') { Ok(inner) } else { Err(format!("`{}` has a `(` without `)`", self.whole)) }
    }

    fn sum(&mut self) -> Result<Expr, String> {
        let mut left = self.product()?;
        loop {
            let op = if self.take('+') {
                '+'
            } else if self.take('-') {
                '-'
            } else {
                return Ok(left);
            };
            left = Expr::Binary(op, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expr, String> {
        let mut left = self.atom()?;
        loop {
            let op = if self.take('*') {
                '*'
            } else if self.take('/') {
                '/'
            } else {
                return Ok(left);
            };
            left = Expr::Binary(op, Box::new(left), Box::new(self.atom()?));
        }
    }

    fn atom(&mut self) -> Result<Expr, String> {
        if self.take('(') {
            let inner = self.sum()?;
            return self.closed(inner);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let number = word.parse().map_err(|_| format!("`{word}` in `{}` is no number", self.whole))?;
            return Ok(Expr::Number(number));
        }
        if word.is_empty() {
            return Err(format!("`{}` lacks a number or a variable", self.whole));
        }
        if !self.rest.starts_with('(') {
            return Ok(Expr::Variable(word.into()));
        }
        match word {
            "log2" | "pow2" => {
                self.take('(');
                let sum = self.sum()?;
                let inner = Box::new(self.closed(sum)?);
                Ok(if word == "log2" { Expr::Log2(inner) } else { Expr::Pow2(inner) })
            }
            _ => Err(format!("`{word}` in `{}` is no function: there are log2 and pow2", self.whole)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Template;
    use super::skeleton;

    #[track_caller]
    fn check(template: &str, name: &str, expected: Option<&str>) {
        let template = Template::parse(template).expect("the template is right");
        let (bones, numbers) = skeleton(name);
        let solved = (bones == template.skeleton).then(|| template.solve(&numbers)).flatten();
        let text = solved
            .as_ref()
            .map(|binding| binding.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "));
        assert_eq!(text.as_deref(), expected, "{name}");
        if let Some(binding) = solved {
            assert_eq!(template.fill(&binding).as_deref(), Some(name));
        }
    }

    #[test]
    fn templates() {
        check("synthesis.b{r}.conv0.weight", "synthesis.b64.conv0.weight", Some("r=64"));
        check("synthesis.b{r}.conv0.weight", "synthesis.b64.conv1.weight", None);
        check("convs.{2*(log2(r)-3)}.conv.weight", "convs.4.conv.weight", Some("r=32"));
        check("convs.{2*(log2(r)-3)}.conv.weight", "convs.5.conv.weight", None);
        check("convs.{2*(log2(r)-3)+1}.conv.weight", "convs.5.conv.weight", Some("r=32"));
        check("L{i}_{size}_{ch}.bias", "L3_52_512.bias", Some("i=3 size=52 ch=512"));
        check("a.{i}.b.{i}", "a.3.b.4", None);
        check("a.{i}.b.{i}", "a.4.b.4", Some("i=4"));
        check("s.{j+1}", "s.0", None);
        check("s.{j+1}", "s.1", Some("j=0"));
        check("s.{7-j}", "s.2", Some("j=5"));
        check("s.{7-j}", "s.9", None);
        check("s.{64/r}", "s.4", Some("r=16"));
        check("s.{64/r}", "s.0", None);
        check("s.{64/r}", "s.5", None);
        check("s.{r/4}", "s.3", Some("r=12"));
        check("s.{pow2(k)}", "s.32", Some("k=5"));
        check("s.{pow2(k)}", "s.33", None);
        check("s.{0*k}", "s.0", None);
        check("s.{k/0}", "s.0", None);
    }

    #[test]
    fn hostile_names() {
        check("layers.{i}.w", "layers.007.w", None);
        check("layers.{i}.w", "layers.1234567890123456789012345678901234567890.w", None);
        check("layers.{i}.w", "layers.999999999999999999.w", Some("i=999999999999999999"));
        check("layers.{2*i}.w", "layers.999999999999999998.w", Some("i=499999999999999999"));
        check("layers.{log2(r)}.w", "layers.999999999999999999.w", None);
        check("layers.{i}.w", "layers.\0.w", None);
        check("layers.{i}.w", "layers.٣.w", None);
        check("läyers.{i}.ẅ", "läyers.3.ẅ", Some("i=3"));
        // A literal number is a number of its own, not whatever cannot be read as one.
        check("noise_00.{i}", "noise_00.1", Some("i=1"));
        check("noise_00.{i}", "noise_007.1", None);
    }

    #[test]
    fn wrong_templates() {
        let deep = format!("x.{{{}i{}}}", "(".repeat(400), ")".repeat(400));
        for text in [
            "",
            "a.{i",
            "a.i}",
            "a.{}",
            "a.{i+}",
            "a.{(i}",
            "a.{i i}",
            "a.{i+j}",
            "a.{i*i}",
            "a.{3}",
            "a.{i}{j}",
            "a1{i}",
            "a{i}1",
            "a.{sqrt(i)}",
            "a\0{i}",
            "a.{99999999999999999999 + i}",
            &deep,
        ] {
            assert!(Template::parse(text).is_err(), "`{text}` should be refused");
        }
    }
}
