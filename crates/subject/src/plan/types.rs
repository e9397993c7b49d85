//! Types inside a query: the engine's coercion over the whole plan, and casts of identifiers.
//!
//! Planning alone looks at the types of the yielded columns. Conditions, arguments and the sides
//! of a comparison are first looked at by the analyzer, so it is run here as it is before a
//! build; parameters stand in it as nulls of their declared types.

use super::{Findings, Known};
use crate::fault::reason;
use crate::lineage::{Source, passed_on};
use crate::schema::arrow_type;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr_schema::ExprSchemable;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, TryCast};
use datafusion::prelude::SessionContext;
use huiliu_model::Protect;
use huiliu_model::contract::{DataType as Declared, NamedRule, Rule};
use huiliu_spec::table::{InputKind, TableSpec};

/// Names and addresses are text, not identifiers.
const NO_IDENTIFIERS: [NamedRule; 4] =
    [NamedRule::PersonName, NamedRule::OrgName, NamedRule::Name, NamedRule::Address];

/// The plan with its types made explicit; what does not fit goes to the findings of `file`.
pub(super) fn coerce(
    ctx: &SessionContext,
    plan: &LogicalPlan,
    spec: &TableSpec,
    (file, what): (&str, &str),
    found: &mut Findings<'_>,
) -> Option<LogicalPlan> {
    match coerced(ctx, plan, spec) {
        Ok(plan) => Some(plan),
        Err(error) => {
            let said = reason(&error);
            // What a function says of its arguments comes wrapped in what called it.
            let said = said.rsplit("Error during planning: ").next().unwrap_or(&said);
            let help = "make the types agree, with CAST where that is meant";
            found.fail(file, format!("{what}{said}"), Some(help.into()));
            None
        }
    }
}

fn coerced(ctx: &SessionContext, plan: &LogicalPlan, spec: &TableSpec) -> Result<LogicalPlan> {
    let null = |name: &str, data_type: &str| {
        let data_type = arrow_type(data_type).unwrap_or(DataType::Null);
        ScalarValue::try_from(&data_type).map(|null| (name.to_owned(), null))
    };
    let values = spec.parameters.iter().map(|p| null(&p.name, &p.data_type));
    let values: ParamValues = values.collect::<Result<Vec<_>>>()?.into();
    let bound = plan.clone().with_param_values(values)?;
    let state = ctx.state();
    let plan = state.analyzer().execute_and_check(bound, state.config_options(), |_, _| {})?;
    check_calls(&plan)?;
    Ok(plan)
}

/// Asks every function for the type of its result: that is where it looks at its arguments.
fn check_calls(plan: &LogicalPlan) -> Result<()> {
    let walked = plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if matches!(part, Expr::ScalarFunction(_)) && !part.contains_outer() {
                    part.get_type(&schema)?;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map(|_| ())
}

/// Finds identifiers that the query turns into numbers: leading zeros and letters are lost.
pub(super) fn identifier_casts(
    plan: &LogicalPlan,
    spec: &TableSpec,
    known: &Known<'_>,
    found: &mut Findings<'_>,
) {
    // The closure never fails, so neither does the walk.
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                let source = cast_to_number(part).and_then(|inner| source_of(inner, node));
                if let Some(source) = source.filter(|s| is_identifier(s, spec, known)) {
                    let Source { input, column } = source;
                    let message =
                        format!("identifier `{column}` of `{input}` becomes a number in the query");
                    let help = "identifiers are text: compare them with texts, count them with \
                                count(…)";
                    found.fail("query.sql", message, Some(help.into()));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
}

fn cast_to_number(expr: &Expr) -> Option<&Expr> {
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) = expr else {
        return None;
    };
    field.data_type().is_numeric().then_some(expr)
}

/// The column that an expression passes on unchanged, traced to an input.
fn source_of(expr: &Expr, node: &LogicalPlan) -> Option<Source> {
    match expr {
        Expr::Alias(alias) => source_of(&alias.expr, node),
        Expr::Column(column) => node.inputs().into_iter().find_map(|input| {
            let index = input.schema().maybe_index_of_column(column)?;
            passed_on(input, index)
        }),
        _ => None,
    }
}

fn is_identifier(source: &Source, spec: &TableSpec, known: &Known<'_>) -> bool {
    let Some(input) = spec.inputs.iter().find(|i| i.name == source.input) else { return false };
    match input.kind {
        InputKind::Dimension => false,
        InputKind::Table => {
            let table = known.tables.iter().find(|t| t.full_name() == source.input);
            table.is_some_and(|table| {
                let column = table.columns.iter().find(|c| c.name == source.column);
                table.key.contains(&source.column)
                    && column.is_some_and(|c| c.data_type == "string")
            })
        }
        InputKind::Dataset => {
            let contract = known.contracts.iter().find(|c| *c.dataset == *source.input);
            let Some((index, column)) = contract.and_then(|c| c.column(&source.column)) else {
                return false;
            };
            let named = |rule: &Rule| matches!(rule, Rule::Named(n) if !NO_IDENTIFIERS.contains(n));
            column.data_type == Declared::String
                && (contract.is_some_and(|c| c.key.contains(&index))
                    || matches!(column.protect, Protect::Token { .. })
                    || column.rules.iter().any(named))
        }
    }
}
