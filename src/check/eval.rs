//! Evaluation on demand: the value of an expression on one tensor.
//!
//! Invariant: only what counts is asked.  An arm is asked on its tensors, a branch of `if` when it is chosen, and
//! nothing is asked of a factor whose partner is exactly 0.

mod methods;

use super::space::Space;
use super::stations::stations;
use crate::field::Field;
use crate::field::Weight;
use crate::hir::Atom;
use crate::hir::CallInstance;
use crate::hir::Expr;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Form;
use crate::hir::Kind;
use crate::hir::Operator;
use crate::hir::Pattern;
use crate::tensor::Coord;
use crate::text::Site;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(f64),
    /// A number that differs from channel to channel of the tensor.
    Field(Arc<Field>),
    Bool(bool),
    Text(Arc<str>),
    List(Rc<Vec<(Option<Value>, Value)>>),
    /// Both ends; open ones are infinite.
    Range(f64, f64),
    Form(Rc<Form>),
}

/// Why an expression has no value on a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// A problem about it has been reported.
    Silent,
    /// No arm takes the tensor.
    NoArm,
    /// The tensor has no such coordinate; the second field is the weight as a whole.
    NoCoord(Coord, ExprId),
    /// A place that needs a constant asks for a coordinate.
    NotConstant(Coord),
    /// A weight that differs from channel to channel where one number is needed.
    Channels,
    /// A mask of another number of channels than the tensor has: space, channels of the mask, of the tensor.
    MaskSize { space: Arc<str>, mask: u64, found: u64 },
    /// What stands in the way of a number: division by zero and the like.
    Number(&'static str),
    /// A list for octaves or positions has no item for this tensor: its coordinate, and how many items there are.
    ListTooShort(Coord, f64, usize),
    /// The total is not what is needed: found, wanted.
    Total { found: f64, wanted: f64 },
    /// `align` of something that is computed by other means than sums.
    NotPlain,
    /// The method cannot work with these options.
    Refused(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub expr: ExprId,
    pub kind: FaultKind,
}

type Result<T> = std::result::Result<T, Fault>;

/// Evaluates expressions on tensors of a space.
pub struct Evaluator<'a> {
    exprs: &'a [Expr],
    patterns: &'a [Pattern],
    space: Option<&'a mut Space>,
    /// Method calls made so far.
    pub calls: Vec<CallInstance>,
    /// Those of the current tensor, by likeness.
    known: HashMap<u64, Vec<u32>>,
    /// Values on the current tensor.
    memo: Vec<Option<(u32, Result<Value>)>>,
    stamp: u32,
    /// Per root: nodes on the way that are evaluated first, so that a deep value costs no deep stack.
    stations: HashMap<ExprId, Rc<[ExprId]>>,
    /// The weight being evaluated as a whole.
    whole: Option<ExprId>,
    /// Arms taken, branches chosen and methods called on the current tensor, in order, for `blend plan --tensor`.
    pub steps: Vec<Site>,
}

/// The value of an expression that depends on no tensor.
pub fn constant(exprs: &[Expr], id: ExprId) -> Result<Value> {
    Evaluator::new(exprs, &[], None, vec![]).value(id, None)
}

impl<'a> Evaluator<'a> {
    pub fn new(
        exprs: &'a [Expr],
        patterns: &'a [Pattern],
        space: Option<&'a mut Space>,
        calls: Vec<CallInstance>,
    ) -> Self {
        Evaluator {
            exprs,
            patterns,
            space,
            calls,
            known: HashMap::new(),
            memo: vec![],
            stamp: 0,
            stations: HashMap::new(),
            whole: None,
            steps: vec![],
        }
    }

    pub fn space(&self) -> &Space {
        self.space.as_deref().expect("only constants are evaluated without a space")
    }

    /// The form of a combination on a tensor, fresh (earlier tensors' values are forgotten).
    pub fn form(&mut self, id: ExprId, tensor: usize) -> Result<Rc<Form>> {
        match self.fresh(id, Some(tensor))? {
            Value::Form(form) => Ok(form),
            _ => Err(Fault { expr: id, kind: FaultKind::Silent }),
        }
    }

