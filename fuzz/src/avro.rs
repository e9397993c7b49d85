//! Avro held against apache-avro.

use crate::contract;
use crate::dataset::schemas;
use apache_avro::types::Value;
use apache_avro::{Schema, from_avro_datum};
use huiliu_model::binary::Value as Read;
use huiliu_model::contract::Format;
use huiliu_model::{Cell, CellKind, Changes, Reason, Records};
use std::io;

/// Bytes before the value.
const HEAD_BYTES: usize = 5;

pub struct Oracle {
    /// The first has id 1.
    schemas: Vec<Schema>,
    /// Whether a value is a row, and not an envelope around one.
    is_row: bool,
}

/// The bytes of a value, and whether more of them were asked for than there are: where they end
/// within a text, a truth value or a choice, apache-avro gives a null and no error.
struct Bytes<'a> {
    rest: &'a [u8],
    ran_out: bool,
}

impl io::Read for Bytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.ran_out |= into.len() > self.rest.len();
        self.rest.read(into)
    }
}

impl Oracle {
    pub fn new(format: Format) -> Self {
        // Bytes of chance may announce more items than there is memory for.
        apache_avro::util::max_allocation_bytes(1 << 20);
        let parsed = |text: &String| Schema::parse_str(text).expect("a schema");
        let schemas = schemas(format).iter().map(parsed).collect();
        Self { schemas, is_row: format == Format::ConfluentAvro }
    }

    /// Whether both accept the record that lies between two good ones, and see the same in it.
    pub fn check(&self, data: &[u8], reason: Option<Reason>, records: &Records, changes: &Changes) {
        use Reason::{Empty, MagicByte, NotAvro, NotUtf8, SchemaUnknown, TrailingBytes, Truncated};
        let broken = [Empty, MagicByte, NotAvro, NotUtf8, SchemaUnknown, TrailingBytes, Truncated];
        let is_broken = reason.is_some_and(|reason| broken.contains(&reason));
        // Of a number of more than 64 bits apache-avro drops those beyond.
        if is_broken && has_wide_number(data) {
            return;
        }
        let theirs = self.read(data);
        assert_eq!(theirs.is_none(), is_broken, "{reason:?}, but apache-avro reads {theirs:?}");
        if let Some(Value::Record(fields)) = theirs
            && self.is_row
            && reason.is_none()
        {
            check_row(&fields, records, changes);
        }
    }

    fn read(&self, data: &[u8]) -> Option<Value> {
        let (head, value) = data.split_first_chunk::<HEAD_BYTES>()?;
        let [0, id @ ..] = *head else { return None };
        let at = usize::try_from(u32::from_be_bytes(id)).ok()?.checked_sub(1)?;
        let mut bytes = Bytes { rest: value, ran_out: false };
        let read = from_avro_datum(self.schemas.get(at)?, &mut bytes, None).ok();
        read.filter(|_| bytes.rest.is_empty() && !bytes.ran_out)
    }
}

/// Whether some number has more than 64 bits.
fn has_wide_number(bytes: &[u8]) -> bool {
    let is_wide =
        |ten: &[u8]| ten[..9].iter().all(|byte| *byte >= 0x80) && (2..0x80).contains(&ten[9]);
    bytes.windows(10).any(is_wide)
}

/// Every cell stands for the value that the oracle read.
fn check_row(fields: &[(String, Value)], records: &Records, changes: &Changes) {
    let row = changes.rows.iter().position(|row| row.record == 1).expect("what is read is a row");
    for (column, named) in contract(Format::ConfluentAvro).columns.iter().enumerate() {
        let cell = changes.columns[column][row];
        match fields.iter().find(|(name, _)| *name == named.name) {
            None => assert_eq!(cell.kind, CellKind::Missing, "{}", named.name),
            Some((name, value)) => {
                assert!(is_same(value, cell, records, changes), "{name}: {value:?}, but {cell:?}");
            }
        }
    }
}

fn is_same(value: &Value, cell: Cell, records: &Records, changes: &Changes) -> bool {
    let bytes = changes.bytes(&records.arena, cell);
    let read = match cell.kind {
        CellKind::Binary(binary) => binary.value(bytes),
        _ => None,
    };
    match (value, read) {
        (Value::Union(_, inner), _) => is_same(inner, cell, records, changes),
        (Value::Null, _) => cell.kind == CellKind::Null,
        (Value::Boolean(true), _) => cell.kind == CellKind::True,
        (Value::Boolean(false), _) => cell.kind == CellKind::False,
        (Value::String(text), _) => cell.kind == CellKind::Text && text.as_bytes() == bytes,
        (Value::Enum(_, symbol), _) => symbol.as_bytes() == bytes,
        (Value::Int(n), Some(Read::Integer(read))) => read == i64::from(*n),
        (Value::Long(n), Some(Read::Integer(read))) => read == *n,
        (Value::Float(n), Some(Read::Float(read))) => read.to_bits() == n.to_bits(),
        (Value::Double(n), Some(Read::Double(read))) => read.to_bits() == n.to_bits(),
        (Value::Date(n), Some(Read::Days(read))) => read == i64::from(*n),
        (Value::TimestampMicros(n), Some(Read::Instant { micros, .. })) => micros == *n,
        (Value::Bytes(held) | Value::Fixed(_, held), Some(Read::Bytes(read))) => held == read,
        // Semantic names of Kafka Connect, which apache-avro does not know.
        (Value::Int(_) | Value::Long(_), Some(Read::Days(_) | Read::Instant { .. })) => true,
        (Value::Decimal(decimal), read) => is_same_decimal(decimal, read),
        // Nested values are JSON where a text column takes them.
        (Value::Array(_) | Value::Map(_) | Value::Record(_), _) => {
            cell.kind == CellKind::Nested
                || serde_json::from_slice::<serde_json::Value>(bytes).is_ok()
        }
        _ => false,
    }
}

/// Decimals of more than 16 bytes are beyond what a cell can be read as.
fn is_same_decimal(decimal: &apache_avro::Decimal, read: Option<Read>) -> bool {
    let bytes = <Vec<u8>>::try_from(decimal.clone()).unwrap_or_default();
    match read {
        Some(Read::Decimal { unscaled, .. }) => {
            let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
            let folded = bytes.iter().fold(i128::from(negative).wrapping_neg(), |value, byte| {
                value << 8 | i128::from(*byte)
            });
            folded == unscaled
        }
        _ => bytes.len() > 16,
    }
}
