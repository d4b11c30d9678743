//! The weights of a network: f32 arrays by canonical name.

use crate::arch::Canon;
use crate::arch::CanonTensor;
use crate::diag::Problem;
use crate::network::Name;
use crate::network::build::Shapes;
use crate::store::Inputs;
use crate::tensor::Dtype;
use crate::tensor::Header;
use crate::tile::Builder;
use crate::tile::Fetch;
use crate::tile::Load;
use crate::tile::Program;
use crate::tile::Scratch;
use crate::tile::State;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Elements that one worker loads at a time.
const AT_ONCE: u64 = 1 << 18;

/// A tensor in memory, row-major; cheap to share.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Arc<[f32]>,
}

impl Array {
    pub fn new(shape: &[usize], data: impl Into<Arc<[f32]>>) -> Array {
        let data = data.into();
        assert_eq!(shape.iter().product::<usize>(), data.len(), "an array has the elements of its shape");
        Array { shape: shape.to_vec(), data }
    }
}

/// The tensors of a network.  Changing a model is replacing arrays: engines are told which.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    arrays: BTreeMap<Name, Array>,
}

impl Weights {
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.get(name)
    }

    pub fn insert(&mut self, name: impl Into<Name>, array: Array) {
        self.arrays.insert(name.into(), array);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Array)> {
        self.arrays.iter()
    }

    pub fn shapes(&self) -> Shapes {
        self.arrays.iter().map(|(name, array)| (name.clone(), array.shape.clone())).collect()
    }

    /// Bytes of all arrays.
    pub fn bytes(&self) -> usize {
        self.arrays.values().map(|array| array.data.len() * size_of::<f32>()).sum()
    }
}

impl FromIterator<(Name, Array)> for Weights {
    fn from_iter<I: IntoIterator<Item = (Name, Array)>>(pairs: I) -> Weights {
        Weights { arrays: pairs.into_iter().collect() }
    }
}

/// Shapes of a checkpoint's float tensors, in canonical order of axes.
pub fn shapes_of(canon: &Canon) -> Shapes {
    let floats = canon.tensors.iter().filter(|tensor| tensor.dtype.is_float());
    floats.map(|tensor| (tensor.name.clone(), sizes(tensor))).collect()
}

fn sizes(tensor: &CanonTensor) -> Vec<usize> {
    tensor.shape.iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect()
}

/// Reads the float tensors that are `wanted`, in canonical order and value.  Errors: those of reading files (E05, E06).
pub fn of_checkpoint(
    header: &Header,
    canon: &Canon,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Weights, Problem> {
    let inputs = Inputs::open(&header.files)?;
    let chosen = canon.tensors.iter().filter(|tensor| tensor.dtype.is_float() && wanted(&tensor.name));
    let weights = chosen
        .map(|tensor| Ok((tensor.name.clone(), Array::new(&sizes(tensor), read(header, tensor, &inputs)?))))
        .collect::<Result<Weights, Problem>>()?;
    inputs.verify()?;
    Ok(weights)
}

fn read(header: &Header, tensor: &CanonTensor, inputs: &Inputs) -> Result<Vec<f32>, Problem> {
    let entry = &header.entries[tensor.entry];
    let mut builder = Builder::new(tensor.shape.clone());
    let x = builder.load(Load {
        file: entry.file,
        offset: entry.offset,
        dtype: entry.dtype,
        blocks: entry.blocks(),
        view: tensor.view.clone(),
        affine: tensor.affine,
    });
    let program = builder.finish(x, Dtype::F32, false);
    evaluate(&program, &program.start(), inputs)
}

/// All values of a program that gives f32, computed on all workers; `state` holds its reductions.  Errors: those of reading.
pub fn evaluate<F: Fetch<Error = Problem>>(program: &Program, state: &State, fetch: &F) -> Result<Vec<f32>, Problem> {
    let mut out = vec![0f32; program.elems() as usize];
    out.par_chunks_mut(AT_ONCE as usize).enumerate().try_for_each(|(number, part)| {
        let start = number as u64 * AT_ONCE;
        let mut bytes = vec![0u8; size_of_val(part)];
        program.evaluate(start..start + part.len() as u64, state, fetch, &mut Scratch::default(), &mut bytes)?;
        for (value, bytes) in part.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        Ok::<(), Problem>(())
    })?;
    Ok(out)
}
