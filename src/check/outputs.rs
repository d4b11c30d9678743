//! Outputs and claims: every tensor of them is evaluated and demanded.

use super::align;
use super::channels;
use super::context::Context;
use super::context::ModuleId;
use super::context::Settings;
use super::demand;
use super::demand::Complaints;
use super::demand::Wanted;
use super::domain::Taken;
use super::error;
use super::eval::Evaluator;
use super::eval::Value;
use super::images;
use super::lints;
use super::options;
use super::options::OutputOptions;
use super::space::Space;
use super::template;
use super::written;
use super::written::Room;
use crate::arch;
use crate::arch::Stored;
use crate::diag::Problem;
use crate::hir;
use crate::hir::Alignment;
use crate::hir::Atom;
use crate::hir::CallInstance;
use crate::hir::Drawn;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Format;
use crate::hir::InputId;
use crate::hir::Kind;
use crate::hir::Made;
use crate::hir::Measured;
use crate::hir::Metric;
use crate::hir::Output;
use crate::hir::PatternId;
use crate::hir::Promised;
use crate::text::Site;
use fixedbitset::FixedBitSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// An `output` statement, resolved.
pub struct Statement {
    pub module: ModuleId,
    pub written: String,
    pub site: Site,
    pub value: ExprId,
    pub options: OutputOptions,
    pub room: Room,
}

impl Statement {
    /// What it says, before any tensor is asked.
    pub fn promised(&self, context: &Context) -> Promised {
        let options = &self.options;
        Promised {
            path: context.seen_from_root(self.module, &self.written),
            value: self.value,
            dtype: options.dtype,
            layout: options.layout.as_ref().map(|(layout, _)| layout.clone()),
            format: options.format.map(|(format, _)| format).unwrap_or_default(),
            shard_size: options.shard_size.map(|(size, _)| size),
            metadata: options.metadata.clone(),
            overflow: options.overflow,
        }
    }
}

/// Where an output will stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// As the recipe writes it, parameters filled in.
    pub written: String,
    pub path: PathBuf,
    pub directory: bool,
    /// The path's string in the recipe.
    pub site: Site,
}

/// What evaluation gives.
#[derive(Default)]
pub struct Evaluated {
    pub calls: Vec<CallInstance>,
    pub alignments: Vec<Alignment>,
    pub outputs: Vec<Output>,
    pub measured: Vec<Measured>,
    pub drawn: Vec<Drawn>,
    pub planned: Vec<Planned>,
}

/// Evaluates all outputs and claims; what is wrong goes to the context's problems.
pub fn evaluate(context: &mut Context, settings: &Settings) -> Evaluated {
    let mut evaluated = Evaluated::default();
    let mut taken = Taken::default();
    let statements = chosen(context, settings);
    for statement in &statements {
        let path = path_of(context, statement, settings);
        let directory = written::is_directory(&path);
        let (written, site) = (statement.written.clone(), statement.site);
        evaluated.planned.push(Planned { written, path, directory, site });
        if let Some(output) = output(context, statement, settings, &mut evaluated.calls, &mut taken) {
            evaluated.outputs.push(output);
        }
    }
    claims(context, &mut evaluated, &mut taken);
    align::evaluate(context, &mut evaluated);
    dead_arms(context, &taken);
    remarks(context);
    if !context.problems.has_errors() {
        lints::remarks(context, &evaluated);
    }
    evaluated
}

/// What detection noticed of the models, except holes that the recipe fills with `complete`.
fn remarks(context: &mut Context) {
    for at in 0..context.inputs.len() {
        let input = &context.inputs[at];
        let (site, canon) = (input.site, input.canon.clone());
        for remark in &canon.remarks {
            let is_filled = remark.code == arch::HOLES && is_completed(context, InputId(at as u32));
            if !is_filled {
                context.report(remark.clone().at(site, "is read this way"));
            }
        }
    }
}

/// Whether some `complete` gives a model what it lacks.
fn is_completed(context: &Context, input: InputId) -> bool {
    let firsts = context.exprs.iter().filter_map(|expr| match expr.kind {
        ExprKind::Complete(value, _) => Some(value),
        _ => None,
    });
    let mut waiting: Vec<ExprId> = firsts.collect();
    let mut seen = FixedBitSet::with_capacity(context.exprs.len());
    while let Some(id) = waiting.pop() {
        if seen.put(id.0 as usize) {
            continue;
        }
        match &context.exprs[id.0 as usize].kind {
            ExprKind::Input(found) if *found == input => return true,
            kind => waiting.extend(super::context::children(kind)),
        }
    }
    false
}

