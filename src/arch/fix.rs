//! Fixes: how formats differ beyond names.  A closed list; each has an inverse.

use super::template::Expr;
use crate::tensor::Affine;
use crate::tensor::View;
use std::sync::Arc;

/// A change of a view that moves no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewOp {
    /// Removes an axis of size 1.
    DropAxis(usize),
    /// Inserts an axis of size 1.
    AddAxis(usize),
    /// New axis k is old axis `order[k]`.
    Permute(Vec<usize>),
    /// Reverses the order along an axis.
    Flip(usize),
    /// Along an axis, in each block of `block` elements, element `k·by + j` comes to `j·(block / by) + k`.
    Deal { axis: usize, block: u64, by: u64 },
}

/// A fix of a layout file.
#[derive(Clone, Debug, PartialEq)]
pub enum Fix {
    View(ViewOp),
    /// Along axis 0, in each block of this many rows, pairs of neighbours become halves: canonical row `k` is stored row
    /// `2k`, canonical row `block/2 + k` stored row `2k + 1`.  Code bases that turn neighbours (Meta's Llama, llama.cpp)
    /// and those that turn halves (Hugging Face) have the rows of queries and keys in these orders.
    Rotary(Expr),
    /// canonical = stored · scale
    Scale(f64),
    /// canonical = stored + add
    Add(f64),
}

impl Fix {
    /// `drop_axis 0`, `add_axis 1`, `permute 1 0`, `flip 2`, `rotary head_dim`, `scale 0.25`, `add 1`
    pub fn parse(text: &str) -> Result<Fix, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or("");
        let args: Vec<&str> = words.collect();
        let axis = || match args.as_slice() {
            [one] => one.parse::<usize>().map_err(|_| format!("`{text}`: `{one}` is no axis")),
            _ => Err(format!("`{text}` needs one axis")),
        };
        let number = || match args.as_slice() {
            [one] => match one.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(number),
                _ => Err(format!("`{text}`: `{one}` is no number")),
            },
            _ => Err(format!("`{text}` needs one number")),
        };
        match name {
            "drop_axis" => axis().map(|axis| Fix::View(ViewOp::DropAxis(axis))),
            "add_axis" => axis().map(|axis| Fix::View(ViewOp::AddAxis(axis))),
            "flip" => axis().map(|axis| Fix::View(ViewOp::Flip(axis))),
            "rotary" => Expr::parse(text.trim_start()["rotary".len()..].trim()).map(Fix::Rotary),
            "permute" => {
                let order: Option<Vec<usize>> = args.iter().map(|arg| arg.parse().ok()).collect();
                let order = order.filter(|order| !order.is_empty()).ok_or(format!("`{text}` needs axes"))?;
                let mut sorted = order.clone();
                sorted.sort();
                if sorted != (0..order.len()).collect::<Vec<_>>() {
                    return Err(format!("`{text}` does not name every axis once"));
                }
                Ok(Fix::View(ViewOp::Permute(order)))
            }
            "scale" => number().and_then(|scale| {
                // 1 / scale must be a number too.
                if scale.is_normal() { Ok(Fix::Scale(scale)) } else { Err(format!("`{text}` has no inverse")) }
            }),
            "add" => number().map(Fix::Add),
            _ => {
                Err(format!("`{name}` is no fix: there are drop_axis, add_axis, permute, flip, rotary, scale and add"))
            }
        }
    }

    /// How many rows it orders at once, where it orders rows.
    pub fn block(&self) -> Option<&Expr> {
        match self {
            Fix::Rotary(block) => Some(block),
            Fix::View(_) | Fix::Scale(_) | Fix::Add(_) => None,
        }
    }

    /// What it does to a view, where `numbers` are those of the name and of the checkpoint; an `Err` names the number
    /// that is not known.
    pub fn view(&self, numbers: &[(Arc<str>, i64)]) -> Result<Option<ViewOp>, Arc<str>> {
        match self {
            Fix::View(op) => Ok(Some(op.clone())),
            Fix::Scale(_) | Fix::Add(_) => Ok(None),
            Fix::Rotary(block) => {
                let unknown = || {
                    let lost = block.variables().into_iter().find(|name| numbers.iter().all(|known| known.0 != *name));
                    lost.unwrap_or_else(|| "rotary".into())
                };
                let block = block.eval(numbers).ok_or_else(unknown)?;
                // A block that no axis has tells of itself when it is applied.
                Ok(Some(ViewOp::Deal { axis: 0, block: u64::try_from(block).unwrap_or(0), by: 2 }))
            }
        }
    }
}

/// What a list of fixes does to a view, in order.
pub fn views(fixes: &[Fix], numbers: &[(Arc<str>, i64)]) -> Result<Vec<ViewOp>, Arc<str>> {
    fixes.iter().filter_map(|fix| fix.view(numbers).transpose()).collect()
}

impl ViewOp {
    pub fn inverse(&self) -> ViewOp {
        match self {
            ViewOp::DropAxis(axis) => ViewOp::AddAxis(*axis),
            ViewOp::AddAxis(axis) => ViewOp::DropAxis(*axis),
            ViewOp::Permute(order) => {
                let mut inverse = vec![0; order.len()];
                order.iter().enumerate().for_each(|(new, &old)| inverse[old] = new);
                ViewOp::Permute(inverse)
            }
            ViewOp::Flip(axis) => ViewOp::Flip(*axis),
            // Only blocks that `by` divides were ever applied.
            ViewOp::Deal { axis, block, by } => {
                ViewOp::Deal { axis: *axis, block: *block, by: block.checked_div(*by).unwrap_or(0) }
            }
        }
    }

