//! E0404 and E0406: models that do not fit together, and why: another resolution, width, depth, or number of labels.

use super::tensors::any_of;
use super::tensors::at_end;
use super::tensors::at_start;
use super::tensors::model_with;
use super::tensors::subject;
use crate::arch;
use crate::arch::Traits;
use crate::check::context::Context;
use crate::check::demand::Group;
use crate::check::demand::tensor_of;
use crate::check::error::counted;
use crate::check::space::Space;
use crate::diag::Code;
use crate::diag::Problem;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Input;
use crate::hir::InputId;
use crate::tensor::Shape;
use crate::tensor::shape_text;
use crate::text::Site;

/// An input with a share has no such tensor.
pub fn missing(
    input: InputId,
    root: ExprId,
    group: &Group,
    space: &Space,
    names: &[&str],
    context: &Context,
) -> Problem {
    let lacking = &context.inputs[input.0 as usize];
    // Where the recipe brings the model in: the first mention below the root.
    let mention = space
        .reachable
        .iter()
        .find(|id| matches!(context.exprs[id.0 as usize].kind, ExprKind::Input(found) if found == input));
    let site = mention.map_or(context.site_of(root), |id| context.site_of(*id));
    let them = if names.len() == 1 { "it" } else { "them" };
    let models = || space.inputs.iter().map(|id| &context.inputs[id.0 as usize]);
    let other_family = models().find(|other| other.canon.family != lacking.canon.family);
    let owner = model_with(group, space, context).and_then(|name| models().find(|model| *model.name == *name));
    let reason = match (other_family, owner) {
        (Some(other), _) => Some(format!(
            "`{}` is {} and `{}` is {}, whose tensors have other names",
            lacking.name, lacking.canon.family, other.name, other.canon.family
        )),
        (None, Some(owner)) => reason(lacking, owner),
        (None, None) => None,
    };
    let plain = format!("`{}` has no {}, but it has a share there", lacking.name, subject(names));
    let message = match &reason {
        Some(reason) => format!("{reason}: `{}` has no {}", lacking.name, subject(names)),
        None => plain,
    };
    let label = if reason.is_some() { format!("has a share there and lacks {them}") } else { format!("lacks {them}") };
    let problem = Problem::new(Code("E0404"), message).at(site, label).because(
        lacking.site,
        format!("{}, {}", facts(lacking, owner), counted(lacking.canon.tensors.len(), "tensor")),
    );
    if let Some(other) = other_family {
        let problem = match crate::arch::refuses_because(&lacking.canon, &other.canon) {
            Some(because) => problem.note(format!("they never mix: {because}")),
            None => problem,
        };
        return problem.help("merge models of one architecture, or name an `arch` file that gives both the same names");
    }
    if let (Some(owner), Some(_)) = (owner, &reason)
        && let Some((pattern, model)) = way_out(group, space, root, [owner, lacking])
    {
        return instead(problem, &pattern, &model.name, root, context);
    }
    match owner {
        Some(full) => {
            let text = format!("complete({}, from = {})", context.text_at(site), full.name);
            problem.help(format!("take what it lacks from `{}`: `{text}`", full.name)).edit(site, text)
        }
        None => problem.help("give those tensors to a model that has them, with `match`"),
    }
}

/// Two inputs disagree in shape.
pub fn shapes(
    first: &(InputId, Shape),
    other: &(InputId, Shape),
    root: ExprId,
    group: &Group,
    space: &Space,
    names: &[&str],
    context: &Context,
) -> Problem {
    let (a, b) = (&context.inputs[first.0.0 as usize], &context.inputs[other.0.0 as usize]);
    let site = context.site_of(root);
    let what = format!(
        "{} {} {} in `{}` and {} in `{}`",
        subject(names),
        if names.len() == 1 { "is" } else { "are" },
        shape_text(&first.1),
        a.name,
        shape_text(&other.1),
        b.name
    );
    let message = reason(a, b).map_or(what.clone(), |reason| format!("{reason}: {what}"));
    let problem = Problem::new(Code("E0406"), message)
        .at(site, "mixes tensors of different shapes")
        .because(a.site, facts(a, Some(b)))
        .because(b.site, facts(b, Some(a)));
    if let Some((pattern, model)) = way_out(group, space, root, [a, b]) {
        return instead(problem, &pattern, &model.name, root, context);
    }
    let pattern = any_of(&names[..names.len().min(12)]);
    if names.len() <= 12 {
        return instead(problem, &pattern, &a.name, root, context);
    }
    problem.help(format!("take them from one model: `match {{ {pattern} => {}  else => … }}`", a.name))
}

