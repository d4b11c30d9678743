//! What headers show to be legal and hardly meant: presets for other networks, averages of another network.

use super::context::Context;
use super::error;
use super::gives::Classes;
use super::gives::Gives;
use super::outputs::Evaluated;
use super::space::Space;
use crate::arch;
use crate::arch::Part;
use crate::hir::CallInstance;
use crate::hir::ExprKind;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Made;
use crate::hir::Output;
use crate::hir::Pattern;
use crate::methods::Lower;
use crate::text::Site;
use std::ops::Range;

/// A call of a function of `std`, with the patterns that the function itself brings in.
pub struct Preset {
    pub name: String,
    pub site: Site,
    /// Indices of patterns.
    pub patterns: Range<usize>,
}

/// Warns of what no error has told.
pub fn remarks(context: &mut Context, evaluated: &Evaluated) {
    foreign_presets(context);
    for output in &evaluated.outputs {
        if let Some(problem) = lost_average(context, evaluated, output) {
            context.report(problem);
        }
    }
}

/// Calls of `mix` below some roots whose `norm` has no rows to bring together.
pub fn idle_norms(context: &mut Context, space: &Space) {
    for &id in &space.reachable {
        let ExprKind::Method { method, options, .. } = &context.exprs[id.0 as usize].kind else { continue };
        let norm = method.options.iter().position(|option| option.name == "norm");
        let (Lower::Rows { .. }, Some(at)) = (&method.lower, norm) else { continue };
        let option = &context.exprs[options[at].0 as usize];
        let ExprKind::Text(word) = &option.kind else { continue };
        let is_idle = &**word != "raw" && !space.keys(id).ones().any(|tensor| space.traits[tensor].demodulated);
        let (word, site) = (word.clone(), option.site);
        if is_idle && context.told_norms.insert(site) {
            context.report(error::idle_norm(&word, site));
        }
    }
}

/// Presets that ask for words or coordinates that no model has.
fn foreign_presets(context: &mut Context) {
    let presets = std::mem::take(&mut context.presets);
    for preset in &presets {
        let mut lacking: Vec<String> = vec![];
        for pattern in &context.patterns[preset.patterns.clone()] {
            let lacks = match pattern {
                Pattern::Word(word) if !super::space::knows_word(&context.inputs, word) => word.to_string(),
                Pattern::Coord(coord, _) => {
                    let mut tensors = context.inputs.iter().flat_map(|input| &input.canon.tensors);
                    if tensors.any(|tensor| tensor.traits.coord(*coord).is_some()) {
                        continue;
                    }
                    coord.text().to_string()
                }
                _ => continue,
            };
            if !lacking.contains(&lacks) {
                lacking.push(lacks);
            }
        }
        if !lacking.is_empty() && !context.inputs.is_empty() {
            let problem = error::foreign_preset(&preset.name, &lacking, &context.inputs[0], preset.site);
            context.report(problem);
        }
    }
}

/// A tensor that is the average of a part, and has other shares than any tensor of that part.
fn lost_average(context: &Context, evaluated: &Evaluated, output: &Output) -> Option<crate::diag::Problem> {
    let mut classes = Classes::new(&evaluated.calls);
    for made in &output.tensors {
        let Some((_, part)) = part_of(&context.inputs, &evaluated.calls, made) else { continue };
        let Some(of) = part.of else { continue };
        let own = classes.gives(&made.form);
        let mut whole: Vec<(Part, Gives)> = vec![];
        for other in &output.tensors {
            let found = part_of(&context.inputs, &evaluated.calls, other).filter(|found| found.1.name == of);
            whole.extend(found.map(|found| (found.1, classes.gives(&other.form))));
        }
        let Some((part, first)) = whole.first() else { continue };
        // A model without the average (rosinality's files may lack it) cannot give it a share.
        let inputs = classes.inputs(&own);
        let gives = |entry: &(Part, Gives)| {
            let has = |input: &InputId| context.inputs[input.0 as usize].canon.index.contains_key(&made.name);
            classes.inputs(&entry.1).iter().all(|input| has(input) || inputs.contains(input))
        };
        if whole.iter().any(|entry| entry.1 == own) || !whole.iter().any(gives) {
            continue;
        }
        return Some(error::lost_average(made, part, [&own, first], &classes, context, output.value));
    }
    None
}

/// The part of a tensor, as the first input that gives it sees it.
fn part_of<'i>(inputs: &'i [Input], calls: &[CallInstance], made: &Made) -> Option<(InputId, Part<'i>)> {
    let (input, name) = crate::hir::first_leaf(&made.form, calls)?;
    let canon = &inputs[input.0 as usize].canon;
    let tensor = &canon.tensors[*canon.index.get(name)?];
    Some((input, arch::part(canon, tensor)))
}
