//! Options in braces, and values that must be known when the recipe is read.

use super::constant;
use super::context::Context;
use super::context::ModuleId;
use super::error;
use super::eval::Value;
use super::resolve;
use super::resolve::Scope;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Format;
use crate::hir::Kind;
use crate::hir::Literal;
use crate::hir::Overflow;
use crate::syntax::ast;
use crate::tensor::Dtype;
use crate::tensor::Header;
use crate::text::Site;
use crate::text::SourceId;
use std::collections::HashMap;
use std::sync::Arc;

/// The options of a `model` statement.
#[derive(Default)]
pub struct ModelOptions {
    pub layout: Option<(String, Site)>,
    pub arch: Option<(String, Site)>,
    pub key: Option<(String, Site)>,
    add_prefix: String,
    strip_prefix: String,
}

impl ModelOptions {
    /// What was said, in a fixed order; empty texts say nothing.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let text = |option: &Option<(String, Site)>| option.as_ref().map(|(text, _)| text.clone()).unwrap_or_default();
        let all = [
            ("layout", text(&self.layout)),
            ("key", text(&self.key)),
            ("arch", text(&self.arch)),
            ("add_prefix", self.add_prefix.clone()),
            ("strip_prefix", self.strip_prefix.clone()),
        ];
        all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }

    /// The header with its names stripped and prefixed; an `Err` is a name that comes out twice, or that no file can
    /// hold, with what it was before.
    pub fn renamed(&self, mut header: Header) -> Result<Header, (String, Vec<String>)> {
        if self.strip_prefix.is_empty() && self.add_prefix.is_empty() {
            return Ok(header);
        }
        let mut seen: HashMap<String, String> = HashMap::with_capacity(header.entries.len());
        for entry in &mut header.entries {
            let bare = entry.name.strip_prefix(self.strip_prefix.as_str()).unwrap_or(&entry.name);
            let new = format!("{}{bare}", self.add_prefix);
            let old = std::mem::replace(&mut entry.name, new.clone());
            let is_no_name = new.is_empty() || new == "__metadata__";
            if let Some(first) = seen.insert(new.clone(), old.clone()) {
                return Err((new, vec![first, old]));
            } else if is_no_name {
                return Err((new, vec![old]));
            }
        }
        Ok(header)
    }
}

/// The options of an `output` statement, as far as they do not depend on the tensor.
#[derive(Default)]
pub struct OutputOptions {
    /// An expression of words, asked per tensor.
    pub dtype: Option<ExprId>,
    pub layout: Option<(String, Site)>,
    pub format: Option<(Format, Site)>,
    pub shard_size: Option<(u64, Site)>,
    pub metadata: Vec<(String, String)>,
    pub overflow: Overflow,
}

const DTYPES: &[&str] = &["f16", "bf16", "f32", "f64"];
const MODEL_OPTIONS: &[&str] = &["layout", "key", "arch", "add_prefix", "strip_prefix"];
const OUTPUT_OPTIONS: &[&str] =
    &["dtype", "layout", "format", "shard_size", "files", "tokenizer", "metadata", "overflow"];

pub fn model(context: &mut Context, module: ModuleId, block: Option<&ast::Block>) -> Option<ModelOptions> {
    let mut out = ModelOptions::default();
    let source = context.modules[module].source;
    let mut right = once(context, source, block);
    let scope = Scope::bare(module);
    for option in block.iter().flat_map(|block| &block.options) {
        let site = option.name.span.at(context.modules[module].source);
        let Some(value) = plain(context, option, site, "model", MODEL_OPTIONS) else {
            right = false;
            continue;
        };
        let value_site = value.span.at(site.source);
        let Some(text) = word_or_text(context, &scope, value, &option.name.text) else {
            right = false;
            continue;
        };
        match option.name.text.as_str() {
            "layout" => out.layout = Some((text, value_site)),
            "arch" => out.arch = Some((text, value_site)),
            "key" => out.key = Some((text, value_site)),
            "add_prefix" => out.add_prefix = text,
            _ => out.strip_prefix = text,
        }
    }
    right.then_some(out)
}

