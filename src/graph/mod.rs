//! What is computed, as a dependency graph: one node per operation on one tensor, edges from what is needed to what
//! needs it.  It says nothing about order, chunks or files; `plan` does.
//!
//! Invariant: the order of arguments is `Op::inputs`; neighbour order in the graph library is not argument order.

mod lower;
mod print;

pub use lower::lower;
pub use print::dot;
pub use print::json;

use crate::arch::Traits;
use crate::field::Weight;
use crate::hir::InputId;
use crate::hir::Metric;
use crate::hir::Overflow;
use crate::methods::CallOn;
use crate::methods::Method;
use crate::tensor::Dtype;
use crate::tensor::Shape;
use crate::text::Site;
use petgraph::graph::DiGraph;
use petgraph::graph::NodeIndex;
use std::sync::Arc;

/// Index of an operation.
pub type OpId = NodeIndex<u32>;

/// One operation on one tensor.
#[derive(Clone, Debug)]
pub struct Op {
    pub kind: OpKind,
    /// Arguments, in order.
    pub inputs: Vec<OpId>,
    /// Canonical name of the tensor.
    pub name: Arc<str>,
    /// Canonical shape.
    pub shape: Shape,
    /// The statement of the recipe that asks for it.
    pub site: Site,
}

#[derive(Clone, Debug)]
pub enum OpKind {
    /// A tensor of an input, canonical.
    Load { input: InputId, name: Arc<str> },
    /// Σ shareᵢ·argumentᵢ; one argument with share 1 is a move.
    Linear { shares: Vec<Weight> },
    /// A method on one tensor.
    Call { method: &'static Method, on: CallOn },
    /// A tensor of an output.
    Write { output: usize, dtype: Dtype, overflow: Overflow, traits: Arc<Traits> },
    /// The argument with axes in the order of tables: canonical axis and channel space of an alignment.
    Align { alignment: u32, axes: Vec<(usize, u32)> },
    /// The bits of the first argument; the others must hold the same values.
    Agree,
    /// What a claim measures on one tensor; arguments are rounded to `dtypes` first.
    Measure { measured: usize, metric: Metric, dtypes: Vec<Dtype> },
    /// A tensor of a network that a claim draws, rounded to its type.
    Draw { drawn: usize, dtype: Dtype },
}

/// The graph of a recipe.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub ops: DiGraph<Op, ()>,
    /// Writes, in the order of the outputs' tensors.
    pub writes: Vec<OpId>,
    /// Measures, in the order of claims and names.
    pub measures: Vec<OpId>,
    /// Tensors that are drawn, in the order of `Recipe::drawn` and names.
    pub draws: Vec<OpId>,
    /// Per alignment its tensors: what is aligned, and what it is aligned to.
    pub matches: Vec<Vec<[OpId; 2]>>,
}

impl Graph {
    pub fn op(&self, id: OpId) -> &Op {
        &self.ops[id]
    }

    fn add(&mut self, op: Op) -> OpId {
        let inputs = op.inputs.clone();
        let id = self.ops.add_node(op);
        inputs.into_iter().for_each(|input| {
            self.ops.add_edge(input, id, ());
        });
        id
    }

    /// What must hold after every rewrite: no cycle, edges agree with arguments, shares with arguments.
    pub fn verify(&self) -> Result<(), String> {
        if petgraph::algo::is_cyclic_directed(&self.ops) {
            return Err("the graph has a cycle".into());
        }
        for id in self.ops.node_indices() {
            let op = &self.ops[id];
            let mut edges: Vec<OpId> = self.ops.neighbors_directed(id, petgraph::Direction::Incoming).collect();
            let mut inputs = op.inputs.clone();
            edges.sort();
            inputs.sort();
            if edges != inputs {
                return Err(format!("the edges of `{}` are not its arguments", op.name));
            }
            if let OpKind::Linear { shares } = &op.kind
                && shares.len() != op.inputs.len()
            {
                return Err(format!("`{}` has {} shares for {} arguments", op.name, shares.len(), op.inputs.len()));
            }
        }
        Ok(())
    }
}
