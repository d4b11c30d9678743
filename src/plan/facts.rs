//! How a tensor is made, as a person would say it: shares and methods, for the reasons of a rebuild.

use crate::field::Weight;
use crate::graph::Graph;
use crate::graph::OpId;
use crate::graph::OpKind;
use crate::hir::InputId;
use crate::methods::CallOn;
use crate::methods::Method;

/// One thing that can be said.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The share of an input, or of what a method made.
    Share {
        of: Option<InputId>,
        share: Weight,
    },
    Method {
        method: &'static Method,
        on: CallOn,
    },
}

/// All that can be said of the value of a write, in the order of its form.
pub fn of(graph: &Graph, write: OpId) -> Vec<Fact> {
    let mut out = vec![];
    value(graph, graph.op(write).inputs[0], &mut out);
    out
}

fn value(graph: &Graph, id: OpId, out: &mut Vec<Fact>) {
    let op = graph.op(id);
    match &op.kind {
        OpKind::Linear { shares } => {
            for (share, &input) in shares.iter().zip(&op.inputs) {
                let of = if let OpKind::Load { input, .. } = graph.op(input).kind { Some(input) } else { None };
                out.push(Fact::Share { of, share: share.clone() });
            }
        }
        OpKind::Call { method, on } => out.push(Fact::Method { method, on: on.clone() }),
        // The others are only compared.
        OpKind::Agree => return value(graph, op.inputs[0], out),
        _ => {}
    }
    op.inputs.iter().for_each(|&input| value(graph, input, out));
}
