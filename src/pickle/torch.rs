//! Storages and tensors of PyTorch.

use super::Id;
use super::Storage;
use super::StorageBytes;
use super::Tensor;
use super::Value;
use super::call::arity;
use super::call::is_word;
use super::fault::Bad;
use super::machine::Machine;
use super::names;
use super::names::Elements;
use super::names::Known;
use super::value::Told;
use crate::tensor::Dtype;
use crate::tensor::Shape;
use crate::tensor::elems;
use smallvec::SmallVec;

/// More axes than PyTorch's tensors have in files.
const AXES: usize = 32;

impl Machine<'_> {
    /// BINPERSID: `('storage', torch.FloatStorage, key, device, elements)`; legacy streams add a view, which is None.
    pub fn persistent(&mut self, id: Id) -> Result<Id, Bad> {
        let name = "persistent id";
        let parts: SmallVec<[Id; 6]> = match self.values.get(id) {
            Value::Tuple(parts) if (5..=6).contains(&parts.len()) => parts[..].into(),
            Value::Tuple(parts) => {
                return Err(Bad::malformed(format!("a persistent id of {} parts", parts.len()), "5 or 6"));
            }
            other => return Err(Bad::malformed(format!("{} as a persistent id", other.noun()), "a tuple")),
        };
        if self.values.str(parts[0]) != Some("storage") {
            return Err(self.wrong(name, "kind", parts[0], "`storage`"));
        }
        let class = match self.values.get(parts[1]) {
            Value::Global(class) => class.clone(),
            _ => return Err(self.wrong(name, "class", parts[1], "the name of a class such as `torch.FloatStorage`")),
        };
        let Some(elements_of) = names::storage(&class) else {
            return Err(self.wrong(name, "class", parts[1], "the name of a class such as `torch.FloatStorage`"));
        };
        let key = match self.values.get(parts[2]) {
            Value::Str(key) if is_word(key) => key.clone(),
            _ => return Err(self.wrong(name, "key", parts[2], "a word such as `0`")),
        };
        match self.values.get(parts[3]) {
            Value::Str(device) if is_device(device) => {}
            _ => return Err(self.wrong(name, "device", parts[3], "a device such as `cpu` or `cuda:0`")),
        }
        let Some(elements) = self.values.int(parts[4]).and_then(|count| u64::try_from(count).ok()) else {
            return Err(self.wrong(name, "number of elements", parts[4], "an integer that is not negative"));
        };
        if let Some(view) = parts.get(5)
            && *self.values.get(*view) != Value::None
        {
            return Err(Bad::unsupported("a view of another storage, as PyTorch 0.1 wrote", "storages of their own"));
        }
        let (dtype, unit) = match elements_of {
            Elements::Known(dtype) => (dtype, 1),
            Elements::Other(bytes) => (Dtype::U8, bytes),
        };
        let told = elements.checked_mul(unit).map(|elements| Told { dtype, elements, unit });
        let Some(told) = told.filter(|told| has_bytes(told.elements, dtype)) else {
            let found = format!("a storage of {elements} elements");
            return Err(Bad::malformed(found, "a number whose bytes can be counted"));
        };
        match self.values.storages.get(&key) {
            Some(known) if *known == told => {}
            Some(known) => {
                return Err(Bad::malformed(
                    format!("the storage `{key}` as {elements} elements of {dtype}"),
                    format!("{} of {}, as before", known.elements, known.dtype),
                ));
            }
            None => {
                // An entry of a map, and the text of the key.
                self.charge(96 + key.len() as u64)?;
                self.values.storages.insert(key.clone(), told);
            }
        }
        if matches!(elements_of, Elements::Other(_)) {
            return self.add(Value::Strange(class));
        }
        self.add_storage(Storage { dtype, bytes: StorageBytes::Key(key), elements })
    }

    pub fn add_storage(&mut self, storage: Storage) -> Result<Id, Bad> {
        self.charge(size_of::<Storage>() as u64)?;
        self.add(Value::Storage(Box::new(storage)))
    }

    /// `_rebuild_tensor(storage, offset, size, stride)`, v2 adds `requires_grad, hooks[, metadata]`, v3 `…, dtype[, metadata]`.
    pub fn rebuild_tensor(&mut self, known: Known, name: &str, args: &[Id]) -> Result<Id, Bad> {
        let (counts, metadata) = match known {
            Known::RebuildTensor => (4..=4, 4),
            Known::RebuildTensorV2 => (6..=7, 6),
            _ => (7..=8, 7),
        };
        arity(name, args, counts)?;
        let mut storage = match self.values.get(args[0]) {
            Value::Storage(storage) => (**storage).clone(),
            Value::Strange(class) if names::storage(class).is_some() => {
                let class = class.clone();
                return self.add(Value::Strange(class));
            }
            _ => return Err(self.wrong(name, "storage", args[0], "a storage")),
        };
        if let [_, _, _, _, gradient, hooks, ..] = args {
            self.check_gradient(name, *gradient, *hooks)?;
        }
        if let Some(metadata) = args.get(metadata) {
            self.check_metadata(name, *metadata)?;
        }
        if known == Known::RebuildTensorV3 {
            let Value::Global(dtype) = self.values.get(args[6]) else {
                return Err(self.wrong(name, "type", args[6], "a name such as `torch.uint16`"));
            };
            let Some(dtype) = names::torch_dtype(dtype) else {
                // A type that blend has not.
                let dtype = dtype.clone();
                return self.add(Value::Strange(dtype));
            };
            // The bytes of the storage, read as this type.
            storage.elements = storage.elements * storage.dtype.bytes() / dtype.bytes();
            storage.dtype = dtype;
        }
        let Some(offset) = self.values.int(args[1]).and_then(|offset| u64::try_from(offset).ok()) else {
            return Err(self.wrong(name, "offset", args[1], "an integer that is not negative"));
        };
        let shape: Shape = self.sizes(name, "shape", args[2])?.into_iter().map(|size| size as u64).collect();
        let strides = self.sizes(name, "strides", args[3])?;
        if shape.len() != strides.len() {
            let found = format!("{} sizes and {} strides", shape.len(), strides.len());
            return Err(Bad::malformed(format!("{found} for `{name}`"), "as many strides as sizes"));
        }
        let beyond = check_window(&storage, offset, &shape, &strides)?;
        self.expanded = self.expanded.saturating_add(beyond);
        if self.expanded > self.limits.expanded {
            let most = self.limits.expanded;
            return Err(Bad::limit(
                format!("tensors with {} elements more than their storages", self.expanded),
                format!("at most {most} that strides repeat"),
            ));
        }
        self.charge(size_of::<Tensor>() as u64)?;
        self.add(Value::Tensor(Box::new(Tensor { storage, offset, shape, strides, at: self.at })))
    }

    /// A tuple of sizes or strides.
    fn sizes(&self, name: &str, what: &str, id: Id) -> Result<SmallVec<[i64; 4]>, Bad> {
        let Value::Tuple(items) = self.values.get(id) else {
            return Err(self.wrong(name, what, id, "a tuple of integers"));
        };
        if items.len() > AXES {
            return Err(Bad::malformed(
                format!("{} axes in the {what} of `{name}`", items.len()),
                format!("at most {AXES}"),
            ));
        }
        items
            .iter()
            .map(|item| match self.values.int(*item) {
                Some(size) if size >= 0 => Ok(size),
                _ => Err(self.wrong(name, what, *item, "integers that are not negative")),
            })
            .collect()
    }

    fn check_gradient(&self, name: &str, gradient: Id, hooks: Id) -> Result<(), Bad> {
        if self.values.bool(gradient).is_none() {
            return Err(self.wrong(name, "`requires_grad`", gradient, "True or False"));
        }
        match self.values.get(hooks) {
            Value::None => Ok(()),
            Value::Dict(hooks) if hooks.is_empty() => Ok(()),
            _ => Err(self.wrong(name, "hooks", hooks, "an empty dict")),
        }
    }

    /// The metadata that PyTorch adds says that values are to be negated or conjugated: not what lies in the storage.
    fn check_metadata(&self, name: &str, metadata: Id) -> Result<(), Bad> {
        match self.values.get(metadata) {
            Value::None => Ok(()),
            Value::Dict(flags) if flags.iter().all(|(_, flag)| self.values.bool(*flag) == Some(false)) => Ok(()),
            Value::Dict(_) => {
                Err(Bad::unsupported("a tensor that is negated or conjugated when it is read", "its values"))
            }
            _ => Err(self.wrong(name, "metadata", metadata, "a dict")),
        }
    }

    /// `_rebuild_parameter(data, requires_grad, hooks)`, `_with_state` adds attributes: the tensor itself.
    pub fn rebuild_parameter(&mut self, known: Known, name: &str, args: &[Id]) -> Result<Id, Bad> {
        let count = if known == Known::RebuildParameter { 3 } else { 4 };
        arity(name, args, count..=count)?;
        self.check_gradient(name, args[1], args[2])?;
        if let Some(state) = args.get(3)
            && !matches!(self.values.get(*state), Value::None | Value::Dict(_))
        {
            return Err(self.wrong(name, "state", *state, "a dict"));
        }
        match self.values.get(args[0]) {
            // What is not rebuilt stays what it is.
            Value::Tensor(_) | Value::Strange(_) => Ok(args[0]),
            // An object of a class outside the table that is a parameter is a tensor.
            Value::Opaque(class) => {
                let class = class.clone();
                self.add(Value::Strange(class))
            }
            _ => Err(self.wrong(name, "data", args[0], "a tensor")),
        }
    }

    /// `_rebuild_from_type_v2(function, class, args, state)`: the tensor itself if it is a plain one.
    pub fn rebuild_from_type(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 4..=4)?;
        let function = match self.values.get(args[0]) {
            Value::Global(function) => function.clone(),
            _ => return Err(self.wrong(name, "function", args[0], "a name such as `torch._utils._rebuild_tensor_v2`")),
        };
        let class = match self.values.get(args[1]) {
            Value::Global(class) => class.clone(),
            _ => return Err(self.wrong(name, "class", args[1], "the name of a class")),
        };
        let is_plain = matches!(
            &*class,
            "torch.Tensor" | "torch._tensor.Tensor" | "torch.nn.parameter.Parameter" | "torch.nn.parameter.Buffer"
        );
        if !is_plain {
            return self.add(Value::Strange(class));
        }
        if !matches!(self.values.get(args[3]), Value::None | Value::Dict(_)) {
            return Err(self.wrong(name, "state", args[3], "a dict"));
        }
        match names::known(&function) {
            Some(
                Known::RebuildParameter
                | Known::RebuildParameterWithState
                | Known::RebuildTensor
                | Known::RebuildTensorV2
                | Known::RebuildTensorV3,
            ) => self.reduce(args[0], args[2]),
            // Of another kind, such as `torch._utils._rebuild_sparse_tensor`.
            None => self.add(Value::Strange(function)),
            _ => Err(self.wrong(name, "function", args[0], "a name such as `torch._utils._rebuild_tensor_v2`")),
        }
    }
}

