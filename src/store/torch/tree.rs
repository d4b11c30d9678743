//! What stands where in a pickle: tensors under names, dictionaries, objects.

use crate::pickle::Id;
use crate::pickle::Value;
use crate::pickle::Values;

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
    /// An object in whose place a tensor would stand: of a kind that the machine does not rebuild.
    Strange,
    /// What holds others by key or position.
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
        Value::Opaque(class) if is_strange(class) => Sort::Strange,
        Value::Dict(_) | Value::List(_) | Value::Tuple(_) => Sort::Holder,
        _ => Sort::Other,
    }
}

/// Whether objects of a class are tensors in another form (sparse, quantised, of a type or class of their own).
fn is_strange(class: &str) -> bool {
    let harmless = ["torch.device", "torch.Size", "torch.Generator", "torch.dtype", "torch.layout"];
    let file = class.rsplit('.').next().unwrap_or(class);
    let is_tensor = file.ends_with("Tensor") || file.ends_with("Parameter") || file.ends_with("Storage");
    let plain = class.strip_prefix("torch.").is_some_and(|rest| !rest.contains('.') && !harmless.contains(&class));
    is_tensor || plain || class.starts_with("torch._utils._rebuild") || class.starts_with("torch._tensor.")
}

/// The text of a key: names and numbers; others have none.
pub fn key_text(values: &Values, key: Id) -> Option<String> {
    match values.get(key) {
        Value::Str(text) => Some(text.to_string()),
        Value::Int(int) => Some(int.to_string()),
        _ => None,
    }
}

/// What a holder holds, with its keys or positions; keys that are neither names nor numbers are left out.
pub fn parts(values: &Values, id: Id) -> Vec<(String, Id)> {
    match values.get(id) {
        Value::Dict(entries) => {
            entries.iter().filter_map(|(key, value)| Some((key_text(values, *key)?, *value))).collect()
        }
        Value::List(items) | Value::Tuple(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), *item)).collect()
        }
        _ => vec![],
    }
}

/// Tensors of at least one axis below a value that are reached by keys alone: a list has no names for them.
pub fn count(values: &Values, id: Id) -> usize {
    let mut count = 0;
    values.walk(id, &mut |_, at| match sort(values, at) {
        Sort::Tensor | Sort::Strange => {
            count += 1;
            false
        }
        Sort::Holder => matches!(values.get(at), Value::Dict(_)) && !is_of_optimizer(values, at),
        _ => false,
    });
    count
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

/// All tensors below a value, names joined by dots.  `skip` says which keys of dictionaries are left out.
pub fn flatten(values: &Values, id: Id, prefix: &str, skip: &dyn Fn(&str, Id) -> bool, out: &mut Vec<Leaf>) {
    // The machine bounds how deep values nest and how many places there are.
    for (key, part) in parts(values, id) {
        if skip(&key, part) {
            continue;
        }
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match sort(values, part) {
            Sort::Tensor | Sort::Scalar | Sort::Strange => out.push(Leaf { name, id: part }),
            Sort::Holder => flatten(values, part, &name, skip, out),
            Sort::Other => {}
        }
    }
}
