//! The tensors that a value can have: names, traits and, per value, which of them it holds.

use super::context::children;
use crate::arch::Traits;
use crate::hir::Expr;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Kind;
use crate::hir::Pattern;
use crate::hir::PatternId;
use crate::tensor::Shape;
use fixedbitset::FixedBitSet;
use std::collections::HashMap;
use std::sync::Arc;

/// All tensor names of the inputs that some roots use, and the key set of every combination below those roots.
/// Where inputs differ in a tensor's traits (a depth, say), the first input in order of appearance decides.
pub struct Space {
    pub names: Vec<Arc<str>>,
    pub traits: Vec<Arc<Traits>>,
    /// Canonical shapes, of the first input in order of appearance.
    pub shapes: Vec<Shape>,
    index: HashMap<Arc<str>, usize>,
    /// Inputs in order of first appearance.
    pub inputs: Vec<InputId>,
    keys: HashMap<ExprId, FixedBitSet>,
    /// Per `rename`: new tensor to old tensor.
    renames: HashMap<ExprId, HashMap<usize, usize>>,
    /// Two tensors that a `rename` gives one name, or a name that no file can hold.
    pub clashes: Vec<Clash>,
    /// Calls of `rename` that fit no tensor.
    pub idle_renames: Vec<ExprId>,
    masks: Vec<Option<FixedBitSet>>,
    /// Nodes below the roots, ascending (children first).
    pub reachable: Vec<ExprId>,
}

/// Tensors that `rename` gives a name that cannot be.
pub struct Clash {
    pub rename: ExprId,
    pub new: Arc<str>,
    /// Their names before; one when the name itself is wrong.
    pub old: Vec<Arc<str>>,
}

impl Space {
    pub fn new(roots: &[ExprId], exprs: &[Expr], inputs: &[Input], patterns: &[Pattern]) -> Space {
        let (reachable, order) = reach(roots, exprs);
        let mut space = Space {
            names: vec![],
            traits: vec![],
            shapes: vec![],
            index: HashMap::new(),
            inputs: order,
            keys: HashMap::new(),
            renames: HashMap::new(),
            clashes: vec![],
            idle_renames: vec![],
            masks: vec![],
            reachable,
        };
        for input in space.inputs.clone() {
            for tensor in &inputs[input.0 as usize].canon.tensors {
                space.add(&tensor.name, &tensor.traits, &tensor.shape);
            }
        }
        // Renamed tensors first: patterns in key sets must see every name.
        for id in space.reachable.clone() {
            space.key_set(id, exprs, inputs, patterns);
        }
        space
    }

