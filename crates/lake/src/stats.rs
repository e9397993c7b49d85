//! File statistics for the log, from what the Parquet footer already knows.
//!
//! Row and null counts for every column; bounds for integers, dates, instants and short texts.
//! A bound that the footer does not have exactly is left out: a missing bound prunes nothing, a
//! wrong one loses rows. Delta keeps instants in milliseconds, so an upper bound is rounded up.

use chrono::{DateTime, Duration, NaiveDate, SecondsFormat};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;
use serde_json::{Map, Value, json};

/// Texts longer than this get no bounds: Parquet's own are cut there. A token has 64 digits.
const TEXT_BYTES_MAX: usize = 64;

/// The `stats` JSON of an add action.
pub fn to_json(metadata: &ParquetMetaData) -> String {
    let rows: i64 = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).sum();
    let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
    let schema = metadata.file_metadata().schema_descr();
    for (index, column) in schema.columns().iter().enumerate() {
        let groups: Option<Vec<&Statistics>> =
            metadata.row_groups().iter().map(|g| g.column(index).statistics()).collect();
        let Some(groups) = groups else { continue };
        let counts: Option<Vec<u64>> = groups.iter().map(|s| s.null_count_opt()).collect();
        if let Some(counts) = counts {
            nulls.insert(column.name().to_owned(), json!(counts.iter().sum::<u64>()));
        }
        if let Some((low, high)) = bounds(column, &groups) {
            min.insert(column.name().to_owned(), low);
            max.insert(column.name().to_owned(), high);
        }
    }
    json!({"numRecords": rows, "minValues": min, "maxValues": max, "nullCount": nulls}).to_string()
}

fn bounds(column: &ColumnDescriptor, groups: &[&Statistics]) -> Option<(Value, Value)> {
    match groups.first()? {
        Statistics::Int32(_) => {
            let (low, high) = extremes(groups, |s| match s {
                Statistics::Int32(v) => Some((i64::from(*v.min_opt()?), i64::from(*v.max_opt()?))),
                _ => None,
            })?;
            integer_bounds(column, low, high)
        }
        Statistics::Int64(_) => {
            let (low, high) = extremes(groups, |s| match s {
                Statistics::Int64(v) => Some((*v.min_opt()?, *v.max_opt()?)),
                _ => None,
            })?;
            integer_bounds(column, low, high)
        }
        Statistics::ByteArray(_) if column.converted_type() == ConvertedType::UTF8 => {
            let (low, high) = extremes(groups, |s| match s {
                Statistics::ByteArray(v) if v.min_is_exact() && v.max_is_exact() => {
                    Some((short_text(v.min_opt()?.data())?, short_text(v.max_opt()?.data())?))
                }
                _ => None,
            })?;
            Some((json!(low), json!(high)))
        }
        _ => None,
    }
}

/// Bounds over all row groups; groups of nulls alone have none and are passed over.
fn extremes<T: Ord>(
    groups: &[&Statistics],
    of: impl Fn(&Statistics) -> Option<(T, T)>,
) -> Option<(T, T)> {
    let mut found: Option<(T, T)> = None;
    for group in groups {
        if group.min_bytes_opt().is_none() && group.max_bytes_opt().is_none() {
            continue;
        }
        let (low, high) = of(group)?;
        found = Some(match found {
            None => (low, high),
            Some((a, b)) => (a.min(low), b.max(high)),
        });
    }
    found
}

fn integer_bounds(column: &ColumnDescriptor, low: i64, high: i64) -> Option<(Value, Value)> {
    match column.logical_type_ref() {
        None => match column.converted_type() {
            ConvertedType::NONE => Some((json!(low), json!(high))),
            _ => None,
        },
        Some(LogicalType::Integer { .. }) => Some((json!(low), json!(high))),
        Some(LogicalType::Date) => Some((date(low)?, date(high)?)),
        Some(LogicalType::Timestamp(time)) if matches!(time.unit, TimeUnit::MICROS) => {
            let high = DateTime::from_timestamp_micros(high)? + Duration::microseconds(999);
            let low = DateTime::from_timestamp_micros(low)?;
            let text = |t: DateTime<_>| json!(t.to_rfc3339_opts(SecondsFormat::Millis, true));
            Some((text(low), text(high)))
        }
        _ => None,
    }
}

fn date(days: i64) -> Option<Value> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    let day = epoch.checked_add_signed(Duration::try_days(days)?)?;
    Some(json!(day.format("%Y-%m-%d").to_string()))
}

fn short_text(bytes: &[u8]) -> Option<String> {
    (bytes.len() <= TEXT_BYTES_MAX).then(|| String::from_utf8(bytes.to_vec()).ok()).flatten()
}
