//! Claims: which are new, which are gone.  A claim is the same one by what it says, not by the names in it.

use super::Fact;
use super::Of;
use super::forms::Same;
use crate::hir::Claim;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::Param;
use crate::hir::Pattern;
use crate::hir::PatternId;
use crate::hir::Recipe;
use std::collections::HashMap;

/// Claims of the one recipe that the other lacks.  `outputs` are those that both have.
pub fn all(same: &mut Same, outputs: &[[usize; 2]]) -> Vec<Fact> {
    let values = outputs.iter().map(|&[a, b]| (same.before.outputs[a].value, same.after.outputs[b].value)).collect();
    let (before, after) = (same.before, same.after);
    let mut alike = Alike { same, values, is_lenient: false, known: HashMap::new() };
    let mut left: Vec<&Claim> = before.claims.iter().collect();
    let mut new: Vec<&Claim> = vec![];
    for claim in &after.claims {
        let found = left.iter().position(|old| alike.expr(old.expr, claim.expr));
        match found {
            Some(at) => drop(left.remove(at)),
            None => new.push(claim),
        }
    }
    // Of a claim with the same words only the models may have changed, which has been told.
    alike.is_lenient = true;
    new.retain(|claim| {
        let found = left.iter().position(|old| old.text == claim.text && alike.expr(old.expr, claim.expr));
        found.map(|at| left.remove(at)).is_none()
    });
    let fact = |before: Option<&Claim>, after: Option<&Claim>| {
        let text = |claim: Option<&Claim>| claim.map(|claim| claim.text.clone());
        let name = text(before.or(after)).unwrap_or_default();
        Fact { of: Of::Assert, name, field: "", before: text(before), after: text(after) }
    };
    let mut out = vec![];
    // A bound that has moved is one change.
    new.retain(|claim| {
        let found = left.iter().position(|old| subject(old) == subject(claim));
        if let Some(at) = found {
            let old = left.remove(at);
            // The same words with other numbers: those of a parameter have been told.
            if old.text != claim.text || !values_differ(before, after) {
                out.push(Fact { field: "claim", ..fact(Some(old), Some(claim)) });
            }
        }
        found.is_none()
    });
    out.extend(left.into_iter().map(|old| fact(Some(old), None)));
    out.extend(new.into_iter().map(|new| fact(None, Some(new))));
    out
}

/// Whether some parameter has another value.
fn values_differ(before: &Recipe, after: &Recipe) -> bool {
    let other = |old: &Param| after.params.iter().any(|new| new.name == old.name && new.value != old.value);
    before.params.iter().any(other)
}

/// What stands before the bound of a comparison, and what tensors it is about.
fn subject(claim: &Claim) -> (&str, &str) {
    let (inner, pattern) = claim.text.split_once(" where ").unwrap_or((&claim.text, ""));
    let end = inner.find(" >").or_else(|| inner.find(" <")).unwrap_or(inner.len());
    (&inner[..end], pattern)
}

struct Alike<'s, 'r> {
    same: &'s mut Same<'r>,
    /// Values of outputs that both have.
    values: Vec<(ExprId, ExprId)>,
    /// Models count as the same.
    is_lenient: bool,
    known: HashMap<(ExprId, ExprId, bool), bool>,
}

impl Alike<'_, '_> {
    fn expr(&mut self, a: ExprId, b: ExprId) -> bool {
        if let Some(&known) = self.known.get(&(a, b, self.is_lenient)) {
            return known;
        }
        let is_alike = self.compared(a, b);
        self.known.insert((a, b, self.is_lenient), is_alike);
        is_alike
    }

    fn compared(&mut self, a: ExprId, b: ExprId) -> bool {
        let (old, new) = (self.same.before, self.same.after);
        let of_models = old.expr(a).of == Kind::Combination && new.expr(b).of == Kind::Combination;
        if of_models && (self.is_lenient || self.values.contains(&(a, b))) {
            return true;
        }
        if let (ExprKind::Input(a), ExprKind::Input(b)) = (&old.expr(a).kind, &new.expr(b).kind) {
            return self.same.partner[b.0 as usize] == Some(a.0 as usize);
        }
        let (one, other) = (parts(old, a), parts(new, b));
        one.0 == other.0 && one.1.len() == other.1.len() && one.1.into_iter().zip(other.1).all(|(a, b)| self.expr(a, b))
    }
}

