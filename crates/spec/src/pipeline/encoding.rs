//! How the source names and writes a column: `from` and `encoding` of the column, and what the
//! source says for all of its columns.

use super::columns::Known;
use super::file::{ColumnFile, SourceFile};
use crate::diagnostic::{Code, Findings};
use crate::read::Read;
use crate::tree::At;
use huiliu_model::contract::{Column, DataType, Encoding, Format};

/// What `decimal.handling.mode` means for decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecimalHandling {
    Precise,
    Plain,
}

/// What `time.precision.mode` means for dates and timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimePrecision {
    /// Dates are days; the unit of a timestamp depends on its column.
    Adaptive,
    Of(Encoding),
}

/// The field of the records, if it is named otherwise than the column.
pub(super) fn field(file: &ColumnFile, column: &str, findings: &Findings) -> Option<String> {
    let read = file.from.as_ref()?;
    let name = read.text()?;
    if name.is_empty() {
        findings.add(Code::Empty, read.at, format!("column `{column}` is from a nameless field"));
        return None;
    }
    Some(name.to_owned()).filter(|name| name != column)
}

/// The encoding that a column declares; `None` if it does not suit the column.
pub(super) fn declared(
    file: &ColumnFile,
    column: &Known<'_>,
    findings: &Findings,
) -> Option<Encoding> {
    let Some(read) = &file.encoding else { return Some(Encoding::Unsaid) };
    let (word, data_type) = (read.get()?, column.data_type?);
    let encoding = of_type(word.meaning(), data_type);
    if encoding.is_none() {
        let text = word.text();
        let message =
            format!("column `{}` of type {data_type} cannot be written as `{text}`", column.name);
        findings.add(Code::RuleMismatch, read.at, message);
    }
    encoding
}

/// An encoding with what the type adds to it; `None` where the two do not go together.
fn of_type(encoding: Encoding, data_type: DataType) -> Option<Encoding> {
    use DataType::{Date, Decimal, Double, Integer, Long, String, Timestamp};
    let fits = match encoding {
        Encoding::Unsaid | Encoding::Plain => true,
        Encoding::Days
        | Encoding::Millis
        | Encoding::Micros
        | Encoding::Nanos
        | Encoding::LocalIso => matches!(data_type, Date | Timestamp | String),
        Encoding::TimeMillis | Encoding::TimeMicros | Encoding::TimeNanos => {
            matches!(data_type, String | Integer | Long)
        }
        Encoding::Unscaled { .. } => matches!(data_type, Decimal { .. }),
        Encoding::Variable => {
            matches!(data_type, Decimal { .. } | String | Double | Integer | Long)
        }
        Encoding::Verbatim => data_type == String,
    };
    match (encoding, data_type) {
        (Encoding::Unscaled { .. }, Decimal { scale, .. }) => Some(Encoding::Unscaled { scale }),
        _ => fits.then_some(encoding),
    }
}

/// Gives the columns that say nothing the encoding of their source's mode.
pub(super) fn of_source(source: &SourceFile, columns: &mut [Option<Column>], findings: &Findings) {
    let decimals = source.decimal_handling.as_ref();
    let times = source.time_precision.as_ref();
    if source.format.get().is_some_and(|word| word.meaning() != Format::DebeziumJson) {
        let mode = |name: &str, at: At| {
            let message = format!("`{name}` is a mode of Debezium, the format is another");
            findings.add(Code::RuleMismatch, at, message);
        };
        decimals.iter().for_each(|read| mode("decimal_handling", read.at));
        times.iter().for_each(|read| mode("time_precision", read.at));
        return;
    }
    let decimals = decimals.and_then(Read::get).map(|word| word.meaning());
    let times = times.and_then(Read::get).map(|word| word.meaning());
    for column in columns.iter_mut().flatten() {
        if column.source.encoding == Encoding::Unsaid {
            column.source.encoding = of_mode(column.data_type, decimals, times);
        }
    }
}

fn of_mode(
    data_type: DataType,
    decimals: Option<DecimalHandling>,
    times: Option<TimePrecision>,
) -> Encoding {
    match (data_type, decimals, times) {
        (DataType::Decimal { scale, .. }, Some(DecimalHandling::Precise), _) => {
            Encoding::Unscaled { scale }
        }
        (DataType::Decimal { .. }, Some(DecimalHandling::Plain), _) => Encoding::Plain,
        (DataType::Date, _, Some(TimePrecision::Of(Encoding::LocalIso))) => Encoding::LocalIso,
        (DataType::Date, _, Some(_)) => Encoding::Days,
        // Text of a timestamp ends in `Z` with and without a zone: only its column can say which.
        (DataType::Timestamp, _, Some(TimePrecision::Of(Encoding::LocalIso))) => Encoding::Unsaid,
        (DataType::Timestamp, _, Some(TimePrecision::Of(encoding))) => encoding,
        _ => Encoding::Unsaid,
    }
}

/// Reports two columns that would take one field.
pub(super) fn fields_once(columns: &[Option<Column>], known: &[Known<'_>], findings: &Findings) {
    for (index, column) in columns.iter().enumerate() {
        let Some(column) = column else { continue };
        let earlier = columns[..index].iter().flatten().find(|c| c.field() == column.field());
        // Two columns of one name are reported as such.
        if let Some(earlier) = earlier.filter(|earlier| earlier.name != column.name) {
            let message = format!(
                "columns `{}` and `{}` are both from field `{}`",
                earlier.name,
                column.name,
                column.field()
            );
            findings.add(Code::Duplicate, known[index].at, message);
        }
    }
}
