//! Which columns of an input are key columns of the table, unchanged.
//!
//! A table by county and month has the county as its identity; of the rows of the county only
//! those of the month are the row's own. That holds where the key column is a column of the
//! input that no window saw before, and where the query reads the input in one place: a second
//! place could bring rows of other months in.

use super::partners::scans;
use crate::lineage::passed_on;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use huiliu_spec::table::TableSpec;

/// Pairs of a column of the input and the key column that it is, beyond the identity.
pub(super) fn columns(plan: &LogicalPlan, spec: &TableSpec, input: &str) -> Vec<(String, String)> {
    if scans(plan, input) != 1 || has_window(plan) {
        return Vec::new();
    }
    let beyond = spec.key.iter().filter(|name| !spec.identity.contains(name));
    let passed = |key: &String| {
        let index = plan.schema().index_of_column_by_name(None, key)?;
        let source = passed_on(plan, index)?;
        (source.input == input).then(|| (source.column, key.clone()))
    };
    beyond.filter_map(passed).collect()
}

fn has_window(plan: &LogicalPlan) -> bool {
    let mut found = false;
    // The closure never fails, so neither does the walk.
    let _ = plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Window(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}