pub fn output(context: &mut Context, module: ModuleId, block: Option<&ast::Block>) -> Option<OutputOptions> {
    let mut out = OutputOptions::default();
    let source = context.modules[module].source;
    let mut right = once(context, source, block);
    let scope = Scope::bare(module);
    for option in block.iter().flat_map(|block| &block.options) {
        let site = option.name.span.at(context.modules[module].source);
        if option.name.text == "metadata" {
            match metadata(context, &scope, option, site) {
                Some(metadata) => out.metadata = metadata,
                None => right = false,
            }
            continue;
        }
        let Some(value) = plain(context, option, site, "output", OUTPUT_OPTIONS) else {
            right = false;
            continue;
        };
        let value_site = value.span.at(site.source);
        let done = match option.name.text.as_str() {
            "dtype" => dtypes(context, &scope, value).map(|id| out.dtype = Some(id)),
            "layout" => {
                word_or_text(context, &scope, value, "layout").map(|text| out.layout = Some((text, value_site)))
            }
            "format" => word(context, &scope, value, &["safetensors", "pt"], "`format`").map(|word| {
                let format = if word == "pt" { Format::Pt } else { Format::Safetensors };
                out.format = Some((format, value_site));
            }),
            "shard_size" => {
                shard_size(context, &scope, value, value_site).map(|size| out.shard_size = Some((size, site)))
            }
            "overflow" => word(context, &scope, value, &["error", "inf", "saturate"], "`overflow`").map(|word| {
                out.overflow = match word {
                    "inf" => Overflow::Inf,
                    "saturate" => Overflow::Saturate,
                    _ => Overflow::Error,
                }
            }),
            later => {
                let name = if later == "files" { "files" } else { "tokenizer" };
                context.report(error::not_yet(name, site));
                None
            }
        };
        right &= done.is_some();
    }
    right.then_some(out)
}

/// Reports options that a block gives twice.
pub fn once(context: &mut Context, source: SourceId, block: Option<&ast::Block>) -> bool {
    let Some(block) = block else { return true };
    let mut right = true;
    for (at, option) in block.options.iter().enumerate() {
        if let Some(first) = block.options[..at].iter().find(|other| other.name.text == option.name.text) {
            let (site, first) = (option.span.at(source), first.span.at(source));
            context.report(error::option_twice(&option.name.text, site, first));
            right = false;
        }
    }
    right
}

/// The value of an option that is no block, its name checked.
pub fn plain<'o>(
    context: &mut Context,
    option: &'o ast::Opt,
    site: Site,
    of: &str,
    known: &[&str],
) -> Option<&'o ast::Expr> {
    if !known.contains(&option.name.text.as_str()) {
        context.report(error::unknown_option(&format!("`{of}`"), &option.name.text, known, site));
        return None;
    }
    match &option.value {
        ast::OptValue::Expr(value) => Some(value),
        ast::OptValue::Block(_) => {
            context.report(error::block_as_value(&option.name.text, site));
            None
        }
    }
}

fn metadata(context: &mut Context, scope: &Scope, option: &ast::Opt, site: Site) -> Option<Vec<(String, String)>> {
    let ast::OptValue::Block(block) = &option.value else {
        context.report(error::metadata_not_block(site));
        return None;
    };
    if !once(context, site.source, Some(block)) {
        return None;
    }
    let mut out = vec![];
    for entry in &block.options {
        let entry_site = entry.name.span.at(site.source);
        if entry.name.text.starts_with("blend.") {
            context.report(error::reserved_metadata(&entry.name.text, entry_site));
            return None;
        }
        let ast::OptValue::Expr(value) = &entry.value else {
            context.report(error::block_as_value(&entry.name.text, entry_site));
            return None;
        };
        let id = resolve::expr(context, scope, value);
        out.push((entry.name.text.clone(), literal(context, id)?.to_string()));
    }
    Some(out)
}

/// A size in bytes: a whole number, or a string such as `"5GB"`.
fn shard_size(context: &mut Context, scope: &Scope, value: &ast::Expr, site: Site) -> Option<u64> {
    let id = resolve::expr(context, scope, value);
    let size = match literal(context, id)? {
        Literal::Number(number) if number >= 1.0 && number.fract() == 0.0 && number < 1e18 => Some(number as u64),
        Literal::Text(text) => parse_size(&text),
        _ => None,
    };
    if size.is_none() {
        let text = context.text_at(site);
        context.report(error::bad_size(&text, site));
    }
    size
}

