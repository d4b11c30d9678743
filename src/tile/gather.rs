//! Strided tensors brought into canonical order, strip by strip, in bounded memory.
//!
//! A strip is a run of canonical elements of at most [`STRIP`] bytes that is a box of the view.  Its elements are
//! fetched in pieces that are dense in stored order (so that a transposed matrix is read in runs as long as the strip
//! is high, not element by element) and permuted in cache.

use super::Fetch;
use super::Load;
use crate::tensor::Step;
use crate::tensor::View;
use smallvec::SmallVec;

/// Bytes of a strip: the longer it is, the longer are the runs that a transposed tensor is read in.
const STRIP: usize = 2 << 20;

/// Bytes that are fetched before they are permuted: they stay in the second cache level.
const STAGE: usize = 256 << 10;

/// Side of the squares in which two axes are exchanged.
const SQUARE: usize = 32;

/// One axis of a box: its size and how far one step along it goes, in elements.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    size: u64,
    /// In the stored tensor.
    from: i64,
    /// In the strip.
    to: i64,
}

type Axes = SmallVec<[Axis; 6]>;

/// The axes of a view in canonical order without those of size 1, neighbours that act as one joined.
fn axes(view: &View) -> Axes {
    let mut out = Axes::new();
    let mut to = 1i64;
    for &Step { size, stride: from, .. } in view.steps.iter().rev() {
        if size == 1 {
            continue;
        }
        match out.last_mut() {
            Some(last) if from == last.from * last.size as i64 => last.size *= size,
            _ => out.push(Axis { size, from, to }),
        }
        to *= size as i64;
    }
    out.reverse();
    out
}

/// Which part of a view is in a strip.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    /// First canonical element, and how many.
    start: u64,
    count: u64,
    /// Stored element of the first.
    base: i64,
    axes: Axes,
}

/// The strip that an element belongs to.  Strips are the same whatever is asked for.
fn part(view: &View, size: u64, element: u64) -> Part {
    let all = axes(view);
    let inner = |at: usize| all[at + 1..].iter().map(|axis| axis.size).product::<u64>();
    // The outermost axis whose one step fits is cut; those outside it are fixed.
    let cut = (0..all.len()).find(|&at| inner(at) * size <= STRIP as u64);
    let Some(cut) = cut else {
        return Part { start: 0, count: 1, base: view.base as i64, axes: Axes::new() };
    };
    let steps = (STRIP as u64 / (inner(cut) * size).max(1)).max(1);
    let mut base = view.base as i64;
    let mut start = 0;
    let mut rest = element;
    for axis in &all[..cut] {
        let index = rest / axis.to as u64;
        rest -= index * axis.to as u64;
        start += index * axis.to as u64;
        base += index as i64 * axis.from;
    }
    let axis = all[cut];
    let first = rest / inner(cut) / steps * steps;
    let mut axes = Axes::from_slice(&all[cut..]);
    axes[0].size = steps.min(axis.size - first);
    Part {
        start: start + first * inner(cut),
        count: axes[0].size * inner(cut),
        base: base + first as i64 * axis.from,
        axes,
    }
}

/// The strip that was gathered last.
#[derive(Default)]
pub struct Strip {
    bytes: Vec<u8>,
    stage: Vec<u8>,
    held: Option<(Load, u64, u64)>,
}

impl Strip {
    /// Canonical elements from `start` on, as many of `count` as are in one strip.
    pub fn get<F: Fetch>(&mut self, load: &Load, start: u64, count: usize, fetch: &F) -> Result<&[u8], F::Error> {
        let size = load.dtype.bytes();
        let held = match &self.held {
            Some((of, first, number)) if of == load && (*first..first + number).contains(&start) => (*first, *number),
            _ => {
                self.held = None;
                let part = part(&load.view, size, start);
                self.bytes.resize((part.count * size) as usize, 0);
                let mut job = Job { load, fetch, size, stage: &mut self.stage, out: &mut self.bytes };
                job.gather(part.base, 0, part.axes)?;
                self.held = Some((load.clone(), part.start, part.count));
                (part.start, part.count)
            }
        };
        let from = start - held.0;
        let until = (from + count as u64).min(held.1);
        Ok(&self.bytes[(from * size) as usize..(until * size) as usize])
    }
}

struct Job<'j, F> {
    load: &'j Load,
    fetch: &'j F,
    size: u64,
    stage: &'j mut Vec<u8>,
    out: &'j mut [u8],
}