/// What a node is, without its parts and names, and its parts.
fn parts(recipe: &Recipe, id: ExprId) -> (String, Vec<ExprId>) {
    let pattern = |id: PatternId| pattern_text(recipe, id);
    let options = |ids: &[Option<ExprId>]| ids.iter().flatten().copied().collect::<Vec<_>>();
    match &recipe.expr(id).kind {
        ExprKind::Number(number) => (format!("number {number}"), vec![]),
        ExprKind::Bool(truth) => (format!("bool {truth}"), vec![]),
        ExprKind::Text(text) => (format!("text {text:?}"), vec![]),
        ExprKind::Coord(coord) => (format!("coord {}", coord.text()), vec![]),
        ExprKind::List(items) => {
            let keyed: Vec<bool> = items.iter().map(|item| item.0.is_some()).collect();
            let inner = items.iter().flat_map(|(key, value)| key.iter().copied().chain([*value])).collect();
            (format!("list {keyed:?}"), inner)
        }
        ExprKind::Range(low, high) => (format!("range {} {}", low.is_some(), high.is_some()), options(&[*low, *high])),
        ExprKind::Channels(mask) => (format!("channels {:?} {:?} {:?}", mask.spaces, mask.mode, mask.axes), vec![]),
        ExprKind::Neg(inner) => ("neg".into(), vec![*inner]),
        ExprKind::Not(inner) => ("not".into(), vec![*inner]),
        ExprKind::Binary(operator, left, right) => (format!("{operator:?}"), vec![*left, *right]),
        ExprKind::Function(function, args) => (format!("{function:?}"), args.clone()),
        ExprKind::If(condition, yes, no) => ("if".into(), vec![*condition, *yes, *no]),
        ExprKind::Match(arms) => {
            let heads: Vec<String> = arms.iter().map(|arm| arm.pattern.map_or("else".into(), pattern)).collect();
            (format!("match {heads:?}"), arms.iter().map(|arm| arm.value).collect())
        }
        ExprKind::Where(inner, within) => (format!("where {}", pattern(*within)), vec![*inner]),
        ExprKind::Input(input) => (format!("input {}", input.0), vec![]),
        ExprKind::Method { method, inputs, options } => {
            let counts: Vec<usize> = inputs.iter().map(|input| input.options.len()).collect();
            let own = inputs.iter().flat_map(|input| std::iter::once(input.value).chain(input.options.iter().copied()));
            (format!("method {} {counts:?}", method.name), own.chain(options.iter().copied()).collect())
        }
        ExprKind::Complete(value, from) => ("complete".into(), vec![*value, *from]),
        ExprKind::Align { value, to, seed } => (format!("align {seed}"), vec![*value, *to]),
        ExprKind::Rename { value, from, to } => (format!("rename {from:?} {to:?}"), vec![*value]),
        ExprKind::Metric { metric, args, within } => {
            (format!("{} where {:?}", metric.name(), within.map(pattern)), args.clone())
        }
        ExprKind::Render { value, look } => (format!("render {look:?}"), vec![*value]),
        ExprKind::Picture(golden) => (format!("image {:?}", golden.written), vec![]),
        ExprKind::Band { high, image, px } => (format!("band {high} {px}"), vec![*image]),
        ExprKind::ImageMetric { metric, args } => (format!("picture {}", metric.name()), args.clone()),
        ExprKind::Error => ("error".into(), vec![]),
    }
}

fn pattern_text(recipe: &Recipe, id: PatternId) -> String {
    match &recipe.patterns[id.0 as usize] {
        Pattern::Word(word) => word.to_string(),
        Pattern::Glob { text, .. } => format!("{text:?}"),
        Pattern::Regex(text) => format!("regex {text:?}"),
        Pattern::Coord(coord, ranges) => format!("{} {ranges:?}", coord.text()),
        Pattern::Not(inner) => format!("not ({})", pattern_text(recipe, *inner)),
        Pattern::And(left, right) => {
            format!("({}) and ({})", pattern_text(recipe, *left), pattern_text(recipe, *right))
        }
        Pattern::Or(left, right) => format!("({}) or ({})", pattern_text(recipe, *left), pattern_text(recipe, *right)),
        Pattern::Error => "error".into(),
    }
}
