//! Calls: functions of recipes, functions on weights, metrics; merge methods go on in `method_calls`.

use super::align;
use super::context::Context;
use super::context::ModuleId;
use super::error;
use super::images;
use super::lints::Preset;
use super::method_calls;
use super::options;
use super::resolve;
use super::resolve::Scope;
use super::statements;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Function;
use crate::hir::ImageMetric;
use crate::hir::Kind;
use crate::hir::Metric;
use crate::methods;
use crate::syntax::ast;
use crate::syntax::ast::ItemKind;
use crate::text::Site;
use std::collections::HashMap;
use std::rc::Rc;

/// The functions on weights: name, function, parameters; `..` means one or more of the last.
const FUNCTIONS: &[(&str, Function, &[&str])] = &[
    ("step", Function::Step, &["x", "edge"]),
    ("ramp", Function::Ramp, &["x", "lo", "hi"]),
    ("smoothstep", Function::Smoothstep, &["x", "lo", "hi"]),
    ("logistic", Function::Logistic, &["x", "mid", "width"]),
    ("curve", Function::Curve, &["x", "points"]),
    ("gradient", Function::Gradient, &["values"]),
    ("octaves", Function::Octaves, &["values"]),
    ("positions", Function::Positions, &["values"]),
    ("min", Function::Min, &["a", "b", ".."]),
    ("max", Function::Max, &["a", "b", ".."]),
    ("clamp", Function::Clamp, &["x", "lo", "hi"]),
    ("abs", Function::Abs, &["x"]),
    ("exp", Function::Exp, &["x"]),
    ("log2", Function::Log2, &["x"]),
    ("sqrt", Function::Sqrt, &["x"]),
];

const METRICS: &[(&str, Metric, &[&str])] = &[
    ("finite", Metric::Finite, &["a"]),
    ("same", Metric::Same, &["a", "b"]),
    ("distance", Metric::Distance, &["a", "b"]),
    ("cosine", Metric::Cosine, &["a", "b"]),
];

/// Callables of the language that later versions bring.
const LATER: &[&str] = &["stack"];

/// Every name that can be called from a module, for "did you mean".
pub fn callable_names(context: &mut Context, module: ModuleId) -> Vec<String> {
    let std = statements::std_module(context);
    let own = context.modules[module].callables.keys().chain(context.modules[std].callables.keys()).cloned();
    let metrics = METRICS.iter().map(|row| row.0).chain(ImageMetric::ALL.iter().map(|row| row.0));
    let builtin = FUNCTIONS.iter().map(|row| row.0).chain(metrics).chain(images::NAMES).chain(["if"]);
    let mut names: Vec<String> =
        own.chain(builtin.map(String::from)).chain(methods::ALL.iter().map(|method| method.name.to_string())).collect();
    names.sort();
    names.dedup();
    names
}

/// Resolves a call.  A recipe's own functions come first, so that a new method never changes a recipe.
pub fn call(context: &mut Context, scope: &Scope, call: &ast::Call, site: Site) -> ExprId {
    let Some((module, name)) = resolve::walk(context, scope.module, &call.name) else {
        return context.error_expr(site);
    };
    let name_site = name.span.at(site.source);
    if let Some(&item) = context.modules[module].callables.get(&name.text) {
        return expand(context, scope, module, item, call, site);
    }
    let plain = call.name.len() == 1;
    let text = name.text.as_str();
    if plain && text == "if" {
        return conditional(context, scope, call, site, name_site);
    }
    if plain && let Some(row) = FUNCTIONS.iter().find(|row| row.0 == text) {
        return function(context, scope, row, call, site, name_site);
    }
    if plain && let Some(row) = METRICS.iter().find(|row| row.0 == text) {
        return metric(context, scope, row, call, site, name_site);
    }
    if plain && let Some(row) = ImageMetric::ALL.iter().find(|row| row.0 == text) {
        return image_metric(context, scope, row, call, site, name_site);
    }
    if plain && images::NAMES.contains(&text) {
        return images::call(context, scope, text, call, site, name_site);
    }
    if plain && let Some(method) = methods::find(text) {
        return match method.name {
            "complete" => complete(context, scope, call, site, name_site),
            "align" => align::call(context, scope, call, site, name_site),
            "rename" => rename(context, scope, call, site, name_site),
            _ => method_calls::call(context, scope, method, call, site, name_site),
        };
    }
    let std = statements::std_module(context);
    if plain && let Some(&item) = context.modules[std].callables.get(text) {
        return expand(context, scope, std, item, call, site);
    }
    if context.modules[module].broken_callables.contains(text) {
        return context.error_expr(site);
    }
    let problem = if plain && LATER.contains(&text) {
        error::not_yet(LATER.iter().find(|later| **later == text).copied().unwrap_or("this"), name_site)
    } else {
        let names = callable_names(context, module);
        error::unknown_callable(text, &names, context, module, name_site)
    };
    context.report(problem);
    context.error_expr(site)
}

