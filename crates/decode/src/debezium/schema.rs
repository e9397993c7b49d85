//! How values are written, as the schema beside a payload says it.
//!
//! A schema names for each field a type of Kafka Connect and often a semantic name. The names
//! are those of Debezium 3 (`io.debezium.time`, `io.debezium.data`) and of Kafka Connect itself;
//! a name that is not known here says nothing beyond its type.

use crate::names::Names;
use huiliu_model::contract::Encoding;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

/// A schema as Kafka's JSON converter writes it, as far as it is looked at.
#[derive(Deserialize)]
struct Schema<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    field: Option<Cow<'a, str>>,
    #[serde(borrow)]
    parameters: Option<Parameters<'a>>,
    #[serde(borrow, default)]
    fields: Vec<Schema<'a>>,
}

#[derive(Deserialize)]
struct Parameters<'a> {
    #[serde(borrow)]
    scale: Option<Cow<'a, str>>,
}

/// The encodings of the contract's columns, by the image `after` or else `before`.
///
/// Nothing of a schema that cannot be read is believed.
pub(super) fn encodings(schema: &[u8], columns: &Names) -> Arc<[Encoding]> {
    let unsaid = vec![Encoding::Unsaid; columns.len()];
    let Ok(schema) = serde_json::from_slice::<Schema<'_>>(schema) else { return unsaid.into() };
    let image = |name: &str| schema.fields.iter().find(|f| f.field.as_deref() == Some(name));
    let Some(image) = image("after").or_else(|| image("before")) else { return unsaid.into() };
    let mut encodings = unsaid;
    for field in &image.fields {
        let column = field.field.as_deref().and_then(|name| columns.find(name.as_bytes()));
        if let Some(encoding) = column.and_then(|column| encodings.get_mut(column)) {
            let scale = field.parameters.as_ref().and_then(|held| held.scale.as_deref());
            *encoding = encoding_of(&field.kind, field.name.as_deref(), scale);
        }
    }
    encodings.into()
}

/// What a type of Kafka Connect, its semantic name and its scale say of a value.
pub(crate) fn encoding_of(kind: &str, name: Option<&str>, scale: Option<&str>) -> Encoding {
    match name {
        Some("io.debezium.time.Date" | "org.apache.kafka.connect.data.Date") => Encoding::Days,
        Some("io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp") => {
            Encoding::Millis
        }
        Some("io.debezium.time.MicroTimestamp") => Encoding::Micros,
        Some("io.debezium.time.NanoTimestamp") => Encoding::Nanos,
        Some("io.debezium.time.IsoTimestamp" | "io.debezium.time.IsoDate") => Encoding::LocalIso,
        Some("io.debezium.time.Time" | "org.apache.kafka.connect.data.Time") => {
            Encoding::TimeMillis
        }
        Some("io.debezium.time.MicroTime") => Encoding::TimeMicros,
        Some("io.debezium.time.NanoTime") => Encoding::TimeNanos,
        Some("org.apache.kafka.connect.data.Decimal") => {
            match scale.unwrap_or("0").trim().parse() {
                Ok(scale) => Encoding::Unscaled { scale },
                Err(_) => Encoding::Unsaid,
            }
        }
        Some("io.debezium.data.VariableScaleDecimal") => Encoding::Variable,
        Some("io.debezium.data.Json" | "io.debezium.data.Xml") => Encoding::Verbatim,
        _ => match kind {
            "bytes" | "array" | "map" | "struct" => Encoding::Verbatim,
            _ => Encoding::Plain,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_says_how_each_column_is_written() {
        let schema = r#"{"type":"struct","optional":false,"fields":[
            {"type":"struct","field":"before","fields":[{"type":"int64","field":"at"}]},
            {"type":"struct","field":"after","fields":[
                {"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp",
                 "version":1,"field":"at"},
                {"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,
                 "parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"amount"},
                {"type":"string","field":"\u540d称"},
                {"type":"array","items":{"type":"int32"},"field":"tags"},
                {"type":"int32","field":"other"}]},
            {"type":"string","field":"op"}]}"#;
        let columns = Names::new(["amount", "at", "名称", "tags", "unknown"]);
        let expected = [
            Encoding::Unscaled { scale: 2 },
            Encoding::Micros,
            Encoding::Plain,
            Encoding::Verbatim,
            Encoding::Unsaid,
        ];
        assert_eq!(*encodings(schema.as_bytes(), &columns), expected);
    }

    #[test]
    fn a_schema_of_another_form_says_nothing() {
        let columns = Names::new(["a"]);
        for schema in ["{}", r#"{"type":"string"}"#, r#"{"type":"struct","fields":[{"field":5}]}"#]
        {
            assert_eq!(*encodings(schema.as_bytes(), &columns), [Encoding::Unsaid], "{schema}");
        }
    }
}
