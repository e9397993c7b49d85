//! Expected rows against actual rows, as sets by key.

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::table::TableSpec;
use std::collections::BTreeMap;
use std::fmt;

/// One difference between expected and actual rows; prints as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Expected, and not yielded.
    Missing { key: String },
    /// Yielded, and not expected.
    Unexpected { key: String },
    /// The same key twice on one side.
    Repeated { key: String, side: &'static str },
    /// Another value in one column.
    Value { key: String, column: String, expected: String, actual: String },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { key } => write!(f, "- {key}: expected, the query does not yield it"),
            Self::Unexpected { key } => write!(f, "+ {key}: the query yields it, not expected"),
            Self::Repeated { key, side } => write!(f, "! {key}: twice among the {side} rows"),
            Self::Value { key, column, expected, actual } => {
                write!(f, "~ {key}: {column} expected {expected}, the query yields {actual}")
            }
        }
    }
}

type Rows = BTreeMap<String, Vec<String>>;

/// Differences in the columns `names`, in the order of the key.
pub(super) fn compare(
    spec: &TableSpec,
    names: &[String],
    expected: &RecordBatch,
    actual: &[RecordBatch],
) -> Result<Vec<Difference>, Error> {
    let mut found = Vec::new();
    let broken = |e: ArrowError| {
        let message = format!("table {}: rows cannot be printed", spec.full_name());
        Error::new(ErrorKind::Bug, message).because(e)
    };
    let side = |batches: &[RecordBatch], side, found: &mut Vec<Difference>| {
        let mut rows = Rows::new();
        for batch in batches {
            for (key, values) in printed(spec, names, batch)? {
                if rows.insert(key.clone(), values).is_some() {
                    found.push(Difference::Repeated { key, side });
                }
            }
        }
        Ok(rows)
    };
    let expected = side(std::slice::from_ref(expected), "expected", &mut found).map_err(broken)?;
    let mut actual = side(actual, "yielded", &mut found).map_err(broken)?;
    for (key, wanted) in expected {
        let Some(had) = actual.remove(&key) else {
            found.push(Difference::Missing { key });
            continue;
        };
        for ((column, expected), actual) in names.iter().zip(wanted).zip(had) {
            if expected != actual {
                let (key, column) = (key.clone(), column.clone());
                found.push(Difference::Value { key, column, expected, actual });
            }
        }
    }
    found.extend(actual.into_keys().map(|key| Difference::Unexpected { key }));
    Ok(found)
}

/// Key and printed values of each row.
fn printed(
    spec: &TableSpec,
    names: &[String],
    batch: &RecordBatch,
) -> Result<Vec<(String, Vec<String>)>, ArrowError> {
    let options = FormatOptions::new().with_null("null");
    let formatter = |name: &String| {
        let column = batch.column_by_name(name).ok_or_else(|| {
            ArrowError::SchemaError(format!("column `{name}` is not among the rows"))
        })?;
        ArrayFormatter::try_new(column.as_ref(), &options)
    };
    let keys = spec.key.iter().map(formatter).collect::<Result<Vec<_>, _>>()?;
    let values = names.iter().map(formatter).collect::<Result<Vec<_>, _>>()?;
    let print = |list: &[ArrayFormatter<'_>], row| -> Result<Vec<String>, ArrowError> {
        list.iter().map(|f| f.value(row).try_to_string()).collect()
    };
    (0..batch.num_rows())
        .map(|row| {
            let key = spec.key.iter().zip(print(&keys, row)?).map(|(k, v)| format!("{k}={v}"));
            Ok((key.collect::<Vec<_>>().join(" "), print(&values, row)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec_of;
    use arrow::array::{ArrayRef, Float64Array, StringArray};
    use std::sync::Arc;

    fn rows(keys: &[&str], values: &[Option<f64>]) -> RecordBatch {
        let k: ArrayRef = Arc::new(StringArray::from(keys.to_vec()));
        let v: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
        RecordBatch::try_from_iter_with_nullable([("k", k, false), ("v", v, true)]).expect("rows")
    }

    #[test]
    fn each_kind_of_difference_is_one_line() {
        let spec = spec_of(&[("k", "string"), ("v", "double")], "");
        let names = ["k".to_owned(), "v".to_owned()];
        let expected = rows(&["a", "b", "c"], &[Some(1.5), None, Some(0.1)]);
        let actual = rows(&["a", "b", "d", "d"], &[Some(1.5), Some(2.0), None, None]);
        let found = compare(&spec, &names, &expected, &[actual]).expect("printable");
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "! k=d: twice among the yielded rows",
                "~ k=b: v expected null, the query yields 2.0",
                "- k=c: expected, the query does not yield it",
                "+ k=d: the query yields it, not expected",
            ]
        );
    }
}
