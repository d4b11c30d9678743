//! A program: loads, nodes in order (children first), scalars, and what comes out.

use super::ByRow;
use super::Load;
use super::Placed;
use super::Rows;
use super::Scalar;
use super::ScalarId;
use crate::tensor::Dtype;
use crate::tensor::Moved;
use crate::tensor::Shape;
use std::sync::Arc;

/// Index of a node in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Operations on one operand, element by element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Neg,
    Abs,
    Sqrt,
    /// 1 where the value is NaN or infinite, else 0.
    NonFinite,
}

/// Operations on two operands, element by element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    /// 1 where the bits differ, else 0.
    Differs,
}

/// A factor of a linear combination; in f64, rounded once to the working type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    Const(f64),
    Scalar(ScalarId),
    /// From element to element: index into [`Program::fields`].
    Field(u32),
    /// From row to row, by the lengths of rows: index into [`Program::by_rows`].
    Row(u32),
}

/// One operation on tiles.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Elements of a load, its affine map applied.
    Load(u32),
    /// A number, the same for every element.
    Const(f64),
    Unary(Unary, NodeId),
    Binary(Binary, NodeId, NodeId),
    /// ((s₀·x₀ + s₁·x₁) + s₂·x₂) + …, products rounded, no FMA.  Where a share differs between elements, terms whose
    /// share is 0 at an element are left out there: an infinity of one model does not leak into channels of another.
    Linear(Vec<(Share, NodeId)>),
    /// The value as it would be written in this type.
    Round(Dtype, NodeId),
}

impl Node {
    pub fn inputs(&self) -> Vec<NodeId> {
        match self {
            Node::Load(_) | Node::Const(_) => vec![],
            Node::Unary(_, a) | Node::Round(_, a) => vec![*a],
            Node::Binary(_, a, b) => vec![*a, *b],
            Node::Linear(terms) => terms.iter().map(|term| term.1).collect(),
        }
    }

    pub fn shares(&self) -> Vec<ScalarId> {
        match self {
            Node::Linear(terms) => terms
                .iter()
                .filter_map(|(share, _)| if let Share::Scalar(id) = share { Some(*id) } else { None })
                .collect(),
            _ => vec![],
        }
    }

    /// Whether shares differ between elements.
    pub(super) fn is_uneven(&self) -> bool {
        let uneven = |term: &(Share, NodeId)| matches!(term.0, Share::Field(_) | Share::Row(_));
        matches!(self, Node::Linear(terms) if terms.iter().any(uneven))
    }
}

/// The result of a program that has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Result {
    pub node: NodeId,
    pub dtype: Dtype,
    /// Values beyond the type become its largest finite ones, and are not counted.
    pub saturate: bool,
}

/// A program for one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub shape: Shape,
    pub loads: Vec<Load>,
    /// Shares that differ from channel to channel.
    pub fields: Vec<Placed>,
    /// Tensors whose rows are measured.
    pub rows: Vec<Rows>,
    /// Stage of every one of them.
    pub stage_of_rows: Vec<usize>,
    /// Shares that depend on rows.
    pub by_rows: Vec<ByRow>,
    pub nodes: Vec<Node>,
    pub scalars: Vec<Scalar>,
    /// Stage of every scalar that is a reduction; others have the stage after which they are known.
    pub stage_of: Vec<usize>,
    /// Reduction stages before the result.
    pub stages: usize,
    pub result: Option<Result>,
    /// Scalars that are wanted at the end.
    pub measured: Vec<ScalarId>,
    /// Computes in f64.
    pub wide: bool,
}

impl Program {
    /// Elements of the tensor.
    pub fn elems(&self) -> u64 {
        crate::tensor::elems(&self.shape)
    }

    /// Bytes of the tables that shares by channel are looked up in.
    pub fn share_bytes(&self) -> u64 {
        self.fields.iter().map(Placed::bytes).chain(self.by_rows.iter().map(ByRow::bytes)).sum()
    }

    /// Reduction blocks of the tensor.
    pub fn blocks(&self) -> u64 {
        self.elems().div_ceil(super::BLOCK)
    }

    /// Bytes of all loads that count for what comes out, each once.
    pub fn read_bytes(&self) -> u64 {
        let mut roots: Vec<NodeId> = self.result.iter().map(|result| result.node).collect();
        let mut wanted = vec![false; self.scalars.len()];
        self.measured.iter().for_each(|id| wanted[id.0 as usize] = true);
        // Values want the scalars of their shares, and reductions their operands; both lists only grow.
        loop {
            let before = (roots.len(), wanted.clone());
            let needed = self.needed(&roots);
            let shares = needed.iter().flat_map(|id| self.nodes[id.0 as usize].shares());
            shares.for_each(|id| wanted[id.0 as usize] = true);
            for row in needed.iter().flat_map(|id| self.rows_of(*id)) {
                roots.extend([row.a, row.b].into_iter().filter(|id| !needed.contains(id)));
            }
            for at in (0..self.scalars.len()).rev().filter(|&at| before.1[at]) {
                self.scalars[at].inputs().iter().for_each(|id| wanted[id.0 as usize] = true);
                let operands = match self.scalars[at] {
                    Scalar::Sum(a) | Scalar::Max(a) => vec![a],
                    Scalar::Dot(a, b) => vec![a, b],
                    _ => vec![],
                };
                roots.extend(operands.into_iter().filter(|id| !needed.contains(id)));
            }
            roots.sort_unstable();
            roots.dedup();
            if before == (roots.len(), wanted.clone()) {
                break;
            }
        }
        let counts = |id: &NodeId| if let Node::Load(at) = self.nodes[id.0 as usize] { Some(at) } else { None };
        let loads = self.needed(&roots);
        loads.iter().filter_map(counts).map(|at| self.loads[at as usize].stored_bytes(self.elems())).sum()
    }

    /// The measured rows that the shares of a node depend on.
    fn rows_of(&self, id: NodeId) -> Vec<&Rows> {
        let Node::Linear(terms) = &self.nodes[id.0 as usize] else { return vec![] };
        let row = |share: Share| if let Share::Row(at) = share { Some(self.by_rows[at as usize].rows) } else { None };
        terms.iter().filter_map(|term| row(term.0)).map(|rows| &self.rows[rows as usize]).collect()
    }

    /// Puts the tables of moved axes in.
    pub fn settle_views(&mut self, table: &dyn Fn(&Moved) -> Option<Arc<[u32]>>) {
        self.loads.iter_mut().for_each(|load| load.view.settle(table));
    }

    /// Whether some load waits for a table.
    pub fn is_unsettled(&self) -> bool {
        self.loads.iter().any(|load| load.view.is_unsettled())
    }

    /// The nodes that some nodes need, in order.
    pub fn needed(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let mut need = vec![false; self.nodes.len()];
        roots.iter().for_each(|root| need[root.0 as usize] = true);
        for at in (0..self.nodes.len()).rev() {
            if need[at] {
                self.nodes[at].inputs().iter().for_each(|input| need[input.0 as usize] = true);
            }
        }
        (0..self.nodes.len()).filter(|&at| need[at]).map(|at| NodeId(at as u32)).collect()
    }
}
