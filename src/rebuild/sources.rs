//! The bytes of inputs, named by their files and by their content.

use super::manifest::Line;
use super::manifest::OTHER;
use crate::hir::Input;
use crate::hir::Recipe;
use crate::plan::Plan;
use crate::store::Fingerprint;
use crate::tensor::FileInfo;

/// Bytes of an input that a tensor is made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// Identity, size and times of the file, and the place in it.
    pub by_stat: Option<Vec<u8>>,
    /// Digest of the bytes.
    pub by_content: Option<Vec<u8>>,
    pub lines: Vec<Line>,
}

/// What is known of the input files of a plan.
pub struct Sources {
    files: Vec<Known>,
}

struct Known {
    /// What the recipe calls the input.
    name: String,
    print: Option<Fingerprint>,
    /// Of values that lie in memory.
    content: Option<[u8; 32]>,
    /// Type and digest of the canonical tensors, by offset of what they are stored in, ascending; none where several
    /// canonical tensors are stored as one.
    tensors: Vec<(u64, Option<Vec<u8>>)>,
}

/// Digests of the canonical tensors of an input, in the order of [`crate::arch::Canon::tensors`], where they are known.
pub type Digests = fn(&Input) -> Option<Vec<[u8; 32]>>;

impl Sources {
    /// `prints` are the files of the plan as they were opened, `None` for one that may have changed since without a trace.
    /// The plan is one of the recipe, or of several that were joined.
    pub fn new(recipe: &Recipe, plan: &Plan, prints: &[Option<Fingerprint>], digests: Digests) -> Sources {
        let known = |(number, info): (usize, &FileInfo)| Known {
            // Values of our own, which claims compare with, have no name.
            name: String::new(),
            print: prints.get(number).copied().flatten().filter(|_| info.memory.is_none()),
            content: info.memory.as_ref().map(|bytes| *blake3::hash(bytes).as_bytes()),
            tensors: vec![],
        };
        let mut files: Vec<Known> = plan.files.iter().enumerate().map(known).collect();
        let mut next = 0;
        for input in &recipe.inputs {
            let tensors = digests(input).filter(|digests| digests.len() == input.canon.tensors.len());
            for (at, info) in input.header.files.iter().enumerate() {
                // In a plan of its own the files of a recipe come first, in order.
                let place = Some(next).filter(|at| plan.files.get(*at).is_some_and(|file| file == info));
                let place = place.or_else(|| plan.files.iter().position(|file| file == info));
                next += 1;
                let Some(known) = place.and_then(|place| files.get_mut(place)) else { continue };
                if known.name.is_empty() {
                    known.name = input.name.to_string();
                    known.tensors = tensors.as_ref().map_or_else(Vec::new, |digests| stored(input, at, digests));
                } else {
                    // One file through two layouts: a digest of the one says nothing of what the other reads.
                    known.tensors = vec![];
                }
            }
        }
        Sources { files }
    }

    /// What the recipe calls the input of a file of the plan.
    pub fn name(&self, file: usize) -> &str {
        &self.files[file].name
    }

    /// The bytes at `offset` of a file.
    pub fn at(&self, file: usize, offset: u64) -> Source {
        let known = &self.files[file];
        let place = offset.to_le_bytes();
        if let Some(content) = known.content {
            let bytes = Some([content.as_slice(), &place].concat());
            let line = (format!("values of input {}", known.name), format!("{OTHER}{}", hex(&content[..8])));
            return Source { by_stat: bytes.clone(), by_content: bytes, lines: vec![line] };
        }
        let Some(print) = &known.print else { return Source::default() };
        let numbers = [print.size, print.device, print.inode, print.written as u64, print.touched as u64, offset];
        let by_stat = Some(numbers.iter().flat_map(|number| number.to_le_bytes()).collect());
        let before = known.tensors.partition_point(|(at, _)| *at <= offset);
        let by_content = before.checked_sub(1).and_then(|at| known.tensors[at].1.clone());
        let input = &known.name;
        let lines = vec![
            (format!("bytes of input {input}"), print.size.to_string()),
            (format!("input {input} was written to"), format!("{OTHER}{}", print.written)),
            (
                format!("input {input} was replaced or moved"),
                format!("{OTHER}{}:{}:{}", print.device, print.inode, print.touched),
            ),
        ];
        Source { by_stat, by_content, lines }
    }
}

/// The tensors of one file of an input.
fn stored(input: &Input, file: usize, digests: &[[u8; 32]]) -> Vec<(u64, Option<Vec<u8>>)> {
    let tensors = input.canon.tensors.iter().zip(digests);
    let own = tensors.filter(|(tensor, _)| input.header.entries[tensor.entry].file == file);
    let own = own.map(|(tensor, digest)| {
        // Values that are mapped on their way are rounded in the digest, and not where they are computed with.
        let known = tensor.affine.is_identity();
        let bytes = [tensor.dtype.name().as_bytes(), b" ", digest.as_slice()].concat();
        (input.header.entries[tensor.entry].offset, known.then_some(bytes))
    });
    let mut own: Vec<(u64, Option<Vec<u8>>)> = own.collect();
    own.sort();
    let mut out: Vec<(u64, Option<Vec<u8>>)> = vec![];
    for (offset, bytes) in own {
        match out.last_mut() {
            Some((at, last)) if *at == offset => *last = None,
            _ => out.push((offset, bytes)),
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
