//! Assignments: every row of a table gets a column of its own, so that the sum of what they meet in is largest.
//!
//! Shortest augmenting paths with potentials (Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and
//! sparse linear assignment problems"), exact up to the rounding of f64, O(n³) and far less where most rows have a clear
//! favourite.

mod groups;
mod table;

pub use groups::best_of_groups;
pub use table::BAND;
pub use table::Table;
pub use table::products;

/// Of assignments that are worth the same up to this part of the largest entry, the one that is in use stays.
const TIE: f64 = 1e-12;

/// The best column of every row of a table of `n` rows and columns; `now` is the assignment in use, which wins ties.
/// What is not finite counts as 0.
pub fn best(table: &Table, now: &[u32]) -> Vec<u32> {
    let n = table.size();
    let largest = table.values().iter().filter(|x| x.is_finite()).fold(0.0f64, |so_far, x| so_far.max(x.abs()));
    let largest = if largest > 0.0 { largest } else { 1.0 };
    let cost = |row: usize, column: usize| {
        let value = table.at(row, column);
        let value = if value.is_finite() { value } else { 0.0 };
        let bonus = if now[row] as usize == column { TIE * largest } else { 0.0 };
        -(value + bonus)
    };
    // Columns are cheap at first: each row that is some column's cheapest gets the first such column.
    let mut price: Vec<f64> = vec![f64::INFINITY; n];
    let mut cheapest = vec![0usize; n];
    for row in 0..n {
        for (column, (price, cheapest)) in price.iter_mut().zip(&mut cheapest).enumerate() {
            let own = cost(row, column);
            if own < *price {
                (*price, *cheapest) = (own, row);
            }
        }
    }
    let mut row_of: Vec<Option<usize>> = vec![None; n];
    let mut is_free = vec![true; n];
    for (owner, row) in row_of.iter_mut().zip(&cheapest) {
        if std::mem::take(&mut is_free[*row]) {
            *owner = Some(*row);
        }
    }
    let mut rent = vec![0.0; n];
    let mut search = Search::new(n);
    for row in (0..n).filter(|&row| is_free[row]) {
        search.augment(row, &cost, &mut rent, &mut price, &mut row_of);
    }
    let mut out = vec![0; n];
    for (column, row) in row_of.iter().enumerate() {
        out[row.expect("every column has a row in the end")] = column as u32;
    }
    out
}

/// Buffers of a search for a path.
struct Search {
    distance: Vec<f64>,
    before: Vec<Option<usize>>,
    is_done: Vec<bool>,
}

impl Search {
    fn new(n: usize) -> Search {
        Search { distance: vec![0.0; n], before: vec![None; n], is_done: vec![false; n] }
    }

    /// Gives a row a column, others theirs anew along the shortest path to a column that nobody has.
    /// cost − rent − price is never negative, and 0 where a row has its column.
    fn augment(
        &mut self,
        start: usize,
        cost: &impl Fn(usize, usize) -> f64,
        rent: &mut [f64],
        price: &mut [f64],
        row_of: &mut [Option<usize>],
    ) {
        self.distance.fill(f64::INFINITY);
        self.is_done.fill(false);
        let (mut row, mut last, mut so_far) = (start, None, 0.0);
        let mut path: Vec<usize> = vec![];
        let end = loop {
            let mut next: Option<usize> = None;
            for (column, own) in price.iter().enumerate() {
                if self.is_done[column] {
                    continue;
                }
                let reduced = so_far + (cost(row, column) - rent[row] - own);
                if reduced < self.distance[column] {
                    (self.distance[column], self.before[column]) = (reduced, last);
                }
                if next.is_none_or(|next| self.distance[column] < self.distance[next]) {
                    next = Some(column);
                }
            }
            let column = next.expect("there are as many columns as rows");
            so_far = self.distance[column];
            self.is_done[column] = true;
            match row_of[column] {
                None => break column,
                Some(other) => {
                    path.push(column);
                    (row, last) = (other, Some(column));
                }
            }
        };
        // Potentials: what was reached at less than the whole way moves by the difference.
        rent[start] += so_far;
        for &column in &path {
            let left = so_far - self.distance[column];
            rent[row_of[column].expect("columns on the way have rows")] += left;
            price[column] -= left;
        }
        let mut column = end;
        while let Some(before) = self.before[column] {
            row_of[column] = row_of[before];
            column = before;
        }
        row_of[column] = Some(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::philox;

    fn sum(table: &Table, columns: &[u32]) -> f64 {
        columns.iter().enumerate().map(|(row, column)| table.at(row, *column as usize)).sum()
    }

    /// The largest sum of all assignments, tried one by one.
    fn largest(table: &Table, row: usize, taken: &mut Vec<u32>) -> f64 {
        if row == table.size() {
            return sum(table, taken);
        }
        let mut best = f64::NEG_INFINITY;
        for column in 0..table.size() as u32 {
            if !taken.contains(&column) {
                taken.push(column);
                best = best.max(largest(table, row + 1, taken));
                taken.pop();
            }
        }
        best
    }

    #[track_caller]
    fn check(table: &Table) {
        let now: Vec<u32> = (0..table.size() as u32).collect();
        let found = best(table, &now);
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, now);
        let (found, wanted) = (sum(table, &found), largest(table, 0, &mut vec![]));
        assert!((found - wanted).abs() < 1e-9, "{found} of {wanted}");
    }

    #[test]
    fn the_best_of_all_assignments() {
        for n in 0..=6usize {
            for draw in 0..40u32 {
                let number = |at: usize| philox([draw, 1], [at as u32, n as u32, 0, 0])[0];
                // Few values: ties.
                let few = |at| f64::from(number(at) % 3);
                let many = |at| f64::from(number(at)) / f64::from(u32::MAX) - 0.5;
                check(&Table::of(n, (0..n * n).map(few).collect()));
                check(&Table::of(n, (0..n * n).map(many).collect()));
            }
        }
    }

    /// Larger tables have planted answers: no other assignment can be as good.
    #[test]
    fn a_planted_assignment_is_found() {
        for n in [40usize, 150] {
            let planted = crate::random::order(n, 5, 0);
            let noise = |at: usize| f64::from(philox([7, 7], [at as u32, 0, 0, 0])[0]) / f64::from(u32::MAX);
            let value = |at: usize| noise(at) + if planted[at / n] == at % n { 1.0 } else { 0.0 };
            let table = Table::of(n, (0..n * n).map(value).collect());
            let now: Vec<u32> = (0..n as u32).collect();
            assert_eq!(best(&table, &now), planted.iter().map(|&at| at as u32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ties_leave_things_as_they_are() {
        let now = [2, 0, 1, 3];
        assert_eq!(best(&Table::of(4, vec![1.0; 16]), &now), now);
        assert_eq!(best(&Table::of(4, vec![f64::NAN; 16]), &now), now);
        assert_eq!(best(&Table::of(4, vec![0.0; 16]), &now), now);
    }
}