impl<F: Fetch> Job<'_, F> {
    /// Gathers a box whose first element is stored at `from` and goes to `to`.
    fn gather(&mut self, mut from: i64, mut to: i64, mut axes: Axes) -> Result<(), F::Error> {
        for axis in &mut axes {
            if axis.from < 0 {
                from += axis.from * (axis.size as i64 - 1);
                to += axis.to * (axis.size as i64 - 1);
                (axis.from, axis.to) = (-axis.from, -axis.to);
            }
        }
        // Stored order, slowest first.
        axes.sort_by_key(|axis| std::cmp::Reverse(axis.from));
        let dense = dense(&axes);
        let length = extent(&axes[dense..]);
        let runs: u64 = axes[..dense].iter().map(|axis| axis.size).product();
        if length * runs * self.size > STAGE as u64
            && let Some(at) = axes.iter().position(|axis| axis.size > 1)
        {
            let half = axes[at].size / 2;
            let (step_from, step_to) = (axes[at].from * half as i64, axes[at].to * half as i64);
            let mut second = axes.clone();
            axes[at].size = half;
            second[at].size -= half;
            self.gather(from, to, axes)?;
            return self.gather(from + step_from, to + step_to, second);
        }
        self.fetch_runs(from, &axes[..dense], length)?;
        // In the stage, run follows run.
        let mut step = length as i64;
        for axis in axes[..dense].iter_mut().rev() {
            axis.from = step;
            step *= axis.size as i64;
        }
        match self.size {
            1 => permute::<1>(self.stage, self.out, to, &axes),
            2 => permute::<2>(self.stage, self.out, to, &axes),
            4 => permute::<4>(self.stage, self.out, to, &axes),
            _ => permute::<8>(self.stage, self.out, to, &axes),
        }
        Ok(())
    }

    /// Fetches a run of `length` stored elements at every index of some axes.
    fn fetch_runs(&mut self, from: i64, axes: &[Axis], length: u64) -> Result<(), F::Error> {
        let runs: u64 = axes.iter().map(|axis| axis.size).product();
        let bytes = (length * self.size) as usize;
        self.stage.resize(self.stage.len().max(bytes * runs as usize), 0);
        let mut odometer = Odometer::new(axes);
        for run in self.stage.chunks_exact_mut(bytes.max(1)).take(runs as usize) {
            let at = (from + odometer.from) as u64;
            self.fetch.fetch(self.load.file, self.load.offset + at * self.size, run)?;
            odometer.step();
        }
        Ok(())
    }
}

/// Elements from the first to the last that axes (steps not negative) reach.
fn extent(axes: &[Axis]) -> u64 {
    1 + axes.iter().map(|axis| axis.from as u64 * (axis.size - 1)).sum::<u64>()
}

/// Where the axes begin that together reach few elements that are not wanted: those are fetched as one run.
fn dense(axes: &[Axis]) -> usize {
    let wanted = |axis: &Axis| if axis.from == 0 { 1 } else { axis.size };
    let fits = |at: &usize| extent(&axes[*at..]) <= 2 * axes[*at..].iter().map(wanted).product::<u64>();
    (0..axes.len()).find(fits).unwrap_or(axes.len())
}

/// Walks the indices of axes, the last fastest.
struct Odometer<'a> {
    axes: &'a [Axis],
    index: SmallVec<[u64; 6]>,
    from: i64,
    to: i64,
}

impl<'a> Odometer<'a> {
    fn new(axes: &'a [Axis]) -> Self {
        Odometer { axes, index: SmallVec::from_elem(0, axes.len()), from: 0, to: 0 }
    }

    /// Moves on; false after the last index.
    fn step(&mut self) -> bool {
        for at in (0..self.axes.len()).rev() {
            let axis = self.axes[at];
            self.index[at] += 1;
            self.from += axis.from;
            self.to += axis.to;
            if self.index[at] < axis.size {
                return true;
            }
            self.from -= axis.from * axis.size as i64;
            self.to -= axis.to * axis.size as i64;
            self.index[at] = 0;
        }
        false
    }
}

/// Copies a box of elements of `N` bytes from the start of `stage` to element `to` of `out` on.
fn permute<const N: usize>(stage: &[u8], out: &mut [u8], to: i64, axes: &[Axis]) {
    let (stage, out) = (stage.as_chunks::<N>().0, out.as_chunks_mut::<N>().0);
    let one = Axis { size: 1, from: 0, to: 0 };
    let wide = |axis: &&Axis| axis.size > 1;
    // The axis that is fastest here and the one that is fastest there are walked in squares, the others outside.
    let read = axes.iter().filter(wide).min_by_key(|axis| axis.from).copied().unwrap_or(one);
    let rest: Axes = axes.iter().filter(wide).copied().filter(|axis| *axis != read).collect();
    let write = rest.iter().min_by_key(|axis| axis.to.abs()).copied().unwrap_or(one);
    let outer: Axes = rest.iter().copied().filter(|axis| *axis != write).collect();
    let mut odometer = Odometer::new(&outer);
    loop {
        let (from, to) = (odometer.from, to + odometer.to);
        if read.from == 1 && read.to == 1 {
            for row in 0..write.size as i64 {
                let (from, to) = ((from + row * write.from) as usize, (to + row * write.to) as usize);
                out[to..to + read.size as usize].copy_from_slice(&stage[from..from + read.size as usize]);
            }
        } else {
            for column in (0..read.size as i64).step_by(SQUARE) {
                let columns = column..(column + SQUARE as i64).min(read.size as i64);
                for row in (0..write.size as i64).step_by(SQUARE) {
                    let rows = row..(row + SQUARE as i64).min(write.size as i64);
                    for column in columns.clone() {
                        let (from, to) = (from + column * read.from, to + column * read.to);
                        for row in rows.clone() {
                            out[(to + row * write.to) as usize] = stage[(from + row * write.from) as usize];
                        }
                    }
                }
            }
        }
        if !odometer.step() {
            break;
        }
    }
}
