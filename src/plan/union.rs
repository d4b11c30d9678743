//! Several plans as one run: the variants of a sweep read one table of files, and what they have in common is done once.

use super::Output;
use super::Plan;
use super::Tensor;
use super::Work;
use crate::tensor::FileInfo;
use crate::tile::Program;
use std::collections::HashMap;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Gives plans one table of input files, the same in each, and numbers their parts as those of one run; what a later plan
/// would check again stands in the first one alone.  What each plan writes stays as it was.
pub fn join(plans: &mut [&mut Plan]) {
    let mut table = Table::default();
    let maps: Vec<Vec<usize>> =
        plans.iter().map(|plan| plan.files.iter().map(|file| table.number(file)).collect()).collect();
    let mut parts = table.files.len();
    let mut checked: HashMap<Arc<str>, Vec<Program>> = HashMap::new();
    for (plan, map) in plans.iter_mut().zip(maps) {
        let own = plan.outputs.iter().map(|output| output.parts.len()).sum::<usize>();
        let first_part = parts;
        let number = |file: usize| map.get(file).copied().unwrap_or_else(|| first_part + file - map.len());
        renumber(plan, &number);
        plan.files.clone_from(&table.files);
        let waits = !plan.alignments.is_empty();
        plan.checks.retain(|check| {
            let known = checked.entry(check.canonical.clone()).or_default();
            // Programs that wait for orders of channels may look alike and differ.
            let is_new = waits || !known.contains(&check.program);
            if is_new {
                known.push(check.program.clone());
            }
            is_new
        });
        parts += own;
    }
}

/// Input files, each once.
#[derive(Default)]
struct Table {
    files: Vec<FileInfo>,
    places: HashMap<(PathBuf, u64), Vec<usize>>,
}

impl Table {
    fn number(&mut self, file: &FileInfo) -> usize {
        let places = self.places.entry((file.path.clone(), file.size)).or_default();
        if let Some(at) = places.iter().find(|at| self.files[**at] == *file) {
            return *at;
        }
        self.files.push(file.clone());
        places.push(self.files.len() - 1);
        self.files.len() - 1
    }
}

fn renumber(plan: &mut Plan, number: &dyn Fn(usize) -> usize) {
    let loads = |program: &mut Program| program.loads.iter_mut().for_each(|load| load.file = number(load.file));
    for output in &mut plan.outputs {
        output.parts.iter_mut().for_each(|part| part.file = number(part.file));
        for tensor in &mut output.tensors {
            match &mut tensor.work {
                Work::Copy { file, .. } => *file = number(*file),
                Work::Gather(program) => loads(Arc::make_mut(program)),
                Work::Compute { program, canonical, .. } => {
                    loads(Arc::make_mut(program));
                    canonical.iter_mut().for_each(|program| loads(Arc::make_mut(program)));
                }
            }
        }
    }
    plan.checks.iter_mut().for_each(|check| loads(&mut check.program));
    for tensor in plan.alignments.iter_mut().flat_map(|alignment| &mut alignment.tensors) {
        loads(&mut tensor.product);
        for side in &mut tensor.sides {
            loads(&mut side.to);
            loads(&mut side.model);
            side.reduces.iter_mut().for_each(loads);
        }
    }
    plan.measures.iter_mut().for_each(|measure| loads(&mut measure.program));
    plan.drawings.iter_mut().flat_map(|drawing| drawing.tensors.values_mut()).for_each(loads);
}

/// A tensor of a run: index of the output, index of the tensor in it.
pub type Place = (usize, usize);

/// Tensors with the same bytes, as far as equal work tells.
#[derive(Debug, Default)]
pub struct Twins {
    /// Where else the bytes of a tensor belong.
    pub also: HashMap<Place, Vec<Place>>,
    /// Tensors whose bytes another's work gives.
    pub given: HashSet<Place>,
}

/// Finds tensors that the same program makes, among those that `is_made` says are made at all: it runs once.  Copies are left alone: moving bytes again costs what writing
/// them costs, and the kernel may share their blocks.
pub fn twins(outputs: &[&Output], is_made: &dyn Fn(Place) -> bool) -> Twins {
    let mut twins = Twins::default();
    let mut firsts: HashMap<&str, Vec<Place>> = HashMap::new();
    for (at, output) in outputs.iter().enumerate() {
        for (number, tensor) in output.tensors.iter().enumerate() {
            if tensor.len == 0 || matches!(tensor.work, Work::Copy { .. }) || !is_made((at, number)) {
                continue;
            }
            let firsts = firsts.entry(&tensor.canonical).or_default();
            match firsts.iter().find(|first| is_twin(&outputs[first.0].tensors[first.1], tensor)) {
                Some(first) => {
                    twins.also.entry(*first).or_default().push((at, number));
                    twins.given.insert((at, number));
                }
                None => firsts.push((at, number)),
            }
        }
    }
    twins
}

fn is_twin(first: &Tensor, other: &Tensor) -> bool {
    let is_same = match (&first.work, &other.work) {
        (Work::Gather(a), Work::Gather(b)) => a == b,
        (
            Work::Compute { program, canonical, strict },
            Work::Compute { program: other, canonical: other_canonical, strict: other_strict },
        ) => program == other && canonical == other_canonical && strict == other_strict,
        _ => false,
    };
    is_same && (first.dtype, first.len) == (other.dtype, other.len)
}

/// What a run of several outputs does and reads.
#[derive(Debug, Default)]
pub struct Shared {
    /// Tensors that programs make, and their bytes.
    pub made: usize,
    pub made_bytes: u64,
    /// Tensors that take what another's program makes, and their bytes.
    pub given: usize,
    pub given_bytes: u64,
    /// By number of the input file: bytes that are read of it for what is written, each counted once.
    pub read: HashMap<usize, u64>,
}

/// What the outputs of a run have in common.  Their plans were joined.
pub fn shared(outputs: &[&Output]) -> Shared {
    let twins = twins(outputs, &|_| true);
    let mut shared = Shared::default();
    // Where a tensor lies, with its bytes: tensors of one file do not overlap in part.
    let mut seen: HashMap<(usize, u64), u64> = HashMap::new();
    for (at, output) in outputs.iter().enumerate() {
        for (number, tensor) in output.tensors.iter().enumerate() {
            if twins.given.contains(&(at, number)) {
                shared.given += 1;
                shared.given_bytes += tensor.len;
                continue;
            }
            let mut read = |file: usize, offset: u64, bytes: u64| {
                let known = seen.entry((file, offset)).or_default();
                let more = bytes.saturating_sub(*known);
                *known += more;
                *shared.read.entry(file).or_default() += more;
            };
            match &tensor.work {
                Work::Copy { file, offset } => read(*file, *offset, tensor.len),
                Work::Gather(program) | Work::Compute { program, .. } => {
                    program.loads.iter().for_each(|load| {
                        read(
                            load.file,
                            load.contiguous_offset().unwrap_or(load.offset),
                            load.stored_bytes(program.elems()),
                        );
                    });
                    shared.made += 1;
                    shared.made_bytes += tensor.len;
                }
            }
        }
    }
    shared
}