    /// Any value on a tensor, fresh.
    pub fn fresh(&mut self, id: ExprId, tensor: Option<usize>) -> Result<Value> {
        self.stamp += 1;
        self.known.clear();
        self.steps.clear();
        self.prepare(id, tensor);
        self.value(id, tensor)
    }

    /// Evaluates what lies deep below a node, from the ground up.
    fn prepare(&mut self, id: ExprId, tensor: Option<usize>) {
        if !self.stations.contains_key(&id) {
            self.stations.insert(id, stations(id, self.exprs));
        }
        for &station in self.stations[&id].clone().iter() {
            // Its fault, if it is asked for, is remembered with it.
            let _ = self.value(station, tensor);
        }
    }

    pub fn value(&mut self, id: ExprId, tensor: Option<usize>) -> Result<Value> {
        // Leaves are cheaper to evaluate than to remember.
        match &self.exprs[id.0 as usize].kind {
            ExprKind::Number(number) => return Ok(Value::Number(*number)),
            ExprKind::Bool(truth) => return Ok(Value::Bool(*truth)),
            ExprKind::Text(text) => return Ok(Value::Text(text.clone())),
            _ => {}
        }
        let at = id.0 as usize;
        if let Some(Some((stamp, value))) = self.memo.get(at)
            && *stamp == self.stamp
        {
            return value.clone();
        }
        let value = self.compute(id, tensor);
        if self.memo.len() <= at {
            self.memo.resize(self.exprs.len(), None);
        }
        self.memo[at] = Some((self.stamp, value.clone()));
        value
    }

    fn number(&mut self, id: ExprId, tensor: Option<usize>) -> Result<f64> {
        match self.value(id, tensor)? {
            Value::Number(number) => Ok(number),
            Value::Field(_) => Err(Fault { expr: id, kind: FaultKind::Channels }),
            _ => Err(Fault { expr: id, kind: FaultKind::Silent }),
        }
    }

    /// A number, or one per channel.
    fn weight(&mut self, id: ExprId, tensor: Option<usize>) -> Result<Weight> {
        let value = self.value(id, tensor)?;
        weight_of(&value).ok_or(Fault { expr: id, kind: FaultKind::Silent })
    }

    /// An item of a list: lists are no functions of channels.
    fn item(&mut self, id: ExprId, tensor: Option<usize>) -> Result<Value> {
        match self.value(id, tensor)? {
            Value::Field(_) => Err(Fault { expr: id, kind: FaultKind::Channels }),
            value => Ok(value),
        }
    }

    fn truth(&mut self, id: ExprId, tensor: Option<usize>) -> Result<bool> {
        match self.value(id, tensor)? {
            Value::Bool(truth) => Ok(truth),
            _ => Err(Fault { expr: id, kind: FaultKind::Silent }),
        }
    }

    fn compute(&mut self, id: ExprId, tensor: Option<usize>) -> Result<Value> {
        let exprs = self.exprs;
        let expr = &exprs[id.0 as usize];
        let outer = self.whole;
        if expr.of == Kind::Weight && outer.is_none() {
            self.whole = Some(id);
        } else if expr.of == Kind::Combination {
            self.whole = None;
        }
        let value = self.compute_inner(id, expr, tensor);
        self.whole = outer;
        value
    }

