//! Contracts and records for the tests of this crate.
#![allow(dead_code, reason = "each test takes what it needs")]

pub mod avro;

use huiliu_decode::{Decoder, Limits};
use huiliu_model::contract::{Format, Freshness, Group, Land, Mode, OnFail};
use huiliu_model::{
    Cell, CellKind, Changes, Column, Contract, DataType, Grade, Protect, Record, Records, Truncate,
};

/// A contract of text columns; the first `key_count` are the key.
pub fn contract(format: Format, columns: &[&str], key_count: usize) -> Contract {
    let column = |name: &&str| Column {
        name: (*name).to_owned(),
        title: (*name).to_owned(),
        data_type: DataType::String,
        required: false,
        unit: None,
        grade: Grade::L1,
        protect: Protect::Keep,
        rules: Vec::new(),
        on_fail: OnFail::Null,
        source: huiliu_model::contract::AtSource::default(),
    };
    Contract {
        dataset: "water_account".into(),
        title: "供水用户档案".into(),
        provider: "市水务集团".into(),
        group: Group::Feed,
        cycle: None,
        kafka_topics: "feed.water.account".into(),
        format,
        epoch: 3,
        mode: Mode::Cdc,
        columns: columns.iter().map(column).collect(),
        key: (0..key_count).collect(),
        bucket_by: (0..key_count).collect(),
        buckets: 1,
        checks: Vec::new(),
        stop_if: None,
        drift: huiliu_model::DriftPolicy::default(),
        land: Land::default(),
        freshness: Freshness::default(),
    }
}

pub fn decoder(format: Format, columns: &[&str], key_count: usize) -> Decoder {
    Decoder::new(&contract(format, columns, key_count), Limits::default())
}

/// Records of one partition, from offset 100; an absent value is a tombstone.
pub fn records<'b>(entries: impl IntoIterator<Item = (&'b [u8], Option<&'b [u8]>)>) -> Records {
    let mut records = Records::new("water_account".into(), "feed.water.account".into());
    for (offset, (key, value)) in (100..).zip(entries) {
        let key = Some(records.store(key));
        let value = value.map(|value| records.store(value));
        records.entries.push(Record { partition: 0, offset, timestamp_ms: 0, key, value });
    }
    records
}

pub fn values<'b>(values: impl IntoIterator<Item = &'b [u8]>) -> Records {
    records(values.into_iter().map(|value| (&b"k"[..], Some(value))))
}

/// A cell as one text: its kind's mark and its bytes.
pub fn shown(changes: &Changes, records: &Records, cell: Cell) -> String {
    let text = changes.text(&records.arena, cell);
    match cell.kind {
        CellKind::Missing => "missing".to_owned(),
        CellKind::Null => "null".to_owned(),
        CellKind::True => "true".to_owned(),
        CellKind::False => "false".to_owned(),
        CellKind::Unavailable => "unavailable".to_owned(),
        CellKind::Text => format!("'{text}'"),
        CellKind::Unescaped => format!("~{text}~"),
        CellKind::Number => format!("#{text}"),
        CellKind::Nested => format!("@{text}"),
        CellKind::Binary(_) => format!("%{text}"),
    }
}

/// Everything a decode yielded, one line per row and reject, in the order of the records:
/// `record.ordinal op seq event_time: cells…`, `record REASON at`, then what was skipped, and the
/// truncate.
pub fn transcript(changes: &Changes, records: &Records) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, row) in changes.rows.iter().enumerate() {
        let cells: Vec<String> =
            changes.columns.iter().map(|column| shown(changes, records, column[index])).collect();
        let time = row.event_time_us.map_or("-".to_owned(), |time| time.to_string());
        let (record, ordinal, op, seq) = (row.record, row.ordinal, row.op.letter(), row.seq);
        let cells = cells.join(" ");
        lines.push((record, format!("{record}.{ordinal} {op} {seq} {time}: {cells}")));
    }
    for reject in &changes.rejects {
        let at = reject.at.map_or("-".to_owned(), |at| at.to_string());
        lines.push((reject.record, format!("{} {} {at}", reject.record, reject.reason.label())));
    }
    lines.sort_by_key(|(record, _)| *record);
    let mut lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    let skipped = changes.skipped;
    if skipped.tombstone + skipped.control > 0 {
        lines.push(format!("skipped {} tombstone {} control", skipped.tombstone, skipped.control));
    }
    if let Some(Truncate { epoch, seq, partition, offset, event_time_us, .. }) = &changes.truncate {
        let time = event_time_us.map_or("-".to_owned(), |time| time.to_string());
        lines.push(format!("truncated at {epoch}/{seq} by {partition}:{offset} {time}"));
    }
    lines
}

/// Every record is accounted for once, and every column has a cell for every row.
pub fn assert_balanced(changes: &Changes, records: &Records) {
    let first_rows = changes.rows.iter().filter(|row| row.ordinal == 0).count();
    let skipped = changes.skipped.tombstone + changes.skipped.control;
    let skipped = usize::try_from(skipped).expect("a small count");
    assert_eq!(first_rows + changes.rejects.len() + skipped, records.entries.len());
    for column in &changes.columns {
        assert_eq!(column.len(), changes.rows.len());
        for cell in column {
            let is_text = !matches!(cell.kind, CellKind::Binary(_));
            let bytes = changes.bytes(&records.arena, *cell);
            assert!(!is_text || std::str::from_utf8(bytes).is_ok());
        }
    }
}
