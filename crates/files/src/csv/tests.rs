//! Rows as they are delivered, and what becomes of each.

use super::*;
use huiliu_model::{Partition, Records};
use huiliu_testkit::account_contract;

const ROW_BYTES_MAX: usize = 64;

/// The header `account_no,status` and these rows.
fn read(rows: &[u8], encoding: Encoding, delimiter: u8) -> Records {
    let contract = account_contract();
    let names = vec!["account_no".to_owned(), "status".to_owned()];
    let header = Header::find(&names, &contract, "a.csv").expect("known");
    let layout = Layout { delimiter, names, bytes: 0 };
    let window = Window::new(Box::new(io::Cursor::new(rows.to_vec())));
    let mut csv = CsvRows::new(window, &layout, &header, &contract, encoding, ROW_BYTES_MAX);
    let mut chunk = Chunk::new("account".into(), Partition::new("file/x", 0), 0, 0);
    while csv.next(&mut chunk).expect("memory") {}
    chunk.take()
}

/// Values in order; a broken row with its reason before it.
fn told(records: &Records) -> Vec<String> {
    let value = |(index, entry): (usize, &huiliu_model::Record)| {
        let bytes = records.value(entry).expect("a row has a value");
        let fault = records.faults.iter().find(|f| f.record as usize == index);
        let text = String::from_utf8_lossy(bytes);
        fault.map_or_else(|| text.clone().into_owned(), |f| format!("{}: {text}", f.reason.label()))
    };
    records.entries.iter().enumerate().map(value).collect()
}

fn check(rows: &str, expected: &[&str]) {
    assert_eq!(told(&read(rows.as_bytes(), Encoding::Utf8, b',')), expected, "{rows:?}");
}

fn object(account_no: &str, status: &str) -> String {
    format!(r#"{{"account_no":{account_no},"status":{status}}}"#)
}

#[test]
fn fields_keep_what_rfc_4180_says_they_hold() {
    let two = [object("\"1\"", "\"a\""), object("\"2\"", "\"b\"")];
    let two: Vec<&str> = two.iter().map(String::as_str).collect();
    for ends in ["1,a\n2,b\n", "1,a\r\n2,b\r\n", "1,a\n2,b", "1,a\n\n\r\n2,b\n\n"] {
        check(ends, &two);
    }
    for (row, account_no, status) in [
        ("\"1,2\",\"a\nb\"", "\"1,2\"", r#""a\nb""#),
        ("\"a \"\"b\"\"\",\"\"\"\"", r#""a \"b\"""#, r#""\"""#),
        ("5\" pipe,a\"b", r#""5\" pipe""#, r#""a\"b""#),
        (",\"\"", "null", "\"\""),
        ("\"1\" ,\"2\" \r\n", "\"1\"", "\"2\""),
        (" 1 ,\t2", "\" 1 \"", r#""\t2""#),
        ("C:\\x,渝中区", r#""C:\\x""#, "\"渝中区\""),
    ] {
        check(row, &[&object(account_no, status)]);
    }
}

#[test]
fn a_row_of_another_width_is_a_reject_of_its_own() {
    let good = object("\"1\"", "\"a\"");
    check("1,a\n1\n1,2,3\n1,a\n", &[&good, "FIELD_COUNT: 1", "FIELD_COUNT: 1,2,3", &good]);
}

#[test]
fn a_quote_that_is_not_closed_costs_its_line_only() {
    let (first, last) = (object("\"1\"", "\"a\""), object("\"3\"", "\"c\""));
    check("1,a\n2,\"b\n3,c", &[&first, "TRUNCATED: 2,\"b", &last]);
    // The quote that would close it opens a field of the next line.
    check("2,\"b\n1,\"a\"\n3,c", &["FORMAT: 2,\"b", &first, &last]);
    check("\"2\"x,b\n3,c", &["FORMAT: \"2\"x,b", &last]);
}

#[test]
fn an_open_quote_before_many_lines_is_found_out_at_the_longest_row() {
    let rows = format!("1,\"a\n{}", "2,b\n".repeat(40));
    let records = read(rows.as_bytes(), Encoding::Utf8, b',');
    assert_eq!(records.entries.len(), 41);
    assert_eq!(told(&records)[0], "TRUNCATED: 1,\"a");
    assert_eq!(records.faults.len(), 1);
    assert_eq!(records.faults[0].at, Some(2));
}

#[test]
fn a_row_too_long_keeps_its_beginning_and_the_next_is_read() {
    let long = "9".repeat(700_000);
    let records = read(format!("1,{long}\n3,c\n").as_bytes(), Encoding::Utf8, b',');
    let kept = format!("TOO_LARGE: 1,{}", "9".repeat(ROW_BYTES_MAX - 2));
    assert_eq!(told(&records), [kept, object("\"3\"", "\"c\"")]);
}

#[test]
fn bytes_of_another_encoding_spoil_their_row_alone() {
    // 渝 as Python's gb18030 writes it.
    let rows = b"1,\xd3\xe5\n2,\xff\n3,c\n";
    let told = |encoding| told(&read(rows, encoding, b','));
    assert_eq!(
        told(Encoding::Gb18030),
        [object("\"1\"", "\"渝\""), "NOT_UTF8: 2,\u{fffd}".into(), object("\"3\"", "\"c\"")]
    );
    let utf8 = told(Encoding::Utf8);
    assert!(utf8[0].starts_with("NOT_UTF8") && utf8[1].starts_with("NOT_UTF8"), "{utf8:?}");
    assert_eq!(utf8[2], object("\"3\"", "\"c\""));
}

#[test]
fn offsets_count_rows_from_0_and_cover_them() {
    let records = read(b"1,a\n\nbroken\n3,c\n", Encoding::Utf8, b';');
    let offsets: Vec<i64> = records.entries.iter().map(|e| e.offset).collect();
    assert_eq!(offsets, [0, 1, 2]);
    assert_eq!(records.covers.0[&Partition::new("file/x", 0)], 0..3);
}

#[test]
fn the_delimiter_is_the_one_that_finds_the_columns() {
    let contract = account_contract();
    for (head, delimiter) in [
        ("account_no,status\n", b','),
        ("account_no;status\n1;2\n", b';'),
        ("account_no\tstatus\n", b'\t'),
        ("\"x,y,z\";account_no\n", b';'),
        ("account_no\n", b','),
    ] {
        let found = Layout::find(head.as_bytes(), Encoding::Utf8, false, &contract);
        let found = found.expect("a header");
        assert_eq!(found.delimiter, delimiter, "{head:?}");
        assert_eq!(found.bytes, head.find('\n').map_or(0, |at| at + 1));
    }
    assert_eq!(Layout::find(b"account_no,sta", Encoding::Utf8, false, &contract), None);
}
