//! What is scored: a recipe of one output, two models and a mask; given, or written from the command line.

use super::Args;
use super::wrong;
use crate::channels::Catalogue;
use crate::check;
use crate::cli::Exit;
use crate::cli::recipe::RecipeArgs;
use crate::cli::recipe::Text;
use crate::cli::recipe::quoted;
use crate::cli::ui::Ui;
use crate::compile::Compiled;
use crate::compile::Disk;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::draw::subject;
use crate::draw::subject::Model;
use crate::draw::subject::Variant;
use crate::hir::Chosen;
use crate::hir::ExprKind;
use crate::hir::Mask;
use crate::hir::MaskPart;
use crate::hir::Recipe;
use crate::store;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// What is scored.
pub struct Subject {
    pub again: Text,
    pub base: Model,
    pub other: Model,
    /// The base among the inputs of the recipe.
    pub compiled: Compiled,
    pub base_input: usize,
    pub mask: Arc<Mask>,
    pub part: MaskPart,
    pub catalogue: Catalogue,
    /// Files that no picture may replace.
    pub files: Vec<PathBuf>,
}

impl Subject {
    /// The channels that the mask holds, shares added up, and those of its spaces.
    pub fn channels(&self) -> (f64, usize) {
        let of = |(_, chosen): &(Arc<str>, Chosen)| match chosen {
            Chosen::Shares(shares) => (shares.iter().sum::<f64>(), shares.len()),
            Chosen::Set(_) => (0.0, 0),
        };
        self.mask.spaces.iter().map(of).fold((0.0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
    }
}

pub fn of(args: &Args, ui: &Ui) -> Result<Subject, Exit> {
    let again = match args.targets.as_slice() {
        [recipe] => {
            if args.channels.is_some() {
                let help = "give both models: `blend channels score BASE OTHER --channels FILE --part NAME`";
                return Err(
                    ui.problem(wrong("`--channels` chooses a mask for two models, and one file is given", help))
                );
            }
            Text::read(&RecipeArgs::only(recipe, &args.sets, &args.only), &|_| {})
                .map_err(|problem| ui.problem(problem))?
        }
        targets => Text::written("<score>", written(args, targets).map_err(|problem| ui.problem(problem))?),
    };
    let outcome = again.compile_in(&|_| {}, &Disk, ui)?;
    ui.problems(&outcome.problems, &outcome.sources);
    let Some(compiled) = outcome.compiled else { return Err(Exit::Wrong) };
    let told = |problem: Problem| ui.problems(&Problems::from(problem), &outcome.sources);
    let recipe = &compiled.recipe;
    let mask = mask(recipe).map_err(told)?;
    let Some(part) = mask.part.clone() else { return Err(told(no_catalogue(&mask))) };
    let (catalogue, _) = store::catalogue::read(&part.path).map_err(told)?;
    let (mut base, mut other) = models(&compiled).map_err(told)?;
    let base_input = recipe.inputs.iter().position(|input| *input.name == base.label).unwrap_or(0);
    if let [_, _] = args.targets.as_slice() {
        // The names of the written recipe say nothing.
        for model in [&mut base, &mut other] {
            let path = &args.targets[usize::from(model.label == "other")];
            model.label = path.file_stem().map_or(model.label.clone(), |stem| stem.to_string_lossy().into_owned());
        }
    }
    let mut files: Vec<PathBuf> = recipe.inputs.iter().map(|input| input.path.clone()).collect();
    files.extend([part.path.clone(), store::catalogue::names_path(&part.path)]);
    Ok(Subject { again, base, other, base_input, mask, part, catalogue, files, compiled })
}

/// The recipe that the command line means.
fn written(args: &Args, targets: &[PathBuf]) -> Result<String, Problem> {
    let is_recipe = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "blend");
    if let Some(recipe) = targets.iter().find(is_recipe) {
        let shown = recipe.display();
        let message = format!("`{shown}` is a recipe, and it stands beside another file");
        return Err(wrong(message, format!("score one at a time: `blend channels score {shown}`")));
    }
    let (Some(channels), Some(part)) = (&args.channels, &args.part) else {
        let message = "two models are given, but no part of them";
        return Err(wrong(
            message,
            "say which: `--channels FILE --part NAME`; `blend channels find BASE` makes a file",
        ));
    };
    if let Some(what) = [("--set", &args.sets), ("--only", &args.only)].iter().find(|given| !given.1.is_empty()) {
        let message = format!("`{}` is about a recipe, and two models are given", what.0);
        return Err(wrong(message, format!("leave `{}` out", what.0)));
    }
    let path = |path: &Path| quoted(&path.display().to_string());
    let mut options = vec![format!("part = {}", quoted(part))];
    options.extend(args.epsilon.map(|epsilon| format!("epsilon = {epsilon}")));
    options.extend(args.top.map(|top| format!("top = {top}")));
    options.extend(args.soft.map(|soft| format!("soft = {soft}")));
    options.extend(args.rho.map(|rho| format!("rho = {rho}")));
    Ok(format!(
        "blend 1\n\nmodel base = {}\nmodel other = {}\n\nchannels part = {} {{ {} }}\n\noutput \"blend.safetensors\" = mix(base, other, part)\n",
        path(&targets[0]),
        path(&targets[1]),
        path(channels),
        options.join(", "),
    ))
}

/// The one mask of the one output.
fn mask(recipe: &Recipe) -> Result<Arc<Mask>, Problem> {
    let [output] = recipe.outputs.as_slice() else {
        let names: Vec<String> = recipe.outputs.iter().map(|output| format!("`{}`", output.written)).collect();
        let message = format!("the recipe has {} outputs, and one is scored", names.len());
        return Err(match names.is_empty() {
            true => wrong(message, "write what is scored: `output \"out.safetensors\" = mix(base, other, MASK)`"),
            false => wrong(message, format!("choose one by `--only GLOB`: there are {}", names.join(", "))),
        });
    };
    let mut masks: Vec<Arc<Mask>> = vec![];
    let (mut waiting, mut seen) = (vec![output.value], std::collections::BTreeSet::new());
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.0) {
            continue;
        }
        let kind = &recipe.expr(id).kind;
        match kind {
            ExprKind::Channels(mask) if !masks.contains(mask) => masks.push(mask.clone()),
            kind => waiting.extend(check::children(kind)),
        }
    }
    match masks.as_slice() {
        [mask] => Ok(mask.clone()),
        [] => {
            let problem = Problem::new(Code("E0771"), format!("`{}` has no mask of channels", output.written));
            Err(problem.at(output.site, "is made without one").help(
                "mix by a part: `channels NAME = \"x.channels\" { part = \"hair\" }`, then `mix(base, other, NAME)`",
            ))
        }
        [first, second, ..] => {
            let names = format!("`{}` and `{}`", first.name, second.name);
            let problem = Problem::new(Code("E0771"), format!("`{}` has several masks: {names}", output.written));
            Err(problem
                .at(output.site, "is made by more than one")
                .help("score one mask at a time, in an output of its own: `output \"one.safetensors\" = …`"))
        }
    }
}

