//! Tables and documents as they are printed.

use super::*;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    ListArray, StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use std::sync::Arc;

/// 2020-04-07, days since 1970: 50 years of 365 days, 12 leap days (1972..2016), then
/// 31 + 29 + 31 + 6 days of 2020.
const DAY: i32 = 50 * 365 + 12 + 97;

fn batch() -> RecordBatch {
    let amount = Decimal128Array::from(vec![Some(1250), None])
        .with_precision_and_scale(14, 2)
        .expect("fits");
    let at = i64::from(DAY) * 86_400_000_000 + 30 * 60_000_000 + 123_456;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", Arc::new(StringArray::from(vec![Some("重庆, 水务"), None]))),
        ("view", Arc::new(StringViewArray::from(vec![Some(""), Some("b")]))),
        ("n", Arc::new(Int64Array::from(vec![Some(7), None]))),
        ("share", Arc::new(Float64Array::from(vec![Some(0.5), Some(f64::NAN)]))),
        ("amount", Arc::new(amount)),
        ("on", Arc::new(BooleanArray::from(vec![true, false]))),
        ("day", Arc::new(Date32Array::from(vec![Some(DAY), None]))),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(at), None]).with_timezone("UTC")),
        ),
        ("raw", Arc::new(BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .expect("equal lengths")
}

fn written(format: Format, batch: &RecordBatch) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rows = Rows::begin(format, &batch.schema(), &mut out, None).expect("begins");
    rows.write(batch).expect("writes");
    rows.finish().expect("ends");
    out
}

fn text(format: Format, batch: &RecordBatch) -> String {
    String::from_utf8(written(format, batch)).expect("text")
}

#[test]
fn ndjson_has_numbers_for_whole_numbers_and_strings_for_decimals() {
    let expected = concat!(
        r#"{"name":"重庆, 水务","view":"","n":7,"share":0.5,"amount":"12.50","on":true,"#,
        r#""day":"2020-04-07","at":"2020-04-07T00:30:00.123456Z","raw":"00ff"}"#,
        "\n",
        r#"{"name":null,"view":"b","n":null,"share":null,"amount":null,"on":false,"#,
        r#""day":null,"at":null,"raw":null}"#,
        "\n",
    );
    assert_eq!(text(Format::Ndjson, &batch()), expected);
}

#[test]
fn json_is_one_array_also_when_empty() {
    let all: serde_json::Value =
        serde_json::from_str(&text(Format::Json, &batch())).expect("valid json");
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    assert_eq!(text(Format::Json, &batch().slice(0, 0)), "[]\n");
}

#[test]
fn csv_tells_null_from_empty() {
    let expected = "name,view,n,share,amount,on,day,at,raw\n\
        \"重庆, 水务\",\"\",7,0.5,12.50,true,2020-04-07,2020-04-07T00:30:00.123456Z,00ff\n\
        ,b,,,,false,,,\n";
    assert_eq!(text(Format::Csv, &batch()), expected);
}

#[test]
fn text_aligns_numbers_right_and_shows_nulls() {
    let two = batch().project(&[0, 2, 4]).expect("columns");
    let expected = "\
name        n  amount
──────────  ─  ──────
重庆, 水务  7   12.50
∅           ∅       ∅
";
    assert_eq!(text(Format::Text, &two), expected);
}

#[test]
fn parquet_is_read_back_as_it_was() {
    let bytes = parquet::file::metadata::ParquetMetaDataReader::new()
        .parse_and_finish(&bytes_of(&batch()))
        .expect("a parquet file");
    assert_eq!(bytes.file_metadata().num_rows(), 2);
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes_of(&batch()), 1024)
            .expect("a parquet file");
    let read: Vec<RecordBatch> = reader.collect::<Result<_, _>>().expect("rows");
    assert_eq!(text(Format::Csv, &read[0]), text(Format::Csv, &batch()));
}

fn bytes_of(batch: &RecordBatch) -> axum::body::Bytes {
    written(Format::Parquet, batch).into()
}

#[test]
fn lists_are_json_arrays() {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])]);
    let batch = RecordBatch::try_from_iter([("l", Arc::new(lists) as ArrayRef)]).expect("one");
    assert_eq!(text(Format::Ndjson, &batch), "{\"l\":[1,null]}\n");
}
