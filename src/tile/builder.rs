//! Makes programs; equal nodes are one node, so that an input is loaded once.

use super::Binary;
use super::Load;
use super::Node;
use super::NodeId;
use super::Placed;
use super::Program;
use super::Scalar;
use super::ScalarId;
use super::Share;
use super::Unary;
use super::program;
use crate::tensor::Dtype;
use crate::tensor::Shape;

/// A program in the making.
pub struct Builder {
    shape: Shape,
    loads: Vec<Load>,
    fields: Vec<Placed>,
    nodes: Vec<Node>,
    scalars: Vec<Scalar>,
}

impl Builder {
    /// For a tensor of this shape (the order in which the result is written).
    pub fn new(shape: Shape) -> Builder {
        Builder { shape, loads: vec![], fields: vec![], nodes: vec![], scalars: vec![] }
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
        let at = self.loads.iter().position(|known| *known == load).unwrap_or_else(|| {
            self.loads.push(load);
            self.loads.len() - 1
        });
        self.node(Node::Load(at as u32))
    }

    /// A share that differs from channel to channel.
    pub fn field(&mut self, field: Placed) -> Share {
        let at = self.fields.iter().position(|known| *known == field).unwrap_or_else(|| {
            self.fields.push(field);
            self.fields.len() - 1
        });
        Share::Field(at as u32)
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
        // Nodes and scalars refer to each other, but never forwards in the order of their making: a few sweeps settle.
        loop {
            let before = (known.clone(), ready.clone());
            for (at, node) in self.nodes.iter().enumerate() {
                let inner = node.inputs().iter().map(|id| ready[id.0 as usize]).max().unwrap_or(0);
                let shares = node.shares().iter().map(|id| known[id.0 as usize]).max().unwrap_or(0);
                ready[at] = inner.max(shares);
            }
            for (at, scalar) in self.scalars.iter().enumerate() {
                known[at] = match scalar {
                    Scalar::Sum(a) | Scalar::Max(a) => ready[a.0 as usize] + 1,
                    Scalar::Dot(a, b) => ready[a.0 as usize].max(ready[b.0 as usize]) + 1,
                    other => other.inputs().iter().map(|id| known[id.0 as usize]).max().unwrap_or(0),
                };
            }
            if before == (known.clone(), ready.clone()) {
                break;
            }
        }
        let stages = known.iter().copied().max().unwrap_or(0);
        let wide = self.loads.iter().any(|load| load.dtype == Dtype::F64);
        Program {
            shape: self.shape,
            loads: self.loads,
            fields: self.fields,
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
