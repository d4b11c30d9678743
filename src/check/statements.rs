//! Statements: what a file defines, in two passes, so that order does not matter.

use super::context::Context;
use super::context::Def;
use super::context::LetState;
use super::context::Module;
use super::context::ModuleId;
use super::context::Settings;
use super::error;
use super::imports;
use super::options;
use super::outputs::Statement;
use super::params;
use super::resolve;
use super::resolve::Scope;
use super::template;
use super::written::Room;
use crate::arch;
use crate::diag::Problem;
use crate::hir::ExprId;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Kind;
use crate::hir::Literal;
use crate::hir::ModelName;
use crate::syntax;
use crate::syntax::ast;
use crate::syntax::ast::ItemKind;
use crate::text::Site;
use crate::text::SourceId;
use crate::text::Span;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// What diagnostics call the library.
pub const STD_NAME: &str = "std";
/// The library, written in the language.
const STD_TEXT: &str = include_str!("../std/std.blend");

/// The module of the root recipe, which is loaded first.
pub const ROOT: ModuleId = 0;

/// Loads the root recipe and checks every statement of it.
pub fn root(context: &mut Context, source: SourceId, base: &Path, settings: &Settings) {
    context.renews_pictures = settings.renews_pictures;
    context.mode = settings.mode;
    context.blind = settings.blind;
    context.root.clone_from(&settings.root);
    let sets = settings.sets.iter().map(|(name, value)| (name.clone(), (value.clone(), None))).collect();
    let module = load(context, source, base, Path::new(""), String::new(), &sets, true);
    for index in 0..context.modules[module].file.items.len() {
        statement(context, module, index);
    }
    resolve::unused_functions(context, module);
}

/// The module of `std`, loaded at its first use.
pub fn std_module(context: &mut Context) -> ModuleId {
    if let Some(module) = context.std {
        return module;
    }
    let source = context.sources.add(STD_NAME, STD_TEXT).id;
    let none = Path::new("");
    let module = load(context, source, none, none, format!("{STD_NAME}."), &Sets::new(), false);
    context.std = Some(module);
    module
}

/// Values for parameters: from the command line, or from the block of a `use` (with its place).
pub type Sets = BTreeMap<String, (Literal, Option<Site>)>;

/// First pass: parses, and defines every name.
pub fn load(
    context: &mut Context,
    source: SourceId,
    base: &Path,
    home: &Path,
    prefix: String,
    sets: &Sets,
    is_root: bool,
) -> ModuleId {
    let parsed = syntax::parse(context.sources.get(source));
    context.problems.extend(parsed.problems);
    let file = Rc::new(parsed.file);
    let module = context.modules.len();
    context.modules.push(Module {
        source,
        base: base.to_path_buf(),
        home: home.to_path_buf(),
        prefix,
        file: file.clone(),
        values: HashMap::new(),
        owners: HashMap::new(),
        callables: HashMap::new(),
        patterns: HashMap::new(),
        broken_callables: HashSet::new(),
        broken_patterns: HashSet::new(),
        expanded: vec![false; file.items.len()],
    });
    claim_names(context, module);
    // Parameters first: paths and imports may use them.  What is allowed may itself hang on parameters, whatever the
    // order of the text.
    for item in &file.items {
        if let ItemKind::Param { name, default, .. } = &item.kind {
            params::define(context, module, name, default, sets);
        }
    }
    for item in &file.items {
        if let ItemKind::Param { name, default, within: Some(within) } = &item.kind {
            params::allowed(context, module, name, default, within, sets);
        }
    }
    for (index, item) in file.items.iter().enumerate() {
        define_later(context, module, index, item);
    }
    for (index, item) in file.items.iter().enumerate() {
        match &item.kind {
            ItemKind::Model { name, path, options } => model(context, module, name, path, options.as_ref()),
            ItemKind::Use { .. } => imports::used(context, module, index),
            ItemKind::Lora { name, .. } => unsupported(context, module, name, "lora"),
            ItemKind::Channels { name, path, options } => {
                let found = super::channels::statement(context, module, name, path.as_ref(), options.as_ref());
                define(context, module, name, found.map_or(Def::Broken, Def::Channels));
            }
            _ => {}
        }
    }
    let known: Vec<String> = context.modules[module].param_names();
    for (name, (_, site)) in sets {
        if !known.contains(name) {
            context.report(error::unknown_param(name, &known, *site, is_root));
        }
    }
    module
}

