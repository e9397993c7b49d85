//! Every type a department may write, as the JSON text it becomes.

use super::*;
use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int32Array, Int64Array, ListArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{Int32Type, Int64Type};
use huiliu_model::{Column as Named, ErrorKind, Partition};
use huiliu_testkit::account_contract;
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

/// The rows of a file with one column `status` beside its key.
fn read(values: ArrayRef, from: usize) -> Result<Vec<String>, Error> {
    let keys: ArrayRef = Arc::new(Int32Array::from_iter_values(0..values.len() as i32));
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("备注", Arc::clone(&keys), false),
        ("account_no", keys, false),
        ("status", values, true),
    ]);
    let batch = batch.expect("columns of one length");
    let mut file = tempfile::tempfile().expect("a temporary file");
    let copy = file.try_clone().expect("a second handle");
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).expect("a schema");
    writer.write(&batch).expect("rows");
    writer.close().expect("a footer");

    let contract = account_contract();
    let shape = Shape::of(copy.try_clone().expect("a handle"), "a.parquet")?;
    assert_eq!(shape.row_count, batch.num_rows() as u64);
    let header = Header::find(&shape.names, &contract, "a.parquet")?;
    let mut rows = TableRows::open(copy, "a.parquet", &header, &contract, from)?;
    let mut chunk = Chunk::new("account".into(), Partition::new("file/x", 0), 0, 0);
    while rows.next(&mut chunk)? {}
    let records = chunk.take();
    let text = |e| String::from_utf8_lossy(records.value(e).unwrap_or_default()).into_owned();
    Ok(records.entries.iter().map(text).collect())
}

fn check(values: impl Array + 'static, expected: &[&str]) {
    let rows = read(Arc::new(values), 0).expect("a readable file");
    let wanted: Vec<String> = expected
        .iter()
        .enumerate()
        .map(|(key, value)| format!(r#"{{"account_no":{key},"status":{value}}}"#))
        .collect();
    assert_eq!(rows, wanted);
}

#[test]
fn numbers_keep_all_their_digits() {
    check(
        Int64Array::from(vec![i64::MIN, 0, i64::MAX]),
        &["-9223372036854775808", "0", "9223372036854775807"],
    );
    let unscaled = vec![Some(5), Some(-120), None, Some(99_999_999_999_999_999_999_999_999_i128)];
    let decimals = Decimal128Array::from(unscaled).with_precision_and_scale(28, 2);
    check(decimals.expect("28 digits"), &["0.05", "-1.20", "null", "999999999999999999999999.99"]);
    check(
        Float64Array::from(vec![0.1, -2.5, f64::NAN, f64::NEG_INFINITY]),
        &["0.1", "-2.5", "\"NaN\"", "\"-inf\""],
    );
}

#[test]
fn doubles_come_back_the_same_from_another_parser() {
    let values = [f64::MIN_POSITIVE, f64::MAX, 1e20, 1.0 / 3.0, -0.0];
    let rows = read(Arc::new(Float64Array::from(values.to_vec())), 0).expect("a readable file");
    for (row, value) in rows.iter().zip(values) {
        let object: serde_json::Value = serde_json::from_str(row).expect("JSON");
        assert_eq!(object["status"].as_f64(), Some(value), "{row}");
    }
}

#[test]
fn texts_bytes_dictionaries_and_truth_values_are_what_they_were() {
    let texts = vec![Some("渝\"A\""), Some(""), None];
    let expected = [r#""渝\"A\"""#, "\"\"", "null"];
    check(StringArray::from(texts.clone()), &expected);
    check(texts.iter().copied().collect::<DictionaryArray<Int32Type>>(), &expected);
    let bytes: BinaryArray = texts.iter().map(|t| t.map(str::as_bytes)).collect();
    check(bytes, &expected);
    check(BooleanArray::from(vec![Some(true), Some(false), None]), &["true", "false", "null"]);
}

#[test]
fn dates_and_instants_are_iso_8601_with_every_digit() {
    // Days of Python: (date(2020, 2, 29) - date(1970, 1, 1)).days == 18321.
    check(
        Date32Array::from(vec![Some(18_321), Some(-1), None]),
        &["\"2020-02-29\"", "\"1969-12-31\"", "null"],
    );
    // 1582942210 is 2020-02-29T02:10:10Z.
    let micros = || TimestampMicrosecondArray::from(vec![1_582_942_210_000_001]);
    check(micros(), &["\"2020-02-29T02:10:10.000001\""]);
    check(micros().with_timezone("UTC"), &["\"2020-02-29T02:10:10.000001Z\""]);
    check(micros().with_timezone("Asia/Shanghai"), &["\"2020-02-29T02:10:10.000001Z\""]);
    check(micros().with_timezone("+08:00"), &["\"2020-02-29T02:10:10.000001Z\""]);
    let nanos = TimestampNanosecondArray::from(vec![1_582_942_210_000_000_001]);
    check(nanos.with_timezone("UTC"), &["\"2020-02-29T02:10:10.000000001Z\""]);
}

#[test]
fn reading_goes_on_from_any_row() {
    let values = || Arc::new(Int64Array::from_iter_values(0..2_500));
    for from in [0, 1, 1_024, 2_499, 2_500] {
        let rows = read(values(), from).expect("a readable file");
        assert_eq!(rows.len(), 2_500 - from);
        let first = format!(r#"{{"account_no":{from},"status":{from}}}"#);
        assert_eq!(rows.first().map(String::as_str), Some(first.as_str()).filter(|_| from < 2_500));
    }
}

#[test]
fn what_has_no_text_is_refused_with_its_column() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1)])]);
    let error = read(Arc::new(lists), 0).expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Contract);
    assert!(error.message.contains("`status`"), "{}", error.message);
    let bytes = BinaryArray::from_vec(vec![b"\xff\xfe"]);
    let error = read(Arc::new(bytes), 0).expect_err("refused");
    assert!(error.message.contains("status"), "{}", error.message);
}

#[test]
fn columns_without_a_place_in_the_contract_may_be_of_any_type() {
    let mut contract = account_contract();
    contract.columns.push(Named { name: "备注".into(), ..contract.columns[1].clone() });
    let shape = ["account_no".to_owned(), "others".to_owned()];
    let header = Header::find(&shape, &contract, "a.parquet").expect("the key is there");
    assert_eq!(header.columns, [Some(0), None]);
}
