//! Where the weights of a tensor come from, by line of the recipe.

use super::eval::Evaluator;
use super::patterns;
use super::space::Space;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
use crate::hir::Form;
use crate::hir::Output;
use crate::hir::Recipe;
use crate::text::Site;
use crate::text::Sources;
use indexmap::IndexMap;

/// Tensors of an output with one history.
pub struct Trace<'r> {
    pub output: &'r Output,
    pub names: Vec<String>,
    pub form: Form,
    /// Places of the recipe that had a say, in order: arms that were taken, methods that were called.
    pub steps: Vec<Site>,
}

/// The histories of all tensors that a glob fits; an error when it is wrong or fits nothing.
pub fn tensors<'r>(recipe: &'r Recipe, glob: &str) -> Result<Vec<Trace<'r>>, Problem> {
    let regex = patterns::glob_regex(glob).map_err(|reason| {
        Problem::new(Code("E0214"), format!("the glob `{glob}` cannot be read: {reason}"))
            .help("write for example `'**.torgb.*'`")
    })?;
    let regex = regex::Regex::new(&regex).map_err(|_| {
        Problem::new(Code("E0214"), format!("the glob `{glob}` is too large")).help("write for example `'**.torgb.*'`")
    })?;
    let mut out = vec![];
    for output in &recipe.outputs {
        let mut space = Space::new(&[output.value], &recipe.exprs, &recipe.inputs, &recipe.patterns);
        let mut evaluator = Evaluator::new(&recipe.exprs, &recipe.patterns, Some(&mut space), vec![]);
        let mut groups: IndexMap<(String, Vec<Site>), Trace> = IndexMap::new();
        for made in output.tensors.iter().filter(|made| regex.is_match(&made.name)) {
            let Some(at) = evaluator.space().find(&made.name) else { continue };
            if evaluator.form(output.value, at).is_err() {
                continue;
            }
            // The same place may be met for several inputs; the first time counts.
            let mut steps: Vec<Site> = vec![];
            for step in &evaluator.steps {
                if !steps.contains(step) {
                    steps.push(*step);
                }
            }
            let key = (shares(&made.form), steps.clone());
            let new = || Trace { output, names: vec![], form: made.form.clone(), steps };
            groups.entry(key).or_insert_with(new).names.push(made.name.to_string());
        }
        out.extend(groups.into_values());
    }
    if out.is_empty() {
        let names = recipe.outputs.iter().flat_map(|output| &output.tensors).map(|made| &*made.name);
        let problem = Problem::new(Code("E0214"), format!("the glob `{glob}` fits no tensor of the outputs"));
        return Err(match nearest(glob, names) {
            Some(near) => problem.help(format!("write `{near}`")),
            None => problem.help("see the names with `blend plan`; `'**'` fits all of them"),
        });
    }
    Ok(out)
}

/// Shares without tensor names.
fn shares(form: &Form) -> String {
    let terms = form.terms.iter().map(|(atom, share)| match atom {
        crate::hir::Atom::Tensor { input, .. } => format!("{}:{share}", input.0),
        other => format!("{:?}:{share}", std::mem::discriminant(other)),
    });
    terms.collect::<Vec<_>>().join(" ")
}

/// A place as `file:line: text`, the text on one line.
pub fn line(sources: &Sources, site: Site) -> String {
    let source = sources.get(site.source);
    let (line, _) = source.line_column(site.span.start);
    let text = source.slice(site.span).split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = text.chars().take(90).collect();
    let dots = if short.len() < text.len() { " …" } else { "" };
    format!("{}:{line}: {short}{dots}", source.name)
}
