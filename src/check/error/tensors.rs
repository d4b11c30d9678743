//! E04: tensors: arms, coordinates, totals, key sets, shapes, types.

use crate::check::context::Context;
use crate::check::demand::Complaint;
use crate::check::demand::Complaints;
use crate::check::demand::Group;
use crate::check::error::apart::missing;
use crate::check::error::apart::shapes;
use crate::check::error::counted;
use crate::check::error::listed;
use crate::check::error::number_fault;
use crate::check::error::rewrite::where_parts;
use crate::check::eval::FaultKind;
use crate::check::space::Space;
use crate::check::written::Room;
use crate::diag::Code;
use crate::diag::Problem;
use crate::hir::Arm;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Kind;
use crate::hir::Pattern;
use crate::hir::PatternId;
use crate::tensor::Coord;
use crate::text::Site;
use crate::text::Span;

pub(super) fn at_start(site: Site) -> Site {
    Site { span: Span { start: site.span.start, end: site.span.start }, ..site }
}

pub(super) fn at_end(site: Site) -> Site {
    Site { span: Span { start: site.span.end, end: site.span.end }, ..site }
}

/// Problems for everything that was complained of.
pub fn complaints(complaints: &Complaints, space: &Space, root: ExprId, context: &Context) -> Vec<Problem> {
    complaints.groups.iter().filter_map(|group| complaint(group, space, root, context)).collect()
}

fn names<'s>(group: &Group, space: &'s Space) -> Vec<&'s str> {
    group.tensors.iter().map(|&tensor| &*space.names[tensor]).collect()
}

/// "`a`" or "`a` and 11 other tensors"
pub(in crate::check) fn subject(names: &[&str]) -> String {
    match names {
        [one] => format!("`{one}`"),
        [first, rest @ ..] => format!("`{first}` and {}", counted(rest.len(), "other tensor")),
        [] => "no tensor".into(),
    }
}

fn complaint(group: &Group, space: &Space, root: ExprId, context: &Context) -> Option<Problem> {
    let names = names(group, space);
    let problem = match &group.complaint {
        Complaint::Fault(fault) => {
            let site = context.site_of(fault.expr);
            match &fault.kind {
                FaultKind::Silent | FaultKind::NotConstant(_) => return None,
                FaultKind::NoArm => no_arm(fault.expr, group, space, &names, context),
                FaultKind::NoCoord(coord, whole) => no_coord(*coord, fault.expr, *whole, &names, context),
                kind @ FaultKind::Number(_) => number_fault(kind, context.kind_of(fault.expr), site)?,
                FaultKind::ListTooShort(coord, _, len) => {
                    too_short(*coord, *len, fault.expr, group, space, &names, context)
                }
                FaultKind::Total { found, wanted } => total(*found, *wanted, fault.expr, group, space, &names, context),
                FaultKind::Channels => super::by_channel(&context.text_at(site), site),
                FaultKind::MaskSize { space, mask, found } => {
                    let ExprKind::Channels(own) = &context.exprs[fault.expr.0 as usize].kind else { return None };
                    super::mask_size(&own.name, space, *mask, *found, &names, own.site)
                }
                FaultKind::NotPlain => super::not_plain(&context.text_at(site), &names, site),
                FaultKind::Refused(reason) => Problem::new(Code("E0408"), format!("{reason}, at {}", subject(&names)))
                    .at(site, "cannot be computed")
                    .help("change its options, for example `weight = 1` for every input"),
            }
        }
        Complaint::Missing { input } => missing(*input, root, group, space, &names, context),
        Complaint::Absent { expr } => absent(*expr, group, space, &names, context),
        Complaint::Shapes { first, other } => shapes(first, other, root, group, space, &names, context),
        Complaint::NotFloat { input, dtype } => {
            let name = &context.inputs[input.0 as usize].name;
            let site = context.site_of(root);
            Problem::new(Code("E0407"), format!("{} of `{name}` holds {dtype}, which cannot be mixed", subject(&names)))
                .at(site, "mixes it")
                .help(format!("take it from one model: `match {{ {} => {name}  else => … }}`", any_of(&names)))
                .edit(at_start(site), format!("match {{ {} => {name}  else => ", any_of(&names)))
                .edit(at_end(site), " }")
        }
    };
    // All of them need no list.
    let some = names.len() > 1 && names.len() < space.keys(root).count_ones(..);
    Some(if some { problem.note(format!("{}: {}", counted(names.len(), "tensor"), listed(&names))) } else { problem })
}

