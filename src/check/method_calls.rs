//! Calls of merge methods: inputs with their options, and options of the call.

use super::calls;
use super::context::Context;
use super::error;
use super::options;
use super::resolve;
use super::resolve::Scope;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::MethodInput;
use crate::methods::Inputs;
use crate::methods::Method;
use crate::methods::OptionKind;
use crate::methods::OptionSpec;
use crate::syntax::ast;
use crate::text::Site;

/// `ties(a { weight = 0.6 }, b, base = c, normalize = true)`
pub fn call(
    context: &mut Context,
    scope: &Scope,
    method: &'static Method,
    call: &ast::Call,
    site: Site,
    name_site: Site,
) -> ExprId {
    let source = site.source;
    let named: &[&str] = match method.inputs {
        Inputs::Named(names) => names,
        Inputs::Many { .. } => &[],
    };
    let many = matches!(method.inputs, Inputs::Many { .. });
    let params: Vec<&str> = named.iter().copied().chain(method.options.iter().map(|option| option.name)).collect();
    let mut inputs: Vec<Option<&ast::Arg>> = vec![None; named.len()];
    let mut given: Vec<Option<&ast::Arg>> = vec![None; method.options.len()];
    let mut next = 0;
    for arg in &call.args {
        let slot = match &arg.name {
            Some(name) => match params.iter().position(|param| *param == name.text) {
                Some(slot) => slot,
                None => {
                    context.report(error::unknown_argument(method.name, &name.text, &params, name.span.at(source)));
                    return context.error_expr(site);
                }
            },
            None if many => {
                inputs.push(Some(arg));
                continue;
            }
            None if next < params.len() => {
                next += 1;
                next - 1
            }
            None => {
                context.report(error::too_many_arguments(method.name, &params, arg, call, source));
                return context.error_expr(site);
            }
        };
        let place = if slot < named.len() { &mut inputs[slot] } else { &mut given[slot - named.len()] };
        if place.is_some() {
            context.report(error::argument_twice(method.name, params[slot], arg, call, source));
            return context.error_expr(site);
        }
        *place = Some(arg);
        if slot >= named.len()
            && let Some(block) = &arg.options
        {
            context.report(error::options_not_here(method.name, arg, block, source));
            return context.error_expr(site);
        }
    }
    if let Inputs::Many { least } = method.inputs
        && inputs.len() < least
    {
        context.report(error::too_few_inputs(method.name, least, inputs.len(), name_site));
        return context.error_expr(site);
    }
    if exchanged(context, scope, method, &inputs, &given) {
        return context.error_expr(site);
    }
    let mut made = vec![];
    for (slot, arg) in inputs.iter().enumerate() {
        let Some(arg) = arg else {
            calls::require(context, method.name, &params, slot, call, name_site, site);
            return context.error_expr(site);
        };
        let id = resolve::expr(context, scope, &arg.value);
        let value = resolve::wants(context, id, Kind::Combination, &format!("`{}`", method.name));
        let Some(options) = input_options(context, scope, method, arg, site) else { return context.error_expr(site) };
        made.push(MethodInput { value, options });
    }
    let mut options = vec![];
    for (slot, (spec, arg)) in method.options.iter().zip(&given).enumerate() {
        let value = arg.map(|arg| &arg.value);
        match option(context, scope, method.name, spec, value, name_site) {
            Some(id) => options.push(id),
            None => {
                if value.is_none() {
                    calls::require(context, method.name, &params, named.len() + slot, call, name_site, site);
                }
                return context.error_expr(site);
            }
        }
    }
    let all = made.iter().flat_map(|input| std::iter::once(&input.value).chain(&input.options)).chain(&options);
    if all.into_iter().any(|&id| context.kind_of(id) == Kind::Error) {
        return context.error_expr(site);
    }
    context.expr(ExprKind::Method { method, inputs: made, options }, Kind::Combination, site)
}

