//! Axes whose indices change places by a table that is known only when a build runs.

use super::Step;
use super::View;
use smallvec::SmallVec;
use std::sync::Arc;

/// Which table: the alignment that makes it, and the channel space in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableId {
    pub alignment: u32,
    pub space: u32,
}

/// An axis of a canonical tensor that is read in another order: index i of it is what stands at `table[i]`.
///
/// Until the table is there ([`View::settle`]), the axis is as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    pub table: TableId,
    /// The axis of the canonical tensor, before anything else was done to the view.
    pub axis: usize,
    /// From elements of the view to indices of that axis.
    index: View,
    /// The walk along that axis.
    steps: SmallVec<[Step; 2]>,
    /// Stored elements become so many.
    times: i64,
    /// Per index how much farther on its element is stored than without the table.
    pub offsets: Option<Arc<[i64]>>,
}

impl Moved {
    /// Changes the order of elements.
    pub(super) fn seen(mut self, change: impl Fn(View) -> View) -> Moved {
        self.index = change(self.index);
        self
    }

    /// The same for changes that may fail.
    pub(super) fn try_seen(mut self, change: impl Fn(View) -> Option<View>) -> Option<Moved> {
        self.index = change(self.index)?;
        Some(self)
    }

    /// One more axis, of the bytes of an element.
    pub(super) fn of_bytes(mut self, size: u64) -> Moved {
        self.times *= size as i64;
        self.index.steps.push(Step { axis: self.index.shape.len(), size, stride: 0 });
        self.index.shape.push(size);
        self
    }

    /// Stored elements from the first of the axis to each.
    fn places(&self) -> Vec<i64> {
        let mut places = vec![0i64];
        for step in &self.steps {
            let along = |at: i64| (0..step.size as i64).map(move |index| at + index * step.stride);
            places = places.into_iter().flat_map(along).collect();
        }
        places
    }

    /// `None`: the table changes nothing.
    fn settled(mut self, table: &[u32]) -> Option<Moved> {
        if table.iter().enumerate().all(|(at, &from)| at as u32 == from) {
            return None;
        }
        let places = self.places();
        let offset = |(at, from): (usize, &u32)| (places[*from as usize] - places[at]) * self.times;
        self.offsets = Some(table.iter().enumerate().map(offset).collect());
        Some(self)
    }
}

impl View {
    /// With an axis to be read in the order of a table; to be said before the order of axes is changed.
    pub fn with_table(mut self, axis: usize, table: TableId) -> View {
        let strides: SmallVec<[i64; 4]> = (0..self.shape.len()).map(|other| i64::from(other == axis)).collect();
        let index = View::strided(&self.shape, 0, &strides);
        let steps = self.steps.iter().filter(|step| step.axis == axis).copied().collect();
        self.moved.push(Moved { table, axis, index, steps, times: 1, offsets: None });
        self
    }

    /// Puts tables in: `table` gives that of a moved axis, or `None` where it stays as it is.
    pub fn settle(&mut self, table: &dyn Fn(&Moved) -> Option<Arc<[u32]>>) {
        let settled = |moved: Moved| match table(&moved) {
            Some(table) => moved.settled(&table),
            None => None,
        };
        self.moved = std::mem::take(&mut self.moved).into_iter().filter_map(settled).collect();
    }

    /// Whether some axis waits for its table.
    pub fn is_unsettled(&self) -> bool {
        self.moved.iter().any(|moved| moved.offsets.is_none())
    }

    /// Stored elements of the elements from `start` on.
    pub fn places(&self, start: u64, out: &mut [i64]) {
        self.walk(start, out, |place, at| *place = at);
        for moved in &self.moved {
            if let Some(offsets) = &moved.offsets {
                moved.index.walk(start, out, |place, at| *place += offsets[at as usize]);
            }
        }
    }