/// The outputs of this run: all, or those that `--only` names; their paths must differ.
fn chosen(context: &mut Context, settings: &Settings) -> Vec<Statement> {
    let mut statements = std::mem::take(&mut context.outputs);
    for (at, statement) in statements.iter().enumerate() {
        let path = template::plain(Path::new(&statement.written));
        for other in &statements[..at] {
            let before = template::plain(Path::new(&other.written));
            if before == path {
                context.report(error::same_path(&statement.written, statement.site, other.site));
                break;
            }
            let inside = [(statement, other), (other, statement)];
            let nested = [path.starts_with(&before), before.starts_with(&path)];
            if let Some(((inner, outer), _)) = inside.into_iter().zip(nested).find(|pair| pair.1) {
                context.report(error::path_inside((&inner.written, inner.site), (&outer.written, outer.site)));
                break;
            }
        }
    }
    if !settings.only.is_empty() {
        let globs: Vec<_> = settings.only.iter().map(|glob| (glob, only_regex(glob))).collect();
        for (glob, regex) in &globs {
            if !statements.iter().any(|statement| regex.is_match(&statement.written)) {
                let paths: Vec<&str> = statements.iter().map(|statement| statement.written.as_str()).collect();
                context.report(error::only_fits_nothing(glob, &paths));
            }
        }
        statements.retain(|statement| globs.iter().any(|(_, regex)| regex.is_match(&statement.written)));
    }
    if settings.output.is_some() && statements.len() != 1 {
        let paths: Vec<&str> = statements.iter().map(|statement| statement.written.as_str()).collect();
        context.report(error::output_needs_one(&paths));
    }
    statements
}

/// `*` and `?` in a path, dots and slashes meaning themselves.
fn only_regex(glob: &str) -> regex::Regex {
    let escaped = regex::escape(glob).replace(r"\*", ".*").replace(r"\?", ".");
    regex::Regex::new(&format!("^(?:.*/)?{escaped}$")).expect("an escaped glob is a regular expression")
}

fn output(
    context: &mut Context,
    statement: &Statement,
    settings: &Settings,
    calls: &mut Vec<CallInstance>,
    taken: &mut Taken,
) -> Option<Output> {
    let value = super::resolve::wants(context, statement.value, Kind::Combination, "an output");
    if context.kind_of(value) != Kind::Combination {
        return None;
    }
    if !written::is_writable(context, statement, settings) {
        return None;
    }
    let roots: Vec<ExprId> = std::iter::once(value).chain(statement.options.dtype).collect();
    let mut space = Space::new(&roots, &context.exprs, &context.inputs, &context.patterns);
    if !renames_fit(context, &space) || channels::lost(context, &space) || !align::fits(context, &space) {
        return None;
    }
    let keys = space.keys(value).clone();
    if keys.is_clear() {
        context.report(error::empty_output(context.site_of(value)));
        return None;
    }
    lints::idle_norms(context, &space);
    let mut complaints = Complaints::default();
    let mut evaluator = Evaluator::new(&context.exprs, &context.patterns, Some(&mut space), std::mem::take(calls));
    let mut tensors: Vec<Made> = vec![];
    let mut floats = FixedBitSet::with_capacity(keys.len());
    for tensor in keys.ones() {
        let made = demand::made(&mut evaluator, value, tensor, Wanted::Model, &context.inputs, &mut complaints);
        let Some(mut made) = made else { continue };
        if made.dtype.is_float()
            && let Some(option) = statement.options.dtype
        {
            floats.grow_and_insert(tensor);
            match evaluator.fresh(option, Some(tensor)) {
                Ok(word) => made.dtype = options::dtype_of(&word).unwrap_or(made.dtype),
                Err(fault) => complaints.fault(fault, tensor),
            }
        }
        tensors.push(made);
    }
    *calls = std::mem::take(&mut evaluator.calls);
    let marks: Vec<_> = std::iter::once((value, keys)).chain(statement.options.dtype.map(|id| (id, floats))).collect();
    taken.mark(&mut space, &context.exprs, &context.patterns, &marks);
    let problems = error::complaints(&complaints, &space, value, context);
    let clean = problems.is_empty();
    problems.into_iter().for_each(|problem| context.report(problem));
    if !clean {
        return None;
    }
    let counters = error::counters_of_first(&complaints, &space, value, context);
    counters.into_iter().for_each(|problem| context.report(problem));
    for (name, sizes) in network(&tensors) {
        context.report(error::no_network(&name, &sizes, context.site_of(value)));
    }
    if let Some(problem) = disagreeing(context, calls, &tensors, value) {
        context.report(problem);
        return None;
    }
    place(context, statement, settings, &space, calls, tensors)
}

