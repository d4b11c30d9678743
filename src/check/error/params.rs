//! E02: parameters and their values.

use crate::check::context::Context;
use crate::check::error::listed;
use crate::check::error::names::instead;
use crate::check::eval::Value;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
use crate::hir::Literal;
use crate::text::Site;

pub fn unknown_param(name: &str, known: &[String], site: Option<Site>, is_root: bool) -> Problem {
    let place = if is_root { "this recipe" } else { "the recipe that is used" };
    let problem = Problem::new(Code("E0206"), format!("{place} has no parameter `{name}`"));
    let near = nearest(name, known.iter().map(String::as_str));
    match (site, near) {
        (Some(site), Some(near)) => instead(problem.at(site, "no parameter is called this"), site, near),
        (Some(site), None) => problem
            .at(site, "no parameter is called this")
            .help(format!("set one of its parameters: {}", listed(known))),
        (None, Some(near)) => problem.help(format!("type `--set {near}=…`")),
        (None, None) if known.is_empty() => {
            problem.help(format!("add `param {name} = 1` to the recipe, or leave `--set` away"))
        }
        (None, None) => problem.help(format!("set one of its parameters: {}", listed(known))),
    }
}

fn literal_kind(literal: &Literal) -> &'static str {
    match literal {
        Literal::Number(_) => "a number",
        Literal::Bool(_) => "true or false",
        Literal::Text(_) => "a string",
    }
}

pub fn param_kind(name: &str, found: &Literal, default: &Literal, at: Option<Site>, definition: Site) -> Problem {
    let message =
        format!("the parameter `{name}` is {}, but `{found}` is {}", literal_kind(default), literal_kind(found));
    let problem = Problem::new(Code("E0207"), message);
    let problem = match at {
        Some(site) => problem.at(site, "set to a value of another kind").because(definition, "defined"),
        None => problem.at(definition, format!("defined with the default `{default}`")),
    };
    problem.help(format!("give {}, for example `{default}`", literal_kind(default)))
}

pub fn default_outside(name: &str, default: &Literal, site: Site, within: Site, context: &Context) -> Problem {
    let allowed = context.text_at(within);
    let problem = Problem::new(Code("E0207"), format!("the default of `{name}`, `{default}`, is not in `{allowed}`"))
        .at(site, "not allowed by its own `in`")
        .because(within, "what is allowed");
    // The nearest end of a range, or the first item of a list.
    let inner = allowed.trim_start_matches('[');
    let first: String =
        inner.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '"' || *c == '-' || *c == '_').collect();
    if first.is_empty() {
        return problem.help("give a default that its `in` holds");
    }
    problem.help(format!("write `{first}`, which is allowed")).edit(site, first)
}

/// The default of a parameter is an expression, not a literal.
pub fn default_computed(name: &str, text: &str, value: Option<Value>, site: Site) -> Problem {
    let problem = Problem::new(Code("E0207"), format!("the default of `{name}`, `{text}`, is no literal"))
        .at(site, "a number, a string, `true` or `false` was expected");
    match value {
        Some(Value::Number(number)) => instead(problem, site, &number.to_string()),
        _ => problem.help(format!(
            "write a literal such as `1` or `\"soft\"`; what is computed is a `let`: `let {name} = {text}`"
        )),
    }
}

pub fn set_infinite(name: &str, value: &Literal, at: Option<Site>, definition: Site) -> Problem {
    Problem::new(Code("E0207"), format!("`{name}` is set to `{value}`, which is not finite"))
        .at(at.unwrap_or(definition), "has a number as its value")
        .help(format!("set `{name}` to a number such as `1e30`"))
}

pub fn set_outside(name: &str, value: &Literal, allowed: &str, at: Option<Site>, within: Site) -> Problem {
    let problem = Problem::new(Code("E0207"), format!("`{name}` is set to `{value}`, which is not in `{allowed}`"));
    let problem = match at {
        Some(site) => problem.at(site, "outside").because(within, "what is allowed"),
        None => problem.at(within, "what is allowed"),
    };
    problem.help(format!("set `{name}` to a value in `{allowed}`"))
}