impl Module {
    pub fn param_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .values
            .iter()
            .filter(|(_, (def, _))| matches!(def, Def::Param(..)))
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        names
    }
}

/// Notes who defines a name first, in the order of the text: definitions are read in another order.
fn claim_names(context: &mut Context, module: ModuleId) {
    let file = context.modules[module].file.clone();
    let source = context.modules[module].source;
    let mut again: Vec<(String, Site)> = vec![];
    for item in &file.items {
        let (ItemKind::Model { name, .. }
        | ItemKind::Lora { name, .. }
        | ItemKind::Channels { name, .. }
        | ItemKind::Use { name, .. }
        | ItemKind::Param { name, .. }
        | ItemKind::Let { name, .. }) = &item.kind
        else {
            if matches!(item.kind, ItemKind::Error) {
                claim_broken(context, module, item);
            }
            continue;
        };
        let site = name.span.at(source);
        let owners = &mut context.modules[module].owners;
        if owners.contains_key(&name.text) {
            again.push((name.text.clone(), site));
        } else {
            owners.insert(name.text.clone(), site);
        }
    }
    for (name, site) in again {
        let own = &context.modules[module];
        let first = own.owners[&name];
        let other = free_name(&name, |candidate| !own.owners.contains_key(candidate));
        context.report(error::defined_twice(&name, site, first, &other));
    }
}

/// The name that an unreadable statement would have defined: whoever uses it must not be told that it is unknown.
fn claim_broken(context: &mut Context, module: ModuleId, item: &ast::Item) {
    let own = &mut context.modules[module];
    let source = context.sources.get(own.source);
    let text = source.slice(item.span);
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let (Some(statement), Some(mut name)) = (words.next(), words.next()) else { return };
    if statement == "use" {
        let Some(found) = text.split(" as ").nth(1).and_then(|rest| rest.split_whitespace().next()) else { return };
        name = found;
    }
    let name = name.to_ascii_lowercase();
    match statement {
        "fn" => drop(own.broken_callables.insert(name)),
        "pattern" => drop(own.broken_patterns.insert(name)),
        _ => {
            let site = item.span.at(own.source);
            own.owners.entry(name.clone()).or_insert(site);
            own.values.entry(name).or_insert((Def::Broken, site));
        }
    }
}

/// Names that are resolved when somebody asks for them.
fn define_later(context: &mut Context, module: ModuleId, index: usize, item: &ast::Item) {
    let source = context.modules[module].source;
    let name = match &item.kind {
        ItemKind::Let { name, .. } => {
            let def = Def::Let { item: index, state: LetState::Waiting };
            return define(context, module, name, def);
        }
        ItemKind::Use { name, .. } => return define(context, module, name, Def::Use { item: index, is_active: false }),
        ItemKind::Fn { name, .. } | ItemKind::Pattern { name, .. } => name,
        _ => return,
    };
    let is_fn = matches!(item.kind, ItemKind::Fn { .. });
    if let ItemKind::Fn { params, .. } = &item.kind {
        parameters_differ(context, source, params);
    }
    let own = &mut context.modules[module];
    let table = if is_fn { &mut own.callables } else { &mut own.patterns };
    if let Some(before) = table.insert(name.text.clone(), index) {
        table.insert(name.text.clone(), before);
        let first = item_name(&own.file.items[before]).span.at(source);
        let other = free_name(&name.text, |candidate| {
            !own.callables.contains_key(candidate) && !own.patterns.contains_key(candidate)
        });
        context.report(error::defined_twice(&name.text, name.span.at(source), first, &other));
    }
}

fn parameters_differ(context: &mut Context, source: SourceId, params: &[ast::FnParam]) {
    for (at, param) in params.iter().enumerate() {
        let name = &param.name;
        if let Some(first) = params[..at].iter().find(|other| other.name.text == name.text) {
            let other = free_name(&name.text, |candidate| params.iter().all(|param| param.name.text != candidate));
            let (site, first) = (name.span.at(source), first.name.span.at(source));
            context.report(error::defined_twice(&name.text, site, first, &other));
        }
    }
}

fn item_name(item: &ast::Item) -> &ast::Name {
    match &item.kind {
        ItemKind::Fn { name, .. } | ItemKind::Pattern { name, .. } => name,
        _ => unreachable!("only functions and patterns are in these tables"),
    }
}

fn free_name(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    (2..).map(|n| format!("{name}_{n}")).find(|candidate| is_free(candidate)).expect("some number is free")
}

