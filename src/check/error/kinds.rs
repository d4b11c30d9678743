//! E03: kinds of values and what can be done with them.

use crate::check::context::Context;
use crate::check::eval::Fault;
use crate::check::eval::FaultKind;
use crate::diag::Code;
use crate::diag::Problem;
use crate::hir::ExprId;
use crate::hir::Kind;
use crate::syntax::ast::BinaryOp;
use crate::syntax::ast::UnaryOp;
use crate::text::Site;
use crate::text::Span;

fn before(site: Site) -> Site {
    Site { span: Span { start: site.span.start, end: site.span.start }, ..site }
}

fn after(site: Site) -> Site {
    Site { span: Span { start: site.span.end, end: site.span.end }, ..site }
}

/// An operator on kinds that it is not defined on.
pub fn wrong_operands(
    op: BinaryOp,
    context: &Context,
    left: ExprId,
    right: ExprId,
    site: Site,
    op_site: Site,
) -> Problem {
    let (l, r) = (context.kind_of(left), context.kind_of(right));
    let (l_site, r_site) = (context.site_of(left), context.site_of(right));
    let (l_text, r_text) = (context.text_at(l_site), context.text_at(r_site));
    let sign = op.text();
    let problem = Problem::new(Code("E0301"), format!("`{sign}` cannot join {} and {}", l.text(), r.text()))
        .at(op_site, format!("{} {sign} {}", short(l), short(r)));
    let both = (l, r);
    use Kind::Combination;
    use Kind::Weight;
    match (op, both) {
        (BinaryOp::Mul | BinaryOp::Div, (Combination, Combination)) => {
            let better = format!("mix({l_text}, {r_text}, 0.5)");
            problem.help(format!("mix them instead: `{better}`")).edit(site, better)
        }
        (BinaryOp::Add | BinaryOp::Sub, (Combination, Weight)) => problem
            .help(format!("leave the number away: `{l_text}` (a model is multiplied by a weight, never added to one)"))
            .edit(site, l_text),
        (BinaryOp::Add | BinaryOp::Sub, (Weight, Combination)) => problem
            .help(format!("leave the number away: `{r_text}` (a model is multiplied by a weight, never added to one)"))
            .edit(site, r_text),
        (BinaryOp::Div, (Weight, Combination)) => {
            problem.help(format!("leave the number away: `{r_text}`")).edit(site, r_text)
        }
        (BinaryOp::Eq | BinaryOp::Ne, (Combination, Combination)) => {
            let better = format!("{}same({l_text}, {r_text})", if op == BinaryOp::Ne { "not " } else { "" });
            problem.help(format!("compare their bits: `{better}`")).edit(site, better)
        }
        (BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge, (Combination, Combination)) => {
            let better = format!("distance({l_text}, {r_text}) {sign} 0.1");
            problem.help(format!("compare a measure of them: `{better}`")).edit(site, better)
        }
        (BinaryOp::And | BinaryOp::Or, _) => {
            problem.help(format!("join truth values with `{sign}`, for example `resolution >= 32 {sign} layer < 4`"))
        }
        (BinaryOp::In, _) => {
            problem.help("write a number on the left of `in` and a range or a list on its right: `resolution in 4..16`")
        }
        _ => problem.help(format!("use two values of one kind on both sides of `{sign}`")),
    }
}

fn short(kind: Kind) -> &'static str {
    match kind {
        Kind::Combination => "model",
        Kind::Weight => "weight",
        Kind::Bool => "truth value",
        Kind::Text => "string",
        Kind::List => "list",
        Kind::Range => "range",
        Kind::Measure => "measure",
        Kind::Verdict => "claim",
        Kind::Image => "picture",
        Kind::Error => "?",
    }
}

pub fn wrong_unary(op: UnaryOp, found: Kind, text: &str, inner: Site, site: Site) -> Problem {
    let sign = if op == UnaryOp::Neg { "-" } else { "not" };
    Problem::new(Code("E0301"), format!("`{sign}` cannot be applied to {}", found.text()))
        .at(inner, format!("this is {}", found.text()))
        .help(format!("remove `{sign}`: `{text}`"))
        .edit(site, text)
}

