//! `align`: which channels may change places, and on which tensors two models are compared for it.

use super::calls;
use super::context::Context;
use super::demand;
use super::demand::Complaints;
use super::demand::Wanted;
use super::error;
use super::eval::Evaluator;
use super::options;
use super::outputs::Evaluated;
use super::resolve;
use super::resolve::Scope;
use super::space::Space;
use crate::arch;
use crate::arch::Policy;
use crate::arch::Traits;
use crate::hir::Alignment;
use crate::hir::CallInstance;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::FreeSpace;
use crate::hir::Kind;
use crate::hir::Matched;
use crate::syntax::ast;
use crate::text::Site;
use fixedbitset::FixedBitSet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// `align(model, to = base, seed = 0)`
pub fn call(context: &mut Context, scope: &Scope, call: &ast::Call, site: Site, name_site: Site) -> ExprId {
    let params = ["model", "to", "seed"];
    let Some(bound) = calls::bind(context, scope, "align", &params, call) else { return context.error_expr(site) };
    let mut ids = vec![];
    for (slot, arg) in bound[..2].iter().enumerate() {
        let Some(arg) = arg else {
            calls::require(context, "align", &params, slot, call, name_site, site);
            return context.error_expr(site);
        };
        let id = resolve::expr(context, scope, &arg.value);
        ids.push(resolve::wants(context, id, Kind::Combination, "`align`"));
    }
    let seed = match bound[2] {
        None => Some(0),
        Some(arg) => options::whole(context, scope, &arg.value, "seed"),
    };
    let Some(seed) = seed.filter(|_| ids.iter().all(|&id| context.kind_of(id) != Kind::Error)) else {
        return context.error_expr(site);
    };
    context.expr(ExprKind::Align { value: ids[0], to: ids[1], seed }, Kind::Combination, site)
}

/// Axes of a tensor whose channels may change places, with their spaces.
pub fn axes(traits: &Traits, shape: &[u64]) -> Vec<(usize, Arc<str>)> {
    // What must agree, or is counted, is moved as it is.
    if traits.policy != Policy::Mix {
        return vec![];
    }
    let of = |free: &arch::Free| {
        let size = shape.get(free.axis).filter(|size| **size > 0)?;
        let space = traits.axes.get(free.axis)?.clone()?;
        size.is_multiple_of(free.block).then_some((free.axis, space))
    };
    traits.free.iter().filter_map(of).collect()
}

/// Whether every `align` below some roots has channels that it may move; each is told once.
pub fn fits(context: &mut Context, space: &Space) -> bool {
    let mut all = true;
    for &id in &space.reachable {
        let ExprKind::Align { value, .. } = context.exprs[id.0 as usize].kind else { continue };
        let keys = space.keys(value);
        let is_free = |tensor: usize| !axes(&space.traits[tensor], &space.shapes[tensor]).is_empty();
        let fits = keys.ones().any(is_free);
        all &= fits;
        if !context.told_aligns.insert(id) {
            continue;
        }
        let site = context.site_of(id);
        if !fits {
            let families: BTreeSet<String> =
                space.inputs.iter().map(|input| context.inputs[input.0 as usize].canon.family.to_string()).collect();
            context.report(error::nothing_free(&families.into_iter().collect::<Vec<_>>(), site));
            continue;
        }
        let unknown: Vec<Arc<str>> = keys
            .ones()
            .filter(|&at| space.traits[at].has_word(arch::EXTRA))
            .map(|at| space.names[at].clone())
            .collect();
        if !unknown.is_empty() {
            context.report(error::left_as_they_are(&unknown, site));
        }
    }
    all
}