    fn compute_inner(&mut self, id: ExprId, expr: &'a Expr, tensor: Option<usize>) -> Result<Value> {
        let fault = |kind| Err(Fault { expr: id, kind });
        match &expr.kind {
            ExprKind::Number(number) => Ok(Value::Number(*number)),
            ExprKind::Bool(truth) => Ok(Value::Bool(*truth)),
            ExprKind::Text(text) => Ok(Value::Text(text.clone())),
            ExprKind::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (key, value) in items {
                    let key = key.map(|key| self.item(key, tensor)).transpose()?;
                    list.push((key, self.item(*value, tensor)?));
                }
                Ok(Value::List(Rc::new(list)))
            }
            ExprKind::Range(low, high) => {
                let low = low.map_or(Ok(f64::NEG_INFINITY), |low| self.number(low, tensor))?;
                let high = high.map_or(Ok(f64::INFINITY), |high| self.number(high, tensor))?;
                Ok(Value::Range(low, high))
            }
            ExprKind::Channels(mask) => {
                let Some(at) = tensor else { return fault(FaultKind::Channels) };
                let space = self.space();
                match mask.on(&space.traits[at], &space.shapes[at]) {
                    Ok(weight) => Ok(Value::from(weight)),
                    Err(misfit) => {
                        fault(FaultKind::MaskSize { space: misfit.space, mask: misfit.mask, found: misfit.found })
                    }
                }
            }
            ExprKind::Coord(coord) => self.coord(id, *coord, tensor).map(Value::Number),
            ExprKind::Neg(inner) => match self.value(*inner, tensor)? {
                Value::Form(form) => Ok(Value::Form(Rc::new((*form).clone().scaled(&(-1.0).into())))),
                value => match weight_of(&value) {
                    Some(weight) => Ok(Value::from(Weight::map(&[&weight], |x| -x[0]))),
                    None => fault(FaultKind::Silent),
                },
            },
            ExprKind::Not(inner) => self.truth(*inner, tensor).map(|truth| Value::Bool(!truth)),
            ExprKind::Binary(op, left, right) => self.binary(id, *op, *left, *right, tensor),
            ExprKind::Function(function, args) => {
                let mut list = None;
                let mut numbers = Vec::with_capacity(args.len());
                for &arg in args {
                    match self.value(arg, tensor)? {
                        Value::List(items) => list = Some(items),
                        value => match weight_of(&value) {
                            Some(weight) => numbers.push(weight),
                            None => return fault(FaultKind::Silent),
                        },
                    }
                }
                let coord = super::functions::coordinate_of(*function);
                let at = coord.map(|coord| self.coord(id, coord, tensor)).transpose()?;
                let list = list.as_deref().map(Vec::as_slice);
                let numbers: Vec<&Weight> = numbers.iter().collect();
                let result = Weight::of(&numbers, |x| super::functions::apply(*function, x, list, at).and_then(finite));
                result.map(Value::from).or_else(fault)
            }
            ExprKind::If(condition, yes, no) => {
                let chosen = if self.truth(*condition, tensor)? { *yes } else { *no };
                self.value(chosen, tensor)
            }
            ExprKind::Match(arms) => {
                let Some(at) = tensor else { return self.constant_match(id, arms) };
                let patterns = self.patterns;
                let space = self.space.as_deref_mut().expect("a tensor has a space");
                let chosen = arms.iter().position(|arm| match arm.pattern {
                    Some(pattern) => space.mask(pattern, patterns).contains(at),
                    None => true,
                });
                match chosen {
                    Some(arm) => {
                        self.steps.push(arms[arm].site);
                        self.value(arms[arm].value, tensor)
                    }
                    None => fault(FaultKind::NoArm),
                }
            }
            ExprKind::Where(inner, pattern) => {
                let Some(at) = tensor else { return fault(FaultKind::Silent) };
                let patterns = self.patterns;
                let space = self.space.as_deref_mut().expect("a tensor has a space");
                if space.mask(*pattern, patterns).contains(at) {
                    self.value(*inner, tensor)
                } else if expr.of == Kind::Weight {
                    Ok(Value::Number(0.0))
                } else {
                    Ok(Value::Form(Rc::new(Form::atom(Atom::Absent(id), 1.0))))
                }
            }
            ExprKind::Input(input) => {
                let Some(at) = tensor else { return fault(FaultKind::Silent) };
                let name = self.space().names[at].clone();
                Ok(Value::Form(Rc::new(Form::atom(Atom::Tensor { input: *input, name }, 1.0))))
            }
            ExprKind::Method { method, inputs, options } => {
                self.steps.push(expr.site);
                self.method(id, method, inputs, options, tensor)
            }
            ExprKind::Align { value, .. } => {
                self.steps.push(expr.site);
                self.align(id, *value, tensor)
            }
            ExprKind::Complete(value, from) => {
                let Some(at) = tensor else { return fault(FaultKind::Silent) };
                let has = self.space().keys(*value).contains(at);
                self.value(if has { *value } else { *from }, tensor)
            }
            ExprKind::Rename { value, .. } => {
                let Some(at) = tensor else { return fault(FaultKind::Silent) };
                let Some(old) = self.space().old_of(id, at) else {
                    return Ok(Value::Form(Rc::new(Form::atom(Atom::Absent(id), 1.0))));
                };
                if old == at {
                    return self.value(*value, tensor);
                }
                // Another tensor is asked: the values remembered for this one do not hold there.
                let memo = std::mem::take(&mut self.memo);
                self.prepare(*value, Some(old));
                let inner = self.value(*value, Some(old));
                self.memo = memo;
                inner
            }
            ExprKind::Metric { .. }
            | ExprKind::Render { .. }
            | ExprKind::Picture(_)
            | ExprKind::Band { .. }
            | ExprKind::ImageMetric { .. }
            | ExprKind::Error => fault(FaultKind::Silent),
        }
    }

    /// A match without a tensor: only `else` alone can be told.
    fn constant_match(&mut self, id: ExprId, arms: &[crate::hir::Arm]) -> Result<Value> {
        match arms {
            [arm] if arm.pattern.is_none() => self.value(arm.value, None),
            _ => Err(Fault { expr: id, kind: FaultKind::NotConstant(Coord::Layer) }),
        }
    }

    fn coord(&mut self, id: ExprId, coord: Coord, tensor: Option<usize>) -> Result<f64> {
        let whole = self.whole.unwrap_or(id);
        let kind = match tensor {
            None => FaultKind::NotConstant(coord),
            Some(at) => match self.space().traits[at].coord(coord) {
                Some(value) => return Ok(value),
                None => FaultKind::NoCoord(coord, whole),
            },
        };
        Err(Fault { expr: id, kind })
    }

    fn binary(
        &mut self,
        id: ExprId,
        op: Operator,
        left: ExprId,
        right: ExprId,
        tensor: Option<usize>,
    ) -> Result<Value> {
        let fault = |kind| Fault { expr: id, kind };
        match op {
            Operator::Mul => return self.product(id, left, right, tensor),
            Operator::And | Operator::Or => {
                let first = self.truth(left, tensor)?;
                let decided = first == (op == Operator::Or);
                return if decided { Ok(Value::Bool(first)) } else { self.truth(right, tensor).map(Value::Bool) };
            }
            _ => {}
        }
        let (a, b) = (self.value(left, tensor)?, self.value(right, tensor)?);
        match (op, a, b) {
            (Operator::Add, Value::Form(a), Value::Form(b)) => Ok(Value::Form(Rc::new((*a).clone().plus(&b)))),
            (Operator::Sub, Value::Form(a), Value::Form(b)) => {
                Ok(Value::Form(Rc::new((*a).clone().plus(&(*b).clone().scaled(&(-1.0).into())))))
            }
            (Operator::Div, a, b) => {
                let Some(divisor) = weight_of(&b) else { return Err(fault(FaultKind::Silent)) };
                if divisor.values().contains(&0.0) {
                    return Err(Fault { expr: right, kind: FaultKind::Number("a division by 0") });
                }
                match (a, b) {
                    (Value::Form(a), _) => Ok(Value::Form(Rc::new((*a).clone().divided(&divisor)))),
                    (Value::Number(a), Value::Number(b)) => finite(a / b).map(Value::Number).map_err(fault),
                    (a, _) => pointwise(&a, &divisor.into(), |a, b| a / b).map_err(fault),
                }
            }
            (Operator::Add, Value::Number(a), Value::Number(b)) => finite(a + b).map(Value::Number).map_err(fault),
            (Operator::Sub, Value::Number(a), Value::Number(b)) => finite(a - b).map(Value::Number).map_err(fault),
            (Operator::Add, a, b) => pointwise(&a, &b, |a, b| a + b).map_err(fault),
            (Operator::Sub, a, b) => pointwise(&a, &b, |a, b| a - b).map_err(fault),
            (
                Operator::Eq | Operator::Ne | Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge | Operator::In,
                a,
                b,
            ) if is_field(&a) || is_field(&b) => Err(fault(FaultKind::Channels)),
            (Operator::In, value, within) => Ok(Value::Bool(holds(&within, &value))),
            (Operator::Eq, a, b) => Ok(Value::Bool(a == b)),
            (Operator::Ne, a, b) => Ok(Value::Bool(a != b)),
            (Operator::Lt, Value::Number(a), Value::Number(b)) => Ok(Value::Bool(a < b)),
            (Operator::Le, Value::Number(a), Value::Number(b)) => Ok(Value::Bool(a <= b)),
            (Operator::Gt, Value::Number(a), Value::Number(b)) => Ok(Value::Bool(a > b)),
            (Operator::Ge, Value::Number(a), Value::Number(b)) => Ok(Value::Bool(a >= b)),
            _ => Err(fault(FaultKind::Silent)),
        }
    }

    /// A product: a factor that is exactly 0 makes it 0, whatever the other is.
    fn product(&mut self, id: ExprId, left: ExprId, right: ExprId, tensor: Option<usize>) -> Result<Value> {
        let is_form = |id: ExprId| self.exprs[id.0 as usize].of == Kind::Combination;
        let (weight, other) = if is_form(left) { (right, left) } else { (left, right) };
        let of_forms = is_form(other);
        let zero = || if of_forms { Value::Form(Rc::new(Form::default())) } else { Value::Number(0.0) };
        let first = self.weight(weight, tensor);
        if first == Ok(Weight::ZERO) {
            return Ok(zero());
        }
        let second = if of_forms && first.is_err() {
            Err(Fault { expr: id, kind: FaultKind::Silent })
        } else {
            self.value(other, tensor)
        };
        match (first, second) {
            (_, Ok(Value::Number(0.0))) => Ok(zero()),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
            (Ok(a), Ok(Value::Form(form))) => Ok(Value::Form(Rc::new((*form).clone().scaled(&a)))),
            (Ok(a), Ok(b)) => pointwise(&a.into(), &b, |a, b| a * b).map_err(|kind| Fault { expr: id, kind }),
        }
    }
}

