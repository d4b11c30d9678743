//! The interpreter: one operation on one tile.

use super::Binary;
use super::Load;
use super::Node;
use super::NodeId;
use super::Program;
use super::Share;
use super::State;
use super::TILE;
use super::cast;
use super::kernels;
use super::real::Real;
use crate::tensor::Dtype;

/// Tiles of working values, one per node of a program.
pub type Tiles<T> = Vec<Vec<T>>;

/// The stored bytes of a tile, one slice per load of a program.
pub type Parts<'s> = [&'s [u8]];

impl Share {
    /// The factor in the working type.
    pub(super) fn value<T: Real>(self, state: &State) -> T {
        T::from_f64(match self {
            Share::Const(value) => value,
            Share::Scalar(id) => state.scalar(id),
            Share::Field(_) | Share::Row(_) => unreachable!("shares of channels have their own loop"),
        })
    }
}

impl Program {
    /// The load that a node shows as it is stored, with its index.
    pub(super) fn plain(&self, id: NodeId) -> Option<(usize, &Load)> {
        let Node::Load(at) = self.nodes[id.0 as usize] else { return None };
        let load = &self.loads[at as usize];
        load.affine.is_identity().then_some((at as usize, load))
    }

    /// Computes the needed nodes on one tile; `stored` begins at its first element.
    pub(super) fn compute<T: Real>(
        &self,
        needed: &[NodeId],
        stored: &Parts,
        start: u64,
        count: usize,
        state: &State,
        tiles: &mut Tiles<T>,
    ) {
        for id in needed {
            let at = id.0 as usize;
            // Children come first: the tiles below are done.
            let (below, from) = tiles.split_at_mut(at);
            from[0].resize(TILE.max(count), T::default());
            self.operate(&self.nodes[at], stored, start, state, below, &mut from[0][..count]);
        }
    }

    fn operate<T: Real>(
        &self,
        node: &Node,
        stored: &Parts,
        start: u64,
        state: &State,
        below: &[Vec<T>],
        out: &mut [T],
    ) {
        let count = out.len();
        let tile = |id: &NodeId| &below[id.0 as usize][..count];
        match node {
            Node::Load(at) => {
                let load = &self.loads[*at as usize];
                cast::decode(load.dtype, stored[*at as usize], out);
                if !load.affine.is_identity() {
                    kernels::affine(T::from_f64(load.affine.scale), T::from_f64(load.affine.add), out);
                }
            }
            Node::Const(value) => out.fill(T::from_f64(*value)),
            Node::Unary(op, a) => kernels::unary(*op, tile(a), out),
            Node::Binary(Binary::Differs, a, b) => match (self.plain(*a), self.plain(*b)) {
                (Some((x, first)), Some((y, second))) if first.dtype == second.dtype => {
                    differ(first.dtype, stored[x], stored[y], out);
                }
                (a_plain, b_plain) => kernels::differs([a_plain.is_some(), b_plain.is_some()], tile(a), tile(b), out),
            },
            Node::Binary(op, a, b) => kernels::binary(*op, tile(a), tile(b), out),
            Node::Linear(terms) if node.is_uneven() => {
                let (mut shares, mut touched) = (vec![T::default(); count], vec![T::default(); count]);
                // −0 plus anything is that thing to the bit.
                out.fill(T::default().neg());
                for (share, a) in terms {
                    match share {
                        Share::Field(at) => self.fields[*at as usize].fill(start, &mut shares),
                        Share::Row(at) => {
                            let by = &self.by_rows[*at as usize];
                            by.fill(self.rows[by.rows as usize].len, state.rows(by.rows), start, &mut shares);
                        }
                        one => shares.fill(one.value(state)),
                    }
                    kernels::linear_where(&shares, tile(a), out, &mut touched);
                }
                kernels::zero_where_not(&touched, out);
            }
            Node::Linear(terms) => {
                let share = |share: &Share| share.value::<T>(state);
                // The first terms in one loop: values pass through memory as seldom as may be.
                let done = match terms.as_slice() {
                    [(s, a), (t, b), (u, c), ..] => {
                        kernels::linear3([share(s), share(t), share(u)], tile(a), tile(b), tile(c), out);
                        3
                    }
                    [(s, a), (t, b)] => {
                        kernels::linear2([share(s), share(t)], tile(a), tile(b), out);
                        2
                    }
                    [(s, a)] => {
                        kernels::linear1(share(s), tile(a), out);
                        1
                    }
                    [] => {
                        out.fill(T::default());
                        0
                    }
                };
                for (s, a) in &terms[done..] {
                    kernels::linear_more(share(s), tile(a), out);
                }
            }
            Node::Round(dtype, a) => cast::round(*dtype, tile(a), out),
        }
    }
}

/// 1 where the stored bits differ: right for every type, also those without arithmetic.
fn differ<T: Real>(dtype: Dtype, a: &[u8], b: &[u8], out: &mut [T]) {
    let size = dtype.bytes() as usize;
    for ((out, x), y) in out.iter_mut().zip(a.chunks_exact(size)).zip(b.chunks_exact(size)) {
        *out = T::from_f32(if x == y { 0.0 } else { 1.0 });
    }
}