/// Binds arguments to parameters by position and name; reports what does not fit.
pub fn bind<'c>(
    context: &mut Context,
    scope: &Scope,
    callee: &str,
    params: &[&str],
    call: &'c ast::Call,
) -> Option<Vec<Option<&'c ast::Arg>>> {
    let source = context.modules[scope.module].source;
    let mut bound: Vec<Option<&ast::Arg>> = vec![None; params.len()];
    let (mut next, mut right) = (0, true);
    for arg in &call.args {
        let slot = match &arg.name {
            Some(name) => match params.iter().position(|param| *param == name.text) {
                Some(slot) => slot,
                None => {
                    context.report(error::unknown_argument(callee, &name.text, params, name.span.at(source)));
                    right = false;
                    continue;
                }
            },
            None if next < params.len() => {
                next += 1;
                next - 1
            }
            None => {
                context.report(error::too_many_arguments(callee, params, arg, call, source));
                return None;
            }
        };
        if bound[slot].is_some() {
            context.report(error::argument_twice(callee, params[slot], arg, call, source));
            right = false;
        }
        if let Some(block) = &arg.options {
            context.report(error::options_not_here(callee, arg, block, source));
            right = false;
        }
        bound[slot] = Some(arg);
    }
    right.then_some(bound)
}

/// Demands that a parameter without default is bound.
pub fn require(
    context: &mut Context,
    callee: &str,
    params: &[&str],
    slot: usize,
    call: &ast::Call,
    name_site: Site,
    site: Site,
) {
    let model = model_for(context, callee, params[slot], call, site);
    let problem = error::missing_argument(callee, params, slot, model.as_deref(), call, name_site, site);
    context.report(problem);
}

/// A model to suggest where a parameter's name says that one belongs there: one that the call does not have yet.
fn model_for(context: &Context, callee: &str, param: &str, call: &ast::Call, site: Site) -> Option<String> {
    let wants_model = match callee {
        "min" | "max" | "if" => false,
        _ => matches!(param, "a" | "b" | "from" | "low" | "high"),
    };
    let module = context.modules.iter().find(|module| module.source == site.source).filter(|_| wants_model)?;
    let models = module.values.iter().filter(|(_, (def, _))| matches!(def, super::context::Def::Model(_)));
    let mut names: Vec<&String> = models.map(|(name, _)| name).collect();
    names.sort();
    let is_used = |name: &str| {
        call.args
            .iter()
            .any(|arg| matches!(&arg.value.kind, ast::ExprKind::Name(path) if path.len() == 1 && path[0].text == name))
    };
    names.iter().find(|name| !is_used(name)).or(names.first()).map(|name| name.to_string())
}

