//! Runs programs: reductions block by block, results range by range, both tile by tile.

use super::BLOCK;
use super::Fetch;
use super::Node;
use super::NodeId;
use super::Program;
use super::Scalar;
use super::ScalarId;
use super::TILE;
use super::Tally;
use super::cast;
use super::kernels;
use super::kernels::LANES;
use super::load::Window;
use super::ops::Parts;
use super::ops::Tiles;
use super::real::Real;
use super::rows::Adder;
use super::rows::Sums;
use super::stored;
use crate::tensor::Dtype;
use smallvec::SmallVec;
use std::ops::Range;

/// Elements that are fetched per load at a time: one copy or system call serves several tiles.
const SPAN: u64 = 32_768;

/// The scalars that are known so far.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    scalars: Vec<f64>,
    /// Per measured pair its rows.
    rows: Vec<Vec<Sums>>,
}

impl State {
    pub(super) fn rows(&self, at: u32) -> &[Sums] {
        &self.rows[at as usize]
    }

    pub(super) fn scalar(&self, id: ScalarId) -> f64 {
        self.scalars[id.0 as usize]
    }
}

/// Buffers of one worker, reused from range to range and from program to program, all over the same files: a strip of
/// a strided tensor is kept from call to call.
#[derive(Default)]
pub struct Scratch {
    windows: Vec<Window>,
    narrow: Tiles<f32>,
    wide: Tiles<f64>,
}

/// Which of the buffers hold values of a working type.
trait Buffers: Real {
    fn of(scratch: &mut Scratch) -> &mut Tiles<Self>;
}

impl Buffers for f32 {
    fn of(scratch: &mut Scratch) -> &mut Tiles<f32> {
        &mut scratch.narrow
    }
}

impl Buffers for f64 {
    fn of(scratch: &mut Scratch) -> &mut Tiles<f64> {
        &mut scratch.wide
    }
}

impl Program {
    /// The state before the first stage.
    pub fn start(&self) -> State {
        let mut state = State { scalars: vec![0.0; self.scalars.len()], rows: vec![vec![]; self.rows.len()] };
        self.settle(0, &[], &mut state);
        state
    }

    /// Scalars that are known after `stage` stages; `reduced` are the sums of that stage's reductions.
    fn settle(&self, stage: usize, reduced: &[f64], state: &mut State) {
        let mut sums = reduced.iter();
        for (at, scalar) in self.scalars.iter().enumerate() {
            if self.stage_of[at] != stage {
                continue;
            }
            let sum = if scalar.is_reduction() { *sums.next().expect("a sum for every reduction") } else { 0.0 };
            state.scalars[at] = scalar.value(&state.scalars, sum);
        }
    }

    fn reductions(&self, stage: usize) -> Vec<&Scalar> {
        let of_stage = |at: &usize| self.stage_of[*at] == stage + 1 && self.scalars[*at].is_reduction();
        (0..self.scalars.len()).filter(of_stage).map(|at| &self.scalars[at]).collect()
    }

    /// The pairs of tensors whose rows are measured in a stage.
    fn measured_rows(&self, stage: usize) -> Vec<usize> {
        (0..self.rows.len()).filter(|&at| self.stage_of_rows[at] == stage + 1).collect()
    }

    /// The sums of one block for every reduction of a stage, then those of rows: as many as the block has parts of.
    pub fn reduce<F: Fetch>(
        &self,
        stage: usize,
        block: u64,
        state: &State,
        fetch: &F,
        scratch: &mut Scratch,
    ) -> Result<Vec<f64>, F::Error> {
        let range = block * BLOCK..((block + 1) * BLOCK).min(self.elems());
        if self.wide {
            self.reduce_in::<f64, F>(stage, range, state, fetch, scratch)
        } else {
            self.reduce_in::<f32, F>(stage, range, state, fetch, scratch)
        }
    }

