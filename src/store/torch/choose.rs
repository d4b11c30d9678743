//! Which dictionary of a pickle is the model.
//!
//! In this order: the one that `key` names; the file itself, when no dictionary in it has tensors; the first of [`ORDER`]
//! that has tensors; the only one that has tensors.  Within the one that is found the same is asked once more when it has
//! no tensors of its own.  What stands beside it at the top as a bare tensor (rosinality's `latent_avg`) comes along.

use super::Window;
use super::tree;
use super::tree::Flat;
use super::tree::Leaf;
use super::tree::Sort;
use super::tree::sort;
use crate::diag::Problem;
use crate::diag::shown;
use crate::diag::suggest::nearest;
use crate::pickle::Id;
use crate::pickle::Next;
use crate::pickle::Step;
use crate::pickle::Value;
use crate::pickle::Values;
use crate::store::error;
use crate::store::header::Refusal;
use crate::store::json::quoted;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::path::Path;

/// Names of dictionaries that are the model, the best first: averaged weights before live ones, generators alone.
/// `diag/codes/E0521.md` lists them.
#[rustfmt::skip]
const ORDER: &[&str] = &[
    "g_ema", "G_ema", "params_ema", "state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema",
    "state_dict", "model_state_dict", "model", "params", "module", "net", "netG", "network", "weights",
    "generator", "g", "G", "GAN",
];

/// Dictionaries within the model's that are followed.
const LEVELS: usize = 4;

/// What wrappers put before all names of a model: `DataParallel`, `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// Facts that are kept, and how long their names and texts may be, in bytes.
const FACTS: usize = 64;
const FACT_NAME: usize = 64;
const FACT_TEXT: usize = 1024;

/// Dictionaries that a message lists.
const LISTED: usize = 8;

/// The model of a pickle.
pub struct Chosen {
    /// Tensors and arrays only.
    pub leaves: Vec<Leaf>,
    /// Numbers and texts at the top of the file, as text.
    pub facts: BTreeMap<String, String>,
}

/// Chooses among what is below a value of a pickle, which stands in `window`.
/// Errors: E0507, E0510, E0521.
pub fn choose(path: &Path, window: &Window, values: &Values, root: Id, key: Option<&str>) -> Result<Chosen, Problem> {
    let choice = Choice { path, window, values, root };
    let (mut leaves, top) = match key {
        Some(key) => choice.named(key)?,
        None => choice.usual()?,
    };
    strip_wrappers(&mut leaves);
    if let Some(top) = top {
        choice.add_beside(&top, &mut leaves);
    }
    Ok(Chosen { leaves, facts: choice.facts() })
}

struct Choice<'p> {
    path: &'p Path,
    window: &'p Window<'p>,
    values: &'p Values,
    root: Id,
}

/// Tensors, and the key at the top of the file under which they stand, when it is one.
type Found = (Vec<Leaf>, Option<String>);