/// Puts a name into the value namespace; a second definition of it has been reported.
pub fn define(context: &mut Context, module: ModuleId, name: &ast::Name, def: Def) {
    let own = &mut context.modules[module];
    let site = name.span.at(own.source);
    if own.owners.get(&name.text).is_none_or(|owner| *owner == site) {
        own.values.insert(name.text.clone(), (def, site));
    }
}

fn unsupported(context: &mut Context, module: ModuleId, name: &ast::Name, what: &'static str) {
    let site = name.span.at(context.modules[module].source);
    context.report(error::not_yet(what, site));
    define(context, module, name, Def::Broken);
}

/// A problem with the dictionary that is meant: its place and its help as an edit.
fn about_key(problem: Problem, path: Site, source: SourceId, key: Option<Site>, block: Option<&ast::Block>) -> Problem {
    // The help quotes an option that can be typed, or says that there should be none.
    let help = problem.help.clone().unwrap_or_default();
    let typed = help.split("key = \"").nth(1).and_then(|rest| rest.split('"').next());
    let end = path.span.end;
    match (key, typed, block) {
        (Some(at), Some(typed), _) => problem.at(at, "this dictionary cannot be used").edit(at, format!("\"{typed}\"")),
        (Some(at), None, Some(block)) if help.starts_with("leave `key` away") => {
            let options = &block.options;
            let index = options.iter().position(|option| option.name.text == "key").unwrap_or(0);
            let span = match options.len() {
                // With the space before it.
                1 => Span { start: end, end: block.span.end },
                _ if index > 0 => Span { start: options[index - 1].span.end, end: options[index].span.end },
                _ => Span { start: options[0].span.start, end: options[1].span.start },
            };
            problem.at(at, "there is no dictionary").edit(span.at(source), "")
        }
        (Some(at), ..) => problem.at(at, "this dictionary cannot be used"),
        (None, Some(typed), None) => {
            let edit = format!(" {{ key = \"{typed}\" }}");
            problem.at(path, "several dictionaries").edit(Span { start: end, end }.at(source), edit)
        }
        (None, Some(typed), Some(block)) if !block.options.is_empty() => {
            let first = block.options[0].span.start;
            let edit = format!("key = \"{typed}\", ");
            problem.at(path, "several dictionaries").edit(Span { start: first, end: first }.at(source), edit)
        }
        (None, ..) => problem.at(path, "this checkpoint cannot be used"),
    }
}

/// `model NAME = "PATH" { … }`: reads the header and finds the layout.
fn model(context: &mut Context, module: ModuleId, name: &ast::Name, path: &ast::Text, block: Option<&ast::Block>) {
    let def = match open_model(context, module, name, path, block) {
        Some(input) => {
            context.inputs.push(input);
            Def::Model(InputId(context.inputs.len() as u32 - 1))
        }
        None => Def::Broken,
    };
    define(context, module, name, def);
}

