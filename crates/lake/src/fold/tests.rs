//! What a merged bucket holds, case by case, with expectations written by hand.

use super::*;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Int64Type};
use huiliu_testkit::{RowSpec, account_contract, change_rows, change_rows_of};

fn merger() -> Merger {
    let contract = account_contract();
    let mut current = contract.stored_fields(false);
    current.extend(system::current_fields());
    let mut deleted = vec![current[0].clone()];
    deleted.extend(system::deleted_fields());
    let changes = change_rows(&[]).schema();
    Merger {
        keys: vec!["account_no".to_owned()],
        current_schema: Arc::new(arrow::datatypes::Schema::new(current)),
        deleted_schema: Arc::new(arrow::datatypes::Schema::new(deleted)),
        changes_schema: changes,
        columns: Vec::new(),
    }
}

fn row<'a>(op: &'a str, key: &'a str, status: &'a str, seq: i64, offset: i64) -> RowSpec<'a> {
    RowSpec { op, key, status, seq, offset, bucket: 0, day: 18_000 }
}

/// Merges each slice of changes on top of what the slices before left.
fn fold(passes: &[&[RowSpec<'_>]]) -> Merged {
    let merger = merger();
    let empty = |schema: &SchemaRef| RecordBatch::new_empty(Arc::clone(schema));
    let mut held = (empty(&merger.current_schema), empty(&merger.deleted_schema));
    let mut last = None;
    for pass in passes {
        let merged = merger.merge(&held.0, &held.1, &change_rows(pass)).expect("columns fit");
        held = (merged.current.clone(), merged.deleted.clone());
        last = Some(merged);
    }
    last.expect("at least one pass")
}

fn rows(merged: &Merged) -> Vec<(String, String, i64)> {
    let keys = merged.current.column(0).as_string::<i32>();
    let status = merged.current.column(1).as_string::<i32>();
    let seq = merged.current.column_by_name(system::SEQ).expect("there").clone();
    let seq = seq.as_primitive::<Int64Type>().clone();
    (0..keys.len())
        .map(|i| (keys.value(i).to_owned(), status.value(i).to_owned(), seq.value(i)))
        .collect()
}

fn gone(merged: &Merged) -> Vec<String> {
    let keys = merged.deleted.column(0).as_string::<i32>();
    (0..keys.len()).map(|i| keys.value(i).to_owned()).collect()
}

fn is(key: &str, status: &str, seq: i64) -> (String, String, i64) {
    (key.to_owned(), status.to_owned(), seq)
}

#[test]
fn the_highest_sequence_wins_whatever_the_order_of_arrival() {
    let merged = fold(&[&[row("u", "a", "new", 5, 0), row("c", "a", "old", 3, 1)]]);
    assert_eq!(rows(&merged), [is("a", "new", 5)]);
    assert_eq!((merged.changes, merged.applied), (2, 1));
}

#[test]
fn of_changes_alike_in_all_else_the_higher_kafka_topic_wins() {
    let one = |topic, status| change_rows_of(topic, &[row("u", "a", status, 5, 7)]);
    let [unknown, east, west] =
        [one(None, "?"), one(Some("f.east"), "e"), one(Some("f.west"), "w")];
    let merger = merger();
    for order in [[&unknown, &east, &west], [&west, &unknown, &east], [&east, &west, &unknown]] {
        let at_once = concat_batches(&unknown.schema(), order).expect("one schema");
        let mut held = RecordBatch::new_empty(Arc::clone(&merger.current_schema));
        let deleted = RecordBatch::new_empty(Arc::clone(&merger.deleted_schema));
        let whole = merger.merge(&held, &deleted, &at_once).expect("columns fit");
        assert_eq!(rows(&whole), [is("a", "w", 5)]);
        for pass in order {
            held = merger.merge(&held, &deleted, pass).expect("columns fit").current;
        }
        assert_eq!(held, whole.current);
    }
}

#[test]
fn a_later_pass_with_a_lower_sequence_changes_nothing() {
    let merged = fold(&[&[row("u", "a", "new", 5, 0)], &[row("u", "a", "late", 4, 9)]]);
    assert_eq!(rows(&merged), [is("a", "new", 5)]);
    assert_eq!(merged.applied, 0);
}

#[test]
fn a_deleted_key_stays_dead_for_late_updates_and_rises_for_newer_ones() {
    let dead = [row("c", "a", "x", 1, 0), row("d", "a", "", 5, 1)];
    let merged = fold(&[&dead, &[row("u", "a", "late", 4, 2)]]);
    assert!(rows(&merged).is_empty());
    assert_eq!(gone(&merged), ["a"]);
    let merged = fold(&[&dead, &[row("c", "a", "again", 6, 3)]]);
    assert_eq!(rows(&merged), [is("a", "again", 6)]);
    assert!(gone(&merged).is_empty());
    assert!(merged.deleted_changed);
}

#[test]
fn a_delete_of_an_unknown_key_is_remembered() {
    let merged = fold(&[&[row("d", "b", "", 7, 0)], &[row("u", "b", "late", 6, 1)]]);
    assert!(rows(&merged).is_empty());
    assert_eq!(gone(&merged), ["b"]);
}

#[test]
fn insert_delete_insert_in_one_pass_leaves_the_last_insert() {
    let all = [row("c", "a", "1", 1, 0), row("d", "a", "", 2, 1), row("c", "a", "3", 3, 2)];
    let merged = fold(&[&all]);
    assert_eq!(rows(&merged), [is("a", "3", 3)]);
    assert!(gone(&merged).is_empty());
}

#[test]
fn a_snapshot_read_loses_against_a_change_of_the_same_sequence() {
    let merged = fold(&[&[row("u", "a", "change", 5, 0)], &[row("r", "a", "read", 5, 9)]]);
    assert_eq!(rows(&merged), [is("a", "change", 5)]);
    let merged = fold(&[&[row("r", "a", "read", 5, 9)], &[row("u", "a", "change", 5, 0)]]);
    assert_eq!(rows(&merged), [is("a", "change", 5)]);
}

#[test]
fn equal_sequences_are_decided_by_the_offset() {
    let merged = fold(&[&[row("u", "a", "second", 5, 8), row("u", "a", "first", 5, 7)]]);
    assert_eq!(rows(&merged), [is("a", "second", 5)]);
}

#[test]
fn replaying_a_pass_changes_nothing() {
    let pass = [row("c", "a", "1", 1, 0), row("d", "b", "", 2, 1), row("c", "c", "3", 3, 2)];
    let once = fold(&[&pass]);
    let twice = fold(&[&pass, &pass]);
    assert_eq!((rows(&once), gone(&once)), (rows(&twice), gone(&twice)));
    assert_eq!(twice.applied, 0);
}

#[test]
fn untouched_rows_stay_in_key_order() {
    let first = [row("c", "a", "1", 1, 0), row("c", "c", "1", 2, 1), row("c", "e", "1", 3, 2)];
    let merged = fold(&[&first, &[row("u", "c", "2", 4, 3), row("c", "b", "1", 5, 4)]]);
    assert_eq!(rows(&merged), [is("a", "1", 1), is("b", "1", 5), is("c", "2", 4), is("e", "1", 3)]);
}

#[test]
fn a_deletion_is_forgotten_after_thirty_days_of_kafka_time() {
    let dead = RowSpec { day: 18_000, ..row("d", "a", "", 5, 0) };
    let soon = RowSpec { day: 18_029, ..row("c", "b", "x", 6, 1) };
    let later = RowSpec { day: 18_031, ..row("c", "c", "x", 7, 2) };
    assert_eq!(gone(&fold(&[&[dead], &[soon]])), ["a"]);
    assert!(gone(&fold(&[&[dead], &[soon], &[later]])).is_empty());
}

#[test]
fn a_key_in_both_tables_after_a_crash_is_settled_by_its_sequence() {
    // `deleted` was committed, `current` was not: the same change is merged again.
    let merger = merger();
    let before = fold(&[&[row("c", "a", "x", 1, 0)]]);
    let after = fold(&[&[row("c", "a", "x", 1, 0)], &[row("d", "a", "", 5, 1)]]);
    let again = change_rows(&[row("d", "a", "", 5, 1)]);
    let merged = merger.merge(&before.current, &after.deleted, &again).expect("columns fit");
    assert!(rows(&merged).is_empty());
    assert_eq!(gone(&merged), ["a"]);
    assert!(merged.applied > 0, "the bucket must be written");
}

/// The merger of a lake that protects: `note` is a token with its sealed original beside it.
fn protecting() -> Merger {
    let mut merger = merger();
    let wider = |schema: &SchemaRef| {
        let mut fields: Vec<Field> = schema.fields().iter().map(|f| (**f).clone()).collect();
        let note = |name: &str| Field::new(name, DataType::Utf8, true);
        fields.splice(2..2, [note("note"), note("note_enc")]);
        Arc::new(arrow::datatypes::Schema::new(fields))
    };
    merger.current_schema = wider(&merger.current_schema);
    merger.changes_schema = wider(&merger.changes_schema);
    let plain = |name: &str| Carried { name: name.to_owned(), stored: vec![name.to_owned()] };
    let stored = vec!["note".to_owned(), "note_enc".to_owned()];
    let note = Carried { name: "note".to_owned(), stored };
    merger.columns = vec![plain("account_no"), plain("status"), note];
    merger
}

/// Changes with a note each, or without one that was sent.
fn noted(merger: &Merger, rows: &[RowSpec<'_>], notes: &[Option<&str>]) -> RecordBatch {
    let plain = change_rows(rows);
    let text = |of: fn(&str) -> String, absent: Option<&str>| -> ArrayRef {
        let text = |note: &Option<&str>| note.map(of).or(absent.map(str::to_owned));
        Arc::new(notes.iter().map(text).collect::<StringArray>())
    };
    let null = |_: &str| String::new();
    let columns = merger.changes_schema.fields().iter().map(|field| match field.name().as_str() {
        "note" => text(|note| format!("token of {note}"), None),
        "note_enc" => text(|note| format!("seal of {note}"), None),
        system::UNSENT => unless_empty(&text(null, Some("note"))),
        system::FLAGS => text(|note| format!("note:{note}"), Some("note:UNAVAILABLE")),
        name => Arc::clone(plain.column_by_name(name).expect("it is there")),
    });
    let columns = columns.collect();
    RecordBatch::try_new(Arc::clone(&merger.changes_schema), columns).expect("columns fit")
}

fn unless_empty(texts: &ArrayRef) -> ArrayRef {
    let texts = texts.as_string::<i32>().iter();
    Arc::new(texts.map(|text| text.filter(|text| !text.is_empty())).collect::<StringArray>())
}

#[test]
fn a_token_and_its_original_move_together_and_the_flags_with_them() {
    let merger = protecting();
    let empty = |schema: &SchemaRef| RecordBatch::new_empty(Arc::clone(schema));
    let deleted = empty(&merger.deleted_schema);
    let rows = [row("c", "a", "s1", 1, 1), row("u", "a", "s3", 3, 3), row("c", "b", "s2", 2, 2)];
    let pending = noted(&merger, &rows, &[Some("N1"), None, Some("N2")]);
    let first = merger.merge(&empty(&merger.current_schema), &deleted, &pending);
    let first = first.expect("columns fit");
    let late = noted(&merger, &[row("u", "a", "s2", 2, 2)], &[Some("N5")]);
    let second = merger.merge(&first.current, &deleted, &late).expect("columns fit");
    assert_eq!(second.applied, 1, "the bucket is written");
    let shown = |merged: &Merged| -> Vec<String> {
        let names = ["account_no", "status", "note", "note_enc", system::FLAGS, system::UNSENT];
        let cell = |name: &str, at: usize| {
            let texts =
                merged.current.column_by_name(name).expect("it is there").as_string::<i32>();
            if texts.is_valid(at) { texts.value(at).to_owned() } else { "-".to_owned() }
        };
        let line = |at| names.map(|name| cell(name, at)).join(" | ");
        (0..merged.current.num_rows()).map(line).collect()
    };
    let whole = "b | s2 | token of N2 | seal of N2 | note:N2 | -";
    let before = "a | s3 | token of N1 | seal of N1 | note:N1 | note@0/1/1/1/0/0/feed.account";
    let after = "a | s3 | token of N5 | seal of N5 | note:N5 | note@0/2/1/2/0/0/feed.account";
    assert_eq!(shown(&first), [before, whole]);
    assert_eq!(shown(&second), [after, whole]);
}
