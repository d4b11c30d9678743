//! From bound names to terms: every node of the arena once, parts first.

use super::EDITION;
use super::linear::Atom;
use super::linear::Linear;
use super::linear::Weight;
use super::pattern;
use super::terms::Normal;
use super::terms::TermId;
use super::terms::Terms;
use crate::check::Constants;
use crate::hir::Arm;
use crate::hir::Chosen;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::Literal;
use crate::hir::Look;
use crate::hir::Mask;
use crate::hir::MethodInput;
use crate::hir::ModelName;
use crate::hir::Operator;
use crate::hir::Overflow;
use crate::hir::Promised;
use crate::hir::Skeleton;
use crate::hir::snap;
use crate::methods;
use crate::methods::CallOn;
use crate::methods::Lower;
use crate::methods::Method;
use crate::methods::OptionKind;
use crate::methods::OptionSpec;
use crate::methods::OptionValue;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a node of the arena comes to.
#[derive(Clone)]
enum Value {
    Weight(Weight),
    Linear(Rc<Linear>),
    Other(TermId),
}

struct Builder<'s> {
    skeleton: &'s Skeleton,
    terms: Terms,
    patterns: Vec<TermId>,
    models: Vec<TermId>,
    values: Vec<Value>,
    literals: Vec<Option<Literal>>,
}

/// The normal form of what a recipe says.
pub fn of(skeleton: &Skeleton) -> Normal {
    let mut terms = Terms::default();
    let patterns = pattern::all(&skeleton.patterns, &mut terms);
    let models = skeleton.models.iter().map(|name| model(name, &mut terms)).collect();
    let mut builder = Builder { skeleton, terms, patterns, models, values: vec![], literals: vec![] };
    let mut constants = Constants::new(&skeleton.exprs);
    for at in 0..skeleton.exprs.len() {
        let literal = constants.of(ExprId(at as u32));
        let value = match &literal {
            Some(Literal::Number(number)) => Value::Weight(Weight::Number(*number)),
            Some(Literal::Bool(truth)) => Value::Other(builder.terms.leaf("truth", &truth.to_string())),
            Some(Literal::Text(text)) => Value::Other(builder.terms.leaf("text", text)),
            None => builder.value(&skeleton.exprs[at].kind, skeleton.exprs[at].of),
        };
        builder.literals.push(literal);
        builder.values.push(value);
    }
    builder.recipe()
}

fn model(name: &ModelName, terms: &mut Terms) -> TermId {
    let options: Vec<TermId> = name.options.iter().map(|(option, text)| terms.leaf(option, text)).collect();
    terms.make("model", Some(&name.path), &options)
}

