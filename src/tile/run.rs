//! Runs programs: tiles of 4,096 elements, one vectorised loop per operation.

use super::BLOCK;
use super::Binary;
use super::Fetch;
use super::Node;
use super::NodeId;
use super::Program;
use super::Scalar;
use super::Share;
use super::TILE;
use super::Tally;
use super::Unary;
use super::cast;
use super::cast::Halves;
use super::load::Window;
use super::real::Real;
use multiversion::multiversion;
use std::ops::Range;

/// Elements that are fetched per load at a time: one copy or system call serves several tiles.
const SPAN: u64 = 32_768;

/// Lanes of a reduction: element i goes to lane i mod 16 (law 1).
const LANES: usize = 16;

/// The scalars that are known so far.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    scalars: Vec<f64>,
}

/// Buffers of one worker, reused from range to range.
#[derive(Default)]
pub struct Scratch {
    windows: Vec<Window>,
    narrow: Vec<Vec<f32>>,
    wide: Vec<Vec<f64>>,
    halves: Halves,
}

/// Which of the buffers hold values of a working type.
trait Buffers: Real {
    fn of(scratch: &mut Scratch) -> &mut Vec<Vec<Self>>;
}

impl Buffers for f32 {
    fn of(scratch: &mut Scratch) -> &mut Vec<Vec<f32>> {
        &mut scratch.narrow
    }
}

impl Buffers for f64 {
    fn of(scratch: &mut Scratch) -> &mut Vec<Vec<f64>> {
        &mut scratch.wide
    }
}

