//! Typed columns under construction, and how a JSON value is put into one.

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder,
    Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::compute::kernels::cast_utils::{Parser, parse_decimal};
use arrow::datatypes::{Date32Type, Decimal128Type, TimestampMicrosecondType};
use huiliu_model::DataType;
use std::sync::Arc;

pub(crate) enum Column {
    Text(StringBuilder),
    Integer(Int32Builder),
    Long(Int64Builder),
    Double(Float64Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Decimal { builder: Decimal128Builder, precision: u8, scale: i8 },
}

/// A JSON value that is no object and no array.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scalar<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(&'a str),
}

impl Column {
    pub fn new(data_type: DataType, rows: usize) -> Self {
        match data_type {
            DataType::String => Self::Text(StringBuilder::with_capacity(rows, rows * 16)),
            DataType::Integer => Self::Integer(Int32Builder::with_capacity(rows)),
            DataType::Long => Self::Long(Int64Builder::with_capacity(rows)),
            DataType::Double => Self::Double(Float64Builder::with_capacity(rows)),
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Date => Self::Date(Date32Builder::with_capacity(rows)),
            DataType::Timestamp => {
                let builder = TimestampMicrosecondBuilder::with_capacity(rows);
                Self::Timestamp(builder.with_timezone("UTC"))
            }
            DataType::Decimal { precision, scale } => {
                let builder = Decimal128Builder::with_capacity(rows);
                let builder = builder.with_data_type(data_type.to_arrow());
                Self::Decimal { builder, precision, scale }
            }
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Text(builder) => builder.len(),
            Self::Integer(builder) => builder.len(),
            Self::Long(builder) => builder.len(),
            Self::Double(builder) => builder.len(),
            Self::Boolean(builder) => builder.len(),
            Self::Date(builder) => builder.len(),
            Self::Timestamp(builder) => builder.len(),
            Self::Decimal { builder, .. } => builder.len(),
        }
    }

    pub fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Integer(mut builder) => Arc::new(builder.finish()),
            Self::Long(mut builder) => Arc::new(builder.finish()),
            Self::Double(mut builder) => Arc::new(builder.finish()),
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) => Arc::new(builder.finish()),
            Self::Decimal { mut builder, .. } => Arc::new(builder.finish()),
        }
    }

    /// Appends a value; null where it does not fit.
    pub fn append(&mut self, value: Scalar<'_>) {
        use Scalar::{Boolean, Double, Integer, Null, Text};
        match (self, value) {
            (Self::Text(builder), Text(text)) => builder.append_value(text),
            (Self::Text(builder), Integer(number)) => builder.append_value(number.to_string()),
            (Self::Text(builder), Double(number)) => builder.append_value(number.to_string()),
            (Self::Text(builder), Boolean(_) | Null) => builder.append_null(),
            (Self::Integer(builder), value) => {
                builder.append_option(integer(value).and_then(|number| number.try_into().ok()));
            }
            (Self::Long(builder), value) => builder.append_option(integer(value)),
            (Self::Double(builder), value) => builder.append_option(double(value)),
            (Self::Boolean(builder), Boolean(truth)) => builder.append_value(truth),
            (Self::Boolean(builder), _) => builder.append_null(),
            (Self::Date(builder), Text(text)) => builder.append_option(Date32Type::parse(text)),
            (Self::Date(builder), value) => {
                builder.append_option(integer(value).and_then(|days| days.try_into().ok()));
            }
            (Self::Timestamp(builder), Text(text)) => {
                builder.append_option(TimestampMicrosecondType::parse(text));
            }
            (Self::Timestamp(builder), value) => builder.append_option(integer(value)),
            (Self::Decimal { builder, precision, scale }, value) => {
                builder.append_option(decimal(value, *precision, *scale));
            }
        }
    }
}

fn integer(value: Scalar<'_>) -> Option<i64> {
    match value {
        Scalar::Integer(number) => Some(number),
        Scalar::Text(text) => text.parse().ok(),
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "a floor need not be exact")]
fn double(value: Scalar<'_>) -> Option<f64> {
    match value {
        Scalar::Integer(number) => Some(number as f64),
        Scalar::Double(number) => Some(number),
        Scalar::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// A number with a point has been a double by now; near enough for a floor.
#[allow(clippy::cast_possible_truncation, reason = "a floor need not be exact")]
fn decimal(value: Scalar<'_>, precision: u8, scale: i8) -> Option<i128> {
    match value {
        Scalar::Text(text) => parse_decimal::<Decimal128Type>(text, precision, scale).ok(),
        Scalar::Double(number) => Some((number * 10_f64.powi(i32::from(scale))).round() as i128),
        Scalar::Integer(number) => {
            Some(i128::from(number) * 10_i128.pow(u32::from(scale.unsigned_abs())))
        }
        _ => None,
    }
}
