//! The index of a file against a search of all its rows.

use super::*;
use arrow::array::{ArrayRef, StringArray};
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::ParquetMetaDataReader;
use std::sync::Arc;

/// A file with one column `a`, indexed as it was written in two pieces.
async fn stored(texts: &[Option<&str>]) -> (InMemory, Path, ParquetMetaData) {
    let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let rows = RecordBatch::try_from_iter_with_nullable([("a", column, true)]).expect("a column");
    let mut indexes = RowIndexes::of(&["a".to_owned(), "b".to_owned()]);
    let half = rows.num_rows() / 2;
    indexes.add(&rows.slice(0, half));
    indexes.add(&rows.slice(half, rows.num_rows() - half));
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).expect("a text");
    writer.write(&rows).expect("it fits");
    let (mut file, _) = writer.into_serialized_writer().expect("it is written");
    indexes.write(&mut file).expect("it is written");
    file.finish().expect("it is written");
    drop(file);
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(bytes.clone()));
    let (store, path) = (InMemory::new(), Path::from("f.parquet"));
    store.put(&path, PutPayload::from(bytes)).await.expect("memory takes it");
    (store, path, metadata.expect("it was just written"))
}

async fn asked(
    (store, path, metadata): &(InMemory, Path, ParquetMetaData),
    column: &str,
    wanted: &[&str],
) -> Option<RowSelection> {
    let texts: Vec<Box<[u8]>> = wanted.iter().map(|text| Box::from(text.as_bytes())).collect();
    may_hold((store, path), metadata, column, &texts).await.expect("memory answers")
}

fn rows(ranges: &[Range<usize>], total: usize) -> Option<RowSelection> {
    Some(RowSelection::from_consecutive_ranges(ranges.iter().cloned(), total))
}

#[tokio::test]
async fn rows_of_a_value_are_found_wherever_they_lie() {
    let held: Vec<String> = (0..1_000).map(|n| format!("{:03}", n * 7 % 500)).collect();
    let mut texts: Vec<Option<&str>> = held.iter().map(|text| Some(text.as_str())).collect();
    texts[999] = None;
    let file = stored(&texts).await;
    // 7 n = 14 (mod 500) for n = 2 and 502; 7 n = 493 for n = 499 and 999, which is null.
    let expected = rows(&[2..3, 499..500, 502..503], 1_000);
    assert_eq!(asked(&file, "a", &["014", "493", "no"]).await, expected);
    assert_eq!(asked(&file, "a", &["no"]).await, rows(&[], 1_000));
    assert_eq!(asked(&file, "b", &["014"]).await, None, "it has no index of this column");
}

#[tokio::test]
async fn a_value_of_more_than_a_block_is_found_whole() {
    let mut texts: Vec<String> = (0..2_000).map(|n| format!("{n}")).collect();
    for text in &mut texts[100..500] {
        "same".clone_into(text);
    }
    let texts: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
    let file = stored(&texts).await;
    assert_eq!(asked(&file, "a", &["same"]).await, rows(&[100..500], 2_000));
}

#[tokio::test]
async fn what_spares_no_page_is_not_answered() {
    let many = vec![Some("x"); PAGE_ROWS + 1];
    assert_eq!(asked(&stored(&many).await, "a", &["x"]).await, None, "one value is everywhere");
    let file = stored(&[Some("x"), Some("x"), Some("y")]).await;
    assert_eq!(asked(&file, "a", &["x"]).await, None, "two of three rows");
}