impl Program {
    /// The state before the first stage.
    pub fn start(&self) -> State {
        let mut state = State { scalars: vec![0.0; self.scalars.len()] };
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

    /// The sums of one block for every reduction of a stage.
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
                Scalar::Sum(a) => vec![*a],
                Scalar::Dot(a, b) => vec![*a, *b],
                _ => vec![],
            })
            .collect();
        let needed = self.needed(&roots);
        let mut lanes = vec![[0f64; LANES]; reductions.len()];
        self.tiles::<T, F>(range, &needed, state, fetch, scratch, |scratch, _, count| {
            let tiles = T::of(scratch);
            for (scalar, lanes) in reductions.iter().zip(&mut lanes) {
                match scalar {
                    Scalar::Sum(a) => sum_lanes(&tiles[a.0 as usize][..count], lanes),
                    Scalar::Dot(a, b) => dot_lanes(&tiles[a.0 as usize][..count], &tiles[b.0 as usize][..count], lanes),
                    _ => {}
                }
            }
        })?;
        Ok(lanes.iter().map(tree).collect())
    }

    /// Ends a stage: `partials` are the sums of all blocks, in order.
    pub fn finish(&self, stage: usize, partials: &[Vec<f64>], state: &mut State) {
        let mut sums = vec![0.0; self.reductions(stage).len()];
        for partial in partials {
            sums.iter_mut().zip(partial).for_each(|(sum, part)| *sum += part);
        }
        self.settle(stage + 1, &sums, state);
    }

    /// What a measuring program found.
    pub fn results(&self, state: &State) -> Vec<f64> {
        self.measured.iter().map(|id| state.scalars[id.0 as usize]).collect()
    }

    /// Computes a range of elements of the result into `dst`.
    pub fn evaluate<F: Fetch>(
        &self,
        range: Range<u64>,
        state: &State,
        fetch: &F,
        scratch: &mut Scratch,
        dst: &mut [u8],
    ) -> Result<Tally, F::Error> {
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
        let loads: Vec<usize> = needed
            .iter()
            .filter(|id| matches!(self.nodes[id.0 as usize], Node::Load(_)))
            .map(|id| id.0 as usize)
            .collect();
        let size = result.dtype.bytes() as usize;
        let start = range.start;
        let mut tally = Tally::default();
        self.tiles::<T, F>(range, &needed, state, fetch, scratch, |scratch, at, count| {
            let mut halves = std::mem::take(&mut scratch.halves);
            let tiles = T::of(scratch);
            let from = (at - start) as usize * size;
            let out = &mut dst[from..from + count * size];
            let finite = |element: usize| loads.iter().all(|&load| tiles[load][element].is_finite());
            let found = cast::encode(
                result.dtype,
                &tiles[result.node.0 as usize][..count],
                out,
                result.saturate,
                finite,
                &mut halves,
            );
            tally = tally.merge(found);
            scratch.halves = halves;
        })?;
        Ok(tally)
    }

    /// Computes the needed nodes tile by tile over a range and hands every tile on: first element, count.
    fn tiles<T: Buffers, F: Fetch>(
        &self,
        range: Range<u64>,
        needed: &[NodeId],
        state: &State,
        fetch: &F,
        scratch: &mut Scratch,
        mut done: impl FnMut(&mut Scratch, u64, usize),
    ) -> Result<(), F::Error> {
        if scratch.windows.len() < self.loads.len() {
            scratch.windows.resize_with(self.loads.len(), Window::default);
        }
        let buffers = T::of(scratch);
        if buffers.len() < self.nodes.len() {
            buffers.resize_with(self.nodes.len(), Vec::new);
        }
        for id in needed {
            buffers[id.0 as usize].resize(TILE, T::default());
        }
        let mut at = range.start;
        while at < range.end {
            let span = (range.end - at).min(SPAN);
            for id in needed {
                if let Node::Load(load) = self.nodes[id.0 as usize] {
                    scratch.windows[load as usize].fill(&self.loads[load as usize], at, span as usize, fetch)?;
                }
            }
            let mut inside = 0;
            while inside < span as usize {
                let count = (span as usize - inside).min(TILE);
                for &id in needed {
                    self.compute::<T>(id, inside, count, state, scratch);
                }
                done(scratch, at + inside as u64, count);
                inside += count;
            }
            at += span;
        }
        Ok(())
    }

    /// One operation on one tile.
    fn compute<T: Buffers>(&self, id: NodeId, inside: usize, count: usize, state: &State, scratch: &mut Scratch) {
        let at = id.0 as usize;
        let mut own = std::mem::take(&mut T::of(scratch)[at]);
        let out = &mut own[..count];
        match &self.nodes[at] {
            Node::Load(load) => {
                let load = *load as usize;
                let stored = &self.loads[load];
                let size = stored.dtype.bytes() as usize;
                let mut halves = std::mem::take(&mut scratch.halves);
                let bytes = &scratch.windows[load].bytes[inside * size..(inside + count) * size];
                cast::decode(stored.dtype, bytes, out, &mut halves);
                scratch.halves = halves;
                if !stored.affine.is_identity() {
                    let (scale, add) = (T::from_f64(stored.affine.scale), T::from_f64(stored.affine.add));
                    let plain = stored.affine.add == 0.0;
                    out.iter_mut().for_each(|x| *x = if plain { x.mul(scale) } else { x.mul(scale).add(add) });
                }
            }
            Node::Const(value) => out.fill(T::from_f64(*value)),
            Node::Unary(op, a) => {
                let a = &T::of(scratch)[a.0 as usize][..count];
                let one = T::from_f64(1.0);
                match op {
                    Unary::Neg => map(a, out, |x| x.neg()),
                    Unary::Abs => map(a, out, |x| x.abs()),
                    Unary::Sqrt => map(a, out, |x| x.sqrt()),
                    Unary::NonFinite => map(a, out, |x| if x.is_finite() { T::default() } else { one }),
                }
            }
            Node::Binary(op, a, b) => {
                let tiles = T::of(scratch);
                let (a, b) = (&tiles[a.0 as usize][..count], &tiles[b.0 as usize][..count]);
                let one = T::from_f64(1.0);
                match op {
                    Binary::Add => zip(a, b, out, |x, y| x.add(y)),
                    Binary::Sub => zip(a, b, out, |x, y| x.sub(y)),
                    Binary::Mul => zip(a, b, out, |x, y| x.mul(y)),
                    Binary::Div => zip(a, b, out, |x, y| x.div(y)),
                    Binary::Min => zip(a, b, out, |x, y| if y < x { y } else { x }),
                    Binary::Max => zip(a, b, out, |x, y| if y > x { y } else { x }),
                    Binary::Differs => zip(a, b, out, |x, y| if x.bits() == y.bits() { T::default() } else { one }),
                }
            }
            Node::Linear(terms) => {
                let share = |share: &Share| match share {
                    Share::Const(value) => T::from_f64(*value),
                    Share::Scalar(id) => T::from_f64(state.scalars[id.0 as usize]),
                };
                let tiles = T::of(scratch);
                let tile = |id: &NodeId| &tiles[id.0 as usize][..count];
                // The first terms in one loop: values pass through memory as seldom as may be.
                let done = match terms.as_slice() {
                    [(s, a), (t, b), (u, c), ..] => {
                        linear3(share(s), tile(a), share(t), tile(b), share(u), tile(c), out);
                        3
                    }
                    [(s, a), (t, b)] => {
                        linear2(share(s), tile(a), share(t), tile(b), out);
                        2
                    }
                    [(s, a)] => {
                        let s = share(s);
                        map(tile(a), out, |x| s.mul(x));
                        1
                    }
                    [] => 0,
                };
                for (s, a) in &terms[done..] {
                    let s = share(s);
                    out.iter_mut().zip(tile(a)).for_each(|(o, x)| *o = o.add(s.mul(*x)));
                }
            }
            Node::Round(dtype, a) => {
                let a = &T::of(scratch)[a.0 as usize][..count];
                map(a, out, |x| cast::round(*dtype, x));
            }
        }
        T::of(scratch)[at] = own;
    }
}