/// A pattern that fits these tensors: a few names as they are, more by what they share.
pub(super) fn any_of(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" or ")
}

fn no_arm(expr: ExprId, group: &Group, space: &Space, names: &[&str], context: &Context) -> Problem {
    let site = context.site_of(expr);
    let text = context.text_at(site);
    let in_lines = context.sources.get(site.source).slice(site.span).contains('\n');
    let ExprKind::Match(arms) = &context.exprs[expr.0 as usize].kind else { unreachable!("only a match lacks an arm") };
    let value = match context.kind_of(expr) {
        Kind::Weight => "0".to_string(),
        Kind::Bool => "false".into(),
        Kind::Text => "f32".into(),
        // A model that has all of the tensors that are left over.
        _ => model_with(group, space, context)
            .or_else(|| arms.last().map(|arm| context.text_at(context.site_of(arm.value))))
            .unwrap_or_else(|| "MODEL".into()),
    };
    let problem = Problem::new(Code("E0401"), format!("no arm takes {}", subject(names)))
        .at(site, format!("{} left over", if names.len() == 1 { "a tensor is" } else { "tensors are" }))
        .help(format!("say what holds for the rest: `else => {value}`"));
    // A `match` of the library is not there to be edited.
    if !text.ends_with('}') {
        return problem;
    }
    let close = Site { span: Span { start: site.span.end - 1, end: site.span.end - 1 }, ..site };
    problem.edit(close, if in_lines { format!("  else => {value}\n") } else { format!(" else => {value} ") })
}

/// The name of an input that has every tensor of a group.
pub(super) fn model_with(group: &Group, space: &Space, context: &Context) -> Option<String> {
    let has_all = |input: &&InputId| {
        let canon = &context.inputs[input.0 as usize].canon;
        group.tensors.iter().all(|&tensor| canon.index.contains_key(&space.names[tensor]))
    };
    space.inputs.iter().find(has_all).map(|input| context.inputs[input.0 as usize].name.to_string())
}

fn no_coord(coord: Coord, expr: ExprId, whole: ExprId, names: &[&str], context: &Context) -> Problem {
    let (site, around) = (context.site_of(expr), context.site_of(whole));
    let (word, text) = (coord.text(), context.text_at(around));
    let problem = Problem::new(
        Code("E0403"),
        format!("{} {} no {word}", subject(names), if names.len() == 1 { "has" } else { "have" }),
    )
    .at(site, format!("asks the {word} of every tensor"));
    // A place outside the text (a library) cannot be edited: the use of it can.
    problem
        .help(format!("say where it holds, `({text} where {word} 0..)`, which is 0 elsewhere; or give those tensors an arm of a `match`"))
        .edit(at_start(around), "(")
        .edit(at_end(around), format!(" where {word} 0..)"))
}

fn too_short(
    coord: Coord,
    len: usize,
    expr: ExprId,
    group: &Group,
    space: &Space,
    names: &[&str],
    context: &Context,
) -> Problem {
    let site = context.site_of(expr);
    let text = context.text_at(site);
    // The farthest tensor tells how long the list must be.
    let values = group.tensors.iter().filter_map(|&tensor| space.traits[tensor].coord(coord));
    let farthest = values.fold(0.0, f64::max);
    let first = if coord == Coord::Octave { 2 } else { 0 };
    let needed = farthest + 1.0 - f64::from(first);
    let problem = Problem::new(
        Code("E0405"),
        format!(
            "the list has {}, but {} lie beyond it, up to {} {farthest}",
            counted(len, "item"),
            subject(names),
            coord.text()
        ),
    )
    .at(site, format!("needs {needed} items, for {} {first} to {farthest}", coord.text()));
    let fill = ", 1".repeat((needed as usize).saturating_sub(len).min(64));
    match text.rfind(']') {
        Some(_) if !fill.is_empty() => {
            let raw = context.sources.get(site.source).slice(site.span);
            let at = site.span.start + raw.rfind(']').unwrap_or(raw.len()) as u32;
            problem
                .help(format!("add an item for every {}: `{fill}`", coord.text()))
                .edit(Site { span: Span { start: at, end: at }, ..site }, fill)
        }
        _ => problem.help(format!("give it an item for every {}", coord.text())),
    }
}

