//! How a canonical tensor lies in the bytes of a stored one.

use super::Moved;
use super::Shape;
use super::elems;
use smallvec::SmallVec;

/// A walk over stored elements: canonical element `i` stands at stored element `base + Σ indexₖ·strideₖ`, where the
/// indices are those of `i` in the mixed radix of the steps' sizes, the last step fastest.
///
/// An axis is usually one step.  It is several where its order interleaves parts of the stored one, as the rows of
/// rotary heads do.  Dropped and added axes, transposes, flips and dealt axes are all views.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Canonical shape: what a tensor's header says.
    pub shape: Shape,
    /// Stored element that canonical element 0 is; non-zero after a flip.
    pub base: u64,
    /// In canonical order: every axis has its steps side by side, and at least one; their sizes multiply to its size.
    pub steps: SmallVec<[Step; 4]>,
    /// Axes whose indices have changed places, which no stride can say.
    pub moved: Vec<Moved>,
}

/// A part of the walk along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The canonical axis.
    pub axis: usize,
    pub size: u64,
    /// Stored elements from one index to the next.
    pub stride: i64,
}

impl View {
    /// The view of a row-major tensor of this shape.
    pub fn contiguous(shape: &[u64]) -> View {
        View::strided(shape, 0, &View::row_strides(shape))
    }

    /// The strides of a row-major tensor of this shape, in elements.
    pub fn row_strides(shape: &[u64]) -> SmallVec<[i64; 4]> {
        let mut strides: SmallVec<[i64; 4]> = SmallVec::from_elem(1, shape.len());
        for axis in (1..shape.len()).rev() {
            // Sizes of an empty tensor may be anything: its strides are never used.
            strides[axis - 1] = strides[axis].wrapping_mul(shape[axis].max(1) as i64);
        }
        strides
    }

    /// A view with one stride per axis, in elements.
    pub fn strided(shape: &[u64], base: u64, strides: &[i64]) -> View {
        let steps = shape.iter().zip(strides).enumerate();
        let steps = steps.map(|(axis, (&size, &stride))| Step { axis, size, stride }).collect();
        View { shape: shape.into(), base, steps, moved: vec![] }
    }

    /// The stored element of canonical element 0 when the others follow it in order, so that bytes may be moved.
    pub fn run(&self) -> Option<u64> {
        if !self.moved.is_empty() {
            return None;
        }
        let mut next = 1i64;
        for step in self.steps.iter().rev().filter(|step| step.size > 1) {
            if step.stride != next {
                return None;
            }
            next = next.checked_mul(step.size as i64)?;
        }
        Some(self.base)
    }

    /// True when canonical order is stored order from the first element on.
    pub fn is_contiguous(&self) -> bool {
        elems(&self.shape) == 0 || self.run() == Some(0)
    }

    /// The view of the bytes of elements of `size` bytes: one more axis.
    pub fn of_bytes(mut self, size: u64) -> View {
        self.base *= size;
        self.steps.iter_mut().for_each(|step| step.stride *= size as i64);
        self.steps.push(Step { axis: self.shape.len(), size, stride: 1 });
        self.shape.push(size);
        self.with_moved(|moved| moved.of_bytes(size))
    }

    /// Without axis `axis`, which has size 1.
    pub fn without(mut self, axis: usize) -> View {
        self.shape.remove(axis);
        self.steps.retain(|step| step.axis != axis);
        self.steps.iter_mut().filter(|step| step.axis > axis).for_each(|step| step.axis -= 1);
        self.with_moved(|moved| moved.seen(|view| view.without(axis)))
    }

    /// With an axis of size 1 before axis `axis`.
    pub fn with(mut self, axis: usize) -> View {
        let at = self.steps.iter().position(|step| step.axis >= axis).unwrap_or(self.steps.len());
        self.steps.iter_mut().filter(|step| step.axis >= axis).for_each(|step| step.axis += 1);
        self.steps.insert(at, Step { axis, size: 1, stride: 1 });
        self.shape.insert(axis, 1);
        self.with_moved(|moved| moved.seen(|view| view.with(axis)))
    }