fn open_model(
    context: &mut Context,
    module: ModuleId,
    name: &ast::Name,
    path: &ast::Text,
    block: Option<&ast::Block>,
) -> Option<Input> {
    let own = &context.modules[module];
    let (source, prefix) = (own.source, own.prefix.clone());
    let site = path.span.at(source);
    let options = options::model(context, module, block)?;
    let written = template::fill(context, module, path)?;
    let full = context.located(module, &written);
    let mut words = options.words();
    words.iter_mut().filter(|word| word.0 == "arch").for_each(|word| word.1 = context.seen_from_root(module, &word.1));
    let model = ModelName { path: context.seen_from_root(module, &written), options: words };
    if let Some((arch_path, _)) = &options.arch {
        context.read_aside("arch", module, arch_path);
    }
    let name = format!("{prefix}{}", name.text).into();
    if context.blind {
        context.models.push(model);
        return Some(Input { name, written, path: full, site, header: Arc::default(), canon: Arc::default() });
    }
    let key = options.key.as_ref().map(|(key, _)| key.as_str());
    // Before the model, which may be missing: who asks what a recipe reads is told of both.
    let own_text = match &options.arch {
        Some((arch_path, arch_site)) => {
            let text = context.world.architecture(&context.located(module, arch_path));
            Some(text.map_err(|problem| {
                context.report(problem.at(*arch_site, "this architecture file cannot be used"));
            }))
        }
        None => None,
    };
    let header = context.world.checkpoint(&full, key);
    let mut header = match header {
        Ok(header) => match options.renamed(header) {
            Ok(header) => header,
            Err((new, old)) => {
                context.report(error::clash(&new, &old, site));
                return None;
            }
        },
        Err(problem) if problem.code == crate::diag::Code("E0521") => {
            context.report(about_key(problem, site, source, options.key.map(|(_, at)| at), block));
            return None;
        }
        Err(problem) => {
            context.report(problem.at(site, "this checkpoint cannot be used"));
            return None;
        }
    };
    let own_arch = match (&options.arch, own_text) {
        (Some((arch_path, arch_site)), Some(text)) => {
            Some(load_architecture(context, &text.ok()?, arch_path, *arch_site)?)
        }
        _ => None,
    };
    let layout = options.layout.as_ref().map(|(layout, _)| layout.as_str());
    match arch::detect(&header, own_arch.as_ref(), layout) {
        Ok(mut canon) => {
            arch::complete(&mut header, &mut canon);
            context.models.push(model);
            Some(Input { name, written, path: full, site, header: Arc::new(header), canon: Arc::new(canon) })
        }
        Err(problem) => {
            let unknown = problem.code == crate::diag::Code("E0431");
            let mut problem = match &options.layout {
                Some((_, at)) if unknown => problem.at(*at, "no layout is called this"),
                Some((_, at)) => problem.at(*at, "its tensors do not fit"),
                None => problem.at(site, "its tensors do not fit"),
            };
            // The help of an unknown layout quotes the nearest one.
            let near = problem.help.as_deref().and_then(|help| help.split('`').nth(1)).map(String::from);
            if let (true, Some((_, at)), Some(near)) = (unknown, &options.layout, near) {
                problem = problem.edit(*at, near);
            }
            if problem.code == crate::diag::Code("E0432") && block.is_none() {
                let end = Span { start: site.span.end, end: site.span.end };
                problem = problem.edit(end.at(source), " { layout = \"generic\" }");
            }
            context.report(problem);
            None
        }
    }
}

/// Reads a user's architecture file; its problems are shown in it, with the place in the recipe that names it.
fn load_architecture(context: &mut Context, text: &str, path: &str, site: Site) -> Option<arch::Architecture> {
    match arch::load(text, path) {
        Ok(architecture) => Some(architecture),
        Err(faults) => {
            let source = context.sources.add(path, text).id;
            for fault in faults {
                let at = Span::new(fault.at.start, fault.at.end).at(source);
                context.report(fault.problem.at(at, fault.label).because(site, "named here"));
            }
            None
        }
    }
}

/// Second pass, for the root alone: outputs and claims are evaluated, lets and functions are at least resolved.
fn statement(context: &mut Context, module: ModuleId, index: usize) {
    let file = context.modules[module].file.clone();
    let source = context.modules[module].source;
    let item = &file.items[index];
    let scope = Scope::bare(module);
    match &item.kind {
        ItemKind::Let { name, .. } => {
            resolve::value_named(context, module, &name.text, name.span.at(source));
        }
        ItemKind::Pattern { pattern, .. } => {
            super::patterns::pattern(context, &scope, pattern);
        }
        ItemKind::Output { path, value, options } => {
            let id = resolve::expr(context, &scope, value);
            let Some(written) = template::fill(context, module, path) else { return };
            let room = Room::of(source, value, options.as_ref());
            let Some(options) = options::output(context, module, options.as_ref()) else { return };
            let statement = Statement { module, written, site: path.span.at(source), value: id, options, room };
            context.outputs.push(statement);
        }
        ItemKind::Assert { claim } => assert(context, &scope, claim),
        _ => {}
    }
}

fn assert(context: &mut Context, scope: &Scope, claim: &ast::Expr) {
    let site = claim.span.at(context.modules[scope.module].source);
    let (inner, within) = match &claim.kind {
        ast::ExprKind::Where(inner, pattern) => (&**inner, Some(super::patterns::pattern(context, scope, pattern).0)),
        _ => (claim, None),
    };
    let mut scope = scope.clone();
    scope.claim = Some(within);
    let id: ExprId = resolve::expr(context, &scope, inner);
    match context.kind_of(id) {
        Kind::Verdict | Kind::Bool => {
            let text = context.text_at(site);
            context.claims.push((id, site, text));
        }
        Kind::Error => {}
        found => {
            let text = context.text_at(inner.span.at(site.source));
            context.report(error::not_a_claim(found, &text, inner.span.at(site.source)));
        }
    }
}
