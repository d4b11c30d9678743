//! Assignments in groups: what belongs to one row goes to one column, and has an order of its own there.

use super::Table;
use super::best;

/// The best assignment of groups, and of members with them: members of group g are rows g · k to g · k + k − 1 of their
/// table, where k is how many a group has.  With query heads as members of key-value heads this is grouped attention.
/// `now` are the assignments in use, of groups and of members.
pub fn best_of_groups(groups: &Table, members: &[&Table], now: (&[u32], &[&[u32]])) -> (Vec<u32>, Vec<Vec<u32>>) {
    let n = groups.size();
    let mut whole = groups.clone();
    // Per kind of member and pair of groups the best order.
    let mut orders: Vec<Vec<Vec<u32>>> = vec![];
    for (table, now) in members.iter().zip(now.1) {
        let each = table.size() / n.max(1);
        let mut of_kind = vec![];
        for at in 0..n * n {
            let (row, column) = (at / n, at % n);
            let part = table.part(row * each..(row + 1) * each, column * each..(column + 1) * each);
            let order = best(&part, &inside(now, row, column, each));
            whole.add(row, column, part.worth(&order));
            of_kind.push(order);
        }
        orders.push(of_kind);
    }
    let found = best(&whole, now.0);
    let of_members = members.iter().zip(&orders).map(|(table, orders)| {
        let each = table.size() / n.max(1);
        let of_group = |(row, column): (usize, &u32)| {
            let order = &orders[row * n + *column as usize];
            order.iter().map(|at| column * each as u32 + at).collect::<Vec<u32>>()
        };
        found.iter().enumerate().flat_map(of_group).collect()
    });
    let of_members = of_members.collect();
    (found, of_members)
}

/// The order in use of the members of a group, where they are in that column; else as they stand.
fn inside(now: &[u32], row: usize, column: usize, each: usize) -> Vec<u32> {
    let own = &now[row * each..(row + 1) * each];
    let first = (column * each) as u32;
    let is_there = own.iter().all(|at| (first..first + each as u32).contains(at));
    if is_there { own.iter().map(|at| at - first).collect() } else { (0..each as u32).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups of three members: the groups change places, and the members of one of them their order.
    #[test]
    fn members_go_with_their_group() {
        let planted = [3u32, 5, 4, 0, 1, 2];
        let value = |at: usize| if planted[at / 6] as usize == at % 6 { 2.0 } else { 0.0 };
        let members = Table::of(6, (0..36).map(value).collect());
        let own: Vec<u32> = (0..6).collect();
        // The groups themselves would rather stay: four members weigh more.
        let groups = Table::of(2, vec![1.0, 0.0, 0.0, 1.0]);
        let (found, of_members) = best_of_groups(&groups, &[&members], (&[0, 1], &[&own]));
        assert_eq!((found, of_members), (vec![1, 0], vec![planted.to_vec()]));
        let heavy = Table::of(2, vec![50.0, 0.0, 0.0, 50.0]);
        let (found, of_members) = best_of_groups(&heavy, &[&members], (&[0, 1], &[&own]));
        assert_eq!((found, of_members), (vec![0, 1], vec![own]));
    }
}