pub fn wrong_kind(role: &str, text: &str, found: Kind, wanted: Kind, site: Site) -> Problem {
    let problem =
        Problem::new(Code("E0302"), format!("{role} needs {}, but `{text}` is {}", wanted.text(), found.text()))
            .at(site, format!("found {}, expected {}", found.text(), wanted.text()));
    match (wanted, found) {
        (Kind::Bool, Kind::Weight) => problem.help(format!("compare it: `{text} > 0`")).edit(after(site), " > 0"),
        (Kind::Weight, Kind::Bool) => problem
            .help(format!("choose numbers for it: `if({text}, 1, 0)`"))
            .edit(before(site), "if(")
            .edit(after(site), ", 1, 0)"),
        (Kind::Weight, Kind::Combination | Kind::Range) => {
            problem.help("give a number or a weight such as `0.5`").edit(site, "0.5")
        }
        (Kind::Weight, Kind::List) => problem
            .help(format!("spread it over the depth: `gradient({text})`"))
            .edit(before(site), "gradient(")
            .edit(after(site), ")"),
        (Kind::List, _) => {
            problem.help(format!("write a list: `[{text}]`")).edit(before(site), "[").edit(after(site), "]")
        }
        (Kind::Text, _) => {
            problem.help(format!("write a string: `\"{text}\"`")).edit(before(site), "\"").edit(after(site), "\"")
        }
        (Kind::Image, Kind::Combination) => {
            problem.help(format!("draw it: `render({text})`")).edit(before(site), "render(").edit(after(site), ")")
        }
        (Kind::Image, _) => problem.help("give a picture: `render(model, seeds = 0..3)` or `image(\"golden.png\")`"),
        (Kind::Combination, _) => problem.help("name a model, or a combination of models such as `a + 0.5 * (b - a)`"),
        (Kind::Range, _) => problem.help("write a number, a range such as `4..16`, or a list of them"),
        _ => problem.help(format!("give {}", wanted.text())),
    }
}

/// `mix(a, 0.5, b)`: a weight and a model in each other's place.
pub fn exchanged(callee: &str, weight: (&str, Site), model: (&str, Site)) -> Problem {
    Problem::new(
        Code("E0302"),
        format!("`{callee}` needs its models first, but `{}` is a weight and `{}` is a model", weight.0, model.0),
    )
    .at(weight.1, "found a weight, expected a model or difference")
    .because(model.1, "found a model or difference, expected a weight")
    .help(format!("exchange them: `{}` before `{}`", model.0, weight.0))
    .edit(weight.1, model.0)
    .edit(model.1, weight.0)
}

pub fn where_on(found: Kind, inner: Site, site: Site) -> Problem {
    Problem::new(Code("E0302"), format!("`where` restricts weights and models, but this is {}", found.text()))
        .at(inner, format!("found {}", found.text()))
        .help("remove the `where`")
        .edit(Span { start: inner.span.end, end: site.span.end }.at(site.source), "")
}

pub fn arms_differ(first: Kind, first_site: Site, other: Kind, other_site: Site) -> Problem {
    let problem = Problem::new(Code("E0303"), format!("one choice is {}, another is {}", first.text(), other.text()))
        .at(other_site, format!("this is {}", other.text()))
        .because(first_site, format!("this is {}", first.text()));
    match (first, other) {
        (Kind::Weight, _) => {
            problem.help("give a weight too, for example `1`: all choices are of one kind").edit(other_site, "1")
        }
        (Kind::Combination, Kind::Weight) => problem.help("give a model too: all choices are of one kind"),
        _ => problem.help(format!("give {} too", first.text())),
    }
}

pub fn arm_after_else(site: Site, else_site: Site) -> Problem {
    Problem::new(Code("E0303"), "an arm stands after `else`, which takes everything that is left")
        .at(site, "never reached")
        .because(else_site, "takes everything")
        .help("remove it, or move it before `else`")
        .edit(site, "")
}

pub fn empty_match(site: Site) -> Problem {
    Problem::new(Code("E0303"), "a `match` without arms takes no tensor")
        .at(site, "no arms")
        .help("add one: `match { else => 1 }`")
        .edit(site, "match { else => 1 }")
}

pub fn number_too_large(site: Site) -> Problem {
    Problem::new(Code("E0305"), "the number is too large")
        .at(site, "beyond 1.8e308")
        .help("write a smaller number")
        .edit(site, "1e30")
}

pub fn empty_range(text: &str, range: Option<(f64, f64)>, site: Site) -> Problem {
    let problem = Problem::new(Code("E0305"), format!("the range `{text}` is empty")).at(site, "holds no number");
    match range {
        Some((low, high)) if low > high => {
            let turned = format!("{high}..{low}");
            problem.help(format!("write `{turned}`")).edit(site, turned)
        }
        _ => problem.help("write a range such as `4..16`").edit(site, "0.."),
    }
}