    fn reduce_in<T: Buffers, F: Fetch>(
        &self,
        stage: usize,
        range: Range<u64>,
        state: &State,
        fetch: &F,
        scratch: &mut Scratch,
    ) -> Result<Vec<f64>, F::Error> {
        let reductions = self.reductions(stage);
        let roots: Vec<NodeId> = reductions
            .iter()
            .flat_map(|scalar| match scalar {
                Scalar::Sum(a) | Scalar::Max(a) => vec![*a],
                Scalar::Dot(a, b) => vec![*a, *b],
                _ => vec![],
            })
            .chain(self.measured_rows(stage).into_iter().flat_map(|at| [self.rows[at].a, self.rows[at].b]))
            .collect();
        let mut adders: Vec<(usize, Adder)> =
            self.measured_rows(stage).into_iter().map(|at| (at, Adder::new(&self.rows[at], range.start))).collect();
        let needed = self.needed(&roots);
        let angle = angle(&reductions);
        let mut lanes = vec![[0f64; LANES]; reductions.len()];
        self.tiles::<T, F>(range, &needed, false, fetch, scratch, |tiles, stored, at, count| {
            self.compute(&needed, stored, at, count, state, tiles);
            let tile = |id: &NodeId| &tiles[id.0 as usize][..count];
            for (which, adder) in &mut adders {
                adder.take(at, tile(&self.rows[*which].a), tile(&self.rows[*which].b));
            }
            if let Some((a, b, order)) = angle {
                let mut three = order.map(|at| lanes[at]);
                kernels::dots(tile(&a), tile(&b), &mut three);
                order.into_iter().zip(three).for_each(|(at, sums)| lanes[at] = sums);
                return;
            }
            for (scalar, lanes) in reductions.iter().zip(&mut lanes) {
                match scalar {
                    Scalar::Sum(a) => kernels::sum(tile(a), lanes),
                    Scalar::Dot(a, b) => kernels::dot(tile(a), tile(b), lanes),
                    Scalar::Max(a) => {
                        tile(a).iter().for_each(|x| lanes[0] = lanes[0].max(x.to_f64()));
                    }
                    _ => {}
                }
            }
        })?;
        // The lanes of a maximum but the first are 0.
        let sums = lanes.iter().map(kernels::tree);
        Ok(sums.chain(adders.into_iter().flat_map(|(_, adder)| adder.finish())).collect())
    }

    /// Ends a stage: `partials` are the sums of all blocks, in order.
    pub fn finish(&self, stage: usize, partials: &[Vec<f64>], state: &mut State) {
        let reductions = self.reductions(stage);
        let mut sums = vec![0.0f64; reductions.len()];
        for partial in partials {
            for ((scalar, sum), part) in reductions.iter().zip(&mut sums).zip(partial) {
                *sum = if matches!(scalar, Scalar::Max(_)) { sum.max(*part) } else { *sum + part };
            }
        }
        for which in self.measured_rows(stage) {
            state.rows[which] = vec![[0.0; 3]; self.rows[which].count as usize];
        }
        for (block, partial) in partials.iter().enumerate() {
            let mut parts = partial[reductions.len()..].iter();
            for which in self.measured_rows(stage) {
                for row in self.rows[which].of_block(block as u64) {
                    state.rows[which][row as usize].iter_mut().zip(&mut parts).for_each(|(sum, part)| *sum += part);
                }
            }
        }
        self.settle(stage + 1, &sums, state);
    }

    /// What a measuring program found.
    pub fn results(&self, state: &State) -> Vec<f64> {
        self.measured.iter().map(|id| state.scalar(*id)).collect()
    }

    /// Computes a range of elements of the result into `dst`, which has their size.
    ///
    /// A result that is a load in its own type is moved: every bit stays, whatever the type.
    pub fn evaluate<F: Fetch>(
        &self,
        range: Range<u64>,
        state: &State,
        fetch: &F,
        scratch: &mut Scratch,
        dst: &mut [u8],
    ) -> Result<Tally, F::Error> {
        let Some(result) = self.result else { return Ok(Tally::default()) };
        if let Some((at, load)) = self.plain(result.node)
            && load.dtype == result.dtype
        {
            if let Some(offset) = load.contiguous_offset() {
                fetch.fetch(load.file, offset + range.start * load.dtype.bytes(), dst)?;
                return Ok(Tally::default());
            }
            scratch.windows.resize_with(scratch.windows.len().max(at + 1), Window::default);
            let size = load.dtype.bytes() as usize;
            let mut first = range.start;
            for part in dst.chunks_mut(SPAN as usize * size) {
                let count = part.len() / size;
                part.copy_from_slice(scratch.windows[at].fill(load, first, count, true, fetch)?);
                first += count as u64;
            }
            return Ok(Tally::default());
        }
        if self.wide {
            self.evaluate_in::<f64, F>(range, state, fetch, scratch, dst)
        } else {
            self.evaluate_in::<f32, F>(range, state, fetch, scratch, dst)
        }
    }

    fn evaluate_in<T: Buffers, F: Fetch>(
        &self,
        range: Range<u64>,
        state: &State,
        fetch: &F,
        scratch: &mut Scratch,
        dst: &mut [u8],
    ) -> Result<Tally, F::Error> {
        let Some(result) = self.result else { return Ok(Tally::default()) };
        let needed = self.needed(&[result.node]);
        let is_load = |id: &usize| matches!(self.nodes[*id], Node::Load(_));
        let loads: Vec<usize> = needed.iter().map(|id| id.0 as usize).filter(is_load).collect();
        let fused = self.fused(state);
        let size = result.dtype.bytes() as usize;
        let start = range.start;
        let mut tally = Tally::default();
        self.tiles::<T, F>(range, &needed, fused.is_some(), fetch, scratch, |tiles, stored, at, count| {
            let from = (at - start) as usize * size;
            let out = &mut dst[from..from + count * size];
            if fused.as_ref().is_some_and(|fused| !fused.run(stored, out)) {
                return;
            }
            self.compute(&needed, stored, at, count, state, tiles);
            let finite = |element: usize| loads.iter().all(|&load| tiles[load][element].is_finite());
            let values = &tiles[result.node.0 as usize][..count];
            tally = tally.merge(cast::encode(result.dtype, values, out, result.saturate, finite));
        })?;
        Ok(tally)
    }

