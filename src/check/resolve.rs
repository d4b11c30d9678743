//! Expressions: names bound, kinds checked, functions expanded.

use super::calls;
use super::context::Context;
use super::context::Def;
use super::context::LetState;
use super::context::ModuleId;
use super::error;
use super::imports;
use super::patterns;
use super::statements;
use crate::hir::Arm;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Kind;
use crate::hir::Operator;
use crate::hir::PatternId;
use crate::syntax::ast;
use crate::syntax::ast::BinaryOp;
use crate::syntax::ast::ItemKind;
use crate::syntax::ast::UnaryOp;
use crate::text::Site;
use std::collections::HashMap;
use std::rc::Rc;

/// Where an expression stands.
#[derive(Clone)]
pub struct Scope {
    pub module: ModuleId,
    /// Parameters of the function being expanded.
    pub locals: Rc<HashMap<String, ExprId>>,
    /// Inside a function: arms may be dead.
    pub in_fn: bool,
    /// Inside an `assert`: metrics are allowed; the pattern restricts them.
    pub claim: Option<Option<PatternId>>,
}

impl Scope {
    pub fn bare(module: ModuleId) -> Scope {
        Scope { module, locals: Rc::default(), in_fn: false, claim: None }
    }
}

/// Resolves an expression to a node.
pub fn expr(context: &mut Context, scope: &Scope, tree: &ast::Expr) -> ExprId {
    let site = tree.span.at(context.modules[scope.module].source);
    if context.is_too_deep() {
        return context.exhausted(site);
    }
    context.nesting += 1;
    let id = unnested(context, scope, tree, site);
    context.nesting -= 1;
    id
}

fn unnested(context: &mut Context, scope: &Scope, tree: &ast::Expr, site: Site) -> ExprId {
    match &tree.kind {
        ast::ExprKind::Number(number) => {
            if !number.is_finite() {
                context.report(error::number_too_large(site));
                return context.error_expr(site);
            }
            context.expr(ExprKind::Number(*number), Kind::Weight, site)
        }
        ast::ExprKind::Text(text) => context.expr(ExprKind::Text(text.value.as_str().into()), Kind::Text, site),
        ast::ExprKind::Bool(truth) => context.expr(ExprKind::Bool(*truth), Kind::Bool, site),
        ast::ExprKind::Name(path) => named(context, scope, path, site),
        ast::ExprKind::Coord(coord) => context.expr(ExprKind::Coord(*coord), Kind::Weight, site),
        ast::ExprKind::List(items) => {
            let list = items
                .iter()
                .map(|item| (item.key.as_ref().map(|key| expr(context, scope, key)), expr(context, scope, &item.value)))
                .collect();
            context.expr(ExprKind::List(list), Kind::List, site)
        }
        ast::ExprKind::Match(arms) => matching(context, scope, arms, site),
        ast::ExprKind::Call(call) => calls::call(context, scope, call, site),
        ast::ExprKind::Paren(inner) => expr(context, scope, inner),
        ast::ExprKind::Unary(op, inner) => {
            let id = expr(context, scope, inner);
            unary(context, *op, id, site)
        }
        ast::ExprKind::Binary(..) => chain(context, scope, tree, site),
        ast::ExprKind::Range(low, high) => {
            let mut bound = |side: &Option<Box<ast::Expr>>| {
                side.as_ref().map(|side| {
                    let id = expr(context, scope, side);
                    wants(context, id, Kind::Weight, "a bound of a range")
                })
            };
            let (low, high) = (bound(low), bound(high));
            context.expr(ExprKind::Range(low, high), Kind::Range, site)
        }
        ast::ExprKind::Where(inner, pattern) => {
            let id = expr(context, scope, inner);
            let (within, from_param) = patterns::pattern(context, scope, pattern);
            let of = context.kind_of(id);
            if !matches!(of, Kind::Weight | Kind::Combination | Kind::Error) {
                context.report(error::where_on(of, context.site_of(id), site));
                return context.error_expr(site);
            }
            let made = context.expr(ExprKind::Where(id, within), of, site);
            if from_param || scope.in_fn {
                context.may_be_idle.insert(made);
            }
            made
        }
        ast::ExprKind::Error => context.error_expr(site),
    }
}

/// `a + b + c + …` leans to the left: it is walked, not nested, so that long sums cost no stack.
fn chain(context: &mut Context, scope: &Scope, tree: &ast::Expr, site: Site) -> ExprId {
    let mut spine = vec![];
    let mut first = tree;
    while let ast::ExprKind::Binary(op, left, right, op_span) = &first.kind {
        spine.push((*op, right, first.span, *op_span));
        first = left;
    }
    let mut id = expr(context, scope, first);
    for (op, right, span, op_span) in spine.into_iter().rev() {
        let right = expr(context, scope, right);
        id = binary(context, op, id, right, span.at(site.source), op_span.at(site.source));
    }
    id
}