/// The alignments that evaluated tensors need, and those that these need.
pub fn evaluate(context: &mut Context, evaluated: &mut Evaluated) {
    let mut done: BTreeSet<ExprId> = BTreeSet::new();
    let mut seen = 0;
    while seen < evaluated.calls.len() {
        let wanted: BTreeSet<ExprId> =
            evaluated.calls[seen..].iter().filter_map(|call| Some(call.turned.as_ref()?.align)).collect();
        seen = evaluated.calls.len();
        for id in wanted {
            if !done.insert(id) {
                continue;
            }
            let Some(alignment) = one(context, &mut evaluated.calls, id) else { continue };
            let asks = |own: &Alignment| (own.seed, own.tensors.as_slice()) == (alignment.seed, &alignment.tensors);
            match evaluated.alignments.iter_mut().find(|own| asks(own)) {
                Some(own) => own.exprs.extend(alignment.exprs),
                None => evaluated.alignments.push(alignment),
            }
        }
    }
    // A node comes after what it is made of.
    evaluated.alignments.sort_by_key(|alignment| alignment.exprs.iter().min().copied());
}

fn one(context: &mut Context, calls: &mut Vec<CallInstance>, id: ExprId) -> Option<Alignment> {
    let ExprKind::Align { value, to, seed } = context.exprs[id.0 as usize].kind else { return None };
    let site = context.site_of(id);
    let mut space = Space::new(&[value, to], &context.exprs, &context.inputs, &context.patterns);
    let own = space.keys(value).clone();
    let mut both = own.clone();
    both.intersect_with(space.keys(to));
    let mut alignment =
        Alignment { exprs: vec![id], text: context.text_at(site), site, seed, spaces: vec![], tensors: vec![] };
    // In the order of canonical names: files hold tensors in orders of their own.
    let by_name = |keys: &FixedBitSet| {
        let mut tensors: Vec<usize> = keys.ones().collect();
        tensors.sort_by(|&a, &b| space.names[a].cmp(&space.names[b]));
        tensors
    };
    let (own, both) = (by_name(&own), by_name(&both));
    let mut under: Vec<Option<Arc<str>>> = vec![];
    for tensor in own {
        for (axis, name) in axes(&space.traits[tensor], &space.shapes[tensor]) {
            let traits = &space.traits[tensor];
            let (Some(free), None) = (traits.free.iter().find(|free| free.axis == axis), alignment.space(&name)) else {
                continue;
            };
            let channels = space.shapes[tensor][axis];
            alignment.spaces.push(FreeSpace { name, channels, block: free.block, under: None });
            under.push(free.under.clone());
        }
    }
    for (at, under) in under.into_iter().enumerate() {
        alignment.spaces[at].under = under.and_then(|under| alignment.space(&under));
    }
    let mut complaints = Complaints::default();
    let mut evaluator = Evaluator::new(&context.exprs, &context.patterns, Some(&mut space), std::mem::take(calls));
    let mut sizes = vec![];
    for tensor in both {
        let free = axes(&evaluator.space().traits[tensor], &evaluator.space().shapes[tensor]);
        if free.is_empty() {
            continue;
        }
        let mut made =
            |root| demand::made(&mut evaluator, root, tensor, Wanted::Model, &context.inputs, &mut complaints);
        let (Some(model), Some(to)) = (made(value), made(to)) else { continue };
        if model.shape != to.shape {
            // Vocabularies may differ, channels may not.
            let differs = |(axis, _): &(usize, Arc<str>)| model.shape.get(*axis) != to.shape.get(*axis);
            if free.iter().any(differs) {
                sizes.push((model.name.clone(), model.shape.clone(), to.shape.clone()));
            }
            continue;
        }
        let space_of = |(axis, name): (usize, Arc<str>)| Some((axis, alignment.space(&name)?));
        let axes = free.into_iter().filter_map(space_of).collect();
        let (name, shape) = (model.name, model.shape);
        alignment.tensors.push(Matched { name, shape, model: model.form, to: to.form, axes });
    }
    *calls = std::mem::take(&mut evaluator.calls);
    let problems = error::complaints(&complaints, &space, value, context);
    let clean = problems.is_empty();
    problems.into_iter().for_each(|problem| context.report(problem));
    if !sizes.is_empty() {
        context.report(error::other_sizes(&sizes, site));
        return None;
    }
    if clean && alignment.tensors.is_empty() {
        context.report(error::nothing_in_common(site));
        return None;
    }
    clean.then_some(alignment)
}
