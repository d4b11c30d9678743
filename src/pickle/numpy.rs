//! Arrays, scalars and element types of NumPy.

use super::Array;
use super::Blob;
use super::Id;
use super::Value;
use super::call::arity;
use super::fault::Bad;
use super::machine::Machine;
use crate::diag::shown;
use crate::tensor::Dtype;
use crate::tensor::Shape;
use crate::tensor::View;
use crate::tensor::elems;
use smallvec::SmallVec;

/// More axes than NumPy has.
const AXES: usize = 64;

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numpy {
    /// `None`: numbers that blend has not, text, dates, records, Python objects.
    dtype: Option<Dtype>,
    /// Arrays of it could be tensors: numbers, objects, and what other packages add.
    is_tensor: bool,
    /// BUILD has said that it is little-endian, or has one byte.
    is_ordered: bool,
}

/// The types of arrays of text, dates and spans of time begin with these.
const INERT: [char; 5] = ['U', 'S', 'a', 'M', 'm'];

/// What is said of an array of another type.
const OTHER: &str = "numpy.ndarray of another type";

fn by_code(code: &str) -> Option<Dtype> {
    Some(match code {
        "b1" => Dtype::Bool,
        "c8" => Dtype::C64,
        "f2" => Dtype::F16,
        "f4" => Dtype::F32,
        "f8" => Dtype::F64,
        "i1" => Dtype::I8,
        "i2" => Dtype::I16,
        "i4" => Dtype::I32,
        "i8" => Dtype::I64,
        "u1" => Dtype::U8,
        "u2" => Dtype::U16,
        "u4" => Dtype::U32,
        "u8" => Dtype::U64,
        _ => return None,
    })
}

/// Strides of an array whose first axis varies fastest.
fn columns(shape: &[u64]) -> SmallVec<[i64; 4]> {
    let turned: Shape = shape.iter().rev().copied().collect();
    View::row_strides(&turned).into_iter().rev().collect()
}

