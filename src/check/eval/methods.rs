//! Calls of methods: their options, the roles of their inputs, and what becomes of them on a tensor.

use super::Evaluator;
use super::Fault;
use super::FaultKind;
use super::Result;
use super::Value;
use super::weight_of;
use crate::field::Weight;
use crate::hir::Atom;
use crate::hir::CallInstance;
use crate::hir::ExprId;
use crate::hir::Form;
use crate::hir::MethodInput;
use crate::hir::Turned;
use crate::methods::CallOn;
use crate::methods::Lower;
use crate::methods::Method;
use crate::methods::OptionKind;
use crate::methods::OptionValue;
use crate::methods::Role;
use std::rc::Rc;

impl<'a> Evaluator<'a> {
    fn options(
        &mut self,
        specs: &[crate::methods::OptionSpec],
        ids: &[ExprId],
        tensor: Option<usize>,
        weights: &mut Vec<(ExprId, Weight)>,
    ) -> Result<Vec<OptionValue>> {
        let mut out = Vec::with_capacity(ids.len());
        for (spec, &id) in specs.iter().zip(ids) {
            out.push(match (&spec.kind, self.value(id, tensor)?) {
                (OptionKind::Weight { .. }, value) => {
                    let weight = weight_of(&value).ok_or(Fault { expr: id, kind: FaultKind::Silent })?;
                    // A weight by channel stands for itself in `weights`.
                    let number = weight.number().unwrap_or(f64::NAN);
                    weights.push((id, weight));
                    OptionValue::Number(number)
                }
                (OptionKind::Whole { .. }, Value::Number(number)) => OptionValue::Number(number),
                (OptionKind::Bool { .. }, Value::Bool(truth)) => OptionValue::Bool(truth),
                (OptionKind::Word { words }, Value::Text(text)) => match words.iter().find(|word| **word == &*text) {
                    Some(word) => OptionValue::Word(word),
                    None => return Err(Fault { expr: id, kind: FaultKind::Silent }),
                },
                _ => return Err(Fault { expr: id, kind: FaultKind::Silent }),
            });
        }
        Ok(out)
    }

    pub(super) fn method(
        &mut self,
        id: ExprId,
        method: &'static Method,
        inputs: &'a [MethodInput],
        options: &'a [ExprId],
        tensor: Option<usize>,
    ) -> Result<Value> {
        let mut own = Vec::with_capacity(inputs.len());
        let mut weights = vec![];
        for input in inputs {
            own.push(self.options(method.input_options, &input.options, tensor, &mut weights)?);
        }
        let options = self.options(method.options, options, tensor, &mut weights)?;
        let on = CallOn { inputs: own, options };
        if let Some(input) = (method.alone)(&on) {
            return self.role(inputs[input].value, method.wants, tensor).map(Value::Form);
        }
        match &method.lower {
            Lower::Rows { .. } if self.is_by_row(method, &on, &weights, tensor) => {
                let mut on = on;
                let weight = crate::hir::snapped(&weights[0].1);
                on.options[0] = match weight.number() {
                    Some(number) => OptionValue::Number(number),
                    None => OptionValue::ByChannel(weight),
                };
                self.instance(id, method, inputs, on, tensor)
            }
            Lower::Shares(shares) | Lower::Rows { shares, .. } => {
                let refused = |reason| Fault { expr: id, kind: FaultKind::Refused(reason) };
                let weights: Vec<&Weight> = weights.iter().map(|weight| &weight.1).collect();
                let mut form = Form::default();
                for (at, input) in inputs.iter().enumerate() {
                    let share = Weight::of(&weights, |x| shares(&on.with_numbers(x)).map(|shares| shares[at]));
                    let share = crate::hir::snapped(&share.map_err(refused)?);
                    if !share.is(0.0) {
                        form = form.plus(&(*self.role(input.value, method.wants, tensor)?).clone().scaled(&share));
                    }
                }
                Ok(Value::Form(Rc::new(form)))
            }
            Lower::Tiles(_) => {
                if let Some((expr, _)) = weights.iter().find(|weight| weight.1.number().is_none()) {
                    return Err(Fault { expr: *expr, kind: FaultKind::Channels });
                }
                self.instance(id, method, inputs, on, tensor)
            }
            Lower::Keys => Err(Fault { expr: id, kind: FaultKind::Silent }),
        }
    }