impl Choice<'_> {
    /// The tensors under a name, which may go through several dictionaries; `.` is the file itself.
    fn named(&self, key: &str) -> Result<Found, Problem> {
        if key == "." {
            let leaves = self.all(self.root, &|_, _| false)?;
            return if leaves.is_empty() { Err(self.nothing()) } else { Ok((leaves, None)) };
        }
        let mut there = vec![];
        let mut flat = Flat::new(self.values, self.window.start);
        self.seek(self.root, "", key, &mut there, &mut flat).map_err(|refusal| refusal.of_file(self.path))?;
        let leaves = match there[..] {
            // `model` holds `state_dict` and an optimizer.
            [only] if let Some(inner) = self.only_inner(only) => self.all(inner, &|_, _| false)?,
            _ => flat.leaves,
        };
        if leaves.is_empty() {
            return Err(self.not_there(key, there.first().copied()));
        }
        let is_dict = |id: &Id| matches!(self.values.get(*id), Value::Dict(_));
        let top = self.values.dict_get(self.root, key).filter(is_dict).map(|_| key.to_string());
        Ok((leaves, top))
    }

    /// Adds the tensors whose full names begin with `key`, and says what stands exactly there.
    fn seek(&self, id: Id, path: &str, key: &str, there: &mut Vec<Id>, out: &mut Flat) -> Result<(), Refusal> {
        for (name, part) in tree::parts(self.values, id) {
            let full = if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") };
            if full == key {
                there.push(part);
                out.all(part, &|_, _| false)?;
            } else if let Some(rest) = full.strip_prefix(key).and_then(|rest| rest.strip_prefix('.')) {
                out.part(rest, part)?;
            } else if sort(self.values, part) == Sort::Holder
                && key.strip_prefix(full.as_str()).is_some_and(|rest| rest.starts_with('.'))
            {
                self.seek(part, &full, key, there, out)?;
            }
        }
        Ok(())
    }

    /// All tensors below a holder.
    fn all(&self, id: Id, skip: &dyn Fn(&str, Id) -> bool) -> Result<Vec<Leaf>, Problem> {
        let mut flat = Flat::new(self.values, self.window.start);
        flat.all(id, skip).map_err(|refusal| refusal.of_file(self.path))?;
        Ok(flat.leaves)
    }

    /// The one dictionary with tensors, with a name of [`ORDER`], of a dictionary that has none of its own.
    fn only_inner(&self, id: Id) -> Option<Id> {
        match &self.candidates(id)[..] {
            [(key, inner, _)] if !self.has_own(id) && ORDER.contains(&key.as_str()) => Some(*inner),
            _ => None,
        }
    }

    /// Whether tensors stand in a dictionary itself.
    fn has_own(&self, id: Id) -> bool {
        let is_own = |id: Id| matches!(sort(self.values, id), Sort::Tensor | Sort::Strange);
        tree::parts(self.values, id).any(|(_, part)| is_own(part))
    }

    /// Dictionaries with tensors in a dictionary or list, each with their number.
    fn candidates(&self, id: Id) -> Vec<(String, Id, usize)> {
        let mut out = vec![];
        for (key, part) in tree::parts(self.values, id) {
            let is_dict = matches!(self.values.get(part), Value::Dict(_));
            if is_dict && !tree::is_of_training(&key) {
                let count = tree::count(self.values, part);
                if count > 0 {
                    out.push((key.into_owned(), part, count));
                }
            }
        }
        out
    }

    /// What is taken when nothing is said.
    fn usual(&self) -> Result<Found, Problem> {
        let candidates = self.candidates(self.root);
        let bare = tree::parts(self.values, self.root).filter(|part| self.is_bare(part.1)).count();
        let by_name = ORDER.iter().find_map(|name| candidates.iter().find(|candidate| candidate.0 == *name));
        if by_name.is_none() && self.model_object().is_some() {
            return Err(self.nothing());
        }
        let (key, id) = match (by_name, &candidates[..]) {
            (Some((key, id, _)), _) => (key, *id),
            (None, [(key, id, _)]) if bare == 0 => (key, *id),
            (None, [] | [_]) => {
                let leaves = self.flatten(self.root)?;
                let is_empty = leaves.iter().all(|leaf| sort(self.values, leaf.id) == Sort::Scalar);
                return if is_empty { Err(self.nothing()) } else { Ok((leaves, None)) };
            }
            (None, _) => return Err(self.ambiguous(&candidates)),
        };
        let mut id = id;
        for _ in 1..LEVELS {
            if self.has_own(id) {
                break;
            }
            let inner = self.candidates(id);
            let by_name = ORDER.iter().find_map(|name| inner.iter().find(|candidate| candidate.0 == *name));
            let Some((_, inner, _)) = by_name else { break };
            id = *inner;
        }
        Ok((self.flatten(id)?, Some(key.clone())))
    }

    /// All tensors of a dictionary but those of its training.
    fn flatten(&self, id: Id) -> Result<Vec<Leaf>, Problem> {
        let skip = |key: &str, part: Id| {
            matches!(self.values.get(part), Value::Dict(_))
                && (tree::is_of_optimizer(self.values, part) || (id == self.root && tree::is_of_training(key)))
        };
        self.all(id, &skip)
    }

    /// A tensor of floats with axes: no state of a random generator, no counter.
    fn is_bare(&self, id: Id) -> bool {
        match self.values.get(id) {
            Value::Tensor(tensor) => !tensor.shape.is_empty() && tensor.storage.dtype.is_float(),
            Value::Array(array) => !array.shape.is_empty() && array.dtype.is_float(),
            _ => false,
        }
    }

    /// Adds the tensors that stand bare beside the dictionary `top`; arrays there are what a training script noted.
    fn add_beside(&self, top: &str, leaves: &mut Vec<Leaf>) {
        let names: HashSet<&str> = leaves.iter().map(|leaf| leaf.name.as_str()).collect();
        let beside = tree::parts(self.values, self.root);
        let is_beside = |id: Id| self.is_bare(id) && matches!(self.values.get(id), Value::Tensor(_));
        let beside = beside.filter(|(key, part)| key != top && is_beside(*part) && !names.contains(&**key));
        let beside: Vec<Leaf> = beside.map(|(name, id)| Leaf { name: name.into_owned(), id }).collect();
        leaves.extend(beside);
    }

    /// Short numbers and texts at the top of the file.
    fn facts(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for (key, part) in tree::parts(self.values, self.root) {
            let text = match self.values.get(part) {
                Value::Bool(value) => value.to_string(),
                Value::Int(value) => value.to_string(),
                Value::Float(value) => value.to_string(),
                Value::Str(text) if text.len() <= FACT_TEXT => text.to_string(),
                // NumPy's scalars; beyond 2^53 an integer is not what it was.
                Value::Array(array) if array.shape.is_empty() => match array.scalar(self.window) {
                    Some(value) if value.abs() < (1u64 << 53) as f64 || array.dtype.is_float() => value.to_string(),
                    _ => continue,
                },
                _ => continue,
            };
            let is_name = !key.is_empty() && key.len() <= FACT_NAME && !shown::has_hidden(&key);
            if is_name && out.len() < FACTS && matches!(self.values.get(self.root), Value::Dict(_)) {
                out.insert(key.into_owned(), text);
            }
        }
        out
    }

    /// Every dictionary that has tensors of its own: where it stands and how many tensors are in and below it.
    fn dictionaries(&self) -> Vec<(Vec<Step>, usize)> {
        let mut out = vec![];
        self.values.walk(self.root, &mut |path, id| {
            if sort(self.values, id) != Sort::Holder || tree::is_of_optimizer(self.values, id) {
                return Next::Over;
            }
            let is_own = tree::parts(self.values, id).any(|(_, part)| sort(self.values, part) == Sort::Tensor);
            if is_own && !path.is_empty() && matches!(self.values.get(id), Value::Dict(_)) && out.len() < 1000 {
                out.push((path.to_vec(), tree::count(self.values, id)));
            }
            if is_own && !path.is_empty() { Next::Over } else { Next::Into }
        });
        out
    }

    fn ambiguous(&self, candidates: &[(String, Id, usize)]) -> Problem {
        let message = format!(
            "`{}` has {} dictionaries of tensors and nothing says which is the model",
            shown::path(self.path),
            candidates.len()
        );
        let listed = list(candidates.len(), candidates.iter().map(|(key, _, count)| (key.into(), *count)));
        let problem = Problem::new(error::DICTIONARY, message).note(format!("they are {listed}"));
        with_key(problem, &candidates[0].0, "after the path, or `{ key = \".\" }` for all of them")
    }

    fn nothing(&self) -> Problem {
        let name = shown::path(self.path);
        let root = self.values.get(self.root);
        let object = match root {
            Value::Opaque(class) => Some(quoted(class)),
            _ => self.model_object().map(|(key, class)| format!("{} under the key {}", quoted(class), quoted(&key))),
        };
        let what = match (object, root) {
            (Some(object), _) => format!("the model as an object of the class {object}"),
            (None, Value::Dict(_)) => "no tensors under names".to_string(),
            (None, other) => other.noun().to_string(),
        };
        Problem::new(error::DICTIONARY, format!("`{name}` holds {what}, a dictionary of tensors was expected"))
            .help("save the weights where the model can be loaded: `torch.save(model.state_dict(), \"weights.pt\")`")
    }

    /// The first object under a name that a model has: its key and class.
    fn model_object(&self) -> Option<(String, &str)> {
        tree::parts(self.values, self.root).find_map(|(key, part)| match self.values.get(part) {
            Value::Opaque(class) if ORDER.contains(&&*key) => Some((key.into_owned(), &**class)),
            _ => None,
        })
    }

    fn not_there(&self, key: &str, there: Option<Id>) -> Problem {
        let what = match there.map(|id| self.values.get(id)) {
            Some(Value::Opaque(class)) => format!("is an object of the class {}", quoted(class)),
            Some(Value::Dict(_)) => "is a dictionary without tensors".into(),
            Some(other) => format!("is {}", other.noun()),
            None => "is not there".into(),
        };
        let message =
            format!("{} in `{}` {what}, a dictionary of tensors was expected", quoted(key), shown::path(self.path));
        let problem = Problem::new(error::DICTIONARY, message);
        let found = self.dictionaries();
        let texts = || found.iter().map(|(path, count)| (Cow::from(self.values.path_text(path)), *count));
        let Some((first, _)) = texts().next() else {
            return problem.help("leave `key` away: the tensors of the file are in no dictionary of their own");
        };
        // Slips do not make a name much longer; those that are need not be compared, nor kept.
        let alike: Vec<Cow<str>> = texts().map(|text| text.0).filter(|text| text.len() <= 4 * key.len() + 16).collect();
        let near = nearest(key, alike.iter().map(|name| &**name)).unwrap_or(&first);
        with_key(problem.note(format!("it has {}", list(found.len(), texts()))), near, "instead")
    }
}

