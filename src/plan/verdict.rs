//! What claims come to: measured numbers against their bounds.

use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Metric;
use crate::hir::Operator;
use crate::hir::Recipe;

/// A margin under this part of the bound is narrow.
const NARROW: f64 = 0.1;

/// What a metric came to.  Of a batch of pictures there is one number each: a claim holds when it holds for all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    pub low: f64,
    pub high: f64,
    /// The measured value in words.
    pub text: String,
    /// It comes from pictures, so that a machine could see it a little differently.
    pub is_seen: bool,
}

impl Quantity {
    /// From the sums over all tensors.
    pub fn of(metric: Metric, sums: &[f64]) -> Quantity {
        let get = |at: usize| sums.get(at).copied().unwrap_or(0.0);
        let value = match metric {
            Metric::Finite | Metric::Same => get(0),
            Metric::Distance => match (libm::sqrt(get(0)), libm::sqrt(get(1))) {
                (0.0, 0.0) => 0.0,
                (top, bottom) => top / bottom,
            },
            Metric::Cosine => get(0) / (libm::sqrt(get(1)) * libm::sqrt(get(2))),
        };
        let text = match metric {
            Metric::Finite => format!("{value} values are not finite"),
            Metric::Same => format!("{value} elements differ"),
            Metric::Distance | Metric::Cosine => format!("{} is {value}", metric.name()),
        };
        Quantity { low: value, high: value, text, is_seen: false }
    }

    /// Whether a claim that is the metric itself holds: nothing was counted.
    pub fn holds(&self) -> bool {
        self.high == 0.0
    }
}

/// A judged claim: whether it holds, and what was measured, with margins, one line each.
pub struct Judged {
    pub holds: bool,
    pub lines: Vec<String>,
    /// It holds by less than a tenth of a bound on pictures.
    pub is_narrow: bool,
}

impl Judged {
    fn new(holds: bool, lines: Vec<String>) -> Judged {
        Judged { holds, lines, is_narrow: false }
    }
}

/// Judges a claim; `of` gives the quantity that a metric's expression came to.
pub fn verdict<'q>(recipe: &Recipe, id: ExprId, of: &dyn Fn(ExprId) -> Option<&'q Quantity>) -> Judged {
    let expr = recipe.expr(id);
    match &expr.kind {
        ExprKind::Metric { .. } | ExprKind::ImageMetric { .. } => match of(id) {
            Some(quantity) => Judged::new(quantity.holds(), vec![quantity.text.clone()]),
            None => Judged::new(false, vec!["it was not measured".into()]),
        },
        ExprKind::Not(inner) => {
            let inner = verdict(recipe, *inner, of);
            Judged::new(!inner.holds, inner.lines)
        }
        ExprKind::Binary(Operator::And, left, right) => {
            let (left, right) = (verdict(recipe, *left, of), verdict(recipe, *right, of));
            let (holds, is_narrow) = (left.holds && right.holds, left.is_narrow || right.is_narrow);
            let failed = [left, right].into_iter().filter(|side| holds || !side.holds);
            Judged { holds, lines: failed.flat_map(|side| side.lines).collect(), is_narrow: holds && is_narrow }
        }
        ExprKind::Binary(Operator::Or, left, right) => {
            let (left, right) = (verdict(recipe, *left, of), verdict(recipe, *right, of));
            // One side that holds well is enough.
            let well = |side: &Judged| side.holds && !side.is_narrow;
            let (holds, is_narrow) = (left.holds || right.holds, !well(&left) && !well(&right));
            Judged { holds, lines: [left.lines, right.lines].concat(), is_narrow: holds && is_narrow }
        }
        ExprKind::Binary(op, left, right) => compare(recipe, *op, *left, *right, of),
        ExprKind::Bool(truth) => Judged::new(*truth, vec![]),
        _ => Judged::new(false, vec!["the claim cannot be judged".into()]),
    }
}

/// From the lowest to the highest number of a batch.
#[derive(Clone, Copy)]
struct Span {
    low: f64,
    high: f64,
}

