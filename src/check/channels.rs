//! `channels` statements: masks from a catalogue or as literal sets.

use super::constant;
use super::context::Context;
use super::context::ModuleId;
use super::error;
use super::eval::Value;
use super::options;
use super::resolve;
use super::resolve::Scope;
use super::space::Space;
use super::template;
use crate::arch::Canon;
use crate::channels::Catalogue;
use crate::channels::Names;
use crate::channels::select;
use crate::channels::select::Rule;
use crate::hir::Axes;
use crate::hir::Chosen;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::Literal;
use crate::hir::Mask;
use crate::hir::MaskPart;
use crate::hir::MaskUse;
use crate::hir::Mode;
use crate::hir::Origin;
use crate::network;
use crate::syntax::ast;
use crate::text::Site;
use std::collections::HashSet;
use std::sync::Arc;

const OPTIONS: &[&str] = &["part", "clusters", "epsilon", "rho", "top", "soft", "mode", "axes"];
/// Of a literal set: everything else in its block is a channel space.
const LITERAL_OPTIONS: &[&str] = &["mode", "axes"];

/// What a block says, as far as it is not about spaces.
#[derive(Default)]
struct Settings {
    part: Option<(Literal, Site)>,
    clusters: Option<(Vec<[u64; 2]>, Site)>,
    epsilon: Option<(f64, Site)>,
    rho: Option<f64>,
    top: Option<(f64, Site)>,
    soft: Option<(Literal, Site)>,
    mode: Mode,
    axes: Axes,
}

/// The mask of a `channels` statement; `None` after a problem.
pub fn statement(
    context: &mut Context,
    module: ModuleId,
    name: &ast::Name,
    path: Option<&ast::Text>,
    block: Option<&ast::Block>,
) -> Option<Arc<Mask>> {
    let source = context.modules[module].source;
    let site = name.span.at(source);
    let mut settings = Settings::default();
    let mut sets = vec![];
    let mut right = options::once(context, source, block);
    let scope = Scope::bare(module);
    for option in block.iter().flat_map(|block| &block.options) {
        let at = option.name.span.at(source);
        let is_option = !option.quoted && LITERAL_OPTIONS.contains(&option.name.text.as_str());
        if path.is_none() && !is_option {
            let ast::OptValue::Expr(value) = &option.value else {
                context.report(error::block_as_value(&option.name.text, at));
                right = false;
                continue;
            };
            match indices(context, &scope, value) {
                Some(set) => sets.push((option.name.text.as_str().into(), Chosen::Set(set.into()))),
                None => right = false,
            }
            continue;
        }
        right &= setting(context, &scope, option, at, &mut settings).is_some();
    }
    if !right {
        return None;
    }
    let mut by = vec![];
    let mut part = None;
    let mut origins = vec![];
    let spaces = match path {
        None if sets.is_empty() => {
            context.report(error::empty_mask(&name.text, site));
            return None;
        }
        None => sets,
        Some(path) => {
            let written = template::fill(context, module, path)?;
            let full = context.located(module, &written);
            let at = path.span.at(source);
            context.read_aside("channels", module, &written);
            by = described(&settings, context.seen_from_root(module, &written));
            if context.blind {
                let by = by.into();
                let name = format!("{}{}", context.modules[module].prefix, name.text).into();
                return Some(Arc::new(Mask {
                    name,
                    spaces: vec![],
                    by,
                    mode: settings.mode,
                    axes: settings.axes,
                    part: None,
                    origins: vec![],
                    site,
                }));
            }
            let (catalogue, names) = match context.world.channels(&full) {
                Ok(read) => read,
                Err(problem) => {
                    context.report(problem.at(at, "these channels cannot be used"));
                    return None;
                }
            };
            let stem = written.strip_suffix(".channels").unwrap_or(&written).to_string();
            let clusters = clusters(context, &settings, &catalogue, &names, &stem, at)?;
            let rule = rule(context, &settings)?;
            origins = catalogue.facts.models.iter().map(origin).collect();
            let chosen: Vec<(Arc<str>, Chosen)> = catalogue
                .spaces
                .iter()
                .map(|space| {
                    let m = catalogue.part(space, &clusters);
                    let epsilon = select::EPSILON * space.channels as f64;
                    (space.name.as_str().into(), Chosen::Shares(select::select(&m, rule(epsilon)).into()))
                })
                .collect();
            let is_empty =
                |chosen: &Chosen| matches!(chosen, Chosen::Shares(all) if all.iter().all(|share| *share == 0.0));
            if chosen.iter().all(|(_, chosen)| is_empty(chosen)) {
                context.report(error::idle_mask(&name.text, site));
            }
            let name = match &settings.part {
                Some((Literal::Text(name), _)) if settings.clusters.is_none() => Some(name.clone()),
                _ => None,
            };
            part = Some(MaskPart { path: full, name, clusters });
            chosen
        }
    };
    let prefix = context.modules[module].prefix.clone();
    let name = format!("{prefix}{}", name.text).into();
    let mode = context.mode.unwrap_or(settings.mode);
    Some(Arc::new(Mask { name, spaces, by: by.into(), mode, axes: settings.axes, part, origins, site }))
}

