//! Expressions as text to type: what a help suggests is made of what the user wrote, never of what was bound.

use crate::check::context::Context;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::Operator;
use crate::methods::Role;
use crate::syntax;
use crate::syntax::ast;
use crate::syntax::ast::BinaryOp;
use crate::syntax::ast::UnaryOp;
use crate::text::Source;
use crate::text::SourceId;

/// Values nested deeper are not looked into: nobody types such a help.
const DEEPEST: u32 = 100;

fn parsed(text: &str) -> Option<(Source, ast::Expr)> {
    let source = Source::new(SourceId::default(), "", text);
    let (tree, problems) = syntax::parse_expr(&source);
    Some((source, tree.filter(|_| problems.is_empty())?))
}

/// The two sides of `VALUE where PATTERN`.
pub fn where_parts(text: &str) -> Option<(String, String)> {
    let (source, tree) = parsed(text)?;
    match &tree.kind {
        ast::ExprKind::Where(inner, pattern) => Some((factor(&source, inner), source.slice(pattern.span).to_string())),
        _ => None,
    }
}

/// An expression as a factor: in brackets unless it is a plain name or number, or has them.
fn factor(source: &Source, tree: &ast::Expr) -> String {
    let text = source.slice(tree.span);
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    if is_plain || matches!(tree.kind, ast::ExprKind::Paren(_)) { text.to_string() } else { format!("({text})") }
}

/// Whether a combination is a difference, as far as its form tells.
pub fn is_difference(id: ExprId, context: &Context) -> bool {
    total(id, context) == Some(0.0)
}

/// The total of a combination whose weights are plain numbers.
fn total(id: ExprId, context: &Context) -> Option<f64> {
    if context.depths[id.0 as usize] > DEEPEST {
        return None;
    }
    let number = |id: ExprId| match context.exprs[id.0 as usize].kind {
        ExprKind::Number(number) => Some(number),
        _ => None,
    };
    let weighted = |left: ExprId, right: ExprId| {
        let is_model = context.kind_of(left) == Kind::Combination;
        let (model, weight) = if is_model { (left, right) } else { (right, left) };
        (total(model, context), number(weight))
    };
    match &context.exprs[id.0 as usize].kind {
        ExprKind::Input(_) => Some(1.0),
        ExprKind::Neg(inner) => total(*inner, context).map(|total| -total),
        ExprKind::Binary(Operator::Add, left, right) => Some(total(*left, context)? + total(*right, context)?),
        ExprKind::Binary(Operator::Sub, left, right) => Some(total(*left, context)? - total(*right, context)?),
        ExprKind::Binary(Operator::Mul, left, right) => match weighted(*left, *right) {
            // A difference stays one, whatever it is multiplied by.
            (Some(0.0), _) => Some(0.0),
            (Some(total), Some(weight)) => Some(total * weight),
            _ => None,
        },
        ExprKind::Binary(Operator::Div, left, _) => total(*left, context).filter(|total| *total == 0.0),
        ExprKind::Where(inner, _) | ExprKind::Complete(inner, _) | ExprKind::Rename { value: inner, .. } => {
            total(*inner, context)
        }
        ExprKind::Align { .. } => Some(1.0),
        ExprKind::Method { method, .. } => Some(if method.gives == Role::Point { 1.0 } else { 0.0 }),
        _ => None,
    }
}

/// The sum of the weights of a linear expression as text that can be subtracted, and whether a summand can be put
/// behind the expression without brackets; `None` where its parts cannot be told apart.
pub fn sum_of_weights(id: ExprId, context: &Context) -> Option<(String, bool)> {
    if context.depths[id.0 as usize] > DEEPEST {
        return None;
    }
    let site = context.site_of(id);
    let text = context.sources.get(site.source).text.get(site.span.range())?;
    let (source, tree) = parsed(text)?;
    let mut out = vec![];
    weights(&source, &tree, id, &None, context, &mut out);
    let first = out.first()?.trim_start_matches("+ ").to_string();
    let is_one = out.len() == 1;
    let sum = std::iter::once(first).chain(out.into_iter().skip(1)).collect::<Vec<_>>().join(" ");
    let is_sum =
        matches!(tree.kind, ast::ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div, ..));
    Some((if is_one { sum } else { format!("({sum})") }, is_sum))
}

/// Walks the text and what it was bound to side by side: the text has the names, the other the kinds.
fn weights(
    source: &Source,
    tree: &ast::Expr,
    id: ExprId,
    outer: &Option<String>,
    context: &Context,
    out: &mut Vec<String>,
) {
    if let ast::ExprKind::Paren(inner) = &tree.kind {
        return weights(source, inner, id, outer, context, out);
    }
    let times = |weight: String| match outer {
        Some(outer) => format!("{outer} * {weight}"),
        None => weight,
    };
    match (&tree.kind, &context.exprs[id.0 as usize].kind) {
        (ast::ExprKind::Binary(BinaryOp::Add, a, b, _), ExprKind::Binary(Operator::Add, left, right)) => {
            weights(source, a, *left, outer, context, out);
            weights(source, b, *right, outer, context, out);
        }
        (ast::ExprKind::Binary(BinaryOp::Sub, a, b, _), ExprKind::Binary(Operator::Sub, left, right)) => {
            weights(source, a, *left, outer, context, out);
            let mut negative = vec![];
            weights(source, b, *right, outer, context, &mut negative);
            out.extend(negative.iter().map(|term| match term.strip_prefix("- ") {
                Some(term) => format!("+ {term}"),
                None => term.replacen("+ ", "- ", 1),
            }));
        }
        (ast::ExprKind::Binary(BinaryOp::Mul, a, b, _), ExprKind::Binary(Operator::Mul, left, right)) => {
            let model_first = context.kind_of(*left) == Kind::Combination;
            let (model, inner, weight) = if model_first { (a, *left, b) } else { (b, *right, a) };
            weights(source, model, inner, &Some(times(factor(source, weight))), context, out);
        }
        (ast::ExprKind::Binary(BinaryOp::Div, a, b, _), ExprKind::Binary(Operator::Div, left, _)) => {
            weights(source, a, *left, &Some(times(format!("(1 / {})", factor(source, b)))), context, out);
        }
        (ast::ExprKind::Unary(UnaryOp::Neg, inner), ExprKind::Neg(bound)) => {
            weights(source, inner, *bound, &Some(times("(-1)".into())), context, out);
        }
        _ => out.push(format!("+ {}", outer.as_deref().unwrap_or("1"))),
    }
}