#[inline(always)]
fn map<T: Real>(a: &[T], out: &mut [T], f: impl Fn(T) -> T) {
    out.iter_mut().zip(a).for_each(|(o, x)| *o = f(*x));
}

#[inline(always)]
fn zip<T: Real>(a: &[T], b: &[T], out: &mut [T], f: impl Fn(T, T) -> T) {
    out.iter_mut().zip(a).zip(b).for_each(|((o, x), y)| *o = f(*x, *y));
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn linear2<T: Real>(s: T, a: &[T], t: T, b: &[T], out: &mut [T]) {
    for ((o, x), y) in out.iter_mut().zip(a).zip(b) {
        *o = s.mul(*x).add(t.mul(*y));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn linear3<T: Real>(s: T, a: &[T], t: T, b: &[T], u: T, c: &[T], out: &mut [T]) {
    for (((o, x), y), z) in out.iter_mut().zip(a).zip(b).zip(c) {
        *o = s.mul(*x).add(t.mul(*y)).add(u.mul(*z));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn sum_lanes<T: Real>(a: &[T], lanes: &mut [f64; LANES]) {
    let (whole, rest) = a.as_chunks::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            lanes[lane] += chunk[lane].to_f64();
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += x.to_f64();
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "x86_64+sse4.2"))]
fn dot_lanes<T: Real>(a: &[T], b: &[T], lanes: &mut [f64; LANES]) {
    let (whole, rest) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    for (x, y) in whole.iter().zip(whole_b) {
        for lane in 0..LANES {
            lanes[lane] += x[lane].to_f64() * y[lane].to_f64();
        }
    }
    for ((lane, x), y) in lanes.iter_mut().zip(rest).zip(rest_b) {
        *lane += x.to_f64() * y.to_f64();
    }
}

/// Lanes added in a fixed binary tree.
fn tree(lanes: &[f64; LANES]) -> f64 {
    let mut level = lanes.to_vec();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| pair[0] + pair[1]).collect();
    }
    level[0]
}
