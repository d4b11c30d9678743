//! Values that are the same for every tensor: bounds, options of outputs, defaults of parameters.

use super::context::Context;
use super::error;
use super::eval;
use super::eval::Value;
use crate::hir::ExprId;

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
