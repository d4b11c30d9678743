//! Values that are the same for every tensor: bounds, options of outputs, defaults of parameters.

use super::context::Context;
use super::error;
use super::eval;
use super::eval::Evaluator;
use super::eval::Value;
use crate::hir::Expr;
use crate::hir::ExprId;
use crate::hir::Literal;

/// The value of an expression that must not depend on the tensor; reports and gives `None` otherwise.
pub fn of(context: &mut Context, id: ExprId) -> Option<Value> {
    match eval::constant(&context.exprs, id) {
        Ok(value) => Some(value),
        Err(fault) => {
            let problem = error::constant_fault(&fault, context);
            if let Some(problem) = problem {
                context.report(problem);
            }
            None
        }
    }
}

/// The constants of an arena, each found out once.
pub struct Constants<'a>(Evaluator<'a>);

impl<'a> Constants<'a> {
    pub fn new(exprs: &'a [Expr]) -> Constants<'a> {
        Constants(Evaluator::new(exprs, &[], None, vec![]))
    }

    /// What an expression comes to, if that is the same everywhere.  Children should be asked first: what they come to is
    /// remembered, and nothing is deep then.
    pub fn of(&mut self, id: ExprId) -> Option<Literal> {
        match self.0.value(id, None) {
            Ok(Value::Number(number)) => Some(Literal::Number(number)),
            Ok(Value::Bool(truth)) => Some(Literal::Bool(truth)),
            Ok(Value::Text(text)) => Some(Literal::Text(text)),
            _ => None,
        }
    }
}