/// A value is asked where its `where` (or `rename`) gives it nothing.
fn absent(expr: ExprId, group: &Group, space: &Space, names: &[&str], context: &Context) -> Problem {
    let site = context.site_of(expr);
    let text = context.text_at(site);
    let verb = if names.len() == 1 { "is" } else { "are" };
    let problem =
        Problem::new(Code("E0404"), format!("{} {verb} asked of `{text}`, which has nothing there", subject(names)))
            .at(site, "has nothing there");
    let model = model_with(group, space, context);
    let parts = super::rewrite::where_parts(&text).filter(|_| super::rewrite::is_difference(expr, context));
    match (parts, model) {
        (Some((inner, pattern)), _) => {
            let better = format!("(1 where {pattern}) * {inner}");
            problem.help(format!("multiply by a weight, which is 0 elsewhere: `{better}`")).edit(site, better)
        }
        (None, Some(model)) => problem
            .help(format!("say what stands elsewhere: `complete({text}, from = {model})`"))
            .edit(at_start(site), "complete(")
            .edit(at_end(site), format!(", from = {model})")),
        (None, None) => problem.help(format!("say what stands elsewhere: `complete({text}, from = MODEL)`")),
    }
}

fn total(
    found: f64,
    wanted: f64,
    expr: ExprId,
    group: &Group,
    space: &Space,
    names: &[&str],
    context: &Context,
) -> Problem {
    let site = context.site_of(expr);
    let text = context.text_at(site);
    let found_text = rounded(found);
    let what = if wanted == 1.0 { "a model (total 1)" } else { "a difference (total 0)" };
    let problem = Problem::new(
        Code("E0304"),
        format!("the shares of `{text}` sum to {found_text} at {}, but {what} is needed", subject(names)),
    )
    .at(site, format!("sums to {found_text}"));
    // Where the sum differs from tensor to tensor, no one number repairs it.
    let uneven = group.mixed || group.tensors.len() < space.keys(expr).count_ones(..);
    let first = space.inputs.first().map(|input| context.inputs[input.0 as usize].name.to_string());
    if wanted == 1.0 && uneven {
        let model = model_with(group, space, context).or(first);
        return match (super::rewrite::sum_of_weights(expr, context), model) {
            (Some((sum, is_sum)), Some(model)) => {
                let (open, close) = if is_sum { ("", "") } else { ("(", ")") };
                problem
                    .help(format!("give what is missing to a model: `{open}{text}{close} + (1 - {sum}) * {model}`"))
                    .edit(at_start(site), open)
                    .edit(at_end(site), format!("{close} + (1 - {sum}) * {model}"))
            }
            _ => problem.help("give what is missing to a model: `… + (1 - SUM OF THE WEIGHTS) * MODEL`"),
        };
    }
    match (wanted == 1.0, found.abs() < 1e-9, first) {
        (true, true, Some(model)) => problem
            .help(format!("add it to a model: `{model} + ({text})`"))
            .edit(at_start(site), format!("{model} + ("))
            .edit(at_end(site), ")"),
        (true, false, _) => problem
            .help(format!("divide by the sum: `({text}) / {found_text}`"))
            .edit(at_start(site), "(")
            .edit(at_end(site), format!(") / {found}")),
        (false, _, Some(model)) => problem
            .help(format!("subtract a model: `({text}) - {model}`"))
            .edit(at_start(site), "(")
            .edit(at_end(site), format!(") - {model}")),
        _ => problem.help("make the shares sum to 1"),
    }
}

/// A number as people would write it.
fn rounded(number: f64) -> String {
    let rounded = (number * 1e9).round() / 1e9;
    format!("{rounded}")
}

/// An arm that takes no tensor in any use.
pub fn dead_arm(arm: &Arm, fits: usize, earlier: &[Arm], context: &Context) -> Problem {
    let site = arm.site;
    let problem = if fits > 0 {
        let problem = Problem::new(Code("E0402"), "no tensor is left for this arm: earlier arms take all that it fits")
            .at(site, format!("fits {}, all taken before", counted(fits, "tensor")));
        match earlier.last() {
            Some(before) => problem.because(before.site, "arms above come first"),
            None => problem,
        }
    } else {
        Problem::new(Code("E0402"), "this arm takes no tensor").at(site, "fits nothing where it is asked")
    };
    let problem = match arm.pattern.map(|pattern| &context.patterns[pattern.0 as usize]) {
        Some(Pattern::Glob { text, regex }) => match canonical_of(text, regex, context) {
            Some(names) => {
                let glob = any_of(&names.iter().map(String::as_str).take(1).collect::<Vec<_>>());
                return problem
                    .note(format!("`{text}` fits names in the file; patterns see canonical names: {}", listed(&names)))
                    .help(format!("use canonical names, for example `{glob}`, or write `maybe` before it"))
                    .edit(at_start(site), "maybe ");
            }
            None => problem,
        },
        _ => problem,
    };
    problem.help("remove it, or write `maybe` before it if it may be empty").edit(at_start(site), "maybe ")
}