/// Demands a kind; gives an error node (after reporting) when it is another.
pub fn wants(context: &mut Context, id: ExprId, wanted: Kind, role: &str) -> ExprId {
    let found = context.kind_of(id);
    if found == wanted || found == Kind::Error {
        return id;
    }
    let site = context.site_of(id);
    let text = context.text_at(site);
    context.report(error::wrong_kind(role, &text, found, wanted, site));
    context.error_expr(site)
}

fn named(context: &mut Context, scope: &Scope, path: &[ast::Name], site: Site) -> ExprId {
    if let [name] = path
        && let Some(&local) = scope.locals.get(&name.text)
    {
        return local;
    }
    let Some((module, name)) = walk(context, scope.module, path) else { return context.error_expr(site) };
    value_named(context, module, &name.text, name.span.at(site.source))
}

/// Follows `curves.` to the module that holds the last name.  Reports and gives `None` when a step fails.
pub fn walk<'n>(context: &mut Context, module: ModuleId, path: &'n [ast::Name]) -> Option<(ModuleId, &'n ast::Name)> {
    let (last, steps) = path.split_last().expect("a path has a name");
    let source = context.modules[module].source;
    let mut at = module;
    for step in steps {
        let site = step.span.at(source);
        if at == module && step.text == statements::STD_NAME {
            at = statements::std_module(context);
            continue;
        }
        if let Some(&(Def::Use { item, is_active }, _)) = context.modules[at].values.get(&step.text) {
            imports::module_of(context, at, item, is_active, site);
        }
        match context.modules[at].values.get(&step.text) {
            Some((Def::Module(inner), _)) => at = *inner,
            Some((Def::Broken, _)) => return None,
            Some(_) => {
                context.report(error::not_a_module(&step.text, &last.text, site));
                return None;
            }
            None => {
                let problem = error::unknown_module(&step.text, context, at, site);
                context.report(problem);
                return None;
            }
        }
    }
    Some((at, last))
}

/// The value of a name of a module.
pub fn value_named(context: &mut Context, module: ModuleId, name: &str, site: Site) -> ExprId {
    let Some((def, _)) = context.modules[module].values.get(name).cloned() else {
        let problem = error::unknown_name(name, context, module, site);
        context.report(problem);
        return context.error_expr(site);
    };
    match def {
        Def::Broken => context.error_expr(site),
        Def::Model(input) => context.expr(ExprKind::Input(input), Kind::Combination, site),
        Def::Module(inner) => {
            let problem = error::module_as_value(name, context, inner, site);
            context.report(problem);
            context.error_expr(site)
        }
        Def::Use { item, is_active } => {
            imports::module_of(context, module, item, is_active, site);
            value_named(context, module, name, site)
        }
        Def::Param(id, _) => id,
        // A node of its own for every use: what is wrong with the use is shown there.
        Def::Channels(mask) => context.expr(ExprKind::Channels(mask), Kind::Weight, site),
        Def::Let { state: LetState::Done(id), .. } => id,
        Def::Let { state: LetState::Active, .. } => {
            let problem = error::let_cycle(name, context, module, site);
            context.report(problem);
            set_let(context, module, name, LetState::Active);
            context.error_expr(site)
        }
        Def::Let { item, state: LetState::Waiting } => {
            set_let(context, module, name, LetState::Active);
            let file = context.modules[module].file.clone();
            let ItemKind::Let { value, .. } = &file.items[item].kind else { unreachable!("the item is a let") };
            context.resolving.push(name.to_string());
            let id = expr(context, &Scope::bare(module), value);
            context.resolving.pop();
            set_let(context, module, name, LetState::Done(id));
            id
        }
    }
}

fn set_let(context: &mut Context, module: ModuleId, name: &str, new: LetState) {
    if let Some((Def::Let { state, .. }, _)) = context.modules[module].values.get_mut(name) {
        *state = new;
    }
}

fn unary(context: &mut Context, op: UnaryOp, inner: ExprId, site: Site) -> ExprId {
    let of = context.kind_of(inner);
    let (kind, allowed) = match op {
        UnaryOp::Neg => (ExprKind::Neg(inner), matches!(of, Kind::Weight | Kind::Combination | Kind::Measure)),
        UnaryOp::Not => (ExprKind::Not(inner), matches!(of, Kind::Bool | Kind::Verdict)),
    };
    match of {
        Kind::Error => context.error_expr(site),
        _ if allowed => context.expr(kind, of, site),
        _ => {
            let text = context.text_at(context.site_of(inner));
            context.report(error::wrong_unary(op, of, &text, context.site_of(inner), site));
            context.error_expr(site)
        }
    }
}

fn operator(op: BinaryOp) -> Operator {
    match op {
        BinaryOp::Add => Operator::Add,
        BinaryOp::Sub => Operator::Sub,
        BinaryOp::Mul => Operator::Mul,
        BinaryOp::Div => Operator::Div,
        BinaryOp::Eq => Operator::Eq,
        BinaryOp::Ne => Operator::Ne,
        BinaryOp::Lt => Operator::Lt,
        BinaryOp::Le => Operator::Le,
        BinaryOp::Gt => Operator::Gt,
        BinaryOp::Ge => Operator::Ge,
        BinaryOp::In => Operator::In,
        BinaryOp::And => Operator::And,
        BinaryOp::Or => Operator::Or,
    }
}

