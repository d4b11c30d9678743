//! Weights and linear parts: shares fold as far as the checker computes them in the same steps, and no further.

use super::terms::TermId;
use super::terms::Terms;
use crate::hir;
use crate::hir::InputId;

/// A weight: a number, or what it takes to find it out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weight {
    Number(f64),
    Term(TermId),
}

impl Weight {
    const ONE: Weight = Weight::Number(1.0);

    pub fn term(self, terms: &mut Terms) -> TermId {
        match self {
            Weight::Number(number) => terms.number(number),
            Weight::Term(term) => term,
        }
    }

    /// A sum; the order of two summands does not matter.
    pub fn plus(self, other: Weight, terms: &mut Terms) -> Weight {
        match (self, other) {
            (Weight::Number(a), Weight::Number(b)) => Weight::Number(a + b),
            (a, b) => {
                let parts = [a.term(terms), b.term(terms)];
                Weight::Term(terms.unordered("+", &parts))
            }
        }
    }

    /// A product; the order of two factors does not matter, 0 makes it 0, and 1 changes nothing.
    pub fn times(self, other: Weight, terms: &mut Terms) -> Weight {
        match (self, other) {
            (Weight::Number(a), Weight::Number(b)) => Weight::Number(a * b),
            (Weight::Number(number), _) | (_, Weight::Number(number)) if number == 0.0 => Weight::Number(0.0),
            (Weight::Number(1.0), other) | (other, Weight::Number(1.0)) => other,
            (Weight::Number(-1.0), other) | (other, Weight::Number(-1.0)) => other.negative(terms),
            (a, b) => {
                let parts = [a.term(terms), b.term(terms)];
                Weight::Term(terms.unordered("*", &parts))
            }
        }
    }

    pub fn negative(self, terms: &mut Terms) -> Weight {
        match self {
            Weight::Number(number) => Weight::Number(-number),
            Weight::Term(term) if &*terms.get(term).head == "-" && terms.get(term).parts.len() == 1 => {
                Weight::Term(terms.get(term).parts[0])
            }
            Weight::Term(term) => Weight::Term(terms.make("-", None, &[term])),
        }
    }

    /// A quotient.
    pub fn over(self, divisor: Weight, terms: &mut Terms) -> Weight {
        match (self, divisor) {
            (Weight::Number(a), Weight::Number(b)) if b != 0.0 => Weight::Number(a / b),
            (a, Weight::Number(1.0)) => a,
            (a, b) => {
                let parts = [a.term(terms), b.term(terms)];
                Weight::Term(terms.make("/", None, &parts))
            }
        }
    }

    fn is_sign(self) -> bool {
        matches!(self, Weight::Number(number) if number.abs() == 1.0)
    }
}

/// What a share belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Atom {
    /// A model by its number: shares of the same one are added, as the checker does.  Two models of one path are two.
    Model(InputId, TermId),
    /// A computed tensor: likewise.
    Call(TermId),
    /// Something that has shares of its own inside, on which every step of arithmetic acts by itself.
    Own(TermId),
}

impl Atom {
    fn term(self) -> TermId {
        match self {
            Atom::Model(_, term) | Atom::Call(term) | Atom::Own(term) => term,
        }
    }
}

/// Shares that are kept apart.
const MOST: usize = 64;

/// Σ share · atom, in order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct Linear(pub Vec<(Atom, Weight)>);

impl Linear {
    pub fn of(atom: Atom) -> Linear {
        Linear(vec![(atom, Weight::ONE)])
    }

    pub fn plus(&self, other: &Linear, terms: &mut Terms) -> Linear {
        let mut out = self.clone();
        for (atom, share) in &other.0 {
            let known = match atom {
                Atom::Own(_) => None,
                atom => out.0.iter_mut().find(|term| term.0 == *atom),
            };
            match known {
                Some(term) => term.1 = term.1.plus(*share, terms),
                None => out.0.push((*atom, *share)),
            }
        }
        // One of very many shares is kept as a whole: memory does not grow with the square of a recipe.
        if out.0.len() > MOST { Linear::of(Atom::Own(out.term(terms))) } else { out }
    }

    pub fn times(&self, factor: Weight, terms: &mut Terms) -> Linear {
        if factor == Weight::Number(0.0) {
            return Linear::default();
        }
        self.each(factor, "then *", terms, Weight::times)
    }

    pub fn over(&self, divisor: Weight, terms: &mut Terms) -> Linear {
        self.each(divisor, "then /", terms, Weight::over)
    }

    pub fn negative(&self, terms: &mut Terms) -> Linear {
        Linear(self.0.iter().map(|(atom, share)| (*atom, share.negative(terms))).collect())
    }

    fn each(
        &self,
        by: Weight,
        step: &str,
        terms: &mut Terms,
        fold: impl Fn(Weight, Weight, &mut Terms) -> Weight,
    ) -> Linear {
        let mut share = |atom: &Atom, share: Weight| match atom {
            Atom::Model(..) | Atom::Call(_) => fold(share, by, terms),
            // Signs are exact, and a product begins with 1.
            Atom::Own(_) if by.is_sign() || (share.is_sign() && step == "then *") => fold(share, by, terms),
            Atom::Own(_) => {
                let parts = [share.term(terms), by.term(terms)];
                Weight::Term(terms.make(step, None, &parts))
            }
        };
        Linear(self.0.iter().map(|(atom, own)| (*atom, share(atom, *own))).collect())
    }

    /// As a term, inside something else.
    pub fn term(&self, terms: &mut Terms) -> TermId {
        if let [(atom, Weight::ONE)] = self.0.as_slice() {
            return atom.term();
        }
        let mut parts = vec![];
        for (atom, share) in &self.0 {
            let share = share.term(terms);
            parts.push(terms.make("share", None, &[share, atom.term()]));
        }
        terms.make("sum", None, &parts)
    }

    /// As a term where tensors are made of it: shares near 0 and 1 are 0 and 1, and what has none is gone.
    pub fn finished(&self, terms: &mut Terms) -> TermId {
        let snap = |share: Weight| match share {
            Weight::Number(number) => Weight::Number(hir::snap(number)),
            other => other,
        };
        let shares = self.0.iter().map(|(atom, share)| (*atom, snap(*share)));
        Linear(shares.filter(|share| share.1 != Weight::Number(0.0)).collect()).term(terms)
    }
}