/// Reports a weight where a model belongs when a model stands where the weight belongs.
fn exchanged(
    context: &mut Context,
    scope: &Scope,
    method: &'static Method,
    inputs: &[Option<&ast::Arg>],
    given: &[Option<&ast::Arg>],
) -> bool {
    let source = context.modules[scope.module].source;
    let is_plain = |arg: &&ast::Arg| matches!(arg.value.kind, ast::ExprKind::Number(_) | ast::ExprKind::Name(_));
    let mut first_of = |args: Vec<&ast::Arg>, wanted: Kind| {
        args.into_iter().filter(is_plain).find_map(|arg| {
            let id = resolve::expr(context, scope, &arg.value);
            (context.kind_of(id) == wanted).then(|| arg.value.span.at(source))
        })
    };
    let weights = method.options.iter().zip(given).filter(|(spec, _)| matches!(spec.kind, OptionKind::Weight { .. }));
    let weights: Vec<&ast::Arg> = weights.filter_map(|(_, arg)| *arg).collect();
    if weights.is_empty() {
        return false;
    }
    let Some(model) = first_of(weights, Kind::Combination) else { return false };
    let Some(weight) = first_of(inputs.iter().copied().flatten().collect(), Kind::Weight) else { return false };
    let texts = (context.text_at(weight), context.text_at(model));
    context.report(error::exchanged(method.name, (&texts.0, weight), (&texts.1, model)));
    true
}

fn input_options(
    context: &mut Context,
    scope: &Scope,
    method: &'static Method,
    arg: &ast::Arg,
    site: Site,
) -> Option<Vec<ExprId>> {
    let names: Vec<&str> = method.input_options.iter().map(|spec| spec.name).collect();
    let mut given: Vec<Option<&ast::Expr>> = vec![None; names.len()];
    let mut right = options::once(context, site.source, arg.options.as_ref());
    for option in arg.options.iter().flat_map(|block| &block.options) {
        let option_site = option.name.span.at(site.source);
        match (names.iter().position(|name| *name == option.name.text), &option.value) {
            (Some(slot), ast::OptValue::Expr(value)) => given[slot] = Some(value),
            (Some(_), ast::OptValue::Block(_)) => {
                context.report(error::block_as_value(&option.name.text, option_site));
                right = false;
            }
            (None, _) => {
                context.report(error::unknown_option(
                    &format!("an input of `{}`", method.name),
                    &option.name.text,
                    &names,
                    option_site,
                ));
                right = false;
            }
        }
    }
    if !right {
        // What is missing may be what was misspelt.
        return None;
    }
    let arg_site = arg.value.span.at(site.source);
    let mut ids = vec![];
    for (spec, value) in method.input_options.iter().zip(given) {
        match option(context, scope, method.name, spec, value, arg_site) {
            Some(id) => ids.push(id),
            None if value.is_none() => {
                let text = context.text_at(arg_site);
                context.report(error::missing_input_option(method.name, spec.name, &text, arg_site));
                right = false;
            }
            None => right = false,
        }
    }
    right.then_some(ids)
}

/// The node of an option; `None` when it is wrong (reported) or required and absent (for the caller to report).
fn option(
    context: &mut Context,
    scope: &Scope,
    callee: &str,
    spec: &OptionSpec,
    value: Option<&ast::Expr>,
    site: Site,
) -> Option<ExprId> {
    let role = format!("`{}` of `{callee}`", spec.name);
    match (&spec.kind, value) {
        (OptionKind::Weight { default }, None) => {
            default.map(|number| context.expr(ExprKind::Number(number), Kind::Weight, site))
        }
        (OptionKind::Weight { .. }, Some(value)) => {
            let id = resolve::expr(context, scope, value);
            Some(resolve::wants(context, id, Kind::Weight, &role))
        }
        (OptionKind::Whole { default }, None) => {
            Some(context.expr(ExprKind::Number(*default as f64), Kind::Weight, site))
        }
        (OptionKind::Whole { .. }, Some(value)) => {
            let number = options::whole(context, scope, value, spec.name)?;
            let at = value.span.at(context.modules[scope.module].source);
            Some(context.expr(ExprKind::Number(number as f64), Kind::Weight, at))
        }
        (OptionKind::Bool { default }, None) => Some(context.expr(ExprKind::Bool(*default), Kind::Bool, site)),
        (OptionKind::Bool { .. }, Some(value)) => {
            let id = resolve::expr(context, scope, value);
            Some(resolve::wants(context, id, Kind::Bool, &role))
        }
        (OptionKind::Word { words }, None) => {
            Some(context.expr(ExprKind::Text((*words.first()?).into()), Kind::Text, site))
        }
        (OptionKind::Word { words }, Some(value)) => {
            let word = options::word(context, scope, value, words, &role)?;
            let at = value.span.at(context.modules[scope.module].source);
            Some(context.expr(ExprKind::Text(word.into()), Kind::Text, at))
        }
    }
}