    /// New axis k is old axis `order[k]`, which names every axis once.
    pub fn permuted(self, order: &[usize]) -> View {
        let shape = order.iter().map(|&axis| self.shape[axis]).collect();
        let of = |(new, &old): (usize, &usize)| {
            let steps = self.steps.iter().filter(move |step| step.axis == old);
            steps.map(move |step| Step { axis: new, ..*step }).collect::<SmallVec<[Step; 4]>>()
        };
        let steps = order.iter().enumerate().flat_map(of).collect();
        let moved = self.moved;
        let view = View { shape, base: self.base, steps, moved };
        view.with_moved(|moved| moved.seen(|view| view.permuted(order)))
    }

    /// With the order along an axis reversed; `None`: the first element would lie outside what can be counted.
    pub fn flipped(mut self, axis: usize) -> Option<View> {
        // The last index of an axis is the last index of each of its steps.
        for step in self.steps.iter_mut().filter(|step| step.axis == axis) {
            let far = i64::try_from(step.size.max(1) - 1).ok()?.checked_mul(step.stride)?;
            self.base = u64::try_from(i64::try_from(self.base).ok()?.checked_add(far)?).ok()?;
            step.stride = -step.stride;
        }
        self.moved =
            self.moved.into_iter().map(|moved| moved.try_seen(|view| view.flipped(axis))).collect::<Option<_>>()?;
        Some(self)
    }

    fn with_moved(mut self, change: impl Fn(Moved) -> Moved) -> View {
        self.moved = self.moved.into_iter().map(change).collect();
        self
    }

    /// With an axis dealt: in each block of `block` elements along it, element `k·by + j` comes to
    /// `j·(block / by) + k`, as cards are dealt to `by` players.  `by` divides `block`, and that the axis; `None`: the
    /// axis is in parts that no such block is made of.
    pub fn dealt(self, axis: usize, block: u64, by: u64) -> Option<View> {
        if self.shape[axis] == 0 {
            return Some(self);
        }
        let own: SmallVec<[Step; 4]> = self.steps.iter().filter(|step| step.axis == axis).copied().collect();
        let (rest, players) = cut(&own, by)?;
        let (blocks, rounds) = cut(&rest, block / by)?;
        let own = joined([blocks, players, rounds].concat());
        let at = self.steps.iter().position(|step| step.axis == axis)?;
        let mut steps: SmallVec<[Step; 4]> = self.steps.iter().filter(|step| step.axis != axis).copied().collect();
        steps.insert_many(at, own);
        let dealt = |moved: Moved| moved.try_seen(|view| view.dealt(axis, block, by));
        let moved = self.moved.into_iter().map(dealt).collect::<Option<_>>()?;
        Some(View { shape: self.shape, base: self.base, steps, moved })
    }
}

/// The steps of one axis in two: the inner ones, of `inner` elements together, and those outside them.
fn cut(steps: &[Step], inner: u64) -> Option<(Vec<Step>, Vec<Step>)> {
    let (mut outside, mut inside) = (steps.to_vec(), vec![]);
    let mut left = inner;
    while left > 1 {
        let step = outside.pop()?;
        if left.is_multiple_of(step.size) {
            left /= step.size;
            inside.insert(0, step);
        } else if step.size.is_multiple_of(left) {
            inside.insert(0, Step { size: left, ..step });
            let stride = step.stride.checked_mul(i64::try_from(left).ok()?)?;
            outside.push(Step { size: step.size / left, stride, ..step });
            left = 1;
        } else {
            return None;
        }
    }
    Some((outside, inside))
}

/// Steps of one axis with neighbours that act as one joined, so that equal walks are equal views.
fn joined(steps: Vec<Step>) -> Vec<Step> {
    let last = steps.last().copied();
    let mut out: Vec<Step> = vec![];
    for step in steps.into_iter().filter(|step| step.size != 1) {
        match out.last_mut() {
            Some(outer) if step.stride.checked_mul(step.size as i64) == Some(outer.stride) => {
                *outer = Step { size: outer.size * step.size, ..step };
            }
            _ => out.push(step),
        }
    }
    // An axis of one element has a step, too.
    if out.is_empty() { last.into_iter().collect() } else { out }
}

/// What is done to a stored value to get the canonical one: `value * scale + add`, in this order, in f32 (f64 for f64).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    pub scale: f64,
    pub add: f64,
}

