//! Expressions and patterns with bound names; children always have smaller ids than their parents.

use super::Golden;
use super::InputId;
use super::Look;
use super::Mask;
use crate::methods::Method;
use crate::tensor::Coord;
use crate::text::Site;
use std::sync::Arc;

/// Index into the arena of expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(pub u32);

/// Index into the arena of patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatternId(pub u32);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something of models: a model, a difference, or what lies between; the total is known per tensor.
    Combination,
    /// A number, which may differ per tensor.
    Weight,
    /// A truth value, which may differ per tensor.
    Bool,
    Text,
    List,
    Range,
    /// A number known only when the build runs; it exists in claims alone.
    Measure,
    /// A truth value known only when the build runs.
    Verdict,
    /// Pictures, one or a batch.
    Image,
    /// A problem has been reported; silences what follows from it.
    Error,
}

impl Kind {
    /// With its article, for messages.
    pub fn text(self) -> &'static str {
        match self {
            Kind::Combination => "a model or difference",
            Kind::Weight => "a weight",
            Kind::Bool => "a truth value",
            Kind::Text => "a string",
            Kind::List => "a list",
            Kind::Range => "a range",
            Kind::Measure => "a measured number",
            Kind::Verdict => "a claim",
            Kind::Image => "a picture",
            Kind::Error => "something unreadable",
        }
    }
}

/// Binary operators on values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    And,
    Or,
}

/// Functions on weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    Step,
    Ramp,
    Smoothstep,
    Logistic,
    Curve,
    Gradient,
    Octaves,
    Positions,
    Min,
    Max,
    Clamp,
    Abs,
    Exp,
    Log2,
    Sqrt,
}

/// What a claim can measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// No NaN and no infinity.
    Finite,
    /// Equal bits.
    Same,
    /// ‖a − b‖ / ‖b‖ over all tensors.
    Distance,
    /// a·b / (‖a‖ ‖b‖) over all tensors.
    Cosine,
}

impl Metric {
    pub fn name(self) -> &'static str {
        match self {
            Metric::Finite => "finite",
            Metric::Same => "same",
            Metric::Distance => "distance",
            Metric::Cosine => "cosine",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub of: Kind,
    pub site: Site,
}

/// An input of a method call with its own options (in the order of `Method::input_options`).
#[derive(Clone, Debug, PartialEq)]
pub struct MethodInput {
    pub value: ExprId,
    pub options: Vec<ExprId>,
}

/// One arm of a `match`; `pattern` is `None` for `else`.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    pub pattern: Option<PatternId>,
    pub value: ExprId,
    pub site: Site,
    /// It may take no tensor: `maybe`, `else`, bounds from a parameter, or expanded from a function.
    pub may_be_dead: bool,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    Number(f64),
    Bool(bool),
    Text(Arc<str>),
    /// Items with optional keys (`[4: 1, 32: 0.5]`).
    List(Vec<(Option<ExprId>, ExprId)>),
    Range(Option<ExprId>, Option<ExprId>),
    Coord(Coord),
    /// A channel mask.
    Channels(Arc<Mask>),
    Neg(ExprId),
    Not(ExprId),
    Binary(Operator, ExprId, ExprId),
    Function(Function, Vec<ExprId>),
    If(ExprId, ExprId, ExprId),
    Match(Vec<Arm>),
    Where(ExprId, PatternId),
    Input(InputId),
    Method {
        method: &'static Method,
        inputs: Vec<MethodInput>,
        options: Vec<ExprId>,
    },
    /// `complete(a, from = b)`
    Complete(ExprId, ExprId),
    /// `align(model, to = base, seed = 0)`
    Align {
        value: ExprId,
        to: ExprId,
        seed: u64,
    },
    /// `rename(a, "old.$1", "new.$1")`
    Rename {
        value: ExprId,
        from: Arc<str>,
        to: Arc<str>,
    },
    /// A metric of combinations, restricted to a pattern.
    Metric {
        metric: Metric,
        args: Vec<ExprId>,
        within: Option<PatternId>,
    },
    /// `render(model, …)`
    Render {
        value: ExprId,
        look: Box<Look>,
    },
    /// `image("golden.png")`
    Picture(Box<Golden>),
    /// `lowpass(image, px)`, `highpass(image, px)`
    Band {
        high: bool,
        image: ExprId,
        px: f64,
    },
    /// A metric of pictures.
    ImageMetric {
        metric: super::ImageMetric,
        args: Vec<ExprId>,
    },
    Error,
}

impl PartialEq for ExprKind {
    /// Identity of structure; numbers by bits, methods by name.
    fn eq(&self, other: &Self) -> bool {
        use ExprKind::*;
        match (self, other) {
            (Number(a), Number(b)) => a.to_bits() == b.to_bits(),
            (Bool(a), Bool(b)) => a == b,
            (Text(a), Text(b)) => a == b,
            (List(a), List(b)) => a == b,
            (Range(a, b), Range(c, d)) => a == c && b == d,
            (Coord(a), Coord(b)) => a == b,
            (Channels(a), Channels(b)) => a == b,
            (Neg(a), Neg(b)) | (Not(a), Not(b)) => a == b,
            (Binary(o, a, b), Binary(p, c, d)) => o == p && a == c && b == d,
            (Function(f, a), Function(g, b)) => f == g && a == b,
            (If(a, b, c), If(d, e, f)) => a == d && b == e && c == f,
            (Match(a), Match(b)) => a == b,
            (Where(a, p), Where(b, q)) => a == b && p == q,
            (Input(a), Input(b)) => a == b,
            (Method { method: m, inputs: i, options: o }, Method { method: n, inputs: j, options: p }) => {
                m.name == n.name && i == j && o == p
            }
            (Complete(a, b), Complete(c, d)) => a == c && b == d,
            (Align { value: v, to: t, seed: s }, Align { value: w, to: u, seed: r }) => v == w && t == u && s == r,
            (Rename { value: v, from: f, to: t }, Rename { value: w, from: g, to: u }) => v == w && f == g && t == u,
            (Metric { metric: m, args: a, within: w }, Metric { metric: n, args: b, within: x }) => {
                m == n && a == b && w == x
            }
            (Render { value: v, look: l }, Render { value: w, look: m }) => v == w && l == m,
            (Picture(a), Picture(b)) => a == b,
            (Band { high: h, image: i, px: p }, Band { high: g, image: j, px: q }) => h == g && i == j && p == q,
            (ImageMetric { metric: m, args: a }, ImageMetric { metric: n, args: b }) => m == n && a == b,
            _ => false,
        }
    }
}

/// A pattern with everything bound: bounds are numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    Word(Arc<str>),
    /// Anchored glob on the canonical name, and the same as a regular expression.
    Glob {
        text: Arc<str>,
        regex: Arc<str>,
    },
    Regex(Arc<str>),
    /// The coordinate lies in one of the ranges (ends included).
    Coord(Coord, Vec<(f64, f64)>),
    Not(PatternId),
    And(PatternId, PatternId),
    Or(PatternId, PatternId),
    /// A problem has been reported; takes everything.
    Error,
}
