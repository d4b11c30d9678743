//! What an output or a claim demands of every tensor: a total, existence, one shape, a type.  No arithmetic on weights
//! is done here, and no header is read: both are given.

use super::eval::Evaluator;
use super::eval::Fault;
use super::eval::FaultKind;
use crate::arch::CanonTensor;
use crate::arch::Policy;
use crate::hir;
use crate::hir::Atom;
use crate::hir::CallInstance;
use crate::hir::ExprId;
use crate::hir::Form;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Made;
use crate::tensor::Dtype;
use crate::tensor::Shape;
use std::collections::HashSet;
use std::sync::Arc;

/// What stands in the way of a tensor.
#[derive(Clone, Debug)]
pub enum Complaint {
    Fault(Fault),
    /// An input with a share has no such tensor.
    Missing {
        input: InputId,
    },
    /// The value has nothing here (outside a `where`).
    Absent {
        expr: ExprId,
    },
    /// Two inputs disagree in shape.
    Shapes {
        first: (InputId, Shape),
        other: (InputId, Shape),
    },
    /// Arithmetic on a type that has none.
    NotFloat {
        input: InputId,
        dtype: Dtype,
    },
}

impl Complaint {
    /// Complaints of one key are one problem.
    fn key(&self) -> (u8, u32, u32) {
        match self {
            Complaint::Fault(fault) => {
                let kind = match &fault.kind {
                    FaultKind::Silent => 0,
                    FaultKind::NoArm => 1,
                    FaultKind::NoCoord(coord, _) => 10 + *coord as u32,
                    FaultKind::NotConstant(_) => 2,
                    FaultKind::Number(_) => 3,
                    FaultKind::ListTooShort(..) => 4,
                    FaultKind::Total { wanted, .. } => 5 + (*wanted as u32),
                    FaultKind::Refused(_) => 7,
                    FaultKind::Channels => 8,
                    FaultKind::MaskSize { .. } => 9,
                    FaultKind::NotPlain => 20,
                };
                (0, fault.expr.0, kind)
            }
            Complaint::Missing { input } => (1, input.0, 0),
            Complaint::Absent { expr } => (2, expr.0, 0),
            Complaint::Shapes { first, other } => (3, first.0.0, other.0.0),
            Complaint::NotFloat { input, dtype } => (4, input.0, *dtype as u32),
        }
    }
}

fn total_of(complaint: &Complaint) -> Option<f64> {
    match complaint {
        Complaint::Fault(Fault { kind: FaultKind::Total { found, .. }, .. }) => Some(*found),
        _ => None,
    }
}

/// One complaint with every tensor it is about.
pub struct Group {
    pub complaint: Complaint,
    pub tensors: Vec<usize>,
    /// The total is not the same on all of them.
    pub mixed: bool,
}

/// Complaints in order of appearance.
#[derive(Default)]
pub struct Complaints {
    pub groups: Vec<Group>,
    /// Counters that several inputs give, with the input whose counter is taken.
    pub counters: Vec<(usize, InputId)>,
}

impl Complaints {
    pub fn fault(&mut self, fault: Fault, tensor: usize) {
        self.add(Complaint::Fault(fault), tensor);
    }

    fn add(&mut self, complaint: Complaint, tensor: usize) {
        let key = complaint.key();
        match self.groups.iter_mut().find(|group| group.complaint.key() == key) {
            Some(group) => {
                group.tensors.push(tensor);
                group.mixed |= total_of(&group.complaint) != total_of(&complaint);
            }
            None => self.groups.push(Group { complaint, tensors: vec![tensor], mixed: false }),
        }
    }
}

/// The totals that are accepted.
#[derive(Clone, Copy)]
pub enum Wanted {
    Model,
    ModelOrDifference,
}