impl Machine<'_> {
    /// `numpy.dtype('f4', align, copy)`.
    pub fn numpy_dtype(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 3..=3)?;
        let (dtype, is_tensor) = match self.values.get(args[0]) {
            Value::Str(code) => (by_code(code), !code.starts_with(INERT)),
            // A type of another package, such as `ml_dtypes.bfloat16`.
            Value::Global(_) => (None, true),
            _ => return Err(self.wrong(name, "code", args[0], "a text such as `f4`")),
        };
        for flag in &args[1..] {
            if !matches!(self.values.get(*flag), Value::Bool(_) | Value::Int(0 | 1)) {
                return Err(self.wrong(name, "flags", *flag, "True or False"));
            }
        }
        // The map beside the value.
        self.charge(64)?;
        let id = self.add(Value::Opaque("numpy.dtype".into()))?;
        let is_ordered = dtype.is_some_and(|dtype| dtype.bytes() == 1);
        self.numpy.insert(id, Numpy { dtype, is_tensor, is_ordered });
        Ok(id)
    }

    /// BUILD of an element type: `(3, '<', None, None, None, -1, -1, 0)`.
    pub fn order_dtype(&mut self, dtype: Id, state: Id) -> Result<(), Bad> {
        let name = "numpy.dtype";
        let Value::Tuple(parts) = self.values.get(state) else {
            return Err(self.wrong(name, "state", state, "a tuple"));
        };
        let [version, order, ..] = parts[..] else {
            return Err(Bad::malformed(format!("{} parts in the state of `{name}`", parts.len()), "8"));
        };
        if !(8..=9).contains(&parts.len()) || !matches!(self.values.int(version), Some(3 | 4)) {
            return Err(self.wrong(name, "version", version, "3 or 4, and 8 or 9 parts"));
        }
        let numpy = self.numpy.get(&dtype).copied();
        let (known, is_tensor) = numpy.map_or((None, false), |numpy| (numpy.dtype, numpy.is_tensor));
        match self.values.str(order) {
            // Inert whatever its order is.
            Some("<" | "|" | ">" | "=") if known.is_none() => {}
            Some("<") => {}
            Some("|") if known.is_some_and(|dtype| dtype.bytes() == 1) => {}
            Some(">") => return Err(Bad::unsupported("numbers of a big-endian machine", "little-endian numbers")),
            _ => return Err(self.wrong(name, "byte order", order, "`<`, or `|` for single bytes")),
        }
        if known.is_some() && parts[2..5].iter().any(|part| *self.values.get(*part) != Value::None) {
            return Err(Bad::malformed("a number with fields in the state of `numpy.dtype`", "a plain number"));
        }
        self.numpy.insert(dtype, Numpy { dtype: known, is_tensor, is_ordered: true });
        Ok(())
    }

    /// The type of elements; within: an array of one that blend has not.
    fn elements(&self, name: &str, id: Id) -> Result<Result<Dtype, Value>, Bad> {
        match self.numpy.get(&id) {
            Some(Numpy { dtype: Some(_), is_ordered: false, .. }) => {
                Err(Bad::malformed(format!("a type without byte order for `{name}`"), "one with `<`"))
            }
            Some(Numpy { dtype: Some(dtype), .. }) => Ok(Ok(*dtype)),
            Some(Numpy { is_tensor: true, .. }) => Ok(Err(Value::Strange(OTHER.into()))),
            Some(_) => Ok(Err(Value::Opaque("numpy.ndarray".into()))),
            None => Err(self.wrong(name, "type", id, "a `numpy.dtype`")),
        }
    }

    /// `_reconstruct(numpy.ndarray, (0,), b'b')`: an array that BUILD fills.
    pub fn numpy_reconstruct(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 3..=3)?;
        let class = match self.values.get(args[0]) {
            Value::Global(class) => class.clone(),
            _ => return Err(self.wrong(name, "class", args[0], "`numpy.ndarray`")),
        };
        if !matches!(self.values.get(args[1]), Value::Tuple(_)) {
            return Err(self.wrong(name, "shape", args[1], "a tuple"));
        }
        let is_code =
            self.values.blob(args[2]).is_some_and(|code| code.len() == 1) || self.values.str(args[2]) == Some("b");
        if !is_code {
            return Err(self.wrong(name, "code", args[2], "one byte"));
        }
        let is_plain = &*class == "numpy.ndarray";
        self.charge(32)?;
        let id = self.add(Value::Strange(class))?;
        if is_plain {
            self.blank.insert(id);
        }
        Ok(id)
    }

    /// BUILD of an array: `(1, shape, dtype, is_fortran, data)`.
    pub fn fill_array(&mut self, array: Id, state: Id) -> Result<(), Bad> {
        let name = "numpy.ndarray";
        let Value::Tuple(parts) = self.values.get(state) else {
            return Err(self.wrong(name, "state", state, "a tuple"));
        };
        let [version, shape, dtype, fortran, data] = parts[..] else {
            return Err(Bad::malformed(format!("{} parts in the state of `{name}`", parts.len()), "5"));
        };
        if self.values.int(version) != Some(1) {
            return Err(self.wrong(name, "version", version, "1"));
        }
        let fortran = match self.values.get(fortran) {
            Value::Bool(fortran) => *fortran,
            Value::Int(int @ (0 | 1)) => *int == 1,
            _ => return Err(self.wrong(name, "order", fortran, "True or False")),
        };
        let shape = self.axes(name, shape)?;
        let dtype = match self.elements(name, dtype)? {
            Ok(dtype) => dtype,
            Err(other) => {
                // Without axes it is a number, as NumPy's scalars are; and objects may be plain ones.
                let is_inert = shape.is_empty() || self.is_list_of_plain(data)?;
                self.values.list[array.0 as usize] = if is_inert { Value::Opaque(name.into()) } else { other };
                return Ok(());
            }
        };
        let Some(data) = self.values.blob(data) else {
            return Err(self.wrong(name, "data", data, "bytes"));
        };
        let strides = if fortran { columns(&shape) } else { View::row_strides(&shape) };
        let made = self.array(name, dtype, shape, strides, data)?;
        self.values.list[array.0 as usize] = made;
        Ok(())
    }

    /// Whether the data of an array of Python objects are texts and numbers.
    fn is_list_of_plain(&mut self, data: Id) -> Result<bool, Bad> {
        let Value::List(items) = self.values.get(data) else { return Ok(false) };
        // One list may be the data of many arrays: every look at it is counted.
        let count = items.len() as u64;
        self.charge(8 * count)?;
        let is_plain = |id: &Id| {
            use Value::*;
            matches!(
                self.values.get(*id),
                None | Bool(_) | Int(_) | Long(_) | Float(_) | Str(_) | LongStr(_) | Bytes(_)
            )
        };
        Ok(self.values.items(data).unwrap_or_default().iter().all(is_plain))
    }

    /// `scalar(dtype, bytes)`.
    pub fn numpy_scalar(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 1..=2)?;
        let Ok(dtype) = self.elements(name, args[0])? else {
            return self.add(Value::Opaque(name.into()));
        };
        let data = match args.get(1) {
            Some(data) => self.values.blob(*data).ok_or_else(|| self.wrong(name, "data", *data, "bytes"))?,
            None => return Err(Bad::malformed(format!("`{name}` without data"), "its bytes")),
        };
        let made = self.array(name, dtype, Shape::new(), SmallVec::new(), data)?;
        self.add(made)
    }

    /// `_frombuffer(bytes, dtype, shape, 'C')`, of protocol 5; `(…, shape, 'K', axes)` since NumPy 2.4 for arrays whose
    /// axes are exchanged in another way: in C order with this shape, then transposed by these axes.
    pub fn numpy_from_buffer(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 4..=5)?;
        let shape = self.axes(name, args[2])?;
        let (shape, strides) = match (self.values.str(args[3]), args.get(4)) {
            (Some("C"), None) => (shape.clone(), View::row_strides(&shape)),
            (Some("F"), None) => (shape.clone(), columns(&shape)),
            (Some("K"), Some(axes)) => self.transposed(name, &shape, *axes)?,
            _ => return Err(self.wrong(name, "order", args[3], "`C`, `F`, or `K` and an order of axes")),
        };
        let dtype = match self.elements(name, args[1])? {
            Ok(dtype) => dtype,
            Err(other) => return self.add(other),
        };
        let Some(data) = self.values.blob(args[0]) else {
            return Err(self.wrong(name, "data", args[0], "bytes"));
        };
        let made = self.array(name, dtype, shape, strides, data)?;
        self.add(made)
    }

    /// Sizes and strides of an array in C order after its axes are exchanged.
    fn transposed(&self, name: &str, shape: &[u64], order: Id) -> Result<(Shape, SmallVec<[i64; 4]>), Bad> {
        let rows = View::row_strides(shape);
        let order: SmallVec<[u64; 4]> = self.axes(name, order)?;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..shape.len() as u64) {
            let expected = format!("each of the {} axes once", shape.len());
            return Err(Bad::malformed(format!("the axes {order:?} for `{name}`"), expected));
        }
        Ok(order.iter().map(|axis| (shape[*axis as usize], rows[*axis as usize])).unzip())
    }

    fn axes(&self, name: &str, id: Id) -> Result<Shape, Bad> {
        let Value::Tuple(sizes) = self.values.get(id) else {
            return Err(self.wrong(name, "shape", id, "a tuple of integers"));
        };
        if sizes.len() > AXES {
            return Err(Bad::malformed(format!("{} axes for `{name}`", sizes.len()), format!("at most {AXES}")));
        }
        let size = |id: &Id| match self.values.int(*id).and_then(|size| u64::try_from(size).ok()) {
            Some(size) => Ok(size),
            None => Err(self.wrong(name, "shape", *id, "integers that are not negative")),
        };
        sizes.iter().map(size).collect()
    }

    /// An array; `strides` are those of its shape in any order of the axes, so that its elements fill the data.
    fn array(
        &mut self,
        name: &str,
        dtype: Dtype,
        shape: Shape,
        strides: SmallVec<[i64; 4]>,
        data: Blob,
    ) -> Result<Value, Bad> {
        let count = shape.iter().filter(|size| **size != 0).try_fold(1u64, |count, size| count.checked_mul(*size));
        let bytes = count.and_then(|count| count.checked_mul(dtype.bytes()));
        let needed = bytes.map(|_| elems(&shape) * dtype.bytes());
        if needed != Some(data.len()) {
            let shape = crate::tensor::shape_text(&shape);
            let found = format!("{} bytes for {shape} of {dtype} in `{}`", data.len(), shown::name(name));
            let expected = needed.map_or("sizes whose product can be counted".into(), |needed| needed.to_string());
            return Err(Bad::malformed(found, expected));
        }
        self.charge(size_of::<Array>() as u64)?;
        Ok(Value::Array(Box::new(Array { dtype, shape, strides, data, at: self.at })))
    }
}
