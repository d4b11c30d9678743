//! What tensors are made of, without their names: whether two of them take the same from the same models.

use crate::field::Weight;
use crate::hir::Atom;
use crate::hir::CallInstance;
use crate::hir::Form;
use crate::hir::InputId;
use std::collections::HashMap;

/// A sum of shares.
#[derive(Clone, Debug, PartialEq)]
pub struct Gives(pub Vec<(Giver, Weight)>);

/// What has a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Giver {
    Input(InputId),
    /// A call, by the number of its class: calls of one class take the same.
    Call(usize),
    Nothing,
}

/// Classes of calls.  Nested calls share theirs, so that a tree of them would double with every call around: here every
/// call is looked at once.
pub struct Classes<'c> {
    calls: &'c [CallInstance],
    of: HashMap<u32, usize>,
    /// What the calls of a class take.
    inner: Vec<Vec<Gives>>,
    /// The inputs of a class, those of inner calls too, in order of appearance.
    inputs: Vec<Vec<InputId>>,
}

impl<'c> Classes<'c> {
    pub fn new(calls: &'c [CallInstance]) -> Classes<'c> {
        Classes { calls, of: HashMap::new(), inner: vec![], inputs: vec![] }
    }

    pub fn gives(&mut self, form: &Form) -> Gives {
        let one = |(atom, share): &(Atom, Weight)| {
            let giver = match atom {
                Atom::Tensor { input, .. } => Giver::Input(*input),
                Atom::Call(call) => Giver::Call(self.class(*call)),
                Atom::Absent(_) => Giver::Nothing,
            };
            (giver, share.clone())
        };
        Gives(form.terms.iter().map(one).collect())
    }

    fn class(&mut self, call: u32) -> usize {
        if let Some(class) = self.of.get(&call) {
            return *class;
        }
        let calls = self.calls;
        let inner: Vec<Gives> = calls[call as usize].inputs.iter().map(|form| self.gives(form)).collect();
        let class = self.inner.iter().position(|known| *known == inner).unwrap_or_else(|| {
            let mut inputs = vec![];
            for input in inner.iter().flat_map(|gives| self.inputs(gives)) {
                if !inputs.contains(&input) {
                    inputs.push(input);
                }
            }
            self.inner.push(inner);
            self.inputs.push(inputs);
            self.inner.len() - 1
        });
        self.of.insert(call, class);
        class
    }

    /// Every input, those of calls too.
    pub fn inputs(&self, gives: &Gives) -> Vec<InputId> {
        let own = |giver: &Giver| match giver {
            Giver::Input(input) => vec![*input],
            Giver::Call(class) => self.inputs[*class].clone(),
            Giver::Nothing => vec![],
        };
        gives.0.iter().flat_map(|(giver, _)| own(giver)).collect()
    }

    /// "`a`", "0.5 of `a` and 0.5 of `b`"; of calls in calls the models are named.
    pub fn text(&self, gives: &Gives, name: &dyn Fn(InputId) -> String) -> String {
        let within = |inner: &Gives| match inner.0.iter().any(|term| matches!(term.0, Giver::Call(_))) {
            true => self.inputs(inner).into_iter().map(name).collect::<Vec<_>>().join(" and "),
            false => self.text(inner, name),
        };
        let one = |giver: &Giver| match giver {
            Giver::Input(input) => name(*input),
            Giver::Call(class) => {
                let mut texts: Vec<String> = vec![];
                for text in self.inner[*class].iter().map(within) {
                    if !texts.contains(&text) {
                        texts.push(text);
                    }
                }
                format!("a call of {}", texts.join(" and "))
            }
            Giver::Nothing => "nothing".into(),
        };
        match gives.0.as_slice() {
            [(giver, share)] if share.is(1.0) => one(giver),
            terms => {
                let texts: Vec<String> =
                    terms.iter().map(|(giver, share)| format!("{share} of {}", one(giver))).collect();
                texts.join(" and ")
            }
        }
    }
}
