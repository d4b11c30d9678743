//! Makes programs; equal nodes are one node, so that an input is loaded once.

use super::Binary;
use super::ByRow;
use super::Ground;
use super::Load;
use super::Meet;
use super::Node;
use super::NodeId;
use super::Placed;
use super::Program;
use super::Rows;
use super::Scalar;
use super::ScalarId;
use super::Share;
use super::Unary;
use super::program;
use crate::field::Weight;
use crate::tensor::Dtype;
use crate::tensor::Shape;

/// A program in the making.
pub struct Builder {
    shape: Shape,
    loads: Vec<Load>,
    fields: Vec<Placed>,
    rows: Vec<Rows>,
    by_rows: Vec<ByRow>,
    nodes: Vec<Node>,
    scalars: Vec<Scalar>,
}

impl Builder {
    /// For a tensor of this shape (the order in which the result is written).
    pub fn new(shape: Shape) -> Builder {
        Builder { shape, loads: vec![], fields: vec![], rows: vec![], by_rows: vec![], nodes: vec![], scalars: vec![] }
    }

    fn node(&mut self, node: Node) -> NodeId {
        let at = self.nodes.iter().position(|known| same_node(known, &node)).unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        });
        NodeId(at as u32)
    }

    fn scalar(&mut self, scalar: Scalar) -> ScalarId {
        let at = self.scalars.iter().position(|known| same_scalar(known, &scalar)).unwrap_or_else(|| {
            self.scalars.push(scalar);
            self.scalars.len() - 1
        });
        ScalarId(at as u32)
    }

    pub fn load(&mut self, load: Load) -> NodeId {
        let at = place(&mut self.loads, load);
        self.node(Node::Load(at))
    }

    /// A share that differs from channel to channel.
    pub fn field(&mut self, field: Placed) -> Share {
        Share::Field(place(&mut self.fields, field))
    }

    /// (1 − w) a + w b with rows of axis 0 brought together: see `rows.rs` for the formula.
    pub fn meet(&mut self, [a, b]: [NodeId; 2], weight: &Weight, meet: Meet, ground: &Ground) -> NodeId {
        let count = ground.shape.first().copied().unwrap_or(1);
        let rows = Rows { a, b, len: crate::tensor::elems(ground.shape.get(1..).unwrap_or(&[])), count };
        let at = place(&mut self.rows, rows);
        let share = |second| ByRow::new(at, meet, second, weight, ground);
        let shares = [false, true].map(|second| Share::Row(place(&mut self.by_rows, share(second))));
        self.linear(&[(shares[0], a), (shares[1], b)])
    }

    pub fn constant(&mut self, value: f64) -> NodeId {
        self.node(Node::Const(value))
    }

    pub fn unary(&mut self, op: Unary, a: NodeId) -> NodeId {
        self.node(Node::Unary(op, a))
    }

    pub fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> NodeId {
        self.node(Node::Binary(op, a, b))
    }

    /// Σ shareᵢ·xᵢ in this order; no terms give 0.
    pub fn linear(&mut self, terms: &[(Share, NodeId)]) -> NodeId {
        if terms.is_empty() {
            return self.constant(0.0);
        }
        self.node(Node::Linear(terms.to_vec()))
    }

    pub fn round(&mut self, dtype: Dtype, a: NodeId) -> NodeId {
        self.node(Node::Round(dtype, a))
    }

    /// Σ x over the tensor.
    pub fn sum(&mut self, a: NodeId) -> ScalarId {
        self.scalar(Scalar::Sum(a))
    }

    /// Σ x·y over the tensor.
    pub fn dot(&mut self, a: NodeId, b: NodeId) -> ScalarId {
        self.scalar(Scalar::Dot(a, b))
    }

    /// The largest x of the tensor, at least 0.
    pub fn max(&mut self, a: NodeId) -> ScalarId {
        self.scalar(Scalar::Max(a))
    }

    /// Any scalar operation.
    pub fn calc(&mut self, scalar: Scalar) -> ScalarId {
        self.scalar(scalar)
    }

    pub fn number(&mut self, value: f64) -> ScalarId {
        self.scalar(Scalar::Const(value))
    }

    /// A program that writes `out` in a type.
    pub fn finish(self, out: NodeId, dtype: Dtype, saturate: bool) -> Program {
        self.program(Some(program::Result { node: out, dtype, saturate }), vec![])
    }

    /// A program that only measures.
    pub fn measure(self, measured: Vec<ScalarId>) -> Program {
        self.program(None, measured)
    }

    fn program(self, result: Option<program::Result>, measured: Vec<ScalarId>) -> Program {
        let mut known = vec![0usize; self.scalars.len()];
        // A node is ready after the last stage that one of its shares needs.
        let mut ready = vec![0usize; self.nodes.len()];
        let mut measured_rows = vec![0usize; self.rows.len()];
        // Nodes and scalars refer to each other, but never forwards in the order of their making: a few sweeps settle.
        loop {
            let before = (known.clone(), ready.clone(), measured_rows.clone());
            for (at, node) in self.nodes.iter().enumerate() {
                let inner = node.inputs().iter().map(|id| ready[id.0 as usize]).max().unwrap_or(0);
                let shares = node.shares().iter().map(|id| known[id.0 as usize]).max().unwrap_or(0);
                let by_row = |share: Share| if let Share::Row(at) = share { Some(at) } else { None };
                let terms: &[(Share, NodeId)] = if let Node::Linear(terms) = node { terms } else { &[] };
                let rows = terms.iter().filter_map(|term| by_row(term.0));
                let rows = rows.map(|at| measured_rows[self.by_rows[at as usize].rows as usize]);
                ready[at] = inner.max(shares).max(rows.max().unwrap_or(0));
            }
            for (stage, rows) in measured_rows.iter_mut().zip(&self.rows) {
                *stage = ready[rows.a.0 as usize].max(ready[rows.b.0 as usize]) + 1;
            }
            for (at, scalar) in self.scalars.iter().enumerate() {
                known[at] = match scalar {
                    Scalar::Sum(a) | Scalar::Max(a) => ready[a.0 as usize] + 1,
                    Scalar::Dot(a, b) => ready[a.0 as usize].max(ready[b.0 as usize]) + 1,
                    other => other.inputs().iter().map(|id| known[id.0 as usize]).max().unwrap_or(0),
                };
            }
            if before == (known.clone(), ready.clone(), measured_rows.clone()) {
                break;
            }
        }
        let stages = known.iter().chain(&measured_rows).copied().max().unwrap_or(0);
        let wide = self.loads.iter().any(|load| load.dtype == Dtype::F64);
        Program {
            shape: self.shape,
            loads: self.loads,
            fields: self.fields,
            rows: self.rows,
            stage_of_rows: measured_rows,
            by_rows: self.by_rows,
            nodes: self.nodes,
            scalars: self.scalars,
            stage_of: known,
            stages,
            result,
            measured,
            wide,
        }
    }
}

/// The index of an item that is added where it is not there yet.
fn place<T: PartialEq>(items: &mut Vec<T>, item: T) -> u32 {
    let at = items.iter().position(|known| *known == item).unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    });
    at as u32
}

/// Equal to the bit: 0 and −0 are two numbers, and a NaN is itself.
fn same_node(a: &Node, b: &Node) -> bool {
    match (a, b) {
        (Node::Const(a), Node::Const(b)) => a.to_bits() == b.to_bits(),
        (Node::Linear(a), Node::Linear(b)) => {
            let same = |(a, b): (&(Share, NodeId), &(Share, NodeId))| same_share(a.0, b.0) && a.1 == b.1;
            a.len() == b.len() && a.iter().zip(b).all(same)
        }
        _ => a == b,
    }
}

fn same_share(a: Share, b: Share) -> bool {
    match (a, b) {
        (Share::Const(a), Share::Const(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

fn same_scalar(a: &Scalar, b: &Scalar) -> bool {
    match (a, b) {
        (Scalar::Const(a), Scalar::Const(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}