impl Builder<'_> {
    fn recipe(mut self) -> Normal {
        let mut outputs: Vec<(&str, TermId)> = vec![];
        for output in &self.skeleton.outputs {
            outputs.push((&output.path, self.output(output)));
        }
        outputs.sort();
        let claims = self.skeleton.claims.clone();
        let claim = |claim: &ExprId| self.term(*claim);
        let claims: Vec<TermId> = claims.iter().map(claim).collect();
        let mut claims: Vec<TermId> =
            claims.into_iter().map(|claim| self.terms.make("assert", None, &[claim])).collect();
        self.terms.sort(&mut claims);
        claims.dedup();
        let mut parts = vec![self.terms.leaf("edition", &EDITION.to_string())];
        parts.extend(outputs.into_iter().map(|output| output.1));
        parts.extend(claims);
        let root = self.terms.make("recipe", None, &parts);
        let mut normal = Normal { terms: self.terms.list, root, methods: vec![] };
        normal.methods = called(&normal);
        normal
    }

    fn output(&mut self, output: &Promised) -> TermId {
        let mut parts = vec![self.made(output.value)];
        let mut say = |terms: &mut Terms, option: &str, text: Option<String>| {
            parts.extend(text.map(|text| terms.leaf(option, &text)));
        };
        say(&mut self.terms, "format", Some(output.format.name().into()));
        say(&mut self.terms, "layout", output.layout.clone());
        say(&mut self.terms, "shard_size", output.shard_size.map(|size| size.to_string()));
        let overflow = match output.overflow {
            Overflow::Error => None,
            Overflow::Inf => Some("inf"),
            Overflow::Saturate => Some("saturate"),
        };
        say(&mut self.terms, "overflow", overflow.map(String::from));
        if let Some(dtype) = output.dtype {
            let dtype = self.term(dtype);
            parts.push(self.terms.make("dtype", None, &[dtype]));
        }
        // The file keeps their order.
        for (name, text) in &output.metadata {
            let pair = [self.terms.leaf("text", name), self.terms.leaf("text", text)];
            parts.push(self.terms.make("metadata", None, &pair));
        }
        self.terms.make("output", Some(&output.path), &parts)
    }

    fn at(&self, id: ExprId) -> &Value {
        &self.values[id.0 as usize]
    }

    /// A value inside another.
    fn term(&mut self, id: ExprId) -> TermId {
        match self.at(id).clone() {
            Value::Weight(weight) => weight.term(&mut self.terms),
            Value::Linear(linear) => linear.term(&mut self.terms),
            Value::Other(term) => term,
        }
    }

    /// A value that tensors are made of.
    fn made(&mut self, id: ExprId) -> TermId {
        match self.at(id).clone() {
            Value::Linear(linear) => linear.finished(&mut self.terms),
            _ => self.term(id),
        }
    }

    fn weight(&mut self, id: ExprId) -> Weight {
        match self.at(id) {
            Value::Weight(weight) => *weight,
            _ => Weight::Term(self.term(id)),
        }
    }

    fn linear(&mut self, id: ExprId) -> Rc<Linear> {
        match self.at(id).clone() {
            Value::Linear(linear) => linear,
            Value::Weight(weight) => Rc::new(Linear::of(Atom::Own(weight.term(&mut self.terms)))),
            Value::Other(term) => Rc::new(Linear::of(Atom::Own(term))),
        }
    }

    /// A term as a value of a kind.
    fn of_kind(&self, term: TermId, of: Kind) -> Value {
        match of {
            Kind::Combination => Value::Linear(Rc::new(Linear::of(Atom::Own(term)))),
            Kind::Weight => Value::Weight(Weight::Term(term)),
            _ => Value::Other(term),
        }
    }

    fn branch(&mut self, head: &str, ids: &[ExprId], of: Kind) -> Value {
        let parts: Vec<TermId> = ids.iter().map(|id| self.term(*id)).collect();
        let term = self.terms.make(head, None, &parts);
        self.of_kind(term, of)
    }

    fn value(&mut self, kind: &ExprKind, of: Kind) -> Value {
        match kind {
            ExprKind::Number(number) => Value::Weight(Weight::Number(*number)),
            ExprKind::Bool(_) | ExprKind::Text(_) | ExprKind::Error => {
                Value::Other(self.terms.make("error", None, &[]))
            }
            ExprKind::List(items) => {
                let mut parts = vec![];
                for (key, item) in items {
                    let item = self.term(*item);
                    parts.push(match key {
                        Some(key) => {
                            let key = self.term(*key);
                            self.terms.make("at", None, &[key, item])
                        }
                        None => item,
                    });
                }
                Value::Other(self.terms.make("list", None, &parts))
            }
            ExprKind::Range(low, high) => {
                let open = self.terms.leaf("word", "open");
                let ends = [low, high].map(|end| end.map_or(open, |end| self.term(end)));
                Value::Other(self.terms.make("range", None, &ends))
            }
            ExprKind::Coord(coord) => Value::Weight(Weight::Term(self.terms.leaf("coordinate", coord.text()))),
            ExprKind::Channels(mask) => Value::Weight(Weight::Term(self.mask(mask))),
            ExprKind::Neg(inner) => match self.at(*inner).clone() {
                Value::Linear(linear) => Value::Linear(Rc::new(linear.negative(&mut self.terms))),
                Value::Weight(weight) => Value::Weight(weight.negative(&mut self.terms)),
                Value::Other(_) => self.branch("-", &[*inner], of),
            },
            ExprKind::Not(inner) => self.branch("not", &[*inner], of),
            ExprKind::Binary(op, left, right) => self.binary(*op, *left, *right, of),
            ExprKind::Function(function, args) => self.branch(&format!("{function:?}").to_ascii_lowercase(), args, of),
            ExprKind::If(condition, yes, no) => match self.literals[condition.0 as usize] {
                Some(Literal::Bool(truth)) => self.at(if truth { *yes } else { *no }).clone(),
                _ => self.branch("if", &[*condition, *yes, *no], of),
            },
            ExprKind::Match(arms) => self.choice(arms, of),
            ExprKind::Where(inner, pattern) => {
                if of == Kind::Weight && self.weight(*inner) == Weight::Number(0.0) {
                    return Value::Weight(Weight::Number(0.0));
                }
                let parts = [self.term(*inner), self.patterns[pattern.0 as usize]];
                let term = self.terms.make("where", None, &parts);
                self.of_kind(term, of)
            }
            ExprKind::Input(input) => {
                Value::Linear(Rc::new(Linear::of(Atom::Model(*input, self.models[input.0 as usize]))))
            }
            ExprKind::Method { method, inputs, options } => self.method(method, inputs, options),
            ExprKind::Complete(value, from) => self.branch(&versioned("complete"), &[*value, *from], of),
            ExprKind::Align { value, to, seed } => {
                let parts = [self.made(*value), self.made(*to), self.terms.number(*seed as f64)];
                let term = self.terms.make(&versioned("align"), None, &parts);
                self.of_kind(term, of)
            }
            ExprKind::Rename { value, from, to } => {
                let parts = [self.term(*value), self.terms.leaf("text", from), self.terms.leaf("text", to)];
                let term = self.terms.make(&versioned("rename"), None, &parts);
                self.of_kind(term, of)
            }
            ExprKind::Metric { metric, args, within } => {
                let mut parts: Vec<TermId> = args.iter().map(|arg| self.made(*arg)).collect();
                if let Some(within) = within {
                    parts.push(self.terms.make("within", None, &[self.patterns[within.0 as usize]]));
                }
                Value::Other(self.terms.make(metric.name(), None, &parts))
            }
            ExprKind::Render { value, look } => {
                let parts = [self.made(*value), self.look(look)];
                Value::Other(self.terms.make("render", None, &parts))
            }
            ExprKind::Picture(golden) => Value::Other(self.terms.leaf("image", &golden.written)),
            ExprKind::Band { high, image, px } => {
                let parts = [self.term(*image), self.terms.number(*px)];
                Value::Other(self.terms.make(if *high { "highpass" } else { "lowpass" }, None, &parts))
            }
            ExprKind::ImageMetric { metric, args } => self.branch(metric.name(), args, of),
        }
    }

    fn binary(&mut self, op: Operator, left: ExprId, right: ExprId, of: Kind) -> Value {
        let linear = |value: &Value| matches!(value, Value::Linear(_));
        let sides = (linear(self.at(left)), linear(self.at(right)));
        if of == Kind::Combination {
            let out = match (op, sides) {
                (Operator::Add, _) => {
                    let right = self.linear(right);
                    self.linear(left).plus(&right, &mut self.terms)
                }
                (Operator::Sub, _) => {
                    let right = self.linear(right).negative(&mut self.terms);
                    self.linear(left).plus(&right, &mut self.terms)
                }
                (Operator::Mul, (true, _)) => {
                    let by = self.weight(right);
                    self.linear(left).times(by, &mut self.terms)
                }
                (Operator::Mul, _) => {
                    let by = self.weight(left);
                    self.linear(right).times(by, &mut self.terms)
                }
                _ => {
                    let by = self.weight(right);
                    self.linear(left).over(by, &mut self.terms)
                }
            };
            return Value::Linear(Rc::new(out));
        }
        if of == Kind::Weight {
            let (a, b) = (self.weight(left), self.weight(right));
            return Value::Weight(match op {
                Operator::Add => a.plus(b, &mut self.terms),
                Operator::Sub => {
                    let b = b.negative(&mut self.terms);
                    a.plus(b, &mut self.terms)
                }
                Operator::Mul => a.times(b, &mut self.terms),
                _ => a.over(b, &mut self.terms),
            });
        }
        let head = match op {
            Operator::Add => "+",
            Operator::Sub => "minus",
            Operator::Mul => "*",
            Operator::Div => "/",
            Operator::Eq => "==",
            Operator::Ne => "!=",
            Operator::Lt => "<",
            Operator::Le => "<=",
            Operator::Gt => ">",
            Operator::Ge => ">=",
            Operator::In => "in",
            Operator::And => "both",
            Operator::Or => "any",
        };
        let parts = [self.term(left), self.term(right)];
        let term = match op {
            Operator::Add | Operator::Mul | Operator::Eq | Operator::Ne | Operator::And | Operator::Or => {
                self.terms.unordered(head, &parts)
            }
            _ => self.terms.make(head, None, &parts),
        };
        Value::Other(term)
    }

    fn choice(&mut self, arms: &[Arm], of: Kind) -> Value {
        if let [Arm { pattern: None, value, .. }] = arms {
            return self.at(*value).clone();
        }
        let mut parts = vec![];
        for arm in arms {
            let value = self.term(arm.value);
            parts.push(match arm.pattern {
                Some(pattern) => self.terms.make("arm", None, &[self.patterns[pattern.0 as usize], value]),
                None => self.terms.make("else", None, &[value]),
            });
        }
        let term = self.terms.make("match", None, &parts);
        self.of_kind(term, of)
    }

    /// The values of options, where all are known.
    fn options(&self, specs: &[OptionSpec], ids: &[ExprId], numbers: &mut Vec<f64>) -> Option<Vec<OptionValue>> {
        let value = |(spec, id): (&OptionSpec, &ExprId)| match (&spec.kind, self.literals[id.0 as usize].as_ref()?) {
            (OptionKind::Weight { .. }, Literal::Number(number)) => {
                numbers.push(*number);
                Some(OptionValue::Number(*number))
            }
            (OptionKind::Bool { .. }, Literal::Bool(truth)) => Some(OptionValue::Bool(*truth)),
            (OptionKind::Word { words }, Literal::Text(text)) => {
                words.iter().find(|word| **word == &**text).map(|word| OptionValue::Word(word))
            }
            _ => None,
        };
        specs.iter().zip(ids).map(value).collect()
    }

    /// A call with known options as the checker flattens it.
    fn flat(&mut self, method: &'static Method, inputs: &[MethodInput], options: &[ExprId]) -> Option<Rc<Linear>> {
        let mut numbers = vec![];
        let own = inputs.iter().map(|input| self.options(method.input_options, &input.options, &mut numbers));
        let own = own.collect::<Option<Vec<_>>>()?;
        let on = CallOn { inputs: own, options: self.options(method.options, options, &mut numbers)? };
        if let Some(input) = (method.alone)(&on) {
            return Some(self.linear(inputs[input].value));
        }
        let shares = match &method.lower {
            Lower::Shares(shares) => shares,
            Lower::Rows { shares, asks, .. } if !asks(&on) => shares,
            _ => return None,
        };
        let mut out = Linear::default();
        for (input, share) in inputs.iter().zip(shares(&on).ok()?) {
            let share = snap(share);
            if share != 0.0 {
                let scaled = self.linear(input.value).times(Weight::Number(share), &mut self.terms);
                out = out.plus(&scaled, &mut self.terms);
            }
        }
        Some(Rc::new(out))
    }

    fn method(&mut self, method: &'static Method, inputs: &[MethodInput], options: &[ExprId]) -> Value {
        if let Some(flat) = self.flat(method, inputs, options) {
            return Value::Linear(flat);
        }
        let is_computed = matches!(method.lower, Lower::Rows { .. } | Lower::Tiles(_));
        let mut parts = vec![];
        for input in inputs {
            let value = if is_computed { self.made(input.value) } else { self.term(input.value) };
            let own = self.named(method.input_options, &input.options);
            parts.push(if own.is_empty() {
                value
            } else {
                self.terms.make("with", None, &[vec![value], own].concat())
            });
        }
        parts.extend(self.named(method.options, options));
        let term = self.terms.make(&versioned(method.name), None, &parts);
        let atom = if is_computed { Atom::Call(term) } else { Atom::Own(term) };
        Value::Linear(Rc::new(Linear::of(atom)))
    }

    /// Options with their names, those of the call in the method's order.
    fn named(&mut self, specs: &[OptionSpec], ids: &[ExprId]) -> Vec<TermId> {
        let mut out = vec![];
        for (spec, id) in specs.iter().zip(ids) {
            let value = self.term(*id);
            out.push(self.terms.make("option", Some(spec.name), &[value]));
        }
        out
    }

    fn mask(&mut self, mask: &Mask) -> TermId {
        let mut parts = vec![];
        let mut spaces: BTreeMap<&str, Vec<[u64; 2]>> = BTreeMap::new();
        for (space, chosen) in &mask.spaces {
            if let Chosen::Set(ranges) = chosen {
                spaces.entry(space).or_default().extend(ranges.iter());
            }
        }
        for (space, mut ranges) in spaces {
            ranges.sort();
            let mut joined: Vec<[u64; 2]> = vec![];
            for [low, high] in ranges {
                match joined.last_mut() {
                    Some(last) if low <= last[1].saturating_add(1) => last[1] = last[1].max(high),
                    _ => joined.push([low, high]),
                }
            }
            let all: Vec<String> = joined.iter().map(|[low, high]| format!("{low}..{high}")).collect();
            let ranges = self.terms.leaf("channels", &all.join(", "));
            parts.push(self.terms.make("space", Some(space), &[ranges]));
        }
        parts.extend(mask.by.iter().map(|text| self.terms.leaf("by", text)));
        parts.push(self.terms.leaf("mode", mask.mode.text()));
        parts.push(self.terms.leaf("axes", mask.axes.text()));
        self.terms.make("mask", None, &parts)
    }

    fn look(&mut self, look: &Look) -> TermId {
        let seeds: Vec<String> = look.seeds.iter().map(u32::to_string).collect();
        let mut parts = vec![self.terms.leaf("seeds", &seeds.join(", "))];
        let psi = self.terms.number(look.psi);
        parts.push(self.terms.make("psi", None, &[psi]));
        parts.push(self.terms.leaf("noise", look.noise.name()));
        let crop = look.crop.map(|crop| crop.map(|number| number.to_string()).join(", "));
        let wholes = [("cutoff", look.cutoff), ("class", look.class), ("size", look.size)];
        let wholes = wholes.map(|(name, number)| (name, number.map(|number| number.to_string())));
        for (name, text) in wholes.into_iter().chain([("crop", crop)]) {
            parts.extend(text.map(|text| self.terms.leaf(name, &text)));
        }
        self.terms.make("look", None, &parts)
    }
}

/// A method's name with its version.
fn versioned(name: &str) -> String {
    format!("{name} v{}", methods::find(name).map_or(0, |method| method.version))
}

/// The methods whose results a form is made of.
fn called(normal: &Normal) -> Vec<(&'static str, u32)> {
    struct Heads(Vec<String>);
    impl super::Manifest for Heads {
        type Made = ();
        fn term(&mut self, _: TermId, head: &str, _: Option<&str>, _: &[()]) {
            self.0.push(head.into());
        }
    }
    let mut heads = Heads(vec![]);
    normal.told(&mut heads);
    let is_called = |method: &&&'static Method| heads.0.contains(&versioned(method.name));
    methods::ALL.iter().filter(is_called).map(|method| (method.name, method.version)).collect()
}
