//! The rows of a sheet: which models of which recipes, under which names.

use super::shares;
use super::shares::Place;
use super::wish::Sweep;
use crate::compile::Compiled;
use crate::diag::Problem;
use crate::hir::Atom;
use crate::hir::InputId;
use crate::hir::Literal;
use crate::hir::Recipe;
use crate::hir::leaves;
use crate::plan;
use crate::plan::Drawing;
use crate::plan::Subject;
use crate::tensor::FileInfo;
use std::sync::Arc;

/// A model that is drawn, one picture per column.
#[derive(Clone, Debug)]
pub struct Model {
    /// The name of a parent, the path of an output.
    pub label: String,
    /// What sets it apart from other rows: `edge = 16`.
    pub detail: String,
    pub drawing: Drawing,
    /// The files that its programs load from.
    pub files: Arc<Vec<FileInfo>>,
    /// Names of the models that it is made of, and how much of each; empty for a parent.
    pub parents: Vec<String>,
    pub places: Vec<Place>,
    /// Truncation, where a sweep changes it from row to row.
    pub psi: Option<f64>,
    /// It is not for its own sake: where it differs from the first parent is shown.
    pub is_part: bool,
}

/// The inputs that the outputs are made of, in the order of the recipe, drawn as they are.  Those that cannot be drawn
/// are given with the reason: a recipe may mix generators and other things.
pub fn parents(compiled: &Compiled, picture: Option<[usize; 2]>) -> Vec<Result<Model, (String, Problem)>> {
    let recipe = &compiled.recipe;
    let files = Arc::new(plan::input_files(recipe));
    let of = |id: InputId| {
        let label = recipe.input(id).name.to_string();
        match plan::drawing(recipe, &compiled.graph, Subject::Input(id), picture) {
            Ok(drawing) => Ok(Model {
                label,
                detail: String::new(),
                drawing,
                files: files.clone(),
                parents: vec![],
                places: vec![],
                psi: None,
                is_part: false,
            }),
            Err(problem) => Err((label, problem)),
        }
    };
    used(recipe).into_iter().map(of).collect()
}

/// Inputs that some output holds something of.
fn used(recipe: &Recipe) -> Vec<InputId> {
    let mut seen = vec![false; recipe.inputs.len()];
    let forms = recipe.outputs.iter().flat_map(|output| &output.tensors).map(|made| &made.form);
    for form in forms {
        for atom in leaves(form, &recipe.calls) {
            if let Atom::Tensor { input, .. } = atom {
                seen[input.0 as usize] = true;
            }
        }
    }
    (0..recipe.inputs.len() as u32).map(InputId).filter(|id| seen[id.0 as usize]).collect()
}

/// The outputs of a recipe, as its parameters are set now.  Errors: E0701 to E0704, E0706 for one that cannot be drawn.
pub fn outputs(compiled: &Compiled, variant: &Variant, picture: Option<[usize; 2]>) -> Result<Vec<Model>, Problem> {
    let recipe = &compiled.recipe;
    let files = Arc::new(plan::input_files(recipe));
    let of = |index: usize| {
        let output = &recipe.outputs[index];
        let drawing = plan::drawing(recipe, &compiled.graph, Subject::Output(index), picture)
            .map_err(|problem| problem.at(output.site, "cannot be drawn"))?;
        Ok(Model {
            label: output.path.file_stem().map_or(output.written.clone(), |stem| stem.to_string_lossy().into_owned()),
            detail: variant.detail.clone(),
            drawing,
            files: files.clone(),
            parents: recipe.inputs.iter().map(|input| input.name.to_string()).collect(),
            places: shares::by_place(recipe, index),
            psi: variant.psi,
            is_part: false,
        })
    };
    (0..recipe.outputs.len()).map(of).collect()
}

/// The first parent with one place of an output at a time: what each resolution changes.  Places that are the parent's own
/// are left out, and there is nothing to exchange between networks of two shapes.
pub fn parts(compiled: &Compiled, output: usize, child: &Model, parent: &Model) -> Vec<Model> {
    if child.drawing.net != parent.drawing.net || child.files != parent.files {
        return vec![];
    }
    let labels = shares::labels(&compiled.recipe, output);
    let of = |place: &Place| {
        let mut drawing = parent.drawing.clone();
        // The parent is an input: its own programs wait for nothing.
        drawing.alignments = child.drawing.alignments.clone();
        for (name, program) in &child.drawing.tensors {
            if labels.get(name).is_some_and(|label| *label == place.label) {
                drawing.tensors.insert(name.clone(), program.clone());
            }
        }
        let differs = drawing.tensors != parent.drawing.tensors;
        let detail = format!("{} of {}: difference to {}", place.label, child.label, parent.label);
        let bare = Model { label: String::new(), detail, drawing, places: vec![], is_part: true, ..child.clone() };
        differs.then_some(bare)
    };
    child.places.iter().filter_map(of).collect()
}

/// Settings of parameters, and how a row tells them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variant {
    pub sets: Vec<(String, Literal)>,
    pub psi: Option<f64>,
    pub detail: String,
}

/// Truncation is swept like a parameter, by this name.
pub const PSI: &str = "psi";

/// Every combination of what the sweeps take, the last sweep fastest.
pub fn variants(sweeps: &[Sweep]) -> Vec<Variant> {
    let mut out = vec![Variant::default()];
    for sweep in sweeps {
        let values = sweep.values();
        let with = |before: &Variant, value: &Literal| {
            let own = format!("{} = {value}", sweep.name);
            let detail = if before.detail.is_empty() { own } else { format!("{}, {own}", before.detail) };
            let mut next = Variant { detail, ..before.clone() };
            match value {
                Literal::Number(number) if sweep.name == PSI => next.psi = Some(*number),
                value => next.sets.push((sweep.name.clone(), value.clone())),
            }
            next
        };
        out = out.iter().flat_map(|before| values.iter().map(move |value| with(before, value))).collect();
    }
    out
}

/// The sweeps of parameters that list their values, where they make at most so many combinations: what a recipe itself
/// says is worth a look.
pub fn listed(recipe: &Recipe, set: &[String], most: usize) -> Vec<Sweep> {
    // Names with a dot are parameters of recipes that this one uses: it sets them itself.
    let free = recipe.params.iter().filter(|param| !param.name.contains('.'));
    let free = free.filter(|param| !set.iter().any(|name| **name == *param.name));
    let sweeps: Vec<Sweep> = free.filter_map(|param| Sweep::of_list(&param.name, &param.allowed)).collect();
    let count = sweeps.iter().map(|sweep| sweep.values().len()).try_fold(1usize, |all, count| all.checked_mul(count));
    if count.is_some_and(|count| count <= most) { sweeps } else { vec![] }
}
