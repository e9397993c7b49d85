//! Receipts counted again where their records came from.
//!
//! Of a receipt whose ranges Kafka still has, the records that a reader sees are as many as it says
//! were accepted, rejected or tombstones, and those without a value as many as its tombstones.
//! Control records and aborted transactions are seen by nobody, and are not counted.

use crate::console::Console;
use crate::failure::Failure;
use huiliu_kafka::{Counted, RangeCount, Settings, compacted_topics, count_records};
use huiliu_lake::Fault;
use huiliu_lake::audit::Audited;
use huiliu_lake::receipt::Receipt;
use huiliu_model::{Error, ErrorKind, Partition};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What Kafka had to say of one table.
#[derive(Debug, Default, Serialize)]
pub struct InKafka {
    pub receipts_recounted: u64,
    /// Receipts of files, of compacted kafka topics, and those whose records Kafka has no more.
    pub receipts_not_there: u64,
    pub records: u64,
}

/// Counts in Kafka; the first receipt that differs becomes the fault of the chain.
///
/// # Errors
/// As Kafka answers.
pub async fn in_kafka(
    settings: &Settings,
    audited: &mut Audited,
    receipts: Vec<Receipt>,
    console: &Console,
) -> Result<InKafka, Failure> {
    let wanted = wanted(&receipts);
    let offsets = wanted.values().flatten().map(|range| range.end - range.start).sum::<i64>();
    let bar = bar(&audited.chain.table, offsets, console);
    let (settings, shown) = (settings.clone(), bar.clone());
    let counting = tokio::task::spawn_blocking(move || {
        let topics: BTreeSet<&str> = wanted.keys().map(|p| &*p.kafka_topic).collect();
        let compacted = compacted_topics(&settings, &topics)?;
        Ok::<_, Error>((count_records(&settings, &wanted, |read| shown.inc(read))?, compacted))
    });
    let counted = counting
        .await
        .map_err(|e| Error::new(ErrorKind::Bug, "counting in kafka stopped").because(e))?;
    bar.finish_and_clear();
    let (counted, compacted) = counted?;
    let mut found = InKafka::default();
    for receipt in &receipts {
        let mut from = ranges(receipt).into_iter().flatten();
        let is_compacted = from.any(|(p, _)| compacted.contains(&*p.kafka_topic));
        let Some(count) = of(receipt, &counted).filter(|_| !is_compacted) else {
            found.receipts_not_there += 1;
            continue;
        };
        found.receipts_recounted += 1;
        found.records += count.records;
        if let Some(what) = difference(receipt, count) {
            audited.chain.fault = Some(Fault { version: receipt.version, what });
            break;
        }
    }
    let (table, records) = (&audited.chain.table, found.records);
    console.say(format!("{table}: {records} records counted in Kafka"));
    Ok(found)
}

/// The ranges of all receipts whose records came from Kafka.
fn wanted(receipts: &[Receipt]) -> BTreeMap<Partition, Vec<Range<i64>>> {
    let mut wanted: BTreeMap<Partition, Vec<Range<i64>>> = BTreeMap::new();
    for (partition, range) in receipts.iter().flat_map(ranges).flatten() {
        wanted.entry(partition).or_default().push(range);
    }
    wanted
}

/// Partitions and ranges of a receipt; a `None` for what did not come from Kafka: the name of a
/// kafka_topic has no slash, that of a file has.
fn ranges(receipt: &Receipt) -> Vec<Option<(Partition, Range<i64>)>> {
    let covers = receipt.covers.iter().filter(|(_, [start, end])| start < end);
    covers
        .map(|(id, [start, end])| {
            let (topic, number) = id.rsplit_once('/').filter(|(topic, _)| !topic.contains('/'))?;
            Some((Partition::new(topic, number.parse().ok()?), *start..*end))
        })
        .collect()
}

/// The sum over the ranges of a receipt, if all of them were counted.
fn of(receipt: &Receipt, counted: &Counted) -> Option<RangeCount> {
    let mut sum = RangeCount::default();
    for range in ranges(receipt) {
        let (partition, range) = range?;
        let count = counted.get(&(partition, range.start, range.end))?;
        sum.records += count.records;
        sum.tombstones += count.tombstones;
    }
    Some(sum)
}

fn difference(receipt: &Receipt, count: RangeCount) -> Option<String> {
    let tally = &receipt.tally;
    let said = tally.accepted + tally.rejected + tally.tombstones;
    let RangeCount { records, tombstones } = count;
    if said == records && tally.tombstones == tombstones {
        return None;
    }
    Some(format!(
        "the receipt says {said} records, {} of them tombstones, Kafka has {records} and \
         {tombstones}",
        tally.tombstones
    ))
}

fn bar(table: &str, offsets: i64, console: &Console) -> ProgressBar {
    let template = "  {prefix:24} {bar:30} {human_pos}/{human_len} offsets, {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = console.bars().add(ProgressBar::new(offsets.max(0).unsigned_abs()));
    bar.set_style(style);
    bar.set_prefix(table.to_owned());
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(covers: &str) -> Receipt {
        let text = format!(
            r#"{{"covers": {covers}, "rows": 1, "newest_record_ms": 1, "tally": {{"accepted": 5,
                "rejected": 2, "tombstones": 1, "control": 3, "gaps": 0}}}}"#
        );
        serde_json::from_str(&text).expect("a receipt")
    }

    #[test]
    fn a_receipt_is_the_sum_of_its_ranges_and_differs_by_records_or_by_tombstones() {
        let counted: Counted = [
            ((Partition::new("a.b", 0), 0, 8), RangeCount { records: 6, tombstones: 1 }),
            ((Partition::new("a.b", 1), 7, 10), RangeCount { records: 2, tombstones: 0 }),
        ]
        .into();
        let both = receipt(r#"{"a.b/0": [0, 8], "a.b/1": [7, 10], "a.b/2": [4, 4]}"#);
        let sum = of(&both, &counted).expect("both were counted");
        assert_eq!(sum, RangeCount { records: 8, tombstones: 1 });
        assert_eq!(difference(&both, sum), None);
        assert!(difference(&both, RangeCount { records: 9, tombstones: 1 }).is_some());
        assert!(difference(&both, RangeCount { records: 8, tombstones: 2 }).is_some());
        assert_eq!(of(&receipt(r#"{"a.b/0": [0, 8], "a.b/1": [3, 10]}"#), &counted), None);
        assert_eq!(of(&receipt(r#"{"file/00ff/0": [0, 8]}"#), &counted), None);
    }
}