/// What an operator makes of two kinds; `None`: it is not defined on them.
fn result_kind(op: BinaryOp, left: Kind, right: Kind) -> Option<Kind> {
    use Kind::Bool;
    use Kind::Combination;
    use Kind::List;
    use Kind::Measure;
    use Kind::Range;
    use Kind::Text;
    use Kind::Verdict;
    use Kind::Weight;
    match (op, left, right) {
        (_, Kind::Error, _) | (_, _, Kind::Error) => Some(Kind::Error),
        (BinaryOp::Add | BinaryOp::Sub, Combination, Combination) => Some(Combination),
        (BinaryOp::Mul, Combination, Weight) | (BinaryOp::Mul, Weight, Combination) => Some(Combination),
        (BinaryOp::Div, Combination, Weight) => Some(Combination),
        (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div, Weight, Weight) => Some(Weight),
        (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div, Weight | Measure, Weight | Measure) => {
            Some(Measure)
        }
        (BinaryOp::Eq | BinaryOp::Ne, Text, Text) | (BinaryOp::Eq | BinaryOp::Ne, Bool, Bool) => Some(Bool),
        (BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge, l, r) => match (l, r)
        {
            (Weight, Weight) => Some(Bool),
            (Weight | Measure, Weight | Measure) => Some(Verdict),
            _ => None,
        },
        (BinaryOp::In, Weight, Range | List) | (BinaryOp::In, Text, List) => Some(Bool),
        (BinaryOp::In, Measure, Range) => Some(Verdict),
        (BinaryOp::And | BinaryOp::Or, Bool, Bool) => Some(Bool),
        (BinaryOp::And | BinaryOp::Or, Bool | Verdict, Bool | Verdict) => Some(Verdict),
        _ => None,
    }
}

fn binary(context: &mut Context, op: BinaryOp, left: ExprId, right: ExprId, site: Site, op_site: Site) -> ExprId {
    let (left_kind, right_kind) = (context.kind_of(left), context.kind_of(right));
    match result_kind(op, left_kind, right_kind) {
        Some(Kind::Error) => context.error_expr(site),
        Some(of) => context.expr(ExprKind::Binary(operator(op), left, right), of, site),
        None => {
            let problem = error::wrong_operands(op, context, left, right, site, op_site);
            context.report(problem);
            context.error_expr(site)
        }
    }
}

fn matching(context: &mut Context, scope: &Scope, arms: &[ast::Arm], site: Site) -> ExprId {
    let mut made: Vec<Arm> = vec![];
    let mut of: Option<(Kind, Site)> = None;
    let mut broken = false;
    let mut else_at: Option<Site> = None;
    for arm in arms {
        let arm_site = arm.span.at(site.source);
        if let Some(else_site) = else_at {
            context.report(error::arm_after_else(arm_site, else_site));
            broken = true;
        }
        let (pattern, may_be_dead) = match &arm.head {
            ast::ArmHead::Else(span) => {
                else_at = Some(span.at(site.source));
                (None, true)
            }
            ast::ArmHead::Pattern { maybe, pattern } => {
                let (id, from_param) = patterns::pattern(context, scope, pattern);
                (Some(id), *maybe || from_param || scope.in_fn)
            }
        };
        let value = expr(context, scope, &arm.value);
        let kind = context.kind_of(value);
        match of {
            _ if kind == Kind::Error => broken = true,
            _ if matches!(kind, Kind::Measure | Kind::Verdict | Kind::Image) => {
                // What is measured or drawn is one thing for all tensors, so that no arm could be chosen by tensor.
                wants(context, value, Kind::Weight, "an arm of `match`");
                broken = true;
            }
            None => of = Some((kind, context.site_of(value))),
            Some((first, first_site)) if first != kind => {
                context.report(error::arms_differ(first, first_site, kind, context.site_of(value)));
                broken = true;
            }
            Some(_) => {}
        }
        made.push(Arm { pattern, value, site: arm_site, may_be_dead });
    }
    match of {
        Some((of, _)) if !broken => context.expr(ExprKind::Match(made), of, site),
        None if made.is_empty() => {
            context.report(error::empty_match(site));
            context.error_expr(site)
        }
        _ => context.error_expr(site),
    }
}

/// Functions of the root that nobody calls: their bodies are read with unknown arguments, so that slips in them show.
pub fn unused_functions(context: &mut Context, module: ModuleId) {
    let file = context.modules[module].file.clone();
    for (index, item) in file.items.iter().enumerate() {
        let ItemKind::Fn { params, body, .. } = &item.kind else { continue };
        if context.modules[module].expanded[index] {
            continue;
        }
        let source = context.modules[module].source;
        let mut locals = HashMap::new();
        for param in params {
            let unknown = context.error_expr(param.name.span.at(source));
            locals.insert(param.name.text.clone(), unknown);
        }
        let scope = Scope { module, locals: Rc::new(locals), in_fn: true, claim: None };
        context.expanding.push((module, index));
        expr(context, &scope, body);
        context.expanding.pop();
    }
}
