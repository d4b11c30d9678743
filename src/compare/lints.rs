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
use crate::hir::Atom;
use crate::hir::Form;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Made;
use crate::hir::Output;
use crate::hir::Recipe;

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
    let measured = measure::all(&models, threads, progress)?;
    let mut told: Vec<[usize; 2]> = vec![];
    for inputs in &meetings {
        for (at, &other) in inputs.iter().enumerate() {
            let family = &recipe.input(other).canon.family;
            let base = inputs[..at].iter().find(|&&first| recipe.input(first).canon.family == *family);
            let Some(pair) = base.and_then(|&base| Some([place(base)?, place(other)?])) else { continue };
            if told.contains(&pair) || told.contains(&[pair[1], pair[0]]) {
                continue;
            }
            told.push(pair);
            let rows = measure::rows(&models, &measured, pair);
            let kin = Summary::of(rows.iter().filter(|row| row.tells == Tells::Kinship));
            let pair = verdict::pair(&models, pair, rows, kin);
            lints.pairs += 1;
            let inputs = pair.models.map(|at| recipe.input(met[at]));
            lints.problems.extend(kinship(&pair, inputs));
        }
    }
    for output in &recipe.outputs {
        let differ = |a: InputId, b: InputId, name: &str| {
            let pair = place(a).zip(place(b)).map(|(a, b)| [a, b]);
            pair.is_some_and(|pair| {
                measure::rows(&models, &measured, pair).iter().any(|row| *row.name == *name && row.differs > 0)
            })
        };
        lints.problems.extend(random_images(recipe, output, &differ));
    }
    Ok(lints)
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

fn leaves(recipe: &Recipe, form: &Form, out: &mut Vec<InputId>) {
    for (atom, _) in &form.terms {
        match atom {
            Atom::Tensor { input, .. } if !out.contains(input) => out.push(*input),
            Atom::Call(call) => {
                recipe.calls[*call as usize].inputs.iter().for_each(|inner| leaves(recipe, inner, out));
            }
            Atom::Tensor { .. } | Atom::Absent(_) => {}
        }
    }
}

/// What a pair deserves to be told: at most one of three.
fn kinship(pair: &Pair, [base, other]: [&Input; 2]) -> Option<Problem> {
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

/// Random numbers that are not the same in the models whose mean is taken: the mean of two is weaker than both.
fn random_images(recipe: &Recipe, output: &Output, differ: &dyn Fn(InputId, InputId, &str) -> bool) -> Option<Problem> {
    let mut wrong: Vec<(&Made, [InputId; 2])> = vec![];
    for made in output.tensors.iter().filter(|made| made.traits.policy == Policy::Mix) {
        let mut inputs = vec![];
        leaves(recipe, &made.form, &mut inputs);
        let (Some(&first), true) = (inputs.first(), inputs.len() > 1) else { continue };
        let tells = part_of(recipe, first, made).map(|part| part.tells);
        if tells != Some(Tells::Origin) {
            continue;
        }
        if let Some(&other) = inputs[1..].iter().find(|&&other| differ(first, other, &made.name)) {
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
