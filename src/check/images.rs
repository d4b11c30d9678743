//! Pictures in claims: `render`, `image`, filters and metrics; and which tensors they ask for.

use super::calls::bind;
use super::calls::require;
use super::constant;
use super::context::Context;
use super::demand;
use super::demand::Complaints;
use super::demand::Wanted;
use super::domain::Taken;
use super::error;
use super::eval::Evaluator;
use super::eval::Value;
use super::options;
use super::outputs::Evaluated;
use super::resolve;
use super::resolve::Scope;
use super::space::Space;
use super::template;
use crate::hir::Drawn;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Golden;
use crate::hir::ImageMetric;
use crate::hir::Kind;
use crate::hir::Look;
use crate::hir::Made;
use crate::network;
use crate::network::Net;
use crate::network::NoiseChoice;
use crate::network::build::Shapes;
use crate::syntax::ast;
use crate::text::Site;
use fixedbitset::FixedBitSet;
use std::sync::Arc;

/// Callables that give pictures.
pub const NAMES: [&str; 4] = ["render", "image", "lowpass", "highpass"];

/// Pictures in one batch, at most.
const SEEDS: usize = 1024;

/// Values of one batch, at most: a gigabyte of f32.
const VALUES: usize = 1 << 28;

const NOISES: &[&str] = &["const", "none", "random"];

/// A call of one of [`NAMES`].
pub fn call(context: &mut Context, scope: &Scope, name: &str, call: &ast::Call, site: Site, name_site: Site) -> ExprId {
    let made = match name {
        "render" => render(context, scope, call, site, name_site),
        "image" => picture(context, scope, call, site, name_site),
        _ => band(context, scope, name, call, site, name_site),
    };
    match made {
        Some(kind) => context.expr(kind, Kind::Image, site),
        None => context.error_expr(site),
    }
}

/// A metric of pictures; models have their own.
pub fn metric(
    context: &mut Context,
    scope: &Scope,
    metric: ImageMetric,
    args: Vec<ExprId>,
    site: Site,
    name_site: Site,
) -> ExprId {
    match scope.claim {
        None => {
            context.report(error::metric_outside(metric.name(), name_site));
            return context.error_expr(site);
        }
        Some(Some(_)) => {
            context.report(error::where_on_pictures(metric.name(), name_site));
            return context.error_expr(site);
        }
        Some(None) => {}
    }
    let of = if metric == ImageMetric::Finite { Kind::Verdict } else { Kind::Measure };
    context.expr(ExprKind::ImageMetric { metric, args }, of, site)
}

const RENDER: [&str; 8] = ["model", "seeds", "psi", "cutoff", "class", "noise", "size", "crop"];

fn render(context: &mut Context, scope: &Scope, call: &ast::Call, site: Site, name_site: Site) -> Option<ExprKind> {
    let bound = bind(context, scope, "render", &RENDER, call)?;
    let [model, seeds, psi, cutoff, class, noise, size, crop] = bound.as_slice() else { return None };
    let Some(model) = model else {
        require(context, "render", &RENDER, 0, call, name_site, site);
        return None;
    };
    let id = resolve::expr(context, scope, &model.value);
    let value = resolve::wants(context, id, Kind::Combination, "`render`");
    let mut right = context.kind_of(value) != Kind::Error;
    let mut arg = |arg: &Option<&ast::Arg>, name: &str, low: f64, high: f64| -> Option<Vec<f64>> {
        let numbers = arg.map(|arg| numbers(context, scope, &arg.value, name, low, high));
        right &= numbers.as_ref().is_none_or(Option::is_some);
        numbers.flatten()
    };
    let seeds = arg(seeds, "seeds", 0.0, f64::from(u32::MAX));
    let crop_numbers = arg(crop, "crop", 0.0, 1e6);
    let mut one =
        |given: &Option<&ast::Arg>, name: &str, low: f64, high: f64| arg(given, name, low, high).map(|all| all[0]);
    let cutoff = one(cutoff, "cutoff", 0.0, 1e6);
    let class = one(class, "class", 0.0, 1e9);
    let size = one(size, "size", 1.0, 16384.0);
    let psi = match psi {
        Some(arg) => {
            let id = resolve::expr(context, scope, &arg.value);
            let id = resolve::wants(context, id, Kind::Weight, "`psi`");
            match (context.kind_of(id) == Kind::Weight).then(|| constant::of(context, id)).flatten() {
                Some(Value::Number(number)) => number,
                _ => {
                    right = false;
                    1.0
                }
            }
        }
        None => 1.0,
    };
    let noise = match noise {
        Some(arg) => {
            let word = options::word(context, scope, &arg.value, NOISES, "noise");
            right &= word.is_some();
            word.and_then(NoiseChoice::named).unwrap_or_default()
        }
        None => NoiseChoice::default(),
    };
    let crop = match (crop_numbers, crop) {
        (Some(list), Some(arg)) => match <[f64; 4]>::try_from(list) {
            Ok(four) if four[2] >= 1.0 && four[3] >= 1.0 => Some(four.map(|number| number as usize)),
            _ => {
                let site = arg.value.span.at(context.modules[scope.module].source);
                context.report(error::crop(site));
                right = false;
                None
            }
        },
        _ => None,
    };
    let whole = |number: Option<f64>| number.map(|number| number as usize);
    let look = Look {
        seeds: seeds.map_or(vec![0], |seeds| seeds.iter().map(|seed| *seed as u32).collect()),
        psi,
        cutoff: whole(cutoff),
        class: whole(class),
        noise,
        crop,
        size: whole(size),
    };
    right.then(|| ExprKind::Render { value, look: Box::new(look) })
}

