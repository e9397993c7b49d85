//! Expected rows against actual rows, as sets by key.

use arrow::array::{Array, ArrayRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::table::TableSpec;
use std::collections::BTreeMap;

/// Printed values of a row in the compared columns; `None` is null.
pub type Cells = Vec<Option<String>>;

/// One row in which expected and actual differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Expected, and not yielded.
    Missing { key: String, expected: Cells },
    /// Yielded, and not expected.
    Unexpected { key: String, actual: Cells },
    /// The same key twice on one side.
    Repeated { key: String, side: &'static str },
    /// Other values in the columns `at`, by index.
    Changed { key: String, at: Vec<usize>, expected: Cells, actual: Cells },
}

impl Difference {
    /// As one line; `columns` are those that were compared.
    pub fn line(&self, columns: &[String]) -> String {
        match self {
            Self::Missing { key, .. } => format!("- {key}: expected, the query does not yield it"),
            Self::Unexpected { key, .. } => format!("+ {key}: the query yields it, not expected"),
            Self::Repeated { key, side } => format!("! {key}: twice among the {side} rows"),
            Self::Changed { key, at, expected, actual } => {
                let of = |cells: &Cells, at: usize| cells[at].clone().unwrap_or("null".to_owned());
                let one = |&at: &usize| {
                    let (wanted, had) = (of(expected, at), of(actual, at));
                    format!("{} expected {wanted}, the query yields {had}", columns[at])
                };
                format!("~ {key}: {}", at.iter().map(one).collect::<Vec<_>>().join("; "))
            }
        }
    }
}

/// The side of what the query gives.
pub(super) const YIELDED: &str = "yielded";

type Rows = BTreeMap<String, Cells>;

/// Differences in the columns `names`, in the order of the key, and the actual rows.
pub(super) fn compare(
    spec: &TableSpec,
    names: &[String],
    expected: &RecordBatch,
    actual: &[RecordBatch],
) -> Result<(Vec<Difference>, Vec<Cells>), Error> {
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
    let mut actual = side(actual, YIELDED, &mut found).map_err(broken)?;
    let rows = actual.values().cloned().collect();
    for (key, expected) in expected {
        let Some(actual) = actual.remove(&key) else {
            found.push(Difference::Missing { key, expected });
            continue;
        };
        let differs = |at: &usize| expected[*at] != actual[*at];
        let at: Vec<usize> = (0..names.len()).filter(differs).collect();
        if !at.is_empty() {
            found.push(Difference::Changed { key, at, expected, actual });
        }
    }
    let unexpected = |(key, actual)| Difference::Unexpected { key, actual };
    found.extend(actual.into_iter().map(unexpected));
    Ok((found, rows))
}

/// Key and printed values of each row.
fn printed(
    spec: &TableSpec,
    names: &[String],
    batch: &RecordBatch,
) -> Result<Vec<(String, Cells)>, ArrowError> {
    let options = FormatOptions::new().with_null("null");
    let column = |name: &String| {
        batch.column_by_name(name).ok_or_else(|| {
            ArrowError::SchemaError(format!("column `{name}` is not among the rows"))
        })
    };
    let keys = spec.key.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let values = names.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let print = |list: &[&ArrayRef], row: usize| -> Result<Cells, ArrowError> {
        let cell = |array: &&ArrayRef| match array.is_null(row) {
            true => Ok(None),
            false => {
                let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
                formatter.value(row).try_to_string().map(Some)
            }
        };
        list.iter().map(cell).collect()
    };
    (0..batch.num_rows())
        .map(|row| {
            let key = spec.key.iter().zip(print(&keys, row)?);
            let key = key.map(|(k, v)| format!("{k}={}", v.unwrap_or("null".to_owned())));
            Ok((key.collect::<Vec<_>>().join(" "), print(&values, row)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec_of;
    use arrow::array::{Float64Array, StringArray};
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
        let (found, rows) = compare(&spec, &names, &expected, &[actual]).expect("printable");
        let lines: Vec<_> = found.iter().map(|found| found.line(&names)).collect();
        assert_eq!(
            lines,
            [
                "! k=d: twice among the yielded rows",
                "~ k=b: v expected null, the query yields 2.0",
                "- k=c: expected, the query does not yield it",
                "+ k=d: the query yields it, not expected",
            ]
        );
        let cells =
            |key: &str, value: Option<&str>| vec![Some(key.into()), value.map(str::to_owned)];
        assert_eq!(rows, [cells("a", Some("1.5")), cells("b", Some("2.0")), cells("d", None)]);
    }
}
