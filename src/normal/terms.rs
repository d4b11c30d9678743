//! Terms, each there once, and what takes them in.

use std::collections::HashMap;
use std::sync::Arc;

/// Index of a term; its parts have smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TermId(pub u32);

/// A piece of a normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// What it is: `sum`, `match`, `slerp v1`.
    pub head: Arc<str>,
    /// Of a leaf: a number, a word, a path.
    pub text: Option<Arc<str>>,
    pub parts: Vec<TermId>,
    pub digest: blake3::Hash,
}

/// Takes in a normal form from the leaves up.
pub trait Manifest {
    /// What becomes of a term.
    type Made: Clone;

    fn term(&mut self, id: TermId, head: &str, text: Option<&str>, parts: &[Self::Made]) -> Self::Made;
}

/// The manifest that hashes: BLAKE3 over head, text, and the digests of the parts.
pub struct Digest;

impl Manifest for Digest {
    type Made = blake3::Hash;

    fn term(&mut self, _: TermId, head: &str, text: Option<&str>, parts: &[blake3::Hash]) -> blake3::Hash {
        let mut hash = blake3::Hasher::new();
        let put = |hash: &mut blake3::Hasher, text: &str| {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        put(&mut hash, head);
        match text {
            Some(text) => put(&mut hash, text),
            // No text is longer.
            None => {
                hash.update(&u64::MAX.to_le_bytes());
            }
        }
        for part in parts {
            hash.update(part.as_bytes());
        }
        hash.finalize()
    }
}

/// A recipe in normal form.
#[derive(Clone, Debug)]
pub struct Normal {
    pub terms: Vec<Term>,
    pub root: TermId,
    /// Methods that it calls, by name, with their versions.
    pub methods: Vec<(&'static str, u32)>,
}

impl Normal {
    pub fn term(&self, id: TermId) -> &Term {
        &self.terms[id.0 as usize]
    }

    /// The semantic hash.
    pub fn digest(&self) -> blake3::Hash {
        self.told(&mut Digest)
    }

    /// Tells the form to a manifest: every term that the root needs, once, parts first, in the order in which the root comes
    /// upon them: that depends on the form alone.
    pub fn told<M: Manifest>(&self, to: &mut M) -> M::Made {
        let mut made: Vec<Option<M::Made>> = vec![None; self.terms.len()];
        let mut waiting = vec![(self.root, 0)];
        while let Some((id, next)) = waiting.pop() {
            let term = self.term(id);
            if let Some(&part) = term.parts.get(next) {
                waiting.push((id, next + 1));
                if made[part.0 as usize].is_none() {
                    waiting.push((part, 0));
                }
            } else if made[id.0 as usize].is_none() {
                let part = |part: &TermId| made[part.0 as usize].clone().expect("parts come first");
                let parts: Vec<M::Made> = term.parts.iter().map(part).collect();
                made[id.0 as usize] = Some(to.term(id, &term.head, term.text.as_deref(), &parts));
            }
        }
        made[self.root.0 as usize].clone().expect("the root has been told")
    }
}

/// Makes terms.
#[derive(Default)]
pub struct Terms {
    pub list: Vec<Term>,
    known: HashMap<[u8; 32], TermId>,
}

impl Terms {
    /// The term of this head, text and parts.
    pub fn make(&mut self, head: &str, text: Option<&str>, parts: &[TermId]) -> TermId {
        let digests: Vec<blake3::Hash> = parts.iter().map(|part| self.list[part.0 as usize].digest).collect();
        let next = TermId(self.list.len() as u32);
        let digest = Digest.term(next, head, text, &digests);
        if let Some(&known) = self.known.get(digest.as_bytes()) {
            return known;
        }
        self.known.insert(*digest.as_bytes(), next);
        self.list.push(Term { head: head.into(), text: text.map(Into::into), parts: parts.to_vec(), digest });
        next
    }

    pub fn leaf(&mut self, head: &str, text: &str) -> TermId {
        self.make(head, Some(text), &[])
    }

    /// A term whose parts have no order.
    pub fn unordered(&mut self, head: &str, parts: &[TermId]) -> TermId {
        let mut sorted = parts.to_vec();
        self.sort(&mut sorted);
        self.make(head, None, &sorted)
    }

    /// Sorts terms in an order that depends on what they are, not on when they were made.
    pub fn sort(&self, parts: &mut [TermId]) {
        parts.sort_by(|a, b| self.digest(*a).cmp(self.digest(*b)));
    }

    pub fn digest(&self, id: TermId) -> &[u8; 32] {
        self.list[id.0 as usize].digest.as_bytes()
    }

    pub fn get(&self, id: TermId) -> &Term {
        &self.list[id.0 as usize]
    }

    /// A number; −0 is 0.
    pub fn number(&mut self, number: f64) -> TermId {
        self.leaf("number", &(number + 0.0).to_string())
    }
}
