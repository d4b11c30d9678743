//! `param`: defaults, values set from outside, and what is allowed.

use super::context::Context;
use super::context::Def;
use super::context::ModuleId;
use super::error;
use super::eval::Value;
use super::options;
use super::resolve;
use super::resolve::Scope;
use super::statements;
use super::statements::Sets;
use crate::hir::Allowed;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::Literal;
use crate::hir::Param;
use crate::syntax::ast;
use crate::syntax::ast::UnaryOp;

/// `param NAME = DEFAULT`: the value is what was set, or the default, which is a literal.
pub fn define(context: &mut Context, module: ModuleId, name: &ast::Name, default: &ast::Expr, sets: &Sets) {
    let source = context.modules[module].source;
    let site = name.span.at(source);
    if !is_literal(default) {
        let id = if has_names(default) { None } else { Some(resolve::expr(context, &Scope::bare(module), default)) };
        let value = id.and_then(|id| super::eval::constant(&context.exprs, id).ok());
        let text = context.text_at(default.span.at(source));
        context.report(error::default_computed(&name.text, &text, value, default.span.at(source)));
        return statements::define(context, module, name, Def::Broken);
    }
    let default_id = resolve::expr(context, &Scope::bare(module), default);
    let Some(default_value) = options::literal(context, default_id) else {
        return statements::define(context, module, name, Def::Broken);
    };
    let mut value = default_value.clone();
    if let Some((set, set_site)) = sets.get(&name.text) {
        if std::mem::discriminant(set) != std::mem::discriminant(&default_value) {
            context.report(error::param_kind(&name.text, set, &default_value, *set_site, site));
        } else if matches!(set, Literal::Number(number) if !number.is_finite()) {
            context.report(error::set_infinite(&name.text, set, *set_site, site));
        } else {
            value = set.clone();
        }
    }
    let (kind, of) = match &value {
        Literal::Number(number) => (ExprKind::Number(*number), Kind::Weight),
        Literal::Bool(truth) => (ExprKind::Bool(*truth), Kind::Bool),
        Literal::Text(text) => (ExprKind::Text(text.clone()), Kind::Text),
    };
    let id = context.expr(kind, of, site);
    let full = format!("{}{}", context.modules[module].prefix, name.text);
    context.params.push(Param {
        name: full.into(),
        value: value.clone(),
        default: default_value,
        allowed: Allowed::All,
        site,
    });
    statements::define(context, module, name, Def::Param(id, value));
}

/// `in RANGE-OR-LIST`: holds the default, and the value that was set.
pub fn allowed(
    context: &mut Context,
    module: ModuleId,
    name: &ast::Name,
    default: &ast::Expr,
    within: &ast::Expr,
    sets: &Sets,
) {
    let source = context.modules[module].source;
    let site = name.span.at(source);
    let Some((Def::Param(_, value), owner)) = context.modules[module].values.get(&name.text).cloned() else { return };
    let param = context.params.iter().rfind(|param| param.site == site).map(|param| param.default.clone());
    let Some(default_value) = param.filter(|_| owner == site) else { return };
    let within_id = resolve::expr(context, &Scope::bare(module), within);
    let within_site = within.span.at(source);
    if !options::allows(context, within_id, &default_value) {
        let default_site = default.span.at(source);
        context.report(error::default_outside(&name.text, &default_value, default_site, within_site, context));
    } else if let Some((set, set_site)) = sets.get(&name.text)
        && *set == value
        && !options::allows(context, within_id, &value)
    {
        let allowed = context.text_at(within_site);
        context.report(error::set_outside(&name.text, &value, &allowed, *set_site, within_site));
    }
    let allowed = allowed_values(context, within_id);
    if let Some(param) = context.params.iter_mut().rfind(|param| param.site == site) {
        param.allowed = allowed;
    }
}

/// A list or range of an `in`, for those who go through the values.
fn allowed_values(context: &mut Context, within: ExprId) -> Allowed {
    let number = |context: &Context, id: Option<ExprId>, open: f64| match id {
        None => Some(open),
        Some(id) => match super::eval::constant(&context.exprs, id) {
            Ok(Value::Number(number)) => Some(number),
            _ => None,
        },
    };
    match context.exprs[within.0 as usize].kind.clone() {
        ExprKind::List(items) => {
            let values = items.iter().map(|(_, item)| options::literal(context, *item));
            values.collect::<Option<Vec<Literal>>>().map_or(Allowed::All, Allowed::List)
        }
        ExprKind::Range(low, high) => {
            let ends = number(context, low, f64::NEG_INFINITY).zip(number(context, high, f64::INFINITY));
            ends.map_or(Allowed::All, |(low, high)| Allowed::Range(low, high))
        }
        _ => Allowed::All,
    }
}

/// A number with or without sign, a string, or a truth value.
fn is_literal(tree: &ast::Expr) -> bool {
    match &tree.kind {
        ast::ExprKind::Number(_) | ast::ExprKind::Text(_) | ast::ExprKind::Bool(_) | ast::ExprKind::Error => true,
        ast::ExprKind::Unary(UnaryOp::Neg, inner) => matches!(inner.kind, ast::ExprKind::Number(_)),
        ast::ExprKind::Paren(inner) => is_literal(inner),
        _ => false,
    }
}

/// Whether anything in an expression has to be looked up, or is no arithmetic.
fn has_names(tree: &ast::Expr) -> bool {
    match &tree.kind {
        ast::ExprKind::Number(_) => false,
        ast::ExprKind::Paren(inner) | ast::ExprKind::Unary(UnaryOp::Neg, inner) => has_names(inner),
        ast::ExprKind::Binary(_, left, right, _) => has_names(left) || has_names(right),
        _ => true,
    }
}