/// Two models of a result whose rows are in orders that no one network has.
fn disagreeing(context: &Context, calls: &[CallInstance], tensors: &[Made], root: ExprId) -> Option<Problem> {
    let mut given: Vec<InputId> = vec![];
    for atom in tensors.iter().flat_map(|made| hir::leaves(&made.form, calls)) {
        if let Atom::Tensor { input, .. } = atom
            && !given.contains(input)
        {
            given.push(*input);
        }
    }
    let given: Vec<&hir::Input> = given.into_iter().map(|id| &context.inputs[id.0 as usize]).collect();
    let (number, told) = arch::disagreement(given.iter().map(|input| &*input.canon))?;
    let told = told.map(|(at, value)| (given[at], value));
    Some(error::other_number(&number, told, context.site_of(root)))
}

/// Whether every `rename` gives every tensor a name of its own; each is told once.
fn renames_fit(context: &mut Context, space: &Space) -> bool {
    for clash in &space.clashes {
        if context.told_renames.insert(clash.rename) {
            context.report(error::clash(&clash.new, &clash.old, context.site_of(clash.rename)));
        }
    }
    for &id in &space.idle_renames {
        if !context.may_be_idle.contains(&id) && context.told_renames.insert(id) {
            context.report(error::idle_rename(id, context));
        }
    }
    space.clashes.is_empty()
}

fn network(tensors: &[Made]) -> Vec<(String, Vec<(String, u64)>)> {
    arch::check_network(tensors.iter().map(|made| (&*made.name, made.shape.as_slice(), &*made.traits)))
}

/// Where an output goes.
fn path_of(context: &Context, statement: &Statement, settings: &Settings) -> PathBuf {
    let base = &context.modules[statement.module].base;
    settings.output.clone().unwrap_or_else(|| base.join(&statement.written))
}

/// Where the output goes and in which layout.
fn place(
    context: &mut Context,
    statement: &Statement,
    settings: &Settings,
    space: &Space,
    calls: &[CallInstance],
    tensors: Vec<Made>,
) -> Option<Output> {
    let first = &context.inputs[space.inputs.first()?.0 as usize];
    let family = first.canon.family.clone();
    let first_layout = first.canon.layout.clone();
    let mut layout = first_layout.clone();
    if let Some((wanted, site)) = &statement.options.layout {
        // A user's own layouts of the family are those of its inputs.
        let mut known = arch::layouts_of(&family);
        for input in context.inputs.iter().filter(|input| input.canon.family == family) {
            if !known.contains(&&*input.canon.layout) {
                known.push(&input.canon.layout);
            }
        }
        match known.iter().find(|id| **id == wanted.as_str()) {
            Some(id) => layout = Arc::from(*id),
            None => {
                let problem = error::unknown_layout(wanted, &family, &known, *site);
                context.report(problem);
                return None;
            }
        }
    }
    if let Some(problem) = lacking(context, calls, &layout, &tensors) {
        let option = statement.options.layout.as_ref().map(|option| option.1);
        context.report(problem.at(option.unwrap_or(statement.site), "needs that number"));
        return None;
    }
    if let Some(problem) = unfit(context, calls, statement, &family, &layout, &first_layout, &tensors) {
        context.report(problem);
        return None;
    }
    let path = path_of(context, statement, settings);
    let directory = written::is_directory(&path);
    let files = context.inputs.iter().flat_map(|input| &input.header.files).map(|file| file.path.clone());
    let inputs: Vec<PathBuf> = context.inputs.iter().map(|input| input.path.clone()).chain(files).collect();
    if let Err(problem) = context.world.may_write(&path, &inputs) {
        // The command line's path stands nowhere in the recipe.
        let is_own = settings.output.is_none();
        context.report(if is_own { problem.at(statement.site, "is where an input is") } else { problem });
        return None;
    }
    Some(Output {
        written: statement.written.clone(),
        from_root: context.seen_from_root(statement.module, &statement.written),
        path,
        directory,
        site: statement.site,
        value: statement.value,
        layout,
        family,
        format: statement.options.format.map_or(Format::Safetensors, |format| format.0),
        shard_size: statement.options.shard_size.map(|size| size.0),
        metadata: statement.options.metadata.clone(),
        overflow: statement.options.overflow,
        tensors,
    })
}

