//! What weights say against a recipe, before it is built: models that have no common ancestor, children that have gone
//! too far, random images that are averaged.

use super::Model;
use super::Pair;
use super::Relation;
use super::Summary;
use super::measure;
use super::show;
use super::verdict;
use super::verdict::SIBLINGS;
use crate::arch;
use crate::arch::Policy;
use crate::arch::Tells;
use crate::diag::Code;
use crate::diag::Problem;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::hir;
use crate::hir::Atom;
use crate::hir::Form;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Made;
use crate::hir::Output;
use crate::hir::Recipe;
use std::collections::HashSet;

/// What was found, and over how many pairs of models.
#[derive(Default)]
pub struct Lints {
    pub problems: Vec<Problem>,
    pub pairs: usize,
}

/// Compares the models that meet in an output, each with the first of them that is of its family.  Warnings W0405 to
/// W0408.  Errors: those of reading.
pub fn lints(recipe: &Recipe, threads: usize, progress: &Progress) -> Result<Lints, Stop> {
    let mut lints = Lints::default();
    let meetings: Vec<Vec<InputId>> = recipe.outputs.iter().map(|output| members(recipe, output)).collect();
    // Models that meet nobody are not read.
    let mut met: Vec<InputId> = meetings.iter().filter(|inputs| inputs.len() > 1).flatten().copied().collect();
    met.sort();
    met.dedup();
    let models: Vec<Model> = met.iter().map(|&id| model(recipe.input(id))).collect();
    let place = |id: InputId| met.iter().position(|known| *known == id);
    let kin = kin(recipe, &meetings);
    let images: Vec<Vec<(&Made, InputId, Vec<InputId>)>> =
        recipe.outputs.iter().map(|own| images(recipe, own)).collect();
    // Only these pairs are measured: each model with one other, not all with all.
    let mut wanted: HashSet<[usize; 2]> = HashSet::new();
    let mut want = |a: InputId, b: InputId| {
        wanted.extend(place(a).zip(place(b)).map(|(a, b)| [a.min(b), a.max(b)]));
    };
    kin.iter().for_each(|&[a, b]| want(a, b));
    images.iter().flatten().for_each(|(_, first, others)| others.iter().for_each(|&other| want(*first, other)));
    let measured = measure::of(&models, &|pair| wanted.contains(&pair), threads, progress)?;
    for [base, other] in kin {
        let Some(pair) = place(base).zip(place(other)).map(|(a, b)| [a, b]) else { continue };
        let rows = measure::rows(&models, &measured, pair);
        let kin = Summary::of(rows.iter().filter(|row| row.tells == Tells::Kinship));
        let pair = verdict::pair(&models, pair, rows, kin);
        lints.pairs += 1;
        lints.problems.extend(kinship(&pair, [recipe.input(base), recipe.input(other)]));
    }
    for (output, images) in recipe.outputs.iter().zip(images) {
        let differ = |a: InputId, b: InputId, name: &str| {
            place(a).zip(place(b)).is_some_and(|(a, b)| measure::differs(&measured, [a, b], name))
        };
        lints.problems.extend(random_images(recipe, output, images, &differ));
    }
    Ok(lints)
}

/// Each model of an output with the first one there that is of its family; no pair twice.
fn kin(recipe: &Recipe, meetings: &[Vec<InputId>]) -> Vec<[InputId; 2]> {
    let family = |id: InputId| &recipe.input(id).canon.family;
    let mut told = HashSet::new();
    let mut out = vec![];
    for inputs in meetings {
        for (at, &other) in inputs.iter().enumerate() {
            let base = inputs[..at].iter().find(|&&first| family(first) == family(other));
            out.extend(
                base.filter(|&&base| told.insert([base.min(other), base.max(other)])).map(|&base| [base, other]),
            );
        }
    }
    out
}

fn model(input: &Input) -> Model {
    Model {
        name: input.name.to_string(),
        path: input.path.display().to_string(),
        header: input.header.clone(),
        canon: input.canon.clone(),
    }
}

/// Every input with a share in an output, in order of appearance.
fn members(recipe: &Recipe, output: &Output) -> Vec<InputId> {
    let mut out = vec![];
    output.tensors.iter().for_each(|made| leaves(recipe, &made.form, &mut out));
    out
}

/// The inputs of a form that are not there yet.
fn leaves(recipe: &Recipe, form: &Form, out: &mut Vec<InputId>) {
    for atom in hir::leaves(form, &recipe.calls) {
        match atom {
            Atom::Tensor { input, .. } if !out.contains(input) => out.push(*input),
            _ => {}
        }
    }
}