fn expand(context: &mut Context, scope: &Scope, module: ModuleId, item: usize, call: &ast::Call, site: Site) -> ExprId {
    let file = context.modules[module].file.clone();
    let ItemKind::Fn { name, params, body } = &file.items[item].kind else { unreachable!("the item is a function") };
    let name_site = call.name.last().map_or(site, |name| name.span.at(site.source));
    context.modules[module].expanded[item] = true;
    if context.expanding.contains(&(module, item)) {
        let definition = name.span.at(context.modules[module].source);
        context.report(error::recursion(&name.text, name_site, definition));
        return context.error_expr(site);
    }
    let names: Vec<&str> = params.iter().map(|param| param.name.text.as_str()).collect();
    let Some(bound) = bind(context, scope, &name.text, &names, call) else { return context.error_expr(site) };
    let mut locals: HashMap<String, ExprId> = HashMap::new();
    let mut key = vec![];
    for (slot, (param, arg)) in params.iter().zip(&bound).enumerate() {
        let id = match (arg, &param.default) {
            (Some(arg), _) => resolve::expr(context, scope, &arg.value),
            // A default may use the parameters before it.
            (None, Some(default)) => {
                let inner = Scope { module, locals: Rc::new(locals.clone()), in_fn: true, claim: scope.claim };
                resolve::expr(context, &inner, default)
            }
            (None, None) => {
                require(context, &name.text, &names, slot, call, name_site, site);
                return context.error_expr(site);
            }
        };
        key.push(id);
        locals.insert(param.name.text.clone(), id);
    }
    let key = (module, item, key, scope.claim);
    if let Some(&done) = context.expansions.get(&key) {
        return done;
    }
    let inner = Scope { module, locals: Rc::new(locals), in_fn: true, claim: scope.claim };
    let outer_call = context.std_call;
    if context.std == Some(module) {
        context.std_call = outer_call.or(Some(site));
    }
    context.expanding.push((module, item));
    let first_pattern = context.patterns.len();
    let id = resolve::expr(context, &inner, body);
    context.expanding.pop();
    if context.std == Some(module) && outer_call.is_none() {
        let patterns = first_pattern..context.patterns.len();
        context.presets.push(Preset { name: name.text.clone(), site, patterns });
    }
    context.std_call = outer_call;
    context.expansions.insert(key, id);
    id
}

fn conditional(context: &mut Context, scope: &Scope, call: &ast::Call, site: Site, name_site: Site) -> ExprId {
    let params = ["condition", "a", "b"];
    let Some(bound) = bind(context, scope, "if", &params, call) else { return context.error_expr(site) };
    let mut ids = vec![];
    for (slot, arg) in bound.iter().enumerate() {
        let Some(arg) = arg else {
            require(context, "if", &params, slot, call, name_site, site);
            return context.error_expr(site);
        };
        ids.push(resolve::expr(context, scope, &arg.value));
    }
    let condition = resolve::wants(context, ids[0], Kind::Bool, "the condition of `if`");
    let (yes, no) = (context.kind_of(ids[1]), context.kind_of(ids[2]));
    if [context.kind_of(condition), yes, no].contains(&Kind::Error) {
        return context.error_expr(site);
    }
    if yes != no {
        context.report(error::arms_differ(yes, context.site_of(ids[1]), no, context.site_of(ids[2])));
        return context.error_expr(site);
    }
    context.expr(ExprKind::If(condition, ids[1], ids[2]), yes, site)
}