    fn add(&mut self, name: &Arc<str>, traits: &Arc<Traits>, shape: &Shape) -> usize {
        *self.index.entry(name.clone()).or_insert_with(|| {
            self.names.push(name.clone());
            self.traits.push(traits.clone());
            self.shapes.push(shape.clone());
            self.names.len() - 1
        })
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The tensors that a combination holds.
    pub fn keys(&self, id: ExprId) -> &FixedBitSet {
        &self.keys[&id]
    }

    /// The tensor that a renamed one was.
    pub fn old_of(&self, rename: ExprId, new: usize) -> Option<usize> {
        self.renames.get(&rename)?.get(&new).copied()
    }

    fn key_set(&mut self, id: ExprId, exprs: &[Expr], inputs: &[Input], patterns: &[Pattern]) {
        let expr = &exprs[id.0 as usize];
        if expr.of != Kind::Combination {
            return;
        }
        let mut set = FixedBitSet::new();
        match &expr.kind {
            ExprKind::Input(input) => {
                for tensor in &inputs[input.0 as usize].canon.tensors {
                    set.grow_and_insert(self.index[&tensor.name]);
                }
            }
            ExprKind::Where(inner, pattern) => {
                set = self.keys[inner].clone();
                let mask = self.mask(*pattern, patterns).clone();
                set.intersect_with(&mask);
            }
            ExprKind::Rename { value, from, to } => {
                let olds: Vec<usize> = self.keys[value].ones().collect();
                let mut map = HashMap::new();
                let regex = rename_regex(from).expect("it was tried when the call was read");
                let mut is_idle = true;
                for old in olds {
                    let new: Arc<str> = match renamed(&regex, &self.names[old], to) {
                        Some(new) => {
                            is_idle = false;
                            new.into()
                        }
                        None => self.names[old].clone(),
                    };
                    let (traits, shape) = (self.traits[old].clone(), self.shapes[old].clone());
                    let index = self.add(&new, &traits, &shape);
                    let before = map.insert(index, old);
                    if before.is_some() || new.is_empty() || &*new == "__metadata__" {
                        let old = before.into_iter().chain([old]).map(|old| self.names[old].clone()).collect();
                        self.clashes.push(Clash { rename: id, new, old });
                    }
                    set.grow_and_insert(index);
                }
                if is_idle {
                    self.idle_renames.push(id);
                }
                self.renames.insert(id, map);
                self.masks.clear();
            }
            // What it is aligned to gives it nothing.
            ExprKind::Align { value, .. } => set = self.keys[value].clone(),
            kind => {
                for child in children(kind) {
                    if let Some(own) = self.keys.get(&child) {
                        set.union_with(own);
                    }
                }
            }
        }
        self.keys.insert(id, set);
    }

    /// The tensors that a pattern fits.
    pub fn mask(&mut self, id: PatternId, patterns: &[Pattern]) -> &FixedBitSet {
        let at = id.0 as usize;
        if self.masks.len() < patterns.len() {
            self.masks.resize(patterns.len(), None);
        }
        if self.masks[at].is_none() {
            let mask = self.compute_mask(id, patterns);
            self.masks[at] = Some(mask);
        }
        self.masks[at].as_ref().expect("it was just computed")
    }

    fn compute_mask(&mut self, id: PatternId, patterns: &[Pattern]) -> FixedBitSet {
        let count = self.len();
        match &patterns[id.0 as usize] {
            Pattern::Not(inner) => {
                let mut mask = self.mask(*inner, patterns).clone();
                mask.grow(count);
                mask.toggle_range(..);
                mask
            }
            Pattern::And(left, right) => {
                let mut mask = self.mask(*left, patterns).clone();
                mask.intersect_with(self.mask(*right, patterns));
                mask
            }
            Pattern::Or(left, right) => {
                let mut mask = self.mask(*left, patterns).clone();
                mask.union_with(self.mask(*right, patterns));
                mask
            }
            Pattern::Word(word) => self.mask_by(|space, at| space.traits[at].has_word(word)),
            Pattern::Coord(coord, ranges) => self.mask_by(|space, at| {
                let value = space.traits[at].coord(*coord);
                value.is_some_and(|value| ranges.iter().any(|(low, high)| *low <= value && value <= *high))
            }),
            Pattern::Glob { regex, .. } | Pattern::Regex(regex) => {
                let regex = regex::Regex::new(regex).expect("patterns were tried when they were read");
                self.mask_by(|space, at| regex.is_match(&space.names[at]))
            }
            Pattern::Error => self.mask_by(|_, _| true),
        }
    }

    fn mask_by(&self, holds: impl Fn(&Space, usize) -> bool) -> FixedBitSet {
        let mut mask = FixedBitSet::with_capacity(self.len());
        (0..self.len()).filter(|&at| holds(self, at)).for_each(|at| mask.insert(at));
        mask
    }
}

/// Nodes below some roots, ascending, and the inputs among them in order of first appearance.
fn reach(roots: &[ExprId], exprs: &[Expr]) -> (Vec<ExprId>, Vec<InputId>) {
    let mut seen = FixedBitSet::with_capacity(exprs.len());
    let mut order: Vec<InputId> = vec![];
    let mut stack: Vec<ExprId> = roots.iter().rev().copied().collect();
    while let Some(id) = stack.pop() {
        if seen.put(id.0 as usize) {
            continue;
        }
        let kind = &exprs[id.0 as usize].kind;
        if let ExprKind::Input(input) = kind
            && !order.contains(input)
        {
            order.push(*input);
        }
        stack.extend(children(kind).into_iter().rev());
    }
    (seen.ones().map(|at| ExprId(at as u32)).collect(), order)
}

/// The pattern of `rename` as a regular expression whose groups are `$1`, `$2`, …: each `*` or `**` is a group.
pub fn rename_regex(from: &str) -> Result<regex::Regex, String> {
    let mut out = String::from("^");
    let mut rest = from;
    if from.is_empty() {
        return Err("it is empty".into());
    }
    let mut group = 0;
    while let Some(at) = rest.find(['*', '$']) {
        out.push_str(&regex::escape(&rest[..at]));
        let tail = &rest[at..];
        group += 1;
        if let Some(after) = tail.strip_prefix("**") {
            out.push_str("(.*)");
            rest = after;
        } else if let Some(after) = tail.strip_prefix('*') {
            out.push_str("([^.]*)");
            rest = after;
        } else {
            // `$1` in the old name means: any text here, called $1 in the new one.  Stars count too.
            let after = tail
                .strip_prefix(&format!("${group}"))
                .ok_or(format!("its groups are not `$1`, `$2`, … in order: expected `${group}`"))?;
            out.push_str("(.+)");
            rest = after;
        }
    }
    out.push_str(&regex::escape(rest));
    out.push('$');
    regex::Regex::new(&out).map_err(|error| error.to_string())
}

/// The new name of a tensor that the old name fits.
fn renamed(regex: &regex::Regex, name: &str, to: &str) -> Option<String> {
    let groups = regex.captures(name)?;
    let mut out = String::new();
    let mut rest = to;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let (group, digits) = group_at(&rest[at..]);
        match group.and_then(|group| groups.get(group)) {
            Some(group) => out.push_str(group.as_str()),
            None => out.push_str(&rest[at..at + 1 + digits]),
        }
        rest = &rest[at + 1 + digits..];
    }
    out.push_str(rest);
    Some(out)
}

/// The number behind a `$`, and how many digits it has.
fn group_at(text: &str) -> (Option<usize>, usize) {
    let digits = text[1..].bytes().take_while(u8::is_ascii_digit).count();
    (text[1..=digits].parse().ok(), digits)
}

/// What is wrong with the new name of a `rename`, given how many groups its old name has.
pub fn rename_target(to: &str, groups: usize) -> Result<(), String> {
    if to.is_empty() {
        return Err("it is empty".into());
    }
    for (at, _) in to.match_indices('$') {
        let (number, digits) = group_at(&to[at..]);
        if number.is_none_or(|number| number == 0 || number > groups) {
            let wrong = &to[at..=at + digits];
            return Err(match groups {
                0 => format!("it has `{wrong}`, but the old name has no `*` and no `$1`"),
                1 => format!("it has `{wrong}`, but the old name has one group, `$1`"),
                groups => format!("it has `{wrong}`, but the old name has the groups `$1` to `${groups}`"),
            });
        }
    }
    Ok(())
}

/// Whether a word means something for the given inputs, or for their families.
pub fn knows_word(inputs: &[Input], word: &str) -> bool {
    inputs.iter().any(|input| input.canon.knows_word(word))
}