    /// What the steps come to, element by element from `start` on; tables have no say.
    pub fn walk(&self, start: u64, out: &mut [i64], mut see: impl FnMut(&mut i64, i64)) {
        let steps: SmallVec<[Step; 6]> = self.steps.iter().filter(|step| step.size != 1).copied().collect();
        let mut digits: SmallVec<[u64; 6]> = SmallVec::from_elem(0, steps.len());
        let mut rest = start;
        let mut at = self.base as i64;
        for (digit, step) in digits.iter_mut().zip(&steps).rev() {
            *digit = rest % step.size.max(1);
            rest /= step.size.max(1);
            at += *digit as i64 * step.stride;
        }
        for place in out {
            see(place, at);
            for (digit, step) in digits.iter_mut().zip(&steps).rev() {
                *digit += 1;
                at += step.stride;
                if *digit < step.size {
                    break;
                }
                at -= step.stride * step.size as i64;
                *digit = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TableId = TableId { alignment: 0, space: 0 };

    /// Stored elements of a 4 x 3 matrix whose axes are in the order of tables, after a change of the view.
    #[track_caller]
    fn check(tables: &[(usize, &[u32])], change: impl Fn(View) -> Option<View>, expected: &[i64]) {
        let view = tables.iter().fold(View::contiguous(&[4, 3]), |view, (axis, _)| view.with_table(*axis, ID));
        let mut view = change(view).expect("it can be changed");
        assert_eq!((view.is_unsettled(), view.run()), (!tables.is_empty(), None));
        view.settle(&|moved| {
            let (_, table) = tables.iter().find(|entry| entry.0 == moved.axis)?;
            Some((*table).into())
        });
        let mut out = vec![0; expected.len()];
        view.places(0, &mut out);
        assert_eq!(out, expected);
        let half = out.len() / 2 - 1;
        let mut rest = vec![0; out.len() - half];
        view.places(half as u64, &mut rest);
        assert_eq!(rest, expected[half..]);
    }

    /// The expected orders are those of NumPy's `arange(12).reshape(4, 3)[rows][:, columns]` and what is done to it.
    #[test]
    fn axes_in_the_order_of_tables() {
        let (rows, columns): (&[u32], &[u32]) = (&[2, 0, 3, 1], &[1, 2, 0]);
        check(&[(0, rows)], Some, &[6, 7, 8, 0, 1, 2, 9, 10, 11, 3, 4, 5]);
        check(&[(1, columns)], Some, &[1, 2, 0, 4, 5, 3, 7, 8, 6, 10, 11, 9]);
        check(&[(0, rows), (1, columns)], Some, &[7, 8, 6, 1, 2, 0, 10, 11, 9, 4, 5, 3]);
        let turned = |view: View| Some(view.permuted(&[1, 0]));
        check(&[(0, rows), (1, columns)], turned, &[7, 1, 10, 4, 8, 2, 11, 5, 6, 0, 9, 3]);
        check(&[(0, rows)], |view| view.flipped(0), &[3, 4, 5, 9, 10, 11, 0, 1, 2, 6, 7, 8]);
        check(&[(0, rows)], |view| view.dealt(0, 4, 2), &[6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]);
        let dealt = |view: View| view.dealt(0, 4, 2).map(|view| view.with(1).without(1));
        check(&[(1, columns)], dealt, &[1, 2, 0, 7, 8, 6, 4, 5, 3, 10, 11, 9]);
        let bytes = |view: View| Some(view.of_bytes(2));
        let few = [12, 13, 14, 15, 16, 17, 0, 1, 2, 3, 4, 5, 18, 19, 20, 21, 22, 23, 6, 7, 8, 9, 10, 11];
        check(&[(0, rows)], bytes, &few);
    }

    #[test]
    fn a_table_without_effect_leaves_a_run() {
        let mut view = View::contiguous(&[4, 3]).with_table(0, ID);
        view.settle(&|_| Some([0, 1, 2, 3].into()));
        assert_eq!(view.run(), Some(0));
    }
}
