//! `use`: other recipes as modules, loaded when the first name of them is needed, so that statements stand in any order.

use super::context::Context;
use super::context::Def;
use super::context::ModuleId;
use super::error;
use super::options;
use super::resolve;
use super::resolve::Scope;
use super::statements;
use super::statements::Sets;
use super::template;
use crate::syntax::ast;
use crate::syntax::ast::ItemKind;
use crate::text::Site;
use std::path::Path;

/// Longest chain of recipes that use one another.
const CHAIN_LIMIT: usize = 64;
/// Most recipes that one recipe may use, each counted as often as it is used: two uses in every one of a chain double.
const MODULE_LIMIT: usize = 1_000;

/// Loads what a `use` statement names, if that has not been done.
pub fn used(context: &mut Context, module: ModuleId, item: usize) {
    let file = context.modules[module].file.clone();
    let ItemKind::Use { path, name, options } = &file.items[item].kind else { return };
    if !matches!(context.modules[module].values.get(&name.text), Some((Def::Use { item: own, is_active: false }, _)) if *own == item)
    {
        return;
    }
    set(context, module, name, Def::Use { item, is_active: true });
    let def = loaded(context, module, path, name, options.as_ref()).map_or(Def::Broken, Def::Module);
    set(context, module, name, def);
}

fn set(context: &mut Context, module: ModuleId, name: &ast::Name, new: Def) {
    if let Some((def, _)) = context.modules[module].values.get_mut(&name.text) {
        *def = new;
    }
}

/// The module that a name of `use` stands for; reports when its own block asks for it.
pub fn module_of(context: &mut Context, module: ModuleId, item: usize, is_active: bool, site: Site) {
    if !is_active {
        return used(context, module, item);
    }
    let file = context.modules[module].file.clone();
    let ItemKind::Use { name, .. } = &file.items[item].kind else { return };
    context.report(error::use_needs_itself(&name.text, site));
    set(context, module, name, Def::Broken);
}

fn loaded(
    context: &mut Context,
    module: ModuleId,
    path: &ast::Text,
    name: &ast::Name,
    block: Option<&ast::Block>,
) -> Option<ModuleId> {
    let own = &context.modules[module];
    let (source, prefix) = (own.source, format!("{}{}.", own.prefix, name.text));
    // The same file by another way (`./x`, `a/../x`) is the same recipe.
    let real = own.base.join(&path.value);
    let full = template::plain(&real);
    let site = path.span.at(source);
    let root = context.sources.get(context.modules[statements::ROOT].source);
    if context.loading.contains(&full) || template::plain(Path::new(&*root.name)) == full {
        context.report(error::use_cycle(&path.value, site, &context.loading));
        return None;
    }
    if context.loading.len() >= CHAIN_LIMIT || context.modules.len() >= MODULE_LIMIT || context.is_exhausted {
        if !context.is_exhausted {
            context.is_exhausted = true;
            context.report(error::too_many_uses(site, CHAIN_LIMIT, MODULE_LIMIT));
        }
        return None;
    }
    let sets = sets(context, module, block);
    let text = match context.world.recipe(&real) {
        Ok(text) => text,
        Err(problem) => {
            context.report(problem.at(site, "this recipe cannot be used"));
            return None;
        }
    };
    // A recipe that is used twice has one text, so that its arms are told once.
    let known = context.sources.iter().find(|source| *source.name == path.value && *source.text == *text);
    let id = match known.map(|source| source.id) {
        Some(id) => id,
        None => context.sources.add(path.value.clone(), text).id,
    };
    let base = real.parent().unwrap_or(Path::new("")).to_path_buf();
    let home = template::plain(context.modules[module].home.join(&path.value).parent().unwrap_or(Path::new("")));
    context.loading.push(full);
    let loaded = statements::load(context, id, &base, &home, prefix, &sets, false);
    context.loading.pop();
    Some(loaded)
}

/// The parameters that the block sets.
fn sets(context: &mut Context, module: ModuleId, block: Option<&ast::Block>) -> Sets {
    let source = context.modules[module].source;
    let mut sets = Sets::new();
    options::once(context, source, block);
    for option in block.iter().flat_map(|block| &block.options) {
        let ast::OptValue::Expr(value) = &option.value else {
            context.report(error::block_as_value(&option.name.text, option.span.at(source)));
            continue;
        };
        let id = resolve::expr(context, &Scope::bare(module), value);
        if let Some(literal) = options::literal(context, id) {
            sets.insert(option.name.text.clone(), (literal, Some(option.name.span.at(source))));
        }
    }
    sets
}
