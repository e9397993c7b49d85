//! Receipts: what a commit to `changes.<dataset>` says it accounts for, kept in its log entry.
//!
//! A receipt is written with the rows it speaks of, in one step, so it is neither lost nor counted
//! twice. The ledger's tables are made from receipts later, by reading the log; a receipt is small
//! because it names fields and departments, not rows:
//!
//! ```json
//! {"covers": {"base.np.person/0": [0, 500]}, "tally": {"accepted": 499, "rejected": 1, …},
//!  "rows": 499, "newest_record_ms": 1586219460000,
//!  "quality": [{"day": 18359, "department": "11500000…", "rows": [500, 471, 490],
//!               "cells": {"citizen_id": [500, 495, 499]},
//!               "findings": {"citizen_id": {"CHECKSUM": 1}}}]}
//! ```
//!
//! Scores are `[checked, passed as delivered, passed after repair]`; fields that were never
//! checked are left out.

use crate::log::read_commit;
use crate::table::Table;
use huiliu_model::{Contract, Error, ErrorKind, Quality, Score};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What one commit to `changes` accounts for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// Version of the table.
    #[serde(default)]
    pub version: i64,
    /// When it was committed, milliseconds since 1970 UTC.
    #[serde(default)]
    pub committed_at_ms: i64,
    /// `<kafka_topic>/<partition>` and the half-open range of offsets.
    pub covers: BTreeMap<String, [i64; 2]>,
    pub tally: TallyCounts,
    /// Rows written.
    pub rows: u64,
    /// Kafka time of the newest record, milliseconds since 1970 UTC.
    pub newest_record_ms: i64,
    #[serde(default)]
    pub quality: Vec<DepartmentReceipt>,
}

/// See [`huiliu_model::Tally`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct TallyCounts {
    pub accepted: u64,
    pub rejected: u64,
    pub tombstones: u64,
    pub control: u64,
    pub gaps: u64,
}

/// What the records of one department and day were found to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DepartmentReceipt {
    /// Day on which they reached Kafka, in Asia/Shanghai, since 1970-01-01.
    pub day: i32,
    /// Empty when the records name none.
    pub department: String,
    /// Checked, passed as delivered, passed after repair.
    pub rows: [u64; 3],
    /// The same for the cells of each field.
    pub cells: BTreeMap<String, [u64; 3]>,
    /// Findings per field and label.
    #[serde(default)]
    pub findings: BTreeMap<String, BTreeMap<String, u64>>,
}

fn triple(score: Score) -> [u64; 3] {
    [score.checked, score.passed_raw, score.passed]
}

/// The part of a receipt that tells what cells and rows were found to be.
pub(crate) fn quality(quality: &Quality, contract: &Contract) -> Value {
    let name = |index: usize| contract.columns.get(index).map_or("?", |column| &column.name);
    let department = |held: &huiliu_model::DepartmentQuality| {
        let cells: Map<String, Value> = held
            .cells
            .iter()
            .enumerate()
            .filter(|(_, score)| score.checked > 0)
            .map(|(index, score)| (name(index).to_owned(), json!(triple(*score))))
            .collect();
        let mut findings: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
        for finding in &held.findings {
            let labels = findings.entry(name(usize::from(finding.column))).or_default();
            *labels.entry(finding.label).or_default() += finding.count;
        }
        json!({
            "day": held.day,
            "department": held.department,
            "rows": triple(held.rows),
            "cells": cells,
            "findings": findings,
        })
    };
    quality.0.iter().map(department).collect()
}

impl Table {
    /// The receipts of the versions after `from`, up to and including `to`, oldest first.
    /// Versions that carry none (a table's making, a reset of offsets) are left out.
    ///
    /// # Errors
    /// As the store answers; `Corrupt` when a log entry is gone or cannot be read.
    pub async fn receipts(&self, from: i64, to: i64) -> Result<Vec<Receipt>, Error> {
        let mut receipts = Vec::new();
        for version in from + 1..=to {
            let store = self.store().as_ref();
            let Some(text) = read_commit(store, self.path(), version).await? else {
                let table = self.path();
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("version {version} of table `{table}` is gone from its log"),
                )
                .help("the ledger reads every log entry once before the log may be cleaned"));
            };
            receipts.extend(receipt_of(version, &text));
        }
        Ok(receipts)
    }
}

/// The receipt of one log entry, if it carries one.
pub(crate) fn receipt_of(version: i64, entry: &[u8]) -> Option<Receipt> {
    let info = entry.split(|byte| *byte == b'\n').find_map(|line| {
        let mut line: Map<String, Value> = serde_json::from_slice(line).ok()?;
        line.remove("commitInfo")
    })?;
    let mut receipt: Receipt = serde_json::from_value(info.get("huiliu")?.clone()).ok()?;
    receipt.version = version;
    receipt.committed_at_ms = info.get("timestamp").and_then(Value::as_i64).unwrap_or(0);
    Some(receipt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_entry_without_a_receipt_is_passed_over() {
        assert_eq!(
            receipt_of(0, br#"{"commitInfo":{"timestamp":1,"operation":"CREATE TABLE"}}"#),
            None
        );
        assert_eq!(receipt_of(1, b"{\"add\":{}}\n"), None);
        assert_eq!(receipt_of(1, b"not json\n"), None);
    }

    #[test]
    fn a_receipt_is_read_as_it_was_documented() {
        let entry = br#"{"commitInfo":{"timestamp":42,"huiliu":{"covers":{"t/0":[0,500]},
            "tally":{"accepted":499,"rejected":1,"tombstones":0,"control":0,"gaps":0},
            "rows":499,"newest_record_ms":7,"quality":[{"day":18359,"department":"D",
            "rows":[500,471,490],"cells":{"id":[500,495,499]},
            "findings":{"id":{"CHECKSUM":1}}}]}}}"#;
        let one_line: Vec<u8> = entry.iter().copied().filter(|byte| *byte != b'\n').collect();
        let receipt = receipt_of(9, &one_line).expect("it carries a receipt");
        assert_eq!((receipt.version, receipt.committed_at_ms, receipt.rows), (9, 42, 499));
        assert_eq!(receipt.covers["t/0"], [0, 500]);
        assert_eq!((receipt.tally.accepted, receipt.tally.rejected), (499, 1));
        let department = &receipt.quality[0];
        assert_eq!(department.day, 18_359);
        assert_eq!((department.rows, department.cells["id"]), ([500, 471, 490], [500, 495, 499]));
        assert_eq!(department.findings["id"]["CHECKSUM"], 1);
    }
}