/// `cpu`, `cuda:0`.
fn is_device(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
}

/// So many elements have a number of bytes that fits i64.
fn has_bytes(elements: u64, dtype: Dtype) -> bool {
    elements.checked_mul(dtype.bytes()).is_some_and(|bytes| i64::try_from(bytes).is_ok())
}

/// Every element lies in the storage.  How many more elements there are than the storage has.
fn check_window(storage: &Storage, offset: u64, shape: &[u64], strides: &[i64]) -> Result<u64, Bad> {
    let text = || format!("a tensor of {} at element {offset}", crate::tensor::shape_text(shape));
    let beyond = || {
        let expected = format!("elements of its storage, which has {}", storage.elements);
        Bad::malformed(format!("{} with strides {strides:?}", text()), expected)
    };
    let mut count: u64 = 1;
    for size in shape.iter().filter(|size| **size != 0) {
        count = count
            .checked_mul(*size)
            .filter(|count| *count <= i64::MAX as u64 / 8)
            .ok_or_else(|| Bad::malformed(text(), "a number of elements that can be counted"))?;
    }
    if elems(shape) == 0 {
        return if offset <= storage.elements { Ok(0) } else { Err(beyond()) };
    }
    let mut last = offset;
    for (size, stride) in shape.iter().zip(strides) {
        let step = (size - 1).checked_mul(*stride as u64).and_then(|step| last.checked_add(step));
        last = step.ok_or_else(beyond)?;
    }
    if last >= storage.elements {
        return Err(beyond());
    }
    Ok(count.saturating_sub(storage.elements))
}
