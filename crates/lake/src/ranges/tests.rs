//! Bounds against files made by hand: what may lie where, and where rows are cut.

use super::*;
use arrow::datatypes::{Field, Schema};
use std::collections::BTreeMap;
use std::sync::Arc;

fn file(stats: &str) -> FileMeta {
    let stats = Some(Arc::from(stats));
    let partition_values = BTreeMap::new();
    FileMeta {
        size: 1,
        rows: None,
        partition_values,
        modification_time: 0,
        lacks_cells: false,
        stats,
    }
}

fn of(least: &str, most: &str) -> FileMeta {
    let bounds = format!(r#""minValues":{{"a":"{least}"}},"maxValues":{{"a":"{most}"}}"#);
    file(&format!(r#"{{"numRecords":3,{bounds},"nullCount":{{"a":0}}}}"#))
}

fn texts_of(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn rows(values: &[Option<&str>]) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
    RecordBatch::try_new(schema, vec![texts_of(values)]).expect("columns fit")
}

fn narrowed(values: &[Option<&str>], file: &FileMeta) -> bool {
    Narrowing::new(&["a".to_owned()], &[texts_of(values)]).expect("texts").may_hold(file)
}

#[test]
fn a_file_may_hold_what_lies_within_its_bounds() {
    let file = of("C", "F");
    let told = ["B", "C", "D", "F", "FA"].map(|value| narrowed(&[Some(value)], &file));
    assert_eq!(told, [false, true, true, true, false]);
    assert!(!narrowed(&[Some("A"), Some("Z")], &file), "one on either side");
    assert!(narrowed(&[Some("A"), Some("E"), Some("Z")], &file));
    assert!(!narrowed(&[None], &file), "it has no null");
}

#[test]
fn a_file_without_bounds_may_hold_anything() {
    assert!(narrowed(&[Some("A")], &file(r#"{"numRecords":3,"nullCount":{"a":1}}"#)));
    assert!(narrowed(&[Some("A")], &file("{}")));
    let nulls = file(r#"{"numRecords":3,"nullCount":{"a":3}}"#);
    assert!(!narrowed(&[Some("A")], &nulls), "all its values are null");
    assert!(narrowed(&[None], &nulls));
}

#[test]
fn rows_go_to_the_file_whose_range_they_are_in_or_after() {
    let files = ["M", "C", "T"].map(|least| (least.to_owned(), of(least, "Z")));
    let ordered = in_order(files, "a");
    let names: Vec<&str> = ordered.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(names, ["C", "M", "T"]);
    let new = rows(&[None, Some("A"), Some("D"), Some("L"), Some("M"), Some("Z")]);
    assert_eq!(shares(&new, "a", &ordered).expect("it has the column"), [0..4, 4..5, 5..6]);
    assert_eq!(shares(&new, "a", &ordered[..1]).expect("it has the column"), [0..6]);
}

#[test]
fn a_cut_is_made_between_two_identities() {
    let new = rows(&["A", "A", "A", "B", "B", "C", "D", "E"].map(Some));
    // 4 rows a file: the nominal cut at 4 would part the Bs.
    assert_eq!(pieces(&new, &["a"], 4).expect("it has the column"), [0..3, 3..8]);
    assert_eq!(pieces(&new, &["a"], 6).expect("it has the column"), [0..8]);
    assert!(pieces(&rows(&[]), &["a"], 4).expect("it has the column").is_empty());
}

#[test]
fn an_identity_larger_than_a_file_is_parted() {
    let new = rows(&["A"; 9].map(Some));
    assert_eq!(pieces(&new, &["a"], 3).expect("it has the column"), [0..3, 3..6, 6..9]);
}

#[test]
fn a_file_is_a_small_share_of_its_table_within_limits() {
    let sizes = [10, 1_000_000, 100_000_000].map(rows_per_file);
    assert_eq!(sizes, [4_096, 31_250, 131_072]);
}
