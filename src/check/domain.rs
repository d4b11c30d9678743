//! Which tensors each arm of each `match` can take in any use, whatever the weights are: finds dead arms.

use super::context::children;
use super::space::Space;
use crate::hir::Expr;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::Pattern;
use fixedbitset::FixedBitSet;
use std::collections::HashMap;

/// What arms took, over all uses.  Arms of a `match` that nobody asks have no entry.
#[derive(Default)]
pub struct Taken {
    /// Match and arm: tensors that the pattern fits where the match is asked, and those left to it by earlier arms.
    pub arms: HashMap<(ExprId, usize), (usize, usize)>,
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
                    let mut left = domain;
                    let mut parts = vec![];
                    for (index, arm) in arms.iter().enumerate() {
                        let mut own = left.clone();
                        let mut fits = left.count_ones(..);
                        if let Some(pattern) = arm.pattern {
                            let mask = space.mask(pattern, patterns);
                            fits = mask.count_ones(..);
                            own.intersect_with(mask);
                        }
                        left.difference_with(&own);
                        let entry = self.arms.entry((id, index)).or_default();
                        entry.0 += fits;
                        entry.1 += own.count_ones(..);
                        parts.push((arm.value, own));
                    }
                    parts
                }
                ExprKind::Where(inner, pattern) => {
                    let mut own = domain;
                    own.intersect_with(space.mask(*pattern, patterns));
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