    /// Whether a call is computed row by row on a tensor; at both ends bits are moved.
    fn is_by_row(&self, method: &Method, on: &CallOn, weights: &[(ExprId, Weight)], tensor: Option<usize>) -> bool {
        let Lower::Rows { asks, .. } = method.lower else { return false };
        let (Some(at), Some((_, weight))) = (tensor, weights.first()) else { return false };
        let weight = crate::hir::snapped(weight);
        asks(on) && self.space().traits[at].demodulated && !weight.is(0.0) && !weight.is(1.0)
    }

    /// A call that is computed on a tensor.
    fn instance(
        &mut self,
        id: ExprId,
        method: &'static Method,
        inputs: &[MethodInput],
        on: CallOn,
        tensor: Option<usize>,
    ) -> Result<Value> {
        let mut forms = Vec::with_capacity(inputs.len());
        for input in inputs {
            forms.push(self.role(input.value, method.wants, tensor)?.finished());
        }
        let site = self.exprs[id.0 as usize].site;
        let call = self.call(CallInstance { method, inputs: forms, on, turned: None, site });
        let total = if method.gives == Role::Point { 1.0 } else { 0.0 };
        Ok(Value::Form(Rc::new(Form::atom(Atom::Call(call), total))))
    }

    /// The number of a call.  Equal calls are one, however they are written: a value that stands in a `let` gives the
    /// same bytes as one that is written out twice.
    fn call(&mut self, call: CallInstance) -> u32 {
        let same = self.known.entry(call.likeness()).or_default();
        if let Some(&at) = same.iter().find(|at| self.calls[**at as usize].does_what(&call)) {
            return at;
        }
        let at = self.calls.len() as u32;
        same.push(at);
        self.calls.push(call);
        at
    }

    /// A model with its channels in another order: only where a tensor has channels that may change places.
    pub(super) fn align(&mut self, id: ExprId, value: ExprId, tensor: Option<usize>) -> Result<Value> {
        let form = self.role(value, Role::Point, tensor)?;
        let Some(at) = tensor else { return Err(Fault { expr: id, kind: FaultKind::Silent }) };
        let axes = crate::check::align::axes(&self.space().traits[at], &self.space().shapes[at]);
        if axes.is_empty() || form.terms.is_empty() {
            return Ok(Value::Form(form));
        }
        let form = form.finished();
        let is_plain = |(atom, share): &(Atom, Weight)| !matches!(atom, Atom::Call(_)) && share.number().is_some();
        if !form.terms.iter().all(is_plain) {
            return Err(Fault { expr: value, kind: FaultKind::NotPlain });
        }
        let (method, on) = (&crate::methods::align::METHOD, CallOn { inputs: vec![], options: vec![] });
        let site = self.exprs[id.0 as usize].site;
        let turned = Some(Turned { align: id, axes });
        let call = self.call(CallInstance { method, inputs: vec![form], on, turned, site });
        Ok(Value::Form(Rc::new(Form::atom(Atom::Call(call), 1.0))))
    }

    /// The form of a method's input, its total checked.
    fn role(&mut self, id: ExprId, role: Role, tensor: Option<usize>) -> Result<Rc<Form>> {
        let wanted = if role == Role::Point { 1.0 } else { 0.0 };
        match self.value(id, tensor)? {
            Value::Form(form) if form.has_total(wanted) => Ok(form),
            Value::Form(form) => {
                Err(Fault { expr: id, kind: FaultKind::Total { found: form.wrong_total(wanted), wanted } })
            }
            _ => Err(Fault { expr: id, kind: FaultKind::Silent }),
        }
    }
}