/// What a tensor of a value is made of; `None` after a complaint.
pub fn made(
    evaluator: &mut Evaluator,
    root: ExprId,
    tensor: usize,
    wanted: Wanted,
    inputs: &[Input],
    complaints: &mut Complaints,
) -> Option<Made> {
    let form = match evaluator.form(root, tensor) {
        Ok(form) => form,
        Err(fault) => {
            complaints.add(Complaint::Fault(fault), tensor);
            return None;
        }
    };
    if !is_in_range(&form, &evaluator.calls, &mut HashSet::new()) {
        let kind = FaultKind::Number("a share beyond the range of f32");
        complaints.add(Complaint::Fault(Fault { expr: root, kind }), tensor);
        return None;
    }
    // Nothing at all is the cause of a wrong total, so it is told first.
    let absent = form.terms.iter().find_map(|term| match term {
        (Atom::Absent(expr), share) if !crate::hir::snapped(share).is(0.0) => Some(*expr),
        _ => None,
    });
    if let Some(expr) = absent {
        complaints.add(Complaint::Absent { expr }, tensor);
        return None;
    }
    let right = form.has_total(1.0) || (matches!(wanted, Wanted::ModelOrDifference) && form.has_total(0.0));
    if !right {
        let kind = FaultKind::Total { found: form.wrong_total(1.0), wanted: 1.0 };
        complaints.add(Complaint::Fault(Fault { expr: root, kind }), tensor);
        return None;
    }
    let form = form.finished();
    let mut leaves: Vec<(InputId, &CanonTensor)> = vec![];
    if let Err(complaint) = collect(&form, &evaluator.calls, inputs, &mut leaves) {
        complaints.add(complaint, tensor);
        return None;
    }
    let name = evaluator.space().names[tensor].clone();
    let traits = evaluator.space().traits[tensor].clone();
    let Some(&(first_input, first)) = leaves.first() else {
        // A difference of equal things: nothing is left, and only claims meet it.
        return Some(Made {
            name,
            traits,
            shape: Shape::new(),
            dtype: Dtype::F32,
            form,
            bits_only: false,
            equal: vec![],
        });
    };
    if let Some(&(other_input, other)) = leaves.iter().find(|leaf| leaf.1.shape != first.shape) {
        let complaint =
            Complaint::Shapes { first: (first_input, first.shape.clone()), other: (other_input, other.shape.clone()) };
        complaints.add(complaint, tensor);
        return None;
    }
    let dtype = common_dtype(leaves.iter().map(|leaf| leaf.1.dtype));
    let alone = matches!(form.whole(), Some(Atom::Tensor { .. }));
    let floats = leaves.iter().all(|leaf| leaf.1.dtype.is_float());
    let policy = match traits.policy {
        Policy::Mix if floats => Policy::Mix,
        Policy::Mix => Policy::Equal,
        // The difference of two filters is a number like any other; only claims ask for it.
        _ if floats && !form.has_total(1.0) => Policy::Mix,
        policy => policy,
    };
    if alone || policy == Policy::Mix {
        return Some(Made {
            name,
            traits,
            shape: first.shape.clone(),
            dtype,
            form,
            bits_only: alone && !floats,
            equal: vec![],
        });
    }
    // Bits are moved from the first input; for filters and integers the others must agree with it.
    if let Some(&(input, leaf)) = leaves.iter().find(|leaf| is_f8(leaf.1.dtype)) {
        complaints.add(Complaint::NotFloat { input, dtype: leaf.dtype }, tensor);
        return None;
    }
    if !form.has_total(1.0) {
        complaints.add(Complaint::NotFloat { input: first_input, dtype: first.dtype }, tensor);
        return None;
    }
    if policy == Policy::First && leaves.len() > 1 {
        complaints.counters.push((tensor, first_input));
    }
    let atom = |leaf: &(InputId, &CanonTensor)| Atom::Tensor { input: leaf.0, name: leaf.1.name.clone() };
    let equal = if policy == Policy::Equal { leaves[1..].iter().map(atom).collect() } else { vec![] };
    let shape = first.shape.clone();
    let form = Form::atom(atom(&leaves[0]), 1.0);
    Some(Made { name, traits, shape, dtype: first.dtype, form, bits_only: !floats, equal })
}

/// Whether all shares stay finite when they are rounded to f32, those of calls' inputs too.
fn is_in_range(form: &Form, calls: &[CallInstance], seen: &mut HashSet<u32>) -> bool {
    form.total.values().iter().all(|total| total.is_finite())
        && form.terms.iter().all(|(atom, share)| {
            let inner = match atom {
                Atom::Call(call) if seen.insert(*call) => {
                    calls[*call as usize].inputs.iter().all(|inner| is_in_range(inner, calls, seen))
                }
                Atom::Call(_) | Atom::Tensor { .. } | Atom::Absent(_) => true,
            };
            share.values().iter().all(|share| (*share as f32).is_finite()) && inner
        })
}

fn is_f8(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F8E4M3 | Dtype::F8E5M2 | Dtype::F8E8M0)
}

/// Every input tensor that a form needs, in order of first appearance.
fn collect<'i>(
    form: &Form,
    calls: &[CallInstance],
    inputs: &'i [Input],
    leaves: &mut Vec<(InputId, &'i CanonTensor)>,
) -> Result<(), Complaint> {
    for atom in hir::leaves(form, calls) {
        match atom {
            Atom::Tensor { input, name } => {
                let tensor = tensor_of(&inputs[input.0 as usize], name).ok_or(Complaint::Missing { input: *input })?;
                if !leaves.iter().any(|leaf| leaf.0 == *input && leaf.1.name == tensor.name) {
                    leaves.push((*input, tensor));
                }
            }
            Atom::Absent(expr) => return Err(Complaint::Absent { expr: *expr }),
            Atom::Call(_) => {}
        }
    }
    Ok(())
}

/// A canonical tensor of an input.
pub fn tensor_of<'i>(input: &'i Input, name: &Arc<str>) -> Option<&'i CanonTensor> {
    input.canon.index.get(name).map(|&at| &input.canon.tensors[at])
}

/// Law 3: equal types stay, otherwise f32 (f64 if any is f64).
fn common_dtype(mut types: impl Iterator<Item = Dtype>) -> Dtype {
    let first = types.next().expect("a form has leaves");
    types.fold(first, |so_far, next| match (so_far, next) {
        (a, b) if a == b => a,
        (Dtype::F64, _) | (_, Dtype::F64) => Dtype::F64,
        _ => Dtype::F32,
    })
}
