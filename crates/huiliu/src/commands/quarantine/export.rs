//! `huiliu quarantine export`: the list that goes back to the department which sent the records.
//!
//! One line per open reject: where it lies, its key, the field, the reason in Chinese and
//! English, and what to do. Values are masked by grade.

use super::desk::{Desk, instant, portion};
use super::words;
use crate::cli::ExportArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::Installation;
use crate::output::{Format, Rows};
use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use huiliu_ingest::Image;
use huiliu_lake::quarantine::{Selection, State, StoredReject};
use huiliu_model::{Error, ErrorKind};
use huiliu_normalise::disclose;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Rejects whose heads are read at once.
const HEADS_AT_ONCE: usize = 20_000;
/// Tells a spreadsheet that the file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// One line of the list.
#[derive(Debug)]
struct Line<'a> {
    reject: &'a StoredReject,
    coordinate: String,
    key: Option<String>,
    title: Option<String>,
    value: Option<String>,
}

/// Writes the list.
///
/// # Errors
/// Usage, for a file whose ending says no form; otherwise as the lake or the file answers.
pub async fn execute(
    args: &ExportArgs,
    installation: &Installation,
    console: &Console,
) -> Result<(), Failure> {
    let format = format(&args.to)?;
    let desk = Desk::to_read(installation, &args.dataset).await?;
    let chosen = desk.selection(&args.filter, &[])?;
    let pinned = desk.lake.rejects(desk.dataset()).await?;
    let file =
        File::create(&args.to).map_err(|e| Failure::file("cannot write the file", &args.to, e))?;
    let mut file = BufWriter::new(file);
    if format == Format::Csv {
        file.write_all(BYTE_ORDER_MARK)?;
    }
    let schema = schema();
    let mut rows = Rows::begin(format, &schema, file, None)?;
    let (mut after, mut count) = (None, 0);
    loop {
        let page = Selection {
            state: Some(State::Open),
            after,
            limit: Some(HEADS_AT_ONCE),
            ..chosen.clone()
        };
        let mut heads = pinned.list(&page).await?;
        after = heads.last().map(|r| r.coordinate.clone());
        if heads.is_empty() {
            break;
        }
        while !heads.is_empty() {
            let rest = heads.split_off(portion(&heads));
            let mut some = std::mem::replace(&mut heads, rest);
            pinned.load_raw(&mut some).await?;
            desk.look_up_schemas_to_show(&some).await;
            let lines: Vec<Line<'_>> = some.iter().map(|r| line(&desk, r)).collect();
            count += lines.len();
            rows.write(&batch(&desk, &schema, &lines, format)?)?;
        }
    }
    rows.finish()?;
    console.say(format!("{count} rejects written to {}", args.to.display()));
    Ok(())
}

fn format(path: &Path) -> Result<Format, Failure> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("csv") => Ok(Format::Csv),
        Some("jsonl" | "ndjson") => Ok(Format::Ndjson),
        Some("parquet") => Ok(Format::Parquet),
        _ => Err(Failure::usage(format!("`{}` says no form", path.display()))
            .help("end the name in .csv, .jsonl or .parquet")),
    }
}

fn line<'a>(desk: &Desk, reject: &'a StoredReject) -> Line<'a> {
    let contract = &desk.contract;
    let column = reject.field.as_ref().and_then(|name| contract.column(name));
    let mut line = Line {
        reject,
        coordinate: desk.name(&reject.coordinate),
        key: None,
        title: column.map(|(_, column)| column.title.clone()),
        value: None,
    };
    let Ok(raw) = desk.open_raw(reject) else { return line };
    let records = desk.records(&[(reject, raw)]);
    let decoded = desk.pipeline.decode(&records);
    let text = |index: usize| {
        let after = decoded.text(&records, 0, index, Image::After);
        after.or_else(|| decoded.text(&records, 0, index, Image::Before))
    };
    if decoded.has_rows(0) {
        let parts = contract.key.iter().map(|&index| {
            let column = &contract.columns[index];
            let value = text(index).map(|value| disclose::shown(column, &value));
            format!("{}={}", column.name, value.unwrap_or_default())
        });
        line.key = Some(parts.collect::<Vec<_>>().join("; "));
        line.value = column
            .and_then(|(index, column)| text(index).map(|value| disclose::shown(column, &value)));
    }
    line
}

fn schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text("dataset", false),
        text("title", false),
        text("provider", false),
        text("department", true),
        text("coordinate", false),
        text("kafka_topic", false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        text("sent_at", false),
        text("rejected_at", false),
        text("key", true),
        text("field", true),
        text("field_title", true),
        text("value", true),
        text("reason", false),
        text("reason_zh", false),
        text("reason_en", false),
        text("remedy_zh", false),
        text("remedy_en", false),
        text("raw_sm3", true),
    ]))
}

fn batch(
    desk: &Desk,
    schema: &SchemaRef,
    lines: &[Line<'_>],
    format: Format,
) -> Result<RecordBatch, Failure> {
    let plain = |text: &str| match format {
        Format::Csv => harmless(text),
        _ => text.to_owned(),
    };
    let texts = |of: &dyn Fn(&Line<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(lines.iter().map(|l| of(l).map(|t| plain(&t))).collect::<StringArray>())
    };
    let same = |text: &str| texts(&|_| Some(text.to_owned()));
    let place = |l: &Line<'_>| l.reject.coordinate.clone();
    let word = |of: fn(words::Words) -> &'static str| {
        texts(&|l| Some(of(words::of(&l.reject.reason)).to_owned()))
    };
    let partitions = lines.iter().map(|l| l.reject.coordinate.partition.number);
    let offsets = lines.iter().map(|l| l.reject.coordinate.offset);
    let columns: Vec<ArrayRef> = vec![
        same(desk.dataset()),
        same(&desk.contract.title),
        same(&desk.contract.provider),
        texts(&|l| l.reject.department.clone()),
        texts(&|l| Some(l.coordinate.clone())),
        texts(&|l| Some(place(l).partition.kafka_topic.to_string())),
        Arc::new(Int32Array::from_iter_values(partitions)),
        Arc::new(Int64Array::from_iter_values(offsets)),
        texts(&|l| Some(instant(l.reject.kafka_time_us))),
        texts(&|l| Some(instant(l.reject.ingest_time_us))),
        texts(&|l| l.key.clone()),
        texts(&|l| l.reject.field.clone()),
        texts(&|l| l.title.clone()),
        texts(&|l| l.value.clone()),
        texts(&|l| Some(l.reject.reason.clone())),
        word(|w| w.zh),
        word(|w| w.en),
        word(|w| w.remedy_zh),
        word(|w| w.remedy_en),
        texts(&|l| l.reject.digest()),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|e| {
        Error::new(ErrorKind::Bug, "the list has other columns than its head").because(e).into()
    })
}

/// A text that a spreadsheet does not take for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{text}");
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_a_spreadsheet_would_run_is_made_harmless() {
        assert_eq!(harmless("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(["0:12", "王**", ""].map(harmless), ["0:12", "王**", ""]);
    }

    #[test]
    fn the_ending_of_the_file_says_the_form() {
        let of = |name: &str| format(Path::new(name)).ok();
        assert_eq!(of("a/b.csv"), Some(Format::Csv));
        assert_eq!(of("b.jsonl"), Some(Format::Ndjson));
        assert_eq!(of("b.parquet"), Some(Format::Parquet));
        assert_eq!([of("b.xlsx"), of("csv")], [None, None]);
    }
}