/// A `rename` or a prefix that gives tensors a name that cannot be.
pub fn clash<S: std::fmt::Display>(new: &str, old: &[S], site: Site) -> Problem {
    let problem = match old {
        [one, two, ..] => Problem::new(Code("E0438"), format!("`{one}` and `{two}` are both renamed to `{new}`"))
            .at(site, "gives two tensors one name"),
        _ => {
            let old = old.first().map(S::to_string).unwrap_or_default();
            Problem::new(Code("E0438"), format!("`{old}` is renamed to `{new}`, which no file can hold"))
                .at(site, "gives a tensor no name of its own")
        }
    };
    problem.help(
        "keep apart what differs: in `rename` by `$1` for each `*` of the old name, in `strip_prefix` by a shorter one",
    )
}

/// A `rename` whose old name fits no tensor.
pub fn idle_rename(id: ExprId, context: &Context) -> Problem {
    Problem::new(Code("E0402"), "this `rename` takes no tensor")
        .at(context.site_of(id), "its old name fits nothing")
        .help("correct the old name, or remove the call: `blend inspect FILE` lists the names of a model")
}

/// A `where` whose pattern fits no tensor of what the recipe makes.
pub fn idle_where(id: ExprId, pattern: PatternId, context: &Context) -> Problem {
    let site = context.site_of(id);
    let text = context.text_at(site);
    let problem = Problem::new(Code("E0402"), "this `where` takes no tensor").at(site, "its pattern fits nothing");
    let problem = match &context.patterns[pattern.0 as usize] {
        Pattern::Glob { text, regex } => match canonical_of(text, regex, context) {
            Some(names) => problem
                .note(format!("`{text}` fits names in the file; patterns see canonical names: {}", listed(&names))),
            None => problem,
        },
        _ => problem,
    };
    match where_parts(&text) {
        Some((value, pattern)) if context.kind_of(id) == Kind::Weight => {
            let arms = format!("(match {{ maybe {pattern} => {value} else => 0 }})");
            problem.help(format!("correct the pattern, or write `{arms}` if it may be empty")).edit(site, arms)
        }
        _ => problem.help("correct the pattern: `blend inspect FILE` lists the words and names of a model"),
    }
}

