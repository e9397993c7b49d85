//! Pages of a Parquet file that may hold one of some texts, by the bounds that the file keeps.
//!
//! A file without bounds for its pages tells nothing, and is read as a whole. Bounds may be wider
//! than the values (long ones are cut, the upper bound upwards), never narrower: a page that is
//! left out holds none of the texts.

use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::{ByteArrayColumnIndex, ColumnIndexMetaData};
use std::ops::Range;

/// Rows of the pages that may hold one of `texts`, which are sorted and distinct; `None` when the
/// file does not tell. Null is no text: who looks for it may not ask.
pub fn may_hold(
    metadata: &ParquetMetaData,
    column: &str,
    texts: &[Box<[u8]>],
) -> Option<RowSelection> {
    let columns = metadata.file_metadata().schema_descr().columns();
    let at = columns.iter().position(|c| c.path().string() == column)?;
    let (bounds, places) = (metadata.column_index()?, metadata.offset_index()?);
    let (mut rows, mut begin): (Vec<Range<usize>>, usize) = (Vec::new(), 0);
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let end = begin + usize::try_from(group.num_rows()).ok()?;
        let ColumnIndexMetaData::BYTE_ARRAY(bounds) = bounds.get(number)?.get(at)? else {
            return None;
        };
        let pages = places.get(number)?.get(at)?.page_locations();
        let first = |page: usize| -> Option<usize> {
            let Some(page) = pages.get(page) else { return Some(end) };
            Some(begin + usize::try_from(page.first_row_index).ok()?)
        };
        for page in 0..pages.len() {
            if holds(bounds, page, texts) {
                rows.push(first(page)?..first(page + 1)?);
            }
        }
        begin = end;
    }
    Some(RowSelection::from_consecutive_ranges(rows.into_iter(), begin))
}

/// A page of nulls alone has no bounds, and none of the texts.
fn holds(bounds: &ByteArrayColumnIndex, page: usize, texts: &[Box<[u8]>]) -> bool {
    if bounds.is_null_page(page) {
        return false;
    }
    let (Some(low), Some(high)) = (bounds.min_value(page), bounds.max_value(page)) else {
        return true;
    };
    let from = texts.partition_point(|text| text.as_ref() < low);
    texts.get(from).is_some_and(|text| text.as_ref() <= high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
    use parquet::file::properties::{EnabledStatistics, WriterProperties};
    use std::sync::Arc;

    /// 40 rows `00` to `39` in row groups of 20 and pages of 5.
    fn written(statistics: EnabledStatistics) -> ParquetMetaData {
        let texts: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..40).map(|n| format!("{n:02}"))));
        let batch = RecordBatch::try_from_iter([("a", texts)]).expect("one column");
        let properties = WriterProperties::builder()
            .set_statistics_enabled(statistics)
            .set_max_row_group_row_count(Some(20))
            .set_data_page_row_count_limit(5)
            .set_write_batch_size(5)
            .build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))
            .expect("a text column can be written");
        writer.write(&batch).expect("it fits");
        writer.close().expect("it is written");
        ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(&Bytes::from(bytes))
            .expect("it was just written")
    }

    fn texts(wanted: &[&str]) -> Vec<Box<[u8]>> {
        wanted.iter().map(|text| Box::from(text.as_bytes())).collect()
    }

    #[test]
    fn only_pages_whose_bounds_enclose_a_text_are_read() {
        let metadata = written(EnabledStatistics::Page);
        let found = may_hold(&metadata, "a", &texts(&["07", "075", "24"]));
        // 05 to 09 is the second page of the first group, 20 to 24 the first one of the second.
        let expected = RowSelection::from_consecutive_ranges([5..10, 20..25].into_iter(), 40);
        assert_eq!(found, Some(expected));
        let none = may_hold(&metadata, "a", &texts(&["", "045", "4"])).expect("the file tells");
        assert_eq!(none.row_count(), 0, "before, between and behind all pages");
    }

    #[test]
    fn a_file_without_bounds_of_pages_tells_nothing() {
        assert_eq!(may_hold(&written(EnabledStatistics::Chunk), "a", &texts(&["07"])), None);
        assert_eq!(may_hold(&written(EnabledStatistics::Page), "b", &texts(&["07"])), None);
    }
}
