//! Assessments of whole tables: asked, printed, and noted in `ledger.checks`.

use super::figures::{counts, texts};
use crate::commands::query;
use crate::failure::Failure;
use crate::installation::clock;
use arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::NaiveDate;
use datafusion::prelude::SessionContext;
use huiliu_lake::Lake;
use huiliu_model::{Contract, Error, ErrorKind, system};
use huiliu_quality::{assessments, rate};
use serde::Serialize;
use std::sync::Arc;

/// One answer: a department's rows under one check.
#[derive(Debug, Serialize)]
pub struct Line {
    pub dataset: String,
    pub department: String,
    pub check: &'static str,
    pub name: String,
    pub checked: u64,
    pub failed: u64,
    pub pass_rate: Option<f64>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_asked: Option<String>,
}

/// Asks every check of the wanted datasets and notes the answers in the ledger.
///
/// # Errors
/// As the lake answers.
pub async fn assess(
    lake: &Lake,
    ctx: &SessionContext,
    contracts: &[Arc<Contract>],
    day: NaiveDate,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for contract in contracts.iter().filter(|contract| wanted(&contract.dataset)) {
        let stored = lake.dataset(&contract.dataset)?.changes_schema.clone();
        let protected = stored.column_with_name(system::RAW_SEALED).is_some();
        for asked in assessments(contract, protected) {
            let line = |department: String, checked, failed, not_asked| Line {
                dataset: contract.dataset.to_string(),
                department,
                check: asked.kind,
                name: asked.name.clone(),
                checked,
                failed,
                pass_rate: rate(checked - failed, checked),
                not_asked,
            };
            match &asked.sql {
                Err(why) => lines.push(line(String::new(), 0, 0, Some(why.clone()))),
                Ok(sql) => {
                    for batch in query::collect(ctx, sql).await? {
                        let departments = texts(&batch, "department")?;
                        let both =
                            counts(&batch, "checked")?.into_iter().zip(counts(&batch, "failed")?);
                        lines.extend(departments.into_iter().zip(both).map(
                            |(name, (all, bad))| line(name.unwrap_or_default(), all, bad, None),
                        ));
                    }
                }
            }
        }
    }
    note(lake, &lines, day).await?;
    lines.sort_by(|a, b| {
        let rate = |line: &Line| line.pass_rate.unwrap_or(2.0);
        rate(a).total_cmp(&rate(b)).then(b.failed.cmp(&a.failed))
    });
    Ok(lines)
}

fn schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![
        Field::new("day", DataType::Date32, false),
        Field::new("assessed_at", system::timestamp(), false),
        text("dataset"),
        text("department"),
        text("check"),
        text("name"),
        Field::new("checked", DataType::Int64, false),
        Field::new("failed", DataType::Int64, false),
    ]))
}

async fn note(lake: &Lake, lines: &[Line], day: NaiveDate) -> Result<(), Failure> {
    let asked: Vec<&Line> = lines.iter().filter(|line| line.not_asked.is_none()).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let day = day.signed_duration_since(NaiveDate::default()).num_days();
    let day = i32::try_from(day).unwrap_or(i32::MAX);
    let texts = |of: &dyn Fn(&Line) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(asked.iter().map(|line| of(line))))
    };
    let longs = |of: &dyn Fn(&Line) -> u64| -> ArrayRef {
        let long = |line: &&Line| i64::try_from(of(line)).unwrap_or(i64::MAX);
        Arc::new(Int64Array::from_iter_values(asked.iter().map(long)))
    };
    let now = vec![clock().now_us(); asked.len()];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![day; asked.len()])),
        Arc::new(TimestampMicrosecondArray::from(now).with_timezone("UTC")),
        texts(&|line| &line.dataset),
        texts(&|line| &line.department),
        texts(&|line| line.check),
        texts(&|line| &line.name),
        longs(&|line| line.checked),
        longs(&|line| line.failed),
    ];
    let rows = RecordBatch::try_new(schema(), columns)
        .map_err(|e| Error::new(ErrorKind::Bug, "assessments do not fit the ledger").because(e))?;
    let ledger = lake.ledger("checks", "全表检查 checks of whole tables", schema()).await?;
    ledger.note(&rows).await?;
    Ok(())
}