/// A number, or one per channel; `None` of what is neither.
fn weight_of(value: &Value) -> Option<Weight> {
    match value {
        Value::Number(number) => Some(Weight::Number(*number)),
        Value::Field(field) => Some(Weight::Field(field.clone())),
        _ => None,
    }
}

impl From<Weight> for Value {
    fn from(weight: Weight) -> Value {
        match weight {
            Weight::Number(number) => Value::Number(number),
            Weight::Field(field) => Value::Field(field),
        }
    }
}

fn is_field(value: &Value) -> bool {
    matches!(value, Value::Field(_))
}

/// A function of two weights, channel by channel.
fn pointwise(a: &Value, b: &Value, f: impl Fn(f64, f64) -> f64) -> std::result::Result<Value, FaultKind> {
    let (Some(a), Some(b)) = (weight_of(a), weight_of(b)) else { return Err(FaultKind::Silent) };
    Weight::of(&[&a, &b], |x| finite(f(x[0], x[1]))).map(Value::from)
}

fn finite(number: f64) -> std::result::Result<f64, FaultKind> {
    if number.is_finite() { Ok(number) } else { Err(FaultKind::Number("a number that is not finite")) }
}

/// `value in within`
pub fn holds(within: &Value, value: &Value) -> bool {
    match (within, value) {
        (Value::Range(low, high), Value::Number(number)) => low <= number && number <= high,
        (Value::List(items), value) => items.iter().any(|(_, item)| holds(item, value)),
        (one, value) => one == value,
    }
}