fn function(
    context: &mut Context,
    scope: &Scope,
    row: &(&'static str, Function, &'static [&'static str]),
    call: &ast::Call,
    site: Site,
    name_site: Site,
) -> ExprId {
    let (name, function, mut params) = (row.0, row.1, row.2.to_vec());
    if params.last() == Some(&"..") {
        params.pop();
        params.extend(std::iter::repeat_n("", call.args.len().saturating_sub(params.len())));
    }
    let Some(bound) = bind(context, scope, name, &params, call) else { return context.error_expr(site) };
    let mut args = vec![];
    for (slot, arg) in bound.iter().enumerate() {
        let Some(arg) = arg else {
            require(context, name, &params, slot, call, name_site, site);
            return context.error_expr(site);
        };
        let id = resolve::expr(context, scope, &arg.value);
        let is_list = matches!(params[slot], "points" | "values");
        let wanted = if is_list { Kind::List } else { Kind::Weight };
        let id = resolve::wants(context, id, wanted, &format!("`{name}`"));
        if is_list && !options::is_number_list(context, id, params[slot] == "points", name) {
            return context.error_expr(site);
        }
        args.push(id);
    }
    if args.iter().any(|&id| context.kind_of(id) == Kind::Error) {
        return context.error_expr(site);
    }
    context.expr(ExprKind::Function(function, args), Kind::Weight, site)
}

fn metric(
    context: &mut Context,
    scope: &Scope,
    row: &(&'static str, Metric, &'static [&'static str]),
    call: &ast::Call,
    site: Site,
    name_site: Site,
) -> ExprId {
    let (name, metric, params) = (row.0, row.1, row.2);
    let Some(within) = scope.claim else {
        context.report(error::metric_outside(name, name_site));
        return context.error_expr(site);
    };
    let Some(bound) = bind(context, scope, name, params, call) else { return context.error_expr(site) };
    let mut args = vec![];
    for (slot, arg) in bound.iter().enumerate() {
        let Some(arg) = arg else {
            require(context, name, params, slot, call, name_site, site);
            return context.error_expr(site);
        };
        let id = resolve::expr(context, scope, &arg.value);
        // Models and pictures can both be finite.
        if metric == Metric::Finite && context.kind_of(id) == Kind::Image {
            return images::metric(context, scope, ImageMetric::Finite, vec![id], site, name_site);
        }
        args.push(resolve::wants(context, id, Kind::Combination, &format!("`{name}`")));
    }
    if args.iter().any(|&id| context.kind_of(id) == Kind::Error) {
        return context.error_expr(site);
    }
    let of = if matches!(metric, Metric::Finite | Metric::Same) { Kind::Verdict } else { Kind::Measure };
    context.expr(ExprKind::Metric { metric, args, within }, of, site)
}

fn image_metric(
    context: &mut Context,
    scope: &Scope,
    row: &(&'static str, ImageMetric, &'static [&'static str]),
    call: &ast::Call,
    site: Site,
    name_site: Site,
) -> ExprId {
    let (name, metric, params) = *row;
    let Some(bound) = bind(context, scope, name, params, call) else { return context.error_expr(site) };
    let mut args = vec![];
    for (slot, arg) in bound.iter().enumerate() {
        let Some(arg) = arg else {
            require(context, name, params, slot, call, name_site, site);
            return context.error_expr(site);
        };
        let id = resolve::expr(context, scope, &arg.value);
        args.push(resolve::wants(context, id, Kind::Image, &format!("`{name}`")));
    }
    if args.iter().any(|&id| context.kind_of(id) == Kind::Error) {
        return context.error_expr(site);
    }
    images::metric(context, scope, metric, args, site, name_site)
}

fn complete(context: &mut Context, scope: &Scope, call: &ast::Call, site: Site, name_site: Site) -> ExprId {
    let params = ["a", "from"];
    let Some(bound) = bind(context, scope, "complete", &params, call) else { return context.error_expr(site) };
    let mut ids = vec![];
    for (slot, arg) in bound.iter().enumerate() {
        let Some(arg) = arg else {
            require(context, "complete", &params, slot, call, name_site, site);
            return context.error_expr(site);
        };
        let id = resolve::expr(context, scope, &arg.value);
        ids.push(resolve::wants(context, id, Kind::Combination, "`complete`"));
    }
    if ids.iter().any(|&id| context.kind_of(id) == Kind::Error) {
        return context.error_expr(site);
    }
    context.expr(ExprKind::Complete(ids[0], ids[1]), Kind::Combination, site)
}

fn rename(context: &mut Context, scope: &Scope, call: &ast::Call, site: Site, name_site: Site) -> ExprId {
    let params = ["a", "old", "new"];
    let Some(bound) = bind(context, scope, "rename", &params, call) else { return context.error_expr(site) };
    let mut ids = vec![];
    for (slot, arg) in bound.iter().enumerate() {
        let Some(arg) = arg else {
            require(context, "rename", &params, slot, call, name_site, site);
            return context.error_expr(site);
        };
        let id = resolve::expr(context, scope, &arg.value);
        let wanted = if slot == 0 { Kind::Combination } else { Kind::Text };
        ids.push(resolve::wants(context, id, wanted, "`rename`"));
    }
    let texts: Vec<_> = ids[1..].iter().filter_map(|&id| options::text(context, id)).collect();
    let [from, to] = texts.as_slice() else { return context.error_expr(site) };
    if context.kind_of(ids[0]) == Kind::Error {
        return context.error_expr(site);
    }
    let (from, to) = (from.clone(), to.clone());
    let groups = match super::space::rename_regex(&from) {
        Ok(regex) => regex.captures_len() - 1,
        Err(reason) => {
            context.report(error::bad_glob(&from, &reason, context.site_of(ids[1])));
            return context.error_expr(site);
        }
    };
    if let Err(reason) = super::space::rename_target(&to, groups) {
        context.report(error::bad_new_name(&to, &reason, context.site_of(ids[2])));
        return context.error_expr(site);
    }
    let made = context.expr(ExprKind::Rename { value: ids[0], from, to }, Kind::Combination, site);
    if scope.in_fn {
        context.may_be_idle.insert(made);
    }
    made
}