/// Whole numbers of an argument: a number, a list, or a range with both ends.
fn numbers(
    context: &mut Context,
    scope: &Scope,
    tree: &ast::Expr,
    name: &str,
    low: f64,
    high: f64,
) -> Option<Vec<f64>> {
    let id = resolve::expr(context, scope, tree);
    let site = tree.span.at(context.modules[scope.module].source);
    let several = matches!(name, "seeds" | "crop");
    let found = match context.kind_of(id) {
        Kind::Error => return None,
        Kind::List if several => list(context, id)?,
        Kind::Weight | Kind::Range => match (constant::of(context, id)?, name) {
            (Value::Number(number), _) => vec![number],
            (Value::Range(first, last), "seeds")
                if first <= last && last - first < SEEDS as f64 && first % 1.0 == 0.0 =>
            {
                (0..=(last - first) as usize).map(|step| first + step as f64).collect()
            }
            _ => vec![],
        },
        _ => vec![],
    };
    let is_right = |number: &f64| number % 1.0 == 0.0 && (low..=high).contains(number);
    if found.is_empty() || found.len() > SEEDS || !found.iter().all(is_right) {
        let text = context.text_at(site);
        context.report(error::picture_argument(name, &text, site));
        return None;
    }
    Some(found)
}

fn list(context: &mut Context, id: ExprId) -> Option<Vec<f64>> {
    let ExprKind::List(items) = context.exprs[id.0 as usize].kind.clone() else { return Some(vec![]) };
    let mut out = vec![];
    for (key, item) in items {
        match (key, context.kind_of(item)) {
            (_, Kind::Error) => return None,
            (None, Kind::Weight) => match constant::of(context, item)? {
                Value::Number(number) => out.push(number),
                _ => return Some(vec![]),
            },
            _ => return Some(vec![]),
        }
    }
    Some(out)
}

fn picture(context: &mut Context, scope: &Scope, call: &ast::Call, site: Site, name_site: Site) -> Option<ExprKind> {
    let params = ["path"];
    let bound = bind(context, scope, "image", &params, call)?;
    let Some(arg) = bound[0] else {
        require(context, "image", &params, 0, call, name_site, site);
        return None;
    };
    let ast::ExprKind::Text(text) = &arg.value.kind else {
        let site = arg.value.span.at(site.source);
        let found = context.text_at(site);
        context.report(error::picture_path(&found, site));
        return None;
    };
    let written = template::fill(context, scope.module, text)?;
    let path = context.located(scope.module, &written);
    context.read_aside("picture", scope.module, &written);
    let from_root = context.seen_from_root(scope.module, &written);
    if context.blind {
        return Some(ExprKind::Picture(Box::new(Golden { written: from_root.into(), path, size: None })));
    }
    let size = match context.world.picture(&path) {
        Ok(size) => Some(size),
        // It is about to be written.
        Err(problem) if context.renews_pictures && problem.code == error::NOT_FOUND => None,
        Err(problem) => {
            let missing = problem.code == error::NOT_FOUND;
            let problem = problem.at(text.span.at(site.source), "named here");
            context.report(if missing {
                problem.note("`blend test --update RECIPE` writes the pictures that its claims name")
            } else {
                problem
            });
            return None;
        }
    };
    Some(ExprKind::Picture(Box::new(Golden { written: written.into(), path, size })))
}

fn band(
    context: &mut Context,
    scope: &Scope,
    name: &str,
    call: &ast::Call,
    site: Site,
    name_site: Site,
) -> Option<ExprKind> {
    let params = ["image", "px"];
    let bound = bind(context, scope, name, &params, call)?;
    let mut ids = vec![];
    for (slot, arg) in bound.iter().enumerate() {
        let Some(arg) = arg else {
            require(context, name, &params, slot, call, name_site, site);
            return None;
        };
        let id = resolve::expr(context, scope, &arg.value);
        let wanted = if slot == 0 { Kind::Image } else { Kind::Weight };
        ids.push(resolve::wants(context, id, wanted, &format!("`{name}`")));
    }
    if ids.iter().any(|id| context.kind_of(*id) == Kind::Error) {
        return None;
    }
    match constant::of(context, ids[1])? {
        Value::Number(px) if px > 0.0 && px <= 4096.0 => {
            Some(ExprKind::Band { high: name == "highpass", image: ids[0], px })
        }
        _ => {
            let site = context.site_of(ids[1]);
            let text = context.text_at(site);
            context.report(error::picture_argument("px", &text, site));
            None
        }
    }
}

