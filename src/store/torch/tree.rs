//! What stands where in a pickle: tensors under names, dictionaries, objects.

use crate::diag::shown;
use crate::pickle::Id;
use crate::pickle::Next;
use crate::pickle::Value;
use crate::pickle::Values;
use crate::store::header::BUDGET;
use crate::store::header::Refusal;
use crate::store::sheet;
use crate::tensor::Entry;
use std::borrow::Cow;

/// A tensor under its name.
pub struct Leaf {
    pub name: String,
    pub id: Id,
}

/// What a value is to us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A tensor or an array of at least one axis.
    Tensor,
    /// A tensor without axes: a counter, or something about the training.
    Scalar,
    /// A tensor of a kind that the machine does not rebuild, or a storage without a shape.
    Strange,
    /// What holds others by key or position, or has them as members.
    Holder,
    Other,
}

pub fn sort(values: &Values, id: Id) -> Sort {
    match values.get(id) {
        Value::Tensor(tensor) if tensor.shape.is_empty() => Sort::Scalar,
        Value::Tensor(_) => Sort::Tensor,
        // NumPy's scalars are numbers, such as the best loss so far.
        Value::Array(array) if array.shape.is_empty() => Sort::Other,
        Value::Array(_) => Sort::Tensor,
        Value::Strange(_) | Value::Storage(_) => Sort::Strange,
        Value::Dict(_) | Value::List(_) | Value::Tuple(_) | Value::Set(_) => Sort::Holder,
        _ => Sort::Other,
    }
}

/// The text of a key: names and numbers; others have none.
pub fn key_text(values: &Values, key: Id) -> Option<Cow<'_, str>> {
    match values.get(key) {
        Value::Str(text) => Some(Cow::Borrowed(text)),
        Value::Int(int) => Some(Cow::Owned(int.to_string())),
        _ => None,
    }
}

/// What a holder holds under no name: members of sets, and what stands under other keys; with words for where it stands.
pub fn nameless(values: &Values, id: Id) -> impl Iterator<Item = (String, Id)> {
    let entries = values.entries(id).unwrap_or_default().iter();
    let entries = entries.filter_map(|(key, value)| match (key_text(values, *key), values.get(*key)) {
        (Some(_), _) => None,
        (None, Value::LongStr(text)) => Some((format!("a key of {}", shown::bytes(text.len())), *value)),
        (None, other) => Some((format!("{} as a key", other.noun()), *value)),
    });
    let members: &[Id] = if let Value::Set(members) = values.get(id) { members } else { &[] };
    entries.chain(members.iter().map(|member| ("a set, whose members have no names".to_string(), *member)))
}

/// What a holder holds, with its keys or positions; keys that are neither names nor numbers are left out.
pub fn parts(values: &Values, id: Id) -> impl Iterator<Item = (Cow<'_, str>, Id)> {
    let entries = values.entries(id).unwrap_or_default().iter();
    let items = values.items(id).unwrap_or_default().iter();
    let entries = entries.filter_map(|(key, value)| Some((key_text(values, *key)?, *value)));
    entries.chain(items.enumerate().map(|(index, item)| (Cow::Owned(index.to_string()), *item)))
}

/// Tensors of at least one axis below a value that are reached by keys alone: a list has no names for them.
pub fn count(values: &Values, id: Id) -> usize {
    let mut count = 0;
    values.walk(id, &mut |_, at| match sort(values, at) {
        Sort::Tensor | Sort::Strange => {
            count += 1;
            Next::Over
        }
        Sort::Holder if matches!(values.get(at), Value::Dict(_)) && !is_of_optimizer(values, at) => Next::Into,
        _ => Next::Over,
    });
    count
}

/// The first tensor of any form at or below a value.
fn first_tensor(values: &Values, id: Id) -> Option<Id> {
    let mut first = None;
    values.walk(id, &mut |_, at| match sort(values, at) {
        Sort::Tensor | Sort::Scalar | Sort::Strange => {
            first = Some(at);
            Next::End
        }
        Sort::Holder => Next::Into,
        Sort::Other => Next::Over,
    });
    first
}

/// Whether a dictionary is the state of an optimizer.
pub fn is_of_optimizer(values: &Values, id: Id) -> bool {
    values.dict_get(id, "param_groups").is_some() && values.dict_get(id, "state").is_some()
}

/// What a key says of the training and not of the model.
pub fn is_of_training(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let words = ["optim", "sched", "scaler", "callback", "loops", "rng", "hyper_param", "hparams", "metric"];
    words.iter().any(|word| key.contains(word))
}

/// What helps where a tensor has no name.
const NAMED: &str = "save it under names: `torch.save({str(k): t for k, t in sd.items()}, \"weights.pt\")` in Python";

/// Collects tensors under names that are joined by dots.  A name is made only where one is needed, and never a long one:
/// keys that nest could make names of gigabytes from a file of kilobytes.
pub struct Flat<'v> {
    values: &'v Values,
    /// Where the pickle begins in its file.
    base: u64,
    pub leaves: Vec<Leaf>,
    /// What their entries will take at least, in bytes.
    taken: u64,
}

impl<'v> Flat<'v> {
    pub fn new(values: &'v Values, base: u64) -> Flat<'v> {
        Flat { values, base, leaves: vec![], taken: 0 }
    }

    /// Adds all tensors below a holder.  `skip` says which keys of dictionaries are left out.
    /// Errors: E0507 for a name that is too long, E0510.
    pub fn all(&mut self, id: Id, skip: &dyn Fn(&str, Id) -> bool) -> Result<(), Refusal> {
        self.below(id, &mut String::new(), skip)
    }

    /// Adds what stands under a name, and below it.
    pub fn part(&mut self, name: &str, id: Id) -> Result<(), Refusal> {
        self.one(id, &mut name.to_string(), &|_, _| false)
    }

    fn below(&mut self, id: Id, name: &mut String, skip: &dyn Fn(&str, Id) -> bool) -> Result<(), Refusal> {
        let length = name.len();
        for (found, part) in nameless(self.values, id) {
            if !skip("", part)
                && let Some(tensor) = first_tensor(self.values, part)
            {
                return Err(sheet::unusable(self.at(tensor), found, NAMED));
            }
        }
        // The machine bounds how deep values nest and how many places there are.
        for (key, part) in parts(self.values, id) {
            if sort(self.values, part) == Sort::Other || skip(&key, part) {
                continue;
            }
            if length > 0 {
                name.push('.');
            }
            name.push_str(&key);
            self.one(part, name, skip)?;
            name.truncate(length);
        }
        Ok(())
    }

    fn one(&mut self, id: Id, name: &mut String, skip: &dyn Fn(&str, Id) -> bool) -> Result<(), Refusal> {
        let is_long = name.len() > sheet::NAME;
        match sort(self.values, id) {
            Sort::Other => Ok(()),
            Sort::Holder if !is_long => self.below(id, name, skip),
            _ if is_long => match first_tensor(self.values, id) {
                Some(tensor) => Err(sheet::too_long(self.at(tensor))),
                None => Ok(()),
            },
            _ => {
                self.taken += (size_of::<Entry>() + name.len()) as u64;
                if self.taken > BUDGET {
                    return Err(sheet::too_large(self.at(id)));
                }
                self.leaves.push(Leaf { name: name.clone(), id });
                Ok(())
            }
        }
    }

    /// Where the pickle makes a tensor.
    fn at(&self, id: Id) -> u64 {
        self.base
            + match self.values.get(id) {
                Value::Tensor(tensor) => tensor.at,
                Value::Array(array) => array.at,
                _ => 0,
            }
    }
}
