//! Which buffers share memory.

use super::net::Net;
use super::net::Op;
use super::net::Part;
use super::net::Shape;
use super::net::Slots;

/// First and last operation that touches a buffer, inclusive.
#[derive(Clone, Copy)]
struct Life {
    first: usize,
    last: usize,
}

impl Life {
    fn meets(self, other: Life) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Gives every buffer a slot, the largest buffers first: a slot is as large as the first buffer in it, and a later one
/// takes the tightest slot whose buffers are all dead while it lives.
pub fn assign(buffers: &[Shape], ops: &[Op], picture: Option<Part>, output: Part) -> Slots {
    let mut lives: Vec<Option<Life>> = vec![None; buffers.len()];
    let mut touch = |buffer: usize, at: usize| {
        let life = lives[buffer].get_or_insert(Life { first: at, last: at });
        life.last = at;
    };
    picture.iter().for_each(|part| touch(part.buffer, 0));
    for (at, op) in ops.iter().enumerate() {
        Net::reads(op).iter().for_each(|part| touch(part.buffer, at));
        touch(op.out.buffer, at);
    }
    touch(output.buffer, ops.len());
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&buffer| (std::cmp::Reverse(buffers[buffer].elems()), buffer));
    let mut slots = Slots { sizes: vec![], of: vec![0; buffers.len()] };
    let mut tenants: Vec<Vec<Life>> = vec![];
    for buffer in order {
        // A buffer that nothing touches takes no memory of its own.
        let Some(life) = lives[buffer] else { continue };
        let free = |slot: &usize| tenants[*slot].iter().all(|other| !other.meets(life));
        let slot = (0..tenants.len()).filter(free).min_by_key(|&slot| slots.sizes[slot]).unwrap_or_else(|| {
            slots.sizes.push(buffers[buffer].elems());
            tenants.push(vec![]);
            tenants.len() - 1
        });
        tenants[slot].push(life);
        slots.of[buffer] = slot;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Kind;

    /// `ops` are (read, written); the slots' sizes and who is where.
    #[track_caller]
    fn check(sizes: &[usize], ops: &[(usize, usize)], wanted: &[usize], of: &[usize]) {
        let buffers: Vec<Shape> = sizes.iter().map(|size| Shape::new(*size, 1, 1)).collect();
        let part = |buffer: usize| Part { buffer, first: 0, shape: buffers[buffer] };
        let ops: Vec<Op> = ops
            .iter()
            .map(|&(x, out)| Op { name: String::new(), out: part(out), kind: Kind::Nearest { x: part(x), factor: 1 } })
            .collect();
        let output = ops.last().expect("an operation").out;
        let slots = assign(&buffers, &ops, Some(part(0)), output);
        assert_eq!((&slots.sizes[..], &slots.of[..]), (wanted, of));
        assert_eq!(slots.bytes(), 4 * wanted.iter().sum::<usize>());
    }

    #[test]
    fn a_chain_needs_two_slots() {
        check(&[1, 2, 4, 8, 8], &[(0, 1), (1, 2), (2, 3), (3, 4)], &[8, 8], &[1, 0, 1, 0, 1]);
    }

    #[test]
    fn what_is_read_late_keeps_its_place() {
        check(&[5, 2, 4, 3], &[(0, 1), (1, 2), (2, 3), (0, 3)], &[5, 4, 3], &[0, 2, 1, 2]);
    }
}