fn no_catalogue(mask: &Mask) -> Problem {
    Problem::new(Code("E0771"), format!("`{}` is a literal set, and no part of the picture is known for it", mask.name))
        .at(mask.site, "names channels by number")
        .help("choose it from a catalogue: `channels NAME = \"x.channels\" { part = \"hair\" }`")
}

/// The model that most is from, and the other.
fn models(compiled: &Compiled) -> Result<(Model, Model), Problem> {
    let mut parents =
        subject::parents(compiled, None).into_iter().collect::<Result<Vec<_>, _>>().map_err(|bad| bad.1)?;
    let [output] = subject::outputs(compiled, &Variant::default(), None)?.try_into().map_err(|_| two(0))?;
    let share = |parent: &Model| -> f64 {
        let at = output.parents.iter().position(|name| *name == parent.label);
        let own = |place: &crate::draw::shares::Place| at.map_or(0.0, |at| place.shares[at]) * place.elems as f64;
        output.places.iter().map(own).sum()
    };
    match parents.len() {
        2 if share(&parents[0]) >= share(&parents[1]) => Ok((parents.remove(0), parents.remove(0))),
        2 => Ok((parents.remove(1), parents.remove(0))),
        count => Err(two(count)),
    }
}

fn two(count: usize) -> Problem {
    let models = if count == 1 { "one model".into() } else { format!("{count} models") };
    Problem::new(Code("E0771"), format!("the output is made of {models}, and two are compared"))
        .help("mix two models: `mix(base, other, MASK)`; a mask that holds no channel leaves one")
}