    /// The direct kernel for this program's result, where there is one.
    fn fused(&self, state: &State) -> Option<Fused> {
        let result = self.result?;
        let Node::Linear(terms) = &self.nodes[result.node.0 as usize] else { return None };
        let stored = matches!(result.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32);
        if self.wide || !stored || self.nodes[result.node.0 as usize].is_uneven() || !(1..=3).contains(&terms.len()) {
            return None;
        }
        let mut fused = Fused { dtype: result.dtype, terms: SmallVec::new() };
        for (share, node) in terms {
            let (load, _) = self.plain(*node).filter(|(_, load)| load.dtype == result.dtype)?;
            fused.terms.push((share.value(state), load));
        }
        Some(fused)
    }

    /// Hands a range on tile by tile: buffers, stored bytes of the tile per load, first element, count.
    ///
    /// `in_place`: bytes may be those of the map.  One loop over all inputs reads memory as fast as a copy does; one
    /// loop per input does not (measured: half as fast), so the interpreter wants a span copied to the cache first.
    fn tiles<T: Buffers, F: Fetch>(
        &self,
        range: Range<u64>,
        needed: &[NodeId],
        in_place: bool,
        fetch: &F,
        scratch: &mut Scratch,
        mut work: impl FnMut(&mut Tiles<T>, &Parts, u64, usize),
    ) -> Result<(), F::Error> {
        let mut windows = std::mem::take(&mut scratch.windows);
        windows.resize_with(windows.len().max(self.loads.len()), Window::default);
        let tiles = T::of(scratch);
        tiles.resize_with(tiles.len().max(self.nodes.len()), Vec::new);
        let read: Vec<bool> = (0..self.loads.len() as u32)
            .map(|load| needed.iter().any(|id| self.nodes[id.0 as usize] == Node::Load(load)))
            .collect();
        let mut spans = || {
            let mut at = range.start;
            while at < range.end {
                let span = (range.end - at).min(SPAN) as usize;
                let mut bytes: SmallVec<[&[u8]; 8]> = SmallVec::new();
                for (index, window) in windows.iter_mut().take(self.loads.len()).enumerate() {
                    bytes.push(if read[index] {
                        window.fill(&self.loads[index], at, span, in_place, fetch)?
                    } else {
                        &[]
                    });
                }
                for inside in (0..span).step_by(TILE) {
                    let count = (span - inside).min(TILE);
                    let stored: SmallVec<[&[u8]; 8]> = bytes
                        .iter()
                        .zip(&self.loads)
                        .map(|(bytes, load)| {
                            // Empty for loads that are not read.
                            let size = load.dtype.bytes() as usize;
                            bytes.get(inside * size..(inside + count) * size).unwrap_or(&[])
                        })
                        .collect();
                    work(tiles, &stored, at + inside as u64, count);
                }
                at += span as u64;
            }
            Ok(())
        };
        let done = spans();
        scratch.windows = windows;
        done
    }
}

/// A linear combination of up to three loads in their own type: one loop from stored bytes to stored bytes.
struct Fused {
    dtype: Dtype,
    terms: SmallVec<[(f32, usize); 3]>,
}

impl Fused {
    /// Computes a tile; true when something in it is infinite or a NaN, which the interpreter must look at.
    fn run(&self, stored: &Parts, out: &mut [u8]) -> bool {
        match self.dtype {
            Dtype::BF16 => self.run_as::<stored::BF16>(stored, out),
            Dtype::F16 => self.run_as::<stored::F16>(stored, out),
            _ => self.run_as::<stored::F32>(stored, out),
        }
    }

    fn run_as<S: stored::Stored>(&self, stored: &Parts, out: &mut [u8]) -> bool {
        match self.terms.as_slice() {
            [(s, a)] => kernels::fused1::<S>(*s, stored[*a], out),
            [(s, a), (t, b)] => kernels::fused2::<S>([*s, *t], stored[*a], stored[*b], out),
            [(s, a), (t, b), (u, c)] => kernels::fused3::<S>([*s, *t, *u], stored[*a], stored[*b], stored[*c], out),
            _ => true,
        }
    }
}

/// The two vectors when a stage's reductions are their squares and their product, with the places of a·a, a·b, b·b.
fn angle(reductions: &[&Scalar]) -> Option<(NodeId, NodeId, [usize; 3])> {
    let [Scalar::Dot(..), Scalar::Dot(..), Scalar::Dot(..)] = reductions else { return None };
    let product = reductions.iter().position(|scalar| matches!(scalar, Scalar::Dot(a, b) if a != b))?;
    let Scalar::Dot(a, b) = *reductions[product] else { return None };
    let square = |of: NodeId| reductions.iter().position(|scalar| **scalar == Scalar::Dot(of, of));
    Some((a, b, [square(a)?, product, square(b)?]))
}