/// Canonical names of tensors whose names in the file fit a glob.
fn canonical_of(_glob: &str, regex: &str, context: &Context) -> Option<Vec<String>> {
    let regex = regex::Regex::new(regex).ok()?;
    let mut out = vec![];
    for input in &context.inputs {
        for tensor in &input.canon.tensors {
            let own = &input.header.entries[tensor.entry].name;
            if **own != *tensor.name && regex.is_match(own) && !out.contains(&tensor.name.to_string()) {
                out.push(tensor.name.to_string());
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

pub fn empty_output(site: Site) -> Problem {
    Problem::new(Code("E0409"), "the output would hold no tensor")
        .at(site, "has no tensors")
        .help("name a model, or widen its `where`")
}

pub fn claim_about_nothing(site: Site) -> Problem {
    Problem::new(Code("E0409"), "the claim is about no tensor")
        .at(site, "its `where` fits nothing")
        .help("widen its `where`, or remove the claim")
}

/// A channel space that two tensors give different sizes.
pub fn no_network(space: &str, sizes: &[(String, u64)], site: Site) -> Problem {
    let texts: Vec<String> = sizes.iter().map(|(name, size)| format!("`{name}` has {size}")).collect();
    Problem::new(Code("E0410"), format!("the result is no network: the channels of `{space}` differ in number"))
        .at(site, "joins parts of different widths")
        .note(texts.join(", "))
        .help(format!(
            "let one model give both sides of the seam: all tensors of `{space}`, such as `\"{}\"`",
            sizes[0].0
        ))
}

/// Two models of a result tell a number differently that orders the rows of their tensors.
pub fn other_number(number: &str, told: [(&Input, i64); 2], site: Site) -> Problem {
    let [(one, here), (other, there)] = told;
    let message = format!(
        "the `{number}` of `{}` is {here} and that of `{}` is {there}: no network has both",
        one.name, other.name
    );
    Problem::new(Code("E0441"), message)
        .at(site, "joins tensors with other orders of rows")
        .because(one.site, format!("tells that its `{number}` is {here}"))
        .because(other.site, format!("tells that its `{number}` is {there}"))
        .help(format!(
            "take the result from `{}` or `{}` alone, or mend the `{number}` that is told beside the one where it is wrong",
            one.name, other.name
        ))
}

/// Counters are not averaged: one problem for each input whose counters were taken.
pub fn counters_of_first(complaints: &Complaints, space: &Space, root: ExprId, context: &Context) -> Vec<Problem> {
    let mut owners: Vec<InputId> = complaints.counters.iter().map(|counter| counter.1).collect();
    owners.sort();
    owners.dedup();
    let about = |owner: InputId| {
        let own = complaints.counters.iter().filter(|counter| counter.1 == owner);
        let names: Vec<&str> = own.map(|counter| &*space.names[counter.0]).collect();
        let model = &context.inputs[owner.0 as usize].name;
        let site = context.site_of(root);
        let message = match names.as_slice() {
            [one] => format!("the counter `{one}` is in several models, and that of `{model}` is taken"),
            names => {
                format!("{} are in several models, and those of `{model}` are taken", counted(names.len(), "counter"))
            }
        };
        let pattern = any_of(&names[..names.len().min(12)]);
        let problem = Problem::new(Code("W0401"), message)
            .at(site, "counters are not averaged")
            .help(format!("say whose they are: `match {{ {pattern} => {model}  else => … }}`"))
            .edit(at_start(site), format!("match {{ {} => {model}  else => ", any_of(&names)))
            .edit(at_end(site), " }");
        if names.len() > 1 { problem.note(listed(&names)) } else { problem }
    };
    owners.into_iter().map(about).collect()
}

/// Where another layout of an output can be typed: in its option, or in room for one after the value.
pub struct Places<'r> {
    pub option: Option<Site>,
    /// Where the output's path is.
    pub path: Site,
    pub room: &'r Room,
}

/// Tensors that the output's layout has no place for.
pub fn no_place(names: &[String], layout: &str, fit: Option<&str>, places: &Places) -> Problem {
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let has = if all.len() == 1 { "has" } else { "have" };
    let message = format!("{} {has} no place in the layout `{layout}`", subject(&all));
    let site = places.option.unwrap_or(places.path);
    let problem = Problem::new(Code("E0439"), message).at(site, "cannot hold all of the result");
    let problem = if all.len() > 1 { problem.note(listed(&all)) } else { problem };
    match fit {
        Some(fit) => another_layout(problem, fit, "holds them all", places),
        None => {
            let patterns: Vec<String> = all.iter().take(3).map(|name| format!("\"{name}\"")).collect();
            problem.help(format!("leave them out of the result: `where not ({})`", patterns.join(" or ")))
        }
    }
}

/// An output that nobody would take for a file of its layout.
pub fn unlike_layout(reason: &str, layout: &str, fit: Option<&str>, places: &Places) -> Problem {
    let problem =
        Problem::new(Code("E0439"), format!("the result would be no file of the layout `{layout}`: {reason}"))
            .at(places.option.unwrap_or(places.path), "is known by that");
    match fit {
        Some(fit) => another_layout(problem, fit, "holds the result", places),
        None => problem.help("write `layout = \"generic\"` at the models: the result keeps their own names"),
    }
}

/// The reason of [`unlike_layout`] where the recipe gives an output metadata of another layout.
pub fn metadata_of_another(name: &str, values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    format!("its metadata must have {} in `{name}`", values.join(" or "))
}

fn another_layout(problem: Problem, fit: &str, does: &str, places: &Places) -> Problem {
    match places.option {
        Some(option) => problem.help(format!("write `\"{fit}\"`, which {does}")).edit(option, format!("\"{fit}\"")),
        None => {
            let option = format!("layout = \"{fit}\"");
            let help = format!("write `{{ {option} }}` after the value: it {does}");
            problem.help(help).edit(places.room.site, places.room.text(&option))
        }
    }
}
