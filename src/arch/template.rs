//! Names with numbers in them: `synthesis.b{r}.conv0.weight`, `convs.{2*log2(r)-6}.conv.weight`.
//!
//! A name is looked up by its *skeleton*, the name with every run of digits replaced by `#`; then the numbers are
//! compared or solved for the variables.  So ten thousand tensors cost ten thousand look-ups, whatever the layout.

/// Values of variables.
pub type Binding = Vec<(String, i64)>;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Number(Expr),
}

/// An integer expression of one variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Number(i64),
    Variable(String),
    Binary(char, Box<Expr>, Box<Expr>),
    Log2(Box<Expr>),
    Pow2(Box<Expr>),
}

/// A name with digits replaced, and the numbers that stood there.
pub fn skeleton(name: &str) -> (String, Vec<i64>) {
    let (mut out, mut numbers) = (String::with_capacity(name.len()), vec![]);
    let mut rest = name;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..at]);
        out.push('#');
        let end = rest[at..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |len| at + len);
        // Numbers beyond i64, and those with leading zeros, fit no variable.
        let digits = &rest[at..end];
        let plain = digits == "0" || !digits.starts_with('0');
        numbers.push(if plain { digits.parse().unwrap_or(-1) } else { -1 });
        rest = &rest[end..];
    }
    out.push_str(rest);
    (out, numbers)
}

impl Template {
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parts = vec![];
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_string()));
            }
            let close = rest[open..].find('}').ok_or(format!("`{text}` has a `{{` without `}}`"))? + open;
            parts.push(Part::Number(Expr::parse(&rest[open + 1..close])?));
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_string()));
        }
        Ok(Template { parts })
    }

    /// The skeleton that every name of this template has.
    pub fn skeleton(&self) -> String {
        let text: String = self.parts.iter().map(|part| if let Part::Text(text) = part { text } else { "0" }).collect();
        skeleton(&text).0
    }

    /// The numbers of a name in order: literal digits and expressions.
    fn slots(&self) -> Vec<Expr> {
        let mut slots = vec![];
        for part in &self.parts {
            match part {
                Part::Text(text) => slots.extend(skeleton(text).1.into_iter().map(Expr::Number)),
                Part::Number(expr) => slots.push(expr.clone()),
            }
        }
        slots
    }

    /// The variables for which the template gives these numbers (of a name with the same skeleton).
    pub fn solve(&self, numbers: &[i64]) -> Option<Binding> {
        let slots = self.slots();
        let mut binding: Binding = vec![];
        if slots.len() != numbers.len() {
            return None;
        }
        for (slot, &number) in slots.iter().zip(numbers) {
            match slot {
                Expr::Number(own) if *own == number => {}
                Expr::Number(_) => return None,
                expr => {
                    let name = expr.variable()?;
                    match binding.iter().find(|entry| entry.0 == name) {
                        Some(_) => {
                            if expr.eval(&binding) != Some(number) {
                                return None;
                            }
                        }
                        None => binding.push((name.to_string(), expr.solve(number)?)),
                    }
                }
            }
        }
        Some(binding)
    }

    /// The name for some values; `None` when a number would not be a whole one of 0 or more.
    pub fn fill(&self, binding: &Binding) -> Option<String> {
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
    pub fn parse(text: &str) -> Result<Expr, String> {
        let mut parser = Parser { rest: text.trim(), whole: text };
        let expr = parser.sum()?;
        if parser.rest.is_empty() {
            Ok(expr)
        } else {
            Err(format!("`{text}` cannot be read from `{}` on", parser.rest))
        }
    }

    /// The value as an integer; divisions and logarithms must come out whole.
    pub fn eval(&self, binding: &Binding) -> Option<i64> {
        match self {
            Expr::Number(number) => Some(*number),
            Expr::Variable(name) => binding.iter().find(|entry| entry.0 == *name).map(|entry| entry.1),
            Expr::Binary(op, left, right) => {
                let (a, b) = (left.eval(binding)?, right.eval(binding)?);
                match op {
                    '+' => a.checked_add(b),
                    '-' => a.checked_sub(b),
                    '*' => a.checked_mul(b),
                    _ => (b != 0 && a % b == 0).then(|| a / b),
                }
            }
            Expr::Log2(inner) => {
                inner.eval(binding).filter(|n| *n > 0 && n & (n - 1) == 0).map(|n| n.trailing_zeros() as i64)
            }
            Expr::Pow2(inner) => inner.eval(binding).filter(|n| (0..62).contains(n)).map(|n| 1 << n),
        }
    }

    /// The value as a number, for coordinates (`i / (n - 1)`); a division by 0 gives 0.
    pub fn real(&self, binding: &Binding) -> Option<f64> {
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

    fn variable(&self) -> Option<&str> {
        match self {
            Expr::Number(_) => None,
            Expr::Variable(name) => Some(name),
            Expr::Binary(_, left, right) => left.variable().or(right.variable()),
            Expr::Log2(inner) | Expr::Pow2(inner) => inner.variable(),
        }
    }

    /// The value of the variable for which this expression is `number`: read off for a bare variable, else searched
    /// among powers of two and small numbers, of which the names of networks are made.
    fn solve(&self, number: i64) -> Option<i64> {
        if number < 0 {
            return None;
        }
        let Some(name) = self.variable() else { return None };
        if matches!(self, Expr::Variable(_)) {
            return Some(number);
        }
        let fits = |value: &i64| self.eval(&vec![(name.to_string(), *value)]) == Some(number);
        (0..40).map(|power| 1i64 << power).chain(0..4096).find(fits)
    }
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
            return if self.take(')') { Ok(inner) } else { Err(format!("`{}` has a `(` without `)`", self.whole)) };
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        if let Ok(number) = word.parse() {
            return Ok(Expr::Number(number));
        }
        match word {
            "" => Err(format!("`{}` lacks a number or a variable", self.whole)),
            "log2" | "pow2" if self.take('(') => {
                let inner = Box::new(self.sum()?);
                if !self.take(')') {
                    return Err(format!("`{}` has a `(` without `)`", self.whole));
                }
                Ok(if word == "log2" { Expr::Log2(inner) } else { Expr::Pow2(inner) })
            }
            _ => Ok(Expr::Variable(word.to_string())),
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
        let solved = (bones == template.skeleton()).then(|| template.solve(&numbers)).flatten();
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
        check("layers.{i}.w", "layers.007.w", None);
        check("a.{i}.b.{i}", "a.3.b.4", None);
    }
}