/// The tensors that a `render` needs, and the network that they are.
pub fn draw(context: &mut Context, evaluated: &mut Evaluated, taken: &mut Taken, id: ExprId) {
    let ExprKind::Render { value, look } = context.exprs[id.0 as usize].kind.clone() else { return };
    let site = context.site_of(id);
    let mut space = Space::new(&[value], &context.exprs, &context.inputs, &context.patterns);
    if super::channels::lost(context, &space) {
        return;
    }
    let keys: FixedBitSet = space.keys(value).clone();
    let mut complaints = Complaints::default();
    let mut evaluator =
        Evaluator::new(&context.exprs, &context.patterns, Some(&mut space), std::mem::take(&mut evaluated.calls));
    let mut made: Vec<Made> = vec![];
    for tensor in keys.ones() {
        made.extend(demand::made(&mut evaluator, value, tensor, Wanted::Model, &context.inputs, &mut complaints));
    }
    evaluated.calls = std::mem::take(&mut evaluator.calls);
    taken.mark(&mut space, &context.exprs, &context.patterns, &[(value, keys)]);
    let problems = error::complaints(&complaints, &space, value, context);
    let clean = problems.is_empty();
    problems.into_iter().for_each(|problem| context.report(problem));
    if !clean {
        return;
    }
    made.retain(|made| made.dtype.is_float());
    let sizes = |made: &Made| made.shape.iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect();
    let shapes: Shapes = made.iter().map(|made| (made.name.clone(), sizes(made))).collect();
    let net = match network::describe_for(&shapes, None) {
        Ok(net) => net,
        Err(problem) => return context.report(problem.at(context.site_of(value), "is drawn here")),
    };
    if let Some(problem) = unfit(&look, &net, site) {
        return context.report(problem);
    }
    made.retain(|made| net.tensors.contains_key(&made.name));
    made.sort_by(|a, b| a.name.cmp(&b.name));
    // Law 7: a value that an output writes is drawn as written.
    if let Some(output) = evaluated.outputs.iter().find(|output| output.value == value) {
        let written: std::collections::HashMap<&str, _> =
            output.tensors.iter().map(|made| (&*made.name, made.dtype)).collect();
        made.iter_mut().for_each(|made| made.dtype = written.get(&*made.name).copied().unwrap_or(made.dtype));
    }
    evaluated.drawn.push(Drawn { expr: id, value, tensors: made, net: Arc::new(net), site });
}

/// What a look asks of a network that it does not have.
fn unfit(look: &Look, net: &Net, site: Site) -> Option<crate::diag::Problem> {
    let labels = net.mapping.as_ref().map_or(0, |mapping| mapping.labels);
    if let Some(class) = look.class.filter(|class| *class >= labels) {
        return Some(error::no_class(class, labels, site));
    }
    let shape = net.output.shape;
    if let Some([x, y, width, height]) = look.crop
        && (x + width > shape.width || y + height > shape.height)
    {
        return Some(error::crop_outside([x + width, y + height], [shape.width, shape.height], site));
    }
    let [width, height] = look.size_of(net);
    let values = width.saturating_mul(height).saturating_mul(shape.channels).saturating_mul(look.seeds.len());
    (values > VALUES).then(|| error::batch_too_large([width, height], look.seeds.len(), site))
}

/// Pictures of a value: how many, and their size; `None` where a problem has been told, or a file is yet to be written.
fn extent(context: &Context, drawn: &[Drawn], id: ExprId) -> Option<(usize, [usize; 2])> {
    match &context.exprs[id.0 as usize].kind {
        ExprKind::Render { look, .. } => {
            let drawn = drawn.iter().find(|drawn| drawn.expr == id)?;
            Some((look.seeds.len(), look.size_of(&drawn.net)))
        }
        ExprKind::Picture(golden) => Some((1, golden.size?)),
        ExprKind::Band { image, .. } => extent(context, drawn, *image),
        _ => None,
    }
}

/// Whether an expression ends in a file.
fn is_file(context: &Context, id: ExprId) -> bool {
    match &context.exprs[id.0 as usize].kind {
        ExprKind::Picture(_) => true,
        ExprKind::Band { image, .. } => is_file(context, *image),
        _ => false,
    }
}

/// Two pictures that are compared have one size, and batches one length; a file that meets a batch is a strip of it.
pub fn fit(context: &mut Context, drawn: &[Drawn], id: ExprId) {
    let ExprKind::ImageMetric { metric, args } = context.exprs[id.0 as usize].kind.clone() else { return };
    let [a, b] = args.as_slice() else { return };
    let (Some(first), Some(other)) = (extent(context, drawn, *a), extent(context, drawn, *b)) else { return };
    let strip = |file: (usize, [usize; 2]), batch: (usize, [usize; 2])| {
        file.1 == [batch.1[0] * batch.0, batch.1[1]] && file.0 == 1
    };
    let fits = match (is_file(context, *a), is_file(context, *b)) {
        (true, false) => strip(first, other),
        (false, true) => strip(other, first),
        _ => first == other,
    };
    if !fits {
        let problem = error::sizes_differ(metric.name(), (first, context.site_of(*a)), (other, context.site_of(*b)));
        context.report(problem);
    }
}
