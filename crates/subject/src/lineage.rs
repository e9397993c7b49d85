//! Column lineage: which columns of which inputs the value of an output column comes from.
//!
//! It is read from the logical plan of the query, through views and steps, column by column. A
//! column contributes if it stands in the expression of the output, conditions of `CASE`, filters
//! of aggregates, windows and scalar subqueries included. What only decides which rows there are
//! (`WHERE`, join conditions, `GROUP BY`) does not: it is not in the value. Where a plan node is
//! of no known kind, every column below it contributes: rather one too many.

mod trace;

pub(crate) use trace::passed_on;

use crate::catalogue::{Catalogue, query};
use crate::plan::Known;
use crate::session::{Budget, Sessions};
use datafusion::logical_expr::LogicalPlan;
use huiliu_model::{Contract, Error, Grade};
use huiliu_spec::table::{Input, InputKind, TableSpec};
use std::sync::Arc;

/// A column of an input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Dataset, `subject.table`, or dimension.
    pub input: String,
    pub column: String,
}

/// Where one output column comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnLineage {
    pub column: String,
    /// Declared grade.
    pub grade: Grade,
    pub sources: Vec<(Source, Grade)>,
}

impl ColumnLineage {
    /// The highest grade among the sources; L1 when there are none.
    pub fn derived(&self) -> Grade {
        self.sources.iter().map(|(_, grade)| *grade).max().unwrap_or(Grade::L1)
    }
}

/// Lineage of every column of a table, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableLineage {
    /// `subject.table`.
    pub table: String,
    pub columns: Vec<ColumnLineage>,
}

/// Lineage of a table, without a lake.
///
/// # Errors
/// `Invalid` when the query does not plan; `huiliu validate` says why.
pub async fn lineage(
    spec: &TableSpec,
    contracts: &[Arc<Contract>],
    tables: &[TableSpec],
    catalogue: &Catalogue,
) -> Result<TableLineage, Error> {
    let sessions = Sessions::new(&Budget::default(), catalogue.functions())?;
    let ctx = sessions.open_with_all_functions();
    let known = Known { contracts, tables, catalogue, protected: false };
    let fault = |e| crate::fault::planning(&format!("table {}", spec.full_name()), e);
    for input in &spec.inputs {
        if let Some(schema) = known.schema(input) {
            crate::plan::register_empty(&ctx, &input.name, schema).map_err(fault)?;
        }
    }
    catalogue.register_views(&ctx).await?;
    let rows = query(&ctx, &spec.query).await.map_err(fault)?;
    Ok(of_plan(rows.logical_plan(), spec, &known))
}

/// Lineage of the columns that a planned query yields, by the names that are declared.
pub(crate) fn of_plan(plan: &LogicalPlan, spec: &TableSpec, known: &Known<'_>) -> TableLineage {
    let traced = trace::outputs(plan);
    let graded = |source: Source| {
        let grade = grade_of(&source, spec, known);
        (source, grade)
    };
    let columns = spec.columns.iter().zip(traced).map(|(column, sources)| ColumnLineage {
        column: column.name.clone(),
        grade: column.grade,
        sources: sources.into_iter().map(graded).collect(),
    });
    TableLineage { table: spec.full_name(), columns: columns.collect() }
}

/// The grade of an input's column: of the contract, or of the table as it is declared. Code lists
/// are public.
fn grade_of(source: &Source, spec: &TableSpec, known: &Known<'_>) -> Grade {
    let Source { input, column } = source;
    let is_named = |i: &&Input| i.name == *input;
    match spec.inputs.iter().find(is_named).map(|i| i.kind) {
        Some(InputKind::Dataset) => {
            let contract = known.contracts.iter().find(|c| *c.dataset == **input);
            let plain = column.strip_suffix("_enc").unwrap_or(column);
            let found = contract.and_then(|c| c.column(column).or_else(|| c.column(plain)));
            found.map_or(Grade::L1, |(_, column)| column.grade)
        }
        Some(InputKind::Table) => {
            let table = known.tables.iter().find(|t| t.full_name() == **input);
            let found = table.and_then(|t| t.columns.iter().find(|c| c.name == *column));
            found.map_or(Grade::L1, |column| column.grade)
        }
        Some(InputKind::Dimension) | None => Grade::L1,
    }
}
