//! What the numbers and bytes of a type mean: Avro's logical types, and the names that Kafka
//! Connect and Debezium give their own.
//!
//! | type | logical type | `connect.name` | read as |
//! |---|---|---|---|
//! | int | `date` | `io.debezium.time.Date`, Connect's `Date` | days |
//! | int, long | `timestamp-…` | Connect's `Timestamp` | an instant; of Debezium: local |
//! | long | `local-timestamp-…` | `io.debezium.time.{,Micro,Nano}Timestamp` | a local clock |
//! | int, long | `time-…` | `io.debezium.time.{,Micro,Nano}Time`, Connect's `Time` | time of day |
//! | bytes, fixed | `decimal` | Connect's `Decimal` | a decimal of that scale |
//! | record | | `io.debezium.data.VariableScaleDecimal` | a decimal of its own scale |
//! | fixed(16) | `uuid` | | a UUID |
//!
//! Anything else is what its type says: `Year` is an integer, `ZonedTimestamp`, `Json`, `Enum` and
//! `Interval` are texts, `Bits` are bytes. A logical type that does not suit its type is ignored,
//! as the Avro specification asks.

use super::schema::Shape;
use huiliu_model::Binary;
use huiliu_model::binary::{Unit, Zone};
use serde_json::{Map, Value};

/// How the bytes of a value are to be read.
pub(super) fn of(shape: &Shape, attributes: &Map<String, Value>, is_debezium: bool) -> Binary {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str).unwrap_or_default();
    let (logical, connect) = (text("logicalType"), text("connect.name"));
    match shape {
        Shape::Int | Shape::Long => integer(logical, connect, is_debezium),
        Shape::Float => Binary::Float,
        Shape::Double => Binary::Double,
        Shape::Fixed(16) if logical == "uuid" => Binary::Uuid,
        Shape::Bytes | Shape::Fixed(_)
            if logical == "decimal" || connect == "org.apache.kafka.connect.data.Decimal" =>
        {
            scale(attributes).map_or(Binary::Bytes, |scale| Binary::Decimal { scale })
        }
        _ => Binary::Bytes,
    }
}

/// Whether a record is Debezium's decimal that brings its scale along.
pub(super) fn is_decimal_record(attributes: &Map<String, Value>) -> bool {
    const NAME: &str = "io.debezium.data.VariableScaleDecimal";
    let name = |key: &str| attributes.get(key).and_then(Value::as_str);
    name("connect.name") == Some(NAME)
        || name("name") == Some(NAME)
        || (name("namespace"), name("name"))
            == (Some("io.debezium.data"), Some("VariableScaleDecimal"))
}

fn scale(attributes: &Map<String, Value>) -> Option<i16> {
    match attributes.get("scale") {
        Some(scale) => i16::try_from(scale.as_i64()?).ok(),
        None => match attributes.get("connect.parameters").and_then(|held| held.get("scale")) {
            Some(scale) => scale.as_str()?.parse().ok(),
            // The specification's default.
            None => Some(0),
        },
    }
}

fn integer(logical: &str, connect: &str, is_debezium: bool) -> Binary {
    use Unit::{Micros, Millis, Nanos};
    let local = |unit| Binary::Instant(unit, Zone::Local);
    let zone = if is_debezium { Zone::Local } else { Zone::Utc };
    match connect {
        "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date" => Binary::Days,
        "io.debezium.time.Timestamp" => local(Millis),
        "io.debezium.time.MicroTimestamp" => local(Micros),
        "io.debezium.time.NanoTimestamp" => local(Nanos),
        "org.apache.kafka.connect.data.Timestamp" => Binary::Instant(Millis, zone),
        "io.debezium.time.Time" | "org.apache.kafka.connect.data.Time" => Binary::TimeOfDay(Millis),
        "io.debezium.time.MicroTime" => Binary::TimeOfDay(Micros),
        "io.debezium.time.NanoTime" => Binary::TimeOfDay(Nanos),
        _ => match logical {
            "date" => Binary::Days,
            "time-millis" => Binary::TimeOfDay(Millis),
            "time-micros" => Binary::TimeOfDay(Micros),
            "timestamp-millis" => Binary::Instant(Millis, zone),
            "timestamp-micros" => Binary::Instant(Micros, zone),
            "timestamp-nanos" => Binary::Instant(Nanos, zone),
            "local-timestamp-millis" => local(Millis),
            "local-timestamp-micros" => local(Micros),
            "local-timestamp-nanos" => local(Nanos),
            _ => Binary::Integer,
        },
    }
}
