//! What in a plan could give other rows from the same rows.
//!
//! A function of the clock or of chance; an aggregate whose value is that of whichever row came
//! first; a rank without an order; a limit without an order. Sums over doubles depend on the
//! order of rows in their last digits, so they are a warning: sum decimals, convert at the end.

use super::Findings;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Volatility};
use huiliu_spec::table::Severity;

/// Aggregates that keep what came first, unless they say in which order.
const ORDERED: [&str; 6] =
    ["first_value", "last_value", "nth_value", "array_agg", "string_agg", "any_value"];
/// Aggregates that add doubles in the order in which they come.
const ADDING: [&str; 10] = [
    "sum",
    "avg",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
    "covar_samp",
    "covar_pop",
    "corr",
    "mean",
];

/// Adds what is not determined by the rows in `plan` to the findings of `file`.
pub(super) fn examine(plan: &LogicalPlan, file: &str, found: &mut Findings<'_>) {
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node
            && !matches!(limit.input.as_ref(), LogicalPlan::Sort(_))
        {
            let help = "order the rows by a key first";
            found.fail(file, "LIMIT without ORDER BY".into(), Some(help.into()));
        }
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                examine_expr(part, node, file, found);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    if let Err(error) = walked {
        found.fail(file, crate::fault::reason(&error), None);
    }
}

fn examine_expr(expr: &Expr, node: &LogicalPlan, file: &str, found: &mut Findings<'_>) {
    match expr {
        Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
            let message = format!("function `{}` gives another value each time", call.func.name());
            let help = "use a parameter such as $as_of";
            found.fail(file, message, Some(help.into()));
        }
        Expr::AggregateFunction(call) => examine_aggregate(call, node, file, found),
        Expr::WindowFunction(call) => examine_window(call, file, found),
        _ => {}
    }
}

fn examine_aggregate(
    call: &AggregateFunction,
    node: &LogicalPlan,
    file: &str,
    found: &mut Findings<'_>,
) {
    let name = call.func.name();
    if ORDERED.contains(&name) && call.params.order_by.is_empty() {
        let message = format!("`{name}` without ORDER BY keeps whichever row came first");
        found.fail(file, message, Some(format!("write {name}(… ORDER BY …)")));
    }
    if ADDING.contains(&name) && adds_doubles(&call.params.args, node).unwrap_or(false) {
        let message = format!("`{name}` over doubles depends on the order of rows");
        let help = "sum decimals and convert the result";
        found.add(Severity::Warn, file, message, Some(help.into()));
    }
}

fn adds_doubles(args: &[Expr], node: &LogicalPlan) -> Result<bool> {
    let inputs = node.inputs();
    let (Some(arg), Some(input)) = (args.first(), inputs.first()) else { return Ok(false) };
    Ok(matches!(arg.get_type(input.schema())?, DataType::Float64 | DataType::Float32))
}

fn examine_window(call: &WindowFunction, file: &str, found: &mut Findings<'_>) {
    let name = call.fun.name();
    let counts = ["count", "min", "max", "sum", "avg"].contains(&name);
    if call.params.order_by.is_empty() && !counts {
        let message = format!("`{name}` over a window without ORDER BY is arbitrary");
        found.fail(file, message, Some("order the window by a key".into()));
    }
}
