//! Figures of a period out of `ledger.quality`.

use crate::failure::Failure;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use chrono::{Days, NaiveDate};
use huiliu_model::{Error, ErrorKind, Score};
use huiliu_quality::{Delivery, Figure, Period};
use std::collections::BTreeMap;

/// Days on which datasets received records.
pub const DELIVERIES: &str = "SELECT DISTINCT dataset, day FROM ledger.quality \
    WHERE field IS NULL AND rule IS NULL AND checked > 0";

/// Sums of a period.
pub fn sql(period: Period) -> String {
    format!(
        "SELECT dataset, department, field, rule, sum(checked) AS checked, \
         sum(passed_raw) AS passed_raw, sum(passed) AS passed, sum(findings) AS findings \
         FROM ledger.quality WHERE day >= DATE '{}' AND day < DATE '{}' \
         GROUP BY dataset, department, field, rule",
        period.from, period.to
    )
}

/// The figures of [`sql`].
///
/// # Errors
/// `Corrupt` when the ledger has other columns.
pub fn of(batches: &[RecordBatch]) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for batch in batches {
        let text = |name| texts(batch, name);
        let (datasets, departments) = (text("dataset")?, text("department")?);
        let (fields, rules) = (text("field")?, text("rule")?);
        let count = |name| counts(batch, name);
        let (checked, raw) = (count("checked")?, count("passed_raw")?);
        let (passed, findings) = (count("passed")?, count("findings")?);
        for row in 0..batch.num_rows() {
            figures.push(Figure {
                dataset: datasets[row].clone().unwrap_or_default(),
                department: departments[row].clone().unwrap_or_default(),
                field: fields[row].clone(),
                rule: rules[row].clone(),
                score: Score { checked: checked[row], passed_raw: raw[row], passed: passed[row] },
                findings: findings[row],
            });
        }
    }
    Ok(figures)
}

/// The days of [`DELIVERIES`] by dataset.
///
/// # Errors
/// `Corrupt` when the ledger has other columns.
pub fn deliveries(batches: &[RecordBatch]) -> Result<BTreeMap<String, Delivery>, Failure> {
    let mut deliveries: BTreeMap<String, Delivery> = BTreeMap::new();
    for batch in batches {
        let datasets = texts(batch, "dataset")?;
        let days = column(batch, "day", &DataType::Date32)?;
        let days = days.as_primitive::<Date32Type>();
        for (row, dataset) in datasets.into_iter().enumerate() {
            let since = u64::try_from(days.value(row)).unwrap_or(0);
            let day = NaiveDate::default().checked_add_days(Days::new(since)).unwrap_or_default();
            deliveries.entry(dataset.unwrap_or_default()).or_default().days.insert(day);
        }
    }
    Ok(deliveries)
}

fn column(
    batch: &RecordBatch,
    name: &str,
    wanted: &DataType,
) -> Result<arrow::array::ArrayRef, Failure> {
    let found = batch.column_by_name(name).and_then(|column| cast(column, wanted).ok());
    found.ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, format!("the ledger has no column `{name}` of {wanted}"))
            .into()
    })
}

/// A column of texts.
///
/// # Errors
/// `Corrupt` when there is none of that name.
pub fn texts(batch: &RecordBatch, name: &str) -> Result<Vec<Option<String>>, Failure> {
    let column = column(batch, name, &DataType::Utf8)?;
    let texts = column.as_string::<i32>();
    Ok((0..texts.len())
        .map(|row| texts.is_valid(row).then(|| texts.value(row).to_owned()))
        .collect())
}

/// A column of counts; null counts as nothing.
///
/// # Errors
/// `Corrupt` when there is none of that name.
pub fn counts(batch: &RecordBatch, name: &str) -> Result<Vec<u64>, Failure> {
    let column = column(batch, name, &DataType::Int64)?;
    let counts = column.as_primitive::<Int64Type>();
    Ok(counts.iter().map(|count| u64::try_from(count.unwrap_or(0)).unwrap_or(0)).collect())
}
