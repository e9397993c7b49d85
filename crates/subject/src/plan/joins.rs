//! Joins in which every row meets every row.
//!
//! Conditions may stand in `ON` or, after a comma, in `WHERE`: the two rules of the optimizer
//! that bring them to the join are applied first. A join without an equality between its sides is
//! a finding, unless one side is small by itself: a row of parameters, an aggregate, a list of
//! values, code lists. One row has to stand first: the engine takes one row of the first side
//! after the other, and makes a batch of each row that meets it.

use super::Findings;
use datafusion::common::JoinType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::{Optimizer, OptimizerContext};
use huiliu_spec::table::{InputKind, Severity, TableSpec};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows of a side that may meet every row of the other.
const ROWS_MAX: usize = 1_000;

/// Adds joins without a key in a coerced plan to the findings of `file`.
pub(super) fn examine(plan: &LogicalPlan, spec: &TableSpec, file: &str, found: &mut Findings<'_>) {
    let plan = match with_keys(plan) {
        Ok(plan) => plan,
        Err(error) => return found.fail(file, crate::fault::reason(&error), None),
    };
    // The closure never fails, so neither does the walk.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node
            && join.on.is_empty()
            && !is_small(&join.left, spec)
            && !is_small(&join.right, spec)
        {
            let (left, right) = (names(&join.left), names(&join.right));
            let message = format!(
                "{left} and {right} are joined without a key: no column of one \
                                   equals a column of the other, so every row meets every row"
            );
            let help = "join ON columns that are equal, or bring one side to one row first";
            found.fail(file, message, Some(help.into()));
        }
        if let LogicalPlan::Join(join) = node
            && join.join_type == JoinType::Inner
            && join.on.is_empty()
            && join.filter.is_none()
            && is_one_row(&join.right)
            && !is_one_row(&join.left)
        {
            let message = format!(
                "one row is joined after the rows of {}: each of them becomes a batch of its own",
                names(&join.left)
            );
            let help = "name the one row first: FROM period p CROSS JOIN …";
            found.add(Severity::Warn, file, message, Some(help.into()));
        }
        Ok(TreeNodeRecursion::Continue)
    });
}

fn is_one_row(plan: &LogicalPlan) -> bool {
    plan.max_rows().is_some_and(|rows| rows <= 1)
}

fn with_keys(plan: &LogicalPlan) -> Result<LogicalPlan> {
    let optimizer = Optimizer::with_rules(vec![
        Arc::new(EliminateCrossJoin::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
    ]);
    optimizer.optimize(plan.clone(), &OptimizerContext::new(), |_, _| {})
}

fn is_small(plan: &LogicalPlan, spec: &TableSpec) -> bool {
    let is_list = |name: &String| {
        spec.inputs.iter().any(|i| i.name == *name && i.kind == InputKind::Dimension)
    };
    plan.max_rows().is_some_and(|rows| rows <= ROWS_MAX) || tables(plan).iter().all(is_list)
}

fn tables(plan: &LogicalPlan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let _ = plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            found.insert(scan.table_name.to_string());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

fn names(plan: &LogicalPlan) -> String {
    let named: Vec<String> = tables(plan).into_iter().map(|name| format!("`{name}`")).collect();
    named.join(", ")
}
