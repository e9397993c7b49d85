//! Rows of an input of all identities (a code list) that the query joins with the row's others.
//!
//! Where the query joins the input itself, perhaps filtered, the same join kept to that side
//! gives these rows. An input that is read in any other way (in a union, under an aggregate, in a
//! subquery) may enter a row with all of its rows.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result};
use datafusion::logical_expr::{Join, LogicalPlan, LogicalPlanBuilder};
use std::sync::Arc;

/// The plan of these rows; `None` when the whole input is one of the row's.
pub(super) fn of(plan: &LogicalPlan, input: &str) -> Result<Option<LogicalPlan>> {
    let mut found: Vec<LogicalPlan> = Vec::new();
    plan.apply(|node| {
        if let LogicalPlan::Join(join) = node {
            let inner = matches!(
                join.join_type,
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full
            );
            if inner && is_input(&join.left, input) {
                found.push(kept_to(join, JoinType::LeftSemi));
            }
            if inner && is_input(&join.right, input) {
                found.push(kept_to(join, JoinType::RightSemi));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if found.is_empty() || found.len() != scans(plan, input) {
        return Ok(None);
    }
    let mut all: Option<LogicalPlanBuilder> = None;
    for plan in found {
        let plan = LogicalPlanBuilder::from(plan).alias(input)?;
        all = Some(match all {
            Some(all) => all.union_distinct(plan.build()?)?,
            None => plan,
        });
    }
    all.map(LogicalPlanBuilder::build).transpose()
}

/// How often a plan reads an input, in subqueries too.
pub(super) fn scans(plan: &LogicalPlan, input: &str) -> usize {
    let mut count = 0;
    // The closure never fails, so neither does the walk.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            count += usize::from(scan.table_name.to_string() == input);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    count
}

/// Whether a plan is the rows of an input and nothing else.
fn is_input(plan: &LogicalPlan, input: &str) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.table_name.to_string() == input,
        LogicalPlan::SubqueryAlias(node) => is_input(&node.input, input),
        LogicalPlan::Filter(node) => is_input(&node.input, input),
        _ => false,
    }
}

/// A join that keeps the columns of one side only.
fn kept_to(join: &Join, join_type: JoinType) -> LogicalPlan {
    let side = if join_type == JoinType::LeftSemi { &join.left } else { &join.right };
    let schema = Arc::clone(side.schema());
    LogicalPlan::Join(Join { join_type, schema, ..join.clone() })
}