/// The first number that a layout needs and no input tells.
fn lacking(context: &Context, calls: &[CallInstance], layout: &str, tensors: &[Made]) -> Option<Problem> {
    tensors.iter().find_map(|made| match hir::stored(&context.inputs, calls, layout, made) {
        Stored::Lacks { number } => Some(arch::unknown_number(hir::own_of(&context.inputs, layout), layout, &number)),
        _ => None,
    })
}

/// Why an output cannot be a file of its layout: a tensor has no place there, or nobody would know the file again.
fn unfit(
    context: &Context,
    calls: &[CallInstance],
    statement: &Statement,
    family: &str,
    layout: &str,
    first: &str,
    tensors: &[Made],
) -> Option<Problem> {
    let inputs = &context.inputs;
    let own = |layout: &str| hir::own_of(inputs, layout);
    let missing = |layout: &str| {
        let stored = |made| hir::stored_name(inputs, calls, layout, made);
        let names: Vec<String> = tensors.iter().filter_map(stored).collect();
        arch::missing(own(layout), layout, names.iter().map(String::as_str))
    };
    let metadata = &statement.options.metadata;
    let lost = homeless(context, calls, layout, tensors);
    let reason = match arch::contradicted(own(layout), layout, metadata) {
        _ if !lost.is_empty() => None,
        Some((name, values)) => Some(error::metadata_of_another(name, values)),
        // A part of a network is none in any layout.
        None if *layout == *first => None,
        None => missing(layout).filter(|_| missing(first).is_none()).map(|name| format!("`{name}` is missing")),
    };
    if lost.is_empty() && reason.is_none() {
        return None;
    }
    let fits = |layout: &&str| {
        homeless(context, calls, layout, tensors).is_empty()
            && arch::contradicted(own(layout), layout, metadata).is_none()
            && missing(layout).is_none()
    };
    let fit = arch::layouts_of(family).into_iter().find(fits);
    let option = statement.options.layout.as_ref().map(|option| option.1);
    let places = error::Places { option, path: statement.site, room: &statement.room };
    Some(match reason {
        Some(reason) => error::unlike_layout(&reason, layout, fit, &places),
        None => {
            let problem = error::no_place(&lost, layout, fit, &places);
            match lost.iter().find_map(|name| arch::lacks_because(own(layout), layout, name)) {
                Some(because) => problem.note(because),
                None => problem,
            }
        }
    })
}

/// Tensors that a layout cannot store, and that no input stores in it.
fn homeless(context: &Context, calls: &[CallInstance], layout: &str, tensors: &[Made]) -> Vec<String> {
    let lost = |made: &&Made| {
        let shows =
            |input: &crate::hir::Input| &*input.canon.layout == layout && input.canon.index.contains_key(&made.name);
        hir::stored(&context.inputs, calls, layout, made) == Stored::NoPlace && !context.inputs.iter().any(shows)
    };
    tensors.iter().filter(lost).map(|made| made.name.to_string()).collect()
}

/// Every metric of every claim, over the tensors that it is about.
fn claims(context: &mut Context, evaluated: &mut Evaluated, taken: &mut Taken) {
    let ids: Vec<ExprId> = (0..context.exprs.len() as u32).map(ExprId).collect();
    let mut wanted: Vec<ExprId> = context.claims.iter().map(|claim| claim.0).collect();
    let mut seen = FixedBitSet::with_capacity(ids.len());
    while let Some(id) = wanted.pop() {
        if seen.put(id.0 as usize) {
            continue;
        }
        let expr = context.exprs[id.0 as usize].clone();
        match &expr.kind {
            ExprKind::Metric { metric, args, within } => {
                if let Some(measured) = measure(context, evaluated, taken, id, *metric, args, *within) {
                    evaluated.measured.push(measured);
                }
            }
            ExprKind::Render { .. } => images::draw(context, evaluated, taken, id),
            // Bounds and conditions of a claim are the same for all tensors: folded, so that nobody evaluates them again.
            _ if matches!(expr.of, Kind::Weight | Kind::Bool) => {
                let folded = match super::constant::of(context, id) {
                    Some(Value::Number(number)) => ExprKind::Number(number),
                    Some(Value::Bool(truth)) => ExprKind::Bool(truth),
                    _ => continue,
                };
                context.exprs[id.0 as usize].kind = folded;
            }
            ExprKind::If(condition, yes, no) => {
                if let Some(Value::Bool(truth)) = super::constant::of(context, *condition) {
                    let chosen = if truth { *yes } else { *no };
                    context.exprs[id.0 as usize].kind = context.exprs[chosen.0 as usize].kind.clone();
                    // It is another value now, and is looked at as that.
                    seen.set(id.0 as usize, false);
                    wanted.push(id);
                }
            }
            kind => wanted.extend(super::context::children(kind)),
        }
    }
    evaluated.measured.sort_by_key(|measured| measured.expr);
    // Equal values follow each other, so that nothing is computed twice.
    evaluated.drawn.sort_by_key(|drawn| (drawn.value, drawn.expr));
    ids.into_iter().filter(|id| seen.contains(id.0 as usize)).for_each(|id| images::fit(context, &evaluated.drawn, id));
}

