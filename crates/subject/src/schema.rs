//! Declared columns against what a query yields.
//!
//! Names, order and types must be the declared ones; a decimal of another precision is another
//! type. Only the spelling of text (plain, large, view) and of UTC may differ, and is unified.

use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::table::{TableColumn, TableSpec};
use std::sync::Arc;

/// The table's columns as stored: key columns not null, titles as the metadata key `comment`.
pub fn declared(spec: &TableSpec) -> SchemaRef {
    let field = |column: &TableColumn| {
        let nullable = !spec.key.contains(&column.name);
        // `spec` admits no other spelling of a type than those known here.
        let data_type = arrow_type(&column.data_type).unwrap_or(DataType::Null);
        Field::new(&column.name, data_type, nullable)
            .with_metadata([("comment".to_owned(), column.title.clone())].into())
    };
    Arc::new(Schema::new(spec.columns.iter().map(field).collect::<Vec<_>>()))
}

/// Differences between the declared columns and those a query yields, one sentence each.
pub fn differences(declared: &Schema, yielded: &Schema) -> Vec<String> {
    let (want, have) = (declared.fields(), yielded.fields());
    let mut found = Vec::new();
    for (index, field) in want.iter().enumerate() {
        let position = index + 1;
        match have.get(index) {
            None => found.push(format!(
                "column {position} is declared as `{}`, the query yields {} columns",
                field.name(),
                have.len()
            )),
            Some(other) if other.name() != field.name() => found.push(format!(
                "column {position} is declared as `{}`, the query yields `{}`",
                field.name(),
                other.name()
            )),
            Some(other) if !alike(field.data_type(), other.data_type()) => found.push(format!(
                "column `{}` is declared as {}, the query yields {}",
                field.name(),
                label(field.data_type()),
                label(other.data_type())
            )),
            Some(_) => {}
        }
    }
    found.extend(have.iter().enumerate().skip(want.len()).map(|(index, extra)| {
        format!("column {} of the query, `{}`, is not declared", index + 1, extra.name())
    }));
    found
}

/// Fails on the first differences, with both sides.
///
/// # Errors
/// `Invalid`, naming every column that differs.
pub fn verify(spec: &TableSpec, yielded: &Schema) -> Result<(), Error> {
    let found = differences(&declared(spec), yielded);
    if found.is_empty() {
        return Ok(());
    }
    let table = spec.full_name();
    Err(Error::new(ErrorKind::Invalid, format!("table {table}: {}", found.join("; ")))
        .help("make table.yaml and query.sql agree"))
}

/// Rows of a verified schema as rows of the declared one.
///
/// # Errors
/// `Invalid` when a key column holds a null.
pub fn conform(table: &str, schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let broken =
        |e| Error::new(ErrorKind::Bug, format!("table {table}: rows do not fit")).because(e);
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if !field.is_nullable() && column.null_count() > 0 {
            let count = column.null_count();
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("table {table}: key column `{}` is null in {count} rows", field.name()),
            )
            .help("filter such rows out in query.sql, or take the column out of the key"));
        }
        columns.push(cast(column, field.data_type()).map_err(broken)?);
    }
    RecordBatch::try_new(schema.clone(), columns).map_err(broken)
}

/// Same type but for the spelling of text and of UTC.
pub(crate) fn alike(left: &DataType, right: &DataType) -> bool {
    let text =
        |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let utc = |t: &DataType| match t {
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => {
            matches!(zone.as_ref(), "UTC" | "+00:00" | "Z")
        }
        _ => false,
    };
    left == right || (text(left) && text(right)) || (utc(left) && utc(right))
}

/// The type that a name in table.yaml stands for.
pub(crate) fn arrow_type(name: &str) -> Option<DataType> {
    Some(match name {
        "string" => DataType::Utf8,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "double" => DataType::Float64,
        "boolean" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => huiliu_model::system::timestamp(),
        other => {
            let (precision, scale) =
                other.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
            DataType::Decimal128(precision.trim().parse().ok()?, scale.trim().parse().ok()?)
        }
    })
}

/// The name of a type in table.yaml.
pub(crate) fn label(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".into(),
        DataType::Int32 => "int32".into(),
        DataType::Int64 => "int64".into(),
        DataType::Float64 => "double".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Date32 => "date".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision}, {scale})"),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(fields: &[(&str, DataType)]) -> Schema {
        Schema::new(fields.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>())
    }

    #[test]
    fn a_difference_names_both_sides() {
        let declared = schema(&[("a", DataType::Utf8), ("b", DataType::Int32)]);
        let yielded = schema(&[("a", DataType::Utf8View), ("b", DataType::Int64)]);
        assert_eq!(
            differences(&declared, &yielded),
            ["column `b` is declared as int32, the query yields int64"]
        );
        let decimals = |p| schema(&[("d", DataType::Decimal128(p, 2))]);
        assert_eq!(
            differences(&decimals(18), &decimals(28)),
            ["column `d` is declared as decimal(18, 2), the query yields decimal(28, 2)"]
        );
    }

    #[test]
    fn missing_extra_and_swapped_columns_are_told_apart() {
        let ab = schema(&[("a", DataType::Utf8), ("b", DataType::Utf8)]);
        let ba = schema(&[("b", DataType::Utf8), ("a", DataType::Utf8)]);
        let a = schema(&[("a", DataType::Utf8)]);
        assert_eq!(differences(&ab, &ba).len(), 2);
        assert_eq!(
            differences(&ab, &a),
            ["column 2 is declared as `b`, the query yields 1 columns"]
        );
        assert_eq!(differences(&a, &ab), ["column 2 of the query, `b`, is not declared"]);
    }
}
