//! Arrow schemas as Delta schemas.
//!
//! Only types that a reader of version 1 understands; anything else is refused by name rather
//! than written.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use huiliu_model::{Error, ErrorKind};
use serde_json::{Map, Value, json};

/// The `schemaString` of a table with these columns; comments go along.
///
/// # Errors
/// `Bug` for a type without a Delta counterpart.
pub fn to_delta(schema: &Schema) -> Result<String, Error> {
    let fields = schema.fields().iter().map(|f| field(f)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"type": "struct", "fields": fields}).to_string())
}

fn field(field: &Field) -> Result<Value, Error> {
    let kind = match field.data_type() {
        DataType::Utf8 => "string".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
            "timestamp".to_owned()
        }
        DataType::Decimal128(precision, scale) if *scale >= 0 => {
            format!("decimal({precision},{scale})")
        }
        other => {
            return Err(Error::new(
                ErrorKind::Bug,
                format!("column `{}` has type {other}, which no Delta table holds", field.name()),
            ));
        }
    };
    let metadata: Map<String, Value> =
        field.metadata().iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect();
    Ok(json!({
        "name": field.name(),
        "type": kind,
        "nullable": field.is_nullable(),
        "metadata": metadata,
    }))
}

/// The Arrow schema of a `schemaString`.
///
/// # Errors
/// `Corrupt` for text that is no schema, `Invalid` for types this program does not write.
pub fn from_delta(text: &str) -> Result<Schema, Error> {
    let broken = || Error::new(ErrorKind::Corrupt, "a table's schema cannot be read");
    let parsed: Value = serde_json::from_str(text).map_err(|e| broken().because(e))?;
    let fields = parsed.get("fields").and_then(Value::as_array).ok_or_else(broken)?;
    fields
        .iter()
        .map(|f| parse_field(f).ok_or_else(broken))
        .collect::<Result<Vec<_>, _>>()
        .map(Schema::new)
}

fn parse_field(field: &Value) -> Option<Field> {
    let kind = match field.get("type")?.as_str()? {
        "string" => DataType::Utf8,
        "integer" => DataType::Int32,
        "long" => DataType::Int64,
        "double" => DataType::Float64,
        "boolean" => DataType::Boolean,
        "date" => DataType::Date32,
        "binary" => DataType::Binary,
        "timestamp" => huiliu_model::system::timestamp(),
        decimal => {
            let inner = decimal.strip_prefix("decimal(")?.strip_suffix(')')?;
            let (precision, scale) = inner.split_once(',')?;
            DataType::Decimal128(precision.trim().parse().ok()?, scale.trim().parse().ok()?)
        }
    };
    let metadata = field
        .get("metadata")
        .and_then(Value::as_object)
        .map(|m| m.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect());
    let name = field.get("name")?.as_str()?;
    let nullable = field.get("nullable")?.as_bool()?;
    Some(Field::new(name, kind, nullable).with_metadata(metadata.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_survives_the_way_to_delta_and_back() {
        let comment = [("comment".to_owned(), "金额".to_owned())].into();
        let schema = Schema::new(vec![
            Field::new("a", DataType::Utf8, false),
            Field::new("b", DataType::Decimal128(18, 4), true).with_metadata(comment),
            Field::new("c", huiliu_model::system::timestamp(), true),
            Field::new("d", DataType::Binary, true),
        ]);
        let text = to_delta(&schema).expect("all types are known");
        assert!(text.contains(r#""type":"decimal(18,4)""#), "{text}");
        assert_eq!(from_delta(&text).expect("it is a schema"), schema);
    }

    #[test]
    fn a_type_without_a_delta_counterpart_is_refused_by_name() {
        let schema = Schema::new(vec![Field::new("x", DataType::UInt64, true)]);
        let error = to_delta(&schema).expect_err("unsigned integers have none");
        assert_eq!(error.message, "column `x` has type UInt64, which no Delta table holds");
    }
}
