//! Rows written by hand (CSV or JSON text) as typed columns: dimensions and test cases.
//!
//! A column that is not declared is an error; a declared column that is absent is null; an empty
//! cell is null. A value that does not fit its type is an error that names line and column.

use arrow::array::{Array, ArrayRef, AsArray, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::csv::reader::{Format, ReaderBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use huiliu_model::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

type Texts = BTreeMap<String, Vec<Option<String>>>;

/// Rows of a CSV text with a header; `what` names the text in errors.
pub(crate) fn from_csv(text: &str, fields: &[Field], what: &str) -> Result<RecordBatch, Error> {
    let (names, rows) = csv_texts(text, what)?;
    let mut texts = Texts::new();
    for (index, name) in names.iter().enumerate() {
        let column = rows.iter().flat_map(|batch| {
            let cells = batch.column(index).as_string::<i32>();
            cells.iter().map(|cell| cell.map(str::to_owned)).collect::<Vec<_>>()
        });
        texts.insert(name.clone(), column.collect());
    }
    let count = rows.iter().map(RecordBatch::num_rows).sum();
    // Line 1 is the header.
    typed(&texts, count, fields, what, |row| format!("line {}", row + 2))
}

/// Column names of a CSV text, in order.
pub(crate) fn csv_names(text: &str, what: &str) -> Result<Vec<String>, Error> {
    let format = Format::default().with_header(true);
    let (schema, _) =
        format.infer_schema(Cursor::new(text), Some(0)).map_err(|e| malformed(what, e))?;
    Ok(schema.fields().iter().map(|f| f.name().clone()).collect())
}

fn csv_texts(text: &str, what: &str) -> Result<(Vec<String>, Vec<RecordBatch>), Error> {
    let names = csv_names(text, what)?;
    let fields: Vec<_> = names.iter().map(|n| Field::new(n, DataType::Utf8, true)).collect();
    let reader = ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_header(true)
        .build(Cursor::new(text))
        .map_err(|e| malformed(what, e))?;
    let rows = reader.collect::<Result<Vec<_>, _>>().map_err(|e| malformed(what, e))?;
    Ok((names, rows))
}

/// Rows of a JSON text: an array of flat objects.
pub(crate) fn from_json(text: &str, fields: &[Field], what: &str) -> Result<RecordBatch, Error> {
    let objects: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(text)
        .map_err(|e| invalid(format!("{what}: not an array of objects")).because(e))?;
    let mut texts = Texts::new();
    for (row, object) in objects.iter().enumerate() {
        for (name, value) in object {
            let cell = match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Number(_) | serde_json::Value::Bool(_) => {
                    Some(value.to_string())
                }
                _ => {
                    let at = row + 1;
                    return Err(invalid(format!("{what}: object {at}, `{name}` is nested")));
                }
            };
            let column = texts.entry(name.clone()).or_insert_with(|| vec![None; objects.len()]);
            column[row] = cell;
        }
    }
    typed(&texts, objects.len(), fields, what, |row| format!("object {}", row + 1))
}

fn typed(
    texts: &Texts,
    row_count: usize,
    fields: &[Field],
    what: &str,
    place: impl Fn(usize) -> String,
) -> Result<RecordBatch, Error> {
    if let Some(name) = texts.keys().find(|n| fields.iter().all(|f| f.name() != *n)) {
        let known: Vec<_> = fields.iter().map(|f| f.name().as_str()).collect();
        let help = format!("known columns: {}", known.join(", "));
        return Err(invalid(format!("{what}: column `{name}` is not declared")).help(help));
    }
    let column = |field: &Field| -> Result<ArrayRef, Error> {
        let Some(cells) = texts.get(field.name()) else {
            return Ok(new_null_array(field.data_type(), row_count));
        };
        let cells: ArrayRef = Arc::new(StringArray::from(cells.clone()));
        let values = cast(&cells, field.data_type()).map_err(|e| malformed(what, e))?;
        let lost = (0..row_count).find(|&row| values.is_null(row) && !cells.is_null(row));
        lost.map_or(Ok(values), |row| {
            let type_name = crate::schema::label(field.data_type());
            Err(invalid(format!(
                "{what}: {}, column `{}` is not a {type_name}",
                place(row),
                field.name()
            )))
        })
    };
    let columns = fields.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let open = |field: &Field| field.clone().with_nullable(true);
    let schema = Arc::new(Schema::new(fields.iter().map(open).collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(|e| malformed(what, e))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

fn malformed(what: &str, error: arrow::error::ArrowError) -> Error {
    invalid(format!("{what}: not a table of rows")).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Vec<Field> {
        vec![
            Field::new("a", DataType::Utf8, false),
            Field::new("n", DataType::Decimal128(18, 2), true),
            Field::new("d", DataType::Date32, true),
        ]
    }

    #[test]
    fn absent_columns_and_empty_cells_are_null() {
        let rows = from_csv("a,d\nx,2020-01-01\ny,\n", &fields(), "given").expect("fits");
        assert_eq!(rows.num_rows(), 2);
        assert_eq!(rows.column(1).null_count(), 2);
        assert_eq!(rows.column(2).null_count(), 1);
    }

    #[test]
    fn json_and_csv_give_the_same_rows() {
        let csv = from_csv("a,n\nx,1.50\n", &fields(), "given").expect("fits");
        let json = from_json(r#"[{"a": "x", "n": 1.5}]"#, &fields(), "given").expect("fits");
        assert_eq!(csv, json);
    }

    #[test]
    fn a_value_that_does_not_fit_is_named_by_line_and_column() {
        let error = from_csv("a,d\nx,2020-01-01\ny,soon\n", &fields(), "f.csv").expect_err("date");
        assert_eq!(error.message, "f.csv: line 3, column `d` is not a date");
        let error = from_csv("a,b\nx,1\n", &fields(), "f.csv").expect_err("unknown");
        assert_eq!(error.message, "f.csv: column `b` is not declared");
    }
}
