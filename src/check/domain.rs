//! Which tensors each arm of each `match` can take in any use, whatever the weights are: finds dead arms.

use super::context::children;
use super::space::Space;
use crate::hir::Expr;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::Pattern;
use crate::text::Site;
use fixedbitset::FixedBitSet;
use std::collections::HashMap;

/// What arms took, over all uses.  Arms of a `match` that nobody asks have no entry.
#[derive(Default)]
pub struct Taken {
    /// By place: a recipe that is used twice has its arms once.
    pub arms: HashMap<Site, Arm>,
    /// By place, what is restricted by `where`.
    pub wheres: HashMap<Site, Restricted>,
}

/// An arm over all its uses.
pub struct Arm {
    /// The first `match` that it was met in, and its number there.
    pub first: (ExprId, usize),
    /// Tensors that the pattern fits where the match is asked.
    pub fits: usize,
    /// Those left to it by earlier arms.
    pub takes: usize,
}

/// A `where` over all its uses.
pub struct Restricted {
    pub first: ExprId,
    pub fits: bool,
}

impl Taken {
    /// Adds the uses below some roots, each with the tensors that are asked of it.
    pub fn mark(&mut self, space: &mut Space, exprs: &[Expr], patterns: &[Pattern], roots: &[(ExprId, FixedBitSet)]) {
        let mut domains: HashMap<ExprId, FixedBitSet> = HashMap::new();
        for (root, asked) in roots {
            domains.entry(*root).or_default().union_with(asked);
        }
        for id in space.reachable.clone().into_iter().rev() {
            let Some(domain) = domains.remove(&id) else { continue };
            let expr = &exprs[id.0 as usize];
            let parts: Vec<(ExprId, FixedBitSet)> = match &expr.kind {
                ExprKind::Match(arms) => {
                    let asked = domain.clone();
                    let mut left = domain;
                    let mut parts = vec![];
                    for (index, arm) in arms.iter().enumerate() {
                        let mut own = left.clone();
                        let mut fits = left.count_ones(..);
                        if let Some(pattern) = arm.pattern {
                            let mask = space.mask(pattern, patterns);
                            fits = mask.intersection_count(&asked);
                            own.intersect_with(mask);
                        }
                        left.difference_with(&own);
                        let new = Arm { first: (id, index), fits: 0, takes: 0 };
                        let entry = self.arms.entry(arm.site).or_insert(new);
                        entry.fits += fits;
                        entry.takes += own.count_ones(..);
                        parts.push((arm.value, own));
                    }
                    parts
                }
                ExprKind::Where(inner, pattern) => {
                    let mut own = domain;
                    let mask = space.mask(*pattern, patterns);
                    own.intersect_with(mask);
                    let new = Restricted { first: id, fits: false };
                    self.wheres.entry(expr.site).or_insert(new).fits |= !mask.is_clear();
                    vec![(*inner, own)]
                }
                ExprKind::Complete(value, from) => {
                    let mut rest = domain.clone();
                    rest.difference_with(space.keys(*value));
                    vec![(*value, domain), (*from, rest)]
                }
                ExprKind::Rename { value, .. } => {
                    let mut own = FixedBitSet::with_capacity(space.len());
                    domain.ones().filter_map(|new| space.old_of(id, new)).for_each(|old| own.insert(old));
                    vec![(*value, own)]
                }
                kind => children(kind).into_iter().map(|child| (child, domain.clone())).collect(),
            };
            for (child, mut own) in parts {
                if exprs[child.0 as usize].of == Kind::Combination {
                    own.intersect_with(space.keys(child));
                }
                domains.entry(child).or_default().union_with(&own);
            }
        }
    }
}
