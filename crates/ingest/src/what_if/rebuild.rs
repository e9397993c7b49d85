//! Records as they were delivered, out of rows of `changes`: each stored cell, or the delivered
//! text that is kept beside it, back in the project's own envelope.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use huiliu_model::{Contract, DataType, Error, ErrorKind, Record, Records, system};
use huiliu_normalise::Crypto;
use huiliu_normalise::columns::Texts;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rebuilds records of one dataset.
pub struct Rebuilder<'a> {
    contract: &'a Contract,
    crypto: Option<&'a Crypto>,
    /// Columns of which the delivered value is gone: masked, dropped, or sealed without the key.
    pub unread: Unread,
}

/// Names of columns.
pub type Unread = BTreeSet<String>;

/// One column as it lies in `changes`.
enum Stored<'a> {
    Plain(&'a ArrayRef),
    Sealed(&'a ArrayRef, Option<&'a ArrayRef>),
}

impl<'a> Rebuilder<'a> {
    /// `contract` is the one under which the rows were written.
    pub fn new(contract: &'a Contract, crypto: Option<&'a Crypto>) -> Self {
        Self { contract, crypto, unread: Unread::new() }
    }

    /// The records of some rows, one each, with their own coordinates and sequence.
    ///
    /// # Errors
    /// `Corrupt` when the rows lack system columns or a sealed value does not open.
    pub fn records(&mut self, rows: &RecordBatch) -> Result<Records, Error> {
        let dataset = Arc::clone(&self.contract.dataset);
        let mut records = Records::new(dataset, self.contract.kafka_topics.text().into());
        let heads = Heads::of(rows)?;
        let raws = self.raws(rows)?;
        for (row, raw) in raws.iter().enumerate() {
            let image = self.image(rows, row, raw.as_ref())?;
            let text = heads.envelope(&self.contract.dataset, row, image).to_string();
            let value = Some(records.store(text.as_bytes()));
            records.entries.push(Record {
                partition: heads.partitions.as_primitive::<Int32Type>().value(row),
                offset: heads.offsets.as_primitive::<Int64Type>().value(row),
                timestamp_ms: heads.micros(heads.kafka_times, row).unwrap_or(0) / 1_000,
                key: None,
                value,
            });
        }
        Ok(records)
    }

    /// Delivered texts by row.
    fn raws(&self, rows: &RecordBatch) -> Result<Vec<Option<Map<String, Value>>>, Error> {
        let corrupt = |e| Error::new(ErrorKind::Corrupt, "a delivered text is no JSON").because(e);
        let plain = rows.column_by_name(system::RAW).map(|c| c.as_string::<i32>());
        let sealed = rows.column_by_name(system::RAW_SEALED).map(|c| c.as_binary::<i32>());
        let mut raws = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            let text = match (plain, sealed, self.crypto) {
                (Some(texts), ..) if texts.is_valid(row) => {
                    Some(texts.value(row).as_bytes().to_vec())
                }
                (None, Some(sealed), Some(crypto)) if sealed.is_valid(row) => {
                    Some(crypto.open(&self.contract.dataset, system::RAW, sealed.value(row))?)
                }
                _ => None,
            };
            let parse = |text: Vec<u8>| serde_json::from_slice(&text).map_err(corrupt);
            raws.push(text.map(parse).transpose()?);
        }
        Ok(raws)
    }

    fn image(
        &mut self,
        rows: &RecordBatch,
        row: usize,
        raw: Option<&Map<String, Value>>,
    ) -> Result<Map<String, Value>, Error> {
        let mut image = Map::new();
        for column in &self.contract.columns {
            if let Some(delivered) = raw.and_then(|raw| raw.get(&column.name)) {
                image.insert(column.field().to_owned(), delivered.clone());
                continue;
            }
            let Some(stored) = stored(rows, &column.name, column.data_type) else {
                self.unread.insert(column.name.clone());
                continue;
            };
            match self.value(&column.name, column.data_type, &stored, row)? {
                Some(value) => {
                    image.insert(column.field().to_owned(), value);
                }
                None => {
                    self.unread.insert(column.name.clone());
                }
            }
        }
        Ok(image)
    }

    /// A stored value; none when it cannot be read.
    fn value(
        &self,
        name: &str,
        data_type: DataType,
        stored: &Stored<'_>,
        row: usize,
    ) -> Result<Option<Value>, Error> {
        match stored {
            Stored::Plain(column) => {
                let texts = Texts::new(column);
                if texts.is_null(row) {
                    return Ok(Some(Value::Null));
                }
                let mut text = String::new();
                texts.write(row, &mut text);
                Ok(Some(typed(data_type, text)))
            }
            Stored::Sealed(sealed, beside) => {
                let sealed = sealed.as_binary::<i32>();
                if sealed.is_null(row) {
                    // A public code is kept in clear beside an empty seal.
                    let clear = beside.map(|column| column.as_string::<i32>());
                    let clear = clear.filter(|texts| texts.is_valid(row));
                    let text = clear.map_or(Value::Null, |texts| texts.value(row).into());
                    return Ok(Some(text));
                }
                let Some(crypto) = self.crypto else { return Ok(None) };
                let opened = crypto.open(&self.contract.dataset, name, sealed.value(row))?;
                Ok(Some(typed(data_type, String::from_utf8_lossy(&opened).into_owned())))
            }
        }
    }
}