fn compare<'q>(
    recipe: &Recipe,
    op: Operator,
    left: ExprId,
    right: ExprId,
    of: &dyn Fn(ExprId) -> Option<&'q Quantity>,
) -> Judged {
    let (a, b) = (number(recipe, left, of), number(recipe, right, of));
    let range = range_of(recipe, right, of);
    // How far it holds, for the member of a batch that is worst.
    let (holds, margin) = match (op, range) {
        (Operator::Lt, _) => (a.high < b.low, b.low - a.high),
        (Operator::Le, _) => (a.high <= b.low, b.low - a.high),
        (Operator::Gt, _) => (a.low > b.high, a.low - b.high),
        (Operator::Ge, _) => (a.low >= b.high, a.low - b.high),
        (Operator::Ne, _) => (a.high < b.low || a.low > b.high, f64::max(b.low - a.high, a.low - b.high)),
        (Operator::Eq, _) => {
            let apart = f64::max((a.high - b.low).abs(), (b.high - a.low).abs());
            (a.low == b.low && a.high == b.high && a.low == a.high, apart)
        }
        (_, Some((low, high))) => (low <= a.low && a.high <= high, f64::min(a.low - low, high - a.high)),
        (_, None) => (false, f64::NAN),
    };
    let mut lines = vec![];
    let mut is_seen = false;
    for quantity in [left, right].into_iter().filter_map(of) {
        lines.push(quantity.text.clone());
        is_seen |= quantity.is_seen;
    }
    is_seen |= sees(recipe, left) || sees(recipe, right);
    let margin = margin.abs();
    lines.push(format!("{} of {}", if holds { "a margin" } else { "it misses by a margin" }, shown(margin, is_seen)));
    let bound = match range {
        Some((low, high)) => f64::min(low.abs(), high.abs()),
        None => f64::min(a.low.abs().max(a.high.abs()), b.low.abs().max(b.high.abs())),
    };
    let is_narrow = holds && is_seen && op != Operator::Eq && margin < NARROW * bound;
    Judged { holds, lines, is_narrow }
}

/// Numbers of pictures are shown in four digits: more of them say nothing.
fn shown(number: f64, is_seen: bool) -> String {
    if is_seen && number.is_finite() { format!("{number:.4}") } else { number.to_string() }
}

/// Whether a number comes from pictures.
fn sees(recipe: &Recipe, id: ExprId) -> bool {
    match &recipe.expr(id).kind {
        ExprKind::ImageMetric { .. } => true,
        ExprKind::Neg(inner) => sees(recipe, *inner),
        ExprKind::Binary(_, left, right) => sees(recipe, *left) || sees(recipe, *right),
        _ => false,
    }
}

fn range_of<'q>(recipe: &Recipe, id: ExprId, of: &dyn Fn(ExprId) -> Option<&'q Quantity>) -> Option<(f64, f64)> {
    let ExprKind::Range(low, high) = &recipe.expr(id).kind else { return None };
    let end = |side: &Option<ExprId>, open: f64| side.map_or(open, |side| number(recipe, side, of).low);
    Some((end(low, f64::NEG_INFINITY), end(high, f64::INFINITY)))
}

fn number<'q>(recipe: &Recipe, id: ExprId, of: &dyn Fn(ExprId) -> Option<&'q Quantity>) -> Span {
    let nothing = Span { low: f64::NAN, high: f64::NAN };
    match &recipe.expr(id).kind {
        ExprKind::Number(number) => Span { low: *number, high: *number },
        ExprKind::Metric { .. } | ExprKind::ImageMetric { .. } => {
            of(id).map_or(nothing, |quantity| Span { low: quantity.low, high: quantity.high })
        }
        ExprKind::Neg(inner) => {
            let inner = number(recipe, *inner, of);
            Span { low: -inner.high, high: -inner.low }
        }
        ExprKind::Binary(op, left, right) => {
            let (a, b) = (number(recipe, *left, of), number(recipe, *right, of));
            let ends = |of: fn(f64, f64) -> f64| {
                let all = [of(a.low, b.low), of(a.low, b.high), of(a.high, b.low), of(a.high, b.high)];
                let nan = all.iter().any(|value| value.is_nan());
                let low = all.into_iter().fold(f64::INFINITY, f64::min);
                let high = all.into_iter().fold(f64::NEG_INFINITY, f64::max);
                if nan { nothing } else { Span { low, high } }
            };
            match op {
                Operator::Add => ends(|a, b| a + b),
                Operator::Sub => ends(|a, b| a - b),
                Operator::Mul => ends(|a, b| a * b),
                // A divisor that may be 0 says nothing.
                Operator::Div if b.low < 0.0 && b.high > 0.0 => nothing,
                Operator::Div => ends(|a, b| a / b),
                _ => nothing,
            }
        }
        // The check has folded everything else.
        _ => nothing,
    }
}