/// `left` (12 tensors), `right` (1 tensor).
fn list<'n>(number: usize, dictionaries: impl Iterator<Item = (Cow<'n, str>, usize)>) -> String {
    let shown = dictionaries.take(LISTED).map(|(name, count)| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{} ({count} tensor{plural})", quoted(&name))
    });
    let more = number.saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.collect::<Vec<_>>().join(", "))
}

/// The help to name a dictionary; a name that a recipe cannot hold in a string is not shown as one.
fn with_key(problem: Problem, key: &str, place: &str) -> Problem {
    let is_plain = !shown::has_hidden(key) && !key.contains(['"', '\\', '`']) && key.len() <= FACT_NAME;
    match is_plain {
        true => problem.help(format!("write `{{ key = \"{key}\" }}` {place}")),
        false => problem.help("write `{ key = \".\" }` after the path for the whole file"),
    }
}

/// Takes away what wrappers put before every name.
fn strip_wrappers(leaves: &mut [Leaf]) {
    while let Some(wrapper) = WRAPPERS.iter().find(|&&wrapper| {
        !leaves.is_empty()
            && leaves.iter().all(|leaf| leaf.name.strip_prefix(wrapper).is_some_and(|rest| !rest.is_empty()))
    }) {
        leaves.iter_mut().for_each(|leaf| drop(leaf.name.drain(..wrapper.len())));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_lists_the_order() {
        let page = include_str!("../../diag/codes/E0521.md");
        let listed: Vec<&str> = page.split("has tensors is taken: ").nth(1).expect("the list").split('`').collect();
        let names: Vec<&str> = listed.into_iter().skip(1).step_by(2).take(super::ORDER.len()).collect();
        assert_eq!(names, super::ORDER);
    }
}
