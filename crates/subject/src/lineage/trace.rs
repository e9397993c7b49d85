//! The walk over a logical plan: per output column, the columns of tables it comes from.

use super::Source;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::logical_expr::expr::Exists;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Subquery};
use std::collections::BTreeSet;

type Sources = BTreeSet<Source>;
/// The columns that an expression may name: a schema and where its columns come from.
type Scope<'a> = (&'a DFSchema, &'a [Sources]);

/// Where each output column of a plan comes from.
pub(super) fn outputs(plan: &LogicalPlan) -> Vec<Sources> {
    of_node(plan, &[])
}

/// The column of a table that an output column is, unchanged: through aliases, steps and joins, but
/// no expression.
pub(crate) fn passed_on(plan: &LogicalPlan, index: usize) -> Option<Source> {
    let through = |expr: Option<&Expr>, input: &LogicalPlan| {
        let mut expr = expr?;
        while let Expr::Alias(alias) = expr {
            expr = &alias.expr;
        }
        let Expr::Column(column) = expr else { return None };
        passed_on(input, input.schema().maybe_index_of_column(column)?)
    };
    match plan {
        LogicalPlan::TableScan(scan) => {
            let column = scan.projected_schema.fields().get(index)?.name().clone();
            Some(Source { input: scan.table_name.to_string(), column })
        }
        LogicalPlan::Projection(node) => through(node.expr.get(index), &node.input),
        LogicalPlan::Aggregate(node) => through(node.group_expr.get(index), &node.input),
        LogicalPlan::Join(node)
            if matches!(node.join_type, JoinType::RightSemi | JoinType::RightAnti) =>
        {
            passed_on(&node.right, index)
        }
        LogicalPlan::Join(node) => {
            let left_count = node.left.schema().fields().len();
            match index.checked_sub(left_count) {
                None => passed_on(&node.left, index),
                Some(index) => passed_on(&node.right, index),
            }
        }
        LogicalPlan::Window(node) => passed_on(&node.input, index),
        LogicalPlan::SubqueryAlias(node) => passed_on(&node.input, index),
        LogicalPlan::Filter(node) => passed_on(&node.input, index),
        LogicalPlan::Sort(node) => passed_on(&node.input, index),
        LogicalPlan::Limit(node) => passed_on(&node.input, index),
        LogicalPlan::Distinct(Distinct::All(input)) => passed_on(input, index),
        _ => None,
    }
}

fn of_node(plan: &LogicalPlan, outer: &[Scope<'_>]) -> Vec<Sources> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let source = |field: &str| {
                let (input, column) = (scan.table_name.to_string(), field.to_owned());
                BTreeSet::from([Source { input, column }])
            };
            scan.projected_schema.fields().iter().map(|field| source(field.name())).collect()
        }
        LogicalPlan::Projection(node) => of_exprs(&node.expr, &node.input, outer),
        LogicalPlan::Aggregate(node) => {
            let grouped = grouping_set_to_exprlist(&node.group_expr).unwrap_or_default();
            let mut found = of_refs(&grouped, &node.input, outer);
            let has_id = matches!(node.group_expr.as_slice(), [Expr::GroupingSet(_)]);
            found.extend(has_id.then(Sources::new));
            found.extend(of_exprs(&node.aggr_expr, &node.input, outer));
            found
        }
        LogicalPlan::Window(node) => {
            let mut found = of_node(&node.input, outer);
            found.extend(of_exprs(&node.window_expr, &node.input, outer));
            found
        }
        LogicalPlan::Join(node) => {
            let left = || of_node(&node.left, outer);
            let right = || of_node(&node.right, outer);
            match node.join_type {
                JoinType::LeftSemi | JoinType::LeftAnti => left(),
                JoinType::RightSemi | JoinType::RightAnti => right(),
                JoinType::LeftMark => left().into_iter().chain([Sources::new()]).collect(),
                JoinType::RightMark => right().into_iter().chain([Sources::new()]).collect(),
                _ => left().into_iter().chain(right()).collect(),
            }
        }
        LogicalPlan::Union(node) => {
            let mut inputs = node.inputs.iter().map(|input| of_node(input, outer));
            let mut found = inputs.next().unwrap_or_default();
            for input in inputs {
                found.iter_mut().zip(input).for_each(|(ours, theirs)| ours.extend(theirs));
            }
            found
        }
        LogicalPlan::Distinct(Distinct::On(node)) => {
            of_exprs(&node.select_expr, &node.input, outer)
        }
        LogicalPlan::SubqueryAlias(node) => of_node(&node.input, outer),
        LogicalPlan::Subquery(node) => of_node(&node.subquery, outer),
        LogicalPlan::Filter(node) => of_node(&node.input, outer),
        LogicalPlan::Sort(node) => of_node(&node.input, outer),
        LogicalPlan::Limit(node) => of_node(&node.input, outer),
        LogicalPlan::Repartition(node) => of_node(&node.input, outer),
        LogicalPlan::Distinct(Distinct::All(input)) => of_node(input, outer),
        LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => {
            vec![Sources::new(); plan.schema().fields().len()]
        }
        other => of_unknown(other, outer),
    }
}

/// Every column below contributes to every column of a node of no known kind.
fn of_unknown(plan: &LogicalPlan, outer: &[Scope<'_>]) -> Vec<Sources> {
    let below = plan.inputs().into_iter().flat_map(|input| of_node(input, outer));
    let all: Sources = below.flatten().collect();
    vec![all; plan.schema().fields().len()]
}

fn of_exprs(exprs: &[Expr], input: &LogicalPlan, outer: &[Scope<'_>]) -> Vec<Sources> {
    of_refs(&exprs.iter().collect::<Vec<_>>(), input, outer)
}

fn of_refs(exprs: &[&Expr], input: &LogicalPlan, outer: &[Scope<'_>]) -> Vec<Sources> {
    let below = of_node(input, outer);
    let scope: Scope<'_> = (input.schema(), &below);
    exprs.iter().map(|expr| of_expr(expr, scope, outer)).collect()
}

fn of_expr(expr: &Expr, scope: Scope<'_>, outer: &[Scope<'_>]) -> Sources {
    let mut found = Sources::new();
    // The closure never fails, so neither does the walk.
    let _ = expr.apply(|part| {
        match part {
            Expr::Column(column) => found.extend(named(column, scope)),
            Expr::OuterReferenceColumn(_, column) => {
                let reached = outer.iter().rev().map(|scope| named(column, *scope));
                found.extend(reached.into_iter().find(|f| !f.is_empty()).unwrap_or_default());
            }
            Expr::ScalarSubquery(subquery) | Expr::Exists(Exists { subquery, .. }) => {
                found.extend(below(subquery, scope, outer));
            }
            Expr::InSubquery(inner) => found.extend(below(&inner.subquery, scope, outer)),
            Expr::SetComparison(inner) => found.extend(below(&inner.subquery, scope, outer)),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

fn named(column: &Column, (schema, below): Scope<'_>) -> Sources {
    let index = schema.maybe_index_of_column(column);
    index.and_then(|index| below.get(index)).cloned().unwrap_or_default()
}

fn below(subquery: &Subquery, scope: Scope<'_>, outer: &[Scope<'_>]) -> Sources {
    let scopes: Vec<Scope<'_>> = outer.iter().copied().chain([scope]).collect();
    of_node(&subquery.subquery, &scopes).into_iter().flatten().collect()
}