/// What a pair deserves to be told: at most one of three.
fn kinship(pair: &Pair, [base, other]: [&Input; 2]) -> Option<Problem> {
    let (base, other) = if pair.is_over_trained() && pair.gone() == 0 { (other, base) } else { (base, other) };
    let (a, b) = (&base.name, &other.name);
    let compare = format!("blend compare {} {}", base.path.display(), other.path.display());
    let median = pair.kin.median.unwrap_or(f64::NAN);
    let problem = match pair.relation {
        _ if pair.is_over_trained() => {
            let places: Vec<&str> = pair.far.iter().map(|&at| pair.places[at].name.as_str()).collect();
            let coord = pair.coord.map_or("layer", crate::tensor::Coord::text);
            let share = if places.len() == pair.places.len() {
                "0.25".to_string()
            } else {
                let patterns: Vec<String> = places.iter().map(|place| format!("{coord} {place}")).collect();
                format!("match {{ {} => 0.25  else => 0.5 }}", patterns.join(" or "))
            };
            Problem::new(Code("W0407"), format!("`{b}` has been trained far away from `{a}`: {}", show::far(pair)))
                .at(other.site, "little of the ancestor is left")
                .because(base.site, "the model that it is mixed with")
                .help(format!("use an earlier snapshot of it, or give it less there: `mix({a}, {b}, {share})`"))
        }
        Relation::Strangers => Problem::new(
            Code("W0405"),
            format!("`{b}` and `{a}` have no common ancestor: their weights have a median cosine of {median:.4}"),
        )
        .at(other.site, "was not trained from the same parent")
        .because(base.site, "the model that it is mixed with")
        .help(format!("mix models that were fine-tuned from one parent; look closer with `{compare}`")),
        Relation::Weak => Problem::new(
            Code("W0406"),
            format!(
                "`{b}` and `{a}` are weakly related: the median cosine is {median:.4}, fine-tuned models have {SIBLINGS} and more"
            ),
        )
        .at(other.site, "has little in common")
        .because(base.site, "the model that it is mixed with")
        .help(format!("look where they differ with `{compare}`, and try a small share first: `mix({a}, {b}, 0.1)`")),
        _ => return None,
    };
    Some(problem.note(show::grounds(pair)))
}

/// Tensors of random numbers that several models have a share in: the first of them, and the others.
fn images<'r>(recipe: &'r Recipe, output: &'r Output) -> Vec<(&'r Made, InputId, Vec<InputId>)> {
    let mut out = vec![];
    for made in output.tensors.iter().filter(|made| made.traits.policy == Policy::Mix) {
        let mut inputs = vec![];
        leaves(recipe, &made.form, &mut inputs);
        let (Some(&first), true) = (inputs.first(), inputs.len() > 1) else { continue };
        if part_of(recipe, first, made).is_some_and(|part| part.tells == Tells::Origin) {
            out.push((made, first, inputs.split_off(1)));
        }
    }
    out
}

/// Random numbers that are not the same in the models whose mean is taken: the mean of two is weaker than both.
fn random_images(
    recipe: &Recipe,
    output: &Output,
    images: Vec<(&Made, InputId, Vec<InputId>)>,
    differ: &dyn Fn(InputId, InputId, &str) -> bool,
) -> Option<Problem> {
    let mut wrong: Vec<(&Made, [InputId; 2])> = vec![];
    for (made, first, others) in images {
        if let Some(&other) = others.iter().find(|&&other| differ(first, other, &made.name)) {
            wrong.push((made, [first, other]));
        }
    }
    let (made, [first, other]) = *wrong.first()?;
    let part = part_of(recipe, first, made)?;
    let (a, b) = (&recipe.input(first).name, &recipe.input(other).name);
    let pattern = part.words.iter().map(|word| &**word).collect::<Vec<_>>().join(" and ");
    let count = if wrong.len() == 1 { "1 tensor".into() } else { format!("{} tensors", wrong.len()) };
    Some(
        Problem::new(
            Code("W0408"),
            format!("the {} of `{a}` and `{b}` differ, and their mean is weaker than either", part.name),
        )
        .at(output.site, format!("mixes them in {count}"))
        .note(format!("the first is `{}`", made.name))
        .help(format!("take them from one model: `match {{ {pattern} => {a}  else => … }}`")),
    )
}

fn part_of<'r>(recipe: &'r Recipe, input: InputId, made: &Made) -> Option<arch::Part<'r>> {
    let canon = &recipe.input(input).canon;
    canon.index.get(&made.name).map(|&at| arch::part(canon, &canon.tensors[at]))
}