/// `5GB`, `500 MB`, `1GiB`: decimal and binary units.
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim();
    let split = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let number: f64 = digits[..split].parse().ok()?;
    let unit = match digits[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let size = number * unit;
    (1.0..1e18).contains(&size).then_some(size as u64)
}

/// `f16`, or a `match` of such words.
fn dtypes(context: &mut Context, scope: &Scope, tree: &ast::Expr) -> Option<ExprId> {
    let site = tree.span.at(context.modules[scope.module].source);
    match &tree.kind {
        ast::ExprKind::Match(arms) => {
            let mut made = vec![];
            for arm in arms {
                let (pattern, may_be_dead) = match &arm.head {
                    ast::ArmHead::Else(_) => (None, true),
                    ast::ArmHead::Pattern { maybe, pattern } => {
                        let (id, from_param) = super::patterns::pattern(context, scope, pattern);
                        (Some(id), *maybe || from_param)
                    }
                };
                let value = dtypes(context, scope, &arm.value)?;
                made.push(crate::hir::Arm { pattern, value, site: arm.span.at(site.source), may_be_dead });
            }
            Some(context.expr(ExprKind::Match(made), Kind::Text, site))
        }
        ast::ExprKind::Paren(inner) => dtypes(context, scope, inner),
        _ => {
            let word = word(context, scope, tree, DTYPES, "`dtype`")?;
            Some(context.expr(ExprKind::Text(word.into()), Kind::Text, site))
        }
    }
}

/// The dtype that an evaluated dtype option says.
pub fn dtype_of(value: &Value) -> Option<Dtype> {
    match value {
        Value::Text(text) => Dtype::from_name(text),
        _ => None,
    }
}

/// A word of a closed set, bare or quoted, or a parameter that holds one.
pub fn word(
    context: &mut Context,
    scope: &Scope,
    tree: &ast::Expr,
    words: &'static [&'static str],
    role: &str,
) -> Option<&'static str> {
    let site = tree.span.at(context.modules[scope.module].source);
    let text = bare_or_text(context, scope, tree, words)?;
    match words.iter().find(|word| **word == text) {
        Some(word) => Some(word),
        None => {
            context.report(error::unknown_choice(role, &text, words, site));
            None
        }
    }
}

/// A name or a string as text, where the set of words is open (layouts, paths).
pub fn word_or_text(context: &mut Context, scope: &Scope, tree: &ast::Expr, option: &str) -> Option<String> {
    if let ast::ExprKind::Name(path) = &tree.kind
        && let [name] = path.as_slice()
        && !context.modules[scope.module].values.contains_key(&name.text)
    {
        return Some(name.text.clone());
    }
    // `nvidia-pytorch` without quotes reads as a subtraction.
    if matches!(tree.kind, ast::ExprKind::Binary(ast::BinaryOp::Sub, ..)) {
        let site = tree.span.at(context.modules[scope.module].source);
        let text = context.text_at(site);
        if text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            context.report(error::unquoted(option, &text, site));
            return None;
        }
    }
    let id = resolve::expr(context, scope, tree);
    let id = resolve::wants(context, id, Kind::Text, &format!("`{option}`"));
    text(context, id).map(|text| text.to_string())
}

fn bare_or_text(context: &mut Context, scope: &Scope, tree: &ast::Expr, words: &[&str]) -> Option<String> {
    match &tree.kind {
        ast::ExprKind::Name(path) => match path.as_slice() {
            // A word of the set means itself, whatever else is called so.
            [name] if words.contains(&name.text.as_str()) => return Some(name.text.clone()),
            [name] if !is_text_value(context, scope, &name.text) => return Some(name.text.clone()),
            _ => {}
        },
        ast::ExprKind::Text(text) => return Some(text.value.clone()),
        _ => {}
    }
    let id = resolve::expr(context, scope, tree);
    let id = resolve::wants(context, id, Kind::Text, "this option");
    text(context, id).map(|text| text.to_string())
}

fn is_text_value(context: &Context, scope: &Scope, name: &str) -> bool {
    use super::context::Def;
    scope.locals.contains_key(name)
        || matches!(
            context.modules[scope.module].values.get(name),
            Some((Def::Param(_, Literal::Text(_)) | Def::Let { .. }, _))
        )
}

