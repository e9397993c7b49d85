//! Tables whose files follow each other: rows are sorted by identity and dealt out to files by
//! ranges of it, so that the bounds in the log tell a reader which file holds a value.
//!
//! ```text
//! identity   91A …… 91K │ 91K …… 91T │ 91T …… 91Z      a file each; an identity larger than a
//! files         f1      │    f2      │     f3          file lies in several that follow each other
//! ```
//!
//! Everything here is about cost, not about what is right: a file without bounds may hold any
//! value, and a row may lie in any file.

use crate::error::arrow_error;
use crate::log::FileMeta;
use crate::stage::named;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{cast, partition};
use arrow::datatypes::DataType;
use huiliu_model::Error;
use serde_json::Value;
use std::ops::Range;

/// Files that a table is dealt out to, unless these would be too small or too large.
const FILES: usize = 32;
/// Fewest and most rows that a file is made for.
const ROWS: Range<usize> = 4 * 1024..128 * 1024;

/// Rows that the files of a table of `rows` rows are made for. What changes is written again by
/// the file, so a file is a small share of its table; a reader of the whole table wants few files.
pub fn rows_per_file(rows: usize) -> usize {
    (rows / FILES).clamp(ROWS.start, ROWS.end)
}

/// What the log says about the values of a column in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Least and greatest value; `None` when all are null.
    pub range: Option<(String, String)>,
    pub nulls: bool,
}

/// Bounds of a column of texts or dates; `None` when the log does not tell.
pub fn bounds(file: &FileMeta, column: &str) -> Option<Bounds> {
    let stats: Value = serde_json::from_str(file.stats.as_deref()?).ok()?;
    let text = |part: &str| stats.get(part)?.get(column)?.as_str().map(str::to_owned);
    let nulls = stats.get("nullCount")?.get(column)?.as_i64()?;
    let range = match (text("minValues"), text("maxValues")) {
        (Some(least), Some(most)) => Some((least, most)),
        _ if nulls == stats.get("numRecords")?.as_i64()? => None,
        _ => return None,
    };
    Some(Bounds { range, nulls: nulls > 0 })
}

/// Values as texts that are ordered as the values are; `None` for other types.
fn texts(values: &ArrayRef) -> Result<Option<StringArray>, Error> {
    match values.data_type() {
        DataType::Utf8 | DataType::Date32 => {
            let texts = cast(values, &DataType::Utf8);
            let texts = texts.map_err(|e| arrow_error("comparing values with bounds", e))?;
            Ok(Some(texts.as_string::<i32>().clone()))
        }
        _ => Ok(None),
    }
}

/// Tells which files may hold rows with some values.
pub struct Narrowing {
    columns: Vec<Values>,
}

/// Wanted values of one column.
struct Values {
    column: String,
    sorted: Vec<String>,
    null: bool,
}

impl Narrowing {
    /// `tuples` has one column for each of `columns`.
    ///
    /// # Errors
    /// `Bug` for values that cannot be compared.
    pub fn new(columns: &[String], tuples: &[ArrayRef]) -> Result<Self, Error> {
        let mut found = Vec::new();
        for (column, values) in columns.iter().zip(tuples) {
            let Some(texts) = texts(values)? else { continue };
            let mut sorted: Vec<String> = texts.iter().flatten().map(str::to_owned).collect();
            sorted.sort_unstable();
            sorted.dedup();
            found.push(Values { column: column.clone(), sorted, null: texts.null_count() > 0 });
        }
        Ok(Self { columns: found })
    }

    pub fn may_hold(&self, file: &FileMeta) -> bool {
        self.columns.iter().all(|values| match bounds(file, &values.column) {
            None => true,
            Some(bounds) => values.meet(&bounds),
        })
    }
}

impl Values {
    fn meet(&self, bounds: &Bounds) -> bool {
        let lies = |(least, most): &(String, String)| {
            let next = self.sorted.partition_point(|value| value < least);
            self.sorted.get(next).is_some_and(|value| value <= most)
        };
        (self.null && bounds.nulls) || bounds.range.as_ref().is_some_and(lies)
    }
}

/// Files by the least value of a column; those of which nothing is known come first.
pub fn in_order(
    files: impl IntoIterator<Item = (String, FileMeta)>,
    column: &str,
) -> Vec<(String, FileMeta, String)> {
    let least = |file: &FileMeta| {
        let range = bounds(file, column).and_then(|bounds| bounds.range);
        range.map(|(least, _)| least).unwrap_or_default()
    };
    let with_least = |(path, file): (String, FileMeta)| {
        let least = least(&file);
        (path, file, least)
    };
    let mut ordered: Vec<_> = files.into_iter().map(with_least).collect();
    ordered.sort_by(|a, b| (&a.2, &a.0).cmp(&(&b.2, &b.0)));
    ordered
}

/// Deals sorted rows out to files in order: a file gets what is not less than its least value and
/// less than the next file's; the first one gets what is less than all.
///
/// # Errors
/// `Bug` for rows without the column.
pub fn shares(
    rows: &RecordBatch,
    column: &str,
    files: &[(String, FileMeta, String)],
) -> Result<Vec<Range<usize>>, Error> {
    let count = rows.num_rows();
    let values = named(rows, &[column])?;
    let mut starts = vec![0];
    match texts(&values[0])? {
        Some(texts) => {
            let mut at = 0;
            for (_, _, least) in files.iter().skip(1) {
                let before = |row: usize| texts.is_null(row) || texts.value(row) < least.as_str();
                while at < count && before(at) {
                    at += 1;
                }
                starts.push(at);
            }
        }
        None => starts.extend(files.iter().skip(1).map(|_| count)),
    }
    starts.truncate(files.len());
    let ends = starts.iter().skip(1).copied().chain([count]);
    Ok(starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect())
}

/// Cuts sorted rows into pieces of about `rows_per_file`, between two identities where that is
/// possible. One piece may be half as large again.
///
/// # Errors
/// `Bug` for rows without the identity.
pub fn pieces(
    rows: &RecordBatch,
    identity: &[&str],
    rows_per_file: usize,
) -> Result<Vec<Range<usize>>, Error> {
    let count = rows.num_rows();
    if count == 0 {
        return Ok(Vec::new());
    }
    let parts = ((count + rows_per_file / 2) / rows_per_file).max(1);
    let ends: Vec<usize> = partition(&named(rows, identity)?)
        .map_err(|e| arrow_error("telling identities apart", e))?
        .ranges()
        .into_iter()
        .map(|range| range.end)
        .collect();
    let mut pieces = Vec::with_capacity(parts);
    let mut start = 0;
    for part in 1..=parts {
        let wanted = count * part / parts;
        // The last end of an identity that is not beyond, if it leaves a piece at all.
        let next = ends.partition_point(|end| *end <= wanted);
        let before = next.checked_sub(1).map_or(0, |at| ends[at]);
        let end = if before > start { before } else { wanted };
        if end > start {
            pieces.push(start..end);
            start = end;
        }
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests;