fn measure(
    context: &mut Context,
    evaluated: &mut Evaluated,
    taken: &mut Taken,
    id: ExprId,
    metric: Metric,
    args: &[ExprId],
    within: Option<PatternId>,
) -> Option<Measured> {
    let mut space = Space::new(args, &context.exprs, &context.inputs, &context.patterns);
    if !renames_fit(context, &space) || channels::lost(context, &space) || !align::fits(context, &space) {
        return None;
    }
    let mut keys = FixedBitSet::new();
    args.iter().for_each(|&arg| keys.union_with(space.keys(arg)));
    if let Some(within) = within {
        keys.intersect_with(space.mask(within, &context.patterns));
    }
    let site = context.site_of(id);
    if keys.is_clear() {
        context.report(error::claim_about_nothing(site));
        return None;
    }
    let mut complaints = Complaints::default();
    let mut evaluator =
        Evaluator::new(&context.exprs, &context.patterns, Some(&mut space), std::mem::take(&mut evaluated.calls));
    let mut lists: Vec<Vec<Made>> = vec![vec![]; args.len()];
    // Canonical name order: sums over tensors are taken in it.
    let mut tensors: Vec<usize> = keys.ones().collect();
    tensors.sort_by(|&a, &b| evaluator.space().names[a].cmp(&evaluator.space().names[b]));
    for &tensor in &tensors {
        for (list, &arg) in lists.iter_mut().zip(args) {
            let made =
                demand::made(&mut evaluator, arg, tensor, Wanted::ModelOrDifference, &context.inputs, &mut complaints);
            list.extend(made);
        }
    }
    evaluated.calls = std::mem::take(&mut evaluator.calls);
    let marks: Vec<_> = args.iter().map(|&arg| (arg, keys.clone())).collect();
    taken.mark(&mut space, &context.exprs, &context.patterns, &marks);
    let problems = error::complaints(&complaints, &space, args[0], context);
    let clean = problems.is_empty();
    problems.into_iter().for_each(|problem| context.report(problem));
    if !clean {
        return None;
    }
    as_written(&mut lists, args, &evaluated.outputs, metric);
    Some(Measured { expr: id, metric, args: lists, site })
}

/// Law 7: a value that an output writes is judged as written, and `same` converts the other side to that type.
fn as_written(lists: &mut [Vec<Made>], args: &[ExprId], outputs: &[Output], metric: Metric) {
    for (at, arg) in args.iter().enumerate() {
        let Some(output) = outputs.iter().find(|output| output.value == *arg) else { continue };
        let written: std::collections::HashMap<&str, _> =
            output.tensors.iter().map(|made| (&*made.name, made.dtype)).collect();
        let sides = if metric == Metric::Same { 0..lists.len() } else { at..at + 1 };
        for side in sides {
            for made in lists[side].iter_mut().filter(|made| made.dtype.is_float()) {
                made.dtype = written.get(&*made.name).copied().unwrap_or(made.dtype);
            }
        }
    }
}

fn dead_arms(context: &mut Context, taken: &Taken) {
    let dead = taken.arms.values().filter(|arm| arm.takes == 0);
    let mut dead: Vec<((ExprId, usize), usize)> = dead.map(|arm| (arm.first, arm.fits)).collect();
    dead.sort();
    for ((id, index), fits) in dead {
        let ExprKind::Match(arms) = context.exprs[id.0 as usize].kind.clone() else { continue };
        if !arms[index].may_be_dead {
            let problem = error::dead_arm(&arms[index], fits, &arms[..index], context);
            context.report(problem);
        }
    }
    let idle = taken.wheres.values().filter(|one| !one.fits && !context.may_be_idle.contains(&one.first));
    let mut idle: Vec<ExprId> = idle.map(|one| one.first).collect();
    idle.sort();
    for id in idle {
        let ExprKind::Where(_, pattern) = context.exprs[id.0 as usize].kind else { continue };
        let problem = error::idle_where(id, pattern, context);
        context.report(problem);
    }
}