/// The text of a node that must be a constant string.
pub fn text(context: &mut Context, id: ExprId) -> Option<Arc<str>> {
    match literal(context, id)? {
        Literal::Text(text) => Some(text),
        _ => None,
    }
}

/// The largest whole number that is one of each kind: up to there all are exact.
const MOST: f64 = (1u64 << 53) as f64;

/// A whole number of 0 or more that is the same for every tensor.
pub fn whole(context: &mut Context, scope: &Scope, value: &ast::Expr, name: &str) -> Option<u64> {
    let at = value.span.at(context.modules[scope.module].source);
    let id = resolve::expr(context, scope, value);
    match literal(context, id)? {
        Literal::Number(number) if (0.0..=MOST).contains(&number) && number.fract() == 0.0 => Some(number as u64),
        _ => {
            let text = context.text_at(at);
            context.report(error::not_whole(name, &text, at));
            None
        }
    }
}

/// The literal that a constant expression comes to; reports anything else.
pub fn literal(context: &mut Context, id: ExprId) -> Option<Literal> {
    let of = context.kind_of(id);
    if of == Kind::Error {
        return None;
    }
    if !matches!(of, Kind::Weight | Kind::Bool | Kind::Text) {
        let text = context.text_at(context.site_of(id));
        context.report(error::wrong_kind("this place", &text, of, Kind::Weight, context.site_of(id)));
        return None;
    }
    match constant::of(context, id)? {
        Value::Number(number) => Some(Literal::Number(number)),
        Value::Bool(truth) => Some(Literal::Bool(truth)),
        Value::Text(text) => Some(Literal::Text(text)),
        _ => None,
    }
}

/// Whether the `in` of a parameter holds a value; a wrong `in` is reported and holds everything.
pub fn allows(context: &mut Context, within: ExprId, value: &Literal) -> bool {
    if !matches!(context.kind_of(within), Kind::Range | Kind::List) {
        if context.kind_of(within) != Kind::Error {
            let text = context.text_at(context.site_of(within));
            let found = context.kind_of(within);
            context.report(error::wrong_kind("`in`", &text, found, Kind::Range, context.site_of(within)));
        }
        return true;
    }
    let Some(bounds) = constant::of(context, within) else { return true };
    holds(&bounds, value)
}

fn holds(bounds: &Value, value: &Literal) -> bool {
    match (bounds, value) {
        (Value::Range(low, high), Literal::Number(number)) => low <= number && number <= high,
        (Value::Number(one), Literal::Number(number)) => one == number,
        (Value::Text(one), Literal::Text(text)) => one == text,
        (Value::Bool(one), Literal::Bool(truth)) => one == truth,
        (Value::List(items), value) => items.iter().any(|(_, item)| holds(item, value)),
        _ => false,
    }
}

/// Whether a list holds numbers, each with a numeric key if `keyed`, at least one; reports what does not fit.
pub fn is_number_list(context: &mut Context, id: ExprId, keyed: bool, callee: &str) -> bool {
    let items = match context.exprs[id.0 as usize].kind.clone() {
        ExprKind::List(items) => items,
        // Every list that could be chosen must fit: the choice may differ per tensor.
        ExprKind::If(_, yes, no) => {
            return is_number_list(context, yes, keyed, callee) && is_number_list(context, no, keyed, callee);
        }
        ExprKind::Match(arms) => return arms.iter().all(|arm| is_number_list(context, arm.value, keyed, callee)),
        _ => return context.kind_of(id) == Kind::List,
    };
    let site = context.site_of(id);
    if items.is_empty() {
        context.report(error::empty_list(callee, keyed, site));
        return false;
    }
    let sites: Vec<_> =
        items.iter().map(|(key, value)| (key.map(|key| context.site_of(key)), context.site_of(*value))).collect();
    if let Some(problem) = error::list_keys(callee, keyed, &sites) {
        context.report(problem);
        return false;
    }
    for (key, value) in items {
        for part in key.iter().chain([&value]) {
            let checked = resolve::wants(context, *part, Kind::Weight, &format!("a list of `{callee}`"));
            if context.kind_of(checked) == Kind::Error {
                return false;
            }
        }
    }
    true
}