/// What two networks differ in, in words: `` `a` has resolution 256 and `b` 512 ``.
fn reason(a: &Input, b: &Input) -> Option<String> {
    let value =
        |input: &Input, name: &str| input.canon.facts.iter().find(|fact| fact.0 == name).map(|fact| fact.1.clone());
    let differs = |(name, own): &(String, String)| {
        let values = arch::apart(&[Some(own.clone()), value(b, name)]);
        let (Some(own), Some(other)) = (&values[0], &values[1]) else { return None };
        if own == other {
            return None;
        }
        match own.split(", ").find_map(|item| pair(item, other)) {
            // Of a list the first item that both have says enough; items that one lacks come from another cause.
            Some((key, own, other)) => Some((format!("{own} {name} at {key}"), other)),
            None if own.contains(": ") || other.contains(": ") || own.is_empty() || other.is_empty() => None,
            None => Some((format!("{name} {own}"), other.clone())),
        }
    };
    let found: Vec<(String, String)> = a.canon.facts.iter().filter_map(differs).take(3).collect();
    let (own, other): (Vec<String>, Vec<String>) = found.into_iter().unzip();
    let link = if own.len() == 1 { " and" } else { "," };
    (!own.is_empty())
        .then(|| format!("`{}` has {}{link} `{}` {}", a.name, own.join(" and "), b.name, other.join(" and ")))
}

/// An item `64: 256` of a list, with the value of its key in another list.
fn pair(item: &str, other: &str) -> Option<(String, String, String)> {
    let (key, own) = item.split_once(": ")?;
    let value = other.split(", ").find_map(|item| item.strip_prefix(key)?.strip_prefix(": "))?;
    Some((key.into(), own.into(), value.into()))
}

/// A pattern in words for the places of a group, and a model that has everything there.
fn way_out<'i>(group: &Group, space: &Space, root: ExprId, models: [&'i Input; 2]) -> Option<(String, &'i Input)> {
    let all: Vec<usize> = space.keys(root).ones().collect();
    let traits: Vec<&Traits> = all.iter().map(|&at| &*space.traits[at]).collect();
    // Whatever else differs between the two is taken along: one answer for all that does not fit.
    let tensor = |model: &'i Input, at: usize| tensor_of(model, &space.names[all[at]]);
    let shape = |model: &'i Input, at: usize| tensor(model, at).map(|tensor| &tensor.shape);
    let odd = |&at: &usize| group.tensors.contains(&all[at]) || shape(models[0], at) != shape(models[1], at);
    let wanted: Vec<usize> = (0..all.len()).filter(odd).collect();
    let (pattern, fits) = arch::pattern_of(&traits, &wanted)?;
    let named = |model: &&&Input| {
        let has = |at: usize| model.canon.index.contains_key(&space.names[all[at]]);
        (0..all.len()).filter(|&at| fits[at]).all(has)
    };
    let model = models.iter().find(named)?;
    // Something must be left to mix.
    (!fits.iter().all(|fits| *fits)).then_some((pattern, model))
}

/// The help: those tensors from one model, the rest as it was.
fn instead(problem: Problem, pattern: &str, model: &str, root: ExprId, context: &Context) -> Problem {
    let site: Site = context.site_of(root);
    let text = context.text_at(site);
    let rest = if text.len() > 60 { "…" } else { &text };
    let problem = problem.help(format!("take them from one model: `match {{ {pattern} => {model}  else => {rest} }}`"));
    if text.is_empty() {
        return problem;
    }
    problem.edit(at_start(site), format!("match {{\n  {pattern} => {model}\n  else => ")).edit(at_end(site), "\n}")
}

/// What is known of a model; beside another one what differs.
fn facts(input: &Input, other: Option<&Input>) -> String {
    let value = |name: &str| {
        let fact = other?.canon.facts.iter().find(|fact| fact.0 == name);
        fact.map(|fact| fact.1.clone())
    };
    let shown = |(name, own): &(String, String)| {
        let apart = arch::apart(&[Some(own.clone()), value(name)]);
        let other = apart.get(1)?.as_ref()?;
        let own = apart[0].as_ref().filter(|own| !own.is_empty() && *own != other)?;
        Some(format!("{name} {own}"))
    };
    let mut shown: Vec<String> = input.canon.facts.iter().filter_map(shown).take(2).collect();
    if shown.is_empty() {
        shown.extend(input.canon.facts.first().map(|(name, value)| format!("{name} {value}")));
    }
    [vec![input.canon.family.to_string()], shown].concat().join(", ")
}