fn stored<'r>(rows: &'r RecordBatch, name: &str, data_type: DataType) -> Option<Stored<'r>> {
    let beside = rows.column_by_name(name);
    if let Some(sealed) = rows.column_by_name(&format!("{name}_enc")) {
        return Some(Stored::Sealed(sealed, beside));
    }
    // A masked number or date is a text: what was delivered is gone.
    beside.filter(|column| *column.data_type() == data_type.to_arrow()).map(Stored::Plain)
}

/// Numbers and truth values as JSON has them; all else as text.
fn typed(data_type: DataType, text: String) -> Value {
    let bare = matches!(
        data_type,
        DataType::Integer
            | DataType::Long
            | DataType::Double
            | DataType::Boolean
            | DataType::Decimal { .. }
    );
    match serde_json::from_str::<Value>(&text) {
        // Decimals keep their digits: a JSON number may be read as a double.
        Ok(value) if bare && !matches!(data_type, DataType::Decimal { .. }) => value,
        _ => Value::String(text),
    }
}

/// The system columns that an envelope is made of.
struct Heads<'a> {
    ops: &'a ArrayRef,
    seqs: &'a ArrayRef,
    partitions: &'a ArrayRef,
    offsets: &'a ArrayRef,
    event_times: &'a ArrayRef,
    kafka_times: &'a ArrayRef,
    departments: &'a ArrayRef,
}

impl<'a> Heads<'a> {
    fn of(rows: &'a RecordBatch) -> Result<Self, Error> {
        let column = |name: &str| {
            rows.column_by_name(name).ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, format!("rows of changes lack the column {name}"))
            })
        };
        Ok(Self {
            ops: column(system::OP)?,
            seqs: column(system::SEQ)?,
            partitions: column(system::PARTITION)?,
            offsets: column(system::OFFSET)?,
            event_times: column(system::EVENT_TIME)?,
            kafka_times: column(system::KAFKA_TIME)?,
            departments: column(system::DEPARTMENT)?,
        })
    }

    fn micros(&self, times: &ArrayRef, row: usize) -> Option<i64> {
        let times = times.as_primitive::<TimestampMicrosecondType>();
        times.is_valid(row).then(|| times.value(row))
    }

    fn envelope(&self, dataset: &str, row: usize, image: Map<String, Value>) -> Value {
        let op = self.ops.as_string::<i32>().value(row);
        let departments = self.departments.as_string::<i32>();
        let department = departments.is_valid(row).then(|| departments.value(row));
        let mut texts = String::new();
        if self.event_times.is_valid(row) {
            Texts::new(self.event_times).write(row, &mut texts);
        }
        let (before, after) = match op {
            "d" => (Value::Object(image), Value::Null),
            _ => (Value::Null, Value::Object(image)),
        };
        serde_json::json!({
            "v": 1, "ds": dataset, "op": op,
            "seq": self.seqs.as_primitive::<Int64Type>().value(row),
            "event_time": Some(texts).filter(|text| !text.is_empty()),
            "src": {"dept": department},
            "before": before, "after": after,
        })
    }
}