/// How channels of a catalogue are chosen, in a fixed order.
fn described(settings: &Settings, path: String) -> Vec<String> {
    let mut out = vec![path];
    let mut say = |name: &str, value: Option<String>| out.extend(value.map(|value| format!("{name} = {value}")));
    say("part", settings.part.as_ref().map(|(part, _)| part.to_string()));
    let ranges = |ranges: &Vec<[u64; 2]>| {
        let mut ranges: Vec<String> = ranges.iter().map(|[low, high]| format!("{low}..{high}")).collect();
        ranges.sort();
        ranges.join(", ")
    };
    say("clusters", settings.clusters.as_ref().map(|(clusters, _)| ranges(clusters)));
    say("epsilon", settings.epsilon.map(|(number, _)| number.to_string()));
    say("rho", settings.rho.map(|number| number.to_string()));
    say("top", settings.top.map(|(number, _)| number.to_string()));
    say("soft", settings.soft.as_ref().map(|(soft, _)| soft.to_string()));
    out
}

fn setting(context: &mut Context, scope: &Scope, option: &ast::Opt, at: Site, settings: &mut Settings) -> Option<()> {
    let value = options::plain(context, option, at, "channels", OPTIONS)?;
    let site = value.span.at(at.source);
    match option.name.text.as_str() {
        "mode" => {
            settings.mode = Mode::from_text(options::word(context, scope, value, &Mode::WORDS, "`mode`")?)?;
        }
        "axes" => {
            settings.axes = Axes::from_text(options::word(context, scope, value, &Axes::WORDS, "`axes`")?)?;
        }
        "clusters" => settings.clusters = Some((indices(context, scope, value)?, site)),
        "part" => {
            let text = options::word_or_text(context, scope, value, "part")?;
            settings.part = Some((Literal::Text(text.into()), site));
        }
        name => {
            let id = resolve::expr(context, scope, value);
            let literal = options::literal(context, id)?;
            match (name, literal) {
                ("soft", literal @ (Literal::Bool(_) | Literal::Number(_))) => settings.soft = Some((literal, site)),
                ("epsilon", Literal::Number(number)) if number >= 0.0 => settings.epsilon = Some((number, site)),
                ("rho", Literal::Number(number)) if (0.0..=1.0).contains(&number) => settings.rho = Some(number),
                ("top", Literal::Number(number)) if number >= 1.0 && number.fract() == 0.0 => {
                    settings.top = Some((number, site));
                }
                (name, _) => {
                    let text = context.text_at(site);
                    context.report(error::bad_mask_option(name, &text, site));
                    return None;
                }
            }
        }
    }
    Some(())
}

/// Whole numbers and ranges of them: `[3, 17, 40..63]`.
fn indices(context: &mut Context, scope: &Scope, tree: &ast::Expr) -> Option<Vec<[u64; 2]>> {
    let site = tree.span.at(context.modules[scope.module].source);
    let id = resolve::expr(context, scope, tree);
    if context.kind_of(id) == Kind::Error {
        return None;
    }
    let value = constant::of(context, id)?;
    let index = |number: f64| ((0.0..1e9).contains(&number) && number.fract() == 0.0).then_some(number as u64);
    let one = |value: &Value| match value {
        Value::Number(number) => index(*number).map(|at| [at, at]),
        Value::Range(low, high) if low <= high => Some([index(*low)?, index(*high)?]),
        _ => None,
    };
    let found: Option<Vec<[u64; 2]>> = match &value {
        Value::List(items) => items.iter().map(|(key, item)| if key.is_none() { one(item) } else { None }).collect(),
        single => one(single).map(|range| vec![range]),
    };
    match found {
        Some(found) if !found.is_empty() => Some(found),
        _ => {
            let text = context.text_at(site);
            context.report(error::bad_indices(&text, site));
            None
        }
    }
}

/// The clusters that are meant.
fn clusters(
    context: &mut Context,
    settings: &Settings,
    catalogue: &Catalogue,
    names: &Option<String>,
    stem: &str,
    path: Site,
) -> Option<Vec<usize>> {
    if let Some((ranges, site)) = &settings.clusters {
        // Before the ranges are written out: a bound may be anything.
        if let Some([_, wrong]) = ranges.iter().find(|[_, high]| *high >= catalogue.clusters as u64) {
            context.report(error::unknown_cluster(*wrong, catalogue.clusters, *site));
            return None;
        }
        return Some(ranges.iter().flat_map(|[low, high]| *low as usize..=*high as usize).collect());
    }
    let names = match names.as_deref().map(|text| Names::read(text, catalogue.clusters)) {
        None => Names::default(),
        Some(Ok(names)) => names,
        Some(Err(reason)) => {
            context.report(error::bad_names(stem, &reason, path));
            return None;
        }
    };
    let known: Vec<&str> = names.0.keys().map(String::as_str).collect();
    let Some((Literal::Text(part), site)) = &settings.part else {
        context.report(error::no_part(stem, &known, path));
        return None;
    };
    if let Some(clusters) = names.0.get(&**part) {
        return Some(clusters.clone());
    }
    context.report(error::unknown_part(part, stem, &known, *site));
    None
}