impl Affine {
    pub const IDENTITY: Affine = Affine { scale: 1.0, add: 0.0 };

    pub fn is_identity(self) -> bool {
        self == Affine::IDENTITY
    }
}

#[cfg(test)]
mod tests {
    use super::View;

    /// Stored elements in canonical order, counted index by index.
    fn walk(view: &View) -> Vec<u64> {
        let mut out = vec![view.base as i64];
        for step in &view.steps {
            let along = |at: i64| (0..step.size as i64).map(move |index| at + index * step.stride);
            out = out.into_iter().flat_map(along).collect();
        }
        out.into_iter().map(|at| at as u64).collect()
    }

    #[track_caller]
    fn check(view: Option<View>, shape: &[u64], expected: &[u64]) {
        let view = view.expect("the view exists");
        assert_eq!(view.shape.as_slice(), shape);
        assert_eq!(walk(&view), expected);
        for (axis, &size) in shape.iter().enumerate() {
            let own: Vec<u64> = view.steps.iter().filter(|step| step.axis == axis).map(|step| step.size).collect();
            assert_eq!((own.is_empty(), own.iter().product::<u64>()), (false, size), "axis {axis}");
        }
        assert!(view.steps.is_sorted_by_key(|step| step.axis));
        assert_eq!(view.is_contiguous(), expected.iter().enumerate().all(|(at, &stored)| at as u64 == stored));
    }

    /// The expected orders are those of NumPy's `reshape(-1, block // by, by, …).swapaxes(1, 2)`.
    #[test]
    fn dealt_axes() {
        let rows = View::contiguous(&[8, 2]);
        let four = [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15];
        check(rows.clone().dealt(0, 4, 2), &[8, 2], &four);
        let eight = [0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15];
        check(rows.clone().dealt(0, 8, 2), &[8, 2], &eight);
        check(View::contiguous(&[12]).dealt(0, 12, 3), &[12], &[0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
        check(View::contiguous(&[2, 6]).dealt(1, 6, 2), &[2, 6], &[0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]);
        // Dealt back by the others.
        check(rows.clone().dealt(0, 8, 2).and_then(|view| view.dealt(0, 8, 4)), &[8, 2], &walk(&rows));
        check(
            View::contiguous(&[12]).dealt(0, 12, 3).and_then(|view| view.dealt(0, 12, 4)),
            &[12],
            &walk(&View::contiguous(&[12])),
        );
        check(View::contiguous(&[2, 1]).dealt(1, 1, 1), &[2, 1], &[0, 1]);
        check(View::contiguous(&[2, 2]).dealt(0, 2, 2), &[2, 2], &[0, 1, 2, 3]);
        // Over strides, transposed, flipped.
        let fortran = View::strided(&[4, 2], 0, &[1, 4]);
        check(fortran.clone().dealt(0, 4, 2), &[4, 2], &[0, 4, 2, 6, 1, 5, 3, 7]);
        check(fortran.dealt(0, 4, 2).map(|view| view.permuted(&[1, 0])), &[2, 4], &[0, 2, 1, 3, 4, 6, 5, 7]);
        check(View::contiguous(&[4]).dealt(0, 4, 2).and_then(|view| view.flipped(0)), &[4], &[3, 1, 2, 0]);
        let axes = View::contiguous(&[4, 2]).dealt(0, 4, 2).map(|view| view.with(1).with(0));
        check(axes.clone(), &[1, 4, 1, 2], &[0, 1, 4, 5, 2, 3, 6, 7]);
        check(axes.map(|view| view.without(2).without(0)), &[4, 2], &[0, 1, 4, 5, 2, 3, 6, 7]);
        check(View::contiguous(&[4]).dealt(0, 4, 2).map(|view| view.of_bytes(2)), &[4, 2], &[0, 1, 4, 5, 2, 3, 6, 7]);
        check(View::contiguous(&[0, 3]).dealt(0, 4, 2), &[0, 3], &[]);
        // Parts of 4 are in no blocks of 6.
        let parts = View::contiguous(&[12]).dealt(0, 4, 2).expect("it deals");
        assert_eq!(parts.dealt(0, 6, 3), None);
    }
}
