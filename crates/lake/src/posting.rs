//! Posting: receipts of `changes` become rows of `ledger.receipts` and `ledger.quality`.
//!
//! A posting is a function from a range of versions of `changes.<dataset>` to one commit of the
//! ledger, and that commit records the version: each receipt is posted once, whoever posts it and
//! whenever it dies. Two processes that post at once conflict, and one of them is done.

use crate::commit::Step;
use crate::dataset::Dataset;
use crate::error::arrow_error;
use crate::lake::Lake;
use crate::ledger::Ledger;
use crate::receipt::{DepartmentReceipt, Receipt};
use arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use huiliu_model::{Error, ErrorKind, system};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Ledger of receipts: a row for each commit to `changes`.
pub const RECEIPTS: &str = "receipts";
/// Ledger of quality: sums by day, dataset, department, field and rule.
pub const QUALITY: &str = "quality";
/// Versions of one dataset that are posted in one commit.
const VERSIONS_MAX: i64 = 1_000;

/// Key of a sum: day, dataset, department, field, rule.
type Place = (i32, String, String, Option<String>, Option<String>);

/// Checked, passed as delivered, passed after repair, findings.
type Sums = BTreeMap<Place, [u64; 4]>;

fn commented(name: &str, data_type: DataType, nullable: bool, comment: &str) -> Field {
    let comment = [("comment".to_owned(), comment.to_owned())];
    Field::new(name, data_type, nullable).with_metadata(comment.into())
}

fn receipts_schema() -> SchemaRef {
    let text = |name, comment| commented(name, DataType::Utf8, false, comment);
    let count = |name, comment| commented(name, DataType::Int64, false, comment);
    let time = |name, comment| commented(name, system::timestamp(), false, comment);
    Arc::new(Schema::new(vec![
        text("dataset", "数据资源 dataset"),
        count("changes_version", "version of changes.<dataset> that the receipt belongs to"),
        time("committed_at", "提交时间 time of the commit"),
        time("newest_record_at", "Kafka time of the newest record"),
        text("covers", "offsets covered, half-open, by partition (JSON)"),
        count("accepted", "records accepted"),
        count("rejected", "records sent to quarantine"),
        count("tombstones", "records without a value"),
        count("control", "heartbeats and transaction markers"),
        count("gaps", "offsets without a record"),
        count("rows_written", "rows written to changes"),
    ]))
}

fn quality_schema() -> SchemaRef {
    let count = |name, comment| commented(name, DataType::Int64, false, comment);
    Arc::new(Schema::new(vec![
        commented("day", DataType::Date32, false, "交付日 day of delivery, Asia/Shanghai"),
        commented("dataset", DataType::Utf8, false, "数据资源 dataset"),
        commented("department", DataType::Utf8, false, "部门 as records name it; empty: none"),
        commented("field", DataType::Utf8, true, "字段 field; null: whole rows"),
        commented("rule", DataType::Utf8, true, "规则 finding; null: all rules together"),
        count("checked", "检查数 cells or rows checked"),
        count("passed_raw", "passed as delivered 原始合格"),
        count("passed", "passed after repair 修复后合格"),
        count("findings", "how often the rule was broken"),
    ]))
}

impl Lake {
    /// Posts every receipt that is not in the ledger yet; returns how many.
    ///
    /// # Errors
    /// As the store answers; `Corrupt` when a log entry is gone before it was posted.
    pub async fn post_ledger(&self) -> Result<u64, Error> {
        let titles = ["批次回执 receipts of commits", "质量台账 quality by day and field"];
        let receipts = self.ledger(RECEIPTS, titles[0], receipts_schema()).await?;
        let quality = self.ledger(QUALITY, titles[1], quality_schema()).await?;
        let mut posted = 0;
        for dataset in self.datasets() {
            posted += settle(post(&receipts, dataset, receipt_rows).await)?;
            settle(post(&quality, dataset, quality_rows).await)?;
            settle(self.post_chain(dataset).await)?;
        }
        Ok(posted)
    }
}

/// Another process that posted first has done the same.
fn settle(posted: Result<u64, Error>) -> Result<u64, Error> {
    match posted {
        Err(e) if e.kind == ErrorKind::Superseded => Ok(0),
        other => other,
    }
}

async fn post(
    ledger: &Ledger,
    dataset: &Dataset,
    rows: fn(&str, &[Receipt]) -> Result<RecordBatch, Error>,
) -> Result<u64, Error> {
    let name = dataset.contract.dataset.as_ref();
    let newest = dataset.changes.refresh().await?.version;
    let mut posted = 0;
    loop {
        let from = ledger.progress().await?.get(name).copied();
        let begin = from.unwrap_or(0);
        if begin >= newest {
            return Ok(posted);
        }
        let to = newest.min(begin + VERSIONS_MAX);
        let receipts = dataset.changes.receipts(begin, to).await?;
        let step = Step { app_id: name.to_owned(), from, to, or_nothing: false };
        let receipt = json!({"dataset": name, "versions": [begin + 1, to]});
        ledger.append(rows(name, &receipts)?, vec![step], receipt).await?;
        posted += receipts.len() as u64;
    }
}

fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, Error> {
    RecordBatch::try_new(schema, columns).map_err(|e| arrow_error("writing the ledger", e))
}

fn receipt_rows(dataset: &str, receipts: &[Receipt]) -> Result<RecordBatch, Error> {
    let longs = |of: &dyn Fn(&Receipt) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(receipts.iter().map(of)))
    };
    let times = |of: &dyn Fn(&Receipt) -> i64| -> ArrayRef {
        let micros = receipts.iter().map(|r| of(r).max(0).saturating_mul(1_000));
        Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
    };
    let covers = receipts.iter().map(|r| json!(r.covers).to_string());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(dataset, receipts.len()))),
        longs(&|r| r.version),
        times(&|r| r.committed_at_ms),
        times(&|r| r.newest_record_ms),
        Arc::new(StringArray::from_iter_values(covers)),
        longs(&|r| long(r.tally.accepted)),
        longs(&|r| long(r.tally.rejected)),
        longs(&|r| long(r.tally.tombstones)),
        longs(&|r| long(r.tally.control)),
        longs(&|r| long(r.tally.gaps)),
        longs(&|r| long(r.rows)),
    ];
    batch(receipts_schema(), columns)
}

fn quality_rows(dataset: &str, receipts: &[Receipt]) -> Result<RecordBatch, Error> {
    let mut sums = Sums::new();
    for receipt in receipts {
        for held in &receipt.quality {
            add(&mut sums, dataset, held);
        }
    }
    let longs = |at: usize| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(sums.values().map(|counts| long(counts[at]))))
    };
    let texts = |of: &dyn Fn(&Place) -> Option<String>| -> ArrayRef {
        Arc::new(sums.keys().map(of).collect::<StringArray>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from_iter_values(sums.keys().map(|place| place.0))),
        texts(&|place| Some(place.1.clone())),
        texts(&|place| Some(place.2.clone())),
        texts(&|place| place.3.clone()),
        texts(&|place| place.4.clone()),
        longs(0),
        longs(1),
        longs(2),
        longs(3),
    ];
    batch(quality_schema(), columns)
}

fn add(sums: &mut Sums, dataset: &str, held: &DepartmentReceipt) {
    let mut count = |field: Option<&str>, rule: Option<&str>, counts: [u64; 4]| {
        let department = held.department.clone();
        let place = (
            held.day,
            dataset.to_owned(),
            department,
            field.map(str::to_owned),
            rule.map(str::to_owned),
        );
        let sum = sums.entry(place).or_default();
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    };
    let [checked, raw, passed] = held.rows;
    count(None, None, [checked, raw, passed, 0]);
    for (field, [checked, raw, passed]) in &held.cells {
        count(Some(field), None, [*checked, *raw, *passed, 0]);
    }
    for (field, labels) in &held.findings {
        for (rule, findings) in labels {
            count(Some(field), Some(rule), [0, 0, 0, *findings]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::util::pretty::pretty_format_batches;

    #[test]
    fn receipts_of_one_day_are_summed_by_department_field_and_rule() {
        let receipt = |day, findings| Receipt {
            version: 1,
            committed_at_ms: 0,
            covers: BTreeMap::new(),
            tally: crate::receipt::TallyCounts::default(),
            rows: 0,
            newest_record_ms: 0,
            quality: vec![DepartmentReceipt {
                day,
                department: "A".to_owned(),
                rows: [10, 7, 9],
                cells: [("id".to_owned(), [10, 8, 9])].into(),
                findings: [("id".to_owned(), [("LENGTH".to_owned(), findings)].into())].into(),
            }],
        };
        // 2020-06-30 is day 18,443 since 1970-01-01.
        let june = 18_443;
        let rows = quality_rows("d", &[receipt(june, 1), receipt(june, 2), receipt(june + 1, 4)]);
        let shown = pretty_format_batches(&[rows.expect("rows")]).expect("printable").to_string();
        let lines: Vec<String> = shown
            .lines()
            .skip(3)
            .filter(|line| !line.starts_with('+'))
            .map(|line| {
                line.split('|').map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
            })
            .collect();
        assert_eq!(
            lines,
            [
                "2020-06-30 d A   20 14 18 0",
                "2020-06-30 d A id  20 16 18 0",
                "2020-06-30 d A id LENGTH 0 0 0 3",
                "2020-07-01 d A   10 7 9 0",
                "2020-07-01 d A id  10 8 9 0",
                "2020-07-01 d A id LENGTH 0 0 0 4",
            ]
        );
    }
}