/// Why a value that must be the same for every tensor is not.
pub fn constant_fault(fault: &Fault, context: &Context) -> Option<Problem> {
    let site = context.site_of(fault.expr);
    match &fault.kind {
        FaultKind::NotConstant(coord) => {
            let text = context.text_at(site);
            let problem = Problem::new(
                Code("E0305"),
                format!("a number is needed that is the same for every tensor, but `{text}` depends on the tensor"),
            );
            Some(
                problem
                    .at(site, format!("differs from tensor to tensor: `{}` is a coordinate", coord.text()))
                    .help("write a number, or a parameter, such as `16`")
                    .edit(site, "16"),
            )
        }
        FaultKind::Channels => Some(super::by_channel(&context.text_at(site), site)),
        kind => number_fault(kind, context.kind_of(fault.expr), site),
    }
}

/// Arithmetic that has no result; `of` is the kind of what stands at the place.
pub fn number_fault(kind: &FaultKind, of: Kind, site: Site) -> Option<Problem> {
    let FaultKind::Number(what) = kind else { return None };
    let problem = Problem::new(Code("E0306"), format!("found {what}, expected a finite number")).at(site, *what);
    Some(match of {
        Kind::Weight => problem.help("write a number that works, for example `1`").edit(site, "1"),
        _ => problem.help("make its weights smaller, for example `0.5`"),
    })
}

pub fn empty_list(callee: &str, keyed: bool, site: Site) -> Problem {
    let example = if keyed { "[4: 1, 64: 0]" } else { "[0, 1]" };
    Problem::new(Code("E0307"), format!("`{callee}` needs a list with something in it"))
        .at(site, "nothing in it")
        .help(format!("write `{example}`"))
        .edit(site, example)
}

/// Items with a key where none belongs, or without one where it is needed: the place of every item's key and value.
pub fn list_keys(callee: &str, keyed: bool, items: &[(Option<Site>, Site)]) -> Option<Problem> {
    let wrong = items.iter().find(|item| item.0.is_some() != keyed)?;
    let problem = if keyed {
        Problem::new(Code("E0307"), format!("`{callee}` needs points such as `4: 1`, but this item has no `:`"))
            .at(wrong.1, "no place for this value")
            .help("write the place before every value: `[4: 1, 64: 0]`")
    } else {
        Problem::new(Code("E0307"), format!("`{callee}` needs plain numbers, but this item has a key"))
            .at(wrong.0.unwrap_or(wrong.1).span.to(wrong.1.span).at(wrong.1.source), "a value with a key")
            .help("write the values alone: `[0, 0.5, 1]`")
    };
    if keyed && items.iter().any(|item| item.0.is_some()) {
        // Which place the item belongs to, nobody can tell.
        return Some(problem);
    }
    Some(items.iter().enumerate().fold(problem, |problem, (index, (key, value))| match key {
        Some(key) => problem.edit(Span { start: key.span.start, end: value.span.start }.at(key.source), ""),
        None => problem.edit(before(*value), format!("{}: ", 4u64 << index.min(50))),
    }))
}

pub fn metric_outside(name: &str, site: Site) -> Problem {
    Problem::new(Code("E0308"), format!("`{name}` measures finished models, so it stands only in `assert`"))
        .at(site, "no weight is known only after the build")
        .help(format!("move it: `assert {name}(…)`"))
}

pub fn not_a_claim(found: Kind, text: &str, site: Site) -> Problem {
    let problem = Problem::new(Code("E0309"), format!("`assert` needs a claim, but `{text}` is {}", found.text()))
        .at(site, format!("this is {}", found.text()));
    match found {
        Kind::Measure => problem.help(format!("say what it must be: `{text} <= 1`")).edit(after(site), " <= 1"),
        Kind::Combination | Kind::Image => problem
            .help(format!("claim something of it: `finite({text})`"))
            .edit(before(site), "finite(")
            .edit(after(site), ")"),
        Kind::Weight | Kind::Bool => {
            problem.help("claim something of a model, such as `finite(a)` or `distance(a, b) <= 0.1`")
        }
        _ => problem.help("claim `finite(a)`, `same(a, b)`, or a comparison of `distance(a, b)` or `cosine(a, b)`"),
    }
}

pub fn too_many_uses(site: Site, chain: usize, count: usize) -> Problem {
    Problem::new(Code("E0310"), format!("the recipe uses more than {count} recipes, or more than {chain} in a chain"))
        .at(site, "goes beyond the limit")
        .help("`use` a recipe once, and take all names from there")
}

pub fn too_large(site: Site, depth: u32, count: usize) -> Problem {
    Problem::new(
        Code("E0310"),
        format!("the recipe nests deeper than {depth} levels or expands to more than {count} values"),
    )
    .at(site, "goes beyond the limit")
    .help("compute a part once with `let`, and use its name; write long sums in one expression")
}
