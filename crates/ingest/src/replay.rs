//! Records from quarantine once more: the same rooms, with new values for named fields.
//!
//! The bytes of a record are never edited. A new value takes the place of the decoded cell, so
//! that every other field stays exactly as it came, and casting and judging see the new value as
//! if it had been sent.

use crate::pipeline::Pipeline;
use huiliu_model::{Cell, CellKind, Changes, Op, Records};
use huiliu_normalise::Prepared;

/// Which image of a record a new value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// The row before: of a delete, or of a change of key.
    Before,
    After,
}

/// A new value for one field of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Index into the entries of the `Records`.
    pub record: u32,
    /// Contract column, by index.
    pub column: usize,
    pub image: Image,
    /// As a source would send it; `None` is null.
    pub value: Option<String>,
}

/// Records as they decode, with what was put into them.
#[derive(Debug, Clone)]
pub struct Decoded {
    pub changes: Changes,
}

impl Decoded {
    /// Text of a field as it was sent: of the last row of the record, or of its first for
    /// [`Image::Before`]. `None` when it is absent or null, or the record has no such row.
    pub fn text(
        &self,
        records: &Records,
        record: u32,
        column: usize,
        image: Image,
    ) -> Option<String> {
        let row = row_of(&self.changes, record, image)?;
        let cell = *self.changes.columns.get(column)?.get(row)?;
        let text = match cell.kind {
            CellKind::Missing | CellKind::Null | CellKind::Unavailable => return None,
            CellKind::True => "true".to_owned(),
            CellKind::False => "false".to_owned(),
            _ => self.changes.text(&records.arena, cell).into_owned(),
        };
        Some(text)
    }

    /// Puts a new value in place; false when the record has no such row (it does not decode, or
    /// it has no image before).
    pub fn put(&mut self, patch: &Patch) -> bool {
        let Some(row) = row_of(&self.changes, patch.record, patch.image) else { return false };
        let scratch = &mut self.changes.scratch;
        let position = |at: usize| u32::try_from(at).ok();
        let cell = match &patch.value {
            None => Cell { kind: CellKind::Null, ..Cell::default() },
            Some(text) => {
                let (Some(start), Some(len)) = (position(scratch.len()), position(text.len()))
                else {
                    return false;
                };
                scratch.extend_from_slice(text.as_bytes());
                Cell { start, len, kind: CellKind::Unescaped }
            }
        };
        let place = self.changes.columns.get_mut(patch.column).and_then(|c| c.get_mut(row));
        place.map(|place| *place = cell).is_some()
    }

    /// Gives the rows of each record the source epoch of its time, by index of the record.
    pub fn date_back(&mut self, epochs: &[i64]) {
        for row in &mut self.changes.rows {
            if let Some(epoch) = epochs.get(row.record as usize) {
                row.epoch = *epoch;
            }
        }
    }

    /// Whether the record decoded into rows.
    pub fn has_rows(&self, record: u32) -> bool {
        self.has_row(record, Image::After) || self.has_row(record, Image::Before)
    }

    /// Whether the record has a row of this image.
    pub fn has_row(&self, record: u32, image: Image) -> bool {
        row_of(&self.changes, record, image).is_some()
    }
}

/// The row of an image. A record has one row, or two when its key changed; a delete's one row is
/// its image before, every other one its image after.
fn row_of(changes: &Changes, record: u32, image: Image) -> Option<usize> {
    let begin = changes.rows.partition_point(|row| row.record < record);
    let rows = changes.rows[begin..].iter().take_while(|row| row.record == record);
    let wanted = |op: Op| (op == Op::Delete) == (image == Image::Before);
    rows.enumerate().find(|(_, row)| wanted(row.op)).map(|(at, _)| begin + at)
}

impl Pipeline {
    /// Decodes records without judging them.
    pub fn decode(&self, records: &Records) -> Decoded {
        Decoded { changes: self.decoder.decode(records) }
    }

    /// Casts, judges and protects what [`Pipeline::decode`] gave. Total, as
    /// [`Pipeline::prepare`].
    pub fn prepare_decoded(
        &self,
        records: &Records,
        decoded: &Decoded,
        ingest_time_us: i64,
    ) -> Prepared {
        self.normaliser.prepare(records, &decoded.changes, ingest_time_us)
    }
}
