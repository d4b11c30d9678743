//! From evaluated recipe to graph: one pass over the tensors of outputs and claims; equal operations are one node.

use super::Graph;
use super::Op;
use super::OpId;
use super::OpKind;
use crate::hir::Alignment;
use crate::hir::Atom;
use crate::hir::Form;
use crate::hir::InputId;
use crate::hir::Made;
use crate::hir::Overflow;
use crate::hir::Recipe;
use crate::hir::Turned;
use crate::tensor::Shape;
use crate::text::Site;
use std::collections::HashMap;
use std::sync::Arc;

/// Makes the graph of a checked recipe.
pub fn lower(recipe: &Recipe) -> Graph {
    let mut lowering = Lowering { recipe, graph: Graph::default(), loads: HashMap::new(), calls: HashMap::new() };
    for (index, output) in recipe.outputs.iter().enumerate() {
        for made in &output.tensors {
            let value = lowering.made(made, output.site);
            let kind = OpKind::Write {
                output: index,
                dtype: made.dtype,
                overflow: if made.bits_only { Overflow::Inf } else { output.overflow },
                traits: made.traits.clone(),
            };
            let id = lowering.op(kind, vec![value], &made.name, &made.shape, output.site);
            lowering.graph.writes.push(id);
        }
    }
    for (index, measured) in recipe.measured.iter().enumerate() {
        for at in 0..measured.args[0].len() {
            let sides: Vec<&Made> = measured.args.iter().map(|arg| &arg[at]).collect();
            let values: Vec<OpId> = sides.iter().map(|made| lowering.made(made, measured.site)).collect();
            let dtypes = sides.iter().map(|made| made.dtype).collect();
            let kind = OpKind::Measure { measured: index, metric: measured.metric, dtypes };
            // A difference that cancels has no shape of its own.
            let shape =
                sides.iter().map(|made| &made.shape).max_by_key(|shape| shape.len()).expect("a metric has arguments");
            let id = lowering.op(kind, values, &sides[0].name, shape, measured.site);
            lowering.graph.measures.push(id);
        }
    }
    for (index, drawn) in recipe.drawn.iter().enumerate() {
        for made in &drawn.tensors {
            let value = lowering.made(made, drawn.site);
            let kind = OpKind::Draw { drawn: index, dtype: made.dtype };
            let id = lowering.op(kind, vec![value], &made.name, &made.shape, drawn.site);
            lowering.graph.draws.push(id);
        }
    }
    for (index, alignment) in recipe.alignments.iter().enumerate() {
        let mut pairs = vec![];
        for tensor in &alignment.tensors {
            let [model, to] = [&tensor.model, &tensor.to]
                .map(|form| lowering.form(form, &tensor.name, &tensor.shape, alignment.site));
            let axes = tensor.axes.iter().map(|(axis, space)| (*axis, *space as u32)).collect();
            let kind = OpKind::Align { alignment: index as u32, axes };
            pairs.push([lowering.op(kind, vec![model], &tensor.name, &tensor.shape, alignment.site), to]);
        }
        lowering.graph.matches.push(pairs);
    }
    debug_assert_eq!(lowering.graph.verify(), Ok(()));
    lowering.graph
}

struct Lowering<'r> {
    recipe: &'r Recipe,
    graph: Graph,
    loads: HashMap<(InputId, Arc<str>), OpId>,
    calls: HashMap<u32, OpId>,
}

impl Lowering<'_> {
    fn op(&mut self, kind: OpKind, inputs: Vec<OpId>, name: &Arc<str>, shape: &Shape, site: Site) -> OpId {
        self.graph.add(Op { kind, inputs, name: name.clone(), shape: shape.clone(), site })
    }

    fn made(&mut self, made: &Made, site: Site) -> OpId {
        let value = self.form(&made.form, &made.name, &made.shape, site);
        if made.equal.is_empty() {
            return value;
        }
        let mut inputs = vec![value];
        inputs.extend(made.equal.iter().map(|atom| self.atom(atom, &made.name, &made.shape, site)));
        self.op(OpKind::Agree, inputs, &made.name, &made.shape, site)
    }

    fn form(&mut self, form: &Form, name: &Arc<str>, shape: &Shape, site: Site) -> OpId {
        let inputs: Vec<OpId> = form.terms.iter().map(|(atom, _)| self.atom(atom, name, shape, site)).collect();
        if form.whole().is_some() {
            return inputs[0];
        }
        let shares = form.terms.iter().map(|term| term.1.clone()).collect();
        self.op(OpKind::Linear { shares }, inputs, name, shape, site)
    }

    fn align(&self, turned: &Turned) -> OpKind {
        let of = |alignment: &Alignment| alignment.exprs.contains(&turned.align);
        let found = self.recipe.alignments.iter().position(of).expect("every call of `align` has an alignment");
        let alignment = &self.recipe.alignments[found];
        let axes = turned.axes.iter().filter_map(|(axis, name)| Some((*axis, alignment.space(name)? as u32))).collect();
        OpKind::Align { alignment: found as u32, axes }
    }

    fn atom(&mut self, atom: &Atom, name: &Arc<str>, shape: &Shape, site: Site) -> OpId {
        match atom {
            Atom::Tensor { input, name } => {
                let key = (*input, name.clone());
                if let Some(&id) = self.loads.get(&key) {
                    return id;
                }
                let kind = OpKind::Load { input: *input, name: name.clone() };
                let id = self.op(kind, vec![], name, shape, self.recipe.input(*input).site);
                self.loads.insert(key, id);
                id
            }
            Atom::Call(call) => {
                if let Some(&id) = self.calls.get(call) {
                    return id;
                }
                let instance = &self.recipe.calls[*call as usize];
                let inputs = instance.inputs.iter().map(|form| self.form(form, name, shape, site)).collect();
                let kind = match &instance.turned {
                    Some(turned) => self.align(turned),
                    None => OpKind::Call { method: instance.method, on: instance.on.clone() },
                };
                let id = self.op(kind, inputs, name, shape, instance.site);
                self.calls.insert(*call, id);
                id
            }
            Atom::Absent(_) => unreachable!("the check demands that every term exists"),
        }
    }
}
