//! Where a deep value is evaluated ahead, so that it costs no deep stack.

use super::context::children;
use crate::hir::Expr;
use crate::hir::ExprId;
use std::collections::HashMap;
use std::rc::Rc;

/// Every how many levels a value is evaluated ahead; a value less deep than this needs nothing.
const STATION: u32 = 100;

/// Nodes below a root at multiples of [`STATION`] levels, lowest first.
pub fn stations(root: ExprId, exprs: &[Expr]) -> Rc<[ExprId]> {
    // Ids are in topological order, so that one walk down marks and one walk up counts.
    let mut depths: HashMap<ExprId, u32> = HashMap::new();
    let mut heap = std::collections::BinaryHeap::from([root]);
    let mut order = vec![];
    while let Some(id) = heap.pop() {
        if depths.insert(id, 0).is_none() {
            order.push(id);
            heap.extend(children(&exprs[id.0 as usize].kind));
        }
    }
    let mut out = vec![];
    for id in order.into_iter().rev() {
        let below = children(&exprs[id.0 as usize].kind).iter().map(|child| depths[child]).max();
        let depth = below.map_or(0, |below| below + 1);
        depths.insert(id, depth);
        if depth > 0 && depth % STATION == 0 && id != root {
            out.push(id);
        }
    }
    out.into()
}