/// How channels are chosen, once the usual `epsilon` of a space is known.
fn rule(context: &mut Context, settings: &Settings) -> Option<impl Fn(f64) -> Rule + use<>> {
    let ways = [
        settings.epsilon.map(|(_, site)| ("epsilon", site)),
        settings.top.map(|(_, site)| ("top", site)),
        settings.soft.as_ref().filter(|soft| soft.0 != Literal::Bool(false)).map(|(_, site)| ("soft", *site)),
    ];
    let given: Vec<(&str, Site)> = ways.into_iter().flatten().collect();
    if let [first, second, ..] = given.as_slice() {
        context.report(error::two_ways(first, second));
        return None;
    }
    let rho = settings.rho.unwrap_or(select::RHO);
    let full = match settings.soft {
        Some((Literal::Number(full), site)) if full <= rho => {
            let text = context.text_at(site);
            context.report(error::bad_mask_option("soft", &text, site));
            return None;
        }
        Some((Literal::Number(full), _)) => Some(full),
        Some((Literal::Bool(true), _)) => Some(0.5f64.max(rho + 0.1)),
        _ => None,
    };
    let (epsilon, top) = (settings.epsilon.map(|entry| entry.0), settings.top.map(|entry| entry.0));
    Some(move |usual: f64| match (full, top) {
        (Some(full), _) => Rule::Soft { rho, full },
        (_, Some(count)) => Rule::Top { count: count as usize, rho },
        _ => Rule::Budget { epsilon: epsilon.unwrap_or(usual), rho },
    })
}

fn origin(source: &crate::channels::Source) -> Origin {
    Origin { path: source.path.clone(), fingerprint: source.fingerprint.clone() }
}

/// Notes which models the masks below some roots are used with, and tells those that were made from another network than any
/// of them (W0761): headers say so much.
fn meet(context: &mut Context, space: &Space) {
    for id in &space.reachable {
        let ExprKind::Channels(mask) = &context.exprs[id.0 as usize].kind else { continue };
        let mask = mask.clone();
        let is_known = |known: &MaskUse| known.mask.site == mask.site && known.inputs == space.inputs;
        if mask.origins.is_empty() || context.masks.iter().any(is_known) {
            continue;
        }
        let own = space.inputs.iter().filter_map(|id| structure(&context.inputs[id.0 as usize].canon));
        let own: Vec<String> = own.collect();
        let expected: Vec<&str> = mask.origins.iter().filter_map(Origin::structure).collect();
        let is_strange = !own.is_empty() && !expected.is_empty() && !own.iter().any(|own| expected.contains(&&**own));
        if is_strange && context.told_masks.insert(mask.site) {
            let paths: Vec<&str> = mask.origins.iter().map(|origin| origin.path.as_str()).collect();
            context.report(error::strange_mask(&mask.name, &paths, mask.site));
        }
        context.masks.push(MaskUse { mask, inputs: space.inputs.clone() });
    }
}

/// That of the network that a checkpoint draws with, where it draws.
fn structure(canon: &Canon) -> Option<String> {
    let floats = canon.tensors.iter().filter(|tensor| tensor.dtype.is_float());
    let sizes = |shape: &[u64]| shape.iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect();
    let shapes = floats.map(|tensor| (tensor.name.clone(), sizes(&tensor.shape))).collect();
    network::describe_for(&shapes, None).ok().map(|net| network::structure(&net))
}

/// Masks below some roots that name channel spaces which no tensor has; each mask is told once.
pub fn lost(context: &mut Context, space: &Space) -> bool {
    let mut known: HashSet<Arc<str>> = HashSet::new();
    for traits in &space.traits {
        known.extend(traits.axes.iter().flatten().cloned());
        known.extend(traits.groups.iter().map(|group| group.space.clone()));
    }
    let mut lost = vec![];
    for id in &space.reachable {
        let ExprKind::Channels(mask) = &context.exprs[id.0 as usize].kind else { continue };
        let missing: Vec<Arc<str>> =
            mask.spaces.iter().filter(|(name, _)| !known.contains(name)).map(|(name, _)| name.clone()).collect();
        if !missing.is_empty() {
            lost.push((mask.name.clone(), missing, mask.site));
        }
    }
    for (name, missing, site) in &lost {
        if context.told_masks.insert(*site) {
            context.report(error::lost_spaces(name, missing, &known, *site));
        }
    }
    if lost.is_empty() {
        meet(context, space);
    }
    !lost.is_empty()
}