    /// The changed view; an `Err` says why the shape does not allow it.
    pub fn apply(&self, view: View) -> Result<View, String> {
        let rank = view.shape.len();
        let missing = |axis: usize| format!("it has {rank} axes, and axis {axis} is asked");
        let size = |axis: usize| view.shape.get(axis).copied().ok_or_else(|| missing(axis));
        match self {
            ViewOp::DropAxis(axis) => {
                let size = size(*axis)?;
                if size != 1 {
                    return Err(format!("axis {axis} has size {size}, and 1 is needed to drop it"));
                }
                Ok(view.without(*axis))
            }
            ViewOp::AddAxis(axis) => {
                if *axis > rank {
                    return Err(missing(*axis));
                }
                Ok(view.with(*axis))
            }
            ViewOp::Permute(order) => {
                if order.len() != rank {
                    return Err(format!("it has {rank} axes, and {} are ordered", order.len()));
                }
                Ok(view.permuted(order))
            }
            ViewOp::Flip(axis) => {
                size(*axis)?;
                view.flipped(*axis).ok_or_else(|| "a flip leaves the tensor".into())
            }
            ViewOp::Deal { axis, block, by } => {
                let size = size(*axis)?;
                let fits = |whole: u64, part: u64| whole.checked_rem(part) == Some(0);
                if !fits(size, *block) || !fits(*block, *by) {
                    return Err(format!("axis {axis} has size {size}, which is not whole heads of {block}"));
                }
                view.dealt(*axis, *block, *by).ok_or_else(|| format!("axis {axis} is in parts that do not fit {block}"))
            }
        }
    }
}

/// What the value fixes of a list do: canonical = stored · scale + add.
pub fn affine(fixes: &[Fix]) -> Affine {
    fixes.iter().fold(Affine::IDENTITY, |so_far, fix| match fix {
        Fix::View(_) | Fix::Rotary(_) => so_far,
        Fix::Scale(scale) => Affine { scale: so_far.scale * scale, add: so_far.add * scale },
        Fix::Add(add) => Affine { scale: so_far.scale, add: so_far.add + add },
    })
}

/// stored = canonical · scale + add
pub fn inverse(affine: Affine) -> Affine {
    Affine { scale: 1.0 / affine.scale, add: -affine.add / affine.scale }
}

#[cfg(test)]
mod tests {
    use super::Fix;
    use super::affine;
    use super::inverse;
    use crate::tensor::View;

    /// Applies fixes to a stored shape and back again.
    #[track_caller]
    fn check(fixes: &[&str], stored: &[u64], canonical: &[u64], base: u64, strides: &[i64]) {
        let fixes: Vec<Fix> = fixes.iter().map(|text| Fix::parse(text).expect("the fix is right")).collect();
        let ops = super::views(&fixes, &[("head_dim".into(), 4)]).expect("the number is known");
        let view = ops.iter().try_fold(View::contiguous(stored), |view, op| op.apply(view)).expect("the shape fits");
        let own: Vec<i64> = view.steps.iter().map(|step| step.stride).collect();
        assert_eq!((view.shape.as_slice(), view.base, own.as_slice()), (canonical, base, strides));
        let back = ops.iter().rev().try_fold(view, |view, op| op.inverse().apply(view)).expect("inverses fit");
        assert_eq!(back.shape.as_slice(), stored);
        assert!(back.is_contiguous(), "fixes undone give the stored order");
        let there = affine(&fixes);
        let again = inverse(there);
        assert_eq!((3.0 * there.scale + there.add) * again.scale + again.add, 3.0);
    }

    #[test]
    fn each_has_an_inverse() {
        check(&["drop_axis 0"], &[1, 4, 3], &[4, 3], 0, &[3, 1]);
        check(&["add_axis 1"], &[4, 3], &[4, 1, 3], 0, &[3, 1, 1]);
        check(&["permute 3 2 0 1"], &[3, 3, 5, 7], &[7, 5, 3, 3], 0, &[1, 7, 105, 35]);
        check(&["flip 0", "flip 1"], &[2, 3], &[2, 3], 5, &[-3, -1]);
        check(&["scale 0.25", "add 1"], &[2], &[2], 0, &[1]);
        check(&["permute 1 0", "flip 0"], &[2, 3], &[3, 2], 2, &[-1, 3]);
        check(&["rotary head_dim"], &[8, 3], &[8, 3], 0, &[12, 3, 6, 1]);
        check(&["rotary head_dim"], &[4], &[4], 0, &[1, 2]);
        check(&["rotary 8"], &[8, 3], &[8, 3], 0, &[3, 6, 1]);
        check(&["rotary head_dim / 2"], &[8, 3], &[8, 3], 0, &[3, 1]);
        check(
            &["rotary head_dim", "permute 1 0", "flip 1", "add_axis 0"],
            &[8, 3],
            &[1, 3, 8],
            21,
            &[1, 1, -12, -3, -6],
        );
    }

    #[test]
    fn wrong_fixes() {
        for text in [
            "drop_axis",
            "drop_axis x",
            "permute 0 0",
            "scale 0",
            "scale nan",
            "scale inf",
            "scale 1e-320",
            "add nan",
            "permute 0 2",
            "permute",
            "rotate 1",
            "rotary",
            "rotary (",
            "rotary 3 4",
            "",
        ] {
            assert!(Fix::parse(text).is_err(), "`{text}` should be refused");
        }
    }
}
