//! Whether two recipes make the same of a tensor.

use crate::field::Weight;
use crate::hir::Atom;
use crate::hir::Form;
use crate::hir::Made;
use crate::hir::Recipe;
use crate::hir::leaves;
use crate::methods::OptionValue;
use crate::tensor::Dtype;
use std::collections::HashMap;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// Two recipes, with their inputs numbered together.
pub struct Same<'r> {
    pub before: &'r Recipe,
    pub after: &'r Recipe,
    /// Per input of the recipe after, the one before that it was.
    pub partner: Vec<Option<usize>>,
    calls: HashMap<(u32, u32, bool), bool>,
}

impl<'r> Same<'r> {
    pub fn new(before: &'r Recipe, after: &'r Recipe) -> Same<'r> {
        Same { before, after, partner: partners(before, after), calls: HashMap::new() }
    }

    /// Whether a tensor is made alike; its type is another question.
    pub fn made(&mut self, before: &Made, after: &Made) -> bool {
        let is_wide = is_wide(self.before, before) || is_wide(self.after, after);
        let is_ordered = before.bits_only || after.bits_only;
        // What must be equal in all inputs is the same whoever gives it: a build refuses it otherwise.
        if !before.equal.is_empty() && before.shape == after.shape && self.all_equal(before, after) {
            return true;
        }
        before.shape == after.shape && self.form(&before.form, &after.form, is_wide, is_ordered)
    }

    /// The same inputs give the tensor and are held against it.
    fn all_equal(&mut self, before: &Made, after: &Made) -> bool {
        let givers = |made: &Made| -> Option<Vec<Atom>> {
            Some(std::iter::once(made.form.whole()?.clone()).chain(made.equal.iter().cloned()).collect())
        };
        let (Some(old), Some(new)) = (givers(before), givers(after)) else { return false };
        old.len() == new.len() && old.iter().all(|one| new.iter().any(|other| self.atom(one, other, true)))
    }

    fn form(&mut self, before: &Form, after: &Form, is_wide: bool, is_ordered: bool) -> bool {
        let (a, b) = (&before.terms, &after.terms);
        if a.len() != b.len() {
            return false;
        }
        let mut fit = |order: &[usize]| {
            a.iter()
                .zip(order)
                .all(|(one, &at)| self.atom(&one.0, &b[at].0, is_wide) && share(&one.1, &b[at].1, is_wide))
        };
        // A sum of two is the same either way round; a longer one is rounded in its order.
        let in_order: Vec<usize> = (0..a.len()).collect();
        fit(&in_order) || (a.len() == 2 && !is_ordered && fit(&[1, 0]))
    }

    fn atom(&mut self, before: &Atom, after: &Atom, is_wide: bool) -> bool {
        match (before, after) {
            (Atom::Tensor { input: a, name: m }, Atom::Tensor { input: b, name: n }) => {
                m == n && self.partner[b.0 as usize] == Some(a.0 as usize)
            }
            (Atom::Call(a), Atom::Call(b)) => self.call(*a, *b, is_wide),
            (Atom::Absent(_), Atom::Absent(_)) => true,
            _ => false,
        }
    }

    fn call(&mut self, a: u32, b: u32, is_wide: bool) -> bool {
        if let Some(&known) = self.calls.get(&(a, b, is_wide)) {
            return known;
        }
        let (before, after) = (&self.before.calls[a as usize], &self.after.calls[b as usize]);
        let options = |one: &[OptionValue], other: &[OptionValue]| {
            one.len() == other.len()
                && one.iter().zip(other).all(|pair| match pair {
                    (OptionValue::Number(x), OptionValue::Number(y)) => number(*x, *y, is_wide),
                    (x, y) => x == y,
                })
        };
        let of_inputs = before.on.inputs.iter().zip(&after.on.inputs).all(|(one, other)| options(one, other));
        let is_same = before.method == after.method
            && before.inputs.len() == after.inputs.len()
            && options(&before.on.options, &after.on.options)
            && before.on.inputs.len() == after.on.inputs.len()
            && of_inputs
            && before.inputs.iter().zip(&after.inputs).all(|(one, other)| self.form(one, other, is_wide, false));
        self.calls.insert((a, b, is_wide), is_same);
        is_same
    }
}

/// Values are summed in f32 unless one is stored in f64.
fn is_wide(recipe: &Recipe, made: &Made) -> bool {
    made.dtype == Dtype::F64
        || leaves(&made.form, &recipe.calls).into_iter().any(|atom| match atom {
            Atom::Tensor { input, name } => {
                let canon = &recipe.input(*input).canon;
                canon.index.get(name).is_some_and(|&at| canon.tensors[at].dtype == Dtype::F64)
            }
            _ => false,
        })
}

/// Equal where they are rounded to: `1 - 0.7` is `0.3`.
fn number(a: f64, b: f64, is_wide: bool) -> bool {
    a == b || (!is_wide && a as f32 == b as f32)
}

fn share(a: &Weight, b: &Weight, is_wide: bool) -> bool {
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => number(a, b, is_wide),
        _ => Weight::map(&[a, b], |x| if number(x[0], x[1], is_wide) { 0.0 } else { 1.0 }).is(0.0),
    }
}

/// Inputs are the same by file and name, then by file, then by name.
fn partners(before: &Recipe, after: &Recipe) -> Vec<Option<usize>> {
    let paths = |recipe: &Recipe| recipe.inputs.iter().map(|input| plain(&input.path)).collect::<Vec<_>>();
    let (old, new) = (paths(before), paths(after));
    let mut out: Vec<Option<usize>> = vec![None; new.len()];
    let by_name = |a: usize, b: usize| before.inputs[a].name == after.inputs[b].name;
    let rules: [&dyn Fn(usize, usize) -> bool; 3] =
        [&|a, b| old[a] == new[b] && by_name(a, b), &|a, b| old[a] == new[b], &by_name];
    for rule in rules {
        for b in 0..new.len() {
            if out[b].is_none() {
                out[b] = (0..old.len()).find(|&a| !out.contains(&Some(a)) && rule(a, b));
            }
        }
    }
    out
}

/// A path from the root, without dots: `a/../b` is `b`.
pub fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}
